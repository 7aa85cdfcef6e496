/*
 * The SQL call of a request: its four arguments (who, params, body, request),
 * and the way back to a request that may have gone meanwhile.
 */

#include "ngx_http_render.h"
#include "rn_header.h"
#include "rn_id.h"

#include <openssl/evp.h>


typedef struct {
    ngx_http_request_t       *r;
    ngx_http_render_done_pt   done;
} ngx_http_render_call_t;


static void
ngx_http_render_called(void *data, ngx_http_render_answer_t *a)
{
    ngx_connection_t        *c;
    ngx_http_request_t      *r;
    ngx_http_render_ctx_t   *ctx;
    ngx_http_render_call_t  *call = data;

    r = call->r;
    c = r->connection;
    ctx = ngx_http_get_module_ctx(r, ngx_http_render_module);
    ctx->query = NULL;

    ngx_http_set_log_request(c->log, r);

    if (a->status == NGX_HTTP_NOT_FOUND && !a->failed && !ctx->identity->valid
        && ctx->route->who == ngx_http_render_reader)
    {
        (void) ngx_http_render_unauthorized(r);     /* it may be there */
    } else {
        call->done(r, a);
    }

    ngx_http_render_wake(c);
}


void
ngx_http_render_add(ngx_http_request_t *r, const char *name, json_t *value)
{
    ngx_http_render_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_render_module);

    if (ctx->extra == NULL) {
        ctx->extra = json_object();
    }

    (void) json_object_set_new(ctx->extra, name, value);
}


static char *
ngx_http_render_arg_who(ngx_http_render_ctx_t *ctx)
{
    char    *text;
    json_t  *j;

    if (!ctx->identity->valid) {
        return NULL;
    }

    j = json_pack("{s:s%, s:s%}", "account", ctx->identity->account.data,
                  ctx->identity->account.len, "role",
                  ctx->identity->role.data, ctx->identity->role.len);
    text = json_dumps(j, JSON_COMPACT);
    json_decref(j);

    return text;
}


static char *
ngx_http_render_arg_params(ngx_http_request_t *r, ngx_http_render_ctx_t *ctx)
{
    char                     *text;
    json_t                   *j, *v;
    ngx_str_t                 name;
    ngx_uint_t                i;
    ngx_http_render_param_t  *p;

    j = json_object();

    for (i = 0; i < ctx->nparams; i++) {
        p = &ctx->params[i];
        name = ngx_http_render_dup(r->pool, (char *) p->name.data, p->name.len);

        if (name.data == NULL
            || json_object_get(j, (char *) name.data) != NULL)
        {
            continue;       /* the first, as in ngx_http_render_param() */
        }

        v = json_stringn((char *) p->value.data, p->value.len);

        /* what is not UTF-8, or holds NUL, cannot name anything here */

        if (v == NULL || ngx_strlchr(p->value.data,
                                     p->value.data + p->value.len, '\0'))
        {
            json_decref(v);
            v = json_string("");
        }

        (void) json_object_set_new(j, (char *) name.data, v);
    }

    text = json_dumps(j, JSON_COMPACT);
    json_decref(j);

    return text;
}


ngx_str_t *
ngx_http_render_find_header(ngx_http_request_t *r, const char *name)
{
    size_t            len;
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    len = ngx_strlen(name);

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        h = part->elts;
        for (i = 0; i < part->nelts; i++) {
            if (h[i].key.len == len
                && ngx_strncasecmp(h[i].key.data, (u_char *) name, len) == 0)
            {
                return &h[i].value;
            }
        }
    }

    return NULL;
}


/*
 * What an Idempotency-Key stands for: path, query and body; of an upload, what
 * the files and fields were.
 */

