/* What the files of the Shotstack importer share; for them alone. */

#ifndef RN_IMPORT_SHOTSTACK_H
#define RN_IMPORT_SHOTSTACK_H

#include "rn_import_parts.h"


typedef enum { VIDEO, IMAGE, AUDIO, TEXT, SHAPE, COLOR } kind;

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
    json_t        *effects;
} shot;


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

/* rn_import_shotstack_clip.c */
void rn_ss_position(shot *s, json_t *object);
void rn_ss_offset(shot *s, json_t *object);
void rn_ss_box(shot *s, json_t *src);

/* rn_import_shotstack_output.c: the outputs, a new reference, and the canvas */
json_t *rn_ss_output(rn_importer *im, json_t *root, json_t *document,
    bool *mute);


#endif /* RN_IMPORT_SHOTSTACK_H */
