/* Joins pieces to a film; see rn_assemble.h. */

#include "rn_assemble.h"
#include "rn_encode.h"
#include "rn_id.h"
#include "rn_mix.h"
#include "rn_mux.h"
#include "rn_seam.h"
#include "rn_sets.h"
#include "rn_sound.h"

#include <stdio.h>
#include <string.h>
#include <libavutil/dict.h>
#include <libavutil/mathematics.h>


/* One stream of the film, read from its pieces one after the other. */

typedef struct {
    json_t             *pieces;
    size_t              i;              /* the next piece */
    bool                sound;
    rn_demux            demux;
    bool                open;
    int64_t             done;           /* frames of the pieces before */
    int64_t             frames, read;   /* of the present one */
    int64_t             zero;           /* its first pts, in frames */
    int64_t             samples;        /* of the whole film, for the sound */
    AVRational          tb;             /* of a frame, or of a sample */
    AVCodecParameters  *par;            /* of the film */
    AVCodecParameters  *sets[2];        /* of its pieces */
    AVPacket           *pkt;            /* the next packet, in tb */
    bool                ended;
    int                 index;
    char               *damaged;
} track;


static const char *
key_of(const track *t)
{
    const char  *key;

    key = json_string_value(json_object_get(json_array_get(t->pieces, t->i - 1),
                                            "key"));
    return key != NULL ? key : "";
}


static rn_status
damaged(track *t, rn_fault *fault, const char *how)
{
    (void) snprintf(t->damaged, 65, "%s", key_of(t));

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


static bool
same_sets(const AVCodecParameters *a, const AVCodecParameters *b)
{
    return a->codec_id == b->codec_id && a->extradata_size > 0
           && a->extradata_size == b->extradata_size
           && memcmp(a->extradata, b->extradata, (size_t) a->extradata_size)
              == 0;
}


static rn_status
open_piece(track *t, const rn_env *env, rn_fault *fault)
{
    int                 fd;
    json_t             *p;
    AVCodecParameters  *par;

    p = json_array_get(t->pieces, t->i++);
    t->frames = json_integer_value(json_object_get(p, "frames"));
    t->read = 0;

    fd = env->file(env->opaque, key_of(t));
    if (fd < 0) {
        return rn_fail(fault, RN_E_INTERNAL, "a piece was not handed over");
    }

    if (rn_demux_open(&t->demux, fd, fault) != RN_OK) {
        return damaged(t, fault, "it cannot be opened");
    }

    t->open = true;
    par = t->demux.st->codecpar;

    if (t->sets[0] == NULL) {
        t->sets[0] = duplicate(par, fault);
        t->par = duplicate(par, fault);
        return fault->status;
    }

    if (!same_sets(par, t->sets[0])
        && (t->sets[1] == NULL || !same_sets(par, t->sets[1])))
    {
        return damaged(t, fault, "its parameter sets are not the film's");
    }

    return RN_OK;
}


/* Times of a video packet: shown at its frame, decoded RN_DTS_DELAY before. */

static rn_status
set_video_times(track *t, rn_fault *fault)
{
    int64_t  k;

    k = av_rescale_q_rnd(t->pkt->pts, t->demux.st->time_base, t->tb,
                         AV_ROUND_NEAR_INF);

    if (t->read == 0) {
        t->zero = k;
        if (!(t->pkt->flags & AV_PKT_FLAG_KEY)) {
            return damaged(t, fault, "it does not begin with a key frame");
        }
    }

    k -= t->zero;

    if (k < 0 || k >= t->frames) {
        return damaged(t, fault, "a frame lies outside of it");
    }

    t->pkt->pts = t->done + k;
    t->pkt->dts = t->done + t->read - RN_DTS_DELAY;
    t->pkt->duration = 1;

    if (t->pkt->dts > t->pkt->pts) {
        return damaged(t, fault, "its frames are reordered too deeply");
    }

    return RN_OK;
}


static void
set_sound_times(track *t)
{
    int64_t  at;

    at = (t->done + t->read - 1) * RN_AAC_FRAME;

    t->pkt->pts = t->pkt->dts = at;
    t->pkt->duration = RN_AAC_FRAME;

    if (at + RN_AAC_FRAME > t->samples) {
        t->pkt->duration = t->samples - at;
    }
}


static rn_status
next_packet(track *t, const rn_env *env, rn_fault *fault)
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

        if (rn_demux_read(&t->demux, t->pkt, fault) != RN_OK) {
            return damaged(t, fault, "it cannot be read");
        }

        if (t->pkt->data != NULL && t->read < t->frames) {
            break;
        }

        if (t->pkt->data != NULL || t->read != t->frames) {
            return damaged(t, fault, "it holds another number of frames");
        }

        t->done += t->frames;
        rn_demux_close(&t->demux);
        t->open = false;
    }

    if (t->sound) {
        set_sound_times(t);
    } else if (set_video_times(t, fault) != RN_OK) {
        return fault->status;
    }

    t->read++;
    return RN_OK;
}


static rn_status
copy_packets(track *v, track *a, rn_mux *mux, const rn_env *env,
    rn_fault *fault)
{
    bool    sound;
    track  *t;

    while (!v->ended || !a->ended) {
        sound = v->ended
                || (!a->ended && av_compare_ts(a->pkt->dts, a->tb,
                                               v->pkt->dts, v->tb) < 0);
        t = sound ? a : v;

        if (rn_mux_write(mux, t->pkt, t->index, t->tb, fault) != RN_OK
            || next_packet(t, env, fault) != RN_OK)
        {
            return fault->status;
        }

        if (!sound && env->progress != NULL) {
            env->progress(env->opaque, 1);
        }
    }

    return RN_OK;
}


