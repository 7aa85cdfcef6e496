/* Pictures that are taken as they are; see rn_copy.h. */

#include "rn_copy.h"
#include "rn_encode.h"
#include "rn_id.h"
#include "rn_mux.h"
#include "rn_probe.h"
#include "rn_scale.h"
#include "rn_sets.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <libavutil/intreadwrite.h>


#define NALS_MAX     16                 /* in front of the first slice */
#define FRAMES_MAX   (24 * 3600 * 120)
#define GAPS_MAX     4096
#define TOLERANCE    0.4                /* ticks, as rn_picture.c has it */

/* H.264, table 7-1 */

#define NAL_SLICE    1
#define NAL_IDR      5
#define NAL_SPS      7
#define NAL_PPS      8

/* In front of a picture parameter sets may stand again, but no others. */

static bool
same_set(AVIOContext *io, const rn_sets *s, int type, uint32_t len)
{
    int      i;
    uint8_t  buf[1024];

    i = type == NAL_SPS ? 0 : 1;

    return len == s->len[i] && len <= sizeof(buf)
           && avio_read(io, buf, (int) len - 1) == (int) len - 1
           && memcmp(buf, s->data[i] + 1, len - 1) == 0;
}


/*
 * Whether a sample is an IDR picture.  What the container calls a key frame may
 * be another I picture, with later ones that need what was before it.
 */

static bool
is_idr(AVIOContext *io, const AVIndexEntry *e, const rn_sets *s)
{
    int       n, type;
    int64_t   at, end;
    uint8_t   head[5];
    uint32_t  len;

    at = e->pos;
    end = e->pos + e->size;

    for (n = 0; n < NALS_MAX && at + 5 <= end; n++) {
        if (avio_seek(io, at, SEEK_SET) < 0 || avio_read(io, head, 5) != 5) {
            return false;
        }

        len = AV_RB32(head);
        type = head[4] & 31;

        if (len < 1 || (int64_t) len > end - at - 4) {
            return false;
        }

        if (type >= NAL_SLICE && type <= NAL_IDR) {
            return type == NAL_IDR;
        }

        if ((type == NAL_SPS || type == NAL_PPS) && !same_set(io, s, type, len))
        {
            return false;
        }

        at += 4 + (int64_t) len;
    }

    return false;
}


/* Of the parameter sets, and of what the container says in their stead. */

static void
digest(const AVCodecParameters *par, char hex[65])
{
    int   n;
    char  text[160];

    rn_sha256_hex((const char *) par->extradata, (size_t) par->extradata_size,
                  hex);

    n = snprintf(text, sizeof(text), "%s %d %d %d %d %d", hex, par->color_range,
                 par->color_space, par->color_primaries, par->color_trc,
                 par->chroma_location);
    rn_sha256_hex(text, (size_t) n, hex);
}


/* Whether all pictures have a tick each, as far as decoding order tells. */

static bool
is_even(AVStream *st, int n)
{
    int                  i;
    int64_t              zero;
    AVRational           tick;
    const AVIndexEntry  *e;

    tick = av_inv_q(st->avg_frame_rate);
    zero = 0;

    for (i = 0; i < n; i++) {
        e = avformat_index_get_entry(st, i);
        zero = i == 0 ? e->timestamp : zero;

        if ((e->flags & AVINDEX_DISCARD_FRAME) != 0 || e->size < 5
            || av_rescale_q_rnd(e->timestamp - zero, st->time_base, tick,
                                AV_ROUND_NEAR_INF) != i)
        {
            return false;
        }
    }

    return true;
}


