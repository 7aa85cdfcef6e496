/*
 * The SQL call of a request: its four arguments (who, params, body, request),
 * and the way back to a request that may have gone meanwhile.
 */

#include "ngx_http_render.h"
#include "rn_header.h"
#include "rn_id.h"
#include "rn_json.h"

#include <libpq-fe.h>
#include <openssl/evp.h>


typedef struct {
    ngx_http_request_t       *r;
    ngx_http_render_done_pt   done;
} ngx_http_render_call_t;


static void
ngx_http_render_answer_free(void *data)
{
    PQclear(data);
}


ngx_int_t
ngx_http_render_keep(ngx_http_request_t *r, ngx_http_render_answer_t *a)
{
    ngx_pool_cleanup_t       *cln;
    ngx_http_render_query_t  *q;

    q = (ngx_http_render_query_t *)
            ((u_char *) a - offsetof(ngx_http_render_query_t, answer));

    cln = ngx_pool_cleanup_add(r->pool, 0);
    if (cln == NULL) {
        return NGX_ERROR;
    }

    cln->handler = ngx_http_render_answer_free;
    cln->data = q->result;
    q->result = NULL;

    return NGX_OK;
}


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


/*
 * The arguments are written by hand into one piece of memory, that of the query
 * itself: a member each, its value a string that is escaped as it is written.
 */

typedef struct {
    ngx_str_t                   name;
    ngx_str_t                   value;
    size_t                      len;            /* escaped; BAD: left out */
} ngx_http_render_member_t;

typedef struct {
    ngx_http_render_member_t    list[NGX_HTTP_RENDER_MAX_PARAMS];
    ngx_uint_t                  n;
    ngx_str_t                   more;           /* members, ready, with "," */
} ngx_http_render_object_t;


/* What is not UTF-8 is left out, and the answer says so. */

static ngx_uint_t
ngx_http_render_member(ngx_http_render_object_t *o, const char *name,
    ngx_str_t value)
{
    ngx_http_render_member_t  *m = &o->list[o->n];

    m->len = rn_json_length((char *) value.data, value.len);

    if (m->len == RN_JSON_BAD) {
        return 0;
    }

    m->name.data = (u_char *) name;
    m->name.len = ngx_strlen(name);
    m->value = value;
    o->n++;

    return 1;
}


static size_t
ngx_http_render_object_size(ngx_http_render_object_t *o)
{
    size_t      size;
    ngx_uint_t  i;

    size = sizeof("{}") + o->more.len;

    for (i = 0; i < o->n; i++) {
        size += sizeof("\"\":\"\",") - 1 + o->list[i].len
                + rn_json_length((char *) o->list[i].name.data,
                                 o->list[i].name.len);
    }

    return size;
}


static char *
ngx_http_render_object_write(ngx_http_render_object_t *o, char *p)
{
    ngx_uint_t                 i;
    ngx_http_render_member_t  *m;

    *p++ = '{';

    for (i = 0; i < o->n; i++) {
        m = &o->list[i];

        if (i != 0) {
            *p++ = ',';
        }

        *p++ = '"';
        p = rn_json_escape(p, (char *) m->name.data, m->name.len);
        *p++ = '"';
        *p++ = ':';
        *p++ = '"';
        p = rn_json_escape(p, (char *) m->value.data, m->value.len);
        *p++ = '"';
    }

    if (o->more.len != 0) {                 /* else there is no data either */
        p = (char *) ngx_cpymem(p, o->more.data, o->more.len);
    }

    *p++ = '}';
    *p++ = '\0';

    return p;
}


static void
ngx_http_render_arg_params(ngx_http_render_ctx_t *ctx,
    ngx_http_render_object_t *o)
{
    ngx_str_t                 value;
    ngx_uint_t                i, k;
    ngx_http_render_param_t  *p;

    for (i = 0; i < ctx->nparams; i++) {
        p = &ctx->params[i];

        for (k = 0; k < o->n; k++) {
            if (o->list[k].name.len == p->name.len
                && ngx_memcmp(o->list[k].name.data, p->name.data,
                              p->name.len) == 0)
            {
                break;
            }
        }

        /* the first, as in ngx_http_render_param() */

        if (k < o->n || rn_json_length((char *) p->name.data, p->name.len)
                        == RN_JSON_BAD)
        {
            continue;
        }

        /* what is not UTF-8, or holds NUL, cannot name anything here */

        value = p->value;

        if (ngx_strlchr(value.data, value.data + value.len, '\0') != NULL
            || !ngx_http_render_member(o, "", value))
        {
            ngx_str_null(&value);
            (void) ngx_http_render_member(o, "", value);
        }

        o->list[o->n - 1].name = p->name;
    }
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

static ngx_int_t
ngx_http_render_digest(ngx_http_request_t *r, ngx_http_render_ctx_t *ctx,
    char *hex)
{
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
        return NGX_ERROR;                   /* SQL refuses a key without it */
    }

    EVP_MD_CTX_free(md);
    rn_hex(digest, 32, hex);

    return NGX_OK;
}


