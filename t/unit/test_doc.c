/*
 * The parser of compositions: every field it takes and what it becomes, every
 * refusal with its exact JSON pointer and all of them at once, limits, and
 * documents that are odd, deep, damaged or cut anywhere.
 */

#include "helpers.h"


#define CLIP   "{\"asset\":{\"type\":\"color\",\"color\":\"#fff\"}"
#define VIDEO  "{\"asset\":{\"type\":\"video\",\"src\":\"asset:" UUID_A "\"}"

#define IN_TIMELINE(members)                                                  \
    "{\"timeline\":{" members ",\"tracks\":[{\"clips\":[" CLIP "}]}]}}"
#define IN_ROOT(members)                                                      \
    "{\"timeline\":{\"tracks\":[{\"clips\":[" CLIP "}]}]}," members "}"
#define IN_CLIP(members)                                                      \
    "{\"timeline\":{\"tracks\":[{\"clips\":[" CLIP "," members "}]}]}}"
#define IN_VIDEO(members)                                                     \
    "{\"timeline\":{\"tracks\":[{\"clips\":[" VIDEO "," members "}]}]}}"
#define WITH_ASSET(asset)                                                     \
    "{\"timeline\":{\"tracks\":[{\"clips\":[{\"asset\":" asset "}]}]}}"
#define IN_TEXT(members)                                                      \
    WITH_ASSET("{\"type\":\"text\",\"text\":\"T\"," members "}")

#define CLIP_AT    "/timeline/tracks/0/clips/0"


/* A document with everything that this version renders. */

static const char  full[] =
    "{\"version\":1,\"title\":\"Lesson \\u0033\",\"merge\":{},"
    "\"timeline\":{\"width\":1920,\"height\":1080,\"fps\":29.97,"
    "\"background\":\"#102030\",\"tracks\":["
    "{\"id\":\"main\",\"title\":\"t\",\"kind\":\"video\",\"volume\":\"-6dB\","
    "\"clips\":["
    "{\"type\":\"clip\",\"id\":\"a\",\"title\":\"x\",\"metadata\":{\"k\":[1]},"
    "\"asset\":{\"type\":\"video\",\"src\":\"asset:" UUID_A "\"},"
    "\"start\":\"30f\",\"duration\":5.5,\"in_point\":2,\"out_point\":\"300f\","
    "\"fit\":\"contain\",\"position\":\"top-right\",\"offset\":{\"x\":-10,"
    "\"y\":\"5%\"},\"width\":\"50%\",\"height\":360,\"opacity\":0.25,"
    "\"volume\":0.5,\"fade_in\":1,\"fade_out\":\"15f\","
    "\"transition\":{\"in\":\"fade\",\"duration\":\"12f\"}},"
    "{\"type\":\"transition\",\"transition_type\":\"fade\",\"duration\":1.5,"
    "\"id\":\"t\"},"
    "{\"asset\":{\"type\":\"image\",\"src\":\"asset:" UUID_B "\"},"
    "\"duration\":4,\"fit\":\"none\",\"transition\":{\"out\":\"fade\"}},"
    "{\"type\":\"transition\",\"transition_type\":\"cut\"},"
    "{\"asset\":{\"type\":\"color\",\"color\":\"#00ff0088\"},"
    "\"duration\":\"end\"}"
    "]},"
    "{\"kind\":\"video\",\"clips\":[{\"asset\":{\"type\":\"text\",\"text\":"
    "\"Hello\",\"font\":{\"family\":\"DejaVu Sans\",\"size\":64.5,"
    "\"color\":\"#ff8000cc\",\"weight\":\"bold\",\"style\":\"italic\"},"
    "\"background\":\"#00000080\",\"align\":\"right\"},\"start\":0.5,"
    "\"position\":{\"x\":\"10%\",\"y\":-4}}]},"
    "{\"kind\":\"audio\",\"clips\":[{\"asset\":{\"type\":\"audio\","
    "\"src\":\"asset:" UUID_A "\"},\"start\":\"auto\",\"volume\":\"-90dB\"}]}"
    "]},"
    "\"outputs\":[{\"name\":\"hd-1\",\"format\":\"mp4\",\"quality\":\"high\","
    "\"width\":1920,\"height\":1080,\"fps\":\"30000/1001\"}],"
    "\"poster\":{\"time\":\"90f\"},\"blurhash\":false,"
    "\"metadata\":{\"order\":\"42\",\"deep\":[[[[]]]]}}";


static rn_status
parse(const char *text, size_t len, rn_problems *ps, rn_doc **doc)
{
    char       *copy;
    rn_status   rc;

    copy = malloc(len ? len : 1);           /* no NUL behind it */
    assert_non_null(copy);
    memcpy(copy, text, len);
    memset(ps, 0, sizeof(*ps));

    rc = rn_doc_parse(copy, len, &rn_limits_default, false, ps, doc);
    free(copy);                             /* the document keeps its own */

    return rc;
}


static rn_doc *
good(const char *text)
{
    return parse_good(text, false);
}


/* Refused for exactly one reason, at the pointer, with these words in it. */

static void
bad_in(const rn_limits *limits, const char *text, size_t len, bool paths,
    const char *pointer, const char *words)
{
    rn_doc       *doc;
    rn_problems   ps;

    memset(&ps, 0, sizeof(ps));
    doc = (rn_doc *) &ps;

    if (rn_doc_parse(text, len, limits, paths, &ps, &doc) != RN_E_INVALID) {
        fail_msg("taken: %s", text);
    }

    assert_null(doc);

    if (ps.total != 1 || strcmp(ps.items[0].pointer, pointer) != 0
        || strstr(ps.items[0].detail, words) == NULL)
    {
        print_problems(&ps);
        fail_msg("wanted %s: ...%s... of %s", pointer, words, text);
    }

    rn_problems_free(&ps);
}


static void
bad(const char *text, const char *pointer, const char *words)
{
    bad_in(&rn_limits_default, text, strlen(text), false, pointer, words);
}


static void
test_defaults(void **state)
{
    rn_doc          *d;
    const rn_clip   *c;

    (void) state;

    d = good("{\"timeline\":{\"tracks\":[{\"clips\":["
             "{\"asset\":{\"type\":\"text\",\"text\":\"T\"}}]}]}}");

    assert_int_equal(d->width, 1280);
    assert_int_equal(d->height, 720);
    assert_int_equal(d->fps.num, 30);
    assert_int_equal(d->fps.den, 1);
    assert_int_equal(d->background, 0x000000ff);
    assert_string_equal(d->outputs[0].name, "final");
    assert_int_equal(d->outputs[0].quality, RN_QUALITY_MEDIUM);
    assert_int_equal(d->poster.kind, RN_TIME_AUTO);
    assert_true(d->blurhash);
    assert_null(d->title);
    assert_int_equal(d->n_tracks, 1);
    assert_int_equal(d->n_clips, 1);
    assert_int_equal(d->n_refs, 0);
    assert_int_equal(d->tracks[0].kind, RN_TRACK_VIDEO);
    assert_near(d->tracks[0].volume, 1, 0);

    c = &d->tracks[0].clips[0];
    assert_string_equal(c->pointer, CLIP_AT);
    assert_false(c->transition);
    assert_int_equal(c->start.kind, RN_TIME_AUTO);
    assert_int_equal(c->duration.kind, RN_TIME_AUTO);
    assert_int_equal(c->out_point.kind, RN_TIME_AUTO);
    assert_int_equal(c->in_point.kind, RN_TIME_SECONDS);
    assert_near(c->in_point.seconds, 0, 0);
    assert_int_equal(c->fit, RN_FIT_COVER);
    assert_int_equal(c->h, RN_ALIGN_CENTER);
    assert_int_equal(c->v, RN_ALIGN_CENTER);
    assert_false(c->placed || c->width.set || c->height.set || c->dx.set);
    assert_near(c->opacity, 1, 0);
    assert_near(c->volume, 1, 0);
    assert_false(c->show_in || c->show_out);
    assert_near(c->show_duration.seconds, 0.5, 0);
    assert_int_equal(c->asset.type, RN_ASSET_TEXT);
    assert_int_equal(c->asset.ref, -1);
    assert_int_equal(c->asset.color, 0xffffffff);
    assert_int_equal(c->asset.background, 0);
    assert_string_equal(c->asset.family, "Noto Sans");
    assert_near(c->asset.size, 48, 0);
    assert_false(c->asset.bold || c->asset.italic);
    assert_int_equal(c->asset.align, RN_ALIGN_CENTER);

    rn_doc_free(d);
    rn_doc_free(NULL);
}


