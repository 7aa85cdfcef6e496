/* Tries encoders, each in a child; see hardware.h. */

#include "hardware.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>


#define SECONDS  15.0                   /* some devices have to wake up */
#define GOODBYE  2.0                    /* for one that was killed to be gone */


/* What a child tells: less than a pipe takes at once. */

typedef struct {
    bool         works;
    rn_hardware  h;
    char         why[256];
} told;


static double
now(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return (double) ts.tv_sec + (double) ts.tv_nsec / 1e9;
}


bool
hardware_known(const char *word)
{
    size_t  i;

    if (word == NULL || word[0] == '\0' || strcmp(word, "libx264") == 0
        || strcmp(word, "auto") == 0)
    {
        return true;
    }

    for (i = 0; rn_hardware_names[i] != NULL; i++) {
        if (strcmp(word, rn_hardware_names[i]) == 0) {
            return true;
        }
    }

    return false;
}


/* As in a task: no environment, and nobody who reads what a driver prints. */

static void
try_here(const char *name, int out)
{
    int       null;
    told      t;
    rn_fault  fault;

    struct rlimit  none = { 0, 0 };

    (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void) setrlimit(RLIMIT_CORE, &none);
    (void) clearenv();

    null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null >= 0) {
        (void) dup2(null, STDIN_FILENO);
        (void) dup2(null, STDOUT_FILENO);
        (void) dup2(null, STDERR_FILENO);
    }

    memset(&t, 0, sizeof(t));
    memset(&fault, 0, sizeof(fault));

    t.works = rn_hardware_try(&t.h, name, &fault) == RN_OK;
    (void) snprintf(t.why, sizeof(t.why), "%s", fault.text);

    _exit(write(out, &t, sizeof(t)) == (ssize_t) sizeof(t) ? 0 : 1);
}


/* Waits for the end of it, but not for one that the kernel holds. */

static bool
reap(pid_t pid, double until, int *status)
{
    pid_t  got;

    for ( ;; ) {
        got = waitpid(pid, status, WNOHANG);

        if (got == pid || (got < 0 && errno != EINTR) || now() >= until) {
            return got == pid;
        }

        (void) poll(NULL, 0, 10);
    }
}


static bool
listen_to(pid_t pid, int in, told *t)
{
    int            rc, status;
    double         until, left;
    ssize_t        n;
    struct pollfd  p = { in, POLLIN, 0 };

    until = now() + SECONDS;

    do {
        left = until - now();
        rc = poll(&p, 1, left > 0 ? (int) (left * 1000) + 1 : 0);
    } while (rc < 0 && errno == EINTR);

    n = rc > 0 ? read(in, t, sizeof(*t)) : -1;

    /* who has told all may end, and take his time for it */

    (void) kill(pid, SIGKILL);

    if (n == (ssize_t) sizeof(*t)) {
        (void) reap(pid, now() + GOODBYE, &status);
        return true;
    }

    t->works = false;

    if (rc == 0) {
        (void) reap(pid, now() + GOODBYE, &status);
        (void) snprintf(t->why, sizeof(t->why), "no picture within %.0f s",
                        SECONDS);
        return false;
    }

    if (reap(pid, now() + GOODBYE, &status) && WIFSIGNALED(status)) {
        (void) snprintf(t->why, sizeof(t->why), "its driver was ended by "
                        "signal %d (%s)", WTERMSIG(status),
                        strsignal(WTERMSIG(status)));
    } else {
        (void) snprintf(t->why, sizeof(t->why), "its driver ended the "
                        "process");
    }

    return false;
}


static bool
try_apart(const char *name, told *t)
{
    int    pipe_fds[2];
    pid_t  pid;

    memset(t, 0, sizeof(*t));

    if (pipe2(pipe_fds, O_CLOEXEC) != 0) {
        (void) snprintf(t->why, sizeof(t->why), "%s", strerror(errno));
        return false;
    }

    pid = fork();

    if (pid == 0) {
        (void) close(pipe_fds[0]);
        try_here(name, pipe_fds[1]);
    }

    (void) close(pipe_fds[1]);

    if (pid < 0) {
        (void) snprintf(t->why, sizeof(t->why), "%s", strerror(errno));
    } else {
        (void) listen_to(pid, pipe_fds[0], t);
    }

    (void) close(pipe_fds[0]);

    return t->works;
}


void
hardware_choose(const char *word, bool confined, hardware_choice *out)
{
    bool         all;
    told         t;
    size_t       i, n;
    const char  *name;

    memset(out, 0, sizeof(*out));
    rn_hardware_allow(NULL);

    if (word == NULL || word[0] == '\0' || strcmp(word, "libx264") == 0) {
        return;
    }

    all = strcmp(word, "auto") == 0;

    for (i = 0; rn_hardware_names[i] != NULL; i++) {
        name = rn_hardware_names[i];

        if (!all && strcmp(word, name) != 0) {
            continue;
        }

        if (try_apart(name, &t) && !confined) {
            out->found = t.h;
            out->why[0] = '\0';
            rn_hardware_allow(&out->found);
            return;
        }

        n = strlen(out->why);
        (void) snprintf(out->why + n, sizeof(out->why) - n, "%s: %s; ", name,
                        t.works ? "works, but not in the sandbox of a task "
                        "(RENDER_SANDBOX=off would be needed)" : t.why);
    }

    n = strlen(out->why);
    (void) snprintf(out->why + n, sizeof(out->why) - n, "libx264 is used");
}


json_t *
hardware_json(const hardware_choice *c)
{
    return c->found.name[0] != '\0'
           ? json_pack("{s:s, s:s}", "name", c->found.name, "driver",
                       c->found.driver)
           : c->why[0] != '\0' ? json_pack("{s:s}", "why", c->why) : NULL;
}
