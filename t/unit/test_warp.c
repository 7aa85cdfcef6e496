/*
 * Pictures laid at any place, size and angle: what stands still is copied to
 * the bit, turns go the right way round, areas are kept to a fraction of a px,
 * edges are clean, and nothing but the px of the target is ever written.
 */

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


static int
plane_w(const AVFrame *f, int i)
{
    return i == 1 || i == 2 ? (f->width + 1) / 2 : f->width;
}


static int
plane_h(const AVFrame *f, int i)
{
    return i == 1 || i == 2 ? (f->height + 1) / 2 : f->height;
}


static picture *
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


static void
free_picture(picture *p)
{
    int  i;

    for (i = 0; i < 4; i++) {
        free(p->mem[i]);
    }
    free(p);
}


static uint8_t *
at(const AVFrame *f, int plane, int x, int y)
{
    return f->data[plane] + (ptrdiff_t) y * f->linesize[plane] + x;
}


static void
fill(picture *p, int y, int u, int v, int a)
{
    int  i, k, value[4] = { y, u, v, a };

    for (i = 0; i < 4 && p->mem[i] != NULL; i++) {
        for (k = 0; k < plane_h(&p->f, i); k++) {
            memset(at(&p->f, i, 0, k), value[i], (size_t) plane_w(&p->f, i));
        }
    }
}


static void
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


static void
copy_of(picture *to, const picture *from)
{
    int  i;

    for (i = 0; i < 4 && from->mem[i] != NULL; i++) {
        memcpy(to->mem[i], from->mem[i], from->size[i]);
    }
}


static void
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

static void
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

static rn_warp
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


static void
draw(picture *dst, const picture *src, const rn_warp *w)
{
    assert_true(rn_warp_draw(&dst->f, &src->f, w));
}


static double
uniform(double lo, double hi)
{
    return lo + (hi - lo) * (rand() / (double) RAND_MAX);
}


static void
test_identity(void **state)
{
    size_t    i;
    picture  *src, *dst;
    rn_warp   w;

    static const int  sides[][2] = {
        { 2, 2 }, { 16, 16 }, { 64, 36 }, { 98, 54 }, { 640, 2 }, { 2, 480 },
        { 322, 182 },
    };

    (void) state;

    for (i = 0; i < sizeof(sides) / sizeof(sides[0]); i++) {
        src = new_picture(sides[i][0], sides[i][1], false, false);
        dst = new_picture(sides[i][0], sides[i][1], false, true);
        fill_random(src);
        fill_random(dst);

        w = whole(src, 0, 0);
        draw(dst, src, &w);
        check_same(&dst->f, &src->f, 0, "upright");
        check_guards(dst);

        fill_random(dst);
        w.angle = 4 * M_PI;                 /* twice around */
        draw(dst, src, &w);
        check_same(&dst->f, &src->f, 0, "turned twice around");

        free_picture(src);
        free_picture(dst);
    }
}


/*
 * Whole turns are none, wherever the box begins; sines that are all but 0 must
 * not move its edge from row to row.
 */

static void
test_whole_turns(void **state)
{
    int       i;
    picture  *src, *a, *b;
    rn_warp   w;

    (void) state;

    srand(5);
    src = new_picture(98, 54, false, false);
    a = new_picture(160, 120, false, true);
    b = new_picture(160, 120, false, true);
    fill_random(src);

    for (i = 0; i < 400; i++) {
        fill_random(a);
        copy_of(b, a);

        w = whole(src, rand() % 80 - 10, rand() % 80 - 10);
        w.w = 2 + rand() % 120;
        w.h = 2 + rand() % 100;
        draw(a, src, &w);

        w.angle = (rand() % 201 - 100) * 2 * M_PI;
        draw(b, src, &w);

        check_same(&b->f, &a->f, 0, "whole turns");
        check_guards(b);
    }

    free_picture(src);
    free_picture(a);
    free_picture(b);
}


