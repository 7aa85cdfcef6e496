/*
 * The least that an upload takes where it is hashed and safe before it is
 * answered: one body after the other is received while a thread makes its
 * SHA-256 and another writes it, as nginx with our module does; then fsync and
 * 201.  There is no server around it: no check of what comes, no second
 * connection, no time-out, no database.
 *
 *   receive folder
 *
 * Prints "port N" when it listens, and ends by SIGTERM.  What was sent lies in
 * the folder as "received"; its digest is in the answer.
 */

#include "bench.h"

#include <openssl/evp.h>
#include <pthread.h>


#define PIECE  (1 << 20)
#define RING   4
#define BEGIN  (4 << 20)                    /* as our module tells the disk */


typedef struct {
    pthread_mutex_t  lock;
    pthread_cond_t   moved;
    char            *data[RING];
    size_t           length[RING];
    uint64_t         received, hashed, written;     /* pieces */
    int              end, fd;
    unsigned char    digest[EVP_MAX_MD_SIZE];
} body_t;


/* Waits until piece n is there; 0: there is none */

static int
piece(body_t *b, uint64_t n)
{
    int  there;

    pthread_mutex_lock(&b->lock);
    while (n == b->received && !b->end) {
        pthread_cond_wait(&b->moved, &b->lock);
    }
    there = n < b->received;
    pthread_mutex_unlock(&b->lock);

    return there;
}


static void
move(body_t *b, uint64_t *count)
{
    pthread_mutex_lock(&b->lock);
    (*count)++;
    pthread_cond_broadcast(&b->moved);
    pthread_mutex_unlock(&b->lock);
}


static void *
hash(void *data)
{
    body_t      *b = data;
    uint64_t     n;
    EVP_MD_CTX  *md;

    md = EVP_MD_CTX_new();
    if (md == NULL || !EVP_DigestInit_ex(md, EVP_sha256(), NULL)) {
        die("no digest");
    }

    for (n = 0; piece(b, n); n++) {
        if (!EVP_DigestUpdate(md, b->data[n % RING], b->length[n % RING])) {
            die("no digest");
        }
        move(b, &b->hashed);
    }

    if (!EVP_DigestFinal_ex(md, b->digest, NULL)) {
        die("no digest");
    }
    EVP_MD_CTX_free(md);

    return NULL;
}


static void *
save(void *data)
{
    off_t      at, begun;
    size_t     done, length;
    body_t    *b = data;
    ssize_t    w;
    uint64_t   n;

    at = begun = 0;

    for (n = 0; piece(b, n); n++) {
        length = b->length[n % RING];

        for (done = 0; done < length; done += w) {
            w = pwrite(b->fd, b->data[n % RING] + done, length - done,
                       at + done);
            if (w < 0) {
                die("pwrite: %s", strerror(errno));
            }
        }

        at += length;
        if (at - begun >= BEGIN) {
            (void) sync_file_range(b->fd, begun, at - begun,
                                   SYNC_FILE_RANGE_WRITE);
            begun = at;
        }
        move(b, &b->written);
    }

    if (fsync(b->fd) != 0) {
        die("fsync: %s", strerror(errno));
    }

    return NULL;
}


/* The head, and what came of the body behind it; its length is returned. */

static uint64_t
head(int c, char *buf, size_t size, char **rest, size_t *more)
{
    char     *p;
    size_t    n;
    ssize_t   r;

    for (n = 0; ; n += r) {
        r = n < size - 1 ? recv(c, buf + n, size - 1 - n, 0) : 0;
        if (r <= 0) {
            die("no head");
        }

        buf[n + r] = '\0';
        p = strstr(buf, "\r\n\r\n");
        if (p != NULL) {
            break;
        }
    }

    *rest = p + 4;
    *more = buf + n + r - *rest;        /* nothing is sent behind the body */
    p = strcasestr(buf, "\nContent-Length:");

    return p != NULL && p < *rest ? strtoull(p + 16, NULL, 10) : 0;
}


static void
take(int c, const char *path, char *data[RING])
{
    int         i, n;
    char        first[8192], answer[256], hex[65], *rest;
    body_t      b = { .lock = PTHREAD_MUTEX_INITIALIZER,
                      .moved = PTHREAD_COND_INITIALIZER };
    size_t      more, length, slot;
    ssize_t     r;
    uint64_t    left;
    pthread_t   hasher, writer;

    memcpy(b.data, data, sizeof(b.data));
    left = head(c, first, sizeof(first), &rest, &more);

    b.fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (b.fd < 0 || pthread_create(&hasher, NULL, hash, &b) != 0
        || pthread_create(&writer, NULL, save, &b) != 0)
    {
        die("%s: %s", path, strerror(errno));
    }

    while (left > 0) {
        pthread_mutex_lock(&b.lock);
        while (b.received - b.hashed == RING || b.received - b.written == RING)
        {
            pthread_cond_wait(&b.moved, &b.lock);
        }
        pthread_mutex_unlock(&b.lock);

        slot = b.received % RING;
        memcpy(b.data[slot], rest, more);
        length = more;
        more = 0;

        while (length < PIECE && length < left) {
            r = recv(c, b.data[slot] + length,
                     (left < PIECE ? left : PIECE) - length, 0);
            if (r <= 0) {
                die("the body ended early");
            }
            length += r;
        }

        b.length[slot] = length;
        left -= length;
        move(&b, &b.received);
    }

    pthread_mutex_lock(&b.lock);
    b.end = 1;
    pthread_cond_broadcast(&b.moved);
    pthread_mutex_unlock(&b.lock);

    pthread_join(hasher, NULL);
    pthread_join(writer, NULL);

    for (i = 0; i < 32; i++) {
        snprintf(hex + 2 * i, 3, "%02x", b.digest[i]);
    }

    n = snprintf(answer, sizeof(answer), "HTTP/1.1 201 Created\r\n"
                 "Content-Length: 64\r\nConnection: close\r\n\r\n%s", hex);
    send_all(c, answer, n);
    close(b.fd);
}


int
main(int argc, char **argv)
{
    int                 s, c, i, on = 1;
    char                path[4096], *data[RING];
    socklen_t           size;
    struct sockaddr_in  sa = { .sin_family = AF_INET };

    if (argc != 2) {
        die("usage: receive folder");
    }
    snprintf(path, sizeof(path), "%s/received", argv[1]);

    for (i = 0; i < RING; i++) {
        data[i] = malloc(PIECE);
        if (data[i] == NULL) {
            die("no memory");
        }
    }

    sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    size = sizeof(sa);
    s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (s < 0 || bind(s, (struct sockaddr *) &sa, size) != 0
        || listen(s, 8) != 0
        || getsockname(s, (struct sockaddr *) &sa, &size) != 0)
    {
        die("listen: %s", strerror(errno));
    }

    printf("port %d\n", ntohs(sa.sin_port));
    fflush(stdout);

    for ( ;; ) {
        c = accept4(s, NULL, NULL, SOCK_CLOEXEC);
        if (c < 0) {
            die("accept: %s", strerror(errno));
        }

        setsockopt(c, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        take(c, path, data);
        close(c);
    }
}
