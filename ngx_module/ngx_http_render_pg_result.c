/*
 * What PostgreSQL answers, and what its errors mean to callers and to the log.
 * A refusal that every request meets is told once, and its end once.
 */

#include "ngx_http_render_pg.h"


#define NGX_HTTP_RENDER_PG_QUIET  10000         /* ms between lines of a kind */
#define NGX_HTTP_RENDER_PG_SURE   500           /* connections of one server
                                                   may differ for a moment */
#define NGX_HTTP_RENDER_PG_RENEW  3000


ngx_uint_t
ngx_http_render_pg_readonly(void)
{
    return ngx_http_render_process->pg->readonly.told != 0;
}


/* 1 and 0 where the server tells it, which one before 14 or a pooler does not */

static ngx_int_t
ngx_http_render_pg_may_only_read(PGconn *pg)
{
    const char  *standby, *readonly;

    standby = PQparameterStatus(pg, "in_hot_standby");
    readonly = PQparameterStatus(pg, "default_transaction_read_only");

    if (standby == NULL && readonly == NULL) {
        return NGX_DECLINED;
    }

    return (standby != NULL && ngx_strcmp(standby, "on") == 0)
           || (readonly != NULL && ngx_strcmp(readonly, "on") == 0);
}


/* With each Sync, before which the server tells of changed settings. */

static void
ngx_http_render_pg_read_only(ngx_http_render_conn_t *conn)
{
    ngx_int_t                    rc;
    ngx_uint_t                   refused;
    ngx_http_render_pg_t        *pool = conn->pool;
    ngx_http_render_refusals_t  *r = &pool->readonly;

    rc = ngx_http_render_pg_may_only_read(conn->pg);
    refused = conn->readonly;
    conn->readonly = 0;

    if (refused || rc == 1) {
        r->seen = ngx_current_msec;

        if (!r->told) {
            r->told = 1;
            ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                          "render: PostgreSQL is read-only: what writes is "
                          "answered 503");
        }

        r->more = refused && rc != 1;       /* it does not tell, but is */

        /* the name may be about to move to another server */

        if (ngx_current_msec - pool->renewed > NGX_HTTP_RENDER_PG_RENEW) {
            pool->renewed = ngx_current_msec;
            ngx_http_render_hosts_renew(pool->hosts);
        }
        return;
    }

    if (!r->told) {
        return;
    }

    if (rc == 0 && !r->more) {
        if (ngx_current_msec - r->seen < NGX_HTTP_RENDER_PG_SURE) {
            return;
        }

    } else if (conn->lane != ngx_http_render_lane_write
               || ngx_current_msec - r->seen < NGX_HTTP_RENDER_PG_QUIET)
    {
        return;
    }

    ngx_memzero(r, sizeof(ngx_http_render_refusals_t));
    ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                  "render: PostgreSQL can be written again");
}


/* No room, no memory: an outage of a kind, with an end. */

static void
ngx_http_render_pg_room(ngx_http_render_pg_t *pool,
    ngx_http_render_query_t *q, const char *why)
{
    ngx_http_render_refusals_t  *r = &pool->room;

    r->seen = ngx_current_msec;
    r->lane = q->lane;

    if (!r->told) {
        r->told = 1;
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "render: PostgreSQL has no room: %s: %s",
                      ngx_http_render_statements[q->statement], why);
    }
}


static void
ngx_http_render_pg_room_again(ngx_http_render_pg_t *pool,
    ngx_http_render_query_t *q)
{
    ngx_http_render_refusals_t  *r = &pool->room;

    if (r->told && r->lane == q->lane
        && ngx_current_msec - r->seen > NGX_HTTP_RENDER_PG_QUIET)
    {
        r->told = 0;
        ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                      "render: PostgreSQL has room again");
    }
}


/* Locks, time-outs: each is its caller's, but they come in crowds. */

static void
ngx_http_render_pg_busy(ngx_http_render_pg_t *pool,
    ngx_http_render_query_t *q, const char *why)
{
    ngx_http_render_refusals_t  *r = &pool->busy;

    if (r->told
        && ngx_current_msec - r->logged < NGX_HTTP_RENDER_PG_QUIET)
    {
        r->more++;
        return;
    }

    if (r->more != 0) {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "render: %ui more queries like the one before could not "
                      "be done", r->more);
    }

    ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0, "render: %s: %s",
                  ngx_http_render_statements[q->statement], why);

    r->told = 1;
    r->more = 0;
    r->logged = ngx_current_msec;
}