/* On even px the picture is the one that rn_blend lays, half outside too. */

static void
test_as_blend(void **state)
{
    int       i, sx, sy, w, h, dx, dy;
    bool      alpha;
    char      what[120];
    picture  *src, *a, *b;
    rn_warp   at;

    (void) state;

    srand(3);

    for (i = 0; i < 2000; i++) {
        alpha = i % 2 == 1;
        src = new_picture(2 + 2 * (rand() % 24), 2 + 2 * (rand() % 18), alpha,
                          false);
        a = new_picture(64, 48, false, true);
        b = new_picture(64, 48, false, true);
        fill_random(src);
        fill_random(a);
        copy_of(b, a);
        if (i % 4 < 2) {
            src->f.chroma_location = AVCHROMA_LOC_CENTER;
        }

        sx = 2 * (rand() % (src->f.width / 2));
        sy = 2 * (rand() % (src->f.height / 2));
        w = 2 + 2 * (rand() % ((src->f.width - sx) / 2));
        h = 2 + 2 * (rand() % ((src->f.height - sy) / 2));
        dx = 2 * (rand() % 50) - 20;
        dy = 2 * (rand() % 40) - 16;

        memset(&at, 0, sizeof(at));
        at.sx = sx;
        at.sy = sy;
        at.sw = at.w = w;
        at.sh = at.h = h;
        at.cx = dx + w / 2.0;
        at.cy = dy + h / 2.0;
        at.opacity = i % 3 == 0 ? RN_OPAQUE : rand() % (RN_OPAQUE + 1);

        draw(a, src, &at);
        rn_blend(&b->f, &src->f, sx, sy, w, h, dx, dy, at.opacity);

        (void) snprintf(what, sizeof(what), "%dx%d from %d,%d at %d,%d, "
                        "opacity %d%s", w, h, sx, sy, dx, dy, at.opacity,
                        alpha ? ", alpha" : "");
        check_same(&a->f, &b->f, 0, what);
        check_guards(a);

        free_picture(src);
        free_picture(a);
        free_picture(b);
    }
}


/* Clockwise, as rotate of CSS: what was on top comes to lie at the right. */

static void
test_turns(void **state)
{
    int       quarters, x, y, fx, fy, w = 20, h = 12;
    picture  *src, *dst;
    rn_warp   at_;

    (void) state;

    src = new_picture(w, h, false, false);
    dst = new_picture(40, 40, false, true);
    fill_random(src);

    for (quarters = -4; quarters <= 4; quarters++) {
        fill(dst, 0, 0, 0, 0);
        at_ = whole(src, 0, 0);
        at_.cx = at_.cy = 20;
        at_.angle = quarters * M_PI / 2;
        draw(dst, src, &at_);

        for (y = 0; y < 40; y++) {
            for (x = 0; x < 40; x++) {

                /* from the centre, in halves of a px, turned back */

                int  u = 2 * x + 1 - 40, v = 2 * y + 1 - 40, t, i;

                for (i = 0; i < (quarters + 4) % 4; i++) {
                    t = u;
                    u = v;
                    v = -t;
                }

                fx = (u + w - 1) / 2;
                fy = (v + h - 1) / 2;

                t = u + w - 1 < 0 || v + h - 1 < 0 || fx >= w || fy >= h
                    ? 0 : *at(&src->f, 0, fx, fy);

                if (*at(&dst->f, 0, x, y) != t) {
                    fail_msg("%d quarters: %d,%d is %d, not %d", quarters, x, y,
                             *at(&dst->f, 0, x, y), t);
                }
            }
        }

        check_guards(dst);
    }

    free_picture(src);
    free_picture(dst);
}


/* Chroma turns with its luma: a ramp of all three along one side. */

