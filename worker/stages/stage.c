/* The table of stages, and the child that runs one; see stage.h. */

#include "stage.h"
#include "rn_log.h"
#include "sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <libavutil/mem.h>


#define SPEC_MAX      (64 * 1024 * 1024)
#define ALLOC_MAX     (512 * 1024 * 1024)       /* one block of libav's */
#define PROGRESS_GAP  0.1               /* seconds between two records */


static const struct {
    const char  *kind;
    stage_pt     run;
} stages[] = {
    { "probe",          stage_probe },
    { "plan",           stage_plan },
    { "preview",        stage_preview },
    { "audio",          stage_audio },
    { "render_segment", stage_render_segment },
    { "assemble",       stage_assemble },
    { "package",        stage_package },
};

typedef struct {
    const stage_task  *task;
    int64_t            units;           /* not yet told */
    double             told;
} lent;


static stage_pt
find(const char *kind)
{
    size_t  i;

    for (i = 0; i < sizeof(stages) / sizeof(stages[0]); i++) {
        if (strcmp(stages[i].kind, kind) == 0) {
            return stages[i].run;
        }
    }

    return NULL;
}


bool
stage_known(const char *kind)
{
    return find(kind) != NULL;
}


static int
lent_file(void *opaque, const char *name)
{
    size_t   i;
    lent    *l = opaque;

    for (i = 0; i < l->task->n_files; i++) {
        if (strcmp(l->task->files[i].name, name) == 0) {
            return l->task->files[i].fd;
        }
    }

    return -1;
}


/*
 * Told a few times a second: the pipe is non-blocking, and what does not fit
 * is told with the next record, so that a slow listener never stops us.
 */

static void
lent_progress(void *opaque, int64_t units)
{
    lent            *l = opaque;
    double           now;
    struct timespec  ts;

    l->units += units;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);
    now = (double) ts.tv_sec + (double) ts.tv_nsec / 1e9;

    if (now - l->told < PROGRESS_GAP || l->task->status < 0) {
        return;
    }

    if (write(l->task->status, &l->units, sizeof(l->units))
        == (ssize_t) sizeof(l->units))
    {
        l->units = 0;
        l->told = now;
    }
}


static json_t *
read_spec(int fd)
{
    char         *text;
    json_t       *spec;
    ssize_t       n;
    struct stat   st;

    if (fstat(fd, &st) != 0 || st.st_size <= 0 || st.st_size > SPEC_MAX) {
        return NULL;
    }

    text = malloc((size_t) st.st_size);
    if (text == NULL) {
        return NULL;
    }

    n = pread(fd, text, (size_t) st.st_size, 0);
    spec = n == st.st_size ? json_loadb(text, (size_t) n, 0, NULL) : NULL;
    free(text);

    return spec;
}


json_t *
stage_words(const rn_fault *fault)
{
    char     copy[sizeof(fault->text)], *p;
    json_t  *j;

    j = json_string(fault->text);
    if (j != NULL) {
        return j;
    }

    (void) snprintf(copy, sizeof(copy), "%s", fault->text);

    for (p = copy; *p; p++) {
        if ((unsigned char) *p >= 0x80) {
            *p = '?';
        }
    }

    return json_string(copy);
}


static int
write_result(int fd, const rn_fault *fault, json_t *result, json_t *detail)
{
    char    *text;
    size_t   n;
    json_t  *j;
    ssize_t  w;

    j = json_pack("{s:s, s:o, s:o*, s:o*}", "status",
                  rn_status_name(fault->status), "text", stage_words(fault),
                  "result", result, "detail", detail);
    if (j == NULL) {
        j = json_pack("{s:s, s:s}", "status",
                      rn_status_name(fault->status != RN_OK ? fault->status
                                                            : RN_E_INTERNAL),
                      "text", "the stage ended without words");
    }

    text = j != NULL ? json_dumps(j, JSON_COMPACT) : NULL;
    json_decref(j);

    if (text == NULL) {
        return 1;
    }

    n = strlen(text);
    w = pwrite(fd, text, n, 0);
    free(text);

    return w == (ssize_t) n ? 0 : 1;
}


int
stage_run(const stage_task *task)
{
    int       rc;
    lent      l;
    json_t   *spec, *result, *detail;
    rn_env    env;
    stage_pt  run;
    rn_fault  fault;

    memset(&fault, 0, sizeof(fault));
    memset(&l, 0, sizeof(l));
    result = detail = NULL;

    l.task = task;
    env.file = lent_file;
    env.progress = lent_progress;
    env.opaque = &l;
    env.threads = 0;

    run = find(task->kind);
    spec = read_spec(task->spec);

    if (run == NULL || spec == NULL) {
        rn_fail(&fault, RN_E_INTERNAL, "a task that cannot be read");
    } else {
        (void) run(spec, &env, &result, &detail, &fault);
    }

    rc = write_result(task->result, &fault, result, detail);
    json_decref(spec);

    return rc;
}


int
stage_fork(const stage_task *task)
{
    int       flags;
    char      why[200];
    pid_t     parent, pid;
    rn_fault  fault;

    if (!sandbox_ready()) {
        errno = EPERM;
        return -1;
    }

    if (task->status >= 0) {
        flags = fcntl(task->status, F_GETFL);
        (void) fcntl(task->status, F_SETFL, flags | O_NONBLOCK);
    }

    parent = getpid();
    pid = fork();

    if (pid != 0) {
        return pid;
    }

    if (!sandbox_enter(task, parent, why, sizeof(why))) {
        memset(&fault, 0, sizeof(fault));
        rn_fail(&fault, RN_E_INTERNAL, "the sandbox cannot be entered: %s",
                why);
        _exit(write_result(task->result, &fault, NULL, NULL));
    }

    av_log_set_level(AV_LOG_FATAL);
    av_max_alloc(ALLOC_MAX);

    _exit(stage_run(task));
}
