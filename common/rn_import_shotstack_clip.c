/* A clip of a Shotstack edit: where what it shows is, and how it looks. */

#include "rn_import_shotstack.h"

#include <math.h>
#include <string.h>


void
rn_ss_position(shot *s, json_t *object)
{
    size_t       i;
    const char  *word;

    static const struct {
        const char  *theirs, *ours;
    } words[] = {
        { "center", "center" }, { "top", "top" }, { "topRight", "top-right" },
        { "right", "right" }, { "bottomRight", "bottom-right" },
        { "bottom", "bottom" }, { "bottomLeft", "bottom-left" },
        { "left", "left" }, { "topLeft", "top-left" },
        { "top-right", "top-right" }, { "bottom-right", "bottom-right" },
        { "bottom-left", "bottom-left" }, { "top-left", "top-left" },
    };

    word = rn_im_string(s->im, object, "position");

    if (word == NULL) {
        return;
    }

    for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcmp(word, words[i].theirs) == 0) {
            s->position = words[i].ours;
            return;
        }
    }

    rn_im_note_at(s->im, "position", "\"%.40s\" is not known", word);
}


void
rn_ss_offset(shot *s, json_t *object)
{
    size_t   len;
    json_t  *offset;

    offset = rn_im_object(s->im, object, "offset");
    if (offset == NULL) {
        return;
    }

    len = rn_im_enter(s->im, "offset");
    (void) rn_ss_tweens(s, offset, "x", -10, 10, 1, &s->offset, 0, &s->dx);
    (void) rn_ss_tweens(s, offset, "y", -10, 10, -1, &s->offset, 1, &s->dy);
    rn_im_leave(s->im, len);
}


static void
read_transform(shot *s)
{
    bool         flip;
    double       angle;
    size_t       len, at;
    json_t      *transform, *part;
    rn_importer *im = s->im;

    transform = rn_im_object(im, s->clip, "transform");
    if (transform == NULL) {
        return;
    }

    len = rn_im_enter(im, "transform");
    part = rn_im_object(im, transform, "rotate");

    if (part != NULL) {
        at = rn_im_enter(im, "rotate");
        angle = 0;
        if (rn_ss_tweens(s, part, "angle", -36000, 36000, 1, &s->turn, 0,
                         &angle)
            && !rn_ss_moves(&s->turn))
        {
            set_new(s->out, "rotate", json_real(angle));
        }
        rn_im_leave(im, at);
    }

    rn_im_lost(im, transform, "skew", "a picture cannot be slanted");
    part = rn_im_object(im, transform, "flip");

    if (part != NULL) {
        at = rn_im_enter(im, "flip");

        flip = false;
        if (rn_im_bool(im, part, "horizontal", &flip) && flip) {
            (void) json_array_append_new(s->effects, json_pack("{s:s}", "type",
                                         "mirror"));
        }

        flip = false;
        if (rn_im_bool(im, part, "vertical", &flip) && flip) {
            (void) json_array_append_new(s->effects,
                                         json_pack("{s:s, s:s}", "type",
                                         "mirror", "axis", "vertical"));
        }
        rn_im_leave(im, at);
    }

    rn_im_leave(im, len);
}


static void
read_filter(shot *s)
{
    size_t       i;
    json_t      *e;
    const char  *word;

    static const struct {
        const char  *name;
        const char  *effect;
    } filters[] = {
        { "blur",      "{\"type\":\"blur\",\"radius\":8}" },
        { "boost",     "{\"type\":\"color\",\"contrast\":1.2,"
                       "\"saturation\":1.3}" },
        { "contrast",  "{\"type\":\"color\",\"contrast\":1.3}" },
        { "darken",    "{\"type\":\"color\",\"brightness\":-0.15}" },
        { "greyscale", "{\"type\":\"grayscale\"}" },
        { "lighten",   "{\"type\":\"color\",\"brightness\":0.15}" },
        { "muted",     "{\"type\":\"color\",\"contrast\":0.85,"
                       "\"saturation\":0.6}" },
        { "negative",  "{\"type\":\"invert\"}" },
        { "invert",    "{\"type\":\"invert\"}" },
    };

    word = rn_im_string(s->im, s->clip, "filter");

    if (word == NULL || strcmp(word, "none") == 0) {
        return;
    }

    for (i = 0; i < sizeof(filters) / sizeof(filters[0]); i++) {
        if (strcmp(word, filters[i].name) == 0) {
            e = json_loads(filters[i].effect, 0, NULL);
            (void) json_array_append_new(s->effects, e);
            return;
        }
    }

    rn_im_note_at(s->im, "filter", "\"%.40s\" is not known", word);
}


