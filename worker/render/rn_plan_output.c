/* Outputs and the tracks they are made of; see rn_plan_output.h. */

#include "rn_plan_output.h"
#include "rn_sound.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


#define GIF_RATE       50               /* players take less than 2/100 s for
                                           none at all */
#define GIF_MAX        3000             /* pictures */
#define SEQUENCE_MAX   20000
#define SPRITES        100              /* so many, unless an interval is set */
#define SPRITES_MAX    1000
#define SHEET_MAX      40000000         /* px */


static const struct {
    rn_codec  picture, sound;           /* RN_CODECS: none */
    bool      alpha;                    /* where the background has it */
} formats[] = {
    [RN_FORMAT_MP4] = { RN_CODEC_H264, RN_CODEC_AAC, false },
    [RN_FORMAT_WEBM] = { RN_CODEC_VP9, RN_CODEC_OPUS, true },
    [RN_FORMAT_MOV] = { RN_CODEC_PRORES, RN_CODEC_PCM, true },
    [RN_FORMAT_GIF] = { RN_CODEC_PNG, RN_CODECS, true },
    [RN_FORMAT_MP3] = { RN_CODECS, RN_CODEC_MP3, false },
    [RN_FORMAT_M4A] = { RN_CODECS, RN_CODEC_AAC, false },
    [RN_FORMAT_WAV] = { RN_CODECS, RN_CODEC_PCM, false },
    [RN_FORMAT_PNG] = { RN_CODEC_PNG, RN_CODECS, true },
    [RN_FORMAT_JPG] = { RN_CODEC_MJPEG, RN_CODECS, false },
    [RN_FORMAT_PNG_SEQUENCE] = { RN_CODEC_PNG, RN_CODECS, true },
    [RN_FORMAT_SPRITE] = { RN_CODEC_PNG, RN_CODECS, false },
    [RN_FORMAT_HLS] = { RN_CODEC_H264, RN_CODEC_AAC, false },
    [RN_FORMAT_VTT] = { RN_CODECS, RN_CODECS, false },
    [RN_FORMAT_SRT] = { RN_CODECS, RN_CODECS, false },
};


static int64_t
common_divisor(int64_t a, int64_t b)
{
    int64_t  t;

    while (b != 0) {
        t = a % b;
        a = b;
        b = t;
    }

    return a;
}


int64_t
rn_moment(const rn_time *t, rn_rational fps)
{
    return t->kind == RN_TIME_FRAMES ? t->frames
           : t->kind == RN_TIME_SECONDS ? rn_ticks(t->seconds, fps) : 0;
}


static void
problem_at(rn_problems *problems, const rn_output *o, const char *member,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));

static void
problem_at(rn_problems *problems, const rn_output *o, const char *member,
    const char *fmt, ...)
{
    char     pointer[80], text[256];
    va_list  ap;

    va_start(ap, fmt);
    (void) vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);

    (void) snprintf(pointer, sizeof(pointer), "%s%s", o->pointer, member);
    rn_problem_add(problems, pointer, "%s", text);
}


/* The part of the film that an output is of; false with a problem. */

static bool
find_range(const rn_doc *doc, const rn_timeline *tl, const rn_output *o,
    rn_problems *problems, int64_t *from, int64_t *to)
{
    const char  *member;

    member = "/range/start";
    *from = rn_moment(&o->from, doc->fps);
    *to = o->len.kind == RN_TIME_AUTO ? tl->frames
          : *from + rn_moment(&o->len, doc->fps);

    if (o->format == RN_FORMAT_PNG || o->format == RN_FORMAT_JPG) {
        member = "/time";
        *from = o->at.kind == RN_TIME_AUTO ? tl->poster
                                           : rn_moment(&o->at, doc->fps);
        *to = *from + 1;
    }

    if (*from >= tl->frames) {
        problem_at(problems, o, member, "is behind the film's end: it lasts "
                   "%.3f s, which are %lld frames",
                   (double) tl->frames * (double) doc->fps.den
                   / (double) doc->fps.num, (long long) tl->frames);
        return false;
    }

    if (*to <= *from) {
        problem_at(problems, o, "/range/duration", "is less than a frame");
        return false;
    }

    *to = *to < tl->frames ? *to : tl->frames;

    return true;
}


/* A picture each interval: as a rate. */

static void
set_interval(const rn_doc *doc, const rn_output *o, rn_picture_stream *s)
{
    double   ticks, interval;

    ticks = (double) doc->fps.num / (double) doc->fps.den;
    interval = o->interval;

    if (interval <= 0) {
        interval = ceil((double) (s->to - s->from) / ticks / SPRITES);
    }

    s->p = llround(interval * ticks);
    s->p = s->p > 0 ? s->p : 1;
    s->q = 1;
    s->fps.num = doc->fps.num;
    s->fps.den = doc->fps.den * s->p;
}


