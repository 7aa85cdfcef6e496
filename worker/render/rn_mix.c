/* Mixes and codes a piece of the sound; see rn_mix.h. */

#include "rn_mix.h"
#include "rn_codec.h"
#include "rn_copy.h"
#include "rn_encode.h"
#include "rn_loudness.h"
#include "rn_mix_clips.h"
#include "rn_mux.h"
#include "rn_sound.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <libavutil/opt.h>


#define KNEE        0.85f               /* above it peaks are bent, not cut */


typedef struct {
    const rn_env          *env;
    rn_codec               codec;
    const rn_codec_facts  *facts;
    int64_t                skip, packets;   /* dropped in front; kept */
    bool                   mono;        /* both sides of the mix are the same */
    rn_clips              *clips;
    rn_loudness           *loudness;    /* NULL: as it is mixed */
    AVCodecContext        *enc;
    AVFrame               *frame;
    AVPacket              *pkt;
    rn_mux                 mux;
    int64_t                coded;
    float                  mix[RN_MIX_MAX * RN_CHANNELS];
} mixer;


static int64_t
number(json_t *o, const char *name)
{
    return json_integer_value(json_object_get(o, name));
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
            x = m->mix[RN_CHANNELS * i + channel];
            x = m->loudness == NULL ? bend(x) : x;

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
    if (rn_clips_mix(m->clips, at, m->facts->frame, m->mix, fault) != RN_OK) {
        return fault->status;
    }

    if (m->loudness != NULL) {
        rn_loudness_apply(m->loudness, at, m->facts->frame, m->mix);
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


/* Hears the whole piece once, so that the gain is known before it is coded. */

static rn_status
measure(mixer *m, json_t *wanted, rn_fault *fault)
{
    int      n;
    int64_t  at, samples;

    samples = number(wanted, "samples");

    if (rn_loudness_open(&m->loudness, samples, fault) != RN_OK) {
        return fault->status;
    }

    for (at = 0; at < samples; at += n) {
        n = samples - at < RN_MIX_MAX ? (int) (samples - at) : RN_MIX_MAX;

        if (rn_clips_mix(m->clips, at, n, m->mix, fault) != RN_OK
            || rn_loudness_add(m->loudness, m->mix, n, fault) != RN_OK)
        {
            return fault->status;
        }

        if (m->env->progress != NULL) {
            m->env->progress(m->env->opaque, 0);
        }
    }

    rn_clips_rewind(m->clips);

    return rn_loudness_set(m->loudness, (double) number(wanted, "lufs") / 100,
                           (double) number(wanted, "dbtp") / 100, fault);
}


rn_status
rn_mix_render(json_t *spec, const rn_env *env, int out_fd, int64_t *bytes,
    rn_fault *fault)
{
    mixer     *m;
    json_t    *wanted;
    rn_codec   codec;

    codec = rn_codec_named(json_string_value(json_object_get(spec, "codec")),
                           RN_CODEC_AAC);

    if (number(spec, "engine") == RN_ENGINE
        && json_object_get(spec, "copy") != NULL)
    {
        return rn_copy_piece(spec, env, out_fd, bytes, fault);
    }

    if (number(spec, "engine") != RN_ENGINE || number(spec, "packets") < 1
        || codec >= RN_CODECS || rn_codec_of(codec)->frame < 1)
    {
        return rn_fail(fault, RN_E_INTERNAL, "a sound piece of another engine");
    }

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
    wanted = json_object_get(spec, "loudness");

    if (rn_clips_open(&m->clips, json_object_get(spec, "clips"), env, fault)
        == RN_OK
        && (wanted == NULL || measure(m, wanted, fault) == RN_OK)
        && open_encoder(m, number(spec, "bitrate"), fault) == RN_OK)
    {
        (void) code(m, out_fd, bytes, fault);
    }

    rn_clips_close(&m->clips);
    rn_loudness_free(&m->loudness);
    avcodec_free_context(&m->enc);
    av_frame_free(&m->frame);
    av_packet_free(&m->pkt);
    free(m);

    return fault->status;
}
