/*
 * Cuts; see rn_plan_cuts.h.  The film is cut at the edges of the lowest track's
 * clips and of transitions, and around what stands still for long, whatever
 * lies above; what moves on is cut on a grid of its source, what stands still
 * on one of its own.
 */

#include "rn_plan_cuts.h"
#include "rn_plan_output.h"
#include "rn_plan_text.h"

#include <stdlib.h>
#include <string.h>


#define SEGMENT_MIN   1.0               /* seconds */
#define SEGMENT_MAX   10.0
#define SEGMENT_LONG  6.0               /* longer stretches are cut */
#define SEGMENT_GRID  5.0               /* on this grid of the source */
#define STREAM_FIRST  3.0
#define STREAM_LEAST  2.0               /* shorter pieces have company */
#define STILL_WORTH   2.0               /* a still that is worth cuts */
#define STILL_GRID    10.0

/* Something begins or ends to move, or appears, at a tick. */

typedef struct {
    int64_t            at;
    int                busy;            /* +1, -1, or 0: the picture changes */
} event;

typedef struct {
    const rn_doc       *doc;
    const rn_timeline  *tl;
    rn_cuts            *cuts;
    event              *events;
    size_t              n, room;
    size_t              base;           /* the lowest track with pictures */
} finder;


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

    qsort(v, n, sizeof(int64_t), by_value);

    for (i = 0, k = 0; i < n; i++) {
        if (k == 0 || v[k - 1] != v[i]) {
            v[k++] = v[i];
        }
    }

    return k;
}


static int
by_tick(const void *va, const void *vb)
{
    const event  *a = va, *b = vb;

    return a->at < b->at ? -1 : a->at > b->at;
}


static bool
is_seen(const finder *f, const rn_place *c)
{
    return f->doc->tracks[c->track].kind == RN_TRACK_VIDEO;
}


/* Whether its picture is another at each tick. */

static bool
goes_on(const rn_place *c)
{
    return c->clip->asset.type == RN_ASSET_VIDEO
           || c->clip->asset.type == RN_ASSET_WAVEFORM;
}


static bool
add_event(finder *f, int64_t at, int busy)
{
    event   *e;
    size_t   room;

    if (f->n == f->room) {
        room = 2 * f->room + 64;
        e = realloc(f->events, room * sizeof(event));
        if (e == NULL) {
            return false;
        }
        f->events = e;
        f->room = room;
    }

    at = at < 0 ? 0 : at > f->tl->frames ? f->tl->frames : at;
    f->events[f->n].at = at;
    f->events[f->n++].busy = busy;

    return true;
}


static bool
add_busy(finder *f, int64_t from, int64_t to)
{
    return from >= to || (add_event(f, from, 1) && add_event(f, to, -1));
}


static bool
differ(const rn_keyframe *a, const rn_keyframe *b, int values)
{
    int  i;

    for (i = 0; i < values; i++) {
        if (a->v[i].value != b->v[i].value
            || a->v[i].percent != b->v[i].percent)
        {
            return true;
        }
    }

    return false;
}


/* Keys that differ: from the picture behind the one to that of the other. */

static bool
add_motion(finder *f, const rn_place *c)
{
    int                  m;
    size_t               i;
    int64_t              a, b;
    const rn_keyframes  *k;

    for (m = 0; m < RN_MOVES; m++) {
        k = &c->clip->moves[m];

        if (m == RN_MOVE_VOLUME) {
            continue;
        }

        for (i = 1; i < k->n; i++) {
            if (!differ(&k->keys[i - 1], &k->keys[i],
                        rn_move_values((rn_move) m)))
            {
                continue;
            }

            a = rn_keyframe_tick(c, &k->keys[i - 1], f->doc->fps);
            b = rn_keyframe_tick(c, &k->keys[i], f->doc->fps);
            b = b < c->end ? b : c->end;

            if (k->keys[i].step ? !add_event(f, b, 0)
                                : !add_busy(f, a + 1 < b ? a + 1 : b, b)
                                  || !add_event(f, b, 0))
            {
                return false;
            }
        }
    }

    return true;
}


/* An event of a styled caption. */

static bool
add_styled(void *opaque, int64_t from, int64_t to, bool moves)
{
    finder  *f = opaque;

    return moves ? add_busy(f, from, to)
                 : add_event(f, from, 0) && add_event(f, to, 0);
}


