/*
 * Pictures laid at any place, size and angle: areas are kept to a fraction of
 * a px, and edges are clean, also round ones and see-through ones.
 */

#include "warp_helpers.h"


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


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_area),
        cmocka_unit_test(test_thin),
        cmocka_unit_test(test_no_jitter),
        cmocka_unit_test(test_opacity),
        cmocka_unit_test(test_no_fringe),
        cmocka_unit_test(test_radius),
        cmocka_unit_test(test_part),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
