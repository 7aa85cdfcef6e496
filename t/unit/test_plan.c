/*
 * The planner: segments that cover the film once, keys that change with what
 * is seen or heard and with nothing else, and what it refuses.
 */

#include "helpers.h"


#define COLOR(c, members)                                                     \
    "{\"asset\":{\"type\":\"color\",\"color\":\"" c "\"}" members "}"
#define VIDEO(members)                                                        \
    "{\"asset\":{\"type\":\"video\",\"src\":\"v.mp4\"}" members "}"
#define AUDIO(members)                                                        \
    "{\"asset\":{\"type\":\"audio\",\"src\":\"v.mp4\"}" members "}"
#define TEXT(t, members)                                                      \
    "{\"asset\":{\"type\":\"text\",\"text\":\"" t "\"}" members "}"
#define FADE(t)                                                               \
    "{\"type\":\"transition\",\"transition_type\":\"fade\",\"duration\":" t "}"

#define DOC(head, tracks)  "{\"timeline\":{" head "\"tracks\":[" tracks "]}}"
#define TRACK(clips)       "{\"clips\":[" clips "]}"
#define SOUND(clips)       "{\"kind\":\"audio\",\"clips\":[" clips "]}"
#define ONE(clips)         DOC("", TRACK(clips))


/* Facts of whatever a document names: 120 s of 640x360 with sound. */

static void
make_facts(const rn_doc *doc, rn_facts *facts)
{
    size_t  i;

    for (i = 0; i < doc->n_refs; i++) {
        memset(&facts[i], 0, sizeof(rn_facts));
        facts[i].known = facts[i].has_video = facts[i].has_audio = true;
        (void) strcpy(facts[i].kind, "video");
        facts[i].duration = 120;
        facts[i].width = 640;
        facts[i].height = 360;
        rn_sha256_hex(doc->refs[i].src, strlen(doc->refs[i].src),
                      facts[i].sha256);
    }
}


static json_t *
plan(const char *text)
{
    rn_doc   *doc;
    rn_facts  facts[8];

    doc = parse_good(text, true);
    make_facts(doc, facts);
    rn_doc_free(doc);

    return plan_good(text, facts);
}


static json_t *
segments(json_t *p)
{
    return json_object_get(p, "segments");
}


static json_t *
spec_at(json_t *pieces, size_t i)
{
    return json_object_get(json_array_get(pieces, i), "spec");
}


static bool
has_key(json_t *pieces, const char *key)
{
    size_t  i;

    for (i = 0; i < json_array_size(pieces); i++) {
        if (strcmp(key_at(pieces, i), key) == 0) {
            return true;
        }
    }

    return false;
}


/* How many pieces of a are in b as well. */

static size_t
in_common(json_t *a, json_t *b)
{
    size_t  i, n;

    for (i = 0, n = 0; i < json_array_size(a); i++) {
        n += has_key(b, key_at(a, i));
    }

    return n;
}


/* What holds of every plan. */

static void
check_plan(json_t *p)
{
    char      hex[65];
    size_t    i, k;
    json_t   *canvas, *list, *layers, *s, *l;
    double    fps;
    int64_t   at, frames, from, len, packets;

    canvas = json_object_get(p, "canvas");
    fps = (double) json_integer_value(json_array_get(canvas, 2))
          / (double) json_integer_value(json_array_get(canvas, 3));

    list = segments(p);
    at = 0;

    json_array_foreach(list, i, s) {
        frames = number_of(s, "frames");
        at += frames;

        assert_int_equal(number_of(s, "number"), i);
        assert_true(frames >= 1);
        assert_true((double) frames <= 10 * fps + 0.5);
        assert_true(json_real_value(json_object_get(s, "cost")) > 0);

        s = spec_at(list, i);
        assert_int_equal(number_of(s, "frames"), frames);
        assert_true(json_equal(json_object_get(s, "canvas"), canvas));
        assert_int_equal(number_of(s, "engine"), number_of(p, "engine"));
        assert_true(rn_spec_key(s, hex));
        assert_string_equal(hex, key_at(list, i));

        layers = json_object_get(s, "layers");
        json_array_foreach(layers, k, l) {
            from = number_of(l, "from");
            len = number_of(l, "len");
            assert_true(from >= 0 && len >= 1 && from + len <= frames);

            if (strcmp(json_string_value(json_object_get(l, "type")), "mix")
                == 0)
            {
                assert_int_equal(number_of(json_object_get(l, "a"), "from"),
                                 from);
                assert_int_equal(number_of(json_object_get(l, "b"), "len"),
                                 len);
            }
        }
    }

    assert_int_equal(at, number_of(p, "frames"));

    list = json_object_get(p, "sound");
    packets = 0;

    json_array_foreach(list, i, s) {
        packets += number_of(s, "frames");
        assert_int_equal(number_of(s, "number"), i);
        s = spec_at(list, i);
        assert_int_equal(number_of(s, "skip"), i == 0 ? 0
                         : rn_codec_of(RN_CODEC_AAC)->preroll);
        assert_true(rn_spec_key(s, hex));
        assert_string_equal(hex, key_at(list, i));
    }

    if (packets > 0) {
        assert_int_equal(packets, (number_of(p, "samples") + 1023) / 1024 + 1);
    }
}


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
        cmocka_unit_test(test_sound_pieces),
        cmocka_unit_test(test_sound_touches_its_pieces),
        cmocka_unit_test(test_edges_without_clicks),
        cmocka_unit_test(test_head),
        cmocka_unit_test(test_poster),
        cmocka_unit_test(test_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
