/* What an editly specification draws itself: texts, colours and gradients. */

#include "rn_import_editly.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


#define FILL    "#1b3a4bff"             /* where editly takes one by chance */
#define FILL_2  "#62929aff"


/* Of an array of colours; theirs is one by chance, or not understood. */

static bool
color_of(view *v, json_t *colors, size_t i, char color[10])
{
    bool     found;
    json_t  *one;

    one = json_pack("{s:O}", "colors", json_array_get(colors, i)
                                       ?: json_null());
    found = json_is_string(json_object_get(one, "colors"))
            && rn_im_color(v->e->im, one, "colors", false, color);
    json_decref(one);

    return found;
}


/*
 * Both move as there: a linear one turns by 30 degrees, within a picture twice
 * as large as the canvas, a radial one grows to twice its size.
 */

static void
read_gradient(view *v)
{
    int          w, h;
    bool         linear;
    char         a[10] = FILL, b[10] = FILL_2, shape[200];
    json_t      *colors;
    rn_importer *im = v->e->im;

    linear = strcmp(v->type, "linear-gradient") == 0;
    w = im->width;
    h = im->height;
    colors = rn_im_array(im, rn_ed_owner(v, "colors"), "colors");

    if (json_array_size(colors) == 2) {
        (void) color_of(v, colors, 0, a);
        (void) color_of(v, colors, 1, b);
    } else {
        rn_im_note(im, "has not two colours, which editly chooses at random; "
                   "here they are %.7s and %.7s", a, b);
    }

    if (linear) {
        (void) snprintf(shape, sizeof(shape), "linearGradient id='g' "
                        "gradientUnits='userSpaceOnUse' x1='0' y1='0' x2='%d' "
                        "y2='%d'", w, h);
    } else {
        (void) snprintf(shape, sizeof(shape), "radialGradient id='g' "
                        "gradientUnits='userSpaceOnUse' cx='%g' cy='%g' "
                        "r='%g'", w / 2.0, h / 2.0, 0.6 * fmax(w, h));
    }

    w *= linear ? 2 : 1;
    h *= linear ? 2 : 1;

    set_string(v->made, "type", "svg");
    set_new(v->made, "svg",
            json_sprintf("<svg xmlns='http://www.w3.org/2000/svg' width='%d' "
                         "height='%d'><defs><%s><stop offset='0' stop-color='"
                         "%.7s' stop-opacity='%.3g'/><stop offset='1' "
                         "stop-color='%.7s' stop-opacity='%.3g'/></%.14s>"
                         "</defs><rect width='%d' height='%d' fill='url(#g)'/>"
                         "</svg>", w, h, shape, a,
                         (double) strtoul(a + 7, NULL, 16) / 255, b,
                         (double) strtoul(b + 7, NULL, 16) / 255, shape, w, h));
    set_string(v->out, "fit", "fill");

    if (linear) {
        set_string(v->out, "width", "200%");
        set_string(v->out, "height", "200%");
    }

    set_new(v->keys, linear ? "rotate" : "scale",
            json_pack("[{s:i, s:i}, {s:s, s:i}]", "time", 0, "value",
                      linear ? 0 : 1, "time", "end", "value",
                      linear ? 30 : 2));
}


/* A colour, or what stands for one here. */

void
rn_ed_fill(view *v)
{
    char         color[10];
    rn_importer *im = v->e->im;

    if (strstr(v->type, "-gradient") != NULL) {
        read_gradient(v);
        return;
    }

    memcpy(color, FILL, 10);

    if (strcmp(v->type, "fill-color") == 0 || strcmp(v->type, "pause") == 0) {
        if (!rn_im_color(im, rn_ed_owner(v, "color"), "color", false, color)
            && json_object_get(rn_ed_owner(v, "color"), "color") == NULL)
        {
            rn_im_note(im, "has no colour, which editly chooses at random; "
                       "here it is #1b3a4b");
        }

    } else {
        rn_im_note(im, "\"%.40s\" cannot be drawn; one colour fills the canvas",
                   v->type);
        rn_im_done(im, v->layer);
    }

    set_string(v->made, "type", "color");
    set_string(v->made, "color", color);
}


