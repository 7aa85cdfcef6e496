/*
 * Pieces of films: what is in them and what is not, that they are the same each
 * time, and what becomes of them where they, their sources or the disk are bad.
 */

#include "engine.h"


static const char *const  recipes[] = {
    MEDIA_NUMBERED,
    MEDIA_TURNED,
    MEDIA_HALF,
    FF "-f lavfi -i testsrc2=s=8x3000 -frames:v 1 tall.png",
    MEDIA_SYNC,
    "printf 'not a film' > text.mp4",
};


static int
make_media(void **state)
{
    return make_all(state, recipes, sizeof(recipes) / sizeof(recipes[0]));
}


/* Sounds and pictures begin at 0 and last as planned, says the container. */

static void
test_container(void **state)
{
    char      line[100];
    int       fd;
    FILE     *p;
    json_t   *plan;
    rn_env    env;
    int64_t   bytes;
    lending   l;
    rn_fault  fault;
    char      damaged[65];
    size_t    i;

    static const char *const want[] = {
        "codec_name=h264\n", "profile=High\n", "pix_fmt=yuv420p\n",
        "color_range=tv\n", "color_space=bt709\n", "color_transfer=bt709\n",
        "color_primaries=bt709\n", "r_frame_rate=30000/1001\n",
        "avg_frame_rate=30000/1001\n", "start_time=0.000000\n",
        "nb_frames=45\n", "codec_name=aac\n", "sample_rate=48000\n",
        "channels=1\n", "start_time=0.000000\n",
        "TAG:title=A \"title\" \xc3\xa9\n",
    };

    (void) state;

    plan = render_plan("{\"title\":\"A \\\"title\\\" \xc3\xa9\",\"timeline\":"
                       "{\"width\":64,\"height\":64,\"fps\":29.97,\"tracks\":["
                       TRACK(VIDEO("sync.mov", ",\"duration\":1.5")) "]}}", &l);
    env = env_of(&l);
    memset(&fault, 0, sizeof(fault));
    fd = memory_file("", 0);
    assert_int_equal(assemble_film(plan, &env, fd, &bytes, damaged, &fault),
                     RN_OK);

    (void) snprintf(line, sizeof(line), "ffprobe -v error -show_streams "
                    "-show_format /proc/%d/fd/%d", getpid(), fd);
    p = popen(line, "r");
    assert_non_null(p);

    for (i = 0; fgets(line, sizeof(line), p) != NULL; /* void */ ) {
        if (i < sizeof(want) / sizeof(want[0]) && strcmp(line, want[i]) == 0) {
            i++;
        }
    }
    (void) pclose(p);

    if (i != sizeof(want) / sizeof(want[0])) {
        fail_msg("no %s", want[i]);
    }

    (void) close(fd);
    take_back(&l);
    json_decref(plan);
}


/* Every segment of a quality carries the same parameter sets. */

static void
test_same_parameter_sets(void **state)
{
    size_t     i, n;
    char       text[1200];
    uint8_t    first[256];
    json_t    *plan, *segments;
    lending    l;
    rn_demux   d;
    rn_fault   fault;
    int        q, size;

    static const char *const qualities[] = { "low", "medium", "high" };

    (void) state;

    size = 0;
    n = 0;

    for (q = 0; q < 3; q++) {
        (void) snprintf(text, sizeof(text), "{\"outputs\":[{\"quality\":\"%s\"}"
                        "],\"timeline\":{\"width\":64,\"height\":64,\"tracks\""
                        ":[" TRACK(COLOR("#f00", ",\"duration\":1") ","
                        VIDEO("num.mp4", ",\"duration\":2") "," FADE("0.2") ","
                        VIDEO("r90.mp4", ",\"duration\":0.5") ","
                        IMAGE("half.png", ",\"duration\":1.5")) ","
                        TRACK(TEXT("Words", "", ",\"start\":1,\"duration\":1"))
                        "]}}", qualities[q]);

        plan = render_plan(text, &l);
        segments = json_object_get(plan, "segments");
        assert_true(json_array_size(segments) >= 3);

        for (i = 0; i < json_array_size(segments); i++) {
            memset(&fault, 0, sizeof(fault));
            assert_int_equal(rn_demux_open(&d, lent_file(&l,
                             key_at(segments, i)), &fault), RN_OK);

            if (n++ == 0) {
                size = d.st->codecpar->extradata_size;
                assert_in_range(size, 10, sizeof(first));
                memcpy(first, d.st->codecpar->extradata, (size_t) size);
            }

            assert_int_equal(d.st->codecpar->extradata_size, size);
            assert_memory_equal(d.st->codecpar->extradata, first, size);
            rn_demux_close(&d);
        }

        take_back(&l);
        json_decref(plan);
    }
}


