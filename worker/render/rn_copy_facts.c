/* What of a film's pictures can be copied; see rn_copy.h. */

#include "rn_copy_parts.h"
#include "rn_encode.h"
#include "rn_id.h"
#include "rn_probe.h"
#include "rn_scale.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <libavutil/intreadwrite.h>


#define NALS_MAX     16                 /* in front of the first slice */
#define GAPS_MAX     4096


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


void
rn_copy_params(const AVCodecParameters *par, char hex[65])
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
           && isfinite(t) && fabs(t) <= RN_COPY_TOLERANCE;
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


/* What only looking into the streams tells. */

static json_t *
told_of(const rn_input *in)
{
    const AVCodecParameters  *par = in->video->codecpar;

    return json_pack("{s:i, s:I, s:[i, i, i, i, i], s:[i, i]}",
                     "stream", in->video->index, "zero", (json_int_t) in->zero,
                     "colours", par->color_range, par->color_space,
                     par->color_primaries, par->color_trc, par->chroma_location,
                     "aspect", par->sample_aspect_ratio.num,
                     par->sample_aspect_ratio.den);
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

    if (n < 1 || n > RN_COPY_FRAMES || st->nb_frames != n || !is_even(st, n)) {
        return NULL;
    }

    gaps = gaps_of(in, st, &s, n);
    if (gaps == NULL) {
        return NULL;
    }

    rn_copy_params(st->codecpar, params);
    (void) snprintf(fps, sizeof(fps), "%d/%d", st->avg_frame_rate.num,
                    st->avg_frame_rate.den);

    return json_pack("{s:s, s:i, s:s, s:[i, i], s:b, s:o, s:o}", "fps", fps,
                     "frames", n, "params", params, "ids", s.id[0], s.id[1],
                     "bt709", strcmp(rn_matrix_of(first), "bt709") == 0
                              && !rn_full_range(first), "gaps", gaps,
                     "told", told_of(in));
}
