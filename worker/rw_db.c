/* Calls to PostgreSQL; see rw_db.h. */

#include "rw_db.h"
#include "rn_id.h"
#include "rn_log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>


#define PAUSE_MIN  0.2
#define PAUSE_MAX  2.0                  /* s; half as much again is still less
                                           than a new janitor lets pass */


double
rw_now(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return (double) ts.tv_sec + (double) ts.tv_nsec / 1e9;
}


static void
lost(rw_db *db, const char *why)
{
    if (!db->told) {
        rn_log(RN_LOG_ERROR, "PostgreSQL is away: %.*s",
               (int) strcspn(why, "\n"), why);
        db->told = true;
    }

    PQfinish(db->conn);
    db->conn = NULL;

    db->pause = db->pause < PAUSE_MIN ? PAUSE_MIN : db->pause * 2;
    if (db->pause > PAUSE_MAX) {
        db->pause = PAUSE_MAX;
    }

    db->next_try = rw_now() + db->pause * (0.5 + drand48());
}


static void
quiet(void *arg, const PGresult *r)
{
    (void) arg;
    rn_log(RN_LOG_DEBUG, "PostgreSQL: %s", PQresultErrorMessage(r));
}


bool
rw_db_ready(rw_db *db, double now)
{
    static const char *const names[] = {
        "dbname", "application_name", "connect_timeout", "gssencmode",
        "tcp_user_timeout", "keepalives_idle", "options", NULL
    };
    const char *values[8];

    if (db->conn != NULL) {
        return true;
    }

    if (now < db->next_try) {
        return false;
    }

    values[0] = db->url;
    values[1] = "render-worker";
    values[2] = "2";
    values[3] = "disable";
    values[4] = "5000";
    values[5] = "10";
    values[6] = "-c statement_timeout=10s -c lock_timeout=5s";
    values[7] = NULL;

    db->conn = PQconnectdbParams(names, values, 1);

    if (PQstatus(db->conn) != CONNECTION_OK) {
        lost(db, PQerrorMessage(db->conn));
        return false;
    }

    (void) PQsetNoticeReceiver(db->conn, quiet, NULL);

    if (db->told) {
        rn_log(RN_LOG_INFO, "PostgreSQL is back");
        db->told = false;
    }

    db->pause = 0;
    db->n_prepared = 0;
    db->since = rw_now();

    return true;
}


/*
 * Its name; NULL: it could not be prepared, and the text has to do.  The name
 * is made of the text: where a pooler hands sessions around, another worker may
 * have prepared it there, but nobody something else.
 */

static const char *
name_of(rw_db *db, const char *sql, int n, char name[RN_SHA256_HEX + 1])
{
    size_t       i;
    bool         done;
    PGresult    *r;
    const char  *state;

    for (i = 0; i < db->n_prepared && db->prepared[i] != sql; i++) {
        /* void */
    }

    if (i == RW_DB_STATEMENTS) {
        return NULL;
    }

    rn_sha256_hex(sql, strlen(sql), name);
    name[32] = '\0';

    if (i < db->n_prepared) {
        return name;
    }

    r = PQprepare(db->conn, name, sql, n, NULL);
    state = PQresultErrorField(r, PG_DIAG_SQLSTATE);
    done = PQresultStatus(r) == PGRES_COMMAND_OK
           || (state != NULL && strcmp(state, "42P05") == 0);
    PQclear(r);

    if (!done) {
        return NULL;
    }

    db->prepared[db->n_prepared++] = sql;

    return name;
}


static PGresult *
run(rw_db *db, const char *sql, int n, const char *const *args)
{
    char         buf[RN_SHA256_HEX + 1];
    PGresult    *r;
    const char  *name, *state;

    name = name_of(db, sql, n, buf);

    if (name != NULL) {
        r = PQexecPrepared(db->conn, name, n, args, NULL, NULL, 0);
        state = PQresultErrorField(r, PG_DIAG_SQLSTATE);

        /* a pooler may have given us a session where nothing is prepared */

        if (state == NULL || strcmp(state, "26000") != 0) {
            return r;
        }

        PQclear(r);
        db->n_prepared = 0;
    }

    return PQexecParams(db->conn, sql, n, NULL, args, NULL, NULL, 0);
}


json_t *
rw_db_call(rw_db *db, const char *sql, int n, const char *const *args)
{
    json_t    *j;
    PGresult  *r;

    if (db->conn == NULL) {
        return NULL;
    }

    r = run(db, sql, n, args);
    j = NULL;

    if (PQresultStatus(r) == PGRES_TUPLES_OK && PQntuples(r) == 1) {
        j = json_loads(PQgetvalue(r, 0, 0), JSON_DECODE_ANY, NULL);
        if (j == NULL) {                    /* SQL null, or t and f */
            j = json_string(PQgetvalue(r, 0, 0));
        }

    } else {
        rn_log(RN_LOG_WARN, "%.60s: %.*s", sql,
               (int) strcspn(PQerrorMessage(db->conn), "\n"),
               PQerrorMessage(db->conn));
    }

    PQclear(r);

    if (PQstatus(db->conn) != CONNECTION_OK) {
        lost(db, PQerrorMessage(db->conn));
    }

    return j;
}


void
rw_db_close(rw_db *db)
{
    PQfinish(db->conn);
    db->conn = NULL;
}
