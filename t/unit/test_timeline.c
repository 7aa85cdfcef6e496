/*
 * Times: each start and end rounded once to integer ticks, transitions that
 * overlap exactly, what may not be, and sample positions that never drift.
 */

#include "helpers.h"


#define COLOR(members)                                                        \
    "{\"asset\":{\"type\":\"color\",\"color\":\"#fff\"}" members "}"
#define VIDEO(members)                                                        \
    "{\"asset\":{\"type\":\"video\",\"src\":\"asset:" UUID_A "\"}" members "}"
#define AUDIO(members)                                                        \
    "{\"asset\":{\"type\":\"audio\",\"src\":\"asset:" UUID_A "\"}" members "}"
#define IMAGE(members)                                                        \
    "{\"asset\":{\"type\":\"image\",\"src\":\"asset:" UUID_B "\"}" members "}"
#define FADE(t)                                                               \
    "{\"type\":\"transition\",\"transition_type\":\"fade\",\"duration\":" t "}"
#define CUT  "{\"type\":\"transition\",\"transition_type\":\"cut\"}"

#define DOC(fps, tracks)                                                      \
    "{\"timeline\":{\"fps\":" fps ",\"tracks\":[" tracks "]}}"
#define TRACK(clips)   "{\"clips\":[" clips "]}"
#define SOUND(clips)   "{\"kind\":\"audio\",\"clips\":[" clips "]}"
#define ONE(clips)     DOC("30", TRACK(clips))

#define CLIP_AT(n)  "/timeline/tracks/0/clips/" n


/* Facts: a film of 10 s with sound under UUID_A, an image under UUID_B. */

static void
make_facts(const rn_doc *doc, rn_facts *facts)
{
    size_t  i;

    for (i = 0; i < doc->n_refs; i++) {
        memset(&facts[i], 0, sizeof(rn_facts));
        facts[i].known = true;

        if (strcmp(doc->refs[i].src, "asset:" UUID_A) == 0) {
            (void) strcpy(facts[i].kind, "video");
            facts[i].has_video = facts[i].has_audio = true;
            facts[i].duration = 10;
        } else {
            (void) strcpy(facts[i].kind, "image");
            facts[i].has_video = true;
        }
        facts[i].width = 640;
        facts[i].height = 360;
    }
}


typedef struct {
    rn_doc       *doc;
    rn_facts      facts[8];
    rn_timeline   tl;
} resolved;


static rn_status
resolve(resolved *r, const char *text, rn_problems *ps)
{
    r->doc = parse_good(text, false);
    make_facts(r->doc, r->facts);
    memset(ps, 0, sizeof(*ps));

    return rn_timeline_resolve(r->doc, r->facts, &rn_limits_default, ps,
                               &r->tl);
}


static void
good(resolved *r, const char *text)
{
    rn_problems  ps;

    if (resolve(r, text, &ps) != RN_OK) {
        print_problems(&ps);
        fail_msg("refused: %s", text);
    }

    assert_int_equal(ps.total, 0);
    rn_problems_free(&ps);
}


static void
done(resolved *r)
{
    rn_timeline_free(&r->tl);
    rn_timeline_free(&r->tl);               /* twice is fine */
    rn_doc_free(r->doc);
}


static void
bad(const char *text, const char *pointer, const char *words)
{
    resolved     r;
    rn_problems  ps;

    assert_int_equal(resolve(&r, text, &ps), RN_E_INVALID);
    assert_null(r.tl.places);

    if (ps.total != 1 || strcmp(ps.items[0].pointer, pointer) != 0
        || strstr(ps.items[0].detail, words) == NULL)
    {
        print_problems(&ps);
        fail_msg("wanted %s: ...%s... of %s", pointer, words, text);
    }

    rn_problems_free(&ps);
    rn_doc_free(r.doc);
}


static void
check(const resolved *r, size_t i, int64_t start, int64_t end)
{
    assert_true(i < r->tl.n);

    if (r->tl.places[i].start != start || r->tl.places[i].end != end) {
        fail_msg("clip %zu is at %lld-%lld, not %lld-%lld", i,
                 (long long) r->tl.places[i].start,
                 (long long) r->tl.places[i].end, (long long) start,
                 (long long) end);
    }
}


