/*
 * Pictures of one clip.  Decoding is sequential; the frame for a tick is the
 * last one that begins at or before it, with a tolerance of 0.4 ticks for
 * containers whose clocks are coarse, and only frames that are shown are
 * turned and scaled.
 */

#include "rn_picture.h"
#include "rn_deint.h"
#include "rn_fitter.h"
#include "rn_input.h"

#include <math.h>
#include <stdlib.h>


#define TOLERANCE  0.4          /* ticks */
#define SHORT_MAX  1.5          /* seconds a film may end early, held still */
#define NEAR       0.25         /* seconds before a place sought, of which every
                                   picture is decoded */


struct rn_picture {
    rn_input          in;
    rn_picture_spec   spec;
    AVCodecContext   *dec;
    AVPacket         *pkt;
    AVFrame          *cur, *next;       /* decoded; next may be empty */
    AVFrame          *shown;            /* cur, scaled */
    double            next_time, cur_end;     /* seconds */
    bool              started, eof, fresh;
    rn_deint         *deint;            /* NULL: nothing was interlaced */
    bool              drained;          /* it was told of the end */
    bool              drawn;            /* there is no file: shown is all */
    uint64_t          serial;
    rn_fitter        *fitter;
};


/*
 * Puts a decoded picture into p->next, whole also where it comes as two fields;
 * *eof: there are no more.
 */

static rn_status
next_whole(rn_picture *p, bool *eof, rn_fault *fault)
{
    bool  got;

    for ( ;; ) {
        if (p->deint != NULL) {
            if (rn_deint_take(p->deint, p->next, &got, fault) != RN_OK) {
                return fault->status;
            }

            if (got || p->drained) {
                *eof = !got;
                return RN_OK;
            }
        }

        if (rn_input_frame(&p->in, p->in.video, p->dec, p->pkt, p->next, eof,
                           fault) != RN_OK)
        {
            return fault->status;
        }

        if (p->deint == NULL && (*eof || !rn_frame_interlaced(p->next))) {
            return RN_OK;
        }

        if (!*eof && (p->deint == NULL || !rn_deint_fits(p->deint, p->next))) {
            rn_deint_close(&p->deint);

            if (rn_deint_open(&p->deint, p->in.video, p->next, fault)
                != RN_OK)
            {
                return fault->status;
            }
        }

        p->drained = *eof;

        if (rn_deint_send(p->deint, *eof ? NULL : p->next, fault) != RN_OK) {
            return fault->status;
        }
    }
}


static rn_status
decode_next(rn_picture *p, rn_fault *fault)
{
    bool       eof;
    double     t;
    rn_status  rc;

    av_frame_unref(p->next);

    rc = next_whole(p, &eof, fault);
    if (rc != RN_OK) {
        return rc;
    }

    if (eof) {
        p->eof = true;
        return RN_OK;
    }

    t = rn_input_time(&p->in, p->in.video, p->next);
    if (isnan(t) || t < p->next_time) {
        t = p->next_time;                   /* a clock that runs backwards */
    }
    p->next_time = t;

    return RN_OK;
}


/*
 * Where an index led behind the place: from the beginning.  Streams without an
 * index, whose clocks may leap, are sought in by guessing, and what they begin
 * with is only found by its byte.
 */

static rn_status
start_over(rn_picture *p, rn_fault *fault)
{
    int  rc;

    rc = -1;

    if (!(p->in.fmt->iformat->flags & AVFMT_TS_DISCONT)) {
        rc = av_seek_frame(p->in.fmt, -1, p->in.zero, AVSEEK_FLAG_BACKWARD);
    }

    if (rc < 0) {
        rc = av_seek_frame(p->in.fmt, -1, 0, AVSEEK_FLAG_BYTE);
    }

    if (rc < 0) {
        return rn_fail(fault, RN_E_INPUT, "the file cannot be sought in");
    }

    p->in.blind = false;
    avcodec_flush_buffers(p->dec);

    return RN_OK;
}


