/*
 * The supervisor's one connection to PostgreSQL.  Calls are synchronous and
 * short, each bounded by statement_timeout; while the server is away they fail
 * at once, and a connection is tried again with growing pauses.
 */

#ifndef RW_DB_H
#define RW_DB_H

#include <jansson.h>
#include <libpq-fe.h>
#include <stdbool.h>


#define RW_DB_STATEMENTS  8


typedef struct {
    const char  *url;
    PGconn      *conn;                  /* NULL while away */
    double       since;                 /* connected, monotonic seconds */
    double       next_try, pause;
    bool         told;                  /* the outage is in the log */
    const char  *prepared[RW_DB_STATEMENTS];    /* in this session */
    size_t       n_prepared;
} rw_db;


/* Connects if it is away and its time has come; whether it is there. */
bool rw_db_ready(rw_db *db, double now);

/*
 * SELECT <function>(<args>) with text parameters; the answer is JSON.  NULL
 * when the server is away or refuses (which is logged).  The text is static: it
 * is prepared once a session and known by its address.
 */
json_t *rw_db_call(rw_db *db, const char *sql, int n, const char *const *args);

void rw_db_close(rw_db *db);

/* Monotonic seconds. */
double rw_now(void);


#endif /* RW_DB_H */
