/*
 * Stills and the stage "preview": colours and sizes of a JPEG, and that its
 * two pictures are those that the film shows, frame for frame.  Decoded by the
 * ffmpeg command.
 */

#include "helpers.h"
#include "rn_still.h"
#include "stage.h"


#define FF     "ffmpeg -hide_banner -v error -y "
#define X264   "-c:v libx264 -preset ultrafast -crf 4 "
#define BT     "-colorspace bt709 -color_primaries bt709 -color_trc bt709 "


static int
make_media(void **state)
{
    if (make_folder(state) != 0) {
        return -1;
    }

    return sh(FF "-f lavfi -i testsrc2=s=320x180:r=30:d=6 -g 60 " X264 BT
              "clip.mp4 && "
              FF "-f lavfi -i testsrc2=s=640x360:r=25:d=6 -g 250 " X264
              "-metadata:s:v rotate=90 other.mp4 && "
              FF "-f lavfi -i testsrc2=s=300x200 -frames:v 1 still.png") ? 0
              : -1;
}


static AVFrame *
picture(int w, int h, int y, int cb, int cr)
{
    AVFrame  *f;

    f = new_frame(AV_PIX_FMT_YUV420P, w, h);
    memset(f->data[0], y, (size_t) f->linesize[0] * (size_t) h);
    memset(f->data[1], cb, (size_t) f->linesize[1] * (size_t) (h / 2));
    memset(f->data[2], cr, (size_t) f->linesize[2] * (size_t) (h / 2));

    return f;
}


/* A JPEG as people see it: by JFIF, bt.601 in full range; w x h px of RGB. */

static uint8_t *
jpeg(int fd, int w, int h)
{
    size_t    len;
    uint8_t  *rgb;

    assert_true(sh("ffprobe -v error -show_entries stream=codec_name,width,"
                   "height,color_range -of csv=p=0 /proc/%d/fd/%d >jpeg.txt && "
                   "grep -qx 'mjpeg,%d,%d,pc' jpeg.txt", getpid(), fd, w, h));
    assert_true(sh(FF "-f mjpeg -i /proc/%d/fd/%d -vf scale=in_color_matrix="
                   "bt601:in_range=pc -f rawvideo -pix_fmt rgb24 jpeg.rgb",
                   getpid(), fd));

    rgb = read_file("jpeg.rgb", &len);
    assert_int_equal(len, (size_t) (w * h * 3));

    return rgb;
}


static void
test_colours(void **state)
{
    int        fd, i, k;
    size_t     n;
    uint8_t   *rgb, *bytes;
    AVFrame   *f;
    int64_t    len;
    rn_fault   fault;

    static const struct { int yuv[3], rgb[3]; } colors[] = {
        { { 16, 128, 128 },  { 0, 0, 0 } },
        { { 235, 128, 128 }, { 255, 255, 255 } },
        { { 63, 102, 240 },  { 255, 0, 0 } },
        { { 173, 42, 26 },   { 0, 255, 0 } },
        { { 32, 240, 118 },  { 0, 0, 255 } },
        { { 126, 128, 128 }, { 128, 128, 128 } },
    };

    (void) state;

    for (i = 0; i < (int) (sizeof(colors) / sizeof(colors[0])); i++) {
        fd = memory_file("", 0);
        f = picture(320, 180, colors[i].yuv[0], colors[i].yuv[1],
                    colors[i].yuv[2]);
        memset(&fault, 0, sizeof(fault));
        len = 0;

        assert_int_equal(rn_still_write(f, 320, 180, fd, &len, &fault), RN_OK);
        bytes = read_fd(fd, &n);
        assert_int_equal(n, len);
        assert_memory_equal(bytes + 6, "JFIF", 5);
        free(bytes);

        rgb = jpeg(fd, 320, 180);
        for (k = 0; k < 3; k++) {
            assert_near(rgb[3 * (90 * 320 + 160) + k], colors[i].rgb[k], 4);
        }

        free(rgb);
        av_frame_free(&f);
        (void) close(fd);
    }
}


static void
test_sizes(void **state)
{
    int        fd;
    size_t     i;
    uint8_t   *rgb;
    AVFrame   *f;
    int64_t    len;
    rn_fault   fault;

    static const int sizes[][4] = {
        { 16, 16, 16, 16 }, { 1280, 720, 640, 360 }, { 7680, 16, 640, 2 },
        { 16, 4000, 16, 4000 }, { 640, 360, 2, 2 },
    };

    (void) state;

    for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        fd = memory_file("", 0);
        f = picture(sizes[i][0], sizes[i][1], 235, 128, 128);
        memset(&fault, 0, sizeof(fault));

        assert_int_equal(rn_still_write(f, sizes[i][2], sizes[i][3], fd, &len,
                                        &fault), RN_OK);
        rgb = jpeg(fd, sizes[i][2], sizes[i][3]);
        assert_near(rgb[0], 255, 2);
        free(rgb);
        av_frame_free(&f);
        (void) close(fd);
    }
}