/* What a SQLSTATE means to the caller. */

static void
ngx_http_render_pg_error(ngx_http_render_conn_t *conn,
    ngx_http_render_query_t *q, PGresult *r)
{
    const char            *state, *why, *severity;
    ngx_http_render_pg_t  *pool = conn->pool;

    state = PQresultErrorField(r, PG_DIAG_SQLSTATE);
    why = PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY);
    severity = PQresultErrorField(r, PG_DIAG_SEVERITY_NONLOCALIZED);

    if (state == NULL) {
        state = "";
    }

    if (why == NULL) {
        why = "no message";
    }

    if (q->answer.failed != 0) {
        return;                             /* the first is the cause */
    }

    if (severity != NULL && ngx_strcmp(severity, "ERROR") != 0) {
        return;                             /* FATAL: the end of the connection
                                               follows, and is told */
    }

    if (ngx_strncmp(state, "22", 2) == 0) {
        ngx_http_render_count(pg_error_value);
        q->answer.failed = 422;
        q->answer.why = "the request holds a value that cannot be stored";
        ngx_log_error(NGX_LOG_INFO, ngx_cycle->log, 0, "render: %s: %s",
                      ngx_http_render_statements[q->statement], why);
        return;
    }

    if (ngx_strcmp(state, "25006") == 0) {
        ngx_http_render_count(pg_error_unavailable);
        q->answer.failed = NGX_HTTP_SERVICE_UNAVAILABLE;
        q->answer.why = "the database is read-only at present";
        conn->readonly = 1;
        return;
    }

    if (ngx_strncmp(state, "53", 2) == 0) {
        ngx_http_render_count(pg_error_unavailable);
        q->answer.failed = NGX_HTTP_SERVICE_UNAVAILABLE;
        q->answer.why = "the database has no room for this at present";
        ngx_http_render_pg_room(pool, q, why);
        return;
    }

    if (ngx_strcmp(state, "55P03") == 0
        || ngx_strncmp(state, "40", 2) == 0
        || ngx_strncmp(state, "57", 2) == 0)
    {
        ngx_http_render_count(pg_error_unavailable);
        q->answer.failed = NGX_HTTP_SERVICE_UNAVAILABLE;
        q->answer.why = "the database cannot do this at present";
        ngx_http_render_pg_busy(pool, q, why);
        return;
    }

    ngx_http_render_count(pg_error_refused);
    q->answer.failed = NGX_HTTP_INTERNAL_SERVER_ERROR;
    q->answer.why = "the database refused; the log of the server says why";
    ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0, "render: %s: %s",
                  ngx_http_render_statements[q->statement],
                  PQresultErrorMessage(r));
}


/* Plans that a migration has made stale are prepared anew, once. */

static ngx_uint_t
ngx_http_render_pg_stale(PGresult *r)
{
    const char  *state;

    state = PQresultErrorField(r, PG_DIAG_SQLSTATE);

    return state != NULL
           && (ngx_strcmp(state, "0A000") == 0
               || ngx_strcmp(state, "26000") == 0
               || ngx_strcmp(state, "42883") == 0);
}


static void
ngx_http_render_pg_column(PGresult *r, int i, ngx_str_t *s)
{
    ngx_str_null(s);

    if (!PQgetisnull(r, 0, i)) {
        s->data = (u_char *) PQgetvalue(r, 0, i);
        s->len = PQgetlength(r, 0, i);
    }
}


static void
ngx_http_render_pg_row(ngx_http_render_query_t *q, PGresult *r)
{
    ngx_str_t                  status;
    ngx_http_render_answer_t  *a = &q->answer;

    if (PQntuples(r) != 1 || PQnfields(r) != 5) {
        PQclear(r);
        return;
    }

    PQclear(q->result);
    q->result = r;

    ngx_http_render_pg_column(r, 0, &status);
    ngx_http_render_pg_column(r, 1, &a->body);
    ngx_http_render_pg_column(r, 2, &a->headers);
    ngx_http_render_pg_column(r, 3, &a->effects);
    ngx_http_render_pg_column(r, 4, &a->redirect);
    a->status = status.data ? ngx_atoi(status.data, status.len) : 0;
}


/* The Sync of the head has come: commit included, it may be answered. */

