/*
 * The order in which a child is confined; see sandbox.h.
 *
 * What is not limited: RLIMIT_AS, since libraries reserve much more than they
 * use, and one cannot say how much; RLIMIT_NPROC, which counts the threads of
 * all that a user runs, so that one child's could fail another's (that a child
 * makes no processes is seccomp's, how many threads a worker has, TasksMax= of
 * its unit); RLIMIT_CPU, since a long film needs long, and what makes no
 * progress is ended by the supervisor.
 */

#include "sandbox.h"
#include "rn_hardware.h"

#include <errno.h>
#include <fcntl.h>
#include <fontconfig/fontconfig.h>
#include <iconv.h>
#include <limits.h>
#include <linux/capability.h>
#include <openssl/evp.h>
#include <pango/pango.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/lsan_interface.h>
#else
#define __lsan_disable()
#define __lsan_enable()
#endif


#define FILE_MAX   (256ULL * 1024 * 1024 * 1024)
#define SPARE_FDS  16                   /* fonts, while they are mapped */
#define DEVICE_FDS 256                  /* what a driver opens of its device */


static bool      prepared;
static unsigned  layers_used;


bool
sandbox_parse(const char *word, unsigned *layers)
{
    size_t  i;

    static const struct {
        const char  *word;
        unsigned     layers;
    } words[] = {
        { "on", SANDBOX_ALL },
        { "landlock", SANDBOX_LANDLOCK },
        { "seccomp", SANDBOX_SECCOMP },
        { "off", 0 },
    };

    for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcmp(word, words[i].word) == 0) {
            *layers = words[i].layers;
            return true;
        }
    }

    return false;
}


unsigned
sandbox_kernel(unsigned wanted, char *why, size_t len)
{
    size_t    n;
    unsigned  there;

    there = 0;
    n = 0;
    why[0] = '\0';

    if (sandbox_paths_abi() > 0) {
        there |= SANDBOX_LANDLOCK;
    } else if (wanted & SANDBOX_LANDLOCK) {
        n += (size_t) snprintf(why, len, "this kernel gives us no Landlock "
                               "(%s)", strerror(errno));
    }

    if (sandbox_calls_there()) {
        there |= SANDBOX_SECCOMP;
    } else if ((wanted & SANDBOX_SECCOMP) && n < len) {
        (void) snprintf(why + n, len - n, "%sthis kernel gives us no seccomp "
                        "filters (%s)", n > 0 ? "; " : "", strerror(errno));
    }

    return there;
}


/*
 * Files that libraries would read when they first need them are read here, so
 * that children need not open them: the list of fonts, OpenSSL's configuration,
 * Thai's dictionary, by which lines are broken, and the one character set that
 * captions may be written in beside those of Unicode.  Others are code that
 * would have to be loaded, and whose tables a stranger would choose.
 * Tables that would be computed anew in each child are computed as well.
 *
 * This is done with an empty environment, as children have, so that a film does
 * not depend on who renders it.  No font map of Pango's is made: it has a
 * thread, which would not be there in the children.
 */

static void
preload(void)
{
    char           *none[1] = { NULL }, **saved;
    unsigned        n;
    PangoLogAttr    attrs[8];
    unsigned char   digest[EVP_MAX_MD_SIZE];

    static const char  thai[] = "\340\270\201\340\270\262"; /* two letters */

    saved = environ;
    environ = none;

    __lsan_disable();                       /* fontconfig, without a HOME */
    (void) FcInit();
    (void) iconv_open("UTF-8", "WINDOWS-1252");     /* and never closed */
    __lsan_enable();

    (void) EVP_Digest("", 0, digest, &n, EVP_sha256(), NULL);
    pango_get_log_attrs(thai, -1, 0, pango_language_from_string("th"), attrs,
                        3);

    rn_av_warm();

    environ = saved;
}


bool
sandbox_prepare(unsigned layers, char *err, size_t len)
{
    preload();

    if ((layers & SANDBOX_LANDLOCK) && !sandbox_paths_prepare(err, len)) {
        return false;
    }

    if ((layers & SANDBOX_SECCOMP) && !sandbox_calls_prepare(err, len)) {
        return false;
    }

    layers_used = layers;
    prepared = true;

    return true;
}


bool
sandbox_ready(void)
{
    return prepared;
}


unsigned
sandbox_layers(void)
{
    return layers_used;
}


static void
reset_signals(void)
{
    int       i;
    sigset_t  none;

    /* faults keep their handlers: only a sanitizer has any, and must report */

    for (i = 1; i < NSIG; i++) {
        if (i != SIGSEGV && i != SIGBUS && i != SIGFPE && i != SIGILL
            && i != SIGABRT)
        {
            (void) signal(i, SIG_DFL);
        }
    }
    (void) signal(SIGPIPE, SIG_IGN);
    (void) signal(SIGXFSZ, SIG_IGN);        /* a write fails, and says so */

    (void) sigemptyset(&none);
    (void) sigprocmask(SIG_SETMASK, &none, NULL);
}


