/*
 * The first step of render compose: what a film is made of, rendered to a
 * folder of pieces by tasks side by side.
 */

#include "cmd_compose.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
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

        if (!cmd_lend_source(&c->film, t, json_string_value(v))) {
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
    double   cost, enough;
    json_t  *run, *piece;

    run = json_array();
    cost = 0;
    enough = c->jobs == 1 ? RUN_SECONDS
             : fmin(RUN_SECONDS, fmax(RUN_LEAST, c->cost
                                                 / (RUN_PARTS * c->jobs)));

    for ( /* void */ ; *next < json_array_size(pieces) && cost < enough;
          (*next)++)
    {
        piece = json_array_get(pieces, *next);

        switch (cmd_piece_next(&c->pieces, piece)) {
        case CMD_PIECE_LEFT:
            c->rendered++;
            continue;

        case CMD_PIECE_MADE:
            c->rendered++;
            break;

        default:
            c->reused++;
            if (json_array_size(run) > 0) {
                (*next)++;
                return run;             /* a run is of neighbours */
            }
            continue;
        }

        (void) json_array_append(run, piece);
        cost += json_real_value(json_object_get(piece, "cost"));
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


static bool
start_run(void *data, local_task *t)
{
    json_t     *run;
    rendering  *r = data;

    for ( /* void */ ; r->ok && r->list < TRACKS; r->list++, r->next = 0) {
        run = next_run(r->c, json_object_get(r->c->film.plan,
                                             tracks[r->list].name), &r->next);

        if (json_array_size(run) > 0) {
            t->kind = tracks[r->list].kind;
            t->spec = json_pack("{s:o}", "pieces", run);
            r->ok = lend_run(r->c, t);
            return r->ok;
        }

        json_decref(run);
    }

    return false;
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


bool
compose_pieces(compose *c)
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
