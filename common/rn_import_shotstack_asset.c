/* The asset of a clip of a Shotstack edit: what is shown or heard. */

#include "rn_import_shotstack.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


#define FADE  1.0                       /* s, of sound */


static void
set_new(json_t *object, const char *name, json_t *value)
{
    (void) json_object_set_new(object, name, value);
}


static void
set_string(json_t *object, const char *name, const char *s)
{
    set_new(object, name, json_string(s));
}


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

    set_string(s->made, "type", type);
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
        len = im->len;
        read_part(s, src);
        rn_im_leave(im, len);
    }

    if (s->kind != AUDIO) {
        rn_ss_box(s, src);
        read_chroma(s);
    }

    return true;
}


static void
read_font(shot *s, json_t *font, double size)
{
    char         color[10];
    double       opacity, weight;
    json_t      *out, *w;
    rn_importer *im = s->im;
    const char  *family, *name;

    out = json_object();
    memcpy(color, "#ffffffff", 10);

    family = rn_im_string(im, font, "family");
    if (family != NULL) {
        set_string(out, "family", family);
    }

    (void) rn_im_number(im, font, "size", 4, 1000, &size);
    set_new(out, "size", json_real(round(size * 100) / 100));

    (void) rn_im_color(im, font, "color", false, color);
    if (rn_im_number(im, font, "opacity", 0, 1, &opacity)) {
        rn_im_alpha(color, opacity);
    }
    set_string(out, "color", color);

    w = rn_im_get(im, font, "weight");
    name = json_string_value(w);
    weight = name != NULL ? strcmp(name, "bold") == 0 ? 700
                            : strtod(name, NULL) : json_number_value(w);
    if (weight >= 600) {
        set_string(out, "weight", "bold");
    }

    name = rn_im_string(im, font, "style");
    if (name != NULL && strcmp(name, "italic") == 0) {
        set_string(out, "style", "italic");
    }

    rn_im_lost(im, font, "lineHeight", "lines stand as far apart as the font "
               "has them");
    rn_im_lost(im, font, "stroke", "letters have no outline");

    set_new(s->made, "font", out);
}


static void
read_text_background(shot *s)
{
    char         color[10];
    double       opacity;
    size_t       len;
    json_t      *b;
    rn_importer *im = s->im;

    b = rn_im_object(im, s->asset, "background");
    if (b == NULL) {
        return;
    }

    len = rn_im_enter(im, "background");

    if (rn_im_color(im, b, "color", false, color)) {
        if (rn_im_number(im, b, "opacity", 0, 1, &opacity)) {
            rn_im_alpha(color, opacity);
        }
        set_string(s->made, "background", color);
    }

    rn_im_lost(im, b, "padding", "a text's background ends with it");
    rn_im_lost(im, b, "borderRadius", "a text's background has square corners");
    rn_im_lost(im, b, "wrap", "has no counterpart");
    rn_im_leave(im, len);
}


/* A text's box is as large as the text, here; there, as the canvas. */

static void
read_alignment(shot *s, const char *name, bool wide)
{
    size_t       len;
    json_t      *a;
    rn_importer *im = s->im;
    const char  *across, *down, *down_word;

    a = rn_im_object(im, s->asset, name);
    if (a == NULL) {
        return;
    }

    len = rn_im_enter(im, name);
    across = rn_im_string(im, a, "horizontal");
    down = rn_im_string(im, a, "vertical");
    rn_im_leave(im, len);

    if (across != NULL && (strcmp(across, "left") == 0
                           || strcmp(across, "right") == 0))
    {
        set_string(s->made, "align", across);
    } else {
        across = "";
    }

    down_word = down != NULL && (strcmp(down, "top") == 0
                                 || strcmp(down, "bottom") == 0) ? down : "";

    if (strcmp(s->position, "center") == 0 && !wide
        && (across[0] != '\0' || down_word[0] != '\0'))
    {
        static const char *const words[] = {
            "top-left", "top-right", "bottom-left", "bottom-right", "top",
            "bottom", "left", "right"
        };
        size_t  i;

        for (i = 0; i < 8; i++) {
            if (strncmp(words[i], down_word, strlen(down_word)) == 0
                && strlen(words[i]) == strlen(down_word) + strlen(across)
                                       + (across[0] && down_word[0] ? 1 : 0)
                && strstr(words[i], across) != NULL)
            {
                s->position = words[i];
            }
        }

    } else if (down_word[0] != '\0') {
        rn_im_note_at(im, name, "a text has no height of its own to be aligned "
                      "in");
    }
}


