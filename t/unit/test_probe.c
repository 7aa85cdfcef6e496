/*
 * Probing what the world sends: the facts of odd but good files, and a clear,
 * final answer for the damaged, the hostile and the merely mistaken, without
 * opening anything but the file that was given.
 */

#include "helpers.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <time.h>


#define FF     "ffmpeg -hide_banner -v error -y "
#define V      "-f lavfi -i testsrc2=s=320x240:r=30:d=2 "
#define SINE   "-f lavfi -i sine=d=2 "
#define X264   "-c:v libx264 -preset ultrafast "


static const char *const  recipes[] = {
    FF V SINE X264 "-g 30 -c:a aac av.mp4 && "
        FF "-i av.mp4 -c copy -movflags faststart fs.mp4 && "
        FF "-i av.mp4 -c copy av.mkv && "
        FF "-i av.mp4 -c copy av.ts && "
        FF "-i av.mp4 -c copy -f mp4 -movflags "
        "frag_keyframe+empty_moov frag.mp4 && "
        FF "-i av.mp4 -c copy -map 0:v -metadata:s:v rotate=90 rot90.mp4 && "
        FF "-i av.mp4 -c copy -map 0:v -metadata:s:v rotate=180 rot180.mp4 && "
        FF "-i av.mp4 -c copy -map 0:v -metadata:s:v rotate=270 rot270.mp4 && "
        FF "-i av.mp4 -c copy -bsf:v \"noise=amount='not(key)*200'\" "
        "-bsf:a noise=amount=300 noise.mp4",
    FF "-f lavfi -i testsrc2=s=720x480:r=30000/1001:d=1 -vf setsar=32/27 "
        X264 "sar.mp4",
    FF "-f lavfi -i testsrc=s=319x241:r=30:d=1 -pix_fmt yuv444p "
        X264 "odd.mp4",
    FF "-f lavfi -i sine=d=3 -ac 1 -ar 8000 -c:a pcm_mulaw m.wav",
    FF "-f lavfi -i \"sine=d=1,aformat=channel_layouts=mono,pan=5.1|FL=c0|FR=c0"
        "|FC=c0|LFE=c0|BL=c0|BR=c0\" -c:a aac s.m4a",
    FF "-f lavfi -i anullsrc=cl=22.2:r=192000 -t 0.1 -c:a pcm_f64le x.wav",
    FF "-f lavfi -i testsrc2=s=320x240 -frames:v 1 cov.jpg && "
        FF SINE "-i cov.jpg -map 0 -map 1 -c:v copy -disposition:v "
        "attached_pic -c:a libmp3lame cover.mp3",
    FF V "-vf \"setpts='PTS+gte(N,45)*36000/TB'\" -fps_mode passthrough "
        X264 "gap10.mkv",
    FF V "-vf \"setpts='PTS+gte(N,45)*180000/TB'\" -fps_mode passthrough "
        X264 "gap50.mkv",
    FF "-f lavfi -i testsrc2=s=32x32:r=5:d=1 "
        "$(for i in $(seq 80); do printf ' -map 0'; done) "
        "-c:v mpeg4 many.mkv",
    FF "-f lavfi -i \"testsrc2=s=64x64:r=10:d=1,format=yuva420p\" "
        "-c:v libvpx-vp9 -cpu-used 8 al9.webm",
    FF "-f lavfi -i \"testsrc2=s=64x64:r=10:d=1,format=yuva420p\" "
        "-c:v libvpx -auto-alt-ref 0 -cpu-used 8 al8.webm",
    FF "-f lavfi -i testsrc2=s=64x64:r=10:d=1 anim.gif",
    FF "-f lavfi -i testsrc2=s=64x64:r=5:d=1 -f apng anim.png",
    FF "-f lavfi -i testsrc2=s=64x64 -frames:v 1 still.png",
    FF "-f lavfi -i testsrc2=s=64x64:r=5:d=1 -c:v libwebp_anim anim.webp",
    FF "-f lavfi -i testsrc2=s=64x64 -frames:v 1 -c:v libwebp still.webp",
    FF "-f lavfi -i \"testsrc2=s=64x64,format=rgba,colorchannelmixer=aa=0.5\" "
        "-frames:v 1 alpha.png",
    FF V "-itsoffset 1.3 " SINE X264 "-c:a aac late.mp4",
    FF SINE "-c:a flac tone.flac",
    FF SINE "-c:a libopus tone.ogg",
    FF "-f lavfi -i testsrc2=s=64x64:r=30:d=0.0333 " X264 "one.mp4",
    FF V SINE "-c:v mjpeg -c:a pcm_s16le old.avi",
};


