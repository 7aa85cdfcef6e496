/*
 * Calls of the engine within one process, as a child of a worker makes them
 * once it runs: what they take, each, without what it takes to start it.
 *
 *   calls probe TIMES FILE                  rn_probe, as after an upload
 *   calls poster TIMES FILE OUT             a picture of the file at 0 s
 *   calls preview TIMES DOCUMENT OUT SRC... the plan of a document, and the
 *                                           stage "preview": its first picture
 *                                           and its poster
 *   calls plan TIMES DOCUMENT OUT SRC...    the first half of that
 *
 * Each SRC is one that the document names, a path relative to the folder we
 * are in.  The sources have been probed before, as uploads are.
 */

#include "bench.h"
#include "rn_probe.h"
#include "rn_scene.h"
#include "rn_still.h"
#include "stage.h"


#define FILES  64

typedef struct {
    char  name[80];
    int   fd;
} lent;

static lent    files[FILES];
static size_t  n_files;


static int
file_of(void *opaque, const char *name)
{
    size_t  i;

    (void) opaque;

    for (i = 0; i < n_files; i++) {
        if (strcmp(files[i].name, name) == 0) {
            return files[i].fd;
        }
    }

    return -1;
}

static const rn_env  env = { .file = file_of };


static void
lend(const char *name, const char *path, int flags)
{
    if (n_files == FILES) {
        die("too many files");
    }

    (void) snprintf(files[n_files].name, sizeof(files->name), "%s", name);
    files[n_files].fd = open(path, flags, 0666);

    if (files[n_files].fd < 0) {
        die("%s: %s", path, strerror(errno));
    }

    n_files++;
}


static void
must(rn_status rc, const rn_fault *fault)
{
    if (rc != RN_OK) {
        die("%s: %s", rn_status_name(rc), fault->text);
    }
}


static json_t *
probe(int fd)
{
    json_t    *facts;
    rn_fault   fault;

    memset(&fault, 0, sizeof(fault));
    must(rn_probe(fd, true, &facts, &fault), &fault);

    return facts;
}


/*
 * The facts of sources by their names in a document, which are lent under
 * digests that are none: only the mover looks for what they are of.
 */

static json_t *
assets_of(char **srcs, int n)
{
    int      i;
    char     digest[65];
    json_t  *assets;

    assets = json_object();

    for (i = 0; i < n; i++) {
        (void) snprintf(digest, sizeof(digest), "%064d", i + 1);
        lend(digest, srcs[i], O_RDONLY);
        (void) json_object_set_new(assets, srcs[i],
                                   json_pack("{s:s, s:o}", "sha256", digest,
                                             "probe",
                                             probe(files[n_files - 1].fd)));
    }

    return assets;
}


static json_t *
plan(const char *document, json_t *assets)
{
    json_t    *spec, *result, *detail;
    rn_fault   fault;

    memset(&fault, 0, sizeof(fault));
    result = detail = NULL;

    spec = json_pack("{s:s, s:b, s:O, s:b}", "config", document, "paths", 1,
                     "assets", assets, "smart_cut", 0);
    must(stage_plan(spec, &env, &result, &detail, &fault), &fault);

    json_decref(detail);
    json_decref(spec);

    return result;
}


/* Which picture: as SQL puts it into the task of a preview. */

static json_t *
picture_of(json_t *p, size_t number, json_int_t tick)
{
    size_t   i;
    json_t  *s;

    json_array_foreach(json_object_get(p, "segments"), i, s) {
        if (json_integer_value(json_object_get(s, "number"))
            == (json_int_t) number)
        {
            return json_pack("{s:O, s:I}", "spec", json_object_get(s, "spec"),
                             "tick", tick);
        }
    }

    die("a plan without segment %zu", number);
    return NULL;
}


static json_t *
pictures(json_t *p)
{
    json_t  *first, *poster;

    first = json_incref(json_object_get(p, "first"));
    poster = json_object_get(p, "poster");

    if (first == NULL) {
        first = picture_of(p, 0, 0);
    }

    if (json_object_get(poster, "spec") != NULL) {
        json_incref(poster);
    } else {
        poster = picture_of(p, (size_t) json_integer_value(
                                   json_object_get(poster, "number")),
                            json_integer_value(json_object_get(poster,
                                                               "tick")));
    }

    return json_pack("{s:o, s:o, s:b}", "first", first, "poster", poster,
                     "blurhash", 1);
}


