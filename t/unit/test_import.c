/*
 * Documents of other programs: what is refused, each time with the pointer of
 * the source, and without harm; what single fields become; JSON5; and the way
 * from a composition to OpenTimelineIO and back.
 */

#include "helpers.h"
#include "rn_import.h"


#define TRACK(clips)                                                          \
    "{\"output\":{\"format\":\"mp4\"},\"timeline\":{\"tracks\":[{\"clips\":[" \
    clips "]}]}}"
#define IMAGE(members)                                                        \
    "{\"asset\":{\"type\":\"image\",\"src\":\"a.png\"},\"start\":0,"          \
    "\"length\":2" members "}"
#define CAPTION(type, members)                                                \
    "{\"asset\":{\"type\":\"" type "\",\"src\":\"a.vtt\"" members "},"        \
    "\"start\":0,\"length\":2}"
#define LAYERS(layers)                                                        \
    "{\"outPath\":\"a.mp4\",\"height\":360,\"fps\":25,\"clips\":[{"           \
    "\"duration\":2,\"layers\":[" layers "]}]}"
#define RATIONAL(value)                                                       \
    "{\"OTIO_SCHEMA\":\"RationalTime.1\",\"rate\":20,\"value\":" #value "}"
#define RANGE(start, length)                                                  \
    "{\"OTIO_SCHEMA\":\"TimeRange.1\",\"start_time\":" RATIONAL(start)        \
    ",\"duration\":" RATIONAL(length) "}"
#define OTIO(children)                                                        \
    "{\"OTIO_SCHEMA\":\"Timeline.1\",\"tracks\":{\"OTIO_SCHEMA\":\"Stack.1\"," \
    "\"children\":[{\"OTIO_SCHEMA\":\"Track.1\",\"kind\":\"Video\","          \
    "\"children\":[" children "]}]}}"
#define MEDIA(url)                                                            \
    "\"media_reference\":{\"OTIO_SCHEMA\":\"ExternalReference.1\","           \
    "\"target_url\":\"" url "\"}"
#define OURS_WITH(asset)                                                      \
    "{\"OTIO_SCHEMA\":\"Clip.1\",\"source_range\":" RANGE(0, 9)               \
    ",\"metadata\":{\"nginx_render\":{\"clip\":{\"asset\":" asset "}}},"        \
    "\"media_reference\":{\"OTIO_SCHEMA\":\"GeneratorReference.1\"}}"
#define CLIP(url, start, length)                                              \
    "{\"OTIO_SCHEMA\":\"Clip.1\",\"source_range\":" RANGE(start, length) ","  \
    MEDIA(url) "}"

#define FIRST    "/timeline/tracks/0/clips/0"
#define OF_OTIO  "/tracks/children/0/children/0"


static const char  nothing[] = "";


static rn_status
import_bytes(const char *text, size_t len, rn_import_from from, rn_problems *ps,
    json_t **document, json_t **notes)
{
    char               *copy;
    rn_status           rc;
    rn_import_options   options;

    copy = malloc(len ? len : 1);           /* no NUL behind it */
    assert_non_null(copy);
    memcpy(copy, text, len);

    memset(ps, 0, sizeof(*ps));
    memset(&options, 0, sizeof(options));
    options.from = from;
    options.base = "/films/one";

    rc = rn_import(copy, len, &options, ps, document, notes);
    free(copy);

    return rc;
}


/* Imports what must be good; the notes are asserted to be of one pointer. */

static json_t *
good(const char *text, const char *pointer)
{
    size_t       i;
    json_t      *document, *notes, *note;
    rn_problems  ps;

    if (import_bytes(text, strlen(text), RN_IMPORT_UNKNOWN, &ps, &document,
                     &notes) != RN_OK)
    {
        print_problems(&ps);
        fail_msg("refused: %s", text);
    }

    if (json_array_size(notes) != (pointer != NULL)) {
        print_error("%s\n", json_dumps(notes, 0));
        fail_msg("%zu notes of %s", json_array_size(notes), text);
    }

    json_array_foreach(notes, i, note) {
        assert_string_equal(json_string_value(json_object_get(note, "pointer")),
                            pointer);
    }

    rn_problems_free(&ps);
    json_decref(notes);

    return document;
}


/* The value of a document at a pointer, in JSON. */

