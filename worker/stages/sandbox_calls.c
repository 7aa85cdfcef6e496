/*
 * seccomp: the system calls that a child can make, and what becomes of others.
 *
 *   allowed   what libav, Pango, glib and glibc were seen to need once a child
 *             runs, by their arguments where these decide what it is;
 *   ended     what no library tries in vain and only somebody who has taken
 *             over the child would do: a program, a process, another process's
 *             memory, a network, a namespace, an identity.  He gets no second
 *             try; the job is told which call it was;
 *   refused   everything else, with ENOSYS, as by an older kernel.  Libraries
 *             look for what there is and have another way; a newer glibc would
 *             else end every render on the day that it is installed.  Where a
 *             library would take ENOSYS for a fault it is the errno that says
 *             "not you".
 *
 * The filter is compiled once, by the process that forks children; a child sets
 * its own number in it and enters.
 */

#include "sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>


#define SELF  0x5e1f5e1fu               /* stands for the child's own pid */

#define CALL(name)  { SCMP_SYS(name), #name }

typedef struct {
    int          nr;
    const char  *name;
} call;


static const call allowed[] = {

    /* what is lent, and fonts */

    CALL(read), CALL(readv), CALL(pread64), CALL(preadv),
    CALL(write), CALL(writev), CALL(pwrite64), CALL(pwritev),
    CALL(lseek), CALL(close), CALL(poll), CALL(ppoll),
    CALL(fstat), CALL(stat), CALL(lstat), CALL(newfstatat), CALL(statx),
    CALL(access), CALL(faccessat), CALL(faccessat2), CALL(readlink),
    CALL(readlinkat),

    /* folders of fonts, and of fontconfig's configuration */

    CALL(getdents64), CALL(fstatfs), CALL(fadvise64),

    /* memory; none that could be executed, see below */

    CALL(munmap), CALL(mremap), CALL(madvise), CALL(brk),

    /* threads */

    CALL(set_robust_list), CALL(rseq), CALL(gettid),
    CALL(sched_yield), CALL(sched_getaffinity), CALL(exit),

    /* the clock, where it is not read without the kernel */

    CALL(clock_gettime), CALL(clock_getres), CALL(clock_nanosleep),
    CALL(nanosleep), CALL(gettimeofday), CALL(time),

    /* signals of its own */

    CALL(rt_sigprocmask), CALL(rt_sigreturn), CALL(sigaltstack),
    CALL(restart_syscall),

    /* glib's main loop, without which it ends the process */

    CALL(eventfd2),

    /* who and where it is; qsort() asks how much memory there is */

    CALL(getpid), CALL(getuid), CALL(geteuid), CALL(getgid), CALL(getegid),
    CALL(uname), CALL(sysinfo), CALL(getrusage), CALL(getrandom),

    CALL(exit_group),
};


static const call ended[] = {

    /* another program, another process */

    CALL(execve), CALL(execveat), CALL(fork), CALL(vfork), CALL(ptrace),
    CALL(process_vm_readv), CALL(process_vm_writev), CALL(process_madvise),
    CALL(pidfd_getfd), CALL(kcmp),

    /* a network; socket() itself is below */

    CALL(connect), CALL(bind), CALL(listen), CALL(accept), CALL(accept4),

    /* ways past the two layers */

    CALL(io_uring_setup), CALL(io_uring_enter), CALL(io_uring_register),
    CALL(open_by_handle_at), CALL(userfaultfd), CALL(perf_event_open),
    CALL(bpf), CALL(add_key), CALL(request_key), CALL(keyctl),

    /* another world, another identity */

    CALL(unshare), CALL(setns), CALL(mount), CALL(umount2), CALL(move_mount),
    CALL(open_tree), CALL(fsopen), CALL(fsmount), CALL(pivot_root),
    CALL(chroot), CALL(setuid), CALL(setgid), CALL(setreuid), CALL(setregid),
    CALL(setresuid), CALL(setresgid), CALL(setgroups), CALL(setfsuid),
    CALL(setfsgid), CALL(capset), CALL(personality),

    /* the machine */

    CALL(init_module), CALL(finit_module), CALL(delete_module),
    CALL(kexec_load), CALL(kexec_file_load), CALL(reboot), CALL(swapon),
    CALL(swapoff), CALL(acct), CALL(quotactl), CALL(settimeofday),
    CALL(clock_settime), CALL(clock_adjtime), CALL(adjtimex),
    CALL(sethostname), CALL(setdomainname), CALL(syslog), CALL(mknod),
    CALL(mknodat), CALL(iopl), CALL(ioperm), CALL(modify_ldt),

    /* named here for who reads of it; by their arguments, see below */

    CALL(socket), CALL(clone),
};