static bool
add_place(finder *f, const rn_place *c)
{
    if (!add_event(f, c->start, 0) || !add_event(f, c->end, 0)
        || !add_busy(f, c->start, c->start + c->lead)
        || !add_busy(f, c->start, c->start + c->show_in)
        || !add_busy(f, c->end - c->show_out, c->end))
    {
        return false;
    }

    if (goes_on(c)) {
        return add_busy(f, c->start, c->end);
    }

    if (c->clip->asset.type == RN_ASSET_CAPTION) {
        return rn_plan_ass_events(f->doc, c, add_styled, f);
    }

    return add_motion(f, c);
}


/* The stretches in which nothing moves, appears or goes. */

static rn_status
find_stills(finder *f, rn_fault *fault)
{
    int       busy;
    bool      ok;
    size_t    i;
    int64_t  *still;

    ok = add_event(f, 0, 0) && add_event(f, f->tl->frames, 0);
    f->base = SIZE_MAX;

    for (i = 0; ok && i < f->tl->n; i++) {
        if (is_seen(f, &f->tl->places[i])) {
            if (f->base == SIZE_MAX) {
                f->base = f->tl->places[i].track;
            }
            ok = add_place(f, &f->tl->places[i]);
        }
    }

    still = ok ? malloc(2 * f->n * sizeof(int64_t)) : NULL;
    if (still == NULL) {
        return rn_fail(fault, RN_E_NOMEM, "out of memory");
    }

    f->cuts->still = still;
    qsort(f->events, f->n, sizeof(event), by_tick);
    busy = 0;

    for (i = 0; i + 1 < f->n; i++) {
        busy += f->events[i].busy;

        if (busy == 0 && f->events[i].at < f->events[i + 1].at) {
            still[2 * f->cuts->n_still] = f->events[i].at;
            still[2 * f->cuts->n_still + 1] = f->events[i + 1].at;
            f->cuts->n_still++;
        }
    }

    return RN_OK;
}


/* The index of the still that begins at or before `at`, or n_still. */

static size_t
still_before(const rn_cuts *cuts, int64_t at)
{
    size_t  lo, hi, mid;

    lo = 0;
    hi = cuts->n_still;

    while (lo < hi) {
        mid = (lo + hi) / 2;
        if (cuts->still[2 * mid] <= at) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }

    return lo > 0 ? lo - 1 : cuts->n_still;
}


bool
rn_plan_is_still(const rn_cuts *cuts, int64_t a, int64_t b)
{
    size_t  i;

    i = still_before(cuts, a);

    return i < cuts->n_still && cuts->still[2 * i + 1] >= b;
}


/* The lowest clip that moves at tick t, or NULL. */

static const rn_place *
moving_at(const finder *f, int64_t t)
{
    size_t           i;
    const rn_place  *c;

    for (i = 0; i < f->tl->n; i++) {
        c = &f->tl->places[i];

        if (is_seen(f, c) && goes_on(c)
            && c->start <= t && t < c->end)
        {
            return c;
        }
    }

    return NULL;
}


/*
 * Long stretches on a grid that is counted in the source, so that it stays
 * where it was in the picture when something earlier is edited.
 */

static size_t
cut_long(finder *f, size_t n, size_t max)
{
    bool             still;
    size_t           i, edges;
    int64_t          a, b, t, origin, grid, longest, *at = f->cuts->at;
    rn_rational      fps = f->doc->fps;
    const rn_place  *moving;

    edges = n;

    for (i = 0; i + 1 < edges; i++) {
        a = at[i];
        b = at[i + 1];
        still = rn_plan_is_still(f->cuts, a, b);
        longest = rn_ticks(still ? STILL_GRID : SEGMENT_LONG, fps);
        grid = rn_ticks(still ? STILL_GRID : SEGMENT_GRID, fps);

        if (b - a <= longest) {
            continue;
        }

        moving = still ? NULL : moving_at(f, a);
        origin = moving != NULL && moving->clip->speed == 1
                 ? moving->start - moving->in : a;

        t = a - (a - origin) % grid + grid;
        for ( /* void */ ; t < b && n < max; t += grid) {
            at[n++] = t;
        }
    }

    return unique(at, n);
}


/*
 * A still that is long enough stays by itself: joined to what moves it would
 * be none.
 */

static bool
is_kept(const rn_cuts *cuts, int64_t a, int64_t b, int64_t min)
{
    return b - a >= min && rn_plan_is_still(cuts, a, b);
}


/* Joins what is shorter than a segment should be with its neighbour. */

