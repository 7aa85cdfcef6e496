/*
 * The part of the composition that moves: what the parser takes and refuses of
 * numbers, crop, keyframes and easing, each bound and each wrong type by its
 * JSON pointer.
 */

#include "motion_helpers.h"


static void
test_defaults(void **state)
{
    int             m;
    rn_doc         *d;
    const rn_clip  *c;

    (void) state;

    d = good(VIDEO, "");
    c = clip_of(d);
    assert_near(c->speed, 1, 0);
    assert_near(c->rotate, 0, 0);
    assert_near(c->scale, 1, 0);
    assert_false(c->crop[0].set || c->crop[2].set || c->radius.set);
    assert_int_equal(c->n_effects, 0);

    for (m = 0; m < RN_MOVES; m++) {
        assert_int_equal(c->moves[m].n, 0);
    }

    rn_doc_free(d);
}


static void
test_numbers(void **state)
{
    int             i;
    rn_doc         *d;
    const rn_clip  *c;

    static const char *const  edges[] = {
        ",\"speed\":0.25,\"rotate\":-36000,\"scale\":0,\"radius\":0",
        ",\"speed\":4,\"rotate\":36000,\"scale\":20,\"radius\":\"50%\"",
        ",\"speed\":1.375,\"rotate\":-0.5,\"scale\":1e-3,\"radius\":12.5",
        ",\"speed\":1.0004,\"radius\":1",   /* in thousandths */
    };

    static const double  values[4][4] = {
        { 0.25, -36000, 0, 0 }, { 4, 36000, 20, 50 },
        { 1.375, -0.5, 0.001, 12.5 }, { 1, 0, 1, 1 },
    };

    (void) state;

    for (i = 0; i < 4; i++) {
        d = good(VIDEO, edges[i]);
        c = clip_of(d);
        assert_near(c->speed, values[i][0], 0);
        assert_near(c->rotate, values[i][1], 0);
        assert_near(c->scale, values[i][2], 0);
        assert_true(c->radius.set);
        assert_int_equal(c->radius.percent, i == 1);
        assert_near(c->radius.value, values[i][3], 0);
        rn_doc_free(d);
    }

    BAD_VALUES(VIDEO, ",\"speed\":%s", "/speed",
               "must be a number from 0.25 to 4", NO_NUMBER, "0", "-1",
               "0.2499", "4.0001", "1e9");
    BAD_VALUES(VIDEO, ",\"rotate\":%s", "/rotate",
               "must be a number from -36000 to 36000", NO_NUMBER, "36000.1",
               "-36001", "1e300", "\"90deg\"");
    BAD_VALUES(VIDEO, ",\"scale\":%s", "/scale",
               "must be a number from 0 to 20", NO_NUMBER, "-0.001", "20.001",
               "\"50%\"");
    BAD_VALUES(VIDEO, ",\"radius\":%s", "/radius", "must not be less than 0",
               "-1", "\"-1%\"", "-0.001");
    BAD_VALUES(VIDEO, ",\"radius\":%s", "/radius", "must be px", NO_NUMBER,
               "\"50\"", "\"50px\"", "\"%\"");
}


