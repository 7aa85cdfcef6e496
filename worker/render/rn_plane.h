/* Planes of a picture in yuv420p or yuva420p, and px beyond their edges. */

#ifndef RN_PLANE_H
#define RN_PLANE_H

#include <libavutil/frame.h>
#include <stdint.h>


/* One plane of a picture, with what stands for its px in luma's measure. */

typedef struct {
    const uint8_t  *p;
    int             stride, w, h;
} rn_plane;


static inline rn_plane
rn_plane_of(const AVFrame *f, int i)
{
    rn_plane  p;

    p.p = f->data[i];
    p.stride = f->linesize[i];
    p.w = i == 1 || i == 2 ? (f->width + 1) / 2 : f->width;
    p.h = i == 1 || i == 2 ? (f->height + 1) / 2 : f->height;

    return p;
}


static inline int
rn_clamp(int v, int hi)
{
    return v < 0 ? 0 : v > hi ? hi : v;
}


/*
 * Colours of a picture with alpha are weighted by it: what is transparent has
 * no colour to give.  sub: the plane is chroma, of four px of alpha each.
 */

static inline int
rn_plane_alpha(const rn_plane *a, int x, int y, int sub)
{
    const uint8_t  *p, *q;

    if (!sub) {
        return a->p[(ptrdiff_t) rn_clamp(y, a->h - 1) * a->stride
                    + rn_clamp(x, a->w - 1)];
    }

    p = a->p + (ptrdiff_t) rn_clamp(2 * y, a->h - 1) * a->stride;
    q = a->p + (ptrdiff_t) rn_clamp(2 * y + 1, a->h - 1) * a->stride;
    x = rn_clamp(2 * x, a->w - 1);

    return (p[x] + p[rn_clamp(x + 1, a->w - 1)]
            + q[x] + q[rn_clamp(x + 1, a->w - 1)] + 2) / 4;
}


#endif /* RN_PLANE_H */