/* One specification is one file, byte for byte. */

static void
test_same_bytes(void **state)
{
    size_t    i, k, n[2];
    json_t   *plan[2], *pieces;
    uint8_t  *bytes[2];
    lending   l[2];

    static const char text[] =
        DOC("64", "64", "30", TRACK(VIDEO("num.mp4", ",\"duration\":2") ","
            FADE("0.5") "," VIDEO("sync.mov", ",\"duration\":2")) ","
            TRACK(TEXT("Words", "", ",\"duration\":3")));

    static const char *const kinds[] = { "segments", "sound" };

    (void) state;

    plan[0] = render_plan(text, &l[0]);
    plan[1] = render_plan(text, &l[1]);

    for (k = 0; k < 2; k++) {
        pieces = json_object_get(plan[0], kinds[k]);
        assert_true(json_array_size(pieces) > 0);

        for (i = 0; i < json_array_size(pieces); i++) {
            bytes[0] = read_fd(lent_file(&l[0], key_at(pieces, i)), &n[0]);
            bytes[1] = read_fd(lent_file(&l[1], key_at(pieces, i)), &n[1]);
            assert_int_equal(n[0], n[1]);
            assert_memory_equal(bytes[0], bytes[1], n[0]);
            free(bytes[0]);
            free(bytes[1]);
        }
    }

    take_back(&l[0]);
    take_back(&l[1]);
    json_decref(plan[0]);
    json_decref(plan[1]);
}


/* Fails with the key, or (may_pass) makes the very film that it should. */

static void
check_damaged(json_t *plan, lending *l, const char *key, const char *how,
    const uint8_t *may_pass, size_t len)
{
    int        fd;
    char       damaged[65];
    size_t     n;
    rn_env     env = env_of(l);
    int64_t    bytes;
    uint8_t   *made;
    rn_fault   fault;
    rn_status  rc;

    memset(&fault, 0, sizeof(fault));
    fd = memory_file("", 0);
    rc = assemble_film(plan, &env, fd, &bytes, damaged, &fault);
    made = read_fd(fd, &n);
    (void) close(fd);

    if (rc == RN_OK && may_pass != NULL && n == len
        && memcmp(made, may_pass, n) == 0)
    {
        free(made);
        return;
    }

    free(made);

    if (rc != RN_E_IO || strcmp(damaged, key) != 0) {
        fail_msg("%s: %s, \"%s\", key %.8s, not %.8s", how, rn_status_name(rc),
                 fault.text, damaged, key);
    }
}