static void
test_full(void **state)
{
    rn_doc         *d;
    const rn_clip  *c;

    (void) state;

    d = good(full);

    assert_string_equal(d->title, "Lesson 3");
    assert_int_equal(d->width, 1920);
    assert_int_equal(d->height, 1080);
    assert_int_equal(d->fps.num, 30000);
    assert_int_equal(d->fps.den, 1001);
    assert_int_equal(d->background, 0x102030ff);
    assert_string_equal(d->outputs[0].name, "hd-1");
    assert_int_equal(d->outputs[0].quality, RN_QUALITY_HIGH);
    assert_int_equal(d->poster.kind, RN_TIME_FRAMES);
    assert_int_equal(d->poster.frames, 90);
    assert_false(d->blurhash);
    assert_int_equal(d->n_tracks, 3);
    assert_int_equal(d->n_clips, 7);

    /* one source as two kinds is two references; each knows its first place */

    assert_int_equal(d->n_refs, 3);
    assert_string_equal(d->refs[0].src, "asset:" UUID_A);
    assert_int_equal(d->refs[0].type, RN_ASSET_VIDEO);
    assert_string_equal(d->refs[0].pointer, CLIP_AT "/asset/src");
    assert_int_equal(d->refs[1].type, RN_ASSET_IMAGE);
    assert_int_equal(d->refs[2].type, RN_ASSET_AUDIO);
    assert_string_equal(d->refs[2].pointer,
                        "/timeline/tracks/2/clips/0/asset/src");

    assert_near(d->tracks[0].volume, pow(10, -0.3), 1e-12);

    c = &d->tracks[0].clips[0];
    assert_int_equal(c->asset.type, RN_ASSET_VIDEO);
    assert_int_equal(c->asset.ref, 0);
    assert_int_equal(c->start.kind, RN_TIME_FRAMES);
    assert_int_equal(c->start.frames, 30);
    assert_int_equal(c->duration.kind, RN_TIME_SECONDS);
    assert_near(c->duration.seconds, 5.5, 0);
    assert_near(c->in_point.seconds, 2, 0);
    assert_int_equal(c->out_point.frames, 300);
    assert_int_equal(c->fit, RN_FIT_CONTAIN);
    assert_int_equal(c->h, RN_ALIGN_END);
    assert_int_equal(c->v, RN_ALIGN_START);
    assert_true(c->dx.set && !c->dx.percent);
    assert_near(c->dx.value, -10, 0);
    assert_true(c->dy.percent);
    assert_near(c->dy.value, 5, 0);
    assert_true(c->width.set && c->width.percent);
    assert_near(c->width.value, 50, 0);
    assert_true(c->height.set && !c->height.percent);
    assert_near(c->height.value, 360, 0);
    assert_near(c->opacity, 0.25, 0);
    assert_near(c->volume, 0.5, 0);
    assert_near(c->fade_in.seconds, 1, 0);
    assert_int_equal(c->fade_out.frames, 15);
    assert_true(c->show_in && !c->show_out);
    assert_int_equal(c->show_duration.frames, 12);

    c = &d->tracks[0].clips[1];
    assert_true(c->transition);
    assert_string_equal(c->transition_type, "fade");
    assert_near(c->duration.seconds, 1.5, 0);

    c = &d->tracks[0].clips[2];
    assert_int_equal(c->fit, RN_FIT_NONE);
    assert_true(!c->show_in && c->show_out);

    c = &d->tracks[0].clips[3];
    assert_true(c->transition);
    assert_string_equal(c->transition_type, "cut");
    assert_near(c->duration.seconds, 0.5, 0);

    c = &d->tracks[0].clips[4];
    assert_int_equal(c->asset.type, RN_ASSET_COLOR);
    assert_int_equal(c->duration.kind, RN_TIME_END);

    c = &d->tracks[1].clips[0];
    assert_string_equal(c->asset.text, "Hello");
    assert_string_equal(c->asset.family, "DejaVu Sans");
    assert_near(c->asset.size, 64.5, 0);
    assert_int_equal(c->asset.color, 0xff8000cc);
    assert_int_equal(c->asset.background, 0x00000080);
    assert_true(c->asset.bold && c->asset.italic);
    assert_int_equal(c->asset.align, RN_ALIGN_END);
    assert_true(c->placed);
    assert_true(c->x.percent);
    assert_near(c->x.value, 10, 0);
    assert_near(c->y.value, -4, 0);

    assert_int_equal(d->tracks[2].kind, RN_TRACK_AUDIO);
    c = &d->tracks[2].clips[0];
    assert_int_equal(c->asset.ref, 2);
    assert_near(c->volume, pow(10, -4.5), 1e-12);

    rn_doc_free(d);
}


static void
test_same_source_once(void **state)
{
    int      i, n;
    char    *text;
    rn_doc  *d;

    (void) state;

    text = malloc(100000);
    assert_non_null(text);
    n = sprintf(text, "{\"timeline\":{\"tracks\":[{\"clips\":[");
    for (i = 0; i < 200; i++) {
        n += sprintf(text + n, "%s{\"asset\":{\"type\":\"video\",\"src\":"
                     "\"asset:%08d-1111-4111-8111-111111111111\"}}",
                     i ? "," : "", i % 70);
    }
    (void) sprintf(text + n, "]}]}}");

    d = good(text);
    assert_int_equal(d->n_clips, 200);
    assert_int_equal(d->n_refs, 70);
    for (i = 0; i < 200; i++) {
        assert_int_equal(d->tracks[0].clips[i].asset.ref, i % 70);
    }

    rn_doc_free(d);
    free(text);
}


static void
test_colors(void **state)
{
    size_t  i;
    char    text[400];
    rn_doc *d;

    static const struct { const char *s; uint32_t v; } colors[] = {
        { "#000", 0x000000ff }, { "#fff", 0xffffffff }, { "#F0a", 0xff00aaff },
        { "#123456", 0x123456ff }, { "#ABCDEF", 0xabcdefff },
        { "#12345678", 0x12345678 }, { "#00000000", 0 },
    };

    static const char *const wrong[] = {
        "\"\"", "\"#\"", "\"#12\"", "\"#12345\"", "\"#1234567\"", "\"red\"",
        "\"#ggg\"", "\"123456\"", "\"#12345g\"", "\"#123456789\"", "\" #fff\"",
        "\"#ff \"", "\"#+1-1\"", "7", "null", "[]", "{}", "true",
    };

    (void) state;

    for (i = 0; i < sizeof(colors) / sizeof(colors[0]); i++) {
        (void) sprintf(text, IN_TIMELINE("\"background\":\"%s\""),
                       colors[i].s);
        d = good(text);
        assert_int_equal(d->background, colors[i].v);
        rn_doc_free(d);
    }

    for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        (void) sprintf(text, IN_TIMELINE("\"background\":%s"), wrong[i]);
        bad(text, "/timeline/background", "must be a colour");
    }
}