static void
test_ticks(void **state)
{
    rn_rational  film = { 30, 1 }, ntsc = { 30000, 1001 };

    (void) state;

    assert_int_equal(rn_ticks(0, film), 0);
    assert_int_equal(rn_ticks(1, film), 30);
    assert_int_equal(rn_ticks(0.49 / 30, film), 0);
    assert_int_equal(rn_ticks(0.51 / 30, film), 1);
    assert_int_equal(rn_ticks(1001, ntsc), 30000);
    assert_int_equal(rn_ticks(14400, ntsc), 431568);
    assert_int_equal(rn_ticks(-1, film), -30);
}


/* The nearest sample, by arithmetic of another kind: remainders carried on. */

static void
check_samples(int64_t num, int64_t den)
{
    int64_t      k, s, before, n, d, whole, rest, want;
    rn_rational  fps = { num, den };

    d = num;
    whole = 48000 * den / d;                /* samples a tick, and the rest */
    rest = 48000 * den % d;
    s = n = 0;
    before = -1;

    for (k = 0; k <= 1000000; k++) {
        want = s + (2 * n >= d);            /* s + n/d, halves upwards */

        if (rn_sample_at(k, fps, 48000) != want) {
            fail_msg("tick %lld is at %lld, not %lld", (long long) k,
                     (long long) rn_sample_at(k, fps, 48000),
                     (long long) want);
        }

        assert_true(want > before);
        assert_true(before < 0 || want - before == whole
                    || want - before == whole + 1);
        before = want;

        s += whole;
        n += rest;
        if (n >= d) {
            n -= d;
            s++;
        }
    }
}


static void
test_samples(void **state)
{
    int          i;
    rn_rational  thirty = { 30, 1 }, ntsc = { 30000, 1001 };

    static const int64_t rates[][2] = {
        { 30, 1 }, { 30000, 1001 }, { 24000, 1001 }, { 25, 2 }, { 7, 3 },
        { 120000, 1001 },
    };

    (void) state;

    for (i = 0; i < 6; i++) {
        check_samples(rates[i][0], rates[i][1]);
    }

    assert_int_equal(rn_sample_at(0, ntsc, 48000), 0);
    assert_int_equal(rn_sample_at(1, ntsc, 48000), 1602);       /* 1601.6 */
    assert_int_equal(rn_sample_at(5, ntsc, 48000), 8008);
    assert_int_equal(rn_sample_at(30000, ntsc, 48000), 48048000);
    assert_int_equal(rn_sample_at(1, thirty, 44100), 1470);
    assert_int_equal(rn_sample_at(-1, thirty, 48000), -1600);
    assert_int_equal(rn_sample_at(-1, ntsc, 48000), -1602);

    /* far away, no overflow */

    assert_int_equal(rn_sample_at(3000000000000, ntsc, 48000),
                     4804800000000000);
}


static void
test_auto(void **state)
{
    resolved  r;

    (void) state;

    good(&r, ONE(COLOR(",\"duration\":2") "," COLOR("") "," IMAGE("") ","
                 VIDEO("") "," VIDEO(",\"in_point\":4") ","
                 VIDEO(",\"in_point\":1,\"out_point\":2.5")));

    assert_int_equal(r.tl.n, 6);
    check(&r, 0, 0, 60);
    check(&r, 1, 60, 210);              /* a still lasts 5 s */
    check(&r, 2, 210, 360);
    check(&r, 3, 360, 660);             /* a film its own length */
    check(&r, 4, 660, 840);
    assert_int_equal(r.tl.places[4].in, 120);
    check(&r, 5, 840, 885);
    assert_int_equal(r.tl.places[5].in, 30);
    assert_int_equal(r.tl.frames, 885);
    assert_ptr_equal(r.tl.places[3].facts, &r.facts[1]);
    assert_null(r.tl.places[0].facts);
    done(&r);
}


