/*
 * Answers: JSON, problem+json (RFC 9457), signed redirects, and the headers
 * that every answer carries.  Each of them ends the request.
 */

#include "ngx_http_render.h"


ngx_str_t
ngx_http_render_dup(ngx_pool_t *pool, const char *s, size_t len)
{
    ngx_str_t  copy;

    copy.len = 0;
    copy.data = ngx_pnalloc(pool, len + 1);

    if (copy.data != NULL) {
        ngx_memcpy(copy.data, s, len);
        copy.data[len] = '\0';
        copy.len = len;
    }

    return copy;
}


ngx_int_t
ngx_http_render_header(ngx_http_request_t *r, const char *name,
    ngx_str_t *value)
{
    size_t            i;
    ngx_table_elt_t  *h;

    for (i = 0; i < value->len; i++) {
        if (value->data[i] < 0x20) {        /* never a second header */
            return NGX_ERROR;
        }
    }

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    h->hash = 1;
#if (nginx_version >= 1023000)
    h->next = NULL;
#endif
    h->key = ngx_http_render_dup(r->pool, name, ngx_strlen(name));
    h->value = *value;

    /*
     * A Location is not made known to nginx, which would make it absolute by
     * the Host that the client claims.
     */

    return NGX_OK;
}


static void
ngx_http_render_common_headers(ngx_http_request_t *r)
{
    ngx_str_t               value;
    ngx_http_render_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_render_module);

    if (ctx != NULL && ctx->id.len != 0) {
        (void) ngx_http_render_header(r, "X-Request-Id", &ctx->id);
    }

    ngx_str_set(&value, "nosniff");
    (void) ngx_http_render_header(r, "X-Content-Type-Options", &value);

    ngx_str_set(&value, "private, no-store");
    (void) ngx_http_render_header(r, "Cache-Control", &value);

    /* shown in a browser, an answer must not be able to do anything */

    ngx_str_set(&value, "default-src 'none'; frame-ancestors 'none'");
    (void) ngx_http_render_header(r, "Content-Security-Policy", &value);

    /* If-Match is SQL's to judge: nginx would hold it against the answer */

    r->disable_not_modified = 1;
}


void
ngx_http_render_send(ngx_http_request_t *r, ngx_uint_t status,
    const char *type, ngx_str_t *body)
{
    ngx_int_t    rc;
    ngx_buf_t   *b;
    ngx_chain_t  out;

    /* a body that was not read must not be taken for the next request */

    if (r->request_body == NULL) {
        if (r->headers_in.expect != NULL && !r->expect_tested) {
            r->expect_tested = 1;           /* it need not be sent at all */
            r->keepalive = 0;
        }

        rc = ngx_http_discard_request_body(r);
        if (rc != NGX_OK) {
            ngx_http_finalize_request(r, rc);
            return;
        }
    }

    ngx_http_render_common_headers(r);

    /* RFC 9110, section 15.5.2: whoever refuses says how to sign in */

    if (status == NGX_HTTP_UNAUTHORIZED
        && r->headers_out.www_authenticate == NULL)
    {
        (void) ngx_http_render_challenge(r, r->headers_in.authorization
                                            != NULL);
    }

    r->headers_out.status = status;

    if (status == NGX_HTTP_NO_CONTENT) {
        r->header_only = 1;

    } else {
        r->headers_out.content_length_n = body->len;
        r->headers_out.content_type.data = (u_char *) type;
        r->headers_out.content_type.len = ngx_strlen(type);
        r->headers_out.content_type_len = r->headers_out.content_type.len;
        r->headers_out.content_type_lowcase = NULL;
    }

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        ngx_http_finalize_request(r, rc);
        return;
    }

    if (body->len == 0) {
        ngx_http_finalize_request(r, ngx_http_send_special(r, NGX_HTTP_LAST));
        return;
    }

    b = ngx_create_temp_buf(r->pool, body->len);
    if (b == NULL) {
        ngx_http_finalize_request(r, NGX_ERROR);
        return;
    }

    b->last = ngx_cpymem(b->last, body->data, body->len);
    b->last_buf = (r == r->main);
    b->last_in_chain = 1;
    out.buf = b;
    out.next = NULL;

    ngx_http_finalize_request(r, ngx_http_output_filter(r, &out));
}


void
ngx_http_render_send_json(ngx_http_request_t *r, ngx_uint_t status,
    ngx_str_t *body)
{
    ngx_http_render_send(r, status, "application/json", body);
}


void
ngx_http_render_no_content(ngx_http_request_t *r)
{
    ngx_str_t  body = ngx_null_string;

    ngx_http_render_send(r, NGX_HTTP_NO_CONTENT, NULL, &body);
}


static void
ngx_http_render_unavailable_header(ngx_http_request_t *r)
{
    ngx_str_t  value;

    ngx_str_set(&value, "2");
    (void) ngx_http_render_header(r, "Retry-After", &value);
}


