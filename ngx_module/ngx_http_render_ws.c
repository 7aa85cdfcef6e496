/*
 * WebSocket (RFC 6455) of /ws/progress/{id}, and of /ws/progress for all jobs
 * of an account: handshake, pings, the token's end, and the end.  What goes in
 * and out is _ws_io.c's.
 *
 * After the handshake the request has served its purpose and is let go, with
 * its pool and buffers; the connection lives on, with some hundred bytes.
 * It is kept where another module waits for its end, as limit_conn does.
 */

#include "ngx_http_render_ws.h"

#include <openssl/sha.h>


#define NGX_HTTP_RENDER_WS_GUID  "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
#define NGX_HTTP_RENDER_WS_TICK  1000           /* ms from sweep to sweep */
#define NGX_HTTP_RENDER_WS_PACE  10             /* ms, where one was cut */
#define NGX_HTTP_RENDER_WS_TURN  64             /* pings of one sweep */


static void ngx_http_render_ws_begin(ngx_http_request_t *r,
    ngx_http_render_answer_t *a);
static void ngx_http_render_ws_sweep(ngx_event_t *ev);


/* Of this worker process. */

static ngx_queue_t  ngx_http_render_sockets;
static ngx_event_t  ngx_http_render_sweep;


/*
 * A word of a list of them; RFC 9110, section 5.6.1.  More than one such header
 * is not looked for: clients send one.
 */

static ngx_uint_t
ngx_http_render_ws_token(ngx_http_request_t *r, const char *name,
    const char *token)
{
    u_char     *p, *end, *word;
    size_t      len;
    ngx_str_t  *list;

    list = ngx_http_render_find_header(r, name);
    if (list == NULL) {
        return 0;
    }

    len = ngx_strlen(token);
    end = list->data + list->len;

    for (p = list->data; p < end; p++) {
        while (p < end && (*p == ' ' || *p == '\t')) {
            p++;
        }

        word = p;

        while (p < end && *p != ',') {
            p++;
        }

        if ((size_t) (p - word) >= len
            && ngx_strncasecmp(word, (u_char *) token, len) == 0)
        {
            for (word += len; word < p && (*word == ' ' || *word == '\t');
                 word++)
            {
                /* void */
            }

            if (word == p) {
                return 1;
            }
        }
    }

    return 0;
}


/* Section 4.2.1: 16 bytes in base64. */

static ngx_uint_t
ngx_http_render_ws_key_ok(ngx_str_t *key)
{
    u_char     bytes[18];
    ngx_str_t  raw;

    raw.data = bytes;

    return key != NULL && key->len == 24
           && ngx_decode_base64(&raw, key) == NGX_OK && raw.len == 16;
}


