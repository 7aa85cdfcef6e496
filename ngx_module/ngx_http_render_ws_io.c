/*
 * What goes in and out of a WebSocket: frames of the client by the parser of
 * common/, and frames that are shared with all who get the same event.  Nothing
 * is allocated for an event that the socket takes at once.  Handshake, timers
 * and the end are _ws.c's.
 */

#include "ngx_http_render_ws.h"


/* A frame, or what is left of one, that the socket did not take. */

typedef struct {
    ngx_queue_t                queue;
    ngx_http_render_event_t   *event;
} ngx_http_render_ws_out_t;


static ngx_http_render_ws_out_t *
ngx_http_render_ws_first(ngx_http_render_ws_t *w)
{
    return ngx_queue_data(ngx_queue_head(&w->out), ngx_http_render_ws_out_t,
                          queue);
}


static void
ngx_http_render_ws_shift(ngx_http_render_ws_t *w)
{
    ngx_http_render_ws_out_t  *o;

    o = ngx_http_render_ws_first(w);
    ngx_queue_remove(&o->queue);
    w->queued -= o->event->frame.len - w->sent;
    w->sent = 0;
    ngx_http_render_event_drop(o->event);
    free(o);
}


void
ngx_http_render_ws_forget(ngx_http_render_ws_t *w)
{
    while (!ngx_queue_empty(&w->out)) {
        ngx_http_render_ws_shift(w);
    }

    ngx_http_render_event_drop(w->newest);
    w->newest = NULL;
}


/* Whether the 101 has left, before which no frame may. */

static ngx_uint_t
ngx_http_render_ws_open(ngx_http_render_ws_t *w)
{
    return w->r == NULL || (w->r->out == NULL && !w->c->buffered);
}


void
ngx_http_render_ws_send(ngx_http_render_ws_t *w, ngx_http_render_event_t *e)
{
    ssize_t                    n;
    ngx_http_render_ws_out_t  *o;

    if (w->broken) {
        return;
    }

    n = 0;

    if (ngx_queue_empty(&w->out) && ngx_http_render_ws_open(w)) {
        n = w->c->send(w->c, e->frame.data, e->frame.len);

        if (n == (ssize_t) e->frame.len) {
            return;
        }

        if (n < 0 && n != NGX_AGAIN) {
            w->broken = 1;
            return;
        }

        n = n < 0 ? 0 : n;
        w->sent = n;
    }

    o = malloc(sizeof(ngx_http_render_ws_out_t));
    if (o == NULL) {
        w->broken = 1;
        return;
    }

    e->refs++;
    o->event = e;
    ngx_queue_insert_tail(&w->out, &o->queue);
    w->queued += e->frame.len - n;
    w->pong = 0;
}


/* Bytes that the socket takes now, of what waits; then the newest. */

static void
ngx_http_render_ws_flush(ngx_http_render_ws_t *w)
{
    size_t                    len;
    ssize_t                   n;
    ngx_uint_t                last;
    ngx_http_render_event_t  *e;

    if (!ngx_http_render_ws_open(w)) {
        if (ngx_http_output_filter(w->r, NULL) == NGX_ERROR) {
            w->broken = 1;
        }

        if (w->broken || !ngx_http_render_ws_open(w)) {
            return;
        }
    }

    while (!ngx_queue_empty(&w->out)) {
        e = ngx_http_render_ws_first(w)->event;
        len = e->frame.len - w->sent;
        n = w->c->send(w->c, e->frame.data + w->sent, len);

        if (n == NGX_AGAIN) {
            return;
        }

        if (n < 0) {
            w->broken = 1;
            return;
        }

        if ((size_t) n < len) {
            w->sent += n;
            w->queued -= n;
            continue;
        }

        ngx_http_render_ws_shift(w);
    }

    w->pong = 0;

    if (w->newest != NULL) {
        e = w->newest;
        last = w->newest_last;
        w->newest = NULL;
        w->newest_last = 0;
        ngx_http_render_ws_put(w, e, last);
        ngx_http_render_event_drop(e);
    }

    if (w->finish && ngx_queue_empty(&w->out)) {
        w->finish = 0;
        ngx_http_render_ws_close(w, 1000, NULL);
    }
}


void
ngx_http_render_ws_put(ngx_http_render_ws_t *w, ngx_http_render_event_t *e,
    ngx_uint_t last)
{
    if (w->closed || w->finish || w->newest_last || w->broken) {
        return;
    }

    if (w->queued > NGX_HTTP_RENDER_WS_QUEUED) {
        if (w->newest != NULL) {            /* state, not a log */
            ngx_http_render_count(events_skipped);
            ngx_http_render_event_drop(w->newest);
            ngx_http_render_relay_lost(&w->listener);
        }

        e->refs++;
        w->newest = e;
        w->newest_last = last;
        return;
    }

    ngx_http_render_ws_send(w, e);
    ngx_http_render_count(events_ws);
    w->finish = last;                           /* the job has ended */
}


/*
 * Each ping is answered; of those that come while the last answer still waits,
 * the newest (RFC 6455, section 5.5.3).
 */

