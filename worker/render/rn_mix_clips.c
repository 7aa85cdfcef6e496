/* The clips of a piece of the sound; see rn_mix_clips.h. */

#include "rn_mix_clips.h"
#include "rn_motion.h"
#include "rn_sound.h"
#include "rn_stretch.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>


#define RAMPS_MAX   8
#define VOLUME_STEP 64                  /* samples between two of its places */
#define VOLUME_MAX  4.0                 /* 12 dB: an easing may overshoot */


typedef struct {
    int64_t      from, len;             /* samples of the piece */
    bool         out;                   /* falls instead of rises */
    bool         power;                 /* equal power, for crossfades */
} ramp;

typedef struct {
    const char  *input;
    int64_t      from, len, at;
    float        gain;
    ramp         ramps[RAMPS_MAX];
    size_t       n_ramps;
    rn_motion    volume, duck;          /* in millionths; n 0: none */
    double       speed;                 /* 1: as it is */
    int64_t      in;                    /* of another speed: where it begins */
    rn_sound    *sound;
    rn_stretch  *stretch;
} clip;

struct rn_clips {
    const rn_env  *env;
    clip          *of;
    size_t         n;
};


static int64_t
number(json_t *o, const char *name)
{
    return json_integer_value(json_object_get(o, name));
}


static rn_status
read_clip(clip *c, json_t *o, rn_fault *fault)
{
    size_t   i;
    json_t  *r, *list;

    c->input = json_string_value(json_object_get(o, "input"));
    c->from = number(o, "from");
    c->len = number(o, "len");
    c->at = number(o, "at");
    c->gain = (float) ((double) number(o, "gain") / 1e6);
    c->in = number(o, "in");
    c->speed = json_object_get(o, "speed") != NULL
               ? (double) number(o, "speed") / 1000 : 1;

    list = json_object_get(o, "volume");

    if (list != NULL && !rn_motion_read(&c->volume, list, 1)) {
        return rn_fail(fault, RN_E_INTERNAL, "a volume of another engine");
    }

    list = json_object_get(o, "duck");

    if (list != NULL && !rn_motion_read(&c->duck, list, 1)) {
        return rn_fail(fault, RN_E_INTERNAL, "a volume of another engine");
    }

    list = json_object_get(o, "ramps");

    json_array_foreach(list, i, r) {
        if (i == RAMPS_MAX) {
            break;
        }

        c->ramps[i].from = json_integer_value(json_array_get(r, 0));
        c->ramps[i].len = json_integer_value(json_array_get(r, 1));
        c->ramps[i].out = json_integer_value(json_array_get(r, 2)) != 0;
        c->ramps[i].power = json_integer_value(json_array_get(r, 3)) != 0;
        c->n_ramps++;
    }

    return RN_OK;
}


static void
close_clip(clip *c)
{
    rn_sound_close(&c->sound);
    rn_stretch_close(&c->stretch);
}


static rn_status
open_clip(const rn_env *env, clip *c, rn_fault *fault)
{
    int  fd;

    fd = c->input != NULL ? env->file(env->opaque, c->input) : -1;

    if (fd < 0) {
        return rn_fail(fault, RN_E_INTERNAL, "an input was not handed over");
    }

    return c->speed == 1
           ? rn_sound_open(&c->sound, fd, fault)
           : rn_stretch_open(&c->stretch, fd, c->in, c->speed, fault);
}


/*
 * A volume that moves, computed at places of a grid that pieces share, and
 * straight between them: nobody hears the corners.
 */

static void
apply_volume(const rn_motion *m, int64_t at, int n, float *gain)
{
    int      i;
    double   a, b, v;
    int64_t  k, from;

    from = INT64_MIN;
    a = b = 0;

    for (i = 0; i < n; i++) {
        k = at + i;

        if (k < from || k >= from + VOLUME_STEP || i == 0) {
            from = k - (k % VOLUME_STEP + VOLUME_STEP) % VOLUME_STEP;
            rn_motion_at(m, (double) from, &a);
            rn_motion_at(m, (double) (from + VOLUME_STEP), &b);
        }

        v = (a + (b - a) * (double) (k - from) / VOLUME_STEP) / 1e6;
        gain[i] *= (float) (v < 0 ? 0 : v > VOLUME_MAX ? VOLUME_MAX : v);
    }
}


