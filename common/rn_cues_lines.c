/*
 * The lines that captions say, and the texts that they become on the picture;
 * of words, which lines those are.
 */

#include "rn_cues_parts.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


#define LINES_MAX   50000
#define TEXTS_MAX   100000              /* with one for each word */
#define PAUSE_MS    700                 /* of a speaker: a new line */


void *
rn_cues_grow(rn_cues_placer *p, void *list, size_t n, size_t *room, size_t size)
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


int64_t
rn_cues_tick(const rn_cues_placer *p, int64_t ms)
{
    return rn_ticks((double) ms / 1000, p->doc->fps);
}


int64_t
rn_cues_ms(const rn_cues_placer *p, int64_t tick)
{
    return llround((double) tick * 1000 * (double) p->doc->fps.den
                   / (double) p->doc->fps.num);
}


void
rn_cues_problem(rn_cues_placer *p, const rn_clip *c, const char *fmt,
    size_t n, int64_t ms)
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

bool
rn_cues_line(rn_cues_placer *p, const rn_place *c, int64_t from, int64_t to,
    char *text, int place)
{
    rn_line      *l, *more;
    rn_timeline  *tl = p->tl;

    if (text != NULL && is_blank(text)) {
        free(text);
        return true;
    }

    more = text == NULL ? NULL : rn_cues_grow(p, tl->lines, tl->n_lines,
                                              &p->lines_room, sizeof(rn_line));
    if (more == NULL) {
        p->nomem = true;
        free(text);
        return false;
    }

    tl->lines = more;

    if (tl->n_lines == LINES_MAX) {
        free(text);
        rn_cues_problem(p, c->clip, "makes more than %zu captions in all, at "
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

bool
rn_cues_text(rn_cues_placer *p, const rn_place *c, int64_t from, int64_t to,
    char *text, int place)
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
        rn_cues_problem(p, c->clip, "makes more than %zu texts in all, at "
                        "%.3f s", TEXTS_MAX, rn_cues_ms(p, from));
        return false;
    }

    if (tl->n_cues == p->clips_room) {
        more = realloc(tl->cue_texts, (2 * p->clips_room + 64)
                                      * sizeof(char *));
        tl->cue_texts = more != NULL ? more : tl->cue_texts;
        more = more == NULL ? NULL
               : rn_cues_grow(p, tl->cues, tl->n_cues, &p->clips_room,
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

    more = rn_cues_grow(p, p->out, p->n, &p->room, sizeof(rn_place));
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


/* The part of the film that a cue is seen in; false: none. */

bool
rn_cues_visible(rn_cues_placer *p, const rn_place *c, int64_t *from,
    int64_t *to)
{
    int64_t  start, end, in;

    start = rn_cues_ms(p, c->start);
    end = rn_cues_ms(p, c->end < p->tl->frames ? c->end : p->tl->frames);
    in = rn_cues_ms(p, c->in);

    *from += start - in;
    *to += start - in;

    *from = *from > start ? *from : start;
    *to = *to < end ? *to : end;

    return *from < *to;
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

bool
rn_cues_words(rn_cues_placer *p, const rn_place *c)
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

        if (rn_cues_visible(p, c, &from, &to)
            && !rn_cues_line(p, c, from, to,
                             text_of_words(s->words, a, b, SIZE_MAX, 0), 0))
        {
            return false;
        }

        for (i = a; s->burn && s->highlight != 0 && i < b; i++) {
            from = word_ms(s->words, i, "start");
            to = word_ms(s->words, i + 1 < b ? i + 1 : i,
                         i + 1 < b ? "start" : "end");

            if (rn_cues_visible(p, c, &from, &to)
                && rn_cues_tick(p, from) < rn_cues_tick(p, to)
                && !rn_cues_text(p, c, rn_cues_tick(p, from),
                                 rn_cues_tick(p, to),
                                 text_of_words(s->words, a, b, i,
                                               s->highlight), 0))
            {
                return false;
            }
        }
    }

    return true;
}
