/*
 * The engine on real media: segments rendered, joined and decoded again by
 * the ffmpeg command.  Here are its pictures: how many, which, of what colour
 * and where; test_engine_clocks.c, test_engine_sound.c and test_engine_pieces.c
 * have the rest.
 */

#include "engine.h"


static const char *const  recipes[] = {
    MEDIA_NUMBERED,
    MEDIA_TURNED,
    MEDIA_HALF,
    FF "-f lavfi -i color=red:s=32x64:r=30:d=1 -f lavfi -i "
        "color=blue:s=32x64:r=30:d=1 -filter_complex hstack,setsar=2 "
        X264 "sar.mp4",
    FF "-f lavfi -i color=white:s=319x241:r=30:d=0.5 -pix_fmt yuv444p "
        X264 "odd.mp4",
    FF "-f lavfi -i color=red:s=64x64:r=30:d=0.2 " X264 "sd.mp4",
    FF "-f lavfi -i color=red:s=64x64:r=30:d=0.2 -vf \"scale=out_range=full:"
        "out_color_matrix=bt601,format=yuvj420p\" -color_range pc "
        "-colorspace smpte170m " X264 "full.mp4",
    FF "-f lavfi -i color=red:s=1280x720:r=30:d=0.2 -vf \"format=gbrp,"
        "scale=out_color_matrix=bt709,format=yuv420p\" " X264 "hd.mp4",
    FF "-f lavfi -i \"color=red:s=64x64:r=10:d=1,format=yuva420p,geq=lum="
        "'lum(X,Y)':cb='cb(X,Y)':cr='cr(X,Y)':a='if(lt(X,32),0,255)'\" "
        "-c:v libvpx-vp9 -cpu-used 8 -crf 10 al9.webm",
    FF "-f lavfi -i \"color=red:s=64x64:r=10:d=1,format=yuva420p,geq=lum="
        "'lum(X,Y)':cb='cb(X,Y)':cr='cr(X,Y)':a='if(lt(X,32),0,255)'\" "
        "-c:v libvpx -auto-alt-ref 0 -cpu-used 8 -b:v 2M al8.webm",
    FF "-f lavfi -i \"color=lime:s=64x64,format=rgba,geq=r='r(X,Y)':g='g(X,Y)'"
        ":b='b(X,Y)':a='if(lt(X,32),0,128)'\" -frames:v 1 alpha.png",
    FF "-f lavfi -i color=red:s=64x64:r=30:d=1 " X264 "-f mpegts a.ts && "
        FF "-f lavfi -i color=blue:s=32x96:r=30:d=1 " X264
        "-output_ts_offset 1 -f mpegts b.ts && cat a.ts b.ts > change.ts",
};


static int
make_media(void **state)
{
    return make_all(state, recipes, sizeof(recipes) / sizeof(recipes[0]));
}


static void
test_frame_counts(void **state)
{
    size_t  i;
    char    text[600];
    film    f;

    static const struct { const char *fps, *duration; size_t n; } films[] = {
        { "30", "2.5", 75 }, { "30", "\"1f\"", 1 }, { "30", "\"2f\"", 2 },
        { "30", "\"3f\"", 3 }, { "29.97", "2", 60 }, { "23.976", "7", 168 },
        { "\"25/2\"", "4", 50 }, { "1", "12", 12 }, { "120", "0.7", 84 },
        { "30", "21", 630 },
    };

    (void) state;

    for (i = 0; i < sizeof(films) / sizeof(films[0]); i++) {
        (void) snprintf(text, sizeof(text), DOC("16", "16", "%s",
                        TRACK(COLOR("#00f", ",\"duration\":%s"))),
                        films[i].fps, films[i].duration);
        render_film(text, &f);
        assert_int_equal(f.n, films[i].n);
        assert_true(shows(&f, 0, 0, 0, 16, 16, 0x0000ff));
        assert_true(shows(&f, f.n - 1, 0, 0, 16, 16, 0x0000ff));
        free_film(&f);
    }
}


