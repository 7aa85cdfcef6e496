/*
 * A time line of OpenTimelineIO.  Its transitions lie around a cut and show
 * what lies behind the edges of the clips beside it; here clips overlap for
 * them.  Stacks and tracks within tracks become tracks above.
 *
 * Facts are those of https://opentimelineio.readthedocs.io: its file format,
 * serialized schema and time line structure.  What rn_export_otio.c keeps in
 * "nginx_render" comes back as it was, unless somebody has moved it since.
 */

#include "rn_import_parts.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


#define OURS       "nginx_render"
#define DEPTH_MAX  16
#define ITEMS_MAX  20000
#define FPS        24.0
#define SAME       1e-6                 /* s, by which times are the same */

typedef struct {
    rn_importer  *im;
    json_t       *root;                 /* our own metadata of all, or NULL */
    json_t       *markers;              /* ours, owned */
    double        rate;                 /* the first that was found */
    bool          sounds;               /* there are tracks of sound */
    size_t        items;
    size_t        base;                 /* index of a lone child */
} otio;

/* A child of a track; a transition belongs to the items beside it. */

typedef struct {
    json_t       *item;
    size_t        index;
    const char   *schema;
    double        start, length;        /* s, in its track */
    bool          known;                /* the length */
    double        media;                /* s: where its range starts in it */
    double        avail;                /* s of media; 0: not known, or any */
    bool          still;                /* there is no end of it */
    double        speed;
    json_t       *asset, *kept, *rest;  /* of a clip; the 1st and last owned */
    double        head, tail;           /* s: shown before and behind */
    double        fade_in, fade_out;    /* s: from and to a gap */
    json_t       *before;               /* the transition from the one before */
    size_t        before_index;
    double        asked;                /* s, that it would last */
    bool          joined;               /* and it is one of ours */
} slot;


static json_t *process_stack(otio *o, json_t *stack, double from, double to,
    double at, int depth);
static json_t *process_track(otio *o, json_t *track, double from, double to,
    double at, int depth);


/* ---------------------------------------------------------------- schemas */


/* "Clip" of "Clip.2"; what else it has been called becomes that. */

static const char *
schema_of(otio *o, json_t *object, char name[40])
{
    char         *dot;
    size_t        i;
    long          version;
    rn_importer  *im = o->im;
    const char   *s;

    static const struct {
        const char  *name, *now;
        long         newest;
    } known[] = {
        { "Timeline", "Timeline", 1 }, { "Stack", "Stack", 1 },
        { "Track", "Track", 1 }, { "Sequence", "Track", 1 },
        { "Clip", "Clip", 2 }, { "Gap", "Gap", 1 }, { "Filler", "Gap", 1 },
        { "Transition", "Transition", 1 }, { "Marker", "Marker", 2 },
        { "Effect", "Effect", 1 }, { "TimeEffect", "Effect", 1 },
        { "LinearTimeWarp", "LinearTimeWarp", 1 },
        { "FreezeFrame", "FreezeFrame", 1 },
        { "ExternalReference", "ExternalReference", 1 },
        { "MissingReference", "MissingReference", 1 },
        { "GeneratorReference", "GeneratorReference", 1 },
        { "ImageSequenceReference", "ImageSequenceReference", 1 },
        { "RationalTime", "RationalTime", 1 },
        { "TimeRange", "TimeRange", 1 },
        { "SerializableCollection", "SerializableCollection", 1 },
        { "SerializeableCollection", "SerializableCollection", 1 },
    };

    s = json_is_object(object) ? rn_im_string(im, object, "OTIO_SCHEMA") : NULL;

    if (s == NULL) {
        rn_im_wrong(im, "must be an object with an \"OTIO_SCHEMA\"");
        return NULL;
    }

    (void) snprintf(name, 40, "%s", s);
    dot = strrchr(name, '.');
    version = dot != NULL ? strtol(dot + 1, NULL, 10) : 0;
    if (dot != NULL) {
        *dot = '\0';
    }

    for (i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (strcmp(name, known[i].name) == 0) {
            if (version > known[i].newest) {
                rn_im_note_at(im, "OTIO_SCHEMA", "\"%.40s\" is newer than what "
                              "is known here, and read as version %ld", s,
                              known[i].newest);
            }
            return known[i].now;
        }
    }

    return name;
}


