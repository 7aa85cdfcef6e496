/*
 * Publishes progress of jobs in turn, so many messages a second in all.
 *
 *   publish -k script|plain|post -p port [-f script] [-u path]
 *           [-r rate] [-s seconds] [-w window] jobs
 *
 * script: by EVALSHA of the script that nginx and workers use (rn_progress.c);
 * plain: PUBLISH of the same document; post: by HTTP to the path, in which @ID@
 * is the job, and which is how nchan is told.  At most `window` are on their
 * way.  A message holds "n=<number> t=<microseconds>" of the moment it is sent.
 */

#include "bench.h"


#define TASK  "7f1f8f0e-0000-4000-8000-000000000001"


static int       fd;
static int       waiting;
static delays_t  delays;
static uint64_t  sent_at[4096], nsent, nanswered;


static void
answered(void)
{
    delays_add(&delays, now_us() - sent_at[nanswered++ % 4096]);
    waiting--;
}


/* Redis: every reply of ours is one line, ":n". */

static void
replies(void)
{
    char      buf[65536];
    ssize_t   n, i;
    static char  first = '\n';

    n = recv(fd, buf, sizeof(buf), 0);
    if (n <= 0) {
        die("Redis has gone");
    }

    for (i = 0; i < n; i++) {
        if (first == '\n' && buf[i] == '-') {
            die("Redis: %.*s", (int) (n - i), buf + i);
        }
        first = buf[i];
        if (buf[i] == '\n') {
            answered();
        }
    }
}


static int
bulk(char *to, const char *text, size_t n)
{
    int  k;

    k = sprintf(to, "$%zu\r\n", n);
    memcpy(to + k, text, n);
    memcpy(to + k + n, "\r\n", 2);

    return k + n + 2;
}


static void
load_script(const char *file, char sha[41])
{
    int      k;
    char    *script, *text, line[256];
    size_t   n, have = 0;

    script = slurp(file, &n);
    text = malloc(n + 128);
    if (text == NULL) {
        die("no memory");
    }
    k = sprintf(text, "*3\r\n$6\r\nSCRIPT\r\n$4\r\nLOAD\r\n");
    k += bulk(text + k, script, n);
    send_all(fd, text, k);

    /* $40, then the name */

    while (have < 5 + 40 + 2) {
        ssize_t  got = recv(fd, line + have, 5 + 40 + 2 - have, 0);

        if (got <= 0 || line[0] != '$') {
            die("SCRIPT LOAD failed");
        }
        have += got;
    }

    memcpy(sha, line + 5, 40);
    sha[40] = '\0';
    free(text);
    free(script);
}


static const char *
progress(const char *job, uint64_t n, const char *kind, uint64_t t)
{
    static char      text[2048];
    struct timespec  ts;

    if (kind[0] == 's') {
        snprintf(text, sizeof(text), "{\"job_id\":\"%s\",\"account\":\"%s\","
                 "\"kind\":\"composition\",\"subject\":\"%s\",\"run\":1,"
                 "\"type\":\"progress\",\"status\":\"processing\","
                 "\"stage\":\"render_segment\",\"step\":\"n=%llu t=%llu\","
                 "\"weight_done\":10,\"weight_total\":100,"
                 "\"preview_url\":null,\"blurhash\":null,\"error\":null,"
                 "\"at\":\"2026-01-01T00:00:00.000Z\",\"task\":\"" TASK "\","
                 "\"fence\":1,\"part\":20}", job, job, job,
                 (unsigned long long) n, (unsigned long long) t);
        return text;
    }

    /* what the script makes of it */

    clock_gettime(CLOCK_REALTIME, &ts);
    snprintf(text, sizeof(text), "{\"id\":\"%llu-%llu\",\"type\":\"progress\","
             "\"percent\":30,\"status\":\"processing\",\"run\":1,"
             "\"class\":\"json2video\",\"stage\":\"render_segment\","
             "\"step\":\"n=%llu t=%llu\",\"job_id\":\"%s\",\"eta_s\":12,"
             "\"preview_url\":null,\"blurhash\":null,\"error\":null,"
             "\"at\":\"2026-01-01T00:00:00.000Z\"}",
             (unsigned long long) ts.tv_sec * 1000 + ts.tv_nsec / 1000000,
             (unsigned long long) n, (unsigned long long) n,
             (unsigned long long) t, job);
    return text;
}


