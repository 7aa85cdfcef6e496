/* What the tests of the parser of compositions share. */

#ifndef DOC_HELPERS_H
#define DOC_HELPERS_H

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


HELPER rn_status
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


HELPER rn_doc *
good(const char *text)
{
    return parse_good(text, false);
}


/* Refused for exactly one reason, at the pointer, with these words in it. */

HELPER void
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


HELPER void
bad(const char *text, const char *pointer, const char *words)
{
    bad_in(&rn_limits_default, text, strlen(text), false, pointer, words);
}


#endif /* DOC_HELPERS_H */
