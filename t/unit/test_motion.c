/*
 * Numbers that move: CSS' easing curves at places that are computed here in
 * other ways, steps, what holds before the first key and behind the last,
 * places between ticks, and lists that are refused.
 */

#include "helpers.h"

#include "rn_motion.h"


static const double  ease[] = { 0.25, 0.1, 0.25, 1 };
static const double  ease_in[] = { 0.42, 0, 1, 1 };
static const double  ease_out[] = { 0, 0, 0.58, 1 };
static const double  ease_in_out[] = { 0.42, 0, 0.58, 1 };
static const double  back[] = { 0.68, -0.55, 0.265, 1.55 };


static bool
read_list(rn_motion *m, const char *text, int values)
{
    bool     ok;
    json_t  *list;

    list = json_loads(text, JSON_DECODE_ANY, NULL);
    if (list == NULL) {
        fail_msg("no JSON: %s", text);
    }

    ok = rn_motion_read(m, list, values);
    json_decref(list);                      /* the motion keeps its own */

    return ok;
}


static void
good(rn_motion *m, const char *text, int values)
{
    if (!read_list(m, text, values)) {
        fail_msg("refused: %s", text);
    }
}


static double
at(const rn_motion *m, double place)
{
    double  v[RN_MOTION_VALUES];

    rn_motion_at(m, place, v);

    return v[0];
}


/* Computed with 40 digits from the curves' equations. */

static void
test_known_curves(void **state)
{
    size_t  i, k;

    static const double  x[] = { 0.1, 0.25, 0.5, 0.75, 0.9 };

    static const struct {
        const double  *curve;
        double         y[5];
    } known[] = {
        { ease, { 0.0947963057, 0.4085105913, 0.8024033875, 0.9604589783,
                  0.9943164774 } },
        { ease_in, { 0.0170266096, 0.0934646507, 0.3153568125, 0.6218618691,
                     0.8394278457 } },
        { ease_out, { 0.1605721542, 0.3781381308, 0.6846431874, 0.9065353492,
                      0.9829733903 } },
        { ease_in_out, { 0.0197224535, 0.1291619310, 0.5, 0.8708380689,
                         0.9802775464 } },
        { back, { -0.066291477, -0.082807108, 0.6066798972, 1.0891657748,
                  1.0623731951 } },
    };

    (void) state;

    for (i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        for (k = 0; k < 5; k++) {
            assert_near(rn_bezier(known[i].curve, x[k]), known[i].y[k], 1e-8);
        }

        assert_near(rn_bezier(known[i].curve, 0), 0, 0);
        assert_near(rn_bezier(known[i].curve, 1), 1, 0);
        assert_near(rn_bezier(known[i].curve, -3), 0, 0);
        assert_near(rn_bezier(known[i].curve, 7), 1, 0);
    }
}


/* A point of the curve by de Casteljau: means of means. */

static double
casteljau(double a, double b, double t)
{
    double  p[4] = { 0, a, b, 1 };
    int     i, n;

    for (n = 3; n > 0; n--) {
        for (i = 0; i < n; i++) {
            p[i] += (p[i + 1] - p[i]) * t;
        }
    }

    return p[0];
}


static void
test_any_curve(void **state)
{
    int     i, k;
    double  e[4], t, x, y;

    (void) state;

    srand(7);

    for (i = 0; i < 2000; i++) {
        for (k = 0; k < 4; k++) {
            e[k] = rand() % 1001 / 1000.0;
            if (k % 2 == 1) {
                e[k] = e[k] * 20 - 10;
            }
        }

        for (k = 0; k <= 20; k++) {
            t = k / 20.0;
            x = casteljau(e[0], e[2], t);
            y = casteljau(e[1], e[3], t);

            /* where time nearly stands still, any place near is as good */

            if (fabs(casteljau(e[0], e[2], t + 1e-3) - x) > 1e-5
                && fabs(casteljau(e[0], e[2], t - 1e-3) - x) > 1e-5)
            {
                assert_near(rn_bezier(e, x), y, 1e-5);
            }
        }
    }
}


static void
test_straight(void **state)
{
    int        i;
    rn_motion  m;

    static const double  line[] = { 0, 0, 1, 1 };

    (void) state;

    for (i = 0; i <= 100; i++) {
        assert_near(rn_bezier(line, i / 100.0), i / 100.0, 1e-9);
    }

    good(&m, "[[10, 100], [20, 200], [40, -100]]", 1);
    assert_int_equal(m.n, 3);
    assert_int_equal(m.values, 1);

    assert_near(at(&m, -1e12), 100, 0);     /* before the first */
    assert_near(at(&m, 0), 100, 0);
    assert_near(at(&m, 9.999), 100, 0);
    assert_near(at(&m, 10), 100, 0);
    assert_near(at(&m, 10.001), 100.01, 1e-9);
    assert_near(at(&m, 12.5), 125, 1e-9);
    assert_near(at(&m, 19.99), 199.9, 1e-9);
    assert_near(at(&m, 20), 200, 0);
    assert_near(at(&m, 20.5), 192.5, 1e-9);
    assert_near(at(&m, 30), 50, 1e-9);
    assert_near(at(&m, 39.9), -98.5, 1e-9);
    assert_near(at(&m, 40), -100, 0);
    assert_near(at(&m, 40.001), -100, 0);   /* behind the last */
    assert_near(at(&m, 1e12), -100, 0);

    rn_motion_free(&m);
    rn_motion_free(&m);                     /* twice is fine */
    assert_int_equal(m.n, 0);
}


