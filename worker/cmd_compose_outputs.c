/*
 * The last step of render compose: pieces to files.  A film's only output, if
 * it is one file, is called as the caller says; others lie in a folder of that
 * name, as the plan calls them.
 */

#include "cmd_compose.h"
#include "rn_assemble.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>


#define PATH_SIZE   8300


void
compose_piece_path(const compose *c, const char *key, const char *suffix,
    char *path, size_t len)
{
    cmd_piece_path(c->cache, key, suffix, path, len);
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
        if (cmd_piece_from_source(&c->pieces, p)) {
            if (!cmd_lend_source(&c->film, t, rn_copied_from(p))) {
                return false;
            }
            continue;
        }

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


/* Whether files can be made there; false with a message. */

static bool
may_write(const char *folder)
{
    struct stat  st;

    errno = 0;

    if (stat(folder, &st) == 0 && !S_ISDIR(st.st_mode)) {
        errno = ENOTDIR;
    }

    if (errno == 0 && access(folder, W_OK | X_OK) == 0) {
        return true;
    }

    fprintf(stderr, "render: %s: %s\n", folder, strerror(errno));

    return false;
}


/* Where the files go, or where their folder will be made. */

static bool
may_write_out(const compose *c)
{
    bool          ok;
    char         *path, *end;
    struct stat   st;

    path = strdup(c->out);
    if (path == NULL) {
        fprintf(stderr, "render: out of memory\n");
        return false;
    }

    if (!in_folder(c)) {
        end = strrchr(path, '/');
        if (end != NULL) {
            end[end == path] = '\0';
        }
        ok = may_write(end != NULL ? path : ".");

    } else {
        ok = may_write(stat(path, &st) == 0 ? path : dirname(path));
    }

    free(path);

    return ok;
}


/*
 * A film that has been rendered with nowhere to put it is lost, so this is
 * looked at before.  Nothing is made or opened: a ".part" may be somebody's.
 */

bool
compose_may_write(const compose *c)
{
    char          path[PATH_SIZE];
    size_t        i, k;
    json_t       *o, *f;
    struct stat   st;

    if (!may_write_out(c)) {
        return false;
    }

    json_array_foreach(json_object_get(c->film.plan, "outputs"), i, o) {
        json_array_foreach(json_object_get(o, "files"), k, f) {
            file_path(c, name_of(f), "", path);

            if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
                fprintf(stderr, "render: %s: %s\n", path, strerror(EISDIR));
                return false;
            }
        }
    }

    return true;
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


static bool
lend_files(const compose *c, local_task *t, json_t *files)
{
    char     part[PATH_SIZE];
    size_t   i;
    json_t  *f;

    json_array_foreach(files, i, f) {
        file_path(c, name_of(f), ".part", part);

        if (!local_lend(t, name_of(f), part, O_RDWR | O_CREAT | O_TRUNC)) {
            return false;
        }
    }

    return true;
}


/* All outputs, as many at once as there are places. */

typedef struct {
    compose  *c;
    json_t   *outputs;
    size_t    next;
    bool      ok;
} joining;


/* What of the film's cost is done by joining it. */

static double
cost_of_copies(const compose *c, json_t *pieces)
{
    size_t   i;
    double   cost;
    json_t  *p;

    cost = 0;

    json_array_foreach(pieces, i, p) {
        cost += cmd_piece_from_source(&c->pieces, p)
                ? json_real_value(json_object_get(p, "cost")) : 0;
    }

    return cost;
}


static double
cost_of_output(const compose *c, json_t *spec)
{
    return cost_of_copies(c, json_object_get(spec, "segments"))
           + cost_of_copies(c, json_object_get(spec, "sound"));
}


/*
 * Whether an output may tell of a source that cannot be copied: where the film
 * is planned anew for one, this is done for all.
 */

static bool
may_tell(const compose *c, json_t *spec)
{
    return json_is_true(json_object_get(spec, "mixed"))
           || cost_of_output(c, spec) > 0;
}


static bool
next_output(void *data, local_task *t)
{
    joining  *j = data;

    for ( /* void */ ; j->next < json_array_size(j->outputs); j->next++) {
        t->of = json_array_get(j->outputs, j->next);
        t->spec = spec_of(j->c->film.plan, t->of);

        if (j->ok || (j->c->uncopied != NULL && may_tell(j->c, t->spec))) {
            break;
        }

        json_decref(t->spec);
        t->spec = NULL;
    }

    if (t->spec == NULL) {
        return false;
    }

    j->next++;
    t->kind = "assemble";

    if (!lend_pieces(j->c, t, json_object_get(t->spec, "segments"))
        || !lend_pieces(j->c, t, json_object_get(t->spec, "sound"))
        || !lend_files(j->c, t, json_object_get(t->of, "files")))
    {
        j->ok = false;
        return false;
    }

    return true;
}


static void
tell_outputs(void *data, local_task *tasks, size_t n)
{
    size_t    i;
    double    part, frames;
    joining  *j = data;

    for (i = 0, part = 0; i < n; i++) {
        if (tasks[i].pid > 0) {
            local_progress(&tasks[i]);
            frames = (double) json_integer_value(json_object_get(tasks[i].of,
                                                                 "frames"));
            part += frames > 0 ? cost_of_output(j->c, tasks[i].spec)
                                 * tasks[i].units / frames : 0;
        }
    }

    compose_progress(j->c, part);
}


static void
end_output(void *data, local_task *t, rn_status rc, const char *err)
{
    joining  *j = data;

    if (rc != RN_OK) {
        fprintf(stderr, "%srender: %s\n", j->c->bar ? "\n" : "", err);
        compose_failed(j->c, rc, err);
        compose_uncopied(j->c, t);
    }

    j->c->done += cost_of_output(j->c, t->spec);
    j->ok = keep_files(j->c, json_object_get(t->of, "files"), rc == RN_OK)
            && j->ok;
}


bool
compose_outputs(compose *c)
{
    size_t      n;
    joining     j;
    local_work  work;

    if (in_folder(c) && mkdir(c->out, 0777) != 0 && errno != EEXIST) {
        fprintf(stderr, "render: %s: %s\n", c->out, strerror(errno));
        return false;
    }

    j.c = c;
    j.outputs = json_object_get(c->film.plan, "outputs");
    j.next = 0;
    j.ok = true;

    n = json_array_size(j.outputs);

    memset(&work, 0, sizeof(work));
    work.places = n < (size_t) c->jobs ? n : (size_t) c->jobs;
    work.next = next_output;
    work.ended = end_output;
    work.tick = tell_outputs;
    work.data = &j;

    return n == 0 || (local_work_off(&work) && j.ok);
}
