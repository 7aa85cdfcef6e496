/*
 * Tries to break out of the sandbox, and to work in it: each in a child of its
 * own, confined as those of stages are; see sandbox.h.
 */

#include "sandbox.h"
#include "rn_text.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <fontconfig/fontconfig.h>
#include <linux/io_uring.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>


#define BOTH     SANDBOX_ALL
#define CALLS    SANDBOX_SECCOMP
#define PATHS    SANDBOX_LANDLOCK
#define EITHER   0x100u                 /* is refused by each alone */

enum { DONE, REFUSED, BROKEN };         /* how a child ends */

typedef struct {
    const char  *dir;                   /* that none may read */
    pid_t        parent;
    int          lent;
} trial;

/* 0, or -1 with errno as system calls have it. */
typedef int (*trial_pt)(const trial *t);


static int
to_address(int type)
{
    int                 s;
    struct sockaddr_in  a;

    memset(&a, 0, sizeof(a));
    a.sin_family = AF_INET;
    a.sin_port = htons(9);
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);

    s = socket(AF_INET, type | SOCK_CLOEXEC, 0);

    return s < 0 ? -1 : connect(s, (struct sockaddr *) &a, sizeof(a));
}


static int
try_tcp(const trial *t)
{
    (void) t;

    return to_address(SOCK_STREAM);
}


static int
try_udp(const trial *t)
{
    (void) t;

    return to_address(SOCK_DGRAM);
}


static int
try_unix(const trial *t)
{
    int                 s;
    struct sockaddr_un  a;

    (void) t;

    memset(&a, 0, sizeof(a));
    a.sun_family = AF_UNIX;
    memcpy(a.sun_path, "\0nobody", 7);      /* of the abstract ones */

    s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    return s < 0 ? -1 : connect(s, (struct sockaddr *) &a, sizeof(a));
}


static int
try_exec(const trial *t)
{
    char  *args[] = { "true", NULL };

    (void) t;

    return execve("/bin/true", args, args + 1);
}


static int
try_fork(const trial *t)
{
    pid_t  pid;

    (void) t;

    pid = fork();
    if (pid == 0) {
        _exit(0);
    }

    return pid < 0 ? -1 : 0;
}


static int
try_kill(const trial *t)
{
    return kill(t->parent, 0);
}


static int
try_ptrace(const trial *t)
{
    return (int) ptrace(PTRACE_SEIZE, t->parent, NULL, NULL);
}


static int
try_memory(const trial *t)
{
    char          byte;
    struct iovec  here = { &byte, 1 }, there = { &byte, 1 };

    return process_vm_readv(t->parent, &here, 1, &there, 1, 0) < 0 ? -1 : 0;
}


static int
open_of_parent(const trial *t, const char *name)
{
    char  path[64];

    (void) snprintf(path, sizeof(path), "/proc/%d/%s", (int) t->parent, name);

    return open(path, O_RDONLY | O_CLOEXEC);
}


static int
try_environ(const trial *t)
{
    return open_of_parent(t, "environ");
}


static int
try_mem(const trial *t)
{
    return open_of_parent(t, "mem");
}


static int
try_create(const trial *t)
{
    int   fd;
    char  path[64];

    (void) t;
    (void) snprintf(path, sizeof(path), "/tmp/render-sandbox-%d",
                    (int) getpid());

    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0) {
        (void) unlink(path);
    }

    return fd;
}


static int
try_write(const trial *t)
{
    (void) t;

    return open("/dev/null", O_RDWR | O_CLOEXEC);
}


static int
try_mkdir(const trial *t)
{
    char  path[64];

    (void) t;
    (void) snprintf(path, sizeof(path), "/tmp/render-sandbox-%d",
                    (int) getpid());

    return mkdir(path, 0700) == 0 ? rmdir(path) : -1;
}


static int
try_read(const trial *t)
{
    (void) t;

    return open("/etc/passwd", O_RDONLY | O_CLOEXEC);
}


static int
try_dir(const trial *t)
{
    return open(t->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}


static int
try_code(const trial *t)
{
    void  *p;

    (void) t;

    p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
             -1, 0);

    return p == MAP_FAILED ? 0 : mprotect(p, 4096, PROT_READ | PROT_EXEC);
}


static int
try_namespace(const trial *t)
{
    (void) t;

    return unshare(CLONE_NEWUSER);
}


static int
try_ring(const trial *t)
{
    struct io_uring_params  p;

    (void) t;
    memset(&p, 0, sizeof(p));

    return (int) syscall(SYS_io_uring_setup, 1, &p);
}


static int
try_survive(const trial *t)
{
    (void) t;

    return prctl(PR_SET_PDEATHSIG, 0);
}


static void *
of_thread(void *arg)
{
    *(int *) arg = 1;

    return NULL;
}


static int
need_thread(const trial *t)
{
    int        ran;
    pthread_t  thread;

    (void) t;
    ran = 0;
    errno = pthread_create(&thread, NULL, of_thread, &ran);

    return errno == 0 && pthread_join(thread, NULL) == 0 && ran ? 0 : -1;
}


static int
need_lent(const trial *t)
{
    char  text[4];

    return pwrite(t->lent, "lent", 4, 0) == 4
           && pread(t->lent, text, 4, 0) == 4 && memcmp(text, "lent", 4) == 0
           ? 0 : -1;
}


static int
need_heap(const trial *t)
{
    char    *p;
    size_t   size = 64 << 20;

    (void) t;
    p = malloc(size);

    if (p == NULL) {
        return -1;
    }

    memset(p, 1, size);
    free(p);

    return 0;
}


/* In several scripts; the files of their fonts are read, too. */

