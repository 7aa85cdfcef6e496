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
local_lend(local_task *t, const char *name, const char *path, int open_flags)
{
    int          fd;
    size_t       i;
    stage_file  *files;

    for (i = 0; i < t->n_files; i++) {
        if (strcmp(t->files[i].name, name) == 0) {
            return true;                /* once is enough */
        }
    }

    fd = open(path, open_flags | O_CLOEXEC, 0666);
    if (fd < 0) {
        fprintf(stderr, "render: %s: %s\n", path, strerror(errno));
        return false;
    }

    files = realloc(t->files, (t->n_files + 1) * sizeof(stage_file));
    if (files == NULL) {
        (void) close(fd);
        fprintf(stderr, "render: out of memory\n");
        return false;
    }

    t->files = files;
    t->files[t->n_files].fd = fd;
    (void) snprintf(t->files[t->n_files].name, sizeof(files->name), "%s", name);
    t->n_files++;

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


bool
local_start(local_task *t)
{
    int         status[2];
    char       *text;
    size_t      n;
    stage_task  task;

    t->pid = t->spec_fd = t->result_fd = t->status_fd = -1;

    if (!make_sandbox()) {
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
        fprintf(stderr, "render: a task cannot be started: %s\n",
                strerror(errno));
        free(text);
        close_own(t);
        return false;
    }

    free(text);

    task.kind = t->kind;
    task.spec = t->spec_fd;
    task.result = t->result_fd;
    task.status = status[1];
    task.files = t->files;
    task.n_files = t->n_files;

    t->status_fd = status[0];
    t->pid = stage_fork(&task);
    (void) close(status[1]);

    if (t->pid < 0) {
        fprintf(stderr, "render: fork: %s\n", strerror(errno));
        close_own(t);
        return false;
    }

    return true;
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
    size_t        i;
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

    for (i = 0; i < t->n_files; i++) {
        (void) close(t->files[i].fd);
    }

    t->n_files = 0;
    close_own(t);

    return rc;
}


rn_status
local_run(local_task *t, json_t **result, char *err, size_t err_len)
{
    int        wstatus;
    rn_status  rc;

    if (!local_start(t)) {
        (void) snprintf(err, err_len, "the %s task cannot be started", t->kind);
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

    for (i = 0; i < t->n_files; i++) {
        (void) close(t->files[i].fd);
    }

    free(t->files);
    json_decref(t->spec);
    json_decref(t->answer);
    memset(t, 0, sizeof(*t));
}