static int
make_media(void **state)
{
    return make_all(state, recipes, sizeof(recipes) / sizeof(recipes[0]));
}


static int
open_descriptors(void)
{
    int   n;
    DIR  *d;

    d = opendir("/proc/self/fd");
    for (n = 0; readdir(d) != NULL; n++) { /* void */ }
    (void) closedir(d);

    return n;
}


/* The descriptor is neither closed nor moved, and no other stays open. */

static rn_status
probe_fd(int fd, json_t **out, rn_fault *fault)
{
    int        before;
    rn_status  rc;

    memset(fault, 0, sizeof(*fault));
    before = open_descriptors();

    rc = rn_probe(fd, true, out, fault);

    assert_int_equal(open_descriptors(), before);
    assert_int_equal(lseek(fd, 0, SEEK_CUR), 0);
    assert_int_equal(rc, fault->status);

    if (rc == RN_OK) {
        assert_non_null(*out);
    } else {
        assert_null(*out);
        assert_true(fault->text[0] != '\0');
    }

    return rc;
}


static rn_status
probe(const char *name, json_t **out, rn_fault *fault)
{
    int        fd;
    rn_status  rc;

    fd = open(in_folder(name), O_RDONLY);
    if (fd < 0) {
        fail_msg("no file %s", name);
    }

    rc = probe_fd(fd, out, fault);
    (void) close(fd);

    return rc;
}


static json_t *
good(const char *name)
{
    json_t    *j;
    rn_fault   fault;

    if (probe(name, &j, &fault) != RN_OK) {
        fail_msg("%s: %s", name, fault.text);
    }

    return j;
}


static void
bad(const char *name, rn_status want, const char *words)
{
    json_t    *j;
    rn_fault   fault;
    rn_status  rc;

    rc = probe(name, &j, &fault);
    if (rc == RN_OK) {
        json_decref(j);
    }

    if (rc != want || strstr(fault.text, words) == NULL) {
        fail_msg("%s: %s, \"%s\"", name, rn_status_name(rc), fault.text);
    }
}


static void
bad_bytes(const void *bytes, size_t n, rn_status want, const char *words)
{
    write_file("bytes", bytes, n);
    bad("bytes", want, words);
}


