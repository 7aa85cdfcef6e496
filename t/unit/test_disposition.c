/*
 * Content-Disposition: plain names as they are, others twice, and nothing in
 * any of them that ends a value or leaves a folder, whatever bytes come.
 */

#include "helpers.h"
#include "rn_disposition.h"

#include <ctype.h>


#define NAME(s)  s, sizeof(s) - 1


static const struct {
    const char  *name;
    size_t       len;
    const char  *want;                  /* behind "attachment" */
} names[] = {
    { NULL, 0, "" },
    { NAME(""), "" },
    { NAME("."), "" },
    { NAME(".."), "" },
    { NAME("dir/"), "" },
    { NAME("../.."), "" },
    { NAME("final.mp4"), "; filename=\"final.mp4\"" },
    { NAME("my film (1).mp4"), "; filename=\"my film (1).mp4\"" },
    { NAME(".profile"), "; filename=\".profile\"" },
    { NAME("../../etc/passwd"), "; filename=\"passwd\"" },
    { NAME("C:\\dir\\a.mp4"), "; filename=\"a.mp4\"" },
    { NAME("a/b\\c/d;e=f,g"), "; filename=\"d;e=f,g\"" },
    { NAME("say \"hi\".mp4"), "; filename=\"say _hi_.mp4\"" },
    { NAME("a\r\nSet-Cookie: b\0c\x7f"),
      "; filename=\"a__Set-Cookie: b_c_\"" },
    { NAME("100%.mp4"),
      "; filename=\"100_.mp4\"; filename*=UTF-8''100%25.mp4" },
    { NAME("Gr\xc3\xbc\xc3\x9f" "e 1.mp4"),
      "; filename=\"Gr__e 1.mp4\"; filename*=UTF-8''Gr%C3%BC%C3%9Fe%201.mp4" },
    { NAME("\xe6\xbc\xa2\xf0\x9f\x8e\xac"),
      "; filename=\"__\"; filename*=UTF-8''%E6%BC%A2%F0%9F%8E%AC" },
    { NAME("a\xc2\x85" "b.mp4"), "; filename=\"a_b.mp4\"" },
    { NAME("a\xe2\x80\xae" "4pm.exe"), "; filename=\"a_4pm.exe\"" },
    { NAME("\xff\xc0\xaf.mp4"), "; filename=\"___.mp4\"" },
    { NAME("\xe2\x82"), "; filename=\"__\"" },
    { NAME("\xc3\xa4!#$&'()*+,-.^_`|~@"),
      "; filename=\"_!#$&'()*+,-.^_`|~@\"; "
      "filename*=UTF-8''%C3%A4!#$&%27%28%29%2A+%2C-.^_`|~%40" },
};


/* The value for a name in memory of just its size. */

static size_t
make(bool attachment, const char *name, size_t len,
    char out[RN_DISPOSITION_SIZE])
{
    char    *copy;
    size_t   n;

    if (name == NULL) {
        return rn_disposition(attachment, NULL, 0, out);
    }

    copy = malloc(len ? len : 1);
    assert_non_null(copy);
    memcpy(copy, name, len);
    n = rn_disposition(attachment, copy, len, out);
    free(copy);

    return n;
}


static void
test_names(void **state)
{
    char    out[RN_DISPOSITION_SIZE], want[256];
    size_t  i, n;

    (void) state;

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        n = make(true, names[i].name, names[i].len, out);
        (void) snprintf(want, sizeof(want), "attachment%s", names[i].want);
        assert_string_equal(out, want);
        assert_int_equal(n, strlen(out));

        n = make(false, names[i].name, names[i].len, out);
        (void) snprintf(want, sizeof(want), "inline%s", names[i].want);
        assert_string_equal(out, want);
        assert_int_equal(n, strlen(out));
    }
}


/* What the value is built of, whatever it was built from. */

static void
check_value(const char *out, size_t n)
{
    size_t       i, quotes;
    const char  *s;

    assert_int_equal(n, strlen(out));
    assert_true(n < RN_DISPOSITION_SIZE);

    quotes = 0;
    for (i = 0; i < n; i++) {
        assert_true(out[i] >= 0x20 && out[i] < 0x7f);
        assert_true(out[i] != '/' && out[i] != '\\');
        quotes += out[i] == '"';
    }
    assert_true(quotes == 0 || quotes == 2);

    s = strstr(out, "\"; filename*=UTF-8''");
    if (s == NULL) {
        return;
    }

    for (s = strstr(s, "''") + 2; *s != '\0'; s++) {
        if (*s == '%') {
            assert_true(isxdigit((unsigned char) s[1])
                        && isxdigit((unsigned char) s[2]));
            assert_true(strncmp(s, "%2F", 3) != 0
                        && strncmp(s, "%5C", 3) != 0
                        && strncmp(s, "%22", 3) != 0
                        && s[1] >= '2' && strncmp(s, "%7F", 3) != 0);
        } else {
            assert_non_null(strchr("!#$&+-.^_`|~abcdefghijklmnopqrstuvwxyz"
                                   "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789",
                                   *s));
        }
    }
}


static void
test_long(void **state)
{
    char    name[1200], out[RN_DISPOSITION_SIZE], *s;
    size_t  i, k, n;

    (void) state;

    memset(name, '%', sizeof(name));    /* each the longest there is */
    n = make(true, name, 255, out);
    assert_int_equal(n, RN_DISPOSITION_SIZE - 1);
    check_value(out, n);
    n = make(true, name, sizeof(name), out);
    assert_int_equal(n, RN_DISPOSITION_SIZE - 1);

    memset(name, 'a', sizeof(name));
    memcpy(name + 1196, ".mp4", 4);
    n = make(true, name, sizeof(name), out);
    assert_int_equal(n, strlen("attachment; filename=\"\"") + 255);
    assert_string_equal(out + n - 6, "a.mp4\"");

    for (k = 0; k < 4; k++) {           /* the cut at each byte of one */
        memset(name, 'a', k);
        for (i = k; i + 4 <= 1000; i += 4) {
            memcpy(name + i, "\xf0\x9f\x8e\xac", 4);
        }
        memcpy(name + i, ".mp4", 4);

        n = make(true, name, i + 4, out);
        check_value(out, n);
        s = strstr(out, "''") + 2;
        assert_int_equal((strlen(s) - k - 4) % 12, 0);
        assert_true((strlen(s) - k - 4) / 12 >= 61);
        assert_string_equal(s + strlen(s) - 16, "%F0%9F%8E%AC.mp4");
    }
}


static void
test_noise(void **state)
{
    char          name[300], out[RN_DISPOSITION_SIZE];
    size_t        i, k, n;
    unsigned int  seed = 1;

    (void) state;

    for (i = 0; i < 20000; i++) {
        n = (size_t) rand_r(&seed) % sizeof(name);
        for (k = 0; k < n; k++) {
            name[k] = (char) (rand_r(&seed) >> 3);
            if (i % 2 && (name[k] & 0x40)) {
                name[k] = '.';
            }
        }
        check_value(out, make(i & 1, name, n, out));
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_long),
        cmocka_unit_test(test_noise),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
