/*
 * What is copied: where films are cut for it, and for random ones that each
 * copy stands between key frames; joining two sets of parameters; and that a
 * seam where a decoder sees other pictures is found.
 */

#include "helpers.h"
#include "rn_encode.h"
#include "rn_plan_copy.h"
#include "rn_seam.h"
#include "rn_sets.h"


#define DOC(tracks)  "{\"timeline\":{\"width\":64,\"height\":48,\"fps\":25,"   \
                     "\"tracks\":[" tracks "]}}"
#define TRACK(clips) "{\"clips\":[" clips "]}"
#define VIDEO(members)                                                        \
    "{\"asset\":{\"type\":\"video\",\"src\":\"v\"}" members "}"
#define COLOR(members)                                                        \
    "{\"asset\":{\"type\":\"color\",\"color\":\"#123\"}" members "}"


/* A film of 64 x 48 px, of which these can be copied. */

static void
make_facts(rn_facts *f, int frames, json_t *gaps, int sps, int pps)
{
    memset(f, 0, sizeof(*f));
    f->known = f->has_video = true;
    (void) strcpy(f->kind, "video");
    (void) strcpy(f->sha256, "ab");
    f->duration = frames / 25.0;
    f->width = 64;
    f->height = 48;
    f->copy = json_pack("{s:s, s:i, s:s, s:[i, i], s:b, s:o}", "fps", "50/2",
                        "frames", frames, "params", "cd", "ids", sps, pps,
                        "bt709", 1, "gaps", gaps);
    assert_non_null(f->copy);
}


static json_t *
plan_smart(const char *text, const rn_facts *facts, bool smart)
{
    json_t       *plan;
    rn_doc       *doc;
    rn_fault      fault;
    rn_limits     limits = rn_limits_default;
    rn_problems   ps;

    memset(&ps, 0, sizeof(ps));
    memset(&fault, 0, sizeof(fault));
    limits.smart_cut = smart;
    doc = parse_good(text, true);

    if (rn_plan(doc, facts, &limits, NULL, &ps, &plan, &fault) != RN_OK) {
        print_problems(&ps);
        fail_msg("no plan: %s: %s", fault.text, text);
    }

    rn_doc_free(doc);
    rn_problems_free(&ps);

    return plan;
}


/* "copy 50 @25, render 3": what is copied, from where. */

static void
modes_are(const char *text, const rn_facts *facts, bool smart,
    const char *expected)
{
    char     got[1000];
    size_t   i, n;
    json_t  *plan, *p, *copy;

    plan = plan_smart(text, facts, smart);
    n = 0;
    got[0] = '\0';

    json_array_foreach(json_object_get(plan, "segments"), i, p) {
        copy = json_object_get(json_object_get(p, "spec"), "copy");
        n += (size_t) snprintf(got + n, sizeof(got) - n, "%s%s %lld",
                               i > 0 ? ", " : "",
                               json_string_value(json_object_get(p, "mode")),
                               (long long) number_of(p, "frames"));
        if (copy != NULL) {
            n += (size_t) snprintf(got + n, sizeof(got) - n, " @%lld",
                                   (long long) number_of(copy, "from"));
        }
    }

    assert_string_equal(got, expected);
    assert_int_equal(json_is_true(json_object_get(plan, "mixed")),
                     strstr(got, "copy") != NULL
                     && (strstr(got, "render") || strstr(got, "still")));
    json_decref(plan);
}


