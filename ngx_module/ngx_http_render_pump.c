/*
 * The body of an upload on its way from the socket to a file: two buffers, of
 * which the event loop fills one while threads hash and write the other.  What
 * the bytes are, and what becomes of them, is for whoever asked for it
 * (ngx_http_render_way_t).
 */

#include "ngx_http_render_upload.h"


static void ngx_http_render_pump_init(ngx_http_request_t *r);
static void ngx_http_render_pump_read(ngx_http_request_t *r);
static void ngx_http_render_pump_wrote(ngx_http_request_t *r, void *data);


static void
ngx_http_render_pump_free(ngx_http_render_upload_t *u)
{
    if (u->way->leave != NULL) {
        u->way->leave(u);
    }

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
ngx_http_render_pump_cleanup(void *data)
{
    ngx_http_render_upload_t *u = data;

    ngx_http_render_gauge(uploads, -1);
    u->dropped = 1;

    if (u->file != NULL && u->file->sending != NULL) {
        ngx_http_render_s3_drop(u->file->sending);
        u->file->sending = NULL;
    }

    if (!u->busy) {
        ngx_http_render_pump_free(u);
    }
}


ngx_http_render_upload_t *
ngx_http_render_pump_create(ngx_http_request_t *r,
    const ngx_http_render_way_t *way)
{
    ngx_http_cleanup_t        *cln;
    ngx_http_render_ctx_t     *ctx;
    ngx_http_render_upload_t  *u;

    ctx = ngx_http_get_module_ctx(r, ngx_http_render_module);

    u = calloc(1, sizeof(ngx_http_render_upload_t));
    cln = u != NULL ? ngx_http_cleanup_add(r, 0) : NULL;

    if (cln == NULL) {
        free(u);
        return NULL;
    }

    u->r = r;
    u->way = way;
    u->file = ngx_http_render_file_create();
    u->fill = malloc(way->buffer);
    u->files = json_array();
    u->asked = json_array();
    u->fields = json_object();
    cln->handler = ngx_http_render_pump_cleanup;
    cln->data = u;
    ngx_http_render_gauge(uploads, 1);
    ctx->state = u;

    return u->file != NULL && u->fill != NULL && u->files != NULL
           && u->asked != NULL && u->fields != NULL ? u : NULL;
}


void
ngx_http_render_pump_over(ngx_http_render_upload_t *u)
{
    u->over = 1;

    if (!u->busy && u->file->piece != NULL) {
        u->way->leave(u);
    }
}


/*
 * The body cannot be read to its end.  Of what comes in pieces the bytes that
 * had been read before count, as all that are here: they go with those that
 * wait to be written, of which there may be a whole buffer.
 */

static void
ngx_http_render_pump_broken(ngx_http_request_t *r, ngx_http_render_upload_t *u,
    ngx_int_t rc)
{
    u_char       *p;
    size_t        n;
    ngx_chain_t  *cl;

    cl = u->file->piece != NULL && r->request_body != NULL
         ? r->request_body->bufs : NULL;

    for ( /* void */ ; cl; cl = cl->next) {
        n = ngx_buf_in_memory(cl->buf) ? cl->buf->last - cl->buf->pos : 0;
        p = n != 0 ? realloc(u->fill, u->n + n) : NULL;

        if (p == NULL) {
            break;
        }

        u->fill = p;
        u->n += n;
        ngx_memcpy(p + u->n - n, cl->buf->pos, n);
    }

    ngx_http_render_pump_over(u);
    ngx_http_finalize_request(r, rc);
}


void
ngx_http_render_pump_start(ngx_http_request_t *r)
{
    ngx_int_t               rc;
    ngx_http_render_ctx_t  *ctx;

    r->request_body_no_buffering = 1;

    /* a client may have sent 100-continue: answered here, after the quota */

    rc = ngx_http_read_client_request_body(r, ngx_http_render_pump_init);

    if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {
        ctx = ngx_http_get_module_ctx(r, ngx_http_render_module);
        ngx_http_render_pump_broken(r, ctx->state, rc);
        return;
    }

    ngx_http_finalize_request(r, NGX_DONE);
}


/*
 * What is whole already may be somebody else's, too (a mirror's): buffers of
 * our own over the same bytes, that taking them takes nothing from others.
 */

static ngx_int_t
ngx_http_render_pump_own(ngx_http_request_t *r)
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
ngx_http_render_pump_init(ngx_http_request_t *r)
{
    ngx_http_render_ctx_t  *ctx;

    if (r->request_body == NULL) {          /* a subrequest without one */
        ngx_http_finalize_request(r, NGX_HTTP_BAD_REQUEST);
        return;
    }

    if (!r->reading_body && ngx_http_render_pump_own(r) != NGX_OK) {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    ctx = ngx_http_get_module_ctx(r, ngx_http_render_module);
    r->read_event_handler = ngx_http_render_pump_read;
    ngx_http_render_pump(r, ctx->state);
}


static void
ngx_http_render_pump_read(ngx_http_request_t *r)
{
    ngx_http_cleanup_t        *cln;
    ngx_http_render_upload_t  *u;

    /* not by the context: an error_page may have led elsewhere */

    for (cln = r->cleanup, u = NULL; cln; cln = cln->next) {
        if (cln->handler == ngx_http_render_pump_cleanup) {
            u = cln->data;
        }
    }

    if (u == NULL || u->over) {
        r->read_event_handler = ngx_http_block_reading;
        return;
    }

    if (r->connection->read->timedout) {
        r->connection->timedout = 1;
        ngx_http_render_pump_over(u);
        ngx_http_finalize_request(r, NGX_HTTP_REQUEST_TIME_OUT);
        return;
    }

    if (!u->full && !u->last && !u->asking && !u->ended) {
        ngx_http_render_pump(r, u);
    }
}


/* These two run in threads, at the same time. */

static void
ngx_http_render_pump_write(void *data)
{
    ngx_http_render_upload_t *u = data;

    ngx_http_render_file_write(u->file);
}


static void
ngx_http_render_pump_hash(void *data)
{
    ngx_http_render_upload_t *u = data;

    ngx_http_render_file_hash(u->file);
}


static ngx_int_t
ngx_http_render_pump_post(ngx_http_request_t *r, ngx_http_render_upload_t *u,
    ngx_http_render_run_pt run)
{
    if (ngx_http_render_thread(r, ngx_http_render_process->conf->files_pool,
                               run, ngx_http_render_pump_wrote, u) != NGX_OK)
    {
        ngx_http_render_pump_over(u);
        ngx_http_render_problem(r, 503, "Service unavailable",
                                "the server is too busy", NULL);
        return NGX_ERROR;
    }

    u->busy++;

    return NGX_OK;
}


/* It is we who take the time now: the client's does not run meanwhile. */

static void
ngx_http_render_pump_hold(ngx_http_request_t *r)
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
ngx_http_render_pump_give(ngx_http_request_t *r, ngx_http_render_upload_t *u)
{
    u_char                  *other;
    ngx_http_render_file_t  *f = u->file;

    if (u->busy) {
        u->full = 1;
        ngx_http_render_pump_hold(r);
        return NGX_AGAIN;
    }

    other = f->data;

    if (other == NULL && !(u->last && !u->form)) {
        other = malloc(u->way->buffer);
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

    if (ngx_http_render_pump_post(r, u, ngx_http_render_pump_hash)
        != NGX_OK
        || ngx_http_render_pump_post(r, u, ngx_http_render_pump_write)
           != NGX_OK)
    {
        return NGX_DECLINED;
    }

    if (u->last) {
        ngx_http_render_pump_hold(r);
        return NGX_AGAIN;
    }

    return NGX_OK;
}


void
ngx_http_render_pump_flush(ngx_http_request_t *r, ngx_http_render_upload_t *u)
{
    if (u->file->piece != NULL && u->n != 0 && !u->busy && !u->over
        && !u->ended)
    {
        (void) ngx_http_render_pump_give(r, u);
    }
}


void
ngx_http_render_pump(ngx_http_request_t *r, ngx_http_render_upload_t *u)
{
    ngx_int_t  rc;

    for ( ;; ) {
        rc = ngx_http_render_upload_take(r, u);

        if (rc == NGX_DECLINED) {
            return;
        }

        if (rc == NGX_DONE) {               /* a further file of the form */
            ngx_http_render_pump_hold(r);
            u->way->next(r, u);
            return;
        }

        if (rc == NGX_OK && !r->reading_body) {
            u->ended = 1;

            if (u->form) {
                u->way->whole(r, u);
                return;
            }

            u->last = 1;
            rc = NGX_AGAIN;
        }

        if (rc == NGX_AGAIN) {
            if (ngx_http_render_pump_give(r, u) != NGX_OK) {
                return;
            }
            continue;
        }

        rc = ngx_http_read_unbuffered_request_body(r);

        if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {
            ngx_http_render_pump_broken(r, u, rc);
            return;
        }

        if (rc == NGX_AGAIN && r->request_body->bufs == NULL) {

            /* of what comes in pieces each byte counts, should it break off */

            if (u->n >= NGX_HTTP_RENDER_PIECE_FLUSH) {
                ngx_http_render_pump_flush(r, u);
            }

            return;                         /* the read handler goes on */
        }
    }
}


void
ngx_http_render_pump_failed(ngx_http_request_t *r, int error,
    const char *doing)
{
    ngx_log_error(NGX_LOG_ERR, r->connection->log, error,
                  "render: %s an upload failed", doing);

    if (error == ENOSPC || error == EDQUOT) {
        ngx_http_render_problem(r, 507, "Insufficient storage",
                                "the server has no room for this file", NULL);
    } else {
        ngx_http_render_problem(r, 503, "Service unavailable",
                                "the file cannot be stored", NULL);
    }
}


/* All of a file is in S3; or it will never be. */

static void
ngx_http_render_pump_sent(ngx_http_request_t *r, void *data, const char *why)
{
    ngx_http_render_upload_t  *u = data;

    u->file->sending = NULL;

    if (u->over) {                          /* what was answered stands */
        return;
    }

    if (why != NULL) {
        ngx_http_render_pump_over(u);
        ngx_http_render_problem(r, 503, "Service unavailable",
                                "the file cannot be stored", NULL);
        return;
    }

    ngx_http_render_file_leave(u->file);
    u->way->stored(r, u);
}


/*
 * More of a file lies here: the parts that are whole go to S3 while others still
 * come.  NGX_DONE: and the rest with them; NGX_DECLINED: it cannot, and that
 * was answered.
 */

static ngx_int_t
ngx_http_render_pump_send(ngx_http_request_t *r, ngx_http_render_upload_t *u)
{
    off_t                    most;
    ngx_http_render_file_t  *f = u->file;

    if (ngx_http_render_process->s3 == NULL || f->piece != NULL
        || f->bytes == 0 || (!f->last && f->bytes < RN_S3_PART))
    {
        return NGX_OK;
    }

    if (f->sending == NULL) {
        most = f->last ? f->bytes
               : r->headers_in.content_length_n > 0
               ? r->headers_in.content_length_n : NGX_HTTP_RENDER_UPLOAD_UNTOLD;

        f->sending = ngx_http_render_s3_send(r, f->fd, f->key, f->type, most,
                                             ngx_http_render_pump_sent, u);
        if (f->sending == NULL) {
            ngx_http_render_pump_over(u);
            ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
            return NGX_DECLINED;
        }
    }

    if (f->last && ngx_http_render_watch_client(r) != NGX_OK) {
        ngx_http_render_pump_over(u);
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return NGX_DECLINED;
    }

    ngx_http_render_s3_more(f->sending, f->bytes, f->last);

    return f->last ? NGX_DONE : NGX_OK;
}


static void
ngx_http_render_pump_wrote(ngx_http_request_t *r, void *data)
{
    ngx_http_render_file_t    *f;
    ngx_http_render_upload_t  *u = data;

    if (--u->busy != 0) {                   /* the other one is still at it */
        return;
    }

    f = u->file;

    if (r == NULL || u->dropped) {          /* the client left meanwhile */
        ngx_http_render_pump_free(u);
        return;
    }

    if (u->over) {                          /* what was answered stands */
        ngx_http_render_pump_over(u);
        return;
    }

    if (f->error != 0) {
        ngx_http_render_pump_over(u);
        ngx_http_render_pump_failed(r, f->error, f->doing);
        return;
    }

    if (ngx_http_render_pump_send(r, u) != NGX_OK) {
        return;
    }

    if (f->last) {
        u->way->stored(r, u);
        return;
    }

    if (u->full) {
        u->full = 0;
        if (ngx_http_render_pump_give(r, u) == NGX_OK) {
            ngx_http_render_pump(r, u);
        }
    }
}
