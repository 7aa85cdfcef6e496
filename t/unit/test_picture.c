/*
 * Pictures of a film by their time: one that is sought is the same, to the bit,
 * as where all before it were seen, whatever was passed over on the way to it
 * and however many threads decoded it; and colours that go to another matrix
 * and range are those that the formulas name.
 */

#include "helpers.h"
#include "rn_picture.h"
#include "rn_recolour.h"

#include <math.h>


#define FF    "ffmpeg -nostdin -v error -y "
#define W     160
#define H     96
#define TICKS 300                       /* of a film's picture, at most */

typedef struct {
    uint64_t  sum[TICKS];
    int       n;
} seen;


/* B-frames that others refer to, and that none does; long between key frames */

#define X264  "-c:v libx264 -preset fast -threads 1 -g 120 -bf 3 "

static const char *const recipes[] = {
    FF "-f lavfi -i testsrc2=s=160x96:r=30:d=8 " X264 "even.mp4",
    /* pictures that stand for 3 s, of which some are passed over */
    FF "-f lavfi -i testsrc2=s=160x96:r=30:d=40 -vf "
        "\"select='lt(t,2)+not(mod(n,90))',setpts='if(gt(T,9),T/4+7,T)/TB'\" "
        "-fps_mode vfr " X264 "slow.mkv",
    FF "-f lavfi -i testsrc2=s=160x96:r=50:d=8 -vf tinterlace=4 "
        "-c:v mpeg2video -flags +ilme+ildct -top 1 -bf 2 -g 75 -q:v 4 "
        "fields.ts",
    FF "-f lavfi -i testsrc2=s=160x96:r=30:d=8 -c:v libx265 -preset ultrafast "
        "-x265-params keyint=90:min-keyint=90:scenecut=0:bframes=3:log-level="
        "none:pools=1 h265.ts",
    FF "-f lavfi -i testsrc2=s=160x96:r=30:d=8 -c:v mpeg4 -bf 2 -g 90 -q:v 4 "
        "m4.ts",
    FF "-f lavfi -i testsrc2=s=160x96:r=30:d=8 " X264 "h264.ts",
    FF "-f lavfi -i testsrc2=s=160x96:r=30:d=4 -c:v libvpx -b:v 300k -deadline "
        "realtime -g 120 even.webm",
};


static int
make_media(void **state)
{
    size_t  i;

    if (make_folder(state) != 0) {
        return -1;
    }

    for (i = 0; i < sizeof(recipes) / sizeof(recipes[0]); i++) {
        if (!sh("%s", recipes[i])) {
            return -1;
        }
    }

    return 0;
}


static uint64_t
sum_of(const AVFrame *f)
{
    int       i, y, x, w, h;
    uint64_t  sum;

    sum = 14695981039346656037u;

    for (i = 0; i < 3; i++) {
        w = i == 0 ? f->width : f->width / 2;
        h = i == 0 ? f->height : f->height / 2;

        for (y = 0; y < h; y++) {
            for (x = 0; x < w; x++) {
                sum ^= f->data[i][(ptrdiff_t) y * f->linesize[i] + x];
                sum *= 1099511628211u;
            }
        }
    }

    return sum;
}


static rn_picture *
open_film(int fd, const rn_env *env)
{
    rn_fault          fault;
    rn_picture       *p;
    rn_picture_spec   spec;

    memset(&fault, 0, sizeof(fault));
    memset(&spec, 0, sizeof(spec));
    spec.fit = RN_FIT_FILL;
    spec.w = W;
    spec.h = H;
    spec.fps.num = 30;
    spec.fps.den = 1;
    spec.px_scale = 1;
    spec.env = env;

    assert_int_equal(rn_picture_open(&p, fd, &spec, &fault), RN_OK);

    return p;
}


static uint64_t
sum_at(rn_picture *p, int tick)
{
    rn_fault        fault;
    const AVFrame  *f;

    memset(&fault, 0, sizeof(fault));

    if (rn_picture_get(p, (int64_t) tick * 1000, &f, &fault) != RN_OK) {
        fail_msg("tick %d: %s", tick, fault.text);
    }

    assert_int_equal(f->width, W);

    return sum_of(f);
}


/* One after the other from the beginning, then each by itself. */

static void
same_by_place(const char *name, int ticks, int step)
{
    int          fd, k, different;
    seen         all;
    rn_env       env;
    rn_picture  *p;

    memset(&env, 0, sizeof(env));
    memset(&all, 0, sizeof(all));
    fd = open(in_folder(name), O_RDONLY);
    assert_true(fd >= 0);

    p = open_film(fd, &env);
    for (k = 0, different = 0; k < ticks; k++) {
        all.sum[k] = sum_at(p, k);
        different += k > 0 && all.sum[k] != all.sum[k - 1];
    }
    rn_picture_close(&p);
    assert_true(different > 20);

    for (k = 1; k < ticks; k += step) {
        for (env.threads = 0; env.threads <= 2; env.threads += 2) {
            p = open_film(fd, &env);
            if (sum_at(p, k) != all.sum[k]) {
                fail_msg("%s shows another picture at tick %d", name, k);
            }
            if (k + 1 < ticks) {
                assert_true(sum_at(p, k + 1) == all.sum[k + 1]);
            }
            rn_picture_close(&p);
        }
    }

    (void) close(fd);
}


static void
test_places(void **state)
{
    (void) state;

    same_by_place("even.mp4", 240, 7);
    same_by_place("even.webm", 110, 9);
}


/* Without an index a search leads to any picture. */