static void
test_crop(void **state)
{
    rn_doc           *d;
    const rn_length  *l;

    (void) state;

    d = good(IMAGE, ",\"crop\":{\"x\":10,\"y\":\"12.5%\",\"width\":\"75%\","
             "\"height\":0.5}");
    l = clip_of(d)->crop;
    assert_true(l[0].set && l[1].set && l[2].set && l[3].set);
    assert_true(!l[0].percent && l[1].percent && l[2].percent
                && !l[3].percent);
    assert_near(l[0].value, 10, 0);
    assert_near(l[1].value, 12.5, 0);
    assert_near(l[2].value, 75, 0);
    assert_near(l[3].value, 0.5, 0);
    rn_doc_free(d);

    d = good(VIDEO, ",\"crop\":{\"width\":320}");       /* the rest is all */
    l = clip_of(d)->crop;
    assert_true(l[0].set && l[1].set && l[3].set);
    assert_near(l[0].value, 0, 0);
    assert_near(l[1].value, 0, 0);
    assert_true(!l[2].percent && l[3].percent);
    assert_near(l[2].value, 320, 0);
    assert_near(l[3].value, 100, 0);
    rn_doc_free(d);

    taken(VIDEO, ",\"crop\":{}");

    BAD_VALUES(VIDEO, ",\"crop\":%s", "/crop", "must be an object", "1", "[]",
               "null", "\"50%\"", "true");
    BAD_VALUES(VIDEO, ",\"crop\":{\"x\":%s}", "/crop/x",
               "must not be less than 0", "-1", "\"-0.5%\"");
    BAD_VALUES(VIDEO, ",\"crop\":{\"y\":%s}", "/crop/y",
               "must not be less than 0", "-1", "\"-0.5%\"");
    BAD_VALUES(VIDEO, ",\"crop\":{\"width\":%s}", "/crop/width",
               "must be more than 0", "0", "-1", "\"0%\"", "\"-5%\"");
    BAD_VALUES(VIDEO, ",\"crop\":{\"height\":%s}", "/crop/height",
               "must be more than 0", "0", "-1", "\"0%\"", "\"-5%\"");
    BAD_VALUES(VIDEO, ",\"crop\":{\"x\":%s}", "/crop/x", "must be px",
               "null", "\"left\"", "{}", "[]", "true");
    bad(VIDEO, ",\"crop\":{\"w\":1}", "/crop/w", "unknown field");
}


/* Which of them have which fields, also as what moves. */

static void
test_meaning(void **state)
{
    int     k, t;
    bool    has;
    char    members[400], pointer[80], words[80];
    size_t  i;

    static const char *const  assets[] = { VIDEO, IMAGE, AUDIO, COLOR, TEXT,
                                           SHAPE };
    static const char *const  names[] = { "video", "image", "audio", "color",
                                          "text", "shape" };

    static const struct {
        const char  *name, *value;
        bool         moves;
        const char  *types;             /* first letters; C: color */
    } fields[] = {
        { "in_point",   "0", false, "va" },
        { "out_point",  "1", false, "va" },
        { "speed",      "2", false, "va" },
        { "volume",     "0.5", true, "va" },
        { "fade_in",    "0", false, "va" },
        { "fade_out",   "0", false, "va" },
        { "fit",        "\"contain-blur\"", false, "vi" },
        { "crop",       "{\"x\":1}", true, "vi" },
        { "effects",    "[]", false, "vi" },
        { "radius",     "3", false, "vic" },
        { "height",     "30", true, "vics" },
        { "width",      "30", true, "victs" },
        { "position",   "{\"x\":1,\"y\":2}", true, "victs" },
        { "offset",     "{\"x\":1}", true, "victs" },
        { "opacity",    "0.5", true, "victs" },
        { "rotate",     "30", true, "victs" },
        { "scale",      "0.5", true, "victs" },
        { "transition", "{}", false, "victs" },
    };

    (void) state;

    for (i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        for (t = 0; t < 6; t++) {
            has = strchr(fields[i].types, names[t][0]) != NULL;
            (void) snprintf(words, sizeof(words),
                            "has no meaning for a clip of type \"%s\"",
                            names[t]);

            if (t == 4 && strcmp(fields[i].name, "height") == 0) {
                (void) snprintf(words, sizeof(words), "has no meaning for a "
                                "text that does not shrink");
            }

            for (k = 0; k < (fields[i].moves ? 2 : 1); k++) {
                if (k == 1 && t == 4 && (strcmp(fields[i].name, "width") == 0
                                         || strcmp(fields[i].name, "height")
                                            == 0))
                {
                    (void) snprintf(members, sizeof(members),
                                    ",\"keyframes\":{\"%s\":[{\"time\":0,"
                                    "\"value\":30}]}", fields[i].name);
                    (void) snprintf(pointer, sizeof(pointer),
                                    "/keyframes/%s", fields[i].name);
                    bad(TEXT, members, pointer, "of a text does not move");
                    continue;
                }

                (void) snprintf(members, sizeof(members), k
                                ? ",\"keyframes\":{\"%s\":[{\"time\":0,"
                                  "\"value\":%s}]}" : ",\"%s\":%s",
                                fields[i].name, fields[i].value);
                (void) snprintf(pointer, sizeof(pointer), "%s/%s",
                                k ? "/keyframes" : "", fields[i].name);

                if (has) {
                    taken(assets[t], members);
                } else {
                    bad(assets[t], members, pointer, words);
                }
            }
        }
    }
}


