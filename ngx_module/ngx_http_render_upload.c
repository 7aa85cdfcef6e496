/*
 * A raw body streamed to storage: quota first, then the bytes as they come,
 * hashed and written in a thread, and at the end typed by content, made
 * durable, and named.  The asset is whole or absent: bytes go to a temporary
 * file that is removed unless it was committed.
 *
 * At any time either the event loop or one thread task owns the upload's
 * buffer and file; while the thread has it, nothing more is read from the
 * client, so a slow disk slows the client and nobody else.
 */

#include "ngx_http_render.h"
#include "rn_id.h"

#include <magic.h>
#include <openssl/evp.h>


#define NGX_HTTP_RENDER_UPLOAD_BUFFER  (256 * 1024)
#define NGX_HTTP_RENDER_UPLOAD_HEAD    4096     /* what libmagic sees */


typedef struct {
    ngx_http_request_t  *r;             /* NULL: the client has left */
    rn_store             store;         /* the process's: not closed here */
    char                 asset[RN_UUID_LEN + 1];
    char                 key[160];
    char                 temp[RN_STORE_TEMP];
    int                  fd;
    EVP_MD_CTX          *md;
    off_t                left;          /* of the quota */
    off_t                bytes;
    size_t               n;             /* in buf */
    unsigned             busy:1;        /* a thread has it */
    unsigned             last:1;        /* the body is complete */
    unsigned             committed:1;
    int                  error;         /* errno of the thread */
    const char          *doing;
    char                 type[96];
    char                 sha256[RN_SHA256_HEX + 1];
    u_char               buf[NGX_HTTP_RENDER_UPLOAD_BUFFER];
} ngx_http_render_upload_t;


static void ngx_http_render_upload_begun(ngx_http_request_t *r,
    ngx_http_render_answer_t *a);
static void ngx_http_render_upload_init(ngx_http_request_t *r);
static void ngx_http_render_upload_read(ngx_http_request_t *r);
static void ngx_http_render_upload_pump(ngx_http_request_t *r,
    ngx_http_render_upload_t *u);
static void ngx_http_render_upload_wrote(ngx_http_request_t *r, void *data);


/* Runs in a thread: unlinking a large file takes its time. */

static void
ngx_http_render_upload_discard(void *data)
{
    ngx_http_render_upload_t *u = data;

    if (u->fd >= 0) {
        (void) close(u->fd);
        u->fd = -1;
    }

    if (u->temp[0] != '\0' && !u->committed) {
        rn_store_discard(&u->store, u->temp);
    }
}


static void
ngx_http_render_upload_free(ngx_http_request_t *r, void *data)
{
    ngx_http_render_upload_t *u = data;

    EVP_MD_CTX_free(u->md);
    free(u);
}


static void
ngx_http_render_upload_drop(ngx_http_render_upload_t *u)
{
    if (ngx_http_render_thread(NULL, ngx_http_render_process->conf->files_pool,
                               ngx_http_render_upload_discard,
                               ngx_http_render_upload_free, u) != NGX_OK)
    {
        ngx_http_render_upload_discard(u);
        ngx_http_render_upload_free(NULL, u);
    }
}


static void
ngx_http_render_upload_cleanup(void *data)
{
    ngx_http_render_upload_t *u = data;

    ngx_http_render_gauge(uploads, -1);
    u->r = NULL;

    if (!u->busy) {
        ngx_http_render_upload_drop(u);
    }
}


/* Its type by its own first bytes, never by what it is called. */

static void
ngx_http_render_upload_magic(ngx_http_render_upload_t *u)
{
    magic_t      m;
    const char  *type;

    (void) ngx_cpystrn((u_char *) u->type,
                       (u_char *) "application/octet-stream",
                       sizeof(u->type));

    m = magic_open(MAGIC_MIME_TYPE);
    if (m == NULL) {
        return;
    }

    if (magic_load(m, NULL) == 0) {
        type = magic_buffer(m, u->buf,
                            ngx_min(u->n, NGX_HTTP_RENDER_UPLOAD_HEAD));
        if (type != NULL) {
            (void) ngx_cpystrn((u_char *) u->type, (u_char *) type,
                               sizeof(u->type));
        }
    }

    magic_close(m);
}


