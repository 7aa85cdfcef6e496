/*
 * The pool of PostgreSQL connections of one worker process.  Connections belong
 * to lanes, so that a waiting writer never blocks a reader; on each, queries
 * are pipelined, one Sync a query, and are answered when their Sync is.
 *
 * A query is on exactly one list: the lane's `waiting`, a connection's `flight`
 * or the pool's `refused`.  How connections come and go is in _pg_conn.c.
 */

#include "ngx_http_render_pg.h"


#define NGX_HTTP_RENDER_PG_WAITING   1000       /* queries without one */


static void ngx_http_render_pg_refuse(ngx_event_t *ev);
static void ngx_http_render_pg_work(ngx_event_t *ev);
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
    pool->hosts = ngx_http_render_hosts_create(conf->pg_hosts, conf->files_pool,
                                               ngx_http_render_pg_moved, pool);
    if (pool->conns == NULL || pool->hosts == NULL) {
        return NULL;
    }

    for (i = 0; i < ngx_http_render_lanes; i++) {
        ngx_queue_init(&pool->waiting[i]);
    }

    ngx_queue_init(&pool->refused);
    ngx_http_render_set_event(&pool->failed, ngx_http_render_pg_refuse, pool);
    ngx_http_render_set_event(&pool->work, ngx_http_render_pg_work, pool);
    ngx_http_render_set_event(&pool->timer, ngx_http_render_pg_retry, pool);
    pool->timer.cancelable = 1;

    ngx_http_render_gauge(pg_closed, (ngx_int_t) pool->nconns);

    /* the configuration may have been read long ago */

    ngx_http_render_hosts_renew(pool->hosts);

    for (i = 0; i < pool->nconns; i++) {
        conn = &pool->conns[i];
        conn->pool = pool;

        /* one slow; who writes waits for locks and for the disk, a reader
           for nothing */

        conn->lane = i == 0 ? ngx_http_render_lane_slow
                     : i % 2 == 1 ? ngx_http_render_lane_write
                     : ngx_http_render_lane_read;

        ngx_queue_init(&conn->flight);
        conn->prepared = ngx_pcalloc(ngx_cycle->pool,
                             ngx_http_render_nstatements * sizeof(ngx_uint_t));
        if (conn->prepared == NULL) {
            return NULL;
        }
    }

    return pool;
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

