/*
 * The pool of PostgreSQL connections of one worker process.  Connections belong
 * to lanes, so that a waiting writer never blocks a reader; on each, queries
 * are pipelined, one Sync a query, and are answered when their Sync is.
 *
 * A query is on exactly one list: the lane's `waiting` or a connection's
 * `flight`.  Only ngx_http_render_pg_dispatch and _end move it.
 */

#include "ngx_http_render.h"

#include <libpq-fe.h>


#define NGX_HTTP_RENDER_PG_FLIGHT    32         /* queries in one pipeline */
#define NGX_HTTP_RENDER_PG_WAITING   1000       /* queries without one */
#define NGX_HTTP_RENDER_PG_DEADLINE  7000       /* ms; statements end at 5 s */
#define NGX_HTTP_RENDER_PG_CONNECT   3000
#define NGX_HTTP_RENDER_PG_MIN_BACK  100
#define NGX_HTTP_RENDER_PG_MAX_BACK  5000
#define NGX_HTTP_RENDER_PG_RECYCLE   50000      /* queries: libpq's buffers grow
                                                   and never shrink */


typedef enum {
    pg_idle = 0,                        /* never connected, or backing off */
    pg_connecting,
    pg_ready
} ngx_http_render_pg_state_e;

typedef struct {
    ngx_http_render_pg_state_e  state;
    ngx_http_render_pg_t       *pool;
    ngx_http_render_lane_e      lane;
    PGconn                     *pg;
    ngx_connection_t           *c;
    ngx_queue_t                 flight;
    ngx_uint_t                  nflight, nsent;
    ngx_event_t                 timer;          /* of connecting, or a pause */
    ngx_uint_t                  pause;          /* ms */
    ngx_uint_t                 *prepared;       /* generation, 0: not yet */
    ngx_uint_t                  generation;
} ngx_http_render_conn_t;

struct ngx_http_render_pg_s {
    ngx_http_render_main_conf_t  *conf;
    ngx_http_render_conn_t       *conns;
    ngx_uint_t                    nconns;
    ngx_queue_t                   waiting[ngx_http_render_lanes];
    ngx_uint_t                    nwaiting[ngx_http_render_lanes];
    ngx_event_t                   failed;       /* posted: queries to refuse */
    ngx_queue_t                   refused;
    unsigned                      told:1;       /* the outage is logged */
    unsigned                      quitting:1;
};


static void ngx_http_render_pg_event(ngx_event_t *ev);
static void ngx_http_render_pg_timer(ngx_event_t *ev);
static void ngx_http_render_pg_refuse(ngx_event_t *ev);
static void ngx_http_render_pg_connect(ngx_http_render_conn_t *conn);
static void ngx_http_render_pg_poll(ngx_http_render_conn_t *conn);
static void ngx_http_render_pg_close(ngx_http_render_conn_t *conn);
static void ngx_http_render_pg_lost(ngx_http_render_conn_t *conn,
    const char *why);
static void ngx_http_render_pg_dispatch(ngx_http_render_pg_t *pool,
    ngx_http_render_lane_e lane);


ngx_http_render_pg_t *
ngx_http_render_pg_create(ngx_http_render_main_conf_t *conf)
{
    ngx_uint_t               i;
    ngx_http_render_pg_t    *pool;
    ngx_http_render_conn_t  *conn;

    pool = ngx_pcalloc(ngx_cycle->pool, sizeof(ngx_http_render_pg_t));
    if (pool == NULL) {
        return NULL;
    }

    pool->conf = conf;
    pool->nconns = conf->pg_connections;
    pool->conns = ngx_pcalloc(ngx_cycle->pool,
                              pool->nconns * sizeof(ngx_http_render_conn_t));
    if (pool->conns == NULL) {
        return NULL;
    }

    for (i = 0; i < ngx_http_render_lanes; i++) {
        ngx_queue_init(&pool->waiting[i]);
    }

    ngx_queue_init(&pool->refused);
    pool->failed.handler = ngx_http_render_pg_refuse;
    pool->failed.data = pool;
    pool->failed.log = ngx_cycle->log;

    ngx_http_render_gauge(pg_closed, (ngx_int_t) pool->nconns);

    for (i = 0; i < pool->nconns; i++) {
        conn = &pool->conns[i];
        conn->pool = pool;

        /* one slow, a third of the rest writes, the others read */

        conn->lane = i == 0 ? ngx_http_render_lane_slow
                     : i % 3 == 1 ? ngx_http_render_lane_write
                     : ngx_http_render_lane_read;

        ngx_queue_init(&conn->flight);
        conn->timer.handler = ngx_http_render_pg_timer;
        conn->timer.data = conn;
        conn->timer.log = ngx_cycle->log;
        conn->prepared = ngx_pcalloc(ngx_cycle->pool,
                             ngx_http_render_nstatements * sizeof(ngx_uint_t));
        if (conn->prepared == NULL) {
            return NULL;
        }
    }

    return pool;
}


