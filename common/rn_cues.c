/* Captions on the time line; see rn_cues.h. */

#include "rn_cues.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


#define PLACES      10                  /* of rn_line.place */
#define AT_ONCE     8                   /* captions in one place */
#define LINES_MAX   50000
#define TEXTS_MAX   100000              /* with one for each word */
#define PAUSE_MS    700                 /* of a speaker: a new line */


typedef struct {
    const rn_doc    *doc;
    rn_timeline     *tl;
    rn_problems     *problems;
    rn_place        *out;               /* the places to be */
    size_t           n, room;
    size_t           clips_room, lines_room;
    bool             nomem;
} placer;

/* A text on the grid of the canvas, until it becomes a place. */

typedef struct {
    int64_t          from, to;          /* ticks */
    const char      *text;
    int              place;
} cue;


static void *
grow(placer *p, void *list, size_t n, size_t *room, size_t size)
{
    void  *more;

    if (n < *room) {
        return list;
    }

    more = realloc(list, (2 * *room + 64) * size);
    if (more == NULL) {
        p->nomem = true;
        return NULL;
    }

    *room = 2 * *room + 64;

    return more;
}


static int64_t
tick_of(const placer *p, int64_t ms)
{
    return rn_ticks((double) ms / 1000, p->doc->fps);
}


static int64_t
ms_of(const placer *p, int64_t tick)
{
    return llround((double) tick * 1000 * (double) p->doc->fps.den
                   / (double) p->doc->fps.num);
}


static void
problem_at(placer *p, const rn_clip *c, const char *fmt, size_t n, int64_t ms)
{
    char  pointer[120];

    (void) snprintf(pointer, sizeof(pointer), "%s/asset/%s", c->pointer,
                    c->asset.words != NULL ? "words" : "src");
    rn_problem_add(p->problems, pointer, fmt, n, (double) ms / 1000);
}


/*
 * Whether there is nothing to see in a markup: no font has anything for it, and
 * a line of it would be an empty one in a file.
 */

static bool
is_blank(const char *s)
{
    while (*s != '\0') {
        if (*s == '<') {
            s += strcspn(s, ">");
            s += *s == '>';
        } else if (*s == ' ' || *s == '\n') {
            s++;
        } else if (strncmp(s, "\xe2\x80\xa9", 3) == 0) {
            s += 3;                     /* U+2029, which ends a line, too */
        } else {
            return false;
        }
    }

    return true;
}


/* Takes the text; false after a problem. */

static bool
add_line(placer *p, const rn_place *c, int64_t from, int64_t to, char *text,
    int place)
{
    rn_line      *l, *more;
    rn_timeline  *tl = p->tl;

    if (text != NULL && is_blank(text)) {
        free(text);
        return true;
    }

    more = text == NULL ? NULL : grow(p, tl->lines, tl->n_lines,
                                      &p->lines_room, sizeof(rn_line));
    if (more == NULL) {
        p->nomem = true;
        free(text);
        return false;
    }

    tl->lines = more;

    if (tl->n_lines == LINES_MAX) {
        free(text);
        problem_at(p, c->clip, "makes more than %zu captions in all, at "
                   "%.3f s", LINES_MAX, from);
        return false;
    }

    l = &tl->lines[tl->n_lines++];
    l->clip = c->clip;
    l->from = from;
    l->to = to;
    l->text = text;
    l->place = place;

    return true;
}


/* Takes the text, and makes a place of it. */

static bool
add_text(placer *p, const rn_place *c, int64_t from, int64_t to, char *text,
    int place)
{
    void         *more;
    rn_clip      *t;
    rn_place     *q;
    rn_timeline  *tl = p->tl;

    if (text == NULL) {
        p->nomem = true;
        return false;
    }

    if (is_blank(text)) {
        free(text);
        return true;
    }

    if (tl->n_cues == TEXTS_MAX) {
        free(text);
        problem_at(p, c->clip, "makes more than %zu texts in all, at %.3f s",
                   TEXTS_MAX, ms_of(p, from));
        return false;
    }

    if (tl->n_cues == p->clips_room) {
        more = realloc(tl->cue_texts, (2 * p->clips_room + 64)
                                      * sizeof(char *));
        tl->cue_texts = more != NULL ? more : tl->cue_texts;
        more = more == NULL ? NULL
               : grow(p, tl->cues, tl->n_cues, &p->clips_room,
                      sizeof(rn_clip));
        if (more == NULL) {
            p->nomem = true;
            free(text);
            return false;
        }
        tl->cues = more;
    }

    t = &tl->cues[tl->n_cues];
    tl->cue_texts[tl->n_cues++] = text;

    *t = *c->clip;
    t->asset.type = RN_ASSET_TEXT;
    t->asset.ref = -1;
    t->asset.text = text;
    t->asset.markup = true;

    if (place > 0) {
        t->placed = false;
        t->h = (rn_align) ((place - 1) % 3);
        t->v = (rn_align) (2 - (place - 1) / 3);
    }

    more = grow(p, p->out, p->n, &p->room, sizeof(rn_place));
    if (more == NULL) {
        return false;
    }
    p->out = more;

    /* the clip is found by its index: the list may still be moved */

    q = &p->out[p->n++];
    *q = *c;
    q->clip = NULL;
    q->facts = NULL;
    q->start = from;
    q->end = to;
    q->in = (int64_t) tl->n_cues - 1;

    return true;
}


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
stack(placer *p, const rn_place *c, cue *cues, size_t n)
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
                    problem_at(p, c->clip, "shows more than %zu captions at "
                               "once, at %.3f s", AT_ONCE, ms_of(p, at));
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

        if (!add_text(p, c, at, until, joined(active, m), active[0]->place)) {
            return false;
        }

        at = until;
    }

    return true;
}