static void
test_explicit(void **state)
{
    resolved  r;

    (void) state;

    /* a gap, frames as unit, and clips out of order */

    good(&r, ONE(COLOR(",\"start\":\"10f\",\"duration\":\"5f\"") ","
                 COLOR(",\"start\":2,\"duration\":1") ","
                 COLOR(",\"start\":1,\"duration\":0.5") ","
                 COLOR(",\"duration\":0.5")));
    assert_int_equal(r.tl.n, 4);
    check(&r, 0, 10, 15);
    check(&r, 1, 30, 45);
    check(&r, 2, 45, 60);               /* auto: behind the one before it */
    check(&r, 3, 60, 90);
    assert_int_equal(r.tl.frames, 90);
    done(&r);
}


/* Each edge is rounded from absolute time: nothing adds up. */

static void
test_no_drift(void **state)
{
    int        i, n;
    char      *text;
    resolved   r;

    (void) state;

    text = malloc(200000);
    assert_non_null(text);

    n = sprintf(text, "{\"timeline\":{\"fps\":29.97,\"tracks\":[{\"clips\":[");
    for (i = 0; i < 1000; i++) {
        n += sprintf(text + n, "%s" COLOR(",\"duration\":0.35"),
                     i ? "," : "");
    }
    (void) sprintf(text + n, "]}]}}");

    good(&r, text);
    assert_int_equal(r.tl.n, 1000);

    for (i = 0; i < 1000; i++) {
        /* 0.35 s * i * 30000 / 1001, in integers */
        check(&r, (size_t) i, (2 * 10500LL * i + 1001) / 2002,
              (2 * 10500LL * (i + 1) + 1001) / 2002);
        if (i > 0) {
            assert_int_equal(r.tl.places[i].start, r.tl.places[i - 1].end);
        }
    }

    assert_int_equal(r.tl.frames, 10490);       /* 350 s: 10489.51 */
    done(&r);

    n = sprintf(text, "{\"timeline\":{\"fps\":23.976,\"tracks\":[{\"clips\":[");
    for (i = 0; i < 1000; i++) {
        n += sprintf(text + n, "%s" COLOR(",\"duration\":\"7f\""),
                     i ? "," : "");
    }
    (void) sprintf(text + n, "]}]}}");

    good(&r, text);
    for (i = 0; i < 1000; i++) {
        check(&r, (size_t) i, 7 * i, 7 * i + 7);
    }
    done(&r);
    free(text);
}


static void
test_end(void **state)
{
    resolved  r;

    (void) state;

    /* until the film ends, which other clips decide */

    good(&r, DOC("25", TRACK(COLOR(",\"duration\":\"end\"")) ","
                       TRACK(COLOR(",\"start\":1,\"duration\":3")) ","
                       TRACK(COLOR(",\"start\":2,\"duration\":\"end\""))));
    check(&r, 0, 0, 100);
    check(&r, 1, 25, 100);
    check(&r, 2, 50, 100);
    assert_int_equal(r.tl.frames, 100);
    done(&r);

    /* or until its source does; sound counts as well */

    good(&r, DOC("25", TRACK(VIDEO(",\"duration\":\"end\",\"in_point\":4"))
                 "," SOUND(AUDIO(""))));
    check(&r, 0, 0, 150);
    check(&r, 1, 0, 250);
    assert_int_equal(r.tl.frames, 250);
    done(&r);

    bad(ONE(COLOR(",\"duration\":\"end\"")), "/timeline/tracks",
        "the film has no length");
    bad(ONE(COLOR(",\"duration\":\"end\"") "," COLOR("")), CLIP_AT("1"),
        "nothing can follow");
    bad(DOC("30", TRACK(COLOR(",\"start\":9,\"duration\":\"end\"")) ","
                  TRACK(COLOR(",\"duration\":2"))),
        CLIP_AT("0") "/start", "at or behind the end of the film");
    bad(DOC("30", TRACK(COLOR(",\"start\":2,\"duration\":\"end\"")) ","
                  TRACK(COLOR(",\"duration\":2"))),
        CLIP_AT("0") "/start", "at or behind the end of the film");
    bad(DOC("30", TRACK("")), "/timeline/tracks", "no length");
}


