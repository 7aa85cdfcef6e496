/*
 * Outputs of a document: what each format's fields become and which are
 * refused, which of them decide the canvas, and sizes that follow from others.
 * The tracks that come of them: test_tracks.c.
 */

#include "helpers.h"


#define COLOR(c, members)                                                     \
    "{\"asset\":{\"type\":\"color\",\"color\":\"" c "\"}" members "}"
#define DOC(head, clips, outputs)                                             \
    "{\"timeline\":{" head "\"tracks\":[{\"clips\":[" clips "]}]},"           \
    "\"outputs\":[" outputs "]}"
#define ANY(outputs)  DOC("", COLOR("#fff", ""), outputs)

static const char *const  names[] = {
    "mp4", "webm", "mov", "gif", "mp3", "m4a", "wav", "png", "jpg",
    "png-sequence", "sprite",
};

#define FORMATS  (sizeof(names) / sizeof(names[0]))

enum { FILM = 1, MOVES = 2, SEEN = 4, HEARD = 8, STILL = 16, SPRITE = 32,
       MOV = 64 };

static const unsigned  is[FORMATS] = {
    FILM | MOVES | SEEN | HEARD, FILM | MOVES | SEEN | HEARD,
    FILM | MOVES | SEEN | HEARD | MOV, MOVES | SEEN, HEARD, HEARD, HEARD,
    SEEN | STILL, SEEN | STILL, MOVES | SEEN, SEEN | SPRITE,
};


/* Numbers that are the same in every run. */

static uint64_t  seed = 42;

static int64_t
some(int64_t from, int64_t to)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;

    return from + (int64_t) ((seed >> 33) % (uint64_t) (to - from + 1));
}


static void
test_defaults(void **state)
{
    char              text[400];
    size_t            i, k;
    rn_doc           *d;
    const rn_output  *o;

    static const struct {
        const char  *canvas;
        int          w, h, fps;             /* of most */
        int          gif_w, gif_h, gif_fps, sprite_w, sprite_h;
    } canvases[] = {
        { "\"width\":1920,\"height\":1080,\"fps\":60,",
          1920, 1080, 60, 480, 270, 10, 160, 90 },
        { "\"width\":160,\"height\":120,\"fps\":8,",
          160, 120, 8, 160, 120, 8, 160, 120 },
        { "\"width\":1080,\"height\":1920,\"fps\":10,",
          1080, 1920, 10, 480, 854, 10, 160, 284 },
        { "", 1280, 720, 30, 480, 270, 10, 160, 90 },
    };

    (void) state;

    for (k = 0; k < sizeof(canvases) / sizeof(canvases[0]); k++) {
        for (i = 0; i < FORMATS; i++) {
            (void) snprintf(text, sizeof(text), DOC("%s", COLOR("#fff", ""),
                            "{\"format\":\"%s\"},{\"format\":\"%s\","
                            "\"name\":\"b\"},{\"format\":\"%s\"}"),
                            canvases[k].canvas, names[i], names[i], names[i]);
            d = parse_good(text, false);
            assert_int_equal(d->n_outputs, 3);
            assert_int_equal(d->film, 0);
            assert_string_equal(d->outputs[0].name, "final");
            assert_string_equal(d->outputs[1].name, "b");
            assert_string_equal(d->outputs[2].name, names[i]);
            assert_string_equal(d->outputs[2].pointer, "/outputs/2");

            o = &d->outputs[1];
            assert_string_equal(rn_format_name(o->format), names[i]);
            assert_int_equal(o->format, i);
            assert_int_equal(rn_format_has_pictures(o->format),
                             (is[i] & SEEN) != 0);
            assert_int_equal(rn_format_has_sound(o->format),
                             (is[i] & HEARD) != 0);
            assert_int_equal(rn_format_is_film(o->format),
                             (is[i] & FILM) != 0);

            assert_int_equal(o->quality, RN_QUALITY_MEDIUM);
            assert_false(o->png);
            assert_int_equal(o->from.kind, RN_TIME_AUTO);
            assert_int_equal(o->len.kind, RN_TIME_AUTO);
            assert_int_equal(o->at.kind, RN_TIME_AUTO);
            assert_true(o->interval == 0);

            if (!(is[i] & SEEN)) {
                assert_int_equal(o->width, 0);
                assert_int_equal(o->height, 0);

            } else if (o->format == RN_FORMAT_GIF) {
                assert_int_equal(o->width, canvases[k].gif_w);
                assert_int_equal(o->height, canvases[k].gif_h);
                assert_int_equal(o->fps.num, canvases[k].gif_fps);
                assert_int_equal(o->fps.den, 1);

            } else if (o->format == RN_FORMAT_SPRITE) {
                assert_int_equal(o->width, canvases[k].sprite_w);
                assert_int_equal(o->height, canvases[k].sprite_h);

            } else {
                assert_int_equal(o->width, canvases[k].w);
                assert_int_equal(o->height, canvases[k].h);
                assert_int_equal(o->fps.num, canvases[k].fps);
            }

            rn_doc_free(d);
        }
    }
}


