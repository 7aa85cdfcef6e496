/*
 * A Shotstack edit: its time line, its output, and when each clip is.  Tracks
 * begin with the one on top there, and hold pictures and sound side by side;
 * here each becomes as many as its clips need not to overlap.  What a clip is:
 * rn_import_shotstack_clip.c.
 *
 * Facts are those of the API reference, https://shotstack.io/docs/api/, and of
 * the guide beside it.
 */

#include "rn_import_shotstack.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


#define STILL       3.0                 /* s of what has no length of its own */
#define FADE        1.0                 /* s, of the soundtrack */
#define CLIPS_MAX   5000
#define PASSES_MAX  100                 /* of aliases that name aliases */

typedef struct {
    json_t        *clip;
    size_t         track, index;
    rn_im_time     time;
    const char    *start, *length;      /* the alias, or NULL */
    bool           auto_start;
} entry;

typedef struct {
    json_t        *track;
    bool           audio, open;         /* open: until when is not known */
    double         end;
    const entry   *last;
} lane;

typedef struct {
    rn_importer   *im;
    entry         *entries;
    size_t         n, room;
    json_t        *aliases;             /* the entries' indexes by name */
    bool           mute;
    double         end;                 /* s, of the film; 0: not known */
} edit;


/* ---------------------------------------------------------------- merge */


static void
read_merge(edit *e, json_t *root)
{
    size_t       i, len, at;
    json_t      *list, *field, *replace;
    rn_importer *im = e->im;
    const char  *find;

    list = rn_im_array(im, root, "merge");
    if (list == NULL) {
        return;
    }

    len = rn_im_enter(im, "merge");
    im->merge = json_object();

    json_array_foreach(list, i, field) {
        at = rn_im_enter_index(im, i);

        if (!json_is_object(field)) {
            rn_im_wrong(im, "must be an object");
            rn_im_leave(im, at);
            continue;
        }

        find = json_string_value(json_object_get(field, "find"));
        replace = json_object_get(field, "replace");
        rn_im_done(im, field);

        if (find == NULL || replace == NULL) {
            rn_im_wrong(im, "needs \"find\", a string, and \"replace\"");
        } else if (json_object_get(im->merge, find) != NULL) {
            rn_im_note(im, "\"%.64s\" is there twice; the first one counts",
                       find);
        } else {
            (void) json_object_set(im->merge, find, replace);
        }

        rn_im_leave(im, at);
    }

    rn_im_leave(im, len);
}


/* ---------------------------------------------------------------- times */


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


static void
enter_clip(edit *e, const entry *c)
{
    rn_importer  *im = e->im;

    im->len = 0;
    (void) rn_im_enter(im, "timeline");
    (void) rn_im_enter(im, "tracks");
    (void) rn_im_enter_index(im, c->track);
    (void) rn_im_enter(im, "clips");
    (void) rn_im_enter_index(im, c->index);
}


/* Names that lead nowhere, and lengths that nobody can tell. */

static void
settle(edit *e)
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
        enter_clip(e, c);

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

    im->len = 0;
}


/* ---------------------------------------------------------------- lanes */


/* A place that is free when the clip starts. */

static lane *
lane_for(edit *e, lane *lanes, size_t *n, const entry *c, bool audio,
    const entry *before)
{
    size_t  i;
    lane   *l;

    for (i = 0; i < *n; i++) {
        l = &lanes[i];

        if (l->audio != audio) {
            continue;
        }

        if (c->time.start_known ? !l->open && c->time.start >= l->end - 1e-9
            : l->last == before)
        {
            return l;
        }
    }

    l = &lanes[(*n)++];
    memset(l, 0, sizeof(*l));
    l->audio = audio;
    l->track = rn_im_track(e->im, audio ? "audio" : "video");

    if (e->mute) {
        (void) json_object_set_new(l->track, "volume", json_integer(0));
    }

    return l;
}


static void
place(edit *e, lane *lanes, size_t *n, const entry *c, const entry *before,
    json_t *clip, bool audio)
{
    lane  *l;

    l = lane_for(e, lanes, n, c, audio, before);

    if (c->time.start_known) {
        (void) json_object_set_new(clip, "start",
                                   rn_im_seconds(c->time.start));
    } else if (l->last != before) {
        rn_im_note_at(e->im, "start", "cannot be told without the sources; the "
                      "clip starts at 0");
    }

    if (c->time.to_end) {
        (void) json_object_set_new(clip, "duration", json_string("end"));
    } else if (!c->time.natural) {
        (void) json_object_set_new(clip, "duration",
                                   rn_im_seconds(c->time.length));

    } else if (strcmp(json_string_value(json_object_get(json_object_get(clip,
                      "asset"), "type")), "caption") == 0)
    {
        set_string(clip, "duration", "auto");       /* else until the end */
    }

    (void) json_array_append_new(json_object_get(l->track, "clips"), clip);

    l->last = c;
    l->open = c->time.to_end || !c->time.start_known || !c->time.length_known;
    l->end = c->time.start + c->time.length;
}


/* The entries from..to-1 are those of one track. */

static void
read_track(edit *e, size_t from, size_t to)
{
    bool     audio;
    size_t   i, n;
    lane    *lanes;
    json_t  *clip;

    lanes = calloc(to - from + 1, sizeof(lane));
    n = 0;

    for (i = from; lanes != NULL && i < to; i++) {
        enter_clip(e, &e->entries[i]);
        clip = rn_im_shotstack_clip(e->im, e->entries[i].clip,
                                    &e->entries[i].time, &audio);

        if (clip != NULL) {
            place(e, lanes, &n, &e->entries[i],
                  i > from ? &e->entries[i - 1] : NULL, clip, audio);
        }
    }

    e->im->len = 0;
    free(lanes);
}


