/*
 * The planner: pieces of sound, what changes their keys, and edges without
 * clicks.
 */

#include "plan_helpers.h"


static void
test_sound_pieces(void **state)
{
    json_t  *p;

    (void) state;

    p = plan(ONE(COLOR("#fff", ",\"duration\":200")));
    assert_int_equal(json_array_size(json_object_get(p, "sound")), 0);
    json_decref(p);

    p = plan(ONE(VIDEO(",\"volume\":0")));
    assert_int_equal(json_array_size(json_object_get(p, "sound")), 0);
    json_decref(p);

    p = plan("{\"timeline\":{\"tracks\":[{\"volume\":0,\"clips\":[" VIDEO("")
             "]}]}}");
    assert_int_equal(json_array_size(json_object_get(p, "sound")), 0);
    json_decref(p);

    p = plan(ONE(VIDEO("")));                       /* 120 s, of 15.02 s */
    check_plan(p);
    assert_int_equal(json_array_size(json_object_get(p, "sound")), 8);
    json_decref(p);

    p = plan(ONE(VIDEO(",\"duration\":16.5")));     /* no crumb behind */
    check_plan(p);
    assert_int_equal(json_array_size(json_object_get(p, "sound")), 1);
    json_decref(p);

    p = plan(ONE(VIDEO("") "," VIDEO("") "," VIDEO("") "," VIDEO("")));
    check_plan(p);
    assert_int_equal(json_array_size(json_object_get(p, "sound")), 32);
    json_decref(p);
}


/* A change of the sound touches the pieces that it is heard in. */

static void
test_sound_touches_its_pieces(void **state)
{
    json_t  *a, *b;

#define MUSIC(v)                                                              \
    DOC("", SOUND(AUDIO("") "," AUDIO("")) ","                                \
            SOUND(AUDIO(",\"start\":200,\"duration\":2,\"volume\":" v)))

    (void) state;

    a = plan(MUSIC("0.5"));
    b = plan(MUSIC("0.6"));
    check_plan(a);
    assert_int_equal(json_array_size(json_object_get(a, "sound")), 16);
    assert_int_equal(in_common(json_object_get(a, "sound"),
                               json_object_get(b, "sound")), 15);
    json_decref(a);
    json_decref(b);
}


/* Ramps of clip i of the first piece: from, length, out, power of each. */

static json_t *
ramps(json_t *p, size_t i)
{
    json_t  *clips;

    clips = json_object_get(spec_at(json_object_get(p, "sound"), 0), "clips");

    return json_object_get(json_array_get(clips, i), "ramps");
}


static void
check_ramp(json_t *p, size_t clip, size_t i, int64_t from, int64_t len,
    int out, int power)
{
    size_t   k;
    json_t  *r;
    int64_t  want[4] = { from, len, out, power };

    r = json_array_get(ramps(p, clip), i);

    for (k = 0; k < 4; k++) {
        assert_int_equal(json_integer_value(json_array_get(r, k)), want[k]);
    }
}


static void
test_edges_without_clicks(void **state)
{
    json_t  *p;

    (void) state;

    p = plan(DOC("", SOUND(AUDIO(",\"start\":1,\"duration\":2"))));
    assert_int_equal(json_array_size(ramps(p, 0)), 2);
    check_ramp(p, 0, 0, 48000, 240, 0, 1);
    check_ramp(p, 0, 1, 144000 - 240, 240, 1, 1);
    json_decref(p);

    p = plan(DOC("", SOUND(AUDIO(",\"duration\":2,\"fade_in\":1,"
                                 "\"fade_out\":0.5"))));
    assert_int_equal(json_array_size(ramps(p, 0)), 2);
    check_ramp(p, 0, 0, 0, 48000, 0, 0);
    check_ramp(p, 0, 1, 72000, 24000, 1, 0);
    json_decref(p);

    p = plan(ONE(VIDEO(",\"duration\":2") "," FADE("0.5") ","
                 VIDEO(",\"in_point\":9,\"duration\":2")));
    check_ramp(p, 0, 0, 72000, 24000, 1, 1);        /* a crossfade */
    check_ramp(p, 1, 0, 72000, 24000, 0, 1);
    json_decref(p);

    /* a clip cut in two sounds on as if it were one */

    p = plan(DOC("", SOUND(AUDIO(",\"duration\":1") ","
                           AUDIO(",\"in_point\":1,\"duration\":1"))));
    assert_int_equal(json_array_size(ramps(p, 0)), 1);
    assert_int_equal(json_array_size(ramps(p, 1)), 1);
    check_ramp(p, 0, 0, 0, 240, 0, 1);
    check_ramp(p, 1, 0, 96000 - 240, 240, 1, 1);
    json_decref(p);

    /* but not where the first half fades out, or the second in */

    p = plan(DOC("", SOUND(AUDIO(",\"duration\":1,\"fade_out\":0.5") ","
                           AUDIO(",\"in_point\":1,\"duration\":1"))));
    assert_int_equal(json_array_size(ramps(p, 1)), 2);
    check_ramp(p, 1, 0, 48000, 240, 0, 1);
    json_decref(p);

    p = plan(DOC("", SOUND(AUDIO(",\"duration\":1") ","
                           AUDIO(",\"in_point\":1,\"duration\":1,"
                                 "\"fade_in\":0.5"))));
    assert_int_equal(json_array_size(ramps(p, 0)), 2);
    check_ramp(p, 0, 1, 48000 - 240, 240, 1, 1);
    json_decref(p);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_sound_pieces),
        cmocka_unit_test(test_sound_touches_its_pieces),
        cmocka_unit_test(test_edges_without_clicks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
