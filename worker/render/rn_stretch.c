/*
 * Time stretching by libavfilter's atempo; see rn_stretch.h.  The filter begins
 * anew each minute of the result, and one run fades into the next: so what is
 * heard at a place depends on in-point and speed alone, and costs no more for
 * lying late in the clip.  The source is fed in blocks, silence behind its end,
 * and never drained.
 */

#include "rn_stretch.h"
#include "rn_filter.h"

#include <libavfilter/buffersink.h>
#include <libavfilter/buffersrc.h>
#include <libavutil/channel_layout.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


#define BLOCK   4096                    /* samples of the source at a time */
#define STARVE  256                     /* blocks that may yield nothing */
#define GRID    (60 * RN_RATE)          /* of the result: a run begins anew */
#define LEAD    RN_RATE                 /* before it is heard */
#define FADE    (RN_RATE / 50)          /* of one run into the next */

/* One pass of the filter, from a place of the result on. */

typedef struct {
    rn_sound         *sound;
    AVFilterGraph    *graph;
    AVFilterContext  *source, *sink;
    AVFrame          *frame;            /* what came out last */
    int64_t           in;               /* next sample of the source */
    int64_t           pos;              /* in the result, of frame's first */
} run;

struct rn_stretch {
    int               fd;
    int64_t           in;               /* where the result begins */
    double            speed;
    int64_t           k;                /* the run that is heard */
    run               now, before;      /* it, and the one that fades out */
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
build(run *s, double speed, rn_fault *fault)
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
feed(run *s, rn_fault *fault)
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
next(run *s, rn_fault *fault)
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


static void
close_run(run *r)
{
    avfilter_graph_free(&r->graph);
    rn_sound_close(&r->sound);
    av_frame_free(&r->frame);
    memset(r, 0, sizeof(*r));
}


/* The k-th run begins a little before its place, to have settled by then. */

static rn_status
open_run(const rn_stretch *s, run *r, int64_t k, rn_fault *fault)
{
    close_run(r);

    r->pos = k == 0 ? 0 : k * GRID - LEAD;
    r->in = s->in + llround((double) r->pos * s->speed);
    r->frame = av_frame_alloc();

    if (r->frame == NULL) {
        return rn_fail(fault, RN_E_NOMEM, "out of memory");
    }

    if (rn_sound_open(&r->sound, s->fd, fault) != RN_OK) {
        return fault->status;
    }

    return build(r, s->speed, fault);
}


/* Adds what a run yields, times the gain of each place. */

static rn_status
add_run(run *r, int64_t at, int n, const float *gain, float *mix,
    rn_fault *fault)
{
    int64_t       i, first, last, end;
    const float  *p;

    for ( ;; ) {
        end = r->pos + r->frame->nb_samples;
        first = at > r->pos ? at : r->pos;
        last = at + n < end ? at + n : end;

        for (i = first; i < last; i++) {
            p = (const float *) r->frame->data[0] + (i - r->pos) * RN_CHANNELS;
            mix[2 * (i - at)] += p[0] * gain[i - at];
            mix[2 * (i - at) + 1] += p[1] * gain[i - at];
        }

        if (end >= at + n) {
            return RN_OK;
        }

        if (next(r, fault) != RN_OK) {
            return fault->status;
        }
    }
}


/* What lies in one run's stretch of the result, with the fade at its start. */

static rn_status
add_stretch(rn_stretch *s, int64_t at, int n, const float *gain, float *mix,
    rn_fault *fault)
{
    int      i, fading;
    float    in[FADE], out[FADE], x;
    int64_t  k, gone;

    k = at / GRID;
    gone = at - k * GRID;

    if (s->now.graph == NULL || k != s->k) {
        if (s->now.graph != NULL && k == s->k + 1) {
            close_run(&s->before);
            s->before = s->now;
            memset(&s->now, 0, sizeof(s->now));
        }

        if (open_run(s, &s->now, k, fault) != RN_OK) {
            return fault->status;
        }

        s->k = k;
    }

    fading = k > 0 && gone < FADE ? (int) (FADE - gone) : 0;
    fading = fading < n ? fading : n;

    if (fading > 0) {
        if (s->before.graph == NULL
            && open_run(s, &s->before, k - 1, fault) != RN_OK)
        {
            return fault->status;
        }

        for (i = 0; i < fading; i++) {
            x = ((float) (gone + i) + 0.5f) / FADE;
            in[i] = gain[i] * x;
            out[i] = gain[i] * (1 - x);
        }

        if (add_run(&s->before, at, fading, out, mix, fault) != RN_OK
            || add_run(&s->now, at, fading, in, mix, fault) != RN_OK)
        {
            return fault->status;
        }

    } else {
        close_run(&s->before);
    }

    return n == fading ? RN_OK
           : add_run(&s->now, at + fading, n - fading, gain + fading,
                     mix + (size_t) fading * RN_CHANNELS, fault);
}


rn_status
rn_stretch_add(rn_stretch *s, int64_t at, int n, const float *gain, float *mix,
    rn_fault *fault)
{
    int  part;

    while (n > 0) {
        part = GRID - at % GRID < n ? (int) (GRID - at % GRID) : n;

        if (add_stretch(s, at, part, gain, mix, fault) != RN_OK) {
            return fault->status;
        }

        at += part;
        n -= part;
        gain += part;
        mix += (size_t) part * RN_CHANNELS;
    }

    return RN_OK;
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

    s->fd = fd;
    s->in = in;
    s->speed = speed;
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

    close_run(&s->now);
    close_run(&s->before);
    free(s);
    *sp = NULL;
}
