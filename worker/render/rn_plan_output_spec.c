/*
 * What a plan tells the assembler of each output: its files, size and length,
 * and the chapters in it.
 */

#include "rn_plan_output.h"
#include "rn_sound.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


static const struct {
    const char  *suffix, *type;
} files[] = {
    [RN_FORMAT_MP4] = { "mp4", "video/mp4" },
    [RN_FORMAT_WEBM] = { "webm", "video/webm" },
    [RN_FORMAT_MOV] = { "mov", "video/quicktime" },
    [RN_FORMAT_GIF] = { "gif", "image/gif" },
    [RN_FORMAT_MP3] = { "mp3", "audio/mpeg" },
    [RN_FORMAT_M4A] = { "m4a", "audio/mp4" },
    [RN_FORMAT_WAV] = { "wav", "audio/wav" },
    [RN_FORMAT_PNG] = { "png", "image/png" },
    [RN_FORMAT_JPG] = { "jpg", "image/jpeg" },
    [RN_FORMAT_PNG_SEQUENCE] = { "zip", "application/zip" },
    [RN_FORMAT_SPRITE] = { "vtt", "text/vtt" },
    [RN_FORMAT_HLS] = { "m3u8", "application/vnd.apple.mpegurl" },
    [RN_FORMAT_VTT] = { "vtt", "text/vtt" },
    [RN_FORMAT_SRT] = { "srt", "application/x-subrip" },
};