static int
message(char *to, const char *kind, const char *target, const char *job,
    uint64_t n)
{
    int          k;
    char         key[128];
    const char  *doc, *at;

    doc = progress(job, n, kind, now_us());

    if (kind[0] == 's') {
        k = sprintf(to, "*6\r\n$7\r\nEVALSHA\r\n");
        k += bulk(to + k, target, 40);
        k += sprintf(to + k, "$1\r\n2\r\n");
        k += bulk(to + k, key, sprintf(key, "progress:%s", job));
        k += bulk(to + k, key, sprintf(key, "events:%s", job));
        return k + bulk(to + k, doc, strlen(doc));
    }

    if (kind[1] == 'l') {
        k = sprintf(to, "*3\r\n$7\r\nPUBLISH\r\n");
        k += bulk(to + k, key, sprintf(key, "job:%s", job));
        return k + bulk(to + k, doc, strlen(doc));
    }

    at = strstr(target, "@ID@");
    return sprintf(to, "POST %.*s%s%s HTTP/1.1\r\nHost: bench\r\n"
                   "Content-Type: application/json\r\n"
                   "Content-Length: %zu\r\n\r\n%s", (int) (at - target),
                   target, job, at + 4, strlen(doc), doc);
}


int
main(int argc, char **argv)
{
    int              o, port = 0, njobs = 0, window = 1;
    char            *p, *list, **jobs, sha[41], text[8192];
    double           rate = 200, seconds = 5;
    uint64_t         start, end, now, due;
    const char      *kind = "script", *file = NULL, *target = NULL;
    static answer_t  a;

    while ((o = getopt(argc, argv, "k:p:f:u:r:s:w:")) != -1) {
        switch (o) {
        case 'k': kind = optarg; break;
        case 'p': port = atoi(optarg); break;
        case 'f': file = optarg; break;
        case 'u': target = optarg; break;
        case 'r': rate = atof(optarg); break;
        case 's': seconds = atof(optarg); break;
        case 'w': window = atoi(optarg); break;
        default: return 2;
        }
    }

    if (optind != argc - 1 || port == 0 || window < 1 || window > 4096
        || (strcmp(kind, "script") == 0 && file == NULL)
        || (strcmp(kind, "post") == 0
            && (target == NULL || strstr(target, "@ID@") == NULL
                || window != 1)))
    {
        die("usage: publish -k script|plain|post -p port [-f script] "
            "[-u path] [-r rate] [-s seconds] [-w window] jobs");
    }

    list = slurp(argv[optind], NULL);
    jobs = calloc(strlen(list) + 1, sizeof(char *));
    if (jobs == NULL) {
        die("no memory");
    }
    for (p = strtok(list, "\n"); p != NULL; p = strtok(NULL, "\n")) {
        jobs[njobs++] = p;
    }

    fd = connect_to(port, 0);
    if (strcmp(kind, "script") == 0) {
        load_script(file, sha);
        target = sha;
    }

    start = now = now_us();
    end = start + seconds * 1e6;

    for ( ;; ) {
        due = start + (uint64_t) (nsent * 1e6 / rate);
        if (due >= end || now >= end) {
            break;
        }
        if (due > now) {
            sleep_until(due);
        }

        o = message(text, kind, target, jobs[nsent % njobs], nsent / njobs);
        sent_at[nsent++ % 4096] = now_us();
        send_all(fd, text, o);
        waiting++;

        if (strcmp(kind, "post") == 0) {
            answer_reset(&a);
            while ((o = answer_read(&a, fd)) == 0) { /* more */ }
            if (o != 1 || a.status / 100 != 2) {
                die("not published: %.400s", a.buf);
            }
            answered();
        }

        while (waiting >= window) {
            replies();
        }

        now = now_us();
    }

    while (waiting > 0) {
        replies();
    }

    printf("published %llu\nseconds %.6f\ncpu %.6f\n",
           (unsigned long long) nsent, (now_us() - start) / 1e6, own_cpu());
    delays_print(&delays);

    return 0;
}
