/* The zygote process; see rw_zygote.h. */

#include "rw_zygote.h"
#include "rn_log.h"
#include "rw_proto.h"
#include "sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>


#define CHILDREN_MAX  1024


typedef struct {
    pid_t  pid;
    char   task[40];
} child;

typedef struct {
    int          sock;
    child        children[CHILDREN_MAX];
    char         task[40], kind[32];    /* being told */
    size_t       expected;
    stage_task   order;
    stage_file  *files;
} zygote;


static void
close_order(zygote *z)
{
    size_t  i;

    if (z->task[0] == '\0') {
        return;
    }

    (void) close(z->order.spec);
    (void) close(z->order.result);
    (void) close(z->order.status);

    for (i = 0; i < z->order.n_files; i++) {
        (void) close(z->files[i].fd);
    }

    free(z->files);
    z->files = NULL;
    z->order.n_files = 0;
    z->task[0] = '\0';
}


static void
start(zygote *z)
{
    int    i, pidfd;
    pid_t  pid;

    for (i = 0; i < CHILDREN_MAX && z->children[i].pid != 0; i++) { /* void */ }

    z->order.kind = z->kind;
    z->order.files = z->files;

    pid = i < CHILDREN_MAX ? stage_fork(&z->order) : -1;

    if (pid < 0) {
        (void) rw_send(z->sock, json_pack("{s:s, s:s, s:i, s:i}", "op",
                       "exited", "task", z->task, "code", 127, "signal", 0),
                       NULL, 0);
        close_order(z);
        return;
    }

    z->children[i].pid = pid;
    (void) snprintf(z->children[i].task, sizeof(z->children[i].task), "%s",
                    z->task);

    /* with a pidfd the supervisor can kill it and never a stranger */

    pidfd = (int) syscall(SYS_pidfd_open, pid, 0);
    (void) rw_send(z->sock, json_pack("{s:s, s:s, s:i}", "op", "started",
                   "task", z->task, "pid", (int) pid), &pidfd, pidfd >= 0);

    if (pidfd >= 0) {
        (void) close(pidfd);
    }

    close_order(z);
}


static void
serve(zygote *z, json_t *msg, int *fds, size_t n)
{
    size_t       i, k;
    const char  *op;

    op = rw_str(msg, "op");

    if (strcmp(op, "begin") == 0 && n == 3) {
        close_order(z);

        (void) snprintf(z->task, sizeof(z->task), "%s", rw_str(msg, "task"));
        (void) snprintf(z->kind, sizeof(z->kind), "%s", rw_str(msg, "kind"));
        z->expected = (size_t) json_integer_value(json_object_get(msg,
                                                                  "files"));
        z->order.spec = fds[0];
        z->order.result = fds[1];
        z->order.status = fds[2];
        z->files = calloc(z->expected + 1, sizeof(stage_file));

        if (z->files == NULL) {
            z->expected = 0;
        }

    } else if (strcmp(op, "files") == 0
               && strcmp(rw_str(msg, "task"), z->task) == 0)
    {
        for (i = 0; i < n && z->order.n_files < z->expected; i++) {
            k = z->order.n_files++;
            z->files[k].fd = fds[i];
            (void) snprintf(z->files[k].name, sizeof(z->files[k].name), "%s",
                            json_string_value(json_array_get(
                                json_object_get(msg, "names"), i)) ?: "");
        }

    } else {
        for (i = 0; i < n; i++) {
            (void) close(fds[i]);
        }
        return;
    }

    if (z->order.n_files == z->expected) {
        start(z);
    }
}


static void
reap(zygote *z)
{
    int    i, status;
    pid_t  pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        for (i = 0; i < CHILDREN_MAX; i++) {
            if (z->children[i].pid == pid) {
                z->children[i].pid = 0;
                (void) rw_send(z->sock, json_pack("{s:s, s:s, s:i, s:i}",
                    "op", "exited", "task", z->children[i].task,
                    "code", WIFEXITED(status) ? WEXITSTATUS(status) : 0,
                    "signal", WIFSIGNALED(status) ? WTERMSIG(status) : 0),
                    NULL, 0);
                break;
            }
        }
    }
}


/* Tells whether children will be confined; where they would not, it ends. */

static void
make_ready(int sock, unsigned layers)
{
    char  why[256];

    if (sandbox_prepare(layers, why, sizeof(why))
        && sandbox_test(NULL, NULL, why, sizeof(why)))
    {
        (void) rw_send(sock, json_pack("{s:s}", "op", "ready"), NULL, 0);
        return;
    }

    (void) rw_send(sock, json_pack("{s:s, s:s}", "op", "unsafe", "text", why),
                   NULL, 0);
    _exit(1);
}


static void
run(int sock)
{
    int                       fds[RW_FDS_MAX], i, sfd;
    size_t                    n;
    json_t                   *msg;
    zygote                   *z;
    sigset_t                  set;
    struct pollfd             p[2];
    struct signalfd_siginfo   info;

    z = calloc(1, sizeof(zygote));
    if (z == NULL) {
        _exit(1);
    }

    z->sock = sock;

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
            reap(z);
        }

        if (p[0].revents != 0) {
            msg = rw_recv(sock, fds, &n);
            if (msg == NULL) {
                break;                      /* the supervisor is gone */
            }
            serve(z, msg, fds, n);
            json_decref(msg);
        }
    }

    for (i = 0; i < CHILDREN_MAX; i++) {
        if (z->children[i].pid > 0) {
            (void) kill(z->children[i].pid, SIGKILL);
        }
    }

    _exit(0);
}


/* clearenv() forgets where the strings are; they would still lie there. */

static void
forget_environment(void)
{
    char  **e;

    for (e = environ; e != NULL && *e != NULL; e++) {
        explicit_bzero(*e, strlen(*e));
    }

    (void) clearenv();
}


static bool
is_ready(int sock)
{
    int      fds[RW_FDS_MAX];
    bool     ok;
    size_t   n;
    json_t  *msg;

    msg = rw_recv(sock, fds, &n);
    ok = strcmp(rw_str(msg, "op"), "ready") == 0;

    if (!ok) {
        rn_log(RN_LOG_ERROR, "the sandbox does not hold: %s", msg != NULL
               ? rw_str(msg, "text") : "the zygote has ended");
    }

    json_decref(msg);
    errno = EPERM;

    return ok;
}


pid_t
rw_zygote_start(int *sock, unsigned layers)
{
    int    pair[2];
    pid_t  pid;

    if (!rw_pair(pair)) {
        return -1;
    }

    pid = fork();

    if (pid == 0) {
        (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void) signal(SIGTERM, SIG_IGN);
        (void) signal(SIGINT, SIG_IGN);
        (void) close(pair[0]);
        forget_environment();
        make_ready(pair[1], layers);
        run(pair[1]);
    }

    (void) close(pair[1]);

    if (pid < 0 || !is_ready(pair[0])) {
        (void) close(pair[0]);
        return -1;
    }

    *sock = pair[0];

    return pid;
}