/* The only place that changes it. */

static void
ngx_http_render_pg_state(ngx_http_render_conn_t *conn,
    ngx_http_render_pg_state_e state)
{
    static const ngx_uint_t  gauges[] = {
        ngx_http_render_g_pg_closed, ngx_http_render_g_pg_connecting,
        ngx_http_render_g_pg_ready
    };

    ngx_http_render_gauge_add(gauges[conn->state], -1);
    ngx_http_render_gauge_add(gauges[state], 1);
    conn->state = state;
}


static void
ngx_http_render_pg_free(ngx_http_render_query_t *q)
{
    ngx_uint_t  i;

    if (q->deadline.timer_set) {
        ngx_del_timer(&q->deadline);
    }

    for (i = 0; i < 4 && !q->within; i++) {
        free(q->args[i]);
    }

    PQclear(q->result);
    free(q);
}


/* Gives the answer to whoever still wants it; the query is gone after. */

static void
ngx_http_render_pg_end(ngx_http_render_query_t *q)
{
    ngx_http_render_gauge(pg_queries, -1);
    ngx_http_render_measure_op(q->statement, q->began);

    if (q->callback != NULL && q->data != NULL) {
        q->callback(q->data, &q->answer);
    }

    ngx_http_render_pg_free(q);
}


static void
ngx_http_render_pg_fail(ngx_http_render_query_t *q, ngx_int_t status,
    const char *why)
{
    q->answer.failed = status;
    q->answer.why = why;
    ngx_http_render_pg_end(q);
}


static void
ngx_http_render_pg_refuse(ngx_event_t *ev)
{
    ngx_queue_t              *x;
    ngx_http_render_pg_t     *pool = ev->data;
    ngx_http_render_query_t  *q;

    while (!ngx_queue_empty(&pool->refused)) {
        x = ngx_queue_head(&pool->refused);
        ngx_queue_remove(x);
        q = ngx_queue_data(x, ngx_http_render_query_t, queue);
        ngx_http_render_pg_end(q);
    }
}


/* Answers come from the event loop, never from within the call that asks. */

static void
ngx_http_render_pg_later(ngx_http_render_pg_t *pool,
    ngx_http_render_query_t *q, ngx_int_t status, const char *why)
{
    /* it is on no lane's list any more, and no deadline may count it there */

    q->waiting = 0;

    if (q->deadline.timer_set) {
        ngx_del_timer(&q->deadline);
    }

    q->answer.failed = status;
    q->answer.why = why;
    ngx_queue_insert_tail(&pool->refused, &q->queue);
    ngx_post_event(&pool->failed, &ngx_posted_events);
}


/*
 * A server that does not answer within statement_timeout and a margin is gone,
 * whatever the socket says; all that shares the pipeline with it goes too.
 */

static void
ngx_http_render_pg_deadline(ngx_event_t *ev)
{
    ngx_http_render_pg_t      *pool;
    ngx_http_render_conn_t    *conn;
    ngx_http_render_query_t   *q = ev->data;
    ngx_http_render_query_pt   callback;

    conn = q->conn;

    if (!q->waiting && &q->queue == ngx_queue_head(&conn->flight)) {
        ngx_http_render_pg_lost(conn, "no answer in time");
        return;
    }

    if (!q->waiting) {

        /* those before it took the time; it is answered alone, and its own
           answer, when it comes, goes nowhere */

        q->answer.failed = NGX_HTTP_SERVICE_UNAVAILABLE;
        q->answer.why = "the database is too busy";

        if (q->callback != NULL && q->data != NULL) {
            callback = q->callback;
            q->callback = NULL;
            ngx_http_render_count(pg_error_busy);
            callback(q->data, &q->answer);
        }
        return;
    }

    pool = ngx_http_render_process->pg;
    ngx_http_render_count(pg_error_busy);
    ngx_queue_remove(&q->queue);
    pool->nwaiting[q->lane]--;
    ngx_http_render_pg_fail(q, NGX_HTTP_SERVICE_UNAVAILABLE,
                            "the database is too busy");
}


