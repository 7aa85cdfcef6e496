/*
 * render migrate: applies sql/NNN_*.sql once each, in order, and every file of
 * sql/functions again when it changed; remembers checksums; one at a time by
 * an advisory lock.
 */

#include "cmd.h"
#include "local.h"
#include "rn_id.h"

#include <dirent.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


#define LOCK  "7245638101"              /* any number, the same in every run */


static int
is_sql(const struct dirent *e)
{
    size_t  n;

    n = strlen(e->d_name);

    return n > 4 && strcmp(e->d_name + n - 4, ".sql") == 0;
}


static bool
run(PGconn *pg, const char *sql, const char *what)
{
    bool       ok;
    PGresult  *r;

    r = PQexec(pg, sql);
    ok = PQresultStatus(r) == PGRES_COMMAND_OK
         || PQresultStatus(r) == PGRES_TUPLES_OK
         || PQresultStatus(r) == PGRES_EMPTY_QUERY;

    if (!ok) {
        fprintf(stderr, "render migrate: %s: %s", what, PQerrorMessage(pg));
    }

    PQclear(r);

    return ok;
}


/* The checksum remembered for a file: "" when there is none, NULL on error. */

static char *
remembered(PGconn *pg, const char *name)
{
    char       *sum;
    PGresult   *r;
    const char *params[1];

    params[0] = name;
    r = PQexecParams(pg, "SELECT checksum FROM render.migration "
                     "WHERE name = $1", 1, NULL, params, NULL, NULL, 0);

    if (PQresultStatus(r) != PGRES_TUPLES_OK) {
        fprintf(stderr, "render migrate: %s", PQerrorMessage(pg));
        PQclear(r);
        return NULL;
    }

    sum = strdup(PQntuples(r) > 0 ? PQgetvalue(r, 0, 0) : "");
    PQclear(r);

    return sum;
}


/* One file is one transaction, together with its being remembered. */

static bool
apply(PGconn *pg, const char *name, const char *text, const char *sum)
{
    bool        ok;
    PGresult   *r;
    const char *params[2];

    if (!run(pg, "BEGIN", name) || !run(pg, text, name)) {
        (void) run(pg, "ROLLBACK", name);
        return false;
    }

    params[0] = name;
    params[1] = sum;

    r = PQexecParams(pg, "INSERT INTO render.migration (name, checksum) "
                     "VALUES ($1, $2) ON CONFLICT (name) DO UPDATE "
                     "SET checksum = excluded.checksum, applied_at = now()",
                     2, NULL, params, NULL, NULL, 0);
    ok = PQresultStatus(r) == PGRES_COMMAND_OK;
    if (!ok) {
        fprintf(stderr, "render migrate: %s: %s", name, PQerrorMessage(pg));
    }
    PQclear(r);

    return run(pg, ok ? "COMMIT" : "ROLLBACK", name) && ok;
}


static bool
apply_dir(PGconn *pg, const char *dir, const char *prefix, bool again,
    int *count)
{
    int              i, n;
    bool             ok;
    char             path[4400], name[300], sum[65], *text, *was;
    size_t           len;
    struct dirent  **list;

    n = scandir(dir, &list, is_sql, alphasort);
    if (n < 0) {
        perror(dir);
        return false;
    }

    ok = true;

    for (i = 0; i < n; i++) {
        (void) snprintf(path, sizeof(path), "%s/%s", dir, list[i]->d_name);
        (void) snprintf(name, sizeof(name), "%s%.250s", prefix,
                        list[i]->d_name);

        text = ok ? local_read(path, &len) : NULL;
        was = text != NULL ? remembered(pg, name) : NULL;
        ok = was != NULL;

        if (ok) {
            rn_sha256_hex(text, len, sum);

            if (was[0] == '\0' || (again && strcmp(was, sum) != 0)) {
                text = realloc(text, len + 1);
                text[len] = '\0';
                ok = apply(pg, name, text, sum);
                *count += ok;

            } else if (strcmp(was, sum) != 0) {
                fprintf(stderr, "render migrate: %s was changed after it had "
                        "been applied; a migration is never edited, write a "
                        "new one\n", name);
                ok = false;
            }
        }

        free(text);
        free(was);
        free(list[i]);
    }

    free(list);

    return ok;
}


int
cmd_migrate(int argc, char **argv)
{
    int          count;
    bool         ok;
    char         functions[4200];
    PGconn      *pg;
    const char  *url, *dir;

    url = getenv("DATABASE_URL");
    dir = getenv("RENDER_SQL_DIR");

    if (argc == 3 && strcmp(argv[1], "--sql") == 0) {
        dir = argv[2];
    } else if (argc != 1) {
        fprintf(stderr, "usage: render migrate [--sql DIR]\n");
        return 2;
    }

    if (url == NULL) {
        fprintf(stderr, "render migrate: DATABASE_URL is not set\n");
        return 2;
    }

    if (dir == NULL) {
        dir = RENDER_SQL;
    }

    pg = PQconnectdb(url);
    if (PQstatus(pg) != CONNECTION_OK) {
        fprintf(stderr, "render migrate: %s", PQerrorMessage(pg));
        PQfinish(pg);
        return 1;
    }

    (void) snprintf(functions, sizeof(functions), "%.4000s/functions", dir);
    count = 0;

    ok = run(pg, "SET client_min_messages = warning", "begin")
         && run(pg, "SELECT pg_advisory_lock(" LOCK ")", "lock")
         && run(pg, "CREATE SCHEMA IF NOT EXISTS render;"
                    "CREATE TABLE IF NOT EXISTS render.migration ("
                    " name text PRIMARY KEY, checksum text NOT NULL,"
                    " applied_at timestamptz NOT NULL DEFAULT now())", "begin")
         && apply_dir(pg, dir, "", false, &count)
         && apply_dir(pg, functions, "functions/", true, &count);

    PQfinish(pg);

    if (ok) {
        fprintf(stderr, "render migrate: %d files applied\n", count);
    }

    return ok ? 0 : 1;
}
