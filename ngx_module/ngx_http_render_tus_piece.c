/*
 * The bytes of a piece of an upload, and what is done when it was the last: the
 * file goes to storage, and SQL makes an asset of it.
 */

#include "ngx_http_render_tus.h"


#define NGX_HTTP_RENDER_TUS_WATCH  1000         /* ms */


static void ngx_http_render_tus_stored(ngx_http_request_t *r,
    ngx_http_render_upload_t *u);
static void ngx_http_render_tus_left_off(ngx_http_render_upload_t *u);
static void ngx_http_render_tus_watch(ngx_event_t *ev);


static const ngx_http_render_way_t  ngx_http_render_tus_way = {
    NGX_HTTP_RENDER_PIECE_BUFFER,
    NULL,
    NULL,
    ngx_http_render_tus_stored,
    ngx_http_render_tus_left_off
};


/* The client is gone, or was refused: what came stands. */

static void
ngx_http_render_tus_left_off(ngx_http_render_upload_t *u)
{
    ngx_http_render_left_t  left;

    if (u->file == NULL || u->file->piece == NULL) {
        return;
    }

    ngx_memzero(&left, sizeof(ngx_http_render_left_t));
    left.upload = u->file->piece;
    u->file->piece = NULL;

    if (u->file->error == 0 && u->n != 0) {
        left.data = u->fill;
        left.n = u->n;
        u->fill = NULL;
    }

    ngx_http_render_tus_leave(&left);
}