/* ---------------------------------------------------------------- times */


static bool
read_time(otio *o, json_t *object, const char *name, double *seconds)
{
    double        rate, value;
    size_t        len;
    json_t       *t;
    rn_importer  *im = o->im;

    t = rn_im_object(im, object, name);
    if (t == NULL) {
        return false;
    }

    len = rn_im_enter(im, name);
    (void) rn_im_string(im, t, "OTIO_SCHEMA");
    rate = value = 0;

    if (!json_is_number(json_object_get(t, "rate"))
        || !json_is_number(json_object_get(t, "value")))
    {
        rn_im_wrong(im, "needs \"rate\" and \"value\", numbers");
    }

    (void) rn_im_number(im, t, "rate", -1e9, 1e9, &rate);
    (void) rn_im_number(im, t, "value", -1e15, 1e15, &value);

    if (rate <= 0 && im->problems->total == 0) {
        rn_im_wrong_at(im, "rate", "must be more than 0");
    }

    *seconds = rate > 0 ? value / rate : 0;

    if (fabs(*seconds) > 1e6) {
        rn_im_wrong_at(im, "value", "is further than 1000000 s");
        *seconds = 0;
    }

    if (o->rate <= 0 && rate >= 1 && rate <= 120) {
        o->rate = rate;
    }

    rn_im_leave(im, len);

    return true;
}


static bool
read_range(otio *o, json_t *object, const char *name, double *start,
    double *length)
{
    bool          found;
    size_t        len;
    json_t       *r;
    rn_importer  *im = o->im;

    r = rn_im_object(im, object, name);
    if (r == NULL) {
        return false;
    }

    len = rn_im_enter(im, name);
    (void) rn_im_string(im, r, "OTIO_SCHEMA");
    *start = *length = 0;

    found = read_time(o, r, "start_time", start);

    if (!read_time(o, r, "duration", length) || !found) {
        rn_im_wrong(im, "needs a \"start_time\" and a \"duration\"");
    }

    if (*length < 0) {
        rn_im_wrong_at(im, "duration", "must not be less than 0");
        *length = 0;
    }

    rn_im_leave(im, len);

    return true;
}


/* ---------------------------------------------------------------- metadata */


/* Our own part of an object's metadata; the rest goes to `rest`, if given. */

static json_t *
metadata_of(otio *o, json_t *object, json_t *rest, const char *as)
{
    json_t       *m, *ours, *copy;
    rn_importer  *im = o->im;

    m = rn_im_object(im, object, "metadata");
    if (m == NULL) {
        return NULL;
    }

    rn_im_done(im, m);
    ours = json_object_get(m, OURS);

    copy = json_deep_copy(m);
    (void) json_object_del(copy, OURS);

    if (json_object_size(copy) > 0) {
        if (rest != NULL) {
            (void) json_object_set(rest, as, copy);
        } else {
            rn_im_note_at(im, "metadata", "there is no place for it here");
        }
    }

    json_decref(copy);

    return json_is_object(ours) ? ours : NULL;
}


static void
keep(json_t *object, json_t *rest)
{
    json_t  *m;

    if (json_object_size(rest) > 0) {
        m = json_object_get(object, "metadata");
        m = json_is_object(m) ? json_deep_copy(m) : json_object();
        (void) json_object_set(m, "otio", rest);
        (void) json_object_set_new(object, "metadata", m);
    }
}


/* ---------------------------------------------------------------- markers */


/* `offset` is what its times are less than those of the film. */

