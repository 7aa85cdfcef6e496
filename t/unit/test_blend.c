/*
 * Laying pictures with alpha on others: px by px what the formula says, for all
 * widths, places and opacities.
 */

#include "helpers.h"
#include "rn_blend.h"


#define W  96
#define H  12


/* Runs of nothing, of all and of what lies between, as letters have them. */

static AVFrame *
random_frame(enum AVPixelFormat format, int w)
{
    int       x, y, p, left, value;
    AVFrame  *f;

    f = new_frame(format, w, H);

    for (p = 0; p < (format == AV_PIX_FMT_YUVA420P ? 4 : 3); p++) {
        left = value = 0;
        for (y = 0; y < (p == 1 || p == 2 ? H / 2 : H); y++) {
            for (x = 0; x < (p == 1 || p == 2 ? w / 2 : w); x++) {
                if (left-- == 0) {
                    left = rand() % 20;
                    value = rand() % 4;
                }
                f->data[p][y * f->linesize[p] + x] = (uint8_t)
                    (p < 3 || value > 1 ? rand() : value == 1 ? 255 : 0);
            }
        }
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


static void
check(const AVFrame *dst, const AVFrame *was, const AVFrame *src, int dx,
    int dy, int opacity)
{
    int  p, x, y, sx, sy, shift, want;

    for (p = 0; p < 3; p++) {
        shift = p != 0;
        for (y = 0; y < H >> shift; y++) {
            for (x = 0; x < W >> shift; x++) {
                sx = x - (dx >> shift);
                sy = y - (dy >> shift);
                want = was->data[p][y * was->linesize[p] + x];

                if (sx >= 0 && sy >= 0 && sx < src->width >> shift
                    && sy < H >> shift)
                {
                    want = mixed(want,
                                 src->data[p][sy * src->linesize[p] + sx],
                                 alpha_of(src, p, sx, sy), opacity);
                }

                assert_int_equal(dst->data[p][y * dst->linesize[p] + x], want);
            }
        }
    }
}


static void
test_formula(void **state)
{
    int       i, w, dx, dy, opacity;
    AVFrame  *src, *dst, *was;

    (void) state;
    srand(5);

    for (i = 0; i < 400; i++) {
        w = 2 + rand() % 60 * 2;
        dx = (rand() % 60 - 20) * 2;
        dy = (rand() % 8 - 4) * 2;
        opacity = i % 3 == 0 ? RN_OPAQUE : rand() % (RN_OPAQUE + 1);

        src = random_frame(AV_PIX_FMT_YUVA420P, w);
        dst = random_frame(AV_PIX_FMT_YUV420P, W);
        was = new_frame(AV_PIX_FMT_YUV420P, W, H);
        rn_copy(was, dst);

        rn_blend(dst, src, 0, 0, w, H, dx, dy, opacity);
        check(dst, was, src, dx, dy, opacity);

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