void
ngx_http_render_ws(ngx_http_request_t *r)
{
    ngx_str_t                    value, *version;
    ngx_http_render_ctx_t       *ctx;
    ngx_http_render_identity_t  *identity;

    ctx = ngx_http_get_module_ctx(r, ngx_http_render_module);
    identity = ctx->identity;

    if (r->method != NGX_HTTP_GET || r != r->main
        || r->http_version != NGX_HTTP_VERSION_11
        || !ngx_http_render_ws_token(r, "Upgrade", "websocket")
        || !ngx_http_render_ws_token(r, "Connection", "upgrade"))
    {
        if (r->http_version < NGX_HTTP_VERSION_20) {
            ngx_str_set(&value, "websocket");   /* RFC 9113, section 8.2.2 */
            (void) ngx_http_render_header(r, "Upgrade", &value);
        }

        ngx_http_render_problem(r, 426, "Upgrade required", "this path speaks "
                                "WebSocket over HTTP/1.1", NULL);
        return;
    }

    version = ngx_http_render_find_header(r, "Sec-WebSocket-Version");

    if (version == NULL || version->len != 2
        || ngx_strncmp(version->data, "13", 2) != 0)
    {
        ngx_str_set(&value, "13");
        (void) ngx_http_render_header(r, "Sec-WebSocket-Version", &value);
        ngx_http_render_problem(r, 426, "Upgrade required",
                                "only version 13 of WebSocket is known", NULL);
        return;
    }

    if (!ngx_http_render_ws_key_ok(
            ngx_http_render_find_header(r, "Sec-WebSocket-Key")))
    {
        ngx_http_render_problem(r, 400, "Bad request",
                                "Sec-WebSocket-Key is missing or wrong", NULL);
        return;
    }

    /* section 4.1: a GET, and frames are not to be taken for a body of it */

    if (r->headers_in.content_length_n > 0 || r->headers_in.chunked) {
        ngx_http_render_problem(r, 400, "Bad request",
                                "a handshake has no body", NULL);
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


/* Ends */


static void
ngx_http_render_ws_free(ngx_http_render_ws_t *w)
{
    ngx_http_render_gauge(ws, -1);
    ngx_http_render_relay_leave(&w->listener);
    ngx_http_render_ws_forget(w);
    ngx_queue_remove(&w->queue);

    if (w->timer.timer_set) {
        ngx_del_timer(&w->timer);
    }

    if (w->timer.posted) {
        ngx_delete_posted_event(&w->timer);
    }

    free(w);
}


static void
ngx_http_render_ws_cleanup(void *data)
{
    ngx_http_render_ws_free(data);
}


void
ngx_http_render_ws_end(ngx_http_render_ws_t *w)
{
    ngx_connection_t  *c = w->c;

    if (w->r != NULL) {
        ngx_http_finalize_request(w->r, NGX_HTTP_CLOSE);
        return;
    }

    ngx_http_render_ws_free(w);
    ngx_http_close_connection(c);
}


void
ngx_http_render_ws_close(ngx_http_render_ws_t *w, uint16_t code,
    const char *why)
{
    u_char                    text[2 + 64];
    size_t                    len;
    ngx_http_render_event_t  *e;

    if (w->closed) {
        return;
    }

    len = 0;

    if (code != 1005) {                     /* section 7.4.1: none was given */
        text[0] = code >> 8;
        text[1] = code & 0xff;
        len = 2;

        if (why != NULL) {
            len = ngx_cpystrn(text + 2, (u_char *) why, sizeof(text) - 2)
                  - text;
        }
    }

    e = ngx_http_render_event_control(RN_WEBSOCKET_CLOSE, text, len);

    if (e == NULL) {
        w->broken = 1;
    } else {
        ngx_http_render_ws_send(w, e);
        ngx_http_render_event_drop(e);
    }

    w->closed = 1;
    w->timer.cancelable = 0;
    ngx_add_timer(&w->timer, NGX_HTTP_RENDER_WS_CLOSE);
}


/* Events of a socket that has its connection for itself */


static void
ngx_http_render_ws_event(ngx_event_t *ev)
{
    ngx_connection_t      *c = ev->data;
    ngx_http_render_ws_t  *w = c->data;

    if (c->close || (ev->write && ev->timedout)) {
        ngx_http_render_ws_end(w);
        return;
    }

    if (ev->write && ev->timer_set) {       /* some of it was taken */
        ngx_del_timer(ev);
    }

    ngx_http_render_ws_run(w);
}


/* The buffers that the connection had for requests, as in a keep-alive. */

static void
ngx_http_render_ws_free_buffers(ngx_connection_t *c,
    ngx_http_connection_t *hc)
{
    ngx_uint_t     i;
    ngx_buf_t     *b;
    ngx_chain_t   *cl, *next, **lists[2];

    lists[0] = &hc->free;
    lists[1] = &hc->busy;

    for (i = 0; i < 2; i++) {
        for (cl = *lists[i]; cl; cl = next) {
            next = cl->next;
            (void) ngx_pfree(c->pool, cl->buf->start);
            ngx_free_chain(c->pool, cl);
        }
        *lists[i] = NULL;
    }

    b = c->buffer;

    if (b != NULL && ngx_pfree(c->pool, b->start) == NGX_OK) {
        b->start = b->pos = b->last = b->end = NULL;
    }

#if (NGX_HTTP_SSL)
    if (c->ssl) {
        ngx_ssl_free_buffer(c);
    }
#endif
}


static void
ngx_http_render_ws_release(ngx_http_render_ws_t *w)
{
    ngx_connection_t       *c = w->c;
    ngx_http_request_t     *r = w->r;
    ngx_http_connection_t  *hc;

    if (w->bound || w->closed || r->out != NULL || c->buffered
        || r->header_in->pos != r->header_in->last)
    {
        return;                             /* once that is sent and read */
    }

    if (r->main->count != 1 || r->posted_requests != NULL || r->main->blocked
        || !ngx_http_render_only_ours(r))
    {
        w->bound = 1;
        return;
    }

    w->cleanup->handler = NULL;
    w->r = NULL;
    hc = r->http_connection;

    ngx_http_free_request(r, 0);            /* the log's line is written now */
    ngx_http_render_ws_free_buffers(c, hc);

    /* c->destroyed stays: nothing of HTTP is to be run here any more */

    c->data = w;
    c->read->handler = ngx_http_render_ws_event;
    c->write->handler = ngx_http_render_ws_event;
    c->log->action = "relaying events to a WebSocket";

    ngx_http_render_ws_run(w);
}


static void
ngx_http_render_ws_timer(ngx_event_t *ev)
{
    ngx_connection_t      *c;
    ngx_http_render_ws_t  *w = ev->data;

    if (!ev->timedout) {                    /* posted */
        if (w->r != NULL) {
            ngx_http_render_ws_release(w);
        }
        return;
    }

    ev->timedout = 0;
    c = w->c;

    if (w->closed) {                        /* the peer has had its time */
        ngx_http_render_ws_end(w);

    } else {
        ngx_http_render_ws_close(w, 1008, "the token has expired");
        ngx_http_render_ws_run(w);
    }

    ngx_http_render_wake(c);
}


/* Events while it belongs to its request */


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
ngx_http_render_ws_ready(ngx_http_request_t *r)
{
    ngx_event_t           *wev = r->connection->write;
    ngx_http_render_ws_t  *w;

    w = ngx_http_render_ws_of(r);

    if (w == NULL || r->connection->close || wev->timedout) {
        ngx_http_finalize_request(r, NGX_HTTP_CLOSE);
        return;
    }

    if (r->write_event_handler != NULL && wev->timer_set && wev->ready) {
        ngx_del_timer(wev);                 /* some of it was taken */
    }

    if (!w->bound) {
        ngx_post_event(&w->timer, &ngx_posted_events);
    }

    ngx_http_render_ws_run(w);
}


/* What the relay calls */


static void
ngx_http_render_ws_deliver(ngx_http_render_listener_t *l,
    ngx_http_render_event_t *e, ngx_uint_t last)
{
    ngx_connection_t      *c;
    ngx_http_render_ws_t  *w = (ngx_http_render_ws_t *) l;

    c = w->c;
    ngx_http_render_ws_put(w, e, last);

    /* as a rule that was all: it is sent, and nothing is to be armed */

    if (w->broken || w->finish || !ngx_queue_empty(&w->out)) {
        ngx_http_render_ws_run(w);
        ngx_http_render_wake(c);
    }
}


static ngx_uint_t
ngx_http_render_ws_full(ngx_http_render_listener_t *l)
{
    ngx_http_render_ws_t  *w = (ngx_http_render_ws_t *) l;

    return !ngx_queue_empty(&w->out);
}


/* Begins */


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
    ngx_http_cleanup_t     *cln;
    ngx_http_render_ws_t   *w;
    ngx_http_render_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_render_module);
    w = calloc(1, sizeof(ngx_http_render_ws_t));
    cln = w != NULL ? ngx_http_cleanup_add(r, 0) : NULL;

    if (cln == NULL) {
        free(w);
        return NULL;
    }

    rn_websocket_init(&w->in, NGX_HTTP_RENDER_WS_MESSAGE);
    ngx_queue_init(&w->out);
    w->r = r;
    w->c = r->connection;
    w->cleanup = cln;
    w->listener.deliver = ngx_http_render_ws_deliver;
    w->listener.full = ngx_http_render_ws_full;
    cln->handler = ngx_http_render_ws_cleanup;
    cln->data = w;

    w->timer.handler = ngx_http_render_ws_timer;
    w->timer.data = w;
    w->timer.log = ngx_cycle->log;
    w->timer.cancelable = 1;

    if (ngx_http_render_sweep.handler == NULL) {
        ngx_queue_init(&ngx_http_render_sockets);
        ngx_http_render_sweep.handler = ngx_http_render_ws_sweep;
        ngx_http_render_sweep.data = ngx_http_render_process;
        ngx_http_render_sweep.log = ngx_cycle->log;
        ngx_http_render_sweep.cancelable = 1;
        ngx_add_timer(&ngx_http_render_sweep, NGX_HTTP_RENDER_WS_TICK);
    }

    w->due = ngx_current_msec + NGX_HTTP_RENDER_WS_PING;
    ngx_queue_insert_tail(&ngx_http_render_sockets, &w->queue);
    ngx_http_render_gauge(ws, 1);

    if (ctx->identity->expires > ngx_time()) {
        ngx_add_timer(&w->timer,
                      ngx_http_render_until(ctx->identity->expires));
    }

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

    r->read_event_handler = ngx_http_render_ws_ready;
    r->write_event_handler = ngx_http_render_ws_ready;

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
        ngx_http_render_ws_close(w, 1011, NULL);
    }

    if (ngx_exiting) {
        ngx_http_render_ws_close(w, 1012, NULL);
    }

    /* not from here, where nginx still holds the request */

    ngx_post_event(&w->timer, &ngx_posted_events);
    ngx_http_render_ws_run(w);
}