int64_t
rn_pictures_before(const rn_picture_stream *s, int64_t t)
{
    t = t < s->to ? t : s->to;

    return t <= s->from ? 0 : ((t - s->from) * s->q + s->p - 1) / s->p;
}


static bool
check_count(const rn_output *o, const rn_picture_stream *s,
    rn_problems *problems)
{
    int64_t  n, max;

    n = rn_pictures_before(s, s->to);
    max = o->format == RN_FORMAT_GIF ? GIF_MAX
          : o->format == RN_FORMAT_PNG_SEQUENCE ? SEQUENCE_MAX
          : o->format == RN_FORMAT_SPRITE ? SPRITES_MAX : INT64_MAX;

    if (n > max) {
        problem_at(problems, o, "", "it would hold %lld pictures; at most %lld "
                   "are written to a %s", (long long) n, (long long) max,
                   rn_format_name(o->format));
        return false;
    }

    if (o->format == RN_FORMAT_SPRITE && n * o->width * o->height > SHEET_MAX) {
        problem_at(problems, o, "", "%lld pictures of %d x %d are more than "
                   "the %d million px of a sheet", (long long) n, o->width,
                   o->height, SHEET_MAX / 1000000);
        return false;
    }

    if (o->format == RN_FORMAT_GIF && o->fps.num > GIF_RATE * o->fps.den) {
        problem_at(problems, o, "/fps", "a gif has at most %d pictures a "
                   "second", GIF_RATE);
        return false;
    }

    return true;
}


static bool
same_pictures(const rn_picture_stream *a, const rn_picture_stream *b)
{
    return a->codec == b->codec && a->w == b->w && a->h == b->h
           && a->fps.num == b->fps.num && a->fps.den == b->fps.den
           && (a->quality == b->quality || a->codec == RN_CODEC_PNG
               || a->codec == RN_CODEC_PRORES)
           && a->alpha == b->alpha && a->cut == b->cut && a->from == b->from
           && a->to == b->to;
}


static int
add_pictures(rn_outputs *outs, const rn_picture_stream *s)
{
    size_t  i;

    for (i = 0; i < outs->n_pictures; i++) {
        if (same_pictures(&outs->pictures[i], s)) {
            return (int) i;
        }
    }

    outs->pictures[outs->n_pictures] = *s;

    return (int) outs->n_pictures++;
}


static int
add_sound(rn_outputs *outs, const rn_sound_stream *s)
{
    size_t                  i;
    const rn_sound_stream  *t;

    for (i = 0; i < outs->n_sounds; i++) {
        t = &outs->sounds[i];

        if (t->codec == s->codec && t->from == s->from
            && t->samples == s->samples && t->loudness == s->loudness
            && t->true_peak == s->true_peak && t->copies == s->copies
            && (t->quality == s->quality || t->codec == RN_CODEC_PCM))
        {
            return (int) i;
        }
    }

    outs->sounds[outs->n_sounds] = *s;

    return (int) outs->n_sounds++;
}


static bool
has_stream(const rn_doc *doc)
{
    size_t  i;

    for (i = 0; i < doc->n_outputs; i++) {
        if (doc->outputs[i].format == RN_FORMAT_HLS) {
            return true;
        }
    }

    return false;
}


static bool
is_canvas(const rn_doc *doc, const rn_picture_stream *v)
{
    return v->codec == RN_CODEC_H264 && v->w == doc->width
           && v->h == doc->height && v->p == 1 && v->q == 1;
}


/* A stream's pictures in several sizes, all cut at the same places. */

static void
find_renditions(const rn_doc *doc, const rn_output *o, rn_picture_stream *v,
    rn_outputs *outs, rn_output_tracks *of)
{
    size_t               i;
    const rn_rendition  *r;

    for (i = 0; i < o->n_renditions; i++) {
        r = &o->renditions[i];
        v->w = r->width;
        v->h = r->height;
        v->quality = r->quality;
        v->as_canvas = is_canvas(doc, v);

        if (i > 0) {
            (void) snprintf(v->name, sizeof(v->name), "%s.%zu", o->name, i);
        }

        of->renditions[of->n++] = add_pictures(outs, v);
    }

    of->picture = of->renditions[0];
}


/* A file of captions with nothing in it is no help to anyone. */

static void
check_lines(const rn_doc *doc, const rn_timeline *tl, const rn_output *o,
    const rn_output_tracks *of, rn_problems *problems)
{
    rn_sidecar  s;

    rn_sidecar_of(doc, of, o->language, &s);

    if (rn_sidecar_lines(tl, &s) == 0) {
        problem_at(problems, o, "", "no caption%s%s is shown in it",
                   o->language != NULL ? " of the language " : "",
                   o->language != NULL ? o->language : "");
    }
}


