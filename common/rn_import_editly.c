/*
 * An editly specification: clips one after another, each a pile of layers. The
 * lowest layers become a track with the transitions between them, the others
 * tracks above, where they fade while the lowest changes over.
 *
 * What a layer is: rn_import_editly_layer.c.
 *
 * Facts are those of https://github.com/mifi/editly, its README above all.
 */

#include "rn_import_editly.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


#define CLIPS_MAX   5000
#define DURATION    4.0


static const char *
our_transition(spec *e, const char *name)
{
    size_t       i;
    rn_importer *im = e->im;

    /* https://gl-transitions.com: the same, or (!) what is like it */

    static const struct {
        const char  *theirs, *ours;
    } names[] = {
        { "fade", "fade" }, { "fadegrayscale", "fadegrays" },
        { "fadecolor", "!fadeblack" }, { "directional-left", "slideleft" },
        { "directional-right", "slideright" },
        { "directional-up", "slideup" }, { "directional-down", "slidedown" },
        { "directional", "!slideup" }, { "wipeleft", "wipeleft" },
        { "wiperight", "wiperight" }, { "wipeup", "wipeup" },
        { "wipedown", "wipedown" }, { "directionalwipe", "!smoothleft" },
        { "circlecrop", "circlecrop" }, { "circleopen", "circleopen" },
        { "circle", "!circleopen" }, { "rectanglecrop", "rectcrop" },
        { "rectangle", "!rectcrop" }, { "radial", "radial" },
        { "angular", "!radial" }, { "pixelize", "pixelize" },
        { "squeeze", "!squeezev" }, { "simplezoom", "!zoomin" },
        { "crosszoom", "!zoomin" }, { "dreamyzoom", "!zoomin" },
        { "linearblur", "!hblur" }, { "windowslice", "!hlslice" },
        { "randomsquares", "!dissolve" }, { "colourdistance", "distance" },
        { "windowblinds", "!vuslice" }, { "doorway", "!vertopen" },
        { "slides", "!slideleft" }, { "randomnoisex", "!dissolve" },
    };

    if (strcmp(name, "random") == 0) {
        e->random = true;
        return "fade";
    }

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcasecmp(name, names[i].theirs) == 0) {
            if (names[i].ours[0] == '!') {
                rn_im_note(im, "\"%s\" becomes \"%s\", which is like it", name,
                           names[i].ours + 1);
                return names[i].ours + 1;
            }
            return names[i].ours;
        }
    }

    rn_im_note(im, "\"%.40s\" is not a transition that there is here; it "
               "becomes a fade", name);

    return "fade";
}


static void
read_change(spec *e, part *p, json_t *change, bool own)
{
    size_t       len;
    json_t      *rest;
    rn_importer *im = e->im;
    const char  *name;

    p->change = 0.5;
    p->transition = "fade";
    rest = own ? e->transition : NULL;

    if (change == NULL) {
        e->random = true;
        return;
    }

    len = im->len;
    if (own) {
        (void) rn_im_enter(im, "transition");
    }

    if (!rn_im_number(im, change, "duration", 0, 1000, &p->change)) {
        (void) rn_im_number(im, rest, "duration", 0, 1000, &p->change);
    }

    name = rn_im_string(im, change, "name");
    if (name == NULL) {
        name = rn_im_string(im, rest, "name");
    }

    if (p->change > 0) {
        p->transition = our_transition(e, name != NULL ? name : "random");
    }

    if (own) {
        rn_im_lost(im, change, "audioOutCurve", "sounds change over at equal "
                   "power");
        rn_im_lost(im, change, "audioInCurve", "sounds change over at equal "
                   "power");
        rn_im_lost(im, change, "easing", "transitions go on evenly");
        rn_im_lost(im, change, "params", "transitions have no parameters");
    }

    rn_im_leave(im, len);
}


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
push(rn_importer *im, part *p, json_t *layer, const char *type)
{
    p->layers[p->n] = layer;
    p->types[p->n] = type;
    p->pointers[p->n++] = json_string(im->path);
}


/* A layer, or what a shorthand stands for. */