/*
 * One timer for all sockets, which stand in the order of their next ping: who
 * has not answered the two before is gone.  Sockets that were opened together
 * are due together, and events must not wait until all of them are pinged.
 */

static void
ngx_http_render_ws_sweep(ngx_event_t *ev)
{
    ngx_uint_t                       n;
    ngx_msec_t                       next;
    ngx_queue_t                     *x;
    ngx_connection_t                *c;
    ngx_http_render_ws_t            *w;
    static u_char                    frame[2] = { 0x80 | RN_WEBSOCKET_PING, 0 };
    static ngx_http_render_event_t   ping = { .refs = 1,
                                              .frame = { 2, frame } };

    if (ngx_exiting) {
        return;
    }

    next = NGX_HTTP_RENDER_WS_TICK;

    for (n = 0; !ngx_queue_empty(&ngx_http_render_sockets); n++) {
        x = ngx_queue_head(&ngx_http_render_sockets);
        w = ngx_queue_data(x, ngx_http_render_ws_t, queue);

        if ((ngx_msec_int_t) (w->due - ngx_current_msec) > 0) {
            break;
        }

        if (n == NGX_HTTP_RENDER_WS_TURN) {
            next = NGX_HTTP_RENDER_WS_PACE;
            break;
        }

        ngx_queue_remove(x);
        ngx_queue_insert_tail(&ngx_http_render_sockets, x);
        w->due = ngx_current_msec + NGX_HTTP_RENDER_WS_PING;
        c = w->c;

        if (w->pinged == 2) {               /* no pong in two periods */
            ngx_http_render_ws_end(w);

        } else if (!w->closed) {
            w->pinged++;
            ngx_http_render_ws_send(w, &ping);

            if (w->broken || !ngx_queue_empty(&w->out)) {
                ngx_http_render_ws_run(w);
            }
        }

        ngx_http_render_wake(c);
    }

    ngx_add_timer(ev, next);
}


/* The process quits: 1012, service restart; clients come back. */

void
ngx_http_render_ws_quit(void)
{
    ngx_queue_t           *x, *next;
    ngx_connection_t      *c;
    ngx_http_render_ws_t  *w;

    if (ngx_http_render_sweep.handler == NULL) {
        return;
    }

    for (x = ngx_queue_head(&ngx_http_render_sockets);
         x != ngx_queue_sentinel(&ngx_http_render_sockets);
         x = next)
    {
        next = ngx_queue_next(x);
        w = ngx_queue_data(x, ngx_http_render_ws_t, queue);
        c = w->c;
        ngx_http_render_ws_close(w, 1012, NULL);
        ngx_http_render_ws_run(w);
        ngx_http_render_wake(c);
    }
}
