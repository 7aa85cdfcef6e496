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
static void ngx_http_render_upload_init(ngx_http_request_t *r);
static void ngx_http_render_upload_read(ngx_http_request_t *r);
static void ngx_http_render_upload_pump(ngx_http_request_t *r,
    ngx_http_render_upload_t *u);
static void ngx_http_render_upload_wrote(ngx_http_request_t *r, void *data);


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


static void
ngx_http_render_upload_free(ngx_http_render_upload_t *u)
{
    ngx_http_render_upload_abandon(u);

    if (u->file != NULL) {
        ngx_http_render_file_drop(u->file);
    }

    json_decref(u->files);
    json_decref(u->asked);
    json_decref(u->fields);
    free(u->fill);
    free(u);
}


static void
ngx_http_render_upload_cleanup(void *data)
{
    ngx_http_render_upload_t *u = data;

    ngx_http_render_gauge(uploads, -1);
    u->dropped = 1;

    if (!u->busy) {
        ngx_http_render_upload_free(u);
    }
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
    ngx_http_cleanup_t        *cln;
    ngx_http_render_ctx_t     *ctx;
    ngx_http_render_upload_t  *u;

    ctx = ngx_http_get_module_ctx(r, ngx_http_render_module);

    u = calloc(1, sizeof(ngx_http_render_upload_t));
    cln = u != NULL ? ngx_http_cleanup_add(r, 0) : NULL;

    if (cln == NULL) {
        free(u);
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return NULL;
    }

    u->r = r;
    u->file = ngx_http_render_file_create();
    u->fill = malloc(NGX_HTTP_RENDER_UPLOAD_BUFFER);
    u->files = json_array();
    u->asked = json_array();
    u->fields = json_object();
    u->statement = ctx->route->statement == ngx_http_render_sql_jobs_create
                   ? ngx_http_render_sql_jobs_upload : ctx->route->statement;
    cln->handler = ngx_http_render_upload_cleanup;
    cln->data = u;
    ngx_http_render_gauge(uploads, 1);
    ctx->state = u;

    if (u->file == NULL || u->fill == NULL || u->files == NULL
        || u->asked == NULL || u->fields == NULL)
    {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return NULL;
    }

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
    u_char                 *p;
    ngx_uint_t              i;
    ngx_http_render_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_render_module);

    p = ngx_pnalloc(r->pool, NGX_OFF_T_LEN);
    if (p == NULL) {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    /* ours stands before any of the query string */

    for (i = 0; i < ctx->nparams; i++) {
        if (ctx->params[i].name.len == 6
            && ngx_strncmp(ctx->params[i].name.data, "length", 6) == 0)
        {
            break;
        }
    }

    if (i == ctx->nparams) {
        i = ctx->nparams < NGX_HTTP_RENDER_MAX_PARAMS ? ctx->nparams++
                                                      : ctx->nparams - 1;
    }

    ctx->params[i].name.data = (u_char *) "length";
    ctx->params[i].name.len = 6;
    ctx->params[i].value.data = p;
    ctx->params[i].value.len = ngx_sprintf(p, "%O", length) - p;

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
    ngx_int_t                  rc;
    ngx_http_render_ctx_t     *ctx;
    ngx_http_render_upload_t  *u;

    ctx = ngx_http_get_module_ctx(r, ngx_http_render_module);
    u = ctx->state;

    if (ngx_http_render_upload_asset(r, u, a, &u->left) != NGX_OK) {
        return;
    }

    u->in_file = !u->form;
    r->request_body_no_buffering = 1;

    /* a client may have sent 100-continue: answered here, after the quota */

    rc = ngx_http_read_client_request_body(r, ngx_http_render_upload_init);

    if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {
        ngx_http_finalize_request(r, rc);
        return;
    }

    ngx_http_finalize_request(r, NGX_DONE);
}


/*
 * What is whole already may be somebody else's, too (a mirror's): buffers of
 * our own over the same bytes, that taking them takes nothing from others.
 */

