/*
 * How an upload that comes in pieces begins: its length, what is said of it,
 * and of which others it is joined.
 */

#include "ngx_http_render_tus.h"
#include "rn_utf8.h"


static ngx_uint_t
ngx_http_render_tus_may_be(ngx_http_render_tus_t *t)
{
    off_t  max;

    max = ngx_http_render_process->conf->upload_max;

    return max <= 0 || t->length <= max;
}


/* A file lies in the folder; or what it was to be joined of does not go. */

static void
ngx_http_render_tus_created(ngx_http_request_t *r, ngx_http_render_tus_t *t)
{
    ngx_str_t  location;

    if (t->error != 0) {
        ngx_http_render_tus_abandon(json_pack("[{s:s}]", "asset",
                                              t->upload->id));
        ngx_http_render_tus_failed(r, t);
        return;
    }

    t->created = 1;

    if (t->draft != 0) {
        location = ngx_http_render_tus_location(r, t);

        if (location.data == NULL) {
            ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
            return;
        }

        if (ngx_http_render_draft_interim(r, t, &location) != NGX_OK) {
            return;
        }
    }

    if (t->nparts != 0) {
        ngx_http_render_tus_finish(r, t);

    } else if (ngx_http_render_tus_has_bytes(r, t)) {
        ngx_http_render_tus_piece(r, t);

    } else {
        ngx_http_render_tus_answer(r, t);
    }
}


/* SQL has made a row for it. */