static struct sock_filter  *program;
static size_t               length;
static int                  reported;


bool
sandbox_calls_there(void)
{
    uint32_t  action;

    action = SECCOMP_RET_TRAP;

    return syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
}


/* Each returns the first fault of libseccomp, a negative errno. */

static int
add_lists(scmp_filter_ctx f)
{
    int     rc;
    size_t  i;

    rc = 0;

    for (i = 0; rc == 0 && i < sizeof(allowed) / sizeof(call); i++) {
        rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, allowed[i].nr, 0);
    }

    for (i = 0; rc == 0 && i < sizeof(ended) / sizeof(call); i++) {
        if (ended[i].nr != SCMP_SYS(socket) && ended[i].nr != SCMP_SYS(clone)) {
            rc = seccomp_rule_add(f, SCMP_ACT_TRAP, ended[i].nr, 0);
        }
    }

    return rc;
}


/* Opening is for reading, whatever Landlock says of the path. */

static int
add_open(scmp_filter_ctx f, int nr, unsigned arg)
{
    int     rc;
    size_t  i;

    static const scmp_datum_t  writes[] = {
        O_WRONLY, O_RDWR, O_CREAT, O_TRUNC, O_TMPFILE & ~O_DIRECTORY
    };

    scmp_datum_t  any;

    rc = 0;
    any = 0;

    for (i = 0; rc == 0 && i < sizeof(writes) / sizeof(writes[0]); i++) {
        any |= writes[i];
        rc = seccomp_rule_add(f, SCMP_ACT_ERRNO(EACCES), nr, 1,
                              SCMP_CMP64(arg, SCMP_CMP_MASKED_EQ, writes[i],
                                         writes[i]));
    }

    if (rc == 0) {
        rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, nr, 1,
                              SCMP_CMP64(arg, SCMP_CMP_MASKED_EQ, any, 0));
    }

    return rc;
}


/* Memory that could be executed: nothing here compiles code as it runs. */

static int
add_memory(scmp_filter_ctx f, int nr)
{
    int  rc;

    rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, nr, 1,
                          SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    if (rc == 0) {
        rc = seccomp_rule_add(f, SCMP_ACT_ERRNO(EACCES), nr, 1,
                              SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC,
                                      PROT_EXEC));
    }

    return rc;
}


/*
 * A thread, by clone() as glibc calls it: with all that threads share, and none
 * of the flags of namespaces.  What shares less would be a process.  The flags
 * of clone3() lie in memory, where no filter sees them; to glibc that is a
 * kernel without it, and it takes clone().
 */

static int
add_thread(scmp_filter_ctx f)
{
    int           rc;
    scmp_datum_t  must, may;

    must = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD
           | CLONE_SYSVSEM;
    may = CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID
          | CLONE_CHILD_SETTID | CLONE_DETACHED;

    rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
                          SCMP_A0_64(SCMP_CMP_MASKED_EQ, ~may, must));
    if (rc == 0) {
        rc = seccomp_rule_add(f, SCMP_ACT_TRAP, SCMP_SYS(clone), 1,
                              SCMP_A0_64(SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0));
    }

    return rc;
}


/*
 * Waiting and waking.  What lends priorities and moves waiters is how kernels
 * were broken into, and is used by nothing here.
 */

