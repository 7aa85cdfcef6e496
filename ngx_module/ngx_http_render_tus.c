/*
 * What is asked of uploads that come in pieces: tus 1.0 with its extensions
 * creation, creation-with-upload, creation-defer-length, expiration, checksum,
 * termination and concatenation.  https://tus.io/protocols/resumable-upload
 *
 * PostgreSQL is asked when one begins and when it is whole; whose it is, and
 * how much of it there is, the files say in between.
 */

#include "ngx_http_render_tus.h"


#define NGX_HTTP_RENDER_TUS_AGAIN  200          /* ms */
#define NGX_HTTP_RENDER_TUS_TRIES  25


static void ngx_http_render_tus_taken(ngx_http_request_t *r,
    ngx_http_render_tus_t *t);


int64_t
ngx_http_render_tus_expires(rn_upload *u)
{
    return ngx_min(ngx_time() + ngx_http_render_process->conf->upload_expire,
                   u->until);
}


/* Whether it is asked in our version of tus; else it is answered. */

static ngx_uint_t
ngx_http_render_tus_is(ngx_http_request_t *r)
{
    ngx_str_t  *version;

    ngx_http_render_tus_header(r, "Tus-Resumable", RN_TUS_VERSION);
    version = ngx_http_render_find_header(r, "Tus-Resumable");

    if (version == NULL || version->len != sizeof(RN_TUS_VERSION) - 1
        || ngx_strncmp(version->data, RN_TUS_VERSION, version->len) != 0)
    {
        ngx_http_render_tus_header(r, "Tus-Version", RN_TUS_VERSION);
        ngx_http_render_problem(r, 412, "Precondition failed",
                                "Tus-Resumable must be 1.0.0", NULL);
        return 0;
    }

    return 1;
}


/* The state of a request of a version that we speak; NULL: answered. */

ngx_http_render_tus_t *
ngx_http_render_tus_request(ngx_http_request_t *r)
{
    ngx_int_t               draft;
    ngx_str_t               id;
    ngx_http_render_ctx_t  *ctx;
    ngx_http_render_tus_t  *t;

    draft = ngx_http_render_draft_asked(r);

    if (draft < 0 || (draft == 0 && !ngx_http_render_tus_is(r))) {
        return NULL;
    }

    id = ngx_http_render_param(r, "id");

    if (id.len != 0 && !rn_is_uuid((char *) id.data, id.len)) {
        ngx_http_render_problem(r, 404, "Not found",
                                "there is no such upload", NULL);
        return NULL;
    }

    t = ngx_http_render_tus_begin(r);

    if (t != NULL) {
        t->draft = draft;
        ctx = ngx_http_get_module_ctx(r, ngx_http_render_module);
        (void) snprintf(t->upload->id, sizeof(t->upload->id), "%.*s",
                        (int) id.len, id.data);
        (void) snprintf(t->upload->account, sizeof(t->upload->account), "%.*s",
                        (int) ctx->identity->account.len,
                        ctx->identity->account.data);
    }

    return t;
}


/* A number in a header; -1: it is not there, -2: it is none, and answered. */

int64_t
ngx_http_render_tus_read(ngx_http_request_t *r, const char *name,
    const char *why)
{
    int64_t     n;
    ngx_str_t  *value;

    value = ngx_http_render_find_header(r, name);

    if (value == NULL) {
        return -1;
    }

    n = rn_tus_number((char *) value->data, value->len);

    if (n < 0) {
        ngx_http_render_tus_bad(r, why);
        return -2;
    }

    return n;
}


/* What is said of the body; NGX_DECLINED: answered. */

ngx_int_t
ngx_http_render_tus_sum(ngx_http_request_t *r, ngx_http_render_tus_t *t)
{
    ngx_str_t   *value;
    const char  *why;

    value = ngx_http_render_find_header(r, "Upload-Checksum");

    if (value == NULL) {
        return NGX_OK;
    }

    why = rn_tus_checksum_read((char *) value->data, value->len, &t->sum);

    if (why != NULL) {
        ngx_http_render_tus_bad(r, why);
        return NGX_DECLINED;
    }

    t->summed = 1;

    return NGX_OK;
}


/* Whether the body is bytes of the upload; else there should be none. */

ngx_uint_t
ngx_http_render_tus_has_bytes(ngx_http_request_t *r, ngx_http_render_tus_t *t)
{
    return t->draft != 0
           || ngx_http_render_is_type(r, "application/offset+octet-stream");
}


/* Somebody else has it: he was asked to let go. */

static void
ngx_http_render_tus_again(ngx_event_t *ev)
{
    ngx_connection_t       *c;
    ngx_http_render_tus_t  *t = ev->data;

    c = t->r->connection;
    ngx_http_set_log_request(c->log, t->r);
    ngx_http_render_tus_do(t->r, t, ngx_http_render_tus_run_take,
                           ngx_http_render_tus_taken);
    ngx_http_render_wake(c);
}


