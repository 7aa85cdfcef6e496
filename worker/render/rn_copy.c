/* Packets that are taken as they are; see rn_copy.h. */

#include "rn_copy_parts.h"
#include "rn_mux.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>


#define ZERO_MAX  (1LL << 53)           /* us */


/* Of a file from which one stream is read alone. */

static rn_status
open_stream(rn_copy *c, json_t *spec, rn_fault *fault)
{
    AVStream  *other;

    other = c->sound ? c->in.video : c->in.audio;

    if (other != NULL) {
        other->discard = AVDISCARD_ALL;
    }

    return c->sound ? rn_copy_sound_open(c, spec, fault)
                    : rn_copy_pictures_open(c, spec, fault);
}


/* One of a list of numbers, which are less than `end`. */

static int
number_at(json_t *list, size_t i, int end)
{
    json_int_t  n;

    n = json_integer_value(json_array_get(list, i));

    return n >= 0 && n < end ? (int) n : 0;
}


/* What was told of the stream when the file was probed. */

static rn_status
take_told(rn_copy *c, json_t *told, rn_fault *fault)
{
    unsigned            i;
    json_t             *colours, *aspect;
    int64_t             zero;
    AVStream           *st;
    AVFormatContext    *fmt = c->in.fmt;
    AVCodecParameters  *par;

    i = (unsigned) json_integer_value(json_object_get(told, "stream"));
    st = i < fmt->nb_streams ? fmt->streams[i] : NULL;

    zero = json_integer_value(json_object_get(told, "zero"));

    if (st == NULL || zero < -ZERO_MAX || zero > ZERO_MAX
        || strncmp(fmt->iformat->name, "mov", 3) != 0
        || st->codecpar->codec_id != (c->sound ? AV_CODEC_ID_AAC
                                               : AV_CODEC_ID_H264))
    {
        return rn_fail(fault, RN_E_INPUT, "nothing can be copied: the file "
                       "holds other streams");
    }

    for (i = 0; i < fmt->nb_streams; i++) {
        fmt->streams[i]->discard = AVDISCARD_ALL;
    }

    st->discard = AVDISCARD_DEFAULT;
    c->in.zero = zero;

    if (c->sound) {
        c->in.audio = st;
        return RN_OK;
    }

    c->in.video = st;
    colours = json_object_get(told, "colours");
    aspect = json_object_get(told, "aspect");

    par = st->codecpar;
    par->format = AV_PIX_FMT_YUV420P;
    par->color_range = number_at(colours, 0, AVCOL_RANGE_NB);
    par->color_space = number_at(colours, 1, AVCOL_SPC_NB);
    par->color_primaries = number_at(colours, 2, AVCOL_PRI_NB);
    par->color_trc = number_at(colours, 3, AVCOL_TRC_NB);
    par->chroma_location = number_at(colours, 4, AVCHROMA_LOC_NB);
    par->sample_aspect_ratio.num = number_at(aspect, 0, INT_MAX);
    par->sample_aspect_ratio.den = number_at(aspect, 1, INT_MAX);

    return RN_OK;
}


static rn_status
open_file(rn_copy *c, json_t *spec, const char *name, const rn_env *env,
    rn_fault *fault)
{
    int      fd;
    json_t  *told;

    fd = env->file(env->opaque, name);

    if (fd < 0) {
        return rn_fail(fault, RN_E_INTERNAL, "a source was not handed over");
    }

    told = json_object_get(json_object_get(spec, "copy"), "told");

    if (told == NULL) {
        if (rn_input_open(&c->in, fd, fault) == RN_OK) {
            c->name = name;
        }

    } else if (rn_input_open_packets(&c->in, fd, fault) == RN_OK) {
        c->name = name;

        if (take_told(c, told, fault) != RN_OK) {
            rn_copy_close(c);
        }
    }

    return fault->status;
}