static void
apply_ramp(const ramp *r, int64_t at, int n, float *gain)
{
    int    i;
    float  x;

    for (i = 0; i < n; i++) {
        x = ((float) (at + i - r->from) + 0.5f) / (float) r->len;
        x = x < 0 ? 0 : x > 1 ? 1 : x;

        if (r->out) {
            x = 1 - x;
        }

        gain[i] *= r->power ? sinf(x * (float) M_PI_2) : x;
    }
}


static rn_status
add_clip(const rn_env *env, clip *c, int64_t at, int len, float *mix,
    rn_fault *fault)
{
    int      n, skip, i;
    float    gain[RN_MIX_MAX];
    size_t   k;
    int64_t  first, last;

    first = c->from > at ? c->from : at;
    last = at + len;
    last = c->from + c->len < last ? c->from + c->len : last;

    if (first >= last) {
        if (c->from + c->len <= at) {
            close_clip(c);                  /* done with this file */
        }
        return RN_OK;
    }

    n = (int) (last - first);
    skip = (int) (first - at);

    if (c->sound == NULL && c->stretch == NULL
        && open_clip(env, c, fault) != RN_OK)
    {
        return fault->status;
    }

    for (i = 0; i < n; i++) {
        gain[i] = c->gain;
    }

    for (k = 0; k < c->n_ramps; k++) {
        apply_ramp(&c->ramps[k], first, n, gain);
    }

    if (c->volume.n > 0) {
        apply_volume(&c->volume, first, n, gain);
    }

    if (c->duck.n > 0) {
        apply_volume(&c->duck, first, n, gain);
    }

    mix += (size_t) skip * RN_CHANNELS;
    first += c->at - c->from;

    return c->stretch != NULL
           ? rn_stretch_add(c->stretch, first, n, gain, mix, fault)
           : rn_sound_add(c->sound, first, n, gain, mix, fault);
}


rn_status
rn_clips_open(rn_clips **out, json_t *list, const rn_env *env, rn_fault *fault)
{
    size_t     i;
    json_t    *o;
    rn_clips  *c;

    *out = c = calloc(1, sizeof(rn_clips));
    if (c == NULL) {
        return rn_fail(fault, RN_E_NOMEM, "out of memory");
    }

    c->env = env;
    c->of = calloc(json_array_size(list) + 1, sizeof(clip));
    if (c->of == NULL) {
        return rn_fail(fault, RN_E_NOMEM, "out of memory");
    }

    json_array_foreach(list, i, o) {
        if (read_clip(&c->of[c->n++], o, fault) != RN_OK) {
            return fault->status;
        }
    }

    return RN_OK;
}


rn_status
rn_clips_mix(rn_clips *c, int64_t at, int n, float *mix, rn_fault *fault)
{
    size_t  i;

    memset(mix, 0, (size_t) n * RN_CHANNELS * sizeof(float));

    for (i = 0; i < c->n; i++) {
        if (add_clip(c->env, &c->of[i], at, n, mix, fault) != RN_OK) {
            return fault->status;
        }
    }

    return RN_OK;
}


void
rn_clips_rewind(rn_clips *c)
{
    size_t  i;

    for (i = 0; i < c->n; i++) {
        close_clip(&c->of[i]);
    }
}


void
rn_clips_close(rn_clips **c)
{
    size_t  i;

    if (*c == NULL) {
        return;
    }

    rn_clips_rewind(*c);

    for (i = 0; i < (*c)->n; i++) {
        rn_motion_free(&(*c)->of[i].volume);
        rn_motion_free(&(*c)->of[i].duck);
    }

    free((*c)->of);
    free(*c);
    *c = NULL;
}