/* Its own file of a font; notes are told where that stands. */

static void
read_own_font(view *v, json_t *font)
{
    json_t       *o;
    rn_importer  *im = v->e->im;
    rn_pointer    was = im->at;

    o = rn_ed_owner(v, "fontPath");
    if (json_is_null(json_object_get(o, "fontPath"))
        || json_object_get(o, "fontPath") == NULL)
    {
        return;
    }

    if (o != v->layer) {
        rn_pointer_leave(&im->at, 0);
        (void) rn_im_enter(im, "defaults");
        (void) rn_im_enter(im, o == v->e->layer ? "layer" : "layerType");
        if (o != v->e->layer) {
            (void) rn_im_enter(im, v->type);
        }
    }

    (void) rn_im_font(im, o, "fontPath", font);

    im->at = was;
}


void
rn_ed_text(view *v)
{
    char         color[10];
    bool         subtitle, news, slide;
    double       side, size, unused;
    json_t      *font;
    rn_importer *im = v->e->im;
    const char  *text, *family;

    subtitle = strcmp(v->type, "subtitle") == 0;
    news = strcmp(v->type, "news-title") == 0;
    slide = strcmp(v->type, "slide-in-text") == 0;

    text = rn_ed_string(v, "text");

    if (text == NULL || strspn(text, " \t\r\n") == strlen(text)) {
        rn_im_wrong(im, "needs a \"text\"");
        return;
    }

    side = fmin(im->width, im->height);
    size = subtitle || news ? side / 20 : slide ? side * 0.05 : side / 10;
    memcpy(color, "#ffffffff", 10);

    if (slide) {
        (void) (rn_ed_number(v, "fontSize", 0.001, 1, &size) && (size *= side));
        (void) rn_im_color(im, rn_ed_owner(v, "color"), "color", false, color);
    }
    (void) rn_im_color(im, rn_ed_owner(v, "textColor"), "textColor", false,
                       color);

    font = json_pack("{s:o, s:s}", "size",
                     json_real(fmax(round(size * 100) / 100, 4)), "color",
                     color);

    family = rn_ed_string(v, "fontFamily");
    if (family != NULL) {
        set_string(font, "family", family);
    }
    read_own_font(v, font);

    set_string(v->made, "type", "text");
    set_string(v->made, "text", text);
    set_new(v->made, "font", font);

    rn_ed_lost(v, "charSpacing", "letters stand as the font has them");

    if (subtitle || news) {
        memcpy(color, news ? "#d02a42ff" : "#0000004d", 10);
        (void) rn_im_color(im, rn_ed_owner(v, "backgroundColor"),
                           "backgroundColor", false, color);
        set_string(v->made, "background", color);
        set_string(v->made, "align", "left");
        set_string(v->out, "position", news ? "top-left" : "bottom");
        set_new(v->out, "offset", json_pack("{s:s}", "y", news ? "8%" : "-5%"));
        rn_ed_lost(v, "position", "is the one that this layer always has");
        (void) rn_ed_number(v, "delay", 0, 1e5, &unused);
        (void) rn_ed_number(v, "speed", 0, 1e5, &unused);
        rn_im_note(im, "the text does not move in; it is there");
    }

    if (subtitle) {
        set_new(v->out, "width", rn_im_percent(100 - 10 * side / im->width));
        return;
    }

    if (news) {
        return;
    }

    if (slide) {
        rn_im_note(im, "the text does not move in; it is there");
    } else {
        set_string(v->out, "width", "80%");
    }

    rn_ed_position(v);

    if (!slide) {
        rn_ed_zoom(v, "in", 0.2);
    }
}
