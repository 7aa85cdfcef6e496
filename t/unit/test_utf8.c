/*
 * UTF-8, against the reader of the JSON library for all beginnings of up to
 * four bytes, each in memory of just its size, and by counting characters.
 */

#include "helpers.h"
#include "rn_utf8.h"


/* Continuations, and what is next to them. */

static const unsigned char  ends[] = { 0x01, 0x7f, 0x80, 0xa5, 0xbf, 0xc0 };

#define ENDS  (sizeof(ends) / sizeof(ends[0]))


static void
compare(const unsigned char *bytes, size_t n)
{
    bool     ok;
    char    *copy;
    json_t  *j;

    copy = malloc(n);
    assert_non_null(copy);
    memcpy(copy, bytes, n);

    ok = rn_utf8_valid(copy, n);
    j = json_stringn(copy, n);

    if (ok != (j != NULL)) {
        fail_msg("%02x %02x %02x %02x (%zu bytes): %s", bytes[0], bytes[1],
                 bytes[2], bytes[3], n, ok ? "taken" : "refused");
    }

    json_decref(j);
    free(copy);
}


static void
test_beginnings(void **state)
{
    unsigned int   a, b;
    size_t         c, d;
    unsigned char  bytes[4];

    (void) state;

    memset(bytes, 0, sizeof(bytes));

    for (a = 1; a < 256; a++) {
        bytes[0] = (unsigned char) a;
        compare(bytes, 1);

        for (b = 1; b < 256; b++) {
            bytes[1] = (unsigned char) b;
            compare(bytes, 2);

            for (c = 0; a >= 0xc0 && c < ENDS; c++) {
                bytes[2] = ends[c];
                compare(bytes, 3);

                for (d = 0; d < ENDS; d++) {
                    bytes[3] = ends[d];
                    compare(bytes, 4);
                }
            }
        }
    }

    assert_true(rn_utf8_valid("", 0));
    assert_true(rn_utf8_valid("a\0b", 3));
}


/* Eight bytes of ASCII are taken at a time: what is none, in each place. */

static void
test_places(void **state)
{
    size_t         i, n, at, len;
    unsigned char  bytes[24];

    static const char *const  odd[] = {
        "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x8e\xac", "\x80", "\xff",
        "\xed\xa0\x80", "\xc3", "\xe2\x82", "\xf0\x9f\x8e"
    };

    (void) state;

    for (i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
        len = strlen(odd[i]);

        for (n = 7; n <= sizeof(bytes); n++) {
            for (at = 0; at + len <= n; at++) {
                memset(bytes, 'a', sizeof(bytes));
                memcpy(bytes + at, odd[i], len);
                compare(bytes, n);
            }
        }
    }
}


/* Every three bytes that are one character: all of them, and none twice. */

static void
test_codes(void **state)
{
    char          s[3];
    size_t        count;
    unsigned int  i, code, last;

    (void) state;

    count = 0;
    last = 0;

    for (i = 0; i < 1 << 24; i++) {
        s[0] = (char) (i >> 16);
        s[1] = (char) (i >> 8);
        s[2] = (char) i;

        if (rn_utf8_char(s, 3, &code) == 3) {
            assert_true(code > last);
            last = code;
            count++;
        }
    }

    assert_int_equal(last, 0xffff);
    assert_int_equal(count, 0x10000 - 0x800 - 0x800);   /* and surrogates */
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_beginnings),
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_codes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