static void
test_chroma_turns(void **state)
{
    int       i, x, y, k, quarters;
    bool      middle;
    double    along, want;
    picture  *src, *dst;
    rn_warp   w;

    (void) state;

    src = new_picture(64, 64, false, false);
    dst = new_picture(64, 64, false, false);

    for (quarters = 0; quarters < 8; quarters++) {

        /* v = 2 x + 20 at the place of the px: of chroma left of its four */

        middle = quarters >= 4;
        src->f.chroma_location = middle ? AVCHROMA_LOC_CENTER
                                        : AVCHROMA_LOC_UNSPECIFIED;

        for (i = 0; i < 3; i++) {
            for (y = 0; y < plane_h(&src->f, i); y++) {
                for (x = 0; x < plane_w(&src->f, i); x++) {
                    *at(&src->f, i, x, y) =
                        (uint8_t) (20 + (i == 0 ? 2 * x + 1
                                         : 4 * x + (middle ? 2 : 1)));
                }
            }
        }

        w = whole(src, 0, 0);
        w.angle = quarters * M_PI / 2;
        draw(dst, src, &w);

        for (i = 0; i < 3; i++) {
            for (y = 4; y < plane_h(&dst->f, i) - 4; y++) {
                for (x = 4; x < plane_w(&dst->f, i) - 4; x++) {
                    k = i ? 2 : 1;
                    along = quarters % 2 == 0
                            ? k * x + (i && middle ? 1 : 0.5)
                            : k * y + (i ? 1 : 0.5);
                    want = 20 + 2 * (quarters % 4 < 2 ? along : 64 - along);

                    if (fabs(*at(&dst->f, i, x, y) - want) > 1) {
                        fail_msg("%d quarters: plane %d at %d,%d is %d, not "
                                 "%g", quarters, i, x, y,
                                 *at(&dst->f, i, x, y), want);
                    }
                }
            }
        }
    }

    free_picture(src);
    free_picture(dst);
}


/* What is seen of a picture of 255s on one of 0s, in px of luma. */

static double
area(const picture *p, int plane)
{
    int     x, y;
    double  sum;

    sum = 0;

    for (y = 0; y < plane_h(&p->f, plane); y++) {
        for (x = 0; x < plane_w(&p->f, plane); x++) {
            sum += *at(&p->f, plane, x, y);
        }
    }

    return sum / 255 * (plane ? 4 : 1);
}


static void
check_area(picture *dst, const picture *src, const rn_warp *w, double want,
    double part)
{
    int     i;
    double  have;

    fill(dst, 0, 0, 0, 0);
    draw(dst, src, w);

    for (i = 0; i < 3; i++) {
        have = area(dst, i);

        /* a plane of chroma has a fourth of the px to tell it with */

        if (fabs(have - want) > part * want * (i ? 2 : 1)) {
            fail_msg("%gx%g at %g,%g turned by %g: plane %d covers %g, not %g",
                     w->w, w->h, w->cx, w->cy, w->angle, i, have, want);
        }
    }
}


static void
test_area(void **state)
{
    int       i;
    picture  *src, *dst;
    rn_warp   w;

    (void) state;

    srand(5);
    src = new_picture(16, 16, false, false);
    dst = new_picture(160, 120, false, false);
    fill(src, 255, 255, 255, 0);

    for (i = 0; i < 1500; i++) {
        w = whole(src, 0, 0);
        w.w = uniform(16, 80);
        w.h = uniform(16, 60);
        w.cx = uniform(55, 105);
        w.cy = uniform(55, 65);
        w.angle = i % 5 == 0 ? 0 : uniform(-10, 10);

        check_area(dst, src, &w, w.w * w.h, 0.005);

        w.opacity = rand() % RN_OPAQUE;
        if (w.opacity > RN_OPAQUE / 4) {
            check_area(dst, src, &w, w.w * w.h * w.opacity / RN_OPAQUE, 0.02);
        }
    }

    free_picture(src);
    free_picture(dst);
}


/* What is thinner than a px is as faint as it is thin. */