/* The sides that are cut off leave the rest where it is. */

static void
read_crop(shot *s, double *box)
{
    int          i;
    double       side[4] = { 0 }, left, top;
    size_t       len;
    json_t      *crop;
    rn_importer *im = s->im;

    static const char *const names[] = { "left", "right", "top", "bottom" };

    crop = rn_im_object(im, s->asset, "crop");
    if (crop == NULL) {
        return;
    }

    len = rn_im_enter(im, "crop");
    for (i = 0; i < 4; i++) {
        (void) rn_im_number(im, crop, names[i], 0, 1, &side[i]);
    }
    rn_im_leave(im, len);

    if (side[0] + side[1] > 0.99 || side[2] + side[3] > 0.99) {
        rn_im_note_at(im, "crop", "would leave nothing of the picture, and is "
                      "left out");
        return;
    }

    set_new(s->out, "crop",
            json_pack("{s:o, s:o, s:o, s:o}", "x", rn_im_percent(100 * side[0]),
                      "y", rn_im_percent(100 * side[2]), "width",
                      rn_im_percent(100 * (1 - side[0] - side[1])), "height",
                      rn_im_percent(100 * (1 - side[2] - side[3]))));

    left = strstr(s->position, "left") ? side[0]
           : strstr(s->position, "right") ? -side[1] : (side[0] - side[1]) / 2;
    top = strstr(s->position, "top") ? side[2]
          : strstr(s->position, "bottom") ? -side[3] : (side[2] - side[3]) / 2;

    s->dx += left * box[0] * s->scale / im->width;
    s->dy += top * box[1] * s->scale / im->height;
    box[0] *= 1 - side[0] - side[1];
    box[1] *= 1 - side[2] - side[3];
}


/*
 * The box of a picture.  Where the size of the source decides it and is not
 * known, the picture is as large as it has to be, but in the middle of a box.
 */

void
rn_ss_box(shot *s, json_t *src)
{
    bool              known, sized;
    double            box[2], k;
    size_t            len;
    rn_importer      *im = s->im;
    const char       *fit, *ours;
    rn_import_facts   f;

    box[0] = im->width;
    box[1] = im->height;

    sized = rn_im_number(im, s->clip, "width", 1, 8000, &box[0]);
    sized = rn_im_number(im, s->clip, "height", 1, 8000, &box[1]) || sized;

    if (s->kind == DRAWING && !sized) {
        len = rn_im_enter(im, "asset");
        sized = rn_im_number(im, s->asset, "width", 1, 4096, &box[0]);
        sized = rn_im_number(im, s->asset, "height", 1, 4096, &box[1]) || sized;
        rn_im_leave(im, len);
    }

    fit = rn_im_string(im, s->clip, "fit");
    if (fit == NULL && s->kind == DRAWING) {        /* as large as it says */
        fit = sized ? "contain" : "none";
    }

    ours = fit == NULL || strcmp(fit, "crop") == 0 ? "cover"
           : strcmp(fit, "cover") == 0 ? "fill"
           : strcmp(fit, "contain") == 0 ? "contain"
           : strcmp(fit, "none") == 0 ? "none" : NULL;

    if (ours == NULL) {
        rn_im_note_at(im, "fit", "\"%.40s\" is not known", fit);
        ours = "cover";
    }

    known = rn_im_look(im, src, &f) && f.width > 0 && f.height > 0;

    if (s->own[0] > 0) {
        known = true;
        f.width = (int) lround(s->own[0]);
        f.height = (int) lround(s->own[1]);
    }

    if (ours[0] == 'n' || (strcmp(ours, "contain") == 0
                           && strcmp(s->position, "center") != 0))
    {
        if (known && !(ours[0] == 'n' && sized)) {
            k = ours[0] == 'n' ? 1 : fmin(box[0] / f.width, box[1] / f.height);
            box[0] = f.width * k;
            box[1] = f.height * k;
            ours = "fill";
            sized = true;

        } else if (strcmp(s->position, "center") != 0) {
            rn_im_note_at(im, "position", "is that of the box that the picture "
                          "lies in; the size of the source is not known here");
        }
    }

    if (ours[0] == 'n' && s->scale != 1 && !sized) {
        rn_ss_constant(&s->zoom, 0, s->scale);      /* in the middle */
        s->scale = 1;
    }

    set_string(s->out, "fit", ours);
    read_crop(s, box);

    if (sized || s->scale != 1 || box[0] != im->width || box[1] != im->height) {
        box[0] = fmin(fmax(box[0] * s->scale, 2), 8000);
        box[1] = fmin(fmax(box[1] * s->scale, 2), 8000);
        set_new(s->out, "width", json_integer(lround(box[0])));
        set_new(s->out, "height", json_integer(lround(box[1])));
    }
}


