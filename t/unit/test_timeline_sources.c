/*
 * Times: what may not overlap, what sources and their lengths allow, fades,
 * and films by chance.
 */

#include "timeline_helpers.h"


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
        cmocka_unit_test(test_poster),
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
