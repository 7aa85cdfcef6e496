/*
 * render compose: the engine with no server.  Segments go to a cache folder
 * under their keys, so that with --cache only what changed is rendered again.
 */

#include "cmd_compose.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>


#define RUN_SECONDS  2.0                /* CPU seconds a task is worth */
#define RUN_LEAST    0.4                /* and at the least */
#define RUN_PARTS    4                  /* of all, for each that renders */


/* Lends every "input" that a specification names, at any depth. */

static bool
lend_inputs(const compose *c, local_task *t, json_t *spec)
{
    size_t       i;
    json_t      *v;
    const char  *name;

    json_array_foreach(spec, i, v) {
        if (!lend_inputs(c, t, v)) {
            return false;
        }
    }

    json_object_foreach(spec, name, v) {
        if (strcmp(name, "input") != 0) {
            if (!lend_inputs(c, t, v)) {
                return false;
            }
            continue;
        }

        for (i = 0; i < t->n_files; i++) {
            if (strcmp(t->files[i].name, json_string_value(v)) == 0) {
                break;
            }
        }

        if (i == t->n_files
            && !cmd_lend_source(&c->film, t, json_string_value(v)))
        {
            return false;
        }
    }

    return true;
}


/*
 * Takes the next run of neighbouring pieces worth a task, so that nobody is
 * without one while others have much; *next moves behind it.  Returns an empty
 * array when all is there.
 */

static json_t *
next_run(compose *c, json_t *pieces, size_t *next)
{
    char         path[8300];
    double       cost, enough;
    json_t      *run, *piece;
    const char  *key;

    run = json_array();
    cost = 0;
    enough = c->jobs == 1 ? RUN_SECONDS
             : fmin(RUN_SECONDS, fmax(RUN_LEAST, c->cost
                                                 / (RUN_PARTS * c->jobs)));

    for ( /* void */ ; *next < json_array_size(pieces); (*next)++) {
        piece = json_array_get(pieces, *next);
        key = json_string_value(json_object_get(piece, "key"));
        compose_piece_path(c, key, "", path, sizeof(path));

        /* also what this run has begun: a film may show a piece twice */

        if (json_object_get(c->claimed, key) == NULL
            && compose_from_source(c, piece))
        {
            (void) json_object_set_new(c->claimed, key, json_true());
            c->rendered++;
            continue;
        }

        if (json_object_get(c->claimed, key) != NULL
            || access(path, R_OK) == 0)
        {
            c->reused++;
            if (json_array_size(run) > 0) {
                (*next)++;
                break;
            }
            continue;
        }

        (void) json_object_set_new(c->claimed, key, json_true());
        (void) json_array_append(run, piece);
        cost += json_real_value(json_object_get(piece, "cost"));
        c->rendered++;

        if (cost >= enough) {
            (*next)++;
            break;
        }
    }

    return run;
}


/* Lends what the run's pieces are made of, and where they go. */

static bool
lend_run(compose *c, local_task *t)
{
    char         path[8300];
    size_t       i;
    json_t      *piece;
    const char  *key;

    json_array_foreach(json_object_get(t->spec, "pieces"), i, piece) {
        key = json_string_value(json_object_get(piece, "key"));
        compose_piece_path(c, key, ".part", path, sizeof(path));

        if (!local_lend(t, key, path, O_RDWR | O_CREAT | O_TRUNC)
            || !lend_inputs(c, t, json_object_get(piece, "spec")))
        {
            return false;
        }
    }

    return true;
}


static bool
keep_run(compose *c, local_task *t)
{
    char         from[8300], to[8300];
    size_t       i;
    json_t      *piece;
    const char  *key;

    json_array_foreach(json_object_get(t->spec, "pieces"), i, piece) {
        key = json_string_value(json_object_get(piece, "key"));
        compose_piece_path(c, key, ".part", from, sizeof(from));
        compose_piece_path(c, key, "", to, sizeof(to));

        if (rename(from, to) != 0) {
            fprintf(stderr, "render: %s: %s\n", to, strerror(errno));
            return false;
        }
    }

    return true;
}


static double
cost_of_pieces(json_t *pieces)
{
    size_t   i;
    double   cost;
    json_t  *p;

    cost = 0;
    json_array_foreach(pieces, i, p) {
        cost += json_real_value(json_object_get(p, "cost"));
    }

    return cost;
}