static void
read_marker(otio *o, json_t *marker, double from, double offset, double speed)
{
    double        start, length;
    char          schema[40];
    json_t       *made, *ours, *rest;
    rn_importer  *im = o->im;
    const char   *name, *s;

    static const char *const told[] = { "color", "comment" };
    size_t  i;

    s = schema_of(o, marker, schema);
    if (s == NULL) {
        return;
    }

    rest = json_object();
    ours = metadata_of(o, marker, rest, "metadata");
    name = rn_im_string(im, marker, "name");
    start = length = 0;

    if (!read_range(o, marker, "marked_range", &start, &length)) {
        (void) read_range(o, marker, "range", &start, &length);
    }

    for (i = 0; i < 2; i++) {
        s = rn_im_string(im, marker, told[i]);
        if (s != NULL && s[0] != '\0' && ours == NULL) {
            (void) json_object_set_new(rest, told[i], json_string(s));
        }
    }

    if (length > 0) {
        (void) json_object_set_new(rest, "duration", rn_im_seconds(length));
    }

    start = (start - from) / speed + offset;

    if (start < 0) {
        rn_im_note(im, "lies before the film, and is left out");

    } else if (json_array_size(o->markers) >= RN_MARKERS_MAX) {
        rn_im_note(im, "is one more than the %d that a composition may have",
                   RN_MARKERS_MAX);

    } else {
        made = json_object_get(ours, "marker");

        if (json_is_object(made)
            && fabs(json_number_value(json_object_get(ours, "time")) - start)
               < SAME)
        {
            made = json_deep_copy(made);
        } else {
            made = json_pack("{s:s, s:o}", "name",
                             name != NULL && name[0] != '\0' ? name : "marker",
                             "time", rn_im_seconds(start));
        }

        keep(made, rest);
        (void) json_array_append_new(o->markers, made);
    }

    json_decref(rest);
}


static void
read_markers(otio *o, json_t *object, double from, double offset, double speed)
{
    size_t        i, len, at;
    json_t       *list, *marker;
    rn_importer  *im = o->im;

    list = rn_im_array(im, object, "markers");
    len = rn_im_enter(im, "markers");

    json_array_foreach(list, i, marker) {
        at = rn_im_enter_index(im, i);
        read_marker(o, marker, from, offset, speed);
        rn_im_leave(im, at);
    }

    rn_im_leave(im, len);
}


/* ---------------------------------------------------------------- effects */


/* The speed, if an effect says one; the rest is named. */

static double
read_effects(otio *o, json_t *object, bool timed)
{
    char          schema[40];
    double        speed, scalar;
    size_t        i, len, at;
    json_t       *list, *effect;
    rn_importer  *im = o->im;
    const char   *s, *name;

    speed = 1;
    list = rn_im_array(im, object, "effects");
    len = rn_im_enter(im, "effects");

    json_array_foreach(list, i, effect) {
        at = rn_im_enter_index(im, i);
        s = schema_of(o, effect, schema);

        if (s != NULL && timed && strcmp(s, "LinearTimeWarp") == 0) {
            scalar = 1;
            (void) rn_im_number(im, effect, "time_scalar", -1000, 1000,
                                &scalar);
            (void) metadata_of(o, effect, NULL, NULL);
            (void) rn_im_get(im, effect, "name");
            (void) rn_im_get(im, effect, "effect_name");
            (void) rn_im_get(im, effect, "enabled");

            if (scalar < 0) {
                rn_im_note_at(im, "time_scalar", "nothing is played backwards; "
                              "it is played forwards");
            }

            speed *= fabs(scalar);
            if (speed < 0.25 || speed > 4) {
                rn_im_note_at(im, "time_scalar", "the speed becomes %g",
                              speed < 1 ? 0.25 : 4.0);
                speed = speed < 1 ? 0.25 : 4;
            }

        } else if (s != NULL && timed && strcmp(s, "FreezeFrame") == 0) {
            rn_im_note(im, "a picture of a film cannot be held; it is played "
                       "at a quarter of its speed");
            rn_im_done(im, effect);
            speed = 0.25;

        } else if (s != NULL) {
            name = json_string_value(json_object_get(effect, "effect_name"));
            rn_im_note(im, "the effect \"%.60s\" is not known here, and left "
                       "out", name != NULL && name[0] ? name : s);
            rn_im_done(im, effect);
        }

        rn_im_leave(im, at);
    }

    rn_im_leave(im, len);

    return round(speed * 1000) / 1000;
}


/* ---------------------------------------------------------------- media */