static void
test_fps(void **state)
{
    size_t   i;
    char     text[400];
    rn_doc  *d;

    static const struct { const char *s; int num, den; } rates[] = {
        { "1", 1, 1 }, { "24", 24, 1 }, { "25.0", 25, 1 }, { "30", 30, 1 },
        { "120", 120, 1 }, { "23.976", 24000, 1001 },
        { "23.98", 24000, 1001 }, { "29.97", 30000, 1001 },
        { "59.94", 60000, 1001 }, { "119.88", 120000, 1001 },
        { "12.5", 25, 2 }, { "7.25", 29, 4 },
        { "\"30000/1001\"", 30000, 1001 }, { "\"24/1\"", 24, 1 },
        { "\"60/2\"", 30, 1 }, { "\"50/4\"", 25, 2 },
        { "23.976023976", 24000, 1001 }, { "29.97002997", 30000, 1001 },
    };

    static const char *const wrong[] = {
        "0", "-30", "0.5", "120.5", "121", "1e9", "\"30\"", "\"30/0\"",
        "\"0/1\"", "\"-30/1\"", "\"30/-1\"", "\"-30/-1\"", "\"30/1x\"",
        "\"121/1\"", "\"1/2\"", "\"30000/1001/1\"", "\"\"", "\"a/b\"",
        "null", "[]", "{}", "33.3333", "\"9999999999999999999/1\"",
    };

    (void) state;

    for (i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
        (void) sprintf(text, IN_TIMELINE("\"fps\":%s"), rates[i].s);
        d = good(text);
        assert_int_equal(d->fps.num, rates[i].num);
        assert_int_equal(d->fps.den, rates[i].den);
        rn_doc_free(d);
    }

    for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        (void) sprintf(text, IN_TIMELINE("\"fps\":%s"), wrong[i]);
        bad(text, "/timeline/fps", "must be a frame rate");
    }
}


static void
test_sides(void **state)
{
    size_t   i;
    char     text[400];
    rn_doc  *d;

    static const char *const wrong[] = {
        "0", "-2", "14", "17", "7682", "1280.0", "\"1280\"", "null", "1e3",
        "4294967312", "9223372036854775806",
    };

    (void) state;

    d = good(IN_TIMELINE("\"width\":16,\"height\":7680"));
    assert_int_equal(d->width, 16);
    assert_int_equal(d->height, 7680);
    rn_doc_free(d);

    for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        (void) sprintf(text, IN_TIMELINE("\"width\":%s"), wrong[i]);
        bad(text, "/timeline/width", "must be an even number of px");
        (void) sprintf(text, IN_TIMELINE("\"height\":%s"), wrong[i]);
        bad(text, "/timeline/height", "must be an even number of px");
    }

    d = good(IN_TIMELINE("\"width\":3840,\"height\":2160"));
    rn_doc_free(d);
    bad(IN_TIMELINE("\"width\":3842,\"height\":2160"), "/timeline",
        "3842 x 2160 px are more than");
    bad(IN_TIMELINE("\"width\":7680,\"height\":7680"), "/timeline",
        "more than");
}


static void
test_times(void **state)
{
    size_t   i, k;
    char     text[600], pointer[100];
    rn_doc  *d;

    static const char *const members[] = {
        "start", "duration", "in_point", "out_point", "fade_in", "fade_out",
    };

    static const char *const wrong[] = {
        "-1", "-0.001", "1e7", "\"\"", "\"f\"", "\"-1f\"", "\"+1f\"",
        "\" 1f\"", "\"1 f\"", "\"1f \"", "\"1.5f\"", "\"1F\"", "\"1s\"",
        "\"12345678901f\"", "\"Auto\"", "\"0x1f\"", "null", "true", "[]", "{}",
    };

    (void) state;

    for (i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        (void) sprintf(pointer, CLIP_AT "/%s", members[i]);

        for (k = 0; k < sizeof(wrong) / sizeof(wrong[0]); k++) {
            (void) sprintf(text, IN_VIDEO("\"%s\":%s"), members[i], wrong[k]);
            bad(text, pointer, "must be seconds");
        }

        (void) sprintf(text, IN_VIDEO("\"%s\":\"0f\""), members[i]);
        d = good(text);
        rn_doc_free(d);
        (void) sprintf(text, IN_VIDEO("\"%s\":1e6"), members[i]);
        d = good(text);
        rn_doc_free(d);

        if (strcmp(members[i], "duration") != 0) {
            (void) sprintf(text, IN_VIDEO("\"%s\":\"end\""), members[i]);
            bad(text, pointer, "must be seconds");
        }
    }

    d = good(IN_VIDEO("\"start\":\"auto\",\"duration\":\"auto\","
                      "\"out_point\":\"auto\""));
    rn_doc_free(d);

    bad(IN_VIDEO("\"in_point\":\"auto\""), CLIP_AT "/in_point", "seconds");
    bad(IN_VIDEO("\"fade_in\":\"auto\""), CLIP_AT "/fade_in", "seconds");
    bad(IN_VIDEO("\"transition\":{\"duration\":\"auto\"}"),
        CLIP_AT "/transition/duration", "seconds");
    bad(IN_VIDEO("\"transition\":{\"duration\":\"end\"}"),
        CLIP_AT "/transition/duration", "seconds");
}


static void
test_lengths(void **state)
{
    size_t   i, k;
    char     text[600], pointer[100];
    rn_doc  *d;

    static const char *const members[] = { "width", "height" };

    static const char *const wrong[] = {
        "\"\"", "\"50\"", "\"%\"", "\"50%%\"", "\"50 px\"", "\"50%x\"",
        "\"nan%\"", "\"inf%\"", "\"1e9%\"", "\"20000%\"", "null", "[]",
        "true", "\"50% \"",
    };

    (void) state;

    for (i = 0; i < 2; i++) {
        (void) sprintf(pointer, CLIP_AT "/%s", members[i]);
        for (k = 0; k < sizeof(wrong) / sizeof(wrong[0]); k++) {
            (void) sprintf(text, IN_CLIP("\"%s\":%s"), members[i], wrong[k]);
            bad(text, pointer, "must be px");
        }

        /* a size is more than nothing */

        (void) sprintf(text, IN_CLIP("\"%s\":0"), members[i]);
        bad(text, pointer, "more than 0");
        (void) sprintf(text, IN_CLIP("\"%s\":-50"), members[i]);
        bad(text, pointer, "more than 0");
        (void) sprintf(text, IN_CLIP("\"%s\":\"-50%%\""), members[i]);
        bad(text, pointer, "more than 0");
        (void) sprintf(text, IN_CLIP("\"%s\":1e9"), members[i]);
        bad(text, pointer, "from");
    }

    d = good(IN_CLIP("\"offset\":{\"x\":-100000,\"y\":\"-50.5%\"}"));
    assert_near(d->tracks[0].clips[0].dx.value, -100000, 0);
    assert_near(d->tracks[0].clips[0].dy.value, -50.5, 0);
    rn_doc_free(d);

    bad(IN_CLIP("\"offset\":{\"x\":100001}"), CLIP_AT "/offset/x", "from");
    bad(IN_CLIP("\"offset\":{\"z\":1}"), CLIP_AT "/offset/z", "unknown");
    bad(IN_CLIP("\"offset\":[1,2]"), CLIP_AT "/offset", "must be an object");
    bad(IN_CLIP("\"position\":{\"x\":\"?\"}"), CLIP_AT "/position/x", "px");
}