static int
add_futex(scmp_filter_ctx f)
{
    int     rc;
    size_t  i;

    static const scmp_datum_t  ops[] = {
        FUTEX_WAIT, FUTEX_WAKE, FUTEX_WAKE_OP, FUTEX_WAIT_BITSET,
        FUTEX_WAKE_BITSET
    };

    rc = 0;

    for (i = 0; rc == 0 && i < sizeof(ops) / sizeof(ops[0]); i++) {
        rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(futex), 1,
                              SCMP_A1_64(SCMP_CMP_MASKED_EQ,
                                         (uint32_t) FUTEX_CMD_MASK, ops[i]));
    }

    return rc;
}


/*
 * SIGSYS, the last of those that have a name, is how a child ends, and stays
 * so.  Of those above glibc takes two when it makes its first thread.
 */

static int
add_signals(scmp_filter_ctx f)
{
    int  rc, i;

    rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(rt_sigaction), 1,
                          SCMP_A0_64(SCMP_CMP_LT, SIGSYS));

    for (i = SIGSYS + 1; rc == 0 && i < SIGRTMIN; i++) {
        rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(rt_sigaction), 1,
                              SCMP_A0_64(SCMP_CMP_EQ, (scmp_datum_t) i));
    }

    /* abort() and who falls: to itself only */

    if (rc == 0) {
        rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
                              SCMP_A0_64(SCMP_CMP_EQ, SELF));
    }

    if (rc == 0) {
        rc = seccomp_rule_add(f, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(kill), 0);
    }

    return rc;
}


static int
add_few(scmp_filter_ctx f)
{
    int     rc;
    size_t  i;

    static const struct {
        int           nr;
        unsigned      arg;
        scmp_datum_t  value;
    } few[] = {
        { SCMP_SYS(prctl), 0, PR_SET_NAME },    /* of a thread */
        { SCMP_SYS(prctl), 0, PR_GET_NAME },
        { SCMP_SYS(ioctl), 1, TCGETS },         /* isatty(), and no TIOCSTI */
        { SCMP_SYS(fcntl), 1, F_GETFD },        /* no F_SETOWN: that signals */
        { SCMP_SYS(fcntl), 1, F_SETFD },
        { SCMP_SYS(fcntl), 1, F_GETFL },
        { SCMP_SYS(fcntl), 1, F_DUPFD },
        { SCMP_SYS(fcntl), 1, F_DUPFD_CLOEXEC },
    };

    rc = 0;

    for (i = 0; rc == 0 && i < sizeof(few) / sizeof(few[0]); i++) {
        rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, few[i].nr, 1,
                              SCMP_CMP64(few[i].arg, SCMP_CMP_EQ,
                                         few[i].value));
    }

    /* getrlimit() of itself */

    if (rc == 0) {
        rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), 2,
                              SCMP_A0_64(SCMP_CMP_EQ, 0),
                              SCMP_A2_64(SCMP_CMP_EQ, 0));
    }

    /* glibc looks for nscd, and glib for D-Bus; any other network is hostile */

    if (rc == 0) {
        rc = seccomp_rule_add(f, SCMP_ACT_ERRNO(EACCES), SCMP_SYS(socket), 1,
                              SCMP_A0_64(SCMP_CMP_EQ, AF_UNIX));
    }

    if (rc == 0) {
        rc = seccomp_rule_add(f, SCMP_ACT_TRAP, SCMP_SYS(socket), 1,
                              SCMP_A0_64(SCMP_CMP_NE, AF_UNIX));
    }

    return rc;
}


