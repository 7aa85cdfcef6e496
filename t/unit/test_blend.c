/*
 * Laying pictures with alpha on others: px by px what the formula says, of any
 * width, at any place and opacity.
 */

#include "helpers.h"
#include "rn_blend.h"


#define H  12


/* Runs of nothing, of all and of what lies between, as letters have them. */

static void
random_alpha(AVFrame *f)
{
    int  x, y, left, value;

    left = value = 0;

    for (y = 0; y < H; y++) {
        if (y % 2 == 1 && rand() % 2 == 0) {        /* for those of colour */
            memcpy(f->data[3] + y * f->linesize[3],
                   f->data[3] + (y - 1) * f->linesize[3], (size_t) f->width);
            continue;
        }

        for (x = 0; x < f->width; x++) {
            if (left-- == 0) {
                left = rand() % 40;
                value = rand() % 4;
            }
            f->data[3][y * f->linesize[3] + x] =
                (uint8_t) (value > 1 ? rand() : value == 1 ? 255 : 0);
        }
    }
}


static AVFrame *
random_frame(enum AVPixelFormat format, int w)
{
    int       x, y, p;
    AVFrame  *f;

    f = new_frame(format, w, H);

    for (p = 0; p < 3; p++) {
        for (y = 0; y < (p > 0 ? H / 2 : H); y++) {
            for (x = 0; x < (p > 0 ? w / 2 : w); x++) {
                f->data[p][y * f->linesize[p] + x] = (uint8_t) rand();
            }
        }
    }

    if (format == AV_PIX_FMT_YUVA420P) {
        random_alpha(f);
    }

    return f;
}


/* Of colour, the alpha of the four px that have it. */

static int
alpha_of(const AVFrame *f, int p, int x, int y)
{
    const uint8_t  *a;

    if (p == 0) {
        return f->data[3][y * f->linesize[3] + x];
    }

    a = f->data[3] + 2 * y * f->linesize[3] + 2 * x;

    return (a[0] + a[1] + a[f->linesize[3]] + a[f->linesize[3] + 1] + 2) / 4;
}


static int
mixed(int below, int above, int alpha, int opacity)
{
    int64_t  p;

    p = ((int64_t) alpha * opacity + 127) / 255;

    return (int) ((below * (RN_OPAQUE - p) + above * p + RN_OPAQUE / 2)
                  / RN_OPAQUE);
}


/* What was laid there: a part of src, from (sx, sy) on. */

static void
check(const AVFrame *dst, const AVFrame *was, const AVFrame *src, int sx,
    int sy, int w, int h, int dx, int dy, int opacity)
{
    int  p, x, y, u, v, shift, want;

    for (p = 0; p < 3; p++) {
        shift = p != 0;
        for (y = 0; y < H >> shift; y++) {
            for (x = 0; x < dst->width >> shift; x++) {
                u = x - (dx >> shift);
                v = y - (dy >> shift);
                want = was->data[p][y * was->linesize[p] + x];

                if (u >= 0 && v >= 0 && u < w >> shift && v < h >> shift) {
                    u += sx >> shift;
                    v += sy >> shift;
                    want = mixed(want, src->data[p][v * src->linesize[p] + u],
                                 alpha_of(src, p, u, v), opacity);
                }

                assert_int_equal(dst->data[p][y * dst->linesize[p] + x], want);
            }
        }
    }
}


static void
test_formula(void **state)
{
    int       i, wide, w, h, sx, sy, dx, dy, opacity;
    AVFrame  *src, *dst, *was;

    (void) state;
    srand(5);

    for (i = 0; i < 400; i++) {
        wide = i % 10 == 0 ? 1300 : 96;
        sx = rand() % 10 * 2;
        sy = rand() % 3 * 2;
        w = 2 + rand() % (wide / 2) * 2;
        h = H - sy;
        dx = (rand() % 60 - 20) * 2;
        dy = (rand() % 8 - 4) * 2;
        opacity = i % 3 == 0 ? RN_OPAQUE : rand() % (RN_OPAQUE + 1);

        src = random_frame(AV_PIX_FMT_YUVA420P, w + sx);
        dst = random_frame(AV_PIX_FMT_YUV420P, wide);
        was = new_frame(AV_PIX_FMT_YUV420P, wide, H);
        rn_copy(was, dst);

        rn_blend(dst, src, sx, sy, w, h, dx, dy, opacity);
        check(dst, was, src, sx, sy, w, h, dx, dy, opacity);

        av_frame_free(&src);
        av_frame_free(&dst);
        av_frame_free(&was);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_formula),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