static json_t *
reference_of(otio *o, json_t *clip, const char **where, char key[80])
{
    json_t       *all, *ref, *other;
    rn_importer  *im = o->im;
    const char   *active, *name;

    *where = "media_reference";
    ref = rn_im_object(im, clip, "media_reference");
    all = rn_im_object(im, clip, "media_references");

    if (all == NULL) {
        return ref;
    }

    active = rn_im_string(im, clip, "active_media_reference_key");
    (void) snprintf(key, 80, "%s", active != NULL ? active : "DEFAULT_MEDIA");
    *where = "media_references";
    ref = rn_im_object(im, all, key);

    if (json_object_size(all) > 1) {
        rn_im_note_at(im, "media_references", "only the active one, "
                      "\"%.60s\", is used", key);
    }

    json_object_foreach(all, name, other) {
        if (other != ref) {
            (void) rn_im_get(im, all, name);
            rn_im_done(im, other);
        }
    }

    return ref;
}


/* Times of the media: where it begins, how long it is; 0: not known. */

static void
available_of(otio *o, json_t *clip, double *start, double *length)
{
    char          key[80];
    size_t        len;
    json_t       *ref, *range;
    const char   *where;
    rn_importer  *im = o->im;

    *start = *length = 0;
    ref = reference_of(o, clip, &where, key);

    len = rn_im_enter(im, where);
    if (where[15] == 's') {
        (void) rn_im_enter(im, key);
    }

    range = json_object_get(ref, "available_range");
    if (range != NULL) {
        (void) read_range(o, ref, "available_range", start, length);
    }

    rn_im_leave(im, len);
}


static bool
ends_in(const char *s, const char *const *ends)
{
    size_t  n, k;

    n = strcspn(s, "?#");

    for ( /* void */ ; *ends != NULL; ends++) {
        k = strlen(*ends);
        if (n > k && strncasecmp(s + n - k, *ends, k) == 0) {
            return true;
        }
    }

    return false;
}


static json_t *
generated(otio *o, json_t *ref)
{
    char          color[10];
    json_t       *p;
    const char   *kind;
    rn_importer  *im = o->im;

    kind = rn_im_string(im, ref, "generator_kind");
    p = rn_im_object(im, ref, "parameters");
    memcpy(color, "#000000ff", 10);

    if (kind != NULL && (strcasecmp(kind, "black") == 0
                         || strcasecmp(kind, "SolidColor") == 0
                         || strcasecmp(kind, "color") == 0))
    {
        (void) rn_im_color(im, p, "color", false, color);
        return json_pack("{s:s, s:s}", "type", "color", "color", color);
    }

    rn_im_note(im, "the generator \"%.60s\" is not known here; there is a gap",
               kind != NULL ? kind : "");
    rn_im_done(im, p);

    return NULL;
}


/* The asset that a clip shows, a new reference; NULL: none, with a note. */

static json_t *
asset_of(otio *o, json_t *clip, const char *track, json_t *rest, json_t *ours)
{
    char          key[80], schema[40];
    size_t        len;
    json_t       *ref, *src, *asset;
    const char   *where, *s, *url, *type;
    rn_importer  *im = o->im;

    static const char *const images[] = {
        ".png", ".jpg", ".jpeg", ".gif", ".bmp", ".tif", ".tiff", ".webp", NULL
    };

    static const char *const sounds[] = {
        ".wav", ".mp3", ".m4a", ".aac", ".flac", ".ogg", ".opus", ".aif",
        ".aiff", NULL
    };

    ref = reference_of(o, clip, &where, key);

    if (ref == NULL) {
        rn_im_note(im, "has no media; there is a gap");
        return NULL;
    }

    len = rn_im_enter(im, where);
    if (where[15] == 's') {
        (void) rn_im_enter(im, key);
    }

    asset = NULL;
    s = schema_of(o, ref, schema);
    (void) rn_im_get(im, ref, "name");
    (void) metadata_of(o, ref, rest, "media_metadata");
    rn_im_lost(im, ref, "available_image_bounds", "pictures are fitted to the "
               "canvas");

    if (s == NULL) {
        /* is wrong */

    } else if (strcmp(s, "ExternalReference") == 0) {
        url = rn_im_string(im, ref, "target_url");
        src = url != NULL && url[0] != '\0' ? rn_im_src(im, "target_url", url)
                                            : NULL;
        type = json_string_value(json_object_get(json_object_get(ours, "asset"),
                                                 "type"));

        if (type == NULL && src != NULL) {
            url = json_string_value(src);
            type = strcmp(track, "audio") == 0 ? "audio"
                   : ends_in(url, images) ? "image"
                   : ends_in(url, sounds) ? "audio" : "video";
        }

        if (src == NULL) {
            rn_im_note(im, "has no target_url; there is a gap");

        } else if (strcmp(type, "audio") == 0 && strcmp(track, "video") == 0) {
            rn_im_note_at(im, "target_url", "is a sound on a track of "
                          "pictures; there is a gap");
            json_decref(src);

        } else {
            asset = json_pack("{s:s, s:o}", "type", type, "src", src);
        }

    } else if (strcmp(s, "GeneratorReference") == 0
               && json_is_object(json_object_get(ours, "asset")))
    {
        (void) rn_im_string(im, ref, "generator_kind");
        rn_im_done(im, rn_im_object(im, ref, "parameters"));
        asset = json_deep_copy(json_object_get(ours, "asset"));

    } else if (strcmp(s, "GeneratorReference") == 0
               && strcmp(track, "video") == 0)
    {
        asset = generated(o, ref);

    } else {
        rn_im_note(im, strcmp(s, "ImageSequenceReference") == 0
                   ? "pictures numbered one by one are not read; there is a gap"
                   : strcmp(s, "MissingReference") == 0
                   ? "the media is missing; there is a gap"
                   : "this kind of media is not known here; there is a gap");
        rn_im_done(im, ref);
    }

    rn_im_leave(im, len);

    return asset;
}


