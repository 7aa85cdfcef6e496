/*
 * Events and their ids: members are found where they are and nowhere else, and
 * numbers too large to be held are none.
 */

#include "helpers.h"
#include "rn_event.h"


#define TEXT(s)  s, sizeof(s) - 1


static const struct {
    const char         *text;
    rn_event_resume_e   is;
    uint64_t            ms, seq;
} ids[] = {
    { "1700000000000-3", RN_EVENT_RESUME_AFTER, 1700000000000, 3 },
    { "1700000000000", RN_EVENT_RESUME_AFTER, 1700000000000, 0 },
    { "0-0", RN_EVENT_RESUME_AFTER, 0, 0 },
    { "007-08", RN_EVENT_RESUME_AFTER, 7, 8 },
    { "999999999999999999-999999999999999999", RN_EVENT_RESUME_AFTER,
      999999999999999999, 999999999999999999 },
    { "end-", RN_EVENT_RESUME_END, 0, 0 },
    { "end-1-2", RN_EVENT_RESUME_END, 0, 0 },
    { "", RN_EVENT_RESUME_NONE, 0, 0 },
    { "end", RN_EVENT_RESUME_NONE, 0, 0 },
    { "END-", RN_EVENT_RESUME_NONE, 0, 0 },
    { "-", RN_EVENT_RESUME_NONE, 0, 0 },
    { "1-", RN_EVENT_RESUME_NONE, 0, 0 },
    { "-1", RN_EVENT_RESUME_NONE, 0, 0 },
    { "1-2-", RN_EVENT_RESUME_NONE, 0, 0 },
    { "1-2-3", RN_EVENT_RESUME_NONE, 0, 0 },
    { "1--2", RN_EVENT_RESUME_NONE, 0, 0 },
    { "1-x", RN_EVENT_RESUME_NONE, 0, 0 },
    { "1-2x", RN_EVENT_RESUME_NONE, 0, 0 },
    { "x", RN_EVENT_RESUME_NONE, 0, 0 },
    { "1_2", RN_EVENT_RESUME_NONE, 0, 0 },
    { " 1", RN_EVENT_RESUME_NONE, 0, 0 },
    { "1 ", RN_EVENT_RESUME_NONE, 0, 0 },
    { "+1", RN_EVENT_RESUME_NONE, 0, 0 },
    { "1000000000000000000", RN_EVENT_RESUME_NONE, 0, 0 },
    { "18446744073709551616-0", RN_EVENT_RESUME_NONE, 0, 0 },
    { "1-1000000000000000000", RN_EVENT_RESUME_NONE, 0, 0 },
};


static void
test_ids(void **state)
{
    char         *copy;
    size_t        i, len;
    rn_event_id   id;

    (void) state;

    for (i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        len = strlen(ids[i].text);
        copy = malloc(len ? len : 1);
        assert_non_null(copy);
        memcpy(copy, ids[i].text, len);
        memset(&id, 0x55, sizeof(id));

        if (rn_event_resume(copy, len, &id) != ids[i].is
            || id.ms != ids[i].ms || id.seq != ids[i].seq)
        {
            fail_msg("\"%s\"", ids[i].text);
        }

        assert_int_equal(rn_event_id_read(copy, len, &id),
                         ids[i].is == RN_EVENT_RESUME_AFTER);
        free(copy);
    }
}


static void
test_order(void **state)
{
    size_t  i, k;

    static const rn_event_id  order[] = {
        { 0, 0 }, { 0, 1 }, { 1, 0 }, { 1, 2 }, { 2, 0 }
    };

    (void) state;

    for (i = 0; i < 5; i++) {
        for (k = 0; k < 5; k++) {
            assert_int_equal(rn_event_id_compare(&order[i], &order[k]),
                             (i > k) - (i < k));
        }
    }
}


/* The member "b", as it is written. */

