/* What the tests of the planner share. */

#ifndef PLAN_HELPERS_H
#define PLAN_HELPERS_H

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

HELPER void
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


HELPER json_t *
plan(const char *text)
{
    rn_doc   *doc;
    rn_facts  facts[8];

    doc = parse_good(text, true);
    make_facts(doc, facts);
    rn_doc_free(doc);

    return plan_good(text, facts);
}


HELPER json_t *
segments(json_t *p)
{
    return json_object_get(p, "segments");
}


HELPER json_t *
spec_at(json_t *pieces, size_t i)
{
    return json_object_get(json_array_get(pieces, i), "spec");
}


HELPER bool
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

HELPER size_t
in_common(json_t *a, json_t *b)
{
    size_t  i, n;

    for (i = 0, n = 0; i < json_array_size(a); i++) {
        n += has_key(b, key_at(a, i));
    }

    return n;
}


/* What holds of every plan. */

HELPER void
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


#endif /* PLAN_HELPERS_H */
