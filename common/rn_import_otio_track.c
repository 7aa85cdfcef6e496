/*
 * A track of OpenTimelineIO: its children in their own time, of which those
 * that are used become clips; what is nested becomes tracks above.
 */

#include "rn_import_otio.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>


#define ITEMS_MAX  20000


static double length_of(otio *o, json_t *item, const char *schema,
    double *media, bool *known, int depth);


/* The length of what a composition holds, untrimmed. */

static double
content_length(otio *o, json_t *composition, bool stack, bool *known, int depth)
{
    char          schema[40];
    double        sum, one, media;
    size_t        i, len, at;
    json_t       *children, *child;
    rn_importer  *im = o->im;
    const char   *s;

    sum = 0;

    if (depth > DEPTH_MAX) {
        rn_im_wrong(im, "is nested deeper than %d times", DEPTH_MAX);
        return 0;
    }

    children = rn_im_array(im, composition, "children");
    len = rn_im_enter(im, "children");

    json_array_foreach(children, i, child) {
        at = rn_im_enter_index(im, i);

        if (++o->items > ITEMS_MAX) {
            rn_im_wrong(im, "is one item more than the %d that are read",
                        ITEMS_MAX);
            rn_im_leave(im, at);
            break;
        }

        s = rn_otio_schema(o, child, schema);

        if (s != NULL && strcmp(s, "Transition") != 0) {
            one = length_of(o, child, s, &media, known, depth + 1);
            sum = stack ? fmax(sum, one) : sum + one;
        }
        rn_im_leave(im, at);
    }

    rn_im_leave(im, len);

    return sum;
}


static double
length_of(otio *o, json_t *item, const char *schema, double *media, bool *known,
    int depth)
{
    double             start, length, first;
    char               key[80];
    json_t            *ref;
    const char        *where, *url;
    rn_import_facts    f;

    *media = 0;
    first = 0;

    if (strcmp(schema, "Clip") == 0) {
        rn_otio_available(o, item, &first, &length);

        if (rn_otio_range(o, item, "source_range", &start, &length)) {
            *media = start - first;
            return length;
        }

        if (length > 0) {
            return length;
        }

        ref = rn_otio_reference(o, item, &where, key);
        url = json_string_value(json_object_get(ref, "target_url"));
        if (rn_im_look_at(o->im, url, &f) && f.duration > 0) {
            return f.duration;
        }
        *known = false;
        return 0;
    }

    if (rn_otio_range(o, item, "source_range", &start, &length)) {
        *media = start;
        return length;
    }

    if (strcmp(schema, "Stack") == 0 || strcmp(schema, "Track") == 0) {
        return content_length(o, item, schema[0] == 'S', known, depth);
    }

    return 0;
}


/* The children of a track in its own time; the list is the caller's. */

static slot *
collect(otio *o, json_t *track, const char *kind, size_t *n, double *total,
    int depth)
{
    char          schema[40];
    bool          enabled;
    slot         *slots, *s;
    double        at;
    size_t        i, len, in, base;
    json_t       *children, *child, *transition;
    rn_importer  *im = o->im;
    const char   *what;

    base = o->base;
    o->base = 0;
    *n = 0;
    *total = 0;
    children = rn_im_array(im, track, "children");
    slots = calloc(json_array_size(children) + 1, sizeof(slot));

    if (slots == NULL) {
        rn_im_wrong(im, "out of memory");
        return NULL;
    }

    transition = NULL;
    at = 0;
    len = rn_im_enter(im, "children");

    json_array_foreach(children, i, child) {
        in = rn_im_enter_index(im, i + base);

        if (++o->items > ITEMS_MAX) {
            rn_im_wrong(im, "is one item more than the %d that are read",
                        ITEMS_MAX);
            rn_im_leave(im, in);
            break;
        }

        what = rn_otio_schema(o, child, schema);
        s = &slots[*n];

        if (what != NULL && strcmp(what, "Transition") == 0) {
            transition = child;
            s->before_index = i + base;
            rn_im_leave(im, in);
            continue;
        }

        s->item = child;
        s->index = i + base;
        s->speed = 1;
        s->known = true;
        s->start = at;
        s->before = transition;
        transition = NULL;

        if (what != NULL && strcmp(what, "Clip") != 0
            && strcmp(what, "Gap") != 0 && strcmp(what, "Stack") != 0
            && strcmp(what, "Track") != 0)
        {
            rn_im_note(im, "\"%.40s\" is not known here; there is a gap", what);
            (void) rn_otio_range(o, child, "source_range", &s->media,
                                 &s->length);
            rn_im_done(im, child);
            what = "Gap";

        } else if (what != NULL) {
            s->length = length_of(o, child, what, &s->media, &s->known, depth);
            enabled = true;
            (void) rn_im_bool(im, child, "enabled", &enabled);

            if (!enabled) {
                rn_im_note_at(im, "enabled", "is off; there is a gap");
                rn_im_done(im, child);
                what = "Gap";

            } else if (strcmp(what, "Clip") == 0 && !rn_otio_clip(o, s, kind)) {
                what = "Gap";
            }
        }

        s->schema = what == NULL ? NULL : strcmp(what, "Clip") == 0 ? "Clip"
                    : strcmp(what, "Gap") == 0 ? "Gap"
                    : strcmp(what, "Stack") == 0 ? "Stack" : "Track";
        at += s->length;
        (*n)++;
        rn_im_leave(im, in);
    }

    slots[*n].before = transition;          /* leads nowhere */
    *total = at;
    rn_im_leave(im, len);

    return slots;
}


/* Tracks of something nested, laid over what is there of the same kind. */