/*
 * Goes to the key frame before t, or to one before that: some containers find
 * any frame, from which the decoder goes on to the key frame behind it.
 */

static rn_status
start(rn_picture *p, double t, double slack, bool hurry, rn_fault *fault)
{
    size_t     i;
    rn_status  rc;

    static const double  back[] = { 0, 2, 8, 30 };      /* seconds */

    p->started = true;
    rn_input_hurry(&p->in, INFINITY);

    for (i = 0; ; i++) {
        p->eof = p->drained = false;
        p->next_time = -1e9;
        rn_deint_close(&p->deint);

        if (t <= 0 || p->in.image) {
            return decode_next(p, fault);
        }

        if (i < sizeof(back) / sizeof(back[0]) && (i == 0 || t > back[i])) {
            rc = rn_input_seek(&p->in, p->in.video, p->dec, t - back[i], fault);
        } else {
            i = sizeof(back) / sizeof(back[0]);
            rc = start_over(p, fault);
        }

        rn_input_hurry(&p->in, hurry ? t - NEAR : INFINITY);

        if (rc != RN_OK || decode_next(p, fault) != RN_OK
            || i == sizeof(back) / sizeof(back[0])
            || (!p->eof && p->next_time <= t + slack))
        {
            return fault->status;
        }
    }
}


/* Decodes up to the last frame that begins by t; the first one if none does. */

static rn_status
go_to(rn_picture *p, double t, double slack, rn_fault *fault)
{
    AVFrame  *f;

    while (!p->eof
           && (p->cur->buf[0] == NULL
               || (!p->in.image && p->next_time <= t + slack)))
    {
        f = p->cur;
        p->cur = p->next;
        p->next = f;
        p->cur_end = p->next_time + (double) rn_frame_duration(p->cur)
                                    * av_q2d(p->in.video->time_base);
        p->fresh = true;

        if (p->in.image) {
            break;
        }

        if (decode_next(p, fault) != RN_OK) {
            return fault->status;
        }
    }

    return RN_OK;
}


/*
 * The first picture that is asked for.  What lies long before it is not decoded
 * but where others refer to it; of a film of slow pictures that may have been
 * the one to show, and all are decoded, then.
 */

static rn_status
go_first(rn_picture *p, double t, double slack, rn_fault *fault)
{
    if (start(p, t, slack, true, fault) != RN_OK
        || go_to(p, t, slack, fault) != RN_OK)
    {
        return fault->status;
    }

    if (p->in.hurried == AV_NOPTS_VALUE
        || (p->cur->buf[0] != NULL
            && p->cur->best_effort_timestamp >= p->in.hurried))
    {
        rn_input_hurry(&p->in, INFINITY);
        return RN_OK;
    }

    av_frame_unref(p->cur);

    if (start(p, t, slack, false, fault) != RN_OK) {
        return fault->status;
    }

    return go_to(p, t, slack, fault);
}


rn_status
rn_picture_get(rn_picture *p, int64_t time, const AVFrame **frame,
    rn_fault *fault)
{
    double  t, slack;

    if (p->drawn) {
        *frame = p->shown;
        return RN_OK;
    }

    t = (double) time / 1000 * (double) p->spec.fps.den
        / (double) p->spec.fps.num;
    slack = TOLERANCE * (double) p->spec.fps.den / (double) p->spec.fps.num;

    if ((p->started ? go_to(p, t, slack, fault)
                    : go_first(p, t, slack, fault)) != RN_OK)
    {
        return fault->status;
    }

    if (p->cur->buf[0] == NULL) {
        return rn_fail(fault, RN_E_INPUT, "there is no picture at %.3f s", t);
    }

    if (p->eof && !p->in.image && t - p->cur_end > SHORT_MAX) {
        return rn_fail(fault, RN_E_INPUT, "the pictures end at %.3f s, but "
                       "%.3f s is asked for", p->cur_end, t);
    }

    if (p->fresh) {
        if (rn_fitter_fit(p->fitter, p->cur, p->shown, fault) != RN_OK) {
            return fault->status;
        }
        p->fresh = false;
        p->serial++;
    }

    *frame = p->shown;
    return RN_OK;
}


