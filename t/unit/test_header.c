/*
 * Values of headers and queries: what has the shape of its specification is
 * taken, in memory of just its size, and nothing beside it.
 */

#include "helpers.h"
#include "rn_header.h"
#include "rn_query.h"


#define TEXT(s)  s, sizeof(s) - 1

#define TRACE  "4bf92f3577b34da6a3ce929d0e0e4736"
#define SPAN   "00f067aa0ba902b7"


static char *
copy_of(const char *text, size_t len)
{
    char  *copy;

    copy = malloc(len ? len : 1);
    assert_non_null(copy);
    memcpy(copy, text, len);

    return copy;
}


static const struct {
    const char   *value;
    size_t        len;
    rn_bearer_e   is;
    const char   *token;
} bearers[] = {
    { TEXT("Bearer a"), RN_BEARER_OK, "a" },
    { TEXT("bEARER a.b.c"), RN_BEARER_OK, "a.b.c" },
    { TEXT("Bearer    a"), RN_BEARER_OK, "a" },
    { TEXT("Bearer aZ09-._~+/"), RN_BEARER_OK, "aZ09-._~+/" },
    { TEXT("Bearer a="), RN_BEARER_OK, "a=" },
    { TEXT("Bearer a==="), RN_BEARER_OK, "a===" },
    { TEXT(""), RN_BEARER_OTHER, NULL },
    { TEXT("Bearer"), RN_BEARER_OTHER, NULL },
    { TEXT("Bearer "), RN_BEARER_OTHER, NULL },
    { TEXT("Bearer     "), RN_BEARER_OTHER, NULL },
    { TEXT("Bearer\ta"), RN_BEARER_OTHER, NULL },
    { TEXT("Bearera"), RN_BEARER_OTHER, NULL },
    { TEXT("Bearer,a"), RN_BEARER_OTHER, NULL },
    { TEXT(" Bearer a"), RN_BEARER_OTHER, NULL },
    { TEXT("Basic YTpi"), RN_BEARER_OTHER, NULL },
    { TEXT("Bearer ="), RN_BEARER_BAD, NULL },
    { TEXT("Bearer a=b"), RN_BEARER_BAD, NULL },
    { TEXT("Bearer a b"), RN_BEARER_BAD, NULL },
    { TEXT("Bearer a "), RN_BEARER_BAD, NULL },
    { TEXT("Bearer a, Bearer b"), RN_BEARER_BAD, NULL },
    { TEXT("Bearer \"a\""), RN_BEARER_BAD, NULL },
    { TEXT("Bearer a\0b"), RN_BEARER_BAD, NULL },
    { TEXT("Bearer \0"), RN_BEARER_BAD, NULL },
    { TEXT("Bearer \xc3\xb6"), RN_BEARER_BAD, NULL },
};


static void
test_bearer(void **state)
{
    char        *copy;
    size_t       i, len;
    const char  *token;
    rn_bearer_e  is;

    (void) state;

    for (i = 0; i < sizeof(bearers) / sizeof(bearers[0]); i++) {
        copy = copy_of(bearers[i].value, bearers[i].len);
        token = NULL;
        len = 0;

        is = rn_bearer(copy, bearers[i].len, &token, &len);
        if (is != bearers[i].is) {
            fail_msg("\"%s\" is %d", bearers[i].value, (int) is);
        }

        if (is == RN_BEARER_OK) {
            assert_int_equal(len, strlen(bearers[i].token));
            assert_memory_equal(token, bearers[i].token, len);
        }

        free(copy);
    }
}


static void
test_request_id(void **state)
{
    char  text[130];

    (void) state;

    memset(text, 'a', sizeof(text));

    assert_true(rn_is_request_id(TEXT("a")));
    assert_true(rn_is_request_id(TEXT("AZaz09-_.:")));
    assert_true(rn_is_request_id(text, 128));
    assert_false(rn_is_request_id(text, 129));
    assert_false(rn_is_request_id(TEXT("")));
    assert_false(rn_is_request_id(TEXT("a b")));
    assert_false(rn_is_request_id(TEXT("a\"")));
    assert_false(rn_is_request_id(TEXT("a\n")));
    assert_false(rn_is_request_id(TEXT("\xc3\xb6")));
    assert_false(rn_is_request_id("a\0", 2));
}


static void
test_printable(void **state)
{
    int   c;
    char  text[1];

    (void) state;

    assert_true(rn_is_printable(TEXT("")));

    for (c = 0; c < 256; c++) {
        text[0] = (char) c;
        assert_int_equal(rn_is_printable(text, 1), c >= 0x20 && c <= 0x7e);
    }
}


