/*
 * The planner of pictures: what each segment shows.  Where the film is cut:
 * rn_plan_cuts.c; the planner of sound: rn_plan_sound.c.
 */

#include "rn_plan.h"
#include "rn_encode.h"
#include "rn_plan_copy.h"
#include "rn_plan_cuts.h"
#include "rn_plan_layer.h"
#include "rn_plan_sound.h"
#include "rn_segment.h"
#include "rn_text.h"
#include "rn_transition.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


#define AREA_MAX     160000000          /* px of all pictures of a segment */
#define SEAM_CRF     17                 /* of what is coded beside copies */
#define STILL_FINER  6                  /* CRF: all of a still is seen of it */

static const int  crf_of[] = { 28, 23, 18 };

typedef struct {
    const rn_doc       *doc;
    const rn_timeline  *tl;
    rn_problems        *problems;
    rn_fault           *fault;
    rn_cuts             cuts;
    rn_copies           copies;
    size_t             *next;           /* of each track, see plan_segment */
    char              (*fonts)[65];     /* of each place, for texts */
} planner;


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
cost_of(const planner *p, size_t layers, int64_t frames, const char *mode)
{
    double  area;

    area = (double) p->doc->width * p->doc->height / (1280.0 * 720);

    if (strcmp(mode, "copy") == 0) {
        return area * (0.02 + 0.0001 * (double) frames);
    }

    if (strcmp(mode, "still") == 0) {
        return area * (0.04 + 0.0001 * (double) frames);
    }

    return (double) frames * area * (0.006 + 0.003 * (double) layers);
}


/*
 * The layers of a segment, in painter's order.  Segments come in order, too, so
 * that what has ended is not looked at again.
 */

static json_t *
layers_of(planner *p, int64_t a, int64_t b)
{
    size_t           i, t;
    json_t          *layers;
    const rn_place  *c;

    layers = json_array();

    for (t = 0; layers != NULL && t < p->doc->n_tracks; t++) {
        if (p->doc->tracks[t].kind != RN_TRACK_VIDEO) {
            continue;
        }

        while (p->next[t] < p->tl->n && p->tl->places[p->next[t]].track == t
               && p->tl->places[p->next[t]].end <= a)
        {
            p->next[t]++;
        }

        for (i = p->next[t]; i < p->tl->n; i++) {
            c = &p->tl->places[i];

            if (c->track != t || c->start >= b) {
                break;
            }

            if (c->end > a && !add_layers(p, layers, c, a, b)) {
                json_decref(layers);
                return NULL;
            }
        }
    }

    return layers;
}


/* What the pictures of layers take, in px: the larger of box and picture. */

static int64_t
area_of(json_t *layer)
{
    size_t   i;
    json_t  *pair;
    int64_t  area, most;

    static const char *const names[] = { "box", "size" };

    if (json_object_get(layer, "a") != NULL) {
        return area_of(json_object_get(layer, "a"))
               + area_of(json_object_get(layer, "b"));
    }

    most = 0;

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        pair = json_object_get(layer, names[i]);
        area = json_integer_value(json_array_get(pair, 0))
               * json_integer_value(json_array_get(pair, 1));
        most = area > most ? area : most;
    }

    return most;
}


/* A small canvas does not bound what is laid on it: this does. */

static bool
check_area(planner *p, json_t *layers, int64_t a, int64_t b)
{
    size_t   i;
    double   fps;
    json_t  *l;
    int64_t  area;

    area = 0;

    json_array_foreach(layers, i, l) {
        area += area_of(l);
    }

    if (area <= AREA_MAX) {
        return true;
    }

    fps = (double) p->doc->fps.num / (double) p->doc->fps.den;
    rn_problem_add(p->problems, "/timeline/tracks", "from %.3f s to %.3f s "
                   "pictures of %lld million px lie over one another; at most "
                   "%d are drawn", (double) a / fps, (double) b / fps,
                   (long long) (area / 1000000), AREA_MAX / 1000000);

    return false;
}