/* What only what is seen has; names what a clip of sound says of it. */

static void
read_look(shot *s)
{
    size_t       len;
    json_t      *transition;
    rn_importer *im = s->im;

    (void) rn_ss_tweens(s, s->clip, "opacity", 0, 1, 1, &s->opacity, 0,
                       &s->still_opacity);
    s->still_opacity *= s->faint;

    rn_ss_offset(s, s->clip);
    read_transform(s);
    read_filter(s);
    rn_ss_effect(s);

    transition = rn_im_object(im, s->clip, "transition");

    if (transition != NULL) {
        len = rn_im_enter(im, "transition");
        rn_ss_transition(s, transition, true);
        rn_ss_transition(s, transition, false);
        rn_im_leave(im, len);
    }

    if (json_array_size(s->effects) > 0) {
        if (s->kind == VIDEO || s->kind == IMAGE || s->kind == DRAWING) {
            set_new(s->out, "effects", json_incref(s->effects));
        } else {
            rn_im_note(im, "only pictures can be filtered and flipped");
        }
    }

    if (strcmp(s->position, s->kind == CAPTION ? "bottom" : "center") != 0) {
        set_string(s->out, "position", s->position);
    }

    if (strcmp(s->position, "center") != 0) {
        if (json_object_get(s->out, "rotate") != NULL
            || rn_ss_moves(&s->turn))
        {
            rn_im_note_at(im, "transform", "the clip turns about its middle");
        }
    }

    if (s->scale != 1 && (s->kind == TEXT || s->kind == SHAPE)) {
        rn_ss_constant(&s->zoom, 0, s->scale);
    }

    rn_ss_finish_motion(s);

    if (s->kind == CAPTION) {
        rn_ss_caption_stands(s);
    }
}


json_t *
rn_im_shotstack_clip(rn_importer *im, json_t *clip, rn_im_time *time,
    bool *audio)
{
    bool   ok;
    shot   s;

    memset(&s, 0, sizeof(s));
    s.im = im;
    s.clip = clip;
    s.time = time;
    s.position = "center";
    s.scale = 1;
    s.still_opacity = s.faint = 1;
    s.made = json_object();
    s.out = json_pack("{s:o}", "asset", s.made);
    s.effects = json_array();

    rn_ss_position(&s, clip);
    (void) rn_ss_tweens(&s, clip, "scale", 0, 20, 1, &s.zoom, 0, &s.scale);

    ok = rn_ss_asset(&s) && im->problems->total == 0;
    *audio = s.kind == AUDIO;

    if (ok && !*audio) {
        read_look(&s);

    } else if (ok) {
        rn_ss_finish_motion(&s);
        rn_im_lost(im, clip, "transition", "has no meaning for a sound");
        rn_im_lost(im, clip, "effect", "has no meaning for a sound");
        rn_im_lost(im, clip, "filter", "has no meaning for a sound");
    }

    rn_im_motion_free(&s.opacity);
    rn_im_motion_free(&s.zoom);
    rn_im_motion_free(&s.offset);
    rn_im_motion_free(&s.turn);
    rn_im_motion_free(&s.volume);
    json_decref(s.effects);

    if (!ok) {
        json_decref(s.out);
        return NULL;
    }

    return s.out;
}
