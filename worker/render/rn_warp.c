/*
 * Pictures at any place, size and angle; see rn_warp.h.  A row of the target is
 * drawn in three steps, which the compiler can make vectors of: what the source
 * shows there, how much of each px it covers, and the mixing of the two.
 *
 * Places are in px, whose centres lie at halves.  Chroma of 4:2:0 lies between
 * the rows of its four px, and on their left column, as MPEG-2 has it, or in
 * their middle: the picture says which.
 */

#include "rn_warp.h"
#include "rn_blend.h"
#include "rn_plane.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>


#define ONE    65536                    /* places are 16.16 */
#define SHIFT  15

typedef struct {
    const rn_warp  *warp;
    double          cos, sin;
    double          hw, hh, radius;
    uint8_t        *row, *alpha;        /* of the width of dst */
    uint16_t       *cover;
    int            *x0, *x1, *fx;       /* upright: columns, and their mix */
    int             left, right;        /* of the source's columns */
    uint16_t       *rows;               /* two rows of them, mixed */
    int16_t        *wide[2];            /* larger: two rows, columns mixed */
    int             held[2];            /* which rows of the source those are */
} warper;

/* Four px of a plane and their weights at a place of it. */

typedef struct {
    const uint8_t  *a, *b;              /* two rows */
    int             x0, x1;
    int             fx, fy;             /* 0-256 */
} quad;


static inline quad
quad_at(const rn_plane *p, int u, int v)
{
    int   x, y;
    quad  q;

    x = u >> 16;
    y = v >> 16;
    q.fx = u >> 8 & 255;
    q.fy = v >> 8 & 255;
    q.x0 = rn_clamp(x, p->w - 1);
    q.x1 = rn_clamp(x + 1, p->w - 1);
    q.a = p->p + (ptrdiff_t) rn_clamp(y, p->h - 1) * p->stride;
    q.b = p->p + (ptrdiff_t) rn_clamp(y + 1, p->h - 1) * p->stride;

    return q;
}


static inline int
bilinear(const quad *q)
{
    int  top, bottom;

    top = q->a[q->x0] * (256 - q->fx) + q->a[q->x1] * q->fx;
    bottom = q->b[q->x0] * (256 - q->fx) + q->b[q->x1] * q->fx;

    return (top * (256 - q->fy) + bottom * q->fy + 32768) >> 16;
}


static void
sample_row(const rn_plane *p, uint8_t *out, int n, int64_t u, int64_t v,
    int64_t du, int64_t dv)
{
    int   i;
    quad  q;

    for (i = 0; i < n; i++) {
        q = quad_at(p, (int) u, (int) v);
        out[i] = (uint8_t) bilinear(&q);
        u += du;
        v += dv;
    }
}


/*
 * Upright: the two rows are the same all along, and so are the columns in all
 * rows.  Rows are mixed first, then columns; the sum is the same to the bit,
 * and also with columns first, which a larger picture's many rows can share.
 */

static void
find_columns(warper *w, const rn_plane *p, int n, int64_t u, int64_t du)
{
    int  i, x;

    w->left = p->w;
    w->right = 0;

    for (i = 0; i < n; i++, u += du) {
        x = (int) (u >> 16);
        w->x0[i] = rn_clamp(x, p->w - 1);
        w->x1[i] = rn_clamp(x + 1, p->w - 1);
        w->fx[i] = (int) (u >> 8) & 255;
        w->left = w->x0[i] < w->left ? w->x0[i] : w->left;
        w->right = w->x1[i] > w->right ? w->x1[i] : w->right;
    }

    for (i = 0; i < n; i++) {               /* as they lie in w->rows */
        w->x0[i] -= w->left;
        w->x1[i] -= w->left;
    }
}


static void
mix_rows(uint16_t *restrict out, const uint8_t *restrict a,
    const uint8_t *restrict b, int fy, int n)
{
    int  i;

    for (i = 0; i < n; i++) {
        out[i] = (uint16_t) (a[i] * (256 - fy) + b[i] * fy);
    }
}


static void
sample_row_upright(const warper *w, const rn_plane *p, uint8_t *restrict out,
    int n, int v)
{
    int                     i;
    const int              *restrict x0 = w->x0, *restrict x1 = w->x1;
    const int              *restrict fx = w->fx;
    const uint8_t          *a, *b;
    const uint16_t         *restrict rows = w->rows;

    a = p->p + (ptrdiff_t) rn_clamp(v >> 16, p->h - 1) * p->stride + w->left;
    b = p->p + (ptrdiff_t) rn_clamp((v >> 16) + 1, p->h - 1) * p->stride
        + w->left;

    mix_rows(w->rows, a, b, v >> 8 & 255, w->right - w->left + 1);

    for (i = 0; i < n; i++) {
        out[i] = (uint8_t) ((rows[x0[i]] * (256 - fx[i]) + rows[x1[i]] * fx[i]
                             + 32768) >> 16);
    }
}


