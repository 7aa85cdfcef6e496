/* A layer's parts; for rn_layer*.c alone. */

#ifndef RN_LAYER_PARTS_H
#define RN_LAYER_PARTS_H

#include "rn_ass.h"
#include "rn_layer.h"
#include "rn_motion.h"
#include "rn_picture.h"
#include "rn_wave.h"


#define HALVES  6                       /* how often a picture is halved */

typedef enum {
    LAYER_PICTURE, LAYER_IMAGE, LAYER_TEXT, LAYER_SHAPE, LAYER_COLOR,
    LAYER_CAPTION, LAYER_WAVE, LAYER_MIX
} layer_type;

struct rn_layer {
    const rn_stage  *stage;
    layer_type       type;
    int64_t          from, len;         /* ticks of the segment */
    int64_t          at, speed;         /* of the source, see rn_plan_layer.c */
    int              w, h;              /* the box */
    int              place, x, y, dx, dy;   /* place 0: align x, y; 1: px */
    int              opacity;
    int64_t          show[4];           /* in: from, len; out: from, len */
    rn_fit           fit;
    uint32_t         color;
    json_t          *spec;
    rn_motion        moves[RN_MOVES];   /* of n 0: none */

    bool             free;              /* drawn by rn_warp.h */
    double           rotate, scale;     /* degrees */
    double           radius;            /* px */
    bool             radius_percent;
    double           up;                /* drawn so much larger */
    int              natural;           /* width of the source, px */

    rn_layer        *a, *b;             /* of a mix */
    const char      *mix;               /* its name */
    rn_transition   *transition;

    rn_picture      *picture;
    rn_ass          *ass;
    rn_wave         *wave;
    AVFrame         *drawn;             /* of a text, a shape or a colour */
    AVFrame         *halves[HALVES];    /* of what was warped last */
    uint64_t         halved;            /* which picture they were made of */
};


/* A number of the layer at tick k: what moves it, or `still`. */
double rn_layer_moved(const rn_layer *l, rn_move move, int value, int64_t k,
    double unit, double still);

/* Opacity at a tick: its own, and the fades of its picture. */
int rn_layer_opacity(const rn_layer *l, int64_t k);

/* Drops the halved copies of its picture. */
void rn_layer_forget_halves(rn_layer *l);

/*
 * rn_layer_svg.c: opens the picture of an SVG, in the file or the layer itself.
 */
rn_status rn_layer_open_svg(rn_layer *l, int fd, const rn_picture_spec *spec,
    rn_fault *fault);

/* rn_layer_wave.c: the picture of a waveform at a tick. */
rn_status rn_layer_wave(rn_layer *l, int64_t k, const AVFrame **frame,
    rn_fault *fault);

/* rn_layer_free.c: lays f, placed to a fraction of a px. */
rn_status rn_layer_draw_free(rn_layer *l, const AVFrame *f, int64_t k,
    AVFrame *dst, rn_fault *fault);

/*
 * Lays the blurred copy behind a picture, if it has one, into the box at
 * (x, y), where f, which is laid in its middle afterwards, will not hide it.
 */
rn_status rn_layer_draw_around(rn_layer *l, const AVFrame *f, int x, int y,
    int opacity, AVFrame *dst, rn_fault *fault);


#endif /* RN_LAYER_PARTS_H */
