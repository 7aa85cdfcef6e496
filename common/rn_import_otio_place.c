/*
 * Clips and transitions of OpenTimelineIO as those of a composition: how much
 * of a transition there can be, and whether what we wrote is still as it was.
 */

#include "rn_import_otio.h"

#include <math.h>
#include <string.h>


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
               || !rn_otio_runs(json_string_value(json_object_get(asset,
                                                                  "type"))))
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


/* start, length: as shown, with what transitions take of it. */

void
rn_otio_place_clip(otio *o, lane *l, slot *s, double start, double length,
    double media)
{
    bool          same, runs, caption, early;
    json_t       *clip, *ours;
    rn_importer  *im = o->im;
    const char   *name, *type;

    ours = json_object_get(s->kept, "clip");
    ours = json_is_object(ours) ? ours : NULL;

    name = rn_im_string(im, s->item, "name");
    type = json_string_value(json_object_get(s->asset, "type"));
    runs = rn_otio_runs(type);
    caption = strcmp(type, "caption") == 0;
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

        if (runs && media > SAME) {
            (void) json_object_set_new(clip, "in_point", rn_im_seconds(media));
        } else if (runs && media < -SAME) {
            rn_im_note(im, "begins %.3f s before its media; it is shown from "
                       "where that begins", -media);
        }

        if (runs && !caption && s->speed != 1) {
            (void) json_object_set_new(clip, "speed", json_real(s->speed));
        } else if (s->speed != 1) {
            rn_im_note(im, "%s no speed", caption ? "captions have"
                                                  : "a picture has");
        }

        if (s->known) {
            (void) json_object_set_new(clip, "duration", rn_im_seconds(length));
        } else if (caption) {
            set_string(clip, "duration", "auto");       /* else until the end */
        }

        if (ours == NULL && strcmp(l->kind, "video") == 0) {
            if (strcmp(type, "color") != 0 && !caption) {
                (void) json_object_set_new(clip, "fit", json_string("contain"));
            }
            if (strcmp(type, "video") == 0 && o->sounds) {
                (void) json_object_set_new(clip, "volume", json_integer(0));
            }
        }

        if (caption && (s->fade_in > 0 || s->fade_out > 0)) {
            rn_im_note(im, "captions come and go at once");
        } else if (strcmp(l->kind, "video") == 0) {
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

    rn_otio_keep(clip, s->rest);

    (void) json_array_append_new(l->clips, clip);
    l->end = start + length;
    l->known = l->known && s->known;
}


void
rn_otio_place_transition(otio *o, lane *l, const slot *s, double length)
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

void
rn_otio_fit_transitions(otio *o, slot *slots, size_t n)
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


static bool
is_caption(const slot *s)
{
    const char  *type;

    type = json_string_value(json_object_get(s->asset, "type"));

    return type != NULL && strcmp(type, "caption") == 0;
}


/* A transition that was read: what the slots on both sides show for it. */

void
rn_otio_transition(otio *o, slot *slots, size_t n, size_t after, double from,
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

    (void) rn_otio_time(o, t, "in_offset", &in);
    (void) rn_otio_time(o, t, "out_offset", &out);
    (void) rn_im_string(im, t, "transition_type");
    (void) rn_im_get(im, t, "name");
    (void) rn_im_get(im, t, "enabled");
    (void) rn_otio_metadata(o, t, NULL, NULL);

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

    } else if (is_caption(a) || is_caption(b)) {
        rn_im_note(im, "is left out: captions come and go at once");

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
