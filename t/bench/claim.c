/*
 * Sends a composition again and again, and looks how long after its 202 a
 * worker has claimed the first task: asks PostgreSQL every 0.2 ms (without a
 * pause, it would be one more who wants a CPU) until it is no longer ready.
 * The next is sent when the job has ended and some time has passed, so that the
 * worker is idle.
 *
 *   claim -p port [-n count] [-g ms] file
 *
 * The connection to PostgreSQL is that of the environment.
 */

#include "bench.h"

#include <libpq-fe.h>


static PGconn  *pg;


static int
yes(const char *statement, const char *id)
{
    int        rc;
    PGresult  *r;

    r = PQexecPrepared(pg, statement, 1, &id, NULL, NULL, 0);
    if (PQresultStatus(r) != PGRES_TUPLES_OK || PQntuples(r) != 1) {
        die("%s", PQerrorMessage(pg));
    }

    rc = PQgetvalue(r, 0, 0)[0] == 't';
    PQclear(r);

    return rc;
}


static void
prepare(const char *name, const char *sql)
{
    PGresult  *r;

    r = PQprepare(pg, name, sql, 0, NULL);
    if (PQresultStatus(r) != PGRES_COMMAND_OK) {
        die("%s", PQerrorMessage(pg));
    }
    PQclear(r);
}


int
main(int argc, char **argv)
{
    int              o, i, fd, port = 0, count = 100, gap = 20;
    char            *request, *p, id[37];
    size_t           length;
    uint64_t         answered, asked;
    delays_t         answers = { 0 }, claims = { 0 };
    static answer_t  a;

    while ((o = getopt(argc, argv, "p:n:g:")) != -1) {
        switch (o) {
        case 'p': port = atoi(optarg); break;
        case 'n': count = atoi(optarg); break;
        case 'g': gap = atoi(optarg); break;
        default: return 2;
        }
    }

    if (optind != argc - 1 || port == 0) {
        die("usage: claim -p port [-n count] [-g ms] file");
    }

    request = slurp(argv[optind], &length);
    pg = PQconnectdb("");
    if (PQstatus(pg) != CONNECTION_OK) {
        die("%s", PQerrorMessage(pg));
    }

    prepare("claimed", "SELECT coalesce(bool_or(status NOT IN ('blocked', "
            "'ready')), false) FROM render.task WHERE job = $1::uuid");
    prepare("ended", "SELECT status IN ('completed', 'failed', 'cancelled') "
            "FROM render.job WHERE id = $1::uuid");

    fd = connect_to(port, 0);

    for (i = 0; i < count; i++) {
        answer_reset(&a);
        asked = now_us();
        send_all(fd, request, length);
        while ((o = answer_read(&a, fd)) == 0) { /* more */ }
        answered = now_us();
        delays_add(&answers, answered - asked);

        p = o == 1 && a.status == 202 ? strstr(a.body, "\"job_id\"") : NULL;
        p = p != NULL ? strchr(p + 8, '"') : NULL;
        if (p == NULL || strlen(p) < 38) {
            die("no job: %.600s", a.buf);
        }
        memcpy(id, p + 1, 36);
        id[36] = '\0';

        while (!yes("claimed", id)) {
            if (now_us() - answered > 20000000) {
                die("the job was not claimed in 20 s");
            }
            sleep_until(now_us() + 200);
        }
        delays_add(&claims, now_us() - answered);

        do {
            sleep_until(now_us() + 5000);
        } while (!yes("ended", id));

        sleep_until(now_us() + (uint64_t) gap * 1000);
    }

    printf("count %d\n", count);
    delays_print(&claims);
    qsort(answers.v, answers.n, sizeof(uint32_t), delays_order);
    printf("answer_p50_us %u\n", answers.v[answers.n / 2]);
    PQfinish(pg);

    return 0;
}