static bool
add_file(json_t *list, const char *type, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static bool
add_file(json_t *list, const char *type, const char *fmt, ...)
{
    char     name[80];
    va_list  ap;

    va_start(ap, fmt);
    (void) vsnprintf(name, sizeof(name), fmt, ap);
    va_end(ap);

    return json_array_append_new(list, json_pack("{s:s, s:s}", "name", name,
                                                 "type", type)) == 0;
}


/*
 * Its files: the first is what the output's name stands for.  Of a stream there
 * are two more for each of its tracks, see rn_hls_write.
 */

static json_t *
files_of(const rn_output *o, const rn_output_tracks *of, bool silent,
    size_t captions)
{
    bool         ok;
    size_t       i;
    json_t      *list;
    const char  *type;

    type = files[o->format].type;
    list = json_array();

    ok = list != NULL && add_file(list, type, "%s.%s", o->name,
                                  files[o->format].suffix);

    if (ok && o->format == RN_FORMAT_SPRITE) {
        ok = add_file(list, "image/jpeg", "%s.jpg", o->name);
    }

    for (i = 0; ok && i < of->n; i++) {
        ok = add_file(list, "video/mp4", "%s-v%zu.mp4", o->name, i)
             && add_file(list, type, "%s-v%zu.m3u8", o->name, i);
    }

    if (ok && of->n > 0 && !silent) {
        ok = add_file(list, "audio/mp4", "%s-s.mp4", o->name)
             && add_file(list, type, "%s-s.m3u8", o->name);
    }

    for (i = 0; ok && i < captions; i++) {
        ok = add_file(list, "text/vtt", "%s-c%zu.vtt", o->name, i)
             && add_file(list, type, "%s-c%zu.m3u8", o->name, i);
    }

    if (!ok) {
        json_decref(list);
        return NULL;
    }

    return list;
}


/*
 * What is told of a stream's sizes before any is there: bits a second, roughly
 * and rather too many, for players choose by them.
 */

static json_t *
renditions_of(const rn_outputs *outs, const rn_output_tracks *of)
{
    size_t                    i;
    json_t                   *list;
    const rn_picture_stream  *v;

    static const double  bits[] = { 0.06, 0.12, 0.24 };     /* a px */

    list = json_array();

    for (i = 0; i < of->n; i++) {
        v = &outs->pictures[of->renditions[i]];

        if (json_array_append_new(list, json_pack(
                "{s:s, s:[i, i, I, I], s:I}", "video", v->name,
                "canvas", v->w, v->h, (json_int_t) v->fps.num,
                (json_int_t) v->fps.den, "bandwidth",
                (json_int_t) llround(bits[v->quality] * v->w * v->h
                                     * (double) v->fps.num
                                     / (double) v->fps.den) + 192000)) != 0)
        {
            json_decref(list);
            return NULL;
        }
    }

    return list;
}


static int
by_time(const void *x, const void *y)
{
    const int64_t  *a = x, *b = y;

    return *a < *b ? -1 : *a > *b;
}


/*
 * [[first sample of the output, one behind the last, title], ...]: each lasts
 * until the next begins; the one in which a range begins, from there on.
 */

static bool
add_chapters(const rn_doc *doc, const rn_picture_stream *v,
    const rn_sound_stream *a, json_t *o)
{
    bool      ok;
    size_t    i, n;
    json_t   *list;
    int64_t  *at, from, samples, end, first;

    from = a != NULL ? a->from : rn_sample_at(v->from, doc->fps, RN_RATE);
    samples = a != NULL ? a->samples
              : rn_sample_at(v->to, doc->fps, RN_RATE) - from;

    at = malloc(2 * (doc->n_markers + 1) * sizeof(int64_t));
    list = json_array();
    ok = at != NULL && list != NULL;

    for (i = 0, n = 0; ok && i < doc->n_markers; i++) {
        if (doc->markers[i].kind == RN_MARKER_CHAPTER) {
            at[2 * n] = rn_sample_at(rn_moment(&doc->markers[i].time, doc->fps),
                                     doc->fps, RN_RATE) - from;
            at[2 * n + 1] = (int64_t) i;
            n++;
        }
    }

    if (ok) {
        qsort(at, n, 2 * sizeof(int64_t), by_time);
    }

    for (i = 0; ok && i < n; i++) {
        first = at[2 * i] > 0 ? at[2 * i] : 0;
        end = i + 1 < n && at[2 * i + 2] < samples ? at[2 * i + 2] : samples;

        if (first < end) {
            ok = json_array_append_new(list, json_pack("[I, I, s]",
                     (json_int_t) first, (json_int_t) end,
                     doc->markers[at[2 * i + 1]].name)) == 0;
        }
    }

    if (ok && json_array_size(list) > 0) {
        ok = json_object_set(o, "chapters", list) == 0;
    }

    json_decref(list);
    free(at);

    return ok;
}


void
rn_sidecar_of(const rn_doc *doc, const rn_output_tracks *of,
    const char *language, rn_sidecar *s)
{
    double  ms;

    memset(s, 0, sizeof(*s));
    ms = 1000.0 * (double) doc->fps.den / (double) doc->fps.num;
    s->from = llround((double) of->from * ms);
    s->to = llround((double) of->to * ms);
    s->language = language;
}


/* Takes the text. */

static json_t *
text_json(char *text)
{
    json_t  *j;

    j = text != NULL ? json_string(text) : NULL;
    free(text);

    return j;
}


/*
 * A stream's captions, [{"language", "text": WebVTT}]: those that its pictures
 * do not show.  A stream begins two pictures after 0, see rn_hls.h.
 */

static json_t *
captions_of(const rn_doc *doc, const rn_timeline *tl,
    const rn_output_tracks *of, const rn_picture_stream *v)
{
    size_t       i, k;
    json_t      *list, *c;
    const char  *language;
    rn_sidecar   s;

    list = json_array();

    for (i = 0; list != NULL && i < tl->n_lines; i++) {
        language = tl->lines[i].clip->asset.language;

        if (tl->lines[i].clip->asset.burn
            || json_array_size(list) == RN_LANGUAGES_MAX)
        {
            continue;
        }

        json_array_foreach(list, k, c) {
            if (strcmp(json_string_value(json_object_get(c, "language")),
                       language) == 0)
            {
                break;
            }
        }

        if (k < json_array_size(list)) {
            continue;
        }

        rn_sidecar_of(doc, of, language, &s);
        s.unburned = true;
        s.shift = llround(2000.0 * (double) v->fps.den / (double) v->fps.num);

        if (rn_sidecar_lines(tl, &s) > 0
            && json_array_append_new(list, json_pack("{s:s, s:o}", "language",
                   language, "text", text_json(rn_sidecar_vtt(tl, &s)))) != 0)
        {
            json_decref(list);
            return NULL;
        }
    }

    return list;
}


json_t *
rn_plan_output(const rn_doc *doc, const rn_timeline *tl,
    const rn_outputs *outs, size_t i)
{
    bool                      ok;
    json_t                   *o, *captions;
    double                    seconds;
    rn_sidecar                s;
    const rn_output          *out = &doc->outputs[i];
    const rn_sound_stream    *a;
    const rn_picture_stream  *v;

    v = outs->of[i].picture >= 0 ? &outs->pictures[outs->of[i].picture] : NULL;
    a = outs->of[i].sound >= 0 ? &outs->sounds[outs->of[i].sound] : NULL;

    seconds = v == NULL && a != NULL ? (double) a->samples / RN_RATE
              : (double) (outs->of[i].to - outs->of[i].from)
                * (double) doc->fps.den / (double) doc->fps.num;

    captions = out->format == RN_FORMAT_HLS
               ? captions_of(doc, tl, &outs->of[i], v) : NULL;

    o = json_pack("{s:s, s:s, s:b, s:f, s:o}", "name", out->name,
                  "format", rn_format_name(out->format),
                  "film", i == doc->film, "duration", seconds,
                  "files", files_of(out, &outs->of[i],
                                    a == NULL || a->silent,
                                    json_array_size(captions)));

    ok = o != NULL && (captions != NULL || out->format != RN_FORMAT_HLS);

    if (ok && json_array_size(captions) > 0) {
        ok = json_object_set(o, "captions", captions) == 0;
    }

    json_decref(captions);

    if (ok && rn_format_is_text(out->format)) {
        rn_sidecar_of(doc, &outs->of[i], out->language, &s);
        ok = json_object_set_new(o, "text", text_json(
                 out->format == RN_FORMAT_VTT ? rn_sidecar_vtt(tl, &s)
                                              : rn_sidecar_srt(tl, &s))) == 0;
    }

    if (ok && v != NULL) {
        ok = json_object_set_new(o, "video", json_string(v->name)) == 0
             && json_object_set_new(o, "canvas", json_pack("[i, i, I, I]",
                    v->w, v->h, (json_int_t) v->fps.num,
                    (json_int_t) v->fps.den)) == 0
             && json_object_set_new(o, "frames", json_integer(
                    rn_pictures_before(v, v->to))) == 0
             && (!v->alpha || json_object_set_new(o, "alpha", json_true()) == 0)
             && (!v->mixed
                 || json_object_set_new(o, "mixed", json_true()) == 0);
    }

    if (ok && rn_format_has_sound(out->format)
        && out->format != RN_FORMAT_HLS && out->format != RN_FORMAT_WAV)
    {
        ok = add_chapters(doc, v, a, o);
    }

    if (ok && outs->of[i].n > 0) {
        ok = json_object_set_new(o, "renditions",
                                 renditions_of(outs, &outs->of[i])) == 0;
    }

    if (ok && a != NULL) {
        ok = json_object_set_new(o, "sound", json_string(a->name)) == 0
             && json_object_set_new(o, "samples",
                                    json_integer(a->samples)) == 0
             && (a->rate == 0
                 || json_object_set_new(o, "sound_copy", json_pack(
                        "{s:i, s:I, s:I}", "rate", a->rate, "lead",
                        (json_int_t) a->lead, "samples",
                        (json_int_t) a->length)) == 0);
    }

    if (!ok) {
        json_decref(o);
        return NULL;
    }

    return o;
}
