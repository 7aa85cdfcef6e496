/*
 * What the two files of WebSocket share: a socket, its life (_ws.c), and what
 * goes in and out of it (_ws_io.c).
 */

#ifndef NGX_HTTP_RENDER_WS_H
#define NGX_HTTP_RENDER_WS_H

#include "ngx_http_render.h"
#include "rn_websocket.h"


#define NGX_HTTP_RENDER_WS_MESSAGE  4096        /* what a client may send */
#define NGX_HTTP_RENDER_WS_QUEUED   16384       /* bytes; past it: the newest */
#define NGX_HTTP_RENDER_WS_READ     1024        /* bytes at a time */
#define NGX_HTTP_RENDER_WS_ROUNDS   16          /* of reading in one event */
#define NGX_HTTP_RENDER_WS_PING     20000       /* ms */
#define NGX_HTTP_RENDER_WS_CLOSE    1000        /* ms for the peer's Close */
#define NGX_HTTP_RENDER_WS_SEND     30000       /* ms without progress */


/*
 * Heap memory, of about 450 bytes.  While it belongs to a request, r's clean-up
 * ends it; released, the connection's handlers are its own.
 */
typedef struct {
    ngx_http_render_listener_t   listener;      /* first: cast to us */
    ngx_queue_t                  queue;         /* of all, by their next ping */
    ngx_msec_t                   due;           /* which is then */
    ngx_connection_t            *c;
    ngx_http_request_t          *r;             /* NULL: released */
    ngx_http_cleanup_t          *cleanup;       /* of r */
    rn_websocket                 in;
    ngx_queue_t                  out;           /* what the socket did not
                                                   take: items of _ws_io.c */
    size_t                       sent;          /* of the first of them */
    size_t                       queued;        /* bytes in all of them */
    ngx_http_render_event_t     *newest;        /* for when that is gone */
    time_t                       expires;       /* the token; 0: never */
    ngx_event_t                  timer;         /* of that, or of closing; and
                                                   posted: to release */
    unsigned                     newest_last:1;
    unsigned                     pinged:2;
    unsigned                     running:1;
    unsigned                     broken:1;      /* to be ended */
    unsigned                     closed:1;      /* our Close is queued */
    unsigned                     answered:1;    /* and theirs has come */
    unsigned                     pong:1;        /* the last of out is one */
    unsigned                     finish:1;      /* close when all is sent */
    unsigned                     hung_up:1;
    unsigned                     bound:1;       /* to its request, for good */
} ngx_http_render_ws_t;


/* ngx_http_render_ws.c */

/* Takes the socket down; w is gone after. */
void ngx_http_render_ws_end(ngx_http_render_ws_t *w);

/* Sends Close and gives the peer a second; the timer holds the process. */
void ngx_http_render_ws_close(ngx_http_render_ws_t *w, uint16_t code,
    const char *why);


/* ngx_http_render_ws_io.c */

/*
 * Reads and writes what can be, and arms the events for the rest.  w may be
 * gone after.
 */
void ngx_http_render_ws_run(ngx_http_render_ws_t *w);

/* Sends e, or keeps it until it can be sent. */
void ngx_http_render_ws_send(ngx_http_render_ws_t *w,
    ngx_http_render_event_t *e);

/* An event for it; the newest alone, where it does not keep up. */
void ngx_http_render_ws_put(ngx_http_render_ws_t *w,
    ngx_http_render_event_t *e, ngx_uint_t last);

/* Frees what was not sent. */
void ngx_http_render_ws_forget(ngx_http_render_ws_t *w);


#endif /* NGX_HTTP_RENDER_WS_H */