/* Together A + B - T, whatever the roundings. */

static void
test_transition(void **state)
{
    int        a, b, t;
    char       text[800];
    resolved   r;

    (void) state;

    good(&r, ONE(COLOR(",\"duration\":4") "," FADE("1") ","
                 COLOR(",\"duration\":3")));
    check(&r, 0, 0, 120);
    check(&r, 1, 90, 180);
    assert_int_equal(r.tl.places[0].tail, 30);
    assert_int_equal(r.tl.places[0].lead, 0);
    assert_int_equal(r.tl.places[1].lead, 30);
    assert_int_equal(r.tl.places[1].tail, 0);
    assert_int_equal(r.tl.frames, 180);
    done(&r);

    for (a = 10; a < 60; a += 7) {
        for (b = 10; b < 60; b += 7) {
            for (t = 1; 2 * t <= a && 2 * t <= b; t++) {
                (void) snprintf(text, sizeof(text),
                                DOC("23.976",
                                    TRACK(COLOR(",\"duration\":\"%df\"") ","
                                          FADE("\"%df\"") ","
                                          COLOR(",\"duration\":\"%df\""))),
                                a, t, b);
                good(&r, text);
                check(&r, 0, 0, a);
                check(&r, 1, a - t, a + b - t);
                assert_int_equal(r.tl.places[0].tail, t);
                assert_int_equal(r.tl.places[1].lead, t);
                assert_int_equal(r.tl.frames, a + b - t);
                done(&r);
            }
        }
    }

    /* seconds that are no whole ticks: the rounded edges decide */

    good(&r, DOC("30", TRACK(COLOR(",\"duration\":1.01") "," FADE("0.33") ","
                             COLOR(",\"duration\":1.01") "," FADE("0.33") ","
                             COLOR(",\"duration\":1.01"))));
    check(&r, 0, 0, 30);                /* 30.3 */
    check(&r, 1, 20, 51);               /* 20.4, 50.7 */
    check(&r, 2, 41, 71);               /* 40.8, 71.1 */
    assert_int_equal(r.tl.places[0].tail, 10);
    assert_int_equal(r.tl.places[1].lead, 10);
    assert_int_equal(r.tl.places[1].tail, 10);
    assert_int_equal(r.tl.places[2].lead, 10);
    assert_int_equal(r.tl.frames, 71);
    done(&r);
}


static void
test_cut(void **state)
{
    resolved  r;

    (void) state;

    good(&r, ONE(COLOR(",\"duration\":4") "," CUT ","
                 COLOR(",\"duration\":3")));
    check(&r, 0, 0, 120);
    check(&r, 1, 120, 210);
    assert_int_equal(r.tl.places[1].lead, 0);
    done(&r);
}


static void
test_half_rule(void **state)
{
    resolved  r;

    (void) state;

    good(&r, ONE(COLOR(",\"duration\":\"20f\"") "," FADE("\"10f\"") ","
                 COLOR(",\"duration\":\"20f\"") "," FADE("\"10f\"") ","
                 COLOR(",\"duration\":\"20f\"")));
    assert_int_equal(r.tl.frames, 40);
    done(&r);

    bad(ONE(COLOR(",\"duration\":\"20f\"") "," FADE("\"11f\"") ","
            COLOR(",\"duration\":\"90f\"")), CLIP_AT("1") "/duration",
        "may not exceed half");
    bad(ONE(COLOR(",\"duration\":\"90f\"") "," FADE("\"11f\"") ","
            COLOR(",\"duration\":\"20f\"")), CLIP_AT("1") "/duration",
        "may not exceed half");
    bad(ONE(COLOR(",\"duration\":2") "," FADE("50") ","
            COLOR(",\"duration\":2")), CLIP_AT("1") "/duration",
        "may not exceed half");
    bad(ONE(COLOR(",\"duration\":2") "," FADE("0.001") ","
            COLOR(",\"duration\":2")), CLIP_AT("1") "/duration",
        "shorter than one frame");
    bad(ONE(COLOR(",\"duration\":2") "," FADE("0") ","
            COLOR(",\"duration\":2")), CLIP_AT("1") "/duration",
        "shorter than one frame");
}


