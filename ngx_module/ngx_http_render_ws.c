/*
 * WebSocket (RFC 6455) of /ws/progress/{id}, and of /ws/progress for all jobs
 * of an account: the state first, then each event.  wslay does the frames; a
 * slow reader gets the newest state, never a backlog.
 */

#include "ngx_http_render.h"

#include <openssl/sha.h>
#include <wslay/wslay.h>


#define NGX_HTTP_RENDER_WS_MESSAGE  4096        /* what a client may send */
#define NGX_HTTP_RENDER_WS_QUEUED   16384       /* bytes; past it: the newest */
#define NGX_HTTP_RENDER_WS_ANSWERS  32          /* queued, to what it sends */
#define NGX_HTTP_RENDER_WS_ROUNDS   16          /* of reading in one event */
#define NGX_HTTP_RENDER_WS_PING     20000       /* ms */
#define NGX_HTTP_RENDER_WS_CLOSE    1000        /* ms for the peer's Close */
#define NGX_HTTP_RENDER_WS_SEND     30000       /* ms without progress */
#define NGX_HTTP_RENDER_WS_GUID     "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


typedef struct {
    ngx_http_render_listener_t   listener;      /* first: cast to us */
    ngx_queue_t                  queue;         /* of all sockets */
    ngx_http_request_t          *r;
    wslay_event_context_ptr      ws;
    ngx_event_t                  ping;
    ngx_event_t                  closing;       /* keeps a worker alive */
    ngx_str_t                    newest;        /* malloc'd, not yet queued */
    ngx_uint_t                   newest_last;
    unsigned                     pinged:2;
    unsigned                     in:1;          /* within wslay */
    unsigned                     ended:1;
    unsigned                     broken:1;
    unsigned                     full:1;        /* reading has to wait */
    unsigned                     finish:1;      /* close when all is sent */
} ngx_http_render_ws_t;


static void ngx_http_render_ws_read(ngx_http_request_t *r);
static void ngx_http_render_ws_write(ngx_http_request_t *r);
static void ngx_http_render_ws_run(ngx_http_render_ws_t *w);
static void ngx_http_render_ws_begin(ngx_http_request_t *r,
    ngx_http_render_answer_t *a);


/* Of this worker process; emptied when it quits. */
static ngx_queue_t  ngx_http_render_sockets;


void
ngx_http_render_ws(ngx_http_request_t *r)
{
    ngx_str_t                    value, *upgrade, *version, *key, *connection;
    ngx_http_render_ctx_t       *ctx;
    ngx_http_render_identity_t  *identity;

    ctx = ngx_http_get_module_ctx(r, ngx_http_render_module);
    identity = ctx->identity;

    upgrade = ngx_http_render_find_header(r, "Upgrade");
    connection = ngx_http_render_find_header(r, "Connection");
    version = ngx_http_render_find_header(r, "Sec-WebSocket-Version");
    key = ngx_http_render_find_header(r, "Sec-WebSocket-Key");

    if (r->method != NGX_HTTP_GET || r != r->main
        || r->http_version != NGX_HTTP_VERSION_11 || upgrade == NULL
        || ngx_strcasestrn(upgrade->data, "websocket", 9 - 1) == NULL
        || connection == NULL
        || ngx_strcasestrn(connection->data, "upgrade", 7 - 1) == NULL)
    {
        if (r->http_version < NGX_HTTP_VERSION_20) {
            ngx_str_set(&value, "websocket");   /* RFC 9113, section 8.2.2 */
            (void) ngx_http_render_header(r, "Upgrade", &value);
        }

        ngx_http_render_problem(r, 426, "Upgrade required", "this path speaks "
                                "WebSocket over HTTP/1.1", NULL);
        return;
    }

    if (version == NULL || version->len != 2
        || ngx_strncmp(version->data, "13", 2) != 0)
    {
        ngx_str_set(&value, "13");
        (void) ngx_http_render_header(r, "Sec-WebSocket-Version", &value);
        ngx_http_render_problem(r, 426, "Upgrade required",
                                "only version 13 of WebSocket is known", NULL);
        return;
    }

    if (key == NULL || key->len != 24) {
        ngx_http_render_problem(r, 400, "Bad request",
                                "Sec-WebSocket-Key is missing or wrong", NULL);
        return;
    }

    if (identity->by_cookie && !ngx_http_render_origin_ok(r, 0)) {
        ngx_http_render_problem(r, 403, "Forbidden", "a cookie is only taken "
                                "from pages of this host", NULL);
        return;
    }

    if (ctx->route->who == ngx_http_render_user) {  /* all of one's own */
        ngx_http_render_ws_begin(r, NULL);
        return;
    }

    /* who may read is SQL's to say, before anything is upgraded */

    ngx_http_render_call(r, ngx_http_render_sql_jobs_snapshot,
                         ngx_http_render_ws_begin);
}