static void
test_damaged_pieces(void **state)
{
    char       damaged[65], how[64];
    int        fd;
    size_t     i, k, n, len;
    json_t    *plan, *other;
    uint8_t   *bytes, *copy, *film;
    rn_env     env;
    int64_t    written;
    lending    l, o;
    rn_fault   fault;
    rn_status  rc;
    const char *key;

    static const char *const kinds[] = { "segments", "sound" };

    /* 80 px: parameter sets of the same length as those of 64 */

    static const char *const others[] = {
        SMALL(COLOR("#0f0", ",\"duration\":\"44f\"")),
        SMALL(COLOR("#0f0", ",\"duration\":\"46f\"")),
        DOC("32", "64", "30", TRACK(COLOR("#f00", ",\"duration\":1.5"))),
        DOC("80", "64", "30", TRACK(COLOR("#f00", ",\"duration\":1.5"))),
        DOC("64", "64", "60", TRACK(COLOR("#f00", ",\"duration\":\"45f\""))),
    };

    (void) state;

    other = NULL;
    plan = render_plan(SMALL(VIDEO("sync.mov", ",\"duration\":2") ","
                             COLOR("#f00", ",\"duration\":1.5")), &l);
    env = env_of(&l);
    assert_int_equal(json_array_size(json_object_get(plan, "segments")), 2);
    assert_int_equal(json_array_size(json_object_get(plan, "sound")), 1);

    memset(&fault, 0, sizeof(fault));
    fd = memory_file("", 0);
    assert_int_equal(assemble_film(plan, &env, fd, &written, damaged, &fault),
                     RN_OK);
    film = read_fd(fd, &len);
    (void) close(fd);

    for (k = 0; k < 2; k++) {
        key = key_at(json_object_get(plan, kinds[k]),
                     json_array_size(json_object_get(plan, kinds[k])) - 1);
        bytes = read_fd(lent_file(&l, key), &n);

        /* cut anywhere */

        for (i = 0; i < n; i += i < 64 ? 1 : n / 97 + 1) {
            /* what follows the index says nothing: the film is whole */
            lend_instead(&l, key, memory_file(bytes, i));
            (void) snprintf(how, sizeof(how), "cut at %zu of %zu", i, n);
            check_damaged(plan, &l, key, how, film, len);
        }
        /* not what it should be at all */

        lend_instead(&l, key, memory_file("hello, hello, hello", 19));
        check_damaged(plan, &l, key, "text", NULL, 0);

        copy = calloc(1, n);
        assert_non_null(copy);
        lend_instead(&l, key, memory_file(copy, n));
        check_damaged(plan, &l, key, "noughts", NULL, 0);

        /* bytes changed at random: refused as damaged, or not seen */

        for (i = 0; i < 200; i++) {
            memcpy(copy, bytes, n);
            copy[i * n / 200] ^= (uint8_t) (1 << i % 8);
            lend_instead(&l, key, memory_file(copy, n));
            memset(&fault, 0, sizeof(fault));
            fd = memory_file("", 0);
            rc = assemble_film(plan, &env, fd, &written, damaged, &fault);
            (void) close(fd);
            if (rc != RN_OK) {
                assert_int_equal(rc, RN_E_IO);
                assert_string_equal(damaged, key);
            }
        }
        free(copy);

        lend_instead(&l, key, memory_file(bytes, n));
        free(bytes);
    }

    /* a piece of another film: other frames, other canvas, sound for picture */

    key = key_at(json_object_get(plan, "segments"), 1);
    bytes = read_fd(lent_file(&l, key), &n);

    for (i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        if (i > 0) {
            take_back(&o);
            json_decref(other);
        }
        other = render_plan(others[i], &o);
        lend_instead(&l, key, dup(lent_file(&o, key_at(json_object_get(other,
                                                       "segments"), 0))));
        check_damaged(plan, &l, key, "of another film", NULL, 0);
    }

    lend_instead(&l, key, dup(lent_file(&l, key_at(json_object_get(plan,
                                                   "sound"), 0))));
    check_damaged(plan, &l, key, "sound for picture", NULL, 0);
    lend_instead(&l, key, memory_file(bytes, n));
    free(bytes);

    /* whole again, it is joined */

    memset(&fault, 0, sizeof(fault));
    fd = memory_file("", 0);
    assert_int_equal(assemble_film(plan, &env, fd, &written, damaged, &fault),
                     RN_OK);
    assert_string_equal(damaged, "");
    (void) close(fd);

    /* one that was not handed over is our own fault, not its */

    json_object_set_new(json_array_get(json_object_get(plan, "segments"), 1),
                        "key", json_string("nowhere"));
    fd = memory_file("", 0);
    assert_int_equal(assemble_film(plan, &env, fd, &written, damaged, &fault),
                     RN_E_INTERNAL);
    assert_string_equal(damaged, "");
    (void) close(fd);

    free(film);
    take_back(&o);
    take_back(&l);
    json_decref(other);
    json_decref(plan);
}


static rn_status
render_first(json_t *plan, const char *kind, lending *l, int out,
    rn_fault *fault)
{
    rn_env    env = env_of(l);
    json_t   *spec;
    int64_t   bytes;

    memset(fault, 0, sizeof(*fault));
    spec = json_object_get(json_array_get(json_object_get(plan, kind), 0),
                           "spec");

    return strcmp(kind, "sound") == 0
           ? rn_mix_render(spec, &env, out, &bytes, fault)
           : rn_segment_render(spec, &env, out, &bytes, fault);
}


