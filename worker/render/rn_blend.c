/* Pixel loops of rn_blend.h; written so that the compiler makes vectors. */

#include "rn_blend.h"

#include <string.h>


#define ROUND  (RN_OPAQUE / 2)
#define SHIFT  15


typedef struct {
    uint8_t  y, u, v;
} yuv;


/* bt.709, limited range; in 16-bit fixed point. */

static yuv
to_yuv(int r, int g, int b)
{
    yuv  c;

    c.y = (uint8_t) (16 + ((11966 * r + 40254 * g + 4064 * b + 32768) >> 16));
    c.u = (uint8_t) (128 + ((-6596 * r - 22189 * g + 28785 * b + 32768) >> 16));
    c.v = (uint8_t) (128 + ((28785 * r - 26145 * g - 2640 * b + 32768) >> 16));

    return c;
}


static yuv
yuv_of(uint32_t rgba)
{
    return to_yuv((int) (rgba >> 24), (int) (rgba >> 16 & 255),
                  (int) (rgba >> 8 & 255));
}


static void
fill_plane(uint8_t *p, int stride, int w, int h, int value)
{
    int  y;

    for (y = 0; y < h; y++) {
        memset(p + (ptrdiff_t) y * stride, value, (size_t) w);
    }
}


void
rn_fill(AVFrame *dst, uint32_t rgba)
{
    yuv  c;

    c = yuv_of(rgba);

    fill_plane(dst->data[0], dst->linesize[0], dst->width, dst->height, c.y);
    fill_plane(dst->data[1], dst->linesize[1], dst->width / 2,
               dst->height / 2, c.u);
    fill_plane(dst->data[2], dst->linesize[2], dst->width / 2,
               dst->height / 2, c.v);
}


static void
mix_row(uint8_t *restrict d, const uint8_t *restrict s, int n, int p)
{
    int  i;

    for (i = 0; i < n; i++) {
        d[i] = (uint8_t) ((d[i] * (RN_OPAQUE - p) + s[i] * p + ROUND) >> SHIFT);
    }
}


static void
mix_plane(uint8_t *d, int ds, const uint8_t *s, int ss, int w, int h, int p)
{
    int  y;

    for (y = 0; y < h; y++) {
        if (p == RN_OPAQUE) {
            memcpy(d, s, (size_t) w);
        } else {
            mix_row(d, s, w, p);
        }
        d += ds;
        s += ss;
    }
}


/* Alpha is 0-255 a pixel; 255 is RN_OPAQUE. */

static inline int
weight(int alpha, int opacity)
{
    return (int) ((uint32_t) (alpha * opacity + 127) / 255);
}


/*
 * What is drawn is mostly nothing around something: px are looked at eight at a
 * time, and where all are see-through they are passed over.
 */

#define BLOCK  8

static inline void
alpha_block(uint8_t *restrict d, const uint8_t *restrict s,
    const uint8_t *restrict a, int n, int opacity)
{
    int  x, p;

    for (x = 0; x < n; x++) {
        p = weight(a[x], opacity);
        d[x] = (uint8_t) ((d[x] * (RN_OPAQUE - p) + s[x] * p + ROUND) >> SHIFT);
    }
}


static void
alpha_row(uint8_t *d, const uint8_t *s, const uint8_t *a, int n, int opacity)
{
    int       x;
    uint64_t  all;

    for (x = 0; x + BLOCK <= n; x += BLOCK) {
        memcpy(&all, a + x, BLOCK);

        if (all == 0) {
            continue;
        }

        if (all == UINT64_MAX && opacity == RN_OPAQUE) {
            memcpy(d + x, s + x, BLOCK);
        } else {
            alpha_block(d + x, s + x, a + x, BLOCK, opacity);
        }
    }

    alpha_block(d + x, s + x, a + x, n - x, opacity);
}


/* Alpha of four px each, for n of colour. */

