/*
 * The sandbox from within: what ends a child and is told of it, what is only
 * refused, that neither can be argued with, and what is left to work with.
 * What it keeps from the rest of the machine is tried by t/sandbox.t.
 */

#include "helpers.h"
#include "sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>


#define HIGH  (1L << 32)                /* of which the kernel sees nothing */

typedef void (*act_pt)(void);

static pid_t  parent;


/* What becomes of a confined child that does this; the answer is its file. */

static int
confined(act_pt act, int *result)
{
    char        why[200];
    int         status;
    pid_t       pid;
    stage_task  t;

    memset(&t, 0, sizeof(t));
    t.spec = memory_file("", 0);
    t.result = memory_file("", 0);
    t.status = -1;
    parent = getpid();

    pid = fork();

    if (pid == 0) {
        if (!sandbox_enter(&t, parent, why, sizeof(why))) {
            _exit(99);
        }
        act();
        _exit(0);
    }

    assert_true(pid > 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    (void) close(t.spec);
    *result = t.result;

    return status;
}


static void
check_ended(act_pt act, const char *call)
{
    int   status, result;
    char  name[32];

    status = confined(act, &result);
    sandbox_broken(result, name, sizeof(name));
    (void) close(result);

    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGSYS) {
        fail_msg("%s: not ended by SIGSYS, but 0x%x", call, status);
    }
    assert_string_equal(name, call);
}


/* The act says by its exit status, 0, that all was as it should be. */

static void
check_lives(act_pt act)
{
    int  status, result;

    status = confined(act, &result);
    (void) close(result);

    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        fail_msg("ended with 0x%x", status);
    }
}


static void
want(long rc, int error)
{
    if (rc >= 0 || errno != error) {
        fprintf(stderr, "rc %ld, errno %d, not %d\n", rc, errno, error);
        _exit(1);
    }
}


static void
act_exec(void)
{
    char  *args[] = { "true", NULL };

    (void) execve("/bin/true", args, args + 1);
}


static void
act_fork(void)
{
    (void) fork();
}


static void
act_socket(void)
{
    (void) socket(AF_INET, SOCK_STREAM, 0);
}


/* 1 is AF_UNIX, and that is what the kernel would make of it */

static void
act_socket_high(void)
{
    (void) syscall(SYS_socket, AF_INET | HIGH, SOCK_STREAM, 0);
}


static void
act_setuid(void)
{
    (void) setuid(0);
}


static void *
in_thread(void *arg)
{
    ((act_pt) arg)();

    return NULL;
}


static void
act_thread_execs(void)
{
    pthread_t  t;

    (void) pthread_create(&t, NULL, in_thread, (void *) act_exec);
    (void) pthread_join(t, NULL);
}


static void
act_blocked_exec(void)
{
    sigset_t  all;

    (void) sigfillset(&all);
    (void) sigprocmask(SIG_SETMASK, &all, NULL);
    act_exec();
}


static void
test_ended(void **state)
{
    (void) state;

    check_ended(act_exec, "execve");
    check_ended(act_thread_execs, "execve");
    check_ended(act_fork, "clone");
    check_ended(act_socket, "socket");
    check_ended(act_socket_high, "socket");
    check_ended(act_setuid, "setuid");

    /* with all signals blocked the kernel ends it, and nothing is told */

    check_ended(act_blocked_exec, "unknown");
}


static void
ignore(int sig)
{
    (void) sig;
}


static void
act_keep_sigsys(void)
{
    struct sigaction  sa;

    memset(&sa, 0, sizeof(sa));
    sa.sa_handler = ignore;

    want(sigaction(SIGSYS, &sa, NULL), ENOSYS);
    want(syscall(SYS_rt_sigaction, SIGSYS | HIGH, &sa, NULL, 8), ENOSYS);
}


static void
act_open(void)
{
    size_t  i;

    static const long  flags[] = {
        O_WRONLY, O_RDWR, O_RDONLY | O_CREAT, O_RDONLY | O_TRUNC,
        O_RDWR | HIGH, O_TMPFILE | O_RDWR
    };

    for (i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
        want(syscall(SYS_openat, AT_FDCWD, "/tmp", flags[i], 0600), EACCES);
    }

}


static void
act_read(void)
{
    want(open("/etc/passwd", O_RDONLY), EACCES);
    want(open("/proc/self/mem", O_RDONLY), EACCES);
    want(open("/dev/null", O_RDWR), EACCES);
    want(open("/", O_RDONLY | O_DIRECTORY), EACCES);
}