static void
ngx_http_render_tus_begun(ngx_http_request_t *r, ngx_http_render_answer_t *a)
{
    off_t                   max;
    json_t                 *j;
    rn_upload              *u;
    const char             *asset, *key;
    ngx_http_render_ctx_t  *ctx;
    ngx_http_render_tus_t  *t;

    ctx = ngx_http_get_module_ctx(r, ngx_http_render_module);
    t = ctx->state;
    u = t->upload;

    if (a->failed || a->status != NGX_HTTP_OK) {
        ngx_http_render_answer(r, a);
        return;
    }

    j = json_loadb((char *) a->body.data, a->body.len, 0, NULL);
    asset = json_string_value(json_object_get(j, "asset"));
    key = json_string_value(json_object_get(j, "key"));

    if (asset == NULL || key == NULL) {
        json_decref(j);
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    (void) ngx_cpystrn((u_char *) u->id, (u_char *) asset, sizeof(u->id));
    (void) ngx_cpystrn((u_char *) u->key, (u_char *) key, sizeof(u->key));
    u->limit = json_integer_value(json_object_get(j, "left"));
    json_decref(j);

    max = ngx_http_render_process->conf->upload_max;

    if (t->nparts != 0) {                   /* they are counted already, and
                                               what is joined at its end */
        u->limit = max > 0 ? max : -1;

    } else if (max > 0 && u->limit > max) {
        u->limit = max;
    }

    u->length = t->length;
    u->until = ngx_time() + NGX_HTTP_RENDER_TUS_LONGEST;
    u->expires = ngx_http_render_tus_expires(u);

    ngx_http_render_tus_do(r, t, ngx_http_render_tus_run_create,
                           ngx_http_render_tus_created);
}


const char *
ngx_http_render_tus_read_parts(ngx_http_render_tus_t *t)
{
    int          rc;
    size_t       len;
    ngx_uint_t   i;
    const char  *p;

    p = t->upload->concat + sizeof("final;") - 1;
    len = ngx_strlen(p);

    t->parts = calloc(RN_TUS_PARTS, sizeof(*t->parts));
    if (t->parts == NULL) {
        return "there is no memory to read Upload-Concat";
    }

    for (rc = 1; t->nparts < RN_TUS_PARTS; t->nparts++) {
        rc = rn_tus_concat_next(&p, &len, t->parts[t->nparts]);

        if (rc != 1) {
            break;
        }

        /* what is stored of it would be more than is counted */

        for (i = 0; i < t->nparts; i++) {
            if (ngx_strcmp(t->parts[i], t->parts[t->nparts]) == 0) {
                return "Upload-Concat names an upload twice";
            }
        }
    }

    if (rc == 0 && t->nparts != 0) {
        return NULL;
    }

    return rc == 1 ? "Upload-Concat may name at most 512 uploads"
           : "\"final;\" of Upload-Concat must be followed by URLs of partial "
             "uploads of this server, with spaces between";
}


/* Upload-Concat; NGX_DECLINED: answered. */

static ngx_int_t
ngx_http_render_tus_concat(ngx_http_request_t *r, ngx_http_render_tus_t *t)
{
    ngx_str_t   *value;
    const char  *why;

    value = ngx_http_render_find_header(r, "Upload-Concat");

    if (value == NULL) {
        return NGX_OK;
    }

    if (value->len > RN_SPOOL_CONCAT) {
        ngx_http_render_tus_bad(r, "Upload-Concat may hold at most 8192 bytes");
        return NGX_DECLINED;
    }

    if (!rn_utf8_valid((char *) value->data, value->len)) {
        ngx_http_render_tus_bad(r, "Upload-Concat is not UTF-8");
        return NGX_DECLINED;
    }

    (void) ngx_cpystrn((u_char *) t->upload->concat, value->data,
                       value->len + 1);

    if (value->len == 7 && ngx_strncmp(value->data, "partial", 7) == 0) {
        t->upload->partial = true;
        return NGX_OK;
    }

    if (value->len < 6 || ngx_strncmp(value->data, "final;", 6) != 0) {
        ngx_http_render_tus_bad(r, "Upload-Concat must be \"partial\", or "
                                "\"final;\" and URLs of partial uploads");
        return NGX_DECLINED;
    }

    why = ngx_http_render_tus_read_parts(t);

    if (why != NULL) {
        ngx_http_render_tus_bad(r, why);
        return NGX_DECLINED;
    }

    return NGX_OK;
}


/* Upload-Length, or that it comes later; NGX_DECLINED: answered. */

static ngx_int_t
ngx_http_render_tus_told_length(ngx_http_request_t *r, ngx_http_render_tus_t *t)
{
    ngx_str_t  *defer;

    t->length = ngx_http_render_tus_read(r, "Upload-Length", "Upload-Length "
                                         "must be a number of bytes");
    if (t->length == -2) {
        return NGX_DECLINED;
    }

    defer = ngx_http_render_find_header(r, "Upload-Defer-Length");

    if (t->nparts != 0) {
        if (t->length >= 0 || defer != NULL) {
            ngx_http_render_tus_bad(r, "a final upload has the length of its "
                                    "parts, and no Upload-Length");
            return NGX_DECLINED;
        }
        return NGX_OK;
    }

    if (defer != NULL && (defer->len != 1 || defer->data[0] != '1')) {
        ngx_http_render_tus_bad(r, "Upload-Defer-Length must be 1");
        return NGX_DECLINED;
    }

    if ((t->length >= 0) == (defer != NULL)) {
        ngx_http_render_tus_bad(r, "there must be either Upload-Length or "
                                "Upload-Defer-Length");
        return NGX_DECLINED;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_render_tus_length(ngx_http_request_t *r, ngx_http_render_tus_t *t)
{
    ngx_int_t  rc;

    rc = t->draft != 0 ? ngx_http_render_draft_create(r, t)
                       : ngx_http_render_tus_told_length(r, t);
    if (rc != NGX_OK) {
        return rc;
    }

    if (t->length == 0 && !t->upload->partial) {
        ngx_http_render_problem(r, 400, "Empty upload", "a file is empty",
                                NULL);
        return NGX_DECLINED;
    }

    if (!ngx_http_render_tus_may_be(t)) {
        ngx_http_render_tus_long(r, "a file may not have this many bytes");
        return NGX_DECLINED;
    }

    return NGX_OK;
}


/* What will be the asset's must be text that SQL takes. */

static const char *
ngx_http_render_tus_no_text(ngx_str_t *metadata)
{
    int         n;
    char        text[RN_TUS_META_MAX];
    ngx_uint_t  i;

    for (i = 0; ngx_http_render_tus_fields[i].key != NULL; i++) {
        n = rn_tus_metadata_get((char *) metadata->data, metadata->len,
                                ngx_http_render_tus_fields[i].key, text,
                                sizeof(text));

        if (n > 0 && (!rn_utf8_valid(text, n) || memchr(text, '\0', n) != NULL))
        {
            return "filename, name, title, description and visibility of "
                   "Upload-Metadata must be UTF-8 without NUL";
        }
    }

    return NULL;
}


/* Upload-Metadata; NGX_DECLINED: answered. */

static ngx_int_t
ngx_http_render_tus_metadata(ngx_http_request_t *r, ngx_http_render_tus_t *t)
{
    ngx_str_t   *value;
    const char  *why;

    value = ngx_http_render_find_header(r, "Upload-Metadata");

    if (value == NULL || value->len == 0) {
        return NGX_OK;
    }

    why = rn_tus_metadata_wrong((char *) value->data, value->len);
    why = why != NULL ? why : ngx_http_render_tus_no_text(value);

    if (why != NULL) {
        ngx_http_render_tus_bad(r, why);
        return NGX_DECLINED;
    }

    (void) ngx_cpystrn((u_char *) t->upload->metadata, value->data,
                       value->len + 1);

    return NGX_OK;
}


void
ngx_http_render_tus_create(ngx_http_request_t *r)
{
    ngx_str_t               value;
    ngx_http_render_ctx_t  *ctx;
    ngx_http_render_tus_t  *t;

    t = ngx_http_render_tus_request(r);

    if (t == NULL
        || (t->draft == 0 && ngx_http_render_tus_concat(r, t) != NGX_OK)
        || ngx_http_render_tus_metadata(r, t) != NGX_OK
        || ngx_http_render_tus_length(r, t) != NGX_OK
        || ngx_http_render_tus_sum(r, t) != NGX_OK)
    {
        return;
    }

    if (t->length >= 0 && r->headers_in.content_length_n > t->length
        && ngx_http_render_tus_has_bytes(r, t))
    {
        ngx_http_render_tus_long(r, "there are more bytes than Upload-Length "
                                 "has announced");
        return;
    }

    value.data = ngx_pnalloc(r->pool, NGX_OFF_T_LEN);
    if (value.data == NULL) {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    value.len = ngx_sprintf(value.data, "%O", (off_t) ngx_max(t->length, 0))
                - value.data;
    ngx_http_render_set_param(r, "length", value);

    if (t->length < 0 && t->nparts == 0) {
        ngx_str_set(&value, "1");
        ngx_http_render_set_param(r, "deferred", value);
    }

    ctx = ngx_http_get_module_ctx(r, ngx_http_render_module);
    ctx->state = t;
    ngx_http_render_call(r, ngx_http_render_sql_uploads_begin,
                         ngx_http_render_tus_begun);
}
