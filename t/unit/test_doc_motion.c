/*
 * The part of the composition that moves: what the parser takes and refuses of
 * keyframes, easing, crop, turns, speed, effects and shapes, each bound and
 * each wrong type by its JSON pointer, and what the timeline makes of it.
 */

#include "helpers.h"


#define VIDEO  "{\"type\":\"video\",\"src\":\"asset:" UUID_A "\"}"
#define IMAGE  "{\"type\":\"image\",\"src\":\"asset:" UUID_B "\"}"
#define AUDIO  "{\"type\":\"audio\",\"src\":\"asset:" UUID_A "\"}"
#define COLOR  "{\"type\":\"color\",\"color\":\"#fff\"}"
#define TEXT   "{\"type\":\"text\",\"text\":\"T\"}"
#define SHAPE  "{\"type\":\"shape\",\"shape\":\"ellipse\"}"

#define CLIP_AT  "/timeline/tracks/0/clips/0"


/* A document of one clip; members is "" or ",..." */

static const char *
one(const char *asset, const char *members)
{
    static char  text[200000];

    (void) snprintf(text, sizeof(text), "{\"timeline\":{\"fps\":30,\"tracks\":"
                    "[{%s\"clips\":[{\"asset\":%s%s}]}]}}",
                    strcmp(asset, AUDIO) == 0 ? "\"kind\":\"audio\"," : "",
                    asset, members);

    return text;
}


static rn_doc *
good(const char *asset, const char *members)
{
    return parse_good(one(asset, members), false);
}


static void
taken(const char *asset, const char *members)
{
    rn_doc_free(good(asset, members));
}


static const rn_clip *
clip_of(const rn_doc *d)
{
    return &d->tracks[0].clips[0];
}


/* Whether the problems are just this one. */

static void
check_problem(const rn_problems *ps, const char *pointer, const char *words,
    const char *text)
{
    char  full[200];

    (void) snprintf(full, sizeof(full), CLIP_AT "%s", pointer);

    if (ps->total != 1 || strcmp(ps->items[0].pointer, full) != 0
        || strstr(ps->items[0].detail, words) == NULL)
    {
        print_problems(ps);
        fail_msg("wanted %s: ...%s... of %.2000s", full, words, text);
    }
}


static void
bad(const char *asset, const char *members, const char *pointer,
    const char *words)
{
    rn_doc       *doc;
    const char   *text;
    rn_problems   ps;

    memset(&ps, 0, sizeof(ps));
    text = one(asset, members);

    if (rn_doc_parse(text, strlen(text), &rn_limits_default, false, &ps, &doc)
        != RN_E_INVALID)
    {
        fail_msg("taken: %.2000s", text);
    }

    assert_null(doc);
    check_problem(&ps, pointer, words, text);
    rn_problems_free(&ps);
}


/* The same member with many values, each refused. */

static void
bad_values(const char *asset, const char *fmt, const char *const *values,
    const char *pointer, const char *words)
{
    char  members[600];

    for ( /* void */ ; *values != NULL; values++) {
        (void) snprintf(members, sizeof(members), fmt, *values);
        bad(asset, members, pointer, words);
    }
}

#define BAD_VALUES(asset, fmt, pointer, words, ...)                           \
    bad_values(asset, fmt, (const char *const []) { __VA_ARGS__, NULL },      \
               pointer, words)

#define NO_NUMBER  "\"1\"", "null", "true", "[]", "{}", "\"\""


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


#define KEYS(name, keys)  ",\"keyframes\":{\"" name "\":[" keys "]}"
#define KEY(time, value)  "{\"time\":" time ",\"value\":" value "}"


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


#define EFFECT(e)  ",\"effects\":[" e "]"


