/*
 * Laying pictures over one another in yuv420p: bt.709, limited range, one
 * conversion from RGB and none between layers.  Sides and places are even.
 */

#ifndef RN_BLEND_H
#define RN_BLEND_H

#include <libavutil/frame.h>
#include <stdint.h>


#define RN_OPAQUE  32768                /* opacity and mixes: 0 to this */


/* Fills the whole frame with an RGBA colour (its alpha is not looked at). */
void rn_fill(AVFrame *dst, uint32_t rgba);

/*
 * Lays the part of `src` that begins at (sx, sy), w x h, on `dst` at (dx, dy).
 * src is yuv420p or yuva420p; what falls outside of either is cut away.
 */
void rn_blend(AVFrame *dst, const AVFrame *src, int sx, int sy, int w, int h,
    int dx, int dy, int opacity);

/* The same for an area of one colour, whose alpha counts. */
void rn_blend_color(AVFrame *dst, uint32_t rgba, int w, int h, int dx, int dy,
    int opacity);

/* dst = dst * (1 - p) + src * p; both of one size and yuv420p. */
void rn_mix(AVFrame *dst, const AVFrame *src, int p);

/* Copies all planes of a yuv420p frame of the same size. */
void rn_copy(AVFrame *dst, const AVFrame *src);

/* Cairo's ARGB32 (premultiplied, native endian) to yuva420p, straight. */
void rn_from_argb(AVFrame *dst, const uint8_t *argb, int stride);


#endif /* RN_BLEND_H */
