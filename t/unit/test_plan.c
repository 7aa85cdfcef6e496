/*
 * The planner: segments that cover the film once, and keys that change with
 * what is seen and with nothing else.
 */

#include "plan_helpers.h"


static void
test_same_twice(void **state)
{
    json_t  *a, *b;

    static const char text[] =
        DOC("\"fps\":29.97,", TRACK(VIDEO(",\"duration\":33") "," FADE("1") ","
            COLOR("#123", ",\"duration\":4")) ","
            TRACK(TEXT("Hello \xe4\xbd\xa0\xe5\xa5\xbd", ",\"start\":2"))
            "," SOUND(AUDIO(",\"duration\":\"end\"")));

    (void) state;

    a = plan(text);
    b = plan(text);
    assert_true(json_equal(a, b));
    check_plan(a);
    assert_true(json_array_size(segments(a)) > 4);
    json_decref(a);
    json_decref(b);
}


/* Which output a piece is of stands beside it. */

static void
forget_names(json_t *p)
{
    size_t   i;
    json_t  *piece;

    json_array_foreach(segments(p), i, piece) {
        assert_int_equal(json_object_del(piece, "output"), 0);
    }

    json_array_foreach(json_object_get(p, "sound"), i, piece) {
        assert_int_equal(json_object_del(piece, "output"), 0);
    }
}


/* What decides no pixel is in no key, down to the order of the members. */

static void
test_names_change_nothing(void **state)
{
    size_t   i;
    json_t  *a, *b;

    static const char plain[] =
        DOC("", TRACK(COLOR("#f00", ",\"duration\":3") "," FADE("1") ","
                      VIDEO(",\"duration\":3")));

    static const char *const others[] = {
        "{\"title\":\"Another\",\"metadata\":{\"a\":[1,2]},\"timeline\":"
        "{\"tracks\":[{\"id\":\"main\",\"title\":\"x\",\"clips\":["
        "{\"id\":\"a\",\"title\":\"b\",\"metadata\":7,\"duration\":3,"
        "\"asset\":{\"color\":\"#f00\",\"type\":\"color\"}},"
        "{\"id\":\"t\",\"type\":\"transition\",\"duration\":1,"
        "\"transition_type\":\"fade\"}," VIDEO(",\"duration\":3") "]}]}}",

        /* defaults written out, the same in other units */

        "{\"version\":1,\"poster\":{\"time\":2},\"blurhash\":false,"
        "\"outputs\":[{\"name\":\"other\",\"format\":\"mp4\","
        "\"quality\":\"medium\",\"width\":1280,\"height\":720,\"fps\":30}],"
        "\"timeline\":{\"width\":1280,\"height\":720,\"fps\":\"60/2\","
        "\"background\":\"#000000\",\"tracks\":[{\"kind\":\"video\","
        "\"volume\":\"0dB\",\"clips\":[{\"type\":\"clip\",\"asset\":{\"type\":"
        "\"color\",\"color\":\"#FF0000ff\"},\"start\":\"0f\",\"duration\":"
        "\"90f\",\"opacity\":1.0,\"position\":\"center\",\"offset\":{\"x\":0},"
        "\"transition\":{\"duration\":2}},"
        FADE("\"30f\"") "," VIDEO(",\"start\":2,\"out_point\":3,\"fit\":"
        "\"cover\",\"volume\":1,\"fade_in\":0") "]}]}}",
    };

    (void) state;

    a = plan(plain);
    forget_names(a);

    for (i = 0; i < 2; i++) {
        b = plan(others[i]);
        forget_names(b);
        assert_true(json_equal(segments(a), segments(b)));
        assert_true(json_equal(json_object_get(a, "sound"),
                               json_object_get(b, "sound")));
        json_decref(b);
    }

    json_decref(a);
}


/* What decides a pixel is in the key. */

