/* The frozen profiles; see rn_encode.h. */

#include "rn_encode.h"
#include "rn_hardware.h"
#include "rn_rescale.h"
#include "rn_skip.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <libavutil/opt.h>


/*
 * stitchable: without it even the CRF ends up in the parameter sets.
 * cpu-independent: of the same pictures every worker makes the same packets,
 * whichever its processor; with AVX-512 x264 0.164 differs even from one run to
 * the next, for its macroblock tree reads memory that nobody has written.
 * One thread: the output differs between thread counts, and tasks run in
 * parallel instead, which costs neither quality nor waiting.
 */

#define X264_PARAMS  "stitchable=1:cpu-independent=1:open-gop=0:"             \
                     "rc-lookahead=10:bframes=3:b-pyramid=normal:threads=1:"  \
                     "sliced-threads=0"


static void
set_h264(AVCodecContext *enc, const rn_coding *c)
{
    char  params[200];

    enc->flags |= AV_CODEC_FLAG_CLOSED_GOP;

    (void) av_opt_set(enc->priv_data, "preset", "veryfast", 0);
    (void) av_opt_set(enc->priv_data, "profile", "high", 0);
    (void) av_opt_set_double(enc->priv_data, "crf", c->crf, 0);

    (void) snprintf(params, sizeof(params), X264_PARAMS ":sps-id=%d", c->sps);
    (void) av_opt_set(enc->priv_data, "x264-params", params, 0);
}


/* Rate 0: the quality is constant, whatever it costs. */

static void
set_vp9(AVCodecContext *enc, const rn_coding *c)
{
    enc->bit_rate = 0;

    (void) av_opt_set_int(enc->priv_data, "crf", c->crf, 0);
    (void) av_opt_set(enc->priv_data, "deadline", "good", 0);
    (void) av_opt_set_int(enc->priv_data, "cpu-used", 4, 0);
    (void) av_opt_set_int(enc->priv_data, "lag-in-frames", 25, 0);
    (void) av_opt_set_int(enc->priv_data, "auto-alt-ref", !c->alpha, 0);
    (void) av_opt_set_int(enc->priv_data, "row-mt", 0, 0);
}


static void
set_prores(AVCodecContext *enc, const rn_coding *c)
{
    (void) av_opt_set(enc->priv_data, "profile", c->alpha ? "4444" : "hq", 0);
    (void) av_opt_set(enc->priv_data, "vendor", "apl0", 0);
}


/* Files of others are for looking at, ours for speed: gif, sprites, sheets. */

static void
set_png(AVCodecContext *enc, const rn_coding *c)
{
    (void) c;

    enc->compression_level = 4;
    (void) av_opt_set(enc->priv_data, "pred", "mixed", 0);
}


static void
set_mjpeg(AVCodecContext *enc, const rn_coding *c)
{
    enc->flags |= AV_CODEC_FLAG_QSCALE;
    enc->global_quality = FF_QP2LAMBDA * c->crf;
}


typedef struct {
    rn_codec              codec;
    enum AVPixelFormat    format, alpha;
    const char           *matrix;       /* NULL: of RGB there is none */
    bool                  full;
    void                (*set)(AVCodecContext *enc, const rn_coding *c);
} profile;

static const profile  profiles[] = {
    { RN_CODEC_H264, AV_PIX_FMT_YUV420P, AV_PIX_FMT_NONE, "bt709", false,
      set_h264 },
    { RN_CODEC_VP9, AV_PIX_FMT_YUV420P, AV_PIX_FMT_YUVA420P, "bt709", false,
      set_vp9 },
    { RN_CODEC_PRORES, AV_PIX_FMT_YUV422P10, AV_PIX_FMT_YUVA444P10, "bt709",
      false, set_prores },
    { RN_CODEC_PNG, AV_PIX_FMT_RGB24, AV_PIX_FMT_RGBA, NULL, true, set_png },
    { RN_CODEC_MJPEG, AV_PIX_FMT_YUV420P, AV_PIX_FMT_NONE, "bt601", true,
      set_mjpeg },
};


static const profile *
profile_of(rn_codec codec)
{
    size_t  i;

    for (i = 0; i < sizeof(profiles) / sizeof(profiles[0]); i++) {
        if (profiles[i].codec == codec) {
            return &profiles[i];
        }
    }

    return NULL;
}


static void
set_colour(AVCodecContext *enc, const profile *p)
{
    if (p->matrix == NULL) {
        return;
    }

    enc->color_range = p->full ? AVCOL_RANGE_JPEG : AVCOL_RANGE_MPEG;

    if (strcmp(p->matrix, "bt709") == 0) {
        enc->colorspace = AVCOL_SPC_BT709;
        enc->color_primaries = AVCOL_PRI_BT709;
        enc->color_trc = AVCOL_TRC_BT709;
        enc->chroma_sample_location = AVCHROMA_LOC_LEFT;
    } else {
        enc->colorspace = AVCOL_SPC_BT470BG;
    }
}