static void
test_facts(void **state)
{
    size_t    i;
    json_t   *j, *v, *a;

    /* the command's rotate=90 means anticlockwise; ours is clockwise */

    static const struct {
        const char *name, *kind; double duration;
        int w, h, rotation, channels, rate; bool alpha;
    } files[] = {
        { "av.mp4", "video", 2, 320, 240, 0, 1, 44100, false },
        { "fs.mp4", "video", 2, 320, 240, 0, 1, 44100, false },
        { "frag.mp4", "video", 2, 320, 240, 0, 1, 44100, false },
        { "av.mkv", "video", 2, 320, 240, 0, 1, 44100, false },
        { "av.ts", "video", 2, 320, 240, 0, 1, 44100, false },
        { "old.avi", "video", 2, 320, 240, 0, 1, 44100, false },
        { "rot90.mp4", "video", 2, 240, 320, 270, 0, 0, false },
        { "rot180.mp4", "video", 2, 320, 240, 180, 0, 0, false },
        { "rot270.mp4", "video", 2, 240, 320, 90, 0, 0, false },
        { "sar.mp4", "video", 1, 853, 480, 0, 0, 0, false },
        { "odd.mp4", "video", 1, 319, 241, 0, 0, 0, false },
        { "one.mp4", "video", 0.033, 64, 64, 0, 0, 0, false },
        { "late.mp4", "video", 2, 320, 240, 0, 1, 44100, false },
        { "al9.webm", "video", 1, 64, 64, 0, 0, 0, true },
        { "al8.webm", "video", 1, 64, 64, 0, 0, 0, true },
        { "anim.gif", "video", 1, 64, 64, 0, 0, 0, true },
        { "m.wav", "audio", 3, 0, 0, 0, 1, 8000, false },
        { "s.m4a", "audio", 1, 0, 0, 0, 6, 44100, false },
        { "cover.mp3", "audio", 2, 0, 0, 0, 1, 44100, false },
        { "tone.flac", "audio", 2, 0, 0, 0, 1, 44100, false },
        { "tone.ogg", "audio", 2, 0, 0, 0, 1, 48000, false },
        { "still.png", "image", 0, 64, 64, 0, 0, 0, false },
        { "alpha.png", "image", 0, 64, 64, 0, 0, 0, true },
        { "still.webp", "image", 0, 64, 64, 0, 0, 0, false },
        { "cov.jpg", "image", 0, 320, 240, 0, 0, 0, false },
    };

    (void) state;

    for (i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        j = good(files[i].name);
        v = json_object_get(j, "video");
        a = json_object_get(j, "audio");

        assert_string_equal(json_string_value(json_object_get(j, "kind")),
                            files[i].kind);
        assert_near(json_number_value(json_object_get(j, "duration")),
                    files[i].duration, files[i].duration > 0.1 ? 0.1 : 0.002);
        assert_true(json_is_array(json_object_get(j, "warnings")));
        assert_int_equal(json_string_length(json_object_get(j, "blurhash")),
                         files[i].w > 0 ? 28 : 0);
        assert_true(files[i].w == 0
                    || json_string_value(json_object_get(j, "blurhash"))[0]
                       == (files[i].h > files[i].w ? 'T' : 'L'));

        if (files[i].w > 0) {
            assert_int_equal(number_of(v, "width"), files[i].w);
            assert_int_equal(number_of(v, "height"), files[i].h);
            assert_int_equal(number_of(v, "rotation"), files[i].rotation);
            assert_int_equal(json_is_true(json_object_get(v, "alpha")),
                             files[i].alpha);
        } else {
            assert_null(v);
        }

        if (files[i].channels > 0) {
            assert_int_equal(number_of(a, "channels"), files[i].channels);
            assert_int_equal(number_of(a, "rate"), files[i].rate);
        } else {
            assert_null(a);
        }

        json_decref(j);
    }
}


/* Any file that a noisy wire made of a good one ends well or clearly. */

static void
test_noise_in_packets(void **state)
{
    json_t    *j;
    rn_fault   fault;
    rn_status  rc;

    (void) state;

    rc = probe("noise.mp4", &j, &fault);
    if (rc == RN_OK) {
        json_decref(j);
    } else {
        assert_int_equal(rc, RN_E_INPUT);
    }
}


static void
test_not_media(void **state)
{
    size_t   i;
    char     zeros[10000] = { 0 };

    static const char *const texts[] = {
        "hello, this is a text file\n", "<html><body>no</body></html>",
        "{\"timeline\":{}}", "#!/bin/sh\nexit 0\n",
        "PK\x03\x04", "GIF89a", "\x89PNG\r\n\x1a\n", "RIFF", "OggS", "ID3",
        "\xff\xd8\xff", "\x1a\x45\xdf\xa3", "%PDF-1.7\n", "fLaC", "x",
        "P6\n64 64\n255\n", "\x1b[31mred\x1b[0m",
        "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\nm=video 5004 RTP/AVP 96\r\n",
        "<?xml version=\"1.0\"?><MPD xmlns=\"urn:mpeg:dash:schema:mpd:2011\" "
        "profiles=\"urn:mpeg:dash:profile:isoff-on-demand:2011\"></MPD>",
    };

    (void) state;

    bad_bytes("", 0, RN_E_INPUT, "the file is empty");
    bad_bytes(zeros, sizeof(zeros), RN_E_INPUT, "");

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        bad_bytes(texts[i], strlen(texts[i]), RN_E_INPUT, "");
    }

    bad_bytes("ftypmp42", 8, RN_E_INPUT, "");
    bad("anim.png", RN_E_INPUT, "not a media file of a kind");
}


/* Cut anywhere: said to be cut off or not to be media, never half taken. */

