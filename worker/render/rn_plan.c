/*
 * The planner of pictures: where the film is cut into segments, and what each
 * shows.  The planner of sound is rn_plan_sound.c.
 */

#include "rn_plan.h"
#include "rn_encode.h"
#include "rn_plan_layer.h"
#include "rn_plan_sound.h"
#include "rn_segment.h"
#include "rn_text.h"
#include "rn_transition.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>


#define SEGMENT_MIN   1.0               /* seconds */
#define SEGMENT_MAX   10.0
#define SEGMENT_LONG  6.0               /* longer stretches are cut */
#define SEGMENT_GRID  5.0               /* on this grid of the source */


static const int  crf_of[] = { 28, 23, 18 };

typedef struct {
    const rn_doc       *doc;
    const rn_timeline  *tl;
    rn_problems        *problems;
    rn_fault           *fault;
    int64_t            *cuts;
    size_t              n_cuts;
    char              (*fonts)[65];     /* of each place, for texts */
} planner;


static int
by_value(const void *a, const void *b)
{
    int64_t  x = *(const int64_t *) a, y = *(const int64_t *) b;

    return x < y ? -1 : x > y;
}


static size_t
unique(int64_t *v, size_t n)
{
    size_t  i, k;

    for (i = 0, k = 0; i < n; i++) {
        if (k == 0 || v[k - 1] != v[i]) {
            v[k++] = v[i];
        }
    }

    return k;
}


/* The lowest clip that moves at tick t, or NULL. */

static const rn_place *
moving_at(const planner *p, int64_t t)
{
    size_t           i;
    const rn_place  *c;

    for (i = 0; i < p->tl->n; i++) {
        c = &p->tl->places[i];

        if (p->doc->tracks[c->track].kind == RN_TRACK_VIDEO
            && c->clip->asset.type == RN_ASSET_VIDEO
            && c->start <= t && t < c->end)
        {
            return c;
        }
    }

    return NULL;
}


/*
 * Edges of the lowest track's clips, where a transition begins and ends too;
 * long stretches on a grid that is counted in the source, so that it stays
 * where it was in the picture when something earlier is edited.
 */

static rn_status
find_cuts(planner *p)
{
    size_t           i, n, max, edges, base;
    int64_t          a, b, t, origin, grid, longest, f;
    const rn_place  *c, *moving;

    f = p->tl->frames;
    grid = rn_ticks(SEGMENT_GRID, p->doc->fps);
    longest = rn_ticks(SEGMENT_LONG, p->doc->fps);

    max = 2 * p->tl->n + 2 + (size_t) (f / grid) + 2 * p->tl->n + 2;
    p->cuts = malloc(max * sizeof(int64_t));
    if (p->cuts == NULL) {
        return rn_fail(p->fault, RN_E_NOMEM, "out of memory");
    }

    n = 0;
    p->cuts[n++] = 0;
    p->cuts[n++] = f;

    base = SIZE_MAX;
    for (i = 0; i < p->tl->n; i++) {
        c = &p->tl->places[i];

        if (p->doc->tracks[c->track].kind != RN_TRACK_VIDEO) {
            continue;
        }

        if (base == SIZE_MAX) {
            base = c->track;
        }

        if (c->track == base) {
            p->cuts[n++] = c->start < f ? c->start : f;
            p->cuts[n++] = c->end < f ? c->end : f;
        }
    }

    qsort(p->cuts, n, sizeof(int64_t), by_value);
    edges = n = unique(p->cuts, n);

    for (i = 0; i + 1 < edges; i++) {
        a = p->cuts[i];
        b = p->cuts[i + 1];

        if (b - a <= longest) {
            continue;
        }

        moving = moving_at(p, a);
        origin = moving != NULL ? moving->start - moving->in : a;

        t = a - (a - origin) % grid + grid;
        for ( /* void */ ; t < b && n < max; t += grid) {
            p->cuts[n++] = t;
        }
    }

    qsort(p->cuts, n, sizeof(int64_t), by_value);
    p->n_cuts = unique(p->cuts, n);

    return RN_OK;
}


/* Joins what is shorter than a segment should be with its neighbour. */

