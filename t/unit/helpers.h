/*
 * What the unit tests share: a folder of their own, commands run in it,
 * documents parsed, planned and rendered without a server, and films decoded
 * by the ffmpeg command, which is a second opinion on what we wrote.
 */

#ifndef HELPERS_H
#define HELPERS_H

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "rn_assemble.h"
#include "rn_doc.h"
#include "rn_encode.h"
#include "rn_id.h"
#include "rn_mix.h"
#include "rn_mux.h"
#include "rn_plan.h"
#include "rn_probe.h"
#include "rn_segment.h"
#include "rn_timeline.h"


/* A film's file among those that another environment lends. */

typedef struct {
    const rn_env  *env;
    int            fd;
} film_env;


static inline int
film_file(void *opaque, const char *name)
{
    film_env  *f = opaque;

    return strcmp(name, "final.mp4") == 0 ? f->fd
           : f->env->file(f->env->opaque, name);
}


static inline void
film_progress(void *opaque, int64_t units)
{
    film_env  *f = opaque;

    if (f->env->progress != NULL) {
        f->env->progress(f->env->opaque, units);
    }
}


/* Joins the pieces of a plan, or of a specification, to an MP4 on fd. */

static inline rn_status
assemble_film(json_t *spec, const rn_env *env, int fd, int64_t *bytes,
    char damaged[65], rn_fault *fault)
{
    json_t    *files;
    rn_env     ours;
    film_env   f = { env, fd };
    rn_status  rc;

    ours.file = film_file;
    ours.progress = film_progress;
    ours.opaque = &f;

    files = json_array();
    rc = rn_assemble(spec, &ours, files, damaged, fault);
    *bytes = json_integer_value(json_array_get(files, 0));
    json_decref(files);

    return rc;
}



#define HELPER  static __attribute__((unused))

#define UUID_A  "11111111-1111-4111-8111-111111111111"
#define UUID_B  "22222222-2222-4222-8222-222222222222"

#define PIECES_MAX  64


#ifdef __SANITIZE_ADDRESS__

/*
 * What fontconfig keeps for the life of the process (its patterns, to which
 * Pango's font map holds on) is no leak of ours.
 */

const char *__lsan_default_suppressions(void);
const char *__lsan_default_options(void);


const char *
__lsan_default_suppressions(void)
{
    return "leak:libfontconfig.so\n";
}


const char *
__lsan_default_options(void)
{
    return "print_suppressions=0";
}

#endif


HELPER char  folder[64];                /* of this program, see make_folder */


HELPER int
make_folder(void **state)
{
    (void) state;

    (void) snprintf(folder, sizeof(folder), "/tmp/rn-unit-XXXXXX");

    return mkdtemp(folder) != NULL ? 0 : -1;
}


HELPER int
remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void) st;
    (void) flag;
    (void) ftw;

    return remove(path);
}


HELPER int
remove_folder(void **state)
{
    (void) state;

    return nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}


/* Runs a shell command in the folder; whether it ended well. */

HELPER __attribute__((format(printf, 1, 2))) bool
sh(const char *fmt, ...)
{
    int      n;
    char     cmd[8192];
    va_list  ap;

    n = snprintf(cmd, sizeof(cmd), "cd %s && ", folder);

    va_start(ap, fmt);
    n += vsnprintf(cmd + n, sizeof(cmd) - n, fmt, ap);
    va_end(ap);

    assert_in_range(n, 0, sizeof(cmd) - 1);

    return system(cmd) == 0;
}


/* Makes the folder and media in it by these commands, four at a time. */

HELPER int
make_all(void **state, const char *const *recipes, size_t count)
{
    int     n;
    char    script[8000];
    size_t  i;

    if (make_folder(state) != 0) {
        return -1;
    }

    n = 0;
    for (i = 0; i < count; i++) {
        n += snprintf(script + n, sizeof(script) - n, "%s{ { %s ; } || touch "
                      "failed; } & %s", i ? "" : ": ; ", recipes[i],
                      i % 4 == 3 ? "wait; " : "");
        assert_in_range(n, 0, sizeof(script) - 1);
    }

    (void) snprintf(script + n, sizeof(script) - n, "wait; test ! -e failed");

    return sh("%s", script) ? 0 : -1;
}


HELPER const char *
in_folder(const char *name)
{
    static char  path[256];

    (void) snprintf(path, sizeof(path), "%s/%s", folder, name);

    return path;
}


HELPER void
write_file(const char *name, const void *bytes, size_t n)
{
    int  fd;

    fd = open(in_folder(name), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, n), (ssize_t) n);
    (void) close(fd);
}


/* All of a file, with a NUL behind it; the caller frees it. */

