/* Packets that are taken as they are; see rn_copy.h. */

#include "rn_copy_parts.h"
#include "rn_mux.h"

#include <stdlib.h>
#include <string.h>


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


rn_status
rn_copy_open(rn_copy *c, json_t *spec, const rn_env *env, rn_fault *fault)
{
    int          fd;
    const char  *input, *kind;

    memset(c, 0, sizeof(*c));

    input = rn_copied_from_spec(spec);
    kind = json_string_value(json_object_get(spec, "kind"));
    fd = input != NULL ? env->file(env->opaque, input) : -1;

    if (fd < 0 || kind == NULL) {
        return rn_fail(fault, RN_E_INTERNAL, "a copy of nothing");
    }

    if (rn_input_open(&c->in, fd, fault) != RN_OK) {
        return fault->status;
    }

    c->sound = strcmp(kind, "sound") == 0;

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


void
rn_copy_close(rn_copy *c)
{
    free(c->seen);
    c->seen = NULL;
    rn_input_close(&c->in);
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
