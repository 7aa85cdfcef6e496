/* Sound that is taken as it is; see rn_copy_sound.h. */

#include "rn_copy_sound.h"
#include "rn_codec.h"
#include "rn_encode.h"
#include "rn_mux.h"

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


static bool
is_plain(const rn_input *in)
{
    const AVStream           *st = in->audio;
    const AVCodecParameters  *par = st->codecpar;

    /* where it is coded at half the rate (SBR), its clock is not that of what
       is heard */

    return strncmp(in->fmt->iformat->name, "mov", 3) == 0
           && par->codec_id == AV_CODEC_ID_AAC
           && par->extradata_size >= 2
           && par->extradata[0] >> 3 == TYPE_LC
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

    return json_pack("{s:i, s:i, s:I, s:I}", "rate", st->codecpar->sample_rate,
                     "channels", st->codecpar->ch_layout.nb_channels,
                     "from", (json_int_t) (from - zero_of(in)),
                     "end", (json_int_t) (end - zero_of(in)));
}


static rn_status
differs(rn_fault *fault, const char *what)
{
    return rn_fail(fault, RN_E_INPUT, "the sound cannot be copied: %s", what);
}


/* The next packet of the sound; none: the file has ended. */

static bool
read_packet(rn_input *in, AVPacket *pkt)
{
    for ( ;; ) {
        av_packet_unref(pkt);

        if (av_read_frame(in->fmt, pkt) < 0) {
            return false;
        }

        if (pkt->stream_index == in->audio->index) {
            return true;
        }
    }
}


/* Reads up to the packet at `pts`: from before it, or from the beginning. */

static rn_status
find_packet(rn_input *in, int64_t pts, AVPacket *pkt, rn_fault *fault)
{
    int      i;
    int64_t  at[2];

    at[0] = pts - frame_size();
    at[1] = INT64_MIN / 2;

    for (i = 0; i < 2; i++) {
        if (av_seek_frame(in->fmt, in->audio->index, at[i],
                          AVSEEK_FLAG_BACKWARD) < 0)
        {
            continue;
        }

        while (read_packet(in, pkt) && pkt->pts <= pts) {
            if (pkt->pts == pts) {
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


static rn_status
copy_packets(rn_input *in, rn_mux *mux, int64_t from, int64_t packets,
    const rn_env *env, rn_fault *fault)
{
    int64_t    i;
    AVPacket  *pkt;

    pkt = av_packet_alloc();
    if (pkt == NULL) {
        return rn_fail(fault, RN_E_NOMEM, "out of memory");
    }

    from += zero_of(in);

    if (find_packet(in, from, pkt, fault) != RN_OK) {
        goto done;
    }

    for (i = 0; i < packets; i++) {
        if (i > 0 && !read_packet(in, pkt)) {
            (void) differs(fault, "the file ends early");
            goto done;
        }

        if (check_packet(pkt, from + i * frame_size(), fault) != RN_OK) {
            goto done;
        }

        av_packet_free_side_data(pkt);
        pkt->pts = pkt->dts = i * frame_size();
        pkt->duration = frame_size();
        pkt->flags = AV_PKT_FLAG_KEY;   /* none is to be dropped any more */

        if (rn_mux_write(mux, pkt, 0, in->audio->time_base, fault) != RN_OK) {
            goto done;
        }

        if (env->progress != NULL) {
            env->progress(env->opaque, 1);
        }
    }

done:

    av_packet_free(&pkt);

    return fault->status;
}


rn_status
rn_copy_sound(json_t *spec, const rn_env *env, int out_fd, int64_t *bytes,
    rn_fault *fault)
{
    int                 fd;
    json_t             *copy;
    rn_mux              mux;
    int64_t             packets;
    rn_input            in;
    const char         *input;
    AVCodecParameters  *par;

    copy = json_object_get(spec, "copy");
    input = json_string_value(json_object_get(copy, "input"));
    packets = json_integer_value(json_object_get(spec, "packets"));
    fd = input != NULL ? env->file(env->opaque, input) : -1;

    if (fd < 0 || packets < 1 || packets > PACKETS_MAX) {
        return rn_fail(fault, RN_E_INTERNAL, "a copy of nothing");
    }

    if (rn_input_open(&in, fd, fault) != RN_OK) {
        return fault->status;
    }

    if (in.video != NULL) {
        in.video->discard = AVDISCARD_ALL;
    }

    if (in.audio == NULL || !is_plain(&in)
        || in.audio->codecpar->sample_rate
           != json_integer_value(json_object_get(copy, "rate")))
    {
        (void) differs(fault, "it is of another kind");

    } else if (rn_mux_open(&mux, out_fd, "mp4", fault) == RN_OK) {
        par = in.audio->codecpar;
        par->initial_padding = 0;

        if (rn_mux_stream(&mux, par, in.audio->time_base, fault) >= 0) {
            (void) copy_packets(&in, &mux, json_integer_value(
                                    json_object_get(copy, "from")),
                                packets, env, fault);
        }

        (void) rn_mux_close(&mux, fault);
        *bytes = mux.bytes;
    }

    rn_input_close(&in);

    return fault->status;
}
