/* Merge fields: what stands for what, and what is refused. */

#include "helpers.h"


#define TEXT_OF(text)                                                         \
    "{\"asset\":{\"type\":\"text\",\"text\":\"" text "\"},\"duration\":1}"
#define DOC(merge, clip)                                                      \
    "{\"merge\":{" merge "},\"timeline\":{\"tracks\":[{\"clips\":[" clip      \
    "]}]}}"
#define CLIP_AT  "/timeline/tracks/0/clips/0"


static void
text_is(const char *document, const char *text)
{
    rn_doc  *d;

    d = parse_good(document, false);
    assert_string_equal(d->tracks[0].clips[0].asset.text, text);
    rn_doc_free(d);
}


static void
bad(const char *text, const char *pointer, const char *words)
{
    parse_bad(text, false, pointer, words);
}


static void
test_texts(void **state)
{
    (void) state;

    text_is(DOC("\"A\":\"x\"", TEXT_OF("{{A}}")), "x");
    text_is(DOC("\"A\":\"x\"", TEXT_OF("a {{A}} b {{A}}{{A}}")), "a x b xx");
    text_is(DOC("\"n\":2,\"on\":true,\"f\":0.25",
                TEXT_OF("{{n}}, {{on}}, {{f}}")), "2, true, 0.25");
    text_is(DOC("\"A\":\"\"", TEXT_OF("[{{A}}]")), "[]");
    text_is(DOC("\"A\":\"\\u00fc\\\"\"", TEXT_OF("{{A}}!")), "\xc3\xbc\"!");

    /* values are not looked into again, and what is no field is text */

    text_is(DOC("\"A\":\"{{B}}\",\"B\":\"no\"", TEXT_OF("{{A}}.")), "{{B}}.");
    text_is(DOC("\"A\":\"x\"", TEXT_OF("{{ A }} {A} {{}} {{A")),
            "{{ A }} {A} {{}} {{A");
    text_is(DOC("\"A\":\"x\"", TEXT_OF("{{{A}}}")), "{x}");
    text_is(DOC("", TEXT_OF("{{A}}")), "{{A}}");
    text_is("{\"timeline\":{\"tracks\":[{\"clips\":[" TEXT_OF("{{A}}") "]}]}}",
            "{{A}}");
}


static void
test_types(void **state)
{
    rn_doc         *d;
    const rn_clip  *c;

    (void) state;

    d = parse_good("{\"merge\":{\"N\":1.5,\"F\":\"30f\",\"B\":false,"
                   "\"SRC\":\"asset:" UUID_A "\",\"C\":\"#102030\","
                   "\"T\":\"Me\"}"
                   ",\"title\":\"{{T}}\",\"blurhash\":\"{{B}}\","
                   "\"timeline\":{\"background\":\"{{C}}\",\"tracks\":["
                   "{\"clips\":[{\"asset\":{\"type\":\"video\",\"src\":"
                   "\"{{SRC}}\"},\"duration\":\"{{N}}\",\"in_point\":"
                   "\"{{F}}\",\"keyframes\":{\"rotate\":[{\"time\":0,"
                   "\"value\":\"{{N}}\"}]}}]}]}}", false);
    c = &d->tracks[0].clips[0];

    assert_string_equal(d->title, "Me");
    assert_false(d->blurhash);
    assert_int_equal(d->background, 0x102030ff);
    assert_float_equal(c->duration.seconds, 1.5, 0);
    assert_int_equal(c->in_point.frames, 30);
    assert_float_equal(c->moves[RN_MOVE_ROTATE].keys[0].v[0].value, 1.5, 0);
    assert_string_equal(d->refs[0].src, "asset:" UUID_A);
    rn_doc_free(d);

    /* a string of digits is no number */

    bad(DOC("\"D\":\"2\"", "{\"asset\":{\"type\":\"color\",\"color\":\"#fff\"},"
            "\"duration\":\"{{D}}\"}"), CLIP_AT "/duration", "seconds");
}


static void
test_refused(void **state)
{
    char    *text, *value;
    size_t   i, n;

    (void) state;

    bad(DOC("\"A\":\"x\"", TEXT_OF("{{B}}")), CLIP_AT "/asset/text",
        "{{B}} is not in \"merge\"");
    bad(DOC("\"A\":\"x\"", TEXT_OF("{{A}} {{B}}")), CLIP_AT "/asset/text",
        "{{B}} is not in");
    bad(DOC("\"A B\":\"x\"", TEXT_OF("t")), "/merge/A B", "a name is");
    bad(DOC("\"\":\"x\"", TEXT_OF("t")), "/merge/", "a name is");
    bad(DOC("\"A\":null", TEXT_OF("t")), "/merge/A", "must be a string");
    bad(DOC("\"A\":{}", TEXT_OF("t")), "/merge/A", "must be a string");
    bad("{\"merge\":[],\"timeline\":{\"tracks\":[{\"clips\":[" TEXT_OF("t")
        "]}]}}", "/merge", "must be an object");

    /* what is merged obeys the limits of what it becomes */

    value = malloc(9001);
    assert_non_null(value);
    memset(value, 'x', 9000);
    value[9000] = '\0';

    text = malloc(20000);
    assert_non_null(text);
    (void) sprintf(text, DOC("\"A\":\"%s\"", TEXT_OF("{{A}}{{A}}")), value);
    bad(text, CLIP_AT "/asset/text", "longer than");
    free(text);

    /* nor does a small document become a large one */

    text = malloc(200000);
    assert_non_null(text);
    n = (size_t) sprintf(text, "{\"merge\":{\"A\":\"%s\"},\"metadata\":[0",
                         value);
    for (i = 0; i < 4000; i++) {
        n += (size_t) sprintf(text + n, ",\".{{A}}\"");
    }
    (void) sprintf(text + n, "],\"timeline\":{\"tracks\":[{\"clips\":["
                   TEXT_OF("t") "]}]}}");
    bad(text, "/metadata/466", "too large");
    free(text);
    free(value);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
