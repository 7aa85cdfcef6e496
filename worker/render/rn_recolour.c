/*
 * From one matrix and range to another; see rn_recolour.h.  With both matrices
 * known each new plane is a sum of the old ones: from Y, Cb, Cr to R, G, B and
 * back are six lines of BT.601-7 and BT.709-6 (section 3 of each).
 */

#include "rn_recolour.h"

#include <math.h>
#include <string.h>


#define SHIFT  14

typedef struct {
    int  y, cb, cr, add;                /* 1 << SHIFT is 1 */
} sum;


static bool
weights(const char *matrix, double *kr, double *kb)
{
    if (matrix != NULL && strcmp(matrix, "bt709") == 0) {
        *kr = 0.2126;
        *kb = 0.0722;
        return true;
    }

    *kr = 0.299;
    *kb = 0.114;

    return matrix != NULL && strcmp(matrix, "bt601") == 0;
}


static int
fixed(double v)
{
    return (int) lround(v * (1 << SHIFT));
}


/*
 * What the three planes are made of: sums[0] is of luma.  False: of a matrix
 * that is not known here.
 */

static bool
find_sums(rn_colour from, rn_colour to, sum sums[3])
{
    int     i;
    double  kr, kb, kg, r, b, lr, lb, lg, luma, chroma, y[2];
    double  c[3][3];                    /* plane, of y, cb, cr: all 0 to 1 */

    if (!weights(from.matrix, &kr, &kb) || !weights(to.matrix, &lr, &lb)) {
        return false;
    }

    kg = 1 - kr - kb;
    lg = 1 - lr - lb;
    r = 2 * (1 - kr);                   /* R = y + r * cr, B = y + b * cb */
    b = 2 * (1 - kb);

    c[0][0] = 1;
    c[0][1] = lb * b - lg * kb * b / kg;
    c[0][2] = lr * r - lg * kr * r / kg;

    c[1][0] = c[2][0] = 0;
    c[1][1] = (b - c[0][1]) / (2 * (1 - lb));
    c[1][2] = -c[0][2] / (2 * (1 - lb));
    c[2][1] = -c[0][1] / (2 * (1 - lr));
    c[2][2] = (r - c[0][2]) / (2 * (1 - lr));

    y[0] = from.full ? 255 : 219;
    y[1] = from.full ? 255 : 224;
    luma = to.full ? 255 : 219;
    chroma = to.full ? 255 : 224;

    for (i = 0; i < 3; i++) {
        double  most = i == 0 ? luma : chroma;
        double  zero = i == 0 ? (to.full ? 0 : 16) : 128;

        sums[i].y = fixed(c[i][0] * most / y[0]);
        sums[i].cb = fixed(c[i][1] * most / y[1]);
        sums[i].cr = fixed(c[i][2] * most / y[1]);
        sums[i].add = fixed(zero + 0.5) - (from.full ? 0 : 16) * sums[i].y
                      - 128 * (sums[i].cb + sums[i].cr);
    }

    return true;
}


static inline uint8_t
clipped(int v)
{
    v >>= SHIFT;

    return (uint8_t) (v < 0 ? 0 : v > 255 ? 255 : v);
}


static void
chroma_row(uint8_t *restrict out, const uint8_t *restrict cb,
    const uint8_t *restrict cr, const sum *s, int n)
{
    int  i, kb = s->cb, kr = s->cr, add = s->add;

    for (i = 0; i < n; i++) {
        out[i] = clipped(cb[i] * kb + cr[i] * kr + add);
    }
}


/* Two px of luma have one colour. */

static void
luma_row(uint8_t *restrict out, const uint8_t *restrict y,
    const uint8_t *restrict cb, const uint8_t *restrict cr, const sum *s,
    int n)
{
    int  i, part, ky = s->y, kb = s->cb, kr = s->cr, add = s->add;

    for (i = 0; i < n / 2; i++) {
        part = cb[i] * kb + cr[i] * kr + add;
        out[2 * i] = clipped(y[2 * i] * ky + part);
        out[2 * i + 1] = clipped(y[2 * i + 1] * ky + part);
    }

    if (n & 1) {
        out[n - 1] = clipped(y[n - 1] * ky + cb[n / 2] * kb + cr[n / 2] * kr
                             + add);
    }
}


bool
rn_recolour(const AVFrame *src, rn_colour from, AVFrame *dst, rn_colour to)
{
    int             i, y, w, h;
    sum             sums[3];
    const uint8_t  *cb, *cr;

    if (src->format != AV_PIX_FMT_YUV420P || dst->format != src->format
        || src->width != dst->width || src->height != dst->height
        || !find_sums(from, to, sums))
    {
        return false;
    }

    w = (src->width + 1) / 2;
    h = (src->height + 1) / 2;

    for (y = 0; y < src->height; y++) {
        luma_row(dst->data[0] + (ptrdiff_t) y * dst->linesize[0],
                 src->data[0] + (ptrdiff_t) y * src->linesize[0],
                 src->data[1] + (ptrdiff_t) (y / 2) * src->linesize[1],
                 src->data[2] + (ptrdiff_t) (y / 2) * src->linesize[2],
                 &sums[0], src->width);
    }

    for (y = 0; y < h; y++) {
        cb = src->data[1] + (ptrdiff_t) y * src->linesize[1];
        cr = src->data[2] + (ptrdiff_t) y * src->linesize[2];

        for (i = 1; i < 3; i++) {
            chroma_row(dst->data[i] + (ptrdiff_t) y * dst->linesize[i], cb, cr,
                       &sums[i], w);
        }
    }

    return true;
}