static void
test_effects(void **state)
{
    size_t            i, k;
    char              members[300], pointer[100], words[100];
    rn_doc           *d;
    const rn_effect  *e;

    static const struct {
        const char      *name;
        rn_effect_type   type;
        struct {
            const char  *name;
            double       lo, hi, dflt;
        } p[5];
    } known[] = {
        { "blur", RN_EFFECT_BLUR, { { "radius", 0.1, 500, 8 } } },
        { "grayscale", RN_EFFECT_GRAYSCALE, { { NULL, 0, 0, 0 } } },
        { "sepia", RN_EFFECT_SEPIA, { { NULL, 0, 0, 0 } } },
        { "invert", RN_EFFECT_INVERT, { { NULL, 0, 0, 0 } } },
        { "color", RN_EFFECT_COLOR, { { "brightness", -1, 1, 0 },
          { "contrast", 0, 4, 1 }, { "saturation", 0, 3, 1 },
          { "gamma", 0.1, 10, 1 }, { "hue", -360, 360, 0 } } },
        { "sharpen", RN_EFFECT_SHARPEN, { { "amount", 0, 5, 1 } } },
        { "vignette", RN_EFFECT_VIGNETTE, { { "amount", 0, 1, 0.5 } } },
        { "mirror", RN_EFFECT_MIRROR, { { NULL, 0, 0, 0 } } },
        { "chroma-key", RN_EFFECT_CHROMA_KEY,
          { { "similarity", 0.01, 1, 0.15 }, { "blend", 0, 1, 0.1 } } },
        { "noise", RN_EFFECT_NOISE, { { "amount", 0, 1, 0.2 } } },
    };

    (void) state;

    for (i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        (void) snprintf(members, sizeof(members), EFFECT("{\"type\":\"%s\"}"),
                        known[i].name);
        d = good(VIDEO, members);
        assert_int_equal(clip_of(d)->n_effects, 1);
        e = clip_of(d)->effects;
        assert_int_equal(e->type, known[i].type);

        for (k = 0; k < 5 && known[i].p[k].name != NULL; k++) {
            assert_near(e->v[k], known[i].p[k].dflt, 0);
        }
        rn_doc_free(d);

        for (k = 0; k < 5 && known[i].p[k].name != NULL; k++) {
#define PARAMETER  EFFECT("{\"type\":\"invert\"},{\"type\":\"%s\",\"%s\":%.9g}")
#define WORD       EFFECT("{\"type\":\"invert\"},{\"type\":\"%s\",\"%s\":%s}")
            (void) snprintf(members, sizeof(members), PARAMETER, known[i].name,
                            known[i].p[k].name, known[i].p[k].lo);
            d = good(IMAGE, members);
            assert_int_equal(clip_of(d)->n_effects, 2);
            assert_near(clip_of(d)->effects[1].v[k], known[i].p[k].lo, 0);
            rn_doc_free(d);

            (void) snprintf(members, sizeof(members), PARAMETER, known[i].name,
                            known[i].p[k].name, known[i].p[k].hi);
            d = good(IMAGE, members);
            assert_near(clip_of(d)->effects[1].v[k], known[i].p[k].hi, 0);
            rn_doc_free(d);

            (void) snprintf(pointer, sizeof(pointer), "/effects/1/%s",
                            known[i].p[k].name);
            (void) snprintf(words, sizeof(words),
                            "must be a number from %g to %g",
                            known[i].p[k].lo, known[i].p[k].hi);

            (void) snprintf(members, sizeof(members), PARAMETER, known[i].name,
                            known[i].p[k].name, known[i].p[k].lo - 0.005);
            bad(IMAGE, members, pointer, words);
            (void) snprintf(members, sizeof(members), PARAMETER, known[i].name,
                            known[i].p[k].name, known[i].p[k].hi + 0.005);
            bad(IMAGE, members, pointer, words);
            (void) snprintf(members, sizeof(members), WORD, known[i].name,
                            known[i].p[k].name, "\"1\"");
            bad(IMAGE, members, pointer, words);
            (void) snprintf(members, sizeof(members), WORD, known[i].name,
                            known[i].p[k].name, "null");
            bad(IMAGE, members, pointer, words);
        }

        /* what another one has */

        (void) snprintf(members, sizeof(members), WORD, known[i].name,
                        "strength", "1");
        bad(VIDEO, members, "/effects/1/strength", "unknown field");
        if (known[i].type != RN_EFFECT_MIRROR) {
            (void) snprintf(members, sizeof(members), WORD, known[i].name,
                            "axis", "\"vertical\"");
            bad(VIDEO, members, "/effects/1/axis", "unknown field");
        }
        if (known[i].type != RN_EFFECT_CHROMA_KEY) {
            (void) snprintf(members, sizeof(members), WORD, known[i].name,
                            "color", "\"#fff\"");
            bad(VIDEO, members, "/effects/1/color", "unknown field");
        }
    }
}


