/* What the tests of drawing at any angle share. */

#ifndef WARP_HELPERS_H
#define WARP_HELPERS_H

#include "helpers.h"

#include "rn_blend.h"
#include "rn_warp.h"


#define GUARD  0xa5
#define PAD    32                       /* guard bytes around each row */


/*
 * A picture on memory of its own for each plane.  With guards its rows stand
 * apart, and what lies between them is watched; without, a byte read beyond is
 * one that a sanitizer sees.
 */

typedef struct {
    AVFrame   f;
    uint8_t  *mem[4];
    size_t    size[4];
    bool      guarded;
} picture;


HELPER int
plane_w(const AVFrame *f, int i)
{
    return i == 1 || i == 2 ? (f->width + 1) / 2 : f->width;
}


HELPER int
plane_h(const AVFrame *f, int i)
{
    return i == 1 || i == 2 ? (f->height + 1) / 2 : f->height;
}


HELPER picture *
new_picture(int w, int h, bool alpha, bool guarded)
{
    int       i, pad;
    picture  *p;

    p = calloc(1, sizeof(picture));
    assert_non_null(p);

    p->guarded = guarded;
    p->f.width = w;
    p->f.height = h;
    p->f.format = alpha ? AV_PIX_FMT_YUVA420P : AV_PIX_FMT_YUV420P;
    pad = guarded ? PAD : 0;

    for (i = 0; i < (alpha ? 4 : 3); i++) {
        p->f.linesize[i] = plane_w(&p->f, i) + 2 * pad;
        p->size[i] = (size_t) p->f.linesize[i]
                     * (size_t) (plane_h(&p->f, i) + 2 * (guarded ? 2 : 0));
        p->mem[i] = malloc(p->size[i]);
        assert_non_null(p->mem[i]);
        memset(p->mem[i], GUARD, p->size[i]);
        p->f.data[i] = p->mem[i] + pad
                       + (guarded ? 2 * p->f.linesize[i] : 0);
    }

    return p;
}


HELPER void
free_picture(picture *p)
{
    int  i;

    for (i = 0; i < 4; i++) {
        free(p->mem[i]);
    }
    free(p);
}


HELPER uint8_t *
at(const AVFrame *f, int plane, int x, int y)
{
    return f->data[plane] + (ptrdiff_t) y * f->linesize[plane] + x;
}


HELPER void
fill(picture *p, int y, int u, int v, int a)
{
    int  i, k, value[4] = { y, u, v, a };

    for (i = 0; i < 4 && p->mem[i] != NULL; i++) {
        for (k = 0; k < plane_h(&p->f, i); k++) {
            memset(at(&p->f, i, 0, k), value[i], (size_t) plane_w(&p->f, i));
        }
    }
}


HELPER void
fill_random(picture *p)
{
    int  i, x, y;

    for (i = 0; i < 4 && p->mem[i] != NULL; i++) {
        for (y = 0; y < plane_h(&p->f, i); y++) {
            for (x = 0; x < plane_w(&p->f, i); x++) {
                *at(&p->f, i, x, y) = (uint8_t) (rand() >> 8);
            }
        }
    }
}


HELPER void
copy_of(picture *to, const picture *from)
{
    int  i;

    for (i = 0; i < 4 && from->mem[i] != NULL; i++) {
        memcpy(to->mem[i], from->mem[i], from->size[i]);
    }
}


HELPER void
check_guards(const picture *p)
{
    int     i, x, y, row;
    size_t  k;

    for (i = 0; i < 4 && p->mem[i] != NULL; i++) {
        for (k = 0; k < p->size[i]; k++) {
            row = p->f.linesize[i];
            x = (int) (k % (size_t) row) - PAD;
            y = (int) (k / (size_t) row) - 2;

            if ((x < 0 || y < 0 || x >= plane_w(&p->f, i)
                 || y >= plane_h(&p->f, i)) && p->mem[i][k] != GUARD)
            {
                fail_msg("plane %d is written at %d,%d", i, x, y);
            }
        }
    }
}


/* The planes agree to `off`; the first place where they do not is told. */

HELPER void
check_same(const AVFrame *a, const AVFrame *b, int off, const char *what)
{
    int  i, x, y;

    for (i = 0; i < 3; i++) {
        for (y = 0; y < plane_h(a, i); y++) {
            for (x = 0; x < plane_w(a, i); x++) {
                if (abs(*at(a, i, x, y) - *at(b, i, x, y)) > off) {
                    fail_msg("%s: plane %d at %d,%d is %d, not %d", what, i, x,
                             y, *at(a, i, x, y), *at(b, i, x, y));
                }
            }
        }
    }
}


/* All of src in a box of its size with its corner at (x, y). */

HELPER rn_warp
whole(const picture *src, double x, double y)
{
    rn_warp  w;

    memset(&w, 0, sizeof(w));
    w.sw = w.w = src->f.width;
    w.sh = w.h = src->f.height;
    w.cx = x + w.w / 2;
    w.cy = y + w.h / 2;
    w.opacity = RN_OPAQUE;

    return w;
}


HELPER void
draw(picture *dst, const picture *src, const rn_warp *w)
{
    assert_true(rn_warp_draw(&dst->f, &src->f, w));
}


HELPER double
uniform(double lo, double hi)
{
    return lo + (hi - lo) * (rand() / (double) RAND_MAX);
}


#endif /* WARP_HELPERS_H */