static bool
read_text(shot *s, const char *type)
{
    bool         wide, rich;
    char         color[10];
    double       width, size;
    size_t       i, len;
    json_t      *font;
    rn_importer *im = s->im;
    const char  *text, *word;

    static const struct {
        const char  *name;
        double       part;              /* of the canvas's height */
    } sizes[] = {
        { "xx-small", 0.03 }, { "x-small", 0.045 }, { "small", 0.06 },
        { "medium", 0.08 }, { "large", 0.11 }, { "x-large", 0.15 },
        { "xx-large", 0.2 },
    };

    len = rn_im_enter(im, "asset");
    text = rn_im_text(im, s->asset, "text");

    if (text == NULL || strspn(text, " \t\r\n") == strlen(text)) {
        if (text == NULL) {
            rn_im_wrong(im, "needs a \"text\"");
        } else {
            rn_im_note_at(im, "text", "there is nothing to see; the clip is "
                          "left out");
            rn_im_done(im, s->clip);
        }
        rn_im_leave(im, len);
        return false;
    }

    set_string(s->made, "type", "text");
    set_string(s->made, "text", text);

    if (strcmp(type, "title") == 0) {
        word = rn_im_string(im, s->asset, "style");
        if (word != NULL && strcmp(word, "minimal") != 0) {
            rn_im_note_at(im, "style", "\"%.40s\" is a style of Shotstack's; "
                          "the text is in the default font", word);
        }

        word = rn_im_string(im, s->asset, "size");
        size = 0.08;
        for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
            if (word != NULL && strcmp(word, sizes[i].name) == 0) {
                size = sizes[i].part;
            }
        }

        memcpy(color, "#ffffffff", 10);
        (void) rn_im_color(im, s->asset, "color", true, color);
        set_new(s->made, "font", json_pack("{s:o, s:s}", "size",
                                           rn_im_seconds(round(im->height
                                                               * size)),
                                           "color", color));

        if (rn_im_color(im, s->asset, "background", true, color)) {
            set_string(s->made, "background", color);
        }

        rn_ss_position(s, s->asset);
        rn_ss_offset(s, s->asset);
        rn_im_leave(im, len);

        rn_im_lost(im, s->clip, "fit", "has no meaning for a text");
        return true;
    }

    rich = strcmp(type, "rich-text") == 0;
    font = rn_im_object(im, s->asset, "font");
    i = rn_im_enter(im, "font");
    read_font(s, font, 24);

    if (rich && rn_im_color(im, font, "background", false, color)) {
        set_string(s->made, "background", color);
    }
    rn_im_leave(im, i);

    wide = rn_im_number(im, s->asset, "width", 1, 8000, &width);
    read_text_background(s);
    read_alignment(s, rich && json_object_get(s->asset, "align") == NULL
                      ? "alignment" : rich ? "align" : "alignment",
                   wide || json_object_get(s->clip, "width") != NULL);

    rn_im_lost(im, s->asset, "height", "a text is as high as its lines");
    rn_im_lost(im, s->asset, "stroke", "letters have no outline");
    rn_im_lost(im, s->asset, "shadow", "letters throw no shadow");
    rn_im_lost(im, s->asset, "border", "a text has no border");
    rn_im_lost(im, s->asset, "padding", "a text's background ends with it");
    rn_im_lost(im, s->asset, "style", "letters stand as the font has them");
    rn_im_lost(im, s->asset, "animation", "a text comes as a whole");
    rn_im_lost(im, s->asset, "ellipsis", "a text is not cut short");
    rn_im_leave(im, len);

    wide = rn_im_number(im, s->clip, "width", 1, 8000, &width) || wide;
    if (wide) {
        set_new(s->out, "width", json_integer(lround(width)));
    }

    rn_im_lost(im, s->clip, "height", "a text is as high as its lines");
    rn_im_lost(im, s->clip, "fit", "has no meaning for a text");

    return true;
}


/* A fill or stroke: a colour with an opacity beside it. */

static bool
read_paint(rn_importer *im, json_t *asset, const char *name, char color[10],
    double *width)
{
    bool      found;
    double    opacity;
    size_t    len;
    json_t   *paint;

    paint = rn_im_object(im, asset, name);
    if (paint == NULL) {
        return false;
    }

    len = rn_im_enter(im, name);
    rn_im_lost(im, paint, "stops", "a shape has one colour");
    rn_im_lost(im, paint, "angle", "a shape has one colour");
    (void) rn_im_string(im, paint, "type");

    found = rn_im_color(im, paint, "color", false, color);
    if (found && rn_im_number(im, paint, "opacity", 0, 1, &opacity)) {
        rn_im_alpha(color, opacity);
    }

    *width = 1;
    (void) rn_im_number(im, paint, "width", 0, 500, width);
    rn_im_leave(im, len);

    return found;
}