static void
test_truncated_mp4(void **state)
{
    size_t    i, k, n;
    uint8_t  *bytes;

    static const char *const names[] = { "av.mp4", "fs.mp4" };

    (void) state;

    for (k = 0; k < 2; k++) {
        bytes = read_file(names[k], &n);
        for (i = 1; i < 40; i++) {
            bad_bytes(bytes, n * i / 40, RN_E_INPUT, "");
        }
        if (k == 1) {
            bad_bytes(bytes, n / 2, RN_E_INPUT, "cut off");
            bad_bytes(bytes, n - 1, RN_E_INPUT, "cut off");
        }
        free(bytes);
    }
}


/* Files of other kinds may be usable when cut; the answer is never "retry". */

static void
final_answer(const uint8_t *bytes, size_t n, const char *what, size_t at)
{
    int        fd;
    json_t    *j;
    rn_fault   fault;
    rn_status  rc;

    fd = memory_file(bytes, n);
    (void) lseek(fd, 0, SEEK_SET);
    rc = probe_fd(fd, &j, &fault);
    (void) close(fd);

    if (rc == RN_OK) {
        json_decref(j);
    } else if (rn_status_retryable(rc)) {
        fail_msg("%s at %zu: %s, \"%s\"", what, at, rn_status_name(rc),
                 fault.text);
    }
}


static void
test_truncated_others(void **state)
{
    size_t    i, k, n;
    uint8_t  *bytes;

    static const char *const names[] = {
        "av.mkv", "av.ts", "anim.gif", "still.png", "cov.jpg", "m.wav",
        "cover.mp3", "tone.flac", "tone.ogg", "al9.webm", "still.webp",
        "frag.mp4",
    };

    (void) state;

    for (k = 0; k < sizeof(names) / sizeof(names[0]); k++) {
        bytes = read_file(names[k], &n);
        for (i = 0; i < 12; i++) {
            final_answer(bytes, n * i / 12 + i % 3, names[k], i);
        }
        free(bytes);
    }
}


static void
test_damaged(void **state)
{
    int           i;
    size_t        k, m, n;
    uint8_t      *bytes, *copy;
    unsigned int  seed = 11;

    static const char *const names[] = {
        "one.mp4", "fs.mp4", "av.mkv", "av.ts", "anim.gif", "still.png",
        "cov.jpg", "m.wav", "tone.ogg", "still.webp", "cover.mp3",
    };

    (void) state;

    for (k = 0; k < sizeof(names) / sizeof(names[0]); k++) {
        bytes = read_file(names[k], &n);
        copy = malloc(n);
        assert_non_null(copy);

        for (i = 0; i < 15; i++) {
            memcpy(copy, bytes, n);
            for (m = 0; m < 1 + (size_t) i * 2; m++) {
                copy[(size_t) rand_r(&seed) % (i % 2 ? n : n / 4 + 1)] =
                    (uint8_t) rand_r(&seed);
            }
            final_answer(copy, n, names[k], (size_t) i);
        }

        free(copy);
        free(bytes);
    }
}


/*
 * A playlist in a film's clothes is no film: what it names is neither opened
 * nor connected to.
 */

