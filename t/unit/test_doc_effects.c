/*
 * What the parser takes and refuses of effects and shapes, each bound and each
 * wrong type by its JSON pointer.
 */

#include "motion_helpers.h"


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


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_effects),
        cmocka_unit_test(test_effect_words),
        cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_all_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
