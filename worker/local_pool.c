/*
 * Tasks side by side, for whatever of the command has more than one to do; see
 * local.h.  A task's end of its pipe tells when it has ended: nobody else's
 * children are waited for, and what a shell has left to this process is left.
 */

#include "local.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>


#define TICK  100                       /* ms */


/* Frees what was lent, so that the place is free again. */

static void
end_task(const local_work *w, local_task *t, rn_status rc, const char *err)
{
    w->ended(w->data, t, rc, err);
    local_free(t);
}


/* Starts the next ones, as long as there are places; false: there is none. */

static bool
fill(const local_work *w, local_task *tasks, size_t *running)
{
    size_t       i;
    local_more   more;
    local_task  *t;

    for (i = 0; i < w->places; i++) {
        t = &tasks[i];

        while (t->pid <= 0) {
            memset(t, 0, sizeof(*t));
            more = w->next(w->data, t);

            if (more != LOCAL_TASK) {
                local_free(t);
                return more == LOCAL_LATER;
            }

            if (local_start(t)) {
                ++*running;
            } else {
                end_task(w, t, RN_E_LIMIT, "a task cannot be started");
            }
        }
    }

    return true;
}


/* One whose pipe hung up has ended, or is about to. */

static void
reap(const local_work *w, local_task *t)
{
    int        wstatus;
    char       err[512];
    rn_status  rc;

    wstatus = 0;                        /* who reaps it tells nothing else */

    while (waitpid(t->pid, &wstatus, 0) < 0 && errno == EINTR) { /* void */ }

    rc = local_finish(t, wstatus, err, sizeof(err));
    end_task(w, t, rc, err);
}


/* Waits for some to end, or for a tick. */

static void
watch(const local_work *w, local_task *tasks, struct pollfd *ends,
    size_t *running)
{
    int     rc;
    size_t  i, n;

    for (i = 0, n = 0; i < w->places; i++) {
        if (tasks[i].pid > 0) {
            ends[n].fd = tasks[i].status_fd;
            ends[n].events = 0;         /* hung up is told nevertheless */
            ends[n++].revents = 0;
        }
    }

    if (w->tick != NULL) {
        w->tick(w->data, tasks, w->places);
    }

    rc = poll(ends, (nfds_t) n, w->tick != NULL ? TICK : -1);

    if (rc < 0 && errno != EINTR) {
        ends[0].revents = POLLHUP;      /* it cannot be told: the first one */
    } else if (rc <= 0) {
        return;
    }

    for (i = 0, n = 0; i < w->places; i++) {
        if (tasks[i].pid > 0 && ends[n++].revents != 0) {
            reap(w, &tasks[i]);
            --*running;
        }
    }
}


bool
local_work_off(const local_work *w)
{
    bool            more;
    size_t          running;
    local_task     *tasks;
    struct pollfd  *ends;

    tasks = calloc(w->places, sizeof(local_task));
    ends = calloc(w->places, sizeof(struct pollfd));

    if (tasks == NULL || ends == NULL) {
        fprintf(stderr, "render: out of memory\n");
        free(tasks);
        free(ends);
        return false;
    }

    more = true;
    running = 0;

    for ( ;; ) {
        more = more && fill(w, tasks, &running);

        if (running == 0) {
            break;
        }

        watch(w, tasks, ends, &running);
    }

    free(tasks);
    free(ends);

    return true;
}
