/* Finds out what a media file is; see rn_probe.h. */

#include "rn_probe.h"
#include "rn_blurhash.h"
#include "rn_caption.h"
#include "rn_copy.h"
#include "rn_fitter.h"
#include "rn_font.h"
#include "rn_input.h"
#include "rn_probe_small.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <libavutil/display.h>
#include <libavutil/pixdesc.h>


#define MAX_SECONDS   (24 * 3600.0)
#define MAX_CHANNELS  8
#define MAX_RATE      192000
#define INDEX_LOOK    2000              /* pictures that are looked at */


rn_turn
rn_turn_of(const AVStream *st, const AVFrame *frame)
{
    double            angle;
    rn_turn           turn = { 0, false };
    int32_t           m[9];
    const int32_t    *matrix;
    AVFrameSideData  *sd;

    matrix = rn_display_matrix(st);

    sd = av_frame_get_side_data(frame, AV_FRAME_DATA_DISPLAYMATRIX);
    if (sd != NULL && sd->size >= sizeof(m)) {
        matrix = (const int32_t *) sd->data;
    }

    if (matrix == NULL) {
        return turn;
    }

    memcpy(m, matrix, sizeof(m));

    /* a negative determinant mirrors; taken out, what is left is a turn */

    if ((double) m[0] * m[4] - (double) m[1] * m[3] < 0) {
        turn.mirrored = true;
        m[0] = -m[0];
        m[3] = -m[3];
    }

    angle = av_display_rotation_get(m);
    if (!isfinite(angle)) {
        return turn;
    }

    turn.quarters = (int) lround(-angle / 90) & 3;

    return turn;
}


void
rn_display_size(const AVStream *st, const AVFrame *frame, int *w, int *h)
{
    int         width, height, t;
    AVRational  sar;

    width = frame->width;
    height = frame->height;
    sar = frame->sample_aspect_ratio;

    if (sar.num <= 0 || sar.den <= 0) {
        sar = st->sample_aspect_ratio;
    }

    if (sar.num > 0 && sar.den > 0 && av_q2d(sar) > 0.05 && av_q2d(sar) < 20) {
        width = (int) lround(width * av_q2d(sar));
    }

    if (rn_turn_of(st, frame).quarters & 1) {
        t = width;
        width = height;
        height = t;
    }

    *w = width > 0 ? width : 1;
    *h = height;
}


/*
 * The end of a stream for files that do not say: the last packet's.  Reads
 * the whole file, decodes nothing.
 */

static double
scan_duration(rn_input *in, AVStream *st)
{
    double     end, last;
    AVPacket  *pkt;

    pkt = av_packet_alloc();
    end = 0;

    while (pkt != NULL && av_read_frame(in->fmt, pkt) >= 0) {
        if (pkt->stream_index == st->index && pkt->pts != AV_NOPTS_VALUE) {
            last = (double) (pkt->pts + pkt->duration) * av_q2d(st->time_base)
                   - (double) in->zero / AV_TIME_BASE;
            if (last > end) {
                end = last;
            }
        }
        av_packet_unref(pkt);
    }

    av_packet_free(&pkt);

    return end;
}


static double
duration_of(rn_input *in, AVStream *st)
{
    double  start, d;

    if (st->duration != AV_NOPTS_VALUE && st->duration > 0) {
        start = st->start_time != AV_NOPTS_VALUE
                ? (double) st->start_time * av_q2d(st->time_base)
                  - (double) in->zero / AV_TIME_BASE : 0;
        d = (double) st->duration * av_q2d(st->time_base);
        return d + (start > 0 ? start : 0);
    }

    if (in->fmt->duration != AV_NOPTS_VALUE && in->fmt->duration > 0) {
        return (double) in->fmt->duration / AV_TIME_BASE;
    }

    return 0;
}


/*
 * Whether an index points behind the end of the file.  Only where the index
 * was written by whoever made the file (mp4), not guessed by a demuxer.
 */

static bool
truncated(rn_input *in, AVStream *st)
{
    int                  i, n;
    const AVIndexEntry  *e;

    if (st == NULL || strncmp(in->fmt->iformat->name, "mov", 3) != 0) {
        return false;
    }

    n = avformat_index_get_entries_count(st);

    for (i = n - 1; i >= 0 && i > n - 4; i--) {
        e = avformat_index_get_entry(st, i);
        if (e != NULL && e->pos + e->size > in->size) {
            return true;
        }
    }

    return false;
}


static void
begin_again(rn_input *in)
{
    if (av_seek_frame(in->fmt, -1, in->zero, AVSEEK_FLAG_BACKWARD) < 0) {
        (void) av_seek_frame(in->fmt, -1, 0, AVSEEK_FLAG_BYTE);
    }
}


