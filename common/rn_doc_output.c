/*
 * Outputs of a composition: what each is written as.  Their sizes: see
 * rn_doc_canvas.c; which part of a film a range is: rn_plan_output.c.
 */

#include "rn_doc_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>


#define TRUE_PEAK     (-1)              /* dBTP, of EBU R 128 */


enum {
    FILM = 1,                           /* pictures and sound */
    MOVES = 2,                          /* pictures at a rate */
    SEEN = 4,
    HEARD = 8,
    STILL = 16,
    TEXT = 32,
};

static const struct {
    const char  *name;
    unsigned     is;
} formats[] = {
    [RN_FORMAT_MP4] = { "mp4", FILM | MOVES | SEEN | HEARD },
    [RN_FORMAT_WEBM] = { "webm", FILM | MOVES | SEEN | HEARD },
    [RN_FORMAT_MOV] = { "mov", FILM | MOVES | SEEN | HEARD },
    [RN_FORMAT_GIF] = { "gif", MOVES | SEEN },
    [RN_FORMAT_MP3] = { "mp3", HEARD },
    [RN_FORMAT_M4A] = { "m4a", HEARD },
    [RN_FORMAT_WAV] = { "wav", HEARD },
    [RN_FORMAT_PNG] = { "png", SEEN | STILL },
    [RN_FORMAT_JPG] = { "jpg", SEEN | STILL },
    [RN_FORMAT_PNG_SEQUENCE] = { "png-sequence", MOVES | SEEN },
    [RN_FORMAT_SPRITE] = { "sprite", SEEN },
    [RN_FORMAT_HLS] = { "hls", FILM | MOVES | SEEN | HEARD },
    [RN_FORMAT_VTT] = { "vtt", TEXT },
    [RN_FORMAT_SRT] = { "srt", TEXT },
};


const char *
rn_format_name(rn_format format)
{
    return formats[format].name;
}


bool
rn_format_has_pictures(rn_format format)
{
    return (formats[format].is & SEEN) != 0;
}


bool
rn_format_is_film(rn_format format)
{
    return (formats[format].is & FILM) != 0;
}


bool
rn_format_has_sound(rn_format format)
{
    return (formats[format].is & HEARD) != 0;
}


bool
rn_format_is_text(rn_format format)
{
    return (formats[format].is & TEXT) != 0;
}


static void
read_format(rn_reader *r, json_t *value, void *out)
{
    int  word;

    static const rn_word words[] = {
        { "mp4", RN_FORMAT_MP4 }, { "webm", RN_FORMAT_WEBM },
        { "mov", RN_FORMAT_MOV }, { "gif", RN_FORMAT_GIF },
        { "mp3", RN_FORMAT_MP3 }, { "m4a", RN_FORMAT_M4A },
        { "wav", RN_FORMAT_WAV }, { "png", RN_FORMAT_PNG },
        { "jpg", RN_FORMAT_JPG }, { "png-sequence", RN_FORMAT_PNG_SEQUENCE },
        { "sprite", RN_FORMAT_SPRITE }, { "hls", RN_FORMAT_HLS },
        { "vtt", RN_FORMAT_VTT }, { "srt", RN_FORMAT_SRT }, { NULL, 0 }
    };

    word = rn_read_word(r, value, words);
    if (word >= 0) {
        *(rn_format *) out = (rn_format) word;
    }
}


static void
read_quality(rn_reader *r, json_t *value, void *out)
{
    int  word;

    static const rn_word words[] = {
        { "low", RN_QUALITY_LOW }, { "medium", RN_QUALITY_MEDIUM },
        { "high", RN_QUALITY_HIGH }, { NULL, 0 }
    };

    word = rn_read_word(r, value, words);
    if (word >= 0) {
        *(rn_quality *) out = (rn_quality) word;
    }
}


static void
read_codec(rn_reader *r, json_t *value, void *out)
{
    int  word;

    static const rn_word words[] = {
        { "prores", 0 }, { "png", 1 }, { NULL, 0 }
    };

    word = rn_read_word(r, value, words);
    if (word >= 0) {
        *(bool *) out = word == 1;
    }
}


/* Names stand in addresses and become names of files beside our own. */

