/*
 * The planner: the head of a plan, pictures that are asked for alone, what is
 * refused, and what is too large.
 */

#include "plan_helpers.h"


static void
test_head(void **state)
{
    json_t  *p;

    (void) state;

    p = plan("{\"title\":\"T\",\"outputs\":[{\"name\":\"n\"}],\"timeline\":"
             "{\"fps\":29.97,\"width\":640,\"height\":360,\"tracks\":["
             TRACK(COLOR("#fff", ",\"duration\":\"300f\"")) "]}}");

    assert_string_equal(json_string_value(json_object_get(p, "title")), "T");
    assert_string_equal(json_string_value(json_object_get(p, "output")), "n");
    assert_int_equal(number_of(p, "frames"), 300);
    assert_int_equal(number_of(p, "samples"), 480480);
    assert_near(json_real_value(json_object_get(p, "duration")), 10.01, 1e-9);
    json_decref(p);
}


/* The poster lies in the segment that shows its tick, whichever it is. */

static void
test_poster(void **state)
{
    int      t;
    char     text[700];
    size_t   i;
    json_t  *p, *poster, *list;
    int64_t  at;

    (void) state;

    for (t = 0; t < 300; t += t % 90 < 3 || t % 90 > 86 ? 1 : 17) {
        (void) sprintf(text, "{\"poster\":{\"time\":\"%df\"},\"timeline\":"
                       "{\"tracks\":[" TRACK(COLOR("#f00", ",\"duration\":3")
                       "," COLOR("#0f0", ",\"duration\":3") ","
                       COLOR("#00f", ",\"duration\":4")) "]}}", t);
        p = plan(text);
        list = segments(p);
        assert_true(json_array_size(list) > 1);

        poster = json_object_get(p, "poster");
        at = number_of(poster, "tick");
        assert_in_range(at, 0,
                        number_of(json_array_get(list,
                                      (size_t) number_of(poster, "number")),
                                  "frames") - 1);

        for (i = 0; i < (size_t) number_of(poster, "number"); i++) {
            at += number_of(json_array_get(list, i), "frames");
        }

        assert_int_equal(at, t);
        assert_true(json_is_true(json_object_get(p, "blurhash")));
        json_decref(p);
    }
}


static void
bad(const char *text, const char *pointer, const char *words)
{
    rn_doc       *doc;
    json_t       *p;
    rn_facts      facts[8];
    rn_fault      fault;
    rn_problems   ps;

    memset(&ps, 0, sizeof(ps));
    memset(&fault, 0, sizeof(fault));
    doc = parse_good(text, true);
    make_facts(doc, facts);

    assert_int_equal(rn_plan(doc, facts, &rn_limits_default, NULL, &ps, &p,
                             &fault),
                     RN_E_INVALID);
    assert_null(p);

    if (ps.total != 1 || strcmp(ps.items[0].pointer, pointer) != 0
        || strstr(ps.items[0].detail, words) == NULL)
    {
        print_problems(&ps);
        fail_msg("wanted %s: ...%s...", pointer, words);
    }

    rn_problems_free(&ps);
    rn_doc_free(doc);
}


static void
test_refused(void **state)
{
    (void) state;

    bad(ONE(COLOR("#fff", ",\"duration\":2,\"width\":9000")),
        "/timeline/tracks/0/clips/0", "at most 8192 are drawn");
    bad(ONE(VIDEO(",\"duration\":2,\"height\":6000")),
        "/timeline/tracks/0/clips/0", "10666 x 6000 px");
    bad(ONE(VIDEO(",\"width\":4000,\"crop\":{\"width\":2e-8}")),
        "/timeline/tracks/0/clips/0", "at most 8192 are drawn");
    bad(ONE(COLOR("#fff", ",\"duration\":99999")), "/timeline", "at most");
    bad(ONE(VIDEO(",\"in_point\":500")),
        "/timeline/tracks/0/clips/0/in_point", "behind the end");
}


/* What lies over one another is bounded, also where the canvas is small. */

