/* The packets of a reel; see rn_reel.h. */

#include "rn_reel.h"
#include "rn_encode.h"

#include <stdio.h>
#include <string.h>
#include <libavutil/intreadwrite.h>
#include <libavutil/mathematics.h>


rn_status
rn_reel_init(rn_reel *t, json_t *pieces, AVRational tb, int64_t samples,
    char *damaged, rn_fault *fault)
{
    memset(t, 0, sizeof(*t));

    t->pieces = pieces;
    t->tb = tb;
    t->sound = samples > 0;
    t->samples = samples;
    t->lead = -1;
    t->damaged = damaged;
    t->pkt = av_packet_alloc();

    return t->pkt != NULL ? RN_OK
                          : rn_fail(fault, RN_E_NOMEM, "out of memory");
}


static const char *
key_of(const rn_reel *t)
{
    const char  *key;

    key = json_string_value(json_object_get(json_array_get(t->pieces, t->i - 1),
                                            "key"));
    return key != NULL ? key : "";
}


rn_status
rn_reel_damaged(rn_reel *t, rn_fault *fault, const char *how)
{
    (void) snprintf(t->damaged, 65, "%s", key_of(t));

    if (t->copied) {
        return fault->status != RN_OK ? fault->status
               : rn_fail(fault, RN_E_INPUT, "a piece cannot be copied: %s",
                         how);
    }

    if (fault->status != RN_OK) {           /* libav's words are the cause */
        fault->status = RN_E_IO;
        return RN_E_IO;
    }

    return rn_fail(fault, RN_E_IO, "a stored piece is damaged: %s", how);
}


static AVCodecParameters *
duplicate(const AVCodecParameters *par, rn_fault *fault)
{
    AVCodecParameters  *copy;

    copy = avcodec_parameters_alloc();

    if (copy == NULL || avcodec_parameters_copy(copy, par) < 0) {
        rn_fail(fault, RN_E_NOMEM, "out of memory");
        avcodec_parameters_free(&copy);
    }

    return copy;
}


/* Of H.264 these are all there is to tell by; others have no such, or sizes. */

static bool
same_sets(const AVCodecParameters *a, const AVCodecParameters *b)
{
    return a->codec_id == b->codec_id
           && (a->extradata_size > 0 || a->codec_id != AV_CODEC_ID_H264)
           && a->width == b->width && a->height == b->height
           && a->sample_rate == b->sample_rate
           && a->extradata_size == b->extradata_size
           && (a->extradata_size == 0
               || memcmp(a->extradata, b->extradata,
                         (size_t) a->extradata_size) == 0);
}


static rn_status
open_stored(rn_reel *t, int fd, rn_fault *fault)
{
    t->copied = false;

    if (rn_demux_open(&t->demux, fd, fault) != RN_OK) {
        return rn_reel_damaged(t, fault, "it cannot be opened");
    }

    return RN_OK;
}


static rn_status
open_copy(rn_reel *t, json_t *piece, const rn_env *env, rn_fault *fault)
{
    json_t  *spec;

    spec = json_object_get(piece, "spec");

    if (rn_copied_from_spec(spec) == NULL) {
        return rn_fail(fault, RN_E_INTERNAL, "a piece was not handed over");
    }

    t->copied = true;

    return rn_copy_open(&t->copy, spec, env, fault) == RN_OK
           ? RN_OK : rn_reel_damaged(t, fault, "");
}


/* A source stays open, for the next piece is often another part of it. */

static void
close_piece(rn_reel *t)
{
    if (t->open && !t->copied) {
        rn_demux_close(&t->demux);
    }

    t->open = false;
}


static rn_status
open_piece(rn_reel *t, const rn_env *env, rn_fault *fault)
{
    int                 fd;
    json_t             *p;
    rn_codec            codec;
    AVCodecParameters  *par;

    p = json_array_get(t->pieces, t->i++);
    t->frames = json_integer_value(json_object_get(p, "frames"));
    t->read = 0;

    fd = env->file(env->opaque, key_of(t));

    if ((fd >= 0 ? open_stored(t, fd, fault) : open_copy(t, p, env, fault))
        != RN_OK)
    {
        return fault->status;
    }

    t->open = true;
    par = t->copied ? t->copy.st->codecpar : t->demux.st->codecpar;
    codec = rn_codec_by_id(par->codec_id);

    if (codec >= RN_CODECS || (rn_codec_of(codec)->frame > 0) != t->sound) {
        return rn_reel_damaged(t, fault, "it is of another kind");
    }

    t->codec = rn_codec_of(codec);
    t->lead = t->lead < 0 ? t->codec->padding : t->lead;

    if (t->sets[0] == NULL) {
        t->sets[0] = duplicate(par, fault);
        t->par = duplicate(par, fault);
        return fault->status;
    }

    if (!same_sets(par, t->sets[0])
        && (t->sets[1] == NULL || !same_sets(par, t->sets[1])))
    {
        return rn_reel_damaged(t, fault, "its parameter sets are not the "
                               "film's");
    }

    return RN_OK;
}


