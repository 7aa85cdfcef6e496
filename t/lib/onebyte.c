/*
 * A library to be loaded before others (LD_PRELOAD) into nginx: sockets give
 * and take one byte a call, so that everything that may come in pieces does.
 * Files, pipes and the channel between nginx's processes are left alone.
 *
 *   RENDER_ONEBYTE=client   connections that were accepted
 *   RENDER_ONEBYTE=all      those that were made, too: PostgreSQL, Redis
 *   RENDER_ONEBYTE_AGAIN=1  every other call says EAGAIN instead
 *   RENDER_ONEBYTE_FIRST=n  only the first n bytes of a direction (65536)
 *
 * nginx polls by edges: who was given less than was asked for waits for the
 * next one.  A short call of ours therefore makes one, as the next byte's
 * arrival would: what nginx has asked epoll for is asked again before it waits.
 * A call that was given all that it asked for makes none.  "100 Continue" goes
 * out whole: nginx takes a short write of it for an error, as its code says.
 *
 * A process has one thread that polls; those of its pool do not use sockets.
 */

#define _GNU_SOURCE

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>


#define FDS  65536

typedef struct {
    bool                cut, polled, again[2], due;
    int                 epoll;
    size_t              done[2];        /* bytes, of reading and of writing */
    struct epoll_event  event;
} state;

static state   fds[FDS];
static int     due[FDS];                /* whom an edge is owed */
static size_t  ndue, first;
static bool    all, again, ready;


