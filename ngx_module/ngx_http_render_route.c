/*
 * What is the same for every row of the route table: the request id, who is
 * calling, the parameters, the body, and the one SQL call.
 */

#include "ngx_http_render.h"
#include "rn_form.h"
#include "rn_header.h"
#include "rn_id.h"
#include "rn_query.h"

#include <openssl/crypto.h>
#include <sys/random.h>


static void ngx_http_render_body_handler(ngx_http_request_t *r);


ngx_str_t
ngx_http_render_param(ngx_http_request_t *r, const char *name)
{
    ngx_uint_t              i;
    ngx_str_t               none = ngx_null_string;
    ngx_http_render_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_render_module);

    for (i = 0; i < ctx->nparams; i++) {
        if (ctx->params[i].name.len == ngx_strlen(name)
            && ngx_strncmp(ctx->params[i].name.data, name,
                           ctx->params[i].name.len) == 0)
        {
            return ctx->params[i].value;
        }
    }

    return none;
}


void
ngx_http_render_add_param(ngx_http_render_ctx_t *ctx, u_char *name,
    size_t name_len, u_char *value, size_t value_len)
{
    ngx_http_render_param_t  *p;

    if (ctx->nparams == NGX_HTTP_RENDER_MAX_PARAMS) {
        return;
    }

    p = &ctx->params[ctx->nparams++];
    p->name.data = name;
    p->name.len = name_len;
    p->value.data = value;
    p->value.len = value_len;
}


void
ngx_http_render_set_param(ngx_http_request_t *r, const char *name,
    ngx_str_t value)
{
    size_t                  len;
    ngx_uint_t              i;
    ngx_http_render_ctx_t  *ctx;

    len = ngx_strlen(name);
    ctx = ngx_http_get_module_ctx(r, ngx_http_render_module);

    for (i = 0; i < ctx->nparams; i++) {
        if (ctx->params[i].name.len == len
            && ngx_strncmp(ctx->params[i].name.data, name, len) == 0)
        {
            break;
        }
    }

    if (i == ctx->nparams) {
        i = ctx->nparams < NGX_HTTP_RENDER_MAX_PARAMS ? ctx->nparams++
                                                      : ctx->nparams - 1;
    }

    ctx->params[i].name.data = (u_char *) name;
    ctx->params[i].name.len = len;
    ctx->params[i].value = value;
}


/*
 * The query string; names are kept as they are, values are decoded.  What the
 * path has named stays: rights are asked for that, and for nothing else.
 */

static ngx_int_t
ngx_http_render_query_params(ngx_http_request_t *r, ngx_http_render_ctx_t *ctx)
{
    char            *value;
    size_t           len;
    ngx_uint_t       i, npath;
    const char      *p;
    rn_query_field   f;

    npath = ctx->nparams;
    p = (char *) r->args.data;
    len = r->args.len;

    while (rn_query_next(&p, &len, &f)) {

        for (i = 0; i < npath; i++) {
            if (ctx->params[i].name.len == f.name_len
                && ngx_strncmp(ctx->params[i].name.data, f.name, f.name_len)
                   == 0)
            {
                break;
            }
        }

        if (i < npath) {
            continue;
        }

        value = ngx_pnalloc(r->pool, f.value_len + 1);
        if (value == NULL) {
            return NGX_ERROR;
        }

        ngx_http_render_add_param(ctx, (u_char *) f.name, f.name_len,
                                  (u_char *) value,
                                  rn_query_decode(f.value, f.value_len, value));
    }

    return NGX_OK;
}


/* 256 random bytes at a time, which the kernel gives whole: getrandom(2). */

static ngx_int_t
ngx_http_render_new_id(char *uuid)
{
    static ngx_uint_t  left;
    static u_char      bytes[16][RN_UUID_BYTES];

    if (left == 0) {
        if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t) sizeof(bytes)) {
            return NGX_ERROR;
        }
        left = 16;
    }

    rn_uuid_of(bytes[--left], uuid);

    return NGX_OK;
}


/* The caller's id where it is sane, else nginx's own. */