static void
becomes(const char *text, const char *note, const char *at, const char *want)
{
    char     path[200], *step, *rest, *have;
    json_t  *document, *v;

    document = v = good(text, note);
    (void) snprintf(path, sizeof(path), "%s", at + 1);

    for (step = strtok_r(path, "/", &rest); step != NULL;
         step = strtok_r(NULL, "/", &rest))
    {
        v = json_is_array(v) ? json_array_get(v, strtoul(step, NULL, 10))
                             : json_object_get(v, step);
    }

    have = v != NULL ? json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT
                                     | JSON_SORT_KEYS
                                     | JSON_REAL_PRECISION(6))
                     : strdup("nothing");

    if (strcmp(have, want[0] ? want : "nothing") != 0) {
        fail_msg("%s: %s is %s, not %s", text, at, have, want);
    }

    free(have);
    json_decref(document);
}


/* Refused, with this pointer and these words among the reasons. */

static void
bad_bytes(const char *text, size_t len, rn_import_from from,
    const char *pointer, const char *words)
{
    size_t       i;
    json_t      *document, *notes;
    rn_problems  ps;

    document = notes = json_null();

    if (import_bytes(text, len, from, &ps, &document, &notes) != RN_E_INVALID) {
        fail_msg("taken: %s", text);
    }

    assert_null(document);
    assert_null(notes);
    assert_true(ps.total > 0);

    for (i = 0; i < ps.n; i++) {
        if (strcmp(ps.items[i].pointer, pointer) == 0
            && strstr(ps.items[i].detail, words) != NULL)
        {
            rn_problems_free(&ps);
            return;
        }
    }

    print_problems(&ps);
    fail_msg("wanted %s: ...%s... of %s", pointer, words, text);
}


static void
bad(const char *text, const char *pointer, const char *words)
{
    bad_bytes(text, strlen(text), RN_IMPORT_UNKNOWN, pointer, words);
}


static void
test_no_documents(void **state)
{
    (void) state;

    bad("", "", "neither JSON nor JSON5");
    bad("{", "", "neither JSON nor JSON5");
    bad("<xml/>", "", "neither JSON nor JSON5");
    bad("\xff\xfe", "", "neither JSON nor JSON5");
    bad("[]", "", "must be an object");
    bad("null", "", "");
    bad("{}", "", "is neither a Shotstack edit");
    bad("{\"version\":1,\"timeline\":{\"tracks\":[]}}", "",
        "is neither a Shotstack edit");
    bad("{\"clips\":1e999}", "", "neither JSON nor JSON5");
    bad("{\"clips\":99999999999999999999}", "", "neither JSON nor JSON5");
    bad("{clips: NaN}", "", "NaN");
    bad("{clips: [-Infinity]}", "", "NaN and Infinity");
    bad("{\"a\":1,\"a\":2}", "", "duplicate");
    bad_bytes(nothing, 1, RN_IMPORT_UNKNOWN, "", "neither");
    bad_bytes("{}", 2, RN_IMPORT_SHOTSTACK, "", "needs a \"timeline\"");
    bad_bytes("{}", 2, RN_IMPORT_EDITLY, "/clips", "must be an array");
    bad_bytes("{}", 2, RN_IMPORT_OTIO, "", "OTIO_SCHEMA");
}