static void
test_volumes(void **state)
{
    size_t   i;
    char     text[600];
    rn_doc  *d;

    static const struct { const char *s; double v; } volumes[] = {
        { "0", 0 }, { "1", 1 }, { "0.3", 0.3 }, { "\"0dB\"", 1 },
        { "\"-20dB\"", 0.1 }, { "\"12dB\"", 3.98107170553 },
        { "\"-6.5dB\"", 0.47315125896 },
    };

    static const char *const wrong[] = {
        "-0.1", "1.1", "\"13dB\"", "\"-91dB\"", "\"dB\"", "\"6\"", "\"nandB\"",
        "\"-infdB\"", "\"-6db\"", "\"-6dBx\"", "null", "{}", "true",
    };

    (void) state;

    for (i = 0; i < sizeof(volumes) / sizeof(volumes[0]); i++) {
        (void) sprintf(text, IN_VIDEO("\"volume\":%s"), volumes[i].s);
        d = good(text);
        assert_near(d->tracks[0].clips[0].volume, volumes[i].v, 1e-9);
        rn_doc_free(d);
    }

    for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        (void) sprintf(text, IN_VIDEO("\"volume\":%s"), wrong[i]);
        bad(text, CLIP_AT "/volume", "must be a number from 0 to 1");
        (void) sprintf(text, "{\"timeline\":{\"tracks\":[{\"volume\":%s,"
                       "\"clips\":[" CLIP "}]}]}}", wrong[i]);
        bad(text, "/timeline/tracks/0/volume", "must be a number from 0 to 1");
    }
}


static void
test_words(void **state)
{
    int      i, k;
    char     text[600];
    rn_doc  *d;

    static const char *const places[] = {
        "top-left", "top", "top-right", "left", "center", "right",
        "bottom-left", "bottom", "bottom-right",
    };

    static const char *const fits[] = { "cover", "contain", "fill", "none" };
    static const char *const aligns[] = { "left", "center", "right" };
    static const char *const qualities[] = { "low", "medium", "high" };

    (void) state;

    for (i = 0; i < 9; i++) {
        (void) sprintf(text, IN_CLIP("\"position\":\"%s\""), places[i]);
        d = good(text);
        assert_int_equal(d->tracks[0].clips[0].h, i % 3);
        assert_int_equal(d->tracks[0].clips[0].v, i / 3);
        rn_doc_free(d);
    }

    for (i = 0; i < 4; i++) {
        (void) sprintf(text, IN_VIDEO("\"fit\":\"%s\""), fits[i]);
        d = good(text);
        assert_int_equal(d->tracks[0].clips[0].fit, i);
        rn_doc_free(d);
    }

    for (i = 0; i < 3; i++) {
        (void) sprintf(text, IN_TEXT("\"align\":\"%s\""), aligns[i]);
        d = good(text);
        assert_int_equal(d->tracks[0].clips[0].asset.align, i);
        rn_doc_free(d);

        (void) sprintf(text, IN_ROOT("\"outputs\":[{\"quality\":\"%s\"}]"),
                       qualities[i]);
        d = good(text);
        assert_int_equal(d->outputs[0].quality, i);
        rn_doc_free(d);
    }

    for (k = 0; k < 4; k++) {
        (void) sprintf(text, IN_TEXT("\"font\":{\"weight\":\"%s\","
                                     "\"style\":\"%s\"}"),
                       k & 1 ? "bold" : "normal", k & 2 ? "italic" : "normal");
        d = good(text);
        assert_int_equal(d->tracks[0].clips[0].asset.bold, k & 1);
        assert_int_equal(d->tracks[0].clips[0].asset.italic, k >> 1);
        rn_doc_free(d);
    }

    bad(IN_CLIP("\"position\":\"middle\""), CLIP_AT "/position",
        "must be one of \"top-left\"");
    bad(IN_CLIP("\"position\":\"centre\""), CLIP_AT "/position",
        "did you mean \"center\"?");
    bad(IN_CLIP("\"position\":3"), CLIP_AT "/position", "must be one of");
    bad(IN_VIDEO("\"fit\":\"Cover\""), CLIP_AT "/fit",
        "did you mean \"cover\"?");
    bad(IN_VIDEO("\"fit\":null"), CLIP_AT "/fit",
        "must be one of \"cover\", \"contain\", \"fill\", \"none\"");
    bad(IN_TEXT("\"align\":\"justify\""), CLIP_AT "/asset/align", "one of");
    bad(IN_TEXT("\"font\":{\"weight\":700}"), CLIP_AT "/asset/font/weight",
        "one of");
    bad(IN_TEXT("\"font\":{\"style\":\"oblique\"}"),
        CLIP_AT "/asset/font/style", "one of");
    bad(IN_ROOT("\"outputs\":[{\"quality\":\"best\"}]"), "/outputs/0/quality",
        "one of");
}


static void
test_poster(void **state)
{
    size_t   i;
    char     text[300];
    rn_doc  *d;

    static const char *const times[] = {
        "-1", "\"auto\"", "\"end\"", "\"1s\"", "\"-3f\"", "null", "true", "{}",
        "1e300",
    };

    (void) state;

    d = good(IN_ROOT("\"poster\":{\"time\":2.5}"));
    assert_int_equal(d->poster.kind, RN_TIME_SECONDS);
    assert_near(d->poster.seconds, 2.5, 0);
    rn_doc_free(d);

    d = good(IN_ROOT("\"poster\":{\"time\":0}"));
    assert_int_equal(d->poster.kind, RN_TIME_SECONDS);
    rn_doc_free(d);

    d = good(IN_ROOT("\"poster\":{}"));
    assert_int_equal(d->poster.kind, RN_TIME_AUTO);
    rn_doc_free(d);

    for (i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        (void) sprintf(text, IN_ROOT("\"poster\":{\"time\":%s}"), times[i]);
        bad(text, "/poster/time", "must be seconds such as 1.5, or frames");
    }

    bad(IN_ROOT("\"poster\":5"), "/poster", "object");
    bad(IN_ROOT("\"poster\":{\"tme\":5}"), "/poster/tme",
        "did you mean \"time\"?");
    bad(IN_ROOT("\"blurhash\":1"), "/blurhash", "true or false");
}


/* Each name that a later version renders is refused by name, not unknown. */

static void
test_known_later(void **state)
{
    size_t  i;
    char    text[900], pointer[100];

    static const char *const in_root[] = { "webhook_url" };
    static const char *const types[] = { "speech", "blackboard", "avatar" };
#define LATER  "is not rendered by this version"

    (void) state;

    for (i = 0; i < sizeof(in_root) / sizeof(in_root[0]); i++) {
        (void) sprintf(text, IN_ROOT("\"%s\":{}"), in_root[i]);
        (void) sprintf(pointer, "/%s", in_root[i]);
        bad(text, pointer, LATER);
    }

    for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        (void) sprintf(text, WITH_ASSET("{\"type\":\"%s\"}"), types[i]);
        bad(text, CLIP_AT "/asset/type", LATER);
    }
}


static void
test_unknown(void **state)
{
    size_t  i;

    static const struct { const char *text, *pointer, *words; } cases[] = {
        { IN_ROOT("\"output\":[]"), "/output", "did you mean \"outputs\"?" },
        { IN_ROOT("\"timline\":{}"), "/timline",
          "unknown field \"timline\"; did you mean \"timeline\"?" },
        { IN_ROOT("\"zzz\":1"), "/zzz", "unknown field \"zzz\"" },
        { IN_ROOT("\"\":1"), "/", "unknown field \"\"" },
        { IN_ROOT("\"a/b~c\":1"), "/a~1b~0c", "unknown field \"a/b~c\"" },
        { IN_ROOT("\"\\u00e9t\\u00e9\":1"), "/\xc3\xa9t\xc3\xa9", "unknown" },
        { IN_TIMELINE("\"FPS\":30"), "/timeline/FPS", "unknown" },
        { IN_TIMELINE("\"heigth\":720"), "/timeline/heigth",
          "did you mean \"height\"?" },
        { IN_CLIP("\"opacty\":1"), CLIP_AT "/opacty",
          "did you mean \"opacity\"?" },
        { IN_CLIP("\"durration\":1"), CLIP_AT "/durration",
          "did you mean \"duration\"?" },
        { IN_TEXT("\"font\":{\"colour\":\"#fff\"}"),
          CLIP_AT "/asset/font/colour", "did you mean \"color\"?" },
        { IN_TEXT("\"font_size\":3"), CLIP_AT "/asset/font_size", "unknown" },
        { IN_CLIP("\"transition\":{\"int\":\"fade\"}"),
          CLIP_AT "/transition/int", "did you mean \"in\"?" },
        { IN_CLIP("\"transition\":{\"in\":\"fades\"}"),
          CLIP_AT "/transition/in", "did you mean \"fade\"?" },
        { IN_ROOT("\"outputs\":[{\"qualty\":\"low\"}]"), "/outputs/0/qualty",
          "did you mean \"quality\"?" },
        { "{\"timeline\":{\"tracks\":[{\"clip\":[],\"clips\":[" CLIP "}]}]}}",
          "/timeline/tracks/0/clip", "did you mean \"clips\"?" },
        { WITH_ASSET("{\"type\":\"vidoe\"}"), CLIP_AT "/asset/type",
          "did you mean \"video\"?" },
    };

    (void) state;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        bad(cases[i].text, cases[i].pointer, cases[i].words);
    }
}


