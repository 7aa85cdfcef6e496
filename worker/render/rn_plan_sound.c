/*
 * Which clips sound, from which sample to which, how loud, and in what pieces
 * they are coded.  Every position is computed from its tick, never summed up.
 */

#include "rn_plan_sound.h"
#include "rn_encode.h"
#include "rn_plan_duck.h"
#include "rn_plan_layer.h"
#include "rn_segment.h"
#include "rn_sound.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>


#define EDGE  (RN_RATE / 200)           /* 5 ms against clicks at hard cuts */


/* By channels and quality; PCM has none. */

static const int  bitrates[RN_CODECS][2][3] = {
    [RN_CODEC_AAC] = { { 48000, 64000, 96000 }, { 96000, 128000, 192000 } },
    [RN_CODEC_OPUS] = { { 32000, 48000, 80000 }, { 64000, 96000, 160000 } },
    [RN_CODEC_MP3] = { { 64000, 96000, 128000 }, { 128000, 192000, 256000 } },
};

typedef struct {
    const rn_doc           *doc;
    const rn_timeline      *tl;
    const rn_sound_stream  *stream;
    const rn_codec_facts   *codec;
    bool                    mono;       /* all of what is heard is */
} sounds;


static bool
is_heard(const sounds *s, const rn_place *c)
{
    return c->facts != NULL && c->facts->has_audio
           && c->clip->asset.type != RN_ASSET_IMAGE
           && c->clip->asset.type != RN_ASSET_WAVEFORM
           && rn_sample_at(c->end, s->doc->fps, RN_RATE) > s->stream->from
           && rn_sample_at(c->start, s->doc->fps, RN_RATE)
              < s->stream->from + s->stream->samples
           && (c->clip->moves[RN_MOVE_VOLUME].n > 0 ? 1 : c->clip->volume)
              * s->doc->tracks[c->track].volume > 1e-6;
}


/* Whether b goes on exactly where a stops, as one cut in two does. */

static bool
continues(const rn_place *a, const rn_place *b)
{
    return a->track == b->track && a->end == b->start && a->facts == b->facts
           && a->in + (a->end - a->start) == b->in
           && a->clip->volume == b->clip->volume
           && a->clip->speed == 1 && b->clip->speed == 1
           && a->clip->moves[RN_MOVE_VOLUME].n == 0
           && b->clip->moves[RN_MOVE_VOLUME].n == 0
           && a->fade_out == 0 && b->fade_in == 0;
}


/*
 * A ramp that is over before the window, or begins behind it, leaves the
 * window alone and stays out of its key.
 */

static bool
add_ramp(json_t *ramps, int64_t from, int64_t len, bool out, bool power,
    int64_t window)
{
    if (len <= 0 || (out ? from >= window : from + len <= 0)) {
        return true;
    }

    return json_array_append_new(ramps, json_pack("[I, I, i, i]",
                                                  (json_int_t) from,
                                                  (json_int_t) len, out,
                                                  power)) == 0;
}


/*
 * The clip as it sounds in the window [zero, end), positions relative to zero.
 */

/* The tick in which a sample lies. */

static int64_t
tick_before(const sounds *s, int64_t sample)
{
    int64_t  k;

    k = sample * s->doc->fps.num / (s->doc->fps.den * RN_RATE);

    /* the sample at which a tick begins is rounded, to both sides */

    while (k > 0 && rn_sample_at(k, s->doc->fps, RN_RATE) > sample) {
        k--;
    }

    while (rn_sample_at(k + 1, s->doc->fps, RN_RATE) <= sample) {
        k++;
    }

    return k;
}


/*
 * What a clip at another speed has besides: its positions count from where the
 * clip begins in the source, in the result.
 */

static bool
add_speed(const sounds *s, const rn_place *c, json_t *o, int64_t gone)
{
    return json_object_set_new(o, "at", json_integer(gone)) == 0
           && json_object_set_new(o, "in", json_integer(
                  rn_sample_at(c->in, s->doc->fps, RN_RATE))) == 0
           && json_object_set_new(o, "speed", json_integer(
                  llround(c->clip->speed * 1000))) == 0;
}


/* Keys at places that count from zero. */

static json_t *
rebased(json_t *keys, int64_t zero)
{
    size_t   i;
    json_t  *k;

    json_array_foreach(keys, i, k) {
        (void) json_array_set_new(k, 0, json_integer(
                   json_integer_value(json_array_get(k, 0)) - zero));
    }

    return keys;
}


