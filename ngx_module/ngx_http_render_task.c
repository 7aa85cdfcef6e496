/*
 * Work in a thread that may outlive its request.  The thread sees only the
 * caller's heap data; a guard timer keeps a quitting worker alive for it, as
 * nginx before 1.25.4 would exit and lose the answer.
 */

#include "ngx_http_render.h"


#define NGX_HTTP_RENDER_TASK_GUARD  60000       /* ms */


struct ngx_http_render_task_s {
    ngx_thread_task_t        task;
    ngx_http_request_t      *r;
    ngx_http_cleanup_t      *cleanup;
    ngx_http_render_run_pt   run;
    ngx_http_render_ran_pt   ran;
    void                    *data;
    ngx_event_t              guard;
};


static void
ngx_http_render_task_cleanup(void *data)
{
    ngx_http_render_task_t *t = data;

    t->r = NULL;
    t->cleanup = NULL;
}


static void
ngx_http_render_task_guard(ngx_event_t *ev)
{
    /* it only has to be there */
}


/* Runs in a thread. */

static void
ngx_http_render_task_run(void *data, ngx_log_t *log)
{
    ngx_http_render_task_t  *t = *(ngx_http_render_task_t **) data;

    t->run(t->data);
}


static void
ngx_http_render_task_done(ngx_event_t *ev)
{
    ngx_connection_t        *c;
    ngx_http_request_t      *r;
    ngx_http_render_task_t  *t = *(ngx_http_render_task_t **) ev->data;

    r = t->r;
    c = NULL;

    if (t->guard.timer_set) {
        ngx_del_timer(&t->guard);
    }

    if (r != NULL) {
        t->cleanup->handler = NULL;
        c = r->connection;
        ngx_http_set_log_request(c->log, r);
    }

    t->ran(r, t->data);
    free(t);

    if (c != NULL) {
        ngx_http_render_wake(c);
    }
}


ngx_int_t
ngx_http_render_thread(ngx_http_request_t *r, ngx_thread_pool_t *pool,
    ngx_http_render_run_pt run, ngx_http_render_ran_pt ran, void *data)
{
    ngx_http_cleanup_t       *cln;
    ngx_http_render_task_t   *t, **ctx;

    /* nginx reads task->ctx; a pointer to us stands right behind the task */

    t = calloc(1, sizeof(ngx_http_render_task_t)
                  + sizeof(ngx_http_render_task_t *));
    if (t == NULL) {
        return NGX_ERROR;
    }

    ctx = (ngx_http_render_task_t **) (t + 1);
    *ctx = t;

    t->task.ctx = ctx;
    t->task.handler = ngx_http_render_task_run;
    t->task.event.handler = ngx_http_render_task_done;
    t->task.event.data = ctx;
    t->task.event.log = ngx_cycle->log;
    t->run = run;
    t->ran = ran;
    t->data = data;
    t->guard.handler = ngx_http_render_task_guard;
    t->guard.data = t;
    t->guard.log = ngx_cycle->log;

    cln = NULL;

    if (r != NULL) {

        /* a long upload has many tasks, one after the other */

        for (cln = r->cleanup; cln; cln = cln->next) {
            if (cln->handler == NULL) {
                break;
            }
        }

        if (cln == NULL) {
            cln = ngx_http_cleanup_add(r, 0);
        }

        if (cln == NULL) {
            free(t);
            return NGX_ERROR;
        }

        cln->handler = ngx_http_render_task_cleanup;
        cln->data = t;
        t->r = r;
        t->cleanup = cln;
    }

    if (ngx_thread_task_post(pool, &t->task) != NGX_OK) {
        if (cln != NULL) {
            cln->handler = NULL;
        }
        free(t);
        return NGX_ERROR;
    }

    ngx_add_timer(&t->guard, NGX_HTTP_RENDER_TASK_GUARD);

    return NGX_OK;
}
