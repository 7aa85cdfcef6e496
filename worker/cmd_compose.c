/*
 * render compose: the engine with no server.  Segments go to a cache folder
 * under their keys, so that with --cache only what changed is rendered again.
 */

#include "cmd_compose.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
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


static bool
start_run(compose *c, local_task *t, const char *kind, json_t *run)
{
    char         path[8300];
    size_t       i;
    json_t      *piece;
    const char  *key;

    memset(t, 0, sizeof(*t));
    t->kind = kind;
    t->spec = json_pack("{s:o}", "pieces", run);

    json_array_foreach(run, i, piece) {
        key = json_string_value(json_object_get(piece, "key"));
        compose_piece_path(c, key, ".part", path, sizeof(path));

        if (!local_lend(t, key, path, O_RDWR | O_CREAT | O_TRUNC)
            || !lend_inputs(c, t, json_object_get(piece, "spec")))
        {
            return false;
        }
    }

    return local_start(t);
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


static void
show_progress(compose *c, double running)
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


static bool
render_pieces(compose *c)
{
    int          wstatus, i, running;
    bool         ok;
    char         err[512];
    pid_t        pid;
    double       part;
    json_t      *run, *lists[2];
    rn_status    rc;
    size_t       next, list;
    local_task  *tasks, *t;
    struct pollfd  *ends;

    static const char *const kinds[] = { "audio", "render_segment" };

    lists[0] = json_object_get(c->film.plan, "sound");
    lists[1] = json_object_get(c->film.plan, "segments");
    c->cost = cost_of_pieces(lists[0]) + cost_of_pieces(lists[1]);

    tasks = calloc((size_t) c->jobs, sizeof(local_task));
    ends = calloc((size_t) c->jobs, sizeof(struct pollfd));

    if (tasks == NULL || ends == NULL) {
        free(tasks);
        free(ends);
        return false;
    }

    ok = true;
    next = list = 0;
    running = 0;

    for ( ;; ) {
        for (i = 0; ok && i < c->jobs && list < 2; i++) {
            if (tasks[i].pid > 0) {
                continue;
            }

            run = next_run(c, lists[list], &next);

            if (json_array_size(run) == 0) {
                json_decref(run);
                if (next >= json_array_size(lists[list])) {
                    list++;
                    next = 0;
                }
                i--;
                continue;
            }

            ok = start_run(c, &tasks[i], kinds[list], run);
            running += ok;
        }

        if (running == 0) {
            break;
        }

        pid = waitpid(-1, &wstatus, WNOHANG);

        if (pid <= 0) {
            for (i = 0, part = 0; i < c->jobs; i++) {
                ends[i].fd = tasks[i].pid > 0 ? tasks[i].status_fd : -1;
                ends[i].events = 0;             /* hung up: it has ended */
                part += tasks[i].pid > 0 ? run_done(&tasks[i]) : 0;
            }

            show_progress(c, part);
            (void) poll(ends, (nfds_t) c->jobs, 100);
            continue;
        }

        for (i = 0; i < c->jobs && tasks[i].pid != pid; i++) { /* void */ }

        if (i == c->jobs) {
            continue;
        }

        t = &tasks[i];
        running--;

        rc = local_finish(t, wstatus, err, sizeof(err));

        if (rc != RN_OK) {
            compose_uncopied(c, t);
            if (ok) {
                compose_failed(c, rc, err);
                fprintf(stderr, "%srender: %s\n", c->bar ? "\n" : "", err);
            }
            ok = false;
        } else {
            ok = keep_run(c, t) && ok;
            c->done += run_cost(t);
        }

        local_free(t);
    }

    for (i = 0; i < c->jobs; i++) {
        local_free(&tasks[i]);
    }
    free(tasks);
    free(ends);

    if (ok) {
        c->done = c->cost;
        show_progress(c, 0);
    }

    if (c->bar) {
        (void) fputc('\n', stderr);
    }

    return ok;
}


static void
remove_pieces(compose *c)
{
    char         path[8300];
    size_t       i, k;
    json_t      *p, *lists[2];
    const char  *key;

    lists[0] = json_object_get(c->film.plan, "sound");
    lists[1] = json_object_get(c->film.plan, "segments");

    for (k = 0; k < 2; k++) {
        json_array_foreach(lists[k], i, p) {
            key = json_string_value(json_object_get(p, "key"));
            compose_piece_path(c, key, ".part", path, sizeof(path));
            (void) unlink(path);

            if (!c->keep) {
                compose_piece_path(c, key, "", path, sizeof(path));
                (void) unlink(path);
            }
        }
    }
}


/*
 * Where something cannot be copied, or coded by the encoder that was to do it,
 * the film is planned anew without that.
 */

static bool
render_film(compose *c)
{
    bool  ok;

    for ( ;; ) {
        c->claimed = json_object();
        ok = render_pieces(c);
        ok = ok && compose_outputs(c);
        remove_pieces(c);

        json_decref(c->claimed);

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

    json_decref(c->uncopied);

    if (!c->keep) {
        (void) rmdir(c->cache);
    }

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
