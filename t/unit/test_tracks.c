/*
 * The tracks that outputs are made of: which picture each of theirs is, by
 * property; pieces that show the same and are drawn once; transparency out of
 * two pictures; and what is told of a piece that is damaged.
 */

#include "helpers.h"

#include "rn_matte.h"
#include "rn_plan_output.h"
#include "rn_scene.h"


/* Numbers that are the same in every run. */

static uint64_t  seed = 7;

static int64_t
some(int64_t from, int64_t to)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;

    return from + (int64_t) ((seed >> 33) % (uint64_t) (to - from + 1));
}


/* Counted one by one. */

static int64_t
slow_count(const rn_picture_stream *s, int64_t t)
{
    int64_t  i;

    t = t < s->to ? t : s->to;

    for (i = 0; s->from + i * s->p / s->q < t; i++) { /* void */ }

    return i;
}


static void
test_counts(void **state)
{
    int                i, k;
    int64_t            at, next, n, sum;
    rn_picture_stream  s;

    (void) state;

    for (i = 0; i < 3000; i++) {
        memset(&s, 0, sizeof(s));
        s.p = some(1, i % 3 == 0 ? 3 : 120000);
        s.q = some(1, i % 3 == 1 ? 3 : 120000);
        s.from = some(0, 40);
        s.to = s.from + some(1, 300);

        if (s.q / s.p > 200) {
            continue;
        }

        sum = 0;

        for (at = 0; at < s.to + 50; at = next) {
            next = at + some(1, 60);
            n = rn_pictures_before(&s, next) - rn_pictures_before(&s, at);
            assert_true(n >= 0);
            sum += n;

            for (k = 0; k < 3; k++) {
                int64_t  t = some(at, next);

                assert_int_equal(rn_pictures_before(&s, t), slow_count(&s, t));
            }
        }

        /* there is a picture at the beginning, and all of them lie in pieces */

        assert_int_equal(rn_pictures_before(&s, s.from), 0);
        assert_true(rn_pictures_before(&s, s.from + 1) > 0);
        assert_int_equal(sum, rn_pictures_before(&s, s.to));
        assert_int_equal(sum, slow_count(&s, s.to));
    }

    /* of the longest film at the highest rates nothing runs over */

    memset(&s, 0, sizeof(s));
    s.p = 120000LL * 1001;
    s.q = 1001LL * 120000 - 1;
    s.to = 24LL * 3600 * 120;
    assert_int_equal(rn_pictures_before(&s, s.to), s.to);
}


/* Documents of outputs at random, the first of which is all of the film. */

static const struct {
    const char  *text;
    int64_t      num, den;
} rates[] = {
    { "1", 1, 1 }, { "7", 7, 1 }, { "10", 10, 1 }, { "12.5", 25, 2 },
    { "24", 24, 1 }, { "25", 25, 1 }, { "30", 30, 1 }, { "50", 50, 1 },
    { "\"24000/1001\"", 24000, 1001 }, { "\"30000/1001\"", 30000, 1001 },
    { "\"10000/1001\"", 10000, 1001 }, { "120", 120, 1 },
};

#define RATES    (sizeof(rates) / sizeof(rates[0]))
#define OUTPUTS  5

typedef struct {
    json_t   *plan;
    int64_t   frames;                   /* of the film */
    size_t    canvas;                   /* its rate */
    size_t    rate[OUTPUTS];
    int64_t   from[OUTPUTS], to[OUTPUTS];
} random_film;