ngx_http_render_query_t *
ngx_http_render_query(ngx_int_t statement, ngx_http_render_query_pt callback,
    void *data)
{
    char                     *room;
    ngx_http_render_query_t  *q;

    q = ngx_http_render_query_with(statement, callback, data, 0, &room);

    if (q != NULL) {
        q->within = 0;
    }

    return q;
}


ngx_http_render_query_t *
ngx_http_render_query_with(ngx_int_t statement,
    ngx_http_render_query_pt callback, void *data, size_t size, char **room)
{
    ngx_http_render_query_t  *q;

    q = malloc(sizeof(ngx_http_render_query_t) + size);
    if (q == NULL) {
        return NULL;
    }

    ngx_memzero(q, sizeof(ngx_http_render_query_t));
    *room = (char *) (q + 1);

    q->statement = statement;
    q->lane = ngx_http_render_statement_lanes[statement];
    q->callback = callback;
    q->data = data;
    q->within = 1;
    q->deadline.handler = ngx_http_render_pg_deadline;
    q->deadline.data = q;
    q->deadline.log = ngx_cycle->log;

    return q;
}


void
ngx_http_render_pg_send(ngx_http_render_query_t *q)
{
    ngx_http_render_pg_t  *pool = ngx_http_render_process->pg;

    q->began = ngx_http_render_clock();
    ngx_http_render_gauge(pg_queries, 1);

    if (pool->nwaiting[q->lane] >= NGX_HTTP_RENDER_PG_WAITING) {
        ngx_http_render_count(pg_error_busy);
        ngx_http_render_pg_later(pool, q, NGX_HTTP_SERVICE_UNAVAILABLE,
                                 "the database is too busy");
        return;
    }

    /* not cancelable: it keeps a quitting worker alive until the answer */

    ngx_add_timer(&q->deadline, NGX_HTTP_RENDER_PG_DEADLINE);

    q->waiting = 1;
    ngx_queue_insert_tail(&pool->waiting[q->lane], &q->queue);
    pool->nwaiting[q->lane]++;

    ngx_http_render_pg_dispatch(pool, q->lane);
}


