/* The guarded way into a media file; see rn_input.h. */

#include "rn_input.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <libavutil/opt.h>
#include <libavutil/pixdesc.h>


#define DAMAGED_MAX  200            /* packets in a row without a frame */
#define STREAMS_MAX  64
#define LOOK_MAX     (5 * 1024 * 1024)  /* bytes read to find streams */
#define LOOK_WAV     (32 * 1024)


/*
 * Whitelists, because an io_open that refuses does not stop the demuxers that
 * open nested files themselves (concat, dash).  Subtitle, text and script
 * formats are out: a text file is otherwise decoded as ANSI art.
 */

static const char formats[] =
    "mov,matroska,mpegts,mp3,wav,flac,ogg,aac,avi,flv,gif,"
    "png_pipe,jpeg_pipe,webp_pipe";

static const char codecs[] =
    "h264,hevc,vp8,libvpx,vp9,libvpx-vp9,libdav1d,av1,mpeg4,mpeg2video,"
    "mpeg1video,mjpeg,png,gif,webp,prores,dnxhd,theora,"
    "flv,msmpeg4,msmpeg4v2,wmv1,wmv2,h263,cinepak,"
    "aac,mp3float,mp3,opus,libopus,vorbis,flac,alac,ac3,eac3,mp2float,mp2,"
    "pcm_u8,pcm_s16le,pcm_s16be,pcm_s24le,pcm_s24be,pcm_s32le,pcm_s32be,"
    "pcm_f32le,pcm_f32be,pcm_f64le,pcm_alaw,pcm_mulaw,adpcm_ms,adpcm_ima_wav";


static int
refuse_open(AVFormatContext *s, AVIOContext **pb, const char *url, int flags,
    AVDictionary **options)
{
    (void) s;
    (void) pb;
    (void) url;
    (void) flags;
    (void) options;

    return AVERROR(EACCES);
}


static void
forget_others(rn_input *in)
{
    unsigned   i;
    AVStream  *st;

    for (i = 0; i < in->fmt->nb_streams; i++) {
        st = in->fmt->streams[i];
        st->discard = (st == in->video || st == in->audio)
                      ? AVDISCARD_DEFAULT : AVDISCARD_ALL;
    }
}


static AVStream *
best(AVFormatContext *fmt, enum AVMediaType type)
{
    int        i;
    AVStream  *st;

    i = av_find_best_stream(fmt, type, -1, -1, NULL, 0);
    if (i < 0) {
        return NULL;
    }

    st = fmt->streams[i];

    return st->disposition & AV_DISPOSITION_ATTACHED_PIC ? NULL : st;
}


/*
 * Looks into the streams; the decoders that libav opens for it obey the limit
 * of pixels, too.
 */

static int
find_streams(AVFormatContext *fmt)
{
    int             rc;
    unsigned        i, n;
    AVDictionary  **opts;

    n = fmt->nb_streams;

    opts = av_calloc(n + 1, sizeof(AVDictionary *));
    if (opts == NULL) {
        return AVERROR(ENOMEM);
    }

    for (i = 0; i < n; i++) {
        (void) av_dict_set_int(&opts[i], "max_pixels", RN_MAX_PIXELS, 0);
    }

    rc = avformat_find_stream_info(fmt, opts);

    for (i = 0; i < n; i++) {
        av_dict_free(&opts[i]);
    }

    av_free(opts);

    return rc;
}


/* The container alone. */

static rn_status
open_container(rn_input *in, int fd, rn_fault *fault)
{
    int  rc;

    memset(in, 0, sizeof(*in));

    in->io = rn_io_open(fd, false);
    in->fmt = avformat_alloc_context();

    if (in->io == NULL || in->fmt == NULL) {
        return rn_fail(fault, RN_E_NOMEM, "out of memory");
    }

    in->size = avio_size(in->io);
    in->hurry = in->hurried = AV_NOPTS_VALUE;

    if (in->size == 0) {
        return rn_fail(fault, RN_E_INPUT, "the file is empty");
    }

    in->fmt->pb = in->io;
    in->fmt->flags |= AVFMT_FLAG_CUSTOM_IO;
    in->fmt->io_open = refuse_open;
    in->fmt->format_whitelist = av_strdup(formats);
    in->fmt->codec_whitelist = av_strdup(codecs);
    in->fmt->protocol_whitelist = av_strdup("none");
    in->fmt->probesize = LOOK_MAX;
    in->fmt->max_analyze_duration = 5 * AV_TIME_BASE;
    in->fmt->max_streams = STREAMS_MAX;

    rc = avformat_open_input(&in->fmt, NULL, rn_io_format(in->io), NULL);
    if (rc < 0) {
        if (rc == AVERROR(ENOMEM)) {        /* also said of too many streams */
            return rn_fail(fault, RN_E_INPUT, "the file holds more than %d "
                           "streams, or wants more memory than it may have",
                           STREAMS_MAX);
        }
        return rn_fail_av(fault, rc, "not a media file of a kind that is read "
                          "here");
    }

    return RN_OK;
}