static void
join_short(planner *p)
{
    size_t   i, k;
    int64_t  min, max;

    min = rn_ticks(SEGMENT_MIN, p->doc->fps);
    max = rn_ticks(SEGMENT_MAX, p->doc->fps);

    for (i = 1, k = 0; i < p->n_cuts; i++) {
        if (i + 1 < p->n_cuts && p->cuts[i] - p->cuts[k] < min
            && p->cuts[i + 1] - p->cuts[k] <= max)
        {
            continue;                   /* not here: take the next one in */
        }
        p->cuts[++k] = p->cuts[i];
    }

    if (k >= 2 && p->cuts[k] - p->cuts[k - 1] < min
        && p->cuts[k] - p->cuts[k - 2] <= max)
    {
        p->cuts[k - 1] = p->cuts[k];
        k--;
    }

    p->n_cuts = k + 1;
}


static json_t *
layer_of(planner *p, const rn_place *c, int64_t zero, int64_t from, int64_t to)
{
    return rn_plan_layer(p->doc, c, p->fonts[c - p->tl->places], zero, from,
                         to, p->problems);
}


static const rn_place *
partner_of(const planner *p, const rn_place *c)
{
    return c > p->tl->places && c[-1].track == c->track ? c - 1 : NULL;
}


static bool
append(planner *p, json_t *list, json_t *item)
{
    if (item == NULL || json_array_append_new(list, item) != 0) {
        if (p->problems->total == 0) {
            rn_fail(p->fault, RN_E_NOMEM, "out of memory");
        }
        return false;
    }

    return true;
}


static bool
add_layers(planner *p, json_t *list, const rn_place *c, int64_t a, int64_t b)
{
    int64_t          from, to;
    json_t          *la, *lb;
    const rn_place  *prev;

    /* alone on its track, between its transitions */

    from = c->start + c->lead > a ? c->start + c->lead : a;
    to = c->end - c->tail < b ? c->end - c->tail : b;

    if (c->lead > 0) {
        int64_t  mix_from, mix_to;

        mix_from = c->start > a ? c->start : a;
        mix_to = c->start + c->lead < b ? c->start + c->lead : b;
        prev = partner_of(p, c);

        if (mix_from < mix_to && prev != NULL) {
            la = layer_of(p, prev, a, mix_from, mix_to);
            lb = layer_of(p, c, a, mix_from, mix_to);

            if (la == NULL || lb == NULL) {
                json_decref(la);
                json_decref(lb);
                return append(p, list, NULL);
            }

            if (!append(p, list,
                        json_pack("{s:s, s:s, s:I, s:I, s:I, s:[i, I, i, i],"
                                  " s:o, s:o}",
                                  "type", "mix", "transition", c->transition,
                                  "from", (json_int_t) (mix_from - a),
                                  "len", (json_int_t) (mix_to - mix_from),
                                  "at", (json_int_t) (mix_from - c->start),
                                  "show", 0, (json_int_t) c->lead, 0, 0,
                                  "a", la, "b", lb)))
            {
                return false;
            }
        }
    }

    return from >= to || append(p, list, layer_of(p, c, a, from, to));
}


/*
 * CPU seconds, roughly: what x264 veryfast and one decoder a moving layer
 * take for 720p on a core of 2020.  Only proportions matter.
 */

static double
cost_of(const planner *p, size_t layers, int64_t frames)
{
    return (double) frames * p->doc->width * p->doc->height / (1280.0 * 720)
           * (0.006 + 0.003 * (double) layers);
}


static bool
plan_segment(planner *p, json_t *segments, int64_t a, int64_t b)
{
    char             key[65];
    size_t           i;
    json_t          *layers, *spec;
    const rn_doc    *doc = p->doc;
    const rn_place  *c;

    layers = json_array();

    for (i = 0; layers != NULL && i < p->tl->n; i++) {
        c = &p->tl->places[i];

        if (doc->tracks[c->track].kind == RN_TRACK_VIDEO
            && c->start < b && c->end > a
            && !add_layers(p, layers, c, a, b))
        {
            json_decref(layers);
            return false;
        }
    }

    spec = json_pack("{s:i, s:s, s:i, s:[i, i, I, I], s:i, s:I, s:I, s:O}",
                     "v", 1, "kind", "video", "engine", RN_ENGINE,
                     "canvas", doc->width, doc->height,
                     (json_int_t) doc->fps.num, (json_int_t) doc->fps.den,
                     "crf", crf_of[doc->quality],
                     "frames", (json_int_t) (b - a),
                     "background", (json_int_t) doc->background,
                     "layers", layers);

    if (spec == NULL || !rn_spec_key(spec, key)) {
        json_decref(spec);
        json_decref(layers);
        return append(p, segments, NULL);
    }

    i = json_array_size(layers);
    json_decref(layers);

    return append(p, segments,
                  json_pack("{s:i, s:s, s:I, s:f, s:o}",
                            "number", (int) json_array_size(segments),
                            "key", key, "frames", (json_int_t) (b - a),
                            "cost", cost_of(p, i, b - a), "spec", spec));
}


