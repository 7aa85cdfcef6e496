/* Mixes and codes a piece of the sound; see rn_mix.h. */

#include "rn_mix.h"
#include "rn_codec.h"
#include "rn_encode.h"
#include "rn_motion.h"
#include "rn_mux.h"
#include "rn_sound.h"
#include "rn_stretch.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <libavutil/opt.h>


#define RAMPS_MAX   8
#define KNEE        0.85f               /* above it peaks are bent, not cut */
#define VOLUME_STEP 64                  /* samples between two of its places */
#define VOLUME_MAX  4.0                 /* 12 dB: an easing may overshoot */
#define FRAME_MAX   1152                /* samples: the longest of any codec */


typedef struct {
    int64_t      from, len;             /* samples of the piece */
    bool         out;                   /* falls instead of rises */
    bool         power;                 /* equal power, for crossfades */
} ramp;

typedef struct {
    const char  *input;
    int64_t      from, len, at;
    float        gain;
    ramp         ramps[RAMPS_MAX];
    size_t       n_ramps;
    rn_motion    volume, duck;          /* in millionths; n 0: none */
    double       speed;                 /* 1: as it is */
    int64_t      in;                    /* of another speed: where it begins */
    rn_sound    *sound;
    rn_stretch  *stretch;
} clip;

typedef struct {
    const rn_env    *env;
    rn_codec               codec;
    const rn_codec_facts  *facts;
    int64_t          skip, packets;     /* dropped in front; kept */
    bool             mono;              /* both sides of the mix are the same */
    clip            *clips;
    size_t           n;
    AVCodecContext  *enc;
    AVFrame         *frame;
    AVPacket        *pkt;
    rn_mux           mux;
    int64_t          coded;
    float            mix[FRAME_MAX * RN_CHANNELS];
} mixer;


static int64_t
number(json_t *o, const char *name)
{
    return json_integer_value(json_object_get(o, name));
}


static rn_status
read_clip(clip *c, json_t *o, rn_fault *fault)
{
    size_t   i;
    json_t  *r, *list;

    c->input = json_string_value(json_object_get(o, "input"));
    c->from = number(o, "from");
    c->len = number(o, "len");
    c->at = number(o, "at");
    c->gain = (float) ((double) number(o, "gain") / 1e6);
    c->in = number(o, "in");
    c->speed = json_object_get(o, "speed") != NULL
               ? (double) number(o, "speed") / 1000 : 1;

    list = json_object_get(o, "volume");

    if (list != NULL && !rn_motion_read(&c->volume, list, 1)) {
        return rn_fail(fault, RN_E_INTERNAL, "a volume of another engine");
    }

    list = json_object_get(o, "duck");

    if (list != NULL && !rn_motion_read(&c->duck, list, 1)) {
        return rn_fail(fault, RN_E_INTERNAL, "a volume of another engine");
    }

    list = json_object_get(o, "ramps");

    json_array_foreach(list, i, r) {
        if (i == RAMPS_MAX) {
            break;
        }

        c->ramps[i].from = json_integer_value(json_array_get(r, 0));
        c->ramps[i].len = json_integer_value(json_array_get(r, 1));
        c->ramps[i].out = json_integer_value(json_array_get(r, 2)) != 0;
        c->ramps[i].power = json_integer_value(json_array_get(r, 3)) != 0;
        c->n_ramps++;
    }

    return RN_OK;
}


static void
close_clip(clip *c)
{
    rn_sound_close(&c->sound);
    rn_stretch_close(&c->stretch);
}


static rn_status
open_clip(const mixer *m, clip *c, rn_fault *fault)
{
    int  fd;

    fd = c->input != NULL ? m->env->file(m->env->opaque, c->input) : -1;

    if (fd < 0) {
        return rn_fail(fault, RN_E_INTERNAL, "an input was not handed over");
    }

    return c->speed == 1
           ? rn_sound_open(&c->sound, fd, fault)
           : rn_stretch_open(&c->stretch, fd, c->in, c->speed, fault);
}


/*
 * A volume that moves, computed at places of a grid that pieces share, and
 * straight between them: nobody hears the corners.
 */