static void
test_fields(void **state)
{
    rn_doc           *d;
    const rn_output  *o;

    (void) state;

    d = parse_good(ANY("{\"format\":\"mov\",\"codec\":\"png\",\"width\":640,"
                   "\"fps\":\"24000/1001\",\"range\":{\"start\":1.5,"
                   "\"duration\":\"40f\"}},{\"format\":\"jpg\",\"time\":\"7f\","
                   "\"quality\":\"high\"},{\"format\":\"sprite\","
                   "\"interval\":2.5,\"range\":{\"start\":\"9f\"}},"
                   "{\"name\":\"low\",\"quality\":\"low\",\"range\":{}},"
                   "{\"format\":\"mov\",\"codec\":\"prores\"}"), false);

    o = d->outputs;
    assert_true(o->png);
    assert_int_equal(o->width, 640);
    assert_int_equal(o->height, 360);
    assert_int_equal(o->fps.num, 24000);
    assert_int_equal(o->fps.den, 1001);
    assert_int_equal(o->from.kind, RN_TIME_SECONDS);
    assert_true(o->from.seconds == 1.5);
    assert_int_equal(o->len.kind, RN_TIME_FRAMES);
    assert_int_equal(o->len.frames, 40);

    o = &d->outputs[1];
    assert_int_equal(o->at.kind, RN_TIME_FRAMES);
    assert_int_equal(o->at.frames, 7);
    assert_int_equal(o->quality, RN_QUALITY_HIGH);

    o = &d->outputs[2];
    assert_true(o->interval == 2.5);
    assert_int_equal(o->from.frames, 9);
    assert_int_equal(o->len.kind, RN_TIME_AUTO);

    assert_int_equal(d->outputs[3].quality, RN_QUALITY_LOW);
    assert_int_equal(d->outputs[3].from.kind, RN_TIME_AUTO);
    assert_false(d->outputs[4].png);
    assert_int_equal(d->fps.num, 24000);
    assert_int_equal(d->width, 1280);
    rn_doc_free(d);
}


/* Every field with every format: those that have a meaning, and no others. */

static void
test_meaning(void **state)
{
    char    text[400], pointer[64];
    size_t  i, k;

    static const struct {
        const char  *field, *value;
        unsigned     of;
    } fields[] = {
        { "name", "\"n\"", ~0u }, { "quality", "\"low\"", ~0u },
        { "width", "640", SEEN }, { "height", "360", SEEN },
        { "fps", "12", MOVES }, { "range", "{\"start\":1}",
                                  MOVES | HEARD | SPRITE },
        { "time", "1", STILL }, { "codec", "\"png\"", MOV },
        { "interval", "1", SPRITE },
    };

    (void) state;

    for (i = 0; i < FORMATS; i++) {
        for (k = 0; k < sizeof(fields) / sizeof(fields[0]); k++) {
            (void) snprintf(text, sizeof(text), ANY("{},{\"format\":\"%s\","
                            "\"%s\":%s}"), names[i], fields[k].field,
                            fields[k].value);

            if (is[i] & fields[k].of || fields[k].of == ~0u) {
                rn_doc_free(parse_good(text, false));
                continue;
            }

            (void) snprintf(pointer, sizeof(pointer), "/outputs/1/%s",
                            fields[k].field);
            parse_bad(text, false, pointer, "has no meaning for the format");
        }
    }
}


