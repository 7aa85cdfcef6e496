/*
 * Server-sent events of GET /jobs/{id}/events (HTML, section 9.2): the state
 * first, then each event, through nginx's own filters, so that it works over
 * HTTP/2 and compressed alike.  A slow reader gets the newest state, never a
 * backlog.  Frames and handshakes of WebSocket are not known here.
 */

#include "ngx_http_render.h"


#define NGX_HTTP_RENDER_SSE_BEAT    15000       /* ms: a comment, for proxies */
#define NGX_HTTP_RENDER_SSE_SEND    30000       /* ms without progress */
#define NGX_HTTP_RENDER_SSE_BUFFER  32768       /* bytes that may wait */
#define NGX_HTTP_RENDER_SSE_FLUSH   5000        /* ms for the rest, quitting */


typedef struct {
    ngx_http_render_listener_t   listener;      /* first: cast to us */
    ngx_queue_t                  queue;         /* of all streams */
    ngx_http_request_t          *r;
    ngx_event_t                  beat;
    ngx_event_t                  flush;         /* of the token's end, or of
                                                   ours: keeps a worker alive */
    ngx_buf_t                    buf;           /* the one that is being sent */
    ngx_chain_t                  link;
    u_char                      *text;          /* malloc'd: waits for it */
    size_t                       len, size;
    ngx_http_render_event_t     *newest;        /* waits for that */
    ngx_uint_t                   newest_last;
    unsigned                     begun:1;       /* the header was sent */
    unsigned                     sending:1;
    unsigned                     finish:1;      /* nothing follows */
    unsigned                     ended:1;
    unsigned                     quitting:1;
} ngx_http_render_sse_t;


static void ngx_http_render_sse_begin(ngx_http_request_t *r,
    ngx_http_render_answer_t *a);
static void ngx_http_render_sse_write(ngx_http_request_t *r);
static void ngx_http_render_sse_run(ngx_http_render_sse_t *s);


/* Of this worker process; ended when it quits. */
static ngx_queue_t  ngx_http_render_streams;


void
ngx_http_render_sse(ngx_http_request_t *r)
{
    ngx_http_render_call(r, ngx_http_render_sql_jobs_snapshot,
                         ngx_http_render_sse_begin);
}


static void
ngx_http_render_sse_cleanup(void *data)
{
    ngx_http_render_sse_t *s = data;

    ngx_http_render_gauge(sse, -1);
    ngx_http_render_relay_leave(&s->listener);
    ngx_queue_remove(&s->queue);

    if (s->beat.timer_set) {
        ngx_del_timer(&s->beat);
    }

    if (s->flush.timer_set) {
        ngx_del_timer(&s->flush);
    }

    ngx_http_render_event_drop(s->newest);
    free(s->text);
    s->newest = NULL;
    s->text = NULL;
}


/*
 * With the pool, as the last: HTTP/2 may have it in a frame that is sent after
 * the request has ended.
 */

static void
ngx_http_render_sse_free(void *data)
{
    ngx_http_render_sse_t *s = data;

    free(s->buf.start);
}


static void
ngx_http_render_sse_end(ngx_http_render_sse_t *s, ngx_int_t rc)
{
    if (s->ended) {
        return;
    }

    s->ended = 1;
    ngx_http_finalize_request(s->r, rc);
}


static ngx_int_t
ngx_http_render_sse_header(ngx_http_render_sse_t *s)
{
    ngx_str_t               value;
    ngx_http_request_t     *r = s->r;
    ngx_http_render_ctx_t  *ctx;

    s->begun = 1;
    ctx = ngx_http_get_module_ctx(r, ngx_http_render_module);

    r->headers_out.status = NGX_HTTP_OK;
    r->headers_out.content_length_n = -1;
    r->disable_not_modified = 1;
    ngx_str_set(&r->headers_out.content_type, "text/event-stream");
    r->headers_out.content_type_len = r->headers_out.content_type.len;
    ngx_http_clear_accept_ranges(r);

    (void) ngx_http_render_header(r, "X-Request-Id", &ctx->id);
    ngx_str_set(&value, "no-cache, no-transform");
    (void) ngx_http_render_header(r, "Cache-Control", &value);
    ngx_str_set(&value, "no");
    (void) ngx_http_render_header(r, "X-Accel-Buffering", &value);
    ngx_str_set(&value, "nosniff");
    (void) ngx_http_render_header(r, "X-Content-Type-Options", &value);

    return ngx_http_send_header(r);
}


