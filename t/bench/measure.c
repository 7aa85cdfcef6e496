/*
 * Runs a command and says what it took, it and all of its descendants: the
 * time, CPU, and the largest resident set that any of them has had.
 *
 *   measure [-m] command arguments...
 *
 * With -m also the most that all of them together have had at one moment,
 * looked at each 10 ms; what they share is counted once (PSS).
 * That takes CPU itself, so such a run is not one for times.  What the command
 * prints is thrown away, save its errors; its status is ours.
 */

#include "bench.h"

#include <sys/wait.h>


#define LOOK_US  10000


/*
 * The resident KiB of a process; of pages that others have, too, its part.
 * Where we may not see whose pages are whose, each counts in full.
 */

static long
resident(pid_t pid)
{
    long   n, pages;
    char   line[256];
    FILE  *f;

    n = 0;
    (void) snprintf(line, sizeof(line), "/proc/%d/smaps_rollup", (int) pid);
    f = fopen(line, "r");

    if (f != NULL) {
        while (fgets(line, sizeof(line), f) != NULL
               && sscanf(line, "Pss: %ld", &n) != 1)
        {
            /* the next */
        }
        fclose(f);
    }

    if (n > 0) {
        return n;
    }

    (void) snprintf(line, sizeof(line), "/proc/%d/statm", (int) pid);
    f = fopen(line, "r");

    if (f != NULL) {
        if (fscanf(f, "%*d %ld", &pages) == 1) {
            n = pages * (sysconf(_SC_PAGESIZE) / 1024);
        }
        fclose(f);
    }

    return n;
}


/* The same of a process and of all below it. */

static long
together(pid_t pid)
{
    int    child;
    long   n;
    char   name[64];
    FILE  *f;

    n = resident(pid);

    (void) snprintf(name, sizeof(name), "/proc/%d/task/%d/children",
                    (int) pid, (int) pid);
    f = fopen(name, "r");

    if (f != NULL) {
        while (fscanf(f, "%d", &child) == 1) {
            n += together(child);
        }
        fclose(f);
    }

    return n;
}


/* The most at one moment, until the process has ended; it is not reaped. */

static long
watch(pid_t pid)
{
    long       now, most;
    siginfo_t  ended;

    most = 0;

    for ( ;; ) {
        ended.si_pid = 0;
        if (waitid(P_PID, pid, &ended, WEXITED | WNOWAIT | WNOHANG) != 0
            || ended.si_pid == pid)
        {
            return most;
        }

        now = together(pid);
        most = now > most ? now : most;

        sleep_until(now_us() + LOOK_US);
    }
}


static double
seconds(struct timeval t)
{
    return (double) t.tv_sec + (double) t.tv_usec / 1e6;
}


int
main(int argc, char **argv)
{
    int            status, null, first;
    long           most;
    pid_t          pid;
    uint64_t       began, ended;
    struct rusage  used;

    first = argc > 1 && strcmp(argv[1], "-m") == 0 ? 2 : 1;
    if (first >= argc) {
        die("usage: measure [-m] command arguments...");
    }

    began = now_us();
    pid = fork();

    if (pid == 0) {
        null = open("/dev/null", O_RDWR);
        if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0) {
            die("/dev/null: %s", strerror(errno));
        }

        execvp(argv[first], argv + first);
        die("%s: %s", argv[first], strerror(errno));
    }

    if (pid < 0) {
        die("fork: %s", strerror(errno));
    }

    most = first == 2 ? watch(pid) : 0;

    if (wait4(pid, &status, 0, &used) != pid) {
        die("wait4: %s", strerror(errno));
    }

    ended = now_us();

    printf("wall %.6f\n", (double) (ended - began) / 1e6);
    printf("cpu %.6f\n", seconds(used.ru_utime) + seconds(used.ru_stime));
    printf("largest %.1f\n", (double) used.ru_maxrss / 1024);

    if (first == 2) {
        printf("together %.1f\n", (double) most / 1024);
    }

    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
