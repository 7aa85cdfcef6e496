/*
 * Preloaded into nginx by t/traps_calls.t: writes down what a worker process
 * must never do, a line each, to the file that RENDER_WITNESS names, and who
 * parses large JSON; makes writes to storage fail, as on a full disk, while
 * RENDER_WITNESS.full exists, no new descriptor be watched while there is
 * RENDER_WITNESS.deaf, and the server at the port RENDER_WITNESS_PORT take
 * nothing while there is RENDER_WITNESS.jam.
 */

#define _GNU_SOURCE

#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>


static void
witness(const char *what, const char *on)
{
    int          n;
    char         line[512];
    long         fd;
    const char  *name;

    name = getenv("RENDER_WITNESS");
    if (name == NULL) {
        return;
    }

    n = snprintf(line, sizeof(line), "%ld %s %s\n", (long) getpid(), what, on);
    fd = syscall(SYS_openat, AT_FDCWD, name, O_WRONLY | O_APPEND | O_CLOEXEC);

    if (fd >= 0) {
        (void) syscall(SYS_write, fd, line, n);
        (void) syscall(SYS_close, fd);
    }
}


static int
in_storage(int fd, char *path, size_t size)
{
    char     link[64];
    ssize_t  n;

    (void) snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    n = readlink(link, path, size - 1);
    path[n > 0 ? n : 0] = '\0';

    return strstr(path, "/storage/") != NULL || strstr(path, "/spool/") != NULL;
}


/* The event loop is the first thread of its process. */

static int
in_loop(void)
{
    return syscall(SYS_gettid) == getpid();
}


static int
exists(const char *suffix)
{
    char         path[512];
    const char  *name;

    name = getenv("RENDER_WITNESS");
    if (name == NULL) {
        return 0;
    }

    (void) snprintf(path, sizeof(path), "%s.%s", name, suffix);

    return access(path, F_OK) == 0;
}


int
epoll_ctl(int ep, int op, int fd, struct epoll_event *event)
{
    if (op == EPOLL_CTL_ADD && exists("deaf")) {
        errno = ENOMEM;
        return -1;
    }

    return (int) syscall(SYS_epoll_ctl, ep, op, fd, event);
}


static int
is_jammed(int fd)
{
    const char          *port;
    socklen_t            len;
    struct sockaddr_in   sin;

    port = getenv("RENDER_WITNESS_PORT");
    len = sizeof(sin);

    return port != NULL && exists("jam")
           && getpeername(fd, (struct sockaddr *) &sin, &len) == 0
           && sin.sin_family == AF_INET && ntohs(sin.sin_port) == atoi(port);
}


/* hiredis 0.14 writes, 1.x sends. */

ssize_t
write(int fd, const void *buf, size_t n)
{
    int  err = errno;

    if (is_jammed(fd)) {
        errno = EAGAIN;
        return -1;
    }

    errno = err;

    return syscall(SYS_write, fd, buf, n);
}


ssize_t
send(int fd, const void *buf, size_t n, int flags)
{
    int  err = errno;

    if (is_jammed(fd)) {
        errno = EAGAIN;
        return -1;
    }

    errno = err;

    return syscall(SYS_sendto, fd, buf, n, flags, NULL, 0);
}


int
close(int fd)
{
    int   rc, err;
    char  text[32];

    rc = (int) syscall(SYS_close, fd);
    err = errno;

    if (rc != 0 && err == EBADF) {
        (void) snprintf(text, sizeof(text), "%d", fd);
        witness("close-ebadf", text);
    }

    errno = err;

    return rc;
}


/* As it is called where off_t has 64 bits. */

ssize_t
pwrite64(int fd, const void *buf, size_t n, off64_t at)
{
    char  path[512];

    if (in_storage(fd, path, sizeof(path))) {
        witness(in_loop() ? "write-in-loop" : "write", path);

        if (exists("full")) {
            errno = ENOSPC;
            return -1;
        }
    }

    return syscall(SYS_pwrite64, fd, buf, n, at);
}


ssize_t
pwrite(int fd, const void *buf, size_t n, off_t at)
{
    return pwrite64(fd, buf, n, at);
}


int
fsync(int fd)
{
    char  path[512];

    if (in_storage(fd, path, sizeof(path))) {
        witness(in_loop() ? "fsync-in-loop" : "fsync", path);
    }

    return (int) syscall(SYS_fsync, fd);
}


/* jansson's; what is larger than this takes its time. */

void *
json_loadb(const char *text, size_t n, size_t flags, void *error)
{
    char  length[32];

    static void *(*real)(const char *, size_t, size_t, void *);

    if (n > 65536) {
        (void) snprintf(length, sizeof(length), "%zu", n);
        witness(in_loop() ? "json-in-loop" : "json", length);
    }

    if (real == NULL) {
        *(void **) &real = dlsym(RTLD_NEXT, "json_loadb");
    }

    return real(text, n, flags, error);
}


int
getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
    struct addrinfo **res)
{
    unsigned char  addr[16];

    static int (*real)(const char *, const char *, const struct addrinfo *,
        struct addrinfo **);

    /* an address is no question to anybody */

    if (node != NULL && inet_pton(AF_INET, node, addr) != 1
        && inet_pton(AF_INET6, node, addr) != 1)
    {
        witness(in_loop() ? "getaddrinfo-in-loop" : "getaddrinfo", node);
    }

    if (real == NULL) {
        *(void **) &real = dlsym(RTLD_NEXT, "getaddrinfo");
    }

    return real(node, service, hints, res);
}
