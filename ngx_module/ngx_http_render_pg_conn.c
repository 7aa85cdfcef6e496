/*
 * Connections to PostgreSQL: how they are made, given up and made again, and
 * when the database counts as away.  An outage is told once, and its end.
 */

#include "ngx_http_render_pg.h"


#define NGX_HTTP_RENDER_PG_CONNECT   3000       /* ms */
#define NGX_HTTP_RENDER_PG_MIN_BACK  100
#define NGX_HTTP_RENDER_PG_MAX_BACK  3000
#define NGX_HTTP_RENDER_PG_SCARCE    1000       /* then it is told */
#define NGX_HTTP_RENDER_PG_LIVED     1000       /* no cause for a pause */
#define NGX_HTTP_RENDER_PG_HOPE      200        /* a pause that is sat out */


static void ngx_http_render_pg_timer(ngx_event_t *ev);
static void ngx_http_render_pg_event(ngx_event_t *ev);
static void ngx_http_render_pg_poll(ngx_http_render_conn_t *conn);
static void ngx_http_render_pg_give_back(ngx_http_render_conn_t *conn);
static void ngx_http_render_pg_bereave(ngx_http_render_conn_t *conn,
    ngx_uint_t retry);


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


/* What libpq says, in one line, without the advice that is indented. */

static const char *
ngx_http_render_pg_line(const char *why)
{
    size_t       n;
    static char  line[512];

    for (n = 0; *why != '\0' && n < sizeof(line) - 3; why++) {
        if (*why != '\n') {
            line[n++] = *why;
            continue;
        }

        while (why[1] == '\t') {
            why++;
            while (why[1] != '\0' && why[1] != '\n') {
                why++;
            }
            if (why[1] == '\n') {
                why++;
            }
        }

        if (why[1] != '\0') {
            line[n++] = ';';
            line[n++] = ' ';
        }
    }

    line[n] = '\0';

    return line;
}


/* Whether anybody would be told, or served: not while nginx goes. */

static ngx_uint_t
ngx_http_render_pg_wanted(ngx_http_render_pg_t *pool)
{
    ngx_uint_t  lane;

    if (!ngx_exiting && !ngx_terminate) {
        return 1;
    }

    for (lane = 0; lane < ngx_http_render_lanes; lane++) {
        if (pool->nwaiting[lane] != 0) {
            return 1;
        }
    }

    return 0;
}


static ngx_uint_t
ngx_http_render_pg_ready(ngx_http_render_pg_t *pool)
{
    ngx_uint_t  i, n;

    for (i = 0, n = 0; i < pool->nconns; i++) {
        n += pool->conns[i].state == pg_ready && !pool->conns[i].doubted;
    }

    return n;
}


static void
ngx_http_render_pg_away(ngx_http_render_pg_t *pool, const char *why)
{
    pool->scarce = 0;
    pool->told_scarce = 0;
    pool->unsure = 0;

    if (!pool->away && !ngx_exiting && !ngx_terminate) {
        ngx_http_render_circuit(pg, 1);
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "render: PostgreSQL is away: %s",
                      ngx_http_render_pg_line(why));
    }

    pool->away = 1;
    ngx_http_render_pg_post(pool);
}


static void
ngx_http_render_pg_back(ngx_http_render_pg_t *pool)
{
    pool->answered = ngx_current_msec;
    pool->unsure = 0;

    if (!pool->away) {
        return;
    }

    pool->away = 0;
    pool->named = 0;

    if (pool->timer.timer_set) {        /* one of the doubted has answered */
        ngx_del_timer(&pool->timer);
    }

    if (!ngx_exiting && !ngx_terminate) {
        ngx_http_render_circuit(pg, 0);
        ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                      "render: PostgreSQL is back");
    }
}


void
ngx_http_render_pg_alive(ngx_http_render_conn_t *conn)
{
    ngx_http_render_pg_t  *pool = conn->pool;

    conn->doubted = 0;
    ngx_http_render_pg_back(pool);

    if (pool->scarce == 0) {
        pool->pause = 0;
    }
}


/* Some connections are there, but not as many as we would like. */

static void
ngx_http_render_pg_scarce(ngx_http_render_pg_t *pool, const char *why)
{
    pool->unsure = 0;

    if (pool->scarce == 0) {
        pool->scarce = ngx_current_msec;
    }

    /* a server that goes down begins by refusing: that is told otherwise */

    if (!pool->told_scarce
        && ngx_current_msec - pool->scarce > NGX_HTTP_RENDER_PG_SCARCE)
    {
        pool->told_scarce = 1;
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "render: PostgreSQL takes no more connections: %s",
                      ngx_http_render_pg_line(why));
    }

    ngx_http_render_pg_post(pool);
}


