/*
 * Liveness, readiness, and one job with its progress: the routes that look at
 * more than SQL.
 */

#include "ngx_http_render.h"

#include <hiredis/hiredis.h>


void
ngx_http_render_health(ngx_http_request_t *r)
{
    ngx_str_t  body = ngx_string("{\"status\":\"ok\"}");

    ngx_http_render_send_json(r, NGX_HTTP_OK, &body);
}


static void
ngx_http_render_ready_done(ngx_http_request_t *r, ngx_http_render_answer_t *a)
{
    char        *text;
    json_t      *sql, *j;
    ngx_str_t    body;
    ngx_uint_t   pg, redis, storage;

    pg = !a->failed && a->status == NGX_HTTP_OK;
    redis = ngx_http_render_redis_up();
    storage = ngx_http_render_process->store.root >= 0;

    sql = pg ? json_loadb((char *) a->body.data, a->body.len, 0, NULL) : NULL;

    j = json_pack("{s:s, s:s, s:s, s:s, s:O*, s:O*}",
                  "status", pg && redis && storage ? "ok" : "unavailable",
                  "postgres", pg ? "ok" : "away",
                  "redis", redis ? "ok" : "away",
                  "storage", storage ? "ok" : "away",
                  "schema", json_object_get(sql, "schema"),
                  "workers", json_object_get(sql, "workers"));
    text = j != NULL ? json_dumps(j, JSON_COMPACT) : NULL;
    json_decref(j);
    json_decref(sql);

    if (text == NULL) {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    body = ngx_http_render_dup(r->pool, text, ngx_strlen(text));
    free(text);

    ngx_http_render_send_json(r, pg && redis && storage ? NGX_HTTP_OK
                              : NGX_HTTP_SERVICE_UNAVAILABLE, &body);
}


void
ngx_http_render_ready(ngx_http_request_t *r)
{
    ngx_http_render_call(r, ngx_http_render_sql_health,
                         ngx_http_render_ready_done);
}


/* GET of one job: Redis knows the finer progress, where it is there. */


typedef struct {
    ngx_http_request_t   *r;
    void                 *handle;
    ngx_uint_t            status;
    ngx_str_t             body;
    ngx_http_cleanup_t   *cleanup;
} ngx_http_render_splice_t;


static void
ngx_http_render_splice_cleanup(void *data)
{
    ngx_http_render_splice_t *s = data;

    ngx_http_render_redis_cancel(s->handle);
}


static void
ngx_http_render_splice(void *data, void *reply)
{
    size_t                     n;
    u_char                    *p;
    ngx_str_t                  body;
    redisReply                *doc = reply;
    ngx_connection_t          *c;
    ngx_http_request_t        *r;
    ngx_http_render_splice_t  *s = data;

    r = s->r;
    c = r->connection;
    s->cleanup->handler = NULL;
    ngx_http_set_log_request(c->log, r);
    body = s->body;

    if (doc != NULL && doc->type == REDIS_REPLY_STRING && doc->len > 2
        && body.len > 1 && body.data[body.len - 1] == '}')
    {
        n = body.len + doc->len + sizeof(",\"progress\":}");
        p = ngx_pnalloc(r->pool, n);

        if (p != NULL) {
            body.len = ngx_sprintf(p, "%*s,\"progress\":%*s}", body.len - 1,
                                   body.data, (size_t) doc->len, doc->str) - p;
            body.data = p;
        }
    }

    ngx_http_render_send_json(r, s->status, &body);
    ngx_http_render_wake(c);
}


static void
ngx_http_render_job_done(ngx_http_request_t *r, ngx_http_render_answer_t *a)
{
    char                       key[64];
    const char                *argv[3];
    ngx_str_t                  id, value;
    ngx_http_cleanup_t        *cln;
    ngx_http_render_splice_t  *s;

    if (a->failed || a->status != NGX_HTTP_OK || !ngx_http_render_redis_up()) {
        ngx_http_render_answer(r, a);
        return;
    }

    s = ngx_pcalloc(r->pool, sizeof(ngx_http_render_splice_t));
    cln = s != NULL ? ngx_http_cleanup_add(r, 0) : NULL;

    if (cln == NULL) {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    if (a->headers.len != 0) {
        ngx_str_set(&value, "1");
        (void) ngx_http_render_header(r, "Retry-After", &value);
    }

    s->r = r;
    s->status = a->status;
    s->body = ngx_http_render_dup(r->pool, (char *) a->body.data, a->body.len);
    s->cleanup = cln;
    cln->handler = ngx_http_render_splice_cleanup;
    cln->data = s;

    id = ngx_http_render_param(r, "id");
    (void) snprintf(key, sizeof(key), "progress:%.*s", (int) id.len, id.data);
    argv[0] = "HGET";
    argv[1] = key;
    argv[2] = "doc";

    s->handle = ngx_http_render_redis_command(ngx_http_render_splice, s, 3,
                                              argv);
    if (s->handle == NULL) {
        cln->handler = NULL;
        ngx_http_render_send_json(r, s->status, &s->body);
    }
}


void
ngx_http_render_job(ngx_http_request_t *r)
{
    ngx_http_render_call(r, ngx_http_render_sql_jobs_get,
                         ngx_http_render_job_done);
}
