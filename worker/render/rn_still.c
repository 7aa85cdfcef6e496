/* Stills by the JPEG encoder of libavcodec; see rn_still.h. */

#include "rn_still.h"
#include "rn_scale.h"

#include <errno.h>
#include <unistd.h>


#define QUALITY  3                      /* mjpeg's scale: 2 best, 31 worst */


static AVCodecContext *
open_encoder(const AVFrame *f, rn_fault *fault)
{
    int              rc;
    const AVCodec   *codec;
    AVCodecContext  *enc;

    codec = avcodec_find_encoder(AV_CODEC_ID_MJPEG);
    if (codec == NULL) {
        rn_fail(fault, RN_E_INTERNAL, "this FFmpeg has no JPEG encoder");
        return NULL;
    }

    enc = avcodec_alloc_context3(codec);
    if (enc == NULL) {
        rn_fail(fault, RN_E_NOMEM, "out of memory");
        return NULL;
    }

    enc->width = f->width;
    enc->height = f->height;
    enc->pix_fmt = f->format;
    enc->color_range = f->color_range;
    enc->colorspace = f->colorspace;
    enc->time_base = (AVRational) { 1, 1 };
    enc->sample_aspect_ratio = (AVRational) { 1, 1 };  /* else no JFIF head */
    enc->thread_count = 1;
    enc->global_quality = FF_QP2LAMBDA * QUALITY;
    enc->flags |= AV_CODEC_FLAG_QSCALE | AV_CODEC_FLAG_BITEXACT;

    rc = avcodec_open2(enc, codec, NULL);
    if (rc < 0) {
        rn_fail_av(fault, rc, "the JPEG encoder does not start at %dx%d",
                   f->width, f->height);
        avcodec_free_context(&enc);
    }

    return enc;
}


static rn_status
write_all(int fd, const uint8_t *p, size_t len, rn_fault *fault)
{
    size_t   done;
    ssize_t  n;

    for (done = 0; done < len; done += (size_t) n) {
        n = pwrite(fd, p + done, len - done, (off_t) done);

        if (n < 0 && errno == EINTR) {
            n = 0;
        } else if (n < 0) {
            return rn_fail_av(fault, AVERROR(errno), "a still cannot be "
                              "written");
        }
    }

    return RN_OK;
}


rn_status
rn_still_write(const AVFrame *picture, int w, int h, int fd, int64_t *bytes,
    rn_fault *fault)
{
    int              rc;
    AVFrame         *f;
    AVPacket        *pkt;
    AVCodecContext  *enc;
    rn_colour        from = { "bt709", false }, to = { "bt601", true };

    f = av_frame_alloc();
    pkt = av_packet_alloc();
    enc = NULL;

    if (f == NULL || pkt == NULL) {
        rn_fail(fault, RN_E_NOMEM, "out of memory");
        goto done;
    }

    f->format = AV_PIX_FMT_YUV420P;
    f->width = w;
    f->height = h;

    if (rn_scale(picture, from, f, to, fault) != RN_OK) {
        goto done;
    }

    f->color_range = AVCOL_RANGE_JPEG;
    f->colorspace = AVCOL_SPC_BT470BG;
    f->quality = FF_QP2LAMBDA * QUALITY;
    f->pts = 0;

    enc = open_encoder(f, fault);
    if (enc == NULL) {
        goto done;
    }

    rc = avcodec_send_frame(enc, f);
    if (rc >= 0) {
        rc = avcodec_receive_packet(enc, pkt);
    }

    if (rc < 0) {
        rn_fail_av(fault, rc, "a still cannot be encoded");
        goto done;
    }

    if (write_all(fd, pkt->data, (size_t) pkt->size, fault) == RN_OK) {
        *bytes = pkt->size;
    }

done:

    avcodec_free_context(&enc);
    av_packet_free(&pkt);
    av_frame_free(&f);

    return fault->status;
}
