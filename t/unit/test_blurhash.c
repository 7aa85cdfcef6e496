/*
 * BlurHash: fixed vectors, hashes decoded again by a decoder of this test's
 * own, sizes of all kinds, and frames as they come out of decoders.
 */

#include "helpers.h"
#include "rn_blurhash.h"


/* A decoder, from the format's description alone. */


static int
digit(char c)
{
    static const char  digits[] =
        "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
        "#$%*+,-.:;=?@[]^_{|}~";
    const char        *p = c != '\0' ? strchr(digits, c) : NULL;

    assert_non_null(p);

    return (int) (p - digits);
}


static int
number_in(const char *s, int n)
{
    int  v;

    for (v = 0; n > 0; n--) {
        v = v * 83 + digit(*s++);
    }

    return v;
}


static double
linear(double v)
{
    v /= 255;

    return v <= 0.04045 ? v / 12.92 : pow((v + 0.055) / 1.055, 2.4);
}


/* The hash at (u, v), each 0 to 1, as sRGB 0-255. */

static void
decoded(const char *hash, double u, double v, double rgb[3])
{
    int     i, c, n, across, down, q[3];
    double  max, x, w;

    across = digit(hash[0]) % 9 + 1;
    down = digit(hash[0]) / 9 + 1;
    n = across * down;
    assert_int_equal(strlen(hash), 4 + 2 * n);

    max = (digit(hash[1]) + 1) / 166.0;
    c = number_in(hash + 2, 4);
    rgb[0] = linear(c >> 16);
    rgb[1] = linear(c >> 8 & 255);
    rgb[2] = linear(c & 255);

    for (i = 1; i < n; i++) {
        c = number_in(hash + 4 + 2 * i, 2);
        q[0] = c / 361;
        q[1] = c / 19 % 19;
        q[2] = c % 19;
        w = cos(M_PI * (i % across) * u) * cos(M_PI * (i / across) * v);

        for (c = 0; c < 3; c++) {
            x = (q[c] - 9) / 9.0;
            rgb[c] += copysign(x * x, x) * max * w;
        }
    }

    for (c = 0; c < 3; c++) {
        x = rgb[c] < 0 ? 0 : rgb[c] > 1 ? 1 : rgb[c];
        rgb[c] = 255 * (x <= 0.0031308 ? 12.92 * x
                                       : 1.055 * pow(x, 1 / 2.4) - 0.055);
    }
}


static void
near_at(const char *hash, double u, double v, int r, int g, int b, double off)
{
    double  rgb[3];

    decoded(hash, u, v, rgb);

    if (fabs(rgb[0] - r) > off || fabs(rgb[1] - g) > off
        || fabs(rgb[2] - b) > off)
    {
        fail_msg("%s at %.2f,%.2f: %.0f %.0f %.0f, not %d %d %d", hash, u, v,
                 rgb[0], rgb[1], rgb[2], r, g, b);
    }
}


static uint8_t *
solid(int w, int h, int r, int g, int b)
{
    int       i;
    uint8_t  *p;

    p = malloc((size_t) (w * h * 3));
    assert_non_null(p);

    for (i = 0; i < w * h; i++) {
        p[3 * i] = (uint8_t) r;
        p[3 * i + 1] = (uint8_t) g;
        p[3 * i + 2] = (uint8_t) b;
    }

    return p;
}


static void
test_solid(void **state)
{
    char      hash[RN_BLURHASH_SIZE(9, 9)];
    size_t    i, k;
    uint8_t  *p;

    static const int sizes[][2] = { { 1, 1 }, { 1, 9 }, { 7, 3 }, { 64, 64 },
                                    { 101, 57 } };
    static const struct { int r, g, b; const char *hash; } colors[] = {
        { 0, 0, 0,       "L00000fQfQfQfQfQfQfQfQfQfQfQ" },
        { 255, 255, 255, "L0TSUAfQfQfQfQfQfQfQfQfQfQfQ" },
        { 255, 0, 0,     "L0TI:jfQfQfQfQfQfQfQfQfQfQfQ" },
    };

    (void) state;

    for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        for (k = 0; k < sizeof(colors) / sizeof(colors[0]); k++) {
            p = solid(sizes[i][0], sizes[i][1], colors[k].r, colors[k].g,
                      colors[k].b);
            rn_blurhash_encode(p, (size_t) sizes[i][0] * 3, sizes[i][0],
                               sizes[i][1], 4, 3, hash);
            assert_string_equal(hash, colors[k].hash);
            near_at(hash, 0.1, 0.9, colors[k].r, colors[k].g, colors[k].b, 1);
            free(p);
        }
    }
}