static void
ngx_http_render_pg_synced(ngx_http_render_conn_t *conn)
{
    ngx_queue_t              *x;
    ngx_http_render_pg_t     *pool = conn->pool;
    ngx_http_render_query_t  *q, *next;

    ngx_http_render_pg_alive(conn);
    ngx_http_render_pg_read_only(conn);

    if (ngx_queue_empty(&conn->flight)) {
        return;
    }

    x = ngx_queue_head(&conn->flight);
    ngx_queue_remove(x);
    conn->nflight--;
    q = ngx_queue_data(x, ngx_http_render_query_t, queue);

    /* the next one's turn has come */

    if (!ngx_queue_empty(&conn->flight)) {
        x = ngx_queue_head(&conn->flight);
        next = ngx_queue_data(x, ngx_http_render_query_t, queue);
        conn->turn = ngx_current_msec;

        if (!next->deadline.timer_set) {    /* it was answered already */
            ngx_add_timer(&next->deadline, NGX_HTTP_RENDER_PG_DEADLINE);
        }
    }

    if (q->answer.failed == NGX_AGAIN) {    /* stale */
        ngx_http_render_pg_again(pool, q);
        return;
    }

    if (q->answer.failed == 0 && q->answer.status == 0) {
        ngx_http_render_count(pg_error_refused);
        q->answer.failed = NGX_HTTP_INTERNAL_SERVER_ERROR;
        q->answer.why = "the database gave no answer";
    }

    if (q->answer.failed == 0) {
        ngx_http_render_pg_room_again(pool, q);
    }

    ngx_http_render_pg_end(q);
}


static void
ngx_http_render_pg_failed(ngx_http_render_conn_t *conn,
    ngx_http_render_query_t *q, PGresult *r)
{
    if (ngx_http_render_pg_stale(r)) {
        conn->prepared[q->statement] = 0;
        if (!q->retried) {
            q->answer.failed = NGX_AGAIN;
            return;
        }
    }

    if (PQstatus(conn->pg) == CONNECTION_BAD) {
        return;
    }

    if (q->prepares) {                      /* it may be that which failed */
        conn->prepared[q->statement] = 0;
    }

    ngx_http_render_pg_error(conn, q, r);
}


ngx_int_t
ngx_http_render_pg_input(ngx_http_render_conn_t *conn)
{
    PGconn                   *pg = conn->pg;
    PGresult                 *r;
    ngx_uint_t                nulls;
    ngx_http_render_query_t  *q;

    if (PQconsumeInput(pg) != 1) {
        ngx_http_render_pg_lost(conn, PQerrorMessage(pg));
        return NGX_ERROR;
    }

    nulls = 0;

    while (conn->pg == pg && !PQisBusy(pg)) {
        r = PQgetResult(pg);

        if (r == NULL) {
            /* one ends a query; two in a row: the pipeline is empty */
            if (++nulls > 1 || PQstatus(pg) == CONNECTION_BAD) {
                break;
            }
            continue;
        }

        nulls = 0;
        q = ngx_queue_empty(&conn->flight) ? NULL
            : ngx_queue_data(ngx_queue_head(&conn->flight),
                             ngx_http_render_query_t, queue);

        switch (PQresultStatus(r)) {

        case PGRES_PIPELINE_SYNC:
            PQclear(r);
            ngx_http_render_pg_synced(conn);
            continue;

        case PGRES_TUPLES_OK:
            if (q != NULL) {
                ngx_http_render_pg_row(q, r);
                continue;
            }
            break;

        case PGRES_FATAL_ERROR:
            if (q != NULL) {
                ngx_http_render_pg_failed(conn, q, r);
            }
            break;

        case PGRES_COMMAND_OK:              /* the Prepare has been done */
            if (q != NULL) {
                q->prepares = 0;
            }
            break;

        case PGRES_COPY_IN:                 /* libpq would tell it for ever */
        case PGRES_COPY_OUT:
        case PGRES_COPY_BOTH:
            PQclear(r);
            ngx_http_render_pg_lost(conn, "it answers what was not asked");
            return NGX_ERROR;

        default:                            /* ABORTED behind an error */
            break;
        }

        PQclear(r);
    }

    if (conn->pg != pg) {
        return NGX_ERROR;                   /* lost in a callback */
    }

    if (PQstatus(pg) == CONNECTION_BAD) {
        ngx_http_render_pg_lost(conn, PQerrorMessage(pg));
        return NGX_ERROR;
    }

    conn->c->idle = conn->nflight == 0;

    return NGX_OK;
}
