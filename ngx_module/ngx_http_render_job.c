/*
 * One job with its finer progress from Redis, the long poll, and the validation
 * of a composition: the routes that look at more than SQL, or look twice.
 */

#include "ngx_http_render.h"

#include <hiredis/hiredis.h>


#define NGX_HTTP_RENDER_WAIT_MAX  30            /* s */
#define NGX_HTTP_RENDER_VALIDATE  10000         /* ms */


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


static ngx_uint_t
ngx_http_render_lives(ngx_http_render_answer_t *a)
{
    return a->headers.len != 0;             /* a Retry-After */
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

    if (ngx_http_render_lives(a)) {
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


/* The long poll is over: the job as it is now. */

static void
ngx_http_render_job_waited(ngx_http_request_t *r)
{
    ngx_http_render_call(r, ngx_http_render_sql_jobs_get,
                         ngx_http_render_job_done);
}


static void
ngx_http_render_job_poll(ngx_http_request_t *r, ngx_http_render_answer_t *a)
{
    json_t      *j;
    ngx_int_t    seconds;
    ngx_str_t    wait, id;
    const char  *text;

    wait = ngx_http_render_param(r, "wait");
    seconds = ngx_atoi(wait.data, wait.len);

    if (a->failed || a->status != NGX_HTTP_OK || !ngx_http_render_lives(a)
        || ngx_exiting)
    {
        ngx_http_render_job_done(r, a);
        return;
    }

    j = json_loadb((char *) a->body.data, a->body.len, 0, NULL);
    text = json_string_value(json_object_get(j, "id"));
    id = ngx_http_render_dup(r->pool, text ? text : "",
                             text ? ngx_strlen(text) : 0);
    json_decref(j);

    ngx_http_render_wait(r, &id, seconds * 1000, ngx_http_render_job_waited);
}


void
ngx_http_render_job(ngx_http_request_t *r)
{
    ngx_int_t  seconds;
    ngx_str_t  wait;

    wait = ngx_http_render_param(r, "wait");
    seconds = wait.len != 0 ? ngx_atoi(wait.data, wait.len) : 0;

    if (seconds < 0 || seconds > NGX_HTTP_RENDER_WAIT_MAX) {
        ngx_http_render_problem(r, 422, "Unprocessable", "wait is a number of "
                                "seconds, at most 30", NULL);
        return;
    }

    ngx_http_render_call(r, ngx_http_render_sql_jobs_get,
                         wait.len != 0 ? ngx_http_render_job_poll
                                       : ngx_http_render_job_done);
}


/*
 * A validation is a job that plans and does nothing else, which nobody sees:
 * made, waited for, and taken away with its answer.
 */

static void
ngx_http_render_validate_done(ngx_http_request_t *r,
    ngx_http_render_answer_t *a)
{
    if (!a->failed && a->status == NGX_HTTP_GATEWAY_TIME_OUT && ngx_exiting) {
        ngx_http_render_problem(r, 503, "Service unavailable", "the server is "
                                "being reloaded; ask again", NULL);
        return;
    }

    ngx_http_render_answer(r, a);
}


static void
ngx_http_render_validate_read(ngx_http_request_t *r)
{
    ngx_http_render_call(r, ngx_http_render_sql_compositions_validated,
                         ngx_http_render_validate_done);
}


static void
ngx_http_render_validate_made(ngx_http_request_t *r,
    ngx_http_render_answer_t *a)
{
    json_t                 *j;
    ngx_str_t               id;
    const char             *text;
    ngx_http_render_ctx_t  *ctx;

    if (a->failed || a->status != NGX_HTTP_ACCEPTED) {
        ngx_http_render_answer(r, a);
        return;
    }

    ngx_http_render_effects(&a->effects);

    ctx = ngx_http_get_module_ctx(r, ngx_http_render_module);
    j = json_loadb((char *) a->body.data, a->body.len, 0, NULL);
    text = json_string_value(json_object_get(j, "job_id"));
    id = ngx_http_render_dup(r->pool, text ? text : "",
                             text ? ngx_strlen(text) : 0);
    json_decref(j);

    ngx_http_render_add(r, "job", json_stringn((char *) id.data, id.len));
    ctx->body.len = 0;                      /* it was read */

    ngx_http_render_wait(r, &id, NGX_HTTP_RENDER_VALIDATE,
                         ngx_http_render_validate_read);
}


void
ngx_http_render_validate(ngx_http_request_t *r)
{
    ngx_http_render_call(r, ngx_http_render_sql_compositions_validate,
                         ngx_http_render_validate_made);
}