/* A hundred hosts may be asked, and no more; one that is named twice is one. */

static void
test_many_urls(void **state)
{
    int      i, n;
    char    *text;
    rn_doc  *d;

    (void) state;

    text = malloc(40000);
    assert_non_null(text);

    for (n = RN_URLS_MAX; n <= RN_URLS_MAX + 1; n++) {
        (void) strcpy(text, "{\"timeline\":{\"tracks\":[{\"clips\":[");

        for (i = 0; i < 2 * RN_URLS_MAX; i++) {
            (void) sprintf(text + strlen(text), "%s{\"asset\":{\"type\":"
                           "\"image\",\"src\":\"https://h/%d\"}}", i ? "," : "",
                           i % n);
        }

        (void) strcat(text, "]}]}}");

        if (n == RN_URLS_MAX) {
            d = good(text);
            assert_int_equal(d->n_refs, n);
            rn_doc_free(d);
        } else {
            bad(text, "/timeline/tracks/0/clips/100/asset", "more than 100");
        }
    }

    free(text);
}


static void
test_sources(void **state)
{
    size_t   i;
    char     text[600];
    rn_doc  *d;

    static const char *const remote[] = {
        "http://h/a.mp4", "https://h/a.mp4?b=c", "https://[::1]:8443/",
    };

    static const char *const no_url[] = {
        "http://", "https://u:p@h/", "https://h:0/", "http://0x7f.1/",
        "https://h/a b",
    };

    static const char *const no_path[] = {
        "", "/etc/passwd", "../a.mp4", "a/../../b", "file:///etc/passwd",
        "concat:a|b", "ftp://h/x", "data:,x", "pipe:0", "a:b",
    };

    static const char *const no_asset[] = {
        "asset:", "asset:1", "asset:" UUID_A "x", "asset:../../etc",
        "asset:A1111111-1111-4111-8111-111111111111",
    };

    (void) state;

    for (i = 0; i < sizeof(remote) / sizeof(remote[0]); i++) {
        (void) sprintf(text, WITH_ASSET("{\"type\":\"video\",\"src\":\"%s\"}"),
                       remote[i]);
        d = good(text);
        assert_int_equal(d->n_refs, 1);
        assert_string_equal(d->refs[0].src, remote[i]);
        rn_doc_free(d);
    }

    for (i = 0; i < sizeof(no_url) / sizeof(no_url[0]); i++) {
        (void) sprintf(text, WITH_ASSET("{\"type\":\"video\",\"src\":\"%s\"}"),
                       no_url[i]);
        bad(text, CLIP_AT "/asset/src", "");
    }

    bad(WITH_ASSET("{\"type\":\"video\",\"src\":\"s3://b/k\"}"),
        CLIP_AT "/asset/src", "objects of S3 are not read");

    for (i = 0; i < sizeof(no_path) / sizeof(no_path[0]); i++) {
        (void) sprintf(text, WITH_ASSET("{\"type\":\"audio\",\"src\":\"%s\"}"),
                       no_path[i]);
        /* an audio clip on a video track is a second problem: not here */
        memcpy(strstr(text, "audio"), "image", 5);
        bad(text, CLIP_AT "/asset/src", "must be \"asset:<id>\"");
        bad_in(&rn_limits_default, text, strlen(text), true,
               CLIP_AT "/asset/src", "or a relative path");
    }

    for (i = 0; i < sizeof(no_asset) / sizeof(no_asset[0]); i++) {
        (void) sprintf(text, WITH_ASSET("{\"type\":\"image\",\"src\":\"%s\"}"),
                       no_asset[i]);
        bad(text, CLIP_AT "/asset/src", "a UUID in lower case");
    }

    (void) strcpy(text, WITH_ASSET("{\"type\":\"image\","
                                   "\"src\":\"d/a.png\"}"));
    bad(text, CLIP_AT "/asset/src", "must be \"asset:<id>\"");
    d = parse_good(text, true);
    assert_string_equal(d->refs[0].src, "d/a.png");
    rn_doc_free(d);

    bad(WITH_ASSET("{\"type\":\"video\",\"src\":5}"), CLIP_AT "/asset/src",
        "must be a string");
}


/* What belongs to one kind of clip is refused on the others. */

static void
test_meaning(void **state)
{
    size_t  i;
    char    text[600], pointer[100];

    static const struct { const char *member, *value; } sounds[] = {
        { "volume", "1" }, { "fade_in", "1" }, { "fade_out", "1" },
        { "in_point", "1" }, { "out_point", "1" }, { "fit", "\"fill\"" },
    };

    static const struct { const char *member, *value; } pictures[] = {
        { "fit", "\"fill\"" }, { "position", "\"top\"" },
        { "offset", "{}" }, { "width", "10" }, { "height", "10" },
        { "opacity", "1" }, { "transition", "{}" },
    };

    (void) state;

    for (i = 0; i < sizeof(sounds) / sizeof(sounds[0]); i++) {
        (void) sprintf(text, IN_CLIP("\"%s\":%s"), sounds[i].member,
                       sounds[i].value);
        (void) sprintf(pointer, CLIP_AT "/%s", sounds[i].member);
        bad(text, pointer, "has no meaning for a clip of type \"color\"");
    }

    for (i = 0; i < sizeof(pictures) / sizeof(pictures[0]); i++) {
        (void) sprintf(text, "{\"timeline\":{\"tracks\":[{\"kind\":\"audio\","
                       "\"clips\":[{\"asset\":{\"type\":\"audio\",\"src\":"
                       "\"asset:" UUID_A "\"},\"%s\":%s}]}]}}",
                       pictures[i].member, pictures[i].value);
        (void) sprintf(pointer, CLIP_AT "/%s", pictures[i].member);
        bad(text, pointer, "has no meaning for a clip of type \"audio\"");
    }

    bad("{\"timeline\":{\"tracks\":[{\"clips\":[{\"asset\":{\"type\":\"text\","
        "\"text\":\"T\"},\"height\":10}]}]}}", CLIP_AT "/height", "no meaning");
    bad("{\"timeline\":{\"tracks\":[{\"clips\":[{\"asset\":{\"type\":\"text\","
        "\"text\":\"T\"},\"keyframes\":{\"width\":[{\"time\":0,"
        "\"value\":10}]}}]}]}}", CLIP_AT "/keyframes/width", "does not move");
    bad("{\"timeline\":{\"tracks\":[{\"kind\":\"audio\",\"clips\":[" VIDEO
        "}]}]}}", CLIP_AT "/asset", "audio clips only, not a video");
    bad(WITH_ASSET("{\"type\":\"audio\",\"src\":\"asset:" UUID_A "\"}"),
        CLIP_AT "/asset", "kind \"audio\"");
    bad(WITH_ASSET("{\"type\":\"color\",\"color\":\"#fff\",\"src\":"
                   "\"asset:" UUID_A "\"}"),
        CLIP_AT "/asset/src", "a color has no source");
    bad(WITH_ASSET("{\"type\":\"color\",\"color\":\"#fff\",\"text\":\"x\"}"),
        CLIP_AT "/asset/text", "only a text has \"text\"");
    bad(WITH_ASSET("{\"type\":\"image\",\"src\":\"asset:" UUID_A "\","
                   "\"color\":\"#fff\"}"),
        CLIP_AT "/asset/color", "image has no colour");

    /* the order of the members says nothing: kind behind clips */

    bad("{\"timeline\":{\"tracks\":[{\"clips\":[" CLIP "}],\"kind\":"
        "\"audio\"}]}}", CLIP_AT "/asset", "audio clips only");
}


