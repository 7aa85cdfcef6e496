/* The loop of mover and zygote; see rw_servant.h. */

#include "rw_servant.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>


pid_t
rw_servant_fork(int *sock)
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
        *sock = pair[1];
        return 0;
    }

    (void) close(pair[1]);

    if (pid < 0) {
        (void) close(pair[0]);
        return -1;
    }

    *sock = pair[0];

    return pid;
}


static void
tell_end(rw_servant *s, const char *task, int code, int sig)
{
    (void) rw_send(s->sock, json_pack("{s:s, s:s, s:i, s:i}", "op", "exited",
                   "task", task, "code", code, "signal", sig), NULL, 0);
}


static rw_child *
child_of(const rw_servant *s, pid_t pid)
{
    const rw_child  *c;

    for (c = s->children; c < s->children + RW_CHILDREN_MAX; c++) {
        if (c->pid == pid) {
            return (rw_child *) c;
        }
    }

    return NULL;
}


bool
rw_servant_room(const rw_servant *s)
{
    return child_of(s, 0) != NULL;
}


void
rw_servant_child(rw_servant *s, const char *task, pid_t pid)
{
    int        pidfd;
    rw_child  *c;

    c = child_of(s, 0);

    if (pid < 0 || c == NULL) {
        tell_end(s, task, 127, 0);
        return;
    }

    c->pid = pid;
    (void) snprintf(c->task, sizeof(c->task), "%s", task);

    pidfd = (int) syscall(SYS_pidfd_open, pid, 0);
    (void) rw_send(s->sock, json_pack("{s:s, s:s, s:i}", "op", "started",
                   "task", task, "pid", (int) pid), &pidfd, pidfd >= 0);

    if (pidfd >= 0) {
        (void) close(pidfd);
    }
}


static void
reap(rw_servant *s, int sfd)
{
    int                      status;
    pid_t                    pid;
    rw_child                *c;
    struct signalfd_siginfo  info;

    while (read(sfd, &info, sizeof(info)) > 0) { /* one may stand for many */ }

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        c = child_of(s, pid);
        if (c == NULL) {
            continue;
        }

        c->pid = 0;
        tell_end(s, c->task, WIFEXITED(status) ? WEXITSTATUS(status) : 0,
                 WIFSIGNALED(status) ? WTERMSIG(status) : 0);
    }
}


static void
serve(rw_servant *s, int sfd)
{
    int            fds[RW_FDS_MAX];
    size_t         n;
    json_t        *msg;
    struct pollfd  p[2];

    p[0].fd = s->sock;
    p[1].fd = sfd;
    p[0].events = p[1].events = POLLIN;

    for ( ;; ) {
        if (s->wait != NULL) {
            s->wait(s, p, 2);
        } else if (poll(p, 2, -1) < 0 && errno != EINTR) {
            return;
        }

        if (p[1].revents & POLLIN) {
            reap(s, sfd);
        }

        if (p[0].revents != 0) {
            msg = rw_recv(s->sock, fds, &n);
            if (msg == NULL) {
                return;                     /* the supervisor is gone */
            }
            s->serve(s, msg, fds, n);
            json_decref(msg);
        }
    }
}


void
rw_servant_run(rw_servant *s)
{
    rw_child  *c;
    sigset_t   set;

    (void) sigemptyset(&set);
    (void) sigaddset(&set, SIGCHLD);
    (void) sigprocmask(SIG_BLOCK, &set, NULL);

    serve(s, signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));

    for (c = s->children; c < s->children + RW_CHILDREN_MAX; c++) {
        if (c->pid > 0) {
            (void) kill(c->pid, SIGKILL);
        }
    }
}
