/*
 * Time stretching by libavfilter's atempo; see rn_stretch.h.  The source is fed
 * in blocks from its in-point on, silence behind its end, and never drained: so
 * the filter's result depends on nothing but in-point and speed.
 */

#include "rn_stretch.h"
#include "rn_filter.h"

#include <libavfilter/buffersink.h>
#include <libavfilter/buffersrc.h>
#include <libavutil/channel_layout.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


#define BLOCK   4096                    /* samples of the source at a time */
#define STARVE  256                     /* blocks that may yield nothing */

struct rn_stretch {
    rn_sound         *sound;
    AVFilterGraph    *graph;
    AVFilterContext  *source, *sink;
    AVFrame          *frame;            /* what came out last */
    int64_t           in;               /* next sample of the source */
    int64_t           pos;              /* in the result, of frame's first */
};


/* atempo goes from 0.5 up; twice the root is slower still. */

static AVFilterContext *
add_tempo(AVFilterGraph *g, AVFilterContext *last, double speed,
    rn_fault *fault)
{
    char    text[24];
    double  tempo;

    while (last != NULL && speed != 1) {
        tempo = speed < 0.5 ? 0.5 : speed > 2 ? 2 : speed;
        speed /= tempo;
        (void) snprintf(text, sizeof(text), "%.6f", tempo);
        last = rn_filter_add(g, last, "atempo", (const char *const []) {
                             "tempo", text, NULL }, fault);
    }

    return last;
}


static rn_status
build(rn_stretch *s, double speed, rn_fault *fault)
{
    int               rc;
    char              args[120];
    AVFilterContext  *last;

    static const char *const format[] = {
        "sample_fmts", "flt", "sample_rates", "48000",
        "channel_layouts", "stereo", NULL
    };

    s->graph = rn_filter_graph(fault);
    if (s->graph == NULL) {
        return fault->status;
    }

    (void) snprintf(args, sizeof(args), "time_base=1/%d:sample_rate=%d:"
                    "sample_fmt=flt:channel_layout=stereo", RN_RATE, RN_RATE);

    rc = avfilter_graph_create_filter(&s->source,
                                      avfilter_get_by_name("abuffer"), NULL,
                                      args, NULL, s->graph);
    if (rc < 0) {
        return rn_fail_av(fault, rc, "the sound cannot be stretched");
    }

    last = add_tempo(s->graph, s->source, speed, fault);

    if (last != NULL) {
        last = rn_filter_add(s->graph, last, "aformat", format, fault);
    }

    if (last != NULL) {
        last = s->sink = rn_filter_add(s->graph, last, "abuffersink", NULL,
                                       fault);
    }

    if (last == NULL) {
        return fault->status;
    }

    rc = avfilter_graph_config(s->graph, NULL);

    return rc < 0 ? rn_fail_av(fault, rc, "the sound cannot be stretched")
                  : RN_OK;
}


/* A block of the source, as it sounds. */

static rn_status
feed(rn_stretch *s, rn_fault *fault)
{
    int       rc, i;
    float     one[BLOCK];
    AVFrame  *f;

    f = av_frame_alloc();
    if (f == NULL) {
        return rn_fail(fault, RN_E_NOMEM, "out of memory");
    }

    f->format = AV_SAMPLE_FMT_FLT;
    f->nb_samples = BLOCK;
    f->sample_rate = RN_RATE;
    f->ch_layout = (AVChannelLayout) AV_CHANNEL_LAYOUT_STEREO;
    f->pts = s->in;

    if (av_frame_get_buffer(f, 0) < 0) {
        av_frame_free(&f);
        return rn_fail(fault, RN_E_NOMEM, "out of memory");
    }

    memset(f->data[0], 0, BLOCK * RN_CHANNELS * sizeof(float));

    for (i = 0; i < BLOCK; i++) {
        one[i] = 1;
    }

    if (rn_sound_add(s->sound, s->in, BLOCK, one, (float *) f->data[0], fault)
        == RN_OK)
    {
        s->in += BLOCK;
        rc = av_buffersrc_add_frame(s->source, f);
        if (rc < 0) {
            rn_fail_av(fault, rc, "the sound cannot be stretched");
        }
    }

    av_frame_free(&f);

    return fault->status;
}


/* The next samples of the result are in s->frame. */

static rn_status
next(rn_stretch *s, rn_fault *fault)
{
    int  rc, i;

    s->pos += s->frame->nb_samples;
    av_frame_unref(s->frame);

    for (i = 0; i < STARVE; i++) {
        rc = av_buffersink_get_frame(s->sink, s->frame);
        if (rc >= 0) {
            return RN_OK;
        }

        if (rc != AVERROR(EAGAIN)) {
            return rn_fail_av(fault, rc, "the sound cannot be stretched");
        }

        if (feed(s, fault) != RN_OK) {
            return fault->status;
        }
    }

    return rn_fail(fault, RN_E_INTERNAL, "stretched sound does not come");
}


rn_status
rn_stretch_add(rn_stretch *s, int64_t at, int n, const float *gain, float *mix,
    rn_fault *fault)
{
    int64_t       i, first, last;
    const float  *p;

    for ( ;; ) {
        first = at > s->pos ? at - s->pos : 0;
        last = at + n - s->pos < s->frame->nb_samples
               ? at + n - s->pos : s->frame->nb_samples;

        for (i = first; i < last; i++) {
            p = (const float *) s->frame->data[0] + (size_t) i * RN_CHANNELS;
            mix[2 * (s->pos + i - at)] += p[0] * gain[s->pos + i - at];
            mix[2 * (s->pos + i - at) + 1] += p[1] * gain[s->pos + i - at];
        }

        if (s->pos + s->frame->nb_samples >= at + n) {
            return RN_OK;
        }

        if (next(s, fault) != RN_OK) {
            return fault->status;
        }
    }
}


rn_status
rn_stretch_open(rn_stretch **out, int fd, int64_t in, double speed,
    rn_fault *fault)
{
    rn_stretch  *s;

    *out = NULL;

    s = calloc(1, sizeof(rn_stretch));
    if (s == NULL) {
        return rn_fail(fault, RN_E_NOMEM, "out of memory");
    }

    s->in = in;
    s->frame = av_frame_alloc();

    if (s->frame == NULL) {
        rn_fail(fault, RN_E_NOMEM, "out of memory");

    } else if (rn_sound_open(&s->sound, fd, fault) == RN_OK) {
        (void) build(s, speed, fault);
    }

    if (fault->status != RN_OK) {
        rn_stretch_close(&s);
        return fault->status;
    }

    *out = s;
    return RN_OK;
}


void
rn_stretch_close(rn_stretch **sp)
{
    rn_stretch  *s = *sp;

    if (s == NULL) {
        return;
    }

    avfilter_graph_free(&s->graph);
    rn_sound_close(&s->sound);
    av_frame_free(&s->frame);
    free(s);
    *sp = NULL;
}