static void
test_pictures_change_keys(void **state)
{
    size_t   i, k;
    char     have[40][65];
    json_t  *p;

#define BASE(head, c, m)  DOC(head, TRACK(COLOR(c, ",\"duration\":2" m)))
#define SHOT(m)           ONE(VIDEO(",\"duration\":2" m))
#define WORDS(a, m)                                                           \
    ONE("{\"asset\":{\"type\":\"text\",\"text\":\"Words\"" a "},"             \
        "\"duration\":2" m "}")

    static const char *const texts[] = {
        BASE("", "#fff", ""),
        BASE("", "#ffe", ""),
        BASE("", "#ffffff80", ""),
        BASE("\"background\":\"#111\",", "#fff", ""),
        BASE("\"width\":640,", "#fff", ""),
        BASE("\"height\":640,", "#fff", ""),
        BASE("\"fps\":29.97,", "#fff", ""),
        BASE("", "#fff", ",\"opacity\":0.5"),
        BASE("", "#fff", ",\"width\":100"),
        BASE("", "#fff", ",\"height\":\"50%\""),
        BASE("", "#fff", ",\"position\":\"top\",\"height\":100"),
        BASE("", "#fff", ",\"position\":{\"x\":4},\"height\":100"),
        BASE("", "#fff", ",\"offset\":{\"y\":-10}"),
        BASE("", "#fff", ",\"transition\":{\"in\":\"fade\"}"),
        BASE("", "#fff", ",\"transition\":{\"out\":\"fade\"}"),
        SHOT(""),
        SHOT(",\"in_point\":1"),
        SHOT(",\"fit\":\"contain\""),
        SHOT(",\"fit\":\"fill\""),
        ONE("{\"asset\":{\"type\":\"video\",\"src\":\"w.mp4\"},"
            "\"duration\":2}"),
        WORDS("", ""),
        WORDS(",\"font\":{\"size\":49}", ""),
        WORDS(",\"font\":{\"weight\":\"bold\"}", ""),
        WORDS(",\"font\":{\"style\":\"italic\"}", ""),
        WORDS(",\"font\":{\"color\":\"#ff0\"}", ""),
        WORDS(",\"font\":{\"family\":\"Noto Serif\"}", ""),
        WORDS(",\"background\":\"#00000080\"", ""),
        WORDS(",\"align\":\"left\"", ""),
        WORDS("", ",\"width\":300"),
        "{\"outputs\":[{\"quality\":\"high\"}],\"timeline\":{\"tracks\":["
        TRACK(COLOR("#fff", ",\"duration\":2")) "]}}",
    };

    (void) state;

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        p = plan(texts[i]);
        check_plan(p);
        assert_int_equal(json_array_size(segments(p)), 1);
        (void) strcpy(have[i], key_at(segments(p), 0));
        json_decref(p);

        for (k = 0; k < i; k++) {
            if (strcmp(have[k], have[i]) == 0) {
                fail_msg("one key for %s and %s", texts[k], texts[i]);
            }
        }
    }
}


static void
test_volume_is_no_picture(void **state)
{
    json_t  *a, *b;

    (void) state;

    a = plan(ONE(VIDEO(",\"duration\":8")));
    b = plan(ONE(VIDEO(",\"duration\":8,\"volume\":0.5,\"fade_in\":1")));
    assert_true(json_equal(segments(a), segments(b)));
    assert_string_not_equal(key_at(json_object_get(a, "sound"), 0),
                            key_at(json_object_get(b, "sound"), 0));
    json_decref(b);

    b = plan(ONE(VIDEO(",\"duration\":8,\"opacity\":0.5")));
    assert_true(json_equal(json_object_get(a, "sound"),
                           json_object_get(b, "sound")));
    assert_int_equal(in_common(segments(a), segments(b)), 0);
    json_decref(b);
    json_decref(a);
}


/* A title's words change only the segments that it is seen in. */

static void
test_text_touches_its_segments(void **state)
{
    size_t   i;
    json_t  *a, *b;

#define TITLED(t)                                                             \
    DOC("", TRACK(VIDEO(",\"duration\":60")) ","                              \
            TRACK(TEXT(t, ",\"start\":21,\"duration\":3") ","                 \
                  TEXT("Kept", ",\"start\":41,\"duration\":3")))

    (void) state;

    a = plan(TITLED("One"));
    b = plan(TITLED("Two"));
    check_plan(a);

    assert_int_equal(json_array_size(segments(a)), 12);
    assert_int_equal(json_array_size(segments(b)), 12);

    for (i = 0; i < 12; i++) {
        assert_int_equal(strcmp(key_at(segments(a), i), key_at(segments(b), i))
                         != 0, i == 4);
    }

    assert_true(json_equal(json_object_get(a, "sound"),
                           json_object_get(b, "sound")));
    json_decref(a);
    json_decref(b);
}