static ngx_int_t
ngx_http_render_pg_flush(ngx_http_render_conn_t *conn)
{
    int                rc;
    ngx_connection_t  *c = conn->c;

    rc = PQflush(conn->pg);

    if (rc < 0 || PQstatus(conn->pg) == CONNECTION_BAD) {
        return NGX_ERROR;
    }

    if (rc == 1 && !c->write->active) {
        return ngx_add_event(c->write, NGX_WRITE_EVENT, NGX_LEVEL_EVENT);
    }

    if (rc == 0 && c->write->active) {  /* an idle interest would spin */
        return ngx_del_event(c->write, NGX_WRITE_EVENT, 0);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_render_pg_write(ngx_http_render_conn_t *conn,
    ngx_http_render_query_t *q)
{
    char        name[32], text[256];
    ngx_uint_t  s = q->statement;

    q->prepares = conn->prepared[s] == 0;

    if (q->prepares) {
        conn->prepared[s] = ++conn->generation;
        (void) snprintf(text, sizeof(text), "SELECT status, body, "
                        "headers::text, effects::text, redirect "
                        "FROM render_api.%s($1::jsonb, $2::jsonb, $3::text, "
                        "$4::jsonb)", ngx_http_render_statements[s]);
        (void) snprintf(name, sizeof(name), "s%u_%u", (unsigned) s,
                        (unsigned) conn->prepared[s]);

        if (PQsendPrepare(conn->pg, name, text, 0, NULL) != 1) {
            return NGX_ERROR;
        }
    } else {
        (void) snprintf(name, sizeof(name), "s%u_%u", (unsigned) s,
                        (unsigned) conn->prepared[s]);
    }

    if (PQsendQueryPrepared(conn->pg, name, 4, (const char *const *) q->args,
                            NULL, NULL, 0) != 1
        || PQpipelineSync(conn->pg) != 1)
    {
        return NGX_ERROR;
    }

    conn->c->idle = 0;                  /* from now on it may not be closed */

    q->conn = conn;
    q->waiting = 0;
    ngx_queue_insert_tail(&conn->flight, &q->queue);
    conn->nflight++;
    conn->nsent++;

    return NGX_OK;
}


/* Sends what waits in a lane, to the connections with the least in flight. */

static void
ngx_http_render_pg_dispatch(ngx_http_render_pg_t *pool,
    ngx_http_render_lane_e lane)
{
    ngx_uint_t                i, starting, trying, opened;
    ngx_queue_t              *x;
    ngx_http_render_conn_t   *conn, *best, *unused;
    ngx_http_render_query_t  *q;

    opened = 0;

    while (!ngx_queue_empty(&pool->waiting[lane])) {
        best = unused = NULL;
        starting = trying = 0;

        for (i = 0; i < pool->nconns; i++) {
            conn = &pool->conns[i];

            if (conn->lane != lane) {
                continue;
            }

            if (conn->state == pg_ready) {
                if (conn->nflight < NGX_HTTP_RENDER_PG_FLIGHT
                    && (best == NULL || conn->nflight < best->nflight))
                {
                    best = conn;
                }
            } else if (conn->state == pg_connecting) {
                starting++;
            } else if (conn->timer.timer_set) {
                trying++;
            } else if (unused == NULL) {
                unused = conn;
            }
        }

        /* another connection where all are busy, one attempt at a time */

        if (unused != NULL && starting == 0 && trying == 0 && !opened
            && (best == NULL || best->nflight > 0))
        {
            opened = 1;
            ngx_http_render_pg_connect(unused);
            continue;
        }

        if (best != NULL) {
            x = ngx_queue_head(&pool->waiting[lane]);
            ngx_queue_remove(x);
            pool->nwaiting[lane]--;
            q = ngx_queue_data(x, ngx_http_render_query_t, queue);

            if (ngx_http_render_pg_write(best, q) != NGX_OK
                || ngx_http_render_pg_flush(best) != NGX_OK)
            {
                if (q->waiting) {           /* it did not even get there */
                    ngx_queue_insert_head(&pool->waiting[lane], &q->queue);
                    pool->nwaiting[lane]++;
                }
                ngx_http_render_pg_lost(best, PQerrorMessage(best->pg));
            }
            continue;
        }

        for (i = 0, trying = 0; i < pool->nconns; i++) {
            conn = &pool->conns[i];
            trying += conn->lane == lane && conn->state != pg_idle;
        }

        if (trying != 0) {
            return;                         /* an answer or a connect to come */
        }

        /* the database is away: say so at once, do not let them queue */

        x = ngx_queue_head(&pool->waiting[lane]);
        ngx_queue_remove(x);
        pool->nwaiting[lane]--;
        q = ngx_queue_data(x, ngx_http_render_query_t, queue);
        ngx_http_render_count(pg_error_away);
        ngx_http_render_pg_later(pool, q, NGX_HTTP_SERVICE_UNAVAILABLE,
                                 "the database is away");
    }
}


static void
ngx_http_render_pg_connect(ngx_http_render_conn_t *conn)
{
    const char *const            *keywords, *const *values;
    ngx_http_render_main_conf_t  *mcf = conn->pool->conf;

    keywords = mcf->pg_keywords->elts;
    values = mcf->pg_values->elts;

    ngx_http_render_pg_state(conn, pg_connecting);
    conn->nsent = 0;
    ngx_memzero(conn->prepared,
                ngx_http_render_nstatements * sizeof(ngx_uint_t));

    conn->pg = PQconnectStartParams(keywords, values, 0);

    if (conn->pg == NULL || PQstatus(conn->pg) == CONNECTION_BAD) {
        ngx_http_render_pg_lost(conn, conn->pg ? PQerrorMessage(conn->pg)
                                               : "no memory");
        return;
    }

    conn->timer.cancelable = 1;
    ngx_add_timer(&conn->timer, NGX_HTTP_RENDER_PG_CONNECT);

    conn->c = ngx_http_render_adopt(PQsocket(conn->pg), conn,
                                    ngx_http_render_pg_event);
    if (conn->c == NULL
        || ngx_add_event(conn->c->write, NGX_WRITE_EVENT, NGX_LEVEL_EVENT)
           != NGX_OK)
    {
        ngx_http_render_pg_lost(conn, "no connection slot");
    }
}


static void
ngx_http_render_pg_notice(void *arg, const char *message)
{
    ngx_log_error(NGX_LOG_INFO, ngx_cycle->log, 0, "render: PostgreSQL: %s",
                  message);
}


/*
 * While libpq connects, it may close the socket and open another one under the
 * same number; so each step gives the slot back and takes a fresh one.
 */

static void
ngx_http_render_pg_poll(ngx_http_render_conn_t *conn)
{
    ngx_int_t                  rc;
    ngx_uint_t                 i;
    ngx_http_render_conn_t    *other;
    PostgresPollingStatusType  st;

    ngx_http_render_release(conn->c, 0);
    conn->c = NULL;

    st = PQconnectPoll(conn->pg);

    if (st == PGRES_POLLING_FAILED || PQsocket(conn->pg) < 0) {
        ngx_http_render_pg_lost(conn, PQerrorMessage(conn->pg));
        return;
    }

    conn->c = ngx_http_render_adopt(PQsocket(conn->pg), conn,
                                    ngx_http_render_pg_event);
    if (conn->c == NULL) {
        ngx_http_render_pg_lost(conn, "no connection slot");
        return;
    }

    rc = st == PGRES_POLLING_WRITING
         ? ngx_add_event(conn->c->write, NGX_WRITE_EVENT, NGX_LEVEL_EVENT)
         : ngx_add_event(conn->c->read, NGX_READ_EVENT, NGX_LEVEL_EVENT);

    if (rc != NGX_OK) {
        ngx_http_render_pg_lost(conn, "no event");
        return;
    }

    if (st != PGRES_POLLING_OK) {
        return;
    }

    if (PQsetnonblocking(conn->pg, 1) != 0
        || PQenterPipelineMode(conn->pg) != 1)
    {
        ngx_http_render_pg_lost(conn, PQerrorMessage(conn->pg));
        return;
    }

    (void) PQsetNoticeProcessor(conn->pg, ngx_http_render_pg_notice, NULL);

    ngx_del_timer(&conn->timer);
    ngx_http_render_pg_state(conn, pg_ready);
    conn->pause = 0;
    conn->c->idle = 1;                  /* nothing in flight: may be closed */

    /* what the others pause for is over: they need not sit it out */

    for (i = 0; i < conn->pool->nconns; i++) {
        other = &conn->pool->conns[i];
        if (other->state == pg_idle && other->timer.timer_set) {
            ngx_add_timer(&other->timer, 1);
        }
    }

    if (conn->pool->told) {
        conn->pool->told = 0;
        ngx_http_render_circuit(pg, 0);
        ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                      "render: PostgreSQL is back");
    }

    ngx_http_render_pg_dispatch(conn->pool, conn->lane);
}


/* What a SQLSTATE means to the caller. */

static void
ngx_http_render_pg_error(ngx_http_render_query_t *q, PGresult *r)
{
    ngx_uint_t   level;
    const char  *state;

    state = PQresultErrorField(r, PG_DIAG_SQLSTATE);
    if (state == NULL) {
        state = "";
    }

    if (q->answer.failed != 0) {
        return;                             /* the first is the cause */
    }

    if (ngx_strncmp(state, "22", 2) == 0) {
        ngx_http_render_count(pg_error_value);
        q->answer.failed = 422;
        q->answer.why = "the request holds a value that cannot be stored";

    } else if (ngx_strcmp(state, "55P03") == 0
               || ngx_strcmp(state, "57014") == 0
               || ngx_strncmp(state, "40", 2) == 0
               || ngx_strncmp(state, "53", 2) == 0
               || ngx_strncmp(state, "57", 2) == 0
               || ngx_strcmp(state, "25006") == 0)
    {
        ngx_http_render_count(pg_error_unavailable);
        q->answer.failed = NGX_HTTP_SERVICE_UNAVAILABLE;
        q->answer.why = "the database cannot do this at present";

    } else {
        ngx_http_render_count(pg_error_refused);
        q->answer.failed = NGX_HTTP_INTERNAL_SERVER_ERROR;
        q->answer.why = "the database refused; the log of the server says why";
    }

    level = q->answer.failed == 422 ? NGX_LOG_INFO : NGX_LOG_ERR;
    ngx_log_error(level, ngx_cycle->log, 0, "render: %s: %s",
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

    if (ngx_queue_empty(&conn->flight)) {
        return;
    }

    x = ngx_queue_head(&conn->flight);
    ngx_queue_remove(x);
    conn->nflight--;
    q = ngx_queue_data(x, ngx_http_render_query_t, queue);

    if (q->answer.failed == NGX_AGAIN) {    /* stale: once more */
        q->answer.failed = 0;
        q->retried = 1;
        q->waiting = 1;
        ngx_queue_insert_tail(&pool->waiting[q->lane], &q->queue);
        pool->nwaiting[q->lane]++;
        return;
    }

    if (q->answer.failed == 0 && q->answer.status == 0) {
        ngx_http_render_count(pg_error_refused);
        q->answer.failed = NGX_HTTP_INTERNAL_SERVER_ERROR;
        q->answer.why = "the database gave no answer";
    }

    /* the next one's time begins now: its turn has come */

    if (!ngx_queue_empty(&conn->flight)) {
        x = ngx_queue_head(&conn->flight);
        next = ngx_queue_data(x, ngx_http_render_query_t, queue);
        ngx_add_timer(&next->deadline, NGX_HTTP_RENDER_PG_DEADLINE);
    }

    ngx_http_render_pg_end(q);
}


static void
ngx_http_render_pg_read(ngx_http_render_conn_t *conn)
{
    PGconn                   *pg = conn->pg;
    PGresult                 *r;
    ngx_uint_t                nulls;
    ngx_http_render_query_t  *q;

    if (PQconsumeInput(pg) != 1) {
        ngx_http_render_pg_lost(conn, PQerrorMessage(pg));
        return;
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
            if (q == NULL) {
                break;
            }

            if (ngx_http_render_pg_stale(r)) {
                conn->prepared[q->statement] = 0;
                if (!q->retried) {
                    q->answer.failed = NGX_AGAIN;
                    break;
                }
            }

            if (PQstatus(pg) != CONNECTION_BAD) {
                if (q->prepares) {          /* it may be that which failed */
                    conn->prepared[q->statement] = 0;
                }
                ngx_http_render_pg_error(q, r);
            }
            break;

        case PGRES_COMMAND_OK:              /* the Prepare has been done */
            if (q != NULL) {
                q->prepares = 0;
            }
            break;

        default:                            /* ABORTED behind an error */
            break;
        }

        PQclear(r);
    }

    if (conn->pg != pg) {
        return;                             /* lost in a callback */
    }

    if (PQstatus(pg) == CONNECTION_BAD) {
        ngx_http_render_pg_lost(conn, PQerrorMessage(pg));
        return;
    }

    conn->c->idle = conn->nflight == 0;

    if (conn->nflight == 0
        && (conn->nsent > NGX_HTTP_RENDER_PG_RECYCLE || conn->pool->quitting))
    {
        ngx_http_render_pg_close(conn);
    }

    ngx_http_render_pg_dispatch(conn->pool, conn->lane);
}


/* Nothing is wrong with it: it is idle, and may be opened again at once. */

static void
ngx_http_render_pg_close(ngx_http_render_conn_t *conn)
{
    ngx_http_render_release(conn->c, 0);
    conn->c = NULL;
    PQfinish(conn->pg);
    conn->pg = NULL;
    ngx_http_render_pg_state(conn, pg_idle);
}


static void
ngx_http_render_pg_event(ngx_event_t *ev)
{
    ngx_connection_t        *c = ev->data;
    ngx_http_render_conn_t  *conn = c->data;

    if (c->close) {
        c->close = 0;                   /* else events would find it for good */
        if (c->error || conn->state == pg_connecting) {
            ngx_http_render_pg_lost(conn, "nginx is closing");
        } else if (conn->nflight == 0) {
            ngx_http_render_pg_close(conn);
        }
        return;
    }

    if (conn->state == pg_connecting) {
        ngx_http_render_pg_poll(conn);
        return;
    }

    if (ev->write) {
        if (ngx_http_render_pg_flush(conn) != NGX_OK) {
            ngx_http_render_pg_lost(conn, PQerrorMessage(conn->pg));
        }
        return;
    }

    ngx_http_render_pg_read(conn);
}


/*
 * The connection is gone.  What was in flight has an unknown outcome: a caller
 * that must not do it twice repeats it with its Idempotency-Key.
 */

static void
ngx_http_render_pg_lost(ngx_http_render_conn_t *conn, const char *why)
{
    ngx_uint_t                up, i;
    ngx_queue_t               gone, *x;
    ngx_http_render_pg_t     *pool = conn->pool;
    ngx_http_render_query_t  *q;

    if (conn->state == pg_connecting) {
        ngx_http_render_count(pg_error_connect);
    }

    for (i = 0, up = 0; i < pool->nconns; i++) {
        up += pool->conns[i].state == pg_ready && &pool->conns[i] != conn;
    }

    if (!pool->told && !ngx_exiting && !ngx_terminate && up == 0) {
        pool->told = 1;
        ngx_http_render_circuit(pg, 1);
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "render: PostgreSQL is away: %s", why);
    }

    if (conn->c != NULL) {
        ngx_http_render_release(conn->c,
                                conn->pg == NULL || PQsocket(conn->pg) < 0);
        conn->c = NULL;
    }

    PQfinish(conn->pg);
    conn->pg = NULL;
    ngx_http_render_pg_state(conn, pg_idle);

    if (conn->timer.timer_set) {
        ngx_del_timer(&conn->timer);
    }

    /* also while quitting: without a pause, dispatch would connect again at
       once, from within this call; the timer does not hold the worker */

    conn->pause = conn->pause == 0 ? NGX_HTTP_RENDER_PG_MIN_BACK
                  : ngx_min(conn->pause * 2, NGX_HTTP_RENDER_PG_MAX_BACK);
    conn->timer.cancelable = 1;
    ngx_add_timer(&conn->timer,
                  conn->pause / 2 + ngx_random() % (conn->pause / 2));

    ngx_queue_init(&gone);

    if (!ngx_queue_empty(&conn->flight)) {
        ngx_queue_add(&gone, &conn->flight);
        ngx_queue_init(&conn->flight);
    }

    conn->nflight = 0;

    while (!ngx_queue_empty(&gone)) {
        x = ngx_queue_head(&gone);
        ngx_queue_remove(x);
        q = ngx_queue_data(x, ngx_http_render_query_t, queue);
        ngx_http_render_count(pg_error_lost);
        ngx_http_render_pg_later(pool, q, NGX_HTTP_SERVICE_UNAVAILABLE,
                                 "the connection to the database was lost; "
                                 "whether this was done is not known");
    }

    ngx_http_render_pg_dispatch(pool, conn->lane);
}