static void
mean_row(uint8_t *restrict mean, const uint8_t *restrict a,
    const uint8_t *restrict b, int n)
{
    int  x;

    for (x = 0; x < n; x++) {
        mean[x] = (uint8_t) ((a[2 * x] + a[2 * x + 1] + b[2 * x]
                              + b[2 * x + 1] + 2) / 4);
    }
}


static void
alpha_chroma(AVFrame *dst, const AVFrame *src, int sx, int sy, int w, int h,
    int dx, int dy, int opacity)
{
    int             x, y, n, plane;
    uint8_t        *d, mean[256];
    const uint8_t  *s, *a;

    for (y = 0; y < h / 2; y++) {
        a = src->data[3] + (ptrdiff_t) (sy + 2 * y) * src->linesize[3] + sx;

        for (x = 0; x < w / 2; x += n) {
            n = w / 2 - x < (int) sizeof(mean) ? w / 2 - x : (int) sizeof(mean);
            mean_row(mean, a + 2 * x, a + src->linesize[3] + 2 * x, n);

            for (plane = 1; plane < 3; plane++) {
                d = dst->data[plane]
                    + (ptrdiff_t) (dy / 2 + y) * dst->linesize[plane]
                    + dx / 2 + x;
                s = src->data[plane]
                    + (ptrdiff_t) (sy / 2 + y) * src->linesize[plane]
                    + sx / 2 + x;
                alpha_row(d, s, mean, n, opacity);
            }
        }
    }
}


static void
blend_alpha(AVFrame *dst, const AVFrame *src, int sx, int sy, int w, int h,
    int dx, int dy, int opacity)
{
    int             y;
    uint8_t        *d;
    const uint8_t  *s, *a;

    d = dst->data[0] + (ptrdiff_t) dy * dst->linesize[0] + dx;
    s = src->data[0] + (ptrdiff_t) sy * src->linesize[0] + sx;
    a = src->data[3] + (ptrdiff_t) sy * src->linesize[3] + sx;

    for (y = 0; y < h; y++) {
        alpha_row(d, s, a, w, opacity);
        d += dst->linesize[0];
        s += src->linesize[0];
        a += src->linesize[3];
    }

    alpha_chroma(dst, src, sx, sy, w, h, dx, dy, opacity);
}


/* Cuts a span of one dimension to what lies inside both frames. */

static void
clip_span(int *s, int *d, int *n, int s_max, int d_max)
{
    if (*d < 0) {
        *s -= *d;
        *n += *d;
        *d = 0;
    }

    if (*s < 0) {
        *d -= *s;
        *n += *s;
        *s = 0;
    }

    if (*n > s_max - *s) {
        *n = s_max - *s;
    }

    if (*n > d_max - *d) {
        *n = d_max - *d;
    }
}


void
rn_blend(AVFrame *dst, const AVFrame *src, int sx, int sy, int w, int h,
    int dx, int dy, int opacity)
{
    int  i, shift;

    sx &= ~1;
    sy &= ~1;
    dx &= ~1;
    dy &= ~1;

    clip_span(&sx, &dx, &w, src->width & ~1, dst->width);
    clip_span(&sy, &dy, &h, src->height & ~1, dst->height);

    w &= ~1;
    h &= ~1;

    if (w <= 0 || h <= 0 || opacity <= 0) {
        return;
    }

    if (src->format == AV_PIX_FMT_YUVA420P) {
        blend_alpha(dst, src, sx, sy, w, h, dx, dy, opacity);
        return;
    }

    for (i = 0; i < 3; i++) {
        shift = i != 0;
        mix_plane(dst->data[i] + (ptrdiff_t) (dy >> shift) * dst->linesize[i]
                  + (dx >> shift), dst->linesize[i],
                  src->data[i] + (ptrdiff_t) (sy >> shift) * src->linesize[i]
                  + (sx >> shift), src->linesize[i],
                  w >> shift, h >> shift, opacity);
    }
}