/* ---------------------------------------------------------------- lengths */


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

        s = schema_of(o, child, schema);

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
    json_t            *src, *ref;
    const char        *where, *url;
    rn_import_facts    f;

    *media = 0;
    first = 0;

    if (strcmp(schema, "Clip") == 0) {
        available_of(o, item, &first, &length);

        if (read_range(o, item, "source_range", &start, &length)) {
            *media = start - first;
            return length;
        }

        if (length > 0) {
            return length;
        }

        ref = reference_of(o, item, &where, key);
        url = json_string_value(json_object_get(ref, "target_url"));
        src = json_string(url != NULL ? url : "");
        if (rn_im_look(o->im, src, &f) && f.duration > 0) {
            json_decref(src);
            return f.duration;
        }
        json_decref(src);
        *known = false;
        return 0;
    }

    if (read_range(o, item, "source_range", &start, &length)) {
        *media = start;
        return length;
    }

    if (strcmp(schema, "Stack") == 0 || strcmp(schema, "Track") == 0) {
        return content_length(o, item, schema[0] == 'S', known, depth);
    }

    return 0;
}


/* ---------------------------------------------------------------- clips */


static double
number_of(json_t *object, const char *name)
{
    return json_number_value(json_object_get(object, name));
}


/* Whether a clip of ours is where and what it was when it was written. */

static bool
untouched(otio *o, json_t *kept, json_t *asset, double start, double length,
    double media, double speed)
{
    double   tick;
    json_t  *was, *src;

    was = json_object_get(kept, "was");
    src = json_object_get(json_object_get(json_object_get(kept, "clip"),
                                          "asset"), "src");
    tick = 0.25 / o->im->fps;

    return json_is_array(was) && json_array_size(was) == 4
           && fabs(json_number_value(json_array_get(was, 0)) - start) < tick
           && fabs(json_number_value(json_array_get(was, 1)) - length) < tick
           && (fabs(json_number_value(json_array_get(was, 2)) - media) < tick
               || !json_is_string(src)
               || strcmp(json_string_value(json_object_get(asset, "type")),
                         "image") == 0)
           && fabs(json_number_value(json_array_get(was, 3)) - speed) < 1e-3
           && ((src == NULL && json_object_get(asset, "src") == NULL)
               || json_equal(src, json_object_get(asset, "src")));
}


static void
fade_sound(json_t *clip, double in, double out)
{
    if (in > 0) {
        (void) json_object_set_new(clip, "fade_in", rn_im_seconds(in));
    }

    if (out > 0) {
        (void) json_object_set_new(clip, "fade_out", rn_im_seconds(out));
    }
}