/* A pause is over, or connecting took too long. */

static void
ngx_http_render_pg_timer(ngx_event_t *ev)
{
    ngx_http_render_conn_t  *conn = ev->data;

    if (ngx_exiting && ngx_queue_empty(&conn->pool->waiting[conn->lane])) {
        return;
    }

    if (conn->state == pg_connecting) {
        ngx_http_render_pg_lost(conn, "connecting timed out");
        return;
    }

    /* by itself, so that recovery is noticed without a request to spend */

    if (conn->state == pg_idle) {
        ngx_http_render_pg_connect(conn);
    }
}


void
ngx_http_render_pg_quit(ngx_http_render_pg_t *pool)
{
    pool->quitting = 1;                 /* connections end as they fall idle */
}


void
ngx_http_render_pg_destroy(ngx_http_render_pg_t *pool)
{
    ngx_uint_t               i;
    ngx_http_render_conn_t  *conn;

    if (pool == NULL) {
        return;
    }

    pool->quitting = 1;

    for (i = 0; i < pool->nconns; i++) {
        conn = &pool->conns[i];

        if (conn->c != NULL) {
            ngx_http_render_release(conn->c, 0);
            conn->c = NULL;
        }

        PQfinish(conn->pg);
        conn->pg = NULL;
    }
}