/* A clip that lasts until the end obeys it too, once its length is known. */

static void
test_half_rule_of_end(void **state)
{
    resolved  r;

    (void) state;

    good(&r, DOC("30", TRACK(COLOR(",\"duration\":4") "," FADE("1") ","
                             COLOR(",\"duration\":\"end\"")) ","
                       TRACK(COLOR(",\"duration\":5"))));
    check(&r, 1, 90, 150);
    assert_int_equal(r.tl.places[1].lead, 30);
    done(&r);

    bad(DOC("30", TRACK(COLOR(",\"duration\":4") "," FADE("1") ","
                        COLOR(",\"duration\":\"end\""))),
        CLIP_AT("1") "/duration", "may not exceed half");
    bad(DOC("30", TRACK(COLOR(",\"duration\":4") "," FADE("2") ","
                        VIDEO(",\"in_point\":9,\"duration\":\"end\"")) ","
                  TRACK(COLOR(",\"duration\":60"))),
        CLIP_AT("1") "/duration", "may not exceed half");
}


static void
test_explicit_start_of_transition(void **state)
{
    resolved  r;

    (void) state;

    good(&r, ONE(COLOR(",\"duration\":4") "," FADE("1") ","
                 COLOR(",\"start\":3,\"duration\":3")));
    check(&r, 1, 90, 180);
    done(&r);

    good(&r, ONE(COLOR(",\"duration\":4") "," FADE("1") ","
                 COLOR(",\"start\":3.01,\"duration\":3")));  /* same tick */
    done(&r);

    bad(ONE(COLOR(",\"duration\":4") "," FADE("1") ","
            COLOR(",\"start\":3.04,\"duration\":3")), CLIP_AT("2") "/start",
        "must overlap the clip before by");
    bad(ONE(COLOR(",\"duration\":4") "," FADE("1") ","
            COLOR(",\"start\":\"89f\",\"duration\":3")), CLIP_AT("2") "/start",
        "must overlap the clip before by");
}


static void
test_overlaps(void **state)
{
    resolved  r;

    (void) state;

    bad(ONE(COLOR(",\"duration\":4") "," COLOR(",\"start\":3.9")),
        CLIP_AT("1") "/start", "overlaps the clip before it by 0.100 s");
    bad(ONE(COLOR(",\"duration\":4") "," COLOR(",\"start\":\"119f\"")),
        CLIP_AT("1") "/start", "by 0.033 s");
    bad(ONE(COLOR(",\"start\":5") "," COLOR(",\"start\":1")),
        CLIP_AT("0") "/start", "overlaps");
    bad(ONE(COLOR(",\"start\":0,\"duration\":2") ","
            COLOR(",\"start\":0,\"duration\":2")), CLIP_AT("1") "/start",
        "overlaps");
    bad(ONE(COLOR(",\"duration\":4") "," FADE("1") "," COLOR("") ","
            COLOR(",\"start\":3.5,\"duration\":0.2")), CLIP_AT("3") "/start",
        "overlaps");

    /* clips of two tracks may */

    good(&r, DOC("30", TRACK(COLOR(",\"duration\":4")) ","
                       TRACK(COLOR(",\"start\":1"))));
    done(&r);
}


static void
test_sources(void **state)
{
    resolved  r;

    (void) state;

    bad(ONE(VIDEO(",\"in_point\":10")), CLIP_AT("0") "/in_point",
        "lasts 10.000 s");
    bad(ONE(VIDEO(",\"in_point\":11")), CLIP_AT("0") "/in_point", "behind");
    bad(ONE(VIDEO(",\"in_point\":3,\"out_point\":3")),
        CLIP_AT("0") "/out_point", "must be behind in_point");
    bad(ONE(VIDEO(",\"out_point\":11")), CLIP_AT("0") "/out_point",
        "behind the end");
    bad(ONE(VIDEO(",\"duration\":11")), CLIP_AT("0") "/duration",
        "asks for 11.000 s");
    bad(ONE(VIDEO(",\"in_point\":5,\"duration\":6")),
        CLIP_AT("0") "/duration", "only 5.000 s");
    bad(ONE(VIDEO(",\"in_point\":5,\"out_point\":7,\"duration\":3")),
        CLIP_AT("0") "/duration", "only 2.000 s");

    /* containers round: half a second is forgiven */

    good(&r, ONE(VIDEO(",\"duration\":10.4")));
    assert_int_equal(r.tl.frames, 312);
    done(&r);

    bad(ONE(COLOR(",\"duration\":0.001")), CLIP_AT("0") "/duration",
        "shorter than one frame");
    bad(ONE(COLOR(",\"duration\":\"0f\"")), CLIP_AT("0") "/duration",
        "shorter than one frame");
}