/*
 * The first picture of a film from the first packet alone: in order a decoder
 * gives it when it knows that none is shown before it, some packets later.
 * False: that is no whole picture.
 */

static bool
first_at_once(rn_input *in, AVStream *st, AVCodecContext *dec, AVPacket *pkt,
    AVFrame *frame)
{
    bool  sent;

    do {
        av_packet_unref(pkt);
        if (av_read_frame(in->fmt, pkt) < 0) {
            return false;
        }
    } while (pkt->stream_index != st->index);

    sent = avcodec_send_packet(dec, pkt) == 0;
    av_packet_unref(pkt);

    return sent && avcodec_send_packet(dec, NULL) == 0
           && avcodec_receive_frame(dec, frame) == 0
           && frame->decode_error_flags == 0 && !rn_frame_interlaced(frame);
}


static rn_status
first_frame(rn_input *in, AVStream *st, AVFrame *frame, rn_fault *fault)
{
    bool             eof;
    AVPacket        *pkt;
    rn_status        rc;
    AVCodecContext  *dec;

    rc = rn_input_decoder(st, 1, &dec, fault);
    if (rc != RN_OK) {
        return rc;
    }

    pkt = av_packet_alloc();
    if (pkt == NULL) {
        rc = rn_fail(fault, RN_E_NOMEM, "out of memory");

    } else if (st != in->video || in->image
               || !first_at_once(in, st, dec, pkt, frame))
    {
        if (st == in->video && !in->image) {
            av_frame_unref(frame);
            avcodec_flush_buffers(dec);
            begin_again(in);
        }

        rc = rn_input_frame(in, st, dec, pkt, frame, &eof, fault);

        if (rc == RN_OK && eof && in->image) {
            rc = rn_fail(fault, RN_E_INPUT, "the picture is damaged, or larger "
                         "than the %d px that are read here", RN_MAX_PIXELS);
        } else if (rc == RN_OK && eof) {
            rc = rn_fail(fault, RN_E_INPUT, "the %s stream holds nothing that "
                         "can be decoded",
                         avcodec_get_name(st->codecpar->codec_id));
        }
    }

    av_packet_free(&pkt);
    avcodec_free_context(&dec);

    return rc;
}


/*
 * Whether its pictures come at no steady rate.  By the index, where the file
 * has one: what it says of rates is often a guess.
 */

static bool
is_unsteady(AVStream *st)
{
    int                  i, n;
    int64_t              step, least, most, last;
    const AVIndexEntry  *e;

    n = avformat_index_get_entries_count(st);
    n = n < INDEX_LOOK ? n : INDEX_LOOK;
    least = INT64_MAX;
    most = last = 0;

    for (i = 0; i < n - 1; i++) {           /* the last may last shorter */
        e = avformat_index_get_entry(st, i);
        if (e == NULL) {
            break;
        }

        step = e->timestamp - last;
        last = e->timestamp;

        if (i > 0 && step > 0) {
            least = step < least ? step : least;
            most = step > most ? step : most;
        }
    }

    return i > 2 && most > 1 + least + least / 2;
}


static json_t *
video_facts(AVStream *st, const AVFrame *frame, json_t *warnings)
{
    int                        w, h;
    char                       fps[32];
    AVRational                 rate;
    const AVPixFmtDescriptor  *desc;

    rn_display_size(st, frame, &w, &h);

    rate = st->avg_frame_rate.num > 0 ? st->avg_frame_rate : st->r_frame_rate;
    (void) snprintf(fps, sizeof(fps), "%d/%d", rate.num, rate.den);

    desc = av_pix_fmt_desc_get(frame->format);

    if (rn_is_hdr(frame)) {
        json_array_append_new(warnings, json_string("high dynamic range is "
                              "mapped to that of bt.709"));
    }

    if (is_unsteady(st)) {
        json_array_append_new(warnings, json_string("its pictures come at no "
                              "steady rate; they are shown at the film's"));
    }

    if (rn_frame_interlaced(frame)) {
        json_array_append_new(warnings, json_string("interlaced pictures are "
                              "made whole"));
    }

    return json_pack("{s:s, s:i, s:i, s:s, s:i, s:s, s:b}",
                     "codec", avcodec_get_name(st->codecpar->codec_id),
                     "width", w, "height", h, "fps", fps,
                     "rotation", rn_turn_of(st, frame).quarters * 90,
                     "pix_fmt", desc != NULL ? desc->name : "unknown",
                     "alpha", desc != NULL
                              && (desc->flags & AV_PIX_FMT_FLAG_ALPHA) != 0);
}


static json_t *
audio_facts(AVStream *st)
{
    return json_pack("{s:s, s:i, s:i}",
                     "codec", avcodec_get_name(st->codecpar->codec_id),
                     "rate", st->codecpar->sample_rate,
                     "channels", st->codecpar->ch_layout.nb_channels);
}


