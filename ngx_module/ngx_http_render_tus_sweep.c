/*
 * What has expired of uploads that come in pieces, removed now and then; and,
 * where storage is in S3, what was left in the spool by those who were killed.
 */

#include "ngx_http_render_tus.h"


#define NGX_HTTP_RENDER_TUS_SWEEP  600000       /* ms */
#define NGX_HTTP_RENDER_TEMP_AGE   10           /* s without a write */


typedef struct {
    rn_spool   spool;
    rn_store   store;
    json_t    *gone;
    int64_t    now;
} ngx_http_render_sweep_t;


static void
ngx_http_render_tus_gone(void *data, const char *id, const char *key)
{
    ngx_http_render_sweep_t *s = data;

    (void) json_array_append_new(s->gone, json_pack("{s:s, s:s}", "asset", id,
                                                    "key", key));
}


static void
ngx_http_render_tus_swept(ngx_http_request_t *r, void *data)
{
    ngx_http_render_sweep_t *s = data;

    if (ngx_http_render_process != NULL) {
        ngx_http_render_tus_abandon(json_incref(s->gone));
    }

    json_decref(s->gone);
    free(s);
}


static void
ngx_http_render_tus_run_sweep(void *data)
{
    ngx_http_render_sweep_t *s = data;

    rn_spool_sweep(&s->spool, s->now, ngx_http_render_tus_gone, s);

    /* of a directory that is the storage, workers do it */

    if (ngx_http_render_process->s3 != NULL) {
        (void) rn_store_sweep(&s->store, NGX_HTTP_RENDER_TEMP_AGE);
    }
}


static void
ngx_http_render_tus_sweep(ngx_event_t *ev)
{
    ngx_http_render_sweep_t  *s;

    if (ngx_exiting) {
        return;
    }

    ngx_add_timer(ev, NGX_HTTP_RENDER_TUS_SWEEP);

    s = calloc(1, sizeof(ngx_http_render_sweep_t));
    if (s == NULL) {
        return;
    }

    s->spool = ngx_http_render_process->spool;
    s->store = ngx_http_render_process->store;
    s->gone = json_array();
    s->now = ngx_time();

    if (s->gone == NULL
        || ngx_http_render_thread(NULL,
                                  ngx_http_render_process->conf->files_pool,
                                  ngx_http_render_tus_run_sweep,
                                  ngx_http_render_tus_swept, s) != NGX_OK)
    {
        json_decref(s->gone);
        free(s);
    }
}


/* One worker does it for all. */

void
ngx_http_render_tus_sweep_begin(void)
{
    ngx_event_t  *ev = &ngx_http_render_process->sweep;

    if (ngx_worker != 0 || ngx_http_render_process->spool.dir < 0) {
        return;
    }

    ngx_http_render_set_event(ev, ngx_http_render_tus_sweep, NULL);
    ev->cancelable = 1;
    ngx_add_timer(ev, 1000);
}


void
ngx_http_render_tus_sweep_end(void)
{
    if (ngx_http_render_process->sweep.timer_set) {
        ngx_del_timer(&ngx_http_render_process->sweep);
    }
}
