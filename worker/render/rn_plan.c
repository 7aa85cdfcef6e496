/*
 * The planner as a whole: outputs, their tracks of pictures (rn_plan_segment.c)
 * and of sound (rn_plan_sound.c), and what is known of the film before.
 */

#include "rn_plan.h"
#include "rn_encode.h"
#include "rn_plan_copy.h"
#include "rn_plan_cuts.h"
#include "rn_plan_output.h"
#include "rn_plan_segment.h"
#include "rn_plan_sound.h"
#include "rn_plan_svg.h"
#include "rn_plan_warn.h"
#include "rn_sound.h"
#include "rn_transition.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


/* The document knows the names of every FFmpeg; the one at hand may not. */

static bool
check_transitions(rn_planner *p)
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


/*
 * The tracks of pictures.  Those of which something is copied are cut where the
 * copies are, all others alike, so that they share what is drawn.
 */

static bool
plan_pictures(rn_planner *p, rn_outputs *outs, const rn_limits *limits,
    const rn_cuts *cuts, json_t *list)
{
    bool                       ok;
    size_t                     i, n;
    rn_cuts                    own;
    rn_copies                  copies;
    rn_picture_stream         *v;
    const rn_picture_stream  **rest;

    rest = calloc(outs->n_pictures + 1, sizeof(*rest));
    if (rest == NULL) {
        rn_fail(p->fault, RN_E_NOMEM, "out of memory");
        return false;
    }

    ok = true;
    n = 0;

    for (i = 0; ok && i < outs->n_pictures; i++) {
        v = &outs->pictures[i];

        if (!v->as_canvas || v->cut) {
            rest[n++] = v;
            continue;
        }

        memset(&copies, 0, sizeof(copies));

        ok = rn_plan_cuts(p->doc, p->tl, &own, p->fault) == RN_OK
             && rn_plan_copies(p->doc, p->tl, v, limits, &own, &copies,
                               p->fault) == RN_OK;
        v->mixed = copies.mixed;
        v->why = copies.why != NULL ? copies.why : "";

        if (copies.n == 0) {
            rest[n++] = v;
        } else if (ok) {
            ok = rn_plan_segments(p, &own, &copies,
                                  (const rn_picture_stream *const *) &v, 1,
                                  list);
        }

        rn_copies_free(&copies);
        rn_plan_cuts_free(&own);
    }

    ok = ok && (n == 0 || rn_plan_segments(p, cuts, NULL, rest, n, list));
    free(rest);

    return ok;
}


/* What there is to hear; an output that is nothing else must have some. */

static bool
plan_sounds(rn_planner *p, rn_outputs *outs, json_t *list)
{
    size_t            i;
    json_t           *pieces;
    const rn_output  *o;

    for (i = 0; i < outs->n_sounds; i++) {
        pieces = rn_plan_sound(p->doc, p->tl, &outs->sounds[i], p->fault);

        if (pieces == NULL || json_array_extend(list, pieces) != 0) {
            json_decref(pieces);
            rn_fail(p->fault, RN_E_NOMEM, "out of memory");
            return false;
        }

        outs->sounds[i].silent = json_array_size(pieces) == 0;

        if (outs->sounds[i].silent) {
            for (o = p->doc->outputs; o < p->doc->outputs + p->doc->n_outputs;
                 o++)
            {
                if (outs->of[o - p->doc->outputs].sound == (int) i
                    && !rn_format_has_pictures(o->format))
                {
                    rn_problem_add(p->problems, o->pointer, "nothing sounds "
                                   "in it");
                }
            }
        }

        json_decref(pieces);
    }

    return p->problems->total == 0;
}


static json_t *
plan_outputs(const rn_doc *doc, const rn_timeline *tl, const rn_outputs *outs)
{
    size_t   i;
    json_t  *list;

    list = json_array();

    for (i = 0; i < doc->n_outputs; i++) {
        if (json_array_append_new(list, rn_plan_output(doc, tl, outs, i))
            != 0)
        {
            json_decref(list);
            return NULL;
        }
    }

    return list;
}


static bool
is_mixed(const rn_doc *doc, const rn_outputs *outs)
{
    int  i;

    i = outs->of[doc->film].picture;

    return i >= 0 && outs->pictures[i].mixed;
}