static void
test_unindexed_places(void **state)
{
    (void) state;

    same_by_place("h265.ts", 230, 6);
    same_by_place("m4.ts", 230, 6);
    same_by_place("h264.ts", 230, 6);
}


static void
test_slow_places(void **state)
{
    (void) state;

    same_by_place("slow.mkv", 260, 3);
}


static void
test_interlaced_places(void **state)
{
    (void) state;

    same_by_place("fields.ts", 210, 7);
}


/* ------------------------------------------------------------------ colours */

static AVFrame *
flat(int w, int h, int y, int cb, int cr)
{
    int       i;
    AVFrame  *f;

    f = new_frame(AV_PIX_FMT_YUV420P, w, h);

    for (i = 0; i < h; i++) {
        memset(f->data[0] + (ptrdiff_t) i * f->linesize[0], y, (size_t) w);
    }

    for (i = 0; i < (h + 1) / 2; i++) {
        memset(f->data[1] + (ptrdiff_t) i * f->linesize[1], cb,
               (size_t) (w + 1) / 2);
        memset(f->data[2] + (ptrdiff_t) i * f->linesize[2], cr,
               (size_t) (w + 1) / 2);
    }

    return f;
}


/* R, G, B of 0 to 1 as Y, Cb, Cr of a matrix and range. */

static void
coded(const double rgb[3], rn_colour c, double out[3])
{
    double  kr, kb, y;

    kr = strcmp(c.matrix, "bt709") == 0 ? 0.2126 : 0.299;
    kb = strcmp(c.matrix, "bt709") == 0 ? 0.0722 : 0.114;
    y = kr * rgb[0] + (1 - kr - kb) * rgb[1] + kb * rgb[2];
    out[0] = c.full ? 255 * y : 16 + 219 * y;
    out[1] = 128 + (rgb[2] - y) / (2 - 2 * kb) * (c.full ? 255 : 224);
    out[2] = 128 + (rgb[0] - y) / (2 - 2 * kr) * (c.full ? 255 : 224);
}


static void
test_recolour(void **state)
{
    int       i, k, plane, x, y, w, h, got;
    double    rgb[3], was[3], want[3];
    AVFrame  *src, *dst;

    static const rn_colour colours[] = {
        { "bt709", false }, { "bt709", true }, { "bt601", false },
        { "bt601", true },
    };

    (void) state;

    srand(9);

    for (i = 0; i < 3000; i++) {
        rn_colour  from = colours[i % 4], to = colours[i / 4 % 4];

        for (k = 0; k < 3; k++) {
            rgb[k] = i % 3 == 0 ? rand() % 2 : (double) rand() / RAND_MAX;
        }

        coded(rgb, from, was);
        coded(rgb, to, want);
        w = 1 + rand() % 40;
        h = 1 + rand() % 6;
        src = flat(w, h, (int) fmin(255, lround(was[0])),
                   (int) fmin(255, lround(was[1])),
                   (int) fmin(255, lround(was[2])));
        dst = flat(w, h, 1, 1, 1);

        assert_true(rn_recolour(src, from, dst, to));

        for (plane = 0; plane < 3; plane++) {
            for (y = 0; y < (plane ? (h + 1) / 2 : h); y++) {
                for (x = 0; x < (plane ? (w + 1) / 2 : w); x++) {
                    got = dst->data[plane][(ptrdiff_t) y
                                           * dst->linesize[plane] + x];
                    if (fabs(got - want[plane]) > 1.8) {
                        fail_msg("%s%s to %s%s, plane %d at %d, %d: %d, not "
                                 "%.2f", from.matrix, from.full ? " full" : "",
                                 to.matrix, to.full ? " full" : "", plane, x, y,
                                 got, want[plane]);
                    }
                }
            }
        }

        av_frame_free(&src);
        av_frame_free(&dst);
    }
}


/* The same colours leave each sample as it is; others have another way. */

static void
test_recolour_nothing(void **state)
{
    int        v, x;
    AVFrame   *src, *dst;
    rn_colour  c = { "bt709", false }, wide = { "bt2020", false };

    (void) state;

    src = flat(8, 4, 9, 9, 9);
    dst = flat(8, 4, 1, 1, 1);
    assert_false(rn_recolour(src, c, dst, wide));
    assert_false(rn_recolour(src, wide, dst, c));
    assert_false(rn_recolour(src, c, dst, (rn_colour) { NULL, true }));
    dst->width = 6;
    assert_false(rn_recolour(src, c, dst, c));
    dst->width = 8;
    dst->format = AV_PIX_FMT_YUV422P;
    assert_false(rn_recolour(src, c, dst, c));
    assert_int_equal(dst->data[0][0], 1);
    av_frame_free(&src);
    av_frame_free(&dst);

    for (v = 0; v < 256; v++) {
        src = flat(7, 3, v, 255 - v, v);
        dst = flat(7, 3, 1, 1, 1);
        assert_true(rn_recolour(src, c, dst, c));

        for (x = 0; x < 7; x++) {
            assert_int_equal(dst->data[0][x], v);
            assert_int_equal(dst->data[1][x / 2], 255 - v);
            assert_int_equal(dst->data[2][x / 2], v);
        }

        av_frame_free(&src);
        av_frame_free(&dst);
    }
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_slow_places),
        cmocka_unit_test(test_unindexed_places),
        cmocka_unit_test(test_interlaced_places),
        cmocka_unit_test(test_recolour),
        cmocka_unit_test(test_recolour_nothing),
    };

    return cmocka_run_group_tests(tests, make_media, remove_folder);
}