static bool
is_plain(rn_input *in, const AVFrame *first)
{
    int                 w, h;
    double              t;
    rn_turn             turn;
    AVStream           *st = in->video;
    AVCodecParameters  *par = st->codecpar;

    if (strncmp(in->fmt->iformat->name, "mov", 3) != 0
        || par->codec_id != AV_CODEC_ID_H264
        || par->format != AV_PIX_FMT_YUV420P
        || par->field_order != AV_FIELD_PROGRESSIVE
        || par->video_delay > RN_DTS_DELAY
        || st->avg_frame_rate.num < 1 || st->avg_frame_rate.den < 1
        || rn_frame_interlaced(first))
    {
        return false;
    }

    turn = rn_turn_of(st, first);
    rn_display_size(st, first, &w, &h);
    t = rn_input_time(in, st, first) * av_q2d(st->avg_frame_rate);

    return turn.quarters == 0 && !turn.mirrored && w == par->width
           && h == par->height && first->width == w && first->height == h
           && isfinite(t) && fabs(t) <= TOLERANCE;
}


/* The distances of the IDR pictures, from the first picture to the end. */

static json_t *
gaps_of(rn_input *in, AVStream *st, const rn_sets *s, int n)
{
    int                  i, last, gap, times;
    json_t              *list;
    const AVIndexEntry  *e;

    list = json_array();
    last = gap = times = 0;

    for (i = 0; i <= n; i++) {
        e = i < n ? avformat_index_get_entry(st, i) : NULL;

        if (e != NULL && ((e->flags & AVINDEX_KEYFRAME) == 0
                          || !is_idr(in->io, e, s)))
        {
            if (i == 0) {
                break;
            }
            continue;
        }

        if (i > 0 && i - last != gap && times > 0) {
            (void) json_array_append_new(list, json_pack("[i, i]", gap, times));
            times = 0;
        }

        if (i > 0) {
            gap = i - last;
            times++;
        }

        last = i;

        if (json_array_size(list) > GAPS_MAX) {
            break;
        }
    }

    if (i <= n) {
        json_decref(list);
        return NULL;
    }

    (void) json_array_append_new(list, json_pack("[i, i]", gap, times));

    return list;
}


json_t *
rn_copy_facts(rn_input *in, const AVFrame *first)
{
    int        n;
    char       fps[32], params[65];
    rn_sets    s;
    json_t    *gaps;
    AVStream  *st = in->video;

    if (!is_plain(in, first) || !rn_sets_read(st->codecpar, &s)) {
        return NULL;
    }

    /* of a fragmented file the index is not whole; of one with an edit list
       that leaves something out, it is not that of the samples */

    n = avformat_index_get_entries_count(st);

    if (n < 1 || n > FRAMES_MAX || st->nb_frames != n || !is_even(st, n)) {
        return NULL;
    }

    gaps = gaps_of(in, st, &s, n);
    if (gaps == NULL) {
        return NULL;
    }

    digest(st->codecpar, params);
    (void) snprintf(fps, sizeof(fps), "%d/%d", st->avg_frame_rate.num,
                    st->avg_frame_rate.den);

    return json_pack("{s:s, s:i, s:s, s:[i, i], s:b, s:o}", "fps", fps,
                     "frames", n, "params", params, "ids", s.id[0], s.id[1],
                     "bt709", strcmp(rn_matrix_of(first), "bt709") == 0
                              && !rn_full_range(first), "gaps", gaps);
}


static rn_status
differs(rn_fault *fault, const char *what)
{
    return rn_fail(fault, RN_E_INPUT, "the pictures cannot be copied: %s",
                   what);
}


/*
 * A track may have more than one description of its samples, and then libav
 * tells of parameter sets that change by the first packet behind the change.
 */

static rn_status
check_sets(const AVPacket *pkt, rn_fault *fault)
{
    return av_packet_get_side_data(pkt, AV_PKT_DATA_NEW_EXTRADATA, NULL) == NULL
           ? RN_OK : differs(fault, "its parameter sets change");
}


/*
 * A picture in whole units, the first an IDR, and with no parameter sets but
 * those of the track: others would hold for all that follows, also for what was
 * copied from elsewhere.
 */