static void
test_wrong_shotstack(void **state)
{
    (void) state;

    bad("{\"output\":{},\"timeline\":1}", "/timeline", "must be an object");
    bad("{\"output\":[],\"timeline\":{\"tracks\":[]}}", "/output",
        "must be an object");
    bad("{\"output\":{},\"timeline\":{}}", "/timeline", "needs \"tracks\"");
    bad("{\"output\":{},\"timeline\":{\"tracks\":{}}}", "/timeline/tracks",
        "must be an array");
    bad("{\"output\":{},\"timeline\":{\"tracks\":[]}}", "", "nothing is left");
    bad("{\"output\":{},\"timeline\":{\"tracks\":[7]}}", "/timeline/tracks/0",
        "must be an object");
    bad(TRACK("null"), FIRST, "must be an object");
    bad(TRACK("{}"), FIRST, "needs a \"start\"");
    bad(TRACK("{\"start\":0,\"length\":1}"), FIRST, "needs an \"asset\"");
    bad(TRACK("{\"start\":0,\"length\":1,\"asset\":[]}"), FIRST "/asset",
        "must be an object");
    bad(TRACK("{\"start\":0,\"length\":1,\"asset\":{\"type\":9}}"),
        FIRST "/asset/type", "must be a string");
    bad(TRACK("{\"start\":0,\"length\":1,\"asset\":{\"type\":\"video\"}}"),
        FIRST "/asset", "needs a \"src\"");
    bad(TRACK("{\"start\":\"soon\",\"length\":1,\"asset\":{\"type\":\"text\","
              "\"text\":\"a\"}}"), FIRST "/start", "must be seconds");
    bad(TRACK("{\"start\":0,\"length\":0,\"asset\":{\"type\":\"text\","
              "\"text\":\"a\"}}"), FIRST "/length", "more than 0");
    bad(TRACK("{\"start\":\"alias://x\",\"length\":1,\"asset\":{\"type\":"
              "\"text\",\"text\":\"a\"}}"), FIRST "/start", "no clip");
    bad(TRACK(IMAGE(",\"opacity\":\"half\"")), FIRST "/opacity",
        "must be a number");
    bad(TRACK(IMAGE(",\"opacity\":[7]")), FIRST "/opacity/0",
        "must be an object");
    bad(TRACK(IMAGE(",\"offset\":{\"x\":[{\"from\":0}]}")),
        FIRST "/offset/x/0", "needs \"from\" and \"to\"");
    bad(TRACK(IMAGE(",\"fit\":2")), FIRST "/fit", "must be a string");
    bad(TRACK(IMAGE(",\"fit\":\"a\\u0000b\"")), "", "\\u0000");
    bad("{\"output\":{\"size\":{\"width\":\"x\"}},\"timeline\":{"
        "\"tracks\":[]}}",
        "/output/size/width", "must be a number");
    bad("{\"merge\":[1],\"output\":{},\"timeline\":{\"tracks\":[]}}",
        "/merge/0", "must be an object");
}


static void
test_wrong_editly(void **state)
{
    (void) state;

    bad("{\"clips\":[]}", "/clips", "1 to 5000");
    bad("{\"clips\":{}}", "/clips", "must be an array");
    bad("{\"clips\":[3]}", "/clips/0", "must be an object");
    bad("{\"clips\":[{}]}", "/clips/0/layers", "must be an array");
    bad(LAYERS("7"), "/clips/0/layers/0", "must be an object");
    bad(LAYERS("{\"type\":true}"), "/clips/0/layers/0/type", "string");
    bad(LAYERS("{\"type\":\"video\"}"), "/clips/0/layers/0", "a \"path\"");
    bad(LAYERS("{\"type\":\"video\",\"path\":\"a.mp4\",\"cutFrom\":2,"
               "\"cutTo\":1}"), "/clips/0/layers/0/cutTo", "behind cutFrom");
    bad(LAYERS("{\"type\":\"title\"}"), "/clips/0/layers/0", "\"text\"");
    bad(LAYERS("{\"type\":\"fill-color\",\"start\":3}"), "/clips/0/layers/0",
        "must lie within the clip");
    bad("{\"defaults\":7,\"clips\":[]}", "/defaults", "must be an object");
    bad("{\"defaults\":{\"transition\":7},\"clips\":[]}",
        "/defaults/transition", "must be an object or null");
    bad("{\"audioTracks\":[{}],\"clips\":[{\"layers\":{\"type\":\"pause\"}}]}",
        "/audioTracks/0", "needs a \"path\"");
    bad("{\"outputVolume\":\"loud\",\"clips\":[{\"layers\":{\"type\":\"pause\"}"
        "}]}", "/outputVolume", "decibels");
}


