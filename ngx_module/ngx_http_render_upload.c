/*
 * Uploads: a raw body that is a file, or a form (multipart/form-data) with
 * files and fields in any order, streamed to storage as they come.  Quota
 * first; then the bytes, hashed and written by a thread (_file.c); and when all
 * is stored one SQL call that makes assets of it, or a job.
 *
 * What a client had stored when it left is not an asset: its rows are
 * abandoned, and the janitor takes the objects.  Where nobody could tell the
 * database that, the janitor finds rows that stay at "uploading".
 */

#include "ngx_http_render_upload.h"


static void ngx_http_render_upload_begun(ngx_http_request_t *r,
    ngx_http_render_answer_t *a);
static void ngx_http_render_upload_asked(ngx_http_request_t *r,
    ngx_http_render_answer_t *a);
static void ngx_http_render_upload_abandon(ngx_http_render_upload_t *u);
static void ngx_http_render_upload_next(ngx_http_request_t *r,
    ngx_http_render_upload_t *u);
static void ngx_http_render_upload_whole(ngx_http_request_t *r,
    ngx_http_render_upload_t *u);
static void ngx_http_render_upload_stored(ngx_http_request_t *r,
    ngx_http_render_upload_t *u);


static const ngx_http_render_way_t  ngx_http_render_upload_way = {
    NGX_HTTP_RENDER_UPLOAD_BUFFER,
    ngx_http_render_upload_next,
    ngx_http_render_upload_whole,
    ngx_http_render_upload_stored,
    ngx_http_render_upload_abandon
};


/* Nobody waits for the answer: what it misses the janitor finds. */

static void
ngx_http_render_upload_abandon(ngx_http_render_upload_t *u)
{
    json_t                   *request;
    ngx_http_render_query_t  *q;

    /* the call that makes assets of them may be on its way: it decides */

    if (json_array_size(u->asked) == 0 || u->making) {
        return;
    }

    q = ngx_http_render_query(ngx_http_render_sql_assets_abandon, NULL, NULL);
    request = json_pack("{s:O}", "uploads", u->asked);

    if (q != NULL) {
        q->args[3] = request != NULL ? json_dumps(request, JSON_COMPACT)
                                     : NULL;
        ngx_http_render_pg_send(q);
    }

    json_decref(request);
}


/* POST /jobs is a form, or JSON. */

void
ngx_http_render_jobs(ngx_http_request_t *r)
{
    if (ngx_http_render_is_type(r, "multipart/form-data")) {
        ngx_http_render_upload(r);

    } else {
        ngx_http_render_read_body(r, ngx_http_render_body_within);
    }
}


static ngx_http_render_upload_t *
ngx_http_render_upload_create(ngx_http_request_t *r)
{
    const char                *why;
    ngx_http_render_ctx_t     *ctx;
    ngx_http_render_upload_t  *u;

    ctx = ngx_http_get_module_ctx(r, ngx_http_render_module);
    u = ngx_http_render_pump_create(r, &ngx_http_render_upload_way);

    if (u == NULL) {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return NULL;
    }

    u->statement = ctx->route->statement == ngx_http_render_sql_jobs_create
                   ? ngx_http_render_sql_jobs_upload : ctx->route->statement;

    if (!ngx_http_render_is_type(r, "multipart/")) {
        return u;
    }

    u->form = 1;

    if (!ngx_http_render_is_type(r, "multipart/form-data")) {
        ngx_http_render_problem(r, 415, "Unsupported media type", "a form must "
                                "be multipart/form-data", NULL);
        return NULL;
    }

    if (!rn_multipart_init(&u->parser,
                           (char *) r->headers_in.content_type->value.data,
                           r->headers_in.content_type->value.len, &why))
    {
        ngx_http_render_problem(r, 400, "Bad form", why, NULL);
        return NULL;
    }

    return u;
}


/* The `before` call: an asset for the next file, within the quota. */

