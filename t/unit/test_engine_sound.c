/*
 * The engine's sound, rendered and decoded again: levels, fades, places, seams
 * that nobody hears, and sound and picture together.
 */

#include "engine.h"


static const char *const  recipes[] = {
    MEDIA_SYNC,
    FF "-f lavfi -i \"aevalsrc='0.5*sin(2*PI*440*t)|0.25*sin(2*PI*660*t)'"
        ":s=48000:d=20\" -c:a pcm_s16le sine.wav",
    FF "-f lavfi -i \"aevalsrc='0.5*sin(2*PI*300*t)':s=8000:d=3\" "
        "-c:a pcm_mulaw mono8k.wav",
    FF "-f lavfi -i \"aevalsrc='0|0|0.5*sin(2*PI*300*t)|0|0|0':c=5.1:s=44100"
        ":d=3\" -c:a flac five.flac",
    FF "-f lavfi -i \"aevalsrc='0.5*sin(2*PI*300*t)':s=8000:d=20\" "
        "-c:a flac -frame_size 65535 blocks.flac",
    FF "-f lavfi -i color=black:s=64x64:r=30:d=3 -itsoffset 1.3 -f lavfi -i "
        "\"aevalsrc='0.5*sin(2*PI*300*t)':s=48000:d=1\" " X264
        "-c:a pcm_s16le late.mov",
    FF "-f lavfi -i \"aevalsrc='0.5*sin(2*PI*300*t)':s=48000:d=20,"
        "aselect='lt(t,1)+gt(t,3)*lt(t,4)+gt(t,14)'\" -c:a pcm_s16le gap.mkv",
};


static int
make_media(void **state)
{
    return make_all(state, recipes, sizeof(recipes) / sizeof(recipes[0]));
}


static double
rms(const film *f, int channel, double from, double to)
{
    double  sum;
    size_t  i, a, b;

    a = (size_t) llround(from * 48000);
    b = (size_t) llround(to * 48000);
    assert_true(a < b && b <= f->samples);

    for (i = a, sum = 0; i < b; i++) {
        sum += (double) f->pcm[2 * i + channel] * f->pcm[2 * i + channel];
    }

    return sqrt(sum / (double) (b - a));
}


#define HALF_SINE  (0.5 * M_SQRT1_2)    /* rms of a sine of amplitude 0.5 */


static void
test_sound_levels(void **state)
{
    film  f;

    (void) state;

    /* mono at 8 kHz: both ears, full level */

    render_film(DOC("16", "16", "10", SOUND(AUDIO("mono8k.wav", ""))), &f);
    assert_int_equal(f.samples, 144000);
    assert_near(rms(&f, 0, 0.1, 2.9), HALF_SINE, 0.01);
    assert_near(rms(&f, 1, 0.1, 2.9), HALF_SINE, 0.01);
    free_film(&f);

    /* the centre of 5.1 is heard in both, not louder than it was */

    render_film(DOC("16", "16", "10", SOUND(AUDIO("five.flac", ""))), &f);
    assert_near(rms(&f, 0, 0.1, 2.9), rms(&f, 1, 0.1, 2.9), 0.001);
    assert_in_range((int) (1000 * rms(&f, 0, 0.1, 2.9)), 70, 360);
    free_film(&f);

    render_film(DOC("16", "16", "10",
        "{\"kind\":\"audio\",\"volume\":0.5,\"clips\":["
        AUDIO("mono8k.wav", ",\"volume\":\"-6.0206dB\"") "]}"), &f);
    assert_near(rms(&f, 0, 0.1, 2.9), HALF_SINE / 4, 0.003);
    free_film(&f);

    /* two at once add up */

    render_film(DOC("16", "16", "10",
        SOUND(AUDIO("mono8k.wav", ",\"volume\":0.5")) ","
        SOUND(AUDIO("mono8k.wav", ",\"volume\":0.25"))), &f);
    assert_near(rms(&f, 0, 0.1, 2.9), HALF_SINE * 0.75, 0.01);
    free_film(&f);

    /* too much is bent, not broken */

    render_film(DOC("16", "16", "10",
        SOUND(AUDIO("mono8k.wav", ",\"volume\":\"12dB\""))), &f);
    assert_in_range((int) (100 * rms(&f, 0, 0.1, 2.9)), 60, 100);
    free_film(&f);
}


