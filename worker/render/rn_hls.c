/* Fragments of streams; see rn_hls.h. */

#include "rn_hls.h"
#include "rn_encode.h"
#include "rn_playlist.h"
#include "rn_reel.h"
#include "rn_sound.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <libavutil/opt.h>


#define SOUND_FRAGMENT  235             /* packets of AAC: 5.013 s, a third of
                                           a piece */


/*
 * empty_moov: a head without samples, before all else.  frag_custom: fragments
 * end where we say, and the first begins at its packets' own time.
 */

#define FLAGS  "+empty_moov+default_base_moof+frag_custom+frag_discont"       \
               "+skip_trailer"


typedef struct {
    rn_reel   reel;
    rn_mux    mux;
    bool      sound;
    json_t   *fragments;
    int64_t   head, from;               /* bytes before the present fragment */
    int64_t   frames;                   /* of it */
    int64_t   delay;                    /* see delay_of */
} package;


static rn_status
begin(package *p, int fd, rn_fault *fault)
{
    int  rc;

    if (rn_mux_open(&p->mux, fd, "mp4", fault) != RN_OK) {
        return fault->status;
    }

    (void) av_opt_set(p->mux.fmt->priv_data, "movflags", FLAGS, 0);
    (void) av_opt_set_int(p->mux.fmt->priv_data, "use_editlist", 0, 0);
    p->mux.fmt->avoid_negative_ts = AVFMT_AVOID_NEG_TS_DISABLED;

    if (rn_mux_stream(&p->mux, p->reel.par, p->reel.tb, fault) < 0) {
        return fault->status;
    }

    rc = avformat_write_header(p->mux.fmt, NULL);
    if (rc < 0) {
        return rn_fail_av(fault, rc, "a stream cannot be begun");
    }

    p->mux.header = true;
    avio_flush(p->mux.io);
    p->head = p->from = avio_tell(p->mux.io);

    return RN_OK;
}


static rn_status
end_fragment(package *p, rn_fault *fault)
{
    int      rc;
    double   seconds;
    int64_t  at;

    rc = av_write_frame(p->mux.fmt, NULL);
    avio_flush(p->mux.io);

    if (rc < 0 || p->mux.io->error < 0) {
        return rn_fail_av(fault, rc < 0 ? rc : p->mux.io->error,
                          "a stream cannot be written");
    }

    at = avio_tell(p->mux.io);
    seconds = (double) p->frames * p->reel.tb.num / p->reel.tb.den;

    if (json_array_append_new(p->fragments, json_pack("{s:I, s:f}", "bytes",
            (json_int_t) (at - p->from), "duration", seconds)) != 0)
    {
        return rn_fail(fault, RN_E_NOMEM, "out of memory");
    }

    p->from = at;
    p->frames = 0;

    return RN_OK;
}


static rn_status
write_packet(package *p, rn_fault *fault)
{
    int        rc;
    AVPacket  *pkt = p->reel.pkt;

    p->frames += pkt->duration;

    /* what is cut off at the end of a film's sound only players of it know */

    av_packet_free_side_data(pkt);
    pkt->pts += p->delay;
    pkt->dts += p->delay;
    av_packet_rescale_ts(pkt, p->reel.tb, p->mux.fmt->streams[0]->time_base);
    pkt->stream_index = 0;
    pkt->pos = -1;

    rc = av_write_frame(p->mux.fmt, pkt);
    av_packet_unref(pkt);

    return rc < 0 ? rn_fail_av(fault, rc, "a stream cannot be written")
                  : RN_OK;
}


/*
 * A fragment's decoding cannot begin before 0, and not all players know
 * pictures that are shown before their decoding's time: so all of a stream,
 * pictures and sound, is later by what pictures are reordered.
 */

static int64_t
delay_of(const package *p, AVRational tick)
{
    return p->sound ? av_rescale_q(RN_DTS_DELAY, tick,
                                   (AVRational) { 1, RN_RATE })
                    : RN_DTS_DELAY;
}


/*
 * A piece of pictures is a fragment, one of sound is some.  The first packet of
 * the sound is the coder's delay, which a stream has no edit list to hide: it
 * is left out.
 */