static void
test_disk_full(void **state)
{
    int        fd;
    AVFrame   *f;
    int64_t    len;
    rn_fault   fault;

    (void) state;

    fd = open("/dev/full", O_WRONLY);
    assert_true(fd >= 0);
    f = picture(64, 64, 100, 128, 128);
    memset(&fault, 0, sizeof(fault));

    assert_int_equal(rn_still_write(f, 64, 64, fd, &len, &fault), RN_E_IO);
    assert_non_null(strstr(fault.text, "cannot be written"));

    av_frame_free(&f);
    (void) close(fd);
}


/* The stage */


typedef struct {
    json_t    *plan, *result;
    lending    files;
    int        preview, poster;
    rn_fault   fault;
} shot;


static json_t *
picture_of(json_t *plan, size_t number, json_int_t tick)
{
    json_t  *s;

    s = json_array_get(json_object_get(plan, "segments"), number);

    return json_pack("{s:O, s:I}", "spec", json_object_get(s, "spec"), "tick",
                     tick);
}


/* Runs the stage as SQL orders it: the pictures that the plan names. */

static rn_status
shoot(const char *text, shot *s)
{
    rn_doc     *doc;
    rn_env      env;
    json_t     *spec, *detail;
    rn_facts   *facts;

    memset(s, 0, sizeof(*s));
    detail = NULL;

    doc = parse_good(text, true);
    facts = facts_of(doc, &s->files);
    s->plan = plan_good(text, facts);
    free(facts);
    rn_doc_free(doc);

    s->preview = memory_file("", 0);
    s->poster = memory_file("", 0);
    lend(&s->files, "preview.jpg", s->preview);
    lend(&s->files, "poster.jpg", s->poster);

    spec = json_pack("{s:o, s:o, s:O}", "first", picture_of(s->plan, 0, 0),
                     "poster",
                     picture_of(s->plan,
                                (size_t) number_of(json_object_get(s->plan,
                                                       "poster"), "number"),
                                number_of(json_object_get(s->plan, "poster"),
                                          "tick")),
                     "blurhash", json_object_get(s->plan, "blurhash"));
    env = env_of(&s->files);
    (void) stage_preview(spec, &env, &s->result, &detail, &s->fault);
    json_decref(spec);

    return s->fault.status;
}


static void
drop(shot *s)
{
    take_back(&s->files);
    json_decref(s->plan);
    json_decref(s->result);
}


/* dB between a JPEG of the canvas's size and a frame of the film. */

static double
psnr(int fd, const film *f, size_t frame)
{
    int       n, i;
    size_t    len;
    double    sum;
    uint8_t  *a, *b;

    n = f->w * f->h * 3;
    a = jpeg(fd, f->w, f->h);
    write_file("frame.yuv", f->yuv + frame * (size_t) (n / 2), (size_t) n / 2);
    assert_true(sh(FF "-f rawvideo -pix_fmt yuv420p -s %dx%d -i frame.yuv -vf "
                   "scale=in_color_matrix=bt709:in_range=tv -f rawvideo "
                   "-pix_fmt rgb24 frame.rgb", f->w, f->h));
    b = read_file("frame.rgb", &len);
    assert_int_equal(len, n);

    for (i = 0, sum = 0; i < n; i++) {
        sum += ((double) a[i] - b[i]) * ((double) a[i] - b[i]);
    }

    free(a);
    free(b);

    return sum > 0 ? 10 * log10(255.0 * 255 * n / sum) : 100;
}


/*
 * Each with the frame that its poster shows.  Video at its beginning and deep
 * in a segment, what is composed, what is turned, a transition, a fade.
 */

#define CANVAS  "\"width\":320,\"height\":180,\"fps\":30"