/*
 * Times of a video packet: shown at its frame; H.264 is decoded RN_DTS_DELAY
 * before, and others in the order in which they are shown.
 */

static rn_status
set_video_times(rn_reel *t, rn_fault *fault)
{
    int64_t  k;

    if (t->read == 0 && !(t->pkt->flags & AV_PKT_FLAG_KEY)) {
        return rn_reel_damaged(t, fault, "it does not begin with a key frame");
    }

    t->pkt->duration = 1;

    if (t->codec->id != AV_CODEC_ID_H264) {
        t->pkt->pts = t->pkt->dts = t->done + t->read;
        return RN_OK;
    }

    k = av_rescale_q_rnd(t->pkt->pts, t->copied ? t->copy.tb
                                                 : t->demux.st->time_base,
                         t->tb, AV_ROUND_NEAR_INF);

    if (t->read == 0) {
        t->zero = k;
    }

    k -= t->zero;

    if (k < 0 || k >= t->frames) {
        return rn_reel_damaged(t, fault, "a frame lies outside of it");
    }

    t->pkt->pts = t->done + k;
    t->pkt->dts = t->done + t->read - RN_DTS_DELAY;

    if (t->pkt->dts > t->pkt->pts) {
        return rn_reel_damaged(t, fault, "its frames are reordered too deeply");
    }

    return RN_OK;
}


/*
 * The last packet is longer than the sound: players are told by its duration in
 * MP4, by what is to be dropped in others, and PCM is cut.
 */

static rn_status
set_sound_times(rn_reel *t, rn_fault *fault)
{
    int       frame;
    uint8_t  *skip;
    int64_t   at, drop;

    frame = t->codec->frame;
    at = (t->done + t->read) * frame - t->lead;

    t->pkt->pts = at + (t->undelayed ? t->lead : 0);
    t->pkt->dts = t->pkt->pts;
    t->pkt->duration = frame;

    drop = at + frame - t->samples;

    if (drop <= 0) {
        return RN_OK;
    }

    t->pkt->duration = frame - drop;

    if (t->codec->id == AV_CODEC_ID_PCM_S16LE) {
        av_shrink_packet(t->pkt, (int) (t->pkt->size / frame * (frame - drop)));

    } else if (t->codec->id != AV_CODEC_ID_AAC) {
        skip = av_packet_new_side_data(t->pkt, AV_PKT_DATA_SKIP_SAMPLES, 10);
        if (skip == NULL) {
            return rn_fail(fault, RN_E_NOMEM, "out of memory");
        }

        /* Xing's head has both from here; elsewhere the head is told apart */

        memset(skip, 0, 10);
        AV_WL32(skip, t->codec->id == AV_CODEC_ID_MP3
                      ? (uint32_t) t->lead : 0);
        AV_WL32(skip + 4, (uint32_t) drop);
    }

    return RN_OK;
}


rn_status
rn_reel_next(rn_reel *t, const rn_env *env, rn_fault *fault)
{
    for ( ;; ) {
        if (!t->open) {
            if (t->i == json_array_size(t->pieces)) {
                t->ended = true;
                return RN_OK;
            }

            if (open_piece(t, env, fault) != RN_OK) {
                return fault->status;
            }
        }

        if ((t->copied ? rn_copy_read(&t->copy, t->pkt, fault)
                       : rn_demux_read(&t->demux, t->pkt, fault)) != RN_OK)
        {
            return rn_reel_damaged(t, fault, "it cannot be read");
        }

        if (t->pkt->data != NULL && t->read < t->frames) {
            break;
        }

        if (t->pkt->data != NULL || t->read != t->frames) {
            return rn_reel_damaged(t, fault, "it holds another number of "
                                   "frames");
        }

        t->done += t->frames;
        close_piece(t);
    }

    if ((t->sound ? set_sound_times(t, fault) : set_video_times(t, fault))
        != RN_OK)
    {
        return fault->status;
    }

    t->read++;
    return RN_OK;
}


rn_status
rn_reel_look(rn_reel *t, size_t i, const rn_env *env, rn_fault *fault)
{
    t->i = i;

    (void) open_piece(t, env, fault);
    close_piece(t);
    t->i = 0;

    return fault->status;
}


void
rn_reel_close(rn_reel *t)
{
    close_piece(t);
    rn_copy_close(&t->copy);
    avcodec_parameters_free(&t->par);
    avcodec_parameters_free(&t->sets[0]);
    avcodec_parameters_free(&t->sets[1]);
    av_packet_free(&t->pkt);
}
