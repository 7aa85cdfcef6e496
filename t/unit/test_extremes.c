/*
 * Compositions at the edges of what the document allows: the largest blur of a
 * small box that grows, thin boxes, chains of effects with alpha, what is drawn
 * large, transitions of a quarter of an hour; and that what is over is dropped.
 */

#include "helpers.h"

#include "rn_blend.h"
#include "rn_layer_parts.h"
#include "rn_transition.h"


#define IMAGE(src, members)                                                   \
    "{\"asset\":{\"type\":\"image\",\"src\":\"" src "\"},\"duration\":1"      \
    members "}"
#define SHAPE(members)                                                        \
    "{\"asset\":{\"type\":\"shape\",\"shape\":\"ellipse\"},\"duration\":1"    \
    members "}"
#define DOC(clips)                                                            \
    "{\"timeline\":{\"width\":64,\"height\":48,\"fps\":5,\"tracks\":["        \
    "{\"clips\":[" clips "]}]}}"


static int
make_media(void **state)
{
    return make_folder(state) == 0
           && sh("ffmpeg -hide_banner -v error -y -f lavfi -i testsrc2=s=100x80"
                 " -frames:v 1 i.png && ffmpeg -hide_banner -v error -y -f "
                 "lavfi -i \"color=lime:s=64x64,format=rgba,geq=r='r(X,Y)':"
                 "g='g(X,Y)':b='b(X,Y)':a='4*X'\" -frames:v 1 alpha.png")
           ? 0 : -1;
}


static void
test_rendered(void **state)
{
    size_t   i;
    json_t  *plan;
    lending  l;

    static const char *const  texts[] = {
        DOC(IMAGE("i.png", ",\"width\":2,\"height\":2,\"effects\":[{\"type\":"
            "\"blur\",\"radius\":500}],\"keyframes\":{\"width\":[{\"time\":0,"
            "\"value\":2},{\"time\":\"end\",\"value\":8000}]}")),
        DOC(IMAGE("i.png", ",\"fit\":\"contain-blur\",\"width\":60,"
            "\"height\":4")),
        DOC(IMAGE("i.png", ",\"fit\":\"contain-blur\",\"width\":2,"
            "\"height\":40")),
        DOC(IMAGE("i.png", ",\"effects\":[{\"type\":\"chroma-key\"},"
            "{\"type\":\"sepia\"},{\"type\":\"vignette\"}]")),
        DOC(IMAGE("alpha.png", ",\"effects\":[{\"type\":\"sepia\"},"
            "{\"type\":\"noise\"},{\"type\":\"sepia\"},"
            "{\"type\":\"sharpen\"}]")),
        DOC(IMAGE("i.png", ",\"fit\":\"none\",\"rotate\":5,\"width\":20,"
            "\"height\":20,\"crop\":{\"width\":0.2,\"height\":1e-9}")),
    };

    (void) state;

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        plan = render_plan(texts[i], &l);
        take_back(&l);
        json_decref(plan);
    }
}


/* How much larger the shape of a document is drawn, in thousandths. */

static int64_t
up_of(const char *text)
{
    json_t   *plan, *layer;
    int64_t   up;

    plan = plan_good(text, NULL);
    layer = json_array_get(json_object_get(json_object_get(json_array_get(
                json_object_get(plan, "segments"), 0), "spec"), "layers"), 0);
    up = number_of(layer, "up");
    json_decref(plan);

    return up;
}


/* Of what is large already, not so much more is drawn that memory ends. */

static void
test_drawn_large(void **state)
{
    (void) state;

    assert_int_equal(up_of(DOC(SHAPE(",\"scale\":3"))), 3000);
    assert_int_equal(up_of(DOC(SHAPE(",\"scale\":20"))), 4000);
    assert_int_equal(up_of(DOC(SHAPE(",\"scale\":20,\"width\":8192,"
                                     "\"height\":8192"))), 1000);
    assert_in_range(up_of(DOC(SHAPE(",\"scale\":4,\"width\":4000,"
                                    "\"height\":4000"))), 1400, 1440);
}


/* More pictures than xfade's clock has room for at a thousandth each. */