static void
test_nothing_else_opened(void **state)
{
    int                  ear, watch, i, n;
    char                 text[1000], events[4096];
    size_t               len;
    uint8_t             *bytes;
    socklen_t            size;
    struct sockaddr_in   addr;

    static const char *const lists[] = {
        "ffconcat version 1.0\nfile %1$s/bait/a.mp4\nduration 1\n",
        "ffconcat version 1.0\nfile bait/a.mp4\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\nfile://%1$s/bait/a.mp4\n"
        "#EXT-X-ENDLIST\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\nhttp://127.0.0.1:%2$d/"
        "a.ts\n#EXT-X-ENDLIST\n",
        "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nhttp://127.0.0.1:%2$d/a.m3u8"
        "\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXT-X-KEY:METHOD=AES-128,URI="
        "\"http://127.0.0.1:%2$d/k\"\n#EXTINF:5,\nconcat:%1$s/bait/a.mp4\n",
        "<?xml version=\"1.0\"?><MPD xmlns=\"urn:mpeg:dash:schema:mpd:2011\" "
        "type=\"static\" mediaPresentationDuration=\"PT5S\"><Period>"
        "<BaseURL>http://127.0.0.1:%2$d/</BaseURL><AdaptationSet><Representatio"
        "n id=\"1\"><BaseURL>a.mp4</BaseURL></Representation></AdaptationSet>"
        "</Period></MPD>",
        "<?xml version=\"1.0\"?><svg xmlns=\"http://www.w3.org/2000/svg\" "
        "xmlns:xlink=\"http://www.w3.org/1999/xlink\"><image xlink:href="
        "\"%1$s/bait/a.mp4\" width=\"9\" height=\"9\"/></svg>",
        "v=0\nc=IN IP4 127.0.0.1\nm=video %2$d RTP/AVP 96\n",
    };

    (void) state;

    assert_true(sh("mkdir -p bait && cp fs.mp4 bait/a.mp4"));

    watch = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    assert_true(inotify_add_watch(watch, in_folder("bait"),
                                  IN_OPEN | IN_ACCESS) >= 0);

    ear = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    memset(&addr, 0, sizeof(addr));
    addr.sin_family = AF_INET;
    addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(ear, (struct sockaddr *) &addr, sizeof(addr)), 0);
    assert_int_equal(listen(ear, 8), 0);
    size = sizeof(addr);
    assert_int_equal(getsockname(ear, (struct sockaddr *) &addr, &size), 0);

    /* the trap works: an open is seen */

    bytes = read_file("bait/a.mp4", &len);
    free(bytes);
    assert_true(read(watch, events, sizeof(events)) > 0);
    while (read(watch, events, sizeof(events)) > 0) { /* void */ }

    assert_int_equal(chdir(folder), 0);         /* relative names, too */

    for (i = 0; i < (int) (sizeof(lists) / sizeof(lists[0])); i++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#pragma GCC diagnostic ignored "-Wformat-extra-args"
        n = snprintf(text, sizeof(text), lists[i], folder,
                     (int) ntohs(addr.sin_port));
#pragma GCC diagnostic pop
        write_file("list.mp4", text, (size_t) n);
        bad("list.mp4", RN_E_INPUT, "");

        assert_int_equal(read(watch, events, sizeof(events)), -1);
        assert_int_equal(errno, EAGAIN);
        assert_int_equal(accept(ear, NULL, NULL), -1);
        assert_int_equal(errno, EAGAIN);
    }

    assert_int_equal(chdir("/"), 0);
    (void) close(ear);
    (void) close(watch);
}


/* PNG, by hand */


static uint8_t *
put32(uint8_t *p, uint32_t v)
{
    *p++ = (uint8_t) (v >> 24);
    *p++ = (uint8_t) (v >> 16);
    *p++ = (uint8_t) (v >> 8);
    *p++ = (uint8_t) v;

    return p;
}


static uint8_t *
chunk(uint8_t *p, const char *name, const uint8_t *data, uint32_t n)
{
    int       k;
    uint8_t  *from;
    uint32_t  crc;

    p = put32(p, n);
    from = p;
    memcpy(p, name, 4);
    memcpy(p + 4, data, n);
    p += 4 + n;

    for (crc = ~0U; from < p; from++) {
        crc ^= *from;
        for (k = 0; k < 8; k++) {
            crc = crc & 1 ? crc >> 1 ^ 0xedb88320U : crc >> 1;
        }
    }

    return put32(p, ~crc);
}


/* Kilobytes of address space at the most so far. */

static long
peak(void)
{
    char   line[200];
    long   kb;
    FILE  *f;

    f = fopen("/proc/self/status", "r");
    for (kb = 0; kb == 0 && fgets(line, sizeof(line), f) != NULL; /* void */ ) {
        if (sscanf(line, "VmPeak: %ld", &kb) != 1) {
            kb = 0;
        }
    }
    (void) fclose(f);

    return kb;
}