void
compose_progress(compose *c, double running)
{
    int     percent, i;
    double  part;

    part = c->cost > 0 ? (c->done + running) / c->cost : 1;
    percent = (int) (100 * (part > 1 ? 1 : part));

    if (c->bar) {
        fprintf(stderr, "\r[");
        for (i = 0; i < 40; i++) {
            (void) fputc(i < percent * 40 / 100 ? '#' : ' ', stderr);
        }
        fprintf(stderr, "] %3d %%", percent);

    } else if (percent / 10 != c->percent / 10) {
        fprintf(stderr, "render: %d %%\n", percent);
    }

    c->percent = percent;
}


static double
run_cost(const local_task *t)
{
    return cost_of_pieces(json_object_get(t->spec, "pieces"));
}


static double
run_done(local_task *t)
{
    size_t   i;
    double   frames;
    json_t  *p;

    local_progress(t);
    frames = 0;

    json_array_foreach(json_object_get(t->spec, "pieces"), i, p) {
        frames += (double) json_integer_value(json_object_get(p, "frames"));
    }

    return frames > 0 ? run_cost(t) * t->units / frames : 0;
}


/* All pieces: the sound, then the pictures. */

typedef struct {
    compose  *c;
    size_t    list, next;
    bool      ok;
} rendering;

static const struct {
    const char  *name, *kind;
} tracks[] = { { "sound", "audio" }, { "segments", "render_segment" } };

#define TRACKS  (sizeof(tracks) / sizeof(tracks[0]))


static local_more
start_run(void *data, local_task *t)
{
    json_t     *run;
    compose    *c;
    rendering  *r = data;

    c = r->c;

    for ( /* void */ ; r->ok && r->list < TRACKS; r->list++, r->next = 0) {
        run = next_run(c, json_object_get(c->film.plan,
                                          tracks[r->list].name), &r->next);

        if (json_array_size(run) > 0) {
            t->kind = tracks[r->list].kind;
            t->spec = json_pack("{s:o}", "pieces", run);
            r->ok = lend_run(c, t);
            return r->ok ? LOCAL_TASK : LOCAL_NONE;
        }

        json_decref(run);
    }

    return LOCAL_NONE;
}


static void
end_run(void *data, local_task *t, rn_status rc, const char *err)
{
    compose    *c;
    rendering  *r = data;

    c = r->c;

    if (rc == RN_OK) {
        r->ok = keep_run(c, t) && r->ok;
        c->done += run_cost(t);
        return;
    }

    compose_uncopied(c, t);

    if (r->ok) {                        /* the first is why */
        compose_failed(c, rc, err);
        fprintf(stderr, "%srender: %s\n", c->bar ? "\n" : "", err);
    }

    r->ok = false;
}


static void
tell_runs(void *data, local_task *tasks, size_t n)
{
    size_t      i;
    double      part;
    rendering  *r = data;

    for (i = 0, part = 0; i < n; i++) {
        part += tasks[i].pid > 0 ? run_done(&tasks[i]) : 0;
    }

    compose_progress(r->c, part);
}


static bool
render_pieces(compose *c)
{
    size_t      i;
    rendering   r;
    local_work  work;

    c->cost = 0;

    for (i = 0; i < TRACKS; i++) {
        c->cost += cost_of_pieces(json_object_get(c->film.plan,
                                                  tracks[i].name));
    }

    memset(&r, 0, sizeof(r));
    r.c = c;
    r.ok = true;

    work.places = (size_t) c->jobs;
    work.next = start_run;
    work.ended = end_run;
    work.tick = tell_runs;
    work.data = &r;

    return local_work_off(&work) && r.ok;
}


/* What was made by all plans of the film; parts that have failed, too. */

static void
remove_pieces(compose *c)
{
    char         path[8300];
    json_t      *v;
    const char  *key;

    json_object_foreach(c->made, key, v) {
        compose_piece_path(c, key, ".part", path, sizeof(path));
        (void) unlink(path);

        if (!c->keep) {
            compose_piece_path(c, key, "", path, sizeof(path));
            (void) unlink(path);
        }
    }

    if (!c->keep) {
        (void) rmdir(c->cache);
    }
}


/*
 * Where something cannot be copied, or coded by the encoder that was to do it,
 * the film is planned anew without that; pieces that are the same stay.
 */