typedef struct {
    otio         *o;
    json_t       *clips;                /* of our track, borrowed */
    const char   *kind;
    double        end;                  /* s, of the last clip */
    bool          known;
} lane;


/* start, length: as shown, with what transitions take of it. */

static void
place_clip(otio *o, lane *l, slot *s, double start, double length, double media)
{
    bool          same, audio, early;
    json_t       *clip, *ours;
    rn_importer  *im = o->im;
    const char   *name, *type;

    ours = json_object_get(s->kept, "clip");
    ours = json_is_object(ours) ? ours : NULL;

    name = rn_im_string(im, s->item, "name");
    type = json_string_value(json_object_get(s->asset, "type"));
    audio = strcmp(type, "audio") == 0 || strcmp(type, "video") == 0;
    same = ours != NULL && s->known
           && untouched(o, s->kept, s->asset, start, length, media, s->speed);

    clip = ours != NULL ? json_deep_copy(ours) : json_object();

    if (!same) {
        (void) json_object_set(clip, "asset", s->asset);
        (void) json_object_del(clip, "out_point");
        (void) json_object_del(clip, "in_point");
        (void) json_object_del(clip, "speed");
        (void) json_object_del(clip, "start");
        (void) json_object_del(clip, "duration");

        if (audio && media > SAME) {
            (void) json_object_set_new(clip, "in_point", rn_im_seconds(media));
        } else if (audio && media < -SAME) {
            rn_im_note(im, "begins %.3f s before its media; it is shown from "
                       "where that begins", -media);
        }

        if (audio && s->speed != 1) {
            (void) json_object_set_new(clip, "speed", json_real(s->speed));
        } else if (s->speed != 1) {
            rn_im_note(im, "a picture has no speed");
        }

        if (s->known) {
            (void) json_object_set_new(clip, "duration", rn_im_seconds(length));
        }

        if (ours == NULL && strcmp(l->kind, "video") == 0) {
            if (strcmp(type, "color") != 0) {
                (void) json_object_set_new(clip, "fit", json_string("contain"));
            }
            if (strcmp(type, "video") == 0 && o->sounds) {
                (void) json_object_set_new(clip, "volume", json_integer(0));
            }
        }

        if (strcmp(l->kind, "video") == 0) {
            rn_im_fade(clip, s->fade_in, s->fade_out, length);
        } else {
            fade_sound(clip, s->fade_in, s->fade_out);
        }
    }

    if (ours == NULL && name != NULL && name[0] != '\0') {
        (void) json_object_set_new(clip, "title", json_string(name));
    }

    early = json_object_get(clip, "start") == NULL;
    if (early && !s->joined && l->known && fabs(start - l->end) > SAME) {
        (void) json_object_set_new(clip, "start", rn_im_seconds(start));
    }

    keep(clip, s->rest);

    (void) json_array_append_new(l->clips, clip);
    l->end = start + length;
    l->known = l->known && s->known;
}


static void
place_transition(otio *o, lane *l, const slot *s, double length)
{
    json_t       *item, *kept;
    const char   *type, *ours;

    kept = json_object_get(json_object_get(s->before, "metadata"), OURS);
    item = json_object_get(kept, "item");
    type = json_string_value(json_object_get(s->before, "transition_type"));
    ours = json_string_value(json_object_get(item, "transition_type"));

    if (ours != NULL && fabs(number_of(kept, "was") - length)
                        < 0.25 / o->im->fps)
    {
        item = json_deep_copy(item);
    } else {
        if (ours == NULL && type != NULL && type[0] != '\0'
            && strcmp(type, "SMPTE_Dissolve") != 0)
        {
            rn_im_note(o->im, "\"%.60s\" is not known here, and becomes a fade",
                       type);
        }
        item = json_pack("{s:s, s:s, s:o}", "type", "transition",
                         "transition_type", ours != NULL ? ours : "fade",
                         "duration", rn_im_seconds(length));
    }

    (void) json_array_append_new(l->clips, item);
}


/* ---------------------------------------------------------------- tracks */


static bool
is_item(const slot *s, const char *schema)
{
    return s->schema != NULL && strcmp(s->schema, schema) == 0;
}


/*
 * How much of a transition there can be: of media no more than there is, and no
 * more than half of either clip.  True: less than before.
 */