static void
plan_film(rn_planner *p, rn_outputs *outs, const rn_cuts *cuts,
    const rn_limits *limits, json_t **plan)
{
    json_t        *segments, *sound, *first, *poster;
    int64_t        frames = p->tl->frames;
    const rn_doc  *doc = p->doc;

    segments = json_array();
    sound = json_array();
    first = poster = NULL;

    if (!plan_pictures(p, outs, limits, cuts, segments)
        || !plan_sounds(p, outs, sound))
    {
        goto done;
    }

    if (outs->n_pictures > 0) {
        first = rn_plan_picture(p, cuts, 0);
        poster = rn_plan_picture(p, cuts, p->tl->poster);

        if (first == NULL || poster == NULL) {
            goto done;
        }
    }

    *plan = json_pack("{s:i, s:[i, i, I, I], s:I, s:I, s:f, s:s, s:s,"
                      " s:O*, s:O*, s:b, s:b, s:o, s:O, s:O}",
                      "engine", RN_ENGINE,
                      "canvas", doc->width, doc->height,
                      (json_int_t) doc->fps.num, (json_int_t) doc->fps.den,
                      "frames", (json_int_t) frames,
                      "samples", (json_int_t) rn_sample_at(frames, doc->fps,
                                                           RN_RATE),
                      "duration", (double) frames * (double) doc->fps.den
                                  / (double) doc->fps.num,
                      "output", doc->outputs[doc->film].name,
                      "title", doc->title != NULL ? doc->title : "",
                      "first", first, "poster", poster,
                      "blurhash", doc->blurhash && outs->n_pictures > 0,
                      "mixed", (int) is_mixed(doc, outs),
                      "outputs", plan_outputs(doc, p->tl, outs),
                      "segments", segments, "sound", sound);
    if (*plan == NULL) {
        rn_fail(p->fault, RN_E_NOMEM, "out of memory");
    }

done:

    json_decref(segments);
    json_decref(sound);
    json_decref(first);
    json_decref(poster);
}


/* Who codes it, where that is not libx264, or why that has to do. */

static void
tell_encoder(const rn_planner *p, json_t *plan, rn_problems *warnings)
{
    if (p->hardware) {
        (void) json_object_set_new(plan, "encoder",
                                   json_string(p->limits->encoder));
    } else if (p->h264 && p->limits->no_encoder != NULL) {
        rn_problem_add(warnings, "", "%s", p->limits->no_encoder);
        (void) json_object_set_new(plan, "no_encoder",
                                   json_string(p->limits->no_encoder));
    }
}


rn_status
rn_plan(const rn_doc *doc, const rn_facts *facts, const rn_limits *limits,
    const rn_env *env, rn_problems *problems, json_t **plan, rn_fault *fault)
{
    rn_cuts      cuts;
    rn_planner   p;
    rn_outputs   outs;
    rn_problems  warnings;
    rn_timeline  tl;

    *plan = NULL;

    if (rn_timeline_resolve(doc, facts, limits, problems, &tl) != RN_OK) {
        return RN_E_INVALID;
    }

    memset(&p, 0, sizeof(p));
    memset(&cuts, 0, sizeof(cuts));
    memset(&warnings, 0, sizeof(warnings));
    p.doc = doc;
    p.facts = facts;
    p.tl = &tl;
    p.problems = problems;
    p.fault = fault;
    p.limits = limits;

    if (rn_plan_outputs(doc, &tl, limits, problems, &outs, fault) == RN_OK
        && check_transitions(&p)
        && (p.letters = rn_plan_letters(doc, facts, &tl, env, problems, fault))
           != NULL
        && rn_plan_svgs(&p, &tl) == RN_OK && problems->total == 0
        && rn_plan_cuts(doc, &tl, &cuts, fault) == RN_OK)
    {
        plan_film(&p, &outs, &cuts, limits, plan);

        if (*plan != NULL) {
            tell_encoder(&p, *plan, &warnings);
            rn_plan_warn(doc, facts, &tl, p.letters, &warnings);
            (void) json_object_set_new(*plan, "warnings",
                                       rn_problems_json(&warnings));
        }
    }

    rn_problems_free(&warnings);

    rn_outputs_free(&outs);
    rn_plan_cuts_free(&cuts);
    free(p.letters);
    free(p.drawn);
    rn_timeline_free(&tl);

    return problems->total != 0 ? RN_E_INVALID : fault->status;
}