static void
collect(edit *e, json_t *timeline)
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


static void
read_soundtrack(edit *e, json_t *timeline)
{
    double       volume, fade;
    size_t       len;
    json_t      *sound, *src, *clip, *track;
    rn_importer *im = e->im;
    const char  *s, *effect;

    sound = rn_im_object(im, timeline, "soundtrack");
    if (sound == NULL) {
        return;
    }

    len = rn_im_enter(im, "soundtrack");
    s = rn_im_text(im, sound, "src");
    src = s != NULL ? rn_im_src(im, "src", s) : NULL;

    if (src == NULL) {
        rn_im_wrong(im, "needs a \"src\"");
        rn_im_leave(im, len);
        return;
    }

    clip = json_pack("{s:{s:s, s:o}, s:i, s:s}", "asset", "type", "audio",
                     "src", src, "start", 0, "duration", "end");
    track = rn_im_track(im, "audio");
    (void) json_array_append_new(json_object_get(track, "clips"), clip);

    if (rn_im_number(im, sound, "volume", 0, 1, &volume)) {
        (void) json_object_set_new(clip, "volume", json_real(volume));
    }

    effect = rn_im_string(im, sound, "effect");

    if (effect != NULL) {
        fade = e->end > 0 ? fmin(FADE, e->end / 2) : FADE;

        if (strncmp(effect, "fadeIn", 6) == 0) {
            (void) json_object_set_new(clip, "fade_in", rn_im_seconds(fade));
        }
        if (strcmp(effect, "fadeOut") == 0
            || strcmp(effect, "fadeInFadeOut") == 0)
        {
            (void) json_object_set_new(clip, "fade_out", rn_im_seconds(fade));
        } else if (strcmp(effect, "fadeIn") != 0 && strcmp(effect, "none") != 0)
        {
            rn_im_note_at(im, "effect", "\"%.40s\" is not known", effect);
        }
    }

    if (e->mute) {
        (void) json_object_set_new(track, "volume", json_integer(0));
    }

    rn_im_leave(im, len);
}


/* Fonts that texts and captions name by their families, there as here. */

static void
read_fonts(rn_importer *im, json_t *timeline)
{
    size_t   i, len, at;
    json_t  *list, *font;

    list = rn_im_array(im, timeline, "fonts");
    len = rn_im_enter(im, "fonts");

    json_array_foreach(list, i, font) {
        at = rn_im_enter_index(im, i);

        if (json_is_object(font)) {
            (void) rn_im_font(im, font, "src", NULL);
        } else {
            rn_im_wrong(im, "must be an object");
        }
        rn_im_leave(im, at);
    }

    rn_im_leave(im, len);
}


static void
read_timeline(edit *e, json_t *timeline, json_t *out)
{
    char         color[10];
    size_t       len, from, to;
    rn_importer *im = e->im;

    len = rn_im_enter(im, "timeline");

    if (rn_im_color(im, timeline, "background", false, color)) {
        set_string(out, "background", color);
    }

    read_fonts(im, timeline);
    rn_im_lost(im, timeline, "cache", "sources are always kept by their "
               "content");

    collect(e, timeline);
    rn_im_leave(im, len);

    settle(e);

    len = rn_im_enter(im, "timeline");
    read_soundtrack(e, timeline);
    rn_im_leave(im, len);

    for (to = e->n; to > 0; to = from) {    /* from the lowest track */
        for (from = to - 1; from > 0
             && e->entries[from - 1].track == e->entries[to - 1].track; from--)
        {
            /* void */
        }
        read_track(e, from, to);
    }

    if (json_array_size(im->tracks) == 0 && im->problems->total == 0) {
        rn_im_wrong(im, "nothing is left that a composition can show");
    }
}


json_t *
rn_import_shotstack(rn_importer *im, json_t *root)
{
    edit     e;
    json_t  *document, *timeline, *outputs;

    timeline = rn_im_object(im, root, "timeline");
    if (timeline == NULL) {
        rn_im_wrong(im, "needs a \"timeline\"");
        return NULL;
    }

    memset(&e, 0, sizeof(e));
    e.im = im;
    e.aliases = json_object();

    read_merge(&e, root);

    document = json_pack("{s:i}", "version", 1);
    outputs = rn_ss_output(im, root, document, &e.mute);

    rn_im_lost(im, root, "callback", "webhooks are not called for "
               "compositions; ask for the job or listen to it");
    rn_im_lost(im, root, "disk", "has no counterpart");
    rn_im_lost(im, root, "instance", "has no counterpart");

    (void) json_object_set_new(document, "timeline",
                               json_pack("{s:i, s:i, s:o, s:O}",
                                         "width", im->width,
                                         "height", im->height,
                                         "fps", rn_im_fps(im->fps),
                                         "tracks", im->tracks));
    (void) json_object_set_new(document, "outputs", outputs);

    read_timeline(&e, timeline, json_object_get(document, "timeline"));

    if (json_object_size(im->merged) > 0) {
        (void) json_object_set(document, "merge", im->merged);
    }

    json_decref(e.aliases);
    free(e.entries);

    return document;
}