static void
test_thin(void **state)
{
    int       i;
    picture  *src, *dst;
    rn_warp   w;

    (void) state;

    srand(9);
    src = new_picture(16, 16, false, false);
    dst = new_picture(100, 100, false, false);
    fill(src, 255, 255, 255, 0);

    for (i = 0; i < 500; i++) {
        w = whole(src, 0, 0);
        w.w = uniform(0.1, 1);
        w.h = uniform(40, 60);
        w.cx = uniform(45, 55);
        w.cy = uniform(45, 55);
        w.angle = i % 2 == 0 ? 0 : M_PI / 2;

        fill(dst, 0, 0, 0, 0);
        draw(dst, src, &w);
        assert_near(area(dst, 0), w.w * w.h, 0.03 * w.w * w.h + 0.5);
    }

    free_picture(src);
    free_picture(dst);
}


/* Moved along by parts of a px, the middle of what is seen moves as far. */

static void
test_no_jitter(void **state)
{
    int       i, x, y;
    double    sum, mx, my;
    picture  *src, *dst;
    rn_warp   w;

    (void) state;

    src = new_picture(16, 16, false, false);
    dst = new_picture(80, 60, false, false);
    fill(src, 255, 255, 255, 0);

    for (i = 0; i < 400; i++) {
        w = whole(src, 20 + i * 0.0371, 15 + i * 0.0173);
        w.angle = i % 2 == 0 ? 0 : i * 0.01;
        fill(dst, 0, 0, 0, 0);
        draw(dst, src, &w);

        sum = mx = my = 0;

        for (y = 0; y < 60; y++) {
            for (x = 0; x < 80; x++) {
                sum += *at(&dst->f, 0, x, y);
                mx += (x + 0.5) * *at(&dst->f, 0, x, y);
                my += (y + 0.5) * *at(&dst->f, 0, x, y);
            }
        }

        assert_near(mx / sum, w.cx, 0.05);
        assert_near(my / sum, w.cy, 0.05);
    }

    free_picture(src);
    free_picture(dst);
}


static void
test_opacity(void **state)
{
    int       i, x, y, p;
    picture  *src, *dst, *was;
    rn_warp   w;

    (void) state;

    src = new_picture(40, 30, false, false);
    dst = new_picture(40, 30, false, false);
    was = new_picture(40, 30, false, false);
    fill_random(src);
    fill_random(was);

    for (p = -1; p <= 8; p++) {
        copy_of(dst, was);
        w = whole(src, 0, 0);
        w.opacity = p * RN_OPAQUE / 8;
        draw(dst, src, &w);

        for (i = 0; i < 3; i++) {
            for (y = 0; y < plane_h(&dst->f, i); y++) {
                for (x = 0; x < plane_w(&dst->f, i); x++) {
                    assert_near(*at(&dst->f, i, x, y),
                                p <= 0 ? *at(&was->f, i, x, y)
                                : (*at(&was->f, i, x, y) * (8 - p)
                                   + *at(&src->f, i, x, y) * p) / 8.0,
                                p <= 0 ? 0 : 0.51);
                }
            }
        }
    }

    free_picture(src);
    free_picture(dst);
    free_picture(was);
}


/*
 * A disc of the target's own colour, beside it nothing, whose colour is black:
 * laid anywhere it must not be seen.
 */