/* wslay's callbacks */


static ssize_t
ngx_http_render_ws_recv(wslay_event_context_ptr ctx, uint8_t *buf, size_t len,
    int flags, void *data)
{
    size_t                 n;
    ssize_t                rc;
    ngx_buf_t             *b;
    ngx_connection_t      *c;
    ngx_http_render_ws_t  *w = data;

    /* each ping is answered: who reads no answers is not read either */

    if (wslay_event_get_queued_msg_count(ctx) > NGX_HTTP_RENDER_WS_ANSWERS) {
        w->full = 1;
        wslay_event_set_error(ctx, WSLAY_ERR_WOULDBLOCK);
        return -1;
    }

    b = w->r->header_in;            /* frames that came with the handshake */
    n = b->last - b->pos;

    if (n > 0) {
        n = ngx_min(n, len);
        ngx_memcpy(buf, b->pos, n);
        b->pos += n;
        return n;
    }

    c = w->r->connection;
    rc = c->recv(c, buf, len);

    if (rc == NGX_AGAIN) {
        wslay_event_set_error(ctx, WSLAY_ERR_WOULDBLOCK);
        return -1;
    }

    if (rc <= 0) {
        w->broken = 1;
        wslay_event_set_error(ctx, WSLAY_ERR_CALLBACK_FAILURE);
        return -1;
    }

    return rc;
}


static ssize_t
ngx_http_render_ws_send(wslay_event_context_ptr ctx, const uint8_t *buf,
    size_t len, int flags, void *data)
{
    ssize_t                rc;
    ngx_connection_t      *c;
    ngx_http_render_ws_t  *w = data;

    c = w->r->connection;
    rc = c->send(c, (u_char *) buf, len);

    if (rc == NGX_AGAIN) {
        wslay_event_set_error(ctx, WSLAY_ERR_WOULDBLOCK);
        return -1;
    }

    if (rc < 0) {
        w->broken = 1;
        wslay_event_set_error(ctx, WSLAY_ERR_CALLBACK_FAILURE);
        return -1;
    }

    return rc;
}


static void
ngx_http_render_ws_message(wslay_event_context_ptr ctx,
    const struct wslay_event_on_msg_recv_arg *arg, void *data)
{
    ngx_http_render_ws_t  *w = data;

    /* pings are answered by wslay; what clients say is not needed */

    if (arg->opcode == WSLAY_PONG) {
        w->pinged = 0;
    }
}


static const struct wslay_event_callbacks  ngx_http_render_ws_callbacks = {
    ngx_http_render_ws_recv,
    ngx_http_render_ws_send,
    NULL,
    NULL,
    NULL,
    NULL,
    ngx_http_render_ws_message
};


static void
ngx_http_render_ws_cleanup(void *data)
{
    ngx_http_render_ws_t  *w = data;

    ngx_http_render_gauge(ws, -1);
    ngx_http_render_relay_leave(&w->listener);
    ngx_queue_remove(&w->queue);

    if (w->ping.timer_set) {
        ngx_del_timer(&w->ping);
    }

    if (w->closing.timer_set) {
        ngx_del_timer(&w->closing);
    }

    wslay_event_context_free(w->ws);
    free(w->newest.data);
    w->ws = NULL;
}


static void
ngx_http_render_ws_end(ngx_http_render_ws_t *w)
{
    if (w->ended) {
        return;
    }

    w->ended = 1;
    ngx_http_finalize_request(w->r, NGX_HTTP_CLOSE);
}


static void
ngx_http_render_ws_closing(ngx_event_t *ev)
{
    ngx_connection_t      *c;
    ngx_http_render_ws_t  *w = ev->data;

    c = w->r->connection;
    ngx_http_render_ws_end(w);              /* the peer did not answer */
    ngx_http_render_wake(c);
}


/* Sends Close and gives the peer a second; the timer holds the worker. */

