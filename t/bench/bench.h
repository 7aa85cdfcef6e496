/*
 * What the load generators of the bench share: a clock, an end with a word,
 * their own CPU time, percentiles, and reading one HTTP answer.  They print
 * "name value" lines, which t/lib/Render/Bench.pm reads; they judge nothing.
 */

#ifndef BENCH_H
#define BENCH_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>


static inline void
die(const char *format, ...)
{
    va_list  args;

    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    exit(1);
}


static inline uint64_t
clock_us(clockid_t id)
{
    struct timespec  t;

    clock_gettime(id, &t);
    return (uint64_t) t.tv_sec * 1000000 + t.tv_nsec / 1000;
}


static inline uint64_t
now_us(void)
{
    return clock_us(CLOCK_MONOTONIC);
}


static inline double
own_cpu(void)
{
    struct rusage  u;

    getrusage(RUSAGE_SELF, &u);
    return u.ru_utime.tv_sec + u.ru_stime.tv_sec
           + (u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}


static inline void
sleep_until(uint64_t us)
{
    struct timespec  t = { us / 1000000, us % 1000000 * 1000 };

    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR) {
        /* again */
    }
}


/* Delays; the list grows without end. */

typedef struct {
    uint32_t  *v;
    size_t     n, size;
} delays_t;


static inline void
delays_add(delays_t *d, uint64_t us)
{
    if (d->n == d->size) {
        d->size = d->size ? 2 * d->size : 65536;
        d->v = realloc(d->v, d->size * sizeof(uint32_t));
        if (d->v == NULL) {
            die("no memory");
        }
    }

    d->v[d->n++] = us > UINT32_MAX ? UINT32_MAX : us;
}


static inline int
delays_order(const void *a, const void *b)
{
    uint32_t  x = *(const uint32_t *) a, y = *(const uint32_t *) b;

    return (x > y) - (x < y);
}


static inline void
delays_print(delays_t *d)
{
    if (d->n == 0) {
        return;
    }

    qsort(d->v, d->n, sizeof(uint32_t), delays_order);
    printf("p50_us %u\np90_us %u\np99_us %u\nmax_us %u\n", d->v[d->n / 2],
           d->v[d->n * 9 / 10], d->v[d->n * 99 / 100], d->v[d->n - 1]);
}


/* Blocking, as everything is on loopback; source 0: the kernel chooses. */

static inline int
connect_to(int port, in_addr_t source)
{
    int                 fd, on = 1;
    struct sockaddr_in  sa;

    fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        die("socket: %s", strerror(errno));
    }

    memset(&sa, 0, sizeof(sa));
    sa.sin_family = AF_INET;

    if (source != 0) {
        setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
        sa.sin_addr.s_addr = htonl(source);
        if (bind(fd, (struct sockaddr *) &sa, sizeof(sa)) < 0) {
            die("bind: %s", strerror(errno));
        }
    }

    sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    sa.sin_port = htons(port);

    if (connect(fd, (struct sockaddr *) &sa, sizeof(sa)) < 0) {
        die("connect to port %d: %s", port, strerror(errno));
    }

    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));

    return fd;
}


/*
 * One answer, fed as it comes.  The head must fit; of a body only the length
 * is looked at, but what fits stays there, with a zero behind it.
 */

typedef struct {
    char      buf[16384];
    size_t    n;
    size_t    left;         /* of the body, not in buf */
    int       status;       /* 0: no whole head yet */
    char     *body;
    unsigned  close:1;
} answer_t;


static inline void
answer_reset(answer_t *a)
{
    a->n = a->left = 0;
    a->status = 0;
    a->close = 0;
}


/* 1: the answer is whole; 0: more to come; -1: it ended; -2: would block */

static inline int
answer_read(answer_t *a, int fd)
{
    char     *end, *p, scrap[65536];
    size_t    body, have;
    ssize_t   n;

    if (a->status != 0 && a->n == sizeof(a->buf) - 1) {
        n = recv(fd, scrap, sizeof(scrap) < a->left ? sizeof(scrap) : a->left,
                 0);
    } else {
        n = recv(fd, a->buf + a->n, sizeof(a->buf) - 1 - a->n, 0);
    }

    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
        return -2;
    }

    if (n < 0 && errno == EINTR) {
        return 0;
    }

    if (n <= 0) {
        return -1;
    }

    if (a->status != 0) {
        if (a->n < sizeof(a->buf) - 1) {
            a->n += n;
            a->buf[a->n] = '\0';
        }
        a->left -= (size_t) n < a->left ? (size_t) n : a->left;
        return a->left == 0;
    }

    a->n += n;
    a->buf[a->n] = '\0';

    end = strstr(a->buf, "\r\n\r\n");
    if (end == NULL) {
        if (a->n == sizeof(a->buf) - 1) {
            die("an answer with too large a head");
        }
        return 0;
    }

    if (sscanf(a->buf, "HTTP/1.%*d %d", &a->status) != 1) {
        die("this is no answer: %.100s", a->buf);
    }

    a->body = end + 4;
    body = 0;

    for (p = strstr(a->buf, "\r\n"); p != NULL && p < end;
         p = strstr(p + 2, "\r\n"))
    {
        if (strncasecmp(p + 2, "Content-Length:", 15) == 0) {
            body = strtoull(p + 17, NULL, 10);
        } else if (strncasecmp(p + 2, "Connection: close", 17) == 0) {
            a->close = 1;
        } else if (strncasecmp(p + 2, "Transfer-Encoding:", 18) == 0) {
            die("a chunked answer, which is not read here");
        }
    }

    have = a->n - (a->body - a->buf);
    a->left = body > have ? body - have : 0;

    return a->left == 0;
}


static inline void
send_all(int fd, const char *data, size_t n)
{
    ssize_t  sent;

    while (n > 0) {
        sent = send(fd, data, n, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) {
            continue;
        }
        if (sent < 0) {
            die("send: %s", strerror(errno));
        }
        data += sent;
        n -= sent;
    }
}


/* n bytes of noise, the same each time. */

static inline char *
noise(size_t n)
{
    char      *block;
    size_t     i;
    uint32_t   seed = 2463534242;

    block = malloc(n);
    if (block == NULL) {
        die("no memory");
    }

    for (i = 0; i + 4 <= n; i += 4) {
        seed ^= seed << 13;
        seed ^= seed >> 17;
        seed ^= seed << 5;
        memcpy(block + i, &seed, 4);
    }

    return block;
}


/* A file whole, with a zero behind it. */

static inline char *
slurp(const char *name, size_t *n)
{
    FILE  *f;
    char  *data;
    long   size;

    f = fopen(name, "rb");
    if (f == NULL) {
        die("%s: %s", name, strerror(errno));
    }

    fseek(f, 0, SEEK_END);
    size = ftell(f);
    rewind(f);
    data = calloc(1, size + 1);

    if (data == NULL || fread(data, 1, size, f) != (size_t) size) {
        die("%s cannot be read", name);
    }

    fclose(f);
    if (n != NULL) {
        *n = size;
    }

    return data;
}


#endif /* BENCH_H */