/* Why a segment is not a still, nor copied, in a word for a person. */

static void
reason_of(const planner *p, json_t *layers, char *out, size_t size)
{
    bool         video;
    size_t       i;
    json_t      *l;
    const char  *type;

    video = false;

    json_array_foreach(layers, i, l) {
        type = json_string_value(json_object_get(l, "type"));

        if (strcmp(type, "mix") == 0) {
            (void) snprintf(out, size, "a transition");
            return;
        }

        video = video || strcmp(type, "video") == 0;
    }

    if (video && p->copies.mixed) {
        (void) snprintf(out, size, "a video is shown, and not copied here");
    } else if (video) {
        (void) snprintf(out, size, "a video is shown, and not copied: %s",
                        p->copies.why != NULL ? p->copies.why : "");
    } else {
        (void) snprintf(out, size, "something appears, goes or moves");
    }
}


/* How it is coded: a still is looked at for long, and so is a seam. */

static int
crf_for(const planner *p, json_t *layers, const char *mode)
{
    int          crf;
    const char  *type;

    crf = crf_of[p->doc->quality];
    type = json_string_value(json_object_get(json_array_get(layers, 0),
                                             "type"));

    if (strcmp(mode, "still") == 0) {
        return crf - STILL_FINER;
    }

    return p->copies.mixed && json_array_size(layers) == 1 && crf > SEAM_CRF
           && type != NULL && strcmp(type, "video") == 0 ? SEAM_CRF : crf;
}


/* What all segments have; members that only some have come behind. */

static json_t *
spec_of(const planner *p, json_t *layers, int64_t frames, json_t *copy,
    const char *mode)
{
    bool           ok;
    json_t        *spec;
    const rn_doc  *doc = p->doc;

    spec = json_pack("{s:i, s:s, s:i, s:[i, i, I, I], s:i, s:I, s:I, s:O}",
                     "v", 1, "kind", "video", "engine", RN_ENGINE,
                     "canvas", doc->width, doc->height,
                     (json_int_t) doc->fps.num, (json_int_t) doc->fps.den,
                     "crf", crf_for(p, layers, mode),
                     "frames", (json_int_t) frames,
                     "background", (json_int_t) doc->background,
                     "layers", layers);

    ok = spec != NULL;

    if (ok && copy != NULL) {
        ok = json_object_set(spec, "copy", copy) == 0;
    } else if (ok && p->copies.mixed) {
        ok = json_object_set_new(spec, "sps", json_integer(p->copies.sps)) == 0;
    }

    if (ok && strcmp(mode, "still") == 0) {
        ok = json_object_set_new(spec, "still", json_true()) == 0;
    }

    if (!ok) {
        json_decref(spec);
        return NULL;
    }

    return spec;
}


static bool
plan_segment(planner *p, json_t *segments, int64_t a, int64_t b)
{
    bool         copied;
    char         key[65], why[160];
    size_t       n;
    json_t      *layers, *copy, *spec, *segment;
    const char  *mode;

    layers = layers_of(p, a, b);
    if (layers == NULL) {
        return append(p, segments, NULL);
    }

    if (!check_area(p, layers, a, b)) {
        json_decref(layers);
        return false;
    }

    n = json_array_size(layers);
    copy = rn_plan_copy(&p->copies, a, &copied);

    if (copied) {
        mode = "copy";
        (void) snprintf(why, sizeof(why), "nothing is changed of it");
    } else if (rn_plan_is_still(&p->cuts, a, b)) {
        mode = "still";
        (void) snprintf(why, sizeof(why), "nothing moves");
    } else {
        mode = "render";
        reason_of(p, layers, why, sizeof(why));
    }

    spec = copied && copy == NULL ? NULL
           : spec_of(p, layers, b - a, copy, mode);
    json_decref(layers);
    json_decref(copy);

    if (spec == NULL || !rn_spec_key(spec, key)) {
        json_decref(spec);
        return append(p, segments, NULL);
    }

    segment = json_pack("{s:i, s:s, s:I, s:f, s:s, s:s, s:o}",
                        "number", (int) json_array_size(segments),
                        "key", key, "frames", (json_int_t) (b - a),
                        "cost", cost_of(p, n, b - a, mode),
                        "mode", mode, "why", why, "spec", spec);

    return append(p, segments, segment);
}