static void
test_area(void **state)
{
    char         text[8000];
    size_t       i, n, k;
    json_t      *p;
    rn_doc      *doc;
    rn_fault     fault;
    rn_facts     facts[8];
    rn_problems  problems;

    (void) state;

    for (k = 2; k <= 3; k++) {              /* 134 million px, then 201 */
        n = (size_t) sprintf(text, "{\"timeline\":{\"width\":64,\"height\":48,"
                             "\"tracks\":[");
        for (i = 0; i < k; i++) {
            n += (size_t) sprintf(text + n, "%s" TRACK(VIDEO(",\"width\":8192,"
                                  "\"height\":8192")), i > 0 ? "," : "");
        }
        (void) sprintf(text + n, "]}}");

        doc = parse_good(text, true);
        make_facts(doc, facts);
        memset(&problems, 0, sizeof(problems));
        memset(&fault, 0, sizeof(fault));

        assert_int_equal(rn_plan(doc, facts, &rn_limits_default, NULL,
                                 &problems, &p, &fault), k == 2 ? RN_OK : RN_E_INVALID);
        if (k == 3) {
            assert_string_equal(problems.items[0].pointer, "/timeline/tracks");
            assert_non_null(strstr(problems.items[0].detail, "201 million"));
        }

        json_decref(p);
        rn_problems_free(&problems);
        rn_doc_free(doc);
    }
}


/* Each text that is far too large is told before anything is rendered. */

static void
test_large_texts(void **state)
{
    json_t      *p;
    rn_doc      *doc;
    rn_fault     fault;
    rn_problems  problems;

    (void) state;

    doc = parse_good(DOC("\"width\":64,\"height\":48,", TRACK(
        "{\"asset\":{\"type\":\"text\",\"text\":\"one that is too long\","
        "\"font\":{\"size\":200}},\"duration\":1}," TEXT("ok",
        ",\"duration\":1") ",{\"asset\":{\"type\":\"text\",\"text\":"
        "\"another\",\"font\":{\"size\":200}},\"duration\":1}")), true);
    memset(&problems, 0, sizeof(problems));
    memset(&fault, 0, sizeof(fault));

    assert_int_equal(rn_plan(doc, NULL, &rn_limits_default, NULL, &problems, &p,
                             &fault), RN_E_INVALID);
    assert_null(p);
    assert_int_equal(problems.total, 2);
    assert_string_equal(problems.items[0].pointer,
                        "/timeline/tracks/0/clips/0/asset/text");
    assert_string_equal(problems.items[1].pointer,
                        "/timeline/tracks/0/clips/2/asset/text");
    assert_non_null(strstr(problems.items[1].detail, "far more than the "
                           "canvas"));

    rn_problems_free(&problems);
    rn_doc_free(doc);
}


/* One channel is coded where all that is heard has one, in every piece. */

static void
test_mono(void **state)
{
    size_t    i, k;
    json_t   *p, *piece;
    rn_doc   *doc;
    rn_facts  facts[8];

    static const char *const text =
        DOC("", TRACK(COLOR("#000", ",\"duration\":100")) ","
            SOUND("{\"asset\":{\"type\":\"audio\",\"src\":\"a\"}}") ","
            SOUND("{\"asset\":{\"type\":\"audio\",\"src\":\"b\"},"
                  "\"volume\":0.5}"));

    (void) state;

    for (k = 0; k < 3; k++) {
        doc = parse_good(text, true);
        make_facts(doc, facts);
        facts[0].channels = k == 0 ? 2 : 1;
        facts[1].channels = k == 1 ? 2 : 1;
        rn_doc_free(doc);
        p = plan_good(text, facts);
        assert_int_equal(json_array_size(json_object_get(p, "sound")), 8);

        json_array_foreach(json_object_get(p, "sound"), i, piece) {
            assert_int_equal(json_integer_value(json_object_get(
                             json_object_get(piece, "spec"), "channels")),
                             k == 2);
            assert_int_equal(number_of(json_object_get(piece, "spec"),
                                       "bitrate"), k == 2 ? 64000 : 128000);
        }

        json_decref(p);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_mono),
        cmocka_unit_test(test_large_texts),
        cmocka_unit_test(test_area),
        cmocka_unit_test(test_head),
        cmocka_unit_test(test_poster),
        cmocka_unit_test(test_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