static void
ngx_http_render_pg_enough(ngx_http_render_pg_t *pool)
{
    pool->scarce = 0;

    if (pool->told_scarce) {
        pool->told_scarce = 0;
        ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                      "render: PostgreSQL takes connections again");
    }
}


/* The lane that needs it most: one that waits, one that has none. */

static ngx_http_render_conn_t *
ngx_http_render_pg_choose(ngx_http_render_pg_t *pool)
{
    ngx_uint_t               i, points, most;
    ngx_uint_t               ready[ngx_http_render_lanes];
    ngx_http_render_conn_t  *conn, *best;

    ngx_memzero(ready, sizeof(ready));

    for (i = 0; i < pool->nconns; i++) {
        conn = &pool->conns[i];
        ready[conn->lane] += conn->state == pg_ready && !conn->doubted;
    }

    best = NULL;
    most = 0;

    for (i = pool->nconns; i-- > 0; ) {         /* readers are the last */
        conn = &pool->conns[i];
        points = 1 + (ready[conn->lane] == 0)
                 + 2 * (ready[conn->lane] == 0
                        && pool->nwaiting[conn->lane] != 0);

        if (conn->state == pg_idle && points > most) {
            best = conn;
            most = points;
        }
    }

    return best;
}


static void
ngx_http_render_pg_try(ngx_http_render_pg_t *pool)
{
    ngx_msec_t               wait;
    ngx_http_render_conn_t  *conn;

    if (pool->trying != NULL || !ngx_http_render_pg_wanted(pool)) {
        return;
    }

    wait = ngx_http_render_hosts_wait(pool->hosts);

    if (wait != 0) {
        pool->named = 1;
        ngx_add_timer(&pool->timer, wait);
        return;
    }

    pool->named = 0;
    conn = ngx_http_render_pg_choose(pool);

    if (conn != NULL) {
        ngx_http_render_pg_connect(conn);
    }
}


void
ngx_http_render_pg_moved(void *data, ngx_uint_t moved)
{
    ngx_uint_t               i;
    ngx_http_render_pg_t    *pool = data;
    ngx_http_render_conn_t  *conn;

    /* one that may only read has handed its name over to another */

    for (i = 0; moved && pool->readonly.told && i < pool->nconns; i++) {
        conn = &pool->conns[i];

        if (conn->state == pg_ready && conn->nflight == 0) {
            ngx_http_render_pg_close(conn);
        } else {
            conn->nsent = NGX_HTTP_RENDER_PG_RECYCLE + 1;
        }
    }

    if (pool->named && pool->timer.timer_set) {
        ngx_del_timer(&pool->timer);
        ngx_add_timer(&pool->timer, 1);
    }
}


/* By itself, so that recovery is noticed without a request to spend. */

void
ngx_http_render_pg_retry(ngx_event_t *ev)
{
    ngx_http_render_pg_t  *pool = ev->data;

    ngx_http_render_pg_try(pool);
    ngx_http_render_pg_post(pool);
}


static void
ngx_http_render_pg_backoff(ngx_http_render_pg_t *pool)
{
    pool->pause = pool->pause == 0 ? NGX_HTTP_RENDER_PG_MIN_BACK
                  : ngx_min(pool->pause * 2, NGX_HTTP_RENDER_PG_MAX_BACK);
    pool->named = 0;
    ngx_add_timer(&pool->timer,
                  pool->pause / 2 + ngx_random() % (pool->pause / 2));
}


/*
 * The hosts of the configuration, with each of their addresses; libpq tries one
 * after another.  Where one hangs, the next attempt begins with the next.
 */

static PGconn *
ngx_http_render_pg_start(ngx_http_render_pg_t *pool)
{
    char                          host[2048], addr[1024], port[256];
    const char                   *comma, *text;
    size_t                        h, a, p;
    ngx_uint_t                    i, n;
    const char                  **keywords, **values;
    PGconn                       *pg;
    ngx_http_render_host_t       *of;
    ngx_http_render_main_conf_t  *mcf = pool->conf;

    n = mcf->pg_keywords->nelts;
    keywords = calloc(2 * (n + 4), sizeof(char *));
    if (keywords == NULL) {
        return NULL;
    }

    values = keywords + n + 4;
    ngx_memcpy(keywords, mcf->pg_keywords->elts, n * sizeof(char *));
    ngx_memcpy(values, mcf->pg_values->elts, n * sizeof(char *));

    if (mcf->pg_hosts->nelts != 0) {
        h = a = p = 0;

        for (i = 0; i < ngx_http_render_hosts_count(pool->hosts); i++) {
            of = ngx_http_render_hosts_at(pool->hosts, i, &text);
            comma = i ? "," : "";

            if (h + ngx_strlen(of->name) + 2 > sizeof(host)
                || a + ngx_strlen(text) + 2 > sizeof(addr)
                || p + ngx_strlen(of->port) + 2 > sizeof(port))
            {
                break;
            }

            h += snprintf(host + h, sizeof(host) - h, "%s%s", comma, of->name);
            a += snprintf(addr + a, sizeof(addr) - a, "%s%s", comma, text);
            p += snprintf(port + p, sizeof(port) - p, "%s%s", comma, of->port);
        }

        keywords[n] = "host";
        values[n++] = host;
        keywords[n] = "hostaddr";
        values[n++] = addr;
        keywords[n] = "port";
        values[n++] = port;
    }

    pg = PQconnectStartParams(keywords, values, 0);

    free(keywords);

    return pg;
}


