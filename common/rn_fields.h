/*
 * Reading a JSON object by a table of its fields: unknown names are reported
 * with the nearest known one, names without a reader are refused as not
 * rendered yet, and the reader of each field reports what does not fit.
 */

#ifndef RN_FIELDS_H
#define RN_FIELDS_H

#include "rn_doc.h"
#include "rn_pointer.h"


typedef struct {
    rn_problems        *problems;
    const rn_limits    *limits;
    rn_doc             *doc;
    bool                allow_paths;
    rn_pointer          at;             /* where we are */
} rn_reader;

typedef void (*rn_field_pt)(rn_reader *r, json_t *value, void *out);

typedef struct {
    const char         *name;
    rn_field_pt         read;           /* NULL: known, not rendered yet */
    size_t              offset;         /* of the member in the structure */
} rn_field;

typedef struct {
    const char         *name;
    int                 value;
} rn_word;


/* Steps into a member or an element; returns the length for rn_leave. */
size_t rn_enter(rn_reader *r, const char *name);
size_t rn_enter_index(rn_reader *r, size_t i);
void rn_leave(rn_reader *r, size_t len);

/* Adds a problem at the present place. */
void rn_report(rn_reader *r, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Reads an object's members into `base`; false when it is no object. */
bool rn_read_object(rn_reader *r, json_t *value, const rn_field *fields,
    void *base);

/* The index of a word of the table, or -1 with a problem reported. */
int rn_read_word(rn_reader *r, json_t *value, const rn_word *words);

/* A finite number between lo and hi; false with a problem reported. */
bool rn_read_between(rn_reader *r, json_t *value, double lo, double hi,
    double *out);

/* Readers of common shapes; `out` is the member's address. */
void rn_read_text(rn_reader *r, json_t *value, void *out);     /* char ** */
void rn_read_bool(rn_reader *r, json_t *value, void *out);
void rn_read_color(rn_reader *r, json_t *value, void *out);    /* uint32_t */
void rn_read_fps(rn_reader *r, json_t *value, void *out);
void rn_read_time(rn_reader *r, json_t *value, void *out);
void rn_read_length(rn_reader *r, json_t *value, void *out);
void rn_read_volume(rn_reader *r, json_t *value, void *out);   /* double */
void rn_read_unit(rn_reader *r, json_t *value, void *out);     /* double 0-1 */
void rn_read_align(rn_reader *r, json_t *value, void *out);
void rn_read_ignored(rn_reader *r, json_t *value, void *out);


#endif /* RN_FIELDS_H */
