/*
 * Sends one request, as it stands in a file, over and over: on each of so many
 * keep-alive connections to 127.0.0.1 the next when the last is answered.
 *
 *   http_load -p port [-c connections] [-s seconds] [-e status] [-i us]
 *             [-b] file
 *
 * -i paces: each connection asks every so many microseconds, or at once when
 * the answer took longer.  -b never sleeps: what it costs the server to wake a
 * client that was quicker than it is not measured.  At its end it waits for
 * answers that are due; told by SIGTERM it does not.
 */

#include "bench.h"

#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>


typedef struct {
    int       fd;
    uint64_t  began, next;
    unsigned  busy:1;
    answer_t  a;
} conn_t;


static int       port, epfd;
static char     *request;
static size_t    length;

static volatile sig_atomic_t  told;


static void
tell(int signo)
{
    (void) signo;
    told = 1;
}


static void
reconnect(conn_t *c)
{
    struct epoll_event  e = { .events = EPOLLIN, .data.ptr = c };

    c->fd = connect_to(port, 0);
    fcntl(c->fd, F_SETFL, O_NONBLOCK);
    if (epoll_ctl(epfd, EPOLL_CTL_ADD, c->fd, &e) < 0) {
        die("epoll_ctl: %s", strerror(errno));
    }
}


static void
ask(conn_t *c)
{
    answer_reset(&c->a);
    c->busy = 1;
    c->began = now_us();
    send_all(c->fd, request, length);
}


int
main(int argc, char **argv)
{
    int                 o, n, i, rc, expect = 200, connections = 1;
    int                 busy = 0, interval = 0, spin = 0;
    conn_t             *conns, *c;
    double              seconds = 1;
    uint64_t            start, end, now, wake, wait, bytes = 0;
    uint64_t            requests = 0, others = 0;
    delays_t            delays = { 0 };
    struct epoll_event  events[256];

    while ((o = getopt(argc, argv, "p:c:s:e:i:b")) != -1) {
        switch (o) {
        case 'p': port = atoi(optarg); break;
        case 'c': connections = atoi(optarg); break;
        case 's': seconds = atof(optarg); break;
        case 'e': expect = atoi(optarg); break;
        case 'i': interval = atoi(optarg); break;
        case 'b': spin = 1; break;
        default: return 2;
        }
    }

    if (optind != argc - 1 || port == 0) {
        die("usage: http_load -p port [-c n] [-s seconds] [-e status] [-i us] "
            "[-b] file");
    }

    request = slurp(argv[optind], &length);
    signal(SIGTERM, tell);
    epfd = epoll_create1(EPOLL_CLOEXEC);
    conns = calloc(connections, sizeof(conn_t));
    if (conns == NULL) {
        die("no memory");
    }

    for (i = 0; i < connections; i++) {
        reconnect(&conns[i]);
    }

    start = now_us();
    end = start + seconds * 1e6;

    for (i = 0; i < connections; i++) {
        conns[i].next = start + (uint64_t) i * interval / connections;
    }

    for ( ;; ) {
        now = now_us();
        wake = end;

        for (i = 0; i < connections && now < end; i++) {
            c = &conns[i];
            if (c->busy) {
                continue;
            }
            if (c->next <= now) {
                c->next = interval ? c->next + interval : 0;
                if (c->next < now) {
                    c->next = now;
                }
                ask(c);
                busy++;
            } else if (c->next < wake) {
                wake = c->next;
            }
        }

        if ((busy == 0 && now >= end) || told) {
            break;
        }

        wait = now >= end ? 10000000 : wake > now ? wake - now : 0;

        if (interval != 0) {            /* finer than whole milliseconds */
            struct timespec  t = { wait / 1000000, wait % 1000000 * 1000 };
            struct pollfd    p = { .fd = epfd, .events = POLLIN };

            (void) ppoll(&p, 1, &t, NULL);
            n = epoll_wait(epfd, events, 256, 0);
        } else {
            n = epoll_wait(epfd, events, 256,
                           spin ? 0 : (int) (wait / 1000));
        }

        if (n == 0 && now >= end + (spin ? wait : 0)) {
            die("%d answers did not come within 10 s", busy);
        }

        for (i = 0; i < n; i++) {
            c = events[i].data.ptr;

            do {
                rc = answer_read(&c->a, c->fd);
            } while (rc == 0);

            if (rc == -2) {
                continue;
            }

            if (rc == -1 && c->busy) {
                die("a connection ended without an answer");
            }

            if (rc == 1) {
                now = now_us();
                delays_add(&delays, now - c->began);
                busy--;
                c->busy = 0;
                requests++;
                bytes += c->a.n;
                others += c->a.status != expect;
                if (c->a.status != expect && others == 1) {
                    fprintf(stderr, "not %d: %.600s\n", expect, c->a.buf);
                }
                if (interval == 0 && now < end && !c->a.close) {
                    ask(c);
                    busy++;
                }
            }

            if (rc == -1 || (c->a.close && !c->busy)) {
                close(c->fd);
                reconnect(c);
            }
        }
    }

    printf("requests %llu\nothers %llu\nbytes %llu\nseconds %.6f\ncpu %.6f\n",
           (unsigned long long) requests, (unsigned long long) others,
           (unsigned long long) bytes, (now_us() - start) / 1e6, own_cpu());
    delays_print(&delays);

    return 0;
}