static void
test_one_key(void **state)
{
    rn_motion  m;

    (void) state;

    good(&m, "[[-5, 42, 250, 100, 250, 1000]]", 1);
    assert_near(at(&m, -6), 42, 0);
    assert_near(at(&m, -5), 42, 0);
    assert_near(at(&m, 1e6), 42, 0);
    rn_motion_free(&m);
}


/* Until a step's key, not a bit earlier, the value before holds. */

static void
test_steps(void **state)
{
    rn_motion  m;

    (void) state;

    good(&m, "[[0, 1, 0], [10, 2, 0], [20, 3], [30, 4, 0]]", 1);

    assert_near(at(&m, -1), 1, 0);
    assert_near(at(&m, 0), 1, 0);
    assert_near(at(&m, 9.999999), 1, 0);
    assert_near(at(&m, 10), 2, 0);
    assert_near(at(&m, 15), 2.5, 1e-9);     /* the way to 20 is a line */
    assert_near(at(&m, 20), 3, 0);
    assert_near(at(&m, 29.999999), 3, 0);
    assert_near(at(&m, 30), 4, 0);
    assert_near(at(&m, 31), 4, 0);

    rn_motion_free(&m);
}


/* The easing stands at the key that it leads to. */

static void
test_curved(void **state)
{
    double     v[RN_MOTION_VALUES];
    rn_motion  m;

    (void) state;

    good(&m, "[[0, 0], [100, 1000, 250, 100, 250, 1000], [200, 0],"
             " [300, 1000, 680, -550, 265, 1550]]", 1);

    assert_near(at(&m, 25), 408.5105913, 1e-5);
    assert_near(at(&m, 50), 802.4033875, 1e-5);
    assert_near(at(&m, 75), 960.4589783, 1e-5);
    assert_near(at(&m, 150), 500, 1e-9);
    assert_near(at(&m, 225), -82.807108, 1e-4);     /* back, and beyond */
    assert_near(at(&m, 275), 1089.1657748, 1e-4);
    rn_motion_free(&m);

    good(&m, "[[0, 10, -10, 0, 7],"
             " [100, 20, -20, 100, 7, 420, 0, 1000, 1000]]", 4);
    rn_motion_at(&m, 50, v);
    assert_near(v[0], 13.153568125, 1e-7);
    assert_near(v[1], -13.153568125, 1e-7);
    assert_near(v[2], 31.53568125, 1e-7);
    assert_near(v[3], 7, 0);
    rn_motion_free(&m);
}


/* Nothing but the values that there are is written. */

static void
test_values(void **state)
{
    int        i, n;
    double     v[RN_MOTION_VALUES + 1];
    rn_motion  m;

    static const char *const  lists[] = {
        "[[0, 1], [2, 3], [4, 9, 0]]",
        "[[0, 1, 2], [2, 3, 4], [4, 9, 9, 0]]",
        "[[0, 1, 2, 3], [2, 3, 4, 5], [4, 9, 9, 9, 0]]",
        "[[0, 1, 2, 3, 4], [2, 3, 4, 5, 6], [4, 9, 9, 9, 9, 0]]",
    };

    static const double  places[] = { -1, 0, 1, 2, 3, 4, 5 };
    static const double  first[] = { 1, 1, 2, 3, 3, 9, 9 };

    (void) state;

    for (n = 1; n <= RN_MOTION_VALUES; n++) {
        good(&m, lists[n - 1], n);

        for (i = 0; i < 7; i++) {
            for (int k = 0; k <= RN_MOTION_VALUES; k++) {
                v[k] = 12345;
            }

            rn_motion_at(&m, places[i], v);

            for (int k = 0; k <= RN_MOTION_VALUES; k++) {
                assert_near(v[k], k >= n ? 12345 : first[i] == 9 ? 9
                                  : first[i] + k, 1e-12);
            }
        }

        rn_motion_free(&m);
    }
}


/* The right two of many keys; and a part of them moves as all do. */