static void
apply_volume(const rn_motion *m, int64_t at, int n, float *gain)
{
    int      i;
    double   a, b, v;
    int64_t  k, from;

    from = INT64_MIN;
    a = b = 0;

    for (i = 0; i < n; i++) {
        k = at + i;

        if (k < from || k >= from + VOLUME_STEP || i == 0) {
            from = k - (k % VOLUME_STEP + VOLUME_STEP) % VOLUME_STEP;
            rn_motion_at(m, (double) from, &a);
            rn_motion_at(m, (double) (from + VOLUME_STEP), &b);
        }

        v = (a + (b - a) * (double) (k - from) / VOLUME_STEP) / 1e6;
        gain[i] *= (float) (v < 0 ? 0 : v > VOLUME_MAX ? VOLUME_MAX : v);
    }
}


static void
apply_ramp(const ramp *r, int64_t at, int n, float *gain)
{
    int    i;
    float  x;

    for (i = 0; i < n; i++) {
        x = ((float) (at + i - r->from) + 0.5f) / (float) r->len;
        x = x < 0 ? 0 : x > 1 ? 1 : x;

        if (r->out) {
            x = 1 - x;
        }

        gain[i] *= r->power ? sinf(x * (float) M_PI_2) : x;
    }
}


static rn_status
add_clip(mixer *m, clip *c, int64_t at, rn_fault *fault)
{
    int      n, skip, i;
    float    gain[FRAME_MAX], *mix;
    size_t   k;
    int64_t  first, last;

    first = c->from > at ? c->from : at;
    last = at + m->facts->frame;
    last = c->from + c->len < last ? c->from + c->len : last;

    if (first >= last) {
        if (c->from + c->len <= at) {
            close_clip(c);                  /* done with this file */
        }
        return RN_OK;
    }

    n = (int) (last - first);
    skip = (int) (first - at);

    if (c->sound == NULL && c->stretch == NULL
        && open_clip(m, c, fault) != RN_OK)
    {
        return fault->status;
    }

    for (i = 0; i < n; i++) {
        gain[i] = c->gain;
    }

    for (k = 0; k < c->n_ramps; k++) {
        apply_ramp(&c->ramps[k], first, n, gain);
    }

    if (c->volume.n > 0) {
        apply_volume(&c->volume, first, n, gain);
    }

    if (c->duck.n > 0) {
        apply_volume(&c->duck, first, n, gain);
    }

    mix = m->mix + (size_t) skip * RN_CHANNELS;
    first += c->at - c->from;

    return c->stretch != NULL
           ? rn_stretch_add(c->stretch, first, n, gain, mix, fault)
           : rn_sound_add(c->sound, first, n, gain, mix, fault);
}


/*
 * Peaks above the knee are bent towards 1.  It looks at one sample only, so
 * that pieces mixed apart agree at their seam.
 */

static float
bend(float x)
{
    float  a;

    a = fabsf(x);
    if (a <= KNEE) {
        return x;
    }

    a = KNEE + (1 - KNEE) * tanhf((a - KNEE) / (1 - KNEE));

    return copysignf(a, x);
}


/* The mix as the codec takes it: planes of floats, or interleaved. */

static void
fill_frame(mixer *m)
{
    int     i, channel, n, channels;
    float  *out, x;

    n = m->facts->frame;
    channels = m->mono ? 1 : RN_CHANNELS;

    for (channel = 0; channel < channels; channel++) {
        out = (float *) m->frame->extended_data[
                  m->frame->format == AV_SAMPLE_FMT_FLTP ? channel : 0];

        for (i = 0; i < n; i++) {
            x = bend(m->mix[RN_CHANNELS * i + channel]);

            switch (m->frame->format) {
            case AV_SAMPLE_FMT_FLTP:
                out[i] = x;
                break;
            case AV_SAMPLE_FMT_FLT:
                out[channels * i + channel] = x;
                break;
            default:
                ((int16_t *) (void *) out)[channels * i + channel] =
                    (int16_t) fminf(rintf(x * 32768), 32767);
            }
        }
    }
}


