/*
 * Strings written as JSON, against the reader of the JSON library, each in
 * memory of just the size that was told.
 */

#include "helpers.h"
#include "rn_json.h"


/* Whether it is taken, and then read back as it was. */

static void
both_ways(const char *s, size_t n)
{
    char    *copy, *text, *end;
    size_t   len;
    json_t  *j;

    copy = malloc(n != 0 ? n : 1);
    assert_non_null(copy);
    memcpy(copy, s, n);

    j = json_stringn(copy, n);
    len = rn_json_length(copy, n);

    if (j == NULL) {
        assert_true(len == RN_JSON_BAD);
        free(copy);
        return;
    }

    json_decref(j);
    assert_true(len != RN_JSON_BAD);

    text = malloc(len + 2);
    assert_non_null(text);
    text[0] = '"';
    end = rn_json_escape(text + 1, copy, n);
    assert_int_equal(end - text, len + 1);
    *end++ = '"';

    j = json_loadb(text, len + 2, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    assert_non_null(j);
    assert_int_equal(json_string_length(j), n);
    assert_memory_equal(json_string_value(j), s, n);

    json_decref(j);
    free(text);
    free(copy);
}


static void
test_each_byte(void **state)
{
    char      s[3];
    unsigned  a, b;

    (void) state;

    for (a = 0; a < 256; a++) {
        s[0] = (char) a;
        both_ways(s, 1);

        for (b = 0; b < 256; b++) {
            s[1] = (char) b;
            both_ways(s, 2);
            s[2] = 'x';
            both_ways(s, 3);
        }
    }
}


/* Text is looked at eight bytes at a time: each byte in each place of those,
   alone and beside others. */

static void
test_each_place(void **state)
{
    char      s[27];
    size_t    at, n;
    unsigned  b;

    static const char  fill[] = { 'a', ' ', '~', '!', '#', '[', ']', 0x7f };

    (void) state;

    for (b = 0; b < 256; b++) {
        for (n = 7; n <= sizeof(s); n += 5) {
            for (at = 0; at < n; at++) {
                memset(s, fill[(at + b) % sizeof(fill)], sizeof(s));
                s[at] = (char) b;
                both_ways(s, n);

                s[(at + 9) % n] = (char) (b ^ 1);
                both_ways(s, n);
            }
        }
    }
}


static void
test_texts(void **state)
{
    size_t  i;

    static const char *const  texts[] = {
        "", "plain", "\"", "\\", "\\\"\\", "a\"b", "line\nline\r\n\ttab",
        "\x01\x1f\x7f", "h\xc3\xa9h\xc3\xa9 \xe2\x82\xac \xf0\x9f\x8e\xac",
        "\xc3", "\xc3\x28", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xff",
        "</script>", "ends with \\", "\xe2\x80\xa8"
    };

    (void) state;

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        both_ways(texts[i], strlen(texts[i]));
    }

    both_ways("a\0b", 3);
    both_ways("\0", 1);
}


static void
test_words(void **state)
{
    char  out[64];

    (void) state;

    assert_int_equal(rn_json_length(NULL, 0), 0);
    assert_true(rn_json_escape(out, NULL, 0) == out);

    *rn_json_escape(out, "a\"\\\b\t\n\f\r\x1e/z", 11) = '\0';
    assert_string_equal(out, "a\\\"\\\\\\b\\t\\n\\f\\r\\u001e/z");
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_byte),
        cmocka_unit_test(test_each_place),
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