static rn_status
check_units(const AVPacket *pkt, const rn_sets *s, bool first, rn_fault *fault)
{
    int             i, type;
    bool            idr;
    size_t          left;
    uint32_t        len;
    const uint8_t  *p;

    p = pkt->data;
    left = (size_t) pkt->size;
    idr = false;

    while (left > 4) {
        len = AV_RB32(p);
        p += 4;
        left -= 4;

        if (len < 1 || len > left) {
            break;
        }

        type = p[0] & 31;
        idr = idr || type == NAL_IDR;
        i = type == NAL_SPS ? 0 : 1;

        if ((type == NAL_SPS || type == NAL_PPS)
            && (len != s->len[i] || memcmp(p, s->data[i], len) != 0))
        {
            return differs(fault, "its parameter sets change");
        }

        p += len;
        left -= len;
    }

    return left > 0 || (first && !idr) ? differs(fault, "a picture is damaged")
                                       : RN_OK;
}


/*
 * Where libav stands after it has looked at the streams may be behind a change:
 * from the first picture on, none is missed.
 */

static rn_status
read_first(rn_input *in, AVPacket *pkt, rn_fault *fault)
{
    rn_status  rc;

    if (av_seek_frame(in->fmt, in->video->index, INT64_MIN / 2,
                      AVSEEK_FLAG_BACKWARD) < 0)
    {
        return RN_OK;
    }

    do {
        av_packet_unref(pkt);
        if (av_read_frame(in->fmt, pkt) < 0) {
            break;
        }
    } while (pkt->stream_index != in->video->index);

    rc = check_sets(pkt, fault);
    av_packet_unref(pkt);

    return rc;
}


/*
 * Reads up to the packet of an index entry.  Where libav looks for a time is
 * not quite that of the index, so: at the picture, before it, at the beginning.
 */

static rn_status
find_packet(rn_input *in, AVStream *st, int64_t from, AVPacket *pkt,
    rn_fault *fault)
{
    int                  i;
    int64_t              tick, at[3];
    const AVIndexEntry  *e;

    e = avformat_index_get_entry(st, (int) from);
    if (e == NULL) {
        return differs(fault, "the file is shorter than it was");
    }

    tick = av_rescale_q(1, av_inv_q(st->avg_frame_rate), st->time_base);
    at[0] = e->timestamp + RN_DTS_DELAY * tick;
    at[1] = e->timestamp - RN_DTS_DELAY * tick;
    at[2] = INT64_MIN / 2;

    for (i = 0; i < 3; i++) {
        if (av_seek_frame(in->fmt, st->index, at[i],
                          AVSEEK_FLAG_BACKWARD) < 0)
        {
            continue;
        }

        while (av_read_frame(in->fmt, pkt) >= 0) {
            if (check_sets(pkt, fault) != RN_OK) {
                return fault->status;
            }
            if (pkt->pos == e->pos) {
                return RN_OK;
            }
            if (pkt->pos > e->pos) {
                break;
            }
            av_packet_unref(pkt);
        }

        av_packet_unref(pkt);
    }

    return differs(fault, "a picture is not where the index says");
}


/*
 * A tick for each picture, and each tick once: that at which it would be shown
 * if it were rendered.
 */

static rn_status
set_times(AVPacket *pkt, const rn_input *in, AVRational tick, int64_t from,
    int64_t i, int64_t frames, bool *seen, rn_fault *fault)
{
    double   t;
    int64_t  k;

    if (pkt->pts == AV_NOPTS_VALUE) {
        return differs(fault, "a picture has no time");
    }

    t = ((double) pkt->pts * av_q2d(in->video->time_base)
         - (double) in->zero / AV_TIME_BASE) / av_q2d(tick) - (double) from;
    k = fabs(t) < FRAMES_MAX ? llround(t) : -1;

    if (k < 0 || k >= frames || seen[k] || fabs(t - (double) k) > TOLERANCE
        || (i == 0 && (k != 0 || !(pkt->flags & AV_PKT_FLAG_KEY))))
    {
        return differs(fault, "its pictures are not evenly spaced");
    }

    seen[k] = true;
    pkt->pts = k;
    pkt->dts = i - RN_DTS_DELAY;
    pkt->duration = 1;

    return pkt->dts > pkt->pts ? differs(fault, "its pictures are reordered "
                                         "too deeply") : RN_OK;
}


