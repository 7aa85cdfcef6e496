/*
 * GET /metrics: asks SQL for the queue, for a second at the most, and answers
 * in the format that Accept prefers.  Neither PostgreSQL nor Redis is needed.
 */

#include "ngx_http_render.h"


#define NGX_HTTP_RENDER_METRICS_WAIT  1000      /* ms */


typedef struct {
    ngx_http_request_t  *r;
    ngx_event_t          timer;
} ngx_http_render_scrape_t;


/* Which of the two: the weights of Accept, RFC 9110, section 12.5.1 */


static void
ngx_http_render_trim(ngx_str_t *s)
{
    while (s->len > 0 && (s->data[0] == ' ' || s->data[0] == '\t')) {
        s->data++;
        s->len--;
    }

    while (s->len > 0 && (s->data[s->len - 1] == ' '
                          || s->data[s->len - 1] == '\t'))
    {
        s->len--;
    }
}


/* Cuts off what stands before the next `c`, without blanks around it. */

static ngx_str_t
ngx_http_render_next(ngx_str_t *rest, u_char c)
{
    u_char     *end;
    ngx_str_t   part;

    part = *rest;
    end = ngx_strlchr(part.data, part.data + part.len, c);

    if (end != NULL) {
        part.len = end - part.data;
        rest->data = end + 1;
        rest->len -= part.len + 1;
    } else {
        rest->len = 0;
    }

    ngx_http_render_trim(&part);

    return part;
}


static ngx_uint_t
ngx_http_render_is(ngx_str_t *s, const char *text)
{
    return s->len == ngx_strlen(text)
           && ngx_strncasecmp(s->data, (u_char *) text, s->len) == 0;
}


/* The weight of a media range, times 1000; 0 where it wants another version. */

static ngx_int_t
ngx_http_render_weight(ngx_str_t *params, const char *version)
{
    ngx_int_t  q;
    ngx_str_t  p;

    q = 1000;

    while (params->len > 0) {
        p = ngx_http_render_next(params, ';');

        if (p.len > 2 && ngx_strncasecmp(p.data, (u_char *) "q=", 2) == 0) {
            q = ngx_atofp(p.data + 2, p.len - 2, 3);
            if (q == NGX_ERROR) {
                return 0;
            }

        } else if (p.len > 8
                   && ngx_strncasecmp(p.data, (u_char *) "version=", 8) == 0)
        {
            p.data += 8;
            p.len -= 8;
            if (!ngx_http_render_is(&p, version)) {
                return 0;
            }
        }
    }

    return q;
}


static ngx_uint_t
ngx_http_render_wants_openmetrics(ngx_http_request_t *r)
{
    ngx_int_t   open, text, q;
    ngx_str_t  *accept, rest, item, type;

    accept = ngx_http_render_find_header(r, "Accept");
    if (accept == NULL) {
        return 0;
    }

    rest = *accept;
    open = text = 0;

    while (rest.len > 0) {
        item = ngx_http_render_next(&rest, ',');
        type = ngx_http_render_next(&item, ';');

        if (ngx_http_render_is(&type, "application/openmetrics-text")) {
            q = ngx_http_render_weight(&item, "1.0.0");
            open = ngx_max(open, q);

        } else if (ngx_http_render_is(&type, "text/plain")) {
            q = ngx_http_render_weight(&item, "0.0.4");
            text = ngx_max(text, q);
        }
    }

    return open > 0 && open >= text;
}


static void
ngx_http_render_metrics_send(ngx_http_request_t *r, ngx_str_t *sql)
{
    ngx_str_t   body, value;
    ngx_uint_t  openmetrics;

    openmetrics = ngx_http_render_wants_openmetrics(r);

    if (ngx_http_render_metrics_text(r->pool, openmetrics, sql, &body)
        != NGX_OK)
    {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    ngx_str_set(&value, "Accept");
    (void) ngx_http_render_header(r, "Vary", &value);

    ngx_http_render_send(r, NGX_HTTP_OK, openmetrics
        ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
        : "text/plain; version=0.0.4; charset=utf-8", &body);
}


static void
ngx_http_render_scrape_cleanup(void *data)
{
    ngx_http_render_scrape_t *s = data;

    if (s->timer.timer_set) {
        ngx_del_timer(&s->timer);
    }
}


/* PostgreSQL has not answered: without it, and its answer goes nowhere. */

static void
ngx_http_render_scrape_timer(ngx_event_t *ev)
{
    ngx_str_t                  none = ngx_null_string;
    ngx_connection_t          *c;
    ngx_http_request_t        *r;
    ngx_http_render_ctx_t     *ctx;
    ngx_http_render_scrape_t  *s = ev->data;

    r = s->r;
    c = r->connection;
    ctx = ngx_http_get_module_ctx(r, ngx_http_render_module);

    if (ctx->query != NULL) {
        ctx->query->data = NULL;
        ctx->query = NULL;
    }

    ngx_http_set_log_request(c->log, r);
    ngx_http_render_metrics_send(r, &none);
    ngx_http_render_wake(c);
}


static void
ngx_http_render_scraped(ngx_http_request_t *r, ngx_http_render_answer_t *a)
{
    ngx_str_t               sql = ngx_null_string;
    ngx_http_render_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_render_module);
    ngx_http_render_scrape_cleanup(ctx->state);

    if (!a->failed && a->status == NGX_HTTP_OK) {
        sql = a->body;
    }

    ngx_http_render_metrics_send(r, &sql);
}


void
ngx_http_render_metrics(ngx_http_request_t *r)
{
    ngx_http_cleanup_t        *cln;
    ngx_http_render_ctx_t     *ctx;
    ngx_http_render_scrape_t  *s;

    ctx = ngx_http_get_module_ctx(r, ngx_http_render_module);

    s = ngx_pcalloc(r->pool, sizeof(ngx_http_render_scrape_t));
    cln = s != NULL ? ngx_http_cleanup_add(r, 0) : NULL;

    if (cln == NULL || ngx_http_render_shm == NULL) {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    s->r = r;
    s->timer.handler = ngx_http_render_scrape_timer;
    s->timer.data = s;
    s->timer.log = ngx_cycle->log;
    cln->handler = ngx_http_render_scrape_cleanup;
    cln->data = s;
    ctx->state = s;

    ngx_add_timer(&s->timer, NGX_HTTP_RENDER_METRICS_WAIT);

    ngx_http_render_call(r, ngx_http_render_sql_metrics,
                         ngx_http_render_scraped);
}
