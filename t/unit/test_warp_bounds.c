/*
 * Pictures laid at any place, size and angle: nothing but the px of the target
 * is ever written; and pictures of half the size.
 */

#include "warp_helpers.h"


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
        cmocka_unit_test(test_upright),
        cmocka_unit_test(test_anywhere),
        cmocka_unit_test(test_nothing_to_draw),
        cmocka_unit_test(test_halve),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