static rn_status
copy_packets(rn_input *in, rn_mux *mux, AVRational tick, int64_t from,
    int64_t frames, const rn_env *env, rn_fault *fault)
{
    bool      *seen;
    int64_t    i;
    rn_sets    sets;
    AVPacket  *pkt;
    AVStream  *st = in->video;

    if (!rn_sets_read(st->codecpar, &sets)) {
        return differs(fault, "its parameter sets are others");
    }

    pkt = av_packet_alloc();
    seen = calloc((size_t) frames, sizeof(bool));

    if (pkt == NULL || seen == NULL) {
        rn_fail(fault, RN_E_NOMEM, "out of memory");
        goto done;
    }

    if (read_first(in, pkt, fault) != RN_OK
        || find_packet(in, st, from, pkt, fault) != RN_OK)
    {
        goto done;
    }

    for (i = 0; i < frames; /* void */ ) {
        if (pkt->stream_index == st->index) {
            if (check_sets(pkt, fault) != RN_OK
                || check_units(pkt, &sets, i == 0, fault) != RN_OK
                || set_times(pkt, in, tick, from, i, frames, seen, fault)
                   != RN_OK
                || rn_mux_write(mux, pkt, 0, tick, fault) != RN_OK)
            {
                goto done;
            }

            if (env->progress != NULL) {
                env->progress(env->opaque, 1);
            }

            i++;
        }

        av_packet_unref(pkt);

        if (i < frames && av_read_frame(in->fmt, pkt) < 0) {
            (void) differs(fault, "the file ends early");
            goto done;
        }
    }

done:

    free(seen);
    av_packet_free(&pkt);

    return fault->status;
}


static rn_status
check_source(const rn_input *in, const char *params, rn_fault *fault)
{
    char  hex[65];

    if (in->video == NULL || in->video->codecpar->extradata_size < 1
        || in->video->avg_frame_rate.num < 1)
    {
        return differs(fault, "there are none");
    }

    digest(in->video->codecpar, hex);

    return params != NULL && strcmp(hex, params) == 0
           ? RN_OK : differs(fault, "its parameter sets are others");
}


rn_status
rn_copy_segment(json_t *spec, const rn_env *env, int out_fd, int64_t *bytes,
    rn_fault *fault)
{
    int          fd;
    json_t      *copy, *canvas;
    rn_mux       mux;
    int64_t      from, frames;
    rn_input     in;
    AVRational   tick;
    const char  *input;

    copy = json_object_get(spec, "copy");
    canvas = json_object_get(spec, "canvas");
    input = json_string_value(json_object_get(copy, "input"));
    from = json_integer_value(json_object_get(copy, "from"));
    frames = json_integer_value(json_object_get(spec, "frames"));
    tick.num = (int) json_integer_value(json_array_get(canvas, 3));
    tick.den = (int) json_integer_value(json_array_get(canvas, 2));

    fd = input != NULL ? env->file(env->opaque, input) : -1;

    if (fd < 0 || frames < 1 || frames > FRAMES_MAX || from < 0
        || from > FRAMES_MAX || tick.num < 1 || tick.den < 1)
    {
        return rn_fail(fault, RN_E_INTERNAL, "a copy of nothing");
    }

    if (rn_input_open(&in, fd, fault) != RN_OK) {
        return fault->status;
    }

    if (in.audio != NULL) {
        in.audio->discard = AVDISCARD_ALL;
    }

    if (check_source(&in, json_string_value(json_object_get(copy, "params")),
                     fault) == RN_OK
        && rn_mux_open(&mux, out_fd, "mp4", fault) == RN_OK)
    {
        if (rn_mux_stream(&mux, in.video->codecpar, tick, fault) >= 0) {
            (void) copy_packets(&in, &mux, tick, from, frames, env, fault);
        }

        (void) rn_mux_close(&mux, fault);
        *bytes = mux.bytes;
    }

    rn_input_close(&in);

    return fault->status;
}