static void
test_kinds(void **state)
{
    size_t       i;
    resolved     r;
    rn_problems  ps;

    static const struct {
        const char *text, *kind; bool audio; const char *words;
    } cases[] = {
        { ONE(VIDEO("")), "image", false, "is an image, not a video" },
        { ONE(VIDEO("")), "audio", true, "is an audio, not a video" },
        { ONE(IMAGE("")), "video", true, "is a video, not an image" },
        { DOC("30", SOUND(AUDIO(""))), "video", false, "has no sound" },
        { DOC("30", SOUND(AUDIO(""))), "image", false, "has no sound" },
    };

    (void) state;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        r.doc = parse_good(cases[i].text, false);
        make_facts(r.doc, r.facts);
        (void) strcpy(r.facts[0].kind, cases[i].kind);
        r.facts[0].has_audio = cases[i].audio;
        memset(&ps, 0, sizeof(ps));

        assert_int_equal(rn_timeline_resolve(r.doc, r.facts,
                                             &rn_limits_default, &ps, &r.tl),
                         RN_E_INVALID);
        assert_int_equal(ps.total, 1);
        assert_string_equal(ps.items[0].pointer, CLIP_AT("0") "/asset/src");
        assert_non_null(strstr(ps.items[0].detail, cases[i].words));
        rn_problems_free(&ps);
        rn_doc_free(r.doc);
    }

    /* what is not known says why, at each clip that needs it */

    r.doc = parse_good(ONE(VIDEO("") "," VIDEO("") "," COLOR("")), false);
    memset(r.facts, 0, sizeof(r.facts));
    (void) strcpy(r.facts[0].error, "does not exist");
    memset(&ps, 0, sizeof(ps));
    assert_int_equal(rn_timeline_resolve(r.doc, r.facts, &rn_limits_default,
                                         &ps, &r.tl), RN_E_INVALID);
    assert_int_equal(ps.total, 2);
    assert_string_equal(detail_at(&ps, CLIP_AT("0") "/asset/src"),
                        "does not exist");
    assert_string_equal(detail_at(&ps, CLIP_AT("1") "/asset/src"),
                        "does not exist");
    rn_problems_free(&ps);
    rn_doc_free(r.doc);
}


static void
test_fades(void **state)
{
    resolved  r;

    (void) state;

    good(&r, ONE(VIDEO(",\"duration\":4,\"fade_in\":1,\"fade_out\":\"15f\","
                       "\"transition\":{\"in\":\"fade\",\"out\":\"fade\"}")));
    assert_int_equal(r.tl.places[0].fade_in, 30);
    assert_int_equal(r.tl.places[0].fade_out, 15);
    assert_int_equal(r.tl.places[0].show_in, 15);
    assert_int_equal(r.tl.places[0].show_out, 15);
    done(&r);

    /* a picture's fades shrink to half of a short clip */

    good(&r, ONE(COLOR(",\"duration\":\"11f\",\"transition\":{\"in\":\"fade\","
                       "\"duration\":3}")));
    assert_int_equal(r.tl.places[0].show_in, 5);
    assert_int_equal(r.tl.places[0].show_out, 0);
    done(&r);

    bad(ONE(VIDEO(",\"duration\":2,\"fade_in\":2.1")),
        CLIP_AT("0") "/fade_in", "longer than the clip");
    bad(ONE(VIDEO(",\"duration\":2,\"fade_out\":2.1")),
        CLIP_AT("0") "/fade_out", "longer than the clip");
}