HELPER uint8_t *
read_fd(int fd, size_t *len)
{
    uint8_t      *p;
    struct stat   st;

    assert_int_equal(fstat(fd, &st), 0);
    *len = (size_t) st.st_size;

    p = malloc(*len + 1);
    assert_non_null(p);
    assert_int_equal(pread(fd, p, *len, 0), (ssize_t) *len);
    p[*len] = '\0';

    return p;
}


HELPER uint8_t *
read_file(const char *name, size_t *len)
{
    int       fd;
    uint8_t  *p;

    fd = open(in_folder(name), O_RDONLY);
    assert_true(fd >= 0);
    p = read_fd(fd, len);
    (void) close(fd);

    return p;
}


/* A file in memory that holds the bytes. */

HELPER int
memory_file(const void *bytes, size_t n)
{
    int  fd;

    fd = memfd_create("unit", MFD_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, bytes, n, 0), (ssize_t) n);

    return fd;
}


/* Documents */


HELPER void
print_problems(const rn_problems *ps)
{
    size_t  i;

    for (i = 0; i < ps->n; i++) {
        print_error("  %s: %s\n", ps->items[i].pointer, ps->items[i].detail);
    }
}


/* The detail of the problem at a pointer, or NULL. */

HELPER const char *
detail_at(const rn_problems *ps, const char *pointer)
{
    size_t  i;

    for (i = 0; i < ps->n; i++) {
        if (strcmp(ps->items[i].pointer, pointer) == 0) {
            return ps->items[i].detail;
        }
    }

    return NULL;
}


/* Parses what must be a good document. */

HELPER rn_doc *
parse_good(const char *text, bool paths)
{
    rn_doc       *doc;
    rn_status     rc;
    rn_problems   ps;

    memset(&ps, 0, sizeof(ps));

    rc = rn_doc_parse(text, strlen(text), &rn_limits_default, paths, &ps, &doc);

    if (rc != RN_OK) {
        print_problems(&ps);
        fail_msg("refused: %s", text);
    }

    assert_int_equal(ps.total, 0);
    rn_problems_free(&ps);

    return doc;
}


/* Parses a document that must have this one problem, told in these words. */

HELPER void
parse_bad(const char *text, bool paths, const char *pointer, const char *words)
{
    rn_doc       *doc;
    rn_problems   ps;

    memset(&ps, 0, sizeof(ps));

    assert_int_equal(rn_doc_parse(text, strlen(text), &rn_limits_default,
                                  paths, &ps, &doc), RN_E_INVALID);

    if (ps.total != 1 || strcmp(ps.items[0].pointer, pointer) != 0
        || strstr(ps.items[0].detail, words) == NULL)
    {
        print_problems(&ps);
        fail_msg("wanted %s: ...%s...", pointer, words);
    }

    rn_problems_free(&ps);
}


/* Plans a document that must be good; facts may be NULL where none are used. */

HELPER json_t *
plan_good(const char *text, const rn_facts *facts)
{
    json_t       *plan;
    rn_doc       *doc;
    rn_fault      fault;
    rn_status     rc;
    rn_problems   ps;

    memset(&ps, 0, sizeof(ps));
    memset(&fault, 0, sizeof(fault));

    doc = parse_good(text, true);
    rc = rn_plan(doc, facts, &rn_limits_default, NULL, &ps, &plan, &fault);

    if (rc != RN_OK) {
        print_problems(&ps);
        fail_msg("no plan: %s", fault.text);
    }

    assert_non_null(plan);
    rn_doc_free(doc);
    rn_problems_free(&ps);

    return plan;
}


HELPER int64_t
number_of(json_t *o, const char *name)
{
    assert_true(json_is_integer(json_object_get(o, name)));

    return json_integer_value(json_object_get(o, name));
}


HELPER const char *
key_at(json_t *pieces, size_t i)
{
    return json_string_value(json_object_get(json_array_get(pieces, i), "key"));
}


/* Rendering */


typedef struct {
    char      name[65];
    int       fd;
} lent;

typedef struct {
    lent      files[PIECES_MAX];
    size_t    n;
    int64_t   told;                     /* units of progress */
} lending;


HELPER int
lent_file(void *opaque, const char *name)
{
    size_t    i;
    lending  *l = opaque;

    for (i = 0; i < l->n; i++) {
        if (strcmp(l->files[i].name, name) == 0) {
            return l->files[i].fd;
        }
    }

    return -1;
}


HELPER void
lent_progress(void *opaque, int64_t units)
{
    ((lending *) opaque)->told += units;
}


HELPER AVFrame *
new_frame(int format, int w, int h)
{
    AVFrame  *f;

    f = av_frame_alloc();
    assert_non_null(f);
    f->format = format;
    f->width = w;
    f->height = h;
    assert_true(av_frame_get_buffer(f, 0) >= 0);

    return f;
}