static void
ngx_http_render_ws_close(ngx_http_render_ws_t *w, uint16_t code)
{
    if (wslay_event_get_close_sent(w->ws) || w->closing.timer_set) {
        return;
    }

    (void) wslay_event_queue_close(w->ws, code, NULL, 0);
    ngx_add_timer(&w->closing, NGX_HTTP_RENDER_WS_CLOSE);
}


static void
ngx_http_render_ws_queue(ngx_http_render_ws_t *w, ngx_str_t *doc,
    ngx_uint_t last)
{
    struct wslay_event_msg  msg;

    msg.opcode = WSLAY_TEXT_FRAME;
    msg.msg = doc->data;
    msg.msg_length = doc->len;

    (void) wslay_event_queue_msg(w->ws, &msg);
    ngx_http_render_count(events_ws);

    if (last) {
        w->finish = 1;                      /* the job has ended */
    }
}


static void
ngx_http_render_ws_deliver(ngx_http_render_listener_t *l, ngx_str_t *doc,
    ngx_uint_t last)
{
    ngx_connection_t      *c;
    ngx_http_render_ws_t  *w = (ngx_http_render_ws_t *) l;

    if (w->closing.timer_set || w->finish || w->newest_last || w->ended) {
        return;
    }

    if (wslay_event_get_queued_msg_length(w->ws) > NGX_HTTP_RENDER_WS_QUEUED) {
        ngx_http_render_count_by(events_skipped, w->newest.data != NULL);
        free(w->newest.data);               /* progress is state, not a log */
        w->newest.data = malloc(doc->len);
        w->newest.len = 0;
        if (w->newest.data != NULL) {
            ngx_memcpy(w->newest.data, doc->data, doc->len);
            w->newest.len = doc->len;
            w->newest_last = last;
        }
        return;
    }

    ngx_http_render_ws_queue(w, doc, last);

    c = w->r->connection;
    ngx_http_render_ws_run(w);
    ngx_http_render_wake(c);
}


static ngx_uint_t
ngx_http_render_ws_full(ngx_http_render_listener_t *l)
{
    ngx_http_render_ws_t  *w = (ngx_http_render_ws_t *) l;

    return wslay_event_get_queued_msg_length(w->ws) != 0;
}


static void
ngx_http_render_ws_ping(ngx_event_t *ev)
{
    ngx_connection_t        *c;
    ngx_http_render_ws_t    *w = ev->data;
    struct wslay_event_msg   msg;

    if (ngx_exiting) {
        return;
    }

    c = w->r->connection;

    if (w->pinged == 2) {                   /* no pong in two periods */
        ngx_http_render_ws_end(w);
        ngx_http_render_wake(c);
        return;
    }

    w->pinged++;
    msg.opcode = WSLAY_PING;
    msg.msg = NULL;
    msg.msg_length = 0;
    (void) wslay_event_queue_msg(w->ws, &msg);
    ngx_add_timer(&w->ping, NGX_HTTP_RENDER_WS_PING);
    ngx_http_render_ws_run(w);
    ngx_http_render_wake(c);
}


