/*
 * What the importers share; for rn_import*.c alone.  A member of the source is
 * read by rn_im_get and its kin, which remember it: what is left in the end is
 * what nobody has read.
 */

#ifndef RN_IMPORT_PARTS_H
#define RN_IMPORT_PARTS_H

#include "rn_import.h"
#include "rn_pointer.h"


typedef struct {
    const rn_import_options  *o;
    rn_problems              *problems;
    json_t                   *notes;
    json_t                   *read;         /* a set of members */
    json_t                   *kept;         /* values made on the way */
    json_t                   *merge;        /* of Shotstack: values by name */
    json_t                   *merged;       /* those that stay merge fields */
    json_t                   *tracks;       /* of the composition, from below */
    json_t                   *fonts;        /* the files that it brings */
    double                    fps;          /* of the canvas */
    int                       width, height;
    bool                      quiet;        /* notes are not wanted */
    rn_pointer                at;           /* where we are */
} rn_importer;

/* Numbers between which a value moves; see rn_im_keys. */

typedef struct {
    double          t, v;
    bool            step, curved;           /* the way to it; else linear */
    double          ease[4];
} rn_im_key;

typedef struct {
    rn_im_key      *keys;                   /* times do not fall */
    size_t          n;
    int             axis;                   /* which number of the value */
} rn_im_curve;

typedef struct {
    rn_im_curve    *curves;                 /* owned, with their keys */
    size_t          n;
} rn_im_motion;


static inline void
set_new(json_t *object, const char *name, json_t *value)
{
    (void) json_object_set_new(object, name, value);
}


static inline void
set_string(json_t *object, const char *name, const char *s)
{
    set_new(object, name, json_string(s));
}


/* rn_import_read.c */
size_t rn_im_enter(rn_importer *im, const char *name);
size_t rn_im_enter_index(rn_importer *im, size_t i);
void rn_im_leave(rn_importer *im, size_t len);

/* What is lost, at the present place or at a member of it. */
void rn_im_note(rn_importer *im, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void rn_im_note_at(rn_importer *im, const char *name, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Why there will be no composition. */
void rn_im_wrong(rn_importer *im, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void rn_im_wrong_at(rn_importer *im, const char *name, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* A member, borrowed, with merge fields filled in; NULL: not there, or null. */
json_t *rn_im_get(rn_importer *im, json_t *object, const char *name);

/* The same by type; what is of another type is wrong, and NULL or false. */
json_t *rn_im_object(rn_importer *im, json_t *object, const char *name);
json_t *rn_im_array(rn_importer *im, json_t *object, const char *name);
const char *rn_im_string(rn_importer *im, json_t *object, const char *name);
bool rn_im_bool(rn_importer *im, json_t *object, const char *name, bool *out);

/* A number; beyond the bounds it is noted and becomes the nearer of them. */
bool rn_im_number(rn_importer *im, json_t *object, const char *name, double lo,
    double hi, double *out);

/* A string in which merge fields stay as they are. */
const char *rn_im_text(rn_importer *im, json_t *object, const char *name);

/* The string of text or another short one with its merge fields filled in. */
const char *rn_im_fill(rn_importer *im, const char *s);

/* All below has been told, or is meant for somebody else. */
void rn_im_done(rn_importer *im, json_t *value);

/* A member that is named as lost, with all below it, if it is there. */
void rn_im_lost(rn_importer *im, json_t *object, const char *name,
    const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* Notes what nobody has read. */
void rn_im_unread(rn_importer *im, json_t *root);

/* rn_import_value.c: a source as compositions name it, new; or a problem. */
json_t *rn_im_src(rn_importer *im, const char *name, const char *src);

/* What is known of it. */
bool rn_im_look(rn_importer *im, json_t *src, rn_import_facts *facts);

/* The same of a name as the document has it, which may be NULL. */
bool rn_im_look_at(rn_importer *im, const char *name, rn_import_facts *facts);

/* Whether a path or URL ends in one of these, such as ".png". */
bool rn_im_ends(const char *s, const char *const *ends);

/* The type of asset that a picture is: "svg" or "image". */
const char *rn_im_picture(rn_importer *im, json_t *src);

/*
 * A file of a font, for the composition to bring along.  With `font`, that of
 * a text, it is named there, for which the file has to be known; false: it is
 * not, as was told.
 */
bool rn_im_font(rn_importer *im, json_t *object, const char *name,
    json_t *font);

/*
 * A colour as #rrggbbaa; false: not there, or not understood (with a note).
 * argb: eight digits begin with the opacity.
 */
bool rn_im_color(rn_importer *im, json_t *object, const char *name, bool argb,
    char out[10]);
void rn_im_alpha(char color[10], double opacity);

/* A new track on top; borrowed. */
json_t *rn_im_track(rn_importer *im, const char *kind);

/* The canvas: even sides, within what is rendered; noted where they differ. */
void rn_im_canvas(rn_importer *im, double width, double height);

/* Seconds as a number without the noise of binary fractions; "12.5%". */
json_t *rn_im_seconds(double s);
json_t *rn_im_percent(double value);

/* Lets a clip of so many seconds fade in and out; 0: not. */
void rn_im_fade(json_t *clip, double in, double out, double length);

/* A rate as compositions take it. */
json_t *rn_im_fps(double fps);

/* rn_import_motion.c: a curve of the motion, NULL: no memory. */
rn_im_curve *rn_im_curve_new(rn_im_motion *m, int axis);
bool rn_im_curve_add(rn_im_curve *c, double t, double v, const double *ease,
    bool step);
void rn_im_motion_free(rn_im_motion *m);

/*
 * Keyframes of what all curves do together, from 0 to len seconds: those of an
 * axis are added, or multiplied.  `value` makes the JSON of the numbers.
 */
typedef json_t *(*rn_im_value_pt)(const double *v);

json_t *rn_im_keys(const rn_importer *im, const rn_im_motion *m, bool multiply,
    int axes, double len, rn_im_value_pt value);

/* CSS curves by the names that JavaScript gives them, "easeInQuad"; or NULL. */
const double *rn_im_ease(const char *name);

/* rn_import_shotstack_clip.c */

typedef struct {
    double          start, length;          /* s */
    bool            start_known, length_known;
    bool            natural;                /* as long as its source */
    bool            to_end;                 /* of the film */
} rn_im_time;

/*
 * A composition's clip without its start, a new reference; NULL where it cannot
 * be one, with a note or a problem.  *audio: it goes on a track of sound.
 */
json_t *rn_im_shotstack_clip(rn_importer *im, json_t *clip, rn_im_time *time,
    bool *audio);

/* The importers: the composition, a new reference; NULL with problems. */
json_t *rn_import_shotstack(rn_importer *im, json_t *root);
json_t *rn_import_editly(rn_importer *im, json_t *root);
json_t *rn_import_otio(rn_importer *im, json_t *root);


#endif /* RN_IMPORT_PARTS_H */