static rn_status
mix_block(mixer *m, int64_t at, rn_fault *fault)
{
    size_t  k;

    memset(m->mix, 0, sizeof(m->mix));

    for (k = 0; k < m->n; k++) {
        if (add_clip(m, &m->clips[k], at, fault) != RN_OK) {
            return fault->status;
        }
    }

    if (av_frame_make_writable(m->frame) < 0) {
        return rn_fail(fault, RN_E_NOMEM, "out of memory");
    }

    fill_frame(m);
    m->frame->pts = at;

    return RN_OK;
}


static rn_status
take_packets(mixer *m, rn_fault *fault)
{
    int      rc;
    int64_t  k;

    while (m->coded < m->skip + m->packets) {
        rc = avcodec_receive_packet(m->enc, m->pkt);
        if (rc == AVERROR(EAGAIN)) {
            return RN_OK;
        }

        if (rc < 0) {
            return rn_fail_av(fault, rc, "coding the sound failed");
        }

        k = m->coded++ - m->skip;

        if (k < 0) {
            av_packet_unref(m->pkt);
            continue;
        }

        m->pkt->pts = m->pkt->dts = k * m->facts->frame;
        m->pkt->duration = m->facts->frame;

        /* skipping is the film's matter, not the piece's */
        av_packet_free_side_data(m->pkt);

        if (rn_mux_write(&m->mux, m->pkt, 0, (AVRational) { 1, RN_RATE },
                         fault) != RN_OK)
        {
            return fault->status;
        }
    }

    return RN_OK;
}


static AVChannelLayout
layout_of(const mixer *m)
{
    return m->mono ? (AVChannelLayout) AV_CHANNEL_LAYOUT_MONO
                   : (AVChannelLayout) AV_CHANNEL_LAYOUT_STEREO;
}


static enum AVSampleFormat
format_of(rn_codec codec)
{
    return codec == RN_CODEC_PCM ? AV_SAMPLE_FMT_S16
           : codec == RN_CODEC_OPUS ? AV_SAMPLE_FMT_FLT : AV_SAMPLE_FMT_FLTP;
}


static void
set_coder(AVCodecContext *enc, rn_codec codec)
{
    switch (codec) {

    case RN_CODEC_AAC:
        /* the other coder breaks pure tones with clicks, and takes longer */
        (void) av_opt_set(enc->priv_data, "aac_coder", "fast", 0);
        break;

    case RN_CODEC_OPUS:
        (void) av_opt_set(enc->priv_data, "frame_duration", "20", 0);
        break;

    default:
        break;
    }
}


static rn_status
open_encoder(mixer *m, int64_t bitrate, rn_fault *fault)
{
    int             rc;
    const AVCodec  *codec;

    codec = avcodec_find_encoder_by_name(m->facts->encoder);
    if (codec == NULL) {
        return rn_fail(fault, RN_E_INTERNAL, "this FFmpeg has no %s encoder",
                       m->facts->encoder);
    }

    m->enc = avcodec_alloc_context3(codec);
    m->frame = av_frame_alloc();
    m->pkt = av_packet_alloc();

    if (m->enc == NULL || m->frame == NULL || m->pkt == NULL) {
        return rn_fail(fault, RN_E_NOMEM, "out of memory");
    }

    m->enc->sample_rate = RN_RATE;
    m->enc->sample_fmt = format_of(m->codec);
    m->enc->ch_layout = layout_of(m);
    m->enc->bit_rate = bitrate;
    m->enc->time_base = (AVRational) { 1, RN_RATE };
    m->enc->thread_count = 1;
    m->enc->flags |= AV_CODEC_FLAG_GLOBAL_HEADER | AV_CODEC_FLAG_BITEXACT;
    set_coder(m->enc, m->codec);

    rc = avcodec_open2(m->enc, codec, NULL);
    if (rc < 0) {
        return rn_fail_av(fault, rc, "the %s encoder does not start",
                          m->facts->name);
    }

    /* PCM takes what it is given */

    if ((m->enc->frame_size != m->facts->frame && m->codec != RN_CODEC_PCM)
        || m->enc->initial_padding != m->facts->padding)
    {
        return rn_fail(fault, RN_E_INTERNAL, "the %s encoder frames by %d "
                       "and pads by %d", m->facts->name, m->enc->frame_size,
                       m->enc->initial_padding);
    }

    m->frame->format = m->enc->sample_fmt;
    m->frame->nb_samples = m->facts->frame;
    m->frame->sample_rate = RN_RATE;
    m->frame->ch_layout = layout_of(m);

    if (av_frame_get_buffer(m->frame, 0) < 0) {
        return rn_fail(fault, RN_E_NOMEM, "out of memory");
    }

    return RN_OK;
}


