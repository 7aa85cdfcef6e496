/*
 * Requests that wait for the end of a job: the long poll, and a validation.  A
 * waiting request is a listener of the relay like any WebSocket.
 */

#include "ngx_http_render.h"


typedef struct {
    ngx_http_render_listener_t   listener;      /* first: cast to us */
    ngx_queue_t                  queue;         /* of all that wait */
    ngx_http_request_t          *r;
    ngx_http_cleanup_t          *cleanup;
    ngx_event_t                  timer;
    ngx_http_render_handler_pt   then;
} ngx_http_render_waiter_t;


/* Of this worker process; emptied when it quits. */
static ngx_queue_t  ngx_http_render_waiters;


static void
ngx_http_render_wait_cleanup(void *data)
{
    ngx_http_render_waiter_t *w = data;

    ngx_http_render_relay_leave(&w->listener);
    ngx_queue_remove(&w->queue);

    if (w->timer.timer_set) {
        ngx_del_timer(&w->timer);
    }
}


static void
ngx_http_render_wait_fire(ngx_http_render_waiter_t *w)
{
    ngx_connection_t            *c;
    ngx_http_request_t          *r;
    ngx_http_render_handler_pt   then;

    r = w->r;
    c = r->connection;
    then = w->then;

    w->cleanup->handler = NULL;
    ngx_http_render_wait_cleanup(w);

    ngx_http_set_log_request(c->log, r);
    then(r);
    ngx_http_render_wake(c);
}


static void
ngx_http_render_wait_timer(ngx_event_t *ev)
{
    ngx_http_render_wait_fire(ev->data);
}


static void
ngx_http_render_wait_deliver(ngx_http_render_listener_t *l,
    ngx_http_render_event_t *e, ngx_uint_t last)
{
    ngx_http_render_waiter_t  *w = (ngx_http_render_waiter_t *) l;

    /* from the event loop, not from within the relay */

    if (last) {
        ngx_add_timer(&w->timer, 0);
    }
}


static ngx_uint_t
ngx_http_render_wait_full(ngx_http_render_listener_t *l)
{
    return 0;
}


void
ngx_http_render_wait(ngx_http_request_t *r, ngx_str_t *job, ngx_msec_t ms,
    ngx_http_render_handler_pt then)
{
    u_char                     channel[64];
    ngx_str_t                  name;
    ngx_http_cleanup_t        *cln;
    ngx_http_render_waiter_t  *w;

    w = ngx_pcalloc(r->pool, sizeof(ngx_http_render_waiter_t));
    cln = w != NULL ? ngx_http_cleanup_add(r, 0) : NULL;

    if (cln == NULL || job->len > 40) {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    w->r = r;
    w->then = then;
    w->cleanup = cln;
    w->listener.deliver = ngx_http_render_wait_deliver;
    w->listener.full = ngx_http_render_wait_full;
    w->timer.handler = ngx_http_render_wait_timer;
    w->timer.data = w;
    w->timer.log = ngx_cycle->log;
    cln->handler = ngx_http_render_wait_cleanup;
    cln->data = w;

    if (ngx_queue_next(&ngx_http_render_waiters) == NULL) {
        ngx_queue_init(&ngx_http_render_waiters);
    }
    ngx_queue_insert_tail(&ngx_http_render_waiters, &w->queue);

    name.data = channel;
    name.len = ngx_sprintf(channel, "job:%V", job) - channel;

    if (ngx_http_render_relay_join(&name, &w->listener) != NGX_OK) {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    /* holds a worker process that quits, until it has been asked below */

    ngx_add_timer(&w->timer, ngx_exiting ? 0 : ms);
}


/* The worker process quits: who waits is told how things stand. */

void
ngx_http_render_wait_quit(void)
{
    ngx_queue_t               *x;
    ngx_http_render_waiter_t  *w;

    if (ngx_queue_next(&ngx_http_render_waiters) == NULL) {
        return;
    }

    for (x = ngx_queue_head(&ngx_http_render_waiters);
         x != ngx_queue_sentinel(&ngx_http_render_waiters);
         x = ngx_queue_next(x))
    {
        w = ngx_queue_data(x, ngx_http_render_waiter_t, queue);
        ngx_add_timer(&w->timer, 0);
    }
}