/* A disk that is full is told as such, and may be tried again. */

static void
test_disk_full(void **state)
{
    int        full, fd;
    char       damaged[65];
    json_t    *plan;
    rn_env     env;
    int64_t    bytes;
    lending    l;
    rn_fault   fault;

    (void) state;

    full = open("/dev/full", O_RDWR);
    if (full < 0) {
        skip();
    }

    plan = render_plan(SMALL(VIDEO("sync.mov", ",\"duration\":1")), &l);
    env = env_of(&l);

    assert_int_equal(render_first(plan, "segments", &l, full, &fault),
                     RN_E_IO);
    assert_non_null(strstr(fault.text, "No space left"));
    assert_int_equal(render_first(plan, "sound", &l, full, &fault), RN_E_IO);

    memset(&fault, 0, sizeof(fault));
    assert_int_equal(assemble_film(plan, &env, full, &bytes, damaged, &fault),
                     RN_E_IO);
    assert_string_equal(damaged, "");           /* no piece is to blame */
    (void) close(full);

    /* nor is a descriptor that cannot be written to */

    fd = open("/dev/null", O_RDONLY);
    assert_int_not_equal(render_first(plan, "segments", &l, fd, &fault), RN_OK);
    (void) close(fd);

    take_back(&l);
    json_decref(plan);
}


/* Inputs that are not what they were when they were probed. */

static void
test_inputs_gone_bad(void **state)
{
    int        out;
    size_t     n, i;
    uint8_t   *bytes;
    json_t    *plan;
    lending    l;
    rn_fault   fault;
    rn_status  rc;

    static const char *const kinds[] = { "segments", "sound" };

    (void) state;

    plan = render_plan(SMALL(VIDEO("sync.mov",
                       ",\"in_point\":2,\"duration\":2")), &l);

    for (i = 0; i < 2; i++) {
        out = memory_file("", 0);

        bytes = read_file("text.mp4", &n);
        lend_instead(&l, l.files[0].name, memory_file(bytes, n));
        free(bytes);
        assert_int_equal(render_first(plan, kinds[i], &l, out, &fault),
                         RN_E_INPUT);

        lend_instead(&l, l.files[0].name, memory_file("", 0));
        assert_int_equal(render_first(plan, kinds[i], &l, out, &fault),
                         RN_E_INPUT);

        bytes = read_file("sync.mov", &n);
        lend_instead(&l, l.files[0].name, memory_file(bytes, n / 2));
        rc = render_first(plan, kinds[i], &l, out, &fault);
        assert_false(rn_status_retryable(rc));

        /* shorter than it was: there is no picture to hold for so long */

        if (i == 0) {
            free(bytes);
            assert_true(sh(FF "-i num.mp4 -t 0.4 -c:v libx264 short.mp4"));
            bytes = read_file("short.mp4", &n);
            lend_instead(&l, l.files[0].name, memory_file(bytes, n));
            assert_int_equal(render_first(plan, kinds[i], &l, out, &fault),
                             RN_E_INPUT);
            assert_non_null(strstr(fault.text, "the pictures end at"));
        }

        free(bytes);
        l.files[0].name[0] ^= 1;                /* not handed over */
        assert_int_equal(render_first(plan, kinds[i], &l, out, &fault),
                         RN_E_INTERNAL);
        l.files[0].name[0] ^= 1;
        (void) close(out);
    }

    take_back(&l);
    json_decref(plan);
}


/* A narrow picture that must cover a wide canvas: refused or drawn, quickly. */