static void
add_layer(spec *e, part *p, json_t *layer)
{
    size_t       len;
    json_t      *background;
    rn_importer *im = e->im;
    const char  *type, *of;

    type = json_is_object(layer) ? rn_im_string(im, layer, "type") : NULL;

    if (type == NULL) {
        rn_im_wrong(im, "must be an object with a \"type\"");
        return;
    }

    if (p->n + 2 > LAYERS_MAX) {
        rn_im_wrong(im, "is one layer too many: %d at most", LAYERS_MAX - 1);
        return;
    }

    if (strcmp(type, "canvas") == 0 || strcmp(type, "fabric") == 0) {
        rn_im_note(im, "\"%s\": functions are not run; the layer is left out",
                   type);
        rn_im_done(im, layer);
        return;
    }

    if (strcmp(type, "title-background") == 0) {
        background = rn_im_object(im, layer, "background");
        len = rn_im_enter(im, "background");
        of = rn_im_string(im, background, "type");

        if (of == NULL || (strcmp(of, "fill-color") != 0
                           && strstr(of, "gradient") == NULL))
        {
            of = "fill-color";
            background = json_object();     /* of a colour by chance */
            (void) json_array_append_new(im->kept, background);
        }

        push(im, p, background, of);
        rn_im_leave(im, len);
        type = "title";
    }

    push(im, p, layer, type);
}


static void
measure(spec *e, part *p)
{
    double             from, to;
    size_t             i;
    json_t            *layer;
    rn_importer       *im = e->im;
    const char        *path;
    rn_import_facts    f;

    if (rn_im_number(im, p->clip, "duration", 0.001, 1e5, &p->length)) {
        p->known = true;
        return;
    }

    for (i = 0; i < p->n; i++) {
        layer = p->layers[i];

        if (strcmp(p->types[i], "video") != 0) {
            continue;
        }

        from = json_number_value(json_object_get(layer, "cutFrom"));
        to = json_number_value(json_object_get(layer, "cutTo"));
        path = json_string_value(json_object_get(layer, "path"));

        if (rn_im_look_at(im, path, &f) && f.duration > 0) {
            to = to > 0 ? fmin(to, f.duration) : f.duration;
        }

        if (to > from) {
            p->length = to - from;
            p->known = true;
            return;
        }

        rn_im_note(im, "its length cannot be told without the source; what is "
                   "placed by the clock is placed as if it were %g s",
                   e->duration);
        p->length = e->duration;
        return;
    }

    p->length = e->duration;
    p->known = true;
}


static void
read_part(spec *e, part *p)
{
    size_t       i, len, at;
    json_t      *layers, *layer, *change;
    rn_importer *im = e->im;

    layers = rn_im_get(im, p->clip, "layers");
    len = rn_im_enter(im, "layers");

    if (json_is_object(layers)) {
        add_layer(e, p, layers);

    } else if (json_is_array(layers)) {
        json_array_foreach(layers, i, layer) {
            at = rn_im_enter_index(im, i);
            add_layer(e, p, layer);
            rn_im_leave(im, at);
        }

    } else {
        rn_im_wrong(im, "must be an array of layers");
    }

    rn_im_leave(im, len);

    change = json_object_get(p->clip, "transition");
    (void) rn_im_get(im, p->clip, "transition");

    if (json_is_null(change)
        || (change == NULL && json_is_null(e->transition)))
    {
        p->change = 0;
    } else if (change != NULL && !json_is_object(change)) {
        rn_im_wrong_at(im, "transition", "must be an object or null");
    } else {
        read_change(e, p, change != NULL ? change : e->transition,
                    change != NULL);
    }

    measure(e, p);
}


static void
enter_layer(spec *e, const part *p, size_t i)
{
    const char  *pointer;

    pointer = json_string_value(p->pointers[i]);
    e->im->len = (size_t) snprintf(e->im->path, sizeof(e->im->path), "%s",
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


static void
place_all(spec *e)
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
            im->len = 0;
            im->path[0] = '\0';
            rn_im_note(im, "a sound begins at %.3f s, at or behind the end of "
                       "the film, and is left out", start);
            continue;
        }

        track = rn_im_track(im, "audio");
        (void) json_array_append(json_object_get(track, "clips"), clip);
    }
}


/* ---------------------------------------------------------------- the whole */


