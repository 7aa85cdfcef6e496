/* Tables of colours on pictures, beside libavfilter's lut3d and lut1d. */

#include "helpers.h"
#include "rn_filter.h"
#include "rn_lut.h"

#include <fcntl.h>
#include <math.h>
#include <unistd.h>
#include <libavfilter/buffersink.h>
#include <libavfilter/buffersrc.h>


#define W  256
#define H  64

static int  fd = -1;


/* The file of the test; n of a curve are as many as of a side. */

static void
write_cube(bool cube, int n, double (*value)(double r, double g, double b,
    int channel))
{
    int     r, g, b, c, m;
    FILE   *f;

    f = fopen(in_folder("a.cube"), "w");
    assert_non_null(f);
    m = n - 1;
    fprintf(f, "%s %d\n", cube ? "LUT_3D_SIZE" : "LUT_1D_SIZE", n);

    for (b = 0; b < (cube ? n : 1); b++) {
        for (g = 0; g < (cube ? n : 1); g++) {
            for (r = 0; r < n; r++) {
                for (c = 0; c < 3; c++) {
                    fprintf(f, "%s%.7f", c ? " " : "", cube
                            ? value(1.0 * r / m, 1.0 * g / m, 1.0 * b / m, c)
                            : value(1.0 * r / m, 1.0 * r / m, 1.0 * r / m, c));
                }
                fprintf(f, "\n");
            }
        }
    }

    assert_int_equal(fclose(f), 0);
    fd = open(in_folder("a.cube"), O_RDONLY);
    assert_true(fd >= 0);
}


static AVFrame *
colours(enum AVPixelFormat format)
{
    int       x, y, p;
    AVFrame  *f;

    f = new_frame(format, W, H);
    srand(7);

    for (p = 0; p < (format == AV_PIX_FMT_GBRAP ? 4 : 3); p++) {
        for (y = 0; y < H; y++) {
            for (x = 0; x < W; x++) {       /* greys, runs, and all others */
                f->data[p][y * f->linesize[p] + x] =
                    (uint8_t) (y == 0 ? x : y < 8 ? (x / 32 * 50 + p * y * 3)
                                          : rand());
            }
        }
    }

    return f;
}


static AVFrame *
filtered(const char *name, AVFrame *in)
{
    AVFrame          *out;
    rn_fault          fault;
    AVFilterGraph    *g;
    AVFilterContext  *src, *sink;

    memset(&fault, 0, sizeof(fault));
    g = rn_filter_graph(&fault);
    src = rn_filter_source(g, W, H, in->format, (AVRational) { 1, 25 },
                           (AVRational) { 25, 1 }, &fault);
    sink = rn_filter_add(g, src, name, (const char *const []) { "file",
                         in_folder("a.cube"), NULL }, &fault);
    sink = rn_filter_add(g, sink, "format", (const char *const []) {
                         "pix_fmts", "gbrp", NULL }, &fault);
    sink = rn_filter_add(g, sink, "buffersink", NULL, &fault);
    assert_int_equal(fault.status, RN_OK);
    assert_true(avfilter_graph_config(g, NULL) >= 0);

    out = av_frame_alloc();
    assert_non_null(out);
    in->pts = 0;
    assert_true(av_buffersrc_add_frame_flags(src, in,
                    AV_BUFFERSRC_FLAG_KEEP_REF | AV_BUFFERSRC_FLAG_PUSH) >= 0);
    assert_true(av_buffersink_get_frame(sink, out) >= 0);
    avfilter_graph_free(&g);

    return out;
}


static int
worst(const AVFrame *a, const AVFrame *b)
{
    int  x, y, p, d, most;

    most = 0;

    for (p = 0; p < 3; p++) {
        for (y = 0; y < H; y++) {
            for (x = 0; x < W; x++) {
                d = abs(a->data[p][y * a->linesize[p] + x]
                        - b->data[p][y * b->linesize[p] + x]);
                most = d > most ? d : most;
            }
        }
    }

    return most;
}