static void
ngx_http_render_ws_pong(ngx_http_render_ws_t *w)
{
    ngx_queue_t               *x;
    ngx_http_render_event_t   *e;
    ngx_http_render_ws_out_t  *o;

    if (w->closed) {
        return;
    }

    e = ngx_http_render_event_control(RN_WEBSOCKET_PONG, w->in.control,
                                      w->in.control_len);
    if (e == NULL) {
        w->broken = 1;
        return;
    }

    x = ngx_queue_last(&w->out);

    /* not the first: it may be under way, and TLS wants the same again */

    if (w->pong && x != ngx_queue_head(&w->out)) {
        o = ngx_queue_data(x, ngx_http_render_ws_out_t, queue);
        w->queued += e->frame.len;
        w->queued -= o->event->frame.len;
        ngx_http_render_event_drop(o->event);
        o->event = e;
        return;
    }

    ngx_http_render_ws_send(w, e);
    ngx_http_render_event_drop(e);
    w->pong = !ngx_queue_empty(&w->out);
}


static void
ngx_http_render_ws_take(ngx_http_render_ws_t *w, const u_char *p,
    const u_char *end)
{
    rn_websocket_event  event;

    while (!w->broken) {
        event = rn_websocket_next(&w->in, &p, end);

        switch (event) {

        case RN_WEBSOCKET_MORE:
            return;

        case RN_WEBSOCKET_GOT_MESSAGE:      /* nobody needs to be told */
            break;

        case RN_WEBSOCKET_GOT_PING:
            ngx_http_render_ws_pong(w);
            break;

        case RN_WEBSOCKET_GOT_PONG:
            w->pinged = 0;
            break;

        case RN_WEBSOCKET_GOT_CLOSE:        /* with the same code, once */
            w->answered = 1;
            ngx_http_render_ws_close(w, w->in.code, NULL);
            break;

        case RN_WEBSOCKET_BAD:
            ngx_http_render_ws_close(w, w->in.code,
                w->in.code == 1009 ? "a message may hold 4096 bytes"
                : w->in.code == 1007 ? "a text is not UTF-8"
                : "a frame is against RFC 6455");
            break;
        }
    }
}


static void
ngx_http_render_ws_read(ngx_http_render_ws_t *w)
{
    u_char       buf[NGX_HTTP_RENDER_WS_READ];
    ssize_t      n;
    ngx_buf_t   *b;
    ngx_uint_t   rounds;

    if (w->r != NULL) {                     /* frames came with the handshake */
        b = w->r->header_in;
        n = b->last - b->pos;
        b->pos = b->last;
        ngx_http_render_ws_take(w, b->last - n, b->last);
    }

    for (rounds = 0; !w->broken && !w->pong; rounds++) {

        if (rounds == NGX_HTTP_RENDER_WS_ROUNDS) {
            ngx_post_event(w->c->read, &ngx_posted_events); /* others first */
            return;
        }

        n = w->c->recv(w->c, buf, sizeof(buf));

        if (n == NGX_AGAIN) {
            return;
        }

        if (n <= 0) {
            w->broken = 1;
            return;
        }

        ngx_http_render_ws_take(w, buf, buf + n);
    }
}


/*
 * A peer that broke the rules may not know that it did: it is to see the end
 * behind our Close, and what it still sends is read away, as an unread byte
 * would make its kernel forget the Close (section 7.1.1).
 */

static void
ngx_http_render_ws_hang_up(ngx_http_render_ws_t *w)
{
    if (w->hung_up
#if (NGX_HTTP_SSL)
        || w->c->ssl
#endif
        )
    {
        return;
    }

    w->hung_up = 1;
    (void) ngx_shutdown_socket(w->c->fd, NGX_WRITE_SHUTDOWN);
}


void
ngx_http_render_ws_run(ngx_http_render_ws_t *w)
{
    ngx_connection_t  *c = w->c;

    if (w->running) {                       /* from within its own reading */
        return;
    }

    w->running = 1;

    /* who does not take our pongs is not read */

    ngx_http_render_ws_flush(w);
    ngx_http_render_ws_read(w);

    if (!w->broken) {
        ngx_http_render_ws_flush(w);
    }

    w->running = 0;

    if (w->broken
        || (w->closed && w->answered && ngx_queue_empty(&w->out))
        || ngx_handle_read_event(c->read, 0) != NGX_OK
        || ngx_handle_write_event(c->write, 0) != NGX_OK)
    {
        ngx_http_render_ws_end(w);
        return;
    }

    if (!ngx_queue_empty(&w->out) || !ngx_http_render_ws_open(w)) {
        if (!c->write->timer_set) {
            ngx_add_timer(c->write, NGX_HTTP_RENDER_WS_SEND);
        }
        return;
    }

    if (c->write->timer_set) {
        ngx_del_timer(c->write);
    }

    if (w->closed) {
        if (w->in.ended) {
            ngx_http_render_ws_hang_up(w);
        }
        return;
    }

    ngx_http_render_relay_more(&w->listener);
}
