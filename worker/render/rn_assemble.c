/* Joins pieces to outputs; see rn_assemble.h. */

#include "rn_assemble.h"
#include "rn_hls.h"
#include "rn_mux.h"
#include "rn_pack.h"
#include "rn_reel.h"
#include "rn_seam.h"
#include "rn_sets.h"
#include "rn_sound.h"

#include <string.h>
#include <unistd.h>
#include <sys/stat.h>
#include <libavutil/dict.h>
#include <libavutil/mathematics.h>


static rn_status
copy_packets(rn_reel *v, rn_reel *a, rn_mux *mux, const rn_env *env,
    rn_fault *fault)
{
    bool      sound;
    rn_reel  *t;

    while (!v->ended || !a->ended) {
        sound = v->ended
                || (!a->ended && av_compare_ts(a->pkt->dts, a->tb,
                                               v->pkt->dts, v->tb) < 0);
        t = sound ? a : v;

        if (rn_mux_write(mux, t->pkt, t->index, t->tb, fault) != RN_OK
            || rn_reel_next(t, env, fault) != RN_OK)
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

    return name != NULL ? json_string_value(name)
           : rn_copied_from_spec(json_object_get(piece, "spec"));
}


/* A film that is copied in part has the sets of what is and of what is not. */

static rn_status
collect_sets(rn_reel *v, const rn_env *env, rn_fault *fault)
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

    if (rn_reel_look(v, i, env, fault) == RN_OK) {
        v->sets[1] = v->sets[0];
        v->sets[0] = NULL;
        avcodec_parameters_free(&v->par);

        if (rn_reel_look(v, 0, env, fault) == RN_OK) {
            (void) rn_sets_join(v->par, v->sets[1], fault);
        }
    }

    return fault->status;
}


static int
file_of(const rn_env *env, json_t *piece)
{
    const char  *key;

    key = json_string_value(json_object_get(piece, "key"));

    return env->file(env->opaque, key != NULL ? key : "");
}


/* Where copied pictures and coded ones meet. */

static rn_status
check_seams(rn_reel *v, const rn_env *env, int film, rn_fault *fault)
{
    size_t       i;
    json_t      *a, *b;
    int64_t      at, frames;
    at = 0;

    for (i = 0; i + 1 < json_array_size(v->pieces); i++) {
        a = json_array_get(v->pieces, i);
        b = json_array_get(v->pieces, i + 1);
        frames = json_integer_value(json_object_get(a, "frames"));
        at += frames;

        if ((rn_copied_from(a) == NULL) == (rn_copied_from(b) == NULL)) {
            continue;
        }

        if (rn_seam_check(film, v->tb, at, file_of(env, a), frames,
                          file_of(env, b),
                          json_integer_value(json_object_get(b, "frames")),
                          fault) != RN_OK)
        {
            return fault->status;
        }
    }

    return RN_OK;
}


/* Names of the muxers; of the rest rn_pack.h. */

static const struct {
    const char  *format, *muxer;
} containers[] = {
    { "mp4", "mp4" }, { "webm", "webm" }, { "mov", "mov" }, { "m4a", "ipod" },
    { "mp3", "mp3" }, { "wav", "wav" },
};


/* What of a track an index has to tell, at the most. */

typedef struct {
    int64_t  packets, bytes, chunks;    /* chunks that are full: 1 MiB */
} extent;


/* Of a copy whose source is not open, as much as that has. */

static int64_t
bytes_of(const rn_reel *t, json_t *piece, const rn_env *env)
{
    int           fd;
    int64_t       bytes;
    const char   *name;
    struct stat   sb;

    fd = file_of(env, piece);

    if (fd < 0) {
        bytes = rn_copy_bytes(&t->copy, json_object_get(piece, "spec"));

        if (bytes > 0) {
            return bytes;
        }

        name = rn_copied_from(piece);
        fd = name != NULL ? env->file(env->opaque, name) : -1;
    }

    return fstat(fd, &sb) == 0 ? sb.st_size : 0;
}