static ngx_int_t
ngx_http_render_request_id(ngx_http_request_t *r, ngx_http_render_ctx_t *ctx)
{
    ngx_str_t  *given;
    char        uuid[RN_UUID_LEN + 1];

    given = ngx_http_render_find_header(r, "X-Request-Id");

    if (given != NULL && rn_is_request_id((char *) given->data, given->len)) {
        ctx->id = *given;
        return NGX_OK;
    }

    if (ngx_http_render_new_id(uuid) != NGX_OK) {
        return NGX_ERROR;
    }

    ctx->id = ngx_http_render_dup(r->pool, uuid, RN_UUID_LEN);

    return ctx->id.data != NULL ? NGX_OK : NGX_ERROR;
}


/* Of printable ASCII, as its draft standard has it; SQL minds its length. */

static ngx_uint_t
ngx_http_render_key_ok(ngx_http_request_t *r)
{
    ngx_str_t  *key;

    key = ngx_http_render_find_header(r, "Idempotency-Key");

    return key == NULL || rn_is_printable((char *) key->data, key->len);
}


static void
ngx_http_render_cleanup(void *data)
{
    ngx_http_render_ctx_t *ctx = data;

    if (ctx->query != NULL) {               /* the answer goes nowhere */
        ctx->query->data = NULL;
        ctx->query = NULL;
    }

    json_decref(ctx->json);
    json_decref(ctx->extra);
    ctx->json = ctx->extra = NULL;
}


static ngx_http_render_ctx_t *
ngx_http_render_new_ctx(ngx_http_request_t *r)
{
    ngx_http_cleanup_t     *cln;
    ngx_http_render_ctx_t  *ctx;

    ctx = ngx_pcalloc(r->pool, sizeof(ngx_http_render_ctx_t));
    if (ctx == NULL) {
        return NULL;
    }

    cln = ngx_http_cleanup_add(r, 0);
    if (cln == NULL) {
        return NULL;
    }

    cln->handler = ngx_http_render_cleanup;
    cln->data = ctx;
    ctx->cleanup = cln;
    ngx_http_set_ctx(r, ctx, ngx_http_render_module);

    return ctx;
}


/* 404, 405, or what an OPTIONS is told. */