static void
act_refused(void)
{
    int    zero;
    void  *p;

    zero = 0;

    want(socket(AF_UNIX, SOCK_STREAM, 0), EACCES);
    want(kill(parent, 0), EPERM);
    want(syscall(SYS_tgkill, parent, parent, 0), ENOSYS);
    want(syscall(SYS_clone3, NULL, 0), ENOSYS);
    want(syscall(SYS_futex, &zero, FUTEX_LOCK_PI, 0, NULL, NULL, 0), ENOSYS);
    want(syscall(SYS_futex, &zero, FUTEX_WAIT, 1, NULL, NULL, 0), EAGAIN);
    want(prctl(PR_SET_PDEATHSIG, 0), ENOSYS);
    want(prctl(PR_SET_DUMPABLE, 1), ENOSYS);
    want(ioctl(2, TIOCSTI, "x"), ENOSYS);
    want(fcntl(2, F_SETOWN, parent), ENOSYS);
    want(unlink("/nowhere"), ENOSYS);
    want(syscall(SYS_openat2, AT_FDCWD, "/", NULL, 0), ENOSYS);

    p = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS,
             -1, 0);
    want(p == MAP_FAILED ? -1 : 0, EACCES);
    p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
             -1, 0);
    want(mprotect(p, 4096, PROT_READ | PROT_EXEC), EACCES);
}


static void
act_limits(void)
{
    struct rlimit  l;

    if (getrlimit(RLIMIT_NOFILE, &l) != 0 || l.rlim_max > 64) {
        _exit(1);
    }

    want(setrlimit(RLIMIT_NOFILE, &l), ENOSYS);

    if (getrlimit(RLIMIT_CORE, &l) != 0 || l.rlim_max != 0) {
        _exit(2);
    }

    if (prctl(PR_GET_NAME, (char[16]) { 0 }) != 0 || environ != NULL) {
        _exit(3);
    }
}


static void
test_refused(void **state)
{
    (void) state;

    check_lives(act_keep_sigsys);
    check_lives(act_open);
    check_lives(act_read);
    check_lives(act_refused);
    check_lives(act_limits);
}


static void
prepare(unsigned layers)
{
    char  why[256];

    if (!sandbox_prepare(layers, why, sizeof(why))
        || !sandbox_test(NULL, NULL, why, sizeof(why)))
    {
        fail_msg("layers %u: %s", layers, why);
    }
}


/* Seen where seccomp lets one look, and told only to root. */

static void
act_capabilities(void)
{
    struct __user_cap_data_struct    caps[_LINUX_CAPABILITY_U32S_3];
    struct __user_cap_header_struct  self = { _LINUX_CAPABILITY_VERSION_3, 0 };

    if (syscall(SYS_capget, &self, caps) != 0
        || (caps[0].effective | caps[0].permitted | caps[1].effective
            | caps[1].permitted) != 0)
    {
        _exit(1);
    }
}


/* What each layer refuses must not depend on the other. */

static void
test_alone(void **state)
{
    (void) state;

    prepare(SANDBOX_SECCOMP);
    check_ended(act_exec, "execve");
    check_ended(act_socket, "socket");
    check_lives(act_keep_sigsys);
    check_lives(act_open);
    check_lives(act_refused);

    prepare(SANDBOX_LANDLOCK);
    check_lives(act_read);
    check_lives(act_capabilities);

    prepare(SANDBOX_ALL);
}


/* What falls says of itself how, as before. */

static void
test_abort(void **state)
{
    int  status, result;

    (void) state;

    status = confined(abort, &result);
    (void) close(result);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
}


/* What a child leaves is told to people, and may be a stranger's. */

static void
test_told(void **state)
{
    int     fd;
    char    name[32];
    size_t  i;

    static const char *const  forged[] = {
        "", "SIGSYS", "SIGSYS ", "SIGSYS \n", "SIGSYS execve",
        "SIGSYS \033[2J\n", "SIGSYS a b\n", "SIGSYS Execve\n",
        "{\"status\":\"ok\"}",
        "SIGSYS aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
        "aaaaaaaaaaaaaaaa\n"
    };

    (void) state;

    for (i = 0; i < sizeof(forged) / sizeof(forged[0]); i++) {
        fd = memory_file(forged[i], strlen(forged[i]));
        sandbox_broken(fd, name, sizeof(name));
        assert_string_equal(name, "unknown");
        (void) close(fd);
    }

    fd = memory_file("SIGSYS io_uring_setup\n", 22);
    sandbox_broken(fd, name, sizeof(name));
    assert_string_equal(name, "io_uring_setup");
    (void) close(fd);
}


/* A film of many pieces is lent many files; all of them, and no others. */