/* What is moved but looks the same keeps its keys. */

static void
test_moving_keeps_keys(void **state)
{
    json_t  *a, *b;

#define SCENES                                                                \
    COLOR("#100", ",\"duration\":4") "," COLOR("#200", ",\"duration\":5") "," \
    FADE("1") "," VIDEO(",\"in_point\":7.3,\"duration\":23")

    (void) state;

    a = plan(ONE(SCENES));
    check_plan(a);

    b = plan(ONE(COLOR("#abc", ",\"duration\":3.5") "," SCENES));
    check_plan(b);
    assert_int_equal(json_array_size(segments(b)),
                     json_array_size(segments(a)) + 1);
    assert_int_equal(in_common(segments(a), segments(b)),
                     json_array_size(segments(a)));
    json_decref(b);

    /* later on the time line, with nothing in front */

    b = plan(ONE(COLOR("#100", ",\"start\":2,\"duration\":4") ","
                 COLOR("#200", ",\"duration\":5") "," FADE("1") ","
                 VIDEO(",\"in_point\":7.3,\"duration\":23")));
    check_plan(b);
    assert_int_equal(in_common(segments(a), segments(b)),
                     json_array_size(segments(a)));
    json_decref(b);
    json_decref(a);
}


/* The grid of a long clip is counted in its source: a trim leaves it alone. */

static void
test_trim_keeps_keys(void **state)
{
    json_t  *a, *b;

    (void) state;

    a = plan(ONE(VIDEO(",\"in_point\":10,\"out_point\":70")));
    b = plan(ONE(VIDEO(",\"in_point\":12.4,\"out_point\":70")));
    check_plan(a);
    check_plan(b);
    assert_int_equal(json_array_size(segments(a)), 12);
    assert_int_equal(in_common(segments(b), segments(a)),
                     json_array_size(segments(b)) - 1);
    json_decref(b);

    b = plan(ONE(VIDEO(",\"in_point\":10,\"out_point\":66")));
    assert_int_equal(in_common(segments(b), segments(a)),
                     json_array_size(segments(b)) - 1);
    json_decref(b);
    json_decref(a);
}


/* A scene that is shown twice is rendered once. */

static void
test_same_scene_same_key(void **state)
{
    json_t  *p;

    (void) state;

    p = plan(ONE(COLOR("#f00", ",\"duration\":3") ","
                 COLOR("#0f0", ",\"duration\":2") ","
                 COLOR("#f00", ",\"duration\":3")));
    assert_int_equal(json_array_size(segments(p)), 3);
    assert_string_equal(key_at(segments(p), 0), key_at(segments(p), 2));
    assert_string_not_equal(key_at(segments(p), 0), key_at(segments(p), 1));
    json_decref(p);
}


/* A transition up to the length that is cut stands whole in one segment. */

static void
test_transition_whole(void **state)
{
    int      t, n;
    char     text[1000];
    size_t   i, k;
    json_t  *p, *layers, *l, *seg;

    (void) state;

    for (t = 1; t <= 180; t += 7) {
        (void) snprintf(text, sizeof(text),
                        ONE(VIDEO(",\"duration\":23") "," FADE("\"%df\"") ","
                            COLOR("#f00", ",\"duration\":13")), t);
        p = plan(text);
        check_plan(p);
        n = 0;

        json_array_foreach(segments(p), i, seg) {
            layers = json_object_get(json_object_get(seg, "spec"), "layers");
            json_array_foreach(layers, k, l) {
                if (strcmp(json_string_value(json_object_get(l, "type")),
                           "mix") == 0)
                {
                    n++;
                    assert_int_equal(number_of(l, "len"), t);
                    assert_int_equal(number_of(l, "at"), 0);
                }
            }
        }

        assert_int_equal(n, 1);
        json_decref(p);
    }

    /* one that is longer than a segment may be is cut, and goes on */

    p = plan(ONE(VIDEO(",\"duration\":60") "," FADE("30") ","
                 COLOR("#f00", ",\"duration\":60")));
    check_plan(p);
    n = 0;
    json_array_foreach(segments(p), i, seg) {
        layers = json_object_get(json_object_get(seg, "spec"), "layers");
        json_array_foreach(layers, k, l) {
            if (strcmp(json_string_value(json_object_get(l, "type")), "mix")
                == 0)
            {
                assert_int_equal(number_of(l, "at"), n);
                n += (int) number_of(l, "len");
            }
        }
    }
    assert_int_equal(n, 900);
    json_decref(p);
}