static void
test_length_limit(void **state)
{
    resolved  r;

    (void) state;

    good(&r, ONE(COLOR(",\"duration\":14400")));
    assert_int_equal(r.tl.frames, 432000);
    done(&r);

    bad(ONE(COLOR(",\"duration\":14401")), "/timeline", "at most 14400 s");
    bad(ONE(COLOR(",\"start\":1000000,\"duration\":1000000")), "/timeline",
        "at most");
    bad(ONE(COLOR(",\"start\":\"999999999f\",\"duration\":\"999999999f\"")),
        "/timeline", "at most");
}


/* All problems of a time line in one answer. */

static void
test_all_at_once(void **state)
{
    resolved     r;
    rn_problems  ps;

    (void) state;

    assert_int_equal(resolve(&r, DOC("30",
        TRACK(VIDEO(",\"in_point\":99") "," COLOR(",\"duration\":0") ","
              COLOR(",\"duration\":2") "," FADE("1.5") ","
              COLOR(",\"duration\":2")) ","
        SOUND(AUDIO(",\"duration\":99"))), &ps), RN_E_INVALID);

    assert_int_equal(ps.total, 4);
    assert_non_null(detail_at(&ps, CLIP_AT("0") "/in_point"));
    assert_non_null(detail_at(&ps, CLIP_AT("1") "/duration"));
    assert_non_null(detail_at(&ps, CLIP_AT("3") "/duration"));
    assert_non_null(detail_at(&ps, "/timeline/tracks/1/clips/0/duration"));
    rn_problems_free(&ps);
    rn_doc_free(r.doc);
}


/* Random documents: places are ordered, whole, inside the film. */

static void
test_random(void **state)
{
    int           i, k, n, ok;
    char          text[4000];
    size_t        p;
    int64_t       end;
    resolved      r;
    rn_place     *a, *b;
    rn_problems   ps;
    unsigned int  seed = 7;

    static const char *const rates[] = { "30", "29.97", "23.976", "12.5",
                                         "1", "120" };

    (void) state;

    ok = 0;

    for (i = 0; i < 5000; i++) {
        n = sprintf(text, "{\"timeline\":{\"fps\":%s,\"tracks\":[{\"clips\":[",
                    rates[rand_r(&seed) % 6]);

        for (k = 0; k < 6; k++) {
            if (k > 0 && rand_r(&seed) % 2) {
                n += sprintf(text + n, FADE("%.4f") ",",
                             rand_r(&seed) % 3000 / 1000.0 + 0.01);
            }
            n += sprintf(text + n, "%s" COLOR(",\"duration\":%.5f"), "",
                         rand_r(&seed) % 80000 / 10000.0 + 1.1);
            n += sprintf(text + n, k < 5 ? "," : "]}]}}");
        }

        if (resolve(&r, text, &ps) != RN_OK) {
            assert_true(ps.total > 0);      /* half of either, mostly */
            rn_problems_free(&ps);
            rn_doc_free(r.doc);
            continue;
        }

        ok++;
        end = 0;
        assert_int_equal(r.tl.n, 6);
        assert_int_equal(r.tl.places[0].start, 0);

        for (p = 0; p < r.tl.n; p++) {
            a = &r.tl.places[p];
            assert_true(a->start < a->end && a->end <= r.tl.frames);
            assert_true(a->lead + a->tail <= a->end - a->start);

            if (p > 0) {
                b = a - 1;
                assert_int_equal(b->end - a->start, a->lead);
                assert_int_equal(b->tail, a->lead);
            }
            end = a->end;
        }

        assert_int_equal(end, r.tl.frames);
        done(&r);
    }

    assert_true(ok > 300);
}


