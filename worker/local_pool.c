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
#include <sys/resource.h>
#include <sys/wait.h>


#define TICK   100                      /* ms */
#define SPARE  64                       /* descriptors that are no task's */


typedef struct {
    const local_work  *work;
    local_task        *tasks;           /* one for each place */
    struct pollfd     *ends;
    size_t             running;
    local_task         next;            /* that waits for descriptors */
    bool               waits, ended;
    size_t             limit;           /* of these */
} pool;


static void
end_task(pool *p, local_task *t, rn_status rc, const char *err)
{
    p->work->ended(p->work->data, t, rc, err);
    local_free(t);
}


/* Whether there are descriptors for one more; where nothing runs it may try. */

static bool
has_room(const pool *p, const local_task *t)
{
    size_t  i, n;

    n = SPARE + local_descriptors(t);

    for (i = 0; i < p->work->places; i++) {
        n += p->tasks[i].pid > 0 ? local_descriptors(&p->tasks[i]) : 0;
    }

    return p->running == 0 || n <= p->limit;
}


/* Starts a task that is ready, in a place that is free. */

static void
start(pool *p, local_task *t)
{
    char        err[512];
    local_task  *place;

    if (!local_start(t, err, sizeof(err))) {
        end_task(p, t, RN_E_LIMIT, err);
        return;
    }

    for (place = p->tasks; place->pid > 0; place++) { /* void */ }

    *place = *t;
    p->running++;
}


/* Starts the next ones, as long as there are places and descriptors. */

static void
fill(pool *p)
{
    while (p->running < p->work->places) {
        if (!p->waits) {
            memset(&p->next, 0, sizeof(p->next));

            if (p->ended || !p->work->next(p->work->data, &p->next)) {
                p->ended = true;
                local_free(&p->next);
                return;
            }
        }

        p->waits = !has_room(p, &p->next);
        if (p->waits) {
            return;
        }

        start(p, &p->next);
    }
}


/* One whose pipe hung up has ended, or is about to. */

static void
reap(pool *p, local_task *t)
{
    int        wstatus;
    char       err[512];
    rn_status  rc;

    wstatus = 0;                        /* who reaps it tells nothing else */

    while (waitpid(t->pid, &wstatus, 0) < 0 && errno == EINTR) { /* void */ }

    rc = local_finish(t, wstatus, err, sizeof(err));
    end_task(p, t, rc, err);
    p->running--;
}


/* Waits for some to end, or for a tick. */

static void
watch(pool *p)
{
    int                rc;
    size_t             i, n;
    const local_work  *w = p->work;

    for (i = 0, n = 0; i < w->places; i++) {
        if (p->tasks[i].pid > 0) {
            p->ends[n].fd = p->tasks[i].status_fd;
            p->ends[n].events = 0;      /* hung up is told nevertheless */
            p->ends[n++].revents = 0;
        }
    }

    if (w->tick != NULL) {
        w->tick(w->data, p->tasks, w->places);
    }

    rc = poll(p->ends, (nfds_t) n, w->tick != NULL ? TICK : -1);

    if (rc < 0 && errno != EINTR) {
        p->ends[0].revents = POLLHUP;   /* it cannot be told: the first one */
    } else if (rc <= 0) {
        return;
    }

    for (i = 0, n = 0; i < w->places; i++) {
        if (p->tasks[i].pid > 0 && p->ends[n++].revents != 0) {
            reap(p, &p->tasks[i]);
        }
    }
}


bool
local_work_off(const local_work *w)
{
    pool           p;
    struct rlimit  limit;

    memset(&p, 0, sizeof(p));
    p.work = w;
    p.tasks = calloc(w->places, sizeof(local_task));
    p.ends = calloc(w->places, sizeof(struct pollfd));
    p.limit = getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : 1024;

    if (p.tasks == NULL || p.ends == NULL) {
        fprintf(stderr, "render: out of memory\n");
        free(p.tasks);
        free(p.ends);
        return false;
    }

    for (fill(&p); p.running > 0; fill(&p)) {
        watch(&p);
    }

    free(p.tasks);
    free(p.ends);

    return true;
}