static void
test_refusals(void **state)
{
    char    text[600];
    size_t  i;

    static const struct {
        const char  *outputs, *pointer, *words;
    } bad[] = {
        { "{\"name\":\"preview\"}", "/outputs/0/name", "another result" },
        { "{},{\"name\":\"poster\"}", "/outputs/1/name", "another result" },
        { "{},{\"name\":\"a.b\"}", "/outputs/1/name", "1 to 40" },
        { "{},{\"name\":\"final\"}", "/outputs/1/name", "output 0" },
        { "{\"name\":\"a\"},{},{\"name\":\"a\"}", "/outputs/2/name",
          "output 0" },
        { "{\"name\":\"gif\"},{\"format\":\"gif\"}", "/outputs/1/name",
          "output 0" },
        { "{},{\"name\":\"x\"},{\"name\":\"y\"},{\"name\":\"x\"}",
          "/outputs/3/name", "output 1" },
        { "{\"format\":\"flv\"}", "/outputs/0/format", "unknown value" },
        { "{\"format\":7}", "/outputs/0/format", "" },
        { "{\"name\":\"live\",\"format\":\"hls\"},{\"name\":\"live-v0\"}",
          "/outputs/1/name", "a track of" },
        { "{\"format\":\"mov\",\"codec\":\"h264\"}", "/outputs/0/codec",
          "one of" },
        { "{\"range\":{\"duration\":0}}", "/outputs/0/range/duration",
          "more than 0" },
        { "{\"range\":{\"duration\":\"0f\"}}", "/outputs/0/range/duration",
          "more than 0" },
        { "{\"range\":{\"start\":-1}}", "/outputs/0/range/start", "seconds" },
        { "{\"range\":{\"start\":\"end\"}}", "/outputs/0/range/start",
          "seconds" },
        { "{\"range\":{\"duration\":\"auto\"}}", "/outputs/0/range/duration",
          "seconds" },
        { "{\"range\":{\"end\":2}}", "/outputs/0/range/end", "unknown field" },
        { "{\"range\":3}", "/outputs/0/range", "object" },
        { "{\"format\":\"png\",\"time\":\"end\"}", "/outputs/0/time",
          "seconds" },
        { "{\"format\":\"sprite\",\"interval\":0.09}", "/outputs/0/interval",
          "0.1 to 3600" },
        { "{\"format\":\"sprite\",\"interval\":3601}", "/outputs/0/interval",
          "0.1 to 3600" },
        { "{\"fps\":0.5}", "/outputs/0/fps", "1 to 120" },
        { "{\"fps\":121}", "/outputs/0/fps", "1 to 120" },
        { "{\"width\":641}", "/outputs/0/width", "even" },
        { "{\"width\":14}", "/outputs/0/width", "even" },
        { "{\"width\":7682}", "/outputs/0/width", "7680" },
        { "{\"audio\":1}", "/outputs/0/audio", "object" },
        { "{\"audio\":{\"loudness\":-71}}", "/outputs/0/audio/loudness",
          "-70 to -5" },
        { "{\"audio\":{\"loudness\":-4}}", "/outputs/0/audio/loudness",
          "-70 to -5" },
        { "{\"audio\":{\"loudness\":-16,\"true_peak\":1}}",
          "/outputs/0/audio/true_peak", "-9 to 0" },
        { "{\"audio\":{\"true_peak\":-1}}", "/outputs/0/audio/true_peak",
          "without" },
        { "{\"format\":\"gif\",\"audio\":{\"loudness\":-16}}",
          "/outputs/0/audio", "no meaning" },
        { "{\"name\":\"1\"},{\"name\":\"2\"},{\"name\":\"3\"},"
          "{\"name\":\"4\"},{\"name\":\"5\"},{\"name\":\"6\"},"
          "{\"name\":\"7\"},{\"name\":\"8\"},{\"name\":\"9\"},"
          "{\"name\":\"10\"},{\"name\":\"11\"},{\"name\":\"12\"},"
          "{\"name\":\"13\"},{\"name\":\"14\"},{\"name\":\"15\"},"
          "{\"name\":\"16\"},{\"name\":\"17\"}",
          "/outputs", "at most 16" },
        { "{\"width\":640,\"height\":360},{\"name\":\"b\",\"width\":640,"
          "\"height\":480}", "/outputs/1", "shape" },
        { "{\"width\":640,\"height\":360},{\"name\":\"b\",\"width\":16}",
          "/outputs/1", "at least 16" },
        { "{\"width\":640,\"height\":360},{\"name\":\"b\",\"width\":7680}",
          "/outputs/1", "px are more" },
    };

    (void) state;

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        (void) snprintf(text, sizeof(text), ANY("%s"), bad[i].outputs);
        parse_bad(text, false, bad[i].pointer, bad[i].words);
    }

    /* a name that all may have, or that nobody else has */

    rn_doc_free(parse_good(ANY("{\"name\":\"previews\"},{\"name\":\"-_0\"},"
                           "{\"format\":\"gif\"},{\"format\":\"mp4\"}"),
                           false));
}


