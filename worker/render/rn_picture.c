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


static rn_status
start(rn_picture *p, double t, double slack, rn_fault *fault)
{
    rn_status  rc;

    p->started = true;
    p->next_time = -1e9;

    if (t > 0 && !p->in.image) {
        rc = rn_input_seek(&p->in, p->in.video, p->dec, t, fault);
        if (rc != RN_OK) {
            return rc;
        }
    }

    rc = decode_next(p, fault);
    if (rc != RN_OK) {
        return rc;
    }

    /* an index that led behind the place: from the beginning, then */

    if (t > 0 && !p->in.image && (p->eof || p->next_time > t + slack)) {
        p->eof = p->drained = false;
        p->next_time = -1e9;
        rn_deint_close(&p->deint);

        if (av_seek_frame(p->in.fmt, -1, p->in.zero, AVSEEK_FLAG_BACKWARD) < 0
            && av_seek_frame(p->in.fmt, -1, 0, AVSEEK_FLAG_BYTE) < 0)
        {
            return rn_fail(fault, RN_E_INPUT, "the file cannot be sought in");
        }

        avcodec_flush_buffers(p->dec);
        rc = decode_next(p, fault);
    }

    return rc;
}


rn_status
rn_picture_get(rn_picture *p, int64_t time, const AVFrame **frame,
    rn_fault *fault)
{
    double    t, slack;
    AVFrame  *f;

    if (p->drawn) {
        *frame = p->shown;
        return RN_OK;
    }

    t = (double) time / 1000 * (double) p->spec.fps.den
        / (double) p->spec.fps.num;
    slack = TOLERANCE * (double) p->spec.fps.den / (double) p->spec.fps.num;

    if (!p->started && start(p, t, slack, fault) != RN_OK) {
        return fault->status;
    }

    /* the last frame that begins by now; the first one if none does */

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

    if (rn_input_decoder(&p->in, p->in.video, &p->dec, fault) != RN_OK) {
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