static void
test_sound_fades(void **state)
{
    film  f;

    (void) state;

    render_film(DOC("16", "16", "10", SOUND(AUDIO("mono8k.wav",
                ",\"fade_in\":1,\"fade_out\":1"))), &f);
    assert_near(rms(&f, 0, 0, 0.02), 0, 0.01);
    assert_near(rms(&f, 0, 0.49, 0.51), HALF_SINE / 2, 0.01);
    assert_near(rms(&f, 0, 1.2, 1.8), HALF_SINE, 0.01);
    assert_near(rms(&f, 0, 2.49, 2.51), HALF_SINE / 2, 0.01);
    assert_near(rms(&f, 0, 2.98, 3), 0, 0.01);
    free_film(&f);
}


/* Where a sound begins, and what is silent. */

static void
test_sound_places(void **state)
{
    film  f;

    (void) state;

    render_film(DOC("64", "64", "30", TRACK(VIDEO("late.mov", ""))), &f);
    assert_near(rms(&f, 0, 0, 1.25), 0, 0.001);
    assert_near(rms(&f, 0, 1.31, 2.29), HALF_SINE, 0.01);
    assert_near(rms(&f, 0, 2.35, 2.9), 0, 0.001);
    free_film(&f);

    /* gaps in the file stay where they are: long ones and short ones */

    render_film(DOC("16", "16", "10", SOUND(AUDIO("gap.mkv", ""))), &f);
    assert_near(rms(&f, 0, 0.05, 0.95), HALF_SINE, 0.01);
    assert_near(rms(&f, 0, 1.1, 2.9), 0, 0.001);
    assert_near(rms(&f, 0, 3.1, 3.9), HALF_SINE, 0.01);
    assert_near(rms(&f, 0, 4.1, 13.9), 0, 0.001);
    assert_near(rms(&f, 0, 14.1, 19.9), HALF_SINE, 0.01);
    free_film(&f);

    render_film(DOC("16", "16", "10", SOUND(AUDIO("gap.mkv",
                ",\"in_point\":3.5,\"start\":1"))), &f);
    assert_near(rms(&f, 0, 0, 0.95), 0, 0.001);
    assert_near(rms(&f, 0, 1.05, 1.45), HALF_SINE, 0.01);
    assert_near(rms(&f, 0, 1.6, 11.4), 0, 0.001);
    assert_near(rms(&f, 0, 11.6, 17.4), HALF_SINE, 0.01);
    free_film(&f);

    /* blocks longer than our buffer lose nothing, to the end */

    render_film(DOC("16", "16", "10", SOUND(AUDIO("blocks.flac", ""))), &f);
    assert_near(rms(&f, 0, 0.1, 10), HALF_SINE, 0.01);
    assert_near(rms(&f, 0, 10, 19.9), HALF_SINE, 0.01);
    assert_near(rms(&f, 0, 19, 19.9), HALF_SINE, 0.01);
    free_film(&f);

    render_film(DOC("16", "16", "10", SOUND(AUDIO("blocks.flac",
                ",\"in_point\":12"))), &f);
    assert_near(rms(&f, 0, 0.1, 7.9), HALF_SINE, 0.01);
    free_film(&f);
}


/* The flash and the beep of each second, apart by no more than 1 ms. */

static void
check_sync(const char *text, int beeps, double first)
{
    int     k;
    film    f;
    size_t  frame, i, from;
    double  flash;

    render_film(text, &f);
    frame = 0;

    for (k = 0; k < beeps; k++) {
        while (frame < f.n && mean(&f, frame, 0, 0, 0, 64, 64) < 100) {
            frame++;
        }
        flash = (double) frame / 30;
        assert_near(flash, first + k, 1e-6);

        from = (size_t) llround((flash > 0.2 ? flash - 0.2 : 0) * 48000);
        for (i = from; i < f.samples && fabsf(f.pcm[2 * i]) < 0.2; i++) {
            /* void */
        }

        assert_near((double) i / 48000, flash, 0.001);

        while (frame < f.n && mean(&f, frame, 0, 0, 0, 64, 64) >= 100) {
            frame++;
        }
    }

    free_film(&f);
}


static void
test_sync(void **state)
{
    (void) state;

    check_sync(SMALL(VIDEO("sync.mov", "")), 5, 0);
    check_sync(SMALL(VIDEO("sync.mov", ",\"in_point\":0.5")), 4, 0.5);
    check_sync(SMALL(COLOR("#000", ",\"duration\":\"7f\"") ","
                     VIDEO("sync.mov", ",\"in_point\":\"8f\"")), 4,
               29.0 / 30);
    check_sync(DOC("64", "64", "30", TRACK(VIDEO("sync.mov",
               ",\"volume\":0")) "," SOUND(AUDIO("sync.mov", ""))), 5, 0);

    /* AAC in, with its own delay to take away */

    check_sync(SMALL(VIDEO("sync.mp4", ",\"in_point\":0.5")), 4, 0.5);
}


