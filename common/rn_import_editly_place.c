/*
 * Clips of an editly specification on tracks: the lowest layers on one, with
 * the transitions between them, the others above.
 */

#include "rn_import_editly.h"

#include <math.h>
#include <stdio.h>
#include <string.h>


static bool
is_heard_only(const char *type)
{
    return strcmp(type, "audio") == 0 || strcmp(type, "detached-audio") == 0;
}


static bool
is_drawn(const char *type)
{
    size_t  i;

    static const char *const types[] = {
        "video", "image", "image-overlay", "title", "subtitle", "news-title",
        "slide-in-text", "fill-color", "pause", "linear-gradient",
        "radial-gradient"
    };

    for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (strcmp(type, types[i]) == 0) {
            return true;
        }
    }

    return false;
}


static void
enter_layer(spec *e, const part *p, size_t i)
{
    const char  *pointer;
    rn_pointer  *at = &e->im->at;

    pointer = json_string_value(p->pointers[i]);
    at->len = (size_t) snprintf(at->text, sizeof(at->text), "%s",
                                pointer != NULL ? pointer : "");
}


/* The clips of a part; `base` takes the lowest layer. */

static void
place_part(spec *e, part *p, json_t *base, double in)
{
    bool         bounded, lowest, fades;
    double       start, stop;
    size_t       i, above;
    json_t      *clip, *layer, **track;
    rn_importer *im = e->im;

    above = 0;
    lowest = fades = false;

    for (i = 0; i < p->n; i++) {
        layer = p->layers[i];
        enter_layer(e, p, i);

        if (is_heard_only(p->types[i])) {
            rn_ed_sound_layer(e, p, i, in);
            continue;
        }

        start = json_number_value(json_object_get(layer, "start"));
        stop = json_is_number(json_object_get(layer, "stop"))
               ? json_number_value(json_object_get(layer, "stop")) : p->length;

        if (!(start >= 0 && start < stop) || stop > p->length + 1e-6) {
            rn_im_wrong(im, "\"start\" and \"stop\" must lie within the clip");
            continue;
        }

        if (lowest && !is_drawn(p->types[i])) {
            rn_im_note(im, "\"%.40s\" cannot be drawn; the layer is left out",
                       p->types[i]);
            rn_im_done(im, layer);
            continue;
        }

        bounded = start > 0 || stop < p->length - 1e-6;
        clip = rn_ed_layer(e, layer, p->types[i], p->known ? p->length : 0,
                          rn_ed_loudness(e, p, i));

        if (!lowest && !bounded) {
            lowest = true;
            if (p->known) {
                set_new(clip, "duration", rn_im_seconds(p->length));
            }
            (void) json_array_append_new(base, clip);
            continue;
        }

        if (!lowest) {                  /* something has to carry the time */
            lowest = true;
            (void) json_array_append_new(base,
                                         json_pack("{s:{s:s, s:s}, s:o}",
                                         "asset", "type", "color", "color",
                                         "#00000000", "duration",
                                         rn_im_seconds(p->length)));
        }

        set_new(clip, "start", rn_im_seconds(p->start + start));
        set_new(clip, "duration", rn_im_seconds(stop - start));
        fades = fades || stop >= p->length - 1e-6;
        rn_im_fade(clip, start > 0 ? 0 : in,
                   stop < p->length - 1e-6 ? 0 : p->change, stop - start);

        track = &e->above[above < LAYERS_MAX ? above : LAYERS_MAX - 1]
                         [(p - e->parts) % 2];
        above++;

        if (*track == NULL) {
            *track = json_pack("{s:s, s:[]}", "kind", "video", "clips");
        }
        (void) json_array_append_new(json_object_get(*track, "clips"), clip);
    }

    if (!lowest) {
        (void) json_array_append_new(base, json_pack("{s:{s:s, s:s}, s:o}",
                                     "asset", "type", "color", "color",
                                     "#000000ff", "duration",
                                     rn_im_seconds(p->length)));
    }

    if (fades && p->change > 0 && strcmp(p->transition, "fade") != 0) {
        enter_layer(e, p, 0);
        rn_im_note(im, "in the transition at the end of its clip, layers above "
                   "the lowest fade");
    }
}


void
rn_ed_place(spec *e)
{
    double       at, in, start;
    size_t       i, k;
    part        *p;
    json_t      *base, *track, *clip;
    rn_importer *im = e->im;

    base = json_object_get(rn_im_track(im, "video"), "clips");
    at = in = 0;

    for (i = 0; i < e->n; i++) {            /* no more than half of each */
        p = &e->parts[i];

        if (i + 1 == e->n) {
            p->change = 0;
        } else {
            p->change = fmin(p->change, fmin(p->length, p[1].length) / 2);
            if (p->change > fmin(p->length, p[1].length) / 2 - 1 / im->fps) {
                p->change = floor(p->change * im->fps - 0.5) / im->fps;
            }
            if (p->change < 1 / im->fps) {
                p->change = 0;
            }
        }

        p->start = at;
        at += p->length - p->change;
    }

    for (i = 0; i < e->n; i++) {
        p = &e->parts[i];
        place_part(e, p, base, in);
        in = p->change;

        if (p->change > 0) {
            (void) json_array_append_new(base,
                                         json_pack("{s:s, s:s, s:o}",
                                         "type", "transition",
                                         "transition_type", p->transition,
                                         "duration", rn_im_seconds(in)));
        }
    }

    for (i = 0; i < LAYERS_MAX; i++) {
        for (k = 0; k < 2; k++) {
            if (e->above[i][k] != NULL) {
                (void) json_array_append(im->tracks, e->above[i][k]);
            }
        }
    }

    for (i = 0; i < json_array_size(e->sounds); i++) {
        clip = json_array_get(e->sounds, i);
        start = json_number_value(json_object_get(clip, "start"));

        if (start >= at - 1 / im->fps) {
            rn_pointer_leave(&im->at, 0);
            rn_im_note(im, "a sound begins at %.3f s, at or behind the end of "
                       "the film, and is left out", start);
            continue;
        }

        track = rn_im_track(im, "audio");
        (void) json_array_append(json_object_get(track, "clips"), clip);
    }
}