static ngx_int_t
ngx_http_render_ws_accept(ngx_http_request_t *r)
{
    u_char                  sha[20], accept[32];
    SHA_CTX                 s;
    ngx_str_t               value, raw, *key;
    ngx_http_render_ctx_t  *ctx;

    key = ngx_http_render_find_header(r, "Sec-WebSocket-Key");
    (void) SHA1_Init(&s);
    (void) SHA1_Update(&s, key->data, key->len);
    (void) SHA1_Update(&s, NGX_HTTP_RENDER_WS_GUID,
                       sizeof(NGX_HTTP_RENDER_WS_GUID) - 1);
    (void) SHA1_Final(sha, &s);

    raw.data = sha;
    raw.len = sizeof(sha);
    value.data = accept;
    ngx_encode_base64(&value, &raw);
    value = ngx_http_render_dup(r->pool, (char *) accept, value.len);
    (void) ngx_http_render_header(r, "Sec-WebSocket-Accept", &value);
    ngx_str_set(&value, "websocket");
    (void) ngx_http_render_header(r, "Upgrade", &value);
    ctx = ngx_http_get_module_ctx(r, ngx_http_render_module);
    (void) ngx_http_render_header(r, "X-Request-Id", &ctx->id);

    r->headers_out.status = NGX_HTTP_SWITCHING_PROTOCOLS;
    ngx_str_set(&r->headers_out.status_line, "101 Switching Protocols");
    r->headers_out.content_length_n = -1;
    r->keepalive = 0;

    if (ngx_http_send_header(r) == NGX_ERROR
        || ngx_http_send_special(r, NGX_HTTP_FLUSH) == NGX_ERROR)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_http_render_ws_t *
ngx_http_render_ws_create(ngx_http_request_t *r)
{
    ngx_http_cleanup_t    *cln;
    ngx_http_render_ws_t  *w;

    w = ngx_pcalloc(r->pool, sizeof(ngx_http_render_ws_t));
    cln = w != NULL ? ngx_http_cleanup_add(r, 0) : NULL;

    if (cln == NULL
        || wslay_event_context_server_init(&w->ws,
               &ngx_http_render_ws_callbacks, w) != 0)
    {
        return NULL;
    }

    wslay_event_config_set_max_recv_msg_length(w->ws,
                                               NGX_HTTP_RENDER_WS_MESSAGE);
    w->r = r;
    w->listener.deliver = ngx_http_render_ws_deliver;
    w->listener.full = ngx_http_render_ws_full;
    cln->handler = ngx_http_render_ws_cleanup;
    cln->data = w;

    if (ngx_queue_next(&ngx_http_render_sockets) == NULL) {
        ngx_queue_init(&ngx_http_render_sockets);
    }
    ngx_queue_insert_tail(&ngx_http_render_sockets, &w->queue);
    ngx_http_render_gauge(ws, 1);

    w->ping.handler = ngx_http_render_ws_ping;
    w->ping.data = w;
    w->ping.log = ngx_cycle->log;
    w->ping.cancelable = 1;
    w->closing.handler = ngx_http_render_ws_closing;
    w->closing.data = w;
    w->closing.log = ngx_cycle->log;

    return w;
}


/* Without an answer it is for all jobs of the caller. */

static void
ngx_http_render_ws_begin(ngx_http_request_t *r, ngx_http_render_answer_t *a)
{
    ngx_int_t                  rc;
    ngx_uint_t                 gone;
    ngx_connection_t          *c;
    ngx_http_render_ws_t      *w;
    ngx_http_render_ctx_t     *ctx;
    ngx_http_core_loc_conf_t  *clcf;

    if (a != NULL && (a->failed || a->status != NGX_HTTP_OK)) {
        ngx_http_render_answer(r, a);
        return;
    }

    c = r->connection;
    ctx = ngx_http_get_module_ctx(r, ngx_http_render_module);
    w = ngx_http_render_ws_create(r);

    if (w == NULL) {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    if (ngx_http_render_ws_accept(r) != NGX_OK) {
        ngx_http_finalize_request(r, NGX_ERROR);
        return;
    }

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);
    if (clcf->tcp_nodelay) {
        (void) ngx_tcp_nodelay(c);
    }

    if (c->read->timer_set) {
        ngx_del_timer(c->read);
    }

    if (c->write->timer_set) {
        ngx_del_timer(c->write);
    }

    r->read_event_handler = ngx_http_render_ws_read;
    r->write_event_handler = ngx_http_render_ws_write;

    ngx_add_timer(&w->ping, NGX_HTTP_RENDER_WS_PING);
    ngx_http_render_relay_resume(r, &w->listener);

    gone = 0;
    w->listener.gone = &gone;

    rc = a != NULL ? ngx_http_render_relay_begin(&w->listener, a)
                   : ngx_http_render_relay_begin_account(&w->listener,
                                                     &ctx->identity->account);
    if (gone) {
        return;
    }

    w->listener.gone = NULL;

    if (rc != NGX_OK) {
        ngx_http_render_ws_close(w, 1011);
    }

    if (ngx_exiting) {
        ngx_http_render_ws_close(w, 1012);
    }

    ngx_http_render_ws_run(w);
}


/* Lets wslay read and write what can be, and arms the events for the rest. */

static void
ngx_http_render_ws_run(ngx_http_render_ws_t *w)
{
    ngx_str_t            doc;
    ngx_uint_t           rounds;
    ngx_connection_t    *c;
    ngx_http_request_t  *r = w->r;

    if (w->ended || w->in) {
        return;
    }

    c = r->connection;
    w->in = 1;

    /* the 101 must have left before a frame does */

    if (c->buffered || r->out != NULL) {
        if (ngx_http_output_filter(r, NULL) == NGX_ERROR) {
            w->broken = 1;
        }
    }

    rounds = 0;

    do {
        w->full = 0;

        if (!w->broken && wslay_event_want_read(w->ws)
            && wslay_event_recv(w->ws) != 0 && !w->broken)
        {
            (void) wslay_event_send(w->ws);     /* the Close that it queued */
            w->broken = 1;
        }

        if (!w->broken && !c->buffered && r->out == NULL
            && wslay_event_want_write(w->ws) && wslay_event_send(w->ws) != 0)
        {
            w->broken = 1;
        }

    } while (!w->broken && w->full && wslay_event_get_queued_msg_count(w->ws)
             <= NGX_HTTP_RENDER_WS_ANSWERS
             && ++rounds < NGX_HTTP_RENDER_WS_ROUNDS);

    if (!w->broken && w->full && rounds == NGX_HTTP_RENDER_WS_ROUNDS) {
        ngx_post_event(c->read, &ngx_posted_events);    /* others first */
    }

    if (!w->broken && w->newest.data != NULL
        && wslay_event_get_queued_msg_length(w->ws) == 0)
    {
        doc = w->newest;
        w->newest.data = NULL;
        if (doc.len != 0) {
            ngx_http_render_ws_queue(w, &doc, w->newest_last);
            (void) wslay_event_send(w->ws);
        }
        free(doc.data);
    }

    /* wslay sends a Close before the texts that were queued earlier */

    if (!w->broken && w->finish && wslay_event_get_queued_msg_length(w->ws) == 0
        && !c->buffered && r->out == NULL)
    {
        w->finish = 0;
        ngx_http_render_ws_close(w, 1000);
        if (wslay_event_send(w->ws) != 0) {
            w->broken = 1;
        }
    }

    w->in = 0;

    if (w->broken
        || (!wslay_event_want_read(w->ws) && !wslay_event_want_write(w->ws)))
    {
        ngx_http_render_ws_end(w);
        return;
    }

    if (ngx_handle_read_event(c->read, 0) != NGX_OK
        || ngx_handle_write_event(c->write, 0) != NGX_OK)
    {
        ngx_http_render_ws_end(w);
        return;
    }

    if (wslay_event_want_write(w->ws)) {
        if (!c->write->timer_set) {
            ngx_add_timer(c->write, NGX_HTTP_RENDER_WS_SEND);
        }
        return;
    }

    if (c->write->timer_set) {
        ngx_del_timer(c->write);
    }

    ngx_http_render_relay_more(&w->listener);
}


static ngx_http_render_ws_t *
ngx_http_render_ws_of(ngx_http_request_t *r)
{
    ngx_http_cleanup_t  *cln;

    for (cln = r->cleanup; cln; cln = cln->next) {
        if (cln->handler == ngx_http_render_ws_cleanup) {
            return cln->data;
        }
    }

    return NULL;
}


static void
ngx_http_render_ws_read(ngx_http_request_t *r)
{
    ngx_http_render_ws_t  *w;

    w = ngx_http_render_ws_of(r);

    if (w == NULL || r->connection->close) {
        ngx_http_finalize_request(r, NGX_HTTP_CLOSE);
        return;
    }

    ngx_http_render_ws_run(w);
}


static void
ngx_http_render_ws_write(ngx_http_request_t *r)
{
    ngx_event_t           *wev;
    ngx_http_render_ws_t  *w;

    w = ngx_http_render_ws_of(r);

    wev = r->connection->write;

    if (w == NULL || wev->timedout) {
        ngx_http_finalize_request(r, NGX_HTTP_CLOSE);
        return;
    }

    if (wev->timer_set) {                   /* some of it was taken */
        ngx_del_timer(wev);
    }

    ngx_http_render_ws_run(w);
}


/* The worker process quits: 1012, service restart; clients come back. */

void
ngx_http_render_ws_quit(void)
{
    ngx_queue_t           *x, *next;
    ngx_connection_t      *c;
    ngx_http_render_ws_t  *w;

    if (ngx_queue_next(&ngx_http_render_sockets) == NULL) {
        return;
    }

    for (x = ngx_queue_head(&ngx_http_render_sockets);
         x != ngx_queue_sentinel(&ngx_http_render_sockets);
         x = next)
    {
        next = ngx_queue_next(x);
        w = ngx_queue_data(x, ngx_http_render_ws_t, queue);
        c = w->r->connection;
        ngx_http_render_ws_close(w, 1012);
        ngx_http_render_ws_run(w);
        ngx_http_render_wake(c);
    }
}
