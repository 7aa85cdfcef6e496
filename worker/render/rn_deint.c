/* Deinterlacing by libavfilter's bwdif; see rn_deint.h. */

#include "rn_deint.h"
#include "rn_filter.h"

#include <stdlib.h>
#include <libavfilter/buffersink.h>
#include <libavfilter/buffersrc.h>


struct rn_deint {
    AVFilterGraph    *graph;
    AVFilterContext  *source, *sink;
    int               w, h, format;
};


rn_status
rn_deint_open(rn_deint **out, const AVStream *st, const AVFrame *like,
    rn_fault *fault)
{
    int               rc;
    rn_deint         *d;
    AVRational        rate;
    AVFilterContext  *last;

    static const char *const opts[] = {
        "mode", "send_frame", "deint", "interlaced", NULL
    };

    d = *out = calloc(1, sizeof(rn_deint));
    if (d == NULL) {
        return rn_fail(fault, RN_E_NOMEM, "out of memory");
    }

    d->w = like->width;
    d->h = like->height;
    d->format = like->format;

    rate = st->avg_frame_rate.num > 0 ? st->avg_frame_rate
                                      : (AVRational) { 25, 1 };

    d->graph = rn_filter_graph(fault);
    last = d->source = d->graph == NULL ? NULL
           : rn_filter_source(d->graph, d->w, d->h, d->format, st->time_base,
                              rate, fault);
    last = last == NULL ? NULL
           : rn_filter_add(d->graph, last, "bwdif", opts, fault);
    d->sink = last == NULL ? NULL
              : rn_filter_add(d->graph, last, "buffersink", NULL, fault);

    if (d->sink == NULL) {
        goto fail;
    }

    rc = avfilter_graph_config(d->graph, NULL);
    if (rc < 0) {
        rn_fail_av(fault, rc, "interlaced pictures cannot be shown");
        goto fail;
    }

    return RN_OK;

fail:

    rn_deint_close(out);
    return fault->status;
}


rn_status
rn_deint_send(rn_deint *d, AVFrame *frame, rn_fault *fault)
{
    int  rc;

    /* its own clock may stand still or leap: the order is all that counts */

    rc = av_buffersrc_add_frame(d->source, frame);

    return rc < 0 ? rn_fail_av(fault, rc, "interlaced pictures cannot be "
                               "shown") : RN_OK;
}


rn_status
rn_deint_take(rn_deint *d, AVFrame *frame, bool *got, rn_fault *fault)
{
    int  rc;

    rc = av_buffersink_get_frame(d->sink, frame);
    *got = rc >= 0;

    return rc < 0 && rc != AVERROR(EAGAIN) && rc != AVERROR_EOF
           ? rn_fail_av(fault, rc, "interlaced pictures cannot be shown")
           : RN_OK;
}


bool
rn_deint_fits(const rn_deint *d, const AVFrame *frame)
{
    return d->w == frame->width && d->h == frame->height
           && d->format == frame->format;
}


void
rn_deint_close(rn_deint **d)
{
    if (*d != NULL) {
        avfilter_graph_free(&(*d)->graph);
        free(*d);
        *d = NULL;
    }
}