static rn_status
find_fonts(planner *p)
{
    char             pointer[120];
    size_t           i;
    rn_fault         ours;
    rn_text_spec     t;
    const rn_clip   *c;
    const rn_asset  *a;

    p->fonts = calloc(p->tl->n + 1, sizeof(*p->fonts));
    if (p->fonts == NULL) {
        return rn_fail(p->fault, RN_E_NOMEM, "out of memory");
    }

    memset(&t, 0, sizeof(t));

    for (i = 0; i < p->tl->n; i++) {
        c = p->tl->places[i].clip;
        a = &c->asset;

        if (a->type == RN_ASSET_TEXT) {
            t.text = a->text;
            t.family = a->family;
            t.size = a->size;
            t.bold = a->bold;
            t.italic = a->italic;

            t.width = c->width.set ? (int) lround(c->width.percent
                          ? c->width.value * p->doc->width / 100
                          : c->width.value) : 0;
            t.max_width = p->doc->width;
            t.max_height = p->doc->height;

            memset(&ours, 0, sizeof(ours));
            if (rn_text_check(&t, &ours) == RN_E_INVALID) {
                (void) snprintf(pointer, sizeof(pointer), "%s/asset/text",
                                c->pointer);
                rn_problem_add(p->problems, pointer, "%s", ours.text);
                continue;
            }

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

    for (i = 0; p->cuts.at[i + 1] <= t; i++) { /* void */ }

    return json_pack("{s:I, s:I}", "number", (json_int_t) i, "tick",
                     (json_int_t) (t - p->cuts.at[i]));
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

    p.next = calloc(doc->n_tracks + 1, sizeof(size_t));
    if (p.next == NULL) {
        rn_fail(fault, RN_E_NOMEM, "out of memory");
        goto done;
    }

    for (i = tl.n; i > 0; i--) {
        p.next[tl.places[i - 1].track] = i - 1;
    }

    if (!check_transitions(&p) || find_fonts(&p) != RN_OK
        || problems->total != 0
        || rn_plan_cuts(doc, &tl, &p.cuts, fault) != RN_OK)
    {
        goto done;
    }

    if (rn_plan_copies(doc, &tl, limits, &p.cuts, &p.copies, fault) != RN_OK) {
        goto done;
    }

    segments = json_array();
    samples = rn_sample_at(tl.frames, doc->fps, 48000);

    for (i = 0; i + 1 < p.cuts.n; i++) {
        if (!plan_segment(&p, segments, p.cuts.at[i], p.cuts.at[i + 1])) {
            goto done;
        }
    }

    sound = rn_plan_sound(doc, &tl, samples, fault);
    if (sound == NULL) {
        goto done;
    }

    *plan = json_pack("{s:i, s:[i, i, I, I], s:I, s:I, s:f, s:s, s:s,"
                      " s:o, s:b, s:b, s:O, s:O}",
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
                      "mixed", (int) p.copies.mixed,
                      "segments", segments, "sound", sound);
    if (*plan == NULL) {
        rn_fail(fault, RN_E_NOMEM, "out of memory");
    }

done:

    json_decref(segments);
    json_decref(sound);
    rn_copies_free(&p.copies);
    rn_plan_cuts_free(&p.cuts);
    free(p.next);
    free(p.fonts);
    rn_timeline_free(&tl);

    return problems->total != 0 ? RN_E_INVALID : fault->status;
}