static rn_lut *
opened(double intensity)
{
    rn_lut    *lut;
    rn_fault   fault;

    memset(&fault, 0, sizeof(fault));
    lut = rn_lut_open(fd, intensity, &fault);
    assert_non_null(lut);

    return lut;
}


static AVFrame *
applied(double intensity)
{
    rn_lut   *lut;
    AVFrame  *f;

    f = colours(AV_PIX_FMT_GBRP);
    lut = opened(intensity);
    rn_lut_apply(lut, f);
    rn_lut_free(&lut);

    return f;
}


static double
look(double r, double g, double b, int channel)
{
    return channel == 0 ? pow(r, 1.5) * 0.8 + 0.2 * g
           : channel == 1 ? sin(g * 1.4) : 1 - b * 0.7 * (1 - r);
}


static double
wild(double r, double g, double b, int channel)
{
    return channel == 0 ? 3 * r - 1 : channel == 1 ? g * b * 4 - 1.5 : -b;
}


static double
same(double r, double g, double b, int channel)
{
    return channel == 0 ? r : channel == 1 ? g : b;
}


static void
test_as_lavfi(void **state)
{
    size_t    i;
    AVFrame  *in, *want, *have;

    static const struct {
        bool      cube;
        int       n;
        double  (*value)(double r, double g, double b, int channel);
    } tables[] = {
        { true, 2, look }, { true, 17, look }, { true, 33, look },
        { true, 65, look }, { true, 5, wild }, { true, 33, wild },
        { true, 16, same }, { false, 2, look }, { false, 100, look },
        { false, 1024, wild },
    };

    (void) state;

    for (i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
        write_cube(tables[i].cube, tables[i].n, tables[i].value);
        in = colours(AV_PIX_FMT_GBRP);
        want = filtered(tables[i].cube ? "lut3d" : "lut1d", in);
        have = applied(1);

        if (worst(want, have) > 1 || worst(in, have) < (i == 6 ? 0 : 20)) {
            fail_msg("table %zu: off by %d; it changes %d", i,
                     worst(want, have), worst(in, have));
        }

        av_frame_free(&in);
        av_frame_free(&want);
        av_frame_free(&have);
        (void) close(fd);
    }
}


static void
test_intensity(void **state)
{
    int       x, y, p, k;
    AVFrame  *in, *none, *half, *all;

    (void) state;

    for (k = 0; k < 2; k++) {
        write_cube(k == 0, 17, look);
        in = colours(AV_PIX_FMT_GBRP);
        none = applied(0);
        half = applied(0.5);
        all = applied(1);
        assert_int_equal(worst(in, none), 0);

        for (p = 0; p < 3; p++) {
            for (y = 0; y < H; y++) {
                for (x = 0; x < W; x++) {
                    assert_true(abs(2 * half->data[p][y * half->linesize[p] + x]
                                    - in->data[p][y * in->linesize[p] + x]
                                    - all->data[p][y * all->linesize[p] + x])
                                <= 2);
                }
            }
        }

        av_frame_free(&in);
        av_frame_free(&none);
        av_frame_free(&half);
        av_frame_free(&all);
        (void) close(fd);
    }
}


/* Alpha is nobody's colour; a table that says the same says the same. */

static void
test_alpha(void **state)
{
    int       y;
    rn_lut   *lut;
    AVFrame  *in, *out;

    (void) state;

    write_cube(true, 33, same);
    in = colours(AV_PIX_FMT_GBRAP);
    out = colours(AV_PIX_FMT_GBRAP);
    lut = opened(1);
    rn_lut_apply(lut, out);
    assert_int_equal(worst(in, out), 0);

    rn_lut_free(&lut);
    (void) close(fd);
    write_cube(true, 2, wild);
    lut = opened(1);
    rn_lut_apply(lut, out);
    assert_true(worst(in, out) > 20);

    for (y = 0; y < H; y++) {
        assert_memory_equal(in->data[3] + y * in->linesize[3],
                            out->data[3] + y * out->linesize[3], W);
    }

    rn_lut_free(&lut);
    av_frame_free(&in);
    av_frame_free(&out);
    (void) close(fd);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_as_lavfi),
        cmocka_unit_test(test_intensity),
        cmocka_unit_test(test_alpha),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