static void
test_where(void **state)
{
    rn_facts  f;

    (void) state;

    /* key frames at 0, 25, 50, 75, 100, 150, 200 of 210 */

    make_facts(&f, 210, json_pack("[[ii][ii][ii]]", 25, 4, 50, 2, 10, 1), 0, 0);

    modes_are(DOC(TRACK(VIDEO(""))), &f, false, "copy 210 @0");
    modes_are(DOC(TRACK(VIDEO(",\"in_point\":\"25f\",\"out_point\":\"50f\""))),
              &f, false, "copy 25 @25");
    modes_are(DOC(TRACK(VIDEO(",\"in_point\":\"150f\""))), &f, false,
              "copy 60 @150");
    modes_are(DOC(TRACK(VIDEO(",\"in_point\":\"26f\",\"out_point\":\"150f\""))),
              &f, false, "render 124");
    modes_are(DOC(TRACK(VIDEO(",\"in_point\":\"25f\",\"out_point\":\"149f\""))),
              &f, false, "render 124");

    /* in part: 2 s or more */

    modes_are(DOC(TRACK(VIDEO(",\"in_point\":\"26f\",\"out_point\":\"149f\""))),
              &f, true, "render 24, copy 50 @50, render 49");
    modes_are(DOC(TRACK(VIDEO(",\"in_point\":\"76f\",\"out_point\":\"149f\""))),
              &f, true, "render 73");
    modes_are(DOC(TRACK(VIDEO(",\"in_point\":\"26f\",\"out_point\":\"99f\""))),
              &f, true, "render 73");
    modes_are(DOC(TRACK(VIDEO(",\"in_point\":\"51f\",\"out_point\":\"201f\""))),
              &f, true, "render 24, copy 125 @75, render 1");
    modes_are(DOC(TRACK(VIDEO("") "," COLOR(",\"duration\":3"))), &f, true,
              "copy 210 @0, still 75");

    /* what fades, and what something lies over, is not */

    modes_are(DOC(TRACK(VIDEO("") ",{\"type\":\"transition\","
                  "\"transition_type\":\"fade\",\"duration\":1},"
                  VIDEO(""))), &f, true,
              "copy 150 @0, render 35, render 25, copy 185 @25");
    modes_are(DOC(TRACK(VIDEO(",\"transition\":{\"in\":\"fade\","
                              "\"duration\":0.5}"))), &f, true,
              "render 25, copy 185 @25");
    modes_are(DOC(TRACK(VIDEO("")) "," TRACK(COLOR(",\"start\":3.2,"
                  "\"duration\":0.2,\"width\":10,\"height\":10"))), &f, true,
              "copy 75 @0, render 25, copy 110 @100");
    modes_are(DOC(TRACK(VIDEO("")) "," TRACK(COLOR(",\"start\":3.2,"
                  "\"duration\":0.2,\"width\":10,\"height\":10"))), &f, false,
              "render 125, render 85");

    json_object_set_new(f.copy, "bt709", json_false());
    modes_are(DOC(TRACK(VIDEO(",\"in_point\":\"26f\""))), &f, true,
              "render 99, render 85");
    modes_are(DOC(TRACK(VIDEO(""))), &f, true, "copy 210 @0");
    json_decref(f.copy);

    /* a number for the other sets that the source's do not have */

    make_facts(&f, 100, json_pack("[[ii]]", 50, 2), 1, 2);
    {
        json_t  *plan;

        plan = plan_smart(DOC(TRACK(VIDEO(",\"out_point\":\"75f\""))), &f,
                          true);
        assert_int_equal(number_of(json_object_get(json_array_get(
            json_object_get(plan, "segments"), 1), "spec"), "sps"), 3);
        json_decref(plan);
    }

    json_decref(f.copy);
}


/* Random films: tiled whole, and each copy between key frames, alone. */

static void
test_random(void **state)
{
    bool       idr[401];
    char       text[4000];
    int        round, i, gap, times, at, start, end, copies;
    size_t     k, n;
    json_t    *gaps, *plan, *p, *spec;
    int64_t    from, frames, sum;
    rn_facts   f;

    (void) state;
    srandom(7);
    copies = 0;

    for (round = 0; round < 400; round++) {
        memset(idr, 0, sizeof(idr));
        gaps = json_array();

        for (at = 0; at < 400; /* void */ ) {
            gap = 1 + (int) (random() % 60);
            times = 1 + (int) (random() % 3);
            times = at + gap * times > 400 ? 1 : times;
            gap = at + gap > 400 ? 400 - at : gap;
            json_array_append_new(gaps, json_pack("[i, i]", gap, times));

            for (i = 0; i < times; i++, at += gap) {
                idr[at] = true;
            }
        }

        idr[400] = true;
        make_facts(&f, 400, gaps, 0, 0);

        n = (size_t) snprintf(text, sizeof(text), "{\"timeline\":{\"width\":64,"
                              "\"height\":48,\"fps\":25,\"tracks\":[{\"clips\":"
                              "[");
        for (i = 0; i < 3; i++) {
            start = (int) (random() % 300);
            end = start + 30 + (int) (random() % (400 - start - 30 + 1));
            n += (size_t) snprintf(text + n, sizeof(text) - n, "%s{\"asset\":{"
                     "\"type\":\"video\",\"src\":\"v\"},\"in_point\":\"%df\","
                     "\"out_point\":\"%df\"%s}", i > 0 ? "," : "", start, end,
                     random() % 3 == 0 ? ",\"transition\":{\"in\":\"fade\","
                                         "\"duration\":0.4}" : "");
        }

        n += (size_t) snprintf(text + n, sizeof(text) - n, "]},{\"clips\":[");
        for (i = at = 0; i < (int) (random() % 4); i++) {
            at += (int) (random() % 150);
            n += (size_t) snprintf(text + n, sizeof(text) - n, "%s{\"asset\":{"
                     "\"type\":\"color\",\"color\":\"#fff\"},\"start\":\"%df\","
                     "\"duration\":\"5f\",\"width\":8,\"height\":8}",
                     i > 0 ? "," : "", at);
            at += 5;
        }
        (void) snprintf(text + n, sizeof(text) - n, "]}]}}");

        plan = plan_smart(text, &f, true);
        sum = 0;

        json_array_foreach(json_object_get(plan, "segments"), k, p) {
            spec = json_object_get(p, "spec");
            frames = number_of(p, "frames");
            assert_true(frames > 0);
            sum += frames;

            if (json_object_get(spec, "copy") == NULL) {
                continue;
            }

            copies++;
            from = number_of(json_object_get(spec, "copy"), "from");
            assert_in_range(from, 0, 399);
            assert_in_range(from + frames, 1, 400);
            assert_true(idr[from]);
            assert_true(idr[from + frames]);
            assert_int_equal(json_array_size(json_object_get(spec, "layers")),
                             1);
            assert_null(json_object_get(spec, "sps"));

            /* what would be rendered in its place is just that */

            spec = json_array_get(json_object_get(spec, "layers"), 0);
            assert_int_equal(number_of(spec, "at"), from);
            assert_int_equal(number_of(spec, "len"), frames);
        }

        assert_int_equal(sum, number_of(plan, "frames"));
        json_decref(plan);
        json_decref(f.copy);
    }

    assert_true(copies > 300);
}


