/*
 * The list of problems: what it keeps and counts, its JSON whatever bytes are
 * quoted, the nearest known name; and the wire names of outcomes.
 */

#include "helpers.h"
#include "rn_problem.h"
#include "rn_status.h"


static const char *const  known[] = {
    "start", "duration", "in_point", "out_point", "width", "height", "fit",
    "opacity", NULL
};


static void
test_empty(void **state)
{
    json_t       *j;
    rn_problems   ps;

    (void) state;

    memset(&ps, 0, sizeof(ps));

    j = rn_problems_json(&ps);
    assert_true(json_is_array(j));
    assert_int_equal(json_array_size(j), 0);
    json_decref(j);

    rn_problems_free(&ps);
    rn_problems_free(&ps);
}


static void
test_add(void **state)
{
    json_t       *j, *item;
    rn_problems   ps;

    (void) state;

    memset(&ps, 0, sizeof(ps));

    rn_problem_add(&ps, "/a/0", "must be %d, not \"%s\"", 1, "x");
    rn_problem_add(&ps, "", "100%% wrong");

    assert_int_equal(ps.n, 2);
    assert_int_equal(ps.total, 2);
    assert_string_equal(ps.items[0].pointer, "/a/0");
    assert_string_equal(ps.items[0].detail, "must be 1, not \"x\"");
    assert_string_equal(ps.items[1].detail, "100% wrong");

    j = rn_problems_json(&ps);
    assert_int_equal(json_array_size(j), 2);
    item = json_array_get(j, 0);
    assert_int_equal(json_object_size(item), 2);
    assert_string_equal(json_string_value(json_object_get(item, "pointer")),
                        "/a/0");
    assert_string_equal(json_string_value(json_object_get(item, "detail")),
                        "must be 1, not \"x\"");
    json_decref(j);

    rn_problems_free(&ps);
    assert_int_equal(ps.n, 0);
    assert_int_equal(ps.total, 0);

    rn_problem_add(&ps, "/b", "again");             /* usable after free */
    assert_int_equal(ps.n, 1);
    rn_problems_free(&ps);
}


static void
test_many(void **state)
{
    int           i;
    char          pointer[16];
    json_t       *j, *last;
    rn_problems   ps;

    (void) state;

    memset(&ps, 0, sizeof(ps));

    for (i = 0; i < 1000; i++) {
        (void) snprintf(pointer, sizeof(pointer), "/%d", i);
        rn_problem_add(&ps, pointer, "no");
    }

    assert_int_equal(ps.n, RN_PROBLEMS_MAX);
    assert_int_equal(ps.total, 1000);
    assert_string_equal(ps.items[99].pointer, "/99");

    j = rn_problems_json(&ps);
    assert_int_equal(json_array_size(j), RN_PROBLEMS_MAX + 1);
    last = json_array_get(j, RN_PROBLEMS_MAX);
    assert_string_equal(json_string_value(json_object_get(last, "detail")),
                        "and 900 more problems");
    json_decref(j);
    rn_problems_free(&ps);
}


/* Bytes that are no UTF-8, or a character cut in half, still make JSON. */

static void
test_any_bytes(void **state)
{
    int           c;
    char          text[8], *dump;
    json_t       *j;
    rn_problems   ps;

    (void) state;

    memset(&ps, 0, sizeof(ps));

    rn_problem_add(&ps, "/\xc3", "cut \xe2\x82 here");
    rn_problem_add(&ps, "/\xc3\xa9", "good \xe2\x82\xac");

    for (c = 1; c < 256 && ps.n < RN_PROBLEMS_MAX; c += 3) {
        (void) snprintf(text, sizeof(text), "%c\xff", c);
        rn_problem_add(&ps, text, "%s", text);
    }

    j = rn_problems_json(&ps);
    assert_non_null(j);
    assert_int_equal(json_array_size(j), ps.n);
    assert_string_equal(json_string_value(json_object_get(json_array_get(j, 0),
                                                          "detail")),
                        "cut ?? here");
    assert_string_equal(json_string_value(json_object_get(json_array_get(j, 1),
                                                          "detail")),
                        "good \xe2\x82\xac");

    dump = json_dumps(j, 0);
    assert_non_null(dump);
    free(dump);
    json_decref(j);
    rn_problems_free(&ps);
}


