/*
 * Encoders of hardware, where there are none: what a specification names is
 * coded by that or refused, by whom and why; what a plan says of it, and of
 * what it says it not.  That nothing here needs a device is the point.
 */

#include "helpers.h"
#include "hardware.h"
#include "rn_encode.h"
#include "rn_rescale.h"


#define DRIVER  "a device; libavcodec 1.2"

#define FILM                                                                  \
    "{\"timeline\":{\"width\":640,\"height\":360,\"fps\":25,\"tracks\":["     \
    "{\"clips\":[{\"asset\":{\"type\":\"color\",\"color\":\"#fff\"},"         \
    "\"duration\":2}]}]},\"outputs\":[{\"format\":\"mp4\"},"                  \
    "{\"format\":\"webm\"}]}"


static json_t *
plan(const char *encoder, const char *why)
{
    rn_doc       *doc;
    json_t       *p;
    rn_fault      fault;
    rn_facts      facts[1];
    rn_limits     limits;
    rn_problems   ps;

    memset(&ps, 0, sizeof(ps));
    memset(&fault, 0, sizeof(fault));
    memset(facts, 0, sizeof(facts));

    limits = rn_limits_default;
    limits.encoder = encoder;
    limits.driver = DRIVER;
    limits.no_encoder = why;

    doc = parse_good(FILM, true);
    assert_int_equal(rn_plan(doc, facts, &limits, NULL, &ps, &p, &fault),
                     RN_OK);
    rn_doc_free(doc);
    rn_problems_free(&ps);

    return p;
}


/* The piece of an output, "mp4" being the first of the two. */

static json_t *
spec_of(json_t *p, bool mp4)
{
    size_t   i;
    json_t  *s;

    json_array_foreach(json_object_get(p, "segments"), i, s) {
        s = json_object_get(s, "spec");
        if ((json_object_get(s, "coding") == NULL) == mp4) {
            return s;
        }
    }

    fail_msg("no such piece");
    return NULL;
}


static void
test_plan(void **state)
{
    char     a[65], b[65];
    json_t  *p, *plain;

    (void) state;

    plain = plan(NULL, NULL);
    assert_null(json_object_get(plain, "encoder"));
    assert_null(json_object_get(spec_of(plain, true), "encoder"));

    p = plan("h264_vaapi", NULL);
    assert_string_equal(json_string_value(json_object_get(p, "encoder")),
                        "h264_vaapi");
    assert_null(json_object_get(spec_of(p, false), "encoder"));

    assert_true(rn_spec_key(spec_of(plain, false), a));
    assert_true(rn_spec_key(spec_of(p, false), b));
    assert_string_equal(a, b);

    assert_true(rn_spec_key(spec_of(plain, true), a));
    assert_true(rn_spec_key(spec_of(p, true), b));
    assert_string_not_equal(a, b);

    json_decref(p);

    /* why there is none is no part of a key */

    p = plan(NULL, "there is none");
    assert_null(json_object_get(p, "encoder"));
    assert_int_equal(json_array_size(json_object_get(p, "warnings")), 1);
    assert_true(rn_spec_key(spec_of(p, true), b));
    assert_string_equal(a, b);

    json_decref(p);
    json_decref(plain);
}


static rn_status
render(json_t *spec, rn_fault *fault)
{
    int      fd;
    int64_t  bytes;
    rn_env   env;

    memset(&env, 0, sizeof(env));
    memset(fault, 0, sizeof(*fault));
    fd = memory_file("", 0);

    (void) rn_segment_render(spec, &env, fd, &bytes, fault);
    (void) close(fd);

    return fault->status;
}


static void
test_absent(void **state)
{
    json_t       *p;
    rn_fault      fault;
    rn_hardware   h;

    (void) state;

    p = plan("h264_nvenc", NULL);
    memset(&h, 0, sizeof(h));

    assert_int_equal(render(spec_of(p, true), &fault), RN_E_UNSUPPORTED);
    assert_string_equal(fault.text, "h264_nvenc is not here");
    assert_int_equal(render(spec_of(p, false), &fault), RN_OK);

    /* another encoder, another driver */

    (void) snprintf(h.name, sizeof(h.name), "h264_vaapi");
    (void) snprintf(h.driver, sizeof(h.driver), "%s", DRIVER);
    rn_hardware_allow(&h);
    assert_int_equal(render(spec_of(p, true), &fault), RN_E_UNSUPPORTED);

    (void) snprintf(h.name, sizeof(h.name), "h264_nvenc");
    (void) snprintf(h.driver, sizeof(h.driver), "another");
    rn_hardware_allow(&h);
    assert_int_equal(render(spec_of(p, true), &fault), RN_E_UNSUPPORTED);
    assert_string_equal(fault.text, "h264_nvenc is not here, or is of another "
                        "driver");

    rn_hardware_allow(NULL);
    assert_null(rn_hardware_allowed());
    json_decref(p);
}