void
ngx_http_render_pg_end(ngx_http_render_query_t *q)
{
    ngx_http_render_gauge(pg_queries, -1);
    ngx_http_render_measure_op(q->statement, q->began);

    if (q->callback != NULL && q->data != NULL) {
        q->callback(q->data, &q->answer);

    } else if (q->result != NULL && q->answer.status < 400) {

        /* its client has gone, what it asked for is done all the same */

        ngx_http_render_effects(&q->answer.effects);
    }

    ngx_http_render_pg_free(q);
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


void
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


void
ngx_http_render_pg_again(ngx_http_render_pg_t *pool,
    ngx_http_render_query_t *q)
{
    PQclear(q->result);
    q->result = NULL;
    ngx_memzero(&q->answer, sizeof(ngx_http_render_answer_t));
    q->retried = 1;
    q->waiting = 1;
    ngx_queue_insert_head(&pool->waiting[q->lane], &q->queue);
    pool->nwaiting[q->lane]++;
}


/* Nobody waits longer than this, for whatever reason. */

static void
ngx_http_render_pg_deadline(ngx_event_t *ev)
{
    ngx_msec_t                 passed;
    ngx_uint_t                 first;
    ngx_http_render_pg_t      *pool;
    ngx_http_render_conn_t    *conn;
    ngx_http_render_query_t   *q = ev->data;
    ngx_http_render_query_pt   callback;

    conn = q->conn;
    pool = ngx_http_render_process->pg;

    if (q->waiting) {
        ngx_http_render_count(pg_error_busy);
        ngx_queue_remove(&q->queue);
        pool->nwaiting[q->lane]--;
        q->answer.failed = NGX_HTTP_SERVICE_UNAVAILABLE;
        q->answer.why = "the database is too busy";
        ngx_http_render_pg_end(q);
        return;
    }

    /*
     * A server that has had statement_timeout and a margin for the first in
     * flight is gone, whatever the socket says; all that shares the pipeline
     * goes too.
     */

    first = &q->queue == ngx_queue_head(&conn->flight);
    passed = ngx_current_msec - conn->turn;

    if (first && passed + 50 >= NGX_HTTP_RENDER_PG_DEADLINE) {
        ngx_http_render_pg_silent(conn);
        return;
    }

    if (first) {
        ngx_add_timer(ev, NGX_HTTP_RENDER_PG_DEADLINE - passed);
    }

    /* those before it took the time; it is answered alone, and its own
       answer, when it comes, goes nowhere: it was sent, and may be done */

    q->answer.failed = NGX_HTTP_SERVICE_UNAVAILABLE;
    q->answer.why = q->lane == ngx_http_render_lane_write
                    ? "the database is too busy; whether this was done is not "
                      "known"
                    : "the database is too busy";

    if (q->callback != NULL && q->data != NULL) {
        callback = q->callback;
        q->callback = NULL;
        ngx_http_render_count(pg_error_busy);
        callback(q->data, &q->answer);
    }
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
    ngx_http_render_set_event(&q->deadline, ngx_http_render_pg_deadline, q);

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


ngx_int_t
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

    if (conn->nflight == 0) {
        conn->turn = ngx_current_msec;
    }

    q->conn = conn;
    q->waiting = 0;
    ngx_queue_insert_tail(&conn->flight, &q->queue);
    conn->nflight++;
    conn->nsent++;

    return NGX_OK;
}


/*
 * Whether the server has closed it while nobody looked.  As nothing was sent,
 * the query may go another way without a word.
 */

static ngx_uint_t
ngx_http_render_pg_gone(ngx_http_render_conn_t *conn)
{
    u_char      byte;
    ssize_t     n;
    ngx_uint_t  tries;

    for (tries = 0; tries < 4; tries++) {
        n = recv(PQsocket(conn->pg), &byte, 1, MSG_PEEK|MSG_DONTWAIT);

        if (n < 0 && (ngx_socket_errno == NGX_EAGAIN
                      || ngx_socket_errno == NGX_EINTR))
        {
            return 0;
        }

        if (n <= 0) {
            ngx_http_render_pg_lost(conn, "the server closed an idle "
                                    "connection");
            return 1;
        }

        if (ngx_http_render_pg_input(conn) != NGX_OK) {
            return 1;                   /* a notice, or its last words */
        }
    }

    return 0;
}


/* A lane's connection that takes one more, the one with the least in flight. */

static ngx_http_render_conn_t *
ngx_http_render_pg_best(ngx_http_render_pg_t *pool,
    ngx_http_render_lane_e lane, ngx_uint_t *ready,
    ngx_http_render_conn_t **unused)
{
    ngx_uint_t               i;
    ngx_http_render_conn_t  *conn, *best;

    best = *unused = NULL;
    *ready = 0;

    for (i = 0; i < pool->nconns; i++) {
        conn = &pool->conns[i];

        if (conn->lane != lane) {
            continue;
        }

        if (conn->state == pg_idle && *unused == NULL) {
            *unused = conn;
        }

        if (conn->state != pg_ready || conn->doubted) {
            continue;
        }

        (*ready)++;

        /* behind one that takes its time it would only be stuck */

        if (conn->nflight >= NGX_HTTP_RENDER_PG_FLIGHT
            || (conn->nflight != 0
                && ngx_current_msec - conn->turn > NGX_HTTP_RENDER_PG_SILENT))
        {
            continue;
        }

        if (best == NULL || conn->nflight < best->nflight) {
            best = conn;
        }
    }

    return best;
}


/* Sends what waits in a lane, or tells it that nobody is there to answer. */

static void
ngx_http_render_pg_dispatch(ngx_http_render_pg_t *pool,
    ngx_http_render_lane_e lane)
{
    ngx_uint_t                ready;
    ngx_queue_t              *x;
    ngx_http_render_conn_t   *best, *unused;
    ngx_http_render_query_t  *q;

    while (!ngx_queue_empty(&pool->waiting[lane])) {
        best = ngx_http_render_pg_best(pool, lane, &ready, &unused);

        if (best != NULL && best->nflight == 0
            && ngx_http_render_pg_gone(best))
        {
            continue;
        }

        /* another connection where all are busy, one attempt at a time */

        if (unused != NULL && pool->trying == NULL && !pool->timer.timer_set
            && (best == NULL || best->nflight > 0))
        {
            ngx_http_render_pg_connect(unused);
            continue;
        }

        if (best == NULL
            && !pool->away
            && (ready != 0 || pool->trying != NULL || pool->unsure))
        {
            return;                         /* an answer or a connect to come */
        }

        x = ngx_queue_head(&pool->waiting[lane]);
        ngx_queue_remove(x);
        pool->nwaiting[lane]--;
        q = ngx_queue_data(x, ngx_http_render_query_t, queue);

        if (best == NULL) {

            /* say so at once, do not let them queue */

            ngx_http_render_count(pg_error_away);
            ngx_http_render_pg_later(pool, q, NGX_HTTP_SERVICE_UNAVAILABLE,
                                     pool->away ? "the database is away"
                                     : "the database takes no more "
                                       "connections at present");
            continue;
        }

        if (ngx_http_render_pg_write(best, q) != NGX_OK
            || ngx_http_render_pg_flush(best) != NGX_OK)
        {
            if (q->waiting) {               /* it did not even get there */
                ngx_queue_insert_head(&pool->waiting[lane], &q->queue);
                pool->nwaiting[lane]++;
            }
            ngx_http_render_pg_lost(best, PQerrorMessage(best->pg));
        }
    }
}


void
ngx_http_render_pg_post(ngx_http_render_pg_t *pool)
{
    ngx_post_event(&pool->work, &ngx_posted_events);
}


static void
ngx_http_render_pg_work(ngx_event_t *ev)
{
    ngx_uint_t             lane;
    ngx_http_render_pg_t  *pool = ev->data;

    for (lane = 0; lane < ngx_http_render_lanes; lane++) {
        ngx_http_render_pg_dispatch(pool, lane);
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
