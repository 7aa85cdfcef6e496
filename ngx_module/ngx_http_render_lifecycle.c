/*
 * Life of a worker process: made when it starts, told when it has to quit (by
 * one idle connection that nginx closes first), taken down when it exits.
 */

#include "ngx_http_render_s3.h"
#include "ngx_http_render_tus.h"


static void ngx_http_render_quit_handler(ngx_event_t *ev);


/* Static data survives a reload in the master; it is set anew by each child. */
ngx_http_render_process_t  *ngx_http_render_process;


ngx_connection_t *
ngx_http_render_adopt(int fd, void *data, ngx_event_handler_pt handler)
{
    ngx_connection_t  *c;

    c = ngx_get_connection(fd, ngx_cycle->log);
    if (c == NULL) {
        return NULL;
    }

    c->data = data;
    c->log = ngx_cycle->log;
    c->read->log = ngx_cycle->log;
    c->write->log = ngx_cycle->log;
    c->read->handler = handler;
    c->write->handler = handler;
    c->number = ngx_atomic_fetch_add(ngx_connection_counter, 1);

    return c;
}


void
ngx_http_render_release(ngx_connection_t *c, ngx_uint_t closed)
{
    ngx_uint_t  flags;

    flags = closed ? NGX_CLOSE_EVENT : 0;

    if (c->read->active) {
        (void) ngx_del_event(c->read, NGX_READ_EVENT, flags);
    }

    if (c->write->active) {
        (void) ngx_del_event(c->write, NGX_WRITE_EVENT, flags);
    }

    c->shared = 1;                      /* the library closes its descriptor */
    ngx_close_connection(c);
}


/*
 * A worker that quits calls the read handler of every idle connection; this
 * one has no socket and exists to be called.
 */

static ngx_connection_t *
ngx_http_render_hook(ngx_cycle_t *cycle)
{
    ngx_connection_t  *c, *saved;

    saved = NULL;

    if (cycle->files) {                 /* ngx_get_connection() writes there */
        saved = cycle->files[0];
    }

    c = ngx_get_connection(0, cycle->log);

    if (cycle->files) {
        cycle->files[0] = saved;
    }

    if (c == NULL) {
        return NULL;
    }

    c->fd = (ngx_socket_t) -2;
    c->idle = 1;
    c->read->handler = ngx_http_render_quit_handler;
    c->read->log = cycle->log;

    return c;
}


static void
ngx_http_render_unhook(ngx_http_render_process_t *p)
{
    ngx_connection_t  *c, *saved;

    c = p->quit_hook;
    if (c == NULL) {
        return;
    }

    p->quit_hook = NULL;
    saved = NULL;

    if (ngx_cycle->files) {             /* ngx_free_connection() clears it */
        saved = ngx_cycle->files[0];
    }

    c->fd = 0;
    ngx_free_connection(c);
    c->fd = (ngx_socket_t) -1;

    if (ngx_cycle->files) {
        ngx_cycle->files[0] = saved;
    }
}


static void
ngx_http_render_quit_handler(ngx_event_t *ev)
{
    ngx_connection_t           *c;
    ngx_http_render_process_t  *p = ngx_http_render_process;

    c = ev->data;

    if (!c->close) {
        return;
    }

    ngx_http_render_unhook(p);
    ngx_http_render_relay_quit(p->relay);
    ngx_http_render_ws_quit();
    ngx_http_render_sse_quit();
    ngx_http_render_wait_quit();
    ngx_http_render_pg_quit(p->pg);
    ngx_http_render_metrics_quit();
}


ngx_int_t
ngx_http_render_init_process(ngx_cycle_t *cycle)
{
    char                          err[256];
    ngx_http_render_process_t    *p;
    ngx_http_render_main_conf_t  *mcf;

    ngx_http_render_process = NULL;

    if (ngx_process != NGX_PROCESS_WORKER && ngx_process != NGX_PROCESS_SINGLE)
    {
        return NGX_OK;
    }

    mcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_render_module);

    if (mcf == NULL || !mcf->used) {
        return NGX_OK;
    }

    p = ngx_pcalloc(cycle->pool, sizeof(ngx_http_render_process_t));
    if (p == NULL) {
        return NGX_ERROR;
    }

    p->conf = mcf;

    /* never fail here: a worker that cannot start is not started again */

    if (rn_store_open(&p->store, (char *) mcf->storage_path.data, err,
                      sizeof(err)) != 0)
    {
        ngx_log_error(NGX_LOG_ERR, cycle->log, 0, "render: %s; uploads are "
                      "refused until the next reload", err);
    }

    p->spool.dir = -1;

    if (p->store.root >= 0
        && rn_spool_open(&p->spool, (char *) mcf->spool.data, err, sizeof(err))
           != 0)
    {
        ngx_log_error(NGX_LOG_ERR, cycle->log, 0, "render: %s; uploads in "
                      "pieces are refused until the next reload", err);
    }

    ngx_http_render_process = p;
    ngx_http_render_metrics_begin(mcf->metrics);

    p->pg = ngx_http_render_pg_create(mcf);
    p->redis = ngx_http_render_redis_create(mcf);
    p->relay = ngx_http_render_relay_create();
    p->s3 = mcf->s3 != NULL ? ngx_http_render_s3_create(mcf->s3) : NULL;
    p->quit_hook = ngx_http_render_hook(cycle);

    if (p->pg == NULL || p->redis == NULL || p->relay == NULL
        || (mcf->s3 != NULL && p->s3 == NULL))
    {
        ngx_log_error(NGX_LOG_ALERT, cycle->log, 0,
                      "render: no memory for this worker process");
        return NGX_ERROR;
    }

    ngx_http_render_tus_sweep_begin();

    return NGX_OK;
}


void
ngx_http_render_exit_process(ngx_cycle_t *cycle)
{
    ngx_http_render_process_t  *p = ngx_http_render_process;

    if (p == NULL) {
        return;
    }

    ngx_http_render_unhook(p);
    ngx_http_render_s3_destroy(p->s3);
    ngx_http_render_relay_destroy(p->relay);
    ngx_http_render_redis_destroy(p->redis);
    ngx_http_render_pg_destroy(p->pg);
    ngx_http_render_tus_sweep_end();
    rn_spool_close(&p->spool);
    rn_store_close(&p->store);
    ngx_http_render_metrics_end();
    ngx_http_render_process = NULL;
}
