/*
 * What the timeline makes of speed, of clips until the end, and of the times
 * of keyframes.
 */

#include "motion_helpers.h"


/* Times: a film of 10 s with sound under UUID_A, an image under UUID_B. */


static rn_status
resolve(const char *text, rn_doc **doc, rn_timeline *tl, rn_problems *ps)
{
    size_t           i;
    static rn_facts  facts[4];

    *doc = parse_good(text, false);

    for (i = 0; i < (*doc)->n_refs; i++) {
        memset(&facts[i], 0, sizeof(rn_facts));
        facts[i].known = facts[i].has_video = true;
        facts[i].width = 640;
        facts[i].height = 360;
        if (strcmp((*doc)->refs[i].src, "asset:" UUID_A) == 0) {
            (void) strcpy(facts[i].kind, "video");
            facts[i].has_audio = true;
            facts[i].duration = 10;
        } else {
            (void) strcpy(facts[i].kind, "image");
        }
    }

    memset(ps, 0, sizeof(*ps));

    return rn_timeline_resolve(*doc, facts, &rn_limits_default, ps, tl);
}


static void
lasts(const char *asset, const char *members, int64_t frames, int64_t in)
{
    rn_doc       *doc;
    const char   *text;
    rn_problems   ps;
    rn_timeline   tl;

    text = one(asset, members);

    if (resolve(text, &doc, &tl, &ps) != RN_OK) {
        print_problems(&ps);
        fail_msg("refused: %s", text);
    }

    if (tl.frames != frames || tl.places[0].start != 0
        || tl.places[0].end != frames || tl.places[0].in != in)
    {
        fail_msg("lasts %lld from %lld, not %lld from %lld: %s",
                 (long long) tl.frames, (long long) tl.places[0].in,
                 (long long) frames, (long long) in, text);
    }

    rn_timeline_free(&tl);
    rn_doc_free(doc);
}


static void
unresolved(const char *asset, const char *members, const char *pointer,
    const char *words)
{
    rn_doc       *doc;
    const char   *text;
    rn_problems   ps;
    rn_timeline   tl;

    text = one(asset, members);
    assert_int_equal(resolve(text, &doc, &tl, &ps), RN_E_INVALID);
    check_problem(&ps, pointer, words, text);
    rn_problems_free(&ps);
    rn_doc_free(doc);
}


static void
test_speed(void **state)
{
    (void) state;

    lasts(VIDEO, "", 300, 0);
    lasts(VIDEO, ",\"speed\":2", 150, 0);
    lasts(AUDIO, ",\"speed\":2", 150, 0);
    lasts(VIDEO, ",\"speed\":0.5", 600, 0);
    lasts(VIDEO, ",\"speed\":0.25", 1200, 0);
    lasts(VIDEO, ",\"speed\":4", 75, 0);
    lasts(VIDEO, ",\"speed\":3", 100, 0);
    lasts(VIDEO, ",\"speed\":0.7", 429, 0);     /* 428.57 */

    /* points are of the source, the duration is of the film */

    lasts(VIDEO, ",\"speed\":2,\"in_point\":4", 90, 120);
    lasts(VIDEO, ",\"speed\":2,\"in_point\":4,\"out_point\":6", 30, 120);
    lasts(VIDEO, ",\"speed\":0.5,\"out_point\":\"30f\"", 60, 0);
    lasts(VIDEO, ",\"speed\":2,\"in_point\":4,\"duration\":3", 90, 120);
    lasts(VIDEO, ",\"speed\":2,\"in_point\":4,\"duration\":1.5", 45, 120);
    lasts(VIDEO, ",\"speed\":0.5,\"in_point\":9,\"duration\":2", 60, 270);
    lasts(VIDEO, ",\"speed\":0.25,\"in_point\":\"285f\",\"duration\":\"60f\"",
          60, 285);

    unresolved(VIDEO, ",\"speed\":2,\"duration\":6", "/duration",
               "at this speed");
    unresolved(VIDEO, ",\"speed\":4,\"duration\":10", "/duration",
               "holds only 2.500 s");
    unresolved(VIDEO, ",\"speed\":2,\"in_point\":4,\"out_point\":6,"
               "\"duration\":2", "/duration", "holds only 1.000 s");
    unresolved(AUDIO, ",\"speed\":2,\"duration\":6", "/duration",
               "at this speed");
    unresolved(VIDEO, ",\"speed\":0.25,\"in_point\":10", "/in_point",
               "behind the end of the source");
    unresolved(VIDEO, ",\"speed\":4,\"in_point\":3,\"out_point\":3",
               "/out_point", "must be behind in_point");
    unresolved(VIDEO, ",\"speed\":0.25,\"out_point\":11", "/out_point",
               "lasts 10.000 s");

    /* half a second may be missing: of the source, whatever its speed */

    lasts(VIDEO, ",\"duration\":10.5", 315, 0);
    lasts(VIDEO, ",\"speed\":4,\"duration\":2.6", 78, 0);
    lasts(VIDEO, ",\"speed\":0.5,\"duration\":20.5", 615, 0);
    unresolved(VIDEO, ",\"speed\":4,\"duration\":2.7", "/duration",
               "at this speed");
    unresolved(VIDEO, ",\"duration\":10.6", "/duration",
               "holds only 10.000 s from its in_point");
}


