/*
 * Resolves the times of a composition.  Seconds are doubles only until each
 * absolute start and end is rounded to a tick; from there on all is integer.
 * What sources have to do with it: rn_timeline_source.c.
 */

#include "rn_timeline_parts.h"
#include "rn_cues.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


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


double
rn_tl_seconds(const rn_time *t, rn_rational fps)
{
    if (t->kind == RN_TIME_FRAMES) {
        return (double) t->frames * (double) fps.den / (double) fps.num;
    }

    return t->seconds;
}


void
rn_tl_problem(rn_tl_resolver *rs, const rn_clip *c, const char *member,
    const char *text)
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

    return c->start + rn_ticks(rn_tl_seconds(&k->time, fps), fps);
}


/*
 * Places the clips of one track.  `pass` 0 places all but leaves the end of
 * "end" clips open; pass 1 closes those, once the length of the film is known.
 */

static void
place_track(rn_tl_resolver *rs, size_t t, rn_place *places, size_t *n)
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

        trans = tr != NULL ? rn_tl_seconds(&tr->duration, fps) : 0;

        p = &places[*n];
        memset(p, 0, sizeof(*p));
        p->clip = c;
        p->track = t;
        p->all = rs->facts;
        p->facts = c->asset.ref >= 0 ? &rs->facts[c->asset.ref] : NULL;

        if (prev != NULL && prev->end < 0) {
            rn_tl_problem(rs, c, "", "nothing can follow a clip that lasts "
                                     "until the end");
            return;
        }

        if ((p->facts != NULL && !rn_tl_usable(rs, c, p->facts))
            || !rn_tl_usable_effects(rs, c))
        {
            prev = NULL;
            tr = NULL;
            continue;
        }

        start = cursor - trans;

        if (c->start.kind != RN_TIME_AUTO) {
            start = rn_tl_seconds(&c->start, fps);

            if (tr != NULL && prev != NULL
                && rn_ticks(start, fps) != rn_ticks(cursor - trans, fps))
            {
                rn_tl_problem(rs, c, "/start", "must overlap the clip before "
                              "by the duration of the transition between "
                              "them");
            }
        }

        len = rn_tl_length(rs, c, p->facts, &avail);
        if (len == -2) {
            prev = NULL;
            tr = NULL;
            continue;
        }

        p->start = rn_ticks(start > 0 ? start : 0, fps);
        p->end = len < 0 ? -1 : rn_ticks(start + len, fps);
        p->in = rn_ticks(rn_tl_seconds(&c->in_point, fps), fps);

        if (len < 0 && avail > 0) {         /* "end", of a finite source */
            p->tail = rn_ticks(start + avail, fps);
        }

        if (p->end >= 0 && p->end <= p->start) {
            rn_tl_problem(rs, c, "/duration", "is shorter than one frame");
            prev = NULL;
            tr = NULL;
            continue;
        }

        if (tr != NULL && prev != NULL) {
            p->lead = prev->end - p->start;

            if (p->lead < 1) {
                rn_tl_problem(rs, tr, "/duration", "is shorter than one frame");
                p->lead = 0;
            } else if (2 * p->lead > prev->end - prev->start
                       || (p->end >= 0 && 2 * p->lead > p->end - p->start))
            {
                rn_tl_problem(rs, tr, "/duration", "may not exceed half of "
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
check_keyframes(rn_tl_resolver *rs, const rn_place *p)
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
                rn_tl_problem(rs, p->clip, member, "must be at least a frame "
                              "behind the keyframe before it");
            }
        }
    }
}


/* Lengths that depend on the clip's own: fades, and the end of "end". */

static void
finish_place(rn_tl_resolver *rs, rn_place *p)
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
            rn_tl_problem(rs, c, "/start", "is at or behind the end of the "
                          "film");
            p->end = p->start + 1;

        } else if (2 * p->lead > p->end - p->start) {
            rn_tl_problem(rs, c - 1, "/duration", "may not exceed half of "
                          "either clip beside it");
        }
    }

    len = p->end - p->start;

    p->fade_in = rn_ticks(rn_tl_seconds(&c->fade_in, fps), fps);
    p->fade_out = rn_ticks(rn_tl_seconds(&c->fade_out, fps), fps);

    if (p->fade_in > len) {
        rn_tl_problem(rs, c, "/fade_in", "is longer than the clip");
    }

    if (p->fade_out > len) {
        rn_tl_problem(rs, c, "/fade_out", "is longer than the clip");
    }

    p->show_in = p->show_out = 0;
    limit = rn_ticks(rn_tl_seconds(&c->show_duration, fps), fps);

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
find_poster(rn_tl_resolver *rs)
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

    tl->poster = rn_ticks(rn_tl_seconds(at, fps), fps);

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
    rn_tl_resolver   rs;
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
            rn_tl_problem(&rs, q->clip, "/start", text);
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
