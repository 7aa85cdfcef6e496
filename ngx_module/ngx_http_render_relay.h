/*
 * What the three files of the relay share: its nodes, one a channel that
 * somebody of this worker process listens to.
 */

#ifndef NGX_HTTP_RENDER_RELAY_H
#define NGX_HTTP_RENDER_RELAY_H

#include "ngx_http_render.h"
#include "rn_id.h"


#define NGX_HTTP_RENDER_RELAY_TICK    2000      /* ms */
#define NGX_HTTP_RENDER_RELAY_SILENT  15000
#define NGX_HTTP_RENDER_RELAY_LINGER  5000      /* before UNSUBSCRIBE: clients
                                                   come back */
#define NGX_HTTP_RENDER_CHANNEL       64


/* States of a listener. */

typedef enum {
    ngx_http_render_live = 0,
    ngx_http_render_waiting,            /* for the subscription */
    ngx_http_render_fetching,           /* what it has missed */
    ngx_http_render_paused              /* the same, when it can take more */
} ngx_http_render_listening_e;

typedef struct {
    ngx_str_node_t     sn;              /* by channel */
    ngx_queue_t        queue;           /* of all nodes */
    ngx_queue_t        listeners;
    ngx_msec_t         heard;           /* the last event, or the last look */
    ngx_msec_t         left;            /* when the last listener left */
    char               state[64];       /* as SQL last told it */
    ngx_int_t          run, percent;    /* the furthest told, percent x 10 */
    ngx_uint_t         account;         /* "account:<id>", not "job:<id>" */
    u_char             name[NGX_HTTP_RENDER_CHANNEL];
} ngx_http_render_node_t;

struct ngx_http_render_relay_s {
    ngx_rbtree_t               tree;
    ngx_rbtree_node_t          sentinel;
    ngx_queue_t                nodes;
    ngx_event_t                tick;
    ngx_http_render_query_t   *query;   /* looking again */
};


ngx_http_render_node_t *ngx_http_render_relay_find(ngx_str_t *channel);

/* The id in a node's channel. */
ngx_str_t ngx_http_render_relay_id(ngx_http_render_node_t *n);

/* An event without an id, to all who are not just catching up. */
void ngx_http_render_relay_tell(ngx_http_render_node_t *n, ngx_str_t *doc);

/* One event to one listener; notes its id. */
void ngx_http_render_relay_hand(ngx_http_render_listener_t *l,
    ngx_str_t *doc);

/* Asks Redis for what the listener has not seen.  (_replay.c) */
void ngx_http_render_relay_fetch(ngx_http_render_listener_t *l);

/* The background look at SQL, and one for an account's listener.  (_look.c) */
void ngx_http_render_relay_tick(ngx_event_t *ev);
void ngx_http_render_relay_look_account(ngx_http_render_listener_t *l);


#endif /* NGX_HTTP_RENDER_RELAY_H */
