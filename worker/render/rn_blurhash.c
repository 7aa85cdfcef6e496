/*
 * BlurHash by its published description: a cosine transform of the linear
 * light, its few lowest terms quantised and written in base 83.
 */

#include "rn_blurhash.h"

#include <math.h>
#include <string.h>


#define THUMB  64                       /* px a side, whatever the shape */
#define FLAT   3.0


static const char  digits[] =
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    "#$%*+,-.:;=?@[]^_{|}~";


static char *
put(char *p, int value, int n)
{
    int  i;

    for (i = n - 1; i >= 0; i--) {
        p[i] = digits[value % 83];
        value /= 83;
    }

    return p + n;
}


static double
to_linear(int v)
{
    double  x = v / 255.0;

    return x <= 0.04045 ? x / 12.92 : pow((x + 0.055) / 1.055, 2.4);
}


static int
to_srgb(double x)
{
    x = x < 0 ? 0 : x > 1 ? 1 : x;
    x = x <= 0.0031308 ? x * 12.92 : 1.055 * pow(x, 1 / 2.4) - 0.055;

    return (int) (x * 255 + 0.5);
}


/* -9 to 9 in a root's steps, from 0. */

static int
quantised(double v, double max)
{
    int  q;

    v /= max;
    q = (int) floor(copysign(sqrt(fabs(v)), v) * 9 + 9.5);

    return q < 0 ? 0 : q > 18 ? 18 : q;
}


/*
 * The cosines are taken in the middle of each px: then those of a flat picture
 * sum up to nothing.  What is finer than the px are says nothing of them.
 */

static void
transform(const uint8_t *rgb, size_t stride, int w, int h, int i, int j,
    const double linear[256], double factor[3])
{
    int             x, y;
    double          row[3], cx, cy;
    const uint8_t  *p;

    factor[0] = factor[1] = factor[2] = 0;

    if (i >= w || j >= h) {
        return;
    }

    for (y = 0; y < h; y++) {
        p = rgb + (size_t) y * stride;
        row[0] = row[1] = row[2] = 0;

        for (x = 0; x < w; x++, p += 3) {
            cx = cos(M_PI * i * (x + 0.5) / w);
            row[0] += cx * linear[p[0]];
            row[1] += cx * linear[p[1]];
            row[2] += cx * linear[p[2]];
        }

        cy = cos(M_PI * j * (y + 0.5) / h);
        factor[0] += cy * row[0];
        factor[1] += cy * row[1];
        factor[2] += cy * row[2];
    }

    cx = (i == 0 && j == 0 ? 1.0 : 2.0) / ((double) w * h);
    factor[0] *= cx;
    factor[1] *= cx;
    factor[2] *= cx;
}


void
rn_blurhash_encode(const uint8_t *rgb, size_t stride, int w, int h, int across,
    int down, char *hash)
{
    int     i, n, q;
    double  linear[256], max, f[RN_BLURHASH_MAX * RN_BLURHASH_MAX][3];

    for (i = 0; i < 256; i++) {
        linear[i] = to_linear(i);
    }

    n = across * down;
    max = 0;

    for (i = 0; i < n; i++) {
        transform(rgb, stride, w, h, i % across, i / across, linear, f[i]);

        if (i > 0) {
            max = fmax(max, fmax(fabs(f[i][0]),
                                 fmax(fabs(f[i][1]), fabs(f[i][2]))));
        }
    }

    q = (int) floor(max * 166 - 0.5);
    q = q < 0 ? 0 : q > 82 ? 82 : q;
    max = (q + 1) / 166.0;

    hash = put(hash, across - 1 + 9 * (down - 1), 1);
    hash = put(hash, n > 1 ? q : 0, 1);
    hash = put(hash, to_srgb(f[0][0]) << 16 | to_srgb(f[0][1]) << 8
                     | to_srgb(f[0][2]), 4);

    for (i = 1; i < n; i++) {
        hash = put(hash, (quantised(f[i][0], max) * 19
                          + quantised(f[i][1], max)) * 19
                         + quantised(f[i][2], max), 2);
    }

    *hash = '\0';
}


/* RGBA, as it is stored, to RGB as it is seen: on black, upright. */

static void
upright(const AVFrame *thumb, rn_turn turn, uint8_t rgb[THUMB * THUMB * 3])
{
    int             i, x, y, sx, sy, t;
    const uint8_t  *p;

    for (y = 0; y < THUMB; y++) {
        for (x = 0; x < THUMB; x++) {
            sx = x;
            sy = y;

            for (i = 0; i < turn.quarters; i++) {   /* back, one by one */
                t = sx;
                sx = sy;
                sy = THUMB - 1 - t;
            }

            if (turn.mirrored) {
                sx = THUMB - 1 - sx;
            }

            p = thumb->data[0] + (ptrdiff_t) sy * thumb->linesize[0] + 4 * sx;

            for (i = 0; i < 3; i++) {
                *rgb++ = (uint8_t) ((p[i] * p[3] + 127) / 255);
            }
        }
    }
}


static double
spread_of(const uint8_t rgb[THUMB * THUMB * 3])
{
    int     i, c;
    double  sum, squares, v, worst;

    worst = 0;

    for (c = 0; c < 3; c++) {
        sum = squares = 0;

        for (i = 0; i < THUMB * THUMB; i++) {
            v = rgb[3 * i + c];
            sum += v;
            squares += v * v;
        }

        sum /= THUMB * THUMB;
        worst = fmax(worst, squares / (THUMB * THUMB) - sum * sum);
    }

    return sqrt(worst);
}


rn_status
rn_blurhash_of(const AVFrame *frame, rn_colour colour, rn_turn turn,
    rn_blurhash *out, rn_fault *fault)
{
    bool       high;
    uint8_t    rgb[THUMB * THUMB * 3];
    AVFrame   *thumb;
    rn_colour  to = { "bt709", true };

    thumb = av_frame_alloc();
    if (thumb == NULL) {
        return rn_fail(fault, RN_E_NOMEM, "out of memory");
    }

    thumb->format = AV_PIX_FMT_RGBA;
    thumb->width = thumb->height = THUMB;

    if (rn_scale(frame, colour, thumb, to, fault) == RN_OK) {
        upright(thumb, turn, rgb);
        high = turn.quarters & 1 ? frame->width > frame->height
                                 : frame->height > frame->width;
        out->spread = spread_of(rgb);
        rn_blurhash_encode(rgb, THUMB * 3, THUMB, THUMB, high ? 3 : 4,
                           high ? 4 : 3, out->hash);
    }

    av_frame_free(&thumb);

    return fault->status;
}


bool
rn_blurhash_flat(const rn_blurhash *b)
{
    return b->spread < FLAT;
}