static void
test_pixel_bomb(void **state)
{
    long      before;
    size_t    i;
    uint8_t   png[300], head[13], *p;

    static const uint32_t sides[][2] = {
        { 30000, 30000 }, { 16000, 16000 }, { 8193, 8193 },
        { 200000, 400 }, { 0x7fffffff, 0x7fffffff }, { 0xffffffff, 1 },
        { 0, 0 },
    };

    static const uint8_t data[] = {         /* stored: 8 noughts, and cut */
        0x78, 0x01, 0x01, 0x08, 0x00, 0xf7, 0xff, 0, 0, 0, 0, 0, 0, 0, 0,
    };

    (void) state;

    before = peak();

    for (i = 0; i < sizeof(sides) / sizeof(sides[0]); i++) {
        memcpy(png, "\x89PNG\r\n\x1a\n", 8);
        (void) put32(put32(head, sides[i][0]), sides[i][1]);
        memcpy(head + 8, "\x08\x06\0\0\0", 5);          /* RGBA */
        p = chunk(png + 8, "IHDR", head, 13);
        p = chunk(p, "IDAT", data, sizeof(data));
        p = chunk(p, "IEND", data, 0);
        bad_bytes(png, (size_t) (p - png), RN_E_INPUT, "");
    }

    /* refused before its pixels are made room for */

    if (peak() - before > 200 * 1024) {
        fail_msg("%ld kB for a bomb", peak() - before);
    }
}


static void
test_limits(void **state)
{
    json_t      *j;
    rn_fault     fault;
    struct timespec  a, b;

    (void) state;

    bad("x.wav", RN_E_LIMIT, "24 channels");

    /* a clock that jumps: believed within a day, without decoding the gap */

    (void) clock_gettime(CLOCK_MONOTONIC, &a);
    j = good("gap10.mkv");
    assert_near(json_number_value(json_object_get(j, "duration")), 36002, 1);
    json_decref(j);
    bad("gap50.mkv", RN_E_LIMIT, "claims to last 50 hours");
    (void) clock_gettime(CLOCK_MONOTONIC, &b);
    assert_true(b.tv_sec - a.tv_sec <= 2);

    /* a flood of streams: libav says ENOMEM, which is no reason to retry */

    assert_int_not_equal(probe("many.mkv", &j, &fault), RN_OK);
    assert_false(rn_status_retryable(fault.status));
}


static void
test_animated_webp(void **state)
{
    json_t    *j;
    rn_fault   fault;
    rn_status  rc;

    (void) state;

    /* Debian 12's FFmpeg cannot; later ones may, but never half */

    rc = probe("anim.webp", &j, &fault);
    if (rc == RN_OK) {
        json_decref(j);
    } else {
        assert_false(rn_status_retryable(rc));
    }
}


static void
test_not_a_file(void **state)
{
    int        fd;
    json_t    *j;
    rn_fault   fault;

    (void) state;

    memset(&fault, 0, sizeof(fault));
    fd = open(folder, O_RDONLY | O_DIRECTORY);
    assert_true(fd >= 0);
    assert_int_not_equal(rn_probe(fd, true, &j, &fault), RN_OK);
    assert_null(j);
    (void) close(fd);

    memset(&fault, 0, sizeof(fault));
    assert_int_not_equal(rn_probe(-1, true, &j, &fault), RN_OK);
    assert_null(j);
}


/* Two readers share a descriptor, as two layers of one film do. */

static void
test_facts_read_back(void **state)
{
    char       hex[65];
    json_t    *j;
    rn_facts   f;

    (void) state;

    memset(hex, 'b', 64);
    hex[64] = '\0';

    j = good("late.mp4");
    assert_true(rn_facts_read(j, hex, &f));
    assert_true(f.known && f.has_video && f.has_audio);
    assert_int_equal(f.width, 320);
    assert_int_equal(f.height, 240);
    json_decref(j);

    j = good("alpha.png");
    assert_true(rn_facts_read(j, hex, &f));
    assert_true(f.alpha && !f.has_audio);
    assert_near(f.duration, 0, 0);
    json_decref(j);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_facts),
        cmocka_unit_test(test_noise_in_packets),
        cmocka_unit_test(test_not_media),
        cmocka_unit_test(test_truncated_mp4),
        cmocka_unit_test(test_truncated_others),
        cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_nothing_else_opened),
        cmocka_unit_test(test_pixel_bomb),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_animated_webp),
        cmocka_unit_test(test_not_a_file),
        cmocka_unit_test(test_facts_read_back),
    };

    av_log_set_level(AV_LOG_QUIET);

    return cmocka_run_group_tests(tests, make_media, remove_folder);
}
