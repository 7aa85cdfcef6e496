/*
 * Styled captions in plans: the events that a stretch of the film shows, and
 * when they move.
 */

#include "rn_plan_text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>


/* ms of the caption's own time at tick t of the film. */

static int64_t
own_ms(const rn_doc *doc, const rn_place *c, int64_t t)
{
    return llround((double) (c->in + t - c->start) * 1000
                   * (double) doc->fps.den / (double) doc->fps.num);
}


/* An event is read again with its number in this stretch: see ReadOrder. */

static json_t *
renumbered(const char *chunk, size_t number)
{
    const char  *rest;

    rest = strchr(chunk, ',');

    return json_sprintf("%zu%s", number, rest != NULL ? rest : ",");
}


json_t *
rn_plan_ass(const rn_doc *doc, const rn_facts *facts, const rn_place *c,
    const rn_letters *letters, int64_t from, int64_t to)
{
    bool         ok;
    size_t       i;
    json_t      *o, *e, *events;
    int64_t      zero, end, a, b;
    const char  *chunk;

    zero = own_ms(doc, c, from);
    end = own_ms(doc, c, to);
    events = json_array();
    ok = events != NULL;

    json_array_foreach(json_object_get(c->facts->ass, "events"), i, e) {
        a = json_integer_value(json_array_get(e, 0));
        b = json_integer_value(json_array_get(e, 1));
        chunk = json_string_value(json_array_get(e, 2));

        if (ok && chunk != NULL && a < end && b > zero) {
            ok = json_array_append_new(events, json_pack("[I, I, o]",
                     (json_int_t) (a - zero), (json_int_t) (b - zero),
                     renumbered(chunk, json_array_size(events)))) == 0;
        }
    }

    o = !ok ? NULL : json_pack("{s:O, s:O, s:s}", "header",
                               json_object_get(c->facts->ass, "header"),
                               "events", events, "fonts", letters->hex);
    json_decref(events);

    if (o != NULL && !rn_plan_own_fonts(o, doc, facts, letters)) {
        json_decref(o);
        return NULL;
    }

    return o;
}


/*
 * What changes with time in an event: by its overrides, and by its effect.  Of
 * an override libass reads how it begins, behind blanks.
 */

static bool
moves(const char *chunk)
{
    size_t       i;
    const char  *s;

    static const char *const words[] = { "k", "K", "t", "move", "fad" };

    for (s = strchr(chunk, '\\'); s != NULL; s = strchr(s, '\\')) {
        s++;
        s += strspn(s, " \t");

        for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
            if (strncmp(s, words[i], strlen(words[i])) == 0) {
                return true;
            }
        }
    }

    return strstr(chunk, "Banner;") != NULL || strstr(chunk, "Scroll ") != NULL;
}


bool
rn_plan_ass_events(const rn_doc *doc, const rn_place *c,
    bool (*add)(void *opaque, int64_t from, int64_t to, bool moves),
    void *opaque)
{
    size_t       i;
    double       fps;
    json_t      *e;
    int64_t      a, b;
    const char  *chunk;

    fps = (double) doc->fps.num / (double) doc->fps.den / 1000;

    /* a picture shows what is there at its own time: rounded up */

    json_array_foreach(json_object_get(c->facts->ass, "events"), i, e) {
        a = (int64_t) ceil((double) json_integer_value(json_array_get(e, 0))
                           * fps) - c->in + c->start;
        b = (int64_t) ceil((double) json_integer_value(json_array_get(e, 1))
                           * fps) - c->in + c->start;
        a = a > c->start ? a : c->start;
        b = b < c->end ? b : c->end;
        chunk = json_string_value(json_array_get(e, 2));

        /* a tick more on either side: ms are rounded elsewhere, too */

        if (a < b && chunk != NULL
            && (!add(opaque, a, b, moves(chunk))
                || !add(opaque, a > c->start ? a - 1 : a, a + 1, true)
                || !add(opaque, b - 1, b < c->end ? b + 1 : b, true)))
        {
            return false;
        }
    }

    return true;
}
