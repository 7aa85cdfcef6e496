/*
 * The engine on real media: segments rendered, joined and decoded again by
 * the ffmpeg command.  Frame counts, pixel values, placement, sound without
 * seams, sound and picture together, and pieces or inputs that are damaged.
 */

#include "helpers.h"


#define FF    "ffmpeg -hide_banner -v error -y "
#define X264  "-c:v libx264 -preset ultrafast -crf 4 "
#define BT    "-colorspace bt709 -color_primaries bt709 -color_trc bt709 "

#define COLOR(c, members)                                                     \
    "{\"asset\":{\"type\":\"color\",\"color\":\"" c "\"}" members "}"
#define ASSET(type, src, members)                                             \
    "{\"asset\":{\"type\":\"" type "\",\"src\":\"" src "\"}" members "}"
#define VIDEO(src, members)  ASSET("video", src, members)
#define IMAGE(src, members)  ASSET("image", src, members)
#define AUDIO(src, members)  ASSET("audio", src, members)
#define TEXT(t, font, members)                                                \
    "{\"asset\":{\"type\":\"text\",\"text\":\"" t "\"" font "}" members "}"
#define FADE(t)                                                               \
    "{\"type\":\"transition\",\"transition_type\":\"fade\",\"duration\":" t "}"

#define DOC(w, h, fps, tracks)                                                \
    "{\"timeline\":{\"width\":" w ",\"height\":" h ",\"fps\":" fps            \
    ",\"tracks\":[" tracks "]}}"
#define TRACK(clips)    "{\"clips\":[" clips "]}"
#define SOUND(clips)    "{\"kind\":\"audio\",\"clips\":[" clips "]}"
#define SMALL(clips)    DOC("64", "64", "30", TRACK(clips))

/* luma of frame n of the films below that count their frames */
#define NUMBERED(n)  (16 + 1.5 * (double) (n))
#define NUMBERS      "geq=lum='16+T*45':cb=128:cr=128,format=yuv420p"


static const char *const  recipes[] = {
    FF "-f lavfi -i \"color=black:s=64x64:r=30:d=4," NUMBERS "\" -g 15 "
        X264 BT "num.mp4 && "
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
    FF "-f lavfi -i testsrc2=s=128x96:r=30:d=0.5 " X264 BT "r0.mp4 && "
        "for r in 90 180 270; do "
        FF "-i r0.mp4 -c copy -metadata:s:v rotate=$r r$r.mp4; done",
    FF "-f lavfi -i color=red:s=100x100 -f lavfi -i color=blue:s=100x100 "
        "-filter_complex hstack,format=rgb24 -frames:v 1 half.png",
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
    FF "-f lavfi -i testsrc2=s=8x3000 -frames:v 1 tall.png",
    FF "-f lavfi -i \"color=black:s=64x64:r=30:d=5,geq=lum='if(lt(mod(N,30),1)"
        ",235,16)':cb=128:cr=128\" -f lavfi -i \"aevalsrc='if(lt(mod(t,1),0.04)"
        ",0.8*cos(2*PI*1000*t),0)':s=48000:d=5\" " X264 BT
        "-c:a pcm_s16le sync.mov && "
        FF "-i sync.mov -c:v copy -af apad=pad_dur=1 -c:a aac sync.mp4",
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
    "printf 'not a film' > text.mp4",
};


static int
make_media(void **state)
{
    int     n;
    char    script[8000];
    size_t  i;

    if (make_folder(state) != 0) {
        return -1;
    }

    n = 0;
    for (i = 0; i < sizeof(recipes) / sizeof(recipes[0]); i++) {
        n += snprintf(script + n, sizeof(script) - n, "%s{ { %s ; } || touch "
                      "failed; } & %s", i ? "" : ": ; ", recipes[i],
                      i % 4 == 3 ? "wait; " : "");
        assert_in_range(n, 0, sizeof(script) - 1);
    }

    (void) snprintf(script + n, sizeof(script) - n, "wait; test ! -e failed");

    return sh("%s", script) ? 0 : -1;
}


/* Pictures */


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


/* Sound */


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


/* Pieces */


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
        cmocka_unit_test(test_frame_counts),
        cmocka_unit_test(test_colors),
        cmocka_unit_test(test_crossfade),
        cmocka_unit_test(test_crossfade_of_films),
        cmocka_unit_test(test_fade_in_and_out),
        cmocka_unit_test(test_opacity),
        cmocka_unit_test(test_fit),
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_text_too_large),
        cmocka_unit_test(test_frames_of_films),
        cmocka_unit_test(test_long_film),
        cmocka_unit_test(test_variable_rate),
        cmocka_unit_test(test_odd_clocks),
        cmocka_unit_test(test_damaged_packets),
        cmocka_unit_test(test_rotation),
        cmocka_unit_test(test_shapes_and_ranges),
        cmocka_unit_test(test_alpha),
        cmocka_unit_test(test_size_change),
        cmocka_unit_test(test_sound_levels),
        cmocka_unit_test(test_sound_fades),
        cmocka_unit_test(test_sound_places),
        cmocka_unit_test(test_sync),
        cmocka_unit_test(test_sync_after_many_cuts),
        cmocka_unit_test(test_sound_seam),
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
