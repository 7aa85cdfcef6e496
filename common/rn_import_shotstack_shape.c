/*
 * Shapes and drawings of a Shotstack edit.  A drawing is SVG; before it was, it
 * was one of several shapes.
 */

#include "rn_import_shotstack.h"
#include "rn_svg.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


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


bool
rn_ss_shape(shot *s, bool svg)
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


/* ---------------------------------------------------------------- drawings */


/* The value of an attribute within a tag; NULL: it is not there. */

static const char *
attribute(const char *tag, const char *end, const char *name)
{
    size_t       n;
    const char  *p;

    n = strlen(name);

    for (p = tag; p + n < end; p++) {
        if (!isspace((unsigned char) p[0]) || strncmp(p + 1, name, n) != 0) {
            continue;
        }

        for (p += n + 1; isspace((unsigned char) *p); p++) { /* void */ }

        if (*p == '=') {
            for (p++; isspace((unsigned char) *p); p++) { /* void */ }
            return *p == '"' || *p == '\'' ? p + 1 : NULL;
        }
    }

    return NULL;
}


static bool
side_of(const char *tag, const char *end, const char *name, double *side)
{
    char        *rest;
    const char  *s;

    s = attribute(tag, end, name);
    if (s == NULL) {
        return false;
    }

    *side = strtod(s, &rest);
    rest += strncmp(rest, "px", 2) == 0 ? 2 : 0;

    return rest != s && (*rest == '"' || *rest == '\'') && *side >= 1
           && *side <= 8192;
}


/* How large a drawing is by itself, where its root says so in px. */

static void
own_size(const char *svg, double own[2])
{
    double       box[4];
    const char  *tag, *end, *view;

    tag = strstr(svg, "<svg");
    end = tag != NULL ? strchr(tag, '>') : NULL;

    if (end == NULL) {
        return;
    }

    if (side_of(tag, end, "width", &own[0])
        && side_of(tag, end, "height", &own[1]))
    {
        return;
    }

    own[0] = own[1] = 0;
    view = attribute(tag, end, "viewBox");

    if (view != NULL && attribute(tag, end, "width") == NULL
        && attribute(tag, end, "height") == NULL
        && sscanf(view, "%lf%*[ ,]%lf%*[ ,]%lf%*[ ,]%lf", &box[0], &box[1],
                  &box[2], &box[3]) == 4
        && box[2] >= 1 && box[3] >= 1 && box[2] <= 8192 && box[3] <= 8192)
    {
        own[0] = box[2];
        own[1] = box[3];
    }
}


bool
rn_ss_drawing(shot *s)
{
    char         why[200];
    size_t       len;
    json_t      *src;
    rn_importer *im = s->im;
    const char  *text, *filled;

    len = rn_im_enter(im, "asset");
    text = rn_im_text(im, s->asset, "src");
    src = NULL;

    if (text == NULL) {
        rn_im_wrong(im, "needs a \"src\"");
        rn_im_leave(im, len);
        return false;
    }

    set_string(s->made, "type", "svg");
    filled = rn_im_fill(im, text);
    why[0] = '\0';

    if (!rn_svg_seems(filled, strlen(filled))) {
        src = rn_im_src(im, "src", text);       /* a file, then */
        if (src != NULL) {
            set_new(s->made, "src", src);
        }

    } else if (strlen(filled) > RN_SVG_INLINE_MAX) {
        (void) snprintf(why, sizeof(why), "is longer than %d bytes; put it "
                        "into a file", RN_SVG_INLINE_MAX);

    } else if (rn_svg_check(filled, strlen(filled), NULL, why, sizeof(why))) {
        set_string(s->made, "svg", text);
        own_size(filled, s->own);
    }

    if (why[0] != '\0') {
        rn_im_note_at(im, "src", "%s; the clip is left out", why);
        rn_im_done(im, s->clip);
        rn_im_leave(im, len);
        return false;
    }

    (void) rn_im_number(im, s->asset, "opacity", 0, 1, &s->faint);
    rn_im_leave(im, len);
    rn_ss_box(s, src);

    return true;
}