static void
test_components(void **state)
{
    int       x, y;
    char      hash[RN_BLURHASH_SIZE(9, 9)];
    uint8_t  *p;

    (void) state;

    p = solid(16, 16, 10, 200, 90);

    for (y = 1; y <= 9; y++) {
        for (x = 1; x <= 9; x++) {
            rn_blurhash_encode(p, 16 * 3, 16, 16, x, y, hash);
            assert_int_equal(strlen(hash), RN_BLURHASH_SIZE(x, y) - 1);
            near_at(hash, 0.7, 0.2, 10, 200, 90, 1);
        }
    }

    free(p);
}


static uint8_t
srgb(double l)
{
    return (uint8_t) lround(255 * (1.055 * pow(l, 1 / 2.4) - 0.055));
}


/* Smooth in linear light: what few terms of a cosine can say. */

static void
test_gradient(void **state)
{
    int       x, y;
    char      hash[RN_BLURHASH_SIZE(4, 3)];
    double    l;
    uint8_t  *p;

    (void) state;

    p = solid(90, 60, 0, 0, 0);

    for (y = 0; y < 60; y++) {
        for (x = 0; x < 90; x++) {
            l = 0.5 + 0.35 * cos(M_PI * (x + 0.5) / 90)
                + 0.1 * cos(M_PI * (y + 0.5) / 60);
            p[3 * (y * 90 + x)] = srgb(l);
            p[3 * (y * 90 + x) + 2] = srgb(1 - l);
        }
    }

    rn_blurhash_encode(p, 90 * 3, 90, 60, 4, 3, hash);

    for (y = 3; y < 60; y += 9) {
        for (x = 3; x < 90; x += 12) {
            near_at(hash, (x + 0.5) / 90, (y + 0.5) / 60,
                    p[3 * (y * 90 + x)], 0, p[3 * (y * 90 + x) + 2], 16);
        }
    }

    /* and whoever reads rows with a gap gets the same */

    {
        char      other[RN_BLURHASH_SIZE(4, 3)];
        uint8_t  *wide = calloc(60, 300);

        assert_non_null(wide);
        for (y = 0; y < 60; y++) {
            memset(wide + y * 300, 0xee, 300);
            memcpy(wide + y * 300, p + y * 270, 270);
        }
        rn_blurhash_encode(wide, 300, 90, 60, 4, 3, other);
        assert_string_equal(other, hash);
        free(wide);
    }

    free(p);
}


/* Frames */


static void
hash_of(const AVFrame *f, const char *matrix, bool full, int quarters,
    bool mirrored, rn_blurhash *out)
{
    rn_turn    turn = { quarters, mirrored };
    rn_fault   fault;
    rn_colour  colour = { matrix, full };

    memset(&fault, 0, sizeof(fault));

    if (rn_blurhash_of(f, colour, turn, out, &fault) != RN_OK) {
        fail_msg("%dx%d: %s", f->width, f->height, fault.text);
    }
}


/* Grey frames of any size and format. */

static void
test_frames(void **state)
{
    int           w, h, p;
    size_t        i, k;
    AVFrame      *f;
    rn_blurhash   hash;

    static const int sizes[][2] = { { 1, 1 }, { 2, 2 }, { 3, 5 }, { 1, 300 },
                                    { 319, 241 }, { 1920, 1080 },
                                    { 5000, 4 }, { 8192, 16 } };
    static const int formats[] = { AV_PIX_FMT_YUV420P, AV_PIX_FMT_YUVJ420P,
                                   AV_PIX_FMT_YUV444P, AV_PIX_FMT_RGB24,
                                   AV_PIX_FMT_GRAY8, AV_PIX_FMT_NV12 };

    (void) state;

    for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        for (k = 0; k < sizeof(formats) / sizeof(formats[0]); k++) {
            w = sizes[i][0];
            h = sizes[i][1];
            f = new_frame(formats[k], w, h);

            /* 128 in every plane: grey in all of them */

            for (p = 0; p < 3 && f->data[p] != NULL; p++) {
                memset(f->data[p], 128, (size_t) f->linesize[p]
                       * (size_t) (p > 0 && formats[k] != AV_PIX_FMT_YUV444P
                                   ? (h + 1) / 2 : h));
            }

            hash_of(f, "bt709", true, 0, false, &hash);
            near_at(hash.hash, 0.5, 0.5, 128, 128, 128, 3);
            assert_true(rn_blurhash_flat(&hash));
            assert_int_equal(digit(hash.hash[0]),
                             h > w ? 2 + 9 * 3 : 3 + 9 * 2);
            av_frame_free(&f);
        }
    }
}