static void
test_colors(void **state)
{
    int       n;
    char      text[4000];
    film      f;
    size_t    i;

    static const uint32_t colors[] = {
        0x000000, 0xffffff, 0xff0000, 0x00ff00, 0x0000ff, 0xffff00, 0x00ffff,
        0xff00ff, 0x808080, 0x123456, 0xfedcba, 0x010203, 0x7f3300,
    };

    (void) state;

    n = sprintf(text, "{\"timeline\":{\"width\":32,\"height\":48,\"fps\":10,"
                "\"tracks\":[{\"clips\":[");
    for (i = 0; i < sizeof(colors) / sizeof(colors[0]); i++) {
        n += sprintf(text + n, "%s" COLOR("#%06x", ",\"duration\":0.3"),
                     i ? "," : "", colors[i]);
    }
    (void) sprintf(text + n, "]}]}}");

    render_film(text, &f);

    for (i = 0; i < f.n; i++) {
        assert_true(shows(&f, i, 0, 0, 32, 48, colors[i / 3]));
    }
    free_film(&f);

    /* the same as background, under nothing */

    render_film("{\"timeline\":{\"width\":32,\"height\":32,\"background\":"
                "\"#c04080\",\"tracks\":[" TRACK(COLOR("#fff",
                ",\"start\":\"5f\",\"duration\":\"5f\"")) "]}}", &f);
    assert_true(shows(&f, 4, 0, 0, 32, 32, 0xc04080));
    assert_true(shows(&f, 5, 0, 0, 32, 32, 0xffffff));
    free_film(&f);
}


/* Each tick of a crossfade is the mean of both, weighted by its middle. */

static void
test_crossfade(void **state)
{
    int     i;
    film    f;
    double  p;

    (void) state;

    render_film(SMALL(COLOR("#f00", ",\"duration\":2") "," FADE("1") ","
                      COLOR("#00f", ",\"duration\":2.5")), &f);
    assert_int_equal(f.n, 105);

    for (i = 0; i < 105; i++) {
        p = i < 30 ? 0 : i >= 60 ? 1 : (i - 30 + 0.5) / 30;
        assert_near(mean(&f, i, 0, 0, 0, 64, 64), 63 + p * (32 - 63), 2);
        assert_near(mean(&f, i, 1, 0, 0, 64, 64), 102 + p * (240 - 102), 2);
        assert_near(mean(&f, i, 2, 0, 0, 64, 64), 240 + p * (118 - 240), 2);
    }

    free_film(&f);
}


/* A crossfade of films goes on playing both, above what lies below. */

static void
test_crossfade_of_films(void **state)
{
    int     i;
    film    f;
    double  p, a, b;

    (void) state;

    render_film(SMALL(VIDEO("num.mp4", ",\"out_point\":2") "," FADE("1") ","
                      VIDEO("num.mp4", ",\"in_point\":2")), &f);
    assert_int_equal(f.n, 90);

    for (i = 0; i < 90; i++) {
        p = i < 30 ? 0 : i >= 60 ? 1 : (i - 30 + 0.5) / 30;
        a = NUMBERED(i);
        b = NUMBERED(60 + i - 30);
        assert_near(mean(&f, i, 0, 0, 0, 64, 64), a + p * (b - a), 2);
    }

    free_film(&f);
}


static void
test_fade_in_and_out(void **state)
{
    int     i;
    film    f;
    double  p;

    (void) state;

    render_film(SMALL(COLOR("#fff", ",\"duration\":1,\"transition\":{\"in\":"
                            "\"fade\",\"out\":\"fade\",\"duration\":\"10f\"}")),
                &f);
    assert_int_equal(f.n, 30);

    for (i = 0; i < 30; i++) {
        p = i < 10 ? (i + 0.5) / 10 : i >= 20 ? (29.5 - i) / 10 : 1;
        assert_near(mean(&f, i, 0, 0, 0, 64, 64), 16 + 219 * p, 2);
    }

    free_film(&f);
}