static void
read_defaults(spec *e, json_t *root)
{
    size_t       len;
    json_t      *d;
    rn_importer *im = e->im;

    e->duration = DURATION;
    d = rn_im_object(im, root, "defaults");
    if (d == NULL) {
        return;
    }

    len = rn_im_enter(im, "defaults");
    (void) rn_im_number(im, d, "duration", 0.001, 1e5, &e->duration);
    e->layer = rn_im_object(im, d, "layer");
    e->layer_type = rn_im_object(im, d, "layerType");

    (void) rn_im_get(im, e->layer, "fontPath");     /* who has text, reads it */

    e->transition = json_object_get(d, "transition");
    (void) rn_im_get(im, d, "transition");

    if (e->transition != NULL && !json_is_null(e->transition)
        && !json_is_object(e->transition))
    {
        rn_im_wrong_at(im, "transition", "must be an object or null");
        e->transition = NULL;
    }

    (void) rn_im_enter(im, "transition");
    rn_im_lost(im, e->transition, "audioOutCurve", "sounds change over at "
               "equal power");
    rn_im_lost(im, e->transition, "audioInCurve", "sounds change over at "
               "equal power");
    rn_im_lost(im, e->transition, "easing", "transitions go on evenly");
    rn_im_lost(im, e->transition, "params", "transitions have no parameters");

    rn_im_leave(im, len);
}


/* What the first video is like, which decides what is left open. */

static bool
first_video(spec *e, rn_import_facts *f)
{
    size_t       i, k;
    json_t      *layer;
    const char  *path;

    memset(f, 0, sizeof(*f));

    for (i = 0; i < e->n; i++) {
        for (k = 0; k < e->parts[i].n; k++) {
            layer = e->parts[i].layers[k];

            if (strcmp(e->parts[i].types[k], "video") == 0) {
                path = json_string_value(json_object_get(layer, "path"));
                (void) rn_im_look_at(e->im, path, f);
                return true;
            }
        }
    }

    return false;
}


static void
read_canvas(spec *e, json_t *root)
{
    bool             video;
    double           w, h;
    rn_importer     *im = e->im;
    rn_import_facts  f;

    video = first_video(e, &f);
    w = 640;
    (void) rn_im_number(im, root, "width", 16, 7680, &w);
    h = round(w * 9 / 16 / 2) * 2;

    if (!rn_im_number(im, root, "height", 16, 7680, &h)) {
        if (f.width > 0 && f.height > 0) {
            h = round(w * f.height / f.width / 2) * 2;
        } else if (video) {
            rn_im_note(im, "has no height, which is that of the first video's "
                       "shape; here it is %g", h);
        }
    }

    im->fps = 25;
    if (!rn_im_number(im, root, "fps", 1, 120, &im->fps) && video) {
        rn_im_note(im, "has no fps, which are those of the first video; here "
                   "they are 25");
    }

    rn_im_canvas(im, w, h);
}


static json_t *
read_outputs(spec *e, json_t *root)
{
    bool         fast;
    size_t       i;
    json_t      *out;
    rn_importer *im = e->im;
    const char  *path, *dot;

    static const char *const same[] = { "mp4", "gif", "mov", "webm" };
    static const char *const asides[] = {
        "enableFfmpegLog", "verbose", "logTimes", "keepTmp", "ffmpegPath",
        "ffprobePath", "allowRemoteRequests"
    };

    for (i = 0; i < sizeof(asides) / sizeof(asides[0]); i++) {
        (void) rn_im_get(im, root, asides[i]);      /* not of the film */
    }

    fast = false;
    if (rn_im_bool(im, root, "fast", &fast) && fast) {
        rn_im_note_at(im, "fast", "films are always rendered in full");
    }

    rn_im_lost(im, root, "customOutputArgs", "arguments of the ffmpeg command "
               "are not taken");

    out = json_pack("{s:s}", "format", "mp4");
    path = rn_im_string(im, root, "outPath");
    dot = path != NULL ? strrchr(path, '.') : NULL;

    for (i = 0; dot != NULL && i < sizeof(same) / sizeof(same[0]); i++) {
        if (strcasecmp(dot + 1, same[i]) == 0) {
            set_string(out, "format", same[i]);
            break;
        }
    }

    if (dot != NULL && i == sizeof(same) / sizeof(same[0])) {
        rn_im_note_at(im, "outPath", "an mp4 is written in place of \"%.20s\"",
                      dot + 1);
    }

    if (i == 1 && dot != NULL) {         /* gifs have their own defaults */
        set_new(out, "width", json_integer(im->width));
        set_new(out, "fps", rn_im_fps(fmin(im->fps, 50)));
    }

    return json_pack("[o]", out);
}


