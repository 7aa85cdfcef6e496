/* Assets of a composition: what may be shown or heard, and their sources. */

#include "rn_doc_parts.h"
#include "rn_id.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>


static void
read_src(rn_reader *r, json_t *value, void *out)
{
    const char  *s;

    s = NULL;
    rn_read_text(r, value, &s);
    if (s == NULL) {
        return;
    }

    if (strncmp(s, "asset:", 6) == 0) {
        if (!rn_is_uuid(s + 6, strlen(s + 6))) {
            rn_report(r, "\"asset:\" must be followed by the id of an upload, "
                         "a UUID in lower case");
            return;
        }

    } else if (strncmp(s, "https://", 8) == 0 || strncmp(s, "http://", 7) == 0
               || strncmp(s, "s3://", 5) == 0)
    {
        rn_report(r, "sources on other hosts are not fetched by this version; "
                     "upload the file and name it \"asset:<id>\"");
        return;

    } else if (!r->allow_paths) {
        rn_report(r, "must be \"asset:<id>\", the id of an upload");
        return;

    } else if (s[0] == '\0' || s[0] == '/' || strstr(s, "..") != NULL
               || strchr(s, ':') != NULL)
    {
        rn_report(r, "must be \"asset:<id>\" or a relative path");
        return;
    }

    *(const char **) out = s;
}


static void
read_type(rn_reader *r, json_t *value, void *out)
{
    int  word;

    static const rn_word words[] = {
        { "video", RN_ASSET_VIDEO }, { "image", RN_ASSET_IMAGE },
        { "audio", RN_ASSET_AUDIO }, { "color", RN_ASSET_COLOR },
        { "text", RN_ASSET_TEXT }, { "shape", RN_ASSET_SHAPE },
        { "svg", RN_ASSET_SVG }, { "waveform", RN_ASSET_WAVEFORM },
        { "speech", -1 }, { "caption", -1 },
        { "blackboard", -1 }, { "avatar", -1 },
        { NULL, 0 }
    };

    word = rn_read_word(r, value, words);
    if (word >= 0) {
        *(rn_asset_type *) out = (rn_asset_type) word;
    }
}


static void
read_font_size(rn_reader *r, json_t *value, void *out)
{
    (void) rn_read_between(r, value, 4, 1000, out);
}


static void
read_weight(rn_reader *r, json_t *value, void *out)
{
    int  word;

    static const rn_word words[] = {
        { "normal", 0 }, { "bold", 1 }, { NULL, 0 }
    };

    word = rn_read_word(r, value, words);
    if (word >= 0) {
        *(bool *) out = word;
    }
}


static void
read_style(rn_reader *r, json_t *value, void *out)
{
    int  word;

    static const rn_word words[] = {
        { "normal", 0 }, { "italic", 1 }, { NULL, 0 }
    };

    word = rn_read_word(r, value, words);
    if (word >= 0) {
        *(bool *) out = word;
    }
}


static void
read_font(rn_reader *r, json_t *value, void *out)
{
    static const rn_field fields[] = {
        { "family", rn_read_text,   AT(rn_asset, family) },
        { "size",   read_font_size, AT(rn_asset, size) },
        { "color",  rn_read_color,  AT(rn_asset, color) },
        { "weight", read_weight,    AT(rn_asset, bold) },
        { "style",  read_style,     AT(rn_asset, italic) },
        { NULL, NULL, 0 }
    };

    (void) rn_read_object(r, value, fields, out);
}


static void
read_shape(rn_reader *r, json_t *value, void *out)
{
    int  word;

    static const rn_word words[] = {
        { "rectangle", RN_SHAPE_RECTANGLE }, { "ellipse", RN_SHAPE_ELLIPSE },
        { "triangle", RN_SHAPE_TRIANGLE }, { "star", RN_SHAPE_STAR },
        { "line", RN_SHAPE_LINE }, { NULL, 0 }
    };

    word = rn_read_word(r, value, words);
    if (word >= 0) {
        *(rn_shape_kind *) out = (rn_shape_kind) word;
    }
}


static void
read_stroke_width(rn_reader *r, json_t *value, void *out)
{
    (void) rn_read_between(r, value, 0, 500, out);
}


static void
read_stroke(rn_reader *r, json_t *value, void *out)
{
    static const rn_field fields[] = {
        { "color", rn_read_color,     AT(rn_asset, stroke) },
        { "width", read_stroke_width, AT(rn_asset, stroke_width) },
        { NULL, NULL, 0 }
    };

    rn_asset  *a = out;

    a->stroke_width = 4;
    (void) rn_read_object(r, value, fields, out);
}


static void
read_points(rn_reader *r, json_t *value, void *out)
{
    if (!json_is_integer(value) || json_integer_value(value) < 3
        || json_integer_value(value) > 100)
    {
        rn_report(r, "must be a whole number from 3 to 100");
        return;
    }

    *(int *) out = (int) json_integer_value(value);
}


/* Distinct sources are few; the list is searched as it stands. */

static int
add_ref(rn_reader *r, rn_asset *asset)
{
    size_t   i;
    rn_ref  *refs;
    rn_doc  *doc = r->doc;

    for (i = 0; i < doc->n_refs; i++) {
        if (doc->refs[i].type == asset->type
            && strcmp(doc->refs[i].src, asset->src) == 0)
        {
            return (int) i;
        }
    }

    if (doc->n_refs % 32 == 0) {
        refs = realloc(doc->refs, (doc->n_refs + 32) * sizeof(rn_ref));
        if (refs == NULL) {
            rn_report(r, "out of memory");
            return -1;
        }
        doc->refs = refs;
    }

    doc->refs[i].src = asset->src;
    doc->refs[i].type = asset->type;
    (void) snprintf(doc->refs[i].pointer, sizeof(doc->refs[i].pointer),
                    "%.80s/src", r->path);
    doc->n_refs++;

    return (int) i;
}


