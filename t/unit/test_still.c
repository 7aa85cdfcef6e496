/*
 * What stands still: which segments do, and that a picture which is repeated
 * by skipped pictures is the same to the last bit, in any decoder's order, at
 * any size and length.
 */

#include "helpers.h"
#include "rn_plan_cuts.h"
#include "rn_skip.h"


#define COLOR(c, members)                                                     \
    "{\"asset\":{\"type\":\"color\",\"color\":\"" c "\"}" members "}"
#define SHAPE(members)                                                        \
    "{\"asset\":{\"type\":\"shape\",\"shape\":\"star\"}" members "}"
#define MOVING(seconds)                                                       \
    ",\"duration\":" seconds ",\"width\":20,\"height\":20,"                   \
    "\"keyframes\":{\"rotate\":[{\"time\":0,\"value\":0},"                    \
    "{\"time\":\"end\",\"value\":90}]}"
#define DOC(head, tracks)  "{\"timeline\":{" head "\"tracks\":[" tracks "]}}"
#define TRACK(clips)       "{\"clips\":[" clips "]}"
#define SMALL              "\"width\":64,\"height\":48,\"fps\":25,"


/* The modes of the segments with their frames: "still 50, render 25". */

static void
modes_are(const char *text, const char *expected)
{
    char      got[1000];
    size_t    i, n;
    json_t   *plan, *p;
    rn_doc   *doc;
    rn_facts  facts[4];

    memset(facts, 0, sizeof(facts));
    facts[0].known = facts[0].has_video = true;
    (void) strcpy(facts[0].kind, "video");
    (void) strcpy(facts[0].sha256, "ab");
    facts[0].duration = 60;
    facts[0].width = 64;
    facts[0].height = 48;

    doc = parse_good(text, true);
    plan = plan_good(text, facts);
    rn_doc_free(doc);

    n = 0;
    got[0] = '\0';

    json_array_foreach(json_object_get(plan, "segments"), i, p) {
        n += (size_t) snprintf(got + n, sizeof(got) - n, "%s%s %lld",
                               i > 0 ? ", " : "",
                               json_string_value(json_object_get(p, "mode")),
                               (long long) number_of(p, "frames"));
    }

    json_decref(plan);
    assert_string_equal(got, expected);
}


/* The first piece of a stream is short, if it is one that takes its time. */

static void
test_first_of_stream(void **state)
{
    char    text[800];
    size_t  i, k;

#define FORMAT(f)  "[{\"name\":\"a\",\"format\":\"" f "\"}]"

    static const struct { const char *clip, *outputs, *modes; } films[] = {
        { SHAPE(MOVING("12")), FORMAT("mp4"),
          "render 125, render 125, render 50" },
        { SHAPE(MOVING("12")), FORMAT("hls"),
          "render 75, render 50, render 125, render 50" },
        { SHAPE(MOVING("3.5")), FORMAT("hls"), "render 88" },
        { COLOR("#123456", ",\"duration\":8"), FORMAT("hls"), "still 200" },
    };

    (void) state;

    for (i = 0; i < sizeof(films) / sizeof(films[0]); i++) {
        k = (size_t) snprintf(text, sizeof(text), "{\"timeline\":{" SMALL
                              "\"tracks\":[" TRACK("%s") "]},\"outputs\":%s}",
                              films[i].clip, films[i].outputs);
        assert_true(k < sizeof(text));
        modes_are(text, films[i].modes);
    }
}