static int
add_rules(scmp_filter_ctx f)
{
    int  rc;

    /* calls of another architecture, for which there are no rules */

    rc = seccomp_attr_set(f, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);

    if (rc == 0) {                          /* a tree, not a list */
        rc = seccomp_attr_set(f, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    }

    if (rc == 0) {
        rc = add_lists(f);
    }

    if (rc == 0) {
        rc = add_open(f, SCMP_SYS(openat), 2);
    }

    if (rc == 0) {
        rc = add_open(f, SCMP_SYS(open), 1);
    }

    if (rc == 0) {
        rc = add_memory(f, SCMP_SYS(mmap));
    }

    if (rc == 0) {
        rc = add_memory(f, SCMP_SYS(mprotect));
    }

    if (rc == 0) {
        rc = add_thread(f);
    }

    if (rc == 0) {
        rc = add_futex(f);
    }

    if (rc == 0) {
        rc = add_signals(f);
    }

    if (rc == 0) {
        rc = add_few(f);
    }

    return rc;
}


/* The filter's program, through a file: all that libseccomp 2.5 has. */

static int
read_program(scmp_filter_ctx f)
{
    int      fd, rc;
    off_t    size;
    ssize_t  n;

    fd = memfd_create("filter", MFD_CLOEXEC);
    if (fd < 0) {
        return -errno;
    }

    rc = seccomp_export_bpf(f, fd);
    size = rc == 0 ? lseek(fd, 0, SEEK_END) : 0;

    if (size > 0) {
        free(program);
        program = malloc((size_t) size);
        n = program != NULL ? pread(fd, program, (size_t) size, 0) : -1;
        length = n == size ? (size_t) size / sizeof(struct sock_filter) : 0;
    }

    (void) close(fd);

    return rc != 0 ? rc : length > 0 ? 0 : -ENOMEM;
}


static struct sock_filter *
own_number(void)
{
    size_t               i;
    struct sock_filter  *found;

    found = NULL;

    for (i = 0; i < length; i++) {
        if (BPF_CLASS(program[i].code) == BPF_JMP && program[i].k == SELF) {
            if (found != NULL) {
                return NULL;
            }
            found = &program[i];
        }
    }

    return found;
}


bool
sandbox_calls_prepare(char *err, size_t len)
{
    int              rc;
    scmp_filter_ctx  f;

    f = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
    rc = f != NULL ? add_rules(f) : -ENOMEM;

    if (rc == 0) {
        rc = read_program(f);
    }

    if (f != NULL) {
        seccomp_release(f);
    }

    if (rc == 0 && own_number() == NULL) {
        rc = -EINVAL;
    }

    if (rc != 0) {
        (void) snprintf(err, len, "seccomp: %s", strerror(-rc));
    }

    return rc == 0;
}


/*
 * Writes the call's name to where the answer would be, and dies of SIGSYS after
 * all: its action has been reset by now, and by nobody can it be set again.
 */

static void
broken(int sig, siginfo_t *info, void *context)
{
    char         text[64];
    size_t       i, n;
    const char  *name;

    (void) context;

    name = "another";

    for (i = 0; i < sizeof(ended) / sizeof(call); i++) {
        if (ended[i].nr == info->si_syscall) {
            name = ended[i].name;
        }
    }

    memcpy(text, "SIGSYS ", 7);
    n = 7;
    while (*name != '\0' && n < sizeof(text) - 1) {
        text[n++] = *name++;
    }
    text[n++] = '\n';

    (void) !pwrite(reported, text, n, 0);
    (void) syscall(SYS_tgkill, getpid(), (pid_t) syscall(SYS_gettid), sig);
    _exit(127);
}


bool
sandbox_calls_enter(int result, char *err, size_t len)
{
    struct sigaction    sa;
    struct sock_fprog   p;

    reported = result;
    own_number()->k = (uint32_t) getpid();

    memset(&sa, 0, sizeof(sa));
    sa.sa_sigaction = broken;
    sa.sa_flags = SA_SIGINFO | SA_RESETHAND | SA_NODEFER;

    p.len = (unsigned short) length;
    p.filter = program;

    if (sigaction(SIGSYS, &sa, NULL) != 0
        || syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &p) != 0)
    {
        (void) snprintf(err, len, "seccomp: %s", strerror(errno));
        return false;
    }

    return true;
}