static void
test_no_fringe(void **state)
{
    int       i, k, x, y, a;
    double    r;
    picture  *src, *dst, *want;
    rn_warp   w;

    static const int  color[3] = { 230, 60, 210 };

    (void) state;

    srand(21);
    src = new_picture(48, 48, true, false);
    dst = new_picture(120, 100, false, true);
    want = new_picture(120, 100, false, false);
    fill(src, 0, 0, 0, 0);
    fill(want, color[0], color[1], color[2], 0);

    for (y = 0; y < 48; y++) {
        for (x = 0; x < 48; x++) {
            r = 20.5 - hypot(x - 23.5, y - 23.5);
            a = r < 0 ? 0 : r > 1 ? 255 : (int) (r * 255);
            *at(&src->f, 3, x, y) = (uint8_t) a;

            for (k = 0; a > 0 && k < 3; k++) {
                *at(&src->f, k, k ? x / 2 : x, k ? y / 2 : y) =
                    (uint8_t) color[k];
            }
        }
    }

    for (i = 0; i < 300; i++) {
        fill(dst, color[0], color[1], color[2], 0);
        w = whole(src, 0, 0);
        w.w = uniform(20, 90);
        w.h = uniform(20, 90);
        w.cx = uniform(20, 100);
        w.cy = uniform(20, 80);
        w.angle = i % 3 == 0 ? 0 : uniform(-4, 4);
        w.opacity = i % 2 == 0 ? RN_OPAQUE : rand() % RN_OPAQUE;
        draw(dst, src, &w);
        check_same(&dst->f, &want->f, 1, "a fringe");
        check_guards(dst);
    }

    /* but on black it is seen, as large as it is */

    fill(dst, 0, 0, 0, 0);
    w = whole(src, 30.3, 20.7);
    draw(dst, src, &w);
    assert_near(area(dst, 0) * 255 / color[0], M_PI * 20 * 20, 15);
    assert_int_equal(*at(&dst->f, 0, 54, 44), color[0]);
    assert_int_equal(*at(&dst->f, 0, 32, 22), 0);

    free_picture(src);
    free_picture(dst);
    free_picture(want);
}


static void
test_radius(void **state)
{
    int       i;
    double    r, shown;
    picture  *src, *dst;
    rn_warp   w;

    (void) state;

    srand(33);
    src = new_picture(16, 16, false, false);
    dst = new_picture(160, 120, false, true);
    fill(src, 255, 255, 255, 0);

    for (i = 0; i < 500; i++) {
        w = whole(src, 0, 0);
        w.w = uniform(30, 80);
        w.h = uniform(30, 60);
        w.cx = uniform(60, 100);
        w.cy = uniform(55, 65);
        w.angle = i % 2 == 0 ? 0 : uniform(-4, 4);
        w.radius = uniform(0, 50);

        r = fmin(w.radius, fmin(w.w, w.h) / 2);
        shown = w.w * w.h - (4 - M_PI) * r * r;
        check_area(dst, src, &w, shown, 0.01);
        check_guards(dst);
    }

    /* corners show what is below, sides and middle do not */

    fill(dst, 7, 8, 9, 0);
    w = whole(src, 0, 0);
    w.w = 100;
    w.h = 80;
    w.cx = 80;
    w.cy = 60;
    w.radius = 30;
    draw(dst, src, &w);

    for (i = 0; i < 4; i++) {
        assert_int_equal(*at(&dst->f, 0, i % 2 ? 30 : 129, i / 2 ? 20 : 99), 7);
        assert_int_equal(*at(&dst->f, 1, i % 2 ? 16 : 63, i / 2 ? 11 : 48), 8);
        assert_int_equal(*at(&dst->f, 0, i % 2 ? 42 : 117, i / 2 ? 32 : 87),
                         255);
    }

    assert_int_equal(*at(&dst->f, 0, 80, 20), 255);
    assert_int_equal(*at(&dst->f, 0, 80, 99), 255);
    assert_int_equal(*at(&dst->f, 0, 30, 60), 255);
    assert_int_equal(*at(&dst->f, 0, 129, 60), 255);
    assert_int_equal(*at(&dst->f, 2, 40, 30), 255);
    assert_int_equal(*at(&dst->f, 0, 80, 19), 7);
    assert_int_equal(*at(&dst->f, 0, 130, 60), 7);

    free_picture(src);
    free_picture(dst);
}


/* The part that is asked for, drawn larger: a ramp stays one. */