static void
test_opacity(void **state)
{
    int   k;
    film  f;

    (void) state;

    render_film(DOC("64", "64", "10",
        TRACK(COLOR("#fff", ",\"duration\":1,\"opacity\":0.25") ","
              COLOR("#ffffff80", ",\"duration\":1") ","
              COLOR("#ffffff80", ",\"duration\":1,\"opacity\":0.5") ","
              COLOR("#fff", ",\"duration\":1,\"opacity\":0"))), &f);

    assert_near(mean(&f, 5, 0, 0, 0, 64, 64), 16 + 219 * 0.25, 2);
    assert_near(mean(&f, 15, 0, 0, 0, 64, 64), 16 + 219 * 128 / 255.0, 2);
    assert_near(mean(&f, 25, 0, 0, 0, 64, 64), 16 + 219 * 64 / 255.0, 2);
    assert_true(shows(&f, 35, 0, 0, 64, 64, 0));
    free_film(&f);

    /* painter's order: the last track lies on top */

    render_film(DOC("64", "64", "10",
        TRACK(COLOR("#f00", ",\"duration\":1")) ","
        TRACK(COLOR("#0f0", ",\"duration\":1,\"width\":32,\"position\":"
                    "\"left\"")) ","
        TRACK(COLOR("#00f", ",\"duration\":1,\"height\":32,\"position\":"
                    "\"top\""))), &f);
    assert_true(shows(&f, 0, 0, 0, 64, 32, 0x0000ff));
    assert_true(shows(&f, 0, 0, 32, 32, 32, 0x00ff00));
    assert_true(shows(&f, 0, 32, 32, 32, 32, 0xff0000));
    free_film(&f);

    /* a picture hides all that is below, but where it is not there, or fades */

    render_film(DOC("64", "64", "10",
        TRACK(COLOR("#0f0", ",\"duration\":3")) ","
        TRACK(COLOR("#f00", ",\"duration\":3,\"height\":32,\"position\":"
                    "\"top\"")) ","
        TRACK(IMAGE("half.png", ",\"duration\":1,\"start\":1,\"fit\":"
                    "\"fill\"") ","
              IMAGE("half.png", ",\"duration\":1,\"start\":2,\"fit\":"
                    "\"fill\",\"opacity\":0")) ","
        TRACK(COLOR("#fff", ",\"duration\":3,\"height\":16,\"position\":"
                    "\"bottom\""))), &f);

    for (k = 5; k < 30; k += 20) {
        assert_true(shows(&f, k, 0, 0, 64, 32, 0xff0000));
        assert_true(shows(&f, k, 0, 32, 64, 16, 0x00ff00));
        assert_true(shows(&f, k, 0, 48, 64, 16, 0xffffff));
    }

    assert_true(shows(&f, 15, 0, 0, 24, 48, 0xff0000));
    assert_true(shows(&f, 15, 40, 0, 24, 48, 0x0000ff));
    assert_true(shows(&f, 15, 0, 48, 64, 16, 0xffffff));
    free_film(&f);
}


/* What was hidden shows what it would show if it had not been. */

static void
test_uncovered(void **state)
{
    int   k;
    film  f;

    (void) state;

#define COVER(start, t)                                                       \
    IMAGE("half.png", ",\"fit\":\"fill\",\"start\":" start ",\"duration\":" t)

    render_film(DOC("64", "64", "30",
        TRACK(VIDEO("num.mp4", ",\"duration\":4")) ","
        TRACK(COVER("0", "1") "," COVER("1.5", "1") "," COVER("3", "0.5")) ","
        TRACK(COLOR("#fff", ",\"duration\":4,\"width\":8,\"height\":8,"
                    "\"position\":\"top-left\""))), &f);
    assert_int_equal(f.n, 120);

    for (k = 0; k < 120; k++) {
        if (k < 30 || (k >= 45 && k < 75) || (k >= 90 && k < 105)) {
            assert_true(shows(&f, k, 0, 16, 24, 40, 0xff0000));
            assert_true(shows(&f, k, 40, 16, 24, 40, 0x0000ff));
        } else {
            assert_near(mean(&f, k, 0, 16, 16, 40, 40), NUMBERED(k), 1);
        }
    }

    free_film(&f);
}


/* 200x100, red to the left and blue to the right, on 160x160. */

