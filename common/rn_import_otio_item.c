/*
 * What an item of OpenTimelineIO says: its schema, times, metadata, markers,
 * effects and media.
 */

#include "rn_import_otio.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


/* ---------------------------------------------------------------- schemas */


/* "Clip" of "Clip.2"; what else it has been called becomes that. */

const char *
rn_otio_schema(otio *o, json_t *object, char name[40])
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


bool
rn_otio_time(otio *o, json_t *object, const char *name, double *seconds)
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


bool
rn_otio_range(otio *o, json_t *object, const char *name, double *start,
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

    found = rn_otio_time(o, r, "start_time", start);

    if (!rn_otio_time(o, r, "duration", length) || !found) {
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

json_t *
rn_otio_metadata(otio *o, json_t *object, json_t *rest, const char *as)
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


void
rn_otio_keep(json_t *object, json_t *rest)
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

    s = rn_otio_schema(o, marker, schema);
    if (s == NULL) {
        return;
    }

    rest = json_object();
    ours = rn_otio_metadata(o, marker, rest, "metadata");
    name = rn_im_string(im, marker, "name");
    start = length = 0;

    if (!rn_otio_range(o, marker, "marked_range", &start, &length)) {
        (void) rn_otio_range(o, marker, "range", &start, &length);
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

        rn_otio_keep(made, rest);
        (void) json_array_append_new(o->markers, made);
    }

    json_decref(rest);
}


void
rn_otio_markers(otio *o, json_t *object, double from, double offset,
    double speed)
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

double
rn_otio_effects(otio *o, json_t *object, bool timed)
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
        s = rn_otio_schema(o, effect, schema);

        if (s != NULL && timed && strcmp(s, "LinearTimeWarp") == 0) {
            scalar = 1;
            (void) rn_im_number(im, effect, "time_scalar", -1000, 1000,
                                &scalar);
            (void) rn_otio_metadata(o, effect, NULL, NULL);
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


json_t *
rn_otio_reference(otio *o, json_t *clip, const char **where, char key[80])
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

void
rn_otio_available(otio *o, json_t *clip, double *start, double *length)
{
    char          key[80];
    size_t        len;
    json_t       *ref, *range;
    const char   *where;
    rn_importer  *im = o->im;

    *start = *length = 0;
    ref = rn_otio_reference(o, clip, &where, key);

    len = rn_im_enter(im, where);
    if (where[15] == 's') {
        (void) rn_im_enter(im, key);
    }

    range = json_object_get(ref, "available_range");
    if (range != NULL) {
        (void) rn_otio_range(o, ref, "available_range", start, length);
    }

    rn_im_leave(im, len);
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

    static const char *const drawings[] = { ".svg", NULL };
    static const char *const captions[] = {
        ".srt", ".vtt", ".ass", ".ssa", NULL
    };

    ref = rn_otio_reference(o, clip, &where, key);

    if (ref == NULL) {
        rn_im_note(im, "has no media; there is a gap");
        return NULL;
    }

    len = rn_im_enter(im, where);
    if (where[15] == 's') {
        (void) rn_im_enter(im, key);
    }

    asset = NULL;
    s = rn_otio_schema(o, ref, schema);
    (void) rn_im_get(im, ref, "name");
    (void) rn_otio_metadata(o, ref, rest, "media_metadata");
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
                   : rn_im_ends(url, images) ? "image"
                   : rn_im_ends(url, drawings) ? "svg"
                   : rn_im_ends(url, captions) ? "caption"
                   : rn_im_ends(url, sounds) ? "audio" : "video";
        }

        if (src == NULL) {
            rn_im_note(im, "has no target_url; there is a gap");

        } else if (strcmp(type, "audio") == 0 && strcmp(track, "video") == 0) {
            rn_im_note_at(im, "target_url", "is a sound on a track of "
                          "pictures; there is a gap");
            json_decref(src);

        } else {
            asset = json_object_get(ours, "asset");     /* all else it has */
            asset = json_is_object(asset) ? json_deep_copy(asset)
                                          : json_object();
            set_string(asset, "type", type);
            set_new(asset, "src", src);
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


bool
rn_otio_runs(const char *type)
{
    return strcmp(type, "video") == 0 || strcmp(type, "audio") == 0
           || strcmp(type, "waveform") == 0 || strcmp(type, "caption") == 0;
}


/* What a clip shows; false: nothing that can be shown. */

bool
rn_otio_clip(otio *o, slot *s, const char *kind)
{
    double   first;
    json_t  *ours;
    const char  *type;

    s->rest = json_object();
    s->kept = rn_otio_metadata(o, s->item, s->rest, "metadata");
    s->speed = rn_otio_effects(o, s->item, true);

    ours = json_object_get(s->kept, "clip");
    s->asset = asset_of(o, s->item, kind, s->rest,
                        json_is_object(ours) ? ours : NULL);

    type = json_string_value(json_object_get(s->asset, "type"));

    if (type == NULL) {                     /* or what is kept is damaged */
        (void) rn_im_get(o->im, s->item, "name");
        json_decref(s->asset);
        s->asset = NULL;
        return false;
    }

    s->still = !rn_otio_runs(type);

    if (!s->still) {
        rn_otio_available(o, s->item, &first, &s->avail);
    }

    return true;
}