static void
test_which(void **state)
{
    (void) state;

    modes_are(DOC(SMALL, TRACK(COLOR("#123", ",\"duration\":3"))), "still 75");

    /* a long one in pieces that are the same, as far as they go */

    modes_are(DOC(SMALL, TRACK(COLOR("#123", ",\"duration\":25"))),
              "still 250, still 250, still 125");

    /* what appears above cuts it where that is worth it */

    modes_are(DOC(SMALL, TRACK(COLOR("#123", ",\"duration\":6")) ","
                  TRACK(SHAPE(",\"start\":2,\"duration\":2"))),
              "still 50, still 50, still 50");
    modes_are(DOC(SMALL, TRACK(COLOR("#123", ",\"duration\":6")) ","
                  TRACK(SHAPE(",\"start\":1,\"duration\":1"))),
              "render 50, still 100");

    /* fades, transitions, keyframes and videos are none */

    modes_are(DOC(SMALL, TRACK(COLOR("#123", ",\"duration\":6")) ","
                  TRACK(SHAPE(",\"start\":0,\"duration\":6,"
                              "\"transition\":{\"in\":\"fade\","
                              "\"duration\":1.4}"))),
              "render 35, still 115");
    modes_are(DOC(SMALL, TRACK(COLOR("#123", ",\"duration\":4") ","
                  "{\"type\":\"transition\",\"transition_type\":\"wipeup\","
                  "\"duration\":1}," COLOR("#456", ",\"duration\":4"))),
              "still 75, render 25, still 75");
    modes_are(DOC(SMALL, TRACK(SHAPE(",\"duration\":7,\"keyframes\":{\"rotate\""
                  ":[{\"time\":2,\"value\":0},{\"time\":4,\"value\":90}]}"))),
              "still 51, render 49, still 75");
    modes_are(DOC(SMALL, TRACK(SHAPE(",\"duration\":8,\"keyframes\":{\"rotate\""
                  ":[{\"time\":3,\"value\":0},{\"time\":4,\"value\":90,"
                  "\"easing\":\"step\"}]}"))),
              "still 100, still 100");
    modes_are(DOC(SMALL, TRACK(SHAPE(",\"duration\":4,\"keyframes\":{\"rotate\""
                  ":[{\"time\":1,\"value\":30},{\"time\":3,\"value\":30}]}"))),
              "still 100");
    modes_are(DOC(SMALL, TRACK("{\"asset\":{\"type\":\"video\",\"src\":\"v\"},"
                  "\"duration\":4}")), "render 100");

    /* a short one beside a long one does not spoil it */

    modes_are(DOC(SMALL, TRACK(COLOR("#123", ",\"duration\":0.4") ","
                  "{\"asset\":{\"type\":\"video\",\"src\":\"v\"},"
                  "\"duration\":0.4}," COLOR("#456", ",\"duration\":5"))),
              "render 20, still 125");
}


/* All frames of a film of one picture are the same, and show it. */

static void
one_picture(int w, int h, int frames, int fps)
{
    char    text[400];
    film    f;
    size_t  i, size;

    (void) snprintf(text, sizeof(text), DOC(
                    "\"width\":%d,\"height\":%d,\"fps\":%d,"
                    "\"background\":\"#804020\",",
                    TRACK(SHAPE(",\"duration\":\"%df\""))), w, h, fps, frames);
    render_film(text, &f);

    assert_int_equal(f.n, frames);
    size = (size_t) (w * h * 3 / 2);

    for (i = 1; i < f.n; i++) {
        if (memcmp(f.yuv, f.yuv + i * size, size) != 0) {
            fail_msg("%d x %d: picture %zu is another", w, h, i);
        }
    }

    if (w >= 64 && h >= 48) {
        assert_true(shows(&f, f.n - 1, w / 2 - 2, h / 2 - 2, 4, 4, 0xffffff));
        assert_true(shows(&f, f.n - 1, 0, 0, 4, 4, 0x804020));
    }

    free_film(&f);
}


static void
test_repeated(void **state)
{
    size_t  i;

    /* one, two, around a wrap of the numbers of pictures, the longest */

    static const struct { int w, h, frames; } cases[] = {
        { 16, 16, 1 }, { 16, 16, 2 }, { 64, 48, 3 }, { 64, 48, 250 },
        { 100, 100, 40 }, { 18, 200, 17 }, { 640, 360, 33 }, { 1920, 1080, 5 },
    };

    (void) state;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        one_picture(cases[i].w, cases[i].h, cases[i].frames, 25);
    }

    one_picture(64, 48, 1200, 120);
}


