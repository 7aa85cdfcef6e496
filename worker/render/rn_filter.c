/* Graphs of libavfilter, piece by piece; see rn_filter.h. */

#include "rn_filter.h"

#include <math.h>
#include <stdio.h>
#include <libavutil/opt.h>


AVFilterGraph *
rn_filter_graph(rn_fault *fault)
{
    AVFilterGraph  *g;

    g = avfilter_graph_alloc();
    if (g == NULL) {
        rn_fail(fault, RN_E_NOMEM, "out of memory");
        return NULL;
    }

    g->nb_threads = 1;

    return g;
}


AVFilterContext *
rn_filter_add(AVFilterGraph *g, AVFilterContext *after, const char *name,
    const char *const *opts, rn_fault *fault)
{
    int               rc;
    const AVFilter   *filter;
    AVFilterContext  *f;

    filter = avfilter_get_by_name(name);
    if (filter == NULL) {
        rn_fail(fault, RN_E_UNSUPPORTED, "this FFmpeg has no filter %s", name);
        return NULL;
    }

    f = avfilter_graph_alloc_filter(g, filter, NULL);
    if (f == NULL) {
        rn_fail(fault, RN_E_NOMEM, "out of memory");
        return NULL;
    }

    for ( /* void */ ; opts != NULL && *opts != NULL; opts += 2) {
        rc = av_opt_set(f, opts[0], opts[1], AV_OPT_SEARCH_CHILDREN);
        if (rc < 0) {
            rn_fail_av(fault, rc, "filter %s, option %s", name, opts[0]);
            return NULL;
        }
    }

    rc = avfilter_init_str(f, NULL);
    if (rc >= 0 && after != NULL) {
        rc = avfilter_link(after, 0, f, 0);
    }

    if (rc < 0) {
        rn_fail_av(fault, rc, "filter %s", name);
        return NULL;
    }

    return f;
}


/*
 * gblur's code for AVX-512 is wrong for planes of up to 16 px across, that for
 * AVX2 and SSE4.1 for those of 8 and 4, and all for those of one line (FFmpeg
 * 5.1.9): small pictures, whose planes of colour have half, are made larger for
 * it.
 */

#define BLUR_LEAST_W  34
#define BLUR_LEAST_H  4


static AVFilterContext *
add_size(AVFilterGraph *g, AVFilterContext *after, int w, int h,
    const char *flags, rn_fault *fault)
{
    char  text[2][16];

    (void) snprintf(text[0], sizeof(text[0]), "%d", w);
    (void) snprintf(text[1], sizeof(text[1]), "%d", h);

    return after == NULL ? NULL
           : rn_filter_add(g, after, "scale", (const char *const []) {
                           "w", text[0], "h", text[1], "flags", flags, NULL },
                           fault);
}


/* How many times as large something has to be. */

static int
times_of(int n, int least)
{
    return n < least ? (least + n - 1) / n : 1;
}


AVFilterContext *
rn_filter_blur(AVFilterGraph *g, AVFilterContext *after, int w, int h,
    double sigma, rn_fault *fault)
{
    int               across, down;
    char              text[2][32];
    AVFilterContext  *last = after;

    across = times_of(w, BLUR_LEAST_W);
    down = times_of(h, BLUR_LEAST_H);

    (void) snprintf(text[0], sizeof(text[0]), "%.6f",
                    fmin(sigma * across, 1024));
    (void) snprintf(text[1], sizeof(text[1]), "%.6f", fmin(sigma * down, 1024));

    if (across > 1 || down > 1) {
        last = add_size(g, last, w * across, h * down,
                        "neighbor+accurate_rnd+bitexact", fault);
    }

    last = last == NULL ? NULL
           : rn_filter_add(g, last, "gblur", (const char *const []) {
                           "sigma", text[0], "sigmaV", text[1], NULL }, fault);

    return across == 1 && down == 1 ? last
           : add_size(g, last, w, h, "area+accurate_rnd+bitexact", fault);
}


AVFilterContext *
rn_filter_source(AVFilterGraph *g, int w, int h, int format, AVRational tb,
    AVRational rate, rn_fault *fault)
{
    char              args[200];
    int               rc;
    AVFilterContext  *src;

    /* numbers only; without frame_rate some filters refuse to begin */

    (void) snprintf(args, sizeof(args),
                    "video_size=%dx%d:pix_fmt=%d:time_base=%d/%d:"
                    "frame_rate=%d/%d:pixel_aspect=1/1", w, h, format,
                    tb.num, tb.den, rate.num, rate.den);

    rc = avfilter_graph_create_filter(&src, avfilter_get_by_name("buffer"),
                                      NULL, args, NULL, g);
    if (rc < 0) {
        rn_fail_av(fault, rc, "the pictures cannot be filtered");
        return NULL;
    }

    return src;
}
