/* Pictures that are taken as they are; see rn_copy.h. */

#include "rn_copy_parts.h"
#include "rn_encode.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <libavutil/intreadwrite.h>


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
set_times(rn_copy *c, AVPacket *pkt, rn_fault *fault)
{
    double   t;
    int64_t  k;

    if (pkt->pts == AV_NOPTS_VALUE) {
        return differs(fault, "a picture has no time");
    }

    t = ((double) pkt->pts * av_q2d(c->st->time_base)
         - (double) c->in.zero / AV_TIME_BASE) / av_q2d(c->tb)
        - (double) c->from;
    k = fabs(t) < RN_COPY_FRAMES ? llround(t) : -1;

    if (k < 0 || k >= c->count || c->seen[k]
        || fabs(t - (double) k) > RN_COPY_TOLERANCE
        || (c->i == 0 && (k != 0 || !(pkt->flags & AV_PKT_FLAG_KEY))))
    {
        return differs(fault, "its pictures are not evenly spaced");
    }

    c->seen[k] = true;
    pkt->pts = k;
    pkt->dts = c->i - RN_DTS_DELAY;
    pkt->duration = 1;

    return pkt->dts > pkt->pts ? differs(fault, "its pictures are reordered "
                                         "too deeply") : RN_OK;
}


static rn_status
check_source(const rn_copy *c, const char *params, rn_fault *fault)
{
    char  hex[65];

    if (c->st == NULL || c->st->codecpar->extradata_size < 1
        || c->st->avg_frame_rate.num < 1)
    {
        return differs(fault, "there are none");
    }

    rn_copy_params(c->st->codecpar, hex);

    return params != NULL && strcmp(hex, params) == 0
           ? RN_OK : differs(fault, "its parameter sets are others");
}


rn_status
rn_copy_pictures_open(rn_copy *c, json_t *spec, rn_fault *fault)
{
    int      w, h;
    json_t  *copy, *canvas;

    copy = json_object_get(spec, "copy");
    canvas = json_object_get(spec, "canvas");
    c->st = c->in.video;
    c->from = json_integer_value(json_object_get(copy, "from"));
    c->count = json_integer_value(json_object_get(spec, "frames"));
    w = (int) json_integer_value(json_array_get(canvas, 0));
    h = (int) json_integer_value(json_array_get(canvas, 1));
    c->tb.num = (int) json_integer_value(json_array_get(canvas, 3));
    c->tb.den = (int) json_integer_value(json_array_get(canvas, 2));

    if (c->count < 1 || c->count > RN_COPY_FRAMES || c->from < 0
        || c->from > RN_COPY_FRAMES || c->tb.num < 1 || c->tb.den < 1
        || w < 1 || h < 1)
    {
        return rn_fail(fault, RN_E_INTERNAL, "a copy of nothing");
    }

    if (check_source(c, json_string_value(json_object_get(copy, "params")),
                     fault) != RN_OK)
    {
        return fault->status;
    }

    if (!rn_sets_read(c->st->codecpar, &c->sets)) {
        return differs(fault, "its parameter sets are others");
    }

    /* the size of its pictures, which are the canvas's; what the file says
       beside its parameter sets may be another, or none */

    c->st->codecpar->width = w;
    c->st->codecpar->height = h;

    c->seen = calloc((size_t) c->count, sizeof(bool));

    return c->seen != NULL ? RN_OK
                           : rn_fail(fault, RN_E_NOMEM, "out of memory");
}


rn_status
rn_copy_pictures_read(rn_copy *c, AVPacket *pkt, rn_fault *fault)
{
    if (c->i == 0) {
        if (read_first(&c->in, pkt, fault) != RN_OK
            || find_packet(&c->in, c->st, c->from, pkt, fault) != RN_OK)
        {
            return fault->status;
        }

    } else if (!rn_copy_next(c, pkt)) {
        return differs(fault, "the file ends early");
    }

    if (check_sets(pkt, fault) == RN_OK
        && check_units(pkt, &c->sets, c->i == 0, fault) == RN_OK)
    {
        (void) set_times(c, pkt, fault);
    }

    return fault->status;
}
