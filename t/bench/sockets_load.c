/*
 * Holds very many WebSockets of one server and tells what came on them.
 *
 *   sockets_load -p port -n sockets -r request jobs
 *
 * `jobs` has an id a line; socket i listens to job i modulo their number.  The
 * request is a file in which @ID@ is the id.  Addresses 127.0.0.2 to .9 are
 * those of the clients.  Once all are open it says "open"; then it takes
 * commands, a line each:
 *
 *   begin    forgets what it has counted
 *   age      from now on looks each 0.1 s how old every socket's state is
 *   still    no longer does
 *   report   says what has come since, and "end"
 *
 * A message holds "n=<number> t=<microseconds>" of when it was published.
 */

#include "bench.h"

#include <poll.h>
#include <sys/epoll.h>


#define OPENING  64             /* handshakes at a time */
#define SAMPLE   100000         /* us */


typedef struct {
    int       fd;
    unsigned  open:1;
    uint32_t  n;                /* in buf */
    uint32_t  got;              /* messages of this run */
    uint64_t  last;             /* when its state was published */
    char      buf[4096];
} ws_t;


static ws_t      *all;
static int        sockets, port, epfd, opened, ended;
static char     **jobs, *request;
static int        njobs;
static uint64_t   messages, bytes, began;
static delays_t   delays, ages;
static int        aging;


static void
open_one(int i)
{
    int                 size = 16384;
    char               *text, *at;
    ws_t               *w = &all[i];
    struct epoll_event  e = { .events = EPOLLIN, .data.ptr = w };

    w->fd = connect_to(port, INADDR_LOOPBACK + 1 + i % 8);

    /* what the kernel keeps for a slow reader is not what is measured */

    setsockopt(w->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
    fcntl(w->fd, F_SETFL, O_NONBLOCK);

    at = strstr(request, "@ID@");
    if (at == NULL) {
        die("the request has no @ID@");
    }

    if (asprintf(&text, "%.*s%s%s", (int) (at - request), request,
                 jobs[i % njobs], at + 4) < 0)
    {
        die("no memory");
    }

    send_all(w->fd, text, strlen(text));
    free(text);

    if (epoll_ctl(epfd, EPOLL_CTL_ADD, w->fd, &e) < 0) {
        die("epoll_ctl: %s", strerror(errno));
    }
}


static void
take(ws_t *w, unsigned op, char *data, size_t n, uint64_t now)
{
    char      pong[6 + 125], save, *p;
    uint64_t  t;

    if (op == 9) {
        memset(pong, 0, 6);                 /* masked, by zeros */
        pong[0] = (char) 0x8a;
        pong[1] = (char) (0x80 | n);
        memcpy(pong + 6, data, n);
        send_all(w->fd, pong, 6 + n);
        return;
    }

    if (op != 1) {
        return;
    }

    save = data[n];
    data[n] = '\0';
    p = strstr(data, "n=");
    p = p != NULL ? strstr(p, " t=") : NULL;
    if (p != NULL) {
        t = strtoull(p + 3, NULL, 10);
        if (t >= began) {
            delays_add(&delays, now - t);
            messages++;
            w->got++;
        }
        w->last = t;
    }
    data[n] = save;
}


/* All whole frames in the buffer. */

static void
frames(ws_t *w, uint64_t now)
{
    char      *p = w->buf;
    size_t     left = w->n, head, n;
    unsigned   op;

    while (left >= 2) {
        op = p[0] & 15;
        n = p[1] & 127;
        head = 2;

        if (n == 126) {
            if (left < 4) {
                break;
            }
            n = (unsigned char) p[2] << 8 | (unsigned char) p[3];
            head = 4;
        }

        if (head + n >= sizeof(w->buf)) {
            die("a message of %zu bytes", n);
        }

        if (left < head + n) {
            break;
        }

        take(w, op, p + head, n, now);
        p += head + n;
        left -= head + n;
    }

    memmove(w->buf, p, left);
    w->n = left;
}


static void
readable(ws_t *w)
{
    char     *end;
    ssize_t   n;

    /* one byte is left for the zero behind a message */

    n = recv(w->fd, w->buf + w->n, sizeof(w->buf) - 1 - w->n, 0);

    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }

    if (n <= 0) {
        close(w->fd);
        w->fd = -1;
        ended++;
        if (!w->open) {
            die("the server closed a connection before its handshake");
        }
        return;
    }

    bytes += n;
    w->n += n;

    if (!w->open) {
        w->buf[w->n] = '\0';
        end = strstr(w->buf, "\r\n\r\n");
        if (end == NULL) {
            return;
        }
        if (strncmp(w->buf, "HTTP/1.1 101", 12) != 0) {
            die("no handshake: %.400s", w->buf);
        }
        w->open = 1;
        opened++;
        end += 4;
        w->n -= end - w->buf;
        memmove(w->buf, end, w->n);
    }

    frames(w, now_us());
}


