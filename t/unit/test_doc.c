/*
 * The parser of compositions: every field of a film that it takes, what
 * becomes of it, and where its bounds are.
 */

#include "doc_helpers.h"


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


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_full),
        cmocka_unit_test(test_same_source_once),
        cmocka_unit_test(test_colors),
        cmocka_unit_test(test_fps),
        cmocka_unit_test(test_sides),
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_volumes),
        cmocka_unit_test(test_words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