/*
 * Columns of row y of the source, which is kept for the rows that come; less
 * 32768, since products of signed halves are what every processor has.
 */

static const int16_t *
widen_row(warper *w, const rn_plane *p, int n, int y)
{
    int             i;
    const int      *restrict x0 = w->x0, *restrict x1 = w->x1;
    const int      *restrict fx = w->fx;
    int16_t        *restrict out;
    const uint8_t  *restrict a;

    y = rn_clamp(y, p->h - 1);

    if (w->held[y & 1] == y) {
        return w->wide[y & 1];
    }

    w->held[y & 1] = y;
    out = w->wide[y & 1];
    a = p->p + (ptrdiff_t) y * p->stride + w->left;

    for (i = 0; i < n; i++) {
        out[i] = (int16_t) (a[x0[i]] * (256 - fx[i]) + a[x1[i]] * fx[i]
                            - 32768);
    }

    return out;
}


static void
sample_row_larger(warper *w, const rn_plane *p, uint8_t *restrict out, int n,
    int v)
{
    int             i;
    int16_t         fy, gy;
    const int16_t  *a, *b;

    fy = (int16_t) (v >> 8 & 255);
    gy = (int16_t) (256 - fy);
    a = widen_row(w, p, n, v >> 16);
    b = widen_row(w, p, n, (v >> 16) + 1);

    for (i = 0; i < n; i++) {
        out[i] = (uint8_t) ((a[i] * gy + b[i] * fy + 32768 * 257) >> 16);
    }
}


static bool
weighted(const rn_plane *p, const rn_plane *a, int sub, int64_t u, int64_t v,
    uint8_t *out)
{
    int      x, y;
    quad     q;
    int64_t  w[4], sum, total;

    q = quad_at(p, (int) u, (int) v);
    x = (int) (u >> 16);
    y = (int) (v >> 16);
    w[0] = (256 - q.fx) * (256 - q.fy) * rn_plane_alpha(a, x, y, sub);
    w[1] = q.fx * (256 - q.fy) * rn_plane_alpha(a, x + 1, y, sub);
    w[2] = (256 - q.fx) * q.fy * rn_plane_alpha(a, x, y + 1, sub);
    w[3] = q.fx * q.fy * rn_plane_alpha(a, x + 1, y + 1, sub);
    total = w[0] + w[1] + w[2] + w[3];

    if (total == 0) {
        *out = q.a[q.x0];
        return false;
    }

    sum = w[0] * q.a[q.x0] + w[1] * q.a[q.x1] + w[2] * q.b[q.x0]
          + w[3] * q.b[q.x1];
    *out = (uint8_t) ((sum + total / 2) / total);

    return true;
}


/* ou, ov: from there to where its alpha is told, which may find a colour. */

static void
sample_row_weighted(const rn_plane *p, const rn_plane *a, int sub, uint8_t *out,
    int n, int64_t u, int64_t v, int64_t du, int64_t dv, int64_t ou,
    int64_t ov)
{
    int  i;

    for (i = 0; i < n; i++, u += du, v += dv) {
        if (!weighted(p, a, sub, u, v, &out[i]) && sub) {
            (void) weighted(p, a, sub, u + ou, v + ov, &out[i]);
        }
    }
}


/* How much of a px at x from the centre lies between sides at -half, half. */

static inline double
between_sides(double x, double half, double unit)
{
    double  c, most;

    c = 0.5 + (half - fabs(x)) / unit;
    most = 2 * half / unit;                 /* thinner than the px */
    most = most < 1 ? most : 1;

    return c <= 0 ? 0 : c >= most ? most : c;
}


/*
 * How much of a px at (x, y) from the centre lies inside the rounded box; unit
 * is the side of the px.  Of corners by the distance to the edge, as is usual.
 */

static int
coverage(const warper *w, double x, double y, double unit)
{
    double  qx, qy, c;

    qx = fabs(x) - (w->hw - w->radius);
    qy = fabs(y) - (w->hh - w->radius);

    c = qx > 0 && qy > 0 && w->radius > 0
        ? 0.5 - (hypot(qx, qy) - w->radius) / unit
        : between_sides(x, w->hw, unit) * between_sides(y, w->hh, unit);

    return c <= 0 ? 0 : c >= 1 ? RN_OPAQUE : (int) lround(c * RN_OPAQUE);
}


