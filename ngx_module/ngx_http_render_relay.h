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
#define NGX_HTTP_RENDER_RELAY_TURN    4096      /* events times listeners of one
                                                   turn of the event loop; past
                                                   it progress is only the
                                                   newest */
#define NGX_HTTP_RENDER_RELAY_PENDING 10000     /* events; past it Redis keeps
                                                   the rest */
#define NGX_HTTP_RENDER_RELAY_LOOKS   100       /* at accounts, a tick */
#define NGX_HTTP_RENDER_CHANNEL       64


/* States of a listener. */

typedef enum {
    ngx_http_render_live = 0,
    ngx_http_render_waiting,            /* for the subscription */
    ngx_http_render_fetching,           /* what it has missed */
    ngx_http_render_paused,             /* the same, when it can take more */
    ngx_http_render_behind              /* the same, as Redis did not answer */
} ngx_http_render_listening_e;

typedef struct {
    ngx_str_node_t     sn;              /* by channel */
    ngx_queue_t        queue;           /* of all nodes */
    ngx_queue_t        listeners;
    ngx_uint_t         nlisteners;
    ngx_queue_t       *next;            /* listener of the round under way */
    ngx_queue_t        dirty;           /* of the nodes with events */
    ngx_queue_t        events;          /* that are to be handed on */
    ngx_msec_t         heard;           /* the last event, or the last look */
    ngx_msec_t         left;            /* when the last listener left */
    char               state[64];       /* as SQL last told it */
    ngx_int_t          run, percent;    /* the furthest told */
    ngx_uint_t         account;         /* "account:<id>", not "job:<id>" */
    uint64_t           asked;           /* ms: of that, the look under way */
    ngx_http_render_query_t  *query;    /* which is */
    ngx_queue_t        look;            /* of the nodes to look at */
    ngx_uint_t         to_look;         /* it is one */
    u_char             name[NGX_HTTP_RENDER_CHANNEL];
} ngx_http_render_node_t;

struct ngx_http_render_relay_s {
    ngx_rbtree_t               tree;
    ngx_rbtree_node_t          sentinel;
    ngx_queue_t                nodes;
    ngx_queue_t                dirty;
    ngx_queue_t                looks;
    ngx_uint_t                 behind;  /* somebody is */
    ngx_uint_t                 work;    /* events times listeners, to do */
    ngx_uint_t                 pending; /* events */
    ngx_event_t                turn;    /* posted: hand on what has come */
    ngx_event_t                tick;
    ngx_http_render_query_t   *query;   /* looking again */
};


ngx_http_render_node_t *ngx_http_render_relay_find(ngx_str_t *channel);

/* The id in a node's channel. */
ngx_str_t ngx_http_render_relay_id(ngx_http_render_node_t *n);

/*
 * Calls each listener of n in turn; any of them may leave meanwhile, this one
 * too.
 */
typedef void (*ngx_http_render_each_pt)(ngx_http_render_listener_t *l,
    void *data);
void ngx_http_render_relay_each(ngx_http_render_node_t *n,
    ngx_http_render_each_pt each, void *data);

/* An event without an id, to all who are not just catching up. */
void ngx_http_render_relay_tell(ngx_http_render_node_t *n,
    ngx_http_render_event_t *e);

/* One event to one listener, which may be gone after; notes its id. */
void ngx_http_render_relay_hand(ngx_http_render_listener_t *l,
    ngx_http_render_event_t *e);

/* One reference, the caller's; NULL: no memory. */
ngx_http_render_event_t *ngx_http_render_relay_snapshot(json_t *state);

/* Nobody listens any more. */
void ngx_http_render_relay_drop(ngx_http_render_relay_t *relay,
    ngx_http_render_node_t *n);

/* Asks Redis for what the listener has not seen.  (_replay.c) */
void ngx_http_render_relay_fetch(ngx_http_render_listener_t *l);

/* The background look at SQL, and one for an account's listener: one at a time
   for all of an account.  (_look.c) */
void ngx_http_render_relay_tick(ngx_event_t *ev);
void ngx_http_render_relay_look_account(ngx_http_render_listener_t *l);
void ngx_http_render_relay_look_node(ngx_http_render_node_t *n);


#endif /* NGX_HTTP_RENDER_RELAY_H */