/* Red above blue at the left, green at the right: turned and mirrored. */

static void
test_turned(void **state)
{
    int           x, y;
    AVFrame      *f;
    rn_blurhash   hash;

    (void) state;

    f = new_frame(AV_PIX_FMT_RGB24, 128, 64);

    for (y = 0; y < 64; y++) {
        for (x = 0; x < 128; x++) {
            uint8_t  *p = f->data[0] + y * f->linesize[0] + 3 * x;

            memset(p, 0, 3);
            p[x >= 64 ? 1 : y < 32 ? 0 : 2] = 255;
        }
    }

#define RED(u, v)    decoded(hash.hash, u, v, rgb),                           \
                     assert_true(rgb[0] > rgb[1] + 80 && rgb[0] > rgb[2] + 80)
#define GREEN(u, v)  decoded(hash.hash, u, v, rgb),                           \
                     assert_true(rgb[1] > rgb[0] + 80 && rgb[1] > rgb[2] + 80)
    {
        double  rgb[3];

        hash_of(f, "bt709", true, 0, false, &hash);
        RED(0.1, 0.1);
        GREEN(0.9, 0.5);
        assert_false(rn_blurhash_flat(&hash));
        assert_int_equal(digit(hash.hash[0]), 3 + 9 * 2);

        hash_of(f, "bt709", true, 1, false, &hash);     /* clockwise */
        RED(0.9, 0.1);
        GREEN(0.5, 0.9);
        assert_int_equal(digit(hash.hash[0]), 2 + 9 * 3);

        hash_of(f, "bt709", true, 2, false, &hash);
        RED(0.9, 0.9);
        GREEN(0.1, 0.5);

        hash_of(f, "bt709", true, 3, false, &hash);
        RED(0.1, 0.9);
        GREEN(0.5, 0.1);

        hash_of(f, "bt709", true, 0, true, &hash);
        RED(0.9, 0.1);
        GREEN(0.1, 0.5);

        hash_of(f, "bt709", true, 1, true, &hash);      /* mirrored first */
        RED(0.9, 0.9);
        GREEN(0.5, 0.1);
    }

    av_frame_free(&f);
}


/* The same colour in two matrices and ranges, and what alpha lies on. */

static void
test_colours(void **state)
{
    int           i;
    AVFrame      *f;
    rn_blurhash   hash;

    (void) state;

    f = new_frame(AV_PIX_FMT_YUV420P, 64, 64);

    memset(f->data[0], 63, (size_t) f->linesize[0] * 64);   /* red, bt.709 */
    memset(f->data[1], 102, (size_t) f->linesize[1] * 32);
    memset(f->data[2], 240, (size_t) f->linesize[2] * 32);
    hash_of(f, "bt709", false, 0, false, &hash);
    near_at(hash.hash, 0.5, 0.5, 255, 0, 0, 4);

    memset(f->data[0], 76, (size_t) f->linesize[0] * 64);   /* bt.601, full */
    memset(f->data[1], 85, (size_t) f->linesize[1] * 32);
    memset(f->data[2], 255, (size_t) f->linesize[2] * 32);
    hash_of(f, "bt601", true, 0, false, &hash);
    near_at(hash.hash, 0.5, 0.5, 255, 0, 0, 4);
    av_frame_free(&f);

    f = new_frame(AV_PIX_FMT_RGBA, 64, 64);
    for (i = 0; i < 64 * 64; i++) {
        uint8_t  *p = f->data[0] + i / 64 * f->linesize[0] + i % 64 * 4;

        p[0] = p[1] = p[2] = 255;
        p[3] = 0;
    }
    hash_of(f, "bt709", true, 0, false, &hash);
    assert_string_equal(hash.hash, "L00000fQfQfQfQfQfQfQfQfQfQfQ");
    av_frame_free(&f);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_solid),
        cmocka_unit_test(test_components),
        cmocka_unit_test(test_gradient),
        cmocka_unit_test(test_frames),
        cmocka_unit_test(test_turned),
        cmocka_unit_test(test_colours),
    };

    av_log_set_level(AV_LOG_QUIET);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