static void
test_part(void **state)
{
    int       x, y, i;
    double    want;
    picture  *src, *dst;
    rn_warp   w;

    (void) state;

    src = new_picture(100, 60, false, false);
    dst = new_picture(160, 96, false, false);

    for (y = 0; y < 60; y++) {
        for (x = 0; x < 100; x++) {
            *at(&src->f, 0, x, y) = (uint8_t) (2 * x + 1);
            *at(&src->f, 1, x / 2, y / 2) = (uint8_t) (4 * (y / 2) + 2);
            *at(&src->f, 2, x / 2, y / 2) = (uint8_t) (4 * (x / 2) + 1);
        }
    }

    memset(&w, 0, sizeof(w));
    w.sx = 30.25;
    w.sy = 10.5;
    w.sw = 40;
    w.sh = 24;
    w.w = 160;
    w.h = 96;
    w.cx = 80;
    w.cy = 48;
    w.opacity = RN_OPAQUE;
    fill(dst, 0, 0, 0, 0);
    draw(dst, src, &w);

    for (i = 0; i < 3; i++) {
        for (y = 0; y < plane_h(&dst->f, i); y++) {
            for (x = 0; x < plane_w(&dst->f, i); x++) {
                want = i == 0 ? 2 * (w.sx + (x + 0.5) / 4)
                       : i == 1 ? 2 * (w.sy + (2 * y + 1) / 4.0)
                       : 2 * (w.sx + (2 * x + 0.5) / 4.0);
                assert_near(*at(&dst->f, i, x, y), want, 1.01);
            }
        }
    }

    free_picture(src);
    free_picture(dst);
}


/*
 * Upright pictures take ways of their own, one where they are made larger and
 * one where not.  An angle of which nobody sees anything takes neither, and
 * the px must be the same: but where a place is told on the other side of 1/256
 * of a px.
 */

static void
test_upright(void **state)
{
    int       x, y, i, round, n, other;
    picture  *src, *dst, *turned;
    rn_warp   w;

    (void) state;

    srand(5);
    src = new_picture(90, 70, false, false);
    dst = new_picture(200, 180, false, true);
    turned = new_picture(200, 180, false, true);
    fill_random(src);

    for (round = 0; round < 40; round++) {
        memset(&w, 0, sizeof(w));
        w.sw = uniform(10, 90);
        w.sh = uniform(10, 70);
        w.sx = uniform(-5, 90 - w.sw);
        w.sy = uniform(-5, 70 - w.sh);
        w.w = round % 2 ? uniform(w.sw, 300) : uniform(5, w.sw);
        w.h = round % 2 ? uniform(w.sh, 300) : uniform(5, w.sh);
        w.cx = uniform(0, 200);
        w.cy = uniform(0, 180);
        w.opacity = round % 3 ? RN_OPAQUE : RN_OPAQUE / 3;

        fill(dst, 60, 120, 130, 0);
        fill(turned, 60, 120, 130, 0);
        draw(dst, src, &w);
        w.angle = 2e-9;
        draw(turned, src, &w);

        for (i = 0, n = 0, other = 0; i < 3; i++) {
            for (y = 0; y < plane_h(&dst->f, i); y++) {
                for (x = 0; x < plane_w(&dst->f, i); x++, n++) {
                    assert_near(*at(&dst->f, i, x, y),
                                *at(&turned->f, i, x, y), 1);
                    other += *at(&dst->f, i, x, y)
                             != *at(&turned->f, i, x, y);
                }
            }
        }

        assert_true(other * 500 < n);
    }

    check_guards(dst);
    free_picture(src);
    free_picture(dst);
    free_picture(turned);
}


/* Any numbers at all: what is not of the target stays as it was. */

