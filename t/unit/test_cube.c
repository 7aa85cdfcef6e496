/* .cube files: what is read of them, and what is said of bad ones. */

#include "helpers.h"
#include "rn_cube.h"

#include <math.h>


#define TWO    "0 0 0\n1 0 0\n0 1 0\n1 1 0\n0 0 1\n1 0 1\n0 1 1\n1 1 1\n"
#define CURVE  "LUT_1D_SIZE 2\n"


static rn_cube
good(const char *text)
{
    char     err[200];
    rn_cube  c;

    if (!rn_cube_read(text, strlen(text), &c, err, sizeof(err))) {
        fail_msg("refused: %.100s: %s", text, err);
    }

    return c;
}


static void
bad(const char *text, size_t len, const char *words)
{
    char     err[200];
    char    *copy;
    rn_cube  c;

    copy = malloc(len > 0 ? len : 1);   /* whoever reads behind it is seen */
    assert_non_null(copy);
    memcpy(copy, text, len);

    if (rn_cube_read(copy, len, &c, err, sizeof(err))) {
        fail_msg("taken: %.100s", text);
    }

    if (strncmp(err, words, strlen(words)) != 0) {
        fail_msg("%.100s: %s, not %s", text, err, words);
    }

    assert_null(c.rgb);
    free(copy);
}


static void
test_cube(void **state)
{
    size_t   i;
    rn_cube  c;

    static const char *const texts[] = {
        "LUT_3D_SIZE 2\n" TWO,
        "TITLE \"a b\"\n# a comment, nan\n\nLUT_3D_SIZE 2\r\nDOMAIN_MIN 0 0 0\n"
        "DOMAIN_MAX 1.0 1e0 1\n" TWO "\n# the end",
        "\xef\xbb\xbfLUT_3D_SIZE\t2\nLUT_3D_INPUT_RANGE 0.0 1.0\n" TWO,
    };

    (void) state;

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        c = good(texts[i]);
        assert_true(rn_cube_seems(texts[i], strlen(texts[i])));
        assert_true(c.cube);
        assert_int_equal(c.size, 2);
        assert_true(c.min[1] == 0 && c.max[2] == 1);
        assert_true(c.rgb[3] == 1 && c.rgb[4] == 0);       /* red first */
        assert_true(c.rgb[6] == 0 && c.rgb[7] == 1);
        rn_cube_free(&c);
    }
}


static void
test_curve(void **state)
{
    rn_cube  c;

    (void) state;

    c = good("LUT_1D_SIZE 3\nDOMAIN_MIN -1 0 .5\nDOMAIN_MAX 2 3 4\n"
             "0 -0.5 1.5e1\n+.25 1e-2 2E+1\n1 2. 0.000001\n");
    assert_false(c.cube);
    assert_int_equal(c.size, 3);
    assert_true(c.min[0] == -1 && c.max[0] == 2 && c.min[2] == 0.5
                && c.max[2] == 4);
    assert_float_equal(c.rgb[1], -0.5, 1e-7);
    assert_float_equal(c.rgb[2], 15, 1e-5);
    assert_float_equal(c.rgb[3], 0.25, 1e-7);
    assert_float_equal(c.rgb[4], 0.01, 1e-8);
    assert_float_equal(c.rgb[5], 20, 1e-5);
    assert_float_equal(c.rgb[8], 1e-6, 1e-12);
    rn_cube_free(&c);
}


/* As many digits as programs write are read as strtod reads them. */

static void
test_numbers(void **state)
{
    int      i;
    char     text[200], words[3][40];
    double   v;
    rn_cube  c;

    (void) state;
    srand(5);

    for (i = 0; i < 5000; i++) {
        v = (double) rand() / RAND_MAX;

        (void) sprintf(words[0], "%.*f", 1 + i % 17, v);
        (void) sprintf(words[1], "%.*e", i % 17, v - 0.5);
        (void) sprintf(words[2], "%.*g", 1 + i % 17, v * 1e-4);
        (void) sprintf(text, CURVE "%s %s %s\n0 0 0\n", words[0], words[1],
                       words[2]);
        c = good(text);
        assert_true(fabs(c.rgb[0] - strtod(words[0], NULL)) < 1e-7);
        assert_true(fabs(c.rgb[1] - strtod(words[1], NULL)) < 1e-7);
        assert_true(fabs(c.rgb[2] - strtod(words[2], NULL)) < 1e-10);
        rn_cube_free(&c);
    }
}


