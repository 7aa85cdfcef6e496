/*
 * Times: each start and end rounded once to integer ticks, transitions that
 * overlap exactly, and sample positions that never drift.
 */

#include "timeline_helpers.h"


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


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_ticks),
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
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
