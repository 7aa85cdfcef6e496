/*
 * A time line of OpenTimelineIO.  Its transitions lie around a cut and show
 * what lies behind the edges of the clips beside it; here clips overlap for
 * them.  Stacks and tracks within tracks become tracks above.
 *
 * What an item says: rn_import_otio_item.c; how it is placed: _place.c.
 *
 * Facts are those of https://opentimelineio.readthedocs.io: its file format,
 * serialized schema and time line structure.  What rn_export_otio.c keeps in
 * "nginx_render" comes back as it was, unless somebody has moved it since.
 */

#include "rn_import_otio.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


#define DEPTH_MAX  16
#define ITEMS_MAX  20000
#define FPS        24.0


static json_t *process_stack(otio *o, json_t *stack, double from, double to,
    double at, int depth);
static json_t *process_track(otio *o, json_t *track, double from, double to,
    double at, int depth);


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
             ? process_track(o, s->item, a - s->start, b - s->start, at,
                             depth + 1)
             : process_stack(o, s->item, a - s->start, b - s->start, at,
                             depth + 1);
    merge_above(above, nested);
    json_decref(nested);
}


/* from, to: of its own time; at: where in the film that begins. */

static json_t *
process_track(otio *o, json_t *track, double from, double to, double at,
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


static json_t *
process_stack(otio *o, json_t *stack, double from, double to, double at,
    int depth)
{
    char          schema[40];
    bool          enabled;
    double        skip, length;
    size_t        i, len, in;
    json_t       *result, *children, *child, *tracks, *lone;
    rn_importer  *im = o->im;
    const char   *s;

    result = json_array();

    if (depth > DEPTH_MAX) {
        rn_im_wrong(im, "is nested deeper than %d times", DEPTH_MAX);
        return result;
    }

    (void) rn_im_get(im, stack, "name");
    (void) rn_im_get(im, stack, "enabled");     /* seen to by who calls this */
    (void) rn_otio_metadata(o, stack, NULL, NULL);

    if (rn_otio_range(o, stack, "source_range", &skip, &length)) {
        from += skip;
        to = fmin(to + skip, skip + length);
    }

    rn_otio_markers(o, stack, from, at, 1);

    children = rn_im_array(im, stack, "children");
    len = rn_im_enter(im, "children");

    json_array_foreach(children, i, child) {
        in = rn_im_enter_index(im, i);
        s = rn_otio_schema(o, child, schema);
        tracks = NULL;
        enabled = true;

        if (s != NULL) {
            (void) rn_im_bool(im, child, "enabled", &enabled);
        }

        if (!enabled) {
            rn_im_note_at(im, "enabled", "is off; it is left out");
            rn_im_done(im, child);

        } else if (s != NULL && strcmp(s, "Track") == 0) {
            tracks = process_track(o, child, from, to, at, depth + 1);

        } else if (s != NULL && strcmp(s, "Stack") == 0) {
            tracks = process_stack(o, child, from, to, at, depth + 1);

        } else if (s != NULL && (strcmp(s, "Clip") == 0
                                 || strcmp(s, "Gap") == 0))
        {
            lone = json_pack("{s:[O]}", "children", child);
            (void) json_array_append_new(im->kept, lone);

            rn_im_leave(im, len);           /* as a track of its own */
            o->base = i;
            tracks = process_track(o, lone, from, to, at, depth + 1);
            (void) rn_im_enter(im, "children");

        } else if (s != NULL) {
            rn_im_note(im, "\"%.40s\" is not known here, and left out", s);
            rn_im_done(im, child);
        }

        (void) json_array_extend(result, tracks);
        json_decref(tracks);
        rn_im_leave(im, in);
    }

    rn_im_leave(im, len);

    return result;
}


/* ---------------------------------------------------------------- the whole */


static bool
has_sounds(json_t *stack)
{
    size_t       i;
    json_t      *child;
    const char  *kind;

    json_array_foreach(json_object_get(stack, "children"), i, child) {
        kind = json_string_value(json_object_get(child, "kind"));
        if (kind != NULL && strcmp(kind, "Audio") == 0) {
            return true;
        }
    }

    return false;
}


/* The rate that pictures are cut at, before anything is placed by it. */

static void
find_rate(otio *o, json_t *value, int depth)
{
    double       rate;
    size_t       i;
    json_t      *v;
    const char  *name;

    if (depth > 100 || o->rate > 0) {
        return;
    }

    rate = json_number_value(json_object_get(value, "rate"));
    if (json_object_get(value, "value") != NULL && rate >= 1 && rate <= 120) {
        o->rate = rate;
        return;
    }

    json_array_foreach(value, i, v) {
        find_rate(o, v, depth + 1);
    }

    json_object_foreach(value, name, v) {
        if (strcmp(name, "metadata") != 0) {
            find_rate(o, v, depth + 1);
        }
    }
}


static json_t *
finish(otio *o, const char *name, json_t *rest)
{
    json_t       *document, *timeline, *own;
    rn_importer  *im = o->im;

    own = json_object_get(o->root, "document");
    document = json_is_object(own) ? json_deep_copy(own) : json_object();
    (void) json_object_set_new(document, "version", json_integer(1));

    own = json_object_get(o->root, "timeline");
    timeline = json_is_object(own) ? json_deep_copy(own)
               : json_pack("{s:o}", "fps", rn_im_fps(im->fps));
    (void) json_object_set(timeline, "tracks", im->tracks);

    if (json_array_size(o->markers) > 0) {
        (void) json_object_set(timeline, "markers", o->markers);
    } else {
        (void) json_object_del(timeline, "markers");
    }

    (void) json_object_set_new(document, "timeline", timeline);

    if (o->root == NULL && name != NULL && name[0] != '\0') {
        (void) json_object_set_new(document, "title", json_string(name));
    }

    rn_otio_keep(document, rest);

    return document;
}


static json_t *
only_timeline(otio *o, json_t *root)
{
    char          schema[40];
    size_t        i, len, at;
    json_t       *children, *child, *found;
    rn_importer  *im = o->im;
    const char   *s;

    s = rn_otio_schema(o, root, schema);

    if (s == NULL || strcmp(s, "Timeline") == 0) {
        return s != NULL ? root : NULL;
    }

    if (strcmp(s, "SerializableCollection") != 0) {
        rn_im_wrong_at(im, "OTIO_SCHEMA", "must be a Timeline");
        return NULL;
    }

    found = NULL;
    (void) rn_im_get(im, root, "name");
    (void) rn_otio_metadata(o, root, NULL, NULL);
    children = rn_im_array(im, root, "children");
    len = rn_im_enter(im, "children");

    json_array_foreach(children, i, child) {
        at = rn_im_enter_index(im, i);
        s = rn_otio_schema(o, child, schema);

        if (found == NULL && s != NULL && strcmp(s, "Timeline") == 0) {
            found = child;                  /* and we stay there */
            continue;
        }

        rn_im_note(im, "only the first time line is used");
        rn_im_done(im, child);
        rn_im_leave(im, at);
    }

    if (found == NULL) {
        rn_im_leave(im, len);
        rn_im_wrong(im, "holds no Timeline");
    }

    return found;
}


json_t *
rn_import_otio(rn_importer *im, json_t *root)
{
    otio      o;
    double    zero;
    json_t   *timeline, *stack, *tracks, *rest, *document, *fps;
    const char *name;
    char      schema[40];

    memset(&o, 0, sizeof(o));
    o.im = im;

    timeline = only_timeline(&o, root);
    if (timeline == NULL) {
        return NULL;
    }

    o.markers = json_array();
    rest = json_object();
    o.root = rn_otio_metadata(&o, timeline, rest, "metadata");
    name = rn_im_string(im, timeline, "name");

    if (rn_otio_time(&o, timeline, "global_start_time", &zero) && zero != 0) {
        (void) json_object_set_new(rest, "global_start_time",
                                   rn_im_seconds(zero));
    }

    stack = rn_im_object(im, timeline, "tracks");
    find_rate(&o, stack, 0);
    im->fps = o.rate > 0 ? o.rate : FPS;

    fps = json_object_get(json_object_get(o.root, "timeline"), "fps");
    if (fps == NULL && o.root != NULL && o.rate <= 0) {
        im->fps = 30;
    }

    (void) rn_im_enter(im, "tracks");
    document = NULL;

    if (stack == NULL || rn_otio_schema(&o, stack, schema) == NULL) {
        rn_im_wrong(im, "must be a Stack");

    } else {
        o.sounds = has_sounds(stack);
        (void) rn_otio_effects(&o, stack, false);

        tracks = process_stack(&o, stack, 0, 1e7, 0, 0);
        (void) json_array_extend(im->tracks, tracks);
        json_decref(tracks);

        if (json_array_size(im->tracks) == 0 && im->problems->total == 0) {
            rn_im_wrong(im, "nothing is left that a composition can show");
        }

        document = finish(&o, name, rest);
    }

    json_decref(o.markers);
    json_decref(rest);

    return document;
}
