/*
 * Resolves the times of a composition.  Seconds are doubles only until each
 * absolute start and end is rounded to a tick; from there on all is integer.
 */

#include "rn_timeline.h"
#include "rn_cues.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


#define STILL_SECONDS  5.0      /* an image, colour or text without duration */
#define SLACK_SECONDS  0.5      /* by which a source may fall short: its last
                                   picture is held (containers round) */

typedef struct {
    const rn_doc     *doc;
    const rn_facts   *facts;
    const rn_limits  *limits;
    rn_problems      *problems;
    rn_timeline      *tl;
    double            end;      /* s: of the last clip that is not "end" */
} resolver;


int64_t
rn_ticks(double seconds, rn_rational fps)
{
    return llround(seconds * (double) fps.num / (double) fps.den);
}


int64_t
rn_sample_at(int64_t tick, rn_rational fps, int rate)
{
    __int128  n, d;

    n = (__int128) tick * rate * fps.den * 2 + fps.num;
    d = (__int128) fps.num * 2;

    return (int64_t) (n >= 0 ? n / d : -((-n + d - 1) / d));
}


bool
rn_facts_read(json_t *probe, const char *sha256, rn_facts *f)
{
    double       duration;
    json_t      *video, *audio;
    const char  *kind;

    memset(f, 0, sizeof(*f));

    kind = json_string_value(json_object_get(probe, "kind"));
    duration = json_number_value(json_object_get(probe, "duration"));

    if (kind == NULL || !isfinite(duration) || duration < 0) {
        (void) snprintf(f->error, sizeof(f->error), "was not probed");
        return false;
    }

    (void) snprintf(f->kind, sizeof(f->kind), "%s", kind);
    (void) snprintf(f->sha256, sizeof(f->sha256), "%s", sha256 ? sha256 : "");
    f->duration = duration;

    video = json_object_get(probe, "video");
    if (json_is_object(video)) {
        f->has_video = true;
        f->width = (int) json_integer_value(json_object_get(video, "width"));
        f->height = (int) json_integer_value(json_object_get(video, "height"));
        f->alpha = json_is_true(json_object_get(video, "alpha"));
        f->letters = json_is_true(json_object_get(video, "text"));
    }

    f->lut = json_is_object(json_object_get(probe, "lut"));

    audio = json_object_get(probe, "audio");
    f->has_audio = json_is_object(audio);
    f->channels = (int) json_integer_value(json_object_get(audio, "channels"));
    f->copy = json_object_get(probe, "copy");
    f->cues = json_object_get(probe, "cues");
    f->ass = json_object_get(probe, "ass");
    f->warnings = json_object_get(probe, "warnings");
    f->rotation = (int) json_integer_value(json_object_get(video, "rotation"));
    f->known = true;

    return true;
}


static double
seconds_of(const rn_time *t, rn_rational fps)
{
    if (t->kind == RN_TIME_FRAMES) {
        return (double) t->frames * (double) fps.den / (double) fps.num;
    }

    return t->seconds;
}


static void
problem_at(resolver *rs, const rn_clip *c, const char *member, const char *text)
{
    char  pointer[160];

    (void) snprintf(pointer, sizeof(pointer), "%s%s", c->pointer, member);
    rn_problem_add(rs->problems, pointer, "%s", text);
}


int64_t
rn_keyframe_tick(const rn_place *c, const rn_keyframe *k, rn_rational fps)
{
    if (k->time.kind == RN_TIME_END) {
        return c->end;
    }

    return c->start + rn_ticks(seconds_of(&k->time, fps), fps);
}


/* Whether the asset is of a kind that the clip can use. */

static bool
usable(resolver *rs, const rn_clip *c, const rn_facts *f)
{
    char  text[400];

    if (!f->known) {
        (void) snprintf(text, sizeof(text), "%s",
                        f->error[0] ? f->error : "is not known");
        problem_at(rs, c, "/asset/src", text);
        return false;
    }

    if (c->asset.type == RN_ASSET_AUDIO || c->asset.type == RN_ASSET_WAVEFORM
        ? !f->has_audio
        : strcmp(f->kind, rn_asset_type_name(c->asset.type)) != 0)
    {
        (void) snprintf(text, sizeof(text), "is %s%s, %s",
                        strchr("aeiou", f->kind[0]) ? "an " : "a ", f->kind,
                        c->asset.type == RN_ASSET_AUDIO
                        || c->asset.type == RN_ASSET_WAVEFORM
                        ? "and has no sound"
                        : c->asset.type == RN_ASSET_IMAGE ? "not an image"
                        : c->asset.type == RN_ASSET_SVG ? "not an svg"
                        : c->asset.type == RN_ASSET_CAPTION
                        ? "not a file of captions" : "not a video");
        problem_at(rs, c, "/asset/src", text);
        return false;
    }

    return true;
}


