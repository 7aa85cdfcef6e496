/*
 * Texts of a Shotstack edit, and what captions have of them: fonts, outlines
 * and what lies behind.
 */

#include "rn_import_shotstack.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>


/* 400, "bold" and the like; what lies between is named. */

static void
read_weight(rn_importer *im, json_t *font, json_t *out)
{
    double       weight;
    json_t      *w;
    const char  *name;

    w = rn_im_get(im, font, "weight");
    if (w == NULL) {
        return;
    }

    name = json_string_value(w);
    weight = name == NULL ? json_number_value(w)
             : strcmp(name, "bold") == 0 ? 700
             : strcmp(name, "normal") == 0 ? 400 : strtod(name, NULL);

    if (weight >= 600) {
        set_string(out, "weight", "bold");
    }

    if (weight != 400 && weight != 700) {
        rn_im_note_at(im, "weight", "letters are normal or bold; these are %s",
                      weight >= 600 ? "bold" : "normal");
    }
}


/* By the first of its names that is there; a later one says the same. */

static const char *
either(rn_importer *im, json_t *object, const char *const *names)
{
    const char  *s, *found;

    for (found = NULL; *names != NULL; names++) {
        s = rn_im_string(im, object, *names);
        found = found != NULL ? found : s;
    }

    return found;
}


void
rn_ss_font(shot *s, json_t *font, double size)
{
    char         color[10];
    double       opacity, unused;
    json_t      *out;
    rn_importer *im = s->im;
    const char  *family, *style;

    static const char *const families[] = {
        "family", "name", "fontFamily", NULL
    };

    out = json_object();
    memcpy(color, "#ffffffff", 10);

    family = either(im, font, families);
    if (family != NULL) {
        set_string(out, "family", family);
    }

    (void) rn_im_number(im, font, json_object_get(font, "size") != NULL
                        ? "size" : "fontSize", 4, 1000, &size);
    if (json_object_get(font, "size") != NULL) {
        (void) rn_im_number(im, font, "fontSize", 0, 1e6, &unused);
    }

    size = fmin(fmax(size * (s->kind == CAPTION ? s->scale : 1), 4), 1000);
    set_new(out, "size", json_real(round(size * 100) / 100));

    (void) rn_im_color(im, font, "color", false, color);
    if (rn_im_number(im, font, "opacity", 0, 1, &opacity)) {
        rn_im_alpha(color, opacity);
    }
    set_string(out, "color", color);

    read_weight(im, font, out);

    style = rn_im_string(im, font, "style");
    if (style != NULL && strcmp(style, "italic") == 0) {
        set_string(out, "style", "italic");
    }

    rn_im_lost(im, font, "lineHeight", "lines stand as far apart as the font "
               "has them");

    set_new(s->made, "font", out);
}


bool
rn_ss_outline(shot *s, json_t *object)
{
    bool         beside;
    char         color[10];
    double       width, opacity;
    size_t       len;
    json_t      *stroke;
    rn_importer *im = s->im;

    /* an object; or of the font of captions, a colour with a width beside it */

    beside = json_is_string(rn_im_get(im, object, "stroke"));
    stroke = beside ? object : rn_im_object(im, object, "stroke");

    if (stroke == NULL) {
        return false;
    }

    memcpy(color, "#000000ff", 10);
    width = beside ? 1 : 0;
    len = im->at.len;

    if (!beside) {
        (void) rn_im_enter(im, "stroke");
    }

    (void) rn_im_color(im, stroke, beside ? "stroke" : "color", false, color);
    if (!beside && rn_im_number(im, stroke, "opacity", 0, 1, &opacity)) {
        rn_im_alpha(color, opacity);
    }
    (void) rn_im_number(im, stroke, beside ? "strokeWidth" : "width", 0, 500,
                        &width);
    rn_im_leave(im, len);

    if (s->kind == CAPTION) {
        width = fmin(width * s->scale, 500);
    }

    if (width > 0 || s->kind == CAPTION) {      /* which else has one here */
        set_new(s->made, "stroke", json_pack("{s:s, s:f}", "color", color,
                                             "width", width));
    }

    return true;
}


void
rn_ss_background(shot *s)
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


bool
rn_ss_text(shot *s, const char *type)
{
    bool         wide, rich, outlined;
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
    rn_ss_font(s, font, 24);
    outlined = rn_ss_outline(s, font);

    if (rich && rn_im_color(im, font, "background", false, color)) {
        set_string(s->made, "background", color);
    }
    rn_im_leave(im, i);

    wide = rn_im_number(im, s->asset, "width", 1, 8000, &width);
    rn_ss_background(s);
    read_alignment(s, rich && json_object_get(s->asset, "align") == NULL
                      ? "alignment" : rich ? "align" : "alignment",
                   wide || json_object_get(s->clip, "width") != NULL);

    rn_im_lost(im, s->asset, "height", "a text is as high as its lines");
    if (rn_ss_outline(s, s->asset) && outlined) {
        rn_im_note_at(im, "stroke", "letters have one outline: this one");
    }

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
