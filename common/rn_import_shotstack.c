/*
 * A Shotstack edit: its time line, its output, and where each clip goes.
 * Tracks begin with the one on top there, and hold pictures and sound side by
 * side; here each becomes as many as its clips need not to overlap.  When a
 * clip is: rn_import_shotstack_time.c; what it is: _clip.c.
 *
 * Facts are those of the API reference, https://shotstack.io/docs/api/, and of
 * the guide beside it.
 */

#include "rn_import_shotstack.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>


#define FADE  1.0                       /* s, of the soundtrack */

typedef struct {
    json_t        *track;
    bool           audio, open;         /* open: until when is not known */
    double         end;
    const entry   *last;
} lane;


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
        rn_ss_enter(e, &e->entries[i]);
        clip = rn_im_shotstack_clip(e->im, e->entries[i].clip,
                                    &e->entries[i].time, &audio);

        if (clip != NULL) {
            place(e, lanes, &n, &e->entries[i],
                  i > from ? &e->entries[i - 1] : NULL, clip, audio);
        }
    }

    rn_pointer_leave(&e->im->at, 0);
    free(lanes);
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

    rn_ss_collect(e, timeline);
    rn_im_leave(im, len);

    rn_ss_settle(e);

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