static void
test_keyframes(void **state)
{
    rn_doc              *d;
    const rn_clip       *c;
    const rn_keyframes  *k;

    (void) state;

    d = good(VIDEO, ",\"keyframes\":{"
             "\"opacity\":[" KEY("0", "0") "," KEY("\"12f\"", "1") ","
             KEY("\"end\"", "0.5") "],"
             "\"volume\":[" KEY("0.5", "\"-6dB\"") "],"
             "\"rotate\":[" KEY("0", "-36000") "," KEY("1", "36000") "],"
             "\"scale\":[" KEY("0", "0") "," KEY("1", "20") "],"
             "\"width\":[" KEY("0", "\"50%\"") "],"
             "\"height\":[" KEY("0", "120.5") "],"
             "\"position\":[" KEY("0", "{\"x\":-10,\"y\":\"20%\"}") "],"
             "\"offset\":[" KEY("0", "{\"y\":7}") "],"
             "\"crop\":[" KEY("0", "{\"width\":\"50%\"}") ","
             KEY("2", "{\"x\":1,\"y\":2,\"width\":3,\"height\":4}") "]}");
    c = clip_of(d);

    k = &c->moves[RN_MOVE_OPACITY];
    assert_int_equal(k->n, 3);
    assert_int_equal(k->keys[0].time.kind, RN_TIME_SECONDS);
    assert_int_equal(k->keys[1].time.kind, RN_TIME_FRAMES);
    assert_int_equal(k->keys[1].time.frames, 12);
    assert_int_equal(k->keys[2].time.kind, RN_TIME_END);
    assert_near(k->keys[2].v[0].value, 0.5, 0);
    assert_false(k->keys[1].step || k->keys[1].curved);

    assert_near(c->moves[RN_MOVE_VOLUME].keys[0].time.seconds, 0.5, 0);
    assert_near(c->moves[RN_MOVE_VOLUME].keys[0].v[0].value, pow(10, -0.3),
                1e-12);
    assert_near(c->moves[RN_MOVE_ROTATE].keys[1].v[0].value, 36000, 0);
    assert_near(c->moves[RN_MOVE_SCALE].keys[1].v[0].value, 20, 0);
    assert_true(c->moves[RN_MOVE_WIDTH].keys[0].v[0].percent);
    assert_near(c->moves[RN_MOVE_HEIGHT].keys[0].v[0].value, 120.5, 0);

    k = &c->moves[RN_MOVE_POSITION];
    assert_near(k->keys[0].v[0].value, -10, 0);
    assert_true(k->keys[0].v[1].percent);
    assert_near(k->keys[0].v[1].value, 20, 0);
    assert_near(c->moves[RN_MOVE_OFFSET].keys[0].v[0].value, 0, 0);
    assert_near(c->moves[RN_MOVE_OFFSET].keys[0].v[1].value, 7, 0);

    k = &c->moves[RN_MOVE_CROP];
    assert_int_equal(k->n, 2);
    assert_near(k->keys[0].v[0].value, 0, 0);
    assert_near(k->keys[0].v[3].value, 100, 0);
    assert_true(k->keys[0].v[3].percent);
    assert_near(k->keys[1].v[0].value, 1, 0);
    assert_near(k->keys[1].v[3].value, 4, 0);
    rn_doc_free(d);

    taken(VIDEO, ",\"keyframes\":{}");

    BAD_VALUES(VIDEO, ",\"keyframes\":%s", "/keyframes", "must be an object",
               "1", "[]", "null", "\"x\"");
    bad(VIDEO, KEYS("opacty", KEY("0", "1")), "/keyframes/opacty",
        "did you mean \"opacity\"");
    bad(VIDEO, KEYS("radius", KEY("0", "1")), "/keyframes/radius",
        "unknown field");
    bad(VIDEO, KEYS("speed", KEY("0", "1")), "/keyframes/speed",
        "unknown field");
    bad(VIDEO, KEYS("fit", KEY("0", "1")), "/keyframes/fit", "unknown field");

    BAD_VALUES(VIDEO, ",\"keyframes\":{\"opacity\":%s}", "/keyframes/opacity",
               "must be an array of at least one keyframe", "[]", "1", "{}",
               "null", "\"x\"");
    BAD_VALUES(VIDEO, KEYS("opacity", KEY("0", "1") ",%s"),
               "/keyframes/opacity/1", "must be an object", "1", "[0,1]",
               "null", "\"x\"");
    BAD_VALUES(VIDEO, KEYS("opacity", "%s"), "/keyframes/opacity/0",
               "needs a \"time\" and a \"value\"", "{}", "{\"time\":1}",
               "{\"value\":1}");
    bad(VIDEO, KEYS("opacity", "{\"time\":1,\"value\":1,\"ease\":\"linear\"}"),
        "/keyframes/opacity/0/ease", "unknown field");

    BAD_VALUES(VIDEO, KEYS("opacity", "{\"time\":%s,\"value\":1}"),
               "/keyframes/opacity/0/time", "must be seconds", "-1", "null",
               "[]", "{}", "true", "\"auto\"", "\"x\"", "\"1\"", "\"-1f\"",
               "\"1.5f\"", "1e12");
    bad(VIDEO, KEYS("opacity", "{\"time\":\"auto\",\"value\":1}"),
        "/keyframes/opacity/0/time", "or \"end\"");
}