static const struct {
    const char  *text;
    size_t       poster;
} films[] = {
    { "{\"timeline\":{" CANVAS ",\"tracks\":[{\"clips\":[{\"asset\":{\"type\":"
      "\"video\",\"src\":\"clip.mp4\"},\"in_point\":0.5,\"duration\":5}]}]}}",
      30 },
    { "{\"timeline\":{" CANVAS ",\"tracks\":[{\"clips\":[{\"asset\":{\"type\":"
      "\"video\",\"src\":\"clip.mp4\"},\"duration\":3},{\"asset\":{\"type\":"
      "\"video\",\"src\":\"other.mp4\"},\"fit\":\"contain\",\"duration\":3}]},"
      "{\"clips\":[{\"asset\":{\"type\":\"text\",\"text\":\"Words\"},\"start\":"
      "0,\"duration\":6,\"transition\":{\"in\":\"fade\"}}]}]},\"poster\":{"
      "\"time\":4.633}}", 139 },
    { "{\"timeline\":{" CANVAS ",\"tracks\":[{\"clips\":[{\"asset\":{\"type\":"
      "\"image\",\"src\":\"still.png\"},\"duration\":2},{\"type\":"
      "\"transition\",\"transition_type\":\"fade\",\"duration\":1},{\"asset\":{\"type\":"
      "\"video\",\"src\":\"clip.mp4\"},\"duration\":2}]}]},\"poster\":{"
      "\"time\":\"45f\"}}", 45 },
    { "{\"timeline\":{" CANVAS ",\"tracks\":[{\"clips\":[{\"asset\":{\"type\":"
      "\"video\",\"src\":\"clip.mp4\"},\"duration\":0.7}]}]}}", 10 },
    { "{\"timeline\":{" CANVAS ",\"tracks\":[{\"clips\":[{\"asset\":{\"type\":"
      "\"video\",\"src\":\"clip.mp4\"},\"duration\":2}]}]},\"poster\":{"
      "\"time\":\"59f\"}}", 59 },
};


static void
test_same_pictures(void **state)
{
    shot      s;
    film      f;
    size_t    i, len;
    double    best;
    uint8_t  *bytes;

    (void) state;

    for (i = 0; i < sizeof(films) / sizeof(films[0]); i++) {
        render_film(films[i].text, &f);

        if (shoot(films[i].text, &s) != RN_OK) {
            fail_msg("film %zu: %s", i, s.fault.text);
        }

        assert_true(psnr(s.preview, &f, 0) > 30);

        best = psnr(s.poster, &f, films[i].poster);
        assert_true(best > 30);
        assert_true(best > 1 + psnr(s.poster, &f, films[i].poster - 1));
        assert_true(films[i].poster + 1 == f.n
                    || best > 1 + psnr(s.poster, &f, films[i].poster + 1));

        assert_int_equal(number_of(s.result, "width"), 320);
        assert_int_equal(number_of(s.result, "height"), 180);
        bytes = read_fd(s.preview, &len);
        assert_int_equal(number_of(s.result, "preview_bytes"), len);
        free(bytes);
        bytes = read_fd(s.poster, &len);
        assert_int_equal(number_of(s.result, "poster_bytes"), len);
        free(bytes);

        assert_int_equal(json_string_length(json_object_get(s.result,
                                                            "blurhash")), 28);
        drop(&s);
        free_film(&f);
    }
}


/* A preview is at most 640 px wide and keeps its shape; a poster is whole. */

static void
test_large(void **state)
{
    int       w, h;
    char      text[600];
    shot      s;
    size_t    i;
    uint8_t  *rgb;

    static const int sizes[][4] = {
        { 1920, 1080, 640, 360 }, { 1080, 1920, 640, 1138 },
        { 640, 360, 640, 360 }, { 642, 360, 640, 358 }, { 16, 16, 16, 16 },
    };

    (void) state;

    for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        (void) snprintf(text, sizeof(text), "{\"timeline\":{\"width\":%d,"
                        "\"height\":%d,\"tracks\":[{\"clips\":[{\"asset\":{"
                        "\"type\":\"color\",\"color\":\"#3060c0\"},"
                        "\"duration\":2}]}]}}", sizes[i][0], sizes[i][1]);
        assert_int_equal(shoot(text, &s), RN_OK);

        w = (int) number_of(s.result, "width");
        h = (int) number_of(s.result, "height");
        assert_int_equal(w, sizes[i][2]);
        assert_int_equal(h, sizes[i][3]);

        rgb = jpeg(s.preview, w, h);
        assert_near(rgb[0], 0x30, 4);
        assert_near(rgb[1], 0x60, 4);
        assert_near(rgb[2], 0xc0, 4);
        free(rgb);
        free(jpeg(s.poster, sizes[i][0], sizes[i][1]));
        drop(&s);
    }
}


/* Which picture the hash is of, and that nobody has to have one. */