/* NULL, never a fault, where it cannot be: it is an ornament. */

static json_t *
blurhash_of(const AVStream *st, const AVFrame *frame)
{
    rn_fault     ours;
    rn_colour    colour;
    rn_blurhash  hash;

    memset(&ours, 0, sizeof(ours));
    colour.matrix = rn_matrix_of(frame);
    colour.full = rn_full_range(frame);

    if (rn_blurhash_of(frame, colour, rn_turn_of(st, frame), &hash, &ours)
        != RN_OK)
    {
        return NULL;
    }

    return json_string(hash.hash);
}


rn_status
rn_probe(int fd, bool hashed, json_t **out, rn_fault *fault)
{
    double       duration;
    json_t      *video, *audio, *warnings, *blurhash, *copy, *sound;
    AVFrame     *frame;
    rn_input     in;
    AVStream    *main_stream;
    rn_status    rc;
    const char  *kind;

    *out = NULL;
    video = audio = blurhash = copy = sound = NULL;

    if (rn_font_known(fd)) {
        return rn_font_probe(fd, out, fault);
    }

    if (rn_caption_known(fd)) {
        return rn_caption_probe(fd, out, fault);
    }

    if (rn_probe_small(fd, out, fault)) {
        return fault->status;
    }

    rc = rn_input_open(&in, fd, fault);
    if (rc != RN_OK) {
        return rc;
    }

    frame = av_frame_alloc();
    warnings = json_array();

    if (frame == NULL || warnings == NULL) {
        rn_fail(fault, RN_E_NOMEM, "out of memory");
        goto done;
    }

    if (truncated(&in, in.video) || truncated(&in, in.audio)) {
        rn_fail(fault, RN_E_INPUT, "the file is cut off: its index names "
                "data behind its end");
        goto done;
    }

    if (in.audio != NULL
        && (in.audio->codecpar->ch_layout.nb_channels > MAX_CHANNELS
            || in.audio->codecpar->sample_rate > MAX_RATE
            || in.audio->codecpar->sample_rate < 1))
    {
        rn_fail(fault, RN_E_LIMIT, "%d channels at %d Hz; at most %d channels "
                "and %d Hz are read here",
                in.audio->codecpar->ch_layout.nb_channels,
                in.audio->codecpar->sample_rate, MAX_CHANNELS, MAX_RATE);
        goto done;
    }

    main_stream = in.video != NULL ? in.video : in.audio;
    duration = in.image ? 0 : duration_of(&in, main_stream);

    if (in.video != NULL) {
        if (first_frame(&in, in.video, frame, fault) != RN_OK) {
            goto done;
        }
        video = video_facts(in.video, frame, warnings);
        blurhash = hashed ? blurhash_of(in.video, frame) : NULL;
        copy = in.image ? NULL : rn_copy_facts(&in, frame);
        av_frame_unref(frame);
    }

    if (in.audio != NULL) {
        (void) av_seek_frame(in.fmt, -1, in.zero, AVSEEK_FLAG_BACKWARD);
        if (first_frame(&in, in.audio, frame, fault) != RN_OK) {
            goto done;
        }
        audio = audio_facts(in.audio);
        sound = rn_copy_sound_facts(&in);
    }

    if (duration <= 0 && !in.image) {
        (void) av_seek_frame(in.fmt, -1, 0, AVSEEK_FLAG_BYTE);
        duration = scan_duration(&in, main_stream);
    }

    if (!in.image && (duration <= 0 || !isfinite(duration))) {
        rn_fail(fault, RN_E_INPUT, "the file has no length");
        goto done;
    }

    if (duration > MAX_SECONDS) {
        rn_fail(fault, RN_E_LIMIT, "the file claims to last %.0f hours; at "
                "most %.0f are read here", duration / 3600,
                MAX_SECONDS / 3600);
        goto done;
    }

    kind = in.image ? "image" : in.video != NULL ? "video" : "audio";

    *out = json_pack("{s:s, s:s, s:f, s:o*, s:o*, s:o*, s:o*, s:o*, s:O}",
                     "kind", kind, "format", in.fmt->iformat->name,
                     "duration", duration, "video", video, "audio", audio,
                     "blurhash", blurhash, "copy", copy,
                     "copy_sound", sound, "warnings", warnings);
    video = audio = blurhash = copy = sound = NULL;

    if (*out == NULL) {
        rn_fail(fault, RN_E_NOMEM, "out of memory");
    }

done:

    json_decref(video);
    json_decref(audio);
    json_decref(blurhash);
    json_decref(copy);
    json_decref(sound);
    json_decref(warnings);
    av_frame_free(&frame);
    rn_input_close(&in);

    return fault->status;
}
