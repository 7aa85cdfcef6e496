/* Captions on the time line; see rn_cues.h.  What they say: rn_cues_lines.c. */

#include "rn_cues_parts.h"

#include <stdlib.h>
#include <string.h>


#define PLACES   10                     /* of rn_line.place */
#define AT_ONCE  8                      /* captions in one place */


/* A text on the grid of the canvas, until it becomes a place. */

typedef struct {
    int64_t          from, to;          /* ticks */
    const char      *text;
    int              place;
} cue;


static int
by_from(const void *va, const void *vb)
{
    const cue  *a = va, *b = vb;

    if (a->place != b->place) {
        return a->place < b->place ? -1 : 1;
    }

    return a->from < b->from ? -1 : a->from > b->from;
}


static char *
joined(cue *const *active, size_t n)
{
    char    *text;
    size_t   i, len;

    for (i = 0, len = 1; i < n; i++) {
        len += strlen(active[i]->text) + 1;
    }

    text = malloc(len);
    if (text == NULL) {
        return NULL;
    }

    text[0] = '\0';

    for (i = 0; i < n; i++) {
        if (i > 0) {
            (void) strcat(text, "\n");
        }
        (void) strcat(text, active[i]->text);
    }

    return text;
}


/*
 * Cues of one place, sorted: where some overlap, their texts stand below one
 * another for as long.
 */

static bool
stack(rn_cues_placer *p, const rn_place *c, cue *cues, size_t n)
{
    cue      *active[AT_ONCE];
    size_t    i, k, m, next;
    int64_t   at, until;

    at = cues[0].from;
    m = next = 0;

    while (next < n || m > 0) {

        for (i = 0, k = 0; i < m; i++) {            /* those that go on */
            if (active[i]->to > at) {
                active[k++] = active[i];
            }
        }
        m = k;

        if (m == 0) {
            if (next == n) {
                break;
            }
            at = cues[next].from > at ? cues[next].from : at;
        }

        while (next < n && cues[next].from <= at) {
            if (cues[next].to > at) {
                if (m == AT_ONCE) {
                    rn_cues_problem(p, c->clip, "shows more than %zu captions "
                                    "at once, at %.3f s", AT_ONCE,
                                    rn_cues_ms(p, at));
                    return false;
                }
                active[m++] = &cues[next];
            }
            next++;
        }

        if (m == 0) {
            continue;
        }

        until = next < n ? cues[next].from : INT64_MAX;
        for (i = 0; i < m; i++) {
            until = active[i]->to < until ? active[i]->to : until;
        }

        if (!rn_cues_text(p, c, at, until, joined(active, m),
                          active[0]->place))
        {
            return false;
        }

        at = until;
    }

    return true;
}


/* Lines of a file. */

static bool
add_cues(rn_cues_placer *p, const rn_place *c)
{
    size_t       i;
    json_t      *cues, *item;
    int64_t      from, to;
    const char  *text;

    cues = c->facts->cues;

    json_array_foreach(cues, i, item) {
        from = json_integer_value(json_array_get(item, 0));
        to = json_integer_value(json_array_get(item, 1));
        text = json_string_value(json_array_get(item, 2));

        if (text != NULL && rn_cues_visible(p, c, &from, &to)
            && !rn_cues_line(p, c, from, to, strdup(text),
                             (int) json_integer_value(json_array_get(item, 3))
                             % PLACES))
        {
            return false;
        }
    }

    return true;
}


/* Lines of a clip become texts. */