static void
ngx_http_render_tus_taken(ngx_http_request_t *r, ngx_http_render_tus_t *t)
{
    if (t->error == EWOULDBLOCK
        && t->tries++ < NGX_HTTP_RENDER_TUS_TRIES)
    {
        ngx_http_render_set_event(&t->again, ngx_http_render_tus_again, t);
        ngx_add_timer(&t->again, NGX_HTTP_RENDER_TUS_AGAIN);
        return;
    }

    if (t->error != 0) {
        ngx_http_render_tus_failed(r, t);
        return;
    }

    if (t->upload->expires < ngx_time()) {
        ngx_http_render_problem(r, 410, "Gone", "this upload has expired",
                                NULL);
        return;
    }

    t->taken(r, t);
}


static void
ngx_http_render_tus_take(ngx_http_request_t *r, ngx_http_render_tus_t *t,
    ngx_http_render_tus_pt taken)
{
    t->taken = taken;
    ngx_http_render_tus_do(r, t, ngx_http_render_tus_run_take,
                           ngx_http_render_tus_taken);
}


/*
 * All of it is there, but it is no asset: whoever sent its last byte was not
 * told that it is.  By the draft he says so once more, else asking will do.
 */

static ngx_uint_t
ngx_http_render_tus_unfinished(ngx_http_render_tus_t *t)
{
    rn_upload  *u = t->upload;

    if (t->draft != 0 && !t->complete) {
        return 0;
    }

    return u->state != RN_UPLOAD_DONE && !u->partial
           && u->offset == u->length;
}


static void
ngx_http_render_tus_resumed(ngx_http_request_t *r, ngx_http_render_tus_t *t)
{
    if (ngx_http_render_tus_unfinished(t)) {
        ngx_http_render_tus_finish(r, t);
        return;
    }

    ngx_http_render_tus_answer(r, t);
}


static void
ngx_http_render_tus_looked(ngx_http_request_t *r, ngx_http_render_tus_t *t)
{
    if (t->error == 0 && ngx_http_render_tus_unfinished(t)) {
        ngx_http_render_tus_take(r, t, ngx_http_render_tus_resumed);
        return;
    }

    t->taken = ngx_http_render_tus_answer;
    ngx_http_render_tus_taken(r, t);
}


void
ngx_http_render_tus_get(ngx_http_request_t *r)
{
    ngx_http_render_tus_t  *t;

    t = ngx_http_render_tus_request(r);

    if (t != NULL) {
        t->asked = 1;
        ngx_http_render_tus_do(r, t, ngx_http_render_tus_run_look,
                               ngx_http_render_tus_looked);
    }
}


/* What is asked may be done: NGX_DECLINED: it may not, and was answered. */

static ngx_int_t
ngx_http_render_tus_fits(ngx_http_request_t *r, ngx_http_render_tus_t *t)
{
    off_t       n;
    rn_upload  *u = t->upload;

    if (ngx_strncmp(u->concat, "final;", 6) == 0) {
        ngx_http_render_problem(r, 403, "Forbidden", "a final upload takes no "
                                "bytes", NULL);
        return NGX_DECLINED;
    }

    if (t->draft != 0) {
        if (t->at != u->offset) {
            ngx_http_render_tus_number(r, "Upload-Offset", u->offset);
        }

        if (ngx_http_render_draft_fits(r, t) != NGX_OK) {
            return NGX_DECLINED;
        }

    } else if (t->at != u->offset) {
        ngx_http_render_tus_number(r, "Upload-Offset", u->offset);
        ngx_http_render_problem(r, 409, "Conflict", "Upload-Offset is not "
                                "where this upload stands", NULL);
        return NGX_DECLINED;
    }

    if (t->length >= 0 && u->length >= 0 && t->length != u->length) {
        ngx_http_render_tus_bad(r, "Upload-Length has been told before, and "
                                "was another");
        return NGX_DECLINED;
    }

    if (t->length >= 0 && u->length < 0) {
        if (t->length < u->offset || t->length == 0) {
            ngx_http_render_tus_bad(r, "Upload-Length is less than what there "
                                    "is, or 0");
            return NGX_DECLINED;
        }

        if (u->limit >= 0 && t->length > u->limit) {
            ngx_http_render_tus_long(r, "a file may not have this many bytes, "
                                     "or the account not store them");
            return NGX_DECLINED;
        }

        u->length = t->length;
    }

    n = ngx_max(r->headers_in.content_length_n, 0);

    if (u->length >= 0 && n > u->length - u->offset) {
        ngx_http_render_tus_long(r, "there are more bytes than Upload-Length "
                                 "has announced");
        return NGX_DECLINED;
    }

    return NGX_OK;
}