/* Which of them is the film. */

static void
test_film(void **state)
{
    size_t   i;
    rn_doc  *d;

    static const struct {
        const char  *outputs;
        size_t       film;
    } films[] = {
        { "{}", 0 },
        { "{\"name\":\"a\"},{\"name\":\"b\"}", 0 },
        { "{\"name\":\"a\"},{\"name\":\"final\"}", 1 },
        { "{\"name\":\"a\"},{\"format\":\"mp3\",\"name\":\"final\"},{}", 1 },
        { "{\"format\":\"sprite\"},{}", 0 },
    };

    (void) state;

    for (i = 0; i < sizeof(films) / sizeof(films[0]); i++) {
        char  text[400];

        (void) snprintf(text, sizeof(text), ANY("%s"), films[i].outputs);
        d = parse_good(text, false);
        assert_int_equal(d->film, films[i].film);
        rn_doc_free(d);
    }
}


/*
 * In all orders: the first film that names what the time line does not; sizes
 * and rates of others count only where there is no film.
 */

static void
check_canvas(const char *head, int w0, int h0, int fps0, const size_t *order)
{
    int      w, h, fps;
    bool     film;
    char     text[900], list[700];
    size_t   i, n;
    rn_doc  *d;

    static const struct {
        const char  *text;
        int          w, h, fps;
        bool         film;
    } outputs[] = {
        { "{\"format\":\"mp3\",\"name\":\"a\"}", 0, 0, 0, false },
        { "{\"format\":\"gif\",\"name\":\"b\",\"width\":320,\"height\":180,"
          "\"fps\":12}", 320, 180, 12, false },
        { "{\"format\":\"mp4\",\"name\":\"c\",\"fps\":25}", 0, 0, 25, true },
        { "{\"format\":\"webm\",\"name\":\"d\",\"width\":960,\"height\":540}",
          960, 540, 0, true },
        { "{\"format\":\"mov\",\"name\":\"e\",\"width\":640,\"height\":360,"
          "\"fps\":50}", 640, 360, 50, true },
    };

    film = false;
    n = 0;
    list[0] = '\0';

    for (i = 0; i < 5; i++) {
        if (order[i] < 5) {
            n += (size_t) snprintf(list + n, sizeof(list) - n, "%s%s",
                                   n > 0 ? "," : "", outputs[order[i]].text);
            film = film || outputs[order[i]].film;
        }
    }

    if (n == 0) {
        return;
    }

    w = w0;
    h = h0;
    fps = fps0;

    for (i = 0; i < 5; i++) {
        if (order[i] >= 5 || (film && !outputs[order[i]].film)) {
            continue;
        }

        if (w == 0 && outputs[order[i]].w != 0) {
            w = outputs[order[i]].w;
            h = outputs[order[i]].h;
        }

        fps = fps != 0 ? fps : outputs[order[i]].fps;
    }

    (void) snprintf(text, sizeof(text), "{\"outputs\":[%s],\"timeline\":{%s"
                    "\"tracks\":[{\"clips\":[" COLOR("#fff", "") "]}]}}",
                    list, head);
    d = parse_good(text, false);

    if (d->width != (w != 0 ? w : 1280) || d->height != (h != 0 ? h : 720)
        || d->fps.num != (fps != 0 ? fps : 30) || d->fps.den != 1)
    {
        fail_msg("%d x %d, %d fps: %s", d->width, d->height, (int) d->fps.num,
                 text);
    }

    rn_doc_free(d);
}


static void
orders(size_t *order, size_t n, const char *head, int w, int h, int fps)
{
    size_t  i, t;

    if (n == 5) {
        check_canvas(head, w, h, fps, order);
        return;
    }

    for (i = n; i < 5; i++) {
        t = order[n]; order[n] = order[i]; order[i] = t;
        orders(order, n + 1, head, w, h, fps);
        t = order[n]; order[n] = order[i]; order[i] = t;
    }
}


