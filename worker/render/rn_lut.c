/* Tables of colours; see rn_lut.h. */

#include "rn_lut.h"
#include "rn_bytes.h"
#include "rn_cube.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>


typedef float  rgba __attribute__((vector_size(16)));

struct rn_lut {
    bool       cube;
    float      intensity;
    uint8_t    curve[3][256];           /* of curves: what comes out */
    rgba      *corners;                 /* of a cube, in 0 to 255 */
    int        at[3][256];              /* corner below a value */
    float      gone[3][256];            /* and how far behind it */
    int        all;                     /* from a corner to the opposite one */

    /* by which of R, G and B has gone further: the two corners between */

    int        first[8], second[8];
};


static float
in_255(double v)
{
    return (float) (v * 255);
}


/* Where a value of 0 to 255 lies among `size` of them. */

static void
place(const rn_cube *c, int channel, int v, int *at, float *gone)
{
    double  x;

    x = (v / 255.0 - c->min[channel]) / (c->max[channel] - c->min[channel]);
    x = x < 0 ? 0 : x > 1 ? 1 : x;
    x *= c->size - 1;

    *at = (int) floor(x);

    if (*at > c->size - 2) {
        *at = c->size - 2;
    }

    *gone = (float) (x - *at);
}


static uint8_t
byte_of(float v)
{
    return v <= 0 ? 0 : v >= 255 ? 255 : (uint8_t) (v + 0.5f);
}


static void
make_curves(rn_lut *l, const rn_cube *c)
{
    int     i, v, at;
    float   gone, a, b, out;

    for (i = 0; i < 3; i++) {
        for (v = 0; v < 256; v++) {
            place(c, i, v, &at, &gone);
            a = in_255(c->rgb[3 * at + i]);
            b = in_255(c->rgb[3 * at + 3 + i]);
            out = a + (b - a) * gone;
            l->curve[i][v] = byte_of((float) v
                                     + (out - (float) v) * l->intensity);
        }
    }
}


static bool
make_corners(rn_lut *l, const rn_cube *c)
{
    int     i, v, step[3], order;
    size_t  k, n;

    step[0] = 1;
    step[1] = c->size;
    step[2] = c->size * c->size;
    n = (size_t) step[2] * (size_t) c->size;

    if (posix_memalign((void **) &l->corners, sizeof(rgba), n * sizeof(rgba))
        != 0)
    {
        l->corners = NULL;
        return false;
    }

    for (k = 0; k < n; k++) {
        l->corners[k] = (rgba) { in_255(c->rgb[3 * k]),
                                 in_255(c->rgb[3 * k + 1]),
                                 in_255(c->rgb[3 * k + 2]), 0 };
    }

    for (i = 0; i < 3; i++) {
        for (v = 0; v < 256; v++) {
            place(c, i, v, &l->at[i][v], &l->gone[i][v]);
            l->at[i][v] *= step[i];
        }
    }

    l->all = step[0] + step[1] + step[2];

    /* order: bit 2 R > G, bit 1 G > B, bit 0 R > B */

    for (order = 0; order < 8; order++) {
        bool  rg = order & 4, gb = order & 2, rb = order & 1;

        l->first[order] = rg && rb ? step[0] : !rg && gb ? step[1] : step[2];
        l->second[order] = l->all - (!rg && !rb ? step[0]
                                     : rg && !gb ? step[1] : step[2]);
    }

    return true;
}


static inline rgba
look_up(const rn_lut *l, int r, int g, int b)
{
    int          order;
    rgba         a, c, d, e;
    float        fr, fg, fb, most, mid, least;
    const rgba  *corner;

    fr = l->gone[0][r];
    fg = l->gone[1][g];
    fb = l->gone[2][b];
    corner = l->corners + l->at[0][r] + l->at[1][g] + l->at[2][b];

    most = fr > fg ? fr : fg;
    least = fr > fg ? fg : fr;
    mid = fb > most ? most : fb < least ? least : fb;
    most = fb > most ? fb : most;
    least = fb < least ? fb : least;
    order = (fr > fg) << 2 | (fg > fb) << 1 | (fr > fb);

    a = corner[0];
    c = corner[l->first[order]];
    d = corner[l->second[order]];
    e = corner[l->all];

    return a + (c - a) * most + (d - c) * mid + (e - d) * least;
}


static void
apply_cube(const rn_lut *l, uint8_t *r, uint8_t *g, uint8_t *b, int n)
{
    int       i;
    rgba      v, in;
    uint8_t   or, og, ob;
    uint32_t  key, last;

    or = og = ob = 0;
    last = UINT32_MAX;

    for (i = 0; i < n; i++) {
        key = (uint32_t) r[i] << 16 | (uint32_t) g[i] << 8 | b[i];

        if (key != last) {              /* what is flat is looked up once */
            in = (rgba) { r[i], g[i], b[i], 0 };
            v = look_up(l, r[i], g[i], b[i]);
            v = in + (v - in) * l->intensity;
            or = byte_of(v[0]);
            og = byte_of(v[1]);
            ob = byte_of(v[2]);
            last = key;
        }

        r[i] = or;
        g[i] = og;
        b[i] = ob;
    }
}


static void
apply_curve(const uint8_t curve[256], uint8_t *p, int n)
{
    int  i;

    for (i = 0; i < n; i++) {
        p[i] = curve[p[i]];
    }
}


void
rn_lut_apply(const rn_lut *l, AVFrame *f)
{
    int       y;
    uint8_t  *r, *g, *b;

    for (y = 0; y < f->height; y++) {
        g = f->data[0] + (ptrdiff_t) y * f->linesize[0];
        b = f->data[1] + (ptrdiff_t) y * f->linesize[1];
        r = f->data[2] + (ptrdiff_t) y * f->linesize[2];

        if (l->cube) {
            apply_cube(l, r, g, b, f->width);
            continue;
        }

        apply_curve(l->curve[0], r, f->width);
        apply_curve(l->curve[1], g, f->width);
        apply_curve(l->curve[2], b, f->width);
    }
}


rn_lut *
rn_lut_open(int fd, double intensity, rn_fault *fault)
{
    char      err[200];
    rn_lut   *l;
    rn_cube   cube;
    rn_bytes  file;

    if (rn_bytes_read(fd, RN_CUBE_MAX, &file, fault) != RN_OK) {
        return NULL;
    }

    if (!rn_cube_read(file.p, file.n, &cube, err, sizeof(err))) {
        rn_fail(fault, RN_E_INPUT, "the table of colours cannot be read: %s",
                err);
        rn_bytes_free(&file);
        return NULL;
    }

    rn_bytes_free(&file);
    l = calloc(1, sizeof(rn_lut));

    if (l != NULL) {
        l->cube = cube.cube;
        l->intensity = (float) intensity;

        if (!cube.cube) {
            make_curves(l, &cube);
        } else if (!make_corners(l, &cube)) {
            rn_lut_free(&l);
        }
    }

    rn_cube_free(&cube);

    if (l == NULL) {
        rn_fail(fault, RN_E_NOMEM, "out of memory");
    }

    return l;
}


void
rn_lut_free(rn_lut **lp)
{
    if (*lp != NULL) {
        free((*lp)->corners);
        free(*lp);
        *lp = NULL;
    }
}
