/* Which films are copied, and where they are cut; see rn_plan_copy.h. */

#include "rn_plan_copy.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


#define COPY_GRID  60.0                 /* s of the source in a segment */


static bool
is_seen(const rn_doc *doc, const rn_place *c)
{
    return doc->tracks[c->track].kind == RN_TRACK_VIDEO;
}


static bool
is_side(const rn_length *l, int canvas)
{
    return !l->set || lround(l->percent ? l->value * canvas / 100 : l->value)
                      == canvas;
}


static bool
is_zero(const rn_length *l)
{
    return !l->set || l->value == 0;
}


/* Whether the clip shows each picture of its source as it is. */

static bool
is_plain(const rn_doc *doc, const rn_place *p)
{
    int             m;
    const rn_clip  *c = p->clip;

    for (m = 0; m < RN_MOVES; m++) {
        if (m != RN_MOVE_VOLUME && c->moves[m].n > 0) {
            return false;
        }
    }

    return c->opacity == 1 && c->rotate == 0 && c->scale == 1 && c->speed == 1
           && c->n_effects == 0 && !c->crop[0].set && is_zero(&c->radius)
           && is_side(&c->width, doc->width)
           && is_side(&c->height, doc->height)
           && is_zero(&c->dx) && is_zero(&c->dy)
           && (!c->placed || (is_zero(&c->x) && is_zero(&c->y)));
}


static json_int_t
number(json_t *list, size_t i)
{
    return json_integer_value(json_array_get(list, i));
}


/* The first IDR picture at or behind picture k, or the end. */

static int64_t
next_idr(json_t *copy, int64_t k)
{
    size_t   i;
    json_t  *run;
    int64_t  at, gap, times, skip;

    at = 0;

    json_array_foreach(json_object_get(copy, "gaps"), i, run) {
        gap = number(run, 0);
        times = number(run, 1);

        if (k <= at) {
            return at;
        }

        if (gap > 0 && k <= at + gap * times) {
            skip = (k - at + gap - 1) / gap;
            return at + skip * gap;
        }

        at += gap * times;
    }

    return at;
}


static bool
same_rate(json_t *copy, rn_rational fps)
{
    long long    num, den;
    const char  *text;

    text = json_string_value(json_object_get(copy, "fps"));

    return text != NULL && sscanf(text, "%lld/%lld", &num, &den) == 2
           && num * fps.den == den * fps.num;
}


/* NULL: it can be copied. */

static const char *
why_not(const rn_doc *doc, const rn_place *c, const char *params)
{
    json_t          *copy;
    int64_t          end;
    const rn_facts  *f = c->facts;

    if (c->clip->asset.type != RN_ASSET_VIDEO) {
        return "not all of the film is video";
    }

    if (c->lead > 0 || c->tail > 0) {
        return "it has transitions";
    }

    if (c->show_in > 0 || c->show_out > 0 || !is_plain(doc, c)) {
        return "its picture is changed";
    }

    copy = f->copy;
    if (copy == NULL) {
        return "it is of no kind that can be copied";
    }

    if (f->width != doc->width || f->height != doc->height) {
        return "its size is not the film's";
    }

    if (!same_rate(copy, doc->fps)) {
        return "its frame rate is not the film's";
    }

    if (strcmp(json_string_value(json_object_get(copy, "params")) ?: "",
               params) != 0)
    {
        return "its sources are encoded in different ways";
    }

    end = c->in + c->end - c->start;

    if (end > json_integer_value(json_object_get(copy, "frames"))) {
        return "it ends behind its source";
    }

    if (next_idr(copy, c->in) != c->in || next_idr(copy, end) != end) {
        return "it does not begin and end with key frames";
    }

    return NULL;
}


static const char *
params_of(const rn_place *c)
{
    return c->facts != NULL
           ? json_string_value(json_object_get(c->facts->copy, "params")) ?: ""
           : "";
}


/* Once through the pictures: one behind the other, and none above them. */

static const char *
check(const rn_doc *doc, const rn_timeline *tl, size_t *pieces)
{
    size_t           i;
    int64_t          at;
    const char      *why;
    const rn_place  *c, *first;

    at = 0;
    first = NULL;
    *pieces = 0;

    for (i = 0; i < tl->n; i++) {
        c = &tl->places[i];

        if (!is_seen(doc, c)) {
            continue;
        }

        first = first == NULL ? c : first;

        if (c->track != first->track) {
            return "something lies over it";
        }

        if (c->start != at) {
            return "there are gaps";
        }

        why = why_not(doc, c, params_of(first));
        if (why != NULL) {
            return why;
        }

        at = c->end;
        *pieces += 2 + (size_t) ((c->end - c->start)
                                 / rn_ticks(COPY_GRID, doc->fps));
    }

    return at != tl->frames || first == NULL ? "there are gaps"
           : doc->quality == RN_QUALITY_LOW ? "a low quality was asked for"
           : NULL;
}


bool
rn_plan_copies(const rn_doc *doc, const rn_timeline *tl, rn_cuts *cuts,
    const char **why, rn_fault *fault)
{
    size_t           i, n, pieces;
    int64_t          t, last, grid, *at;
    const rn_place  *c;

    *why = check(doc, tl, &pieces);
    if (*why != NULL) {
        return false;
    }

    at = malloc((pieces + 1) * sizeof(int64_t));
    if (at == NULL) {
        (void) rn_fail(fault, RN_E_NOMEM, "out of memory");
        return false;
    }

    grid = rn_ticks(COPY_GRID, doc->fps);
    n = 0;

    for (i = 0; i < tl->n; i++) {
        c = &tl->places[i];

        if (!is_seen(doc, c)) {
            continue;
        }

        /* counted in the source: the same pieces, whatever comes before it */

        at[n++] = c->start;
        last = c->in + c->end - c->start;

        for (t = c->in - c->in % grid + grid; t < last; t += grid) {
            int64_t  k = next_idr(c->facts->copy, t);

            if (k < last && c->start + k - c->in > at[n - 1]) {
                at[n++] = c->start + k - c->in;
            }
        }
    }

    at[n++] = tl->frames;

    free(cuts->at);
    cuts->at = at;
    cuts->n = n;

    return true;
}


json_t *
rn_plan_copy(const rn_doc *doc, const rn_timeline *tl, size_t *next, int64_t a)
{
    const rn_place  *c;

    while (!is_seen(doc, &tl->places[*next]) || tl->places[*next].end <= a) {
        (*next)++;
    }

    c = &tl->places[*next];

    return json_pack("{s:s, s:I, s:s}", "input", c->facts->sha256,
                     "from", (json_int_t) (c->in + a - c->start),
                     "params", params_of(c));
}