/* Whether the sources of its effects can be used. */

static bool
usable_effects(resolver *rs, const rn_clip *c)
{
    bool             ok;
    char             member[40], text[400];
    size_t           i;
    const rn_facts  *f;

    ok = true;

    for (i = 0; i < c->n_effects; i++) {
        if (c->effects[i].type != RN_EFFECT_LUT || c->effects[i].ref < 0) {
            continue;
        }

        f = &rs->facts[c->effects[i].ref];

        if (f->known && f->lut) {
            continue;
        }

        (void) snprintf(text, sizeof(text), "%s", f->known
                        ? "is no .cube file"
                        : f->error[0] ? f->error : "is not known");
        (void) snprintf(member, sizeof(member), "/effects/%zu/src", i);
        problem_at(rs, c, member, text);
        ok = false;
    }

    return ok;
}


/*
 * The length of a clip in seconds; -1 for one that lasts until the end, with
 * *avail set to what its source holds (0: without limit), -2 after a problem.
 */

static double
length_of(resolver *rs, const rn_clip *c, const rn_facts *f, double *avail)
{
    char         text[200];
    double       in, out, len, natural;
    rn_rational  fps = rs->doc->fps;

    *avail = 0;

    if (c->asset.words == NULL
        && (f == NULL || c->asset.type == RN_ASSET_IMAGE
            || c->asset.type == RN_ASSET_SVG))
    {
        switch (c->duration.kind) {
        case RN_TIME_AUTO:
            return STILL_SECONDS;
        case RN_TIME_END:
            return -1;
        default:
            return seconds_of(&c->duration, fps);
        }
    }

    in = seconds_of(&c->in_point, fps);
    natural = f != NULL ? f->duration : c->asset.spoken;
    out = natural;

    if (in >= natural) {
        (void) snprintf(text, sizeof(text), "is at or behind the end of the "
                        "source, which lasts %.3f s", natural);
        problem_at(rs, c, "/in_point", text);
        return -2;
    }

    if (c->out_point.kind != RN_TIME_AUTO) {
        out = seconds_of(&c->out_point, fps);

        if (out <= in) {
            problem_at(rs, c, "/out_point", "must be behind in_point");
            return -2;
        }

        if (out > natural + SLACK_SECONDS) {
            (void) snprintf(text, sizeof(text), "is behind the end of the "
                            "source, which lasts %.3f s", natural);
            problem_at(rs, c, "/out_point", text);
            return -2;
        }
    }

    in /= c->speed;
    out /= c->speed;
    *avail = out - in;

    if (c->duration.kind == RN_TIME_END) {
        return -1;
    }

    if (c->duration.kind == RN_TIME_AUTO) {
        return out - in;
    }

    len = seconds_of(&c->duration, fps);

    if (c->asset.type == RN_ASSET_CAPTION
        && c->out_point.kind != RN_TIME_AUTO && len > out - in)
    {
        return out - in;                /* nothing more is said */
    }

    if (c->asset.type != RN_ASSET_CAPTION
        && len > out - in + SLACK_SECONDS / c->speed)
    {
        (void) snprintf(text, sizeof(text), "asks for %.3f s, but the source "
                        "holds only %.3f s from its in_point%s", len, out - in,
                        c->speed != 1 ? " at this speed" : "");
        problem_at(rs, c, "/duration", text);
        return -2;
    }

    return len;
}


/*
 * Places the clips of one track.  `pass` 0 places all but leaves the end of
 * "end" clips open; pass 1 closes those, once the length of the film is known.
 */

