/* Decodes and places the sound of one file; see rn_sound.h. */

#include "rn_sound.h"
#include "rn_input.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <libavutil/channel_layout.h>
#include <libavutil/opt.h>
#include <libswresample/swresample.h>


#define PREROLL   0.25                  /* s: what decoders need to settle */
#define JUMP      (RN_RATE / 25)        /* 40 ms: less is jitter, not a gap */
#define BUFFER    (RN_RATE * 4)         /* samples kept at the most */
#define LOUDEST   1000                  /* times full scale; more is no sound */


struct rn_sound {
    rn_input         in;
    AVCodecContext  *dec;
    AVPacket        *pkt;
    AVFrame         *frame;
    SwrContext      *swr;
    int              swr_rate, swr_format, swr_channels;
    float           *buf;               /* interleaved */
    int64_t          pos;               /* source position of buf[0] */
    int              n;                 /* samples in buf */
    bool             started, eof;
    bool             drained;           /* the decoder has no more */
    bool             more;              /* swr holds what buf had no room for */
};


static rn_status
open_swr(rn_sound *s, rn_fault *fault)
{
    int              rc;
    AVFrame         *f = s->frame;
    AVChannelLayout  in = { 0 }, out = AV_CHANNEL_LAYOUT_STEREO;

    swr_free(&s->swr);

    if (f->ch_layout.order == AV_CHANNEL_ORDER_UNSPEC) {
        av_channel_layout_default(&in, f->ch_layout.nb_channels);
    } else if (av_channel_layout_copy(&in, &f->ch_layout) < 0) {
        return rn_fail(fault, RN_E_NOMEM, "out of memory");
    }

    rc = swr_alloc_set_opts2(&s->swr, &out, AV_SAMPLE_FMT_FLT, RN_RATE, &in,
                             f->format, f->sample_rate, 0, NULL);
    if (rc >= 0) {
        /* mono in both ears at full level, not 3 dB down */
        if (in.nb_channels == 1) {
            double  full[2] = { 1, 1 };

            (void) swr_set_matrix(s->swr, full, 1);
        }
        rc = swr_init(s->swr);
    }

    av_channel_layout_uninit(&in);

    if (rc < 0) {
        return rn_fail_av(fault, rc, "the sound cannot be converted");
    }

    s->swr_rate = f->sample_rate;
    s->swr_format = f->format;
    s->swr_channels = f->ch_layout.nb_channels;

    return RN_OK;
}


/* Drops the first k samples of the buffer. */

static void
drop(rn_sound *s, int k)
{
    s->n -= k;
    s->pos += k;
    memmove(s->buf, s->buf + (size_t) k * RN_CHANNELS,
            (size_t) s->n * RN_CHANNELS * sizeof(float));
}


/*
 * Files of floats may hold what is no number, or one beyond all bounds, of
 * which meters, filters and coders do not recover: it is silence.
 */

static void
clean(float *x, int n)
{
    int  i;

    for (i = 0; i < n; i++) {
        if (!(fabsf(x[i]) <= LOUDEST)) {
            x[i] = 0;
        }
    }
}


static rn_status
append(rn_sound *s, const uint8_t **data, int samples, rn_fault *fault)
{
    int       n;
    uint8_t  *out;

    if (BUFFER - s->n < RN_RATE) {
        drop(s, s->n - RN_RATE);
    }

    out = (uint8_t *) (s->buf + (size_t) s->n * RN_CHANNELS);

    n = swr_convert(s->swr, &out, BUFFER - s->n, data, samples);
    if (n < 0) {
        return rn_fail_av(fault, n, "the sound cannot be converted");
    }

    clean((float *) (void *) out, n * RN_CHANNELS);

    s->more = n == BUFFER - s->n;
    s->n += n;

    return RN_OK;
}


/*
 * Puts the place of the next sample where the frame's own time says, if that
 * is further off than jitter: silence for a gap, a cut for an overlap.
 */

static rn_status
align(rn_sound *s, double t, rn_fault *fault)
{
    int      k;
    int64_t  want, have, gap;

    if (s->swr == NULL || isnan(t)) {
        return RN_OK;
    }

    want = llround(t * RN_RATE);
    have = s->pos + s->n + swr_get_delay(s->swr, RN_RATE);
    gap = want - have;

    if (gap > -JUMP && gap < JUMP) {
        return RN_OK;
    }

    if (append(s, NULL, 0, fault) != RN_OK) {       /* what swr still holds */
        return fault->status;
    }

    if (open_swr(s, fault) != RN_OK) {
        return fault->status;
    }

    gap = want - (s->pos + s->n);

    if (gap < 0) {
        k = -gap < s->n ? (int) -gap : s->n;
        s->n -= k;
        return RN_OK;
    }

    if (gap > BUFFER / 2) {             /* a long one: begin anew behind it */
        s->pos = want;
        s->n = 0;
        return RN_OK;
    }

    if (s->n > BUFFER / 4) {
        drop(s, s->n - BUFFER / 4);
    }

    memset(s->buf + (size_t) s->n * RN_CHANNELS, 0,
           (size_t) gap * RN_CHANNELS * sizeof(float));
    s->n += (int) gap;

    return RN_OK;
}