static void
test_missing(void **state)
{
    size_t  i;

    static const struct { const char *text, *pointer, *words; } cases[] = {
        { "{}", "", "needs a \"timeline\"" },
        { "{\"timeline\":{}}", "/timeline", "needs \"tracks\"" },
        { "{\"timeline\":{\"tracks\":[]}}", "/timeline/tracks", "at least" },
        { "{\"timeline\":{\"tracks\":{}}}", "/timeline/tracks", "at least" },
        { "{\"timeline\":{\"tracks\":[{}]}}", "/timeline/tracks/0",
          "a track needs \"clips\"" },
        { "{\"timeline\":{\"tracks\":[3]}}", "/timeline/tracks/0",
          "must be an object" },
        { "{\"timeline\":{\"tracks\":[{\"clips\":{}}]}}",
          "/timeline/tracks/0/clips", "must be an array" },
        { "{\"timeline\":{\"tracks\":[{\"clips\":[null]}]}}", CLIP_AT,
          "must be an object" },
        { "{\"timeline\":{\"tracks\":[{\"clips\":[[]]}]}}", CLIP_AT,
          "must be an object" },
        { "{\"timeline\":{\"tracks\":[{\"clips\":[{}]}]}}", CLIP_AT,
          "a clip needs an \"asset\"" },
        { "{\"timeline\":null}", "/timeline", "must be an object" },
        { WITH_ASSET("{}"), CLIP_AT "/asset", "needs a \"type\"" },
        { WITH_ASSET("[]"), CLIP_AT "/asset", "must be an object" },
        { WITH_ASSET("{\"type\":\"video\"}"), CLIP_AT "/asset",
          "a video needs a \"src\"" },
        { WITH_ASSET("{\"type\":\"image\"}"), CLIP_AT "/asset",
          "needs a \"src\"" },
        { WITH_ASSET("{\"type\":\"color\"}"), CLIP_AT "/asset",
          "needs a \"color\"" },
        { WITH_ASSET("{\"type\":\"text\"}"), CLIP_AT "/asset",
          "needs a \"text\"" },
        { WITH_ASSET("{\"type\":\"text\",\"text\":\"\"}"), CLIP_AT "/asset",
          "something to see" },
        { WITH_ASSET("{\"type\":\"text\",\"text\":\" \\n\\t\"}"),
          CLIP_AT "/asset", "something to see" },
        { WITH_ASSET("{\"type\":\"text\",\"text\":1}"),
          CLIP_AT "/asset/text", "must be a string" },
        { IN_ROOT("\"version\":2"), "/version", "must be 1" },
        { IN_ROOT("\"version\":\"1\""), "/version", "must be 1" },
        { IN_ROOT("\"version\":1.0"), "/version", "must be 1" },
        { IN_ROOT("\"title\":7"), "/title", "must be a string" },
        { IN_ROOT("\"outputs\":[]"), "/outputs", "at least one" },
        { IN_ROOT("\"outputs\":{}"), "/outputs", "at least one" },
        { IN_ROOT("\"outputs\":[1]"), "/outputs/0", "must be an object" },
        { IN_ROOT("\"outputs\":[{\"name\":\"\"}]"), "/outputs/0/name",
          "1 to 40" },
        { IN_ROOT("\"outputs\":[{\"name\":\"../x\"}]"), "/outputs/0/name",
          "1 to 40" },
        { IN_ROOT("\"outputs\":[{\"name\":\"A\"}]"), "/outputs/0/name",
          "1 to 40" },
        { IN_ROOT("\"outputs\":[{\"name\":"
                  "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}]"),
          "/outputs/0/name", "1 to 40" },
        { IN_CLIP("\"opacity\":1.5"), CLIP_AT "/opacity", "from 0 to 1" },
        { IN_CLIP("\"opacity\":\"50%\""), CLIP_AT "/opacity", "from 0 to 1" },
        { IN_TEXT("\"font\":{\"size\":3}"), CLIP_AT "/asset/font/size",
          "from 4 to 1000" },
        { IN_TEXT("\"font\":{\"size\":1001}"), CLIP_AT "/asset/font/size",
          "from 4 to 1000" },
        { IN_TEXT("\"font\":\"Noto\""), CLIP_AT "/asset/font",
          "must be an object" },
        { IN_CLIP("\"type\":\"clop\""), CLIP_AT "/type",
          "did you mean \"clip\"?" },
        { IN_CLIP("\"type\":5"), CLIP_AT "/type", "must be one of" },
    };

    (void) state;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        bad(cases[i].text, cases[i].pointer, cases[i].words);
    }
}


static void
test_transitions(void **state)
{
#define T        "{\"type\":\"transition\",\"transition_type\":\"fade\"}"
#define TRACK(c) "{\"timeline\":{\"tracks\":[{\"clips\":[" c "]}]}}"

    (void) state;

    bad(TRACK(T "," CLIP "}"), CLIP_AT, "stands between two clips");
    bad(TRACK(CLIP "}," T), "/timeline/tracks/0/clips/1", "between two");
    bad(TRACK(CLIP "}," T "," T "," CLIP "}"), "/timeline/tracks/0/clips/2",
        "between two");
    bad(TRACK(CLIP "},{\"type\":\"transition\"}," CLIP "}"),
        "/timeline/tracks/0/clips/1", "needs a \"transition_type\"");
    bad(TRACK(CLIP "},{\"type\":\"transition\",\"transition_type\":\"fade\","
              "\"duration\":\"end\"}," CLIP "}"),
        "/timeline/tracks/0/clips/1/duration", "seconds");
    bad(TRACK(CLIP "},{\"type\":\"transition\",\"transition_type\":\"fade\","
              "\"duration\":\"auto\"}," CLIP "}"),
        "/timeline/tracks/0/clips/1/duration", "seconds");
    bad(TRACK(CLIP "},{\"type\":\"transition\",\"transition_type\":\"fad\"},"
              CLIP "}"), "/timeline/tracks/0/clips/1/transition_type",
        "did you mean \"fade\"?");
    bad(TRACK(CLIP "},{\"type\":\"transition\",\"transition_type\":\"fade\","
              "\"start\":1}," CLIP "}"), "/timeline/tracks/0/clips/1/start",
        "unknown field");
}


/* All errors of a document, each at its place, in one answer. */

