/* What the files of the Shotstack importer share; for them alone. */

#ifndef RN_IMPORT_SHOTSTACK_H
#define RN_IMPORT_SHOTSTACK_H

#include "rn_import_parts.h"


typedef enum {
    VIDEO, IMAGE, AUDIO, TEXT, SHAPE, COLOR, CAPTION, DRAWING
} kind;

typedef struct {
    rn_importer   *im;
    json_t        *clip, *asset;        /* theirs */
    json_t        *out, *made;          /* ours: clip, asset */
    kind           kind;
    rn_im_time    *time;
    const char    *position;
    double         scale;
    rn_im_motion   opacity, zoom, offset, turn, volume;
    double         dx, dy;              /* of the canvas, y downwards */
    double         still_opacity;
    double         faint;               /* the asset's own opacity */
    double         own[2];              /* px, of a drawing; 0: not known */
    json_t        *effects;
} shot;

/* A clip, and when it is. */

typedef struct {
    json_t        *clip;
    size_t         track, index;
    rn_im_time     time;
    const char    *start, *length;      /* the alias, or NULL */
    bool           auto_start;
} entry;

typedef struct {
    rn_importer   *im;
    entry         *entries;
    size_t         n, room;
    json_t        *aliases;             /* the entries' indexes by name */
    bool           mute;
    double         end;                 /* s, of the film; 0: not known */
} edit;


/*
 * rn_import_shotstack_time.c: the clips with what they say of their times; and,
 * of all together, what follows from that.
 */
void rn_ss_collect(edit *e, json_t *timeline);
void rn_ss_settle(edit *e);

/* To where a clip stands. */
void rn_ss_enter(edit *e, const entry *c);


/*
 * rn_import_shotstack_motion.c: a number, or a list of ways from one value to
 * another, which becomes a curve of the motion.  True: one of them is there.
 */
bool rn_ss_tweens(shot *s, json_t *object, const char *name, double lo,
    double hi, double sign, rn_im_motion *m, int axis, double *number);

/* What the curves of a motion are added to, or multiplied with. */
void rn_ss_constant(rn_im_motion *m, int axis, double v);

bool rn_ss_moves(const rn_im_motion *m);
void rn_ss_transition(shot *s, json_t *transition, bool in);
void rn_ss_effect(shot *s);

/* Writes all that moves, once it is known, into the clip. */
void rn_ss_finish_motion(shot *s);

/* rn_import_shotstack_asset.c; false: there will be no clip, as was told */
bool rn_ss_asset(shot *s);

/*
 * rn_import_shotstack_text.c: the font; the outline of letters, as an object
 * has it (false: it says nothing of one); what lies behind them.
 */
bool rn_ss_text(shot *s, const char *type);
void rn_ss_font(shot *s, json_t *font, double size);
bool rn_ss_outline(shot *s, json_t *object);
void rn_ss_background(shot *s);

/* rn_import_shotstack_caption.c; and, in the end: what a caption cannot do */
bool rn_ss_caption(shot *s, bool rich);
void rn_ss_caption_stands(shot *s);

/* rn_import_shotstack_shape.c; svg: a shape as an SVG asset had it once */
bool rn_ss_shape(shot *s, bool svg);
bool rn_ss_drawing(shot *s);

/* rn_import_shotstack_clip.c; src: NULL, if it has none */
void rn_ss_position(shot *s, json_t *object);
void rn_ss_offset(shot *s, json_t *object);
void rn_ss_box(shot *s, json_t *src);

/* rn_import_shotstack_output.c: the outputs, a new reference, and the canvas */
json_t *rn_ss_output(rn_importer *im, json_t *root, json_t *document,
    bool *mute);


#endif /* RN_IMPORT_SHOTSTACK_H */