static void
test_effect_words(void **state)
{
    int      i, n;
    char     members[800];
    rn_doc  *d;

    (void) state;

    d = good(VIDEO, EFFECT("{\"type\":\"mirror\"},{\"type\":\"mirror\",\"axis\""
             ":\"horizontal\"},{\"type\":\"mirror\",\"axis\":\"vertical\"}"));
    assert_near(clip_of(d)->effects[0].v[0], 0, 0);
    assert_near(clip_of(d)->effects[1].v[0], 0, 0);
    assert_near(clip_of(d)->effects[2].v[0], 1, 0);
    rn_doc_free(d);

    d = good(VIDEO, EFFECT("{\"type\":\"chroma-key\"},{\"type\":\"chroma-key\","
             "\"color\":\"#1234ab\"}"));
    assert_int_equal(clip_of(d)->effects[0].color, 0x00ff00ff);
    assert_int_equal(clip_of(d)->effects[1].color, 0x1234abff);
    rn_doc_free(d);

    BAD_VALUES(VIDEO, EFFECT("{\"type\":\"mirror\",\"axis\":%s}"),
               "/effects/0/axis", "must be one of \"horizontal\"", "\"both\"",
               "1", "null", "[]");
    BAD_VALUES(VIDEO, EFFECT("{\"type\":\"chroma-key\",\"color\":%s}"),
               "/effects/0/color", "must be a colour", "\"green\"", "1",
               "null");
    BAD_VALUES(VIDEO, EFFECT("{\"type\":%s}"), "/effects/0/type",
               "must be one of \"blur\", \"grayscale\"", "\"glow\"", "1",
               "null", "[]");
    bad(VIDEO, EFFECT("{\"type\":\"grayscal\"}"), "/effects/0/type",
        "did you mean \"grayscale\"");
    bad(VIDEO, EFFECT("{\"radius\":3}"), "/effects/0", "needs a \"type\"");
    BAD_VALUES(VIDEO, EFFECT("%s"), "/effects/0", "must be an object",
               "\"blur\"", "1", "null", "[]");
    BAD_VALUES(VIDEO, ",\"effects\":%s", "/effects",
               "must be an array of effects", "{}", "\"blur\"", "null", "1");

    n = sprintf(members, ",\"effects\":[");
    for (i = 0; i < RN_EFFECTS_MAX; i++) {
        n += sprintf(members + n, "%s{\"type\":\"blur\"}", i ? "," : "");
    }
    (void) sprintf(members + n, "]");
    d = good(VIDEO, members);
    assert_int_equal(clip_of(d)->n_effects, 8);
    rn_doc_free(d);

    (void) sprintf(members + n, ",{\"type\":\"blur\"}]");
    bad(VIDEO, members, "/effects", "may hold at most 8 effects");
}


static void
test_shapes(void **state)
{
    size_t           i;
    char             asset[300];
    rn_doc          *d;
    const rn_asset  *a;

    static const char *const  kinds[] = {
        [RN_SHAPE_RECTANGLE] = "rectangle", [RN_SHAPE_ELLIPSE] = "ellipse",
        [RN_SHAPE_TRIANGLE] = "triangle", [RN_SHAPE_STAR] = "star",
        [RN_SHAPE_LINE] = "line",
    };

    (void) state;

    for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        (void) snprintf(asset, sizeof(asset),
                        "{\"type\":\"shape\",\"shape\":\"%s\"}", kinds[i]);
        d = good(asset, "");
        a = &clip_of(d)->asset;
        assert_int_equal(a->type, RN_ASSET_SHAPE);
        assert_int_equal(a->shape, i);
        assert_int_equal(a->color, 0xffffffff);
        assert_near(a->stroke_width, 0, 0);
        assert_int_equal(a->points, 5);
        assert_int_equal(a->ref, -1);
        rn_doc_free(d);
    }