rn_status
rn_input_open_packets(rn_input *in, int fd, rn_fault *fault)
{
    if (open_container(in, fd, fault) != RN_OK) {
        rn_input_close(in);
    }

    return fault->status;
}


rn_status
rn_input_open(rn_input *in, int fd, rn_fault *fault)
{
    int                 rc;
    const char         *name;
    AVCodecParameters  *par;

    if (open_container(in, fd, fault) != RN_OK) {
        goto fail;
    }

    name = in->fmt->iformat->name;
    in->image = strstr(name, "_pipe") != NULL;

    /*
     * Libav looks for other codecs in PCM, again and again until it has read
     * that much; none that we read is found so.
     */

    if (strcmp(name, "wav") == 0) {
        in->fmt->probesize = LOOK_WAV;
    }

    /* all there is to know of a picture is known when it is decoded */

    rc = in->image ? 0 : find_streams(in->fmt);
    if (rc < 0) {
        rn_fail_av(fault, rc, "the streams of the file cannot be read");
        goto fail;
    }

    in->video = best(in->fmt, AVMEDIA_TYPE_VIDEO);
    in->audio = best(in->fmt, AVMEDIA_TYPE_AUDIO);

    if (in->video == NULL && in->audio == NULL) {
        rn_fail(fault, RN_E_INPUT, "the file holds neither picture nor sound "
                "that can be read here");
        goto fail;
    }

    par = in->video != NULL ? in->video->codecpar : NULL;

    if (par != NULL && (int64_t) par->width * par->height > RN_MAX_PIXELS) {
        rn_fail(fault, RN_E_LIMIT, "%d x %d px are more than the %d that are "
                "read here", par->width, par->height, RN_MAX_PIXELS);
        goto fail;
    }

    forget_others(in);

    in->zero = in->fmt->start_time != AV_NOPTS_VALUE ? in->fmt->start_time : 0;

    return RN_OK;

fail:

    rn_input_close(in);
    return fault->status;
}


void
rn_input_close(rn_input *in)
{
    avformat_close_input(&in->fmt);
    rn_io_free(&in->io);
    memset(in, 0, sizeof(*in));
}


rn_status
rn_input_decoder(const AVStream *st, int threads, AVCodecContext **out,
    rn_fault *fault)
{
    int              rc;
    const AVCodec   *codec;
    AVCodecContext  *dec;

    *out = NULL;

    codec = avcodec_find_decoder(st->codecpar->codec_id);

    /* FFmpeg's own VP8 and VP9 decoders drop the alpha plane */
    if (st->codecpar->codec_id == AV_CODEC_ID_VP9
        && av_dict_get(st->metadata, "alpha_mode", NULL, 0) != NULL)
    {
        codec = avcodec_find_decoder_by_name("libvpx-vp9");
    } else if (st->codecpar->codec_id == AV_CODEC_ID_VP8
               && av_dict_get(st->metadata, "alpha_mode", NULL, 0) != NULL)
    {
        codec = avcodec_find_decoder_by_name("libvpx");
    }

    if (codec == NULL) {
        return rn_fail(fault, RN_E_UNSUPPORTED, "the codec %s cannot be read "
                       "here", avcodec_get_name(st->codecpar->codec_id));
    }

    dec = avcodec_alloc_context3(codec);
    if (dec == NULL) {
        return rn_fail(fault, RN_E_NOMEM, "out of memory");
    }

    rc = avcodec_parameters_to_context(dec, st->codecpar);
    if (rc < 0) {
        goto fail;
    }

    dec->pkt_timebase = st->time_base;
    dec->thread_count = threads;
    dec->max_pixels = RN_MAX_PIXELS;
    dec->codec_whitelist = av_strdup(codecs);

    rc = avcodec_open2(dec, codec, NULL);
    if (rc < 0) {
        goto fail;
    }

    *out = dec;
    return RN_OK;

fail:

    avcodec_free_context(&dec);
    if (rc == AVERROR(EINVAL)) {
        return rn_fail(fault, RN_E_UNSUPPORTED, "the codec %s is not read "
                       "here", avcodec_get_name(st->codecpar->codec_id));
    }
    return rn_fail_av(fault, rc, "the %s decoder does not start",
                      avcodec_get_name(st->codecpar->codec_id));
}


