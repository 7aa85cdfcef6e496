/*
 * Answers: JSON, problem+json (RFC 9457), signed redirects, and the headers
 * that every answer carries.  Each of them ends the request.
 */

#include "ngx_http_render_s3.h"
#include "rn_json.h"


#define NGX_HTTP_RENDER_KEEP  4096      /* bytes: less is copied */


ngx_str_t
ngx_http_render_dup(ngx_pool_t *pool, const char *s, size_t len)
{
    ngx_str_t  copy;

    copy.len = 0;
    copy.data = ngx_pnalloc(pool, len + 1);

    if (copy.data != NULL) {
        if (len != 0) {                     /* of nothing, s may be NULL */
            ngx_memcpy(copy.data, s, len);
        }
        copy.data[len] = '\0';
        copy.len = len;
    }

    return copy;
}


static ngx_int_t
ngx_http_render_header_add(ngx_http_request_t *r, const ngx_str_t *name,
    const ngx_str_t *value)
{
    ngx_table_elt_t  *h;

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    h->hash = 1;
#if (nginx_version >= 1023000)
    h->next = NULL;
#endif
    h->key = *name;
    h->value = *value;

    /*
     * A Location is not made known to nginx, which would make it absolute by
     * the Host that the client claims.
     */

    return NGX_OK;
}


ngx_int_t
ngx_http_render_header(ngx_http_request_t *r, const char *name,
    ngx_str_t *value)
{
    size_t     i;
    ngx_str_t  key;

    for (i = 0; i < value->len; i++) {
        if (value->data[i] < 0x20) {        /* never a second header */
            return NGX_ERROR;
        }
    }

    key.data = (u_char *) name;
    key.len = ngx_strlen(name);

    return ngx_http_render_header_add(r, &key, value);
}