static rn_status
decode(rn_sound *s, rn_fault *fault)
{
    bool       eof;
    double     t;
    AVFrame   *f = s->frame;
    rn_status  rc;

    static const uint8_t *nothing[AV_NUM_DATA_POINTERS];

    if (s->more) {                          /* of a frame longer than buf */
        rc = append(s, s->drained ? NULL : nothing, 0, fault);
        s->eof = s->drained && !s->more;
        return rc;
    }

    rc = rn_input_frame(&s->in, s->in.audio, s->dec, s->pkt, f, &eof, fault);
    if (rc != RN_OK) {
        return rc;
    }

    if (eof) {
        s->drained = true;
        rc = s->swr != NULL ? append(s, NULL, 0, fault) : RN_OK;
        s->eof = !s->more;
        return rc;
    }

    t = rn_input_time(&s->in, s->in.audio, f);

    if (s->swr == NULL || s->swr_rate != f->sample_rate
        || s->swr_format != f->format
        || s->swr_channels != f->ch_layout.nb_channels)
    {
        if (s->swr != NULL && append(s, NULL, 0, fault) != RN_OK) {
            return fault->status;
        }

        if (open_swr(s, fault) != RN_OK) {
            return fault->status;
        }

        if (s->n == 0 && !isnan(t)) {
            s->pos = llround(t * RN_RATE);
        }
    }

    if (align(s, t, fault) != RN_OK) {
        return fault->status;
    }

    rc = append(s, (const uint8_t **) f->extended_data, f->nb_samples, fault);
    av_frame_unref(f);

    return rc;
}


static rn_status
start(rn_sound *s, int64_t at, rn_fault *fault)
{
    double  t;

    s->started = true;
    t = (double) at / RN_RATE - PREROLL;

    if (t > 0) {
        return rn_input_seek(&s->in, s->in.audio, s->dec, t, fault);
    }

    return RN_OK;
}


rn_status
rn_sound_add(rn_sound *s, int64_t at, int n, const float *gain, float *mix,
    rn_fault *fault)
{
    int           i, skip;
    int64_t       first, last;
    const float  *p;

    if (!s->started && start(s, at, fault) != RN_OK) {
        return fault->status;
    }

    while (!s->eof && s->pos + s->n < at + n) {

        if (s->n > 0 && s->pos + s->n <= at) {
            drop(s, s->n);
        }

        if (decode(s, fault) != RN_OK) {
            return fault->status;
        }

        if (s->n == 0 && s->pos >= at + n) {
            break;                          /* behind a long gap */
        }
    }

    first = s->pos > at ? s->pos : at;
    last = s->pos + s->n < at + n ? s->pos + s->n : at + n;

    if (first < last) {
        skip = (int) (first - s->pos);
        p = s->buf + (size_t) skip * RN_CHANNELS;

        for (i = (int) (first - at); i < last - at; i++) {
            mix[2 * i] += p[0] * gain[i];
            mix[2 * i + 1] += p[1] * gain[i];
            p += 2;
        }
    }

    /* keep what may be asked for next */

    skip = (int) (at + n - s->pos);
    if (skip > 0) {
        drop(s, skip < s->n ? skip : s->n);
    }

    return RN_OK;
}


rn_status
rn_sound_open(rn_sound **out, int fd, rn_fault *fault)
{
    rn_sound  *s;

    *out = NULL;

    s = calloc(1, sizeof(rn_sound));
    if (s == NULL) {
        return rn_fail(fault, RN_E_NOMEM, "out of memory");
    }

    if (rn_input_open(&s->in, fd, fault) != RN_OK) {
        free(s);
        return fault->status;
    }

    s->pkt = av_packet_alloc();
    s->frame = av_frame_alloc();
    s->buf = malloc((size_t) BUFFER * RN_CHANNELS * sizeof(float));

    if (s->pkt == NULL || s->frame == NULL || s->buf == NULL) {
        rn_fail(fault, RN_E_NOMEM, "out of memory");
    } else if (s->in.audio == NULL) {
        rn_fail(fault, RN_E_INPUT, "the file holds no sound");
    } else {
        if (s->in.video != NULL) {
            s->in.video->discard = AVDISCARD_ALL;
        }
        (void) rn_input_decoder(s->in.audio, 1, &s->dec, fault);
    }

    if (fault->status != RN_OK) {
        rn_sound_close(&s);
        return fault->status;
    }

    *out = s;
    return RN_OK;
}


void
rn_sound_close(rn_sound **sp)
{
    rn_sound  *s = *sp;

    if (s == NULL) {
        return;
    }

    swr_free(&s->swr);
    avcodec_free_context(&s->dec);
    av_packet_free(&s->pkt);
    av_frame_free(&s->frame);
    rn_input_close(&s->in);
    free(s->buf);
    free(s);
    *sp = NULL;
}