static void
test_all_at_once(void **state)
{
    size_t        i;
    rn_doc       *doc;
    rn_problems   ps;

    static const char text[] =
        "{\"version\":3,\"titel\":\"x\",\"timeline\":{\"width\":15,"
        "\"fps\":\"x\",\"background\":\"blue\",\"tracks\":["
        "{\"kind\":\"vido\",\"clips\":[{\"asset\":{\"type\":\"video\"}},"
        "{\"asset\":{\"type\":\"text\",\"text\":\"a\",\"font\":{\"size\":0,"
        "\"weight\":\"fat\"}},\"start\":-1,\"opacity\":2,\"speed\":2},"
        "{\"type\":\"transition\"}]},"
        "{\"kind\":\"audio\",\"clips\":[" CLIP ",\"volume\":9}]}]},"
        "\"outputs\":[{\"format\":\"avi\"},{\"name\":\"A\"}],"
        "\"poster\":{\"tyme\":1}}";

    static const char *const pointers[] = {
        "/version", "/titel", "/timeline/width", "/timeline/fps",
        "/timeline/background", "/timeline/tracks/0/kind", CLIP_AT "/asset",
        "/timeline/tracks/0/clips/1/asset/font/size",
        "/timeline/tracks/0/clips/1/asset/font/weight",
        "/timeline/tracks/0/clips/1/start",
        "/timeline/tracks/0/clips/1/opacity",
        "/timeline/tracks/0/clips/1/speed",
        "/timeline/tracks/0/clips/2",
        "/timeline/tracks/1/clips/0/asset",
        "/timeline/tracks/1/clips/0/volume",
        "/outputs/0/format", "/outputs/1/name", "/poster/tyme",
    };

    (void) state;

    assert_int_equal(parse(text, strlen(text), &ps, &doc), RN_E_INVALID);
    assert_null(doc);

    for (i = 0; i < sizeof(pointers) / sizeof(pointers[0]); i++) {
        if (detail_at(&ps, pointers[i]) == NULL) {
            print_problems(&ps);
            fail_msg("nothing at %s", pointers[i]);
        }
    }

    for (i = 0; i < ps.n; i++) {            /* and nothing elsewhere */
        size_t  k;

        for (k = 0; k < sizeof(pointers) / sizeof(pointers[0]); k++) {
            if (strcmp(pointers[k], ps.items[i].pointer) == 0) {
                break;
            }
        }
        if (k == sizeof(pointers) / sizeof(pointers[0])) {
            fail_msg("too much at %s", ps.items[i].pointer);
        }
    }

    rn_problems_free(&ps);
}


/* The canvas takes from the output what the time line leaves open. */

static void
test_outputs(void **state)
{
    rn_doc  *d;

    (void) state;

    d = good(IN_ROOT("\"outputs\":[{\"width\":640,\"height\":360,"
                     "\"fps\":25}]"));
    assert_int_equal(d->width, 640);
    assert_int_equal(d->height, 360);
    assert_int_equal(d->fps.num, 25);
    rn_doc_free(d);

    /* outputs may stand in front of the time line */

    d = good("{\"outputs\":[{\"width\":640}],\"timeline\":{\"height\":480,"
             "\"tracks\":[{\"clips\":[" CLIP "}]}]}}");
    assert_int_equal(d->width, 640);
    assert_int_equal(d->height, 480);
    rn_doc_free(d);

    bad(IN_ROOT("\"outputs\":[{\"width\":7680,\"height\":7680}]"),
        "/timeline", "more than");
}


static char *
many(const char *head, const char *item, size_t n, const char *tail)
{
    char    *text, *p;
    size_t   i;

    text = malloc(strlen(head) + n * (strlen(item) + 1) + strlen(tail) + 1);
    assert_non_null(text);
    p = stpcpy(text, head);
    for (i = 0; i < n; i++) {
        if (i > 0) {
            *p++ = ',';
        }
        p = stpcpy(p, item);
    }
    (void) strcpy(p, tail);

    return text;
}


static void
test_limits(void **state)
{
    char       *text;
    rn_doc     *d;
    rn_limits   small;

    (void) state;

    text = many("{\"timeline\":{\"tracks\":[{\"clips\":[", CLIP "}", 5000,
                "]}]}}");
    d = good(text);
    assert_int_equal(d->n_clips, 5000);
    assert_string_equal(d->tracks[0].clips[4999].pointer,
                        "/timeline/tracks/0/clips/4999");
    rn_doc_free(d);
    free(text);

    text = many("{\"timeline\":{\"tracks\":[{\"clips\":[", CLIP "}", 5001,
                "]}]}}");
    bad(text, "/timeline/tracks/0/clips", "at most 5000 clips");
    free(text);

    text = many("{\"timeline\":{\"tracks\":[", "{\"clips\":[]}", 64, "]}}");
    d = good(text);
    assert_int_equal(d->n_tracks, 64);
    rn_doc_free(d);
    free(text);

    text = many("{\"timeline\":{\"tracks\":[", "{\"clips\":[]}", 65, "]}}");
    bad(text, "/timeline/tracks", "at most 64 tracks");
    free(text);

    small = rn_limits_default;
    small.max_clips = 2;                /* of all tracks together */
    text = many("{\"timeline\":{\"tracks\":[", "{\"clips\":[" CLIP "}]}", 3,
                "]}}");
    bad_in(&small, text, strlen(text), false, "/timeline/tracks/2/clips",
           "at most 2 clips");
    free(text);

    small = rn_limits_default;
    small.max_text = 3;
    bad_in(&small, IN_ROOT("\"title\":\"abcd\""),
           strlen(IN_ROOT("\"title\":\"abcd\"")), false, "/title",
           "longer than 3 bytes");

    small = rn_limits_default;
    small.max_side = 100;
    bad_in(&small, IN_TIMELINE("\"width\":102,\"height\":16"),
           strlen(IN_TIMELINE("\"width\":102,\"height\":16")), false,
           "/timeline/width", "from 16 to 100");
}


/* Errors beyond what is kept are counted, and the parser goes on. */

static void
test_many_errors(void **state)
{
    char         *text;
    json_t       *j;
    rn_doc       *doc;
    rn_problems   ps;

    (void) state;

    text = many("{\"timeline\":{\"tracks\":[{\"clips\":[", "{\"x\":1}", 3000,
                "]}]}}");

    assert_int_equal(parse(text, strlen(text), &ps, &doc), RN_E_INVALID);
    assert_int_equal(ps.n, RN_PROBLEMS_MAX);
    assert_int_equal(ps.total, 6000);
    j = rn_problems_json(&ps);
    assert_int_equal(json_array_size(j), RN_PROBLEMS_MAX + 1);
    json_decref(j);
    rn_problems_free(&ps);
    free(text);
}


static void
test_not_json(void **state)
{
    size_t  i;

    static const char *const texts[] = {
        "", " ", "\n", "{", "}", "[", "nul", "{\"a\"}", "{\"a\":}", "{,}",
        "{\"a\":1,}", "{'a':1}", "{\"a\":01}", "{\"a\":1e999}",
        "{\"a\":99999999999999999999}", "{\"a\":NaN}", "{\"a\":Infinity}",
        "{\"a\":\"\\ud800\"}", "{\"a\":\"\xff\"}", "{\"a\":\"\xc0\x80\"}",
        "{\"a\":\"\x01\"}", "{} {}", "{}x", "\xef\xbb\xbf{}", "// x\n{}",
        "{\"title\":\"a\\u0000b\"}", "{\"a\\u0000b\":1}",
    };

    (void) state;

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        bad(texts[i], "", "not JSON");
    }

    /* raw NUL bytes: outside, in a string, in a key, behind the end */

    bad_in(&rn_limits_default, "\0", 1, false, "", "not JSON");
    bad_in(&rn_limits_default, "{\"title\":\"a\0b\"}", 15, false, "",
           "not JSON");
    bad_in(&rn_limits_default, "{\"a\0b\":1}", 9, false, "", "not JSON");
    bad_in(&rn_limits_default, "{}\0", 3, false, "", "not JSON");

    /* other JSON than an object */

    bad("[]", "", "an object");
    bad("[{}]", "", "must be an object");
}


static void
test_duplicates(void **state)
{
    (void) state;

    bad("{\"version\":1,\"version\":1}", "", "duplicate");
    bad(IN_CLIP("\"start\":0,\"start\":1"), "", "duplicate");
    bad(IN_CLIP("\"start\":0,\"st\\u0061rt\":1"), "", "duplicate");
    bad(IN_ROOT("\"metadata\":{\"a\":1,\"a\":1}"), "", "duplicate");
}