/*
 * Where a line p + t * d runs between -m and m: narrows [*from, *to].
 */

static void
between(double p, double d, double m, double *from, double *to)
{
    double  a, b, t;

    if (m < 0 || fabs(d) < 1e-9) {
        if (fabs(p) > m) {
            *to = *from - 1;
        }
        return;
    }

    a = (-m - p) / d;
    b = (m - p) / d;

    if (a > b) {
        t = a;
        a = b;
        b = t;
    }

    *from = a > *from ? a : *from;
    *to = b < *to ? b : *to;
}


/* The px of a row that lie between the box's sides grown by `grow`. */

static void
span(const warper *w, double x, double y, double dx, double dy, double grow,
    int n, int *from, int *to)
{
    double  a = 0, b = n - 1;

    between(x, dx, w->hw + grow, &a, &b);
    between(y, dy, w->hh + grow, &a, &b);

    *from = (int) ceil(a);
    *to = a <= b ? (int) floor(b) + 1 : *from;

    if (*to < *from) {
        *to = *from;
    }
}


/* dst = dst * (1 - cover) + src * cover; alpha and opacity are in cover. */

static void
mix_covered(uint8_t *restrict d, const uint8_t *restrict s,
    const uint16_t *restrict cover, int n)
{
    int  i;

    for (i = 0; i < n; i++) {
        d[i] = (uint8_t) ((d[i] * (RN_OPAQUE - cover[i]) + s[i] * cover[i]
                           + RN_OPAQUE / 2) >> SHIFT);
    }
}


/* The same with one cover for all. */

static void
mix_evenly(uint8_t *restrict d, const uint8_t *restrict s, int cover, int n)
{
    int  i;

    for (i = 0; i < n; i++) {
        d[i] = (uint8_t) ((d[i] * (RN_OPAQUE - cover) + s[i] * cover
                           + RN_OPAQUE / 2) >> SHIFT);
    }
}


/* What of each px of the row is covered; false: all of all, by the opacity. */

static bool
cover_row(const warper *w, const uint8_t *alpha, double lx, double ly,
    double dx, double dy, double unit, int from, int to, int n)
{
    int     i, a, b;
    double  grow;

    /* 1 - 1 / sqrt(2); what is missing of a px at its edge rounds away */

    grow = -(w->radius * 0.2929 + 0.5 * unit) + 1e-6;
    span(w, lx, ly, dx, dy, grow, n, &a, &b);

    if (alpha == NULL && a <= from && b >= to) {
        return false;
    }

    for (i = from; i < to; i++) {
        w->cover[i - from] = (uint16_t) (i >= a && i < b ? RN_OPAQUE
                             : coverage(w, lx + i * dx, ly + i * dy, unit));
    }

    if (w->warp->opacity != RN_OPAQUE) {
        for (i = 0; i < to - from; i++) {
            w->cover[i] = (uint16_t) ((w->cover[i] * w->warp->opacity
                                       + RN_OPAQUE / 2) >> SHIFT);
        }
    }

    if (alpha != NULL) {
        for (i = 0; i < to - from; i++) {
            w->cover[i] = (uint16_t) ((w->cover[i] * alpha[i] + 127) / 255);
        }
    }

    return true;
}


static int64_t
fixed(double v)
{
    return (int64_t) llround(v * ONE);
}


/*
 * One plane: 0 luma, 1 and 2 chroma.  Of four px of luma a px of chroma may
 * have the colour of their left side, but covers them all: that is told from
 * their middle.
 */

