/*
 * When the clips of a Shotstack edit are: some say it, some follow the one
 * before, some go by another clip or by how long their source is.
 */

#include "rn_import_shotstack.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>


#define STILL       3.0                 /* s of what has no length of its own */
#define CLIPS_MAX   5000
#define PASSES_MAX  100                 /* of aliases that name aliases */


static bool
add_entry(edit *e, json_t *clip, size_t track, size_t index)
{
    entry   *entries;
    size_t   room;

    if (e->n == e->room) {
        room = e->room ? 2 * e->room : 64;
        entries = realloc(e->entries, room * sizeof(entry));
        if (entries == NULL) {
            return false;
        }
        e->entries = entries;
        e->room = room;
    }

    memset(&e->entries[e->n], 0, sizeof(entry));
    e->entries[e->n].clip = clip;
    e->entries[e->n].track = track;
    e->entries[e->n++].index = index;

    return true;
}


/* A number, "auto", for a length "end", or the name of another clip. */

static bool
read_time(rn_importer *im, json_t *clip, const char *name, double *seconds,
    bool *known, bool *itself, bool *end, const char **alias)
{
    json_t      *v;
    const char  *s;

    v = rn_im_get(im, clip, name);
    s = json_string_value(v);

    if (v == NULL) {
        return false;
    }

    if (json_is_number(v)) {
        *known = rn_im_number(im, clip, name, 0, 1e5, seconds);

    } else if (s != NULL && strcmp(s, "auto") == 0) {
        *itself = true;

    } else if (s != NULL && strcmp(s, "end") == 0 && end != NULL) {
        *end = true;

    } else if (s != NULL && strncmp(s, "alias://", 8) == 0) {
        *alias = s + 8;

    } else {
        rn_im_wrong_at(im, name, "must be seconds, \"auto\"%s or \"alias://\" "
                       "and a name", end != NULL ? ", \"end\"" : "");
    }

    return true;
}


static bool
is_caption(const char *type)
{
    return strcmp(type, "caption") == 0 || strcmp(type, "rich-caption") == 0;
}


/* The length that a source has from where it begins, if that is known. */

static void
natural_length(rn_importer *im, entry *c)
{
    double            trim, speed;
    json_t           *asset, *v;
    const char       *type, *s;
    rn_import_facts   facts;

    asset = json_object_get(c->clip, "asset");
    type = json_string_value(json_object_get(asset, "type"));

    if (type == NULL || (strcmp(type, "video") != 0
                         && strcmp(type, "audio") != 0 && !is_caption(type)))
    {
        c->time.length = STILL;
        c->time.length_known = true;
        return;
    }

    c->time.natural = true;
    s = json_string_value(json_object_get(asset, "src"));
    if (s == NULL || im->o->look == NULL) {
        return;
    }

    trim = json_number_value(json_object_get(asset, "trim"));
    v = json_object_get(asset, "speed");
    speed = json_is_number(v) ? json_number_value(v) : 1;
    speed = fmin(fmax(speed, 0.25), 4);

    if (rn_im_look_at(im, s, &facts) && facts.duration > trim) {
        c->time.length = (facts.duration - trim) / speed;
        c->time.length_known = true;
    }
}


static void
read_times(edit *e, entry *c)
{
    bool         natural;
    size_t       len;
    const char  *alias;
    rn_importer *im = e->im;

    natural = false;

    if (!read_time(im, c->clip, "start", &c->time.start, &c->time.start_known,
                   &c->auto_start, NULL, &c->start)
        || !read_time(im, c->clip, "length", &c->time.length,
                      &c->time.length_known, &natural, &c->time.to_end,
                      &c->length))
    {
        rn_im_wrong(im, "needs a \"start\" and a \"length\"");
    }

    if (c->time.length_known && c->time.length <= 0) {
        rn_im_wrong_at(im, "length", "must be more than 0");
    }

    if (natural) {
        len = rn_im_enter(im, "asset");
        natural_length(im, c);
        rn_im_leave(im, len);
    }

    alias = rn_im_string(im, c->clip, "alias");
    if (alias != NULL) {
        (void) json_object_set_new(e->aliases, alias,
                                   json_integer((json_int_t)
                                                (c - e->entries)));
    }
}


static const entry *
named(edit *e, const char *alias)
{
    json_t  *i;

    i = json_object_get(e->aliases, alias);

    return i != NULL ? &e->entries[json_integer_value(i)] : NULL;
}


/* What follows from others; false when nothing new was found. */

