/*
 * URL-encoded forms: what is one value is decoded, everything else is refused
 * with its sentence, and nothing of a refused value is left behind.
 */

#include "helpers.h"
#include "rn_form.h"


#define ESCAPE   "a \"%\" in the form is not followed by two hexadecimal digits"
#define CONTROL  "the form holds a control character that is not escaped"
#define NUL      "the form holds a NUL"
#define TWICE    "the form has a field twice"
#define LONG     "a field of the form is too long"
#define UTF8     "a field of the form is not UTF-8"

#define BODY(s)  s, sizeof(s) - 1


/* The field "user", in 16 bytes; want or why, or neither: it is not there. */

static const struct {
    const char  *body;
    size_t       len;
    const char  *want;
    const char  *why;
} bodies[] = {
    { BODY("user=ann"), "ann", NULL },
    { BODY("grant_type=password&user=ann&password=x"), "ann", NULL },
    { BODY("user="), "", NULL },
    { BODY("user"), "", NULL },
    { BODY("user&x=1"), "", NULL },
    { BODY("&&x=1&&user=ann&&"), "ann", NULL },
    { BODY("user=a+b%20c%2Bd%2bd"), "a b c+d+d", NULL },
    { BODY("%75se%72=ann"), "ann", NULL },
    { BODY("user=a=b=c"), "a=b=c", NULL },
    { BODY("user=a%26b%3Dc;d"), "a&b=c;d", NULL },
    { BODY("user=%0d%0A%01"), "\r\n\x01", NULL },
    { BODY("user=J%C3%B6rg"), "J\xc3\xb6rg", NULL },
    { BODY("user=J\xc3\xb6rg"), "J\xc3\xb6rg", NULL },
    { BODY("user=123456789012345"), "123456789012345", NULL },
    { BODY("xuser=a&userx=b&=c&user=d&use=e"), "d", NULL },
    { BODY("user+=a&user=b&+user=c"), "b", NULL },
    { BODY("x=user=a&user=b"), "b", NULL },
    { BODY("x=%ff&user=b"), "b", NULL },            /* not looked at */

    { BODY(""), NULL, NULL },
    { BODY("&"), NULL, NULL },
    { BODY("="), NULL, NULL },
    { BODY("USER=ann"), NULL, NULL },
    { BODY("x=user"), NULL, NULL },
    { BODY("user%3Dann"), NULL, NULL },

    { BODY("user=a&user=b"), NULL, TWICE },
    { BODY("user=a&user=a"), NULL, TWICE },
    { BODY("user=&user"), NULL, TWICE },
    { BODY("user=a&%75ser=b"), NULL, TWICE },
    { BODY("user=%"), NULL, ESCAPE },
    { BODY("user=%4"), NULL, ESCAPE },
    { BODY("user=%4&1"), NULL, ESCAPE },
    { BODY("user=%g0"), NULL, ESCAPE },
    { BODY("user=%0g"), NULL, ESCAPE },
    { BODY("user=%+1"), NULL, ESCAPE },
    { BODY("user=%u0041"), NULL, ESCAPE },
    { BODY("user=ann&x=%"), NULL, ESCAPE },
    { BODY("%=1&user=ann"), NULL, ESCAPE },
    { BODY("user=ann&%2"), NULL, ESCAPE },
    { BODY("user=a%00b"), NULL, NUL },
    { BODY("user=a\0b"), NULL, NUL },
    { BODY("user%00=a"), NULL, NUL },
    { BODY("user=ann&x=%00"), NULL, NUL },
    { BODY("user=ann\r\n"), NULL, CONTROL },
    { BODY("user=ann&x=\x7f"), NULL, CONTROL },
    { BODY("user=1234567890123456"), NULL, LONG },
    { BODY("user=%C3"), NULL, UTF8 },
    { BODY("user=%C0%AF"), NULL, UTF8 },
    { BODY("user=%ED%A0%80"), NULL, UTF8 },
    { BODY("user=\xe4"), NULL, UTF8 },
};


static void
test_bodies(void **state)
{
    bool         ok;
    char        *copy, out[16];
    size_t       i, k;
    const char  *why;

    static const char  unset[] = "unset";

    (void) state;

    for (i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        copy = malloc(bodies[i].len ? bodies[i].len : 1);
        assert_non_null(copy);
        memcpy(copy, bodies[i].body, bodies[i].len);
        memset(out, 'x', sizeof(out));
        why = unset;

        ok = rn_form_get(copy, bodies[i].len, "user", out, sizeof(out), &why);
        free(copy);

        if (bodies[i].want != NULL) {
            if (!ok) {
                fail_msg("%s: %s", bodies[i].body, why ? why : "not there");
            }
            assert_string_equal(out, bodies[i].want);
            continue;
        }

        if (ok) {
            fail_msg("%s: is \"%s\"", bodies[i].body, out);
        }

        for (k = 0; k < sizeof(out); k++) {
            assert_int_equal(out[k], 0);
        }

        if (bodies[i].why == NULL) {
            assert_null(why);
        } else {
            assert_non_null(why);
            assert_string_equal(why, bodies[i].why);
        }
    }
}


/* Every byte, escaped, comes back as itself; room of one byte is an end. */

static void
test_every_byte(void **state)
{
    int          c;
    char         body[32], out[8];
    size_t       n;
    const char  *why;

    (void) state;

    for (c = 1; c < 0x80; c++) {
        n = (size_t) sprintf(body, "x=1&f=%%%02x%%%02X", (unsigned) c,
                             (unsigned) c);
        assert_true(rn_form_get(body, n, "f", out, sizeof(out), &why));
        assert_int_equal(out[0], c);
        assert_int_equal(out[1], c);
        assert_int_equal(out[2], 0);
    }

    assert_true(rn_form_get("f=", 2, "f", out, 1, &why));
    assert_int_equal(out[0], 0);
    assert_false(rn_form_get("f=a", 3, "f", out, 1, &why));
    assert_string_equal(why, LONG);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_bodies),
        cmocka_unit_test(test_every_byte),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