static json_t *
ngx_http_render_digest(ngx_http_request_t *r, ngx_http_render_ctx_t *ctx)
{
    char            hex[65];
    unsigned char   digest[EVP_MAX_MD_SIZE];
    EVP_MD_CTX     *md;

    md = EVP_MD_CTX_new();

    if (md == NULL || EVP_DigestInit_ex(md, EVP_sha256(), NULL) != 1
        || EVP_DigestUpdate(md, r->uri.data, r->uri.len) != 1
        || EVP_DigestUpdate(md, "?", 1) != 1
        || EVP_DigestUpdate(md, r->args.data, r->args.len) != 1
        || EVP_DigestUpdate(md, "\n", 1) != 1
        || EVP_DigestUpdate(md, ctx->body.data, ctx->body.len) != 1
        || EVP_DigestUpdate(md, ctx->digest, ngx_strlen(ctx->digest)) != 1
        || EVP_DigestFinal_ex(md, digest, NULL) != 1)
    {
        EVP_MD_CTX_free(md);
        return NULL;                        /* SQL refuses a key without it */
    }

    EVP_MD_CTX_free(md);
    rn_hex(digest, 32, hex);

    return json_string(hex);
}


static char *
ngx_http_render_arg_request(ngx_http_request_t *r, ngx_http_render_ctx_t *ctx)
{
    char        *text;
    json_t      *j, *tags;
    ngx_str_t   *key, *trace, *match;

    j = json_pack("{s:s%}", "id", ctx->id.data, ctx->id.len);
    match = ngx_http_render_find_header(r, "If-Match");
    key = ngx_http_render_find_header(r, "Idempotency-Key");
    trace = ngx_http_render_find_header(r, "traceparent");

    if (key != NULL && key->len != 0 && r->method == NGX_HTTP_POST) {
        (void) json_object_set_new(j, "idempotency_key",
                                   json_stringn((char *) key->data, key->len));
        (void) json_object_set_new(j, "body_sha256",
                                   ngx_http_render_digest(r, ctx));
    }

    /* one that cannot be a list of ours matches nothing: "" */

    if (match != NULL) {
        tags = match->len <= 512 ? json_stringn((char *) match->data,
                                                match->len) : NULL;
        (void) json_object_set_new(j, "if_match",
                                   tags != NULL ? tags : json_string(""));
    }

    if (trace != NULL
        && rn_is_traceparent((char *) trace->data, trace->len))
    {
        (void) json_object_set_new(j, "traceparent",
                                   json_stringn((char *) trace->data,
                                                trace->len));
    }

    (void) json_object_update(j, ctx->extra);

    text = json_dumps(j, JSON_COMPACT);
    json_decref(j);

    return text;
}


void
ngx_http_render_call(ngx_http_request_t *r, ngx_int_t statement,
    ngx_http_render_done_pt done)
{
    ngx_http_render_ctx_t    *ctx;
    ngx_http_render_call_t   *call;
    ngx_http_render_query_t  *q;

    ctx = ngx_http_get_module_ctx(r, ngx_http_render_module);

    call = ngx_palloc(r->pool, sizeof(ngx_http_render_call_t));
    q = call != NULL ? ngx_http_render_query(statement,
                                             ngx_http_render_called, call)
                     : NULL;
    if (q == NULL) {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    call->r = r;
    call->done = done;

    q->args[0] = ngx_http_render_arg_who(ctx);
    q->args[1] = ngx_http_render_arg_params(r, ctx);
    q->args[2] = ctx->body.len != 0 ? strndup((char *) ctx->body.data,
                                              ctx->body.len) : NULL;
    q->args[3] = ngx_http_render_arg_request(r, ctx);

    ctx->query = q;

    /*
     * Notice a client that leaves; its query is detached by the cleanup.  Not
     * while a body is being read, or read away: those have their own handler.
     */

    r->write_event_handler = ngx_http_request_empty_handler;

    if (!r->reading_body && !r->discard_body) {
        r->read_event_handler = ngx_http_test_reading;

        if (r->connection->read->ready) {
            ngx_post_event(r->connection->read, &ngx_posted_events);

        } else if (ngx_handle_read_event(r->connection->read, 0) != NGX_OK) {
            ctx->query = NULL;
            q->data = NULL;
            ngx_http_render_pg_send(q);
            ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
            return;
        }
    }

    ngx_http_render_pg_send(q);
}
