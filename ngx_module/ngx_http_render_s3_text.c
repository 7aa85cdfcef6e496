/*
 * Small texts of storage in S3 that nginx sends itself: cues of a sheet of
 * pictures name it beside themselves, under the same signature.  Brought whole
 * by the client of S3; the bytes of films never come this way.
 */

#include "ngx_http_render_s3.h"


#define NGX_HTTP_RENDER_TEXT_GUARD  60000       /* ms */
#define NGX_HTTP_RENDER_TEXT_MAX    (4 * 1024 * 1024)


typedef struct {
    ngx_http_request_t      *r;
    ngx_event_t              guard;     /* a worker that quits waits for it */
    u_char                  *body;      /* malloc'd, it grows */
    size_t                   len;
    ngx_str_t                disposition;
    char                     key[256];
    rn_s3_request            request;
    ngx_event_t              came;      /* posted */
} ngx_http_render_text_t;


static void
ngx_http_render_text_cleanup(void *data)
{
    ngx_http_render_text_t *t = data;

    if (rn_s3_request_busy(&t->request)) {
        rn_s3_request_cancel(&t->request);
        ngx_http_render_s3_kick(ngx_http_render_process->s3);   /* the next */
    }

    free(t->body);

    if (t->guard.timer_set) {
        ngx_del_timer(&t->guard);
    }

    if (t->came.posted) {
        ngx_delete_posted_event(&t->came);
    }
}


static void
ngx_http_render_text_guard(ngx_event_t *ev)
{
    ngx_add_timer(ev, NGX_HTTP_RENDER_TEXT_GUARD);
}


static void
ngx_http_render_text_tag(ngx_http_request_t *r, const char *tag)
{
    ngx_table_elt_t  *h;

    h = tag[0] != '\0' ? ngx_list_push(&r->headers_out.headers) : NULL;

    if (h != NULL) {
        h->hash = 1;
#if (nginx_version >= 1023000)
        h->next = NULL;
#endif
        ngx_str_set(&h->key, "ETag");
        h->value = ngx_http_render_dup(r->pool, tag, ngx_strlen(tag));
        r->headers_out.etag = h;
    }
}


static void
ngx_http_render_text_answer(ngx_event_t *ev)
{
    ngx_str_t                body;
    ngx_connection_t        *c;
    ngx_http_request_t      *r;
    ngx_http_render_text_t  *t = ev->data;

    r = t->r;
    c = r->connection;
    ngx_http_set_log_request(c->log, r);
    ngx_del_timer(&t->guard);

    if (t->request.verdict == RN_S3_NONE) {
        ngx_http_render_problem(r, 404, "Not found",
                                "this file is not there any more", NULL);

    } else if (t->request.verdict != RN_S3_DONE
               || (t->request.size >= 0
                   && t->request.size != (int64_t) t->len))
    {
        ngx_log_error(NGX_LOG_ERR, c->log, 0, "render: %s could not be had "
                      "from S3: %s", t->key, t->request.text);
        ngx_http_render_problem(r, 503, "Service unavailable",
                                "the file cannot be read now", NULL);

    } else {
        ngx_http_render_text_tag(r, t->request.etag);
        r->allow_ranges = 1;

        if (t->disposition.len != 0) {
            (void) ngx_http_render_header(r, "Content-Disposition",
                                          &t->disposition);
        }

        body.data = t->body;
        body.len = t->len;
        ngx_http_render_send(r, NGX_HTTP_OK,
                             (char *) r->headers_out.content_type.data, &body);
    }

    ngx_http_render_wake(c);
}


static bool
ngx_http_render_text_take(rn_s3_request *request, int64_t at, const void *data,
    size_t n)
{
    u_char                  *p;
    ngx_http_render_text_t  *t = request->data;

    if (at == 0) {                          /* maybe once more */
        t->len = 0;
    }

    if (n == 0) {
        return true;
    }

    if (at + n > NGX_HTTP_RENDER_TEXT_MAX) {
        return false;
    }

    p = realloc(t->body, at + n);
    if (p == NULL) {
        return false;
    }

    ngx_memcpy(p + at, data, n);
    t->body = p;
    t->len = at + n;

    return true;
}


/* Called by the client, under whose hands no request may end. */

static void
ngx_http_render_text_done(rn_s3_request *request)
{
    ngx_http_render_text_t *t = request->data;

    ngx_post_event(&t->came, &ngx_posted_events);
}


void
ngx_http_render_s3_text(ngx_http_request_t *r, ngx_str_t *key,
    ngx_str_t *disposition)
{
    ngx_http_cleanup_t      *cln;
    ngx_http_render_text_t  *t;

    t = ngx_pcalloc(r->pool, sizeof(ngx_http_render_text_t));
    cln = t != NULL && key->len < sizeof(t->key) ? ngx_http_cleanup_add(r, 0)
                                                 : NULL;
    if (cln == NULL) {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    (void) ngx_cpystrn((u_char *) t->key, key->data, key->len + 1);

    t->r = r;

    if (disposition != NULL) {
        t->disposition = *disposition;
    }

    t->request.method = "GET";
    t->request.key = t->key;
    t->request.take = ngx_http_render_text_take;
    t->request.done = ngx_http_render_text_done;
    t->request.data = t;

    ngx_http_render_set_event(&t->came, ngx_http_render_text_answer, t);
    ngx_http_render_set_event(&t->guard, ngx_http_render_text_guard, t);
    ngx_add_timer(&t->guard, NGX_HTTP_RENDER_TEXT_GUARD);

    cln->handler = ngx_http_render_text_cleanup;
    cln->data = t;

    if (ngx_http_render_watch_client(r) != NGX_OK) {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    rn_s3_request_start(ngx_http_render_s3_client(ngx_http_render_process->s3),
                        &t->request);
    ngx_http_render_s3_kick(ngx_http_render_process->s3);
}