static extent
measure(const rn_reel *t, const rn_env *env)
{
    size_t    i;
    json_t   *p;
    extent    e;
    int64_t   n, bytes;

    memset(&e, 0, sizeof(e));

    json_array_foreach(t->pieces, i, p) {
        n = json_integer_value(json_object_get(p, "frames"));
        bytes = bytes_of(t, p, env);

        e.packets += n;
        e.bytes += bytes;
        e.chunks += (bytes >> 20) < n ? (bytes >> 20) + 1 : n;
    }

    return e;
}


/*
 * What an MP4's index takes at the most (ISO/IEC 14496-12, 8.6 and 8.7), where
 * that is nothing beside the film; else 0.  Each packet has a size and two runs
 * of times, one of pictures may be a key frame; a chunk, which has an offset
 * and a run, ends where the other track goes on, or is full (1 MiB).
 */

static int64_t
index_room(const rn_reel *v, const rn_reel *a, json_t *spec,
    const rn_env *env)
{
    size_t    chapters, title;
    extent    pictures, sound;
    int64_t   chunks, room;

    pictures = measure(v, env);
    sound = measure(a, env);
    chunks = 2 * (pictures.packets < sound.packets ? pictures.packets
                                                   : sound.packets)
             + pictures.chunks + sound.chunks + 4;
    chapters = json_array_size(json_object_get(spec, "chapters"));
    title = json_string_length(json_object_get(spec, "title"));
    room = 24 * pictures.packets + 20 * sound.packets + 20 * chunks
           + (int64_t) (1024 * chapters + 2 * title) + 16384;

    return room < (pictures.bytes + sound.bytes) / 200 ? room : 0;
}


static rn_status
join(rn_reel *v, rn_reel *a, json_t *spec, const char *muxer,
    const rn_env *env, int out_fd, int64_t *bytes, rn_fault *fault)
{
    rn_mux       mux;
    const char  *title;

    if ((json_is_true(json_object_get(spec, "mixed"))
         && collect_sets(v, env, fault) != RN_OK)
        || rn_reel_next(v, env, fault) != RN_OK
        || rn_reel_next(a, env, fault) != RN_OK)
    {
        return fault->status;
    }

    if (rn_mux_open(&mux, out_fd, muxer, fault) != RN_OK) {
        return fault->status;
    }

    rn_mux_index_first(&mux, index_room(v, a, spec, env));

    if (!v->ended) {
        v->index = rn_mux_stream(&mux, v->par, v->tb, fault);

        /* WebM's players look for transparency where they are told to */

        if (v->index >= 0 && json_is_true(json_object_get(spec, "alpha"))) {
            (void) av_dict_set(&mux.fmt->streams[v->index]->metadata,
                               "alpha_mode", "1", 0);
        }
    }

    if (!a->ended && fault->status == RN_OK) {
        a->par->initial_padding = (int) a->lead;
        a->index = rn_mux_stream(&mux, a->par, a->tb, fault);
    }

    title = json_string_value(json_object_get(spec, "title"));
    if (title != NULL && title[0] != '\0') {
        (void) av_dict_set(&mux.fmt->metadata, "title", title, 0);
    }

    rn_mux_chapters(&mux, json_object_get(spec, "chapters"), fault);

    if (fault->status == RN_OK) {
        (void) copy_packets(v, a, &mux, env, fault);
    }

    (void) rn_mux_close(&mux, fault);
    *bytes = mux.bytes;

    return fault->status;
}


static rn_status
join_film(rn_reel *v, rn_reel *a, json_t *spec, const char *muxer,
    const char *name, const rn_env *env, json_t *files, rn_fault *fault)
{
    int      fd;
    int64_t  bytes = 0;

    fd = env->file(env->opaque, name);
    if (fd < 0) {
        return rn_fail(fault, RN_E_INTERNAL, "no file for the film");
    }

    if (join(v, a, spec, muxer, env, fd, &bytes, fault) == RN_OK
        && v->sets[1] != NULL)
    {
        (void) check_seams(v, env, fd, fault);
    }

    if (fault->status == RN_OK) {
        (void) json_array_append_new(files, json_integer(bytes));
    }

    return fault->status;
}