void
ngx_http_render_pg_connect(ngx_http_render_conn_t *conn)
{
    conn->pool->trying = conn;
    conn->opened = ngx_current_msec;
    ngx_http_render_pg_state(conn, pg_connecting);
    conn->nsent = 0;
    conn->doubted = 0;
    ngx_memzero(conn->prepared,
                ngx_http_render_nstatements * sizeof(ngx_uint_t));

    conn->pg = ngx_http_render_pg_start(conn->pool);

    if (conn->pg == NULL || PQstatus(conn->pg) == CONNECTION_BAD) {
        ngx_http_render_pg_lost(conn, conn->pg ? PQerrorMessage(conn->pg)
                                               : "no memory");
        return;
    }

    ngx_http_render_set_event(&conn->timer, ngx_http_render_pg_timer, conn);
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


/*
 * The server lives, as it has taken a connection: what has not answered for
 * long never will, and keeps its lane from having another.
 */

static void
ngx_http_render_pg_settle(ngx_http_render_pg_t *pool)
{
    ngx_uint_t               i;
    ngx_http_render_conn_t  *conn;

    for (i = 0; i < pool->nconns; i++) {
        conn = &pool->conns[i];

        if (!conn->doubted) {
            continue;
        }

        conn->doubted = 0;

        if (ngx_current_msec - conn->turn > NGX_HTTP_RENDER_PG_SILENT) {
            ngx_http_render_pg_give_back(conn);
            ngx_http_render_pg_bereave(conn, 0);
        }
    }
}


static void
ngx_http_render_pg_notice(void *arg, const char *message)
{
    ngx_log_error(NGX_LOG_INFO, ngx_cycle->log, 0, "render: PostgreSQL: %s",
                  ngx_http_render_pg_line(message));
}


/*
 * While libpq connects, it may close the socket and open another one under the
 * same number; so each step gives the slot back and takes a fresh one.
 */

static void
ngx_http_render_pg_poll(ngx_http_render_conn_t *conn)
{
    ngx_int_t                  rc;
    ngx_http_render_pg_t      *pool = conn->pool;
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
    pool->trying = NULL;
    conn->opened = ngx_current_msec;
    conn->c->idle = 1;                  /* nothing in flight: may be closed */

    ngx_http_render_pg_enough(pool);
    ngx_http_render_pg_back(pool);
    ngx_http_render_pg_settle(pool);
    ngx_http_render_pg_post(pool);
}


static void
ngx_http_render_pg_give_back(ngx_http_render_conn_t *conn)
{
    if (conn->c != NULL) {
        ngx_http_render_release(conn->c,
                                conn->pg == NULL || PQsocket(conn->pg) < 0);
        conn->c = NULL;
    }

    if (conn->timer.timer_set) {
        ngx_del_timer(&conn->timer);
    }

    PQfinish(conn->pg);
    conn->pg = NULL;
    conn->doubted = 0;
    ngx_http_render_pg_state(conn, pg_idle);
}


void
ngx_http_render_pg_close(ngx_http_render_conn_t *conn)
{
    ngx_http_render_pg_give_back(conn);
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

    if (ngx_http_render_pg_input(conn) == NGX_OK && conn->nflight == 0
        && (conn->nsent > NGX_HTTP_RENDER_PG_RECYCLE || conn->pool->quitting))
    {
        ngx_http_render_pg_close(conn);
    }

    ngx_http_render_pg_post(conn->pool);
}


/*
 * What was in flight has an unknown outcome: a caller that must not do it twice
 * repeats it with its Idempotency-Key.  What only reads is asked once more.
 */

static void
ngx_http_render_pg_bereave(ngx_http_render_conn_t *conn, ngx_uint_t retry)
{
    ngx_queue_t              *x;
    ngx_http_render_pg_t     *pool = conn->pool;
    ngx_http_render_query_t  *q;

    while (!ngx_queue_empty(&conn->flight)) {
        x = ngx_queue_last(&conn->flight);      /* they keep their order */
        ngx_queue_remove(x);
        q = ngx_queue_data(x, ngx_http_render_query_t, queue);

        if (retry && !q->retried && q->lane != ngx_http_render_lane_write
            && q->callback != NULL && q->data != NULL)
        {
            ngx_http_render_pg_again(pool, q);
            continue;
        }

        ngx_http_render_count(pg_error_lost);
        ngx_http_render_pg_later(pool, q, NGX_HTTP_SERVICE_UNAVAILABLE,
                                 "the connection to the database was lost; "
                                 "whether this was done is not known");
    }

    conn->nflight = 0;
}


/* The connection is gone, or could not be made. */

void
ngx_http_render_pg_lost(ngx_http_render_conn_t *conn, const char *why)
{
    char                   text[512];
    ngx_uint_t             lived;
    ngx_http_render_pg_t  *pool = conn->pool;

    (void) ngx_cpystrn((u_char *) text,
                       (u_char *) ngx_http_render_pg_line(why), sizeof(text));

    ngx_http_render_hosts_renew(pool->hosts);

    if (conn->state == pg_connecting) {
        ngx_http_render_count(pg_error_connect);
        pool->trying = NULL;
        ngx_http_render_pg_give_back(conn);
        ngx_http_render_pg_backoff(pool);

        if (ngx_http_render_pg_ready(pool) == 0) {
            ngx_http_render_pg_away(pool, text);
        } else {
            ngx_http_render_pg_scarce(pool, text);
        }
        return;
    }

    ngx_log_error(NGX_LOG_INFO, ngx_cycle->log, 0,
                  "render: a connection to PostgreSQL is lost: %s", text);

    lived = ngx_current_msec - conn->opened > NGX_HTTP_RENDER_PG_LIVED;
    ngx_http_render_pg_give_back(conn);
    ngx_http_render_pg_bereave(conn, 1);

    /*
     * Without any left, we look whether the server is there: it may have been
     * restarted, and who comes now waits for this one attempt.
     */

    if (ngx_http_render_pg_ready(pool) == 0 && pool->trying == NULL
        && !pool->timer.timer_set)
    {
        pool->unsure = !pool->away;

        if (lived) {
            pool->pause = 0;
            ngx_http_render_pg_try(pool);
        } else {
            ngx_http_render_pg_backoff(pool);
            if (pool->pause > NGX_HTTP_RENDER_PG_HOPE) {
                ngx_http_render_pg_away(pool, text);
            }
        }
    }

    ngx_http_render_pg_post(pool);
}


/*
 * The server has stalled, or the way to it.  What is idle would swallow the
 * next query as well; what has queries may answer yet, and gets no more.
 */

static void
ngx_http_render_pg_doubt(ngx_http_render_pg_t *pool)
{
    ngx_uint_t               i;
    ngx_http_render_conn_t  *conn;

    for (i = 0; i < pool->nconns; i++) {
        conn = &pool->conns[i];

        if (conn->state != pg_ready) {
            continue;
        }

        if (conn->nflight == 0) {
            ngx_http_render_pg_close(conn);
        } else {
            conn->doubted = 1;
        }
    }
}


void
ngx_http_render_pg_silent(ngx_http_render_conn_t *conn)
{
    ngx_uint_t             others;
    ngx_http_render_pg_t  *pool = conn->pool;

    /* did any other answer while this one did not? */

    others = (ngx_msec_int_t) (pool->answered - conn->turn) > 0;

    ngx_log_error(NGX_LOG_INFO, ngx_cycle->log, 0,
                  "render: a connection to PostgreSQL does not answer");

    ngx_http_render_hosts_renew(pool->hosts);
    ngx_http_render_pg_give_back(conn);
    ngx_http_render_pg_bereave(conn, 0);
    ngx_http_render_pg_post(pool);

    if (others || pool->away) {
        return;
    }

    ngx_http_render_pg_doubt(pool);
    ngx_http_render_pg_away(pool, "no answer in time");

    if (!pool->timer.timer_set) {
        pool->pause = 0;
        ngx_http_render_pg_try(pool);
    }
}


/* Connecting took too long; where nothing else was heard, that is a stall. */

static void
ngx_http_render_pg_timer(ngx_event_t *ev)
{
    ngx_http_render_conn_t  *conn = ev->data;
    ngx_http_render_pg_t    *pool = conn->pool;

    if ((ngx_msec_int_t) (pool->answered - conn->opened) <= 0) {
        ngx_http_render_pg_doubt(pool);
    }

    pool->hosts->turn++;
    ngx_http_render_pg_lost(conn, "connecting timed out");
}