/* Cut by the hundred: sound and picture stay together. */

static void
test_sync_after_many_cuts(void **state)
{
    int   i, n;
    char  text[20000];

    (void) state;

    n = sprintf(text, "{\"timeline\":{\"width\":64,\"height\":64,\"fps\":30,"
                "\"tracks\":[{\"clips\":[");
    for (i = 0; i < 20; i++) {
        n += sprintf(text + n, "%s" VIDEO("sync.mov", ",\"in_point\":\"%df\","
                     "\"duration\":\"7f\""), i ? "," : "", i * 7);
    }
    (void) sprintf(text + n, "]}]}}");

    check_sync(text, 4, 0);
}


/*
 * A film of two sound pieces: at the seam it decodes to what one piece would,
 * and to the sine that went in.
 */

static void
test_sound_seam(void **state)
{
    int         fd, out;
    film        two, one;
    char        damaged[65], key[65];
    json_t     *plan, *sound, *spec, *clip;
    rn_env      env;
    double      d, seam, else_, worst, ideal, t;
    size_t      i, at;
    int64_t     bytes, total;
    lending     l;
    rn_fault    fault;

    static const char text[] =
        DOC("16", "16", "1", SOUND(AUDIO("sine.wav", "")));

    (void) state;

    plan = render_plan(text, &l);
    env = env_of(&l);
    sound = json_object_get(plan, "sound");
    assert_int_equal(json_array_size(sound), 2);
    memset(&fault, 0, sizeof(fault));

    out = memory_file("", 0);
    assert_int_equal(assemble_film(plan, &env, out, &bytes, damaged, &fault),
                     RN_OK);
    decode(out, 16, 16, true, &two);
    (void) close(out);
    assert_int_equal(two.n, 20);
    trim_sound(&two, 20 * 48000);

    /* the same, coded in one go */

    total = number_of(json_array_get(sound, 0), "frames")
            + number_of(json_array_get(sound, 1), "frames");
    at = (size_t) (number_of(json_array_get(sound, 0), "frames") - 1) * 1024;

    spec = json_deep_copy(json_object_get(json_array_get(sound, 0), "spec"));
    json_object_set_new(spec, "packets", json_integer(total));
    clip = json_array_get(json_object_get(spec, "clips"), 0);
    json_object_set_new(clip, "len", json_integer(20 * 48000));
    json_array_append_new(json_object_get(clip, "ramps"),
                          json_pack("[i, i, i, i]", 20 * 48000 - 240, 240, 1,
                                    1));
    assert_true(rn_spec_key(spec, key));

    fd = memory_file("", 0);
    assert_int_equal(rn_mix_render(spec, &env, fd, &bytes, &fault), RN_OK);
    lend(&l, key, fd);
    json_object_set_new(plan, "sound", json_pack("[{s:s, s:I}]", "key", key,
                        "frames", (json_int_t) total));
    json_decref(spec);

    out = memory_file("", 0);
    assert_int_equal(assemble_film(plan, &env, out, &bytes, damaged, &fault),
                     RN_OK);
    decode(out, 16, 16, true, &one);
    (void) close(out);
    trim_sound(&one, 20 * 48000);

    /* compared with one another, and with the sine */

    seam = else_ = worst = 0;

    for (i = 0; i < two.samples; i++) {
        d = fabs((double) two.pcm[2 * i] - (double) one.pcm[2 * i]);
        if (d > worst) {
            worst = d;
        }

        if (i < 4800 || i + 4800 > two.samples) {
            continue;
        }

        t = (double) i / 48000;
        ideal = 0.5 * sin(2 * M_PI * 440 * t);
        d = fabs((double) two.pcm[2 * i] - ideal);

        if (i + 4096 > at && i < at + 4096) {
            seam = d > seam ? d : seam;
        } else {
            else_ = d > else_ ? d : else_;
        }
    }

    print_message("  seam: %.5f from one piece, %.5f from the sine (%.5f "
                  "elsewhere)\n", worst, seam, else_);
    assert_true(worst < 0.01);
    assert_true(else_ < 0.02);
    assert_true(seam < else_ * 1.5 + 0.001);

    free_film(&one);
    free_film(&two);
    take_back(&l);
    json_decref(plan);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_sound_levels),
        cmocka_unit_test(test_sound_fades),
        cmocka_unit_test(test_sound_places),
        cmocka_unit_test(test_sync),
        cmocka_unit_test(test_sync_after_many_cuts),
        cmocka_unit_test(test_sound_seam),
    };

    av_log_set_level(AV_LOG_QUIET);

    return cmocka_run_group_tests(tests, make_media, remove_folder);
}