static void
test_anywhere(void **state)
{
    int       i;
    picture  *src[4], *dst;
    rn_warp   w;

    static const double  sizes[] = {
        0, -5, 0.001, 0.02, 0.5, 1, 3.3, 50, 1000, 163840, 1e7, -1e7, 1e-7,
    };

    static const double  places[] = {
        0, -0.5, 32.5, 64, 64.001, -1e-9, 1e3, -1e3, 1e6, -1e6, 1e9, -1e9,
    };

#define PICK(list)  list[rand() % (int) (sizeof(list) / sizeof(list[0]))]

    (void) state;

    srand(77);
    src[0] = new_picture(2, 2, false, false);
    src[1] = new_picture(34, 18, true, false);
    src[2] = new_picture(8192, 2, false, false);
    src[3] = new_picture(2, 2, true, false);
    dst = new_picture(64, 46, false, true);

    for (i = 0; i < 4; i++) {
        fill_random(src[i]);
    }

    for (i = 0; i < 20000; i++) {
        w.w = PICK(sizes);
        w.h = PICK(sizes);
        w.sx = i % 4 == 0 ? PICK(places) : uniform(-40, 40);
        w.sy = i % 4 == 0 ? PICK(places) : uniform(-40, 40);
        w.sw = i % 3 == 0 ? PICK(sizes) : uniform(0.1, 80);
        w.sh = i % 3 == 0 ? PICK(sizes) : uniform(0.1, 80);
        w.cx = i % 2 == 0 ? PICK(places) : uniform(-20, 84);
        w.cy = i % 2 == 0 ? PICK(places) : uniform(-20, 66);
        w.angle = i % 5 == 0 ? 0 : i % 5 == 1 ? rand() % 9 * M_PI / 4
                  : uniform(-700, 700);
        w.radius = i % 3 == 0 ? PICK(sizes) : 0;
        w.radius = w.radius < 0 ? 0 : w.radius;
        w.opacity = i % 2 == 0 ? RN_OPAQUE : rand() % (RN_OPAQUE + 1);

        draw(dst, src[i % 4], &w);
    }

    check_guards(dst);

    for (i = 0; i < 4; i++) {
        free_picture(src[i]);
    }
    free_picture(dst);
}


static void
test_nothing_to_draw(void **state)
{
    size_t    i;
    picture  *src, *dst, *was;
    rn_warp   w;

    static const struct {
        double  w, h, sw, sh, cx, cy;
        int     opacity;
    } nothing[] = {
        { 0, 16, 16, 16, 20, 20, RN_OPAQUE },
        { 16, 0, 16, 16, 20, 20, RN_OPAQUE },
        { -16, 16, 16, 16, 20, 20, RN_OPAQUE },
        { 16, 16, 0, 16, 20, 20, RN_OPAQUE },
        { 16, 16, 16, -1, 20, 20, RN_OPAQUE },
        { 16, 16, 16, 16, 20, 20, 0 },
        { 16, 16, 16, 16, 20, 20, -7 },
        { 16, 16, 16, 16, -8, 20, RN_OPAQUE },
        { 16, 16, 16, 16, 48, 20, RN_OPAQUE },
        { 16, 16, 16, 16, 20, -8, RN_OPAQUE },
        { 16, 16, 16, 16, 20, 38, RN_OPAQUE },
        { 16, 16, 16, 16, -1e9, 1e9, RN_OPAQUE },
    };

    (void) state;

    src = new_picture(16, 16, false, false);
    dst = new_picture(40, 30, false, true);
    was = new_picture(40, 30, false, true);
    fill(src, 255, 255, 255, 0);
    fill_random(was);

    for (i = 0; i < sizeof(nothing) / sizeof(nothing[0]); i++) {
        copy_of(dst, was);
        w = whole(src, 0, 0);
        w.w = nothing[i].w;
        w.h = nothing[i].h;
        w.sw = nothing[i].sw;
        w.sh = nothing[i].sh;
        w.cx = nothing[i].cx;
        w.cy = nothing[i].cy;
        w.opacity = nothing[i].opacity;
        draw(dst, src, &w);
        check_same(&dst->f, &was->f, 0, "nothing");
        check_guards(dst);
    }

    free_picture(src);
    free_picture(dst);
    free_picture(was);
}


