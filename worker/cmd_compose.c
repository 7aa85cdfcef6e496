/*
 * render compose: the engine with no server.  Segments go to a cache folder
 * under their keys, so that with --cache only what changed is rendered again.
 */

#include "cmd_compose.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>


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
        cmd_pieces_init(&c->pieces, c->film.plan, c->cache);

        ok = compose_pieces(c);
        ok = ok && compose_outputs(c);

        (void) json_object_update(c->made, c->pieces.begun);
        cmd_pieces_free(&c->pieces);

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

    if (optind != argc - 1 || c->out == NULL || c->out[0] == '\0') {
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

    if (ok && !(cmd_make_plan(&c.film) && compose_may_write(&c))) {
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