static bool
pass(edit *e)
{
    bool          found;
    size_t        i;
    entry        *c, *before;
    const entry  *other;

    found = false;

    for (i = 0; i < e->n; i++) {
        c = &e->entries[i];

        if (!c->time.start_known && c->auto_start) {
            before = i > 0 && e->entries[i - 1].track == c->track
                     ? &e->entries[i - 1] : NULL;

            if (before == NULL || (before->time.start_known
                                   && before->time.length_known))
            {
                c->time.start = before == NULL ? 0 : before->time.start
                                                     + before->time.length;
                c->time.start_known = found = true;
            }
        }

        if (!c->time.start_known && c->start != NULL
            && (other = named(e, c->start)) != NULL && other->time.start_known)
        {
            c->time.start = other->time.start;
            c->time.start_known = found = true;
        }

        if (!c->time.length_known && c->length != NULL
            && (other = named(e, c->length)) != NULL
            && other->time.length_known)
        {
            c->time.length = other->time.length;
            c->time.length_known = found = true;
        }
    }

    return found;
}


void
rn_ss_enter(edit *e, const entry *c)
{
    rn_importer  *im = e->im;

    rn_pointer_leave(&im->at, 0);
    (void) rn_im_enter(im, "timeline");
    (void) rn_im_enter(im, "tracks");
    (void) rn_im_enter_index(im, c->track);
    (void) rn_im_enter(im, "clips");
    (void) rn_im_enter_index(im, c->index);
}


/* Names that lead nowhere, and lengths that nobody can tell. */

void
rn_ss_settle(edit *e)
{
    int           passes;
    bool          known;
    double        end;
    size_t        i;
    entry        *c;
    rn_importer  *im = e->im;

    for (passes = 0; passes < PASSES_MAX && pass(e); passes++) { /* void */ }

    known = true;
    end = 0;

    for (i = 0; i < e->n; i++) {
        c = &e->entries[i];
        rn_ss_enter(e, c);

        if (c->start != NULL && named(e, c->start) == NULL) {
            rn_im_wrong_at(im, "start", "there is no clip with this alias");
        } else if (c->start != NULL && !c->time.start_known) {
            rn_im_note_at(im, "start", "cannot be told without the sources; "
                          "the clip starts at 0");
            c->time.start_known = true;
        }

        if (c->length != NULL && named(e, c->length) == NULL) {
            rn_im_wrong_at(im, "length", "there is no clip with this alias");
        } else if (c->length != NULL && !c->time.length_known) {
            if (!named(e, c->length)->time.to_end) {
                rn_im_note_at(im, "length", "cannot be told without the "
                              "sources; the clip lasts until the end");
            }
            c->time.to_end = true;
        }

        if (!c->time.to_end) {
            known = known && c->time.start_known && c->time.length_known;
            end = fmax(end, c->time.start + c->time.length);
        }
    }

    e->end = known ? end : 0;

    for (i = 0; i < e->n && known; i++) {
        c = &e->entries[i];

        if (c->time.to_end && c->time.start_known && end > c->time.start) {
            c->time.length = end - c->time.start;
            c->time.length_known = true;
        }
    }

    rn_pointer_leave(&im->at, 0);
}


void
rn_ss_collect(edit *e, json_t *timeline)
{
    size_t       i, k, len, at, in, item;
    json_t      *tracks, *track, *clips, *clip;
    rn_importer *im = e->im;

    tracks = rn_im_array(im, timeline, "tracks");
    if (tracks == NULL) {
        rn_im_wrong(im, "needs \"tracks\"");
        return;
    }

    len = rn_im_enter(im, "tracks");

    json_array_foreach(tracks, i, track) {
        at = rn_im_enter_index(im, i);

        clips = json_is_object(track) ? rn_im_array(im, track, "clips") : NULL;
        if (clips == NULL) {
            rn_im_wrong(im, "must be an object with \"clips\"");
        }

        in = rn_im_enter(im, "clips");

        json_array_foreach(clips, k, clip) {
            item = rn_im_enter_index(im, k);

            if (!json_is_object(clip)) {
                rn_im_wrong(im, "must be an object");
            } else if (e->n < CLIPS_MAX && add_entry(e, clip, i, k)) {
                read_times(e, &e->entries[e->n - 1]);
            } else {
                rn_im_wrong(im, "is one more than the %d clips that a "
                            "composition may hold", CLIPS_MAX);
            }

            rn_im_leave(im, item);
        }

        rn_im_leave(im, in);
        rn_im_leave(im, at);
    }

    rn_im_leave(im, len);
}