uint64_t
rn_picture_serial(const rn_picture *p)
{
    return p->serial;
}


const AVFrame *
rn_picture_back(const rn_picture *p)
{
    return p->fitter != NULL ? rn_fitter_back(p->fitter) : NULL;
}


rn_status
rn_picture_open(rn_picture **out, int fd, const rn_picture_spec *spec,
    rn_fault *fault)
{
    int          threads;
    rn_picture  *p;

    *out = NULL;

    p = calloc(1, sizeof(rn_picture));
    if (p == NULL) {
        return rn_fail(fault, RN_E_NOMEM, "out of memory");
    }

    p->spec = *spec;

    if (rn_input_open(&p->in, fd, fault) != RN_OK) {
        free(p);
        return fault->status;
    }

    p->pkt = av_packet_alloc();
    p->cur = av_frame_alloc();
    p->next = av_frame_alloc();
    p->shown = av_frame_alloc();

    if (p->pkt == NULL || p->cur == NULL || p->next == NULL
        || p->shown == NULL)
    {
        rn_fail(fault, RN_E_NOMEM, "out of memory");
        goto fail;
    }

    if (p->in.video == NULL) {
        rn_fail(fault, RN_E_INPUT, "the file holds no picture");
        goto fail;
    }

    if (p->in.audio != NULL) {
        p->in.audio->discard = AVDISCARD_ALL;
    }

    threads = spec->env != NULL && spec->env->threads > 0 && !p->in.image
              ? spec->env->threads : 1;

    if (rn_input_decoder(p->in.video, threads, &p->dec, fault) != RN_OK) {
        goto fail;
    }

    p->fitter = rn_fitter_create(p->in.video, spec);
    if (p->fitter == NULL) {
        rn_fail(fault, RN_E_NOMEM, "out of memory");
        goto fail;
    }

    *out = p;
    return RN_OK;

fail:

    rn_picture_close(&p);
    return fault->status;
}


rn_status
rn_picture_of(rn_picture **out, AVFrame *drawn, const rn_picture_spec *spec,
    rn_fault *fault)
{
    AVStream    *st;
    rn_picture  *p;

    *out = NULL;
    p = calloc(1, sizeof(rn_picture));

    if (p == NULL) {
        av_frame_free(&drawn);
        return rn_fail(fault, RN_E_NOMEM, "out of memory");
    }

    p->spec = *spec;
    p->drawn = true;
    p->serial = 1;

    if (spec->back_w == 0 && json_array_size(spec->effects) == 0) {
        p->shown = drawn;
        *out = p;
        return RN_OK;
    }

    /* a stream that says nothing: neither turned nor of another shape */

    p->in.fmt = avformat_alloc_context();
    st = p->in.fmt != NULL ? avformat_new_stream(p->in.fmt, NULL) : NULL;
    p->shown = av_frame_alloc();
    p->fitter = st != NULL ? rn_fitter_create(st, spec) : NULL;

    if (p->shown == NULL || p->fitter == NULL) {
        rn_fail(fault, RN_E_NOMEM, "out of memory");
    } else {
        (void) rn_fitter_fit(p->fitter, drawn, p->shown, fault);
    }

    av_frame_free(&drawn);

    if (fault->status != RN_OK) {
        rn_picture_close(&p);
    }

    *out = p;

    return fault->status;
}


void
rn_picture_close(rn_picture **pp)
{
    rn_picture  *p = *pp;

    if (p == NULL) {
        return;
    }

    rn_fitter_free(&p->fitter);
    rn_deint_close(&p->deint);
    avcodec_free_context(&p->dec);
    av_packet_free(&p->pkt);
    av_frame_free(&p->cur);
    av_frame_free(&p->next);
    av_frame_free(&p->shown);
    rn_input_close(&p->in);
    free(p);
    *pp = NULL;
}