static void
color_plane(uint8_t *d, int stride, int w, int h, int value, int p)
{
    int  x, y;

    for (y = 0; y < h; y++) {
        for (x = 0; x < w; x++) {
            d[x] = (uint8_t) ((d[x] * (RN_OPAQUE - p) + value * p + ROUND)
                              >> SHIFT);
        }
        d += stride;
    }
}


void
rn_blend_color(AVFrame *dst, uint32_t rgba, int w, int h, int dx, int dy,
    int opacity)
{
    int  sx, sy, p;
    yuv  c;

    sx = sy = 0;
    dx &= ~1;
    dy &= ~1;

    clip_span(&sx, &dx, &w, w, dst->width);
    clip_span(&sy, &dy, &h, h, dst->height);

    w &= ~1;
    h &= ~1;
    p = weight((int) (rgba & 255), opacity);

    if (w <= 0 || h <= 0 || p <= 0) {
        return;
    }

    c = yuv_of(rgba);

    color_plane(dst->data[0] + (ptrdiff_t) dy * dst->linesize[0] + dx,
                dst->linesize[0], w, h, c.y, p);
    color_plane(dst->data[1] + (ptrdiff_t) (dy / 2) * dst->linesize[1]
                + dx / 2, dst->linesize[1], w / 2, h / 2, c.u, p);
    color_plane(dst->data[2] + (ptrdiff_t) (dy / 2) * dst->linesize[2]
                + dx / 2, dst->linesize[2], w / 2, h / 2, c.v, p);
}


void
rn_mix(AVFrame *dst, const AVFrame *src, int p)
{
    int  i, shift;

    for (i = 0; i < 3; i++) {
        shift = i != 0;
        mix_plane(dst->data[i], dst->linesize[i], src->data[i],
                  src->linesize[i], dst->width >> shift, dst->height >> shift,
                  p);
    }
}


void
rn_copy(AVFrame *dst, const AVFrame *src)
{
    rn_mix(dst, src, RN_OPAQUE);
}


/*
 * Chroma is the mean of the premultiplied colours of four pixels divided by
 * their mean alpha, so that transparent pixels do not darken an edge.
 */

void
rn_from_argb(AVFrame *dst, const uint8_t *argb, int stride)
{
    int              x, y, i, j, a, r, g, b, sa, sr, sg, sb;
    yuv              c;
    uint32_t         px;
    const uint8_t   *row;

    dst->chroma_location = AVCHROMA_LOC_CENTER;

    for (y = 0; y < dst->height; y += 2) {
        for (x = 0; x < dst->width; x += 2) {
            sa = sr = sg = sb = 0;

            for (j = 0; j < 2; j++) {
                row = argb + (ptrdiff_t) (y + j) * stride;

                for (i = 0; i < 2; i++) {
                    memcpy(&px, row + 4 * (x + i), 4);

                    a = (int) (px >> 24);
                    r = (int) (px >> 16 & 255);
                    g = (int) (px >> 8 & 255);
                    b = (int) (px & 255);

                    sa += a;
                    sr += r;
                    sg += g;
                    sb += b;

                    c = a == 0 ? to_yuv(0, 0, 0)
                        : to_yuv(r * 255 / a, g * 255 / a, b * 255 / a);

                    dst->data[0][(y + j) * dst->linesize[0] + x + i] = c.y;
                    dst->data[3][(y + j) * dst->linesize[3] + x + i] =
                        (uint8_t) a;
                }
            }

            c = sa == 0 ? to_yuv(0, 0, 0)
                : to_yuv(sr * 255 / sa, sg * 255 / sa, sb * 255 / sa);

            dst->data[1][y / 2 * dst->linesize[1] + x / 2] = c.u;
            dst->data[2][y / 2 * dst->linesize[2] + x / 2] = c.v;
        }
    }
}