static void
ngx_http_render_common_headers(ngx_http_request_t *r)
{
    ngx_uint_t              i;
    ngx_http_render_ctx_t  *ctx;

    static const ngx_str_t  id = ngx_string("X-Request-Id");

    static const struct {
        ngx_str_t           name, value;
    } always[] = {
        { ngx_string("X-Content-Type-Options"), ngx_string("nosniff") },

        { ngx_string("Cache-Control"), ngx_string("private, no-store") },

        /* shown in a browser, an answer must not be able to do anything */

        { ngx_string("Content-Security-Policy"),
          ngx_string("default-src 'none'; frame-ancestors 'none'") }
    };

    ctx = ngx_http_get_module_ctx(r, ngx_http_render_module);

    if (ctx != NULL && ctx->id.len != 0) {
        (void) ngx_http_render_header_add(r, &id, &ctx->id);
    }

    for (i = 0; i < sizeof(always) / sizeof(always[0]); i++) {
        (void) ngx_http_render_header_add(r, &always[i].name,
                                          &always[i].value);
    }

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

    b = ngx_calloc_buf(r->pool);
    if (b == NULL) {
        ngx_http_finalize_request(r, NGX_ERROR);
        return;
    }

    b->start = b->pos = body->data;
    b->end = b->last = body->data + body->len;
    b->memory = 1;
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


/* Text and what it is in JSON; RN_JSON_BAD: it cannot be. */

typedef struct {
    const char              *s;
    size_t                   n, len;
} ngx_http_render_text_t;


static size_t
ngx_http_render_text(ngx_http_render_text_t *t, const void *s, size_t n)
{
    t->s = s;
    t->n = n;
    t->len = rn_json_length(s, n);

    return t->len;
}


static ngx_int_t
ngx_http_render_problem_body(ngx_http_request_t *r, ngx_uint_t status,
    const char *title, const char *detail, const char *errors,
    ngx_str_t *body)
{
    char                    *p;
    ngx_http_render_ctx_t   *ctx;
    ngx_http_render_text_t   t, d, id;

    ctx = ngx_http_get_module_ctx(r, ngx_http_render_module);

    if (ngx_http_render_text(&t, title, ngx_strlen(title)) == RN_JSON_BAD
        || ngx_http_render_text(&d, detail, ngx_strlen(detail)) == RN_JSON_BAD
        || ngx_http_render_text(&id, ctx ? ctx->id.data : (u_char *) "",
                                ctx ? ctx->id.len : 0) == RN_JSON_BAD)
    {
        return NGX_ERROR;
    }

    body->data = ngx_pnalloc(r->pool, 128 + t.len + d.len + id.len
                                      + (errors ? ngx_strlen(errors) : 0));
    if (body->data == NULL) {
        return NGX_ERROR;
    }

    p = (char *) ngx_cpymem(body->data, "{\"type\":\"about:blank\",\"title\":\"",
                            sizeof("{\"type\":\"about:blank\",\"title\":\"")
                            - 1);
    p = rn_json_escape(p, t.s, t.n);
    p = (char *) ngx_sprintf((u_char *) p, "\",\"status\":%ui,\"detail\":\"",
                             status);
    p = rn_json_escape(p, d.s, d.n);
    p = (char *) ngx_cpymem(p, "\",\"instance\":\"",
                            sizeof("\",\"instance\":\"") - 1);
    p = rn_json_escape(p, id.s, id.n);
    *p++ = '"';

    if (errors != NULL) {
        p = (char *) ngx_sprintf((u_char *) p, ",\"errors\":%s", errors);
    }

    *p++ = '}';
    body->len = (u_char *) p - body->data;

    return NGX_OK;
}


void
ngx_http_render_problem(ngx_http_request_t *r, ngx_uint_t status,
    const char *title, const char *detail, json_t *errors)
{
    char       *text;
    ngx_int_t   rc;
    ngx_str_t   body;

    text = errors != NULL ? json_dumps(errors, JSON_COMPACT) : NULL;

    rc = errors == NULL || text != NULL
         ? ngx_http_render_problem_body(r, status, title, detail, text, &body)
         : NGX_ERROR;

    json_decref(errors);
    free(text);

    if (rc != NGX_OK) {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    if (status == NGX_HTTP_SERVICE_UNAVAILABLE
        || status == NGX_HTTP_TOO_MANY_REQUESTS)
    {
        ngx_http_render_unavailable_header(r);
    }

    ngx_http_render_send(r, status, "application/problem+json", &body);
}


/* Headers that the SQL function wants, an object of strings. */

static void
ngx_http_render_sql_headers(ngx_http_request_t *r, ngx_str_t *text)
{
    json_t      *j, *v;
    ngx_str_t    value, key;
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

        key = ngx_http_render_dup(r->pool, name, ngx_strlen(name));

        if (key.data == NULL) {
            break;
        }

        (void) ngx_http_render_header(r, (char *) key.data, &value);
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
    ngx_str_t                     url, body, name, *key;
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

    /* who watches a stream asks with the same link until its end */

    expires = ngx_time() + mcf->link_ttl;

    if (a->redirect.len > 5
        && ngx_strncmp(end - 5, ".m3u8", 5) == 0)
    {
        expires = ngx_time() + ngx_max(mcf->link_ttl,
                                       NGX_HTTP_RENDER_STREAM_TTL);
    }

    if (mcf->s3 != NULL && !ngx_http_render_result_is_own(&a->redirect)) {
        name = ngx_http_render_result_disposition(r);
        url = ngx_http_render_s3_link(r, &a->redirect, mcf->link_ttl,
                                      ngx_http_render_result_type(&a->redirect),
                                      (char *) name.data);
        if (url.data == NULL) {
            ngx_http_finalize_request(r, NGX_ERROR);
            return;
        }

    } else {
        rn_link_sign(key[0].data, key[0].len, expires,
                     (char *) a->redirect.data, slash - a->redirect.data, mac);

        name = ngx_http_render_param(r, "download");
        url.data = ngx_pnalloc(r->pool, lcf->prefix.len + sizeof("/d//") + 64
                                        + a->redirect.len
                                        + sizeof("?download=") + 3 * name.len);
        if (url.data == NULL) {
            ngx_http_finalize_request(r, NGX_ERROR);
            return;
        }

        p = ngx_sprintf(url.data, "%V/d/%s/%V", &lcf->prefix, mac,
                        &a->redirect);

        if (name.len != 0) {
            p = ngx_cpymem(p, "?download=", sizeof("?download=") - 1);
            p = (u_char *) ngx_escape_uri(p, name.data, name.len,
                                          NGX_ESCAPE_URI_COMPONENT);
        }

        url.len = p - url.data;
    }

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
    ngx_str_t  body;

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

    /* a large body stays where libpq has put it */

    body = a->body;

    if (body.len != 0
        && (body.len < NGX_HTTP_RENDER_KEEP
            || ngx_http_render_keep(r, a) != NGX_OK))
    {
        body = ngx_http_render_dup(r->pool, (char *) a->body.data,
                                   a->body.len);
        if (body.data == NULL) {
            ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
            return;
        }
    }

    ngx_http_render_send(r, a->status, a->status < 400 ? "application/json"
                                       : "application/problem+json", &body);
}
