/*
 * The last step of render compose: pieces to files.  A film's only output, if
 * it is one file, is called as the caller says; others lie in a folder of that
 * name, as the plan calls them.
 */

#include "cmd_compose.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>


#define PATH_SIZE   8300
#define OWN_FILES   64                  /* descriptors that are no task's */
#define TASK_FILES  8                   /* of a task, beside its files */


void
compose_piece_path(const compose *c, const char *key, const char *suffix,
    char *path, size_t len)
{
    (void) snprintf(path, len, "%s/%s.mp4%s", c->cache, key, suffix);
}


void
compose_uncopied(compose *c, const local_task *t)
{
    json_t  *digests;

    digests = json_object_get(json_object_get(t->answer, "detail"), "uncopied");

    if (digests == NULL) {
        return;
    }

    if (c->uncopied == NULL) {
        c->uncopied = json_array();
    }

    (void) json_array_extend(c->uncopied, digests);
}


/* As plan_for_software in SQL: inputs and documents stay what they are. */

void
compose_failed(compose *c, rn_status rc, const char *err)
{
    if (rc == RN_E_UNSUPPORTED || rc == RN_E_INTERNAL || rc == RN_E_NOMEM
        || rc == RN_E_IO)
    {
        (void) snprintf(c->failed, sizeof(c->failed), "%s", err);
    }
}


/* The pieces of the track that an output shares with the one of that name. */

static void
add_pieces(json_t *out, json_t *list, json_t *name)
{
    size_t   i;
    json_t  *p;

    json_array_foreach(list, i, p) {
        if (name != NULL && json_equal(json_object_get(p, "output"), name)) {
            (void) json_array_append(out, p);
        }
    }
}


/* What an output is made of: a stream comes in several sizes. */

static json_t *
spec_of(json_t *plan, json_t *output)
{
    size_t   i;
    json_t  *spec, *segments, *sound, *list, *r;

    spec = json_copy(output);
    segments = json_array();
    sound = json_array();
    list = json_object_get(output, "renditions");

    json_array_foreach(list, i, r) {
        add_pieces(segments, json_object_get(plan, "segments"),
                   json_object_get(r, "video"));
    }

    if (json_array_size(list) == 0) {
        add_pieces(segments, json_object_get(plan, "segments"),
                   json_object_get(output, "video"));
    }

    add_pieces(sound, json_object_get(plan, "sound"),
               json_object_get(output, "sound"));

    (void) json_object_set(spec, "title", json_object_get(plan, "title"));
    (void) json_object_set_new(spec, "segments", segments);
    (void) json_object_set_new(spec, "sound", sound);

    return spec;
}


static bool
lend_pieces(const compose *c, local_task *t, json_t *pieces)
{
    char         path[PATH_SIZE];
    size_t       i;
    json_t      *p;
    const char  *key;

    json_array_foreach(pieces, i, p) {
        key = json_string_value(json_object_get(p, "key"));
        compose_piece_path(c, key, "", path, sizeof(path));

        if (!local_lend(t, key, path, O_RDONLY)) {
            return false;
        }
    }

    return true;
}


static bool
in_folder(const compose *c)
{
    json_t       *outputs;
    struct stat   st;

    outputs = json_object_get(c->film.plan, "outputs");

    return json_array_size(outputs) > 1
           || json_array_size(json_object_get(json_array_get(outputs, 0),
                                              "files")) > 1
           || (stat(c->out, &st) == 0 && S_ISDIR(st.st_mode));
}


static void
file_path(const compose *c, const char *name, const char *suffix, char *path)
{
    if (in_folder(c)) {
        (void) snprintf(path, PATH_SIZE, "%s/%s%s", c->out, name, suffix);
    } else {
        (void) snprintf(path, PATH_SIZE, "%s%s", c->out, suffix);
    }
}


static const char *
name_of(json_t *file)
{
    return json_string_value(json_object_get(file, "name"));
}


/* Whole files, or none: what is there already stays until they are. */

static bool
keep_files(const compose *c, json_t *files, bool made)
{
    char     part[PATH_SIZE], path[PATH_SIZE];
    size_t   i;
    json_t  *f;

    json_array_foreach(files, i, f) {
        file_path(c, name_of(f), ".part", part);
        file_path(c, name_of(f), "", path);

        if (made && rename(part, path) != 0) {
            fprintf(stderr, "render: %s: %s\n", path, strerror(errno));
            made = false;
        }

        if (!made) {
            (void) unlink(part);
        }
    }

    return made;
}


/* An output in the making. */