static rn_status
begin_file(rn_encoder *e, int fd, rn_fault *fault)
{
    AVCodecParameters  *par;

    if (rn_mux_open(&e->mux, fd, rn_codec_of(e->coding.codec)->muxer, fault)
        != RN_OK)
    {
        return fault->status;
    }

    par = avcodec_parameters_alloc();

    if (par == NULL || avcodec_parameters_from_context(par, e->enc) < 0) {
        rn_fail(fault, RN_E_NOMEM, "out of memory");
    } else {
        (void) rn_mux_stream(&e->mux, par, e->enc->time_base, fault);
    }

    avcodec_parameters_free(&par);

    return fault->status;
}


static const char *
encoder_of(const rn_coding *c)
{
    return c->encoder != NULL ? c->encoder : rn_codec_of(c->codec)->encoder;
}


/* Also ENOMEM of a device is none of ours: it has no session left. */

static rn_status
fail_of(const rn_encoder *e, int averr, const char *how, rn_fault *fault)
{
    bool  first;

    first = fault->status == RN_OK;

    if (e->coding.encoder == NULL) {
        return rn_fail_av(fault, averr, "%s", how);
    }

    (void) rn_fail_av(fault, averr, "%s: %s", e->coding.encoder, how);

    if (first) {
        fault->status = RN_E_UNSUPPORTED;
    }

    return fault->status;
}


rn_status
rn_encoder_open(rn_encoder *e, int fd, const rn_coding *c, rn_fault *fault)
{
    int              rc;
    char             how[80];
    const AVCodec   *codec;
    const profile   *p;
    AVCodecContext  *enc;

    memset(e, 0, sizeof(*e));
    e->coding = *c;

    p = profile_of(c->codec);
    codec = p != NULL ? avcodec_find_encoder_by_name(encoder_of(c)) : NULL;

    if (codec == NULL) {
        return rn_fail(fault, c->encoder != NULL ? RN_E_UNSUPPORTED
                       : RN_E_INTERNAL, "this FFmpeg has no %s",
                       p != NULL ? encoder_of(c) : "such encoder");
    }

    e->pkt = av_packet_alloc();
    e->frame = av_frame_alloc();
    enc = e->enc = avcodec_alloc_context3(codec);

    if (e->pkt == NULL || e->frame == NULL || enc == NULL) {
        rn_fail(fault, RN_E_NOMEM, "out of memory");
        goto fail;
    }

    enc->width = c->w;
    enc->height = c->h;
    enc->pix_fmt = c->alpha ? p->alpha : p->format;
    enc->time_base = (AVRational) { (int) c->fps.den, (int) c->fps.num };
    enc->framerate = (AVRational) { (int) c->fps.num, (int) c->fps.den };
    enc->sample_aspect_ratio = (AVRational) { 1, 1 };
    enc->gop_size = (int) (5 * c->fps.num / c->fps.den);
    enc->thread_count = 1;
    enc->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;

    if (c->codec != RN_CODEC_H264) {
        enc->flags |= AV_CODEC_FLAG_BITEXACT;
    }

    set_colour(enc, p);
    e->format = enc->pix_fmt;

    if (c->encoder == NULL) {
        p->set(enc, c);
    } else if (rn_hardware_set(enc, c->encoder, c->crf, fault) != RN_OK) {
        fault->status = RN_E_UNSUPPORTED;
        goto fail;
    } else if (enc->hw_frames_ctx != NULL) {
        e->format = AV_PIX_FMT_NV12;
    }

    rc = avcodec_open2(enc, codec, NULL);
    if (rc < 0) {
        (void) snprintf(how, sizeof(how), "the %s encoder does not start at "
                        "%dx%d", rn_codec_of(c->codec)->name, c->w, c->h);
        fail_of(e, rc, how, fault);
        goto fail;
    }

    if (begin_file(e, fd, fault) == RN_OK) {
        return RN_OK;
    }

fail:

    (void) rn_encoder_close(e, 0, fault);
    return fault->status;
}


static rn_status
drain(rn_encoder *e, rn_fault *fault)
{
    int  rc;

    for ( ;; ) {
        rc = avcodec_receive_packet(e->enc, e->pkt);
        if (rc == AVERROR(EAGAIN) || rc == AVERROR_EOF) {
            return RN_OK;
        }

        if (rc < 0) {
            return fail_of(e, rc, "encoding failed", fault);
        }

        e->pkt->duration = 1;
        e->written++;

        if (rn_mux_write(&e->mux, e->pkt, 0, e->enc->time_base, fault)
            != RN_OK)
        {
            return fault->status;
        }
    }
}


/* What the encoder must not see of a source's frame: its own properties. */