static void
test_random(void **state)
{
    int           i, k, n;
    char          text[6000];
    json_t       *p;
    unsigned int  seed = 3;

    static const char *const rates[] = { "30", "29.97", "23.976", "12.5", "1",
                                         "60", "7.25" };

    (void) state;

    for (i = 0; i < 400; i++) {
        n = sprintf(text, "{\"timeline\":{\"fps\":%s,\"tracks\":[{\"clips\":[",
                    rates[rand_r(&seed) % 7]);

        for (k = 0; k < 8; k++) {
            n += sprintf(text + n, "%s{\"asset\":{\"type\":%s},\"duration\":"
                         "%.3f}", k > 0 ? "," : "", rand_r(&seed) % 2
                         ? "\"color\",\"color\":\"#fff\""
                         : "\"video\",\"src\":\"v.mp4\"",
                         rand_r(&seed) % 4 == 0
                         ? rand_r(&seed) % 60000 / 1000.0 + 2.1
                         : rand_r(&seed) % 4000 / 1000.0 + 2.1);
            if (k < 7 && rand_r(&seed) % 3 == 0) {
                n += sprintf(text + n, "," FADE("1"));
            }
        }

        (void) sprintf(text + n, "]},{\"clips\":[" COLOR("#00f",
                       ",\"start\":1.7,\"duration\":\"end\",\"height\":10")
                       "]}]}}");

        p = plan(text);
        check_plan(p);
        json_decref(p);
    }
}


static void
test_short_ones_joined(void **state)
{
    int      i, n;
    char     text[4000];
    size_t   k;
    json_t  *p;

    (void) state;

    n = sprintf(text, "{\"timeline\":{\"tracks\":[{\"clips\":[");
    for (i = 0; i < 40; i++) {
        n += sprintf(text + n, "%s" COLOR("#fff", ",\"duration\":\"5f\""),
                     i ? "," : "");
    }
    (void) sprintf(text + n, "]}]}}");

    p = plan(text);
    check_plan(p);
    for (k = 0; k < json_array_size(segments(p)); k++) {
        assert_true(number_of(json_array_get(segments(p), k), "frames") >= 30);
    }
    json_decref(p);

    p = plan(ONE(COLOR("#fff", ",\"duration\":\"1f\"")));   /* cannot be */
    check_plan(p);
    assert_int_equal(number_of(p, "frames"), 1);
    json_decref(p);
}


static void
test_gap_is_background(void **state)
{
    json_t  *p;

    (void) state;

    p = plan(ONE(COLOR("#fff", ",\"start\":3,\"duration\":2")));
    check_plan(p);
    assert_int_equal(json_array_size(segments(p)), 2);
    assert_int_equal(json_array_size(json_object_get(spec_at(segments(p), 0),
                                                     "layers")), 0);
    json_decref(p);

    /* a film of sound alone has pictures, too */

    p = plan(DOC("", SOUND(AUDIO(",\"duration\":12"))));
    check_plan(p);
    assert_int_equal(number_of(p, "frames"), 360);
    json_decref(p);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_same_twice),
        cmocka_unit_test(test_names_change_nothing),
        cmocka_unit_test(test_pictures_change_keys),
        cmocka_unit_test(test_volume_is_no_picture),
        cmocka_unit_test(test_text_touches_its_segments),
        cmocka_unit_test(test_moving_keeps_keys),
        cmocka_unit_test(test_trim_keeps_keys),
        cmocka_unit_test(test_same_scene_same_key),
        cmocka_unit_test(test_transition_whole),
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_short_ones_joined),
        cmocka_unit_test(test_gap_is_background),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