static void
test_hash(void **state)
{
    shot  s;
    char  first[40];

    static const char  begins_black[] =
        "{\"timeline\":{" CANVAS ",\"tracks\":[{\"clips\":[{\"asset\":{\"type\""
        ":\"color\",\"color\":\"#000\"},\"duration\":0.5},{\"asset\":{\"type\":"
        "\"color\",\"color\":\"#fff\"},\"duration\":2}]}]}}";
    static const char  begins_well[] =
        "{\"timeline\":{" CANVAS ",\"tracks\":[{\"clips\":[{\"asset\":{\"type\""
        ":\"image\",\"src\":\"still.png\"},\"duration\":1},{\"asset\":{\"type\""
        ":\"color\",\"color\":\"#000\"},\"duration\":2}]}]},\"poster\":{"
        "\"time\":%s}%s}";
    char  text[600];

    (void) state;

    assert_int_equal(shoot(begins_black, &s), RN_OK);
    assert_memory_equal(json_string_value(json_object_get(s.result,
                                                          "blurhash")),
                        "L0T", 3);          /* white, or a step below */
    drop(&s);

    (void) sprintf(text, begins_well, "2", "");
    assert_int_equal(shoot(text, &s), RN_OK);
    (void) strcpy(first, json_string_value(json_object_get(s.result,
                                                           "blurhash")));
    assert_string_not_equal(first, "L00000fQfQfQfQfQfQfQfQfQfQfQ");
    drop(&s);

    (void) sprintf(text, begins_well, "0", "");
    assert_int_equal(shoot(text, &s), RN_OK);
    assert_string_equal(json_string_value(json_object_get(s.result,
                                                          "blurhash")), first);
    drop(&s);

    (void) sprintf(text, begins_well, "2", ",\"blurhash\":false");
    assert_int_equal(shoot(text, &s), RN_OK);
    assert_true(json_is_null(json_object_get(s.result, "blurhash")));
    drop(&s);
}


static void
check_failure(const char *spec, const char *without, rn_status want)
{
    int        fd[2];
    json_t    *j, *result, *detail;
    rn_env     env;
    lending    l;
    rn_fault   fault;

    memset(&l, 0, sizeof(l));
    memset(&fault, 0, sizeof(fault));
    result = detail = NULL;

    fd[0] = memory_file("", 0);
    fd[1] = memory_file("", 0);
    lend(&l, strcmp(without, "preview.jpg") == 0 ? "x" : "preview.jpg", fd[0]);
    lend(&l, strcmp(without, "poster.jpg") == 0 ? "x" : "poster.jpg", fd[1]);
    env = env_of(&l);

    j = json_loads(spec, 0, NULL);
    assert_non_null(j);
    assert_int_equal(stage_preview(j, &env, &result, &detail, &fault), want);
    assert_true(fault.text[0] != '\0');
    assert_null(result);
    json_decref(j);
    take_back(&l);
}


static void
test_failures(void **state)
{
    char  text[1200];

#define PICTURE(tick, engine, layers)                                         \
    "{\"tick\":" tick ",\"spec\":{\"v\":1,\"engine\":" engine ",\"canvas\":"  \
    "[64,64,30,1],\"crf\":23,\"frames\":10,\"background\":255,\"layers\":["   \
    layers "]}}"
#define BOTH(first, poster)                                                   \
    "{\"first\":" first ",\"poster\":" poster ",\"blurhash\":true}"
#define GOOD  PICTURE("0", "1", "")
#define GONE  "{\"type\":\"video\",\"from\":0,\"len\":10,\"at\":0,\"box\":"    \
              "[64,64],\"opacity\":32768,\"input\":\"gone\"}"

    (void) state;

    (void) sprintf(text, BOTH(GOOD, GOOD));
    check_failure(text, "preview.jpg", RN_E_INTERNAL);
    check_failure(text, "poster.jpg", RN_E_INTERNAL);
    check_failure("{}", "", RN_E_INTERNAL);
    check_failure(BOTH(GOOD, "null"), "", RN_E_INTERNAL);
    check_failure(BOTH(GOOD, PICTURE("10", "1", "")), "", RN_E_INTERNAL);
    check_failure(BOTH(PICTURE("-1", "1", ""), GOOD), "", RN_E_INTERNAL);
    check_failure(BOTH(PICTURE("0", "999", ""), GOOD), "", RN_E_INTERNAL);
    check_failure(BOTH(GOOD, PICTURE("3", "1", GONE)), "", RN_E_INTERNAL);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_colours),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_disk_full),
        cmocka_unit_test(test_same_pictures),
        cmocka_unit_test(test_large),
        cmocka_unit_test(test_hash),
        cmocka_unit_test(test_failures),
    };

    av_log_set_level(AV_LOG_QUIET);

    return cmocka_run_group_tests(tests, make_media, remove_folder);
}