static void
test_facts(void **state)
{
    size_t     i;
    char       hex[65];
    json_t    *j;
    rn_facts   f;

    static const char *const wrong[] = {
        "{}", "[]", "null", "{\"kind\":5,\"duration\":1}",
        "{\"duration\":1}", "{\"kind\":\"video\",\"duration\":-1}",
    };

    (void) state;

    memset(hex, 'a', 64);
    hex[64] = '\0';

    j = json_loads("{\"kind\":\"video\",\"duration\":2.5,\"video\":{\"width\":"
                   "640,\"height\":360,\"alpha\":true},\"audio\":{}}", 0, NULL);
    assert_true(rn_facts_read(j, hex, &f));
    assert_true(f.known && f.has_video && f.has_audio && f.alpha);
    assert_string_equal(f.kind, "video");
    assert_string_equal(f.sha256, hex);
    assert_near(f.duration, 2.5, 0);
    assert_int_equal(f.width, 640);
    assert_int_equal(f.height, 360);
    json_decref(j);

    j = json_loads("{\"kind\":\"audio\",\"duration\":1,\"audio\":{\"rate\":1}}",
                   0, NULL);
    assert_true(rn_facts_read(j, NULL, &f));
    assert_true(f.known && !f.has_video && f.has_audio);
    assert_string_equal(f.sha256, "");
    json_decref(j);

    for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        j = json_loads(wrong[i], JSON_DECODE_ANY, NULL);
        assert_false(rn_facts_read(j, hex, &f));
        assert_false(f.known);
        assert_true(f.error[0] != '\0');
        json_decref(j);
    }

    assert_false(rn_facts_read(NULL, hex, &f));
}


/* The tick of the poster: as asked, second 1, the middle of what is shorter. */

static void
test_poster(void **state)
{
    size_t    i;
    char      text[400];
    resolved  r;

#define FILM  "{\"timeline\":{\"fps\":%s,\"tracks\":[{\"clips\":[{\"asset\":"  \
              "{\"type\":\"color\",\"color\":\"#fff\"},\"duration\":%s}]}]}%s}"

    static const struct {
        const char  *fps, *duration, *poster;
        int64_t      tick;
    } films[] = {
        { "30", "5", "", 30 },
        { "25", "5", ",\"poster\":{}", 25 },
        { "29.97", "5", "", 30 },
        { "30", "\"31f\"", "", 30 },
        { "30", "1", "", 15 },
        { "30", "\"1f\"", "", 0 },
        { "1", "1", "", 0 },
        { "30", "5", ",\"poster\":{\"time\":0}", 0 },
        { "30", "5", ",\"poster\":{\"time\":2.51}", 75 },
        { "30", "5", ",\"poster\":{\"time\":\"149f\"}", 149 },
        { "29.97", "5", ",\"poster\":{\"time\":\"149f\"}", 149 },
    };

    (void) state;

    for (i = 0; i < sizeof(films) / sizeof(films[0]); i++) {
        (void) sprintf(text, FILM, films[i].fps, films[i].duration,
                       films[i].poster);
        good(&r, text);
        assert_int_equal(r.tl.poster, films[i].tick);
        done(&r);
    }

    (void) sprintf(text, FILM, "30", "5", ",\"poster\":{\"time\":5}");
    bad(text, "/poster/time", "it lasts 5.000 s, which are 150 frames");
    (void) sprintf(text, FILM, "30", "5", ",\"poster\":{\"time\":\"150f\"}");
    bad(text, "/poster/time", "behind the film's end");
    (void) sprintf(text, FILM, "30", "5", ",\"poster\":{\"time\":3600}");
    bad(text, "/poster/time", "behind the film's end");
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_ticks),
        cmocka_unit_test(test_poster),
        cmocka_unit_test(test_samples),
        cmocka_unit_test(test_auto),
        cmocka_unit_test(test_explicit),
        cmocka_unit_test(test_no_drift),
        cmocka_unit_test(test_end),
        cmocka_unit_test(test_transition),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_half_rule),
        cmocka_unit_test(test_half_rule_of_end),
        cmocka_unit_test(test_explicit_start_of_transition),
        cmocka_unit_test(test_overlaps),
        cmocka_unit_test(test_sources),
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_fades),
        cmocka_unit_test(test_length_limit),
        cmocka_unit_test(test_all_at_once),
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_facts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