static ngx_int_t
ngx_http_render_upload_own(ngx_http_request_t *r)
{
    ngx_buf_t                *b;
    ngx_chain_t              *in, **last;
    ngx_http_request_body_t  *rb;

    rb = ngx_palloc(r->pool, sizeof(ngx_http_request_body_t));
    if (rb == NULL) {
        return NGX_ERROR;
    }

    *rb = *r->request_body;
    rb->bufs = NULL;
    last = &rb->bufs;

    for (in = r->request_body->bufs; in; in = in->next) {
        b = ngx_palloc(r->pool, sizeof(ngx_buf_t));
        *last = b != NULL ? ngx_alloc_chain_link(r->pool) : NULL;
        if (*last == NULL) {
            return NGX_ERROR;
        }

        *b = *in->buf;
        (*last)->buf = b;
        (*last)->next = NULL;
        last = &(*last)->next;
    }

    r->request_body = rb;

    return NGX_OK;
}


static void
ngx_http_render_upload_init(ngx_http_request_t *r)
{
    ngx_http_render_ctx_t  *ctx;

    if (r->request_body == NULL) {          /* a subrequest without one */
        ngx_http_finalize_request(r, NGX_HTTP_BAD_REQUEST);
        return;
    }

    if (!r->reading_body && ngx_http_render_upload_own(r) != NGX_OK) {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    ctx = ngx_http_get_module_ctx(r, ngx_http_render_module);
    r->read_event_handler = ngx_http_render_upload_read;
    ngx_http_render_upload_pump(r, ctx->state);
}


static void
ngx_http_render_upload_read(ngx_http_request_t *r)
{
    ngx_http_cleanup_t        *cln;
    ngx_http_render_upload_t  *u;

    /* not by the context: an error_page may have led elsewhere */

    for (cln = r->cleanup, u = NULL; cln; cln = cln->next) {
        if (cln->handler == ngx_http_render_upload_cleanup) {
            u = cln->data;
        }
    }

    if (u == NULL || u->over) {
        r->read_event_handler = ngx_http_block_reading;
        return;
    }

    if (r->connection->read->timedout) {
        r->connection->timedout = 1;
        u->over = 1;
        ngx_http_finalize_request(r, NGX_HTTP_REQUEST_TIME_OUT);
        return;
    }

    if (!u->full && !u->last && !u->asking && !u->ended) {
        ngx_http_render_upload_pump(r, u);
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
        ngx_http_render_upload_pump(r, u);
    }
}


/* The body is complete: false when it may not be, and answered. */

static ngx_uint_t
ngx_http_render_upload_whole(ngx_http_request_t *r,
    ngx_http_render_upload_t *u)
{
    const char  *why;

    if (!u->form) {
        u->last = 1;
        return 1;
    }

    if (!rn_multipart_finish(&u->parser, &why)) {
        u->over = 1;
        ngx_http_render_problem(r, 400, "Bad form", why, NULL);
        return 0;
    }

    if (json_array_size(u->files) == 0) {
        ngx_http_render_problem(r, 400, "Empty upload",
                                "the form holds no file", NULL);
        return 0;
    }

    return 1;
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


/* These two run in threads, at the same time. */

static void
ngx_http_render_upload_write(void *data)
{
    ngx_http_render_upload_t *u = data;

    ngx_http_render_file_write(u->file);
}


static void
ngx_http_render_upload_hash(void *data)
{
    ngx_http_render_upload_t *u = data;

    ngx_http_render_file_hash(u->file);
}


static ngx_int_t
ngx_http_render_upload_post(ngx_http_request_t *r, ngx_http_render_upload_t *u,
    ngx_http_render_run_pt run)
{
    if (ngx_http_render_thread(r, ngx_http_render_process->conf->files_pool,
                               run, ngx_http_render_upload_wrote, u) != NGX_OK)
    {
        u->over = 1;
        ngx_http_render_problem(r, 503, "Service unavailable",
                                "the server is too busy", NULL);
        return NGX_ERROR;
    }

    u->busy++;

    return NGX_OK;
}


/* It is we who take the time now: the client's does not run meanwhile. */

static void
ngx_http_render_upload_hold(ngx_http_request_t *r)
{
    if (r->connection->read->timer_set) {
        ngx_del_timer(r->connection->read);
    }
}


/*
 * Gives what was filled to threads, unless they are busy with what was filled
 * before: then it will be given when that comes back.  NGX_OK: there is room
 * again, and more may be taken.
 */

static ngx_int_t
ngx_http_render_upload_give(ngx_http_request_t *r, ngx_http_render_upload_t *u)
{
    u_char                  *other;
    ngx_http_render_file_t  *f = u->file;

    if (u->busy) {
        u->full = 1;
        ngx_http_render_upload_hold(r);
        return NGX_AGAIN;
    }

    other = f->data;

    if (other == NULL && !(u->last && !u->form)) {
        other = malloc(NGX_HTTP_RENDER_UPLOAD_BUFFER);
        if (other == NULL) {
            ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
            return NGX_DECLINED;
        }
    }

    f->data = u->fill;
    f->n = u->n;
    f->last = u->last;
    u->fill = other;
    u->n = 0;

    if (ngx_http_render_upload_post(r, u, ngx_http_render_upload_hash)
        != NGX_OK
        || ngx_http_render_upload_post(r, u, ngx_http_render_upload_write)
           != NGX_OK)
    {
        return NGX_DECLINED;
    }

    if (u->last) {
        ngx_http_render_upload_hold(r);
        return NGX_AGAIN;
    }

    return NGX_OK;
}


static void
ngx_http_render_upload_pump(ngx_http_request_t *r, ngx_http_render_upload_t *u)
{
    ngx_int_t  rc;

    for ( ;; ) {
        rc = ngx_http_render_upload_take(r, u);

        if (rc == NGX_DECLINED) {
            return;
        }

        if (rc == NGX_DONE) {               /* a further file of the form */
            ngx_http_render_upload_hold(r);
            u->asking = 1;
            ngx_http_render_upload_ask(r, 0, ngx_http_render_upload_asked);
            return;
        }

        if (rc == NGX_OK && !r->reading_body) {
            u->ended = 1;

            if (!ngx_http_render_upload_whole(r, u)) {
                return;
            }

            if (u->form) {
                ngx_http_render_upload_create_assets(r, u);
                return;
            }

            rc = NGX_AGAIN;
        }

        if (rc == NGX_AGAIN) {
            if (ngx_http_render_upload_give(r, u) != NGX_OK) {
                return;
            }
            continue;
        }

        rc = ngx_http_read_unbuffered_request_body(r);

        if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {
            u->over = 1;
            ngx_http_finalize_request(r, rc);
            return;
        }

        if (rc == NGX_AGAIN && r->request_body->bufs == NULL) {
            return;                         /* the read handler goes on */
        }
    }
}


static void
ngx_http_render_upload_failed(ngx_http_request_t *r,
    ngx_http_render_file_t *f)
{
    ngx_log_error(NGX_LOG_ERR, r->connection->log, f->error,
                  "render: %s an upload failed", f->doing);

    if (f->error == ENOSPC || f->error == EDQUOT) {
        ngx_http_render_problem(r, 507, "Insufficient storage",
                                "the server has no room for this file", NULL);
    } else {
        ngx_http_render_problem(r, 503, "Service unavailable",
                                "the file cannot be stored", NULL);
    }
}


static void
ngx_http_render_upload_wrote(ngx_http_request_t *r, void *data)
{
    json_t                    *j;
    ngx_http_render_file_t    *f;
    ngx_http_render_upload_t  *u = data;

    if (--u->busy != 0) {                   /* the other one is still at it */
        return;
    }

    f = u->file;

    if (r == NULL || u->dropped) {          /* the client left meanwhile */
        ngx_http_render_upload_free(u);
        return;
    }

    if (u->over) {                          /* what was answered stands */
        return;
    }

    if (f->error != 0) {
        u->over = 1;
        ngx_http_render_upload_failed(r, f);
        return;
    }

    if (!f->last) {
        if (u->full) {
            u->full = 0;
            if (ngx_http_render_upload_give(r, u) == NGX_OK) {
                ngx_http_render_upload_pump(r, u);
            }
        }
        return;
    }

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
        ngx_http_render_upload_pump(r, u);
    } else {
        ngx_http_render_upload_create_assets(r, u);
    }
}
