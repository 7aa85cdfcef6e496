/*
 * Pictures of 4:2:0 from one matrix and range to another, as large as they are;
 * swscale goes through RGB for it, which takes ten times as long and rounds
 * twice.
 */

#ifndef RN_RECOLOUR_H
#define RN_RECOLOUR_H

#include "rn_scale.h"


/* Whether rn_recolour can: both are bt.709 or bt.601. */
bool rn_recolour_can(rn_colour from, rn_colour to);

/* Both are yuv420p of one size, with buffers. */
void rn_recolour(const AVFrame *src, rn_colour from, AVFrame *dst,
    rn_colour to);


#endif /* RN_RECOLOUR_H */