static void
look(uint64_t now)
{
    int       i;
    uint64_t  t;

    for (i = 0; i < sockets; i++) {
        t = all[i].last > began ? all[i].last : began;
        delays_add(&ages, now > t ? now - t : 0);
    }
}


static void
command(const char *line)
{
    int       i, low = 0, none = 0;

    if (strcmp(line, "begin") == 0) {
        messages = bytes = 0;
        delays.n = ages.n = 0;
        began = now_us();
        for (i = 0; i < sockets; i++) {
            all[i].got = 0;
        }
        printf("began\n");

    } else if (strcmp(line, "age") == 0) {
        aging = 1;

    } else if (strcmp(line, "still") == 0) {
        aging = 0;

    } else if (strcmp(line, "count") == 0) {
        printf("count %llu\n", (unsigned long long) messages);

    } else if (strcmp(line, "report") == 0) {
        for (i = 0; i < sockets; i++) {
            none += all[i].got == 0;
            low = i == 0 || (int) all[i].got < low ? (int) all[i].got : low;
        }
        printf("messages %llu\nbytes %llu\nended %d\nnone %d\nleast %d\n"
               "cpu %.6f\n", (unsigned long long) messages,
               (unsigned long long) bytes, ended, none, low, own_cpu());
        if (ages.n != 0) {
            qsort(ages.v, ages.n, sizeof(uint32_t), delays_order);
            printf("age_p50_us %u\nage_p99_us %u\nage_max_us %u\n",
                   ages.v[ages.n / 2], ages.v[ages.n * 99 / 100],
                   ages.v[ages.n - 1]);
        }
        delays_print(&delays);
        printf("end\n");
    }

    fflush(stdout);
}


int
main(int argc, char **argv)
{
    int                 o, n, i, next = 0, told = 0;
    char               *list, *p, line[256];
    size_t              have = 0;
    ssize_t             got;
    uint64_t            sampled = 0, now;
    struct rlimit       limit;
    struct epoll_event  events[512], e = { .events = EPOLLIN };

    while ((o = getopt(argc, argv, "p:n:r:")) != -1) {
        switch (o) {
        case 'p': port = atoi(optarg); break;
        case 'n': sockets = atoi(optarg); break;
        case 'r': request = slurp(optarg, NULL); break;
        default: return 2;
        }
    }

    if (optind != argc - 1 || port == 0 || sockets == 0 || request == NULL) {
        die("usage: sockets_load -p port -n sockets -r request jobs");
    }

    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);

    list = slurp(argv[optind], NULL);
    jobs = calloc(strlen(list) + 1, sizeof(char *));
    for (p = strtok(list, "\n"); p != NULL; p = strtok(NULL, "\n")) {
        jobs[njobs++] = p;
    }

    all = calloc(sockets, sizeof(ws_t));
    epfd = epoll_create1(EPOLL_CLOEXEC);
    if (all == NULL || njobs == 0) {
        die("no memory, or no jobs");
    }

    e.data.ptr = NULL;
    epoll_ctl(epfd, EPOLL_CTL_ADD, STDIN_FILENO, &e);

    for ( ;; ) {
        while (next < sockets && next - opened < OPENING) {
            open_one(next++);
        }

        if (opened == sockets && !told) {
            told = 1;
            printf("open\n");
            fflush(stdout);
        }

        n = epoll_wait(epfd, events, 512, 20);

        for (i = 0; i < n; i++) {
            if (events[i].data.ptr != NULL) {
                readable(events[i].data.ptr);
                continue;
            }

            got = read(STDIN_FILENO, line + have, sizeof(line) - 1 - have);
            if (got <= 0) {
                return 0;
            }
            have += got;
            line[have] = '\0';
            while ((p = strchr(line, '\n')) != NULL) {
                *p = '\0';
                command(line);
                have -= p + 1 - line;
                memmove(line, p + 1, have + 1);
            }
        }

        now = now_us();
        if (aging && now - sampled >= SAMPLE) {
            sampled = now;
            look(now);
        }
    }
}
