/*
 * What the files of the PostgreSQL pool share: _pg.c has the queries and the
 * lanes, _pg_conn.c the connections and what becomes of them, _pg_result.c what
 * comes back.
 */

#ifndef NGX_HTTP_RENDER_PG_H
#define NGX_HTTP_RENDER_PG_H

#include "ngx_http_render.h"
#include "ngx_http_render_hosts.h"

#include <libpq-fe.h>


#define NGX_HTTP_RENDER_PG_FLIGHT    32         /* queries in one pipeline */
#define NGX_HTTP_RENDER_PG_DEADLINE  7000       /* ms; statements end at 5 s */
#define NGX_HTTP_RENDER_PG_SILENT    1000       /* something is in its way */
#define NGX_HTTP_RENDER_PG_RECYCLE   50000      /* queries: libpq's buffers grow
                                                   and never shrink */


typedef enum {
    pg_idle = 0,                        /* never connected, or lost */
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
    ngx_event_t                 timer;          /* of connecting */
    ngx_msec_t                  opened;         /* or begun to be */
    ngx_msec_t                  turn;           /* since when the first in
                                                   flight is waited for */
    ngx_uint_t                 *prepared;       /* generation, 0: not yet */
    ngx_uint_t                  generation;
    unsigned                    readonly:1;     /* a write was refused */
    unsigned                    doubted:1;      /* it may have stalled as others
                                                   have: nothing new for it */
} ngx_http_render_conn_t;

/* Refusals of one kind, of which the log has the first. */

typedef struct {
    ngx_uint_t                  told;
    ngx_uint_t                  more;           /* not told, since */
    ngx_msec_t                  seen, logged;
    ngx_http_render_lane_e      lane;
} ngx_http_render_refusals_t;

/*
 * `away` is known: the queries that come are refused at once, and one attempt
 * after another is made to connect, with growing pauses.  There is never more
 * than one attempt at a time.
 */
struct ngx_http_render_pg_s {
    ngx_http_render_main_conf_t  *conf;
    ngx_http_render_hosts_t      *hosts;
    ngx_http_render_conn_t       *conns;
    ngx_uint_t                    nconns;
    ngx_http_render_conn_t       *trying;       /* it connects */
    ngx_event_t                   timer;        /* until the next attempt */
    ngx_msec_t                    pause;
    ngx_msec_t                    answered;     /* the last sign of life */
    ngx_msec_t                    scarce;       /* since when there are fewer
                                                   connections than we want */
    ngx_queue_t                   waiting[ngx_http_render_lanes];
    ngx_uint_t                    nwaiting[ngx_http_render_lanes];
    ngx_event_t                   work;         /* posted: see what can go */
    ngx_event_t                   failed;       /* posted: queries to refuse */
    ngx_queue_t                   refused;
    ngx_http_render_refusals_t    room, busy, readonly;
    ngx_msec_t                    renewed;
    unsigned                      away:1;
    unsigned                      told_scarce:1;
    unsigned                      unsure:1;     /* the next attempt tells */
    unsigned                      named:1;      /* names are waited for */
    unsigned                      quitting:1;
};


/* ngx_http_render_pg.c */

/* Answers come from the event loop, never from within the call that asks. */
void ngx_http_render_pg_later(ngx_http_render_pg_t *pool,
    ngx_http_render_query_t *q, ngx_int_t status, const char *why);
void ngx_http_render_pg_end(ngx_http_render_query_t *q);
/* Back to the head of its lane, to be sent once more. */
void ngx_http_render_pg_again(ngx_http_render_pg_t *pool,
    ngx_http_render_query_t *q);
/* Soon, all lanes are looked at. */
void ngx_http_render_pg_post(ngx_http_render_pg_t *pool);
ngx_int_t ngx_http_render_pg_flush(ngx_http_render_conn_t *conn);


/* ngx_http_render_pg_conn.c */

/* Only where nothing is being tried, and no pause has to be kept. */
void ngx_http_render_pg_connect(ngx_http_render_conn_t *conn);
/* Nothing is wrong with it: it is idle, and may be opened again at once. */
void ngx_http_render_pg_close(ngx_http_render_conn_t *conn);
void ngx_http_render_pg_lost(ngx_http_render_conn_t *conn, const char *why);
/* The first in its flight had no answer by the deadline. */
void ngx_http_render_pg_silent(ngx_http_render_conn_t *conn);
/* It has answered. */
void ngx_http_render_pg_alive(ngx_http_render_conn_t *conn);
/* A pause is over. */
void ngx_http_render_pg_retry(ngx_event_t *ev);
/* The names have been looked up. */
void ngx_http_render_pg_moved(void *pool, ngx_uint_t moved);


/* ngx_http_render_pg_result.c */

/* Takes what has come; NGX_ERROR: the connection is lost, or was closed. */
ngx_int_t ngx_http_render_pg_input(ngx_http_render_conn_t *conn);


#endif /* NGX_HTTP_RENDER_PG_H */
