/*
 * Ducking: a track steps back while another one sounds.  The gain is planned,
 * from where the other's clips lie, and not found by listening: so it is there
 * before the first word, exact to the sample, and part of the key.
 */

#include "rn_plan_duck.h"
#include "rn_sound.h"

#include <math.h>


#define UNIT  1000000                   /* a gain of 1 */

typedef struct {
    json_t   *keys;
    int64_t   from, to;                 /* what of it is wanted, samples */
    int64_t   last;                     /* where the last key was */
    int       gain;                     /* and its gain */
    bool      before;                   /* which lies before `from` */
    bool      over;                     /* behind `to`: no more keys */
} line;


static bool
append(line *l, int64_t at, int gain)
{
    return json_array_append_new(l->keys, json_pack("[I, i]",
                                 (json_int_t) at, gain)) == 0;
}


/*
 * Adds a key.  Of those outside of what is wanted only what leads into it or
 * out of it: where the gain stays, nobody needs to know since when.
 */

static bool
add_key(line *l, int64_t at, int gain)
{
    bool     leads;
    int      was;
    int64_t  last;

    if (l->over || at <= l->last) {
        return true;
    }

    was = l->gain;
    last = l->last;
    leads = l->before && gain != was && at > l->from;

    l->last = at;
    l->gain = gain;
    l->before = at <= l->from;

    if (l->before) {
        return true;
    }

    l->over = at >= l->to;

    if (leads && !append(l, last, was)) {
        return false;
    }

    if (l->over && gain == was) {
        l->gain = was;
        return true;
    }

    return append(l, at, gain);
}


/* What sounds of the other track next, from place *i on. */

static bool
next_sound(const rn_timeline *tl, size_t track, size_t *i, rn_rational fps,
    int64_t *a, int64_t *b)
{
    const rn_place  *c;

    for ( /* void */ ; *i < tl->n; (*i)++) {
        c = &tl->places[*i];

        if (c->track == track && c->facts != NULL && c->facts->has_audio
            && c->clip->asset.type != RN_ASSET_IMAGE
            && c->clip->asset.type != RN_ASSET_WAVEFORM
            && (c->clip->volume > 1e-6 || c->clip->moves[RN_MOVE_VOLUME].n > 0))
        {
            *a = rn_sample_at(c->start, fps, RN_RATE);
            *b = rn_sample_at(c->end, fps, RN_RATE);
            (*i)++;
            return true;
        }
    }

    return false;
}


json_t *
rn_plan_duck(const rn_doc *doc, const rn_timeline *tl, size_t track,
    int64_t from, int64_t to)
{
    int                gain;
    bool               ok;
    line               l;
    size_t             i;
    int64_t            a, b, c, d, attack, release, hold;
    const rn_ducking  *duck = &doc->tracks[track].ducking;

    if (duck->by < 0) {
        return NULL;
    }

    l = (line) { json_array(), from, to, INT64_MIN, UNIT, true, false };
    gain = (int) lround(pow(10, duck->amount_db / 20) * UNIT);
    attack = llround(fmax(duck->attack * RN_RATE, 1));
    release = llround(fmax(duck->release * RN_RATE, 1));
    hold = llround(duck->hold * RN_RATE);
    ok = l.keys != NULL;
    i = 0;

    while (ok && next_sound(tl, (size_t) duck->by, &i, doc->fps, &a, &b)) {

        /* pauses too short to come back in are bridged */

        while (next_sound(tl, (size_t) duck->by, &i, doc->fps, &c, &d)) {
            if (c - attack > b + hold + release) {
                i--;
                break;
            }
            b = d > b ? d : b;
        }

        ok = add_key(&l, a - attack, UNIT) && add_key(&l, a, gain)
             && add_key(&l, b + hold, gain)
             && add_key(&l, b + hold + release, UNIT);
    }

    if (ok && json_array_size(l.keys) == 0 && l.gain != UNIT) {
        ok = append(&l, from, l.gain);      /* all along */
    }

    if (!ok || json_array_size(l.keys) == 0) {
        json_decref(l.keys);
        return NULL;
    }

    return l.keys;
}