static bool
burn(rn_cues_placer *p, const rn_place *c, size_t first)
{
    bool           ok;
    cue           *cues;
    size_t         i, k, n;
    const rn_line *l;

    cues = calloc(p->tl->n_lines - first + 1, sizeof(cue));
    if (cues == NULL) {
        p->nomem = true;
        return false;
    }

    for (i = first, n = 0; i < p->tl->n_lines; i++) {
        l = &p->tl->lines[i];
        cues[n].from = rn_cues_tick(p, l->from);
        cues[n].to = rn_cues_tick(p, l->to);
        cues[n].text = l->text;
        cues[n].place = l->place;
        n += cues[n].from < cues[n].to;
    }

    qsort(cues, n, sizeof(cue), by_from);
    ok = true;

    for (i = 0; ok && i < n; i = k) {
        for (k = i + 1; k < n && cues[k].place == cues[i].place; k++) {
            /* void */
        }
        ok = stack(p, c, cues + i, k - i);
    }

    free(cues);

    return ok;
}


static bool
place_caption(rn_cues_placer *p, const rn_place *c)
{
    void            *more;
    size_t           first;
    const rn_asset  *a = &c->clip->asset;

    if (c->lead > 0 || c->tail > 0) {
        rn_problem_add(p->problems, c->clip->pointer, "a caption takes no "
                       "transition");
        return false;
    }

    first = p->tl->n_lines;

    if (!(a->words != NULL ? rn_cues_words(p, c) : add_cues(p, c))) {
        return false;
    }

    if (!a->burn || a->highlight != 0) {
        return true;                    /* or has been */
    }

    if (c->facts == NULL || c->facts->ass == NULL) {
        return burn(p, c, first);
    }

    more = rn_cues_grow(p, p->out, p->n, &p->room, sizeof(rn_place));
    if (more == NULL) {
        return false;
    }

    p->out = more;
    p->out[p->n++] = *c;

    return true;
}


static int
by_track_and_start(const void *va, const void *vb)
{
    const rn_place  *a = va, *b = vb;

    if (a->track != b->track) {
        return a->track < b->track ? -1 : 1;
    }

    return a->start < b->start ? -1 : a->start > b->start;
}


static int
by_time(const void *va, const void *vb)
{
    const rn_line  *a = va, *b = vb;

    return a->from != b->from ? (a->from < b->from ? -1 : 1)
           : a->to < b->to ? -1 : a->to > b->to;
}


rn_status
rn_cues_place(const rn_doc *doc, rn_timeline *tl, rn_problems *problems)
{
    bool      ok;
    void     *more;
    size_t    i;
    rn_cues_placer    p;

    memset(&p, 0, sizeof(p));
    p.doc = doc;
    p.tl = tl;
    p.problems = problems;

    for (i = 0; i < tl->n && tl->places[i].clip->asset.type
                             != RN_ASSET_CAPTION; i++) { /* void */ }

    if (i == tl->n) {
        return RN_OK;                   /* as most films have none */
    }

    tl->captions = calloc(tl->n, sizeof(rn_place));
    ok = tl->captions != NULL;
    p.nomem = !ok;

    for (i = 0; ok && i < tl->n; i++) {
        if (tl->places[i].clip->asset.type == RN_ASSET_CAPTION) {
            tl->captions[tl->n_captions++] = tl->places[i];
            ok = place_caption(&p, &tl->places[i]);
            continue;
        }

        more = rn_cues_grow(&p, p.out, p.n, &p.room, sizeof(rn_place));
        ok = more != NULL;

        if (ok) {
            p.out = more;
            p.out[p.n++] = tl->places[i];
        }
    }

    if (!ok) {
        free(p.out);

        if (p.nomem) {
            rn_problem_add(problems, "", "out of memory");
            return RN_E_NOMEM;
        }
        return RN_E_INVALID;
    }

    for (i = 0; i < p.n; i++) {
        if (p.out[i].clip == NULL) {
            p.out[i].clip = &tl->cues[p.out[i].in];
            p.out[i].in = 0;
        }
    }

    free(tl->places);
    tl->places = p.out;
    tl->n = p.n;

    /* by track, then start, as they were; with no caption shown, none */

    if (tl->n > 0) {
        qsort(tl->places, tl->n, sizeof(rn_place), by_track_and_start);
    }

    if (tl->n_lines > 0) {
        qsort(tl->lines, tl->n_lines, sizeof(rn_line), by_time);
    }

    return RN_OK;
}