static void
test_deep(void **state)
{
    char    *text;
    rn_doc  *d;
    size_t   i, n;

    static const char *const heads[] = {
        "{\"timeline\":{\"tracks\":[{\"clips\":[]}]},\"metadata\":", "",
    };

    (void) state;

    for (i = 0; i < 2; i++) {
        for (n = 10; n <= 1000000; n *= 10) {
            text = malloc(strlen(heads[i]) + 2 * n + 2);
            assert_non_null(text);
            (void) strcpy(text, heads[i]);
            memset(text + strlen(heads[i]), '[', n);
            memset(text + strlen(heads[i]) + n, ']', n);
            (void) strcpy(text + strlen(heads[i]) + 2 * n, i == 0 ? "}" : "");

            if (i == 0 && n <= 1000) {
                d = good(text);
                rn_doc_free(d);
            } else {
                bad(text, "", n > 1000 ? "depth" : "must be an object");
            }

            free(text);
        }
    }
}


/* Every place where a value may stand takes every kind of value in stride. */

static void
test_any_value_anywhere(void **state)
{
    char         *dump;
    size_t        i, k, n, taken;
    json_t       *root, *value, *stack[400];
    rn_doc       *doc;
    rn_status     rc;
    const char   *name;
    rn_problems   ps;

    static const char *const values[] = {
        "null", "true", "0", "-1", "1e300", "9223372036854775807", "\"\"",
        "\"x\"", "[]", "{}", "[[]]", "{\"type\":\"transition\"}",
        "\"100000000000000000000000000000000000000f\"",
    };

    (void) state;

    taken = 0;
    root = json_loads(full, 0, NULL);
    assert_non_null(root);

    n = 0;
    stack[n++] = root;

    for (i = 0; i < n; i++) {               /* all containers, breadth first */
        size_t    at;
        json_t   *child, *kept;
        void     *it;

        json_array_foreach(stack[i], at, child) {
            if (json_is_object(child) || json_is_array(child)) {
                assert_true(n < 400);
                stack[n++] = child;
            }
        }

        for (it = json_object_iter(stack[i]); it != NULL;
             it = json_object_iter_next(stack[i], it))
        {
            child = json_object_iter_value(it);
            if (json_is_object(child) || json_is_array(child)) {
                assert_true(n < 400);
                stack[n++] = child;
            }

            name = json_object_iter_key(it);
            kept = json_incref(child);

            for (k = 0; k < sizeof(values) / sizeof(values[0]); k++) {
                value = json_loads(values[k], JSON_DECODE_ANY, NULL);
                assert_non_null(value);
                json_object_iter_set_new(stack[i], it, value);

                dump = json_dumps(root, JSON_COMPACT);
                rc = parse(dump, strlen(dump), &ps, &doc);
                if (rc == RN_OK) {
                    assert_int_equal(ps.total, 0);
                    rn_doc_free(doc);
                    taken++;
                } else {
                    assert_int_equal(rc, RN_E_INVALID);
                    assert_null(doc);
                    if (ps.total == 0) {
                        fail_msg("no reason for %s: %s", name, values[k]);
                    }
                }
                rn_problems_free(&ps);
                free(dump);
            }

            json_object_iter_set_new(stack[i], it, kept);
        }
    }

    json_decref(root);
    assert_true(taken > 20);                /* ids and metadata */
}


static void
test_truncated_everywhere(void **state)
{
    size_t        i;
    rn_doc       *doc;
    rn_problems   ps;

    (void) state;

    for (i = 0; i < strlen(full); i++) {
        assert_int_equal(parse(full, i, &ps, &doc), RN_E_INVALID);
        assert_null(doc);
        assert_int_equal(ps.total, 1);
        assert_string_equal(ps.items[0].pointer, "");
        rn_problems_free(&ps);
    }
}


static void
test_damaged_everywhere(void **state)
{
    char          text[sizeof(full)];
    size_t        i, k;
    rn_doc       *doc;
    json_t       *j;
    rn_status     rc;
    rn_problems   ps;

    static const char bytes[] = { 0, ' ', '"', '\\', '0', '-', 'x', '{', '}',
                                  ',', ':', (char) 0x80, (char) 0xff };

    (void) state;

    memcpy(text, full, sizeof(full));

    for (i = 0; i < strlen(full); i++) {
        for (k = 0; k < sizeof(bytes); k++) {
            text[i] = bytes[k];
            rc = parse(text, sizeof(full) - 1, &ps, &doc);
            if (rc == RN_OK) {
                assert_non_null(doc);
                assert_int_equal(ps.total, 0);
            } else {
                assert_int_equal(rc, RN_E_INVALID);
                assert_true(ps.total > 0);
                j = rn_problems_json(&ps);
                assert_non_null(j);
                json_decref(j);
            }
            rn_doc_free(doc);
            rn_problems_free(&ps);
        }
        text[i] = full[i];
    }
}


/* Names of any length neither overrun the pointer nor the message. */

static void
test_long_names(void **state)
{
    char         *text, *name;
    size_t        n;
    json_t       *j;
    rn_doc       *doc;
    rn_problems   ps;

    (void) state;

    name = malloc(20001);
    text = malloc(20001 + 1000);
    assert_non_null(name);
    assert_non_null(text);

    for (n = 1; n <= 20000; n += n < 700 ? 1 : 977) {
        memset(name, n % 3 == 0 ? '~' : n % 3 == 1 ? '/' : 'a', n);
        if (n > 2 && n % 2) {
            memcpy(name + n / 2, "\xc3\xa9", 2);
        }
        name[n] = '\0';
        (void) sprintf(text, IN_CLIP("\"%s\":1"), name);

        assert_int_equal(parse(text, strlen(text), &ps, &doc), RN_E_INVALID);
        assert_int_equal(ps.total, 1);
        assert_memory_equal(ps.items[0].pointer, CLIP_AT, strlen(CLIP_AT));
        assert_true(strlen(ps.items[0].pointer) < 512);
        j = rn_problems_json(&ps);
        assert_non_null(j);
        json_decref(j);
        rn_problems_free(&ps);
    }

    free(name);
    free(text);
}


static void
test_type_names(void **state)
{
    (void) state;

    assert_string_equal(rn_asset_type_name(RN_ASSET_VIDEO), "video");
    assert_string_equal(rn_asset_type_name(RN_ASSET_IMAGE), "image");
    assert_string_equal(rn_asset_type_name(RN_ASSET_AUDIO), "audio");
    assert_string_equal(rn_asset_type_name(RN_ASSET_COLOR), "color");
    assert_string_equal(rn_asset_type_name(RN_ASSET_TEXT), "text");
    assert_non_null(rn_asset_type_name(RN_ASSET_NONE));
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_full),
        cmocka_unit_test(test_poster),
        cmocka_unit_test(test_same_source_once),
        cmocka_unit_test(test_colors),
        cmocka_unit_test(test_fps),
        cmocka_unit_test(test_sides),
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_volumes),
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_known_later),
        cmocka_unit_test(test_unknown),
        cmocka_unit_test(test_sources),
        cmocka_unit_test(test_many_urls),
        cmocka_unit_test(test_meaning),
        cmocka_unit_test(test_missing),
        cmocka_unit_test(test_transitions),
        cmocka_unit_test(test_all_at_once),
        cmocka_unit_test(test_outputs),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_many_errors),
        cmocka_unit_test(test_not_json),
        cmocka_unit_test(test_duplicates),
        cmocka_unit_test(test_deep),
        cmocka_unit_test(test_any_value_anywhere),
        cmocka_unit_test(test_truncated_everywhere),
        cmocka_unit_test(test_damaged_everywhere),
        cmocka_unit_test(test_long_names),
        cmocka_unit_test(test_type_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
