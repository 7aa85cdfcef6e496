/*
 * Sends files in pieces by tus, side by side, each over one connection.
 *
 *   tus -p port -n MiB -s MiB [-c count] -t token
 *
 * -s: of a piece; -c: so many files at once.  They begin as an MP4 does; the
 * rest is one MiB of noise again and again.
 */

#include "bench.h"

#include <sys/wait.h>


#define BLOCK  (1 << 20)


static int          port;
static char        *block;
static const char  *token;


/* What is answered, in a; the status is to be that. */

static void
answered(int fd, answer_t *a, int status)
{
    int  rc;

    answer_reset(a);

    while ((rc = answer_read(a, fd)) == 0) { /* more */ }

    if (rc != 1 || a->status != status) {
        die("no answer, or another one: %.600s", a->buf);
    }
}


static void
send_file(size_t mib, size_t piece)
{
    int              fd;
    char             head[8192], path[128], *p;
    size_t           n, at, i;
    static answer_t  a;

    static const unsigned char  ftyp[] = "\0\0\0\x18" "ftypisom\0\0\2\0"
                                         "isomiso2";

    fd = connect_to(port, 0);

    n = snprintf(head, sizeof(head), "POST /files/ HTTP/1.1\r\nHost: bench\r\n"
                 "Authorization: Bearer %s\r\nTus-Resumable: 1.0.0\r\n"
                 "Upload-Length: %zu\r\nContent-Length: 0\r\n\r\n", token,
                 mib * BLOCK);
    if (n >= sizeof(head)) {
        die("too long a token");
    }

    send_all(fd, head, n);
    answered(fd, &a, 201);

    p = strcasestr(a.buf, "\nLocation: ");
    if (p == NULL || sscanf(p + 11, "%127s", path) != 1) {
        die("no Location");
    }

    for (at = 0; at < mib; at += piece) {
        if (piece > mib - at) {
            piece = mib - at;
        }

        n = snprintf(head, sizeof(head), "PATCH %s HTTP/1.1\r\nHost: bench\r\n"
                     "Authorization: Bearer %s\r\nTus-Resumable: 1.0.0\r\n"
                     "Content-Type: application/offset+octet-stream\r\n"
                     "Upload-Offset: %zu\r\nContent-Length: %zu\r\n\r\n", path,
                     token, at * BLOCK, piece * BLOCK);
        send_all(fd, head, n);

        for (i = 0; i < piece; i++) {
            n = at + i == 0 ? sizeof(ftyp) - 1 : 0;
            send_all(fd, (const char *) ftyp, n);
            send_all(fd, block + n, BLOCK - n);
        }

        answered(fd, &a, 204);
    }
}


int
main(int argc, char **argv)
{
    int       o, status;
    pid_t     pid;
    size_t    i, mib = 1, piece = 8, count = 1;
    uint64_t  start;

    while ((o = getopt(argc, argv, "p:n:s:c:t:")) != -1) {
        switch (o) {
        case 'p': port = atoi(optarg); break;
        case 'n': mib = strtoul(optarg, NULL, 10); break;
        case 's': piece = strtoul(optarg, NULL, 10); break;
        case 'c': count = strtoul(optarg, NULL, 10); break;
        case 't': token = optarg; break;
        default: return 2;
        }
    }

    if (optind != argc || port == 0 || token == NULL || piece == 0
        || count == 0 || count > 1024)
    {
        die("usage: tus -p port -n MiB -s MiB [-c count] -t token");
    }

    block = noise(BLOCK);

    start = now_us();

    for (i = 0; i < count; i++) {
        pid = fork();
        if (pid < 0) {
            die("fork: %s", strerror(errno));
        }
        if (pid == 0) {
            send_file(mib, piece);
            _exit(0);
        }
    }

    while (wait(&status) > 0) {
        if (status != 0) {
            die("an upload has failed");
        }
    }

    printf("status 204\nmib_s %.3f\ncpu %.6f\n",
           count * mib / ((now_us() - start) / 1e6), own_cpu());

    return 0;
}