static void
ngx_http_render_upload_ask(ngx_http_request_t *r, off_t length,
    ngx_http_render_done_pt done)
{
    ngx_str_t  value;

    value.data = ngx_pnalloc(r->pool, NGX_OFF_T_LEN);
    if (value.data == NULL) {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    value.len = ngx_sprintf(value.data, "%O", length) - value.data;
    ngx_http_render_set_param(r, "length", value);
    ngx_http_render_call(r, ngx_http_render_sql_assets_begin, done);
}


void
ngx_http_render_upload(ngx_http_request_t *r)
{
    if (r->headers_in.content_length_n == 0
        || (r->headers_in.content_length_n < 0 && !r->headers_in.chunked
            && r->http_version < NGX_HTTP_VERSION_20))
    {
        ngx_http_render_problem(r, 400, "Empty upload",
                                "the body of the request is the file, or a "
                                "form with files, and there is none", NULL);
        return;
    }

    if (ngx_http_render_process->store.root < 0) {
        ngx_http_render_problem(r, 503, "Service unavailable",
                                "storage cannot be used", NULL);
        return;
    }

    if (ngx_http_render_upload_create(r) == NULL) {
        return;
    }

    /* the query may be parked while the body waits in the socket */

    ngx_http_render_upload_ask(r, ngx_max(r->headers_in.content_length_n, 0),
                               ngx_http_render_upload_begun);
}


/* An asset was made; NGX_DECLINED: refused, and answered. */

static ngx_int_t
ngx_http_render_upload_asset(ngx_http_request_t *r,
    ngx_http_render_upload_t *u, ngx_http_render_answer_t *a, off_t *left)
{
    json_t      *j;
    ngx_int_t    rc;
    const char  *asset, *key;

    if (a->failed || a->status != NGX_HTTP_OK) {
        ngx_http_render_answer(r, a);
        return NGX_DECLINED;
    }

    j = json_loadb((char *) a->body.data, a->body.len, 0, NULL);
    asset = json_string_value(json_object_get(j, "asset"));
    key = json_string_value(json_object_get(j, "key"));
    *left = json_integer_value(json_object_get(j, "left"));

    rc = asset != NULL && key != NULL
         && json_array_append_new(u->asked, json_pack("{s:s}", "asset", asset))
            == 0
         ? ngx_http_render_file_reset(u->file, asset, key) : NGX_ERROR;
    json_decref(j);

    if (rc != NGX_OK) {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return NGX_DECLINED;
    }

    u->asset = 1;

    return NGX_OK;
}


static void
ngx_http_render_upload_begun(ngx_http_request_t *r,
    ngx_http_render_answer_t *a)
{
    ngx_http_render_ctx_t     *ctx;
    ngx_http_render_upload_t  *u;

    ctx = ngx_http_get_module_ctx(r, ngx_http_render_module);
    u = ctx->state;

    if (ngx_http_render_upload_asset(r, u, a, &u->left) == NGX_OK) {
        u->in_file = !u->form;
        ngx_http_render_pump_start(r);
    }
}


/* A further file of the form needs an asset of its own. */

static void
ngx_http_render_upload_asked(ngx_http_request_t *r,
    ngx_http_render_answer_t *a)
{
    off_t                      left;
    ngx_http_render_ctx_t     *ctx;
    ngx_http_render_upload_t  *u;

    ctx = ngx_http_get_module_ctx(r, ngx_http_render_module);
    u = ctx->state;
    u->asking = 0;

    if (ngx_http_render_upload_asset(r, u, a, &left) == NGX_OK) {
        ngx_http_render_pump(r, u);
    }
}


static void
ngx_http_render_upload_next(ngx_http_request_t *r, ngx_http_render_upload_t *u)
{
    u->asking = 1;
    ngx_http_render_upload_ask(r, 0, ngx_http_render_upload_asked);
}


/* SQL has made assets of them, or abandoned them; unless it failed. */

static void
ngx_http_render_upload_made(ngx_http_request_t *r, ngx_http_render_answer_t *a)
{
    ngx_http_render_ctx_t     *ctx;
    ngx_http_render_upload_t  *u;

    ctx = ngx_http_get_module_ctx(r, ngx_http_render_module);
    u = ctx->state;

    u->making = 0;

    if (!a->failed) {
        (void) json_array_clear(u->asked);
    }

    ngx_http_render_answer(r, a);
}


/* All is stored: what the key stands for, and the call. */

static void
ngx_http_render_upload_create_assets(ngx_http_request_t *r,
    ngx_http_render_upload_t *u)
{
    char                   *text;
    size_t                  i;
    json_t                 *what, *f;
    ngx_http_render_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_render_module);

    what = json_pack("{s:O, s:[]}", "fields", u->fields, "files");
    json_array_foreach(u->files, i, f) {
        (void) json_array_append_new(json_object_get(what, "files"),
            json_pack("[O?, O?]", json_object_get(f, "sha256"),
                      json_object_get(f, "filename")));
    }

    text = json_dumps(what, JSON_COMPACT | JSON_SORT_KEYS);
    json_decref(what);

    if (text == NULL) {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    rn_sha256_hex(text, ngx_strlen(text), ctx->digest);
    free(text);

    ngx_http_render_add(r, "uploads", json_incref(u->files));
    ngx_http_render_add(r, "fields", json_incref(u->fields));
    u->making = 1;
    ngx_http_render_call(r, u->statement, ngx_http_render_upload_made);
}


/* The body of a form is complete. */

static void
ngx_http_render_upload_whole(ngx_http_request_t *r,
    ngx_http_render_upload_t *u)
{
    const char  *why;

    if (!rn_multipart_finish(&u->parser, &why)) {
        u->over = 1;
        ngx_http_render_problem(r, 400, "Bad form", why, NULL);
        return;
    }

    if (json_array_size(u->files) == 0) {
        ngx_http_render_problem(r, 400, "Empty upload",
                                "the form holds no file", NULL);
        return;
    }

    ngx_http_render_upload_create_assets(r, u);
}


/* A file lies in storage under its name. */

static void
ngx_http_render_upload_stored(ngx_http_request_t *r,
    ngx_http_render_upload_t *u)
{
    json_t                  *j;
    ngx_http_render_file_t  *f = u->file;

    if (f->bytes == 0) {
        ngx_http_render_problem(r, 400, "Empty upload", "a file is empty",
                                NULL);
        return;
    }

    j = json_pack("{s:s, s:I, s:s, s:s, s:s}",
        "asset", f->asset, "bytes", (json_int_t) f->bytes, "sha256", f->sha256,
        "content_type", f->type, "kind", ngx_http_render_file_kind(f->type));

    if (u->form) {
        (void) json_object_set_new(j, "filename", json_string(u->filename));
        (void) json_object_set_new(j, "field", json_string(u->field));
    }

    if (json_array_append_new(u->files, j) != 0) {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    u->stored += f->bytes;
    u->taken = 0;
    u->asset = u->in_file = u->last = u->full = 0;

    if (u->form) {
        ngx_http_render_pump(r, u);
    } else {
        ngx_http_render_upload_create_assets(r, u);
    }
}
