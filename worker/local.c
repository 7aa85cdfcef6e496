/* Stages in children of the command itself; see local.h. */

#include "local.h"
#include "sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>


char *
local_read(const char *path, size_t *len)
{
    FILE   *f;
    char   *text, *more;
    size_t  n, size;

    f = strcmp(path, "-") == 0 ? stdin : fopen(path, "rb");
    if (f == NULL) {
        fprintf(stderr, "render: %s: %s\n", path, strerror(errno));
        return NULL;
    }

    n = 0;
    size = 65536;
    text = malloc(size);

    while (text != NULL) {
        n += fread(text + n, 1, size - n, f);
        if (n < size) {
            break;
        }

        size *= 2;
        more = realloc(text, size);
        if (more == NULL) {
            free(text);
        }
        text = more;
    }

    if (text == NULL || ferror(f)) {
        fprintf(stderr, "render: %s: cannot be read\n", path);
        free(text);
        text = NULL;
    }

    if (f != stdin) {
        (void) fclose(f);
    }

    *len = n;
    return text;
}


bool
local_lent(const local_task *t, const char *name)
{
    size_t  i;

    for (i = 0; i < t->n_files; i++) {
        if (strcmp(t->files[i].name, name) == 0) {
            return true;
        }
    }

    return false;
}


bool
local_lend(local_task *t, const char *name, const char *path, int open_flags)
{
    size_t       i = t->n_files;
    local_file  *paths;
    stage_file  *files;

    if (local_lent(t, name)) {
        return true;                    /* once is enough */
    }

    files = realloc(t->files, (t->n_files + 1) * sizeof(stage_file));
    t->files = files != NULL ? files : t->files;

    paths = realloc(t->paths, (t->n_files + 1) * sizeof(local_file));
    t->paths = paths != NULL ? paths : t->paths;

    if (paths != NULL) {
        paths[i].path = strdup(path);
    }

    if (files == NULL || paths == NULL || paths[i].path == NULL) {
        fprintf(stderr, "render: out of memory\n");
        return false;
    }

    paths[i].flags = open_flags;
    files[i].fd = -1;
    (void) snprintf(files[i].name, sizeof(files->name), "%s", name);
    t->n_files++;

    return true;
}


static void
close_files(local_task *t)
{
    size_t  i;

    for (i = 0; i < t->n_files; i++) {
        if (t->files[i].fd >= 0) {
            (void) close(t->files[i].fd);
            t->files[i].fd = -1;
        }
    }
}


static bool
open_files(local_task *t, char *err, size_t err_len)
{
    size_t             i;
    const local_file  *p;

    for (i = 0; i < t->n_files; i++) {
        p = &t->paths[i];
        t->files[i].fd = open(p->path, p->flags | O_CLOEXEC, 0666);

        if (t->files[i].fd < 0) {
            (void) snprintf(err, err_len, "%s: %s", p->path, strerror(errno));
            close_files(t);
            return false;
        }
    }

    return true;
}


/*
 * The same sandbox as a worker's, as far as the kernel has it: the files are
 * those of who calls, and may be a stranger's nevertheless.  A worker without
 * it would not start; here it is said, once, since nobody else's files are
 * near.  RENDER_SANDBOX is obeyed to the letter.
 */

static bool
make_sandbox(void)
{
    char         why[256];
    unsigned     layers, there;
    const char  *word;

    if (sandbox_ready()) {
        return true;
    }

    word = getenv("RENDER_SANDBOX");
    layers = SANDBOX_ALL;

    if (word != NULL && word[0] && !sandbox_parse(word, &layers)) {
        fprintf(stderr, "render: RENDER_SANDBOX must be on, landlock, seccomp "
                "or off, not \"%s\"\n", word);
        return false;
    }

    there = sandbox_kernel(layers, why, sizeof(why));

    if ((there & layers) != layers) {
        fprintf(stderr, "render: %s%s\n", why, word != NULL && word[0] ? ""
                : "; files are read without it");
        if (word != NULL && word[0]) {
            return false;
        }
    }

    if (!sandbox_prepare(layers & there, why, sizeof(why))) {
        fprintf(stderr, "render: the sandbox cannot be made: %s\n", why);
        return false;
    }

    return true;
}


bool
local_prepare(bool *confined)
{
    bool  ok;

    ok = make_sandbox();
    *confined = sandbox_layers() != 0;

    return ok;
}


static void
close_own(local_task *t)
{
    (void) close(t->spec_fd);
    (void) close(t->result_fd);
    (void) close(t->status_fd);
    t->spec_fd = t->result_fd = t->status_fd = t->pid = -1;
}