static rn_status
refer(rn_encoder *e, const AVFrame *picture, rn_fault *fault)
{
    if (av_frame_ref(e->frame, picture) < 0) {
        return rn_fail(fault, RN_E_NOMEM, "out of memory");
    }

    while (e->frame->nb_side_data > 0) {
        av_frame_remove_side_data(e->frame, e->frame->side_data[0]->type);
    }

    e->frame->sample_aspect_ratio = (AVRational) { 1, 1 };

    return RN_OK;
}


rn_status
rn_encoder_send(rn_encoder *e, const AVFrame *picture, rn_fault *fault)
{
    const profile  *p;

    av_frame_unref(e->frame);

    if (picture->width == e->enc->width && picture->height == e->enc->height
        && picture->format == e->format
        && e->coding.codec != RN_CODEC_MJPEG)
    {
        if (refer(e, picture, fault) != RN_OK) {
            return fault->status;
        }

    } else {
        p = profile_of(e->coding.codec);

        if (e->rescale == NULL
            && rn_rescale_open(&e->rescale, e->enc->width, e->enc->height,
                               e->format, p->matrix, p->full, fault)
               != RN_OK)
        {
            return fault->status;
        }

        if (rn_rescale_do(e->rescale, picture, e->frame, fault) != RN_OK) {
            return fault->status;
        }

        e->frame->color_range = e->enc->color_range;
        e->frame->colorspace = e->enc->colorspace;
        e->frame->color_primaries = e->enc->color_primaries;
        e->frame->color_trc = e->enc->color_trc;
    }

    if (e->enc->hw_frames_ctx != NULL
        && rn_hardware_upload(e->enc, e->frame, fault) != RN_OK)
    {
        fault->status = RN_E_UNSUPPORTED;
        return fault->status;
    }

    return rn_encoder_again(e, fault);
}


rn_status
rn_encoder_again(rn_encoder *e, rn_fault *fault)
{
    int  rc;

    e->frame->pts = e->sent++;
    e->frame->pict_type = AV_PICTURE_TYPE_NONE;

    if (e->coding.codec == RN_CODEC_MJPEG) {
        e->frame->quality = e->enc->global_quality;
    }

    rc = avcodec_send_frame(e->enc, e->frame);
    if (rc < 0) {
        return fail_of(e, rc, "encoding failed", fault);
    }

    return drain(e, fault);
}


/*
 * A still needs no reordering: each is decoded at the same distance.  What
 * follows the sets of hardware is nothing that one could write without it.
 */

rn_status
rn_encoder_repeat(rn_encoder *e, int64_t frames, rn_fault *fault)
{
    int        rc;
    int64_t    k;
    rn_skips   skips;

    if (e->coding.codec != RN_CODEC_H264 || e->coding.encoder != NULL) {
        while (e->sent < frames && rn_encoder_again(e, fault) == RN_OK) {
            /* void */
        }
        return fault->status;
    }

    if (e->sent != 1 || e->written != 0) {
        return rn_fail(fault, RN_E_INTERNAL, "a still of %lld pictures",
                       (long long) e->sent);
    }

    if (rn_skips_read(&skips, e->enc->extradata, e->enc->extradata_size, fault)
        != RN_OK)
    {
        return fault->status;
    }

    (void) avcodec_send_frame(e->enc, NULL);

    rc = avcodec_receive_packet(e->enc, e->pkt);
    if (rc < 0) {
        return rn_fail_av(fault, rc, "encoding failed");
    }

    for (k = 0; k < frames; k++) {
        if (k > 0 && rn_skips_write(&skips, k, e->pkt, fault) != RN_OK) {
            return fault->status;
        }

        e->pkt->pts = k;
        e->pkt->dts = k - RN_DTS_DELAY;
        e->pkt->duration = 1;

        if (rn_mux_write(&e->mux, e->pkt, 0, e->enc->time_base, fault)
            != RN_OK)
        {
            return fault->status;
        }
    }

    e->sent = e->written = frames;

    return RN_OK;
}


rn_status
rn_encoder_close(rn_encoder *e, int64_t frames, rn_fault *fault)
{
    if (fault->status == RN_OK) {
        (void) avcodec_send_frame(e->enc, NULL);
        (void) drain(e, fault);

        if (fault->status == RN_OK
            && (e->sent != frames || e->written != frames))
        {
            rn_fail(fault, RN_E_INTERNAL, "%lld frames were encoded and %lld "
                    "written, not %lld", (long long) e->sent,
                    (long long) e->written, (long long) frames);
        }
    }

    (void) rn_mux_close(&e->mux, fault);
    rn_rescale_close(&e->rescale);
    av_frame_free(&e->frame);
    avcodec_free_context(&e->enc);
    av_packet_free(&e->pkt);

    return fault->status;
}