static void
test_key_values(void **state)
{
    (void) state;

#define VALUE_AT(name)  "/keyframes/" name "/0/value"
#define BAD_KEYS(name, words, ...)                                            \
    BAD_VALUES(VIDEO, KEYS(name, "{\"time\":0,\"value\":%s}"),                \
               VALUE_AT(name), words, __VA_ARGS__)

    BAD_KEYS("opacity", "must be a number from 0 to 1", NO_NUMBER, "-0.01",
             "1.01", "\"50%\"");
    BAD_KEYS("volume", "must be a number from 0 to 1", "-0.01", "1.01", "7");
    BAD_KEYS("volume", "decibels", "\"13dB\"", "\"-91dB\"", "null", "\"1\"",
             "[]");
    BAD_KEYS("rotate", "must be a number from -36000 to 36000", NO_NUMBER,
             "36000.5", "-36000.5");
    BAD_KEYS("scale", "must be a number from 0 to 20", NO_NUMBER, "-0.1",
             "20.1");
    BAD_KEYS("width", "must be more than 0", "0", "-3", "\"0%\"",
             "\"-1%\"");
    BAD_KEYS("width", "must be px", NO_NUMBER);
    BAD_KEYS("height", "must be more than 0", "0", "-3", "\"0%\"",
             "\"-1%\"");
    BAD_KEYS("height", "must be px", NO_NUMBER);
    BAD_KEYS("position", "must be {\"x\", \"y\"} where it moves",
             "\"center\"", "\"top-left\"", "\"x\"");
    BAD_KEYS("position", "must be an object", "1", "[1,2]", "null");
    BAD_KEYS("offset", "must be an object", "1", "[1,2]", "null");
    BAD_KEYS("crop", "must be an object", "1", "[0,0,1,1]", "null");

    bad(VIDEO, KEYS("position", KEY("0", "{\"z\":1}")),
        VALUE_AT("position") "/z", "unknown field");
    bad(VIDEO, KEYS("offset", KEY("0", "{\"x\":\"1\"}")),
        VALUE_AT("offset") "/x", "must be px");
    bad(VIDEO, KEYS("crop", KEY("0", "{\"width\":0}")),
        VALUE_AT("crop") "/width", "must be more than 0");
    bad(VIDEO, KEYS("crop", KEY("0", "{\"y\":-1}")), VALUE_AT("crop") "/y",
        "must not be less than 0");
}


