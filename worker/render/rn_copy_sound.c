/* Sound that is taken as it is; see rn_copy.h. */

#include "rn_copy_parts.h"
#include "rn_codec.h"

#include <string.h>
#include <libavutil/mathematics.h>


#define RATE_MIN     32000
#define RATE_MAX     48000
#define PACKETS_MAX  (24 * 3600 * 47)
#define TYPE_LC      2                  /* ISO/IEC 14496-3, table 1.17 */


static int
frame_size(void)
{
    return rn_codec_of(RN_CODEC_AAC)->frame;
}


/* The file's time 0, on the stream's clock. */

static int64_t
zero_of(const rn_input *in)
{
    return av_rescale_q(in->zero, AV_TIME_BASE_Q, in->audio->time_base);
}


/*
 * One channel or two by the table of ISO/IEC 14496-3 (1.6.2.1, 1.6.3.5), at a
 * rate of its own: how many there are is not for the first packet to say.
 */

static bool
is_configured(const AVCodecParameters *par)
{
    unsigned  rate, channels;

    if (par->extradata_size < 2) {
        return false;
    }

    rate = (par->extradata[0] & 7U) << 1 | par->extradata[1] >> 7;
    channels = par->extradata[1] >> 3 & 15U;

    return par->extradata[0] >> 3 == TYPE_LC && rate < 13
           && (channels == 1 || channels == 2);
}


static bool
is_plain(const rn_input *in)
{
    const AVStream           *st = in->audio;
    const AVCodecParameters  *par = st->codecpar;

    /* where it is coded at half the rate (SBR), its clock is not that of what
       is heard */

    return strncmp(in->fmt->iformat->name, "mov", 3) == 0
           && par->codec_id == AV_CODEC_ID_AAC
           && is_configured(par)
           && par->ch_layout.nb_channels >= 1
           && par->ch_layout.nb_channels <= 2
           && par->sample_rate >= RATE_MIN && par->sample_rate <= RATE_MAX
           && st->time_base.num == 1 && st->time_base.den == par->sample_rate;
}


static bool
is_dropped(AVStream *st, int i)
{
    return (avformat_index_get_entry(st, i)->flags & AVINDEX_DISCARD_FRAME)
           != 0;
}


json_t *
rn_copy_sound_facts(rn_input *in)
{
    int                  i, n;
    int64_t              from, end, told;
    AVStream            *st = in->audio;
    const AVIndexEntry  *e;

    if (st == NULL || !is_plain(in)) {
        return NULL;
    }

    /* of a fragmented file the index is not whole */

    n = avformat_index_get_entries_count(st);

    if (n < 1 || n > PACKETS_MAX || st->nb_frames != n) {
        return NULL;
    }

    /* an edit list leaves packets out: in front those that only prepare */

    while (n > 0 && is_dropped(st, n - 1)) {
        n--;
    }

    from = avformat_index_get_entry(st, 0)->timestamp;

    for (i = 0; i < n; i++) {
        e = avformat_index_get_entry(st, i);

        if (e->timestamp != from + (int64_t) i * frame_size() || e->size < 1
            || (is_dropped(st, i)
                && e->timestamp + frame_size() > zero_of(in)))
        {
            return NULL;
        }
    }

    /* the last packet is seldom full */

    end = from + (int64_t) n * frame_size();
    told = st->start_time + st->duration;

    if (st->duration > 0 && st->start_time != AV_NOPTS_VALUE && told < end
        && told > end - frame_size())
    {
        end = told;
    }

    return json_pack("{s:i, s:i, s:I, s:I, s:{s:i, s:I}}",
                     "rate", st->codecpar->sample_rate,
                     "channels", st->codecpar->ch_layout.nb_channels,
                     "from", (json_int_t) (from - zero_of(in)),
                     "end", (json_int_t) (end - zero_of(in)),
                     "told", "stream", st->index,
                     "zero", (json_int_t) in->zero);
}


static rn_status
differs(rn_fault *fault, const char *what)
{
    return rn_fail(fault, RN_E_INPUT, "the sound cannot be copied: %s", what);
}


/* Reads up to the first packet: from before it, or from the beginning. */

static rn_status
find_packet(rn_copy *c, AVPacket *pkt, rn_fault *fault)
{
    int      i;
    int64_t  at[2];

    at[0] = c->from - frame_size();
    at[1] = INT64_MIN / 2;

    for (i = 0; i < 2; i++) {
        if (av_seek_frame(c->in.fmt, c->st->index, at[i],
                          AVSEEK_FLAG_BACKWARD) < 0)
        {
            continue;
        }

        while (rn_copy_next(c, pkt) && pkt->pts <= c->from) {
            if (pkt->pts == c->from) {
                return RN_OK;
            }
        }
    }

    return differs(fault, "a packet is not where the index says");
}


static rn_status
check_packet(const AVPacket *pkt, int64_t pts, rn_fault *fault)
{
    if (pkt->pts != pts) {
        return differs(fault, "its packets have gaps");
    }

    if (pkt->size < 1 || (pkt->flags & AV_PKT_FLAG_CORRUPT) != 0) {
        return differs(fault, "a packet is damaged");
    }

    return av_packet_get_side_data(pkt, AV_PKT_DATA_NEW_EXTRADATA, NULL) == NULL
           ? RN_OK : differs(fault, "its parameters change");
}


rn_status
rn_copy_sound_open(rn_copy *c, json_t *spec, rn_fault *fault)
{
    json_t  *copy;

    copy = json_object_get(spec, "copy");
    c->st = c->in.audio;
    c->count = json_integer_value(json_object_get(spec, "packets"));

    if (c->count < 1 || c->count > PACKETS_MAX) {
        return rn_fail(fault, RN_E_INTERNAL, "a copy of nothing");
    }

    if (c->st == NULL || !is_plain(&c->in)
        || c->st->codecpar->sample_rate
           != json_integer_value(json_object_get(copy, "rate")))
    {
        return differs(fault, "it is of another kind");
    }

    c->st->codecpar->initial_padding = 0;
    c->st->codecpar->frame_size = (int) frame_size();
    c->tb = c->st->time_base;
    c->from = json_integer_value(json_object_get(copy, "from"))
              + zero_of(&c->in);

    return RN_OK;
}


rn_status
rn_copy_sound_read(rn_copy *c, AVPacket *pkt, rn_fault *fault)
{
    if (c->i == 0 && find_packet(c, pkt, fault) != RN_OK) {
        return fault->status;
    }

    if (c->i > 0 && !rn_copy_next(c, pkt)) {
        return differs(fault, "the file ends early");
    }

    if (check_packet(pkt, c->from + c->i * frame_size(), fault) != RN_OK) {
        return fault->status;
    }

    av_packet_free_side_data(pkt);
    pkt->pts = pkt->dts = c->i * frame_size();
    pkt->duration = frame_size();
    pkt->flags = AV_PKT_FLAG_KEY;       /* none is to be dropped any more */

    return RN_OK;
}