/*
 * Whether a packet would be decoded from pictures that were not read: decoders
 * of HEVC and MPEG-4 put those out grey.
 */

static bool
is_blind(rn_input *in, const AVCodecContext *dec, const AVPacket *pkt)
{
    if (in->blind && (pkt->flags & AV_PKT_FLAG_KEY
                      || dec->codec_type != AVMEDIA_TYPE_VIDEO
                      || dec->codec_id == AV_CODEC_ID_H264))
    {
        in->blind = false;
    }

    return in->blind;
}


/* What the decoder may pass over of a packet: see rn_input_hurry. */

static void
pace(rn_input *in, AVCodecContext *dec, const AVPacket *pkt)
{
    dec->skip_frame = AVDISCARD_DEFAULT;

    if (in->hurry != AV_NOPTS_VALUE && pkt->pts != AV_NOPTS_VALUE
        && pkt->pts < in->hurry && pkt->stream_index == in->video->index)
    {
        dec->skip_frame = AVDISCARD_NONREF;
        in->hurried = pkt->pts > in->hurried ? pkt->pts : in->hurried;
    }
}


rn_status
rn_input_frame(rn_input *in, AVStream *st, AVCodecContext *dec, AVPacket *pkt,
    AVFrame *frame, bool *eof, rn_fault *fault)
{
    int  rc, damaged;

    *eof = false;
    damaged = 0;

    for ( ;; ) {
        rc = avcodec_receive_frame(dec, frame);
        if (rc == 0) {
            return RN_OK;
        }

        if (rc == AVERROR_EOF) {
            *eof = true;
            return RN_OK;
        }

        if (rc != AVERROR(EAGAIN) && ++damaged > DAMAGED_MAX) {
            return rn_fail_av(fault, AVERROR_INVALIDDATA,
                              "the %s stream is damaged",
                              avcodec_get_name(dec->codec_id));
        }

        rc = av_read_frame(in->fmt, pkt);

        if (rc == AVERROR(EAGAIN)) {
            continue;
        }

        if (rc < 0) {
            if (rc == AVERROR(EIO)) {
                return rn_fail_av(fault, rc, "reading the file failed");
            }
            (void) avcodec_send_packet(dec, NULL);      /* drain */
            continue;
        }

        if (pkt->stream_index == st->index && !is_blind(in, dec, pkt)) {
            pace(in, dec, pkt);
            rc = avcodec_send_packet(dec, pkt);
            if (rc < 0 && rc != AVERROR(EAGAIN) && ++damaged > DAMAGED_MAX) {
                av_packet_unref(pkt);
                return rn_fail_av(fault, AVERROR_INVALIDDATA,
                                  "the %s stream is damaged",
                                  avcodec_get_name(dec->codec_id));
            }
        }

        av_packet_unref(pkt);
    }
}


double
rn_input_time(const rn_input *in, const AVStream *st, const AVFrame *frame)
{
    int64_t  ts;

    ts = frame->best_effort_timestamp;
    if (ts == AV_NOPTS_VALUE) {
        return NAN;
    }

    return (double) ts * av_q2d(st->time_base)
           - (double) in->zero / AV_TIME_BASE;
}


/* A time on the file's own clock as one of a stream's. */

static int64_t
stamp(const rn_input *in, const AVStream *st, double seconds)
{
    return (int64_t) floor((seconds + (double) in->zero / AV_TIME_BASE)
                           / av_q2d(st->time_base));
}


void
rn_input_hurry(rn_input *in, double seconds)
{
    in->hurried = AV_NOPTS_VALUE;
    in->hurry = isfinite(seconds) ? stamp(in, in->video, seconds)
                                  : AV_NOPTS_VALUE;
}


rn_status
rn_input_seek(rn_input *in, AVStream *st, AVCodecContext *dec, double seconds,
    rn_fault *fault)
{
    int      rc;
    int64_t  ts;

    ts = stamp(in, st, seconds);
    rc = avformat_seek_file(in->fmt, st->index, INT64_MIN, ts, ts, 0);

    if (rc < 0) {                           /* from the beginning, then */
        rc = av_seek_frame(in->fmt, -1, 0, AVSEEK_FLAG_BYTE);
    }

    if (rc < 0) {
        return rn_fail_av(fault, rc, "the file cannot be sought in");
    }

    in->blind = (in->fmt->iformat->flags & AVFMT_TS_DISCONT) != 0;
    avcodec_flush_buffers(dec);

    return RN_OK;
}