static rn_status
code(mixer *m, int out_fd, int64_t *bytes, rn_fault *fault)
{
    int                 rc;
    int64_t             at;
    AVCodecParameters  *par;

    if (rn_mux_open(&m->mux, out_fd, m->facts->muxer, fault) != RN_OK) {
        return fault->status;
    }

    par = avcodec_parameters_alloc();
    if (par == NULL || avcodec_parameters_from_context(par, m->enc) < 0) {
        rn_fail(fault, RN_E_NOMEM, "out of memory");
    } else {
        par->initial_padding = 0;
        (void) rn_mux_stream(&m->mux, par, (AVRational) { 1, RN_RATE }, fault);
    }
    avcodec_parameters_free(&par);

    for (at = 0;
         fault->status == RN_OK && m->coded < m->skip + m->packets;
         at += m->facts->frame)
    {
        if (mix_block(m, at, fault) != RN_OK) {
            break;
        }

        rc = avcodec_send_frame(m->enc, m->frame);
        if (rc < 0) {
            rn_fail_av(fault, rc, "coding the sound failed");
            break;
        }

        (void) take_packets(m, fault);

        if (m->env->progress != NULL) {
            m->env->progress(m->env->opaque, 1);
        }
    }

    (void) rn_mux_close(&m->mux, fault);
    *bytes = m->mux.bytes;

    return fault->status;
}


rn_status
rn_mix_render(json_t *spec, const rn_env *env, int out_fd, int64_t *bytes,
    rn_fault *fault)
{
    size_t     i;
    mixer     *m;
    json_t    *list;
    rn_codec   codec;

    codec = rn_codec_named(json_string_value(json_object_get(spec, "codec")),
                           RN_CODEC_AAC);

    if (number(spec, "engine") != RN_ENGINE || number(spec, "packets") < 1
        || codec >= RN_CODECS || rn_codec_of(codec)->frame < 1)
    {
        return rn_fail(fault, RN_E_INTERNAL, "a sound piece of another engine");
    }

    list = json_object_get(spec, "clips");

    m = calloc(1, sizeof(mixer));
    if (m == NULL) {
        return rn_fail(fault, RN_E_NOMEM, "out of memory");
    }

    m->env = env;
    m->codec = codec;
    m->facts = rn_codec_of(codec);
    m->skip = number(spec, "skip");
    m->packets = number(spec, "packets");
    m->mono = number(spec, "channels") == 1;
    m->n = json_array_size(list);
    m->clips = calloc(m->n + 1, sizeof(clip));

    if (m->clips == NULL) {
        m->n = 0;
        rn_fail(fault, RN_E_NOMEM, "out of memory");
    }

    for (i = 0; i < m->n && fault->status == RN_OK; i++) {
        (void) read_clip(&m->clips[i], json_array_get(list, i), fault);
    }

    if (fault->status == RN_OK
        && open_encoder(m, number(spec, "bitrate"), fault) == RN_OK)
    {
        (void) code(m, out_fd, bytes, fault);
    }

    for (i = 0; i < m->n; i++) {
        close_clip(&m->clips[i]);
        rn_motion_free(&m->clips[i].volume);
        rn_motion_free(&m->clips[i].duck);
    }

    free(m->clips);
    avcodec_free_context(&m->enc);
    av_frame_free(&m->frame);
    av_packet_free(&m->pkt);
    free(m);

    return fault->status;
}