void
ngx_http_render_problem(ngx_http_request_t *r, ngx_uint_t status,
    const char *title, const char *detail, json_t *errors)
{
    char                   *text;
    json_t                 *j;
    ngx_str_t               body;
    ngx_http_render_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_render_module);

    j = json_pack("{s:s, s:s, s:i, s:s, s:s%, s:o*}", "type", "about:blank",
                  "title", title, "status", (int) status, "detail", detail,
                  "instance", ctx ? (char *) ctx->id.data : "",
                  ctx ? ctx->id.len : 0, "errors", errors);
    text = j != NULL ? json_dumps(j, JSON_COMPACT) : NULL;
    json_decref(j);

    if (text == NULL) {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    if (status == NGX_HTTP_SERVICE_UNAVAILABLE
        || status == NGX_HTTP_TOO_MANY_REQUESTS)
    {
        ngx_http_render_unavailable_header(r);
    }

    body = ngx_http_render_dup(r->pool, text, ngx_strlen(text));
    free(text);

    ngx_http_render_send(r, status, "application/problem+json", &body);
}


/* Headers that the SQL function wants, an object of strings. */

static void
ngx_http_render_sql_headers(ngx_http_request_t *r, ngx_str_t *text)
{
    json_t      *j, *v;
    ngx_str_t    value;
    const char  *name;

    ngx_http_render_loc_conf_t  *lcf;

    if (text->len == 0) {
        return;
    }

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_render_module);
    j = json_loadb((char *) text->data, text->len, 0, NULL);

    json_object_foreach(j, name, v) {
        if (!json_is_string(v)) {
            continue;
        }

        if (ngx_strcmp(name, "Location") == 0 && lcf->prefix.len != 0) {
            value.len = lcf->prefix.len + json_string_length(v);
            value.data = ngx_pnalloc(r->pool, value.len);
            if (value.data == NULL) {
                break;
            }
            (void) ngx_sprintf(value.data, "%V%s", &lcf->prefix,
                               json_string_value(v));
        } else {
            value = ngx_http_render_dup(r->pool, json_string_value(v),
                                        json_string_length(v));
        }

        (void) ngx_http_render_header(r, name, &value);
    }

    json_decref(j);
}


/* The storage key of a result becomes a signed link. */

static void
ngx_http_render_redirect(ngx_http_request_t *r, ngx_http_render_answer_t *a)
{
    char                          mac[64];
    time_t                        expires;
    u_char                       *p, *slash, *end;
    ngx_str_t                     url, body, *key;
    ngx_uint_t                    steps;
    ngx_http_render_loc_conf_t   *lcf;
    ngx_http_render_main_conf_t  *mcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_render_module);
    mcf = ngx_http_get_module_main_conf(r, ngx_http_render_module);
    key = mcf->link_keys->elts;

    end = a->redirect.data + a->redirect.len;
    slash = a->redirect.data;

    for (steps = 0; slash < end; slash++) {
        if (*slash == '/' && ++steps == 3) {
            break;
        }
    }

    if (steps != 3) {
        ngx_http_render_problem(r, 500, "Internal error",
                                "the result lies at no known place", NULL);
        return;
    }

    expires = ngx_time() + mcf->link_ttl;
    rn_link_sign(key[0].data, key[0].len, expires, (char *) a->redirect.data,
                 slash - a->redirect.data, mac);

    url.data = ngx_pnalloc(r->pool, lcf->prefix.len + sizeof("/d//") + 64
                                    + a->redirect.len);
    if (url.data == NULL) {
        ngx_http_finalize_request(r, NGX_ERROR);
        return;
    }

    p = ngx_sprintf(url.data, "%V/d/%s/%V", &lcf->prefix, mac, &a->redirect);
    url.len = p - url.data;

    if (a->status != NGX_HTTP_OK) {
        (void) ngx_http_render_header(r, "Location", &url);
        ngx_str_null(&body);
        ngx_http_render_send(r, a->status, "application/json", &body);
        return;
    }

    body.data = ngx_pnalloc(r->pool, url.len + 96);
    if (body.data == NULL) {
        ngx_http_finalize_request(r, NGX_ERROR);
        return;
    }

    {
        ngx_tm_t  tm;

        ngx_gmtime(expires, &tm);
        p = ngx_sprintf(body.data, "{\"url\":\"%V\",\"expires_at\":"
                        "\"%4d-%02d-%02dT%02d:%02d:%02d.000Z\"}", &url,
                        tm.ngx_tm_year, tm.ngx_tm_mon, tm.ngx_tm_mday,
                        tm.ngx_tm_hour, tm.ngx_tm_min, tm.ngx_tm_sec);
    }

    body.len = p - body.data;
    ngx_http_render_send_json(r, NGX_HTTP_OK, &body);
}


void
ngx_http_render_answer(ngx_http_request_t *r, ngx_http_render_answer_t *a)
{
    if (a->failed) {
        ngx_http_render_problem(r, a->failed,
            a->failed == 422 ? "Unprocessable"
            : a->failed == 503 ? "Service unavailable" : "Internal error",
            a->why, NULL);
        return;
    }

    ngx_http_render_effects(&a->effects);
    ngx_http_render_sql_headers(r, &a->headers);

    if (a->redirect.len != 0) {
        ngx_http_render_redirect(r, a);
        return;
    }

    ngx_http_render_send(r, a->status, a->status < 400 ? "application/json"
                                       : "application/problem+json", &a->body);
}