/* Runs in a thread: hashes and writes what is in the buffer, and at the end
   makes the file durable under its name. */

static void
ngx_http_render_upload_write(void *data)
{
    size_t                     done;
    ssize_t                    n;
    unsigned char              digest[EVP_MAX_MD_SIZE];
    ngx_http_render_upload_t  *u = data;

    u->doing = "writing";

    if (u->fd < 0) {
        u->fd = rn_store_create(&u->store, u->temp);
        if (u->fd < 0) {
            u->error = errno;
            u->temp[0] = '\0';
            return;
        }
        ngx_http_render_upload_magic(u);
    }

    (void) EVP_DigestUpdate(u->md, u->buf, u->n);

    for (done = 0; done < u->n; done += n) {
        n = pwrite(u->fd, u->buf + done, u->n - done, u->bytes + done);
        if (n < 0) {
            if (errno == EINTR) {
                n = 0;
                continue;
            }
            u->error = errno;
            return;
        }
    }

    u->bytes += u->n;
    ngx_http_render_count_by(upload_bytes, u->n);
    u->n = 0;

    if (!u->last) {
        return;
    }

    (void) EVP_DigestFinal_ex(u->md, digest, NULL);
    rn_hex(digest, 32, u->sha256);

    if (u->bytes == 0) {
        return;                             /* refused by the event loop */
    }

    u->doing = "storing";

    if (rn_store_commit(&u->store, u->fd, u->temp, u->key) != 0) {
        u->error = errno;
        return;
    }

    u->committed = 1;
}


void
ngx_http_render_upload(ngx_http_request_t *r)
{
    u_char                 *p;
    ngx_http_render_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_render_module);

    if (r->headers_in.content_length_n == 0
        || (r->headers_in.content_length_n < 0 && !r->headers_in.chunked
            && r->stream == NULL))
    {
        ngx_http_render_problem(r, 400, "Empty upload",
                                "the body of the request is the file, and "
                                "there is none", NULL);
        return;
    }

    if (r->headers_in.content_type != NULL
        && ngx_strncasecmp(r->headers_in.content_type->value.data,
                           (u_char *) "multipart/", 10) == 0)
    {
        ngx_http_render_problem(r, 415, "Unsupported media type",
                                "send the file itself as the body; multipart "
                                "forms are not read by this version", NULL);
        return;
    }

    if (ngx_http_render_process->store.root < 0) {
        ngx_http_render_problem(r, 503, "Service unavailable",
                                "storage cannot be used", NULL);
        return;
    }

    /* the query may be parked while the body waits in the socket */

    p = ngx_pnalloc(r->pool, NGX_OFF_T_LEN);
    if (p != NULL && ctx->nparams < NGX_HTTP_RENDER_MAX_PARAMS) {
        ctx->params[ctx->nparams].name.data = (u_char *) "length";
        ctx->params[ctx->nparams].name.len = 6;
        ctx->params[ctx->nparams].value.data = p;
        ctx->params[ctx->nparams].value.len =
            ngx_sprintf(p, "%O", ngx_max(r->headers_in.content_length_n, 0))
            - p;
        ctx->nparams++;
    }

    ngx_http_render_call(r, ngx_http_render_sql_assets_begin,
                         ngx_http_render_upload_begun);
}