rn_status
rn_copy_open(rn_copy *c, json_t *spec, const rn_env *env, rn_fault *fault)
{
    bool         sound;
    const char  *name, *kind;

    name = rn_copied_from_spec(spec);
    kind = json_string_value(json_object_get(spec, "kind"));

    if (name == NULL || kind == NULL) {
        return rn_fail(fault, RN_E_INTERNAL, "a copy of nothing");
    }

    sound = strcmp(kind, "sound") == 0;

    if (c->name != NULL
        && (sound != c->sound || strcmp(c->name, name) != 0))
    {
        rn_copy_close(c);
    }

    c->sound = sound;

    if (c->name == NULL && open_file(c, spec, name, env, fault) != RN_OK) {
        return fault->status;
    }

    free(c->seen);
    c->seen = NULL;
    c->i = 0;

    if (open_stream(c, spec, fault) != RN_OK) {
        rn_copy_close(c);
    }

    return fault->status;
}


const char *
rn_copied_from_spec(json_t *spec)
{
    return json_string_value(json_object_get(json_object_get(spec, "copy"),
                                             "input"));
}


bool
rn_copy_next(rn_copy *c, AVPacket *pkt)
{
    do {
        av_packet_unref(pkt);

        if (av_read_frame(c->in.fmt, pkt) < 0) {
            return false;
        }
    } while (pkt->stream_index != c->st->index);

    return true;
}


rn_status
rn_copy_read(rn_copy *c, AVPacket *pkt, rn_fault *fault)
{
    if (c->i == c->count) {
        av_packet_unref(pkt);
        return RN_OK;
    }

    if ((c->sound ? rn_copy_sound_read(c, pkt, fault)
                  : rn_copy_pictures_read(c, pkt, fault)) == RN_OK)
    {
        c->i++;
    }

    return fault->status;
}


int64_t
rn_copy_bytes(const rn_copy *c, json_t *spec)
{
    int                  n;
    int64_t              i, first, end, bytes;
    const char          *name;
    const AVIndexEntry  *e;

    name = rn_copied_from_spec(spec);

    if (c->name == NULL || name == NULL || strcmp(c->name, name) != 0) {
        return 0;
    }

    n = avformat_index_get_entries_count(c->st);

    if (c->sound) {
        first = av_index_search_timestamp(c->st, c->from, AVSEEK_FLAG_BACKWARD);
        end = first + json_integer_value(json_object_get(spec, "packets"));
    } else {
        first = json_integer_value(json_object_get(json_object_get(spec,
                                       "copy"), "from"));
        end = first + json_integer_value(json_object_get(spec, "frames"));
    }

    bytes = 0;

    for (i = first < 0 ? 0 : first; i < end && i < n; i++) {
        e = avformat_index_get_entry(c->st, (int) i);
        bytes += e != NULL ? e->size : 0;
    }

    return bytes;
}


void
rn_copy_close(rn_copy *c)
{
    free(c->seen);

    if (c->name != NULL) {
        rn_input_close(&c->in);
    }

    memset(c, 0, sizeof(*c));
}


static rn_status
write_all(rn_copy *c, rn_mux *mux, const rn_env *env, rn_fault *fault)
{
    AVPacket  *pkt;

    pkt = av_packet_alloc();
    if (pkt == NULL) {
        return rn_fail(fault, RN_E_NOMEM, "out of memory");
    }

    while (rn_copy_read(c, pkt, fault) == RN_OK && pkt->data != NULL) {
        if (rn_mux_write(mux, pkt, 0, c->tb, fault) != RN_OK) {
            break;
        }

        if (env->progress != NULL) {
            env->progress(env->opaque, 1);
        }
    }

    av_packet_free(&pkt);

    return fault->status;
}


rn_status
rn_copy_piece(json_t *spec, const rn_env *env, int out_fd, int64_t *bytes,
    rn_fault *fault)
{
    rn_mux   mux;
    rn_copy  c;

    memset(&c, 0, sizeof(c));

    if (rn_copy_open(&c, spec, env, fault) != RN_OK) {
        return fault->status;
    }

    if (rn_mux_open(&mux, out_fd, "mp4", fault) == RN_OK) {
        if (rn_mux_stream(&mux, c.st->codecpar, c.tb, fault) >= 0) {
            (void) write_all(&c, &mux, env, fault);
        }

        (void) rn_mux_close(&mux, fault);
        *bytes = mux.bytes;
    }

    rn_copy_close(&c);

    return fault->status;
}