static bool
render_film(compose *c)
{
    bool  ok;

    c->made = json_object();

    for ( ;; ) {
        c->claimed = json_object();
        compose_sort_copies(c);

        ok = render_pieces(c);
        ok = ok && compose_outputs(c);

        (void) json_object_update(c->made, c->claimed);
        json_decref(c->claimed);

        if (ok) {
            c->done = c->cost;
            compose_progress(c, 0);
        }

        if (c->bar) {
            (void) fputc('\n', stderr);
        }

        if (ok || !(c->uncopied != NULL
                    ? cmd_plan_uncopied(&c->film, c->uncopied)
                    : c->failed[0] != '\0'
                      && cmd_plan_software(&c->film, c->failed)))
        {
            break;
        }

        json_decref(c->uncopied);
        c->uncopied = NULL;
        c->failed[0] = '\0';
        c->done = 0;
    }

    remove_pieces(c);
    json_decref(c->uncopied);
    json_decref(c->stored);
    json_decref(c->made);

    return ok;
}


static bool
read_options(compose *c, int argc, char **argv)
{
    int    o;
    char  *end;
    long   n;

    static const struct option options[] = {
        { "output", required_argument, NULL, 'o' },
        { "cache", required_argument, NULL, 'c' },
        { "jobs", required_argument, NULL, 'j' },
        { "smart-cut", no_argument, NULL, 's' },
        { "encoder", required_argument, NULL, 'e' },
        { NULL, 0, NULL, 0 }
    };

    n = sysconf(_SC_NPROCESSORS_ONLN);
    c->jobs = n > 0 ? (int) n : 1;

    while ((o = getopt_long(argc, argv, "o:j:", options, NULL)) != -1) {
        switch (o) {
        case 'o':
            c->out = optarg;
            break;
        case 'c':
            (void) snprintf(c->cache, sizeof(c->cache), "%s", optarg);
            c->keep = true;
            break;
        case 's':
            c->film.smart_cut = true;
            break;
        case 'e':
            c->film.encoder = optarg;
            break;
        case 'j':
            n = strtol(optarg, &end, 10);
            if (*end != '\0' || n < 1 || n > 1024) {
                return false;
            }
            c->jobs = (int) n;
            break;
        default:
            return false;
        }
    }

    if (optind != argc - 1 || c->out == NULL) {
        return false;
    }

    c->film.file = argv[optind];

    return true;
}


int
cmd_compose(int argc, char **argv)
{
    bool             ok;
    compose          c;
    const char      *tmp;
    struct rlimit    files;
    struct timespec  a, b;

    memset(&c, 0, sizeof(c));
    (void) clock_gettime(CLOCK_MONOTONIC, &a);

    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;    /* a film may have many pieces */
        (void) setrlimit(RLIMIT_NOFILE, &files);
    }

    if (!read_options(&c, argc, argv)) {
        fprintf(stderr, "usage: render compose FILE -o OUT [--cache DIR] "
                "[--jobs N] [--smart-cut] [--encoder NAME]\n");
        return 2;
    }

    if (c.film.encoder != NULL && !cmd_encoder_known(c.film.encoder)) {
        return 2;
    }

    c.bar = isatty(STDERR_FILENO) && getenv("NO_COLOR") == NULL;

    ok = true;

    c.film.passing = !c.keep;

    if (c.keep) {
        ok = mkdir(c.cache, 0777) == 0 || errno == EEXIST;
        c.film.cache = c.cache;
    }

    if (ok && !cmd_make_plan(&c.film)) {
        cmd_film_free(&c.film);
        return 1;
    }

    if (ok && !c.keep) {
        tmp = getenv("TMPDIR");
        (void) snprintf(c.cache, sizeof(c.cache), "%.4000s/render-XXXXXX",
                        tmp != NULL && tmp[0] ? tmp : "/tmp");
        ok = mkdtemp(c.cache) != NULL;
    }

    if (!ok) {
        fprintf(stderr, "render: %s: %s\n", c.cache, strerror(errno));
    } else {
        ok = render_film(&c);
    }

    if (ok) {
        (void) clock_gettime(CLOCK_MONOTONIC, &b);
        fprintf(stderr, "render: %s: %.3f s of film, %zu pieces rendered, "
                "%zu reused, in %.2f s\n", c.out,
                json_real_value(json_object_get(c.film.plan, "duration")),
                c.rendered, c.reused,
                (double) (b.tv_sec - a.tv_sec)
                + (double) (b.tv_nsec - a.tv_nsec) / 1e9);
    }

    cmd_film_free(&c.film);

    return ok ? 0 : 1;
}