static void
find_tracks(const rn_doc *doc, const rn_timeline *tl, const rn_output *o,
    const rn_limits *limits, rn_problems *problems, rn_outputs *outs,
    rn_output_tracks *of)
{
    int64_t            n;
    rn_sound_stream    a;
    rn_picture_stream  v;

    memset(&v, 0, sizeof(v));
    memset(of, 0, sizeof(*of));
    of->picture = of->sound = -1;

    if (!find_range(doc, tl, o, problems, &v.from, &v.to)) {
        return;
    }

    of->from = v.from;
    of->to = v.to;

    if (rn_format_is_text(o->format)) {
        check_lines(doc, tl, o, of, problems);
    }

    if (formats[o->format].picture < RN_CODECS) {
        (void) snprintf(v.name, sizeof(v.name), "%s", o->name);
        v.codec = o->png ? RN_CODEC_PNG : formats[o->format].picture;
        v.w = o->width;
        v.h = o->height;
        v.fps = o->fps;
        v.quality = o->quality;
        v.alpha = formats[o->format].alpha && (doc->background & 255) != 255;
        v.p = doc->fps.num * o->fps.den;
        v.q = doc->fps.den * o->fps.num;

        if (o->format == RN_FORMAT_SPRITE) {
            set_interval(doc, o, &v);
        } else if (o->format == RN_FORMAT_PNG || o->format == RN_FORMAT_JPG) {
            v.fps = doc->fps;
            v.p = v.q = 1;
        }

        n = common_divisor(v.p, v.q);
        v.p /= n;
        v.q /= n;

        v.as_canvas = is_canvas(doc, &v);
        v.why = "the output is of another kind than its source";


        if (o->format == RN_FORMAT_HLS) {

            /* players of streams know one set of parameters, too */

            v.cut = o->n_renditions > 1 || limits->smart_cut;
            v.why = v.cut ? "all sizes of its stream are cut alike" : v.why;
            find_renditions(doc, o, &v, outs, of);
        } else if (check_count(o, &v, problems)) {
            of->picture = add_pictures(outs, &v);
        }
    }

    if (formats[o->format].sound < RN_CODECS) {
        memset(&a, 0, sizeof(a));
        a.name = o->name;
        a.loudness = (int) lround(o->loudness * 100);
        a.true_peak = o->loudness != 0 ? (int) lround(o->true_peak * 100) : 0;
        a.codec = formats[o->format].sound;
        a.quality = o->quality;
        a.from = rn_sample_at(v.from, doc->fps, RN_RATE);
        a.samples = rn_sample_at(v.to, doc->fps, RN_RATE) - a.from;

        /* a stream's packets are those of the films beside it, and it has no
           edit list to leave a part of one out */

        a.copies = a.codec == RN_CODEC_AAC && a.loudness == 0
                   && o->quality != RN_QUALITY_LOW && !has_stream(doc);
        of->sound = add_sound(outs, &a);
    }
}


static void
check_markers(const rn_doc *doc, const rn_timeline *tl, rn_problems *problems)
{
    char              pointer[80];
    const rn_marker  *m;

    for (m = doc->markers; m < doc->markers + doc->n_markers; m++) {
        if (rn_moment(&m->time, doc->fps) >= tl->frames) {
            (void) snprintf(pointer, sizeof(pointer), "%s/time", m->pointer);
            rn_problem_add(problems, pointer, "is behind the film's end: it "
                           "lasts %.3f s, which are %lld frames",
                           (double) tl->frames * (double) doc->fps.den
                           / (double) doc->fps.num, (long long) tl->frames);
        }
    }
}


rn_status
rn_plan_outputs(const rn_doc *doc, const rn_timeline *tl,
    const rn_limits *limits, rn_problems *problems, rn_outputs *out,
    rn_fault *fault)
{
    size_t  i, n;

    memset(out, 0, sizeof(*out));

    for (i = 0, n = 0; i < doc->n_outputs; i++) {
        n += 1 + doc->outputs[i].n_renditions;
    }

    out->pictures = calloc(n, sizeof(rn_picture_stream));
    out->sounds = calloc(doc->n_outputs, sizeof(rn_sound_stream));
    out->of = calloc(doc->n_outputs, sizeof(rn_output_tracks));

    if (out->pictures == NULL || out->sounds == NULL || out->of == NULL) {
        return rn_fail(fault, RN_E_NOMEM, "out of memory");
    }

    check_markers(doc, tl, problems);

    for (i = 0; i < doc->n_outputs; i++) {
        find_tracks(doc, tl, &doc->outputs[i], limits, problems, out,
                    &out->of[i]);
    }

    return problems->total != 0 ? RN_E_INVALID : RN_OK;
}


void
rn_outputs_free(rn_outputs *outs)
{
    free(outs->pictures);
    free(outs->sounds);
    free(outs->of);
    memset(outs, 0, sizeof(*outs));
}