static void
ngx_http_render_tus_patched(ngx_http_request_t *r, ngx_http_render_tus_t *t)
{
    rn_upload  *u = t->upload;

    if (ngx_http_render_tus_fits(r, t) != NGX_OK) {
        return;
    }

    if (u->state != RN_UPLOAD_OPEN) {       /* it is whole */
        ngx_http_render_tus_resumed(r, t);
        return;
    }

    u->expires = ngx_http_render_tus_expires(u);
    ngx_http_render_tus_piece(r, t);
}


void
ngx_http_render_tus_patch(ngx_http_request_t *r)
{
    ngx_http_render_tus_t  *t;

    t = ngx_http_render_tus_request(r);

    if (t == NULL) {
        return;
    }

    if (t->draft != 0) {
        if (ngx_http_render_draft_patch(r, t) == NGX_OK) {
            t->asks = 1;
            ngx_http_render_tus_take(r, t, ngx_http_render_tus_patched);
        }
        return;
    }

    if (!ngx_http_render_tus_has_bytes(r, t)) {
        ngx_http_render_problem(r, 415, "Unsupported media type", "the type of "
                                "the bytes of an upload must be "
                                "application/offset+octet-stream", NULL);
        return;
    }

    t->at = ngx_http_render_tus_read(r, "Upload-Offset", "Upload-Offset must "
                                     "be a number of bytes");
    t->length = t->at == -2 ? -2
                : ngx_http_render_tus_read(r, "Upload-Length", "Upload-Length "
                                           "must be a number of bytes");

    if (t->at == -2 || t->length == -2
        || ngx_http_render_tus_sum(r, t) != NGX_OK)
    {
        return;
    }

    if (t->at < 0) {
        ngx_http_render_tus_bad(r, "there must be an Upload-Offset");
        return;
    }

    t->asks = 1;
    ngx_http_render_tus_take(r, t, ngx_http_render_tus_patched);
}


static void
ngx_http_render_tus_removed(ngx_http_request_t *r, ngx_http_render_tus_t *t)
{
    if (t->error != 0) {
        ngx_http_render_tus_failed(r, t);
        return;
    }

    ngx_http_render_no_content(r);
}


/* SQL knows of it no more; what was made an asset before stays one. */

static void
ngx_http_render_tus_abandoned(ngx_http_request_t *r,
    ngx_http_render_answer_t *a)
{
    ngx_http_render_ctx_t  *ctx;

    if (a->failed || a->status >= NGX_HTTP_BAD_REQUEST) {
        ngx_http_render_answer(r, a);
        return;
    }

    ctx = ngx_http_get_module_ctx(r, ngx_http_render_module);
    ngx_http_render_tus_do(r, ctx->state, ngx_http_render_tus_run_remove,
                           ngx_http_render_tus_removed);
}


static void
ngx_http_render_tus_terminate(ngx_http_request_t *r, ngx_http_render_tus_t *t)
{
    ngx_http_render_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_render_module);
    ctx->state = t;
    ngx_http_render_add(r, "uploads", json_pack("[{s:s, s:s}]", "asset",
                                                t->upload->id, "key",
                                                t->upload->key));
    ngx_http_render_call(r, ngx_http_render_sql_assets_abandon,
                         ngx_http_render_tus_abandoned);
}


void
ngx_http_render_tus_delete(ngx_http_request_t *r)
{
    ngx_http_render_tus_t  *t;

    t = ngx_http_render_tus_request(r);

    if (t != NULL) {
        t->asks = 1;
        ngx_http_render_tus_take(r, t, ngx_http_render_tus_terminate);
    }
}


/* For clients that can send nothing but POST. */

void
ngx_http_render_tus_post(ngx_http_request_t *r)
{
    size_t       i;
    ngx_int_t    rc;
    ngx_str_t   *method;

    static const struct {
        const char                  *name;
        ngx_http_render_handler_pt   handler;
    } methods[] = {
        { "PATCH", ngx_http_render_tus_patch },
        { "DELETE", ngx_http_render_tus_delete },
        { "HEAD", ngx_http_render_tus_get },
        { "GET", ngx_http_render_tus_get }
    };

    method = ngx_http_render_find_header(r, "X-HTTP-Method-Override");

    for (i = 0; method != NULL && i < sizeof(methods) / sizeof(methods[0]);
         i++)
    {
        if (ngx_strcasecmp(method->data, (u_char *) methods[i].name) != 0) {
            continue;
        }

        if (methods[i].handler != ngx_http_render_tus_patch) {
            rc = ngx_http_discard_request_body(r);

            if (rc != NGX_OK) {
                ngx_http_finalize_request(r, rc);
                return;
            }
        }

        methods[i].handler(r);
        return;
    }

    ngx_http_render_tus_bad(r, "a POST to an upload needs "
                            "X-HTTP-Method-Override: PATCH, DELETE or HEAD");
}