static void
test_fit(void **state)
{
    film  f;

    (void) state;

#define HALF(fit)                                                             \
    "{\"timeline\":{\"width\":160,\"height\":160,\"fps\":10,\"background\":"  \
    "\"#0f0\",\"tracks\":[" TRACK(IMAGE("half.png", ",\"duration\":0.3,"      \
    "\"fit\":\"" fit "\"")) "]}}"

    render_film(HALF("cover"), &f);
    assert_true(shows(&f, 2, 0, 0, 72, 160, 0xff0000));
    assert_true(shows(&f, 2, 88, 0, 72, 160, 0x0000ff));
    free_film(&f);

    render_film(HALF("fill"), &f);
    assert_true(shows(&f, 2, 0, 0, 72, 160, 0xff0000));
    assert_true(shows(&f, 2, 88, 0, 72, 160, 0x0000ff));
    free_film(&f);

    render_film(HALF("contain"), &f);
    assert_true(shows(&f, 2, 0, 0, 160, 36, 0x00ff00));
    assert_true(shows(&f, 2, 0, 44, 72, 72, 0xff0000));
    assert_true(shows(&f, 2, 88, 44, 72, 72, 0x0000ff));
    assert_true(shows(&f, 2, 0, 124, 160, 36, 0x00ff00));
    free_film(&f);

    render_film(HALF("none"), &f);
    assert_true(shows(&f, 2, 0, 0, 160, 26, 0x00ff00));
    assert_true(shows(&f, 2, 0, 34, 72, 92, 0xff0000));
    assert_true(shows(&f, 2, 88, 34, 72, 92, 0x0000ff));
    assert_true(shows(&f, 2, 0, 134, 160, 26, 0x00ff00));
    free_film(&f);

    /* in a box of its own: cover is cut to it, one side keeps the shape */

    render_film(DOC("160", "160", "10", TRACK(IMAGE("half.png",
        ",\"duration\":0.2,\"width\":40,\"height\":40"))), &f);
    assert_true(shows(&f, 0, 0, 0, 160, 56, 0));
    assert_true(shows(&f, 0, 64, 64, 12, 32, 0xff0000));
    assert_true(shows(&f, 0, 84, 64, 12, 32, 0x0000ff));
    assert_true(shows(&f, 0, 104, 0, 56, 160, 0));
    free_film(&f);

    render_film(DOC("160", "160", "10", TRACK(IMAGE("half.png",
        ",\"duration\":0.2,\"width\":\"50%\",\"position\":\"top-left\""))), &f);
    assert_true(shows(&f, 0, 0, 0, 32, 36, 0xff0000));
    assert_true(shows(&f, 0, 48, 0, 28, 36, 0x0000ff));
    assert_true(shows(&f, 0, 84, 0, 76, 160, 0));
    assert_true(shows(&f, 0, 0, 44, 160, 116, 0));
    free_film(&f);
}


static void
test_places(void **state)
{
    int   i, n, x, y;
    char  text[4000];
    film  f;

    static const char *const places[] = {
        "\"top-left\"", "\"top\"", "\"top-right\"", "\"left\"", "\"center\"",
        "\"right\"", "\"bottom-left\"", "\"bottom\"", "\"bottom-right\"",
        "{\"x\":20,\"y\":\"50%\"}", "{\"x\":-20,\"y\":84}",
    };

    static const int at[][2] = {
        { 0, 0 }, { 60, 0 }, { 120, 0 }, { 0, 40 }, { 60, 40 }, { 120, 40 },
        { 0, 80 }, { 60, 80 }, { 120, 80 }, { 20, 50 }, { -20, 84 },
    };

    (void) state;

    n = sprintf(text, "{\"timeline\":{\"width\":160,\"height\":100,\"fps\":10,"
                "\"tracks\":[{\"clips\":[");
    for (i = 0; i < 11; i++) {
        n += sprintf(text + n, "%s" COLOR("#fff", ",\"duration\":0.2,"
                     "\"width\":40,\"height\":\"20%%\",\"position\":%s"),
                     i ? "," : "", places[i]);
    }
    (void) sprintf(text + n, "," COLOR("#fff", ",\"duration\":0.2,\"width\":40,"
                   "\"height\":20,\"position\":\"bottom-right\",\"offset\":"
                   "{\"x\":-10,\"y\":\"-10%%\"}") "]}]}}");

    render_film(text, &f);

    for (i = 0; i < 12; i++) {
        x = i == 11 ? 110 : at[i][0];
        y = i == 11 ? 70 : at[i][1];
        n = x < 0 ? 40 + x : 40;                        /* seen of its width */
        x = x < 0 ? 0 : x;

        assert_near(mean(&f, 2 * i, 0, x, y, n, y + 20 > 100 ? 100 - y : 20),
                    235, 3);
        assert_near(mean(&f, 2 * i, 0, 0, 0, 160, 100) - 16,
                    219.0 * n * (y + 20 > 100 ? 100 - y : 20) / 16000, 1);
    }

    free_film(&f);
}