/* Room behind what already waits; NULL: no memory. */

static u_char *
ngx_http_render_sse_room(ngx_http_render_sse_t *s, size_t n)
{
    u_char  *text;

    if (s->len + n > s->size) {
        text = realloc(s->text, s->len + n + 1024);
        if (text == NULL) {
            return NULL;
        }
        s->text = text;
        s->size = s->len + n + 1024;
    }

    return s->text + s->len;
}


static void
ngx_http_render_sse_say(ngx_http_render_sse_t *s, const char *text)
{
    u_char  *p;

    p = ngx_http_render_sse_room(s, ngx_strlen(text));
    if (p != NULL) {
        s->len = ngx_cpymem(p, text, ngx_strlen(text)) - s->text;
    }
}


/* JSON holds no line break, so that one "data:" is enough. */

static void
ngx_http_render_sse_event(ngx_http_render_sse_t *s, ngx_http_render_event_t *e,
    ngx_uint_t last)
{
    u_char     *p;
    ngx_str_t   type;

    type = ngx_http_render_event_type(e);
    p = ngx_http_render_sse_room(s, e->doc.len + type.len + 96);

    if (p == NULL) {
        return;                             /* the next one tells as much */
    }

    if (e->ms != 0) {
        p = ngx_sprintf(p, "id: %uL-%uL\n", e->ms, e->seq);

    } else if (last) {
        p = ngx_sprintf(p, "id: end-%i\n", s->listener.run);
    }

    if (type.len != 0) {
        p = ngx_sprintf(p, "event: %V\n", &type);
    }

    p = ngx_sprintf(p, "data: %V\n\n", &e->doc);
    s->len = p - s->text;
    ngx_http_render_count(events_sse);

    if (last) {
        s->finish = 1;
    }
}


static void
ngx_http_render_sse_deliver(ngx_http_render_listener_t *l,
    ngx_http_render_event_t *e, ngx_uint_t last)
{
    ngx_connection_t       *c;
    ngx_http_render_sse_t  *s = (ngx_http_render_sse_t *) l;

    if (s->ended || s->finish || s->newest_last) {
        return;
    }

    c = s->r->connection;

    /*
     * An EventSource comes back whenever its stream has ended; one that was
     * told of the end stops at a 204.
     */

    if (!s->begun && last && l->ended && (l->seen_end || l->resume)
        && e->snapshot)
    {
        s->ended = 1;
        ngx_http_render_no_content(s->r);
        ngx_http_render_wake(c);
        return;
    }

    if (s->len > NGX_HTTP_RENDER_SSE_BUFFER) {
        if (s->newest != NULL) {            /* state, not a log */
            ngx_http_render_count(events_skipped);
            ngx_http_render_event_drop(s->newest);
            ngx_http_render_relay_lost(&s->listener);
        }

        e->refs++;
        s->newest = e;
        s->newest_last = last;
        return;
    }

    ngx_http_render_sse_event(s, e, last);
    ngx_http_render_sse_run(s);
    ngx_http_render_wake(c);
}


static ngx_uint_t
ngx_http_render_sse_full(ngx_http_render_listener_t *l)
{
    ngx_http_render_sse_t  *s = (ngx_http_render_sse_t *) l;

    return s->sending || s->len != 0;
}


static void
ngx_http_render_sse_beat(ngx_event_t *ev)
{
    ngx_connection_t       *c;
    ngx_http_render_sse_t  *s = ev->data;

    if (ngx_exiting) {
        return;
    }

    c = s->r->connection;
    ngx_add_timer(ev, NGX_HTTP_RENDER_SSE_BEAT);

    if (s->begun && !s->sending && s->len == 0) {
        ngx_http_render_sse_say(s, ":\n\n");
        ngx_http_render_sse_run(s);
        ngx_http_render_wake(c);
    }
}