static void
set_limits(int highest)
{
    rlim_t         most;
    struct rlimit  none = { 0, 0 };
    struct rlimit  size, files;

    (void) setrlimit(RLIMIT_CORE, &none);

    if (getrlimit(RLIMIT_FSIZE, &size) == 0 && size.rlim_cur > FILE_MAX) {
        size.rlim_cur = size.rlim_max = FILE_MAX;
        (void) setrlimit(RLIMIT_FSIZE, &size);
    }

    most = (rlim_t) highest + 1 + (rn_hardware_allowed() != NULL ? DEVICE_FDS
                                                                 : SPARE_FDS);

    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur > most) {
        files.rlim_cur = files.rlim_max = most;
        (void) setrlimit(RLIMIT_NOFILE, &files);
    }
}


static int
by_number(const void *a, const void *b)
{
    return *(const int *) a - *(const int *) b;
}


/* The task's own descriptors and standard error, in order. */

static int *
own_fds(const stage_task *t, size_t *n)
{
    int     *fds;
    size_t   i;

    fds = calloc(t->n_files + 4, sizeof(int));
    if (fds == NULL) {
        return NULL;
    }

    *n = 0;
    fds[(*n)++] = STDERR_FILENO;
    fds[(*n)++] = t->spec;
    fds[(*n)++] = t->result;

    if (t->status >= 0) {
        fds[(*n)++] = t->status;
    }

    for (i = 0; i < t->n_files; i++) {
        if (t->files[i].fd >= 0) {
            fds[(*n)++] = t->files[i].fd;
        }
    }

    qsort(fds, *n, sizeof(int), by_number);

    return fds;
}


/* 0 and 1 must not become files that a library then writes to. */

static bool
fill_low(const int *fds, size_t n)
{
    int     null, fd;
    size_t  i;

    null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0) {
        return false;
    }

    for (fd = 0, i = 0; fd < 2; fd++) {
        while (i < n && fds[i] < fd) {
            i++;
        }

        if (fd != null && (i == n || fds[i] != fd) && dup2(null, fd) < 0) {
            return false;
        }
    }

    return true;
}


static void
close_from(int from, int to)
{
    int  max;

    if (close_range((unsigned) from, (unsigned) to, 0) == 0) {
        return;
    }

    max = (int) sysconf(_SC_OPEN_MAX);      /* Linux before 5.9 */

    for ( /* void */ ; from <= to && from < max; from++) {
        (void) close(from);
    }
}


static void
close_others(const int *fds, size_t n)
{
    int     from;
    size_t  i;

    from = 2;

    for (i = 0; i < n; i++) {
        if (fds[i] > from) {
            close_from(from, fds[i] - 1);
        }
        if (fds[i] >= from) {
            from = fds[i] + 1;
        }
    }

    close_from(from, INT_MAX);
}


/* For workers of root, as those in containers often are. */

static bool
drop_capabilities(void)
{
    struct __user_cap_data_struct    none[_LINUX_CAPABILITY_U32S_3];
    struct __user_cap_header_struct  self = { _LINUX_CAPABILITY_VERSION_3, 0 };

    memset(none, 0, sizeof(none));

    return syscall(SYS_capset, &self, none) == 0;
}


bool
sandbox_enter(const stage_task *task, pid_t parent, char *err, size_t len)
{
    int     *fds, highest;
    bool     ok;
    size_t   n;

    (void) prctl(PR_SET_PDEATHSIG, SIGKILL);

    if (getppid() != parent) {              /* it died before that */
        _exit(1);
    }

    (void) setpgid(0, 0);
    (void) clearenv();
    reset_signals();

    fds = own_fds(task, &n);
    if (fds == NULL || !fill_low(fds, n)) {
        (void) snprintf(err, len, "descriptors: %s", strerror(errno));
        free(fds);
        return false;
    }

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0
        || (layers_used != 0 && !drop_capabilities()))
    {
        (void) snprintf(err, len, "privileges: %s", strerror(errno));
        free(fds);
        return false;
    }

    /* Landlock by a descriptor that is then closed; seccomp at last, since it
       would not let any of this happen */

    ok = !(layers_used & SANDBOX_LANDLOCK)
         || sandbox_paths_enter(task, err, len);

    close_others(fds, n);
    highest = fds[n - 1];
    free(fds);
    set_limits(highest);

    return ok && (!(layers_used & SANDBOX_SECCOMP)
                  || sandbox_calls_enter(task->result, err, len));
}


void
sandbox_broken(int result, char *name, size_t len)
{
    char     text[64];
    size_t   i;
    ssize_t  n;

    /* the child that wrote this may have been a stranger's by then */

    n = pread(result, text, sizeof(text) - 1, 0);
    text[n > 0 ? n : 0] = '\0';

    if (strncmp(text, "SIGSYS ", 7) == 0) {
        for (i = 7; (text[i] >= 'a' && text[i] <= 'z') || text[i] == '_'
                    || (text[i] >= '0' && text[i] <= '9'); i++)
        {
            /* void */
        }

        if (i > 7 && text[i] == '\n') {
            (void) snprintf(name, len, "%.*s", (int) i - 7, text + 7);
            return;
        }
    }

    (void) snprintf(name, len, "unknown");
}