static void
test_many(void **state)
{
    int        i, k, n = 1000, from, to;
    double     place, want, x;
    int64_t    ats[1000], values[1000];
    json_t    *list, *part, *key;
    rn_motion  m, cut;

    (void) state;

    srand(11);
    list = json_array();

    for (i = 0; i < n; i++) {
        ats[i] = (i > 0 ? ats[i - 1] : -500) + 1 + rand() % 20;
        values[i] = rand() % 2000000 - 1000000;
        key = i % 3 == 2 ? json_pack("[I, I, i]", (json_int_t) ats[i],
                                     (json_int_t) values[i], 0)
              : json_pack("[I, I]", (json_int_t) ats[i],
                          (json_int_t) values[i]);
        assert_int_equal(json_array_append_new(list, key), 0);
    }

    assert_true(rn_motion_read(&m, list, 1));

    for (i = 0; i < 20000; i++) {
        place = (double) ats[0] - 10
                + (double) (ats[n - 1] - ats[0] + 20) * (rand() / 2147483647.0);

        for (k = 0; k < n && (double) ats[k] <= place; k++) { /* void */ }

        if (k == 0) {
            want = (double) values[0];
        } else if (k == n || k % 3 == 2) {
            want = (double) values[k - 1];
        } else {
            x = (place - (double) ats[k - 1]) / (double) (ats[k] - ats[k - 1]);
            want = (double) values[k - 1] * (1 - x) + (double) values[k] * x;
        }

        assert_near(at(&m, place), want, 1e-6);
    }

    for (i = 0; i < 200; i++) {
        from = rand() % (n - 2);
        to = from + 1 + rand() % (n - from - 1);
        part = json_array();

        for (k = from; k <= to; k++) {
            assert_int_equal(json_array_append(part, json_array_get(list,
                                               (size_t) k)), 0);
        }

        assert_true(rn_motion_read(&cut, part, 1));

        for (k = 0; k < 50; k++) {
            place = (double) ats[from]
                    + (double) (ats[to] - ats[from]) * k / 49;
            assert_near(at(&cut, place), at(&m, place), 0);
        }

        rn_motion_free(&cut);
        json_decref(part);
    }

    rn_motion_free(&m);
    json_decref(list);
}


/* Ticks and values of long films, which no int holds. */

static void
test_large(void **state)
{
    rn_motion  m;

    (void) state;

    good(&m, "[[-4000000000000, -9000000000], [4000000000000, 9000000000]]",
         1);
    assert_near(at(&m, 0), 0, 1e-3);
    assert_near(at(&m, 2e12), 4.5e9, 1e-3);
    assert_near(at(&m, -2e12), -4.5e9, 1e-3);
    assert_near(at(&m, 4e12), 9e9, 0);
    rn_motion_free(&m);
}


static void
test_refused(void **state)
{
    size_t     i;
    rn_motion  m;

    static const struct {
        const char  *text;
        int          values;
    } wrong[] = {
        { "null", 1 }, { "7", 1 }, { "\"x\"", 1 }, { "{}", 1 }, { "[]", 1 },
        { "{\"0\":[0,1]}", 1 }, { "[7]", 1 }, { "[null]", 1 }, { "[{}]", 1 },
        { "[\"01\"]", 1 }, { "[[]]", 1 }, { "[[0]]", 1 },

        /* neither linear, nor a step, nor a curve */

        { "[[0,1,0,0]]", 1 }, { "[[0,1,0,0,0]]", 1 },
        { "[[0,1,0,0,0,0,0]]", 1 }, { "[[0,1]]", 2 },
        { "[[0,1,2,0,0]]", 2 }, { "[[0,1,2,3]]", 4 },
        { "[[0,1,2,3,4,5,6]]", 4 },

        /* integers alone */

        { "[[0.5,1]]", 1 }, { "[[0,1.0]]", 1 }, { "[[0,\"1\"]]", 1 },
        { "[[null,1]]", 1 }, { "[[0,true]]", 1 }, { "[[0,[1]]]", 1 },
        { "[[0,1,0.5]]", 1 }, { "[[0,1,0,0,1000,1.5]]", 1 },

        /* one after another */

        { "[[0,1],[0,2]]", 1 }, { "[[5,1],[4,2]]", 1 },
        { "[[0,1],[10,2],[10,3]]", 1 }, { "[[0,1],[10,2],[9,3]]", 1 },

        /* a bad one among good ones */

        { "[[0,1],[10,2],[20]]", 1 }, { "[[0,1],{},[20,3]]", 1 },
        { "[[0,1],[10,2,3],[20,3,4]]", 2 },

        { "[[0]]", 0 }, { "[[0]]", -1 }, { "[[0,1,2,3,4,5]]", 5 },
    };

    (void) state;

    for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        memset(&m, 0x55, sizeof(m));

        if (read_list(&m, wrong[i].text, wrong[i].values)) {
            fail_msg("taken: %s", wrong[i].text);
        }

        assert_null(m.keys);                /* nothing to be freed */
        assert_int_equal(m.n, 0);
    }

    assert_false(rn_motion_read(&m, NULL, 1));
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_known_curves),
        cmocka_unit_test(test_any_curve),
        cmocka_unit_test(test_straight),
        cmocka_unit_test(test_one_key),
        cmocka_unit_test(test_steps),
        cmocka_unit_test(test_curved),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_large),
        cmocka_unit_test(test_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