static int
need_fonts(const trial *t)
{
    bool              ok;
    char              hex[65];
    AVFrame          *frame;
    rn_fault          fault;
    rn_text_spec      spec;
    rn_font_digests  *digests;

    (void) t;
    memset(&fault, 0, sizeof(fault));
    memset(&spec, 0, sizeof(spec));
    spec.text = "A\331\205\340\270\201\340\270\262";
    spec.family = "sans-serif";
    spec.size = 40;
    spec.color = 0xffffffff;
    spec.max_width = 640;
    spec.max_height = 360;

    digests = rn_font_digests_new();
    ok = digests != NULL
         && rn_text_fonts(&spec, digests, hex, &fault) == RN_OK
         && rn_text_draw(&spec, &frame, &fault) == RN_OK;

    rn_font_digests_free(digests);

    if (ok) {
        av_frame_free(&frame);
    }

    return ok ? 0 : -1;
}


static const struct {
    trial_pt     run;
    unsigned     layers;                /* that refuse it; 0: it must work */
    const char  *what;
} trials[] = {
    { try_tcp, CALLS, "connect by TCP" },
    { try_udp, CALLS, "send by UDP" },
    { try_unix, CALLS, "connect to a unix socket" },
    { try_exec, BOTH | EITHER, "start a program" },
    { try_fork, CALLS, "start a process" },
    { try_kill, CALLS, "signal its parent" },
    { try_ptrace, BOTH | EITHER, "trace its parent" },
    { try_memory, BOTH | EITHER, "read its parent's memory" },
    { try_mem, PATHS, "open its parent's memory" },
    { try_environ, PATHS, "open its parent's environment" },
    { try_read, PATHS, "read a file of the system" },
    { try_dir, PATHS, "list a folder" },
    { try_create, BOTH | EITHER, "make a file" },
    { try_write, BOTH | EITHER, "open a file for writing" },
    { try_mkdir, BOTH | EITHER, "make a folder" },
    { try_code, CALLS, "execute what it has written" },
    { try_namespace, CALLS, "make a namespace" },
    { try_ring, CALLS, "set up an io_uring" },
    { try_survive, CALLS, "outlive its parent" },
    { need_thread, 0, "have a thread" },
    { need_lent, 0, "write what it is lent" },
    { need_heap, 0, "have memory" },
    { need_fonts, 0, "draw a text" },
};


/* How a child that is confined fares with it; why, when it could not be. */

static int
fare(trial_pt run, trial *t, char *why, size_t len)
{
    int          rc, result, status;
    ssize_t      n;
    pid_t        pid;
    stage_file   file = { "lent", -1 };
    stage_task   task;

    memset(&task, 0, sizeof(task));
    result = memfd_create("result", MFD_CLOEXEC);
    t->lent = memfd_create("lent", MFD_CLOEXEC);

    file.fd = t->lent;
    task.spec = task.result = result;
    task.status = -1;
    task.files = &file;
    task.n_files = 1;

    pid = result >= 0 && t->lent >= 0 ? fork() : -1;

    if (pid == 0) {
        if (!sandbox_enter(&task, t->parent, why, len)) {
            (void) !pwrite(result, why, strlen(why), 0);
            _exit(BROKEN);
        }

        rc = run(t);
        _exit(rc >= 0 ? DONE
              : errno == EACCES || errno == EPERM || errno == ENOSYS
              ? REFUSED : DONE);
    }

    rc = pid < 0 ? -1 : waitpid(pid, &status, 0);
    n = rc == pid ? pread(result, why, len - 1, 0) : 0;
    why[n > 0 ? n : 0] = '\0';

    (void) close(result);
    (void) close(t->lent);

    if (rc < 0) {
        (void) snprintf(why, len, "%s", strerror(errno));
        return BROKEN;
    }

    return WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS ? REFUSED
           : WIFEXITED(status) ? WEXITSTATUS(status) : BROKEN;
}


/* Whether the layers in use are to refuse it. */

static bool
is_refused(unsigned by)
{
    unsigned  used;

    used = sandbox_layers() & by;

    return (by & EITHER) ? used != 0 : used == (by & BOTH);
}


bool
sandbox_test(FILE *out, const char *dir, char *err, size_t len)
{
    int          got;
    bool         ok, good, fonts;
    char         why[200];
    trial        t;
    size_t       i;
    FcFontSet   *set;

    ok = true;
    t.parent = getpid();
    t.dir = dir != NULL ? dir : "/";
    set = FcConfigGetFonts(NULL, FcSetSystem);
    fonts = set != NULL && set->nfont > 0;

    for (i = 0; i < sizeof(trials) / sizeof(trials[0]); i++) {

        if (out == NULL && trials[i].layers != 0
            && !is_refused(trials[i].layers))
        {
            continue;
        }

        if (trials[i].run == need_fonts && !fonts) {
            continue;                       /* no film has texts, here */
        }

        got = fare(trials[i].run, &t, why, sizeof(why));
        good = got == (trials[i].layers != 0 ? REFUSED : DONE);

        if (out != NULL) {
            fprintf(out, "%-12s %s\n", trials[i].layers == 0
                    ? good ? "ok" : "NOT possible"
                    : good ? "ok" : got == DONE ? "NOT refused" : "NOT tried",
                    trials[i].what);
        }

        if (good || !ok) {
            continue;
        }

        ok = false;

        if (got == BROKEN) {
            (void) snprintf(err, len, "a child cannot be confined: %s", why);
        } else {
            (void) snprintf(err, len, "a child %s %s", trials[i].layers == 0
                            ? "cannot" : "can", trials[i].what);
        }
    }

    return ok;
}