static void
test_extreme_shapes(void **state)
{
    int        out;
    json_t    *plan;
    rn_doc    *doc;
    lending    l;
    rn_facts  *facts;
    rn_fault   fault;
    rn_status  rc;
    size_t     i;

    static const char *const texts[] = {
        DOC("1280", "64", "10", TRACK(IMAGE("tall.png", ",\"duration\":0.1"))),
        DOC("64", "1280", "10", TRACK(IMAGE("tall.png",
            ",\"duration\":0.1,\"fit\":\"contain\""))),
        DOC("64", "64", "10", TRACK(IMAGE("tall.png",
            ",\"duration\":0.1,\"fit\":\"none\""))),
        DOC("16", "16", "10", TRACK(IMAGE("tall.png",
            ",\"duration\":0.1,\"width\":2,\"height\":2"))),
        DOC("64", "64", "10", TRACK(COLOR("#fff",
            ",\"duration\":0.1,\"offset\":{\"x\":100000,\"y\":-100000}"))),
        DOC("64", "64", "10", TRACK(TEXT("x", "",
            ",\"duration\":0.1,\"position\":{\"x\":-100000,\"y\":100000}"))),
    };

    (void) state;

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        memset(&l, 0, sizeof(l));
        doc = parse_good(texts[i], true);
        facts = facts_of(doc, &l);
        plan = plan_good(texts[i], facts);
        free(facts);
        rn_doc_free(doc);

        out = memory_file("", 0);
        rc = render_first(plan, "segments", &l, out, &fault);
        (void) close(out);
        take_back(&l);
        json_decref(plan);

        if (i == 0 ? rn_status_retryable(rc) : rc != RN_OK) {
            fail_msg("%zu: %s", i, fault.text);
        }
    }
}


/* A specification of another engine, or of none, is not guessed at. */

static void
test_other_engine(void **state)
{
    int        out;
    size_t     i;
    json_t    *plan, *copy, *spec;
    lending    l;
    rn_env     env;
    int64_t    bytes;
    rn_fault   fault;

    (void) state;

    plan = render_plan(SMALL(VIDEO("sync.mov", ",\"duration\":1")), &l);
    env = env_of(&l);
    out = memory_file("", 0);

    for (i = 0; i < 2; i++) {
        copy = json_deep_copy(plan);
        spec = json_object_get(json_array_get(json_object_get(copy, i == 0
                               ? "segments" : "sound"), 0), "spec");
        json_object_set_new(spec, "engine", json_integer(RN_ENGINE + 1));
        memset(&fault, 0, sizeof(fault));
        assert_int_equal(i == 0
                         ? rn_segment_render(spec, &env, out, &bytes, &fault)
                         : rn_mix_render(spec, &env, out, &bytes, &fault),
                         RN_E_INTERNAL);
        json_decref(copy);

        spec = json_object();
        memset(&fault, 0, sizeof(fault));
        assert_int_equal(i == 0
                         ? rn_segment_render(spec, &env, out, &bytes, &fault)
                         : rn_mix_render(spec, &env, out, &bytes, &fault),
                         RN_E_INTERNAL);
        json_decref(spec);
    }

    copy = json_deep_copy(plan);
    spec = json_object_get(json_array_get(json_object_get(copy, "segments"), 0),
                           "spec");
    json_object_set_new(json_array_get(json_object_get(spec, "layers"), 0),
                        "type", json_string("hologram"));
    memset(&fault, 0, sizeof(fault));
    assert_int_equal(rn_segment_render(spec, &env, out, &bytes, &fault),
                     RN_E_INTERNAL);
    json_decref(copy);

    memset(&fault, 0, sizeof(fault));
    copy = json_pack("{s:[i, i, i, i], s:[]}", "canvas", 64, 64, 30, 1,
                     "segments");
    {
        char  damaged[65];

        assert_int_equal(assemble_film(copy, &env, out, &bytes, damaged,
                                       &fault),
                         RN_E_INTERNAL);
    }
    json_decref(copy);

    (void) close(out);
    take_back(&l);
    json_decref(plan);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_container),
        cmocka_unit_test(test_same_parameter_sets),
        cmocka_unit_test(test_same_bytes),
        cmocka_unit_test(test_damaged_pieces),
        cmocka_unit_test(test_disk_full),
        cmocka_unit_test(test_inputs_gone_bad),
        cmocka_unit_test(test_extreme_shapes),
        cmocka_unit_test(test_other_engine),
    };

    av_log_set_level(AV_LOG_QUIET);

    return cmocka_run_group_tests(tests, make_media, remove_folder);
}
