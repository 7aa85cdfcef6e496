/*
 * The asset of a clip of a Shotstack edit: films, images and sounds; _text.c,
 * _caption.c and _shape.c have the others.
 */

#include "rn_import_shotstack.h"

#include <math.h>
#include <string.h>


#define FADE  1.0                       /* s, of sound */


static void
read_sound(shot *s, const char *effect_name)
{
    double       volume;
    rn_importer *im = s->im;
    const char  *effect;

    volume = 1;

    if (rn_ss_tweens(s, s->asset, "volume", 0, 1, 1, &s->volume, 0, &volume)
        && !rn_ss_moves(&s->volume) && volume < 1)
    {
        set_new(s->out, "volume", json_real(volume));
    }

    effect = rn_im_string(im, s->asset, effect_name);

    if (effect == NULL || strcmp(effect, "none") == 0) {
        return;
    }

    if (strcmp(effect, "fadeIn") != 0 && strcmp(effect, "fadeOut") != 0
        && strcmp(effect, "fadeInFadeOut") != 0)
    {
        rn_im_note_at(im, effect_name, "\"%.40s\" is not known", effect);
        return;
    }

    volume = s->time->length_known ? fmin(FADE, s->time->length / 2) : FADE;

    if (strncmp(effect, "fadeIn", 6) == 0) {
        set_new(s->out, "fade_in", rn_im_seconds(volume));
    }

    if (strcmp(effect, "fadeIn") != 0) {
        set_new(s->out, "fade_out", rn_im_seconds(volume));
    }
}


/* A film or sound: which part of it, at which speed. */

static void
read_part(shot *s, json_t *src)
{
    double            trim, speed, left;
    rn_importer      *im = s->im;
    rn_import_facts   f;

    trim = 0;
    speed = 1;

    if (rn_im_number(im, s->asset, "trim", 0, 1e5, &trim) && trim > 0) {
        set_new(s->out, "in_point", rn_im_seconds(trim));
    }

    if (rn_im_number(im, s->asset, "speed", 0.25, 4, &speed) && speed != 1) {
        set_new(s->out, "speed", json_real(speed));
    }

    if (s->time->natural || !s->time->length_known || s->time->to_end
        || !rn_im_look(im, src, &f) || f.duration <= trim)
    {
        return;
    }

    left = (f.duration - trim) / speed;

    if (s->time->length > left + 0.25) {
        rn_im_note_at(im, "length", "is longer than the source, and becomes "
                      "%.3f s", left);
        s->time->length = left;
    }
}


static void
read_chroma(shot *s)
{
    char         color[10];
    double       v;
    size_t       len;
    json_t      *chroma, *e;
    rn_importer *im = s->im;

    chroma = rn_im_object(im, s->asset, "chromaKey");
    if (chroma == NULL) {
        return;
    }

    len = rn_im_enter(im, "chromaKey");
    e = json_pack("{s:s}", "type", "chroma-key");

    if (rn_im_color(im, chroma, "color", false, color)) {
        color[7] = '\0';
        set_string(e, "color", color);
    }

    /* distances in RGB there, of which 441 is the largest */

    v = 150;
    (void) rn_im_number(im, chroma, "threshold", 0, 250, &v);
    set_new(e, "similarity", json_real(fmax(round(v / 4.41) / 100, 0.01)));

    v = 0;
    if (rn_im_number(im, chroma, "halo", 0, 250, &v)) {
        set_new(e, "blend", json_real(round(v / 4.41) / 100));
    }

    (void) json_array_append_new(s->effects, e);
    rn_im_leave(im, len);
}


static bool
read_media(shot *s, const char *type)
{
    size_t       len;
    json_t      *src;
    rn_importer *im = s->im;
    const char  *name;

    len = rn_im_enter(im, "asset");

    name = rn_im_text(im, s->asset, "src");

    if (name == NULL && json_object_get(s->asset, "prompt") != NULL) {
        rn_im_note(im, "is made by a model, which nothing here does; the clip "
                   "is left out");
        rn_im_done(im, s->clip);
        rn_im_leave(im, len);
        return false;
    }

    src = name != NULL ? rn_im_src(im, "src", name) : NULL;

    if (src == NULL) {
        rn_im_wrong(im, "needs a \"src\"");
        rn_im_leave(im, len);
        return false;
    }

    set_string(s->made, "type", s->kind == IMAGE ? rn_im_picture(im, src)
                                                 : type);
    set_new(s->made, "src", src);

    rn_im_lost(im, s->asset, "transcode", "has no counterpart: every source is "
               "made fit where it is read");

    if (s->kind != IMAGE) {
        read_sound(s, s->kind == AUDIO ? "effect" : "volumeEffect");
        if (s->kind == AUDIO && json_object_get(s->asset, "volumeEffect")) {
            read_sound(s, "volumeEffect");
        }
    }

    rn_im_leave(im, len);

    if (s->kind != IMAGE) {
        len = im->at.len;
        read_part(s, src);
        rn_im_leave(im, len);
    }

    if (s->kind != AUDIO) {
        rn_ss_box(s, src);
        read_chroma(s);
    }

    return true;
}


bool
rn_ss_asset(shot *s)
{
    size_t       i;
    const char  *type;
    rn_importer *im = s->im;

    static const struct {
        const char  *type, *why;
    } others[] = {
        { "html", "HTML is not rendered here" },
        { "html5", "HTML is not rendered here" },
        { "luma", "there are no mattes" },
        { "text-to-speech", "nothing here speaks" },
        { "text-to-image", "is made by a model, which nothing here does" },
        { "image-to-video", "is made by a model, which nothing here does" },
    };

    s->asset = rn_im_object(im, s->clip, "asset");
    i = rn_im_enter(im, "asset");
    type = rn_im_string(im, s->asset, "type");
    rn_im_leave(im, i);

    if (type == NULL) {
        rn_im_wrong(im, "needs an \"asset\" with a \"type\"");
        return false;
    }

    if (strcmp(type, "video") == 0 || strcmp(type, "image") == 0
        || strcmp(type, "audio") == 0)
    {
        s->kind = type[0] == 'v' ? VIDEO : type[0] == 'i' ? IMAGE : AUDIO;
        return read_media(s, type);
    }

    if (strcmp(type, "title") == 0 || strcmp(type, "text") == 0
        || strcmp(type, "rich-text") == 0)
    {
        s->kind = TEXT;
        return rn_ss_text(s, type);
    }

    if (strcmp(type, "caption") == 0 || strcmp(type, "rich-caption") == 0) {
        s->kind = CAPTION;
        return rn_ss_caption(s, type[0] == 'r');
    }

    if (strcmp(type, "svg") == 0
        && json_object_get(s->asset, "shape") == NULL)
    {
        s->kind = DRAWING;
        return rn_ss_drawing(s);
    }

    if (strcmp(type, "shape") == 0 || strcmp(type, "svg") == 0) {
        s->kind = SHAPE;
        return rn_ss_shape(s, type[1] == 'v');
    }

    for (i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        if (strcmp(type, others[i].type) == 0) {
            break;
        }
    }

    rn_im_note_at(im, "asset", "\"%.40s\": %s; the clip is left out", type,
                  i < sizeof(others) / sizeof(others[0]) ? others[i].why
                  : "is not known here");
    rn_im_done(im, s->clip);

    return false;
}