static void
merge_above(json_t *above, json_t *nested)
{
    size_t   i, k;
    json_t  *track, *lower;

    k = 0;

    json_array_foreach(nested, i, track) {
        for ( /* void */ ; k < json_array_size(above); k++) {
            lower = json_array_get(above, k);
            if (json_equal(json_object_get(lower, "kind"),
                           json_object_get(track, "kind")))
            {
                break;
            }
        }

        if (k < json_array_size(above)) {
            (void) json_array_extend(json_object_get(json_array_get(above, k),
                                                     "clips"),
                                     json_object_get(track, "clips"));
            k++;
        } else {
            (void) json_array_append(above, track);
            k = json_array_size(above);
        }
    }
}


/* What of a slot is used, in its track's time; false: nothing. */

static bool
trim(slot *s, double from, double to, double *a, double *b)
{
    *a = fmax(s->start, from);
    *b = s->known ? fmin(s->start + s->length, to) : to;

    if (s->schema == NULL || *b <= *a + SAME) {
        return false;
    }

    if (*a > s->start + SAME) {
        s->head = s->fade_in = 0;
        s->joined = false;
    }

    if (s->known && *b < s->start + s->length - SAME) {
        s->tail = s->fade_out = 0;
    }

    return true;
}


/* From a to b of its track's time, which is `at` in the film. */

static void
place_slot(otio *o, lane *l, slot *s, json_t *above, double a, double b,
    double at, int depth)
{
    json_t       *nested;
    rn_importer  *im = o->im;

    if (is_item(s, "Clip")) {
        rn_otio_markers(o, s->item, s->media, at - (a - s->start), s->speed);
        rn_otio_place_clip(o, l, s, at - s->head, b - a + s->head + s->tail,
                   s->media + (a - s->start - s->head) * s->speed);
        return;
    }

    if (is_item(s, "Gap")) {
        rn_otio_markers(o, s->item, s->media, at - (a - s->start), 1);
        (void) rn_otio_metadata(o, s->item, NULL, NULL);
        (void) rn_im_get(im, s->item, "name");
        (void) rn_otio_effects(o, s->item, false);
        return;
    }

    rn_im_lost(im, s->item, "effects", "effects on several clips at once are "
               "not made");

    nested = is_item(s, "Track")
             ? rn_otio_track(o, s->item, a - s->start, b - s->start, at,
                             depth + 1)
             : rn_otio_stack(o, s->item, a - s->start, b - s->start, at,
                             depth + 1);
    merge_above(above, nested);
    json_decref(nested);
}


/* from, to: of its own time; at: where in the film that begins. */

json_t *
rn_otio_track(otio *o, json_t *track, double from, double to, double at,
    int depth)
{
    double        total, skip, length, a, b;
    slot         *slots;
    lane          l;
    size_t        i, n, len, in;
    json_t       *result, *made, *above, *kept, *own;
    rn_importer  *im = o->im;
    const char   *kind, *name;

    result = json_array();

    if (depth > DEPTH_MAX) {
        rn_im_wrong(im, "is nested deeper than %d times", DEPTH_MAX);
        return result;
    }

    kind = rn_im_string(im, track, "kind");
    kind = kind == NULL || strcmp(kind, "Video") == 0 ? "video"
           : strcmp(kind, "Audio") == 0 ? "audio" : NULL;

    if (kind == NULL) {
        rn_im_note_at(im, "kind", "is neither Video nor Audio; the track is "
                      "left out");
        rn_im_done(im, track);
        return result;
    }

    name = rn_im_string(im, track, "name");
    kept = rn_otio_metadata(o, track, NULL, NULL);
    (void) rn_otio_effects(o, track, false);

    slots = collect(o, track, kind, &n, &total, depth);
    if (slots == NULL) {
        return result;
    }

    if (rn_otio_range(o, track, "source_range", &skip, &length)) {
        from += skip;
        to = fmin(to + skip, skip + length);
    }

    rn_otio_markers(o, track, from, at, 1);

    len = rn_im_enter(im, "children");
    for (i = 0; i <= n; i++) {
        if (slots[i].before != NULL) {
            in = rn_im_enter_index(im, slots[i].before_index);
            rn_otio_transition(o, slots, n, i, from, to);
            rn_im_leave(im, in);
        }
    }
    rn_otio_fit_transitions(o, slots, n);

    made = json_pack("{s:s, s:[]}", "kind", kind, "clips");
    above = json_array();
    memset(&l, 0, sizeof(l));
    l.o = o;
    l.clips = json_object_get(made, "clips");
    l.kind = kind;
    l.known = true;

    for (i = 0; i < n; i++) {
        if (trim(&slots[i], from, to, &a, &b)) {
            if (slots[i].joined) {
                in = rn_im_enter_index(im, slots[i].before_index);
                rn_otio_place_transition(o, &l, &slots[i],
                                 slots[i].head + slots[i - 1].tail);
                rn_im_leave(im, in);
            }

            in = rn_im_enter_index(im, slots[i].index);
            place_slot(o, &l, &slots[i], above, a, b, at + a - from, depth);
            rn_im_leave(im, in);

        } else {
            rn_im_done(im, slots[i].item);
        }

        json_decref(slots[i].asset);
        json_decref(slots[i].rest);
    }

    rn_im_leave(im, len);

    own = json_object_get(kept, "track");

    if (json_is_object(own)) {
        (void) json_object_update_missing(made, own);
    } else if (name != NULL && name[0] != '\0') {
        (void) json_object_set_new(made, "title", json_string(name));
    }

    if (json_array_size(l.clips) > 0 || json_is_object(own)) {
        (void) json_array_append(result, made);
    }
    (void) json_array_extend(result, above);

    json_decref(made);
    json_decref(above);
    free(slots);

    return result;
}