static void
test_long(void **state)
{
    char         *big;
    rn_problems   ps;

    (void) state;

    memset(&ps, 0, sizeof(ps));

    big = malloc(100001);
    assert_non_null(big);
    memset(big, 'y', 100000);
    big[100000] = '\0';

    rn_problem_add(&ps, big, "%s", big);
    assert_int_equal(strlen(ps.items[0].pointer), 100000);
    assert_true(strlen(ps.items[0].detail) < 1000);

    free(big);
    rn_problems_free(&ps);
}


static void
test_nearest(void **state)
{
    (void) state;

    assert_string_equal(rn_nearest("strat", known), "start");
    assert_string_equal(rn_nearest("starts", known), "start");
    assert_string_equal(rn_nearest("Start", known), "start");
    assert_string_equal(rn_nearest("durration", known), "duration");
    assert_string_equal(rn_nearest("inpoint", known), "in_point");
    assert_string_equal(rn_nearest("outPoint", known), "out_point");
    assert_string_equal(rn_nearest("heigth", known), "height");
    assert_string_equal(rn_nearest("opacty", known), "opacity");
    assert_string_equal(rn_nearest("fits", known), "fit");

    assert_null(rn_nearest("", known));
    assert_null(rn_nearest("zzz", known));
    assert_null(rn_nearest("x", known));
    assert_null(rn_nearest("completely_other", known));
}


static void
test_nearest_long(void **state)
{
    size_t  n;
    char    name[2001];

    static const char *const long_known[] = {
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        NULL
    };

    static const char *const nothing[] = { NULL };

    (void) state;

    for (n = 0; n <= 2000; n++) {           /* no bound is run over */
        memset(name, 'a', n);
        name[n] = '\0';
        (void) rn_nearest(name, known);
        assert_null(rn_nearest(name, long_known));
        assert_null(rn_nearest(name, nothing));
    }
}


static void
test_status_names(void **state)
{
    int  i, k;

    (void) state;

    for (i = 0; i < RN_E_MAX; i++) {
        assert_non_null(rn_status_name((rn_status) i));
        assert_int_equal(rn_status_parse(rn_status_name((rn_status) i)), i);

        for (k = 0; k < i; k++) {
            assert_string_not_equal(rn_status_name((rn_status) i),
                                    rn_status_name((rn_status) k));
        }
    }

    assert_string_equal(rn_status_name(RN_E_INPUT), "input");
    assert_string_equal(rn_status_name((rn_status) 99), "internal");
    assert_string_equal(rn_status_name((rn_status) -1), "internal");
    assert_int_equal(rn_status_parse("no such thing"), RN_E_INTERNAL);
    assert_int_equal(rn_status_parse(""), RN_E_INTERNAL);
}


static void
test_status_retry(void **state)
{
    (void) state;

    assert_true(rn_status_retryable(RN_E_INTERNAL));
    assert_true(rn_status_retryable(RN_E_NOMEM));
    assert_true(rn_status_retryable(RN_E_IO));
    assert_false(rn_status_retryable(RN_OK));
    assert_false(rn_status_retryable(RN_E_INPUT));
    assert_false(rn_status_retryable(RN_E_INVALID));
    assert_false(rn_status_retryable(RN_E_LIMIT));
    assert_false(rn_status_retryable(RN_E_UNSUPPORTED));
    assert_false(rn_status_retryable(RN_E_CANCELLED));
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_add),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_any_bytes),
        cmocka_unit_test(test_long),
        cmocka_unit_test(test_nearest),
        cmocka_unit_test(test_nearest_long),
        cmocka_unit_test(test_status_names),
        cmocka_unit_test(test_status_retry),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