/* As SQL tells it, or as the plan has it. */

const char *
rn_copied_from(json_t *piece)
{
    json_t  *name;

    name = json_object_get(piece, "copy");

    if (name == NULL) {
        name = json_object_get(json_object_get(json_object_get(piece, "spec"),
                                               "copy"), "input");
    }

    return json_string_value(name);
}


/* A film that is copied in part has the sets of what is and of what is not. */

static rn_status
collect_sets(track *v, const rn_env *env, rn_fault *fault)
{
    size_t       i;
    json_t      *p;
    const char  *first, *from;

    first = rn_copied_from(json_array_get(v->pieces, 0));

    json_array_foreach(v->pieces, i, p) {
        from = rn_copied_from(p);
        if ((from == NULL) != (first == NULL)) {
            break;
        }
    }

    if (i == json_array_size(v->pieces)) {
        return RN_OK;
    }

    v->i = i;

    if (open_piece(v, env, fault) == RN_OK) {
        v->sets[1] = v->sets[0];
        v->sets[0] = NULL;
        avcodec_parameters_free(&v->par);
        rn_demux_close(&v->demux);
        v->open = false;
        v->i = 0;

        if (open_piece(v, env, fault) == RN_OK) {
            (void) rn_sets_join(v->par, v->sets[1], fault);
            rn_demux_close(&v->demux);
            v->open = false;
            v->i = 0;
        }
    }

    return fault->status;
}


/* Where copied pictures and coded ones meet. */

static rn_status
check_seams(track *v, const rn_env *env, int film, rn_fault *fault)
{
    size_t       i;
    json_t      *a, *b;
    int64_t      at, frames;
    const char  *key;

    at = 0;

    for (i = 0; i + 1 < json_array_size(v->pieces); i++) {
        a = json_array_get(v->pieces, i);
        b = json_array_get(v->pieces, i + 1);
        frames = json_integer_value(json_object_get(a, "frames"));
        at += frames;

        if ((rn_copied_from(a) == NULL) == (rn_copied_from(b) == NULL)) {
            continue;
        }

        key = json_string_value(json_object_get(b, "key"));
        v->i = i + 1;

        if (rn_seam_check(film, v->tb, at, env->file(env->opaque, key_of(v)),
                          frames, env->file(env->opaque, key ? key : ""),
                          json_integer_value(json_object_get(b, "frames")),
                          fault) != RN_OK)
        {
            return fault->status;
        }
    }

    return RN_OK;
}


static rn_status
join(track *v, track *a, json_t *spec, const rn_env *env, int out_fd,
    int64_t *bytes, rn_fault *fault)
{
    rn_mux       mux;
    const char  *title;

    if ((json_is_true(json_object_get(spec, "mixed"))
         && collect_sets(v, env, fault) != RN_OK)
        || next_packet(v, env, fault) != RN_OK
        || next_packet(a, env, fault) != RN_OK)
    {
        return fault->status;
    }

    if (rn_mux_open(&mux, out_fd, true, fault) != RN_OK) {
        return fault->status;
    }

    v->index = rn_mux_stream(&mux, v->par, v->tb, fault);

    if (!a->ended) {
        a->par->initial_padding = RN_AAC_FRAME;
        a->index = rn_mux_stream(&mux, a->par, a->tb, fault);
    }

    title = json_string_value(json_object_get(spec, "title"));
    if (title != NULL && title[0] != '\0') {
        (void) av_dict_set(&mux.fmt->metadata, "title", title, 0);
    }

    if (fault->status == RN_OK) {
        (void) copy_packets(v, a, &mux, env, fault);
    }

    (void) rn_mux_close(&mux, fault);
    *bytes = mux.bytes;

    return fault->status;
}


static void
close_track(track *t)
{
    if (t->open) {
        rn_demux_close(&t->demux);
    }

    avcodec_parameters_free(&t->par);
    avcodec_parameters_free(&t->sets[0]);
    avcodec_parameters_free(&t->sets[1]);
    av_packet_free(&t->pkt);
}


rn_status
rn_assemble(json_t *spec, const rn_env *env, int out_fd, int64_t *bytes,
    char damaged_key[65], rn_fault *fault)
{
    track    v, a;
    json_t  *canvas;

    memset(&v, 0, sizeof(v));
    memset(&a, 0, sizeof(a));
    damaged_key[0] = '\0';

    canvas = json_object_get(spec, "canvas");

    v.pieces = json_object_get(spec, "segments");
    v.tb.num = (int) json_integer_value(json_array_get(canvas, 3));
    v.tb.den = (int) json_integer_value(json_array_get(canvas, 2));
    v.pkt = av_packet_alloc();
    v.damaged = damaged_key;

    a.pieces = json_object_get(spec, "sound");
    a.tb = (AVRational) { 1, RN_RATE };
    a.sound = true;
    a.samples = json_integer_value(json_object_get(spec, "samples"));
    a.pkt = av_packet_alloc();
    a.damaged = damaged_key;

    if (v.pkt == NULL || a.pkt == NULL) {
        rn_fail(fault, RN_E_NOMEM, "out of memory");
    } else if (v.tb.num < 1 || v.tb.den < 1
               || json_array_size(v.pieces) == 0)
    {
        rn_fail(fault, RN_E_INTERNAL, "a film without segments");
    } else {
        if (join(&v, &a, spec, env, out_fd, bytes, fault) == RN_OK
            && v.sets[1] != NULL)
        {
            (void) check_seams(&v, env, out_fd, fault);
        }
    }

    close_track(&v);
    close_track(&a);

    return fault->status;
}