static void
join_short(finder *f)
{
    size_t    i, k;
    int64_t   min, max, *at = f->cuts->at;
    rn_cuts  *cuts = f->cuts;

    min = rn_ticks(SEGMENT_MIN, f->doc->fps);
    max = rn_ticks(SEGMENT_MAX, f->doc->fps);

    for (i = 1, k = 0; i < cuts->n; i++) {
        if (i + 1 < cuts->n && at[i] - at[k] < min && at[i + 1] - at[k] <= max
            && !is_kept(cuts, at[k], at[i], min)
            && !is_kept(cuts, at[i], at[i + 1], min))
        {
            continue;                   /* not here: take the next one in */
        }
        at[++k] = at[i];
    }

    if (k >= 2 && at[k] - at[k - 1] < min && at[k] - at[k - 2] <= max
        && !is_kept(cuts, at[k - 1], at[k], min)
        && !is_kept(cuts, at[k - 2], at[k - 1], min))
    {
        at[k - 1] = at[k];
        k--;
    }

    cuts->n = k + 1;
}


/*
 * Who watches a stream while it renders waits for its first part, so that is
 * short: where the stream begins, for it may be of a part of the film.
 */

static void
cut_first(finder *f, const rn_output *o)
{
    size_t    i;
    int64_t   from, end, least, to, min, *at = f->cuts->at;
    rn_cuts  *cuts = f->cuts;

    from = rn_moment(&o->from, f->doc->fps);
    end = o->len.kind == RN_TIME_AUTO ? f->tl->frames
                                      : from + rn_moment(&o->len, f->doc->fps);
    least = from + rn_ticks(STREAM_LEAST, f->doc->fps);
    to = from + rn_ticks(STREAM_FIRST, f->doc->fps);
    min = rn_ticks(SEGMENT_MIN, f->doc->fps);

    for (i = 1; i < cuts->n && at[i] < least; i++) { /* void */ }

    if (i == cuts->n || at[i] - to < min || end - to < min
        || rn_plan_is_still(cuts, at[i - 1], at[i]))
    {
        return;
    }

    memmove(at + i + 1, at + i, (cuts->n - i) * sizeof(int64_t));
    at[i] = to;
    cuts->n++;
}


rn_status
rn_plan_cuts(const rn_doc *doc, const rn_timeline *tl, rn_cuts *cuts,
    rn_fault *fault)
{
    size_t           i, n, max;
    int64_t          worth, end;
    finder           f;
    const rn_place  *c;

    memset(cuts, 0, sizeof(*cuts));
    memset(&f, 0, sizeof(f));
    f.doc = doc;
    f.tl = tl;
    f.cuts = cuts;

    if (find_stills(&f, fault) != RN_OK) {
        goto done;
    }

    max = 2 + 2 * tl->n + 2 * cuts->n_still
          + (size_t) (tl->frames / rn_ticks(SEGMENT_GRID, doc->fps));
    max += tl->n + cuts->n_still + 2;       /* a grid's first in each */
    max += doc->n_outputs;                  /* a stream's first piece */

    cuts->at = malloc(max * sizeof(int64_t));
    if (cuts->at == NULL) {
        rn_fail(fault, RN_E_NOMEM, "out of memory");
        goto done;
    }

    n = 0;
    cuts->at[n++] = 0;
    cuts->at[n++] = tl->frames;

    for (i = 0; i < tl->n; i++) {
        c = &tl->places[i];

        if (c->track == f.base && is_seen(&f, c)) {
            end = c->end < tl->frames ? c->end : tl->frames;
            cuts->at[n++] = c->start < tl->frames ? c->start : tl->frames;
            cuts->at[n++] = end;
        }
    }

    worth = rn_ticks(STILL_WORTH, doc->fps);

    for (i = 0; i < cuts->n_still; i++) {
        if (cuts->still[2 * i + 1] - cuts->still[2 * i] >= worth) {
            cuts->at[n++] = cuts->still[2 * i];
            cuts->at[n++] = cuts->still[2 * i + 1];
        }
    }

    cuts->n = cut_long(&f, unique(cuts->at, n), max);
    join_short(&f);

    for (i = 0; i < doc->n_outputs; i++) {
        if (doc->outputs[i].format == RN_FORMAT_HLS) {
            cut_first(&f, &doc->outputs[i]);
        }
    }

done:

    free(f.events);

    return fault->status;
}


void
rn_plan_cuts_free(rn_cuts *cuts)
{
    free(cuts->at);
    free(cuts->still);
    memset(cuts, 0, sizeof(*cuts));
}