static void
test_wrong_otio(void **state)
{
    (void) state;

    bad("{\"OTIO_SCHEMA\":7}", "/OTIO_SCHEMA", "must be a string");
    bad("{\"OTIO_SCHEMA\":\"Clip.2\"}", "/OTIO_SCHEMA", "must be a Timeline");
    bad("{\"OTIO_SCHEMA\":\"Timeline.1\"}", "/tracks", "must be a Stack");
    bad("{\"OTIO_SCHEMA\":\"SerializableCollection.1\",\"children\":[]}", "",
        "holds no Timeline");
    bad(OTIO("7"), OF_OTIO, "must be an object");
    bad(OTIO("{\"OTIO_SCHEMA\":\"Clip.1\",\"source_range\":7}"),
        OF_OTIO "/source_range", "must be an object");
    bad(OTIO("{\"OTIO_SCHEMA\":\"Clip.1\",\"source_range\":{}}"),
        OF_OTIO "/source_range", "needs a \"start_time\"");
    bad(OTIO("{\"OTIO_SCHEMA\":\"Clip.1\",\"source_range\":{\"start_time\":{"
             "\"rate\":0,\"value\":1},\"duration\":" RATIONAL(3) "}}"),
        OF_OTIO "/source_range/start_time/rate", "more than 0");
    bad(OTIO("{\"OTIO_SCHEMA\":\"Clip.1\",\"source_range\":{\"start_time\":{"
             "\"rate\":1,\"value\":\"1\"},\"duration\":" RATIONAL(3) "}}"),
        OF_OTIO "/source_range/start_time", "needs \"rate\" and \"value\"");
    bad(OTIO(CLIP("a.mp4", 0, -5)), OF_OTIO "/source_range/duration",
        "less than 0");
    bad(OTIO(CLIP("a.mp4", 900000000000, 5)),
        OF_OTIO "/source_range/start_time/value", "further than");
    bad(OTIO(OURS_WITH("{}")), "/tracks", "nothing is left");
    bad(OTIO(OURS_WITH("{\"type\":7}")), "/tracks", "nothing is left");
    bad(OTIO(OURS_WITH("{\"type\":\"video\",\"src\":7}")), "", "not valid");
    bad(OTIO("{\"OTIO_SCHEMA\":\"Gap.1\",\"source_range\":" RANGE(0, 9) "}"),
        "/tracks", "nothing is left");
}


/* Nested until nobody would go on, in each place where something can be. */

static void
test_deep(void **state)
{
    enum { DEEP = 1900 };

    char   *text;
    size_t  n;
    int     i, kind, levels;

    static const char *const open[] = {
        "[", "{\"a\":",
        "{\"OTIO_SCHEMA\":\"Stack.1\",\"children\":[",
        "{\"OTIO_SCHEMA\":\"Track.1\",\"source_range\":" RANGE(0, 20)
        ",\"children\":[",
    };
    static const char *const shut[] = { "]", "}", "]}", "]}" };

    (void) state;

    text = malloc(DEEP * 400 + 400);
    assert_non_null(text);

    for (kind = 0; kind < 4; kind++) {
        levels = kind < 2 ? DEEP : 900;
        n = (size_t) sprintf(text, kind < 2
                             ? "{\"clips\":[{\"layers\":{\"type\":\"pause\","
                               "\"color\":\"#fff\"}}],\"deep\":"
                             : "{\"OTIO_SCHEMA\":\"Timeline.1\",\"tracks\":");

        for (i = 0; i < levels; i++) {
            n += (size_t) sprintf(text + n, "%s", open[kind]);
        }
        n += (size_t) sprintf(text + n, "%s", kind == 1 ? "1" : "");
        for (i = 0; i < levels; i++) {
            n += (size_t) sprintf(text + n, "%s", shut[kind]);
        }
        (void) sprintf(text + n, "}");

        if (kind < 2) {
            json_decref(good(text, "/deep"));
        } else {
            json_t       *document, *notes;
            rn_problems   ps;

            assert_int_equal(import_bytes(text, strlen(text),
                                          RN_IMPORT_UNKNOWN, &ps, &document,
                                          &notes), RN_E_INVALID);
            assert_int_equal(ps.total, 1);
            assert_non_null(strstr(ps.items[0].detail, "nested deeper"));
            rn_problems_free(&ps);
        }
    }

    /* deeper than the reader of JSON goes */

    memset(text, '[', 5000);
    text[5000] = '\0';
    bad(text, "", "neither JSON nor JSON5");

    free(text);
}