static bool
read_shape(shot *s, bool svg)
{
    bool         filled, lined;
    char         fill[10], stroke[10];
    double       w, h, width, corner, points, unused;
    size_t       len, at;
    json_t      *form;
    rn_importer *im = s->im;
    const char  *name, *ours;

    len = rn_im_enter(im, "asset");

    form = svg ? rn_im_object(im, s->asset, "shape") : NULL;
    name = svg ? json_string_value(json_object_get(form, "type"))
               : rn_im_string(im, s->asset, "shape");

    ours = name == NULL ? NULL
           : strcmp(name, "rectangle") == 0 || strcmp(name, "line") == 0
             ? "rectangle"
           : strcmp(name, "circle") == 0 || strcmp(name, "ellipse") == 0
             ? "ellipse"
           : strcmp(name, "star") == 0 ? "star" : NULL;

    if (ours == NULL) {
        rn_im_note(im, "\"%.40s\" is not a shape that can be drawn here; the "
                   "clip is left out", name != NULL ? name : "svg");
        rn_im_done(im, s->clip);
        rn_im_leave(im, len);
        return false;
    }

    if (!svg) {
        form = rn_im_object(im, s->asset, name);
    }

    at = rn_im_enter(im, svg ? "shape" : name);
    (void) rn_im_string(im, form, "type");
    w = h = 100;
    corner = 0;
    points = 5;

    if (strcmp(name, "line") == 0) {
        (void) rn_im_number(im, form, "length", 1, 8000, &w);
        h = 4;
        (void) rn_im_number(im, form, "thickness", 1, 500, &h);

    } else if (strcmp(name, "ellipse") == 0) {
        (void) (rn_im_number(im, form, "radiusX", 1, 4000, &w) && (w *= 2));
        (void) (rn_im_number(im, form, "radiusY", 1, 4000, &h) && (h *= 2));

    } else if (strcmp(name, "rectangle") == 0) {
        (void) rn_im_number(im, form, "width", 1, 8000, &w);
        (void) rn_im_number(im, form, "height", 1, 8000, &h);
        (void) rn_im_number(im, form, "cornerRadius", 0, 4000, &corner);

    } else {
        if (rn_im_number(im, form, strcmp(name, "star") == 0 ? "outerRadius"
                         : "radius", 1, 4000, &w))
        {
            w *= 2;
        }
        h = w;
        (void) rn_im_number(im, form, "points", 3, 100, &points);
    }

    rn_im_leave(im, at);

    filled = read_paint(im, s->asset, "fill", fill, &unused);
    lined = read_paint(im, s->asset, "stroke", stroke, &width);

    if (strcmp(name, "line") == 0 && !filled && lined) {
        memcpy(fill, stroke, 10);
        filled = true;
        lined = false;
    }

    if (!filled) {
        memcpy(fill, "#00000000", 10);
    }

    if (corner > 0 && !lined) {
        s->kind = COLOR;
        set_string(s->made, "type", "color");
        set_string(s->made, "color", fill);
        set_new(s->out, "radius", json_integer(lround(corner)));

    } else {
        if (corner > 0) {
            rn_im_note(im, "the corners of an outline are square");
        }

        set_string(s->made, "type", "shape");
        set_string(s->made, "shape", ours);
        set_string(s->made, "fill", fill);

        if (strcmp(ours, "star") == 0) {
            set_new(s->made, "points", json_integer(lround(points)));
        }
        if (lined) {
            set_new(s->made, "stroke", json_pack("{s:s, s:f}", "color", stroke,
                                                 "width", width));
        }
    }

    rn_im_lost(im, s->asset, "width", "a shape's box is as large as the shape");
    rn_im_lost(im, s->asset, "height", "a shape's box is as large as the "
               "shape");
    rn_im_lost(im, s->asset, "shadow", "a shape throws no shadow");
    rn_im_leave(im, len);

    rn_im_lost(im, s->clip, "fit", "has no meaning for a shape");
    set_new(s->out, "width", json_integer(lround(fmax(w * s->scale, 2))));
    set_new(s->out, "height", json_integer(lround(fmax(h * s->scale, 2))));
    s->scale = 1;

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
        { "caption", "captions are not made of files here" },
        { "rich-caption", "captions are not made of files here" },
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
        return read_text(s, type);
    }

    if (strcmp(type, "shape") == 0 || strcmp(type, "svg") == 0) {
        s->kind = SHAPE;
        return read_shape(s, type[1] == 'v');
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