void
rn_read_source(rn_reader *r, json_t *value, void *out)
{
    read_src(r, value, out);
}


int
rn_ref_of(rn_reader *r, const char *src, rn_asset_type type)
{
    rn_asset  a;

    memset(&a, 0, sizeof(a));
    a.src = src;
    a.type = type;

    return add_ref(r, &a);
}


void
rn_read_asset(rn_reader *r, json_t *value, void *out)
{
    size_t        i, len;
    rn_asset     *a = out;
    rn_asset_type type;

    static const rn_field fields[] = {
        { "type",       read_type,      AT(rn_asset, type) },
        { "src",        read_src,       AT(rn_asset, src) },
        { "color",      rn_read_color,  AT(rn_asset, color) },
        { "text",       rn_read_text,   AT(rn_asset, text) },
        { "font",       read_font,      0 },
        { "background", rn_read_color,  AT(rn_asset, background) },
        { "align",      rn_read_align,  AT(rn_asset, align) },
        { "shape",      read_shape,     AT(rn_asset, shape) },
        { "fill",       rn_read_color,  AT(rn_asset, color) },
        { "stroke",     read_stroke,    0 },
        { "points",     read_points,    AT(rn_asset, points) },
        { "svg",        rn_read_svg,    AT(rn_asset, svg) },
        { "style",      rn_read_wave_style, AT(rn_asset, wave) },
        { "bars",       rn_read_bars,   AT(rn_asset, bars) },
        { "window",     rn_read_window, AT(rn_asset, window) },
        { NULL, NULL, 0 }
    };

    static const struct {
        const char     *name;
        rn_asset_type   type;
    } only[] = {
        { "text", RN_ASSET_TEXT }, { "font", RN_ASSET_TEXT },
        { "background", RN_ASSET_TEXT }, { "align", RN_ASSET_TEXT },
        { "shape", RN_ASSET_SHAPE }, { "fill", RN_ASSET_SHAPE },
        { "stroke", RN_ASSET_SHAPE }, { "points", RN_ASSET_SHAPE },
        { "svg", RN_ASSET_SVG }, { "style", RN_ASSET_WAVEFORM },
        { "bars", RN_ASSET_WAVEFORM }, { "window", RN_ASSET_WAVEFORM },
    };

    a->color = 0xffffffff;
    a->family = "Noto Sans";
    a->size = 48;
    a->align = RN_ALIGN_CENTER;
    a->ref = -1;
    a->stroke = 0xffffffff;
    a->points = 5;
    a->bars = 48;
    a->window = 2;

    if (!rn_read_object(r, value, fields, a)) {
        return;
    }

    type = a->type;
    if (json_object_get(value, "type") == NULL) {
        rn_report(r, "needs a \"type\"");
        return;
    }

    if (type == RN_ASSET_NONE) {
        return;                             /* reported where it stands */
    }

    if (type == RN_ASSET_SVG || type == RN_ASSET_WAVEFORM) {
        rn_check_drawn(r, value, a);

    } else if (type == RN_ASSET_VIDEO || type == RN_ASSET_IMAGE
               || type == RN_ASSET_AUDIO)
    {
        if (json_object_get(value, "src") == NULL) {
            rn_report(r, "a %s needs a \"src\"", rn_asset_type_name(type));
        } else if (a->src != NULL) {
            a->ref = add_ref(r, a);
        }

    } else if (json_object_get(value, "src") != NULL) {
        len = rn_enter(r, "src");
        rn_report(r, "a %s has no source", rn_asset_type_name(type));
        rn_leave(r, len);
    }

    if (type == RN_ASSET_TEXT
        && (a->text == NULL || strspn(a->text, " \t\r\n") == strlen(a->text))
        && (a->text != NULL || json_object_get(value, "text") == NULL))
    {
        rn_report(r, "a text needs a \"text\" with something to see");
    }

    if (type == RN_ASSET_COLOR && json_object_get(value, "color") == NULL) {
        rn_report(r, "a color needs a \"color\"");
    }

    if (type == RN_ASSET_SHAPE && json_object_get(value, "shape") == NULL) {
        rn_report(r, "a shape needs a \"shape\"");
    }

    for (i = 0; i < sizeof(only) / sizeof(only[0]); i++) {
        if (type != only[i].type
            && json_object_get(value, only[i].name) != NULL
            && (type != RN_ASSET_WAVEFORM
                || strcmp(only[i].name, "background") != 0))
        {
            len = rn_enter(r, only[i].name);
            rn_report(r, "only a %s has \"%s\"",
                      rn_asset_type_name(only[i].type), only[i].name);
            rn_leave(r, len);
        }
    }

    if (type != RN_ASSET_COLOR && type != RN_ASSET_TEXT
        && type != RN_ASSET_WAVEFORM
        && json_object_get(value, "color") != NULL)
    {
        len = rn_enter(r, "color");
        rn_report(r, type == RN_ASSET_SHAPE
                  ? "%s has no colour; it has \"fill\" and \"stroke\""
                  : "%s has no colour", rn_asset_type_name(type));
        rn_leave(r, len);
    }
}