/* What libavcodec says where it was promised, and is not, at any step. */

static void
test_gone(void **state)
{
    json_t       *p;
    rn_fault      fault;
    rn_hardware   h;

    (void) state;

    if (access("/dev/nvidiactl", F_OK) == 0) {
        skip();
    }

    p = plan("h264_nvenc", NULL);
    memset(&h, 0, sizeof(h));
    (void) snprintf(h.name, sizeof(h.name), "h264_nvenc");
    (void) snprintf(h.driver, sizeof(h.driver), "%s", DRIVER);
    rn_hardware_allow(&h);

    assert_int_equal(render(spec_of(p, true), &fault), RN_E_UNSUPPORTED);
    assert_non_null(strstr(fault.text, "h264_nvenc: the h264 encoder does not "
                           "start at 640x360"));

    rn_hardware_allow(NULL);
    json_decref(p);
}


/* What goes to a device of VAAPI is NV12: the same numbers, side by side. */

static void
test_nv12(void **state)
{
    int          x, y, p;
    AVFrame     *a, *b;
    rn_fault     fault;
    rn_rescale  *r;

    (void) state;

    memset(&fault, 0, sizeof(fault));
    a = av_frame_alloc();
    b = av_frame_alloc();
    assert_non_null(a);
    assert_non_null(b);

    a->format = AV_PIX_FMT_YUV420P;
    a->width = 322;
    a->height = 182;
    assert_int_equal(av_frame_get_buffer(a, 0), 0);

    for (p = 0; p < 3; p++) {
        for (y = 0; y < (p > 0 ? 91 : 182); y++) {
            for (x = 0; x < (p > 0 ? 161 : 322); x++) {
                a->data[p][y * a->linesize[p] + x] =
                    (uint8_t) (x * 7 + y * 13 + p * 101);
            }
        }
    }

    assert_int_equal(rn_rescale_open(&r, 322, 182, AV_PIX_FMT_NV12, "bt709",
                                     false, &fault), RN_OK);
    assert_int_equal(rn_rescale_do(r, a, b, &fault), RN_OK);

    for (y = 0; y < 182; y++) {
        assert_memory_equal(a->data[0] + y * a->linesize[0],
                            b->data[0] + y * b->linesize[0], 322);
    }

    for (y = 0; y < 91; y++) {
        for (x = 0; x < 161; x++) {
            for (p = 0; p < 2; p++) {
                assert_int_equal(a->data[1 + p][y * a->linesize[1 + p] + x],
                                 b->data[1][y * b->linesize[1] + 2 * x + p]);
            }
        }
    }

    rn_rescale_close(&r);
    av_frame_free(&a);
    av_frame_free(&b);
}


static void
test_words(void **state)
{
    json_t           *j;
    hardware_choice   c;

    (void) state;

    assert_true(hardware_known(NULL));
    assert_true(hardware_known(""));
    assert_true(hardware_known("libx264"));
    assert_true(hardware_known("auto"));
    assert_true(hardware_known("h264_nvenc"));
    assert_true(hardware_known("h264_vaapi"));
    assert_false(hardware_known("h264"));
    assert_false(hardware_known("AUTO"));
    assert_false(hardware_known("libx265"));

    hardware_choose("libx264", false, &c);
    assert_string_equal(c.found.name, "");
    assert_string_equal(c.why, "");
    assert_null(hardware_json(&c));

    (void) snprintf(c.why, sizeof(c.why), "no");
    j = hardware_json(&c);
    assert_string_equal(json_string_value(json_object_get(j, "why")), "no");
    assert_null(json_object_get(j, "name"));
    json_decref(j);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_plan),
        cmocka_unit_test(test_absent),
        cmocka_unit_test(test_gone),
        cmocka_unit_test(test_nv12),
        cmocka_unit_test(test_words),
    };

    av_log_set_level(AV_LOG_QUIET);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