static json_t *
clip_sound(const sounds *s, size_t i, int64_t zero, int64_t end)
{
    bool             ok;
    json_t          *ramps, *o, *volume, *duck;
    int64_t          from, to, a, b, lead, tail, fade, w;
    rn_rational      fps = s->doc->fps;
    const rn_place  *c = &s->tl->places[i];

    from = rn_sample_at(c->start, fps, RN_RATE);
    to = rn_sample_at(c->end, fps, RN_RATE);
    a = from > zero ? from : zero;
    b = to < end ? to : end;
    w = end - zero;

    lead = rn_sample_at(c->start + c->lead, fps, RN_RATE) - from;
    tail = to - rn_sample_at(c->end - c->tail, fps, RN_RATE);

    ramps = json_array();
    if (ramps == NULL) {
        return NULL;
    }

    ok = add_ramp(ramps, from - zero, lead, false, true, w)
         && add_ramp(ramps, to - tail - zero, tail, true, true, w);

    if (ok && c->fade_in > 0) {
        ok = add_ramp(ramps, from - zero,
                      rn_sample_at(c->start + c->fade_in, fps, RN_RATE) - from,
                      false, false, w);
    } else if (ok && lead == 0 && (i == 0 || !continues(c - 1, c))) {
        ok = add_ramp(ramps, from - zero, EDGE, false, true, w);
    }

    if (ok && c->fade_out > 0) {
        fade = rn_sample_at(c->end - c->fade_out, fps, RN_RATE);
        ok = add_ramp(ramps, fade - zero, to - fade, true, false, w);
    } else if (ok && tail == 0
               && (i + 1 == s->tl->n || !continues(c, c + 1)))
    {
        ok = add_ramp(ramps, to - EDGE - zero, EDGE, true, true, w);
    }

    if (!ok) {
        json_decref(ramps);
        return NULL;
    }

    volume = rn_plan_motion(s->doc, c, RN_MOVE_VOLUME, zero,
                            tick_before(s, a), tick_before(s, b) + 1, true);

    duck = rebased(rn_plan_duck(s->doc, s->tl, c->track, a, b), zero);

    o = json_pack("{s:s, s:I, s:I, s:I, s:I, s:o, s:o*, s:o*}",
                  "input", c->facts->sha256,
                  "from", (json_int_t) (a - zero),
                  "len", (json_int_t) (b - a),
                  "at", (json_int_t) (rn_sample_at(c->in, fps, RN_RATE)
                                      + a - from),
                  "gain", (json_int_t) llround(1e6
                              * (volume != NULL ? 1 : c->clip->volume)
                              * s->doc->tracks[c->track].volume),
                  "ramps", ramps, "volume", volume, "duck", duck);

    if (o != NULL && c->clip->speed != 1 && !add_speed(s, c, o, a - from)) {
        json_decref(o);
        return NULL;
    }

    return o;
}


static json_t *
piece(const sounds *s, int64_t first, int64_t packets, int number)
{
    char             key[65];
    size_t           i, n;
    json_t          *clips, *clip, *spec;
    int64_t          skip, zero, end;
    const rn_place  *c;

    skip = first == 0 ? 0 : s->codec->preroll;
    zero = s->stream->from + (first - skip) * s->codec->frame;
    end = s->stream->from
          + (first + packets + s->codec->ahead) * s->codec->frame;

    clips = json_array();

    for (i = 0; i < s->tl->n; i++) {
        c = &s->tl->places[i];

        if (!is_heard(s, c)
            || rn_sample_at(c->start, s->doc->fps, RN_RATE) >= end
            || rn_sample_at(c->end, s->doc->fps, RN_RATE) <= zero)
        {
            continue;
        }

        clip = clip_sound(s, i, zero, end);
        if (clip == NULL || json_array_append_new(clips, clip) != 0) {
            json_decref(clips);
            return NULL;
        }
    }

    n = json_array_size(clips);

    spec = json_pack("{s:i, s:s, s:i, s:i, s:I, s:I, s:o}",
                     "v", 1, "kind", "sound", "engine", RN_ENGINE,
                     "bitrate", bitrates[s->stream->codec][!s->mono]
                                        [s->stream->quality],
                     "skip", (json_int_t) skip, "packets",
                     (json_int_t) packets, "clips", clips);

    /* a second channel of the same costs the coder the most there is */

    if (spec != NULL && s->mono) {
        (void) json_object_set_new(spec, "channels", json_integer(1));
    }

    if (spec != NULL && s->stream->codec != RN_CODEC_AAC) {
        (void) json_object_set_new(spec, "codec", json_string(s->codec->name));
    }

    if (spec != NULL && s->stream->loudness != 0) {
        (void) json_object_set_new(spec, "loudness", json_pack(
                   "{s:i, s:i, s:I}", "lufs", s->stream->loudness,
                   "dbtp", s->stream->true_peak, "samples",
                   (json_int_t) s->stream->samples));
    }

    if (spec == NULL || !rn_spec_key(spec, key)) {
        json_decref(spec);
        return NULL;
    }

    return json_pack("{s:s, s:i, s:s, s:I, s:f, s:o}",
                     "output", s->stream->name, "number", number,
                     "key", key, "frames", (json_int_t) packets,
                     "cost", (double) packets * s->codec->frame / RN_RATE
                             * (0.016 * s->codec->cost / (s->mono ? 2 : 1)
                                + 0.004 * (double) n
                                * (s->stream->loudness != 0 ? 2 : 1)),
                     "spec", spec);
}


/* Whether the clip sounds as its source does. */

