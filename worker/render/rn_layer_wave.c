/* The picture of a waveform, which is another one at each tick. */

#include "rn_layer_parts.h"
#include "rn_sound.h"

#include <math.h>
#include <string.h>


static int64_t
element(json_t *o, const char *name, size_t i)
{
    return json_integer_value(json_array_get(json_object_get(o, name), i));
}


static rn_status
open_wave(rn_layer *l, rn_fault *fault)
{
    int            fd;
    json_t        *o;
    const char    *input;
    rn_wave_spec   spec;
    const rn_env  *env = l->stage->env;

    input = json_string_value(json_object_get(l->spec, "input"));
    fd = input != NULL ? env->file(env->opaque, input) : -1;

    if (fd < 0) {
        return rn_fail(fault, RN_E_INTERNAL, "an input was not handed over");
    }

    o = json_object_get(l->spec, "wave");

    memset(&spec, 0, sizeof(spec));
    spec.style = (rn_wave_style) element(o, "style", 0);
    spec.bars = (int) element(o, "style", 1);
    spec.window = (int) element(o, "style", 2);
    spec.color = (uint32_t) element(o, "colors", 0);
    spec.background = (uint32_t) element(o, "colors", 1);
    spec.from = element(o, "heard", 0);
    spec.to = element(o, "heard", 1);
    spec.w = (int) lround(l->w * l->up / 2) * 2;
    spec.h = (int) lround(l->h * l->up / 2) * 2;

    return rn_wave_open(&l->wave, fd, &spec, fault);
}


rn_status
rn_layer_wave(rn_layer *l, int64_t k, const AVFrame **frame, rn_fault *fault)
{
    int64_t  at;

    if (l->wave == NULL && open_wave(l, fault) != RN_OK) {
        return fault->status;
    }

    at = l->speed != 0 ? l->at + (k - l->from) * l->speed
                       : (l->at + k - l->from) * 1000;

    rn_layer_forget_halves(l);

    return rn_wave_get(l->wave, rn_wave_at(at, l->stage->fps), frame, fault);
}