static void
draw_plane(warper *w, AVFrame *dst, const AVFrame *src, int i)
{
    int             x, y, n, rows, from, to, sub;
    bool            has_alpha, upright, found;
    rn_plane        p, a;
    double          px, py, lx, ly, dx, dy, kx, ky, u, v, unit, left;
    uint8_t        *d;
    const rn_warp  *s = w->warp;

    sub = i != 0;
    unit = sub ? 2 : 1;
    left = sub && src->chroma_location != AVCHROMA_LOC_CENTER ? 0.5 : 0;
    n = sub ? dst->width / 2 : dst->width;
    rows = sub ? dst->height / 2 : dst->height;
    p = rn_plane_of(src, i);
    has_alpha = src->format == AV_PIX_FMT_YUVA420P;
    a = rn_plane_of(src, has_alpha ? 3 : 0);

    kx = s->sw / s->w;                      /* px of the source a px */
    ky = s->sh / s->h;
    dx = w->cos * unit;
    dy = -w->sin * unit;
    upright = w->cos == 1 && w->sin == 0;
    found = false;

    for (y = 0; y < rows; y++) {
        px = unit / 2;                      /* where the row begins */
        py = (y + 0.5) * unit;
        lx = w->cos * (px - s->cx) + w->sin * (py - s->cy);
        ly = -w->sin * (px - s->cx) + w->cos * (py - s->cy);

        span(w, lx, ly, dx, dy, 0.5 * unit, n, &from, &to);
        if (from >= to) {
            continue;
        }

        x = from;
        u = s->sx + s->sw / 2 + (lx + x * dx) * kx;
        v = s->sy + s->sh / 2 + (ly + x * dy) * ky;

        if (has_alpha) {
            sample_row(&a, w->alpha, to - from, fixed(u - 0.5),
                       fixed(v - 0.5), fixed(dx * kx), fixed(dy * ky));
        }

        /* as places of the plane, whose first px lies at 0 */

        u -= left * w->cos * kx;
        v += left * w->sin * ky;
        u = sub ? (u - 1 + left) / 2 : u - 0.5;
        v = sub ? (v - 1) / 2 : v - 0.5;

        if (has_alpha) {
            sample_row_weighted(&p, &a, sub, w->row, to - from, fixed(u),
                                fixed(v), fixed(dx * kx / unit),
                                fixed(dy * ky / unit),
                                fixed(left * w->cos * kx / unit),
                                fixed(-left * w->sin * ky / unit));

        } else if (upright) {
            if (!found) {
                find_columns(w, &p, to - from, fixed(u), fixed(dx * kx / unit));
                w->held[0] = w->held[1] = -1;
                found = true;
            }

            if (ky < 1) {
                sample_row_larger(w, &p, w->row, to - from, (int) fixed(v));
            } else {
                sample_row_upright(w, &p, w->row, to - from, (int) fixed(v));
            }

        } else {
            sample_row(&p, w->row, to - from, fixed(u), fixed(v),
                       fixed(dx * kx / unit), fixed(dy * ky / unit));
        }

        d = dst->data[i] + (ptrdiff_t) y * dst->linesize[i] + from;

        if (cover_row(w, has_alpha ? w->alpha : NULL, lx, ly, dx, dy, unit,
                      from, to, n))
        {
            mix_covered(d, w->row, w->cover, to - from);
        } else if (s->opacity != RN_OPAQUE) {
            mix_evenly(d, w->row, s->opacity, to - from);
        } else {
            memcpy(d, w->row, (size_t) (to - from));
        }
    }
}


bool
rn_warp_draw(AVFrame *dst, const AVFrame *src, const rn_warp *warp)
{
    int     i;
    size_t  n;
    warper  w;

    if (warp->opacity <= 0 || warp->w < 0.01 || warp->h < 0.01
        || warp->sw <= 0 || warp->sh <= 0)
    {
        return true;
    }

    n = (size_t) dst->width;
    w.warp = warp;
    w.cos = cos(warp->angle);
    w.sin = sin(warp->angle);

    if (fabs(w.sin) < 1e-9 && w.cos > 0) {  /* whole turns, to the bit: all */
        w.cos = 1;                          /* rows have the same columns */
        w.sin = 0;
    }

    w.hw = warp->w / 2;
    w.hh = warp->h / 2;
    w.radius = warp->radius < w.hw ? warp->radius : w.hw;
    w.radius = w.radius < w.hh ? w.radius : w.hh;

    w.x0 = malloc(n * (3 * sizeof(int) + 3 * sizeof(uint16_t) + 2)
                  + (size_t) src->width * sizeof(uint16_t));
    if (w.x0 == NULL) {
        return false;
    }

    w.x1 = w.x0 + n;                        /* the widest come first */
    w.fx = w.x1 + n;
    w.cover = (uint16_t *) (void *) (w.fx + n);
    w.wide[0] = (int16_t *) (void *) (w.cover + n);
    w.wide[1] = w.wide[0] + n;
    w.rows = (uint16_t *) (void *) (w.wide[1] + n);
    w.row = (uint8_t *) (w.rows + src->width);
    w.alpha = w.row + n;

    for (i = 0; i < 3; i++) {
        draw_plane(&w, dst, src, i);
    }

    free(w.x0);

    return true;
}