static void
test_long_transition(void **state)
{
    AVFrame        *a, *b;
    rn_fault        fault;
    const int64_t   n = 120000;
    rn_transition  *t;

    (void) state;

    memset(&fault, 0, sizeof(fault));
    a = av_frame_alloc();
    b = av_frame_alloc();
    a->format = b->format = AV_PIX_FMT_YUV420P;
    a->width = a->height = b->width = b->height = 64;
    assert_int_equal(av_frame_get_buffer(a, 0), 0);
    assert_int_equal(av_frame_get_buffer(b, 0), 0);
    rn_fill(a, 0x000000ff);
    rn_fill(b, 0xffffffff);

    if (rn_transition_open(&t, "wiperight", 64, 64, n, &fault) != RN_OK
        || rn_transition_draw(t, a, b, n / 2, &fault) != RN_OK)
    {
        fail_msg("%s", fault.text);
    }

    assert_in_range(a->data[0][2], 230, 240);       /* half of it is b */
    assert_in_range(a->data[0][61], 12, 20);

    rn_transition_close(&t);
    av_frame_free(&a);
    av_frame_free(&b);
}


/* What is over is dropped, drawn pictures as well: clips may be thousands. */

static void
test_dropped(void **state)
{
    rn_env     env;
    json_t    *plan, *spec;
    AVFrame   *canvas;
    lending    lent;
    rn_stage   stage = { 64, 48, { 5, 1 }, &env };
    rn_fault   fault;
    rn_layer  *l;

    (void) state;

    memset(&lent, 0, sizeof(lent));
    memset(&fault, 0, sizeof(fault));
    env = env_of(&lent);
    plan = plan_good(DOC(SHAPE("")), NULL);
    spec = json_object_get(json_array_get(json_object_get(plan, "segments"), 0),
                           "spec");
    canvas = av_frame_alloc();
    canvas->format = AV_PIX_FMT_YUV420P;
    canvas->width = 64;
    canvas->height = 48;
    assert_int_equal(av_frame_get_buffer(canvas, 0), 0);

    l = rn_layer_read(json_array_get(json_object_get(spec, "layers"), 0),
                      &stage, &fault);
    assert_non_null(l);
    assert_int_equal(rn_layer_draw(l, 0, canvas, NULL, &fault), RN_OK);
    assert_non_null(l->drawn);
    rn_layer_close(l);
    assert_null(l->drawn);

    rn_layer_free(&l);
    av_frame_free(&canvas);
    json_decref(plan);
}


/* Sound at another speed goes on over the minutes at which it begins anew. */

static void
test_long_speed(void **state)
{
    film    f;
    double  sum, full;
    size_t  i, k, crossings;

    (void) state;

    assert_true(sh("ffmpeg -v error -y -f lavfi -i sine=f=440:d=70 -ac 1 "
                   "-ar 48000 sine.wav"));
    render_film("{\"timeline\":{\"width\":64,\"height\":48,\"fps\":25,"
                "\"tracks\":[{\"clips\":[{\"asset\":{\"type\":\"color\","
                "\"color\":\"#000\"},\"duration\":130}]},{\"kind\":\"audio\","
                "\"clips\":[{\"asset\":{\"type\":\"audio\",\"src\":"
                "\"sine.wav\"},\"speed\":0.5,\"duration\":130}]}]}}", &f);

    full = 0;

    for (k = 10; k < 1290; k++) {           /* tenths of a second */
        sum = 0;
        crossings = 0;

        for (i = k * 4800; i < (k + 1) * 4800; i++) {
            sum += f.pcm[2 * i] * f.pcm[2 * i];
            crossings += (f.pcm[2 * i] < 0) != (f.pcm[2 * i + 2] < 0);
        }

        full = k == 10 ? sum : full;

        if (sum < full * 0.5 || sum > full * 1.2
            || crossings < 84 || crossings > 92)
        {
            fail_msg("at %.1f s: %.2f as loud, %zu crossings", (double) k / 10,
                     sqrt(sum / full), crossings);
        }
    }

    free_film(&f);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_long_speed),
        cmocka_unit_test(test_rendered),
        cmocka_unit_test(test_drawn_large),
        cmocka_unit_test(test_long_transition),
        cmocka_unit_test(test_dropped),
    };

    return cmocka_run_group_tests(tests, make_media, remove_folder);
}