/* Stills between films: each begins anew, and nothing leaks over the seams. */

static void
test_between(void **state)
{
    film    f;
    size_t  i, size = 64 * 48 * 3 / 2;

    (void) state;

    render_film(DOC(SMALL, TRACK(COLOR("#ff0000", ",\"duration\":2") ","
                "{\"type\":\"transition\",\"transition_type\":\"fade\","
                "\"duration\":0.8}," COLOR("#00ff00", ",\"duration\":3") ","
                COLOR("#0000ff", ",\"duration\":2"))), &f);

    assert_int_equal(f.n, 155);

    for (i = 0; i < f.n; i++) {
        if (i < 30) {
            assert_true(shows(&f, i, 8, 8, 32, 32, 0xff0000));
        } else if (i >= 50 && i < 105) {
            assert_true(shows(&f, i, 8, 8, 32, 32, 0x00ff00));
            assert_memory_equal(f.yuv + i * size, f.yuv + 51 * size, size);
        } else if (i >= 105) {
            assert_true(shows(&f, i, 8, 8, 32, 32, 0x0000ff));
        }
    }

    free_film(&f);
}


/* A still costs one picture: its file is hardly larger for being longer. */

static void
test_bytes(void **state)
{
    size_t   i;
    json_t  *plan, *list;
    int64_t  bytes[2];
    lending  l;

    static const char *const texts[] = {
        DOC("\"width\":640,\"height\":360,", TRACK(SHAPE(",\"duration\":1"))),
        DOC("\"width\":640,\"height\":360,", TRACK(SHAPE(",\"duration\":10"))),
    };

    (void) state;

    for (i = 0; i < 2; i++) {
        plan = render_plan(texts[i], &l);
        list = json_object_get(plan, "segments");
        assert_int_equal(json_array_size(list), 1);
        bytes[i] = lseek(lent_file(&l, key_at(list, 0)), 0, SEEK_END);
        take_back(&l);
        json_decref(plan);
    }

    assert_in_range(bytes[1] - bytes[0], 270, 270 * 60);
}


/* Parameter sets of another kind are not guessed at. */

static void
test_unsupported(void **state)
{
    size_t    i, n;
    uint8_t  *bytes;
    rn_fault  fault;
    rn_skips  s;

    static const char *const kinds[] = {
        "-profile:v baseline", "-x264-params cabac=0", "-pix_fmt yuv444p",
        "-flags +ilme+ildct",
    };

    (void) state;

    for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        assert_true(sh("ffmpeg -v error -y -f lavfi -i color=s=64x64 "
                       "-frames:v 1 -c:v libx264 %s -bsf:v h264_mp4toannexb "
                       "-f h264 x.264", kinds[i]));
        bytes = read_file("x.264", &n);
        memset(&fault, 0, sizeof(fault));
        assert_int_equal(rn_skips_read(&s, bytes, (int) n, &fault),
                         RN_E_UNSUPPORTED);
        free(bytes);
    }

    assert_true(sh("ffmpeg -v error -y -f lavfi -i color=s=64x64 -frames:v 1 "
                   "-c:v libx264 -f h264 x.264"));
    bytes = read_file("x.264", &n);

    for (i = 0; i < 30; i++) {              /* cut short, too */
        memset(&fault, 0, sizeof(fault));
        if (rn_skips_read(&s, bytes, (int) i, &fault) == RN_OK) {
            fail_msg("%zu bytes are no parameter sets", i);
        }
    }

    memset(&fault, 0, sizeof(fault));
    assert_int_equal(rn_skips_read(&s, bytes, (int) n, &fault), RN_OK);
    assert_int_equal(s.width, 4);
    free(bytes);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_first_of_stream),
        cmocka_unit_test(test_which),
        cmocka_unit_test(test_repeated),
        cmocka_unit_test(test_between),
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_unsupported),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