static void
ngx_http_render_upload_begun(ngx_http_request_t *r,
    ngx_http_render_answer_t *a)
{
    json_t                    *j;
    ngx_int_t                  rc;
    const char                *asset, *key;
    ngx_http_cleanup_t        *cln;
    ngx_http_render_ctx_t     *ctx;
    ngx_http_render_upload_t  *u;

    if (a->failed || a->status != NGX_HTTP_OK) {
        ngx_http_render_answer(r, a);
        return;
    }

    ctx = ngx_http_get_module_ctx(r, ngx_http_render_module);

    u = malloc(sizeof(ngx_http_render_upload_t));
    cln = u != NULL ? ngx_http_cleanup_add(r, 0) : NULL;

    if (cln == NULL) {
        free(u);
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    ngx_memzero(u, offsetof(ngx_http_render_upload_t, buf));
    u->r = r;
    u->fd = -1;
    u->store = ngx_http_render_process->store;
    u->md = EVP_MD_CTX_new();
    cln->handler = ngx_http_render_upload_cleanup;
    cln->data = u;
    ngx_http_render_gauge(uploads, 1);
    ctx->state = u;

    j = json_loadb((char *) a->body.data, a->body.len, 0, NULL);
    asset = json_string_value(json_object_get(j, "asset"));
    key = json_string_value(json_object_get(j, "key"));
    u->left = json_integer_value(json_object_get(j, "left"));

    if (asset == NULL || key == NULL || u->md == NULL
        || EVP_DigestInit_ex(u->md, EVP_sha256(), NULL) != 1)
    {
        json_decref(j);
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    (void) ngx_cpystrn((u_char *) u->asset, (u_char *) asset,
                       sizeof(u->asset));
    (void) ngx_cpystrn((u_char *) u->key, (u_char *) key, sizeof(u->key));
    json_decref(j);

    r->request_body_no_buffering = 1;

    /* a client may have sent 100-continue: answered here, after the quota */

    rc = ngx_http_read_client_request_body(r, ngx_http_render_upload_init);

    if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {
        ngx_http_finalize_request(r, rc);
        return;
    }

    ngx_http_finalize_request(r, NGX_DONE);
}


static void
ngx_http_render_upload_init(ngx_http_request_t *r)
{
    ngx_http_render_ctx_t  *ctx;

    if (r->request_body == NULL) {          /* a subrequest without one */
        ngx_http_finalize_request(r, NGX_HTTP_BAD_REQUEST);
        return;
    }

    ctx = ngx_http_get_module_ctx(r, ngx_http_render_module);
    r->read_event_handler = ngx_http_render_upload_read;
    ngx_http_render_upload_pump(r, ctx->state);
}


static void
ngx_http_render_upload_read(ngx_http_request_t *r)
{
    ngx_http_render_ctx_t     *ctx;
    ngx_http_render_upload_t  *u;

    ctx = ngx_http_get_module_ctx(r, ngx_http_render_module);
    u = ctx->state;

    if (r->connection->read->timedout) {
        r->connection->timedout = 1;
        ngx_http_finalize_request(r, NGX_HTTP_REQUEST_TIME_OUT);
        return;
    }

    if (u != NULL && !u->busy) {
        ngx_http_render_upload_pump(r, u);
    }
}


/* Takes what nginx has read into our buffer; NGX_AGAIN: the buffer is full. */

static ngx_int_t
ngx_http_render_upload_take(ngx_http_request_t *r, ngx_http_render_upload_t *u)
{
    size_t        n;
    ngx_buf_t    *b;
    ngx_chain_t  *cl, *next;

    for (cl = r->request_body->bufs; cl; cl = next) {
        b = cl->buf;
        next = cl->next;

        if (b->in_file) {
            return NGX_ERROR;               /* not with unbuffered reading */
        }

        n = ngx_min((size_t) (b->last - b->pos), sizeof(u->buf) - u->n);

        if (n != 0) {                       /* the last of chunks holds none */
            ngx_memcpy(u->buf + u->n, b->pos, n);
            u->n += n;
            b->pos += n;
        }

        if (b->pos < b->last) {
            r->request_body->bufs = cl;
            return NGX_AGAIN;
        }

        ngx_free_chain(r->pool, cl);        /* links are leaked otherwise */
    }

    r->request_body->bufs = NULL;

    return NGX_OK;
}


static void
ngx_http_render_upload_pump(ngx_http_request_t *r, ngx_http_render_upload_t *u)
{
    ngx_int_t  rc;

    for ( ;; ) {
        rc = ngx_http_render_upload_take(r, u);

        if (rc == NGX_ERROR) {
            ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
            return;
        }

        if (u->bytes + (off_t) u->n > u->left) {
            ngx_http_render_problem(r, 413, "Over quota", "the account may "
                                    "not store this many bytes", NULL);
            return;
        }

        if (rc == NGX_AGAIN) {
            break;                          /* write, then go on */
        }

        if (!r->reading_body) {
            u->last = 1;
            break;
        }

        rc = ngx_http_read_unbuffered_request_body(r);

        if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {
            ngx_http_finalize_request(r, rc);
            return;
        }

        if (rc == NGX_AGAIN && r->request_body->bufs == NULL) {
            return;                         /* the read handler goes on */
        }
    }

    u->busy = 1;

    if (ngx_http_render_thread(r, ngx_http_render_process->conf->files_pool,
                               ngx_http_render_upload_write,
                               ngx_http_render_upload_wrote, u) != NGX_OK)
    {
        u->busy = 0;
        ngx_http_render_problem(r, 503, "Service unavailable",
                                "the server is too busy", NULL);
    }
}


/* The kind of an asset by its type; the worker's probe has the last word. */

static const char *
ngx_http_render_kind(const char *type)
{
    if (ngx_strncmp(type, "video/", 6) == 0) {
        return "video";
    }

    if (ngx_strncmp(type, "audio/", 6) == 0) {
        return "audio";
    }

    if (ngx_strcmp(type, "image/svg+xml") == 0) {
        return "svg";
    }

    if (ngx_strncmp(type, "image/", 6) == 0) {
        return "image";
    }

    if (ngx_strncmp(type, "font/", 5) == 0
        || ngx_strncmp(type, "application/vnd.ms-opentype", 27) == 0)
    {
        return "font";
    }

    if (ngx_strcmp(type, "application/zip") == 0
        || ngx_strcmp(type, "application/gzip") == 0
        || ngx_strcmp(type, "application/x-tar") == 0)
    {
        return "archive";
    }

    /* what libmagic does not know may still be a film: the probe will say */

    if (ngx_strcmp(type, "application/octet-stream") == 0
        || ngx_strcmp(type, "application/ogg") == 0
        || ngx_strcmp(type, "application/mxf") == 0)
    {
        return "video";
    }

    return "document";
}


static void
ngx_http_render_upload_wrote(ngx_http_request_t *r, void *data)
{
    ngx_http_render_upload_t  *u = data;

    u->busy = 0;

    if (r == NULL || u->r == NULL) {        /* the client left meanwhile */
        if (u->committed) {
            (void) rn_store_delete(&u->store, u->key);
        }
        ngx_http_render_upload_drop(u);
        return;
    }

    if (u->error != 0) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, u->error,
                      "render: %s an upload failed", u->doing);

        if (u->error == ENOSPC || u->error == EDQUOT) {
            ngx_http_render_problem(r, 507, "Insufficient storage",
                                    "the server has no room for this file",
                                    NULL);
        } else {
            ngx_http_render_problem(r, 503, "Service unavailable",
                                    "the file cannot be stored", NULL);
        }
        return;
    }

    if (!u->last) {
        ngx_http_render_upload_pump(r, u);
        return;
    }

    if (u->bytes == 0) {
        ngx_http_render_problem(r, 400, "Empty upload", "the file is empty",
                                NULL);
        return;
    }

    ngx_http_render_add(r, "upload", json_pack("{s:s, s:I, s:s, s:s, s:s}",
        "asset", u->asset, "bytes", (json_int_t) u->bytes, "sha256", u->sha256,
        "content_type", u->type, "kind", ngx_http_render_kind(u->type)));

    ngx_http_render_call(r, ngx_http_render_sql_assets_create,
                         ngx_http_render_answer);
}