static void
ngx_http_render_no_route(ngx_http_request_t *r, ngx_uint_t allowed)
{
    u_char     *buf;
    ngx_str_t   value;

    if (allowed == 0) {
        ngx_http_render_problem(r, 404, "Not found",
                                "there is nothing at this path", NULL);
        return;
    }

    buf = ngx_pnalloc(r->pool, 64);
    if (buf == NULL) {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    value = ngx_http_render_allow(buf, allowed);
    (void) ngx_http_render_header(r, "Allow", &value);

    if (r->method == NGX_HTTP_OPTIONS) {
        ngx_http_render_no_content(r);
        return;
    }

    ngx_http_render_problem(r, 405, "Method not allowed",
                            "this path does not take this method", NULL);
}


/*
 * Who is calling, and may they.  A stale cookie is no reason to refuse what
 * strangers may read; a bad Authorization header always is.
 */

static ngx_int_t
ngx_http_render_admit(ngx_http_request_t *r, ngx_http_render_ctx_t *ctx)
{
    ngx_str_t                       ticket, want;
    const ngx_http_render_route_t  *route = ctx->route;

    ctx->identity = ngx_http_render_identify(r);

    if (ctx->identity == NULL) {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return NGX_ERROR;
    }

    if (route->resource == NGX_HTTP_RENDER_PROGRESS
        && r->headers_in.authorization == NULL)
    {
        ticket = ngx_http_render_param(r, "ticket");

        if (ticket.len != 0) {
            ngx_http_render_take_ticket(r, ctx->identity, &ticket);
        }
    }

    if (route->who == ngx_http_render_anyone) {

        /* a page of another site could sign its visitors in as somebody else */

        want = ngx_http_render_param(r, "cookie");

        if (route->resource == NGX_HTTP_RENDER_AUTH && want.len != 0
            && !ngx_http_render_origin_ok(r, 1))
        {
            ngx_http_render_problem(r, 403, "Forbidden", "a cookie is only "
                                    "given to pages of this host", NULL);
            return NGX_ERROR;
        }

        return NGX_OK;
    }

    if (!ctx->identity->valid) {
        if (route->who == ngx_http_render_reader
            && (ctx->identity->by_cookie || !ctx->identity->given))
        {
            return NGX_OK;
        }

        (void) ngx_http_render_unauthorized(r);
        return NGX_ERROR;
    }

    /* a page of another site could use the cookie of ours */

    if (ctx->identity->by_cookie
        && (r->method & (NGX_HTTP_POST|NGX_HTTP_PUT|NGX_HTTP_PATCH
                         |NGX_HTTP_DELETE))
        && !ngx_http_render_origin_ok(r, 1))
    {
        ngx_http_render_problem(r, 403, "Forbidden", "a cookie is only taken "
                                "from pages of this host", NULL);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static void
ngx_http_render_dispatch(ngx_http_request_t *r, ngx_http_render_ctx_t *ctx,
    ngx_str_t *path)
{
    ngx_int_t                    rc;
    ngx_uint_t                   allowed;
    ngx_http_render_loc_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_render_module);
    ctx->route = ngx_http_render_find_route(r, ctx, lcf->api, path, &allowed);
    ngx_http_render_note(r);

    if (ctx->route == NULL) {
        ngx_http_render_no_route(r, allowed);
        return;
    }

    if (ngx_http_render_query_params(r, ctx) != NGX_OK) {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    if (ngx_http_render_admit(r, ctx) != NGX_OK) {
        return;
    }

    if (!ngx_http_render_key_ok(r)) {
        ngx_http_render_problem(r, 422, "Bad Idempotency-Key",
                                "Idempotency-Key must be printable ASCII",
                                NULL);
        return;
    }

    switch (ctx->route->body) {

    case ngx_http_render_body_none:
        rc = ngx_http_discard_request_body(r);
        if (rc != NGX_OK) {
            ngx_http_finalize_request(r, rc);
            return;
        }

        /* fall through */

    case ngx_http_render_body_own:
        ngx_http_render_proceed(r);
        return;

    default:
        ngx_http_render_read_body(r, ctx->route->body);
    }
}


ngx_int_t
ngx_http_render_api_handler(ngx_http_request_t *r)
{
    ngx_str_t                    path;
    ngx_http_render_ctx_t       *ctx;
    ngx_http_render_loc_conf_t  *lcf;

    if (ngx_http_render_process == NULL) {
        return NGX_HTTP_SERVICE_UNAVAILABLE;
    }

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_render_module);
    ctx = ngx_http_render_new_ctx(r);

    if (ctx == NULL || ngx_http_render_request_id(r, ctx) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    path = r->uri;

    if (lcf->prefix.len != 0) {
        if (path.len < lcf->prefix.len
            || ngx_strncmp(path.data, lcf->prefix.data, lcf->prefix.len) != 0)
        {
            return NGX_HTTP_NOT_FOUND;
        }
        path.data += lcf->prefix.len;
        path.len -= lcf->prefix.len;
    }

    /* from here on everything ends with a finalize of its own */

    r->main->count++;
    ngx_http_render_dispatch(r, ctx, &path);

    return NGX_DONE;
}


static void
ngx_http_render_too_large(ngx_http_request_t *r, ngx_http_render_ctx_t *ctx)
{
    ngx_http_render_problem(r, 413, "Body too large",
                            ctx->body_max == NGX_HTTP_RENDER_BODY_MAX
                            ? "a document may hold at most 4 MiB"
                            : "this may hold at most 64 KiB", NULL);
}


/* Reads a body whole; its kind is not always the route's. */

void
ngx_http_render_read_body(ngx_http_request_t *r, ngx_http_render_body_e kind)
{
    ngx_int_t               rc;
    ngx_http_render_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_render_module);
    ctx->body_kind = kind;
    ctx->body_max = kind == ngx_http_render_body_document
                    || kind == ngx_http_render_body_within
                    ? NGX_HTTP_RENDER_BODY_MAX : NGX_HTTP_RENDER_BODY_SMALL;

    if (r->headers_in.content_length_n > ctx->body_max) {
        ngx_http_render_too_large(r, ctx);
        return;
    }

    r->request_body_in_single_buf = 1;
    rc = ngx_http_read_client_request_body(r, ngx_http_render_body_handler);

    if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {
        ngx_http_finalize_request(r, rc);
        return;
    }

    /* the read took a count of its own; one of the two suffices */

    ngx_http_finalize_request(r, NGX_DONE);
}


/* The body in one piece, wherever nginx has put it. */

static ngx_int_t
ngx_http_render_take_body(ngx_http_request_t *r, ngx_http_render_ctx_t *ctx)
{
    off_t         size;
    u_char       *p;
    ssize_t       n;
    ngx_buf_t    *b;
    ngx_chain_t  *cl;

    size = 0;

    if (r->request_body == NULL) {          /* a subrequest without one */
        ngx_str_set(&ctx->body, "");
        return NGX_OK;
    }

    for (cl = r->request_body->bufs; cl; cl = cl->next) {
        size += ngx_buf_size(cl->buf);
    }

    /* some may have been dropped, or another module have read it */

    if (ctx->body_seen > ctx->body_max || size > ctx->body_max) {
        return NGX_DECLINED;
    }

    ctx->body.data = p = ngx_pnalloc(r->pool, size + 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    for (cl = r->request_body->bufs; cl; cl = cl->next) {
        b = cl->buf;

        if (ngx_buf_in_memory(b)) {
            p = ngx_cpymem(p, b->pos, b->last - b->pos);

        } else if (b->in_file) {
            n = ngx_read_file(b->file, p, b->file_last - b->file_pos,
                              b->file_pos);
            if (n != b->file_last - b->file_pos) {
                return NGX_ERROR;
            }
            p += n;
        }
    }

    *p = '\0';
    ctx->body.len = p - ctx->body.data;

    return NGX_OK;
}


/* Whether the body is of this media type, whatever its parameters. */

ngx_uint_t
ngx_http_render_is_type(ngx_http_request_t *r, const char *type)
{
    ngx_str_t  *value;

    if (r->headers_in.content_type == NULL) {
        return 0;
    }

    value = &r->headers_in.content_type->value;

    return rn_is_media_type((char *) value->data, value->len, type);
}


/* The password form of OAuth 2 (RFC 6749, section 4.3.2) as the JSON is. */

static void
ngx_http_render_login_form(ngx_http_request_t *r, ngx_http_render_ctx_t *ctx)
{
    char         name[320], password[256];
    ngx_uint_t   found;
    const char  *why, *text;
    size_t       len;

    text = (char *) ctx->body.data;
    len = ctx->body.len;
    found = rn_form_get(text, len, "username", name, sizeof(name), &why);

    if (!found && why == NULL) {
        found = rn_form_get(text, len, "email", name, sizeof(name), &why);
    }

    if (found) {
        found = rn_form_get(text, len, "password", password, sizeof(password),
                            &why);
    }

    if (!found) {
        ngx_http_render_problem(r, 422, "Unprocessable", why != NULL ? why
                                : "the form needs the fields username and "
                                "password", NULL);
        return;
    }

    ctx->json = json_pack("{s:s, s:s}", "email", name, "password", password);
    OPENSSL_cleanse(password, sizeof(password));

    if (ctx->json == NULL) {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    ngx_http_render_proceed(r);
}


static void
ngx_http_render_body_handler(ngx_http_request_t *r)
{
    char                    detail[200];
    ngx_int_t               rc;
    json_error_t            error;
    ngx_http_render_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_render_module);
    rc = ngx_http_render_take_body(r, ctx);

    if (rc != NGX_OK) {
        if (rc == NGX_DECLINED) {
            ngx_http_render_too_large(r, ctx);
        } else {
            ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        }
        return;
    }

    switch (ctx->body_kind) {

    case ngx_http_render_body_document:
        ngx_http_render_document(r, ngx_http_render_proceed);
        return;

    case ngx_http_render_body_within:
        ngx_http_render_document_within(r);
        return;

    case ngx_http_render_body_maybe:
        if (ctx->body.len == 0) {
            ngx_http_render_proceed(r);
            return;
        }
        break;

    case ngx_http_render_body_login:
        if (ngx_http_render_is_type(r, "application/x-www-form-urlencoded")) {
            ngx_http_render_login_form(r, ctx);
            return;
        }
        break;

    default:
        break;
    }

    ctx->json = json_loadb((char *) ctx->body.data, ctx->body.len,
                           JSON_REJECT_DUPLICATES, &error);

    if (!json_is_object(ctx->json)) {
        (void) snprintf(detail, sizeof(detail), "the body must be a JSON "
                        "object%s%.120s", ctx->json == NULL ? ": " : "",
                        ctx->json == NULL ? error.text : "");
        ngx_http_render_problem(r, 400, "Bad JSON", detail, NULL);
        return;
    }

    ngx_http_render_proceed(r);
}


void
ngx_http_render_proceed(ngx_http_request_t *r)
{
    ngx_http_render_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_render_module);

    if (ctx->route->handler != NULL) {
        ctx->route->handler(r);
        return;
    }

    ngx_http_render_call(r, ctx->route->statement, ngx_http_render_answer);
}
