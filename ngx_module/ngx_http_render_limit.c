/*
 * How long a body may be that is read whole, held against its bytes as they
 * come: a chunked one, or one of HTTP/2, need not say beforehand, and the
 * location's client_max_body_size has to let films through.  What is too much
 * is dropped here and kept nowhere; the answer is given at the end, by
 * ngx_http_render_take_body().
 */

#include "ngx_http_render.h"


static ngx_http_request_body_filter_pt  ngx_http_next_request_body_filter;


static ngx_int_t
ngx_http_render_limit_filter(ngx_http_request_t *r, ngx_chain_t *in)
{
    ngx_chain_t            *cl, *last;
    ngx_http_render_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_render_module);

    if (ctx == NULL || ctx->body_max == 0) {
        return ngx_http_next_request_body_filter(r, in);
    }

    for (cl = in; cl; cl = cl->next) {
        ctx->body_seen += ngx_buf_size(cl->buf);
    }

    if (ctx->body_seen <= ctx->body_max) {
        return ngx_http_next_request_body_filter(r, in);
    }

    last = NULL;                        /* only the mark of the end goes on */

    for (cl = in; cl; cl = cl->next) {
        cl->buf->pos = cl->buf->last;

        if (cl->buf->last_buf) {
            last = cl;
        }
    }

    return ngx_http_next_request_body_filter(r, last);
}


void
ngx_http_render_limit_init(void)
{
    ngx_http_next_request_body_filter = ngx_http_top_request_body_filter;
    ngx_http_top_request_body_filter = ngx_http_render_limit_filter;
}
