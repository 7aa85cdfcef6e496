/*
 * Pictures of 4:2:0 from one matrix and range to another, as large as they are;
 * swscale goes through RGB for it, which takes ten times as long and rounds
 * twice.
 */

#ifndef RN_RECOLOUR_H
#define RN_RECOLOUR_H

#include "rn_scale.h"


/*
 * From src to dst, which has buffers; false, with nothing done, where they are
 * not both yuv420p of one size, in bt.709 or bt.601.
 */
bool rn_recolour(const AVFrame *src, rn_colour from, AVFrame *dst,
    rn_colour to);


#endif /* RN_RECOLOUR_H */