HELPER rn_env
env_of(lending *l)
{
    rn_env  env = { lent_file, lent_progress, l, 0 };

    return env;
}


HELPER void
lend(lending *l, const char *name, int fd)
{
    assert_true(l->n < PIECES_MAX);
    (void) snprintf(l->files[l->n].name, sizeof(l->files[0].name), "%s", name);
    l->files[l->n++].fd = fd;
}


/* Puts another file in the place of one; the old one is closed. */

HELPER void
lend_instead(lending *l, const char *name, int fd)
{
    size_t  i;

    for (i = 0; i < l->n; i++) {
        if (strcmp(l->files[i].name, name) == 0) {
            (void) close(l->files[i].fd);
            l->files[i].fd = fd;
            return;
        }
    }

    fail_msg("no file %s", name);
}


HELPER void
take_back(lending *l)
{
    while (l->n > 0) {
        (void) close(l->files[--l->n].fd);
    }
}


/* The facts of the files that a document names, and the files lent. */

HELPER rn_facts *
facts_of(const rn_doc *doc, lending *l)
{
    int        fd;
    char       hex[65];
    size_t     i, n;
    json_t    *probe;
    uint8_t   *bytes;
    rn_fault   fault;
    rn_facts  *facts;

    facts = calloc(doc->n_refs + 1, sizeof(rn_facts));
    assert_non_null(facts);

    for (i = 0; i < doc->n_refs; i++) {
        fd = open(in_folder(doc->refs[i].src), O_RDONLY | O_CLOEXEC);
        if (fd < 0) {
            fail_msg("no file %s", doc->refs[i].src);
        }

        memset(&fault, 0, sizeof(fault));
        if (rn_probe(fd, false, &probe, &fault) != RN_OK) {
            fail_msg("%s: %s", doc->refs[i].src, fault.text);
        }

        bytes = read_fd(fd, &n);
        rn_sha256_hex(bytes, n, hex);
        free(bytes);

        assert_true(rn_facts_read(probe, hex, &facts[i]));
        /* these are the probe's own, which goes: nothing is copied here */
        facts[i].copy = facts[i].copy_sound = facts[i].cues = NULL;
        facts[i].ass = facts[i].warnings = NULL;
        json_decref(probe);
        lend(l, hex, fd);
    }

    return facts;
}


HELPER void
render_pieces(json_t *pieces, lending *l, bool sound)
{
    int         fd;
    size_t      i;
    json_t     *p, *spec;
    rn_env      env = env_of(l);
    int64_t     bytes;
    rn_fault    fault;
    rn_status   rc;

    json_array_foreach(pieces, i, p) {
        if (lent_file(l, key_at(pieces, i)) >= 0) {
            continue;
        }

        fd = memory_file("", 0);
        spec = json_object_get(p, "spec");
        memset(&fault, 0, sizeof(fault));
        bytes = -1;
        l->told = 0;

        rc = sound ? rn_mix_render(spec, &env, fd, &bytes, &fault)
                   : rn_segment_render(spec, &env, fd, &bytes, &fault);
        if (rc != RN_OK) {
            fail_msg("piece %zu: %s", i, fault.text);
        }

        assert_int_equal(bytes, lseek(fd, 0, SEEK_END));
        if (!sound) {
            assert_int_equal(l->told, number_of(p, "frames"));
        }
        lend(l, key_at(pieces, i), fd);
    }
}


/* Plans and renders all pieces; the plan is the caller's. */

HELPER json_t *
render_plan(const char *text, lending *l)
{
    json_t    *plan;
    rn_doc    *doc;
    rn_facts  *facts;

    memset(l, 0, sizeof(*l));

    doc = parse_good(text, true);
    facts = facts_of(doc, l);
    plan = plan_good(text, facts);
    free(facts);
    rn_doc_free(doc);

    render_pieces(json_object_get(plan, "segments"), l, false);
    render_pieces(json_object_get(plan, "sound"), l, true);

    return plan;
}


/* A film, decoded. */

typedef struct {
    int        w, h;
    size_t     n;                       /* frames */
    uint8_t   *yuv;
    size_t     samples;
    float     *pcm;                     /* stereo, interleaved */
} film;


