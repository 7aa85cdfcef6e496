/*
 * Calls one prepared statement of PostgreSQL over and over on one connection,
 * a Sync each, waiting for each answer.
 *
 *   sql_load -s seconds file [argument ...]
 *
 * The connection is that of the environment (PGHOST, ...); the file has the
 * statement.  An argument "\N" is null.
 */

#include "bench.h"

#include <libpq-fe.h>


int
main(int argc, char **argv)
{
    int           o, i, n;
    char         *sql;
    double        seconds = 1, cpu;
    PGconn       *pg;
    PGresult     *r;
    uint64_t      start, end, now, began, calls = 0;
    delays_t      delays = { 0 };
    const char  **values;

    while ((o = getopt(argc, argv, "s:")) != -1) {
        if (o != 's') {
            return 2;
        }
        seconds = atof(optarg);
    }

    if (optind >= argc) {
        die("usage: sql_load -s seconds file [argument ...]");
    }

    sql = slurp(argv[optind++], NULL);
    n = argc - optind;
    values = calloc(n + 1, sizeof(char *));
    if (values == NULL) {
        die("no memory");
    }

    for (i = 0; i < n; i++) {
        values[i] = strcmp(argv[optind + i], "\\N") ? argv[optind + i] : NULL;
    }

    pg = PQconnectdb("");
    if (PQstatus(pg) != CONNECTION_OK) {
        die("%s", PQerrorMessage(pg));
    }

    r = PQprepare(pg, "s", sql, 0, NULL);
    if (PQresultStatus(r) != PGRES_COMMAND_OK) {
        die("%s", PQerrorMessage(pg));
    }
    PQclear(r);

    cpu = own_cpu();
    start = now = now_us();
    end = start + seconds * 1e6;

    while (now < end) {
        began = now;
        r = PQexecPrepared(pg, "s", n, values, NULL, NULL, 0);
        if (PQresultStatus(r) != PGRES_TUPLES_OK || PQntuples(r) != 1) {
            die("not one row: %s", PQerrorMessage(pg));
        }
        if (calls == 0) {
            printf("first %s\n", PQgetvalue(r, 0, 0));
        }
        PQclear(r);
        calls++;
        now = now_us();
        delays_add(&delays, now - began);
    }

    printf("calls %llu\nseconds %.6f\ncpu %.6f\n", (unsigned long long) calls,
           (now - start) / 1e6, own_cpu() - cpu);
    delays_print(&delays);
    PQfinish(pg);

    return 0;
}
