/*
 * Pictures laid at any place, size and angle: what stands still is copied to
 * the bit, and turns go the right way round.
 */

#include "warp_helpers.h"


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


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_identity),
        cmocka_unit_test(test_whole_turns),
        cmocka_unit_test(test_as_blend),
        cmocka_unit_test(test_turns),
        cmocka_unit_test(test_chroma_turns),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