/*
 * Ends the stream with what waits, and what a client is to do then; the rest is
 * given a while to leave.
 */

static void
ngx_http_render_sse_close(ngx_http_render_sse_t *s, const char *text)
{
    s->quitting = 1;
    s->flush.cancelable = 0;
    ngx_add_timer(&s->flush, NGX_HTTP_RENDER_SSE_FLUSH);
    ngx_http_render_sse_say(s, text);
    s->finish = 1;
    ngx_http_render_sse_run(s);
}


static void
ngx_http_render_sse_flush(ngx_event_t *ev)
{
    ngx_connection_t       *c;
    ngx_http_render_sse_t  *s = ev->data;

    c = s->r->connection;

    if (s->quitting) {
        ngx_http_render_sse_end(s, NGX_HTTP_CLOSE);
    } else {
        ngx_http_render_sse_close(s, ": the token has expired\n\n");
    }

    ngx_http_render_wake(c);
}


static ngx_int_t
ngx_http_render_sse_start(ngx_http_render_sse_t *s)
{
    ngx_int_t            rc;
    ngx_http_request_t  *r = s->r;

    rc = ngx_http_render_sse_header(s);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        ngx_http_render_sse_end(s, rc);
        return NGX_DONE;
    }

    if (r->connection->read->timer_set) {
        ngx_del_timer(r->connection->read);
    }

    r->write_event_handler = ngx_http_render_sse_write;

    return NGX_OK;
}