static const struct {
    const char  *value;
    bool         ok;
} traces[] = {
    { "00-" TRACE "-" SPAN "-01", true },
    { "00-" TRACE "-" SPAN "-00", true },
    { "00-" TRACE "-" SPAN "-ff", true },
    { "01-" TRACE "-" SPAN "-01", true },
    { "cc-" TRACE "-" SPAN "-01-what-will-be", true },
    { "cc-" TRACE "-" SPAN "-01-", true },
    { "", false },
    { "00-" TRACE "-" SPAN "-0", false },
    { "00-" TRACE "-" SPAN "-01-", false },
    { "00-" TRACE "-" SPAN "-01-more", false },
    { "01-" TRACE "-" SPAN "-01more", false },
    { "01-" TRACE "-" SPAN "-01-\x7f", false },
    { "ff-" TRACE "-" SPAN "-01", false },
    { "0-" TRACE "-" SPAN "-010", false },
    { "00-00000000000000000000000000000000-" SPAN "-01", false },
    { "00-" TRACE "-0000000000000000-01", false },
    { "00-4BF92F3577B34DA6A3CE929D0E0E4736-" SPAN "-01", false },
    { "00_" TRACE "-" SPAN "-01", false },
    { "00-" TRACE "_" SPAN "-01", false },
    { "00-" TRACE "-" SPAN "_01", false },
    { "0g-" TRACE "-" SPAN "-01", false },
    { "00-" TRACE "-" SPAN "-0g", false },
};


static void
test_traceparent(void **state)
{
    char    *copy;
    size_t   i, len;
    char     longest[129];

    (void) state;

    for (i = 0; i < sizeof(traces) / sizeof(traces[0]); i++) {
        len = strlen(traces[i].value);
        copy = copy_of(traces[i].value, len);
        if (rn_is_traceparent(copy, len) != traces[i].ok) {
            fail_msg("%s", traces[i].value);
        }
        free(copy);
    }

    memset(longest, 'x', sizeof(longest));
    memcpy(longest, traces[4].value, 56);
    assert_true(rn_is_traceparent(longest, 128));
    assert_false(rn_is_traceparent(longest, 129));
}


static void
test_media_type(void **state)
{
    size_t  i;

    static const char  *form = "multipart/form-data";

    static const struct {
        const char  *value;
        bool         ok;
    } values[] = {
        { "multipart/form-data", true },
        { "Multipart/FORM-Data", true },
        { "multipart/form-data; boundary=x", true },
        { "multipart/form-data;boundary=x", true },
        { "multipart/form-data ; boundary=x", true },
        { "multipart/form-data\t;boundary=x", true },
        { "multipart/form-dat", false },
        { "multipart/form-data2", false },
        { "multipart/form-data,text/plain", false },
        { " multipart/form-data", false },
        { "text/plain; multipart/form-data", false },
        { "", false },
    };

    (void) state;

    for (i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        if (rn_is_media_type(values[i].value, strlen(values[i].value), form)
            != values[i].ok)
        {
            fail_msg("\"%s\"", values[i].value);
        }
    }

    assert_true(rn_is_media_type(TEXT("Video/mp4"), "video/"));
    assert_true(rn_is_media_type(TEXT("video/"), "video/"));
    assert_false(rn_is_media_type(TEXT("video"), "video/"));
    assert_false(rn_is_media_type(TEXT("video/mp4"), ""));
}


/* Fields as "name=value|", decoded. */

static const struct {
    const char  *query, *fields;
} queries[] = {
    { "", "" },
    { "a=1", "a=1|" },
    { "a=1&b=2", "a=1|b=2|" },
    { "a=&b=2&", "a=|b=2|" },
    { "&&a=1&&&b=2", "a=1|b=2|" },
    { "a&b=2&c", "b=2|" },
    { "=1&a=2", "a=2|" },
    { "=&&=", "" },
    { "a=b=c", "a=b=c|" },
    { "a=1&a=2", "a=1|a=2|" },
    { "a=1;b=2", "a=1;b=2|" },
    { "%61=1", "%61=1|" },
    { "a=%62%43%2b%2B+%26", "a=bC+++&|" },
    { "a=%", "a=%|" },
    { "a=%4", "a=%4|" },
    { "a=%4&b=1", "a=%4|b=1|" },
    { "a=%zz%4z%z4%%41", "a=%zz%4z%z4%A|" },
    { "a=%c3%b6", "a=\xc3\xb6|" },
};


static void
test_query(void **state)
{
    char           *copy, text[256], value[64];
    size_t          i, n, len;
    const char     *p;
    rn_query_field  f;

    (void) state;

    for (i = 0; i < sizeof(queries) / sizeof(queries[0]); i++) {
        len = strlen(queries[i].query);
        copy = copy_of(queries[i].query, len);
        p = copy;
        text[0] = '\0';

        while (rn_query_next(&p, &len, &f)) {
            n = rn_query_decode(f.value, f.value_len, value);
            (void) sprintf(text + strlen(text), "%.*s=%.*s|", (int) f.name_len,
                           f.name, (int) n, value);
        }

        assert_int_equal(len, 0);
        assert_string_equal(text, queries[i].fields);
        free(copy);
    }

    assert_int_equal(rn_query_decode(TEXT("%00"), value), 1);
    assert_int_equal(value[0], 0);

    strcpy(value, "%41%42c");
    assert_int_equal(rn_query_decode(value, 7, value), 3);
    assert_memory_equal(value, "ABc", 3);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_bearer),
        cmocka_unit_test(test_request_id),
        cmocka_unit_test(test_printable),
        cmocka_unit_test(test_traceparent),
        cmocka_unit_test(test_media_type),
        cmocka_unit_test(test_query),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