HELPER void
decode(int fd, int w, int h, bool sound, film *f)
{
    size_t  len;

    memset(f, 0, sizeof(*f));
    f->w = w;
    f->h = h;

    assert_true(sh("ffmpeg -hide_banner -v error -y -i /proc/%d/fd/%d -an "
                   "-fps_mode passthrough -f rawvideo -pix_fmt yuv420p "
                   "film.yuv 2>film.log && test ! -s film.log", getpid(), fd));

    f->yuv = read_file("film.yuv", &len);
    assert_int_equal(len % (size_t) (w * h * 3 / 2), 0);
    f->n = len / (size_t) (w * h * 3 / 2);

    if (sound) {
        /* one channel in both ears, not 3 dB down as the command has it */
        assert_true(sh("f=/proc/%d/fd/%d; n=$(ffprobe -v error -select_streams "
                       "a -show_entries stream=channels -of csv=p=0 $f); "
                       "ffmpeg -hide_banner -v error -y -i $f -vn -f f32le "
                       "-af \"pan=stereo|c0=c0|c1=c$((n - 1))\" -ar 48000 "
                       "film.pcm", getpid(), fd));
        f->pcm = (float *) read_file("film.pcm", &len);
        f->samples = len / (2 * sizeof(float));
    }
}


/* The command plays the last packet to its end, not to the film's. */

HELPER void
trim_sound(film *f, int64_t samples)
{
    assert_in_range(f->samples, samples,
                    samples + rn_codec_of(RN_CODEC_AAC)->frame - 1);
    f->samples = (size_t) samples;
}


HELPER void
free_film(film *f)
{
    free(f->yuv);
    free(f->pcm);
    memset(f, 0, sizeof(*f));
}


/* Renders a document to a film, and decodes it. */

HELPER void
render_film(const char *text, film *f)
{
    int        fd;
    bool       sound;
    char       damaged[65];
    json_t    *plan, *canvas;
    rn_env     env;
    int64_t    bytes;
    lending    l;
    rn_fault   fault;

    plan = render_plan(text, &l);
    canvas = json_object_get(plan, "canvas");
    sound = json_array_size(json_object_get(plan, "sound")) > 0;

    fd = memory_file("", 0);
    env = env_of(&l);
    memset(&fault, 0, sizeof(fault));

    if (assemble_film(plan, &env, fd, &bytes, damaged, &fault) != RN_OK) {
        fail_msg("not assembled: %s", fault.text);
    }

    assert_int_equal(bytes, lseek(fd, 0, SEEK_END));

    decode(fd, (int) json_integer_value(json_array_get(canvas, 0)),
           (int) json_integer_value(json_array_get(canvas, 1)), sound, f);

    assert_int_equal(f->n, number_of(plan, "frames"));
    if (sound) {
        trim_sound(f, number_of(plan, "samples"));
    }

    (void) close(fd);
    take_back(&l);
    json_decref(plan);
}


/* The mean of a rectangle of plane 0 (luma), 1 or 2, in luma px. */

HELPER double
mean(const film *f, size_t frame, int plane, int x, int y, int w, int h)
{
    int             i, j, stride;
    double          sum;
    const uint8_t  *p;

    assert_true(frame < f->n);

    p = f->yuv + frame * (size_t) (f->w * f->h * 3 / 2);
    stride = f->w;

    if (plane > 0) {
        p += f->w * f->h + (plane - 1) * f->w * f->h / 4;
        stride /= 2;
        x /= 2;
        y /= 2;
        w /= 2;
        h /= 2;
    }

    sum = 0;
    for (j = y; j < y + h; j++) {
        for (i = x; i < x + w; i++) {
            sum += p[j * stride + i];
        }
    }

    return sum / (w * h);
}


#define assert_near(a, b, tolerance)                                          \
    do {                                                                      \
        double  a_ = (a), b_ = (b);                                           \
                                                                              \
        if (!(fabs(a_ - b_) <= (tolerance))) {                                \
            fail_msg("%s is %g, not %g", #a, a_, b_);                         \
        }                                                                     \
    } while (0)


/* Whether an area shows an RGB colour, by bt.709 in limited range. */

HELPER bool
shows(const film *f, size_t frame, int x, int y, int w, int h, uint32_t rgb)
{
    double  r, g, b, luma, want[3], have;
    int     i;

    r = (rgb >> 16 & 255) / 255.0;
    g = (rgb >> 8 & 255) / 255.0;
    b = (rgb & 255) / 255.0;

    luma = 0.2126 * r + 0.7152 * g + 0.0722 * b;
    want[0] = 16 + 219 * luma;
    want[1] = 128 + 224 * (b - luma) / 1.8556;
    want[2] = 128 + 224 * (r - luma) / 1.5748;

    for (i = 0; i < 3; i++) {
        have = mean(f, frame, i, x, y, w, h);
        if (fabs(have - want[i]) > 2) {
            print_error("frame %zu, plane %d at %d,%d: %.1f, not %.1f\n",
                        frame, i, x, y, have, want[i]);
            return false;
        }
    }

    return true;
}


#endif /* HELPERS_H */