static void
ngx_http_render_tus_pump(ngx_http_request_t *r, ngx_http_render_tus_t *t)
{
    const EVP_MD              *md;
    ngx_http_render_upload_t  *u;

    if (t->error != 0) {
        ngx_http_render_tus_failed(r, t);
        return;
    }

    u = ngx_http_render_pump_create(r, &ngx_http_render_tus_way);

    if (u == NULL) {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    if (t->summed) {
        md = t->sum.algorithm == RN_TUS_SHA1 ? EVP_sha1() : EVP_sha256();

        if (EVP_DigestInit_ex(u->file->md, md, NULL) != 1) {
            ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
            return;
        }
    }

    u->data = t;
    t->pump = u;
    u->file->summed = t->summed;
    u->file->piece = t->upload;
    u->in_file = u->asset = 1;
    u->left = NGX_MAX_OFF_T_VALUE;

    if (t->upload->length >= 0) {
        u->left = t->upload->length - t->upload->offset;
        u->too_many = "there are more bytes than Upload-Length has announced";

    } else if (t->upload->limit >= 0) {
        u->left = t->upload->limit - t->upload->offset;
    }

    t->upload = NULL;

    ngx_http_render_set_event(&t->watch, ngx_http_render_tus_watch, t);
    t->watch.cancelable = 1;
    ngx_add_timer(&t->watch, NGX_HTTP_RENDER_TUS_WATCH);

    ngx_http_render_pump_start(r);
}


void
ngx_http_render_tus_piece(ngx_http_request_t *r, ngx_http_render_tus_t *t)
{
    if (t->summed) {
        ngx_http_render_tus_do(r, t, ngx_http_render_tus_run_doubt,
                               ngx_http_render_tus_pump);
        return;
    }

    t->error = 0;
    ngx_http_render_tus_pump(r, t);
}


/*
 * Somebody may want to go on with it while we wait for a client that is long
 * gone: each second we look whether one does.
 */

typedef struct {
    rn_spool                 spool;
    char                     id[RN_UUID_LEN + 1];
    ngx_uint_t               asked;
    ngx_http_render_tus_t   *tus;           /* the request's */
} ngx_http_render_wanted_t;


static void
ngx_http_render_tus_run_wanted(void *data)
{
    ngx_http_render_wanted_t *w = data;

    w->asked = rn_spool_asked(&w->spool, w->id);
}


static void
ngx_http_render_tus_wanted(ngx_http_request_t *r, void *data)
{
    ngx_uint_t                 asked;
    ngx_http_render_tus_t     *t;
    ngx_http_render_wanted_t  *w = data;
    ngx_http_render_upload_t  *u;

    t = w->tus;
    asked = w->asked;
    free(w);

    if (r == NULL) {
        return;
    }

    u = t->pump;

    if (u == NULL || u->over || u->ended) {     /* it is not the client who
                                                   is waited for */
        return;
    }

    if (!asked) {
        ngx_add_timer(&t->watch, NGX_HTTP_RENDER_TUS_WATCH);
        ngx_http_render_pump_flush(r, u);   /* of a slow client, too */
        return;
    }

    ngx_http_render_pump_over(u);
    r->keepalive = 0;
    ngx_http_render_problem(r, 409, "Interrupted", "another request goes on "
                            "with this upload", NULL);
}


static void
ngx_http_render_tus_watch(ngx_event_t *ev)
{
    ngx_http_render_tus_t     *t = ev->data;
    ngx_http_render_wanted_t  *w;
    ngx_http_render_upload_t  *u;

    u = t->pump;

    if (u == NULL || u->over || u->ended || u->file->piece == NULL) {
        return;
    }

    w = calloc(1, sizeof(ngx_http_render_wanted_t));

    if (w != NULL) {
        w->spool = t->spool;
        w->tus = t;
        ngx_memcpy(w->id, u->file->piece->id, sizeof(w->id));

        if (ngx_http_render_thread(t->r,
                                   ngx_http_render_process->conf->files_pool,
                                   ngx_http_render_tus_run_wanted,
                                   ngx_http_render_tus_wanted, w) == NGX_OK)
        {
            return;
        }

        free(w);
    }

    ngx_add_timer(ev, NGX_HTTP_RENDER_TUS_WATCH);
}


static void
ngx_http_render_tus_mismatch(ngx_http_request_t *r, ngx_http_render_tus_t *t)
{
    if (t->error != 0) {
        ngx_http_render_tus_failed(r, t);
        return;
    }

    ngx_http_render_problem(r, 460, "Checksum mismatch", "the bytes are not "
                            "those of Upload-Checksum, and were discarded",
                            NULL);
}


static void
ngx_http_render_tus_kept(ngx_http_request_t *r, ngx_http_render_tus_t *t)
{
    if (t->error != 0) {
        ngx_http_render_tus_failed(r, t);
        return;
    }

    ngx_http_render_tus_answer(r, t);
}


/* All bytes of the piece are written. */

static void
ngx_http_render_tus_stored(ngx_http_request_t *r, ngx_http_render_upload_t *u)
{
    ngx_int_t               rc;
    unsigned int            n;
    unsigned char           digest[EVP_MAX_MD_SIZE];
    ngx_http_render_tus_t  *t = u->data;

    if (t->watch.timer_set) {
        ngx_del_timer(&t->watch);
    }

    t->pump = NULL;
    t->upload = u->file->piece;
    u->file->piece = NULL;
    u->over = 1;                            /* nothing more is read */

    if (t->summed) {
        if (EVP_DigestFinal_ex(u->file->md, digest, &n) != 1
            || n != t->sum.len || ngx_memcmp(digest, t->sum.digest, n) != 0)
        {
            ngx_http_render_tus_do(r, t, ngx_http_render_tus_run_undo,
                                   ngx_http_render_tus_mismatch);
            return;
        }

        rn_upload_trust(t->upload);
    }

    if (t->draft != 0) {
        rc = ngx_http_render_draft_ended(r, t);

        if (rc == NGX_DONE) {
            ngx_http_render_tus_finish(r, t);

        } else if (rc == NGX_OK) {
            ngx_http_render_tus_do(r, t, ngx_http_render_tus_run_keep,
                                   ngx_http_render_tus_kept);
        }
        return;
    }

    if (t->upload->offset == t->upload->length && !t->upload->partial) {
        ngx_http_render_tus_finish(r, t);
        return;
    }

    ngx_http_render_tus_do(r, t, ngx_http_render_tus_run_keep,
                           ngx_http_render_tus_kept);
}


/* It is an asset, and what says so on disk is written, or will be later on. */

static void
ngx_http_render_tus_done(ngx_http_request_t *r, ngx_http_render_tus_t *t)
{
    ngx_str_t  location;

    if (t->error != 0) {
        ngx_log_error(NGX_LOG_WARN, r->connection->log, t->error,
                      "render: it could not be written down that an upload is "
                      "an asset");
    }

    if (t->draft == 0) {
        ngx_http_render_tus_answer(r, t);
        return;
    }

    /* as if all had come at once */

    ngx_http_render_draft_header(r, t);

    if (t->created) {
        location = ngx_http_render_tus_location(r, t);
        (void) ngx_http_render_header(r, "Location", &location);
    }

    ngx_http_render_send_json(r, NGX_HTTP_CREATED, &t->made);
}


/* SQL has refused it, and knows of it no more. */

static void
ngx_http_render_tus_refused(ngx_http_request_t *r, ngx_http_render_tus_t *t,
    ngx_http_render_answer_t *a)
{
    ngx_http_render_left_t  left;

    t->upload->state = RN_UPLOAD_DONE;

    if (t->draft != 0) {
        ngx_http_render_draft_header(r, t);
    }

    ngx_memzero(&left, sizeof(ngx_http_render_left_t));
    left.upload = t->upload;
    left.remove = 1;
    t->upload = NULL;
    ngx_http_render_tus_leave(&left);

    ngx_http_render_answer(r, a);
}


static void
ngx_http_render_tus_made(ngx_http_request_t *r, ngx_http_render_answer_t *a)
{
    ngx_str_t               location;
    ngx_http_render_ctx_t  *ctx;
    ngx_http_render_tus_t  *t;

    ctx = ngx_http_get_module_ctx(r, ngx_http_render_module);
    t = ctx->state;

    if (a->failed) {                        /* it is asked again, some time */
        if (t->created) {
            location = ngx_http_render_tus_location(r, t);
            (void) ngx_http_render_header(r, "Location", &location);
        }
        ngx_http_render_answer(r, a);
        return;
    }

    if (a->status >= NGX_HTTP_BAD_REQUEST) {
        ngx_http_render_tus_refused(r, t, a);
        return;
    }

    ngx_http_render_effects(&a->effects);
    t->made = ngx_http_render_dup(r->pool, (char *) a->body.data, a->body.len);

    if (t->made.data == NULL) {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    ngx_http_render_tus_do(r, t, ngx_http_render_tus_run_done,
                           ngx_http_render_tus_done);
}


const ngx_http_render_tus_field_t  ngx_http_render_tus_fields[] = {
    { "filename", "filename", 1 },
    { "name", "filename", 1 },              /* Uppy's */
    { "title", "title", 0 },
    { "description", "description", 0 },
    { "visibility", "visibility", 0 },
    { NULL, NULL, 0 }
};


static void
ngx_http_render_tus_field(json_t *o, const char *as, rn_upload *u,
    const char *key)
{
    int   n;
    char  value[2048];

    n = rn_tus_metadata_get(u->metadata, ngx_strlen(u->metadata), key, value,
                            sizeof(value));

    if (n > 0 && json_object_get(o, as) == NULL) {
        (void) json_object_set_new(o, as, json_stringn(value, (size_t) n));
    }
}


static void
ngx_http_render_tus_finished(ngx_http_request_t *r, ngx_http_render_tus_t *t)
{
    json_t                             *file, *fields, *parts;
    rn_upload                          *u = t->upload;
    ngx_uint_t                          i;
    ngx_http_render_ctx_t              *ctx;
    const ngx_http_render_tus_field_t  *f;

    if (t->error != 0) {
        ngx_http_render_tus_failed(r, t);
        return;
    }

    ctx = ngx_http_get_module_ctx(r, ngx_http_render_module);
    file = json_pack("{s:s, s:s, s:I, s:s, s:s, s:s}", "asset", u->id,
                     "key", u->key,
                     "bytes", (json_int_t) u->length, "sha256", u->sha256,
                     "content_type", u->type,
                     "kind", ngx_http_render_file_kind(u->type));
    fields = json_object();
    parts = json_array();

    for (f = ngx_http_render_tus_fields; f->key != NULL; f++) {
        ngx_http_render_tus_field(f->of_file ? file : fields, f->as, u, f->key);
    }

    /* it was joined before, and nobody could be told */

    if (t->parts == NULL && ngx_strncmp(u->concat, "final;", 6) == 0) {
        (void) ngx_http_render_tus_read_parts(t);
    }

    for (i = 0; i < t->nparts; i++) {
        (void) json_array_append_new(parts, json_pack("{s:s}", "asset",
                                                      t->parts[i]));
    }

    ngx_http_render_add(r, "uploads", json_pack("[o]", file));
    ngx_http_render_add(r, "fields", fields);
    ngx_http_render_add(r, "parts", parts);

    ctx->state = t;
    ngx_http_render_call(r, ngx_http_render_sql_uploads_finish,
                         ngx_http_render_tus_made);
}


static void
ngx_http_render_tus_sent(ngx_http_request_t *r, void *data, const char *why)
{
    ngx_http_render_tus_t  *t = data;

    t->sending = NULL;

    if (why != NULL) {                      /* it is sealed: asked again, it is
                                               sent again */
        ngx_http_render_problem(r, 503, "Service unavailable",
                                "the file cannot be stored now; it is kept, "
                                "and may be asked for again", NULL);
        return;
    }

    ngx_http_render_tus_do(r, t, ngx_http_render_tus_run_sent,
                           ngx_http_render_tus_finished);
}


/* It is sealed; where storage is in S3, it has to go there yet. */

static void
ngx_http_render_tus_sealed(ngx_http_request_t *r, ngx_http_render_tus_t *t)
{
    rn_upload  *u = t->upload;

    if (t->error != 0 || ngx_http_render_process->s3 == NULL
        || u->state != RN_UPLOAD_SEALED)
    {
        ngx_http_render_tus_finished(r, t);
        return;
    }

    t->sending = ngx_http_render_s3_send(r, u->fd, u->key, u->type, u->length,
                                         ngx_http_render_tus_sent, t);

    /* its client may leave: then it is an asset when he comes back */

    if (t->sending == NULL) {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    ngx_http_render_s3_more(t->sending, u->length, 1);
}


void
ngx_http_render_tus_finish(ngx_http_request_t *r, ngx_http_render_tus_t *t)
{
    ngx_http_render_tus_do(r, t, ngx_http_render_tus_run_finish,
                           ngx_http_render_tus_sealed);
}
