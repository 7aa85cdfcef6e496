/* The mover process; see rw_mover.h. */

#include "rw_mover.h"
#include "rn_log.h"
#include "rn_store.h"
#include "rw_fetch.h"
#include "rw_proto.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>


#define SWEEP_AGE    10.0               /* s without a write */
#define FETCHES_MAX  512                /* more than slots there can be */


/* Processes that fetch, by the tags of their runs. */

static struct {
    pid_t  pid;
    char   task[24];
} fetches[FETCHES_MAX];


static void
answer(int sock, json_int_t id, int err, const char *temp, int fd)
{
    json_t  *msg;

    msg = json_pack("{s:I, s:i, s:s*}", "id", id, "errno", err, "temp", temp);

    if (!rw_send(sock, msg, &fd, fd >= 0)) {
        rn_log(RN_LOG_ERROR, "mover: answer: %s", strerror(errno));
    }
}


/* What is deleted for the janitor is told back: SQL asks until it is gone. */

static void
clean(rn_store *store, int sock, json_t *keys)
{
    size_t   i;
    json_t  *key, *gone;

    gone = json_array();

    json_array_foreach(keys, i, key) {
        if (rn_store_delete(store, json_string_value(key) ?: "") == 0) {
            (void) json_array_append(gone, key);
        } else {
            rn_log(RN_LOG_WARN, "mover: delete %s: %s",
                   json_string_value(key) ?: "", strerror(errno));
        }
    }

    if (!rw_send(sock, json_pack("{s:s, s:o}", "op", "cleaned", "keys", gone),
                 NULL, 0))
    {
        rn_log(RN_LOG_ERROR, "mover: answer: %s", strerror(errno));
    }
}


static void
tell_exit(int sock, const char *task, int code, int sig)
{
    (void) rw_send(sock, json_pack("{s:s, s:s, s:i, s:i}", "op", "exited",
                   "task", task, "code", code, "signal", sig), NULL, 0);
}


static void
fetch(int sock, const char *task, const int *fds, size_t n)
{
    int     i, pidfd;
    pid_t   pid;

    for (i = 0; i < FETCHES_MAX && fetches[i].pid != 0; i++) { /* void */ }

    pid = i < FETCHES_MAX && n == RW_FETCH_FDS ? rw_fetch_start(fds) : -1;

    if (pid < 0) {
        tell_exit(sock, task, 127, 0);
        return;
    }

    fetches[i].pid = pid;
    (void) snprintf(fetches[i].task, sizeof(fetches[i].task), "%s", task);

    pidfd = (int) syscall(SYS_pidfd_open, pid, 0);
    (void) rw_send(sock, json_pack("{s:s, s:s, s:i}", "op", "started", "task",
                   task, "pid", (int) pid), &pidfd, pidfd >= 0);

    if (pidfd >= 0) {
        (void) close(pidfd);
    }
}


static void
reap(int sock)
{
    int    i, status;
    pid_t  pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        for (i = 0; i < FETCHES_MAX; i++) {
            if (fetches[i].pid == pid) {
                fetches[i].pid = 0;
                tell_exit(sock, fetches[i].task,
                          WIFEXITED(status) ? WEXITSTATUS(status) : 0,
                          WIFSIGNALED(status) ? WTERMSIG(status) : 0);
                break;
            }
        }
    }
}


static void
serve(rn_store *store, int sock, json_t *msg, const int *fds, size_t n_fds)
{
    int          got, rc, fd;
    size_t       n;
    char         temp[RN_STORE_TEMP];
    json_int_t   id;
    const char  *op;

    fd = n_fds > 0 ? fds[0] : -1;
    op = rw_str(msg, "op");
    id = json_integer_value(json_object_get(msg, "id"));

    if (strcmp(op, "open") == 0) {
        got = rn_store_get(store, rw_str(msg, "key"));
        answer(sock, id, got < 0 ? errno : 0, NULL, got);
        if (got >= 0) {
            (void) close(got);
        }

    } else if (strcmp(op, "create") == 0) {
        got = rn_store_create(store, temp);
        answer(sock, id, got < 0 ? errno : 0, got < 0 ? NULL : temp, got);
        if (got >= 0) {
            (void) close(got);
        }

    } else if (strcmp(op, "commit") == 0) {
        rc = fd >= 0 ? rn_store_commit(store, fd, rw_str(msg, "temp"),
                                       rw_str(msg, "key")) : -1;
        answer(sock, id, fd < 0 ? EBADF : rc != 0 ? errno : 0, NULL, -1);

    } else if (strcmp(op, "fetch") == 0) {
        fetch(sock, rw_str(msg, "task"), fds, n_fds);

    } else if (strcmp(op, "discard") == 0) {
        rn_store_discard(store, rw_str(msg, "temp"));

    } else if (strcmp(op, "delete") == 0) {
        if (rn_store_delete(store, rw_str(msg, "key")) != 0) {
            rn_log(RN_LOG_WARN, "mover: delete %s: %s", rw_str(msg, "key"),
                   strerror(errno));
        }

    } else if (strcmp(op, "clean") == 0) {
        clean(store, sock, json_object_get(msg, "keys"));

    } else if (strcmp(op, "sweep") == 0) {
        n = rn_store_sweep(store, SWEEP_AGE);
        if (n != 0) {
            rn_log(RN_LOG_INFO, "mover: %zu temporary files of the dead "
                   "removed", n);
        }

    } else {
        answer(sock, id, ENOSYS, NULL, -1);
    }
}


static void
run(const char *storage, int sock)
{
    int                       fds[RW_FDS_MAX], sfd;
    char                      err[256];
    size_t                    i, n;
    json_t                   *msg;
    rn_store                  store;
    sigset_t                  set;
    struct pollfd             p[2];
    struct signalfd_siginfo   info;

    if (rn_store_open(&store, storage, err, sizeof(err)) != 0) {
        rn_log(RN_LOG_ERROR, "mover: %s", err);
        _exit(1);
    }

    (void) sigemptyset(&set);
    (void) sigaddset(&set, SIGCHLD);
    (void) sigprocmask(SIG_BLOCK, &set, NULL);
    sfd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);

    p[0].fd = sock;
    p[1].fd = sfd;
    p[0].events = p[1].events = POLLIN;

    for ( ;; ) {
        if (poll(p, 2, -1) < 0 && errno != EINTR) {
            break;
        }

        if (p[1].revents & POLLIN) {
            while (read(sfd, &info, sizeof(info)) > 0) { /* void */ }
            reap(sock);
        }

        if (p[0].revents == 0) {
            continue;
        }

        msg = rw_recv(sock, fds, &n);
        if (msg == NULL) {
            break;                          /* the supervisor is gone */
        }

        serve(&store, sock, msg, fds, n);

        for (i = 0; i < n; i++) {
            (void) close(fds[i]);
        }

        json_decref(msg);
    }

    _exit(0);                               /* who fetches dies with us */
}


pid_t
rw_mover_start(const char *storage, int *sock)
{
    int    pair[2];
    pid_t  pid;

    if (!rw_pair(pair)) {
        return -1;
    }

    pid = fork();

    if (pid == 0) {
        (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void) signal(SIGTERM, SIG_IGN);    /* lives as long as its parent */
        (void) signal(SIGINT, SIG_IGN);
        (void) close(pair[0]);
        run(storage, pair[1]);
    }

    (void) close(pair[1]);

    if (pid < 0) {
        (void) close(pair[0]);
        return -1;
    }

    *sock = pair[0];

    return pid;
}