/* Px of a rectangle that are nearly white. */

static int
ink(const film *f, size_t frame, int x, int y, int w, int h)
{
    int             i, j, n;
    const uint8_t  *p;

    p = f->yuv + frame * (size_t) (f->w * f->h * 3 / 2);
    n = 0;

    for (j = y; j < y + h; j++) {
        for (i = x; i < x + w; i++) {
            n += p[j * f->w + i] > 180;
        }
    }

    return n;
}


static void
test_text(void **state)
{
    int     i, plain, bold;
    char    text[800];
    film    f;
    size_t  k;

#define WORDS(t, font, members)                                               \
    DOC("320", "180", "10", TRACK(TEXT(t, font, ",\"duration\":0.3" members)))

    static const char *const any[] = {
        "%%{localtime} \\\\' : , [ ] ; \\\\\\\\", "a:b,c[d]'e.srt", "<b>&amp;",
        "\xe4\xbd\xa0\xe5\xa5\xbd", "\xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d",
        "\xd8\xb3\xd9\x84\xd8\xa7\xd9\x85", "\xf0\x9f\x98\x80 x",
        "\xef\xbf\xbf?", "\xe2\x80\x8f" "x", "a\\tb", "one\\ntwo",
    };

    (void) state;

    render_film(WORDS("Hello", ",\"font\":{\"size\":48}", ""), &f);
    plain = ink(&f, 1, 80, 50, 160, 80);
    assert_in_range(plain, 500, 4000);
    assert_int_equal(ink(&f, 1, 0, 0, 320, 180), plain);    /* nowhere else */
    assert_true(shows(&f, 1, 0, 0, 320, 40, 0));
    free_film(&f);

    render_film(WORDS("Hello", ",\"font\":{\"size\":48,\"weight\":\"bold\"}",
                      ""), &f);
    bold = ink(&f, 1, 0, 0, 320, 180);
    assert_true(bold > plain * 11 / 10);
    free_film(&f);

    render_film(WORDS("Hello", ",\"font\":{\"size\":24}",
                      ",\"position\":\"bottom-right\""), &f);
    assert_true(ink(&f, 1, 240, 140, 80, 40) > 100);
    assert_int_equal(ink(&f, 1, 0, 0, 320, 130), 0);
    assert_int_equal(ink(&f, 1, 0, 0, 230, 180), 0);
    free_film(&f);

    /* colour, background, opacity */

    render_film(WORDS("\xe2\x96\x88\xe2\x96\x88\xe2\x96\x88", ",\"font\":{"
                      "\"size\":80,\"color\":\"#f00\"},\"background\":"
                      "\"#0000ff\"", ""), &f);
    assert_true(shows(&f, 1, 150, 84, 20, 12, 0xff0000));
    free_film(&f);

    render_film(WORDS("Hello", ",\"font\":{\"color\":\"#ffffff00\"}", ""), &f);
    assert_true(shows(&f, 1, 0, 0, 320, 180, 0));
    free_film(&f);

    render_film(WORDS("Hello", "", ",\"opacity\":0"), &f);
    assert_true(shows(&f, 1, 0, 0, 320, 180, 0));
    free_film(&f);

    /* wrapped: more lines, not wider than asked */

    render_film(WORDS("many words that do not fit", ",\"font\":{\"size\":20}",
                      ",\"width\":100"), &f);
    assert_int_equal(ink(&f, 1, 0, 0, 95, 180), 0);
    assert_int_equal(ink(&f, 1, 225, 0, 95, 180), 0);
    assert_true(ink(&f, 1, 95, 40, 130, 30) > 20);
    assert_true(ink(&f, 1, 95, 100, 130, 30) > 20);
    free_film(&f);

    /* nothing that one writes is taken as a command, or breaks the film */

    for (k = 0; k < sizeof(any) / sizeof(any[0]); k++) {
        (void) snprintf(text, sizeof(text), "{\"timeline\":{\"width\":320,"
                        "\"height\":180,\"fps\":10,\"tracks\":[{\"clips\":["
                        "{\"asset\":{\"type\":\"text\",\"text\":\"%s\","
                        "\"font\":{\"size\":24}},\"duration\":0.2}]}]}}",
                        any[k]);
        render_film(text, &f);
        if (ink(&f, 1, 0, 0, 320, 180) < 20) {
            fail_msg("no ink of %s", any[k]);
        }
        free_film(&f);
    }

    for (i = 4; i <= 60; i += 14) {     /* grows with its size */
        (void) snprintf(text, sizeof(text),
                        WORDS("MMM", ",\"font\":{\"size\":%d}", ""), i);
        render_film(text, &f);
        assert_true(i < 18 || ink(&f, 1, 0, 0, 320, 180) > i * i / 3);
        free_film(&f);
    }
}