static bool
fit_transition(const otio *o, slot *a, slot *b)
{
    double  f, frame, was, first, second;

    was = b->head + a->tail;
    frame = 1 / o->im->fps;

    if (a->avail > 0) {
        a->tail = fmin(a->tail, fmax((a->avail - a->media) / a->speed
                                     - a->length, 0));
    }

    if (!b->still) {
        b->head = fmin(b->head, fmax(b->media / b->speed, 0));
    }

    first = a->length + a->head;            /* all but what is shared here */
    second = b->length + b->tail;

    if (2 * b->head + a->tail > first + SAME
        || 2 * a->tail + b->head > second + SAME)
    {
        f = fmin(first / (2 * b->head + a->tail),
                 second / (2 * a->tail + b->head));
        b->head = fmax(floor(b->head * f / frame - 0.5) * frame, 0);
        a->tail = fmax(floor(a->tail * f / frame - 0.5) * frame, 0);
    }

    if (b->head + a->tail < frame - SAME) {
        b->head = a->tail = 0;
        b->joined = false;
    }

    return b->head + a->tail < was - SAME;
}


/* Once all are read, since each takes of what its neighbours have. */

static void
fit_transitions(otio *o, slot *slots, size_t n)
{
    int           passes;
    bool          again;
    double        is;
    size_t        i, in;
    rn_importer  *im = o->im;

    again = true;

    for (passes = 0; passes < 50 && again; passes++) {
        again = false;
        for (i = 1; i < n; i++) {
            if (slots[i].joined) {
                again = fit_transition(o, &slots[i - 1], &slots[i]) || again;
            }
        }
    }

    for (i = 1; i < n; i++) {
        is = slots[i].joined ? slots[i].head + slots[i - 1].tail : 0;

        if (slots[i].asked > 0 && is < slots[i].asked - SAME) {
            in = rn_im_enter_index(im, slots[i].before_index);
            rn_im_note(im, "lasts %.3f s in place of %.3f: a transition takes "
                       "no more than half of the clips beside it, and of media "
                       "no more than there is", is, slots[i].asked);
            rn_im_leave(im, in);
        }
    }
}


/* A transition that was read: what the slots on both sides show for it. */

static void
read_transition(otio *o, slot *slots, size_t n, size_t after, double from,
    double to)
{
    double        in, out, cut;
    slot         *a, *b;
    json_t       *t;
    rn_importer  *im = o->im;

    b = &slots[after];
    a = after > 0 ? &slots[after - 1] : NULL;
    t = b->before;
    in = out = 0;

    (void) read_time(o, t, "in_offset", &in);
    (void) read_time(o, t, "out_offset", &out);
    (void) rn_im_string(im, t, "transition_type");
    (void) rn_im_get(im, t, "name");
    (void) rn_im_get(im, t, "enabled");
    (void) metadata_of(o, t, NULL, NULL);

    in = fmax(in, 0);
    out = fmax(out, 0);
    cut = a != NULL ? a->start + a->length : 0;

    if (in + out <= 0) {
        return;
    }

    if (a == NULL || after >= n) {
        rn_im_note(im, "is left out: there is nothing on one side of it");

    } else if (!a->known || !b->known || cut <= from + SAME
               || cut >= to - SAME)
    {
        rn_im_note(im, "is left out: what it would show lies outside of what "
                   "is used");

    } else if (is_item(a, "Clip") && is_item(b, "Clip")) {
        a->tail = out;
        b->head = in;
        b->asked = in + out;
        b->joined = true;

    } else if (is_item(a, "Clip") && is_item(b, "Gap")) {
        a->tail = fmin(out, b->length);
        if (a->avail > 0) {
            a->tail = fmin(a->tail, fmax((a->avail - a->media) / a->speed
                                         - a->length, 0));
        }
        a->fade_out = fmin(in + a->tail, (a->length + a->tail) / 2);

    } else if (is_item(a, "Gap") && is_item(b, "Clip")) {
        b->head = fmin(in, a->length);
        if (!b->still) {
            b->head = fmin(b->head, fmax(b->media / b->speed, 0));
        }
        b->fade_in = fmin(out + b->head, (b->length + b->head) / 2);

    } else {
        rn_im_note(im, "is left out: beside it is something made of several "
                   "tracks");
    }
}


