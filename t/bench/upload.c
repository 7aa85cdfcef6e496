/*
 * Sends one large body, made as it goes, and waits for the answer.
 *
 *   upload -p port -n MiB [-m method] [-t token] [-f] path
 *
 * -f: as the one file of a multipart form.  The body begins as an MP4 does; the
 * rest is one MiB of noise again and again.
 */

#include "bench.h"


#define BLOCK     (1 << 20)
#define BOUNDARY  "----------------bench7d3f0c2a9e"


int
main(int argc, char **argv)
{
    int              o, fd, rc, port = 0, form = 0;
    char            *block, head[8192], begin[512], end[128];
    const char      *method = "POST", *token = NULL;
    size_t           i, mib = 1, n, first;
    uint64_t         start, sent, answered, length;
    static answer_t  a;
    static const unsigned char  ftyp[] = "\0\0\0\x18" "ftypisom\0\0\2\0"
                                         "isomiso2";

    while ((o = getopt(argc, argv, "p:n:m:t:f")) != -1) {
        switch (o) {
        case 'p': port = atoi(optarg); break;
        case 'n': mib = strtoul(optarg, NULL, 10); break;
        case 'm': method = optarg; break;
        case 't': token = optarg; break;
        case 'f': form = 1; break;
        default: return 2;
        }
    }

    if (optind != argc - 1 || port == 0) {
        die("usage: upload -p port -n MiB [-m method] [-t token] [-f] path");
    }

    block = noise(BLOCK);

    begin[0] = end[0] = '\0';
    if (form) {
        snprintf(begin, sizeof(begin), "--" BOUNDARY "\r\n"
                 "Content-Disposition: form-data; name=\"file\"; "
                 "filename=\"bench.mp4\"\r\nContent-Type: video/mp4\r\n\r\n");
        snprintf(end, sizeof(end), "\r\n--" BOUNDARY "--\r\n");
    }

    length = (uint64_t) mib * BLOCK + strlen(begin) + strlen(end);
    n = snprintf(head, sizeof(head), "%s %s HTTP/1.1\r\nHost: bench\r\n"
                 "Content-Type: %s\r\nContent-Length: %llu\r\n"
                 "%s%s%s\r\n%s", method, argv[optind],
                 form ? "multipart/form-data; boundary=" BOUNDARY
                      : "video/mp4",
                 (unsigned long long) length,
                 token ? "Authorization: Bearer " : "", token ? token : "",
                 token ? "\r\n" : "", begin);
    if (n >= sizeof(head)) {
        die("too long a token");
    }

    fd = connect_to(port, 0);
    start = now_us();
    send_all(fd, head, n);

    first = sizeof(ftyp) - 1;
    send_all(fd, (const char *) ftyp, first);
    send_all(fd, block + first, BLOCK - first);
    for (i = 1; i < mib; i++) {
        send_all(fd, block, BLOCK);
    }

    send_all(fd, end, strlen(end));
    sent = now_us();

    while ((rc = answer_read(&a, fd)) == 0) { /* more */ }
    answered = now_us();

    if (rc != 1) {
        die("no answer");
    }

    if (a.status / 100 != 2) {
        fprintf(stderr, "%.600s\n", a.buf);
    }

    printf("status %d\nmib_s %.3f\ntail_us %llu\ncpu %.6f\n", a.status,
           mib / ((answered - start) / 1e6),
           (unsigned long long) (answered - sent), own_cpu());

    return 0;
}
