/*
 * The parser of compositions: sources, clips, transitions and outputs; words
 * that it does not know, and what of all is refused, with its exact JSON
 * pointer.
 */

#include "doc_helpers.h"


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


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_poster),
        cmocka_unit_test(test_known_later),
        cmocka_unit_test(test_unknown),
        cmocka_unit_test(test_sources),
        cmocka_unit_test(test_many_urls),
        cmocka_unit_test(test_meaning),
        cmocka_unit_test(test_missing),
        cmocka_unit_test(test_transitions),
        cmocka_unit_test(test_all_at_once),
        cmocka_unit_test(test_outputs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