/* Segments of 30 pictures of a colour, one for each number of sets. */

static int
segment(const char *color, int sps)
{
    int        fd;
    char       text[600];
    json_t    *plan, *spec;
    rn_env     env;
    int64_t    bytes;
    lending    l;
    rn_fault   fault;

    (void) snprintf(text, sizeof(text), DOC(TRACK(
        "{\"asset\":{\"type\":\"color\",\"color\":\"%s\"},\"duration\":\"30f\","
        "\"keyframes\":{\"opacity\":[{\"time\":0,\"value\":0},"
        "{\"time\":\"end\",\"value\":1}]}}")), color);

    memset(&l, 0, sizeof(l));
    memset(&fault, 0, sizeof(fault));
    env = env_of(&l);
    plan = plan_good(text, NULL);
    spec = json_object_get(json_array_get(json_object_get(plan, "segments"), 0),
                           "spec");
    json_object_set_new(spec, "sps", json_integer(sps));

    fd = memory_file("", 0);
    assert_int_equal(rn_segment_render(spec, &env, fd, &bytes, &fault), RN_OK);
    json_decref(plan);

    return fd;
}


/* A film of the pieces a, b and c, of which b counts as copied. */

static rn_status
join(int a, int b, int c, int film)
{
    char       damaged[65];
    json_t    *spec;
    rn_env     env;
    int64_t    bytes;
    lending    l;
    rn_fault   fault;
    rn_status  rc;

    memset(&l, 0, sizeof(l));
    memset(&fault, 0, sizeof(fault));
    lend(&l, "a", a);
    lend(&l, "b", b);
    lend(&l, "c", c);
    env = env_of(&l);

    spec = json_pack("{s:[i, i, i, i], s:b, s:i, s:[{s:s, s:i},"
                     " {s:s, s:i, s:s}, {s:s, s:i}], s:[]}",
                     "canvas", 64, 48, 25, 1, "mixed", 1,
                     "samples", 0, "segments", "key", "a", "frames", 30,
                     "key", "b", "frames", 30, "copy", "x",
                     "key", "c", "frames", 30, "sound");
    assert_non_null(spec);

    rc = assemble_film(spec, &env, film, &bytes, damaged, &fault);
    json_decref(spec);

    return rc;
}