static void
test_fields(void **state)
{
    (void) state;

    /* Shotstack */

    becomes(TRACK(IMAGE("")), NULL, FIRST,
            "{\"asset\":{\"src\":\"a.png\",\"type\":\"image\"},\"duration\":2,"
            "\"fit\":\"cover\",\"start\":0}");
    becomes(TRACK(IMAGE(",\"fit\":\"cover\"")), NULL, FIRST "/fit", "\"fill\"");
    becomes(TRACK(IMAGE(",\"fit\":\"contain\"")), NULL, FIRST "/fit",
            "\"contain\"");
    becomes(TRACK(IMAGE(",\"fit\":\"contain\",\"position\":\"top\"")),
            FIRST "/position", FIRST "/fit", "\"contain\"");
    becomes(TRACK(IMAGE(",\"opacity\":0.5")), NULL, FIRST "/opacity", "0.5");
    becomes(TRACK(IMAGE(",\"opacity\":5")), FIRST "/opacity",
            FIRST "/opacity", "");
    becomes(TRACK(IMAGE(",\"opacity\":[{\"from\":0,\"to\":1,\"start\":1,"
                        "\"length\":0.5,\"interpolation\":\"bezier\","
                        "\"easing\":\"easeInQuad\"}]")), NULL,
            FIRST "/keyframes/opacity",
            "[{\"time\":0,\"value\":0.0},{\"time\":1,\"value\":0.0},"
            "{\"easing\":[0.11,0.0,0.5,0.0],\"time\":1.5,\"value\":1.0}]");
    becomes(TRACK(IMAGE(",\"filter\":\"negative\"")), NULL, FIRST "/effects",
            "[{\"type\":\"invert\"}]");
    becomes(TRACK(IMAGE(",\"transform\":{\"rotate\":{\"angle\":-20},\"skew\":"
                        "{\"x\":1}}")), FIRST "/transform/skew",
            FIRST "/rotate", "-20.0");
    becomes(TRACK(IMAGE(",\"transition\":{\"in\":\"fadeFast\"}")), NULL,
            FIRST "/transition", "{\"duration\":0.5,\"in\":\"fade\"}");
    becomes(TRACK(IMAGE(",\"transition\":{\"in\":\"shuffleTopLeft\"}")),
            FIRST "/transition/in", FIRST "/transition/in", "\"fade\"");
    becomes(TRACK(IMAGE(",\"transition\":{\"out\":\"carouselLeft\"}")), NULL,
            FIRST "/keyframes/offset/2/value",
            "{\"x\":\"-100%\",\"y\":\"0%\"}");
    becomes(TRACK("{\"asset\":{\"type\":\"image\",\"src\":\"a.png\",\"crop\":{"
                  "\"left\":0.25}},\"start\":0,\"length\":2,\"position\":"
                  "\"left\",\"scale\":0.5}"), NULL, FIRST "/offset",
            "{\"x\":\"12.5%\",\"y\":\"0%\"}");
    becomes(TRACK("{\"asset\":{\"type\":\"image\",\"src\":\"a.png\",\"crop\":{"
                  "\"left\":0.25}},\"start\":0,\"length\":2,\"scale\":0.5}"),
            NULL, FIRST "/width", "480");
    becomes(TRACK(IMAGE(",\"colour\":1")), FIRST "/colour", "/version", "1");
    becomes(TRACK(CAPTION("caption", "")), NULL, FIRST "/width", "1152");
    becomes(TRACK(CAPTION("caption", ",\"font\":{\"stroke\":\"#ff0000\","
                          "\"strokeWidth\":3}")), NULL, FIRST
            "/asset/stroke", "{\"color\":\"#ff0000ff\",\"width\":3.0}");
    becomes(TRACK(CAPTION("rich-caption", ",\"font\":{\"background\":"
                          "\"#ff0000\"}")), NULL, FIRST "/asset/stroke",
            "{\"width\":0}");
    becomes(TRACK(CAPTION("rich-caption", ",\"style\":{\"size\":50}")), NULL,
            FIRST "/asset/font/size", "50.0");
    becomes(TRACK("{\"asset\":{\"type\":\"rich-caption\",\"words\":[]},"
                  "\"start\":0,\"length\":2}," IMAGE("")),
            FIRST "/asset/words", "/timeline/tracks/1", "");
    becomes(TRACK("{\"asset\":{\"type\":\"svg\",\"src\":\"<svg width='10' "
                  "height='20px'/>\"},\"start\":0,\"length\":2,"
                  "\"position\":\"top\"}"), NULL, FIRST "/height", "20");
    becomes(TRACK("{\"asset\":{\"type\":\"svg\",\"src\":\"<svg width='10%' "
                  "height='20'/>\"},\"start\":0,\"length\":2}"), NULL,
            FIRST "/fit", "\"none\"");
    becomes(TRACK("{\"asset\":{\"type\":\"svg\",\"src\":\"<svg width=\"},"
                  "\"start\":0,\"length\":2}," IMAGE("")),
            FIRST "/asset/src", "/timeline/tracks/1", "");
    becomes(TRACK(IMAGE("") "," IMAGE("")), NULL, "/timeline/tracks/1/clips/0/"
            "start", "0");
    becomes(TRACK(IMAGE("") ",{\"asset\":{\"type\":\"luma\",\"src\":\"m.mp4\"},"
                  "\"start\":0,\"length\":1}"),
            "/timeline/tracks/0/clips/1/asset", "/timeline/tracks/1", "");
    becomes("{\"output\":{\"resolution\":\"1080\",\"aspectRatio\":\"9:16\"},"
            "\"timeline\":{\"tracks\":[{\"clips\":[" IMAGE("") "]}]}}", NULL,
            "/timeline/width", "1080");
    becomes("{\"callback\":\"https://a.example/\",\"output\":{},\"timeline\":{"
            "\"tracks\":[{\"clips\":[" IMAGE("") "]}]}}", "/callback",
            "/webhook_url", "");

    /* merge fields stay in texts, and are filled in elsewhere */

    becomes("{\"merge\":[{\"find\":\"T\",\"replace\":\"x\"},{\"find\":\"L\","
            "\"replace\":3}],\"output\":{},\"timeline\":{\"tracks\":[{\"clips\""
            ":[{\"asset\":{\"type\":\"text\",\"text\":\"{{T}} {{U}}\"},"
            "\"start\":0,\"length\":\"{{L}}\"}]}]}}", NULL, "/merge",
            "{\"T\":\"x\",\"U\":\"{{U}}\"}");

    /* sources */

    becomes(LAYERS("{\"type\":\"image\",\"path\":\"./b/c.png\"}"), NULL,
            FIRST "/asset/src", "\"b/c.png\"");
    becomes(LAYERS("{\"type\":\"image\",\"path\":\"/films/one/c.png\"}"), NULL,
            FIRST "/asset/src", "\"c.png\"");
    becomes(LAYERS("{\"type\":\"image\",\"path\":\"/other/c.png\"}"),
            "/clips/0/layers/0/path", FIRST "/asset/src", "\"c.png\"");
    becomes(LAYERS("{\"type\":\"image\",\"path\":\"http://a.example/c.png\"}"),
            "/clips/0/layers/0/path", FIRST "/asset/src",
            "\"https://a.example/c.png\"");
    becomes(OTIO(CLIP("file:///films/one/a%20b.mp4", 0, 20)), NULL,
            FIRST "/asset/src", "\"a b.mp4\"");
    becomes(OTIO(CLIP("https://a.example/v.mp4?x=1", 0, 20)), NULL,
            FIRST "/asset/src", "\"https://a.example/v.mp4?x=1\"");

    /* editly */

    becomes(LAYERS("{\"type\":\"video\",\"path\":\"a.mp4\",\"cutFrom\":1,"
                   "\"cutTo\":2}"), NULL, FIRST "/speed", "0.5");
    becomes(LAYERS("{\"type\":\"image\",\"path\":\"a.png\"}"), NULL,
            FIRST "/keyframes/scale/1/value", "1.1");
    becomes(LAYERS("{\"type\":\"image\",\"path\":\"a.svg\"}"), NULL,
            FIRST "/asset/type", "\"svg\"");
    becomes(LAYERS("{\"type\":\"linear-gradient\"}"), "/clips/0/layers/0",
            FIRST "/keyframes/rotate/1/value", "30");
    becomes(LAYERS("{\"type\":\"title\",\"text\":\"x\",\"fontPath\":"
                   "\"a.ttf\",\"zoomDirection\":null}"),
            "/clips/0/layers/0/fontPath", "/timeline/fonts", "");
    becomes(LAYERS("{\"type\":\"gl\",\"fragmentPath\":\"a.frag\"}"),
            "/clips/0/layers/0", FIRST "/asset/type", "\"color\"");

    /* OpenTimelineIO */

    becomes(OTIO(CLIP("https://a.example/a.VTT?x", 40, 20)), NULL, FIRST,
            "{\"asset\":{\"src\":\"https://a.example/a.VTT?x\",\"type\":"
            "\"caption\"},\"duration\":1,\"in_point\":2}");
    becomes(OTIO(CLIP("a.mp4", 40, 20)), NULL, FIRST,
            "{\"asset\":{\"src\":\"a.mp4\",\"type\":\"video\"},\"duration\":1,"
            "\"fit\":\"contain\",\"in_point\":2}");
    becomes(OTIO(CLIP("a.mp4", 0, 20) ",{\"OTIO_SCHEMA\":\"Transition.1\","
                 "\"transition_type\":\"SMPTE_Dissolve\",\"in_offset\":"
                 RATIONAL(30) ",\"out_offset\":" RATIONAL(0) "},"
                 CLIP("b.mp4", 100, 60)), "/tracks/children/0/children/1",
            "/timeline/tracks/0/clips/1/duration", "0.45");
    becomes(OTIO("{\"OTIO_SCHEMA\":\"Clip.3\",\"source_range\":" RANGE(0, 20)
                 "," MEDIA("a.mp4") "}"), OF_OTIO "/OTIO_SCHEMA",
            FIRST "/duration", "1");
    becomes(OTIO("{\"OTIO_SCHEMA\":\"Clip.1\",\"source_range\":" RANGE(0, 20)
                 ",\"effects\":[{\"OTIO_SCHEMA\":\"FreezeFrame.1\","
                 "\"time_scalar\":0}]," MEDIA("a.mp4") "}"),
            OF_OTIO "/effects/0", FIRST "/speed", "0.25");
}