/*
 * A text far larger than the canvas is refused, not drawn: by the planner (see
 * test_plan.c), and by the engine, whatever its specification says.
 */

static void
test_text_too_large(void **state)
{
    int         fd;
    json_t     *plan, *spec, *text;
    rn_env      env;
    int64_t     bytes;
    lending     l;
    rn_fault    fault;

    (void) state;

    memset(&l, 0, sizeof(l));
    memset(&fault, 0, sizeof(fault));
    env = env_of(&l);

    plan = plan_good(DOC("64", "64", "10", TRACK(TEXT("Too large a text",
                         ",\"font\":{\"size\":10}", ",\"duration\":1"))),
                     NULL);
    spec = json_object_get(json_array_get(json_object_get(plan, "segments"),
                                          0), "spec");
    text = json_object_get(json_array_get(json_object_get(spec, "layers"), 0),
                           "text");
    assert_int_equal(json_object_set_new(text, "size", json_integer(1000000)),
                     0);
    fd = memory_file("", 0);
    assert_int_equal(rn_segment_render(spec, &env, fd, &bytes, &fault),
                     RN_E_INVALID);
    assert_non_null(strstr(fault.text, "far more than the canvas"));
    (void) close(fd);
    json_decref(plan);
}


/* Turned as the command turns it. */

static void
test_rotation(void **state)
{
    int        i, k, w, h;
    char       text[400];
    film       f;
    double     sum;
    size_t     n;
    uint8_t   *ref;

    (void) state;

    for (i = 0; i < 360; i += 90) {
        w = i % 180 ? 96 : 128;
        h = i % 180 ? 128 : 96;

        (void) snprintf(text, sizeof(text), DOC("%d", "%d", "30",
                        TRACK(VIDEO("r%d.mp4", ",\"duration\":0.5"))),
                        w, h, i);
        render_film(text, &f);

        assert_true(sh(FF "-i r%d.mp4 -frames:v 1 -f rawvideo -pix_fmt yuv420p"
                       " ref.yuv", i));
        ref = read_file("ref.yuv", &n);
        assert_int_equal(n, (size_t) (w * h * 3 / 2));

        for (k = 0, sum = 0; k < w * h * 3 / 2; k++) {
            sum += abs(f.yuv[k] - ref[k]);
        }
        free(ref);
        free_film(&f);

        if (sum / (w * h * 3 / 2) > 4) {
            fail_msg("turned by %d: %g", i, sum / (w * h * 3 / 2));
        }
    }
}