static void
read_name(rn_reader *r, json_t *value, void *out)
{
    size_t       n;
    const char  *s;

    s = json_string_value(value);
    n = s != NULL ? strlen(s) : 0;

    if (n == 0 || n > 40 || n != json_string_length(value)
        || strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-_") != n)
    {
        rn_report(r, "must be 1 to 40 of a-z, 0-9, \"-\" and \"_\"");
        return;
    }

    if (strcmp(s, "preview") == 0 || strcmp(s, "poster") == 0) {
        rn_report(r, "\"%s\" is what another result of each film is called", s);
        return;
    }

    *(const char **) out = s;
}


static void
read_interval(rn_reader *r, json_t *value, void *out)
{
    (void) rn_read_between(r, value, 0.1, 3600, out);
}


static void
read_range(rn_reader *r, json_t *value, void *out)
{
    size_t      len;
    rn_output  *o = out;

    static const rn_field fields[] = {
        { "start",    rn_read_moment, AT(rn_output, from) },
        { "duration", rn_read_moment, AT(rn_output, len) },
        { NULL, NULL, 0 }
    };

    if (rn_read_object(r, value, fields, o)
        && ((o->len.kind == RN_TIME_SECONDS && o->len.seconds <= 0)
            || (o->len.kind == RN_TIME_FRAMES && o->len.frames <= 0)))
    {
        len = rn_enter(r, "duration");
        rn_report(r, "must be more than 0");
        rn_leave(r, len);
    }
}


/* LUFS, within what FFmpeg's loudnorm takes, too */

static void
read_loudness(rn_reader *r, json_t *value, void *out)
{
    (void) rn_read_between(r, value, -70, -5, out);
}


static void
read_true_peak(rn_reader *r, json_t *value, void *out)
{
    (void) rn_read_between(r, value, -9, 0, out);
}


static void
read_audio(rn_reader *r, json_t *value, void *out)
{
    size_t      len;
    rn_output  *o = out;

    static const rn_field fields[] = {
        { "loudness",  read_loudness,  AT(rn_output, loudness) },
        { "true_peak", read_true_peak, AT(rn_output, true_peak) },
        { NULL, NULL, 0 }
    };

    if (rn_read_object(r, value, fields, o)
        && json_object_get(value, "true_peak") != NULL
        && json_object_get(value, "loudness") == NULL)
    {
        len = rn_enter(r, "true_peak");
        rn_report(r, "has no meaning without \"loudness\"");
        rn_leave(r, len);
    }
}


static void
read_renditions(rn_reader *r, json_t *value, void *out)
{
    size_t         i, len;
    json_t        *item;
    rn_output     *o = out;
    rn_rendition  *v;

    static const rn_field fields[] = {
        { "width",   rn_read_side, AT(rn_rendition, width) },
        { "height",  rn_read_side, AT(rn_rendition, height) },
        { "quality", read_quality, AT(rn_rendition, quality) },
        { NULL, NULL, 0 }
    };

    if (!json_is_array(value) || json_array_size(value) == 0
        || json_array_size(value) > RN_RENDITIONS_MAX)
    {
        rn_report(r, "must be an array of 1 to %d renditions",
                  RN_RENDITIONS_MAX);
        return;
    }

    json_array_foreach(value, i, item) {
        v = &o->renditions[o->n_renditions++];
        v->quality = RN_QUALITY_UNSET;

        len = rn_enter_index(r, i);
        (void) rn_read_object(r, item, fields, v);
        rn_leave(r, len);
    }
}


/* Fields that only some formats have. */

static void
refuse_meaningless(rn_reader *r, json_t *value, rn_format format)
{
    size_t  i, len;

    static const struct {
        const char  *name;
        unsigned     is, format;
    } only[] = {
        { "width",      SEEN,          0 },
        { "height",     SEEN,          0 },
        { "fps",        MOVES,         0 },
        { "audio",      HEARD,         0 },
        { "range",      MOVES | HEARD | TEXT, 1u << RN_FORMAT_SPRITE },
        { "quality",    ~(unsigned) TEXT, 0 },
        { "language",   TEXT,          0 },
        { "time",       STILL,         0 },
        { "codec",      0,             1u << RN_FORMAT_MOV },
        { "interval",   0,             1u << RN_FORMAT_SPRITE },
        { "renditions", 0,             1u << RN_FORMAT_HLS },
    };

    for (i = 0; i < sizeof(only) / sizeof(only[0]); i++) {
        if (!(formats[format].is & only[i].is)
            && !(only[i].format & 1u << format)
            && json_object_get(value, only[i].name) != NULL)
        {
            len = rn_enter(r, only[i].name);
            rn_report(r, "has no meaning for the format \"%s\"",
                      formats[format].name);
            rn_leave(r, len);
        }
    }
}


static void
read_output(rn_reader *r, json_t *value, rn_output *o)
{
    static const rn_field fields[] = {
        { "name",     read_name,      AT(rn_output, name) },
        { "format",   read_format,    AT(rn_output, format) },
        { "quality",  read_quality,   AT(rn_output, quality) },
        { "width",    rn_read_side,   AT(rn_output, width) },
        { "height",   rn_read_side,   AT(rn_output, height) },
        { "fps",      rn_read_fps,    AT(rn_output, fps) },
        { "codec",    read_codec,     AT(rn_output, png) },
        { "range",    read_range,     0 },
        { "time",     rn_read_moment, AT(rn_output, at) },
        { "interval", read_interval,  AT(rn_output, interval) },
        { "renditions", read_renditions, 0 },
        { "language", rn_read_language, AT(rn_output, language) },
        { "audio",    read_audio,     0 },
        { NULL, NULL, 0 }
    };

    size_t  len;

    if (!rn_read_object(r, value, fields, o)) {
        return;
    }

    refuse_meaningless(r, value, o->format);

    if (o->n_renditions > 0 && (o->width != 0 || o->height != 0)) {
        len = rn_enter(r, o->width != 0 ? "width" : "height");
        rn_report(r, "has no meaning beside \"renditions\"");
        rn_leave(r, len);
    }
}


/* The files of a stream's tracks are called "<name>-v0" and "<name>-s". */

static bool
is_track_of(const char *name, const rn_output *o)
{
    size_t  n;

    n = strlen(o->name);

    if (o->format != RN_FORMAT_HLS || strncmp(name, o->name, n) != 0) {
        return false;
    }

    name += n;

    return strcmp(name, "-s") == 0
           || (strncmp(name, "-v", 2) == 0 && name[2] >= '0'
               && name[2] < '0' + RN_RENDITIONS_MAX && name[3] == '\0')
           || (strncmp(name, "-c", 2) == 0 && name[2] >= '0'
               && name[2] < '0' + RN_LANGUAGES_MAX && name[3] == '\0');
}


/* A name that another output has, or a file of it. */

static void
check_name(rn_reader *r, const rn_doc *doc, size_t i, size_t other)
{
    bool              same;
    size_t            at, len;
    const rn_output  *o = &doc->outputs[i], *p = &doc->outputs[other];

    same = other < i && strcmp(o->name, p->name) == 0;

    if (!same && !is_track_of(o->name, p)) {
        return;
    }

    at = rn_enter_index(r, i);
    len = rn_enter(r, "name");
    rn_report(r, same ? "\"%s\" is the name of output %zu, too"
                      : "\"%s\" is what a track of output %zu is called",
              o->name, other);
    rn_leave(r, len);
    rn_leave(r, at);
}


/* The first is called "final", others as their format is, unless named. */

static void
name_outputs(rn_reader *r, rn_doc *doc)
{
    size_t      i, k;
    rn_output  *o;

    for (i = 0; i < doc->n_outputs; i++) {
        o = &doc->outputs[i];

        if (o->name == NULL) {
            o->name = i == 0 ? "final" : formats[o->format].name;
        }
    }

    for (i = 0; i < doc->n_outputs; i++) {
        o = &doc->outputs[i];

        for (k = 0; k < doc->n_outputs; k++) {
            check_name(r, doc, i, k);
        }

        if (strcmp(o->name, "final") == 0) {
            doc->film = i;
        }
    }
}


void
rn_read_outputs(rn_reader *r, json_t *value, rn_doc *doc)
{
    size_t  i, n, len, at;

    len = rn_enter(r, "outputs");

    if (value != NULL && (!json_is_array(value) || json_array_size(value) == 0))
    {
        rn_report(r, "must be an array of at least one output");
        value = NULL;
    }

    n = value != NULL ? json_array_size(value) : 1;

    if (n > r->limits->max_outputs) {
        rn_report(r, "a film may have at most %zu outputs",
                  r->limits->max_outputs);
        n = r->limits->max_outputs;
    }

    doc->outputs = calloc(n, sizeof(rn_output));
    if (doc->outputs == NULL) {
        rn_report(r, "out of memory");
        rn_leave(r, len);
        return;
    }

    doc->n_outputs = n;

    for (i = 0; i < n; i++) {
        doc->outputs[i].quality = RN_QUALITY_MEDIUM;
        doc->outputs[i].true_peak = TRUE_PEAK;
        (void) snprintf(doc->outputs[i].pointer,
                        sizeof(doc->outputs[i].pointer), "/outputs/%zu", i);

        if (value != NULL) {
            at = rn_enter_index(r, i);
            read_output(r, json_array_get(value, i), &doc->outputs[i]);
            rn_leave(r, at);
        }
    }

    name_outputs(r, doc);
    rn_complete_outputs(r, doc);
    rn_leave(r, len);
}