#define NEXT(name)                                                            \
    static __typeof__(name) *next;                                            \
    if (next == NULL) {                                                       \
        next = (__typeof__(name) *) dlsym(RTLD_NEXT, #name);                  \
    }


static void
begin(void)
{
    const char  *s;

    s = getenv("RENDER_ONEBYTE");
    all = s != NULL && strcmp(s, "all") == 0;
    s = getenv("RENDER_ONEBYTE_AGAIN");
    again = s != NULL && *s == '1';
    s = getenv("RENDER_ONEBYTE_FIRST");
    first = s != NULL ? strtoul(s, NULL, 10) : 65536;
    ready = true;
}


static state *
of(int fd)
{
    return fd >= 0 && fd < FDS && fds[fd].cut ? &fds[fd] : NULL;
}


static void
cut(int fd)
{
    if (!ready) {
        begin();
    }

    if (fd >= 0 && fd < FDS) {
        memset(&fds[fd], 0, sizeof(state));
        fds[fd].cut = true;
    }
}


static void
owe(int fd)
{
    state  *s = &fds[fd];

    if (s->polled && !s->due && ndue < FDS) {
        s->due = true;
        due[ndue++] = fd;
    }
}


/*
 * How many of n bytes a call may move: 0, it is to say EAGAIN.  dir is 0 for
 * reading and 1 for writing.  A socket that blocks is not told EAGAIN, which
 * would be no answer for it.
 */

static size_t
allow(int fd, int dir, size_t n)
{
    state  *s = of(fd);

    if (s == NULL || n == 0 || s->done[dir] >= first) {
        return n;
    }

    if (again && (s->again[dir] = !s->again[dir])
        && (fcntl(fd, F_GETFL) & O_NONBLOCK))
    {
        owe(fd);
        return 0;
    }

    return 1;
}


static ssize_t
moved(int fd, int dir, size_t wanted, ssize_t n)
{
    state  *s = of(fd);

    if (s != NULL && n > 0) {
        s->done[dir] += (size_t) n;
        if ((size_t) n < wanted) {
            owe(fd);
        }
    }

    return n;
}


static ssize_t
not_now(void)
{
    errno = EAGAIN;

    return -1;
}


ssize_t
read(int fd, void *buf, size_t n)
{
    size_t  m;

    NEXT(read);

    m = allow(fd, 0, n);

    return m == 0 && n > 0 ? not_now() : moved(fd, 0, n, next(fd, buf, m));
}


ssize_t
recv(int fd, void *buf, size_t n, int flags)
{
    size_t  m;

    NEXT(recv);

    if (flags & MSG_PEEK) {             /* looks, and takes nothing */
        return next(fd, buf, n, flags);
    }

    m = allow(fd, 0, n);

    return m == 0 && n > 0 ? not_now()
                           : moved(fd, 0, n, next(fd, buf, m, flags));
}


ssize_t
recvfrom(int fd, void *buf, size_t n, int flags, struct sockaddr *from,
    socklen_t *len)
{
    size_t  m;

    NEXT(recvfrom);

    m = flags & MSG_PEEK ? n : allow(fd, 0, n);

    return m == 0 && n > 0 ? not_now()
                           : moved(fd, 0, n,
                                   next(fd, buf, m, flags, from, len));
}


/* What FORTIFY makes of the three where it knows the buffer's size. */

ssize_t __read_chk(int fd, void *buf, size_t n, size_t size);
ssize_t __recv_chk(int fd, void *buf, size_t n, size_t size, int flags);
ssize_t __recvfrom_chk(int fd, void *buf, size_t n, size_t size, int flags,
    struct sockaddr *from, socklen_t *len);


ssize_t
__read_chk(int fd, void *buf, size_t n, size_t size)
{
    if (n > size) {
        abort();
    }

    return read(fd, buf, n);
}


ssize_t
__recv_chk(int fd, void *buf, size_t n, size_t size, int flags)
{
    if (n > size) {
        abort();
    }

    return recv(fd, buf, n, flags);
}


ssize_t
__recvfrom_chk(int fd, void *buf, size_t n, size_t size, int flags,
    struct sockaddr *from, socklen_t *len)
{
    if (n > size) {
        abort();
    }

    return recvfrom(fd, buf, n, flags, from, len);
}


static size_t
total(const struct iovec *iov, int n)
{
    int     i;
    size_t  sum;

    for (sum = 0, i = 0; i < n; i++) {
        sum += iov[i].iov_len;
    }

    return sum;
}


/* The first byte of a list that has one. */

static struct iovec
one_of(const struct iovec *iov)
{
    struct iovec  one;

    while (iov->iov_len == 0) {
        iov++;
    }

    one.iov_base = iov->iov_base;
    one.iov_len = 1;

    return one;
}


ssize_t
readv(int fd, const struct iovec *iov, int count)
{
    size_t        n, m;
    struct iovec  one;

    NEXT(readv);

    n = total(iov, count);
    m = allow(fd, 0, n);

    if (m == n) {
        return moved(fd, 0, n, next(fd, iov, count));
    }

    if (m == 0) {
        return not_now();
    }

    one = one_of(iov);

    return moved(fd, 0, n, next(fd, &one, 1));
}


ssize_t
write(int fd, const void *buf, size_t n)
{
    size_t  m;

    NEXT(write);

    m = allow(fd, 1, n);

    return m == 0 && n > 0 ? not_now() : moved(fd, 1, n, next(fd, buf, m));
}


ssize_t
send(int fd, const void *buf, size_t n, int flags)
{
    size_t  m;

    NEXT(send);

    m = n > 12 && memcmp(buf, "HTTP/1.1 100", 12) == 0 ? n : allow(fd, 1, n);

    return m == 0 && n > 0 ? not_now()
                           : moved(fd, 1, n, next(fd, buf, m, flags));
}


ssize_t
writev(int fd, const struct iovec *iov, int count)
{
    size_t        n, m;
    struct iovec  one;

    NEXT(writev);

    n = total(iov, count);
    m = allow(fd, 1, n);

    if (m == n) {
        return moved(fd, 1, n, next(fd, iov, count));
    }

    if (m == 0) {
        return not_now();
    }

    one = one_of(iov);

    return moved(fd, 1, n, next(fd, &one, 1));
}


ssize_t
sendmsg(int fd, const struct msghdr *msg, int flags)
{
    size_t         n, m;
    struct iovec   one;
    struct msghdr  short_one;

    NEXT(sendmsg);

    n = total(msg->msg_iov, (int) msg->msg_iovlen);
    m = allow(fd, 1, n);

    if (m == n) {
        return moved(fd, 1, n, next(fd, msg, flags));
    }

    if (m == 0) {
        return not_now();
    }

    one = one_of(msg->msg_iov);
    short_one = *msg;
    short_one.msg_iov = &one;
    short_one.msg_iovlen = 1;

    return moved(fd, 1, n, next(fd, &short_one, flags));
}


ssize_t
sendfile(int out, int in, off_t *offset, size_t n)
{
    size_t  m;

    NEXT(sendfile);

    m = allow(out, 1, n);

    return m == 0 && n > 0 ? not_now()
                           : moved(out, 1, n, next(out, in, offset, m));
}


ssize_t
sendfile64(int out, int in, off64_t *offset, size_t n)
{
    size_t  m;

    NEXT(sendfile64);

    m = allow(out, 1, n);

    return m == 0 && n > 0 ? not_now()
                           : moved(out, 1, n, next(out, in, offset, m));
}


int
accept(int fd, struct sockaddr *addr, socklen_t *len)
{
    int  s;

    NEXT(accept);

    s = next(fd, addr, len);
    cut(s);

    return s;
}


int
accept4(int fd, struct sockaddr *addr, socklen_t *len, int flags)
{
    int  s;

    NEXT(accept4);

    s = next(fd, addr, len, flags);
    cut(s);

    return s;
}


int
connect(int fd, const struct sockaddr *addr, socklen_t len)
{
    int  rc, err;

    NEXT(connect);

    rc = next(fd, addr, len);
    err = errno;

    if (!ready) {
        begin();
    }

    if (all && (rc == 0 || err == EINPROGRESS)) {
        cut(fd);
    }

    errno = err;

    return rc;
}


int
close(int fd)
{
    NEXT(close);

    if (fd >= 0 && fd < FDS) {
        fds[fd].cut = fds[fd].polled = false;
    }

    return next(fd);
}


int
epoll_ctl(int ep, int op, int fd, struct epoll_event *event)
{
    int     rc;
    state  *s;

    NEXT(epoll_ctl);

    rc = next(ep, op, fd, event);
    s = of(fd);

    if (s != NULL && rc == 0) {
        s->polled = op != EPOLL_CTL_DEL;
        if (s->polled) {
            s->epoll = ep;
            s->event = *event;
        }
    }

    return rc;
}


int
epoll_wait(int ep, struct epoll_event *events, int max, int timeout)
{
    size_t  i;
    state  *s;

    NEXT(epoll_wait);

    for (i = 0; i < ndue; i++) {
        s = &fds[due[i]];
        s->due = false;
        if (s->cut && s->polled) {
            (void) epoll_ctl(s->epoll, EPOLL_CTL_MOD, due[i], &s->event);
        }
    }
    ndue = 0;

    return next(ep, events, max, timeout);
}