/* `hex` holds 65 bytes and lives as long as the object. */

static void
ngx_http_render_arg_request(ngx_http_request_t *r, ngx_http_render_ctx_t *ctx,
    ngx_http_render_object_t *o, char *hex)
{
    ngx_str_t   text, *key, *trace, *match;

    (void) ngx_http_render_member(o, "id", ctx->id);

    /* what is only read needs none of these */

    if (r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD)) {
        return;
    }

    match = ngx_http_render_find_header(r, "If-Match");
    key = ngx_http_render_find_header(r, "Idempotency-Key");
    trace = ngx_http_render_find_header(r, "traceparent");

    if (key != NULL && key->len != 0 && r->method == NGX_HTTP_POST) {
        (void) ngx_http_render_member(o, "idempotency_key", *key);

        if (ngx_http_render_digest(r, ctx, hex) == NGX_OK) {
            text.data = (u_char *) hex;
            text.len = 64;
            (void) ngx_http_render_member(o, "body_sha256", text);
        }
    }

    /* one that cannot be a list of ours matches nothing: "" */

    if (match != NULL
        && (match->len > 512
            || !ngx_http_render_member(o, "if_match", *match)))
    {
        ngx_str_null(&text);
        (void) ngx_http_render_member(o, "if_match", text);
    }

    if (trace != NULL
        && rn_is_traceparent((char *) trace->data, trace->len))
    {
        (void) ngx_http_render_member(o, "traceparent", *trace);
    }
}


/* The query with its arguments; NULL: no memory. */

static ngx_http_render_query_t *
ngx_http_render_ask(ngx_http_request_t *r, ngx_http_render_ctx_t *ctx,
    ngx_int_t statement, ngx_http_render_call_t *call)
{
    char                      *p, *extra, hex[65];
    size_t                     size;
    ngx_http_render_query_t   *q;
    ngx_http_render_object_t   who, params, request;

    who.n = params.n = request.n = 0;
    ngx_str_null(&who.more);
    ngx_str_null(&params.more);
    ngx_str_null(&request.more);
    extra = NULL;

    if (ctx->identity->valid) {
        (void) ngx_http_render_member(&who, "account", ctx->identity->account);
        (void) ngx_http_render_member(&who, "role", ctx->identity->role);
    }

    ngx_http_render_arg_params(ctx, &params);
    ngx_http_render_arg_request(r, ctx, &request, hex);

    if (ctx->extra != NULL && json_object_size(ctx->extra) != 0) {
        extra = json_dumps(ctx->extra, JSON_COMPACT);
        if (extra == NULL) {
            return NULL;
        }

        extra[0] = ',';                     /* behind the id; ours ends it */
        request.more.data = (u_char *) extra;
        request.more.len = ngx_strlen(extra) - 1;
    }

    size = ngx_http_render_object_size(&who)
           + ngx_http_render_object_size(&params)
           + ngx_http_render_object_size(&request) + ctx->body.len + 1;

    q = ngx_http_render_query_with(statement, ngx_http_render_called, call,
                                   size, &p);
    if (q != NULL) {
        if (ctx->identity->valid) {
            q->args[0] = p;
            p = ngx_http_render_object_write(&who, p);
        }

        q->args[1] = p;
        p = ngx_http_render_object_write(&params, p);

        q->args[3] = p;
        p = ngx_http_render_object_write(&request, p);

        if (ctx->body.len != 0) {
            q->args[2] = p;
            p = (char *) ngx_cpymem(p, ctx->body.data, ctx->body.len);
            *p = '\0';
        }
    }

    free(extra);

    return q;
}


/* A body that is being read, or read away, has its own handler. */

ngx_int_t
ngx_http_render_watch_client(ngx_http_request_t *r)
{
    r->write_event_handler = ngx_http_request_empty_handler;

    if (r->reading_body || r->discard_body) {
        return NGX_OK;
    }

    r->read_event_handler = ngx_http_test_reading;

    if (r->connection->read->ready) {
        ngx_post_event(r->connection->read, &ngx_posted_events);
        return NGX_OK;
    }

    return ngx_handle_read_event(r->connection->read, 0);
}


void
ngx_http_render_call(ngx_http_request_t *r, ngx_int_t statement,
    ngx_http_render_done_pt done)
{
    ngx_http_render_ctx_t    *ctx;
    ngx_http_render_call_t   *call;
    ngx_http_render_query_t  *q;

    ctx = ngx_http_get_module_ctx(r, ngx_http_render_module);

    /* all that may fail comes before the query: who is told 500 asks again */

    if (ngx_http_render_watch_client(r) != NGX_OK) {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    call = ngx_palloc(r->pool, sizeof(ngx_http_render_call_t));
    q = call != NULL ? ngx_http_render_ask(r, ctx, statement, call) : NULL;

    if (q == NULL) {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    call->r = r;
    call->done = done;

    ctx->query = q;
    ngx_http_render_pg_send(q);
}
