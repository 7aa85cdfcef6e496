/* What of a film is copied, and where it is cut then; see rn_plan_copy.h. */

#include "rn_plan_copy.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


#define COPY_GRID  60.0                 /* s of the source in a segment */
#define COPY_MIN   2.0                  /* s that are worth cuts */


static int64_t
least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}


static int64_t
most(int64_t a, int64_t b)
{
    return a > b ? a : b;
}


static bool
is_seen(const rn_doc *doc, const rn_place *c, int64_t from, int64_t to)
{
    return doc->tracks[c->track].kind == RN_TRACK_VIDEO && c->start < to
           && c->end > from;
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


/* The first IDR picture at or behind picture k, or the end; or the last at or
   before it. */

static int64_t
idr_at(json_t *copy, int64_t k, bool before)
{
    size_t   i;
    json_t  *run;
    int64_t  at, gap, times;

    at = 0;

    json_array_foreach(json_object_get(copy, "gaps"), i, run) {
        gap = number(run, 0);
        times = number(run, 1);

        if (k <= at) {
            return at;
        }

        if (gap > 0 && k <= at + gap * times) {
            return at + (before ? (k - at) / gap
                                : (k - at + gap - 1) / gap) * gap;
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


static const char *
params_of(const rn_place *c)
{
    return c->facts != NULL
           ? json_string_value(json_object_get(c->facts->copy, "params")) ?: ""
           : "";
}


/* Whether pictures of a clip can be copied at all; NULL: they can. */

static const char *
unfit(const rn_doc *doc, const rn_place *c, const char *params, bool mixed)
{
    json_t          *copy;
    const rn_facts  *f = c->facts;

    if (c->clip->asset.type != RN_ASSET_VIDEO) {
        return "not all of the film is video";
    }

    if (!is_plain(doc, c)) {
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

    /* what is encoded beside it has ours */

    if (mixed && !json_is_true(json_object_get(copy, "bt709"))) {
        return "its colours are not the film's";
    }

    return strcmp(params_of(c), params) != 0
           ? "its sources are encoded in different ways" : NULL;
}


/* Whether all of it can be, from tick a to b. */

static const char *
unfit_whole(const rn_doc *doc, const rn_place *c, int64_t a, int64_t b,
    const char *params)
{
    int64_t      shift;
    const char  *why;

    if (a < c->start + c->lead || b > c->end - c->tail) {
        return "it has transitions";
    }

    why = a < c->start + c->show_in || b > c->end - c->show_out
          ? "its picture is changed" : unfit(doc, c, params, false);
    if (why != NULL) {
        return why;
    }

    shift = c->in - c->start;
    a += shift;
    b += shift;

    if (b > json_integer_value(json_object_get(c->facts->copy, "frames"))) {
        return "it ends behind its source";
    }

    return idr_at(c->facts->copy, a, false) != a
           || idr_at(c->facts->copy, b, false) != b
           ? "it does not begin and end with key frames" : NULL;
}


/*
 * Once through the pictures of a part of the film: one behind the other, and
 * none above them.
 */

static const char *
why_not_all(const rn_doc *doc, const rn_timeline *tl, int64_t from, int64_t to)
{
    size_t           i;
    int64_t          at, end;
    const char      *why;
    const rn_place  *c, *first;

    at = from;
    first = NULL;

    for (i = 0; i < tl->n; i++) {
        c = &tl->places[i];

        if (!is_seen(doc, c, from, to)) {
            continue;
        }

        first = first == NULL ? c : first;
        end = least(c->end, to);
        why = c->track != first->track ? "something lies over it"
              : most(c->start, from) != at ? "there are gaps"
              : unfit_whole(doc, c, at, end, params_of(first));

        if (why != NULL) {
            return why;
        }

        at = end;
    }

    return at != to ? "there are gaps" : NULL;
}


static bool
add_range(rn_copies *out, const rn_place *c, int64_t from, int64_t to)
{
    rn_copy_range  *r;

    if ((out->n & (out->n + 1)) == 0) {     /* room for 1, 3, 7 ... */
        r = realloc(out->ranges, (2 * out->n + 1) * sizeof(rn_copy_range));
        if (r == NULL) {
            return false;
        }
        out->ranges = r;
    }

    out->ranges[out->n++] = (rn_copy_range) { from, to, c };

    return true;
}


/* What of a stretch in which a clip is alone lies between IDR pictures. */

static bool
add_stretch(rn_copies *out, const rn_doc *doc, const rn_place *c, int64_t a,
    int64_t b)
{
    int64_t   from, to, shift, frames, min;
    json_t   *copy = c->facts->copy;

    shift = c->start - c->in;
    frames = json_integer_value(json_object_get(copy, "frames"));
    b = b - shift > frames ? frames + shift : b;

    from = idr_at(copy, a - shift, false) + shift;
    to = (b - shift == frames ? frames : idr_at(copy, b - shift, true)) + shift;

    min = out->mixed ? rn_ticks(COPY_MIN, doc->fps) : 1;

    return to - from < min || add_range(out, c, from, to);
}


static int
by_start(const void *va, const void *vb)
{
    const rn_place  *a = *(const rn_place *const *) va;
    const rn_place  *b = *(const rn_place *const *) vb;

    return (a->start > b->start) - (a->start < b->start);
}


/* The clip without what fades, and without what others lie over. */

static bool
add_clip(rn_copies *out, const rn_doc *doc, const rn_picture_stream *v,
    const rn_place *c, const rn_place **above, size_t n)
{
    size_t   i;
    int64_t  a, b;

    a = most(c->start + most(c->lead, c->show_in), v->from);
    b = least(c->end - most(c->tail, c->show_out), v->to);

    for (i = 0; i < n && above[i]->start < b; i++) {
        if (above[i]->end <= a) {
            continue;
        }

        if (above[i]->start > a
            && !add_stretch(out, doc, c, a, above[i]->start))
        {
            return false;
        }

        a = above[i]->end;
    }

    return a >= b || add_stretch(out, doc, c, a, b);
}


/* A number that no source has. */

static int
free_number(const rn_copies *out)
{
    bool     taken;
    int      id;
    size_t   i;
    json_t  *ids;

    for (id = 1; id < 31; id++) {
        taken = false;

        for (i = 0; i < out->n; i++) {
            ids = json_object_get(out->ranges[i].place->facts->copy, "ids");
            taken = taken || number(ids, 0) == id || number(ids, 1) == id;
        }

        if (!taken) {
            break;
        }
    }

    return id;
}


/* All that can be copied of the lowest track of what the stream shows. */

static bool
find_ranges(const rn_doc *doc, const rn_timeline *tl,
    const rn_picture_stream *v, rn_copies *out)
{
    bool              ok;
    size_t            i, n;
    const char       *params;
    const rn_place   *c, *first, **above;

    above = malloc((tl->n + 1) * sizeof(*above));
    if (above == NULL) {
        return false;
    }

    first = NULL;
    params = NULL;
    ok = true;
    n = 0;

    for (i = 0; i < tl->n; i++) {
        c = &tl->places[i];

        if (is_seen(doc, c, v->from, v->to)) {
            first = first == NULL ? c : first;
            if (c->track != first->track) {
                above[n++] = c;
            }
        }
    }

    qsort(above, n, sizeof(*above), by_start);

    for (i = 0; ok && first != NULL && i < tl->n; i++) {
        c = &tl->places[i];

        if (c->track != first->track || !is_seen(doc, c, v->from, v->to)
            || unfit(doc, c, params != NULL ? params : params_of(c),
                     out->mixed) != NULL)
        {
            continue;
        }

        params = params_of(c);
        ok = add_clip(out, doc, v, c, above, n);
    }

    free(above);

    return ok;
}


/* A cut more; false: no memory. */

static bool
add_cut(rn_cuts *cuts, int64_t t)
{
    size_t    i;
    int64_t  *at;

    for (i = 0; i < cuts->n && cuts->at[i] < t; i++) { /* void */ }

    if (i < cuts->n && cuts->at[i] == t) {
        return true;
    }

    at = realloc(cuts->at, (cuts->n + 1) * sizeof(int64_t));
    if (at == NULL) {
        return false;
    }

    memmove(at + i + 1, at + i, (cuts->n - i) * sizeof(int64_t));
    at[i] = t;
    cuts->at = at;
    cuts->n++;

    return true;
}


/* Cuts at their edges and once a minute, and no others within them. */

static bool
cut(const rn_doc *doc, rn_cuts *cuts, const rn_copies *copies)
{
    size_t                i, k, n, max;
    int64_t              *at, t, shift, grid;
    const rn_copy_range  *r;

    grid = rn_ticks(COPY_GRID, doc->fps);
    max = cuts->n;

    for (i = 0; i < copies->n; i++) {
        r = &copies->ranges[i];
        max += 3 + (size_t) ((r->to - r->from) / grid);
    }

    at = malloc(max * sizeof(int64_t));
    if (at == NULL) {
        return false;
    }

    n = k = 0;

    for (i = 0; i < copies->n; i++) {
        r = &copies->ranges[i];

        for ( /* void */ ; k < cuts->n && cuts->at[k] < r->to; k++) {
            if (cuts->at[k] < r->from) {
                at[n++] = cuts->at[k];
            }
        }

        at[n++] = r->from;
        shift = r->place->start - r->place->in;

        /* counted in the source: the same pieces, whatever comes before it */

        for (t = (r->from - shift) / grid * grid + grid; t < r->to - shift;
             t += grid)
        {
            int64_t  idr = idr_at(r->place->facts->copy, t, false) + shift;

            if (idr > at[n - 1] && idr < r->to) {
                at[n++] = idr;
            }
        }

        if (k == cuts->n || cuts->at[k] > r->to) {
            at[n++] = r->to;
        }
    }

    for ( /* void */ ; k < cuts->n; k++) {
        at[n++] = cuts->at[k];
    }

    for (i = 1, k = 1; i < n; i++) {        /* one range ends another begins */
        if (at[i] != at[k - 1]) {
            at[k++] = at[i];
        }
    }

    free(cuts->at);
    cuts->at = at;
    cuts->n = k;

    return true;
}


rn_status
rn_plan_copies(const rn_doc *doc, const rn_timeline *tl,
    const rn_picture_stream *v, const rn_limits *limits, rn_cuts *cuts,
    rn_copies *out, rn_fault *fault)
{
    memset(out, 0, sizeof(*out));

    if (v->quality == RN_QUALITY_LOW) {
        out->why = "a low quality was asked for";
        return RN_OK;
    }

    out->why = why_not_all(doc, tl, v->from, v->to);

    if (out->why != NULL && !limits->smart_cut) {
        return RN_OK;
    }

    out->mixed = out->why != NULL;

    /* what is encoded beside copies has their parameters where it is a piece
       of the film, so no piece lies on an edge of the part */

    if (!find_ranges(doc, tl, v, out)
        || !add_cut(cuts, v->from) || !add_cut(cuts, v->to)
        || !cut(doc, cuts, out))
    {
        return rn_fail(fault, RN_E_NOMEM, "out of memory");
    }

    out->mixed = out->mixed && out->n > 0;
    out->sps = out->mixed ? free_number(out) : 0;

    return RN_OK;
}


json_t *
rn_plan_copy(rn_copies *copies, int64_t a, bool *copied)
{
    const rn_place       *c;
    const rn_copy_range  *r;

    while (copies->next < copies->n && copies->ranges[copies->next].to <= a) {
        copies->next++;
    }

    r = copies->n > 0 ? &copies->ranges[copies->next] : NULL;
    *copied = copies->next < copies->n && r->from <= a;

    if (!*copied) {
        return NULL;
    }

    c = r->place;

    return json_pack("{s:s, s:I, s:s, s:O*}", "input", c->facts->sha256,
                     "from", (json_int_t) (c->in + a - c->start),
                     "params", params_of(c),
                     "told", json_object_get(c->facts->copy, "told"));
}


void
rn_copies_free(rn_copies *copies)
{
    free(copies->ranges);
    memset(copies, 0, sizeof(*copies));
}