static void
test_bad(void **state)
{
    size_t  i;

    static const struct {
        const char  *text, *words;
    } texts[] = {
        { "", "line 0: the file ends without" },
        { "\n\n# nothing\n", "line 3: the file ends without" },
        { "0 0 0\n", "line 1: numbers before" },
        { "hello\n", "line 1: \"hello\" is no word of" },
        { "LUT_3D_SIZE\n", "line 1: behind the word 1 number must" },
        { "LUT_3D_SIZE 2 2\n", "line 1: behind the word 1 number must" },
        { "LUT_3D_SIZE 0\n", "line 1: a size must be" },
        { "LUT_3D_SIZE 1\n", "line 1: a size must be" },
        { "LUT_3D_SIZE -2\n", "line 1: a size must be" },
        { "LUT_3D_SIZE 2.5\n", "line 1: a size must be" },
        { "LUT_3D_SIZE 66\n", "line 1: a size must be a whole number from 2 to"
                              " 65" },
        { "LUT_3D_SIZE 999999\n", "line 1: a size must be" },
        { "LUT_3D_SIZE 99999999999999999999\n", "line 1: \"9999999999999999999"
          "9\" is too large" },
        { "LUT_1D_SIZE 65537\n", "line 1: a size must be a whole number from 2"
                                 " to 65536" },
        { "LUT_3D_SIZE nan\n", "line 1: \"nan\" is no number" },
        { "LUT_3D_SIZE 0x2\n", "line 1: \"0x2\" is no number" },
        { "LUT_3D_SIZE 2\nLUT_3D_SIZE 2\n", "line 2: the size stands twice" },
        { "LUT_3D_SIZE 2\nLUT_1D_SIZE 2\n", "line 2: a curve and a cube" },
        { "TITLE a\nTITLE b\n" CURVE, "line 2: the title stands twice" },
        { CURVE "0 0\n", "line 2: 3 numbers must stand here, not 2" },
        { CURVE "0 0 0 0\n", "line 2: 3 numbers must stand here, not 4" },
        { CURVE "0 0 nan\n", "line 2: \"nan\" is no number" },
        { CURVE "0 inf 0\n", "line 2: \"inf\" is no number" },
        { CURVE "nan 0 0\n", "line 2: \"nan\" is no word of" },
        { CURVE "0 1e 0\n", "line 2: \"1e\" is no number" },
        { CURVE "0 . 0\n", "line 2: \".\" is no number" },
        { CURVE "0 - 0\n", "line 2: \"-\" is no number" },
        { CURVE "0 1,5 0\n", "line 2: \"1,5\" is no number" },
        { CURVE "0 1e9 0\n", "line 2: \"1e9\" is too large" },
        { CURVE "0 -1e9 0\n", "line 2: \"-1e9\" is too large" },
        { CURVE "0 1e9999 0\n", "line 2: \"1e9999\" is no number" },
        { CURVE "0 1e99999 0\n", "line 2: \"1e99999\" is no number" },
        { CURVE "0 \x1b[1m 0\n", "line 2: \"?[1m\" is no number" },
        { CURVE "0 0 0\n", "line 2: the file ends after 1 of 2 rows" },
        { CURVE "0 0 0\n1 1 1\n2 2 2\n", "line 4: more rows than the 2" },
        { CURVE "0 0 0\nTITLE x\n", "line 3: \"TITLE\" among the rows" },
        { "LUT_3D_SIZE 2\n0 0 0\n", "line 2: the file ends after 1 of 8" },
        { "DOMAIN_MIN 0 0\n", "line 1: behind the word 3 numbers" },
        { "DOMAIN_MIN 0 0 0\nDOMAIN_MIN 0 0 0\n", "line 2: the bounds stand" },
        { "DOMAIN_MAX 0 0 0\n" CURVE "0 0 0\n1 1 1\n",
          "line 4: the bounds of" },
        { "DOMAIN_MIN 1 0 0\n" CURVE "0 0 0\n1 1 1\n",
          "line 4: the bounds of" },
        { "LUT_1D_INPUT_RANGE 1 0\n" CURVE "0 0 0\n1 1 1\n",
          "line 4: the bounds of" },
        { "LUT_1D_INPUT_RANGE 0 1\nDOMAIN_MAX 1 1 1\n",
          "line 2: the bounds stand" },
    };

    (void) state;

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        bad(texts[i].text, strlen(texts[i].text), texts[i].words);
    }

    bad("LUT_1D_SIZE 2\0\n", 15, "line 1: \"2?\" is no number");
}


static void
test_large(void **state)
{
    char    *text, *p;
    size_t   i;
    rn_cube  c;

    (void) state;

    text = malloc(RN_CUBE_MAX + 100);
    assert_non_null(text);

    p = stpcpy(text, "LUT_3D_SIZE 65\n");
    for (i = 0; i < 65 * 65 * 65; i++) {
        p = stpcpy(p, "0.5 0.25 0.125\n");
    }
    c = good(text);
    assert_int_equal(c.size, 65);
    assert_true(c.rgb[3 * 65 * 65 * 65 - 1] == 0.125f);
    rn_cube_free(&c);

    memset(text, '#', RN_CUBE_MAX + 1);
    bad(text, RN_CUBE_MAX + 1, "the file is of more than");

    memset(text, ' ', 400);
    memcpy(text, "TITLE", 5);
    bad(text, 400, "line 1: is longer than 250 bytes");

    free(text);
}


static void
test_seems(void **state)
{
    size_t  i;

    static const char *const yes[] = {
        "LUT_1D_SIZE 2", "# x\n\nTITLE \"y\"\nLUT_3D_SIZE x\n",
        "DOMAIN_MIN\n", "LUT_3D_INPUT_RANGE 0 1",
    };
    static const char *const no[] = {
        "", "# x\n", "TITLE \"x\"\n", "TITLE a\nTITLE b\nLUT_1D_SIZE 2\n",
        "lut_1d_size 2\n", "LUT_1D_SIZES 2\n", "words LUT_1D_SIZE 2\n",
    };

    (void) state;

    for (i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
        assert_true(rn_cube_seems(yes[i], strlen(yes[i])));
    }

    for (i = 0; i < sizeof(no) / sizeof(no[0]); i++) {
        assert_false(rn_cube_seems(no[i], strlen(no[i])));
    }
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cube),
        cmocka_unit_test(test_curve),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_large),
        cmocka_unit_test(test_seems),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
