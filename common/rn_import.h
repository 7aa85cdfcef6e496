/*
 * Documents of other programs, made into compositions: a Shotstack edit, an
 * editly specification, a time line of OpenTimelineIO; and the way back to the
 * last of them.  What a composition cannot express is named in notes, and so is
 * every field that nobody has read: nothing is lost without a word.
 *
 * Nothing here opens a file.  What is known of sources is asked of the caller.
 */

#ifndef RN_IMPORT_H
#define RN_IMPORT_H

#include "rn_timeline.h"


typedef enum {
    RN_IMPORT_UNKNOWN, RN_IMPORT_SHOTSTACK, RN_IMPORT_EDITLY, RN_IMPORT_OTIO
} rn_import_from;

typedef struct {
    double           duration;          /* s; 0: none, or not known */
    int              width, height;     /* px as displayed; 0: not known */
    char             kind[12];          /* as a probe calls it, "svg"; or "" */
    char             family[128];       /* of a font */
    char             style[64];         /* the same: "Bold Italic" */
} rn_import_facts;

/* What is known of a source, named as the composition names it, or false. */
typedef bool (*rn_import_look_pt)(void *opaque, const char *src,
    rn_import_facts *facts);

typedef struct {
    rn_import_from      from;           /* unknown: found out by the content */
    const char         *base;           /* the file's folder, absolute: paths
                                           below it become relative; or NULL */
    rn_import_look_pt   look;           /* or NULL */
    void               *opaque;
} rn_import_options;


/*
 * Makes a composition of `len` bytes of JSON or, for editly, JSON5.  RN_OK:
 * *document is a new reference to one that rn_doc_parse takes, *notes a list of
 * {pointer, detail} of the source.  RN_E_INVALID: `problems` says why, with
 * pointers of the source, and both are NULL.
 */
rn_status rn_import(const char *text, size_t len,
    const rn_import_options *options, rn_problems *problems,
    json_t **document, json_t **notes);

/* By the name that a user gives ("otio"), and by a document's content. */
rn_import_from rn_import_named(const char *name);
rn_import_from rn_import_guess(json_t *root);

/*
 * Makes a Timeline.1 of a composition whose times are resolved; new references.
 * What OpenTimelineIO has no word for is kept in metadata, by which rn_import
 * makes the same composition again.
 */
rn_status rn_export_otio(const rn_doc *doc, const rn_timeline *timeline,
    rn_problems *problems, json_t **out, json_t **notes);

/*
 * JSON of JSON5 (https://spec.json5.org): comments, commas at ends, names and
 * strings as JavaScript has them.  Lines stay where they are.  To be freed;
 * NULL with a sentence in err.
 */
char *rn_json5(const char *text, size_t len, size_t *out_len, char *err,
    size_t err_len);


#endif /* RN_IMPORT_H */
