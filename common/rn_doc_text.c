/*
 * What is written: fonts of texts and captions, the words of a caption, and
 * the fonts that a composition brings along.
 */

#include "rn_doc_parts.h"

#include <string.h>


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


void
rn_read_font(rn_reader *r, json_t *value, void *out)
{
    static const rn_field fields[] = {
        { "family",   rn_read_text,   AT(rn_asset, family) },
        { "size",     read_font_size, AT(rn_asset, size) },
        { "min_size", read_font_size, AT(rn_asset, min_size) },
        { "color",    rn_read_color,  AT(rn_asset, color) },
        { "weight",   read_weight,    AT(rn_asset, bold) },
        { "style",    read_style,     AT(rn_asset, italic) },
        { NULL, NULL, 0 }
    };

    size_t     len;
    rn_asset  *a = out;

    (void) rn_read_object(r, value, fields, a);

    if (a->min_size > a->size && json_object_get(value, "size") != NULL) {
        len = rn_enter(r, "min_size");
        rn_report(r, "must not be more than \"size\"");
        rn_leave(r, len);
    }
}


typedef struct {
    const char  *text;
    double       start, end;
} word;


static void
read_second(rn_reader *r, json_t *value, void *out)
{
    (void) rn_read_between(r, value, 0, 24 * 3600, out);
}


/* Words come in the order in which they are heard. */

void
rn_read_words(rn_reader *r, json_t *value, void *out)
{
    size_t     i, len;
    word       w;
    json_t    *item;
    rn_asset  *a = out;

    static const rn_field fields[] = {
        { "text",  rn_read_text, AT(word, text) },
        { "start", read_second,  AT(word, start) },
        { "end",   read_second,  AT(word, end) },
        { NULL, NULL, 0 }
    };

    if (!json_is_array(value) || json_array_size(value) == 0
        || json_array_size(value) > RN_WORDS_MAX)
    {
        rn_report(r, "must be an array of 1 to %d words", RN_WORDS_MAX);
        return;
    }

    json_array_foreach(value, i, item) {
        len = rn_enter_index(r, i);
        memset(&w, 0, sizeof(w));
        w.start = w.end = -1;

        if (!rn_read_object(r, item, fields, &w)) {
            rn_leave(r, len);
            return;                         /* one such is enough */
        }

        if (json_object_get(item, "text") == NULL
            || json_object_get(item, "start") == NULL
            || json_object_get(item, "end") == NULL)
        {
            rn_report(r, "a word needs \"text\", \"start\" and \"end\"");
            rn_leave(r, len);
            return;
        }

        if (w.start >= 0 && w.end >= 0
            && (w.end <= w.start || w.start < a->spoken))
        {
            rn_report(r, w.end <= w.start
                      ? "ends before it begins"
                      : "begins before the word before it ends");
            rn_leave(r, len);
            return;
        }

        a->spoken = w.end >= 0 ? w.end : a->spoken;
        rn_leave(r, len);
    }

    a->words = value;
}


void
rn_read_max_words(rn_reader *r, json_t *value, void *out)
{
    if (!json_is_integer(value) || json_integer_value(value) < 1
        || json_integer_value(value) > 50)
    {
        rn_report(r, "must be a whole number from 1 to 50");
        return;
    }

    *(int *) out = (int) json_integer_value(value);
}


/* As RFC 5646 writes it, loosely: it is passed on to players, as it is. */

void
rn_read_language(rn_reader *r, json_t *value, void *out)
{
    size_t       n;
    const char  *s;

    s = json_string_value(value);
    n = s != NULL ? strspn(s, "abcdefghijklmnopqrstuvwxyz"
                              "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") : 0;

    if (n < 2 || n > 35 || s[n] != '\0') {
        rn_report(r, "must be a language tag such as \"en\" or \"pt-BR\"");
        return;
    }

    *(const char **) out = s;
}


/* A caption's fields together, once all are read. */

void
rn_check_caption(rn_reader *r, json_t *value, rn_asset *a)
{
    bool    src, words;
    json_t  *font, *stroke;
    size_t   i, len;

    static const char *const of_words[] = { "highlight", "max_words" };

    src = json_object_get(value, "src") != NULL;
    words = json_object_get(value, "words") != NULL;

    if (src == words) {
        rn_report(r, "a caption needs either a \"src\" or \"words\"");
    } else if (a->src != NULL) {
        a->ref = rn_add_ref(r, a->src, RN_ASSET_CAPTION);
    }

    for (i = 0; !words && i < 2; i++) {
        if (json_object_get(value, of_words[i]) != NULL) {
            len = rn_enter(r, of_words[i]);
            rn_report(r, "only a caption of \"words\" has \"%s\"",
                      of_words[i]);
            rn_leave(r, len);
        }
    }

    /* what is to be read stands out, whatever lies behind it */

    font = json_object_get(value, "font");
    if (json_object_get(font, "size") == NULL) {
        a->size = 0;
    }

    if (json_object_get(font, "min_size") != NULL) {
        len = rn_enter(r, "font");
        (void) rn_enter(r, "min_size");
        rn_report(r, "has no meaning for a caption");
        rn_leave(r, len);
    }

    stroke = json_object_get(value, "stroke");
    if (stroke == NULL) {
        a->stroke_width = -1;
    }

    if (json_object_get(stroke, "color") == NULL) {
        a->stroke = 0x000000ff;
    }
}


void
rn_read_fonts(rn_reader *r, json_t *value, void *out)
{
    int          ref;
    size_t       i, len;
    json_t      *item;
    rn_doc      *doc = out;
    const char  *src;

    static const rn_field fields[] = {
        { "src", rn_read_src, 0 },
        { NULL, NULL, 0 }
    };

    if (!json_is_array(value) || json_array_size(value) > RN_FONTS_MAX) {
        rn_report(r, "must be an array of at most %d fonts", RN_FONTS_MAX);
        return;
    }

    json_array_foreach(value, i, item) {
        len = rn_enter_index(r, i);
        src = NULL;

        if (rn_read_object(r, item, fields, &src)
            && json_object_get(item, "src") == NULL)
        {
            rn_report(r, "a font needs a \"src\"");
        }

        ref = src != NULL ? rn_add_ref(r, src, RN_ASSET_FONT) : -1;
        if (ref >= 0) {
            doc->fonts[doc->n_fonts++] = ref;
        }

        rn_leave(r, len);
    }
}
