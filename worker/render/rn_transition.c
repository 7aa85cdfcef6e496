/*
 * Transitions; see rn_transition.h.  xfade wants to see two films from their
 * first picture on and takes its progress from their clocks.  It is given the
 * first picture twice: at 0, which begins its clock and whose result is thrown
 * away, and at its own time.  Picture i of n is drawn at (2 i + 1) / 2 n, the
 * middle of its time, so that a transition looks the same run backwards.
 */

#include "rn_transition.h"
#include "rn_blend.h"
#include "rn_filter.h"

#include <libavfilter/buffersink.h>
#include <libavfilter/buffersrc.h>
#include <libavutil/opt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


#define HALF      1000                  /* us of xfade's clock a half picture */
#define LONGEST   60000000              /* us that it takes */

struct rn_transition {
    int64_t           n, half;
    AVFilterGraph    *graph;            /* NULL: a plain fade */
    AVFilterContext  *from, *to, *sink;
    AVFrame          *out;
    bool              begun;
};


bool
rn_transition_known(const char *name)
{
    const AVFilter  *xfade;

    xfade = avfilter_get_by_name("xfade");

    return strcmp(name, "fade") == 0
           || (xfade != NULL
               && av_opt_find((void *) &xfade->priv_class, name, "transition",
                              0, AV_OPT_SEARCH_FAKE_OBJ) != NULL);
}


static rn_status
build(rn_transition *t, const char *name, int w, int h, rn_fault *fault)
{
    int               rc;
    char              length[32];
    AVRational        tb = { 1, 1000000 }, rate;
    AVFilterContext  *a, *b, *x;

    static const char *const full[] = { "pix_fmts", "yuv444p", NULL };
    static const char *const half[] = { "pix_fmts", "yuv420p", NULL };
    static const char *const soft[] = { "flags", "bilinear", NULL };

    (void) snprintf(length, sizeof(length), "%lldus",
                    (long long) (2 * t->half * t->n));
    rate = (AVRational) { 1000000, (int) (2 * t->half) };

    t->graph = rn_filter_graph(fault);
    if (t->graph == NULL) {
        return fault->status;
    }

    a = t->from = rn_filter_source(t->graph, w, h, AV_PIX_FMT_YUV420P, tb,
                                   rate, fault);
    b = t->to = rn_filter_source(t->graph, w, h, AV_PIX_FMT_YUV420P, tb, rate,
                                 fault);

    /* xfade knows no 4:2:0 */

    if (a != NULL && b != NULL) {
        a = rn_filter_add(t->graph, a, "scale", soft, fault);
        b = rn_filter_add(t->graph, b, "scale", soft, fault);
    }

    if (a != NULL && b != NULL) {
        a = rn_filter_add(t->graph, a, "format", full, fault);
        b = rn_filter_add(t->graph, b, "format", full, fault);
    }

    if (a == NULL || b == NULL) {
        return fault->status;
    }

    x = rn_filter_add(t->graph, a, "xfade", (const char *const []) {
                      "transition", name, "duration", length, NULL }, fault);
    if (x == NULL) {
        return fault->status;
    }

    rc = avfilter_link(b, 0, x, 1);
    if (rc < 0) {
        return rn_fail_av(fault, rc, "transition %s", name);
    }

    x = rn_filter_add(t->graph, x, "scale", soft, fault);
    if (x != NULL) {
        x = rn_filter_add(t->graph, x, "format", half, fault);
    }

    if (x != NULL) {
        x = t->sink = rn_filter_add(t->graph, x, "buffersink", NULL, fault);
    }

    if (x == NULL) {
        return fault->status;
    }

    rc = avfilter_graph_config(t->graph, NULL);

    return rc < 0 ? rn_fail_av(fault, rc, "transition %s", name) : RN_OK;
}


rn_status
rn_transition_open(rn_transition **out, const char *name, int w, int h,
    int64_t n, rn_fault *fault)
{
    rn_transition  *t;

    *out = NULL;

    t = calloc(1, sizeof(rn_transition));
    if (t == NULL) {
        return rn_fail(fault, RN_E_NOMEM, "out of memory");
    }

    t->n = n;
    t->half = 2 * HALF * n <= LONGEST ? HALF : LONGEST / (2 * n);

    if (strcmp(name, "fade") != 0) {
        t->out = av_frame_alloc();

        if (t->out == NULL) {
            rn_fail(fault, RN_E_NOMEM, "out of memory");
        } else {
            (void) build(t, name, w, h, fault);
        }

        if (fault->status != RN_OK) {
            rn_transition_close(&t);
            return fault->status;
        }
    }

    *out = t;
    return RN_OK;
}


/* One picture of both films at a time of xfade's clock, and what it makes. */

static rn_status
step(rn_transition *t, AVFrame *a, AVFrame *b, int64_t at, rn_fault *fault)
{
    int  rc;

    av_frame_unref(t->out);
    a->pts = b->pts = at;

    rc = av_buffersrc_add_frame_flags(t->from, a, AV_BUFFERSRC_FLAG_KEEP_REF);
    if (rc >= 0) {
        rc = av_buffersrc_add_frame_flags(t->to, b,
                                          AV_BUFFERSRC_FLAG_KEEP_REF);
    }

    if (rc >= 0) {
        rc = av_buffersink_get_frame(t->sink, t->out);
    }

    return rc < 0 ? rn_fail_av(fault, rc, "a transition cannot be drawn")
                  : RN_OK;
}


rn_status
rn_transition_draw(rn_transition *t, AVFrame *dst, AVFrame *src, int64_t i,
    rn_fault *fault)
{
    if (t->graph == NULL) {
        rn_mix(dst, src, (int) ((2 * i + 1) * RN_OPAQUE / (2 * t->n)));
        return RN_OK;
    }

    if (!t->begun && step(t, dst, src, 0, fault) != RN_OK) {
        return fault->status;
    }
    t->begun = true;

    if (step(t, dst, src, (2 * i + 1) * t->half, fault) != RN_OK) {
        return fault->status;
    }

    /* the graph may still hold what it was given */

    if (av_frame_make_writable(dst) < 0 || av_frame_make_writable(src) < 0) {
        return rn_fail(fault, RN_E_NOMEM, "out of memory");
    }

    rn_copy(dst, t->out);

    return RN_OK;
}


void
rn_transition_close(rn_transition **tp)
{
    rn_transition  *t = *tp;

    if (t == NULL) {
        return;
    }

    avfilter_graph_free(&t->graph);
    av_frame_free(&t->out);
    free(t);
    *tp = NULL;
}