static void
test_canvas(void **state)
{
    size_t   i, k, order[5];
    rn_doc  *d;

    (void) state;

    /* each set of them, the others left out */

    for (k = 1; k < 32; k++) {
        for (i = 0; i < 5; i++) {
            order[i] = k >> i & 1 ? i : 5;
        }
        orders(order, 0, "", 0, 0, 0);
        orders(order, 0, "\"width\":1600,\"height\":900,", 1600, 900, 0);
        orders(order, 0, "\"fps\":24,", 0, 0, 24);
    }

    /* one side is the time line's, the other that of who names it */

    d = parse_good(DOC("\"width\":400,", COLOR("#fff", ""), "{\"width\":200},"
                   "{\"name\":\"b\",\"height\":300},{\"name\":\"c\","
                   "\"height\":200}"), false);
    assert_int_equal(d->width, 400);
    assert_int_equal(d->height, 300);
    assert_int_equal(d->outputs[0].height, 150);
    assert_int_equal(d->outputs[2].width, 266);
    rn_doc_free(d);

    /* one side alone is not a canvas */

    d = parse_good(ANY("{\"width\":640}"), false);
    assert_int_equal(d->width, 1280);
    assert_int_equal(d->outputs[0].width, 640);
    assert_int_equal(d->outputs[0].height, 360);
    rn_doc_free(d);
}


/* Sides that follow are even and nearest; and may be named as they follow. */

static void
test_shapes(void **state)
{
    int      i, w, h, side;
    char     text[600];
    rn_doc  *d;
    double   exact;

    (void) state;

    for (i = 0; i < 2000; i++) {
        w = (int) some(8, 960) * 2;
        h = (int) some(8, 540) * 2;
        side = (int) some(8, 960) * 2;

        (void) snprintf(text, sizeof(text), DOC("\"width\":%d,\"height\":%d,",
                        COLOR("#fff", ""), "{\"format\":\"jpg\",\"width\":%d},"
                        "{\"format\":\"png\",\"height\":%d}"), w, h, side,
                        side);

        if ((double) side * side * h / w > 3840.0 * 2160 - 8000
            || (double) side * side * w / h > 3840.0 * 2160 - 8000
            || (double) side * h / w > 7670 || (double) side * w / h > 7670)
        {
            continue;
        }

        d = parse_good(text, false);
        exact = (double) side * h / w;
        assert_int_equal(d->outputs[0].width, side);
        assert_int_equal(d->outputs[0].height % 2, 0);
        assert_true(fabs(d->outputs[0].height - exact) <= 1.0001
                    || d->outputs[0].height == 2);
        exact = (double) side * w / h;
        assert_int_equal(d->outputs[1].height, side);
        assert_true(fabs(d->outputs[1].width - exact) <= 1.0001
                    || d->outputs[1].width == 2);

        if (d->outputs[0].height >= 16) {
            (void) snprintf(text, sizeof(text), DOC("\"width\":%d,"
                            "\"height\":%d,", COLOR("#fff", ""),
                            "{\"format\":\"jpg\",\"width\":%d,\"height\":%d}"),
                            w, h, side, d->outputs[0].height);
            rn_doc_free(parse_good(text, false));
        }

        rn_doc_free(d);
    }

    /* as others round, and what is of another shape */

    rn_doc_free(parse_good(DOC("\"width\":1920,\"height\":1080,",
                           COLOR("#fff", ""), "{\"width\":854,\"height\":480},"
                           "{\"name\":\"b\",\"width\":852,\"height\":480},"
                           "{\"name\":\"c\",\"width\":426,\"height\":240},"
                           "{\"name\":\"d\",\"width\":1920,\"height\":1062}"),
                           false));
    parse_bad(DOC("\"width\":1920,\"height\":1080,", COLOR("#fff", ""),
              "{\"width\":640,\"height\":480}"), false, "/outputs/0",
              "shape");
    parse_bad(DOC("\"width\":1920,\"height\":1080,", COLOR("#fff", ""),
              "{\"width\":1920,\"height\":1040}"), false, "/outputs/0",
              "shape");
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_fields),
        cmocka_unit_test(test_meaning),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_film),
        cmocka_unit_test(test_canvas),
        cmocka_unit_test(test_shapes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