static void
test_easing(void **state)
{
    size_t              i;
    char                members[300];
    rn_doc             *d;
    const rn_keyframe  *k;

    static const struct {
        const char  *easing;
        bool         step, curved;
        int          curve[4];
    } known[] = {
        { "\"linear\"", false, false, { 0 } },
        { "\"step\"", true, false, { 0 } },
        { "\"ease\"", false, true, { 250, 100, 250, 1000 } },
        { "\"ease-in\"", false, true, { 420, 0, 1000, 1000 } },
        { "\"ease-out\"", false, true, { 0, 0, 580, 1000 } },
        { "\"ease-in-out\"", false, true, { 420, 0, 580, 1000 } },
        { "[0.1,-10,1,10]", false, true, { 100, -10000, 1000, 10000 } },
        { "[0,0,1,1]", false, true, { 0, 0, 1000, 1000 } },
        { "[0.68,-0.55,0.265,1.55]", false, true, { 680, -550, 265, 1550 } },
    };

    (void) state;

    for (i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        (void) snprintf(members, sizeof(members), KEYS("rotate",
                        "{\"time\":1,\"value\":2,\"easing\":%s}"),
                        known[i].easing);
        d = good(VIDEO, members);
        k = clip_of(d)->moves[RN_MOVE_ROTATE].keys;
        assert_int_equal(k->step, known[i].step);
        assert_int_equal(k->curved, known[i].curved);
        assert_memory_equal(k->ease, known[i].curve, sizeof(k->ease));
        rn_doc_free(d);
    }

#define EASING_AT  "/keyframes/rotate/0/easing"
#define EASING     KEYS("rotate", "{\"time\":1,\"value\":2,\"easing\":%s}")

    BAD_VALUES(VIDEO, EASING, EASING_AT, "must be the numbers x1, y1, x2, y2",
               "[]", "[0,0,1]", "[0,0,1,1,1]", "[-0.1,0,1,1]", "[0,0,1.1,1]",
               "[0,10.1,1,1]", "[0,0,1,-10.1]", "[0,0,\"1\",1]",
               "[null,0,1,1]", "[[0,0,1,1]]", "[0,0,1,true]");
    BAD_VALUES(VIDEO, EASING, EASING_AT, "must be one of \"linear\"",
               "\"cubic-bezier(0,0,1,1)\"", "\"bounce\"", "1", "null", "{}",
               "true");
    bad(VIDEO, KEYS("rotate", "{\"time\":1,\"value\":2,\"easing\":"
        "\"ease-inout\"}"), EASING_AT, "did you mean \"ease-in-out\"");
}


static void
test_many_keys(void **state)
{
    int      i, n, count;
    char    *members;
    rn_doc  *d;

    (void) state;

    members = malloc(100000);
    assert_non_null(members);

    for (count = RN_KEYFRAMES_MAX; count <= RN_KEYFRAMES_MAX + 1; count++) {
        n = sprintf(members, ",\"keyframes\":{\"scale\":[");
        for (i = 0; i < count; i++) {
            n += sprintf(members + n, "%s" KEY("\"%df\"", "0.%03d"),
                         i ? "," : "", i, i % 1000);
        }
        (void) sprintf(members + n, "]}");

        if (count > RN_KEYFRAMES_MAX) {
            bad(IMAGE, members, "/keyframes/scale",
                "may hold at most 1000 keyframes");
        } else {
            d = good(IMAGE, members);
            assert_int_equal(clip_of(d)->moves[RN_MOVE_SCALE].n, 1000);
            rn_doc_free(d);
        }
    }

    free(members);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_crop),
        cmocka_unit_test(test_meaning),
        cmocka_unit_test(test_keyframes),
        cmocka_unit_test(test_key_values),
        cmocka_unit_test(test_easing),
        cmocka_unit_test(test_many_keys),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