/* The part of the film that a cue is seen in; false: none. */

static bool
visible(placer *p, const rn_place *c, int64_t *from, int64_t *to)
{
    int64_t  start, end, in;

    start = ms_of(p, c->start);
    end = ms_of(p, c->end < p->tl->frames ? c->end : p->tl->frames);
    in = ms_of(p, c->in);

    *from += start - in;
    *to += start - in;

    *from = *from > start ? *from : start;
    *to = *to < end ? *to : end;

    return *from < *to;
}


/* Lines of a file. */

static bool
add_cues(placer *p, const rn_place *c)
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

        if (text != NULL && visible(p, c, &from, &to)
            && !add_line(p, c, from, to, strdup(text),
                         (int) json_integer_value(json_array_get(item, 3))
                         % PLACES))
        {
            return false;
        }
    }

    return true;
}


/* A word as markup; blanks become one. */

static size_t
put_word(char *out, const char *s)
{
    char  *o;

    o = out;

    for ( /* void */ ; *s != '\0'; s++) {
        if (*s == '<' || *s == '>' || *s == '&') {
            o += sprintf(o, "%s", *s == '<' ? "&lt;" : *s == '>' ? "&gt;"
                                  : "&amp;");
        } else {
            *o++ = (unsigned char) *s < ' ' || *s == 0x7f ? ' ' : *s;
        }
    }

    *o = '\0';

    return (size_t) (o - out);
}


/* Words from a to b, where one is heard: that has another colour. */

static char *
text_of_words(json_t *words, size_t a, size_t b, size_t heard, uint32_t color)
{
    char        *text, *o;
    size_t       i, len;
    const char  *s;

    for (i = a, len = 64; i < b; i++) {
        len += 5 * json_string_length(json_object_get(
                       json_array_get(words, i), "text")) + 1;
    }

    text = o = malloc(len);
    if (text == NULL) {
        return NULL;
    }

    for (i = a; i < b; i++) {
        s = json_string_value(json_object_get(json_array_get(words, i),
                                              "text"));
        if (i > a) {
            *o++ = ' ';
        }

        if (i == heard) {
            o += sprintf(o, "<span foreground=\"#%06x\">", color >> 8);
        }

        o += put_word(o, s);

        if (i == heard) {
            o += sprintf(o, "</span>");
        }
    }

    *o = '\0';

    return text;
}


static int64_t
word_ms(json_t *words, size_t i, const char *which)
{
    return llround(1000 * json_number_value(json_object_get(
                       json_array_get(words, i), which)));
}


/* Whether a line ends behind word i: with a sentence, or before a pause. */

static bool
ends_line(json_t *words, size_t i)
{
    size_t       n;
    const char  *s;

    s = json_string_value(json_object_get(json_array_get(words, i), "text"));
    n = strlen(s);

    return (n > 0 && strchr(".!?", s[n - 1]) != NULL)
           || word_ms(words, i + 1, "start") - word_ms(words, i, "end")
              > PAUSE_MS;
}


/*
 * Lines of words, and with a highlight a text for each word, which stays until
 * the next one is heard.
 */

static bool
add_words(placer *p, const rn_place *c)
{
    size_t           a, b, i, n;
    int64_t          from, to;
    const rn_asset  *s = &c->clip->asset;

    n = json_array_size(s->words);

    for (a = 0; a < n; a = b) {
        for (b = a + 1; b < n && b - a < (size_t) s->max_words
                        && !ends_line(s->words, b - 1); b++) { /* void */ }

        from = word_ms(s->words, a, "start");
        to = word_ms(s->words, b - 1, "end");

        if (visible(p, c, &from, &to)
            && !add_line(p, c, from, to,
                         text_of_words(s->words, a, b, SIZE_MAX, 0), 0))
        {
            return false;
        }

        for (i = a; s->burn && s->highlight != 0 && i < b; i++) {
            from = word_ms(s->words, i, "start");
            to = word_ms(s->words, i + 1 < b ? i + 1 : i,
                         i + 1 < b ? "start" : "end");

            if (visible(p, c, &from, &to) && tick_of(p, from) < tick_of(p, to)
                && !add_text(p, c, tick_of(p, from), tick_of(p, to),
                             text_of_words(s->words, a, b, i, s->highlight),
                             0))
            {
                return false;
            }
        }
    }

    return true;
}


/* Lines of a clip become texts. */

static bool
burn(placer *p, const rn_place *c, size_t first)
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
        cues[n].from = tick_of(p, l->from);
        cues[n].to = tick_of(p, l->to);
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
place_caption(placer *p, const rn_place *c)
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

    if (!(a->words != NULL ? add_words(p, c) : add_cues(p, c))) {
        return false;
    }

    if (!a->burn || a->highlight != 0) {
        return true;                    /* or has been */
    }

    if (c->facts == NULL || c->facts->ass == NULL) {
        return burn(p, c, first);
    }

    more = grow(p, p->out, p->n, &p->room, sizeof(rn_place));
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
    placer    p;

    memset(&p, 0, sizeof(p));
    p.doc = doc;
    p.tl = tl;
    p.problems = problems;

    for (i = 0; i < tl->n && tl->places[i].clip->asset.type
                             != RN_ASSET_CAPTION; i++) { /* void */ }

    if (i == tl->n) {
        return RN_OK;                   /* as most films have none */
    }

    ok = true;

    for (i = 0; ok && i < tl->n; i++) {
        if (tl->places[i].clip->asset.type == RN_ASSET_CAPTION) {
            ok = place_caption(&p, &tl->places[i]);
            continue;
        }

        more = grow(&p, p.out, p.n, &p.room, sizeof(rn_place));
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