static rn_status
copy_packets(package *p, int fd, const rn_env *env, rn_fault *fault)
{
    size_t   piece;
    int64_t  n;

    n = 0;
    piece = 0;

    while (rn_reel_next(&p->reel, env, fault) == RN_OK && !p->reel.ended) {
        if (p->sound && p->reel.pkt->pts < 0) {
            continue;
        }

        if (p->mux.fmt == NULL && begin(p, fd, fault) != RN_OK) {
            break;
        }

        if (n > 0 && (p->reel.i != piece || (p->sound && n == SOUND_FRAGMENT)))
        {
            if (end_fragment(p, fault) != RN_OK) {
                break;
            }
            n = 0;
        }

        piece = p->reel.i;
        n++;

        if (write_packet(p, fault) != RN_OK) {
            break;
        }

        if (env->progress != NULL) {
            env->progress(env->opaque, 1);
        }
    }

    if (fault->status == RN_OK && n == 0) {
        rn_fail(fault, RN_E_INTERNAL, "a stream without packets");
    }

    return fault->status == RN_OK ? end_fragment(p, fault) : fault->status;
}


/* RFC 6381, 3.3: of AVC profile, constraints and level, as avcC has them. */

static void
codec_name(const package *p, char *out, size_t size)
{
    const uint8_t  *c = p->reel.par->extradata;

    if (p->sound) {
        (void) snprintf(out, size, "mp4a.40.2");
    } else if (p->reel.par->extradata_size > 3 && c[0] == 1) {
        (void) snprintf(out, size, "avc1.%02X%02X%02X", c[1], c[2], c[3]);
    } else {
        (void) snprintf(out, size, "avc1.640028");
    }
}


rn_status
rn_hls_package(json_t *spec, const rn_env *env, int out_fd,
    char damaged[65], json_t **result, rn_fault *fault)
{
    char        codec[32];
    json_t     *canvas;
    int64_t     samples;
    package     p;
    AVRational  tb;

    damaged[0] = '\0';
    memset(&p, 0, sizeof(p));

    canvas = json_object_get(spec, "canvas");
    samples = json_integer_value(json_object_get(spec, "samples"));
    p.sound = json_is_true(json_object_get(spec, "sound"));
    p.fragments = json_array();

    tb.num = (int) json_integer_value(json_array_get(canvas, 3));
    tb.den = (int) json_integer_value(json_array_get(canvas, 2));

    if (tb.num < 1 || tb.den < 1 || (p.sound && samples < 1)) {
        json_decref(p.fragments);
        return rn_fail(fault, RN_E_INTERNAL, "a stream of nothing");
    }

    p.delay = delay_of(&p, tb);

    if (p.sound) {
        tb = (AVRational) { 1, RN_RATE };
    }

    if (p.fragments == NULL
        || rn_reel_init(&p.reel, json_object_get(spec, "pieces"), tb,
                        p.sound ? samples : 0, damaged, fault) != RN_OK)
    {
        json_decref(p.fragments);
        return rn_fail(fault, RN_E_NOMEM, "out of memory");
    }

    p.reel.done = json_integer_value(json_object_get(spec, "at"));

    if (copy_packets(&p, out_fd, env, fault) == RN_OK) {
        codec_name(&p, codec, sizeof(codec));
        *result = json_pack("{s:I, s:s, s:O}", "init", (json_int_t) p.head,
                            "codec", codec, "fragments", p.fragments);
    }

    if (p.mux.fmt != NULL) {
        (void) rn_mux_close(&p.mux, fault);
    }

    rn_reel_close(&p.reel);
    json_decref(p.fragments);

    if (fault->status != RN_OK) {
        json_decref(*result);
        *result = NULL;
    }

    return fault->status;
}


/* The pieces of one track. */

static json_t *
pieces_of(json_t *list, json_t *name)
{
    size_t   i;
    json_t  *p, *out;

    out = json_array();

    json_array_foreach(list, i, p) {
        if (name == NULL || json_equal(json_object_get(p, "output"), name)) {
            (void) json_array_append(out, p);
        }
    }

    return out;
}


static rn_status
write_text(const char *text, const char *name, const rn_env *env,
    json_t *files, rn_fault *fault)
{
    int     fd;
    size_t  len;

    fd = name != NULL ? env->file(env->opaque, name) : -1;

    if (fd < 0 || text == NULL) {
        return rn_fail(fault, RN_E_INTERNAL, "a playlist without a file");
    }

    len = strlen(text);

    if (pwrite(fd, text, len, 0) != (ssize_t) len) {
        return rn_fail(fault, RN_E_IO, "a playlist cannot be written");
    }

    (void) json_array_append_new(files, json_integer((json_int_t) len));

    return RN_OK;
}


static const char *
file_name(json_t *spec, size_t i)
{
    return json_string_value(json_object_get(json_array_get(
               json_object_get(spec, "files"), i), "name"));
}


/*
 * One track: its data and its playlist, files i and i + 1 of the output; what
 * the master playlist is to say of it is put into `told`.
 */

