/* Keyframes of a clip as a motion of the engine; see rn_plan_layer.h. */

#include "rn_plan_layer.h"
#include "rn_blend.h"
#include "rn_sound.h"

#include <math.h>
#include <string.h>


#define LEAST  1e-6                     /* of a side; 0 would stand for all */


static double
px(const rn_length *l, int canvas)
{
    return l->percent ? l->value * canvas / 100 : l->value;
}


static double
part(const rn_length *l, int side)
{
    return l->percent ? l->value / 100 : side > 0 ? l->value / side : 0;
}


bool
rn_plan_crop(const rn_length *v, const rn_facts *f, double *out)
{
    out[0] = part(&v[0], f->width);
    out[1] = part(&v[1], f->height);
    out[2] = fmin(part(&v[2], f->width), 1 - out[0]);
    out[3] = fmin(part(&v[3], f->height), 1 - out[1]);

    if (out[2] <= 0 || out[3] <= 0) {
        return false;
    }

    out[2] = fmax(out[2], LEAST);
    out[3] = fmax(out[3], LEAST);

    return true;
}


/* The numbers of a key as integers of the engine. */

static void
values_of(const rn_doc *doc, const rn_place *c, rn_move move,
    const rn_length *v, int64_t *out)
{
    int     i;
    double  crop[4];

    switch (move) {

    case RN_MOVE_OPACITY:
        out[0] = llround(v[0].value * RN_OPAQUE);
        break;

    case RN_MOVE_ROTATE:
        out[0] = llround(v[0].value * 1000);
        break;

    case RN_MOVE_VOLUME:
    case RN_MOVE_SCALE:
        out[0] = llround(v[0].value * 1e6);
        break;

    case RN_MOVE_WIDTH:
        out[0] = llround(px(&v[0], doc->width) * 1000);
        break;

    case RN_MOVE_HEIGHT:
        out[0] = llround(px(&v[0], doc->height) * 1000);
        break;

    case RN_MOVE_CROP:
        (void) rn_plan_crop(v, c->facts, crop);
        for (i = 0; i < 4; i++) {
            out[i] = llround(crop[i] * 1e6);
        }
        break;

    default:
        out[0] = llround(px(&v[0], doc->width) * 1000);
        out[1] = llround(px(&v[1], doc->height) * 1000);
    }
}


static json_t *
key_of(const rn_doc *doc, const rn_place *c, rn_move move,
    const rn_keyframe *k, int64_t at)
{
    int      i;
    bool     ok;
    json_t  *list;
    int64_t  v[4];

    list = json_array();
    if (list == NULL) {
        return NULL;
    }

    values_of(doc, c, move, k->v, v);
    ok = json_array_append_new(list, json_integer(at)) == 0;

    for (i = 0; i < rn_move_values(move); i++) {
        ok = ok && json_array_append_new(list, json_integer(v[i])) == 0;
    }

    if (k->step) {
        ok = ok && json_array_append_new(list, json_integer(0)) == 0;
    }

    for (i = 0; k->curved && i < 4; i++) {
        ok = ok && json_array_append_new(list, json_integer(k->ease[i])) == 0;
    }

    if (!ok) {
        json_decref(list);
        return NULL;
    }

    return list;
}


static bool
same(const rn_keyframe *a, const rn_keyframe *b, int values)
{
    int  i;

    for (i = 0; i < values; i++) {
        if (a->v[i].value != b->v[i].value
            || a->v[i].percent != b->v[i].percent)
        {
            return false;
        }
    }

    return true;
}


json_t *
rn_plan_motion(const rn_doc *doc, const rn_place *c, rn_move move,
    int64_t zero, int64_t from, int64_t to, bool samples)
{
    bool                 still;
    json_t              *list;
    size_t               i, first, last;
    int64_t              at;
    const rn_keyframes  *k = &c->clip->moves[move];

    if (k->n == 0) {
        return NULL;
    }

    /* from the last key at or before `from` to the first at or after `to` */

    for (first = 0; first + 1 < k->n
         && rn_keyframe_tick(c, &k->keys[first + 1], doc->fps) <= from;
         first++) { /* void */ }

    for (last = first; last + 1 < k->n
         && rn_keyframe_tick(c, &k->keys[last], doc->fps) < to;
         last++) { /* void */ }

    still = true;

    for (i = first + 1; i <= last; i++) {
        still = still && same(&k->keys[first], &k->keys[i],
                              rn_move_values(move));
    }

    list = json_array();

    for (i = first; list != NULL && i <= last; i++) {
        rn_keyframe  key = k->keys[i];

        at = rn_keyframe_tick(c, &key, doc->fps);
        at = (samples ? rn_sample_at(at, doc->fps, RN_RATE) : at) - zero;

        if (i == first) {                   /* nothing of the way here */
            key.step = key.curved = false;
        }

        if (still) {
            at = 0;
            i = last;
        }

        if (json_array_append_new(list, key_of(doc, c, move, &key, at)) != 0) {
            json_decref(list);
            return NULL;
        }
    }

    return list;
}
