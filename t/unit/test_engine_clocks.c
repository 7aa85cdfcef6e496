/*
 * Films by their clocks: each tick shows the picture that the source has at its
 * time, whatever rate, timestamps or damage that has.
 */

#include "engine.h"


static const char *const  recipes[] = {
    MEDIA_NUMBERED " && "
        FF "-i num.mp4 -vf \"select='gt(n,60)+not(mod(n,3))'\" -fps_mode vfr "
        X264 BT "vfr.mp4 && "
        FF "-i num.mp4 -vf \"settb=1/90000,setpts='(N/30+0.012*random(1))"
        "/TB'\" -fps_mode passthrough -enc_time_base 1:90000 "
        "-video_track_timescale 90000 " X264 BT "jitter.mp4 && "
        FF "-ss 0.75 -i num.mp4 -c copy edit.mp4 && "
        FF "-i num.mp4 -c copy -output_ts_offset 95441 wrap.ts && "
        FF "-i num.mp4 -c copy num.ts && "
        "dd if=num.ts of=mid.ts bs=188 skip=20 2>/dev/null && "
        FF "-i num.mp4 -c copy -bsf:v \"noise=amount='not(key)*200'\" "
        "noise.mp4",
    FF "-f lavfi -i \"color=black:s=64x64:r=10:d=14,geq=lum='16+T*10':cb=128:"
        "cr=128,format=yuv420p\" -g 250 " X264 BT "long.mp4",
};


static int
make_media(void **state)
{
    return make_all(state, recipes, sizeof(recipes) / sizeof(recipes[0]));
}


/* The picture of each tick is that of the source, from its in_point on. */

static void
test_frames_of_films(void **state)
{
    size_t  i;
    film    f;

    (void) state;

    render_film(SMALL(VIDEO("num.mp4", ",\"in_point\":0.5,\"duration\":1") ","
                      VIDEO("num.mp4", ",\"in_point\":\"61f\",\"duration\":1")),
                &f);
    assert_int_equal(f.n, 60);
    for (i = 0; i < 60; i++) {
        assert_near(mean(&f, i, 0, 0, 0, 64, 64),
                    NUMBERED(i < 30 ? 15 + i : 61 + i - 30), 1);
    }
    free_film(&f);

    /* canvases of other rates */

    render_film(DOC("64", "64", "60", TRACK(VIDEO("num.mp4", ""))), &f);
    assert_int_equal(f.n, 240);
    for (i = 0; i < f.n; i++) {
        assert_near(mean(&f, i, 0, 0, 0, 64, 64), NUMBERED(i / 2), 1);
    }
    free_film(&f);

    render_film(DOC("64", "64", "15", TRACK(VIDEO("num.mp4", ""))), &f);
    assert_int_equal(f.n, 60);
    for (i = 0; i < f.n; i++) {
        assert_near(mean(&f, i, 0, 0, 0, 64, 64), NUMBERED(2 * i), 1);
    }
    free_film(&f);

    /* held for the half second that is forgiven */

    render_film(SMALL(VIDEO("num.mp4", ",\"in_point\":3,\"duration\":1.4")),
                &f);
    assert_int_equal(f.n, 42);
    assert_near(mean(&f, 41, 0, 0, 0, 64, 64), NUMBERED(119), 1);
    free_film(&f);
}


/* Cut into segments, each of which seeks for itself. */

static void
test_long_film(void **state)
{
    size_t   i;
    film     f;
    json_t  *plan;
    lending  l;

    static const char text[] =
        DOC("64", "64", "10", TRACK(VIDEO("long.mp4", ",\"in_point\":0.7")));

    (void) state;

    plan = render_plan(text, &l);
    assert_true(json_array_size(json_object_get(plan, "segments")) >= 3);
    take_back(&l);
    json_decref(plan);

    render_film(text, &f);
    assert_int_equal(f.n, 133);
    for (i = 0; i < f.n; i++) {
        assert_near(mean(&f, i, 0, 0, 0, 64, 64), 16 + (double) (i + 7), 1);
    }
    free_film(&f);
}


static void
test_variable_rate(void **state)
{
    size_t  i, n;
    film    f;

    (void) state;

    render_film(SMALL(VIDEO("vfr.mp4", ",\"duration\":4")), &f);
    assert_int_equal(f.n, 120);
    for (i = 0; i < 120; i++) {
        n = i <= 60 ? i / 3 * 3 : i;
        assert_near(mean(&f, i, 0, 0, 0, 64, 64), NUMBERED(n), 1);
    }
    free_film(&f);

    render_film(SMALL(VIDEO("jitter.mp4", ",\"duration\":4")), &f);
    assert_int_equal(f.n, 120);
    for (i = 0; i < 120; i++) {                 /* none twice, none left out */
        assert_near(mean(&f, i, 0, 0, 0, 64, 64), NUMBERED(i), 1);
    }
    free_film(&f);
}


/* Edit lists, clocks that wrap, junk before the first key frame. */

static void
test_odd_clocks(void **state)
{
    size_t  i;
    film    f;
    double  first;

    (void) state;

    render_film(SMALL(VIDEO("edit.mp4", ",\"duration\":2")), &f);
    for (i = 0; i < f.n; i++) {
        assert_near(mean(&f, i, 0, 0, 0, 64, 64), NUMBERED(22 + i), 2.6);
    }
    free_film(&f);

    render_film(SMALL(VIDEO("wrap.ts", ",\"duration\":3.9")), &f);
    for (i = 0; i < f.n; i++) {
        assert_near(mean(&f, i, 0, 0, 0, 64, 64), NUMBERED(i), 1);
    }
    free_film(&f);

    render_film(SMALL(VIDEO("wrap.ts", ",\"in_point\":3,\"duration\":0.9")),
                &f);
    for (i = 0; i < f.n; i++) {
        assert_near(mean(&f, i, 0, 0, 0, 64, 64), NUMBERED(90 + i), 1);
    }
    free_film(&f);

    render_film(SMALL(VIDEO("mid.ts", ",\"duration\":2")), &f);
    assert_int_equal(f.n, 60);
    first = mean(&f, 30, 0, 0, 0, 64, 64);
    assert_near(mean(&f, 59, 0, 0, 0, 64, 64) - first, 29 * 1.5, 1.6);
    free_film(&f);
}


static void
test_damaged_packets(void **state)
{
    film  f;

    (void) state;

    render_film(SMALL(VIDEO("noise.mp4", ",\"duration\":4")), &f);
    assert_int_equal(f.n, 120);
    assert_near(mean(&f, 0, 0, 0, 0, 64, 64), NUMBERED(0), 1);
    free_film(&f);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_frames_of_films),
        cmocka_unit_test(test_long_film),
        cmocka_unit_test(test_variable_rate),
        cmocka_unit_test(test_odd_clocks),
        cmocka_unit_test(test_damaged_packets),
    };

    av_log_set_level(AV_LOG_QUIET);

    return cmocka_run_group_tests(tests, make_media, remove_folder);
}