/* The sum that shares are of; all weights are known before anything sounds. */

static void
weigh(spec *e, json_t *root)
{
    size_t       i, k, n;
    json_t      *norm, *list, *v;
    bool         enable;
    rn_importer *im = e->im;

    (void) rn_im_bool(im, root, "keepSourceAudio", &e->heard);
    e->clips_volume = rn_ed_weight(im, root, "clipsAudioVolume", 1);
    e->output_volume = rn_ed_weight(im, root, "outputVolume", 1);

    norm = rn_im_object(im, root, "audioNorm");
    enable = false;
    if (rn_im_bool(im, norm, "enable", &enable) && enable) {
        rn_im_note_at(im, "audioNorm", "loudness is not evened out");
    }
    rn_im_done(im, norm);

    n = 0;
    e->weights = e->clips_volume;

    if (json_object_get(root, "audioFilePath") != NULL) {
        e->weights += rn_ed_weight(im, root, "backgroundAudioVolume", 1);
        n++;
    }

    list = json_object_get(root, "audioTracks");
    json_array_foreach(list, i, v) {
        e->weights += rn_ed_weight(im, v, "mixVolume", 1);
        n++;
    }

    for (i = 0; i < e->n; i++) {
        for (k = 0; k < e->parts[i].n; k++) {
            v = e->parts[i].layers[k];
            if (strcmp(e->parts[i].types[k], "detached-audio") == 0) {
                e->weights += rn_ed_weight(im, v, "mixVolume", 1);
                n++;
            }
        }
    }

    if (n == 0) {
        e->clips_volume = 1;
        e->weights = 0;
    }
}


static void
read_parts(spec *e, json_t *clips)
{
    size_t       i, len, at;
    json_t      *clip;
    rn_importer *im = e->im;

    if (json_array_size(clips) == 0 || json_array_size(clips) > CLIPS_MAX) {
        rn_im_wrong_at(im, "clips", "must be an array of 1 to %d clips",
                       CLIPS_MAX);
        return;
    }

    e->parts = calloc(json_array_size(clips), sizeof(part));
    if (e->parts == NULL) {
        rn_im_wrong(im, "out of memory");
        return;
    }

    len = rn_im_enter(im, "clips");

    json_array_foreach(clips, i, clip) {
        at = rn_im_enter_index(im, i);
        e->parts[i].clip = clip;
        e->n = i + 1;

        if (!json_is_object(clip)) {
            rn_im_wrong(im, "must be an object");
        } else {
            read_part(e, &e->parts[i]);
        }
        rn_im_leave(im, at);
    }

    rn_im_leave(im, len);
}


static void
let_go(spec *e)
{
    size_t  i, k;

    for (i = 0; i < e->n; i++) {
        for (k = 0; k < LAYERS_MAX; k++) {
            json_decref(e->parts[i].pointers[k]);
        }
    }

    for (i = 0; i < LAYERS_MAX; i++) {
        json_decref(e->above[i][0]);
        json_decref(e->above[i][1]);
    }

    json_decref(e->sounds);
    free(e->parts);
}


json_t *
rn_import_editly(rn_importer *im, json_t *root)
{
    spec     e;
    json_t  *document, *outputs;

    memset(&e, 0, sizeof(e));
    e.im = im;
    e.sounds = json_array();
    document = NULL;

    read_defaults(&e, root);
    read_parts(&e, rn_im_array(im, root, "clips"));

    if (im->problems->total == 0) {
        read_canvas(&e, root);
        outputs = read_outputs(&e, root);
        weigh(&e, root);
        rn_ed_sounds(&e, root);
        place_all(&e);
        im->len = 0;
        im->path[0] = '\0';

        if (e.random && e.n > 1) {
            rn_im_note_at(im, "clips", "transitions without a name, which "
                          "editly chooses at random, are fades");
        }

        document = json_pack("{s:i, s:{s:i, s:i, s:o, s:O}, s:o}",
                             "version", 1, "timeline",
                             "width", im->width, "height", im->height,
                             "fps", rn_im_fps(im->fps),
                             "tracks", im->tracks, "outputs", outputs);
    }

    let_go(&e);

    return document;
}