static void
place_track(resolver *rs, size_t t, rn_place *places, size_t *n)
{
    size_t           i;
    double           cursor, start, len, avail, trans;
    rn_place        *p, *prev;
    const rn_clip   *c, *tr;
    rn_rational      fps = rs->doc->fps;
    const rn_track  *track = &rs->doc->tracks[t];

    cursor = 0;
    prev = NULL;
    tr = NULL;

    for (i = 0; i < track->n; i++) {
        c = &track->clips[i];

        if (c->transition) {
            tr = strcmp(c->transition_type, "cut") == 0 ? NULL : c;
            continue;
        }

        trans = tr != NULL ? seconds_of(&tr->duration, fps) : 0;

        p = &places[*n];
        memset(p, 0, sizeof(*p));
        p->clip = c;
        p->track = t;
        p->all = rs->facts;
        p->facts = c->asset.ref >= 0 ? &rs->facts[c->asset.ref] : NULL;

        if (prev != NULL && prev->end < 0) {
            problem_at(rs, c, "", "nothing can follow a clip that lasts until "
                                  "the end");
            return;
        }

        if ((p->facts != NULL && !usable(rs, c, p->facts))
            || !usable_effects(rs, c))
        {
            prev = NULL;
            tr = NULL;
            continue;
        }

        start = cursor - trans;

        if (c->start.kind != RN_TIME_AUTO) {
            start = seconds_of(&c->start, fps);

            if (tr != NULL && prev != NULL
                && rn_ticks(start, fps) != rn_ticks(cursor - trans, fps))
            {
                problem_at(rs, c, "/start", "must overlap the clip before by "
                           "the duration of the transition between them");
            }
        }

        len = length_of(rs, c, p->facts, &avail);
        if (len == -2) {
            prev = NULL;
            tr = NULL;
            continue;
        }

        p->start = rn_ticks(start > 0 ? start : 0, fps);
        p->end = len < 0 ? -1 : rn_ticks(start + len, fps);
        p->in = rn_ticks(seconds_of(&c->in_point, fps), fps);

        if (len < 0 && avail > 0) {         /* "end", of a finite source */
            p->tail = rn_ticks(start + avail, fps);
        }

        if (p->end >= 0 && p->end <= p->start) {
            problem_at(rs, c, "/duration", "is shorter than one frame");
            prev = NULL;
            tr = NULL;
            continue;
        }

        if (tr != NULL && prev != NULL) {
            p->lead = prev->end - p->start;

            if (p->lead < 1) {
                problem_at(rs, tr, "/duration", "is shorter than one frame");
                p->lead = 0;
            } else if (2 * p->lead > prev->end - prev->start
                       || (p->end >= 0 && 2 * p->lead > p->end - p->start))
            {
                problem_at(rs, tr, "/duration", "may not exceed half of "
                           "either clip beside it");
                p->lead = 0;
            }

            prev->tail = p->lead;
            p->transition = tr->transition_type;
        }

        if (len >= 0) {
            cursor = start + len;
            if (cursor > rs->end) {
                rs->end = cursor;
            }
        }

        prev = p;
        tr = NULL;
        (*n)++;
    }
}


static int
by_track_and_start(const void *va, const void *vb)
{
    const rn_place  *a = va, *b = vb;

    if (a->track != b->track) {
        return a->track < b->track ? -1 : 1;
    }

    return a->start < b->start ? -1 : a->start > b->start;
}


/* Keys of one thing come one after another, each on a tick of its own. */

static void
check_keyframes(resolver *rs, const rn_place *p)
{
    char                 member[64];
    size_t               m, i;
    rn_rational          fps = rs->doc->fps;
    const rn_keyframes  *list;

    for (m = 0; m < RN_MOVES; m++) {
        list = &p->clip->moves[m];

        for (i = 1; i < list->n; i++) {
            if (rn_keyframe_tick(p, &list->keys[i], fps)
                <= rn_keyframe_tick(p, &list->keys[i - 1], fps))
            {
                (void) snprintf(member, sizeof(member),
                                "/keyframes/%s/%zu/time",
                                rn_move_name((rn_move) m), i);
                problem_at(rs, p->clip, member, "must be at least a frame "
                           "behind the keyframe before it");
            }
        }
    }
}


/* Lengths that depend on the clip's own: fades, and the end of "end". */