static void
test_shapes_and_ranges(void **state)
{
    film  f;

    (void) state;

    /* pixels twice as wide as high: 64x64 is shown as 128x64 */

    render_film(DOC("128", "64", "30", TRACK(VIDEO("sar.mp4",
        ",\"duration\":0.5,\"fit\":\"contain\""))), &f);
    assert_true(shows(&f, 0, 0, 0, 56, 64, 0xff0000));
    assert_true(shows(&f, 0, 72, 0, 56, 64, 0x0000ff));
    free_film(&f);

    /* an odd size has no edge of another colour */

    render_film(DOC("320", "240", "30", TRACK(VIDEO("odd.mp4",
        ",\"duration\":0.2,\"fit\":\"fill\""))), &f);
    assert_true(shows(&f, 0, 0, 0, 320, 2, 0xffffff));
    assert_true(shows(&f, 0, 0, 238, 320, 2, 0xffffff));
    assert_true(shows(&f, 0, 0, 0, 2, 240, 0xffffff));
    assert_true(shows(&f, 0, 318, 0, 2, 240, 0xffffff));
    free_film(&f);

    render_film(DOC("330", "250", "30", TRACK(VIDEO("odd.mp4",
        ",\"duration\":0.2,\"fit\":\"none\""))), &f);
    assert_true(shows(&f, 0, 8, 8, 312, 232, 0xffffff));
    assert_true(shows(&f, 0, 0, 0, 330, 2, 0));
    free_film(&f);

    /* red is red, whatever matrix and range it came in */

    render_film(SMALL(VIDEO("sd.mp4", ",\"duration\":0.2")), &f);
    assert_true(shows(&f, 0, 0, 0, 64, 64, 0xff0000));
    free_film(&f);

    render_film(SMALL(VIDEO("full.mp4", ",\"duration\":0.2")), &f);
    assert_true(shows(&f, 0, 0, 0, 64, 64, 0xff0000));
    free_film(&f);

    render_film(SMALL(VIDEO("hd.mp4", ",\"duration\":0.2")), &f);
    assert_true(shows(&f, 0, 0, 0, 64, 64, 0xff0000));
    free_film(&f);
}


static void
test_alpha(void **state)
{
    size_t  i;
    char    text[600];
    film    f;

    static const char *const names[] = { "al9.webm", "al8.webm" };

    (void) state;

    for (i = 0; i < 2; i++) {
        (void) snprintf(text, sizeof(text), DOC("64", "64", "10",
                        TRACK(COLOR("#00f", ",\"duration\":1")) ","
                        TRACK(VIDEO("%s", ",\"duration\":1"))), names[i]);
        render_film(text, &f);
        assert_true(shows(&f, 5, 0, 0, 28, 64, 0x0000ff));
        assert_near(mean(&f, 5, 2, 36, 0, 28, 64), 240, 4);
        free_film(&f);
    }

    render_film(DOC("64", "64", "10", TRACK(COLOR("#00f", ",\"duration\":1"))
                "," TRACK(IMAGE("alpha.png", ",\"duration\":1"))), &f);
    assert_true(shows(&f, 5, 0, 0, 28, 64, 0x0000ff));
    assert_near(mean(&f, 5, 0, 36, 0, 28, 64), (32 + 173) / 2.0, 2);
    free_film(&f);
}


static void
test_size_change(void **state)
{
    film  f;

    (void) state;

    render_film(SMALL(VIDEO("change.ts", ",\"fit\":\"contain\",\"duration\":"
                            "1.9")), &f);
    assert_true(shows(&f, 15, 0, 0, 64, 64, 0xff0000));
    assert_true(shows(&f, 50, 26, 4, 12, 56, 0x0000ff));
    assert_true(shows(&f, 50, 0, 0, 16, 64, 0));
    free_film(&f);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_frame_counts),
        cmocka_unit_test(test_colors),
        cmocka_unit_test(test_crossfade),
        cmocka_unit_test(test_crossfade_of_films),
        cmocka_unit_test(test_fade_in_and_out),
        cmocka_unit_test(test_opacity),
        cmocka_unit_test(test_uncovered),
        cmocka_unit_test(test_fit),
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_text_too_large),
        cmocka_unit_test(test_rotation),
        cmocka_unit_test(test_shapes_and_ranges),
        cmocka_unit_test(test_alpha),
        cmocka_unit_test(test_size_change),
    };

    av_log_set_level(AV_LOG_QUIET);

    return cmocka_run_group_tests(tests, make_media, remove_folder);
}
