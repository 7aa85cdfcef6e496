/*
 * A time line of OpenTimelineIO.  Its transitions lie around a cut and show
 * what lies behind the edges of the clips beside it; here clips overlap for
 * them.  Stacks and tracks within tracks become tracks above.
 *
 * Tracks: rn_import_otio_track.c; what an item says: _item.c; what a clip
 * shows: _media.c; how it is placed: _place.c.
 *
 * Facts are those of https://opentimelineio.readthedocs.io: its file format,
 * serialized schema and time line structure.  What rn_export_otio.c keeps in
 * "nginx_render" comes back as it was, unless somebody has moved it since.
 */

#include "rn_import_otio.h"

#include <math.h>
#include <string.h>


#define FPS  24.0


json_t *
rn_otio_stack(otio *o, json_t *stack, double from, double to, double at,
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
            tracks = rn_otio_track(o, child, from, to, at, depth + 1);

        } else if (s != NULL && strcmp(s, "Stack") == 0) {
            tracks = rn_otio_stack(o, child, from, to, at, depth + 1);

        } else if (s != NULL && (strcmp(s, "Clip") == 0
                                 || strcmp(s, "Gap") == 0))
        {
            lone = json_pack("{s:[O]}", "children", child);
            (void) json_array_append_new(im->kept, lone);

            rn_im_leave(im, len);           /* as a track of its own */
            o->base = i;
            tracks = rn_otio_track(o, lone, from, to, at, depth + 1);
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

        tracks = rn_otio_stack(&o, stack, 0, 1e7, 0, 0);
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
