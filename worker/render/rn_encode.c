/* The frozen H.264 profile; see rn_encode.h. */

#include "rn_encode.h"
#include "rn_skip.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <libavutil/opt.h>


/*
 * stitchable: without it even the CRF ends up in the parameter sets.
 * One thread: the output differs between thread counts, and tasks run in
 * parallel instead, which costs neither quality nor waiting.
 */

#define X264_PARAMS  "stitchable=1:open-gop=0:rc-lookahead=20:bframes=3:"     \
                     "b-pyramid=normal:threads=1:sliced-threads=0"


rn_status
rn_encoder_open(rn_encoder *e, int fd, int w, int h, rn_rational fps, int crf,
    int sps, rn_fault *fault)
{
    int              rc;
    char             params[200];
    const AVCodec   *codec;
    AVCodecContext  *enc;

    memset(e, 0, sizeof(*e));

    codec = avcodec_find_encoder_by_name("libx264");
    if (codec == NULL) {
        return rn_fail(fault, RN_E_INTERNAL, "this FFmpeg has no libx264");
    }

    e->pkt = av_packet_alloc();
    enc = e->enc = avcodec_alloc_context3(codec);

    if (e->pkt == NULL || enc == NULL) {
        rn_fail(fault, RN_E_NOMEM, "out of memory");
        goto fail;
    }

    enc->width = w;
    enc->height = h;
    enc->pix_fmt = AV_PIX_FMT_YUV420P;
    enc->time_base = (AVRational) { (int) fps.den, (int) fps.num };
    enc->framerate = (AVRational) { (int) fps.num, (int) fps.den };
    enc->sample_aspect_ratio = (AVRational) { 1, 1 };
    enc->color_range = AVCOL_RANGE_MPEG;
    enc->colorspace = AVCOL_SPC_BT709;
    enc->color_primaries = AVCOL_PRI_BT709;
    enc->color_trc = AVCOL_TRC_BT709;
    enc->chroma_sample_location = AVCHROMA_LOC_LEFT;
    enc->gop_size = (int) (5 * fps.num / fps.den);
    enc->thread_count = 1;
    enc->flags |= AV_CODEC_FLAG_GLOBAL_HEADER | AV_CODEC_FLAG_CLOSED_GOP;

    (void) av_opt_set(enc->priv_data, "preset", "veryfast", 0);
    (void) av_opt_set(enc->priv_data, "profile", "high", 0);
    (void) av_opt_set_double(enc->priv_data, "crf", crf, 0);

    (void) snprintf(params, sizeof(params), X264_PARAMS ":sps-id=%d", sps);
    (void) av_opt_set(enc->priv_data, "x264-params", params, 0);

    rc = avcodec_open2(enc, codec, NULL);
    if (rc < 0) {
        rn_fail_av(fault, rc, "the H.264 encoder does not start at %dx%d",
                   w, h);
        goto fail;
    }

    rc = rn_mux_open(&e->mux, fd, false, fault);
    if (rc == RN_OK) {
        AVCodecParameters  *par;

        par = avcodec_parameters_alloc();
        if (par == NULL || avcodec_parameters_from_context(par, enc) < 0) {
            rn_fail(fault, RN_E_NOMEM, "out of memory");
        } else {
            (void) rn_mux_stream(&e->mux, par, enc->time_base, fault);
        }
        avcodec_parameters_free(&par);
    }

    if (fault->status == RN_OK) {
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
            return rn_fail_av(fault, rc, "encoding failed");
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


rn_status
rn_encoder_send(rn_encoder *e, AVFrame *frame, rn_fault *fault)
{
    int  rc;

    frame->pts = e->sent++;
    frame->pict_type = AV_PICTURE_TYPE_NONE;

    rc = avcodec_send_frame(e->enc, frame);
    if (rc < 0) {
        return rn_fail_av(fault, rc, "encoding failed");
    }

    return drain(e, fault);
}


/* A still needs no reordering: each is decoded at the same distance. */

rn_status
rn_encoder_repeat(rn_encoder *e, int64_t frames, rn_fault *fault)
{
    int        rc;
    int64_t    k;
    rn_skips   skips;

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
    avcodec_free_context(&e->enc);
    av_packet_free(&e->pkt);

    return fault->status;
}