/* Its specification, its result, both ends of its pipe; and one to spare. */

#define OWN_FILES  5


size_t
local_descriptors(const local_task *t)
{
    return t->n_files + OWN_FILES;
}


bool
local_start(local_task *t, char *err, size_t err_len)
{
    int         status[2];
    char       *text;
    size_t      n;
    stage_task  task;

    t->pid = t->spec_fd = t->result_fd = t->status_fd = -1;

    if (!make_sandbox()) {
        (void) snprintf(err, err_len, "the %s task cannot be started", t->kind);
        return false;
    }

    if (!open_files(t, err, err_len)) {
        return false;
    }

    t->spec_fd = memfd_create("spec", MFD_CLOEXEC);
    t->result_fd = memfd_create("result", MFD_CLOEXEC);

    text = json_dumps(t->spec, JSON_COMPACT);
    n = text != NULL ? strlen(text) : 0;

    if (t->spec_fd < 0 || t->result_fd < 0 || text == NULL
        || pwrite(t->spec_fd, text, n, 0) != (ssize_t) n
        || pipe2(status, O_CLOEXEC | O_NONBLOCK) != 0)
    {
        (void) snprintf(err, err_len, "the %s task cannot be started: %s",
                        t->kind, strerror(errno));
        goto fail;
    }

    task.kind = t->kind;
    task.spec = t->spec_fd;
    task.result = t->result_fd;
    task.status = status[1];
    task.files = t->files;
    task.n_files = t->n_files;

    t->status_fd = status[0];
    t->pid = stage_fork(&task);
    (void) close(status[1]);

    if (t->pid > 0) {
        free(text);
        return true;
    }

    (void) snprintf(err, err_len, "the %s task cannot be started: fork: %s",
                    t->kind, strerror(errno));

fail:

    free(text);
    close_files(t);
    close_own(t);

    return false;
}


void
local_progress(local_task *t)
{
    int64_t  units;

    while (t->status_fd >= 0
           && read(t->status_fd, &units, sizeof(units))
              == (ssize_t) sizeof(units))
    {
        t->units += (double) units;
    }
}


rn_status
local_finish(local_task *t, int wstatus, char *err, size_t err_len)
{
    char         *text, call[32];
    rn_status     rc;
    struct stat   st;

    rc = RN_E_INTERNAL;
    (void) snprintf(err, err_len, "the %s task ended without an answer",
                    t->kind);

    if (WIFSIGNALED(wstatus) && WTERMSIG(wstatus) == SIGSYS) {
        sandbox_broken(t->result_fd, call, sizeof(call));
        (void) snprintf(err, err_len, "the %s task was ended by its sandbox: "
                        "it asked for the system call \"%s\"", t->kind, call);

    } else if (WIFSIGNALED(wstatus)) {
        (void) snprintf(err, err_len, "the %s task was ended by signal %d (%s)",
                        t->kind, WTERMSIG(wstatus),
                        strsignal(WTERMSIG(wstatus)));

    } else if (fstat(t->result_fd, &st) == 0 && st.st_size > 0) {
        text = malloc((size_t) st.st_size);

        if (text != NULL
            && pread(t->result_fd, text, (size_t) st.st_size, 0) == st.st_size)
        {
            t->answer = json_loadb(text, (size_t) st.st_size, 0, NULL);
        }
        free(text);

        if (t->answer != NULL) {
            rc = rn_status_parse(json_string_value(
                     json_object_get(t->answer, "status")) ?: "");
            (void) snprintf(err, err_len, "%s", json_string_value(
                                json_object_get(t->answer, "text")) ?: "");
        }
    }

    close_files(t);
    close_own(t);

    return rc;
}


rn_status
local_run(local_task *t, json_t **result, char *err, size_t err_len)
{
    int        wstatus;
    rn_status  rc;

    if (!local_start(t, err, err_len)) {
        return RN_E_INTERNAL;
    }

    while (waitpid(t->pid, &wstatus, 0) < 0) {
        if (errno != EINTR) {
            (void) snprintf(err, err_len, "wait: %s", strerror(errno));
            return RN_E_INTERNAL;
        }
    }

    rc = local_finish(t, wstatus, err, err_len);
    *result = json_object_get(t->answer, "result");

    return rc;
}


void
local_free(local_task *t)
{
    size_t  i;

    close_files(t);

    for (i = 0; i < t->n_files; i++) {
        free(t->paths[i].path);
    }

    free(t->paths);
    free(t->files);
    json_decref(t->spec);
    json_decref(t->answer);
    memset(t, 0, sizeof(*t));
}