/* The sound: of a film's rate and length, or of those that its source has. */

static rn_status
begin_sound(rn_reel *a, json_t *spec, char *damaged, rn_fault *fault)
{
    int      rate;
    json_t  *copy;
    int64_t  samples;

    copy = json_object_get(spec, "sound_copy");
    rate = copy != NULL ? (int) json_integer_value(json_object_get(copy,
                                                                   "rate"))
                        : RN_RATE;
    samples = json_integer_value(json_object_get(copy != NULL ? copy : spec,
                                                 "samples"));
    rate = rate > 0 ? rate : RN_RATE;

    if (rn_reel_init(a, json_object_get(spec, "sound"),
                     (AVRational) { 1, rate }, samples > 0 ? samples : 1,
                     damaged, fault) != RN_OK)
    {
        return fault->status;
    }

    if (copy != NULL) {
        a->lead = json_integer_value(json_object_get(copy, "lead"));
    }

    return RN_OK;
}


/* Captions, which the plan holds: nothing is left to be made of them. */

static rn_status
write_text(json_t *spec, const char *name, const rn_env *env, json_t *files,
    rn_fault *fault)
{
    int          fd;
    size_t       n;
    json_t      *text;

    text = json_object_get(spec, "text");
    n = json_string_length(text);
    fd = env->file(env->opaque, name);

    if (fd < 0 || !json_is_string(text)) {
        return rn_fail(fault, RN_E_INTERNAL, "no file for the captions");
    }

    if (pwrite(fd, json_string_value(text), n, 0) != (ssize_t) n) {
        return rn_fail(fault, RN_E_IO, "the captions cannot be written");
    }

    (void) json_array_append_new(files, json_integer((json_int_t) n));

    return RN_OK;
}


rn_status
rn_assemble(json_t *spec, const rn_env *env, json_t *files,
    char damaged[65], rn_fault *fault)
{
    size_t       i;
    json_t      *canvas, *names;
    rn_reel      v, a;
    AVRational   tb;
    const char  *format, *name;

    damaged[0] = '\0';
    memset(&v, 0, sizeof(v));
    memset(&a, 0, sizeof(a));

    canvas = json_object_get(spec, "canvas");
    tb.num = (int) json_integer_value(json_array_get(canvas, 3));
    tb.den = (int) json_integer_value(json_array_get(canvas, 2));

    /* a plan of an earlier version has one output, which is an MP4 */

    names = json_object_get(spec, "files");
    format = json_string_value(json_object_get(spec, "format"));
    name = json_string_value(json_object_get(json_array_get(names, 0),
                                             "name"));
    format = format != NULL ? format : "mp4";
    name = name != NULL ? name : "final.mp4";

    if (rn_reel_init(&v, json_object_get(spec, "segments"), tb, 0, damaged,
                     fault) != RN_OK
        || begin_sound(&a, spec, damaged, fault) != RN_OK)
    {
        goto done;
    }

    if (json_object_get(spec, "text") != NULL) {
        (void) write_text(spec, name, env, files, fault);
        goto done;
    }

    if ((json_array_size(v.pieces) > 0 && (tb.num < 1 || tb.den < 1))
        || json_array_size(v.pieces) + json_array_size(a.pieces) == 0)
    {
        rn_fail(fault, RN_E_INTERNAL, "a film without segments");
        goto done;
    }

    for (i = 0; i < sizeof(containers) / sizeof(containers[0]); i++) {
        if (strcmp(containers[i].format, format) == 0) {
            a.undelayed = RN_MATROSKA_UNDELAYED
                          && strcmp(format, "webm") == 0;
            (void) join_film(&v, &a, spec, containers[i].muxer, name, env,
                             files, fault);
            goto done;
        }
    }

    if (strcmp(format, "hls") == 0) {
        (void) rn_hls_write(spec, env, files, damaged, fault);
    } else {
        (void) rn_pack(spec, &v, env, files, fault);
    }

done:

    rn_reel_close(&v);
    rn_reel_close(&a);

    return fault->status;
}