static void
add(char *text, size_t size, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static void
add(char *text, size_t size, const char *fmt, ...)
{
    size_t   n = strlen(text);
    va_list  ap;

    va_start(ap, fmt);
    assert_in_range(vsnprintf(text + n, size - n, fmt, ap), 0, size - n - 1);
    va_end(ap);
}


static void
plan_random(random_film *f)
{
    int   frames, n;
    char  text[5000];

    static const char *const formats[] = { "mp4", "webm", "mov",
                                           "png-sequence" };

    text[0] = '\0';
    f->frames = 0;
    f->canvas = (size_t) some(0, RATES - 1);

    add(text, sizeof(text), "{\"timeline\":{\"width\":160,\"height\":90,"
        "\"fps\":%s,\"background\":\"%s\",\"tracks\":[{\"clips\":[",
        rates[f->canvas].text, some(0, 1) ? "#000" : "#00000080");

    for (n = (int) some(1, 6); n > 0; n--) {
        frames = (int) some(1, 130);
        f->frames += frames;
        add(text, sizeof(text), "{\"asset\":{\"type\":\"color\",\"color\":"
            "\"#%06x\"},\"duration\":\"%df\"%s}%s",
            (unsigned) some(0, 0xffffff), frames,
            some(0, 1) ? ",\"transition\":{\"in\":\"fade\"}" : "",
            n > 1 ? "," : "");
    }

    add(text, sizeof(text), "]}]},\"outputs\":[{}");
    f->rate[0] = f->canvas;
    f->from[0] = 0;
    f->to[0] = f->frames;

    for (n = 1; n < OUTPUTS; n++) {
        f->rate[n] = some(0, 3) == 0 ? f->canvas : (size_t) some(0, RATES - 1);
        f->from[n] = some(0, 2) == 0 ? 0 : some(0, f->frames - 1);
        f->to[n] = some(0, 2) == 0 ? f->frames
                   : f->from[n] + some(1, f->frames - f->from[n]);

        add(text, sizeof(text), ",{\"name\":\"n%d\",\"format\":\"%s\",\"fps\":"
            "%s,\"range\":{\"start\":\"%df\",\"duration\":\"%df\"}%s}", n,
            formats[some(0, 3)], rates[f->rate[n]].text, (int) f->from[n],
            (int) (f->to[n] - f->from[n]), some(0, 1) ? ",\"width\":96" : "");
    }

    add(text, sizeof(text), "]}");
    f->plan = plan_good(text, NULL);
}


/* The pieces of a track against its pictures, counted from the film's start. */

static void
check_track(const random_film *f, size_t i, json_t *output)
{
    size_t       n;
    json_t      *p, *spec, *pace;
    int64_t      at, number, k, count, tick, have, done, num, den;
    const char  *name;

    name = json_string_value(json_object_get(output, "video"));
    num = rates[f->canvas].num * rates[f->rate[i]].den;
    den = rates[f->canvas].den * rates[f->rate[i]].num;
    at = done = k = 0;
    number = -1;

    json_array_foreach(json_object_get(f->plan, "segments"), n, p) {
        const char  *of = json_string_value(json_object_get(p, "output"));

        spec = json_object_get(p, "spec");

        if (strcmp(of, "final") == 0) {     /* the first of each segment */
            at += k;
            number = number_of(p, "number");
            k = number_of(spec, "frames");
        }

        assert_int_equal(number_of(p, "number"), number);

        if (strcmp(of, name) != 0) {
            continue;
        }

        pace = json_object_get(json_object_get(spec, "coding"), "pace");
        count = number_of(p, "frames");

        if (pace != NULL) {
            assert_int_equal(json_integer_value(json_array_get(pace, 3)),
                             count);
        } else {
            assert_int_equal(number_of(spec, "frames"), count);
        }

        for (tick = 0; tick < count; tick++, done++) {
            have = pace == NULL ? tick
                   : (json_integer_value(json_array_get(pace, 0))
                      + tick * json_integer_value(json_array_get(pace, 1)))
                     / json_integer_value(json_array_get(pace, 2));
            assert_in_range(have, 0, k - 1);
            assert_int_equal(at + have, f->from[i] + done * num / den);
            assert_true(at + have < f->to[i]);
        }
    }

    assert_int_equal(done, number_of(output, "frames"));
    assert_true(f->from[i] + done * num / den >= f->to[i]);
}


static void
test_paces(void **state)
{
    int          i;
    size_t       k;
    random_film  f;

    (void) state;

    for (i = 0; i < 300; i++) {
        plan_random(&f);

        for (k = 0; k < OUTPUTS; k++) {
            check_track(&f, k, json_array_get(json_object_get(f.plan,
                                                              "outputs"), k));
        }

        json_decref(f.plan);
    }
}


/* What outputs show at one place stands together, so that it is drawn once. */

static void
test_neighbours(void **state)
{
    int          i;
    size_t       n, shared;
    json_t      *p, *before;
    random_film  f;

    (void) state;
    shared = 0;

    for (i = 0; i < 100; i++) {
        plan_random(&f);
        before = NULL;

        json_array_foreach(json_object_get(f.plan, "segments"), n, p) {
            if (before != NULL && number_of(p, "number")
                                  == number_of(before, "number"))
            {
                assert_true(rn_segment_same(json_object_get(p, "spec"),
                                            json_object_get(before, "spec")));
                shared++;
            } else if (before != NULL) {
                assert_int_equal(number_of(p, "number"),
                                 number_of(before, "number") + 1);
            }
            before = p;
        }

        json_decref(f.plan);
    }

    assert_true(shared > 100);
}


/* What is not drawn alike is not the same, nor is anything that is copied. */

static void
test_same(void **state)
{
    size_t   i;
    json_t  *a, *b;

    static const char *const other[] = {
        "engine", "canvas", "frames", "background", "layers", "still",
    };

    (void) state;

    a = json_loads("{\"engine\":1,\"canvas\":[2,2,1,1],\"frames\":3,"
                   "\"background\":255,\"layers\":[{\"type\":\"color\"}],"
                   "\"still\":true,\"crf\":23}", 0, NULL);
    b = json_deep_copy(a);
    assert_true(rn_segment_same(a, b));

    (void) json_object_set_new(b, "crf", json_integer(18));
    (void) json_object_set_new(b, "coding", json_object());
    assert_true(rn_segment_same(a, b));

    for (i = 0; i < sizeof(other) / sizeof(other[0]); i++) {
        json_decref(b);
        b = json_deep_copy(a);
        (void) json_object_set_new(b, other[i], json_string("x"));
        assert_false(rn_segment_same(a, b));
        (void) json_object_del(b, other[i]);
        assert_false(rn_segment_same(a, b));
        assert_false(rn_segment_same(b, a));
    }

    json_decref(b);
    b = json_deep_copy(a);
    (void) json_object_set_new(b, "copy", json_object());
    assert_false(rn_segment_same(a, b));
    assert_false(rn_segment_same(b, b));

    json_decref(a);
    json_decref(b);
}


#define BAR(c, x, members)                                                    \
    "{\"clips\":[{\"asset\":{\"type\":\"color\",\"color\":\"" c "\"},"        \
    "\"duration\":1,\"width\":32,\"height\":64,\"position\":{\"x\":" #x ","    \
    "\"y\":0}" members "}]}"

/* Drawn together they are as each is alone. */

static void
test_together(void **state)
{
    int         fd;
    size_t      i, n, len[2];
    json_t     *plan, *list;
    rn_env      env;
    lending     l;
    rn_fault    fault;
    rn_piece    pieces[16];
    uint8_t    *a, *b;

    (void) state;

    memset(&l, 0, sizeof(l));
    memset(&fault, 0, sizeof(fault));
    env = env_of(&l);

    plan = plan_good("{\"timeline\":{\"width\":96,\"height\":64,\"fps\":10,"
        "\"background\":\"#00000000\",\"tracks\":["
        BAR("#ff0000", 0, ",\"transition\":{\"in\":\"fade\"}") ","
        BAR("#00ff0080", 32, ",\"keyframes\":{\"rotate\":[{\"time\":0,"
            "\"value\":0},{\"time\":\"end\",\"value\":70}]}") "]},"
        "\"outputs\":[{},{\"format\":\"webm\"},{\"format\":\"mov\"},"
        "{\"format\":\"png-sequence\",\"fps\":7},{\"name\":\"small\","
        "\"width\":48,\"fps\":25},{\"format\":\"jpg\",\"time\":0.5},"
        "{\"format\":\"gif\",\"range\":{\"start\":0.3}}]}", NULL);

    list = json_object_get(plan, "segments");
    n = json_array_size(list);
    assert_int_equal(n, 7);

    for (i = 0; i < n; i++) {
        pieces[i].spec = json_object_get(json_array_get(list, i), "spec");
        pieces[i].fd = memory_file("", 0);
        pieces[i].bytes = -1;
    }

    assert_int_equal(rn_segments_render(pieces, n, &env, &fault), RN_OK);

    for (i = 0; i < n; i++) {
        int64_t  bytes;

        fd = memory_file("", 0);
        assert_int_equal(rn_segment_render(pieces[i].spec, &env, fd, &bytes,
                                           &fault), RN_OK);
        a = read_fd(fd, &len[0]);
        b = read_fd(pieces[i].fd, &len[1]);
        assert_int_equal(len[0], bytes);
        assert_int_equal(len[1], pieces[i].bytes);
        assert_int_equal(len[0], len[1]);
        assert_memory_equal(a, b, len[0]);
        free(a);
        free(b);
        (void) close(fd);
        (void) close(pieces[i].fd);
    }

    json_decref(plan);
}


/* Transparency */


static const AVFrame *
matte_at(rn_matte *m, int64_t k)
{
    rn_fault        fault;
    const AVFrame  *f;

    memset(&fault, 0, sizeof(fault));
    assert_int_equal(rn_matte_picture(m, k, &f, &fault), RN_OK);
    assert_int_equal(f->format, AV_PIX_FMT_YUVA420P);
    assert_int_equal(f->width, 96);
    assert_int_equal(f->height, 64);

    return f;
}


static uint8_t
px(const AVFrame *f, int plane, int x, int y)
{
    int  half = plane == 1 || plane == 2;

    return f->data[plane][(y >> half) * f->linesize[plane] + (x >> half)];
}


static rn_matte *
open_matte(json_t *plan, const rn_env *env)
{
    rn_fault   fault;
    rn_matte  *m;

    memset(&fault, 0, sizeof(fault));
    assert_int_equal(rn_matte_open(&m, json_object_get(json_array_get(
                         json_object_get(plan, "segments"), 0), "spec"), env,
                         &fault), RN_OK);

    return m;
}


/* A colour, and how much of it, at a place; what little there is is coarse. */

static void
check_px(const AVFrame *f, int x, uint32_t rgb, double alpha)
{
    int     i;
    double  r, g, b, luma, want[3], off;

    r = (rgb >> 16 & 255) / 255.0;
    g = (rgb >> 8 & 255) / 255.0;
    b = (rgb & 255) / 255.0;
    luma = 0.2126 * r + 0.7152 * g + 0.0722 * b;
    want[0] = 16 + 219 * luma;
    want[1] = 128 + 224 * (b - luma) / 1.8556;
    want[2] = 128 + 224 * (r - luma) / 1.5748;

    assert_near(px(f, 3, x, 32), alpha, 2);

    if (alpha == 0) {
        want[0] = 16;
        want[1] = want[2] = 128;
    }

    off = alpha == 0 ? 0 : 1 + 2 * 255 / alpha;

    for (i = 0; i < 3; i++) {
        assert_near(px(f, i, x, 32), want[i], off);
    }
}


static void
test_matte(void **state)
{
    int        i, a, b;
    char       text[2000];
    json_t    *plan;
    rn_env     env;
    double     both;
    lending    l;
    uint32_t   one;
    rn_matte  *m;

    (void) state;

    memset(&l, 0, sizeof(l));
    env = env_of(&l);

    for (i = 0; i < 60; i++) {
        one = (uint32_t) some(0, 0xffffff);
        a = i == 0 ? 255 : (int) some(12, 255);
        b = (int) some(0, 255);

        /* left one colour, right of it the same below another, then nothing */

        (void) snprintf(text, sizeof(text), "{\"timeline\":{\"width\":96,"
            "\"height\":64,\"background\":\"#%06x00\",\"tracks\":[{\"clips\":["
            "{\"asset\":{\"type\":\"color\",\"color\":\"#%06x%02x\"},"
            "\"duration\":1,\"width\":64,\"height\":64,\"position\":{\"x\":0,"
            "\"y\":0}}]},{\"clips\":[{\"asset\":{\"type\":\"color\",\"color\":"
            "\"#%06x%02x\"},\"duration\":1,\"width\":32,\"height\":64,"
            "\"position\":{\"x\":32,\"y\":0}}]}]},\"outputs\":[{\"format\":"
            "\"webm\"}]}", (unsigned) some(0, 0xffffff), one, a, one, b);

        plan = plan_good(text, NULL);
        m = open_matte(plan, &env);

        both = 255 - (255 - a) * (255 - b) / 255.0;
        check_px(matte_at(m, 0), 16, one, a);
        check_px(matte_at(m, 0), 48, one, both);
        check_px(matte_at(m, 0), 80, 0, 0);

        rn_matte_close(&m);
        assert_null(m);
        json_decref(plan);
    }

    rn_matte_close(&m);                     /* NULL is fine */
}


/* The canvas's own background, by what it is let through. */

static void
test_background(void **state)
{
    json_t    *plan;
    rn_env     env;
    lending    l;
    rn_matte  *m;

    (void) state;

    memset(&l, 0, sizeof(l));
    env = env_of(&l);

    plan = plan_good("{\"timeline\":{\"width\":96,\"height\":64,"
                     "\"background\":\"#2060c080\",\"tracks\":["
                     BAR("#ff0000", 0, "") "," BAR("#ff000080", 32, "") "]},"
                     "\"outputs\":[{\"format\":\"mov\"}]}", NULL);
    m = open_matte(plan, &env);

    check_px(matte_at(m, 0), 16, 0xff0000, 255);
    check_px(matte_at(m, 0), 80, 0x2060c0, 128);
    assert_near(px(matte_at(m, 0), 3, 48, 32), 192, 2);

    rn_matte_close(&m);
    json_decref(plan);
}


/* Where nothing lets anything through it is the film's own picture. */

static void
test_opaque(void **state)
{
    int             k, y, plane;
    json_t         *plan;
    rn_env          env;
    lending         l;
    rn_fault        fault;
    rn_matte       *m;
    rn_scene       *s;
    const AVFrame  *f, *g;

    (void) state;

    memset(&l, 0, sizeof(l));
    memset(&fault, 0, sizeof(fault));
    env = env_of(&l);

    plan = plan_good("{\"timeline\":{\"width\":96,\"height\":64,\"fps\":10,"
                     "\"background\":\"#2060c0\",\"tracks\":["
                     BAR("#ff0000", 0, "") "," BAR("#00ff0080", 32,
                     ",\"keyframes\":{\"rotate\":[{\"time\":0,\"value\":0},"
                     "{\"time\":\"end\",\"value\":70}]}") "]}}", NULL);
    m = open_matte(plan, &env);
    assert_int_equal(rn_scene_open(&s, json_object_get(json_array_get(
                         json_object_get(plan, "segments"), 0), "spec"), &env,
                         &fault), RN_OK);

    for (k = 0; k < 10; k++) {
        f = matte_at(m, k);
        assert_int_equal(rn_scene_picture(s, k, &g, &fault), RN_OK);

        for (plane = 0; plane < 3; plane++) {
            for (y = 0; y < (plane > 0 ? 32 : 64); y++) {
                assert_memory_equal(f->data[plane] + y * f->linesize[plane],
                                    g->data[plane] + y * g->linesize[plane],
                                    plane > 0 ? 48 : 96);
            }
        }

        for (y = 0; y < 64; y++) {
            assert_int_equal(px(f, 3, 0, y), 255);
            assert_int_equal(px(f, 3, 95, y), 255);
        }
    }

    rn_scene_close(&s);
    rn_matte_close(&m);
    json_decref(plan);
}


/* In motion; and what an encoder still holds is left alone. */

static void
test_moving(void **state)
{
    int             k;
    json_t         *plan;
    rn_env          env;
    AVFrame        *held;
    lending         l;
    rn_matte       *m;
    const AVFrame  *f;

    (void) state;

    memset(&l, 0, sizeof(l));
    env = env_of(&l);

    plan = plan_good("{\"timeline\":{\"width\":96,\"height\":64,\"fps\":10,"
                     "\"background\":\"#00000000\",\"tracks\":[" BAR("#ffffff",
                     0, ",\"transition\":{\"in\":\"fade\",\"duration\":\"8f\"}")
                     "]},\"outputs\":[{\"format\":\"webm\"}]}", NULL);
    m = open_matte(plan, &env);
    held = av_frame_clone(matte_at(m, 0));
    assert_non_null(held);

    for (k = 1; k < 10; k++) {
        f = matte_at(m, k);
        assert_in_range(px(f, 3, 16, 32), k < 8 ? px(held, 3, 16, 32) + 1 : 255,
                        255);
        assert_near(px(f, 0, 16, 32), 235, 2);
        assert_int_equal(px(f, 3, 80, 32), 0);
    }

    assert_in_range(px(held, 3, 16, 32), 0, 40);

    av_frame_free(&held);
    rn_matte_close(&m);
    json_decref(plan);
}


/* Damage */


/* The specification of output i, as the worker has it. */

static json_t *
output_spec(json_t *plan, size_t i)
{
    size_t       k;
    json_t      *o, *p, *list;

    o = json_deep_copy(json_array_get(json_object_get(plan, "outputs"), i));
    list = json_array();

    json_array_foreach(json_object_get(plan, "segments"), k, p) {
        if (json_equal(json_object_get(p, "output"),
                       json_object_get(o, "video")))
        {
            (void) json_array_append(list, p);
        }
    }

    (void) json_object_set_new(o, "segments", list);
    (void) json_object_set_new(o, "sound", json_array());

    return o;
}


static void
test_damaged(void **state)
{
    size_t       i, k, len;
    char         damaged[65];
    json_t      *plan, *spec, *files, *f;
    rn_env       env;
    lending      l;
    uint8_t     *bytes, *at;
    rn_fault     fault;
    const char  *key;

    (void) state;

    plan = render_plan("{\"timeline\":{\"width\":96,\"height\":64,\"fps\":10,"
                       "\"tracks\":[" BAR("#ff0000", 0, "") "]},\"outputs\":["
                       "{\"format\":\"gif\"},{\"format\":\"sprite\","
                       "\"interval\":0.2,\"name\":\"s\"},{\"format\":\"webm\"},"
                       "{\"format\":\"png\"}]}", &l);
    lend(&l, "final.gif", memory_file("", 0));
    lend(&l, "s.vtt", memory_file("", 0));
    lend(&l, "s.jpg", memory_file("", 0));
    lend(&l, "webm.webm", memory_file("", 0));
    lend(&l, "png.png", memory_file("", 0));
    env = env_of(&l);

    for (i = 0; i < 4; i++) {
        spec = output_spec(plan, i);
        files = json_array();
        memset(&fault, 0, sizeof(fault));

        /* whole, and the sizes of all of its files are told */

        assert_int_equal(rn_assemble(spec, &env, files, damaged, &fault),
                         RN_OK);
        assert_string_equal(damaged, "");
        assert_int_equal(json_array_size(files), i == 1 ? 2 : 1);

        json_array_foreach(json_object_get(spec, "files"), k, f) {
            assert_int_equal(json_integer_value(json_array_get(files, k)),
                lseek(lent_file(&l, json_string_value(json_object_get(f,
                                                      "name"))), 0, SEEK_END));
        }

        /* one bit within a picture, or half of it gone */

        key = key_at(json_object_get(spec, "segments"), 0);
        bytes = read_fd(lent_file(&l, key), &len);

        if (i < 2) {
            at = memmem(bytes, len, "IDAT", 4);
            assert_non_null(at);
            at[9] ^= 1;
        } else {
            len /= 2;
        }

        lend_instead(&l, key, memory_file(bytes, len));
        free(bytes);

        assert_int_equal(rn_assemble(spec, &env, files, damaged, &fault),
                         RN_E_IO);
        assert_string_equal(damaged, key);

        json_decref(files);
        json_decref(spec);
    }

    take_back(&l);
    json_decref(plan);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_paces),
        cmocka_unit_test(test_neighbours),
        cmocka_unit_test(test_same),
        cmocka_unit_test(test_together),
        cmocka_unit_test(test_matte),
        cmocka_unit_test(test_background),
        cmocka_unit_test(test_opaque),
        cmocka_unit_test(test_moving),
        cmocka_unit_test(test_damaged),
    };

    av_log_set_level(AV_LOG_QUIET);         /* we break files on purpose */

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