static void
json5_is(const char *text, const char *want)
{
    char     err[120] = "", *plain, *have;
    size_t   n;
    json_t  *v;

    plain = rn_json5(text, strlen(text), &n, err, sizeof(err));

    if (want == NULL) {
        if (plain != NULL) {
            fail_msg("taken: %s as %s", text, plain);
        }
        assert_true(err[0] != '\0');
        return;
    }

    if (plain == NULL) {
        fail_msg("%s: %s", text, err);
    }

    v = json_loadb(plain, n, JSON_DECODE_ANY, NULL);
    if (v == NULL) {
        fail_msg("%s is no JSON: %s", text, plain);
    }

    have = json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT);
    assert_string_equal(have, want);

    free(have);
    free(plain);
    json_decref(v);
}


static void
test_json5(void **state)
{
    char     err[120], *plain;
    size_t   n;

    (void) state;

    json5_is("{}", "{}");
    json5_is("{a: 1, $b_2: 'x', \"c\": null,}", "{\"a\":1,\"$b_2\":\"x\","
             "\"c\":null}");
    json5_is("[1, 2,\n]", "[1,2]");
    json5_is("// one\n{ /* two\n three */ a /* four */ : [true] }",
             "{\"a\":[true]}");
    json5_is("['it\\'s', \"\\'\\x41\\v\", 'say \"so\"', 'a\\\nb']",
             "[\"it's\",\"'A\\u000B\",\"say \\\"so\\\"\",\"ab\"]");
    json5_is("[.5, 5., -.5, +1, 0x1F, -0x10, 1e3, 5.e1]",
             "[0.5,5.0,-0.5,1,31,-16,1000.0,50.0]");
    json5_is("\xef\xbb\xbf{\xc2\xa0\"a\":1}", "{\"a\":1}");
    json5_is("{true: 1, null: 2}", "{\"true\":1,\"null\":2}");

    json5_is("[NaN]", NULL);
    json5_is("[-Infinity]", NULL);
    json5_is("{a: 'x", NULL);
    json5_is("['a\nb']", NULL);
    json5_is("{} /* no end", NULL);
    json5_is("['\\xg0']", NULL);
    json5_is("[0x]", NULL);
    json5_is("[0xFFFFFFFFFFFFFFFFFFFF]", NULL);

    /* what is neither stays what JSON refuses, in the line where it was */

    plain = rn_json5("{\n\n a: b\n}", 11, &n, err, sizeof(err));
    assert_non_null(plain);
    assert_string_equal(plain, "{\n\n \"a\": b\n}");
    free(plain);

    plain = rn_json5("[,]", 3, &n, err, sizeof(err));
    assert_string_equal(plain, "[,]");
    free(plain);
}