static void
ngx_http_render_sse_begin(ngx_http_request_t *r, ngx_http_render_answer_t *a)
{
    ngx_uint_t              gone;
    ngx_http_cleanup_t     *cln;
    ngx_pool_cleanup_t     *last;
    ngx_http_render_ctx_t  *ctx;
    ngx_http_render_sse_t  *s;

    if (a->failed || a->status != NGX_HTTP_OK) {
        ngx_http_render_answer(r, a);
        return;
    }

    s = ngx_pcalloc(r->pool, sizeof(ngx_http_render_sse_t));
    last = s != NULL ? ngx_pool_cleanup_add(r->pool, 0) : NULL;
    cln = last != NULL ? ngx_http_cleanup_add(r, 0) : NULL;

    if (cln == NULL) {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    s->r = r;
    s->listener.deliver = ngx_http_render_sse_deliver;
    s->listener.full = ngx_http_render_sse_full;
    s->beat.handler = ngx_http_render_sse_beat;
    s->beat.data = s;
    s->beat.log = ngx_cycle->log;
    s->beat.cancelable = 1;
    s->flush.handler = ngx_http_render_sse_flush;
    s->flush.data = s;
    s->flush.log = ngx_cycle->log;
    s->flush.cancelable = 1;
    last->handler = ngx_http_render_sse_free;
    last->data = s;
    cln->handler = ngx_http_render_sse_cleanup;
    cln->data = s;

    if (ngx_queue_next(&ngx_http_render_streams) == NULL) {
        ngx_queue_init(&ngx_http_render_streams);
    }
    ngx_queue_insert_tail(&ngx_http_render_streams, &s->queue);
    ngx_http_render_gauge(sse, 1);
    ngx_add_timer(&s->beat, NGX_HTTP_RENDER_SSE_BEAT);

    ctx = ngx_http_get_module_ctx(r, ngx_http_render_module);
    if (ctx->identity->expires > ngx_time()) {
        ngx_add_timer(&s->flush,
                      ngx_http_render_until(ctx->identity->expires));
    }

    ngx_http_render_sse_say(s, "retry: 2000\n\n");
    ngx_http_render_relay_resume(r, &s->listener);

    gone = 0;
    s->listener.gone = &gone;

    if (ngx_http_render_relay_begin(&s->listener, a) != NGX_OK) {
        s->listener.gone = NULL;            /* an error_page may outlive us */
        ngx_http_render_sse_end(s, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    if (gone || s->ended) {
        return;
    }

    s->listener.gone = NULL;

    /* while the end may have been told already, the header has to wait */

    if (!s->begun && !s->listener.ended) {
        ngx_http_render_sse_run(s);
    }

    if (ngx_exiting) {
        ngx_http_render_sse_quit();
    }
}


/* Sends what waits, one buffer at a time. */

static void
ngx_http_render_sse_run(ngx_http_render_sse_t *s)
{
    ngx_int_t                 rc;
    ngx_connection_t         *c;
    ngx_http_request_t       *r = s->r;
    ngx_http_render_event_t  *e;

    if (s->ended) {
        return;
    }

    c = r->connection;

    if (!s->begun && ngx_http_render_sse_start(s) != NGX_OK) {
        return;
    }

    for ( ;; ) {

        if (!s->sending) {
            if (s->len == 0 && s->newest != NULL) {
                e = s->newest;
                s->newest = NULL;
                ngx_http_render_sse_event(s, e, s->newest_last);
                ngx_http_render_event_drop(e);
            }

            if (s->len == 0) {
                break;
            }

            free(s->buf.start);
            ngx_memzero(&s->buf, sizeof(ngx_buf_t));
            s->buf.start = s->buf.pos = s->text;
            s->buf.last = s->buf.end = s->text + s->len;
            s->buf.memory = 1;
            s->buf.flush = 1;
            s->text = NULL;
            s->len = s->size = 0;
            s->link.buf = &s->buf;
            s->link.next = NULL;
            s->sending = 1;

            rc = ngx_http_output_filter(r, &s->link);

        } else {
            rc = ngx_http_output_filter(r, NULL);
        }

        if (rc == NGX_ERROR) {
            ngx_http_render_sse_end(s, NGX_ERROR);
            return;
        }

        if (s->buf.pos != s->buf.last || r->buffered || c->buffered) {
            if (!c->write->timer_set) {     /* else it runs, or limit_rate's */
                ngx_add_timer(c->write, NGX_HTTP_RENDER_SSE_SEND);
            }

            if (ngx_handle_write_event(c->write, 0) != NGX_OK) {
                ngx_http_render_sse_end(s, NGX_ERROR);
            }
            return;
        }

        s->sending = 0;
    }

    if (c->write->timer_set && !c->write->delayed) {
        ngx_del_timer(c->write);
    }

    if (s->finish) {
        ngx_http_render_sse_end(s, ngx_http_send_special(r, NGX_HTTP_LAST));
        return;
    }

    ngx_http_render_relay_more(&s->listener);
}


static void
ngx_http_render_sse_write(ngx_http_request_t *r)
{
    ngx_event_t            *wev;
    ngx_http_cleanup_t     *cln;
    ngx_http_render_sse_t  *s;

    s = NULL;

    for (cln = r->cleanup; cln; cln = cln->next) {
        if (cln->handler == ngx_http_render_sse_cleanup) {
            s = cln->data;
        }
    }

    wev = r->connection->write;

    if (s == NULL || wev->timedout) {
        r->connection->timedout = 1;
        ngx_http_finalize_request(r, NGX_HTTP_CLOSE);
        return;
    }

    if (wev->timer_set && !wev->delayed) {  /* some of it was taken */
        ngx_del_timer(wev);
    }

    ngx_http_render_sse_run(s);
}


/* The worker process quits: clients come back soon, and go on. */

void
ngx_http_render_sse_quit(void)
{
    ngx_queue_t            *x, *next;
    ngx_connection_t       *c;
    ngx_http_render_sse_t  *s;

    if (ngx_queue_next(&ngx_http_render_streams) == NULL) {
        return;
    }

    for (x = ngx_queue_head(&ngx_http_render_streams);
         x != ngx_queue_sentinel(&ngx_http_render_streams);
         x = next)
    {
        next = ngx_queue_next(x);
        s = ngx_queue_data(x, ngx_http_render_sse_t, queue);

        if (s->ended || s->quitting) {
            continue;
        }

        c = s->r->connection;
        ngx_http_render_sse_close(s, "retry: 500\n\n");
        ngx_http_render_wake(c);
    }
}