static void
test_seams(void **state)
{
    int         a, b, c, other, red, movie;
    film        f;
    rn_fault    fault;
    AVRational  tick = { 1, 25 };

    (void) state;

    a = segment("#ff0000", 1);
    b = segment("#00ff00", 0);
    c = segment("#0000ff", 1);
    other = segment("#ffff00", 0);
    red = segment("#ff0000", 0);

    movie = memory_file("", 0);
    assert_int_equal(join(a, b, c, movie), RN_OK);
    decode(movie, 64, 48, false, &f);
    assert_int_equal(f.n, 90);
    assert_true(shows(&f, 29, 8, 8, 16, 16, 0xf70000));
    assert_true(shows(&f, 59, 8, 8, 16, 16, 0x00f700));
    assert_true(shows(&f, 89, 8, 8, 16, 16, 0x0000f7));
    free_film(&f);

    memset(&fault, 0, sizeof(fault));
    assert_int_equal(rn_seam_check(movie, tick, 30, a, 30, b, 30, &fault),
                     RN_OK);
    assert_int_equal(rn_seam_check(movie, tick, 60, b, 30, c, 30, &fault),
                     RN_OK);

    /* other pictures, before and behind; others by their number; one too few */

    assert_int_equal(rn_seam_check(movie, tick, 30, c, 30, b, 30, &fault),
                     RN_E_INPUT);
    memset(&fault, 0, sizeof(fault));
    assert_int_equal(rn_seam_check(movie, tick, 30, a, 30, other, 30, &fault),
                     RN_E_INPUT);
    memset(&fault, 0, sizeof(fault));
    assert_int_equal(rn_seam_check(movie, tick, 31, a, 30, b, 30, &fault),
                     RN_E_INPUT);
    memset(&fault, 0, sizeof(fault));
    assert_int_equal(rn_seam_check(movie, tick, 60, b, 30, a, 31, &fault),
                     RN_E_INPUT);
    (void) close(movie);

    /* one number for two sets */

    movie = memory_file("", 0);
    assert_int_equal(join(red, b, red, movie), RN_E_UNSUPPORTED);
    (void) close(movie);

    (void) close(a);
    (void) close(b);
    (void) close(c);
    (void) close(other);
    (void) close(red);
}


static void
test_sets(void **state)
{
    int                 size;
    size_t              i;
    rn_sets             s;
    uint8_t             joined[256];
    rn_fault            fault;
    AVCodecParameters  *par;

    /* one SPS of number 0 and one PPS of number 0; then numbers 2 and 5 */

    static const uint8_t good[] = {
        1, 77, 0, 30, 0xff, 0xe1, 0, 6, 0x67, 77, 0, 30, 0x95, 0xa0,
        1, 0, 3, 0x68, 0xce, 0x3c
    };
    static const uint8_t more[] = {
        1, 100, 0, 40, 0xff, 0xe1, 0, 6, 0x67, 100, 0, 40, 0x6c, 0xac,
        1, 0, 3, 0x68, 0x34, 0xe1
    };

    (void) state;

    par = avcodec_parameters_alloc();
    par->extradata = av_mallocz(sizeof(good) + AV_INPUT_BUFFER_PADDING_SIZE);
    memcpy(par->extradata, good, sizeof(good));
    par->extradata_size = sizeof(good);

    assert_true(rn_sets_read(par, &s));
    assert_int_equal(s.id[0], 0);
    assert_int_equal(s.id[1], 0);
    assert_int_equal(s.len[0], 6);
    assert_int_equal(s.len[1], 3);

    /* cut off anywhere, more than one, or none */

    for (size = 0; size < (int) sizeof(good); size++) {
        par->extradata_size = size;
        assert_false(rn_sets_read(par, &s));
    }

    par->extradata_size = sizeof(good);

    for (i = 0; i < 3; i++) {
        static const size_t  where[] = { 0, 4, 5 };

        par->extradata[where[i]] ^= 2;
        assert_false(rn_sets_read(par, &s));
        par->extradata[where[i]] ^= 2;
    }

    {
        AVCodecParameters  other = *par;

        other.extradata = (uint8_t *) more;
        assert_true(rn_sets_read(&other, &s));
        assert_int_equal(s.id[0], 2);
        assert_int_equal(s.id[1], 5);

        memset(&fault, 0, sizeof(fault));
        assert_int_equal(rn_sets_join(par, &other, &fault), RN_OK);
        assert_true(par->extradata_size < (int) sizeof(joined));
        memcpy(joined, par->extradata, (size_t) par->extradata_size);
        assert_int_equal(joined[1], 100);
        assert_int_equal(joined[3], 40);
        assert_int_equal(joined[5], 0xe2);
        assert_memory_equal(joined + 6, good + 6, 8);
        assert_memory_equal(joined + 14, more + 6, 8);
        assert_int_equal(joined[22], 2);
        assert_memory_equal(joined + 23, good + 15, 5);
        assert_memory_equal(joined + 28, more + 15, 5);
        assert_int_equal(par->extradata_size, 33 + 4);
    }

    assert_int_equal(rn_sets_join(par, par, &fault), RN_E_UNSUPPORTED);
    avcodec_parameters_free(&par);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_where),
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_seams),
        cmocka_unit_test(test_sets),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
