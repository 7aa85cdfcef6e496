/*
 * One job with its finer progress from Redis, the long poll, and the validation
 * of a composition: the routes that look at more than SQL, or look twice.
 */

#include "ngx_http_render.h"
#include "rn_id.h"

#include <hiredis/hiredis.h>


#define NGX_HTTP_RENDER_WAIT_MAX  30            /* s */
#define NGX_HTTP_RENDER_VALIDATE  10000         /* ms */


/*
 * GET of one job: Redis knows the finer progress, where it is there.  It is
 * asked beside SQL, not after it: most who ask follow a job that lives, and
 * wait for one answer's time instead of two.  What is of no use (the job is not
 * there, or not theirs) is not looked at.
 */

typedef struct {
    ngx_http_request_t   *r;
    void                 *handle;       /* Redis has not answered yet */
    ngx_str_t             doc;          /* what it has answered */
    ngx_str_t             body;         /* SQL's answer, waiting for it */
    ngx_http_cleanup_t   *cleanup;
} ngx_http_render_splice_t;


static void
ngx_http_render_splice_cleanup(void *data)
{
    ngx_http_render_splice_t *s = data;

    ngx_http_render_redis_cancel(s->handle);
    s->handle = NULL;
}


/* Both are there: the one in the other. */

static void
ngx_http_render_splice_send(ngx_http_render_splice_t *s, ngx_str_t *sql)
{
    u_char     *p;
    ngx_str_t   body;

    static const u_char  name[] = ",\"progress\":";

    if (s->doc.len == 0 || sql->len < 2 || sql->data[sql->len - 1] != '}') {
        body = sql == &s->body ? s->body
               : ngx_http_render_dup(s->r->pool, (char *) sql->data, sql->len);

        if (body.data == NULL) {
            ngx_http_finalize_request(s->r, NGX_HTTP_INTERNAL_SERVER_ERROR);
            return;
        }

    } else {
        body.len = sql->len + sizeof(name) - 1 + s->doc.len;
        body.data = ngx_pnalloc(s->r->pool, body.len);

        if (body.data == NULL) {
            ngx_http_finalize_request(s->r, NGX_HTTP_INTERNAL_SERVER_ERROR);
            return;
        }

        p = ngx_cpymem(body.data, sql->data, sql->len - 1);
        p = ngx_cpymem(p, name, sizeof(name) - 1);
        p = ngx_cpymem(p, s->doc.data, s->doc.len);
        *p = '}';
    }

    ngx_http_render_send_json(s->r, NGX_HTTP_OK, &body);
}


static void
ngx_http_render_splice(void *data, void *reply)
{
    redisReply                *doc = reply;
    ngx_connection_t          *c;
    ngx_http_render_splice_t  *s = data;

    s->handle = NULL;

    if (doc != NULL && doc->type == REDIS_REPLY_STRING && doc->len > 2) {
        s->doc = ngx_http_render_dup(s->r->pool, doc->str, doc->len);
    }

    if (s->body.len == 0) {
        return;                             /* SQL takes longer */
    }

    c = s->r->connection;
    ngx_http_set_log_request(c->log, s->r);
    ngx_http_render_splice_send(s, &s->body);
    ngx_http_render_wake(c);
}


/* NULL: not asked, and none to be had. */

static ngx_http_render_splice_t *
ngx_http_render_splice_ask(ngx_http_request_t *r)
{
    char                       key[sizeof("progress:") + RN_UUID_LEN];
    const char                *argv[3];
    ngx_str_t                  id;
    ngx_http_render_ctx_t     *ctx;
    ngx_http_render_splice_t  *s;

    ctx = ngx_http_get_module_ctx(r, ngx_http_render_module);
    s = ctx->state;
    id = ngx_http_render_param(r, "id");

    if (id.len != RN_UUID_LEN || !ngx_http_render_redis_up()) {
        return s;
    }

    if (s == NULL) {
        s = ngx_pcalloc(r->pool, sizeof(ngx_http_render_splice_t));
        if (s == NULL) {
            return NULL;
        }

        s->cleanup = ngx_http_cleanup_add(r, 0);
        if (s->cleanup == NULL) {
            return NULL;
        }

        s->r = r;
        s->cleanup->handler = ngx_http_render_splice_cleanup;
        s->cleanup->data = s;
        ctx->state = s;
    }

    /* SQL reads an id in capitals too */

    ngx_memcpy(key, "progress:", sizeof("progress:") - 1);
    ngx_strlow((u_char *) key + sizeof("progress:") - 1, id.data, id.len);
    key[sizeof(key) - 1] = '\0';

    argv[0] = "HGET";
    argv[1] = key;
    argv[2] = "doc";

    s->handle = ngx_http_render_redis_command(ngx_http_render_splice, s, 3,
                                              argv);
    return s;
}


static ngx_uint_t
ngx_http_render_lives(ngx_http_render_answer_t *a)
{
    return a->headers.len != 0;             /* a Retry-After */
}


static void
ngx_http_render_job_done(ngx_http_request_t *r, ngx_http_render_answer_t *a)
{
    ngx_str_t                  value;
    ngx_http_render_ctx_t     *ctx;
    ngx_http_render_splice_t  *s;

    ctx = ngx_http_get_module_ctx(r, ngx_http_render_module);
    s = ctx->state;

    if (a->failed || a->status != NGX_HTTP_OK || s == NULL) {
        if (s != NULL) {
            ngx_http_render_splice_cleanup(s);
        }
        ngx_http_render_answer(r, a);
        return;
    }

    if (ngx_http_render_lives(a)) {
        ngx_str_set(&value, "1");
        (void) ngx_http_render_header(r, "Retry-After", &value);
    }

    if (s->handle == NULL) {
        ngx_http_render_splice_send(s, &a->body);
        return;
    }

    s->body = ngx_http_render_dup(r->pool, (char *) a->body.data,
                                  a->body.len);
    if (s->body.data == NULL) {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
    }
}


/* Also when the long poll is over: the job as it is now. */

static void
ngx_http_render_job_get(ngx_http_request_t *r)
{
    (void) ngx_http_render_splice_ask(r);
    ngx_http_render_call(r, ngx_http_render_sql_jobs_get,
                         ngx_http_render_job_done);
}


static void
ngx_http_render_job_poll(ngx_http_request_t *r, ngx_http_render_answer_t *a)
{
    ngx_int_t  seconds;
    ngx_str_t  wait, id;

    wait = ngx_http_render_param(r, "wait");
    seconds = ngx_atoi(wait.data, wait.len);

    if (a->failed || a->status != NGX_HTTP_OK) {
        ngx_http_render_answer(r, a);
        return;
    }

    if (!ngx_http_render_lives(a) || ngx_exiting) {
        (void) ngx_http_render_splice_ask(r);
        ngx_http_render_job_done(r, a);
        return;
    }

    id = ngx_http_render_param(r, "id");    /* as events have it */
    id = ngx_http_render_dup(r->pool, (char *) id.data, id.len);
    ngx_strlow(id.data, id.data, id.len);

    ngx_http_render_wait(r, &id, seconds * 1000, ngx_http_render_job_get);
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

    if (wait.len == 0) {
        ngx_http_render_job_get(r);
        return;
    }

    ngx_http_render_call(r, ngx_http_render_sql_jobs_get,
                         ngx_http_render_job_poll);
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