static void
write_poster(json_t *which)
{
    int             fd;
    int64_t         bytes;
    rn_scene       *s;
    rn_fault        fault;
    const AVFrame  *f;

    fd = file_of(NULL, "poster.jpg");
    memset(&fault, 0, sizeof(fault));
    must(rn_scene_open(&s, json_object_get(which, "spec"), &env, &fault),
         &fault);
    must(rn_scene_picture(s, 0, &f, &fault), &fault);
    must(rn_still_write(f, f->width, f->height, fd, &bytes, &fault), &fault);
    rn_scene_close(&s);
}


/* What a call takes: told between two of these. */

static uint64_t  began;
static double    used;


static void
begin(void)
{
    began = now_us();
    used = own_cpu();
}


static void
end(int times)
{
    printf("wall %.6f\n", (double) (now_us() - began) / times / 1e6);
    printf("cpu %.6f\n", (own_cpu() - used) / times);
}


static void
run_probe(int times, char **argv)
{
    int  i, fd;

    fd = open(argv[0], O_RDONLY);
    if (fd < 0) {
        die("%s: %s", argv[0], strerror(errno));
    }

    json_decref(probe(fd));             /* what is done once a process */
    begin();

    for (i = 0; i < times; i++) {
        json_decref(probe(fd));
    }

    end(times);
}


static void
run_poster(int times, char **argv)
{
    int        i;
    char       document[8192];
    json_t    *assets, *video, *p, *which;

    assets = assets_of(argv, 1);
    video = json_object_get(json_object_get(json_object_get(assets, argv[0]),
                                            "probe"), "video");

    (void) snprintf(document, sizeof(document), "{\"timeline\": {\"width\": "
                    "%d, \"height\": %d, \"tracks\": [{\"clips\": [{\"asset\": "
                    "{\"type\": \"video\", \"src\": \"%s\"}}]}]}}",
                    (int) json_integer_value(json_object_get(video, "width")),
                    (int) json_integer_value(json_object_get(video, "height")),
                    argv[0]);

    p = plan(document, assets);
    which = picture_of(p, 0, 0);
    lend("poster.jpg", argv[1], O_RDWR | O_CREAT | O_TRUNC);

    write_poster(which);
    begin();

    for (i = 0; i < times; i++) {
        write_poster(which);
    }

    end(times);

    json_decref(which);
    json_decref(p);
    json_decref(assets);
}


/* Each is a new film, as for a child: nothing is kept from one to the next. */

static void
run_preview(bool all, int times, int n, char **argv)
{
    int        i;
    char      *document, poster[4096];
    json_t    *assets, *p, *which, *result, *detail;
    rn_fault   fault;

    document = slurp(argv[0], NULL);
    assets = assets_of(argv + 2, n - 2);
    lend("preview.jpg", argv[1], O_RDWR | O_CREAT | O_TRUNC);
    (void) snprintf(poster, sizeof(poster), "%s.poster", argv[1]);
    lend("poster.jpg", poster, O_RDWR | O_CREAT | O_TRUNC);

    begin();

    for (i = 0; i < times; i++) {
        memset(&fault, 0, sizeof(fault));
        result = detail = NULL;
        p = plan(document, assets);

        if (all) {
            which = pictures(p);
            must(stage_preview(which, &env, &result, &detail, &fault), &fault);
            json_decref(result);
            json_decref(detail);
            json_decref(which);
        }

        json_decref(p);
    }

    end(times);
    json_decref(assets);
    free(document);
}


int
main(int argc, char **argv)
{
    int  times;

    times = argc > 3 ? atoi(argv[2]) : 0;
    av_log_set_level(AV_LOG_FATAL);

    if (times > 0 && strcmp(argv[1], "probe") == 0) {
        run_probe(times, argv + 3);
    } else if (times > 0 && argc == 5 && strcmp(argv[1], "poster") == 0) {
        run_poster(times, argv + 3);
    } else if (times > 0 && argc > 4 && (strcmp(argv[1], "preview") == 0
                                         || strcmp(argv[1], "plan") == 0))
    {
        run_preview(argv[1][1] == 'r', times, argc - 3, argv + 3);
    } else {
        die("usage: calls probe TIMES FILE | poster TIMES FILE OUT "
            "| preview TIMES DOCUMENT OUT SRC... "
            "| plan TIMES DOCUMENT OUT SRC...");
    }

    return 0;
}
