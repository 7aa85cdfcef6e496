/*
 * Sends a composition again and again, and says how long after its 202 the
 * claim of the first task was committed.  Who asked for that all the time would
 * take the CPU from those who are measured, and find it late; so PostgreSQL is
 * asked afterwards, while the task runs, when the last change of its row was
 * committed (track_commit_timestamp, which must be on).  A task that has run to
 * its end before it was asked about has changed again: of those only the number
 * is told, and too many are a failure.  The next is sent when the job has ended
 * and some time has passed, so that the worker is idle.
 *
 *   claim -p port [-n count] [-g ms] [-l ms] file
 *
 * -l: how long after the 202 is asked.  The connection to PostgreSQL is that of
 * the environment; it is on this machine, and has its clock.
 */

#include "bench.h"

#include <libpq-fe.h>


static PGconn  *pg;


/* The one value of a statement about a job, a number. */

static int64_t
value(const char *statement, const char *id)
{
    int64_t    v;
    PGresult  *r;

    r = PQexecPrepared(pg, statement, 1, &id, NULL, NULL, 0);
    if (PQresultStatus(r) != PGRES_TUPLES_OK || PQntuples(r) != 1) {
        die("%s", PQerrorMessage(pg));
    }

    v = strtoll(PQgetvalue(r, 0, 0), NULL, 10);
    PQclear(r);

    return v;
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
    int              o, i, fd, port = 0, count = 100, gap = 20, look = 3;
    int              past = 0;
    char            *request, *p, id[37];
    size_t           length;
    int64_t          claimed, clock;
    uint64_t         answered, asked;
    delays_t         answers = { 0 }, claims = { 0 };
    static answer_t  a;

    while ((o = getopt(argc, argv, "p:n:g:l:")) != -1) {
        switch (o) {
        case 'p': port = atoi(optarg); break;
        case 'n': count = atoi(optarg); break;
        case 'g': gap = atoi(optarg); break;
        case 'l': look = atoi(optarg); break;
        default: return 2;
        }
    }

    if (optind != argc - 1 || port == 0) {
        die("usage: claim -p port [-n count] [-g ms] [-l ms] file");
    }

    request = slurp(argv[optind], &length);
    pg = PQconnectdb("");
    if (PQstatus(pg) != CONNECTION_OK) {
        die("%s", PQerrorMessage(pg));
    }

    prepare("claimed", "SELECT CASE coalesce(max(status::text), 'ready') "
            "WHEN 'ready' THEN 0 WHEN 'leased' THEN "
            "(extract(epoch FROM max(pg_xact_commit_timestamp(xmin))) "
            "* 1000000)::bigint WHEN 'done' THEN -1 ELSE -2 END "
            "FROM render.task "
            "WHERE job = $1::uuid AND kind = 'plan'");
    prepare("ended", "SELECT (status IN ('completed', 'failed', 'cancelled'))"
            "::int FROM render.job WHERE id = $1::uuid");

    fd = connect_to(port, 0);

    for (i = 0; i < count; i++) {
        answer_reset(&a);
        asked = now_us();
        send_all(fd, request, length);
        while ((o = answer_read(&a, fd)) == 0) { /* more */ }
        answered = now_us();
        clock = (int64_t) clock_us(CLOCK_REALTIME);
        delays_add(&answers, answered - asked);

        p = o == 1 && a.status == 202 ? strstr(a.body, "\"job_id\"") : NULL;
        p = p != NULL ? strchr(p + 8, '"') : NULL;
        if (p == NULL || strlen(p) < 38) {
            die("no job: %.600s", a.buf);
        }
        memcpy(id, p + 1, 36);
        id[36] = '\0';

        sleep_until(answered + (uint64_t) look * 1000);

        while ((claimed = value("claimed", id)) == 0) {
            if (now_us() - answered > 20000000) {
                die("the job was not claimed in 20 s");
            }
            sleep_until(now_us() + 1000);
        }

        if (claimed == -2) {
            die("the job was not planned");
        }

        if (claimed == -1) {
            past++;
        } else {                            /* before the 202 came here: 0 */
            delays_add(&claims, claimed > clock ? claimed - clock : 0);
        }

        do {
            sleep_until(now_us() + 5000);
        } while (!value("ended", id));

        sleep_until(now_us() + (uint64_t) gap * 1000);
    }

    if (past > count / 20) {                /* too many to be left out */
        die("%d of %d had ended when they were asked about", past, count);
    }

    printf("count %d\npast %d\n", count, past);
    delays_print(&claims);
    qsort(answers.v, answers.n, sizeof(uint32_t), delays_order);
    printf("answer_p50_us %u\n", answers.v[answers.n / 2]);
    PQfinish(pg);

    return 0;
}
