/*
 * The composition document: time line and the whole; outputs, tracks, clips and
 * assets have files of their own.  How a value of a shape is read: rn_fields.c.
 * Defaults stand here, once, and in docs/composition.md, which a test holds
 * against this file.
 */

#include "rn_doc_parts.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


const rn_limits  rn_limits_default = {
    .max_side = 7680,
    .max_pixels = 3840 * 2160,
    .max_duration = 4 * 3600,
    .max_clips = 5000,
    .max_tracks = 64,
    .max_text = 10000,
    .max_outputs = 16,
};

static const char *const type_names[] = {
    "none", "video", "image", "audio", "color", "text", "shape", "caption",
    "svg", "waveform", "font", "lut",
};


const char *
rn_asset_type_name(rn_asset_type type)
{
    return type_names[type];
}


void
rn_read_side(rn_reader *r, json_t *value, void *out)
{
    json_int_t  n;

    n = json_integer_value(value);

    if (!json_is_integer(value) || n < 16 || n > r->limits->max_side || n % 2) {
        rn_report(r, "must be an even number of px from 16 to %d",
                  r->limits->max_side);
        return;
    }

    *(int *) out = (int) n;
}


/* A moment of the film; what only a clip has, "auto" and "end", is none. */

void
rn_read_moment(rn_reader *r, json_t *value, void *out)
{
    const char  *s;

    s = json_string_value(value);

    if (s != NULL && (strcmp(s, "auto") == 0 || strcmp(s, "end") == 0)) {
        rn_report(r, "must be seconds such as 1.5, or frames such as \"90f\"");
        return;
    }

    rn_read_time(r, value, out);
}


static void
read_safe_area(rn_reader *r, json_t *value, void *out)
{
    rn_length  l;

    memset(&l, 0, sizeof(l));
    rn_read_length(r, value, &l);

    if (l.set && (l.value < 0 || l.value > (l.percent ? 40 : 2000))) {
        rn_report(r, "must be 0 to 40 per cent, or 0 to 2000 px");
    } else if (l.set) {
        *(rn_length *) out = l;
    }
}


static void
read_timeline(rn_reader *r, json_t *value, void *out)
{
    static const rn_field fields[] = {
        { "width",      rn_read_side,  AT(rn_doc, width) },
        { "height",     rn_read_side,  AT(rn_doc, height) },
        { "fps",        rn_read_fps,   AT(rn_doc, fps) },
        { "background", rn_read_color, AT(rn_doc, background) },
        { "tracks",     rn_read_tracks, 0 },
        { "markers",    rn_read_markers, 0 },
        { "safe_area",  read_safe_area, AT(rn_doc, safe_area) },
        { "fonts",      rn_read_fonts, 0 },
        { NULL, NULL, 0 }
    };

    if (rn_read_object(r, value, fields, out)
        && json_object_get(value, "tracks") == NULL)
    {
        rn_report(r, "needs \"tracks\"");
    }
}


static void
read_version(rn_reader *r, json_t *value, void *out)
{
    (void) out;

    if (!json_is_integer(value) || json_integer_value(value) != 1) {
        rn_report(r, "must be 1");
    }
}


static void
read_poster(rn_reader *r, json_t *value, void *out)
{
    static const rn_field fields[] = {
        { "time", rn_read_moment, AT(rn_doc, poster) },
        { NULL, NULL, 0 }
    };

    (void) rn_read_object(r, value, fields, out);
}


static void
read_root(rn_reader *r)
{
    size_t   len;
    json_t  *root;

    static const rn_field fields[] = {
        { "version",  read_version,    0 },
        { "title",    rn_read_text,    AT(rn_doc, title) },
        { "merge",    rn_read_ignored, 0 },     /* has been merged */
        { "timeline", read_timeline,   0 },
        { "outputs",  rn_read_ignored, 0 },     /* after the time line */
        { "metadata", rn_read_ignored, 0 },
        { "poster",   read_poster,     0 },
        { "blurhash", rn_read_bool,    AT(rn_doc, blurhash) },
        { "webhook_url", NULL, 0 },
        { NULL, NULL, 0 }
    };

    root = r->doc->root;

    if (!rn_read_object(r, root, fields, r->doc)) {
        return;
    }

    if (json_object_get(root, "timeline") == NULL) {
        rn_report(r, "needs a \"timeline\"");
    }

    rn_read_outputs(r, json_object_get(root, "outputs"), r->doc);

    if ((int64_t) r->doc->width * r->doc->height > r->limits->max_pixels) {
        len = rn_enter(r, "timeline");
        rn_report(r, "%d x %d px are more than the %lld that are rendered here",
                  r->doc->width, r->doc->height,
                  (long long) r->limits->max_pixels);
        rn_leave(r, len);
    }
}


rn_status
rn_doc_parse(const char *text, size_t len, const rn_limits *limits,
    bool allow_paths, rn_problems *problems, rn_doc **out)
{
    rn_doc       *doc;
    rn_reader     r;
    json_error_t  error;

    *out = NULL;

    doc = calloc(1, sizeof(rn_doc));
    if (doc == NULL) {
        rn_problem_add(problems, "", "out of memory");
        return RN_E_NOMEM;
    }

    doc->background = 0x000000ff;
    doc->blurhash = true;

    doc->root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
    if (doc->root == NULL) {
        rn_problem_add(problems, "", "not JSON: %s (line %d, column %d)",
                       error.text, error.line, error.column);
        goto fail;
    }

    memset(&r, 0, sizeof(r));
    r.problems = problems;
    r.limits = limits;
    r.doc = doc;
    r.allow_paths = allow_paths;

    if (!json_is_object(doc->root) || rn_doc_merge(&r)) {
        read_root(&r);
    }

    if (problems->total != 0) {
        goto fail;
    }

    *out = doc;
    return RN_OK;

fail:

    rn_doc_free(doc);
    return RN_E_INVALID;
}


void
rn_doc_free(rn_doc *doc)
{
    int     m;
    size_t  i, k;

    if (doc == NULL) {
        return;
    }

    for (i = 0; i < doc->n_tracks; i++) {
        for (k = 0; k < doc->tracks[i].n; k++) {
            for (m = 0; m < RN_MOVES; m++) {
                free(doc->tracks[i].clips[k].moves[m].keys);
            }
        }
        free(doc->tracks[i].clips);
    }

    free(doc->tracks);
    free(doc->refs);
    free(doc->outputs);
    free(doc->markers);
    json_decref(doc->root);
    free(doc);
}