static const struct {
    const char  *doc;
    const char  *value;
} docs[] = {
    { "{\"b\":1}", "1" },
    { "{\"a\":1,\"b\":\"x\"}", "\"x\"" },
    { " { \"a\" : [ 1, 2 ] , \"b\" : true } ", "true" },
    { "{\"a\":{\"b\":1},\"b\":2}", "2" },
    { "{\"a\":[{\"b\":1}],\"b\":{\"c\":[1,\"}\"]}}", "{\"c\":[1,\"}\"]}" },
    { "{\"a\":\"\\\"b\\\":1\",\"b\":2}", "2" },
    { "{\"a\":\",\\\"b\\\":\\\"x\",\"b\":2}", "2" },
    { "{\"a\":\"\\\\\",\"b\":2}", "2" },
    { "{\"a\":\"}{][\",\"b\":\"a\\\"b\"}", "\"a\\\"b\"" },
    { "{\"b\":1,\"b\":2}", "1" },
    { "{\"a\":\"b\",\"b\":null}", "null" },
    { "{\"b\":[]}", "[]" },

    { "", NULL },
    { "{", NULL },
    { "{}", NULL },
    { "[\"b\",1]", NULL },
    { "\"b\":1", NULL },
    { "{\"a\":{\"b\":1}}", NULL },
    { "{\"a\":[\"b\",1]}", NULL },
    { "{\"a\":\"b\"}", NULL },
    { "{\"bb\":1}", NULL },
    { "{\"\\u0062\":1}", NULL },
    { "{\"b\":}", NULL },
    { "{\"b\":,\"a\":1}", NULL },
    { "{\"b\":1", NULL },
    { "{\"b\":\"1", NULL },
    { "{\"b\":\"1\\", NULL },
    { "{\"b\":\"1\\\"", NULL },
    { "{\"b\":[1", NULL },
    { "{\"b\"", NULL },
    { "{\"b", NULL },
    { "{\"a\":1 \"b\":1}", NULL },
    { "{\"a\":\"1\"x,\"b\":1}", NULL },
    { "{\"a\" 1,\"b\":1}", NULL },
    { "{a:1,\"b\":1}", NULL },
};


static void
test_members(void **state)
{
    bool         found;
    char        *copy;
    size_t       i, len, n;
    const char  *value;

    (void) state;

    for (i = 0; i < sizeof(docs) / sizeof(docs[0]); i++) {
        len = strlen(docs[i].doc);
        copy = malloc(len ? len : 1);
        assert_non_null(copy);
        memcpy(copy, docs[i].doc, len);

        found = rn_event_member(copy, len, "b", &value, &n);

        if (found != (docs[i].value != NULL)
            || (found && (n != strlen(docs[i].value)
                          || memcmp(value, docs[i].value, n) != 0)))
        {
            fail_msg("%s: %.*s", docs[i].doc, found ? (int) n : 5,
                     found ? value : "(nil)");
        }

        free(copy);
    }
}


static void
test_strings(void **state)
{
    size_t       n;
    const char  *value;

    (void) state;

    assert_true(rn_event_string(TEXT("{\"a\":\"\"}"), "a", &value, &n));
    assert_int_equal(n, 0);
    assert_true(rn_event_string(TEXT("{\"a\":\"xyz\"}"), "a", &value, &n));
    assert_int_equal(n, 3);
    assert_memory_equal(value, "xyz", 3);
    assert_false(rn_event_string(TEXT("{\"a\":1}"), "a", &value, &n));
    assert_false(rn_event_string(TEXT("{\"a\":\"x\\n\"}"), "a", &value, &n));
    assert_false(rn_event_string(TEXT("{\"b\":\"x\"}"), "a", &value, &n));

    assert_true(rn_event_is(TEXT("{\"a\":\"xyz\"}"), "a", "xyz"));
    assert_false(rn_event_is(TEXT("{\"a\":\"xyz\"}"), "a", "xy"));
    assert_false(rn_event_is(TEXT("{\"a\":\"xyz\"}"), "a", "xyzz"));
    assert_false(rn_event_is(TEXT("{\"a\":true}"), "a", "true"));
}


static void
test_tenths(void **state)
{
    char    doc[80];
    size_t  i;

    static const struct {
        const char  *text;
        long         tenths;
    } numbers[] = {
        { "0", 0 }, { "7", 70 }, { "99.9", 999 }, { "12.34", 123 },
        { "12.39999", 123 }, { "0.05", 0 }, { "100000000", 1000000000 },
        { "100000000.0", 1000000000 }, { "100000000.1", -1 },
        { "100000001", -1 }, { "99999999999999999999999999", -1 },
        { "-1", -1 }, { "1e2", -1 }, { "1.5e2", -1 }, { "1.", -1 },
        { "\"1\"", -1 }, { "null", -1 }, { "[1]", -1 }, { ".5", -1 },
        { "1x", -1 },
    };

    (void) state;

    for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        (void) sprintf(doc, "{\"x\":1,\"n\":%s}", numbers[i].text);
        if (rn_event_tenths(doc, strlen(doc), "n") != numbers[i].tenths) {
            fail_msg("%s: %ld", numbers[i].text,
                     rn_event_tenths(doc, strlen(doc), "n"));
        }
    }

    assert_int_equal(rn_event_tenths(doc, strlen(doc), "m"), -1);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_ids),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_members),
        cmocka_unit_test(test_strings),
        cmocka_unit_test(test_tenths),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
