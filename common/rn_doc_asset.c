/* Assets of a composition: what may be shown or heard, and their sources. */

#include "rn_doc_parts.h"
#include "rn_id.h"
#include "rn_url.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>


void
rn_read_src(rn_reader *r, json_t *value, void *out)
{
    rn_url       url;
    const char  *s, *why;

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

    } else if (strncmp(s, "https://", 8) == 0 || strncmp(s, "http://", 7) == 0)
    {
        why = rn_url_read(s, &url);
        if (why != NULL) {
            rn_report(r, "%s", why);
            return;
        }

    } else if (strncmp(s, "s3://", 5) == 0) {
        rn_report(r, "objects of S3 are not read by this version; give a URL "
                     "that begins with https://, or upload the file and name "
                     "it \"asset:<id>\"");
        return;

    } else if (!r->allow_paths) {
        rn_report(r, "must be \"asset:<id>\", the id of an upload, or a URL "
                     "that begins with https://");
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
        { "caption", RN_ASSET_CAPTION }, { "svg", RN_ASSET_SVG },
        { "waveform", RN_ASSET_WAVEFORM }, { "speech", -1 },
        { "blackboard", -1 }, { "avatar", -1 },
        { NULL, 0 }
    };

    word = rn_read_word(r, value, words);
    if (word >= 0) {
        *(rn_asset_type *) out = (rn_asset_type) word;
    }
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


/* Each is asked of another host: nobody is to be asked for thousands. */

static bool
too_many_urls(const rn_doc *doc, const char *src)
{
    size_t  i, n;

    if (strstr(src, "://") == NULL) {
        return false;
    }

    for (i = n = 0; i < doc->n_refs; i++) {
        n += strstr(doc->refs[i].src, "://") != NULL;
    }

    return n >= RN_URLS_MAX;
}


/* Distinct sources are few; the list is searched as it stands. */

int
rn_add_ref(rn_reader *r, const char *src, rn_asset_type type)
{
    size_t   i;
    rn_ref  *refs;
    rn_doc  *doc = r->doc;

    for (i = 0; i < doc->n_refs; i++) {
        if (doc->refs[i].type == type && strcmp(doc->refs[i].src, src) == 0)
        {
            return (int) i;
        }
    }

    if (too_many_urls(doc, src)) {
        rn_report(r, "more than %d sources on other hosts", RN_URLS_MAX);
        return -1;
    }

    if (doc->n_refs % 32 == 0) {
        refs = realloc(doc->refs, (doc->n_refs + 32) * sizeof(rn_ref));
        if (refs == NULL) {
            rn_report(r, "out of memory");
            return -1;
        }
        doc->refs = refs;
    }

    doc->refs[i].src = src;
    doc->refs[i].type = type;
    (void) snprintf(doc->refs[i].pointer, sizeof(doc->refs[i].pointer),
                    "%.80s/src", r->at.text);
    doc->n_refs++;

    return (int) i;
}


void
rn_read_asset(rn_reader *r, json_t *value, void *out)
{
    size_t        i, len;
    rn_asset     *a = out;
    rn_asset_type type;

    static const rn_field fields[] = {
        { "type",       read_type,      AT(rn_asset, type) },
        { "src",        rn_read_src,    AT(rn_asset, src) },
        { "color",      rn_read_color,  AT(rn_asset, color) },
        { "text",       rn_read_text,   AT(rn_asset, text) },
        { "font",       rn_read_font,   0 },
        { "background", rn_read_color,  AT(rn_asset, background) },
        { "align",      rn_read_align,  AT(rn_asset, align) },
        { "shape",      read_shape,     AT(rn_asset, shape) },
        { "fill",       rn_read_color,  AT(rn_asset, color) },
        { "stroke",     read_stroke,    0 },
        { "points",     read_points,    AT(rn_asset, points) },
        { "words",      rn_read_words,  0 },
        { "highlight",  rn_read_color,  AT(rn_asset, highlight) },
        { "max_words",  rn_read_max_words, AT(rn_asset, max_words) },
        { "burn",       rn_read_bool,   AT(rn_asset, burn) },
        { "language",   rn_read_language, AT(rn_asset, language) },
        { "svg",        rn_read_svg,    AT(rn_asset, svg) },
        { "style",      rn_read_wave_style, AT(rn_asset, wave) },
        { "bars",       rn_read_bars,   AT(rn_asset, bars) },
        { "window",     rn_read_window, AT(rn_asset, window) },
        { NULL, NULL, 0 }
    };

    enum {
        TEXT = 1 << RN_ASSET_TEXT, SHAPE = 1 << RN_ASSET_SHAPE,
        CAPTION = 1 << RN_ASSET_CAPTION, SVG = 1 << RN_ASSET_SVG,
        WAVE = 1 << RN_ASSET_WAVEFORM,
    };

    static const struct {
        const char  *name;
        unsigned     types;
        const char  *words;
    } only[] = {
        { "text", TEXT, "a text" },
        { "font", TEXT | CAPTION, "a text or a caption" },
        { "background", TEXT | CAPTION | WAVE,
          "a text, a caption or a waveform" },
        { "align", TEXT | CAPTION, "a text or a caption" },
        { "shape", SHAPE, "a shape" },
        { "fill", SHAPE, "a shape" },
        { "stroke", SHAPE | TEXT | CAPTION, "a shape, a text or a caption" },
        { "points", SHAPE, "a shape" },
        { "words", CAPTION, "a caption" },
        { "highlight", CAPTION, "a caption" },
        { "max_words", CAPTION, "a caption" },
        { "burn", CAPTION, "a caption" },
        { "language", CAPTION, "a caption" },
        { "svg", SVG, "an svg" },
        { "style", WAVE, "a waveform" },
        { "bars", WAVE, "a waveform" },
        { "window", WAVE, "a waveform" },
    };

    a->color = 0xffffffff;
    a->family = "Noto Sans";
    a->size = 48;
    a->align = RN_ALIGN_CENTER;
    a->ref = -1;
    a->stroke = 0xffffffff;
    a->points = 5;
    a->max_words = 8;
    a->burn = true;
    a->language = "und";
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

    if (type == RN_ASSET_CAPTION) {
        rn_check_caption(r, value, a);

    } else if (type == RN_ASSET_SVG || type == RN_ASSET_WAVEFORM) {
        rn_check_drawn(r, value, a);

    } else if (type == RN_ASSET_VIDEO || type == RN_ASSET_IMAGE
               || type == RN_ASSET_AUDIO)
    {
        if (json_object_get(value, "src") == NULL) {
            rn_report(r, "a %s needs a \"src\"", rn_asset_type_name(type));
        } else if (a->src != NULL) {
            a->ref = rn_add_ref(r, a->src, type);
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

    if (type == RN_ASSET_TEXT
        && json_object_get(json_object_get(value, "stroke"), "color") == NULL)
    {
        a->stroke = 0x000000ff;             /* letters are light */
    }

    if (type == RN_ASSET_SHAPE && json_object_get(value, "shape") == NULL) {
        rn_report(r, "a shape needs a \"shape\"");
    }

    for (i = 0; i < sizeof(only) / sizeof(only[0]); i++) {
        if (!(only[i].types & 1u << type)
            && json_object_get(value, only[i].name) != NULL)
        {
            len = rn_enter(r, only[i].name);
            rn_report(r, "only %s has \"%s\"", only[i].words, only[i].name);
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