/* Out and back: the same plan; and what was moved out there is moved here. */

static void
test_way_back(void **state)
{
    size_t             i;
    char              *text;
    json_t            *out, *notes, *clip, *children, *back;
    rn_doc            *doc;
    rn_facts           facts[2];
    rn_problems        ps;
    rn_timeline        tl;
    rn_import_options  options;

    static const char  film[] =
        "{\"title\":\"T\",\"timeline\":{\"fps\":25,\"tracks\":[{\"id\":\"m\","
        "\"clips\":[{\"asset\":{\"type\":\"color\",\"color\":\"#fff\"},"
        "\"duration\":2,\"opacity\":0.5},"
        "{\"type\":\"transition\",\"transition_type\":\"wipeleft\","
        "\"duration\":\"5f\"},"
        "{\"asset\":{\"type\":\"video\",\"src\":\"a.mp4\"},\"speed\":2,"
        "\"in_point\":1,\"out_point\":5},"
        "{\"asset\":{\"type\":\"text\",\"text\":\"x\"},\"start\":6,"
        "\"duration\":1}]}],\"markers\":[{\"name\":\"n\",\"time\":\"10f\","
        "\"kind\":\"split\"}]},\"blurhash\":false}";

    (void) state;

    memset(facts, 0, sizeof(facts));
    facts[0].known = facts[0].has_video = facts[0].has_audio = true;
    facts[0].duration = 8;
    strcpy(facts[0].kind, "video");
    memset(&ps, 0, sizeof(ps));
    memset(&options, 0, sizeof(options));

    doc = parse_good(film, true);
    assert_int_equal(rn_timeline_resolve(doc, facts, &rn_limits_default, &ps,
                                         &tl), RN_OK);
    assert_int_equal(rn_export_otio(doc, &tl, &ps, &out, &notes), RN_OK);
    assert_int_equal(json_array_size(notes), 1);        /* of its sound */
    json_decref(notes);
    rn_timeline_free(&tl);
    rn_doc_free(doc);

    children = json_object_get(json_object_get(out, "tracks"), "children");
    children = json_object_get(json_array_get(children, 0), "children");
    assert_int_equal(json_array_size(children), 5);

    text = json_dumps(out, 0);
    assert_int_equal(rn_import(text, strlen(text), &options, &ps, &back,
                               &notes), RN_OK);
    assert_int_equal(json_array_size(notes), 0);
    free(text);

    clip = json_loads(film, 0, NULL);
    (void) json_object_set_new(clip, "version", json_integer(1));
    (void) json_object_update_new(json_object_get(clip, "timeline"),
                                  json_pack("{s:i, s:i, s:s}", "width", 1280,
                                            "height", 720, "fps", "25/1"));
    (void) json_object_set_new(json_array_get(json_object_get(json_object_get(
                               clip, "timeline"), "tracks"), 0), "kind",
                               json_string("video"));
    assert_true(json_equal(clip, back));
    json_decref(clip);
    json_decref(back);
    json_decref(notes);

    /* the text is cut to half a second; all else of it stays */

    clip = json_array_get(children, 4);
    (void) json_object_set_new(json_object_get(json_object_get(clip,
                               "source_range"), "duration"), "value",
                               json_real(12.5));
    text = json_dumps(out, 0);
    assert_int_equal(rn_import(text, strlen(text), &options, &ps, &back,
                               &notes), RN_OK);
    free(text);

    clip = json_object_get(json_object_get(back, "timeline"), "tracks");
    clip = json_object_get(json_array_get(clip, 0), "clips");
    i = json_array_size(clip) - 1;
    clip = json_array_get(clip, i);
    assert_near(json_number_value(json_object_get(clip, "duration")), 0.5,
                1e-9);
    assert_near(json_number_value(json_object_get(clip, "start")), 6, 1e-9);
    assert_string_equal(json_string_value(json_object_get(json_object_get(clip,
                        "asset"), "text")), "x");

    json_decref(back);
    json_decref(notes);
    json_decref(out);
    rn_problems_free(&ps);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_no_documents),
        cmocka_unit_test(test_wrong_shotstack),
        cmocka_unit_test(test_wrong_editly),
        cmocka_unit_test(test_wrong_otio),
        cmocka_unit_test(test_deep),
        cmocka_unit_test(test_fields),
        cmocka_unit_test(test_json5),
        cmocka_unit_test(test_way_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