static void
finish_place(resolver *rs, rn_place *p)
{
    int64_t         len, limit;
    rn_rational     fps = rs->doc->fps;
    const rn_clip  *c = p->clip;

    if (p->end < 0) {
        limit = p->tail;
        p->tail = 0;
        p->end = rs->tl->frames;

        if (limit > 0 && limit < p->end) {
            p->end = limit;
        }

        if (p->end <= p->start) {
            problem_at(rs, c, "/start", "is at or behind the end of the film");
            p->end = p->start + 1;

        } else if (2 * p->lead > p->end - p->start) {
            problem_at(rs, c - 1, "/duration", "may not exceed half of "
                       "either clip beside it");
        }
    }

    len = p->end - p->start;

    p->fade_in = rn_ticks(seconds_of(&c->fade_in, fps), fps);
    p->fade_out = rn_ticks(seconds_of(&c->fade_out, fps), fps);

    if (p->fade_in > len) {
        problem_at(rs, c, "/fade_in", "is longer than the clip");
    }

    if (p->fade_out > len) {
        problem_at(rs, c, "/fade_out", "is longer than the clip");
    }

    p->show_in = p->show_out = 0;
    limit = rn_ticks(seconds_of(&c->show_duration, fps), fps);

    if (limit > len / 2) {
        limit = len / 2;
    }

    if (c->show_in) {
        p->show_in = limit;
    }

    if (c->show_out) {
        p->show_out = limit;
    }

    check_keyframes(rs, p);
}


static void
find_poster(resolver *rs)
{
    rn_rational     fps = rs->doc->fps;
    rn_timeline    *tl = rs->tl;
    const rn_time  *at = &rs->doc->poster;

    if (at->kind == RN_TIME_AUTO) {
        tl->poster = rn_ticks(1, fps);
        if (tl->poster >= tl->frames) {
            tl->poster = tl->frames / 2;
        }
        return;
    }

    tl->poster = rn_ticks(seconds_of(at, fps), fps);

    if (tl->poster >= tl->frames) {
        rn_problem_add(rs->problems, "/poster/time", "is behind the film's "
                       "end: it lasts %.3f s, which are %lld frames",
                       (double) tl->frames * (double) fps.den
                       / (double) fps.num, (long long) tl->frames);
    }
}


rn_status
rn_timeline_resolve(const rn_doc *doc, const rn_facts *facts,
    const rn_limits *limits, rn_problems *problems, rn_timeline *out)
{
    char       text[120];
    size_t     i, before;
    resolver   rs;
    rn_place  *p, *q;

    memset(out, 0, sizeof(*out));
    memset(&rs, 0, sizeof(rs));
    rs.doc = doc;
    rs.facts = facts;
    rs.limits = limits;
    rs.problems = problems;
    rs.tl = out;
    before = problems->total;

    out->places = calloc(doc->n_clips + 1, sizeof(rn_place));
    if (out->places == NULL) {
        rn_problem_add(problems, "", "out of memory");
        return RN_E_NOMEM;
    }

    for (i = 0; i < doc->n_tracks; i++) {
        place_track(&rs, i, out->places, &out->n);
    }

    out->frames = rn_ticks(rs.end, doc->fps);

    if (problems->total == before && out->frames < 1) {
        rn_problem_add(problems, "/timeline/tracks", "the film has no length: "
                       "at least one clip must have a duration of its own");
    }

    if (rs.end > limits->max_duration) {
        (void) snprintf(text, sizeof(text), "the film would last %.0f s; at "
                        "most %.0f s are rendered here", rs.end,
                        limits->max_duration);
        rn_problem_add(problems, "/timeline", "%s", text);
    }

    if (problems->total != before) {
        goto invalid;
    }

    find_poster(&rs);

    for (i = 0; i < out->n; i++) {
        finish_place(&rs, &out->places[i]);
    }

    qsort(out->places, out->n, sizeof(rn_place), by_track_and_start);

    for (i = 1; i < out->n; i++) {
        p = &out->places[i - 1];
        q = &out->places[i];

        if (p->track == q->track && q->start < p->end - q->lead) {
            (void) snprintf(text, sizeof(text), "overlaps the clip before it "
                            "by %.3f s; clips of one track may not overlap",
                            (double) (p->end - q->start) * doc->fps.den
                            / doc->fps.num);
            problem_at(&rs, q->clip, "/start", text);
        }
    }

    if (problems->total == before
        && rn_cues_place(doc, out, problems) == RN_OK)
    {
        return RN_OK;
    }

invalid:

    rn_timeline_free(out);
    return RN_E_INVALID;
}


void
rn_timeline_free(rn_timeline *tl)
{
    size_t  i;

    for (i = 0; i < tl->n_lines; i++) {
        free(tl->lines[i].text);
    }

    for (i = 0; i < tl->n_cues; i++) {
        free(tl->cue_texts[i]);
    }

    free(tl->captions);
    free(tl->lines);
    free(tl->cues);
    free(tl->cue_texts);
    free(tl->places);
    memset(tl, 0, sizeof(*tl));
}