static void
test_many_files(void **state)
{
    int           i, n, status, stranger;
    char          why[200];
    pid_t         pid;
    stage_task    t;
    stage_file   *files;

    (void) state;

    n = 700;
    files = calloc((size_t) n, sizeof(stage_file));
    assert_non_null(files);
    stranger = -1;

    for (i = 0; i < n; i++) {
        if (i == n / 2) {
            stranger = memory_file("no", 2);
        }
        files[i].fd = memory_file("yes", 3);
        assert_true(files[i].fd >= 0);
    }

    memset(&t, 0, sizeof(t));
    t.spec = t.result = files[0].fd;
    t.status = -1;
    t.files = files;
    t.n_files = (size_t) n;
    parent = getpid();
    pid = fork();

    if (pid == 0) {
        if (!sandbox_enter(&t, parent, why, sizeof(why))) {
            _exit(99);
        }

        for (i = 0; i < n; i++) {
            if (lseek(files[i].fd, 0, SEEK_END) != 3) {
                _exit(1);
            }
        }

        want(fcntl(stranger, F_GETFD), EBADF);
        want(lseek(files[n - 1].fd + 1, 0, SEEK_END), EBADF);
        _exit(fcntl(0, F_GETFD) < 0 || fcntl(1, F_GETFD) < 0);
    }

    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);

    for (i = 0; i < n; i++) {
        (void) close(files[i].fd);
    }
    (void) close(stranger);
    free(files);
}


/* A file in a folder, as storage has them, opened for reading and writing. */

static int
file_of(const char *text, size_t len)
{
    int   fd;
    char  path[] = "/tmp/test-sandbox-XXXXXX";

    fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(write(fd, text, len), (ssize_t) len);

    return fd;
}


/* FreeType opens a font that is lent by a name, which others have not. */

static void
test_lent_font(void **state)
{
    int          status;
    char         why[200], font[40], other[40];
    pid_t        pid;
    stage_file   files[2];
    stage_task   t;

    (void) state;

    memset(&t, 0, sizeof(t));
    memset(files, 0, sizeof(files));
    files[0].fd = file_of("OTTO font", 9);
    files[1].fd = file_of("no font", 7);
    t.spec = t.result = memory_file("", 0);
    t.status = -1;
    t.files = files;
    t.n_files = 2;
    parent = getpid();
    (void) snprintf(font, sizeof(font), "/proc/self/fd/%d", files[0].fd);
    (void) snprintf(other, sizeof(other), "/proc/self/fd/%d", files[1].fd);

    pid = fork();

    if (pid == 0) {
        if (!sandbox_enter(&t, parent, why, sizeof(why))
            || open(font, O_RDONLY) < 0)
        {
            _exit(99);
        }

        want(open(font, O_RDWR), EACCES);
        want(open(other, O_RDONLY), EACCES);
        want(open("/etc/passwd", O_RDONLY), EACCES);
        _exit(0);
    }

    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);

    /* and to the next child it means nothing */

    check_lives(act_read);

    (void) close(files[0].fd);
    (void) close(files[1].fd);
    (void) close(t.spec);
}


static void
test_words(void **state)
{
    unsigned  layers;

    (void) state;

    assert_true(sandbox_parse("on", &layers));
    assert_int_equal(layers, SANDBOX_ALL);
    assert_true(sandbox_parse("landlock", &layers));
    assert_int_equal(layers, SANDBOX_LANDLOCK);
    assert_true(sandbox_parse("seccomp", &layers));
    assert_int_equal(layers, SANDBOX_SECCOMP);
    assert_true(sandbox_parse("off", &layers));
    assert_int_equal(layers, 0);
    assert_false(sandbox_parse("", &layers));
    assert_false(sandbox_parse("0", &layers));
    assert_false(sandbox_parse("Off", &layers));
}


/* What nobody has made ready, nobody enters: no child without a sandbox. */

static void
test_unprepared(void **state)
{
    stage_task  t;

    (void) state;

    memset(&t, 0, sizeof(t));
    t.kind = "probe";
    t.spec = t.result = t.status = -1;

    assert_false(sandbox_ready());
    assert_int_equal(stage_fork(&t), -1);
    assert_int_equal(errno, EPERM);
}


static void
test_prepare(void **state)
{
    char  why[256];

    (void) state;

    assert_int_equal(sandbox_kernel(SANDBOX_ALL, why, sizeof(why)),
                     SANDBOX_ALL);
    assert_string_equal(why, "");
    prepare(SANDBOX_ALL);
    assert_true(sandbox_ready());
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_unprepared),
        cmocka_unit_test(test_prepare),
        cmocka_unit_test(test_ended),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_alone),
        cmocka_unit_test(test_abort),
        cmocka_unit_test(test_told),
        cmocka_unit_test(test_many_files),
        cmocka_unit_test(test_lent_font),
    };

    av_log_set_level(AV_LOG_QUIET);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
