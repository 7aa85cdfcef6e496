/*
 * Renders one segment: the picture of each tick (rn_scene.c) goes to the
 * encoder.  What is taken from its source as it is: rn_copy.c.
 */

#include "rn_segment.h"
#include "rn_copy.h"
#include "rn_encode.h"
#include "rn_id.h"
#include "rn_scene.h"

#include <stdlib.h>
#include <string.h>


bool
rn_spec_key(json_t *spec, char hex[65])
{
    char  *text;

    text = json_dumps(spec, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
    if (text == NULL) {
        return false;
    }

    rn_sha256_hex(text, strlen(text), hex);
    free(text);

    return true;
}


/* What the encoder must not see of a source's frame: its own properties. */

static AVFrame *
plain_reference(const AVFrame *f)
{
    AVFrame  *ref;

    ref = av_frame_clone(f);
    if (ref == NULL) {
        return NULL;
    }

    while (ref->nb_side_data > 0) {
        av_frame_remove_side_data(ref, ref->side_data[0]->type);
    }

    ref->sample_aspect_ratio = (AVRational) { 1, 1 };

    return ref;
}


static rn_status
send(rn_scene *s, rn_encoder *e, int64_t k, rn_fault *fault)
{
    AVFrame        *ref;
    const AVFrame  *picture;

    if (rn_scene_picture(s, k, &picture, fault) != RN_OK) {
        return fault->status;
    }

    ref = plain_reference(picture);
    if (ref == NULL) {
        return rn_fail(fault, RN_E_NOMEM, "out of memory");
    }

    (void) rn_encoder_send(e, ref, fault);
    av_frame_free(&ref);

    return fault->status;
}


/* Nothing moves: one picture, and the rest repeats it. */

static rn_status
still(rn_scene *s, rn_encoder *e, int64_t frames, const rn_env *env,
    rn_fault *fault)
{
    if (send(s, e, 0, fault) != RN_OK
        || rn_encoder_repeat(e, frames, fault) != RN_OK)
    {
        return fault->status;
    }

    if (env->progress != NULL) {
        env->progress(env->opaque, frames);
    }

    return RN_OK;
}


static rn_status
render(rn_scene *s, rn_encoder *e, int64_t frames, const rn_env *env,
    rn_fault *fault)
{
    int64_t  k;

    for (k = 0; k < frames; k++) {
        if (send(s, e, k, fault) != RN_OK) {
            return fault->status;
        }

        if (env->progress != NULL) {
            env->progress(env->opaque, 1);
        }
    }

    return RN_OK;
}


rn_status
rn_segment_render(json_t *spec, const rn_env *env, int out_fd, int64_t *bytes,
    rn_fault *fault)
{
    bool         is_still;
    json_t      *canvas;
    int64_t      frames;
    rn_scene    *s;
    rn_encoder   e;
    rn_rational  fps;

    if (json_object_get(spec, "copy") != NULL) {
        return rn_copy_segment(spec, env, out_fd, bytes, fault);
    }

    if (rn_scene_open(&s, spec, env, fault) != RN_OK) {
        return fault->status;
    }

    canvas = json_object_get(spec, "canvas");
    fps.num = json_integer_value(json_array_get(canvas, 2));
    fps.den = json_integer_value(json_array_get(canvas, 3));
    frames = json_integer_value(json_object_get(spec, "frames"));
    is_still = json_is_true(json_object_get(spec, "still"));

    if (rn_encoder_open(&e, out_fd,
                        (int) json_integer_value(json_array_get(canvas, 0)),
                        (int) json_integer_value(json_array_get(canvas, 1)),
                        fps,
                        (int) json_integer_value(json_object_get(spec, "crf")),
                        (int) json_integer_value(json_object_get(spec, "sps")),
                        fault)
        == RN_OK)
    {
        (void) (is_still ? still : render)(s, &e, frames, env, fault);
        (void) rn_encoder_close(&e, frames, fault);
        *bytes = e.mux.bytes;
    }

    rn_scene_close(&s);

    return fault->status;
}
