/*
 * An editly specification: clips one after another, each a pile of layers. The
 * lowest layers become a track with the transitions between them, the others
 * tracks above, where they fade while the lowest changes over.
 *
 * Clips: rn_import_editly_clip.c; what a layer is: _layer.c, _drawn.c and
 * _sound.c; where it goes: _place.c.
 *
 * Facts are those of https://github.com/mifi/editly, its README above all.
 */

#include "rn_import_editly.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>


#define CLIPS_MAX  5000
#define DURATION   4.0


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
            rn_ed_part(e, &e->parts[i]);
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
        rn_ed_place(&e);
        rn_pointer_leave(&im->at, 0);

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