static void
test_until_the_end(void **state)
{
    rn_doc       *doc;
    rn_problems   ps;
    rn_timeline   tl;

    (void) state;

    /* "end" of a clip at another speed: of the film, or of what it holds */

    assert_int_equal(resolve("{\"timeline\":{\"fps\":30,\"tracks\":["
        "{\"clips\":[{\"asset\":" COLOR ",\"duration\":8}]},"
        "{\"clips\":[{\"asset\":" VIDEO ",\"start\":1,\"speed\":4,"
        "\"duration\":\"end\"}]},"
        "{\"clips\":[{\"asset\":" VIDEO ",\"start\":1,\"speed\":0.5,"
        "\"duration\":\"end\"}]}]}}", &doc, &tl, &ps), RN_OK);
    assert_int_equal(tl.frames, 240);
    assert_int_equal(tl.places[1].end, 30 + 75);
    assert_int_equal(tl.places[2].end, 240);
    rn_timeline_free(&tl);
    rn_doc_free(doc);
}


static void
test_key_times(void **state)
{
    size_t              i;
    rn_doc             *doc;
    rn_problems         ps;
    rn_timeline         tl;
    const rn_keyframe  *k;

    static const int64_t  ticks[] = { 60, 75, 76, 82, 210 };

    (void) state;

    assert_int_equal(resolve("{\"timeline\":{\"fps\":30,\"tracks\":["
        "{\"clips\":[{\"asset\":" COLOR ",\"start\":2,\"duration\":5,"
        "\"keyframes\":{\"opacity\":[" KEY("0", "1") "," KEY("0.5", "0") ","
        KEY("0.53", "1") "," KEY("\"22f\"", "0") "," KEY("\"end\"", "1")
        "]}}]}]}}", &doc, &tl, &ps), RN_OK);

    k = doc->tracks[0].clips[0].moves[RN_MOVE_OPACITY].keys;
    for (i = 0; i < 5; i++) {
        assert_int_equal(rn_keyframe_tick(&tl.places[0], &k[i], doc->fps),
                         ticks[i]);
    }
    rn_timeline_free(&tl);
    rn_doc_free(doc);

    /* behind the clip's end is fine: the way there is gone as far as it is */

    lasts(IMAGE, ",\"duration\":1" KEYS("scale", KEY("0", "1") ","
          KEY("60", "2")), 30, 0);
    lasts(IMAGE, ",\"duration\":1" KEYS("scale", KEY("\"29f\"", "1") ","
          KEY("\"end\"", "2")), 30, 0);

#define LATE  "at least a frame behind the keyframe before it"

    unresolved(IMAGE, KEYS("scale", KEY("1", "1") "," KEY("0.5", "2")),
               "/keyframes/scale/1/time", LATE);
    unresolved(IMAGE, KEYS("crop", KEY("1", "{}") "," KEY("1", "{}")),
               "/keyframes/crop/1/time", LATE);
    unresolved(IMAGE, KEYS("scale", KEY("0.5", "1") "," KEY("0.51", "2")),
               "/keyframes/scale/1/time", LATE);
    unresolved(IMAGE, KEYS("scale", KEY("0", "1") "," KEY("1", "2") ","
               KEY("\"30f\"", "2")), "/keyframes/scale/2/time", LATE);
    unresolved(IMAGE, KEYS("scale", KEY("\"end\"", "1") "," KEY("1", "2")),
               "/keyframes/scale/1/time", LATE);
    unresolved(IMAGE, ",\"duration\":1" KEYS("scale", KEY("1", "1") ","
               KEY("\"end\"", "2")), "/keyframes/scale/1/time", LATE);
    unresolved(AUDIO, KEYS("volume", KEY("2", "1") "," KEY("1", "0")),
               "/keyframes/volume/1/time", LATE);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_speed),
        cmocka_unit_test(test_until_the_end),
        cmocka_unit_test(test_key_times),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