static bool
is_untouched(const sounds *s, const rn_place *c)
{
    const rn_track  *t = &s->doc->tracks[c->track];

    return c->facts->copy_sound != NULL && c->clip->speed == 1
           && c->clip->volume == 1 && t->volume == 1 && t->ducking.by < 0
           && c->clip->moves[RN_MOVE_VOLUME].n == 0 && c->fade_in == 0
           && c->fade_out == 0 && c->lead == 0 && c->tail == 0;
}


/*
 * The one source that is heard, from before the stream's beginning to behind
 * its end, in one clip or in some that go on where the one before stops; NULL:
 * something is to be mixed.
 */

static const rn_place *
only_source(const sounds *s)
{
    size_t           i;
    const rn_place  *c, *first, *last;

    first = last = NULL;

    for (i = 0; i < s->tl->n; i++) {
        c = &s->tl->places[i];

        if (!is_heard(s, c)) {
            continue;
        }

        if (!is_untouched(s, c) || (last != NULL && !continues(last, c))) {
            return NULL;
        }

        first = first != NULL ? first : c;
        last = c;
    }

    return first != NULL
           && rn_sample_at(first->start, s->doc->fps, RN_RATE)
              <= s->stream->from
           && rn_sample_at(last->end, s->doc->fps, RN_RATE)
              >= s->stream->from + s->stream->samples ? first : NULL;
}


/*
 * The packets of the source in which the stream lies, and the one before them,
 * of which decoding them needs a half.
 */

static json_t *
copied(sounds *s, rn_sound_stream *stream, const rn_place *c)
{
    int      rate, frame;
    char     key[65];
    json_t  *facts, *spec;
    int64_t  at, from, end, first, packets;

    facts = c->facts->copy_sound;
    rate = (int) json_integer_value(json_object_get(facts, "rate"));
    from = json_integer_value(json_object_get(facts, "from"));
    end = json_integer_value(json_object_get(facts, "end"));
    frame = s->codec->frame;

    if (rate < 1) {
        return NULL;
    }

    at = rn_sample_at(c->in + tick_before(s, stream->from) - c->start,
                      s->doc->fps, rate);
    first = (at - from) / frame - 1;
    first = first > 0 ? first : 0;

    if (at < from || at >= end) {
        return NULL;
    }

    stream->lead = at - from - first * frame;
    stream->length = rn_sample_at(stream->samples, (rn_rational) { RN_RATE, 1 },
                                  rate);
    stream->length = stream->length < end - at ? stream->length : end - at;
    packets = (stream->lead + stream->length + frame - 1) / frame;

    spec = json_pack("{s:i, s:s, s:i, s:I, s:O, s:{s:s, s:i, s:I, s:O*}}",
                     "v", 1, "kind", "sound", "engine", RN_ENGINE,
                     "packets", (json_int_t) packets,
                     "channels", json_object_get(facts, "channels"),
                     "copy", "input", c->facts->sha256, "rate", rate,
                     "from", (json_int_t) (from + first * frame),
                     "told", json_object_get(facts, "told"));

    if (spec == NULL || !rn_spec_key(spec, key)) {
        json_decref(spec);
        return NULL;
    }

    stream->rate = rate;

    return json_pack("[{s:s, s:i, s:s, s:s, s:s, s:I, s:f, s:o}]",
                     "output", stream->name, "number", 0, "key", key,
                     "mode", "copy", "why", "nothing is heard but it",
                     "frames", (json_int_t) packets, "cost",
                     0.0002 * (double) packets * frame / rate, "spec", spec);
}


json_t *
rn_plan_sound(const rn_doc *doc, const rn_timeline *tl,
    rn_sound_stream *stream, rn_fault *fault)
{
    const rn_place  *c;
    bool     heard;
    size_t   i;
    json_t  *list, *p;
    sounds   s;
    int64_t  first, total, n;

    s.doc = doc;
    s.tl = tl;
    s.stream = stream;
    s.codec = rn_codec_of(stream->codec);

    list = json_array();
    heard = false;
    s.mono = true;

    for (i = 0; i < tl->n; i++) {
        if (is_heard(&s, &tl->places[i])) {
            heard = true;
            s.mono = s.mono && tl->places[i].facts->channels == 1;
        }
    }

    if (!heard) {
        return list;
    }

    c = stream->copies ? only_source(&s) : NULL;
    p = c != NULL ? copied(&s, stream, c) : NULL;

    if (p != NULL) {
        json_decref(list);
        return p;
    }

    /* what the coder pads with fills packets, too */

    total = (stream->samples + s.codec->padding + s.codec->frame - 1)
            / s.codec->frame;

    for (first = 0; first < total; first += n) {
        n = total - first;

        /* one gain for all of it is known when all of it was heard */

        if (stream->loudness == 0 && s.codec->piece > 0
            && n > s.codec->piece + s.codec->piece / 8)
        {
            n = s.codec->piece;         /* no crumb of a last piece */
        }

        p = piece(&s, first, n, (int) json_array_size(list));

        if (p == NULL || json_array_append_new(list, p) != 0) {
            json_decref(list);
            rn_fail(fault, RN_E_NOMEM, "the sound cannot be planned");
            return NULL;
        }
    }

    return list;
}