/* What a clip shows; false: nothing that can be shown. */

static bool
read_clip(otio *o, slot *s, const char *kind)
{
    double   first;
    json_t  *ours;
    const char  *type;

    s->rest = json_object();
    s->kept = metadata_of(o, s->item, s->rest, "metadata");
    s->speed = read_effects(o, s->item, true);

    ours = json_object_get(s->kept, "clip");
    s->asset = asset_of(o, s->item, kind, s->rest,
                        json_is_object(ours) ? ours : NULL);

    if (s->asset == NULL) {
        (void) rn_im_get(o->im, s->item, "name");
        return false;
    }

    type = json_string_value(json_object_get(s->asset, "type"));
    s->still = strcmp(type, "video") != 0 && strcmp(type, "audio") != 0;

    if (!s->still) {
        available_of(o, s->item, &first, &s->avail);
    }

    return true;
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

        what = schema_of(o, child, schema);
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
            (void) read_range(o, child, "source_range", &s->media, &s->length);
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

            } else if (strcmp(what, "Clip") == 0 && !read_clip(o, s, kind)) {
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
        read_markers(o, s->item, s->media, at - (a - s->start), s->speed);
        place_clip(o, l, s, at - s->head, b - a + s->head + s->tail,
                   s->media + (a - s->start - s->head) * s->speed);
        return;
    }

    if (is_item(s, "Gap")) {
        read_markers(o, s->item, s->media, at - (a - s->start), 1);
        (void) metadata_of(o, s->item, NULL, NULL);
        (void) rn_im_get(im, s->item, "name");
        (void) read_effects(o, s->item, false);
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
    kept = metadata_of(o, track, NULL, NULL);
    (void) read_effects(o, track, false);

    slots = collect(o, track, kind, &n, &total, depth);
    if (slots == NULL) {
        return result;
    }

    if (read_range(o, track, "source_range", &skip, &length)) {
        from += skip;
        to = fmin(to + skip, skip + length);
    }

    read_markers(o, track, from, at, 1);

    len = rn_im_enter(im, "children");
    for (i = 0; i <= n; i++) {
        if (slots[i].before != NULL) {
            in = rn_im_enter_index(im, slots[i].before_index);
            read_transition(o, slots, n, i, from, to);
            rn_im_leave(im, in);
        }
    }
    fit_transitions(o, slots, n);

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
                place_transition(o, &l, &slots[i],
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
    (void) metadata_of(o, stack, NULL, NULL);

    if (read_range(o, stack, "source_range", &skip, &length)) {
        from += skip;
        to = fmin(to + skip, skip + length);
    }

    read_markers(o, stack, from, at, 1);

    children = rn_im_array(im, stack, "children");
    len = rn_im_enter(im, "children");

    json_array_foreach(children, i, child) {
        in = rn_im_enter_index(im, i);
        s = schema_of(o, child, schema);
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

    rate = number_of(value, "rate");
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

    keep(document, rest);

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

    s = schema_of(o, root, schema);

    if (s == NULL || strcmp(s, "Timeline") == 0) {
        return s != NULL ? root : NULL;
    }

    if (strcmp(s, "SerializableCollection") != 0) {
        rn_im_wrong_at(im, "OTIO_SCHEMA", "must be a Timeline");
        return NULL;
    }

    found = NULL;
    (void) rn_im_get(im, root, "name");
    (void) metadata_of(o, root, NULL, NULL);
    children = rn_im_array(im, root, "children");
    len = rn_im_enter(im, "children");

    json_array_foreach(children, i, child) {
        at = rn_im_enter_index(im, i);
        s = schema_of(o, child, schema);

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
    o.root = metadata_of(&o, timeline, rest, "metadata");
    name = rn_im_string(im, timeline, "name");

    if (read_time(&o, timeline, "global_start_time", &zero) && zero != 0) {
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

    if (stack == NULL || schema_of(&o, stack, schema) == NULL) {
        rn_im_wrong(im, "must be a Stack");

    } else {
        o.sounds = has_sounds(stack);
        (void) read_effects(&o, stack, false);

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
