/*
 * Laying a picture on another at any place, size and angle, to a fraction of a
 * pixel, with smooth edges and round corners: what moves, turns or is cropped.
 * What stands still and upright on even px goes through rn_blend.h, which is
 * faster and copies exactly.
 */

#ifndef RN_WARP_H
#define RN_WARP_H

#include "rn_av.h"


typedef struct {
    double  sx, sy, sw, sh;             /* part of the source, px */
    double  cx, cy;                     /* its centre there, px */
    double  w, h;                       /* its size there, px */
    double  angle;                      /* clockwise, radians */
    double  radius;                     /* of its corners there, px */
    int     opacity;                    /* 0 to RN_OPAQUE */
} rn_warp;


/*
 * Draws src (yuv420p, or yuva420p with straight alpha) on dst (yuv420p).
 * Sampled between two px each way: where src is much larger than it is drawn,
 * give the halved picture instead (rn_halve).  False: no memory.
 */
bool rn_warp_draw(AVFrame *dst, const AVFrame *src, const rn_warp *warp);

/* A new picture of half the size each way, at least 2 px; NULL: no memory. */
AVFrame *rn_halve(const AVFrame *src);


#endif /* RN_WARP_H */