static rn_status
write_track(json_t *spec, json_t *like, json_t *pieces, bool sound, size_t i,
    const rn_env *env, json_t *files, char damaged[65], json_t *told,
    rn_fault *fault)
{
    int          fd;
    char        *text;
    double       target, d;
    size_t       k;
    json_t      *task, *made, *f, *list;
    const char  *name;

    name = file_name(spec, i);
    fd = name != NULL ? env->file(env->opaque, name) : -1;
    made = NULL;

    if (fd < 0) {
        return rn_fail(fault, RN_E_INTERNAL, "a stream without a file");
    }

    task = json_pack("{s:b, s:O*, s:O*, s:O}", "sound", sound, "canvas",
                     json_object_get(like, "canvas"), "samples",
                     json_object_get(spec, "samples"), "pieces", pieces);

    if (rn_hls_package(task, env, fd, damaged, &made, fault) != RN_OK) {
        json_decref(task);
        return fault->status;
    }

    json_decref(task);
    target = 1;

    json_array_foreach(json_object_get(made, "fragments"), k, f) {
        d = ceil(json_real_value(json_object_get(f, "duration")) - 1e-9);
        target = d > target ? d : target;
    }

    (void) json_array_append_new(files, json_integer(lseek(fd, 0, SEEK_END)));
    (void) json_object_set(told, "codec", json_object_get(made, "codec"));
    (void) json_object_set_new(told, "uri", json_string(file_name(spec,
                                                                  i + 1)));
    (void) json_object_set_new(made, "uri", json_string(name));

    list = json_pack("{s:I, s:b, s:[o]}", "target", (json_int_t) target,
                     "ended", 1, "files", made);
    text = list != NULL ? rn_playlist_media(list) : NULL;
    (void) write_text(text, file_name(spec, i + 1), env, files, fault);

    free(text);
    json_decref(list);

    return fault->status;
}


/* Captions and their playlists: files from the n-th on. */

static rn_status
write_captions(json_t *spec, size_t n, const rn_env *env, json_t *master,
    json_t *files, rn_fault *fault)
{
    char        *text;
    double       seconds;
    size_t       i;
    json_t      *list, *c, *told;
    const char  *uri;

    list = json_array();
    seconds = json_number_value(json_object_get(spec, "duration"));

    json_array_foreach(json_object_get(spec, "captions"), i, c) {
        uri = file_name(spec, n);

        (void) write_text(json_string_value(json_object_get(c, "text")), uri,
                          env, files, fault);

        text = uri != NULL ? rn_playlist_captions(uri, seconds) : NULL;
        (void) write_text(text, file_name(spec, n + 1), env, files, fault);
        free(text);

        told = json_pack("{s:O, s:s}", "language",
                         json_object_get(c, "language"), "uri",
                         file_name(spec, n + 1) ?: "");
        (void) json_array_append_new(list, told);
        n += 2;

        if (fault->status != RN_OK) {
            break;
        }
    }

    (void) json_object_set_new(master, "captions", list);

    return fault->status;
}


rn_status
rn_hls_write(json_t *spec, const rn_env *env, json_t *files,
    char damaged[65], rn_fault *fault)
{
    char    *text;
    size_t   i, n;
    json_t  *master, *told, *r, *pieces, *sizes;

    sizes = json_array();
    master = json_pack("{s:[]}", "renditions");
    n = 1;

    json_array_foreach(json_object_get(spec, "renditions"), i, r) {
        told = json_copy(r);
        pieces = pieces_of(json_object_get(spec, "segments"),
                           json_object_get(r, "video"));

        (void) write_track(spec, r, pieces, false, n, env, sizes, damaged,
                           told, fault);
        (void) json_array_append_new(json_object_get(master, "renditions"),
                                     told);
        json_decref(pieces);
        n += 2;

        if (fault->status != RN_OK) {
            goto done;
        }
    }

    pieces = json_object_get(spec, "sound");

    if (json_array_size(pieces) > 0) {
        told = json_object();
        (void) write_track(spec, spec, pieces, true, n, env, sizes, damaged,
                           told, fault);
        (void) json_object_set_new(master, "sound", told);
        n += 2;
    }

    if (fault->status == RN_OK
        && json_array_size(json_object_get(spec, "captions")) > 0)
    {
        (void) write_captions(spec, n, env, master, sizes, fault);
    }

    if (fault->status == RN_OK) {
        text = rn_playlist_master(master);
        (void) write_text(text, file_name(spec, 0), env, files, fault);
        (void) json_array_extend(files, sizes);
        free(text);
    }

done:

    json_decref(master);
    json_decref(sizes);

    return fault->status;
}