#define STAR(members)  "{\"type\":\"shape\",\"shape\":\"star\"," members "}"

    d = good(STAR("\"fill\":\"#11223344\",\"stroke\":{\"color\":\"#abc\","
             "\"width\":500},\"points\":100"), "");
    a = &clip_of(d)->asset;
    assert_int_equal(a->color, 0x11223344);
    assert_int_equal(a->stroke, 0xaabbccff);
    assert_near(a->stroke_width, 500, 0);
    assert_int_equal(a->points, 100);
    rn_doc_free(d);

    d = good(STAR("\"stroke\":{},\"points\":3"), "");
    a = &clip_of(d)->asset;
    assert_int_equal(a->stroke, 0xffffffff);
    assert_near(a->stroke_width, 4, 0);
    assert_int_equal(a->points, 3);
    rn_doc_free(d);

    bad(STAR("\"points\":2"), "", "/asset/points", "from 3 to 100");
    bad(STAR("\"points\":101"), "", "/asset/points", "from 3 to 100");
    bad(STAR("\"points\":5.0"), "", "/asset/points", "whole number");
    bad(STAR("\"points\":\"5\""), "", "/asset/points", "whole number");
    bad(STAR("\"points\":4294967301"), "", "/asset/points", "from 3 to 100");
    bad(STAR("\"fill\":\"red\""), "", "/asset/fill", "must be a colour");
    bad(STAR("\"stroke\":4"), "", "/asset/stroke", "must be an object");
    bad(STAR("\"stroke\":{\"width\":-1}"), "", "/asset/stroke/width",
        "must be a number from 0 to 500");
    bad(STAR("\"stroke\":{\"width\":501}"), "", "/asset/stroke/width",
        "must be a number from 0 to 500");
    bad(STAR("\"stroke\":{\"color\":1}"), "", "/asset/stroke/color",
        "must be a colour");
    bad(STAR("\"stroke\":{\"dash\":1}"), "", "/asset/stroke/dash",
        "unknown field");
    bad(STAR("\"color\":\"#fff\""), "", "/asset/color",
        "it has \"fill\" and \"stroke\"");
    bad(STAR("\"text\":\"x\""), "", "/asset/text", "only a text has");
    bad(STAR("\"src\":\"asset:" UUID_A "\""), "", "/asset/src",
        "has no source");
    bad("{\"type\":\"shape\"}", "", "/asset", "needs a \"shape\"");
    bad("{\"type\":\"shape\",\"shape\":\"hexagon\"}", "", "/asset/shape",
        "must be one of \"rectangle\", \"ellipse\"");
    bad("{\"type\":\"color\",\"color\":\"#fff\",\"fill\":\"#fff\"}", "",
        "/asset/fill", "only a shape has \"fill\"");
    bad("{\"type\":\"color\",\"color\":\"#fff\",\"stroke\":{}}", "",
        "/asset/stroke", "only a shape, a text or a caption has \"stroke\"");
    bad("{\"type\":\"text\",\"text\":\"T\",\"points\":5}", "",
        "/asset/points", "only a shape has \"points\"");
}


static void
test_all_at_once(void **state)
{
    rn_doc       *doc;
    const char   *text;
    rn_problems   ps;

    (void) state;

    memset(&ps, 0, sizeof(ps));
    text = one(VIDEO, ",\"speed\":9,\"scale\":-1,\"crop\":{\"width\":0,\"x\":"
               "-1},\"effects\":[{\"type\":\"blur\",\"radius\":0},{\"type\":"
               "\"x\"}],\"keyframes\":{\"opacity\":[{\"time\":-1,\"value\":2,"
               "\"easing\":\"no\"}],\"rotate\":[]}");

    assert_int_equal(rn_doc_parse(text, strlen(text), &rn_limits_default,
                                  false, &ps, &doc), RN_E_INVALID);
    assert_int_equal(ps.total, 10);
    assert_non_null(detail_at(&ps, CLIP_AT "/speed"));
    assert_non_null(detail_at(&ps, CLIP_AT "/scale"));
    assert_non_null(detail_at(&ps, CLIP_AT "/crop/width"));
    assert_non_null(detail_at(&ps, CLIP_AT "/crop/x"));
    assert_non_null(detail_at(&ps, CLIP_AT "/effects/0/radius"));
    assert_non_null(detail_at(&ps, CLIP_AT "/effects/1/type"));
    assert_non_null(detail_at(&ps, CLIP_AT "/keyframes/opacity/0/time"));
    assert_non_null(detail_at(&ps, CLIP_AT "/keyframes/opacity/0/value"));
    assert_non_null(detail_at(&ps, CLIP_AT "/keyframes/opacity/0/easing"));
    assert_non_null(detail_at(&ps, CLIP_AT "/keyframes/rotate"));
    rn_problems_free(&ps);
}


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
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_crop),
        cmocka_unit_test(test_meaning),
        cmocka_unit_test(test_keyframes),
        cmocka_unit_test(test_key_values),
        cmocka_unit_test(test_easing),
        cmocka_unit_test(test_many_keys),
        cmocka_unit_test(test_effects),
        cmocka_unit_test(test_effect_words),
        cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_all_at_once),
        cmocka_unit_test(test_speed),
        cmocka_unit_test(test_until_the_end),
        cmocka_unit_test(test_key_times),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
