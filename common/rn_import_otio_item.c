/*
 * What an item of OpenTimelineIO says: its schema, times, metadata, markers and
 * effects.
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