static rn_status
find_fonts(planner *p)
{
    size_t           i;
    rn_text_spec     t;
    const rn_asset  *a;

    p->fonts = calloc(p->tl->n + 1, sizeof(*p->fonts));
    if (p->fonts == NULL) {
        return rn_fail(p->fault, RN_E_NOMEM, "out of memory");
    }

    memset(&t, 0, sizeof(t));

    for (i = 0; i < p->tl->n; i++) {
        a = &p->tl->places[i].clip->asset;

        if (a->type == RN_ASSET_TEXT) {
            t.text = a->text;
            t.family = a->family;
            t.size = a->size;
            t.bold = a->bold;
            t.italic = a->italic;

            if (rn_text_fonts(&t, p->fonts[i], p->fault) != RN_OK) {
                return p->fault->status;
            }
        }
    }

    return RN_OK;
}


/* The document knows the names of every FFmpeg; the one at hand may not. */

static bool
check_transitions(planner *p)
{
    bool             ok;
    char             pointer[120];
    size_t           i;
    const rn_place  *c;

    ok = true;

    for (i = 0; i < p->tl->n; i++) {
        c = &p->tl->places[i];

        if (c->lead > 0 && !rn_transition_known(c->transition)) {
            (void) snprintf(pointer, sizeof(pointer), "%s/transition_type",
                            c->clip[-1].pointer);
            rn_problem_add(p->problems, pointer, "\"%s\" is not known to the "
                           "FFmpeg of this machine", c->transition);
            ok = false;
        }
    }

    return ok;
}


static json_t *
poster_of(const planner *p)
{
    size_t   i;
    int64_t  t = p->tl->poster;

    for (i = 0; p->cuts[i + 1] <= t; i++) { /* void */ }

    return json_pack("{s:I, s:I}", "number", (json_int_t) i, "tick",
                     (json_int_t) (t - p->cuts[i]));
}


rn_status
rn_plan(const rn_doc *doc, const rn_facts *facts, const rn_limits *limits,
    rn_problems *problems, json_t **plan, rn_fault *fault)
{
    size_t       i;
    json_t      *segments, *sound;
    int64_t      samples;
    planner      p;
    rn_timeline  tl;

    *plan = NULL;
    segments = sound = NULL;

    if (rn_timeline_resolve(doc, facts, limits, problems, &tl) != RN_OK) {
        return RN_E_INVALID;
    }

    memset(&p, 0, sizeof(p));
    p.doc = doc;
    p.tl = &tl;
    p.problems = problems;
    p.fault = fault;

    if (!check_transitions(&p) || find_fonts(&p) != RN_OK
        || find_cuts(&p) != RN_OK)
    {
        goto done;
    }

    join_short(&p);

    segments = json_array();
    samples = rn_sample_at(tl.frames, doc->fps, 48000);

    for (i = 0; i + 1 < p.n_cuts; i++) {
        if (!plan_segment(&p, segments, p.cuts[i], p.cuts[i + 1])) {
            goto done;
        }
    }

    sound = rn_plan_sound(doc, &tl, samples, fault);
    if (sound == NULL) {
        goto done;
    }

    *plan = json_pack("{s:i, s:[i, i, I, I], s:I, s:I, s:f, s:s, s:s,"
                      " s:o, s:b, s:O, s:O}",
                      "engine", RN_ENGINE,
                      "canvas", doc->width, doc->height,
                      (json_int_t) doc->fps.num, (json_int_t) doc->fps.den,
                      "frames", (json_int_t) tl.frames,
                      "samples", (json_int_t) samples,
                      "duration", (double) tl.frames * (double) doc->fps.den
                                  / (double) doc->fps.num,
                      "output", doc->output,
                      "title", doc->title != NULL ? doc->title : "",
                      "poster", poster_of(&p), "blurhash", (int) doc->blurhash,
                      "segments", segments, "sound", sound);
    if (*plan == NULL) {
        rn_fail(fault, RN_E_NOMEM, "out of memory");
    }

done:

    json_decref(segments);
    json_decref(sound);
    free(p.cuts);
    free(p.fonts);
    rn_timeline_free(&tl);

    return problems->total != 0 ? RN_E_INVALID : fault->status;
}