static void
test_halve(void **state)
{
    int       x, y;
    size_t    i;
    AVFrame  *half;
    picture  *src;

    static const int  sides[][4] = {        /* of the source, of its half */
        { 2, 2, 2, 2 }, { 4, 4, 2, 2 }, { 6, 8, 4, 4 }, { 98, 54, 50, 28 },
        { 64, 2, 32, 2 }, { 5, 7, 2, 4 },
    };

    (void) state;

    for (i = 0; i < 2 * sizeof(sides) / sizeof(sides[0]); i++) {
        src = new_picture(sides[i / 2][0], sides[i / 2][1], i % 2 == 1, false);
        fill(src, 200, 90, 30, 120);
        half = rn_halve(&src->f);
        assert_non_null(half);
        assert_int_equal(half->format, src->f.format);
        assert_int_equal(half->width, sides[i / 2][2]);
        assert_int_equal(half->height, sides[i / 2][3]);

        for (y = 0; y < half->height; y++) {
            for (x = 0; x < half->width; x++) {
                assert_int_equal(*at(half, 0, x, y), 200);
                assert_int_equal(*at(half, 1, x / 2, y / 2), 90);
                assert_int_equal(*at(half, 2, x / 2, y / 2), 30);
                if (i % 2 == 1) {
                    assert_int_equal(*at(half, 3, x, y), 120);
                }
            }
        }

        av_frame_free(&half);
        free_picture(src);
    }

    /* each px the mean of four; where there is alpha, by its weight */

    src = new_picture(32, 24, false, false);
    fill_random(src);
    half = rn_halve(&src->f);
    assert_non_null(half);

    for (y = 0; y < 12; y++) {
        for (x = 0; x < 16; x++) {
            assert_near(*at(half, 0, x, y), (*at(&src->f, 0, 2 * x, 2 * y)
                        + *at(&src->f, 0, 2 * x + 1, 2 * y)
                        + *at(&src->f, 0, 2 * x, 2 * y + 1)
                        + *at(&src->f, 0, 2 * x + 1, 2 * y + 1)) / 4.0, 0.5);
        }
    }

    av_frame_free(&half);
    free_picture(src);

    src = new_picture(32, 24, true, false);
    fill(src, 0, 0, 0, 0);

    for (y = 0; y < 24; y++) {
        for (x = 0; x < 32; x++) {
            if ((x / 3 + y / 5) % 2 == 0) {
                *at(&src->f, 0, x, y) = 250;
                *at(&src->f, 3, x, y) = 255;
            }
        }
    }

    half = rn_halve(&src->f);
    assert_non_null(half);

    for (y = 0; y < 12; y++) {
        for (x = 0; x < 16; x++) {
            assert_int_equal(*at(half, 0, x, y),
                             *at(half, 3, x, y) > 0 ? 250 : 0);
            assert_near(*at(half, 3, x, y), (*at(&src->f, 3, 2 * x, 2 * y)
                        + *at(&src->f, 3, 2 * x + 1, 2 * y)
                        + *at(&src->f, 3, 2 * x, 2 * y + 1)
                        + *at(&src->f, 3, 2 * x + 1, 2 * y + 1)) / 4.0, 0.5);
        }
    }

    av_frame_free(&half);
    free_picture(src);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_identity),
        cmocka_unit_test(test_whole_turns),
        cmocka_unit_test(test_as_blend),
        cmocka_unit_test(test_turns),
        cmocka_unit_test(test_chroma_turns),
        cmocka_unit_test(test_area),
        cmocka_unit_test(test_thin),
        cmocka_unit_test(test_no_jitter),
        cmocka_unit_test(test_opacity),
        cmocka_unit_test(test_no_fringe),
        cmocka_unit_test(test_radius),
        cmocka_unit_test(test_part),
        cmocka_unit_test(test_upright),
        cmocka_unit_test(test_anywhere),
        cmocka_unit_test(test_nothing_to_draw),
        cmocka_unit_test(test_halve),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