typedef struct {
    local_task   task;                  /* pid 0: none */
    json_t      *output;                /* of the plan */
} joining;


static bool
start_output(compose *c, joining *j)
{
    bool         ok;
    char         part[PATH_SIZE];
    size_t       i;
    json_t      *f, *files;
    local_task  *t = &j->task;

    files = json_object_get(j->output, "files");

    ok = lend_pieces(c, t, json_object_get(t->spec, "segments"))
         && lend_pieces(c, t, json_object_get(t->spec, "sound"));

    json_array_foreach(files, i, f) {
        file_path(c, name_of(f), ".part", part);
        ok = ok && local_lend(t, name_of(f), part,
                              O_RDWR | O_CREAT | O_TRUNC);
    }

    if (ok && local_start(t)) {
        return true;
    }

    (void) keep_files(c, files, false);
    local_free(t);

    return false;
}


static bool
end_output(compose *c, joining *j, int wstatus)
{
    bool       ok;
    char       err[512];
    rn_status  rc;

    rc = local_finish(&j->task, wstatus, err, sizeof(err));

    if (rc != RN_OK) {
        fprintf(stderr, "render: %s\n", err);
        compose_failed(c, rc, err);
        compose_uncopied(c, &j->task);
    }

    ok = keep_files(c, json_object_get(j->output, "files"), rc == RN_OK);
    local_free(&j->task);

    return ok;
}


/* Descriptors that it needs; of a film of many pieces these are many. */

static size_t
descriptors(json_t *spec)
{
    return json_array_size(json_object_get(spec, "segments"))
           + json_array_size(json_object_get(spec, "sound"))
           + json_array_size(json_object_get(spec, "files")) + TASK_FILES;
}


/* Starts the next ones, as far as there are places and descriptors. */

static bool
start_outputs(compose *c, joining *all, size_t n, json_t *outputs, size_t *next)
{
    size_t         i, used;
    json_t        *spec;
    struct rlimit  limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        limit.rlim_cur = 1024;
    }

    used = OWN_FILES;
    for (i = 0; i < n; i++) {
        used += all[i].task.pid > 0 ? descriptors(all[i].task.spec) : 0;
    }

    for (i = 0; i < n && *next < json_array_size(outputs); i++) {
        if (all[i].task.pid > 0) {
            continue;
        }

        spec = spec_of(c->film.plan, json_array_get(outputs, *next));

        if (used > OWN_FILES && used + descriptors(spec) > limit.rlim_cur) {
            json_decref(spec);
            break;                      /* when one of them has ended */
        }

        used += descriptors(spec);

        memset(&all[i], 0, sizeof(joining));
        all[i].output = json_array_get(outputs, (*next)++);
        all[i].task.kind = "assemble";
        all[i].task.spec = spec;

        if (!start_output(c, &all[i])) {
            return false;
        }
    }

    return true;
}


/* As many at once as there are jobs; with one that failed no more begin. */

static bool
join_outputs(compose *c, joining *all, size_t n)
{
    int      wstatus;
    bool     ok;
    pid_t    pid;
    size_t   i, next, running;
    json_t  *outputs;

    outputs = json_object_get(c->film.plan, "outputs");
    ok = true;
    next = 0;

    for ( ;; ) {
        ok = ok && start_outputs(c, all, n, outputs, &next);

        for (i = 0, running = 0; i < n; i++) {
            running += all[i].task.pid > 0;
        }

        if (running == 0) {
            return ok;
        }

        pid = waitpid(-1, &wstatus, 0);

        if (pid < 0 && errno != EINTR) {
            fprintf(stderr, "render: wait: %s\n", strerror(errno));
            return false;
        }

        for (i = 0; pid > 0 && i < n; i++) {
            if (all[i].task.pid == pid) {
                ok = end_output(c, &all[i], wstatus) && ok;
            }
        }
    }
}


bool
compose_outputs(compose *c)
{
    bool      ok;
    size_t    n;
    joining  *all;

    if (in_folder(c) && mkdir(c->out, 0777) != 0 && errno != EEXIST) {
        fprintf(stderr, "render: %s: %s\n", c->out, strerror(errno));
        return false;
    }

    n = json_array_size(json_object_get(c->film.plan, "outputs"));
    n = n < (size_t) c->jobs ? n : (size_t) c->jobs;

    all = calloc(n + 1, sizeof(joining));
    if (all == NULL) {
        fprintf(stderr, "render: out of memory\n");
        return false;
    }

    ok = join_outputs(c, all, n);
    free(all);

    return ok;
}
