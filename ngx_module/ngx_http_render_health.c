/*
 * Liveness, and readiness with the state of each dependency.
 */

#include "ngx_http_render.h"


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
    ngx_uint_t   pg, redis, storage, readonly, all;

    pg = !a->failed && a->status == NGX_HTTP_OK;
    redis = ngx_http_render_redis_up();
    storage = ngx_http_render_process->store.root >= 0;
    readonly = ngx_http_render_pg_readonly();
    all = pg && !readonly && redis && storage;

    sql = pg ? json_loadb((char *) a->body.data, a->body.len, 0, NULL) : NULL;

    j = json_pack("{s:s, s:s, s:s, s:s, s:O*, s:O*}",
                  "status", all ? "ok" : "unavailable",
                  "postgres", !pg ? "away" : readonly ? "read-only" : "ok",
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

    ngx_http_render_send_json(r, all ? NGX_HTTP_OK
                                     : NGX_HTTP_SERVICE_UNAVAILABLE, &body);
}


void
ngx_http_render_ready(ngx_http_request_t *r)
{
    ngx_http_render_call(r, ngx_http_render_sql_health,
                         ngx_http_render_ready_done);
}
