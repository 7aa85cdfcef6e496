/*
 * Resumable uploads as the HTTP working group of the IETF writes them down
 * (draft-ietf-httpbis-resumable-upload), for clients that name the version of
 * its drafts which they speak.  What lies on disk, and who may write to it, is
 * the same as of tus; here is what differs in headers and answers.
 *
 * Versions 4 to 8 are those of drafts 02 to 12.  3 had the opposite header,
 * Upload-Incomplete, and is refused.
 */

#include "ngx_http_render_tus.h"
#include "rn_multipart_head.h"


#define NGX_HTTP_RENDER_DRAFT_MIN    4
#define NGX_HTTP_RENDER_DRAFT_TYPED  6      /* PATCH has a type of its own */
#define NGX_HTTP_RENDER_DRAFT_AGE    7      /* Upload-Limit has max-age; a PATCH
                                               that is not the last, 204 */
#define NGX_HTTP_RENDER_DRAFT_MAX    8

#define NGX_HTTP_RENDER_DRAFT_TYPES                                           \
    "https://iana.org/assignments/http-problem-types#"


/* The version that is asked for; 0: none, but tus.  NGX_DECLINED: answered. */

ngx_int_t
ngx_http_render_draft_asked(ngx_http_request_t *r)
{
    ngx_int_t   version;
    ngx_str_t  *value;

    value = ngx_http_render_find_header(r, "Upload-Draft-Interop-Version");

    if (value == NULL) {
        return 0;
    }

    version = ngx_atoi(value->data, value->len);

    if (version < NGX_HTTP_RENDER_DRAFT_MIN
        || version > NGX_HTTP_RENDER_DRAFT_MAX)
    {
        ngx_http_render_tus_bad(r, "Upload-Draft-Interop-Version must be 4, 5, "
                                "6, 7 or 8");
        return NGX_DECLINED;
    }

    (void) ngx_http_render_header(r, "Upload-Draft-Interop-Version", value);

    return version;
}


/* Upload-Complete: a boolean of RFC 9651.  NGX_DECLINED: answered. */

static ngx_int_t
ngx_http_render_draft_complete(ngx_http_request_t *r, ngx_http_render_tus_t *t)
{
    ngx_str_t  *value;

    value = ngx_http_render_find_header(r, "Upload-Complete");

    if (value == NULL || value->len != 2 || value->data[0] != '?'
        || (value->data[1] != '0' && value->data[1] != '1'))
    {
        ngx_http_render_tus_bad(r, "Upload-Complete must be ?0 or ?1");
        return NGX_DECLINED;
    }

    t->complete = value->data[1] == '1';

    return NGX_OK;
}


/* A problem of the draft, with two numbers that do not match. */

static void
ngx_http_render_draft_problem(ngx_http_request_t *r, ngx_uint_t status,
    const char *type, const char *title, const char *detail, json_t *members)
{
    json_t                 *o;
    ngx_http_render_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_render_module);
    o = json_pack("{s:s+, s:s, s:i, s:s, s:s%}",
                  "type", NGX_HTTP_RENDER_DRAFT_TYPES, type, "title", title,
                  "status", (int) status, "detail", detail,
                  "instance", ctx->id.data, ctx->id.len);
    (void) json_object_update(o, members);
    json_decref(members);
    ngx_http_render_tus_send(r, status, "application/problem+json", o);
}


static void
ngx_http_render_draft_lengths(ngx_http_request_t *r)
{
    ngx_http_render_draft_problem(r, 400, "inconsistent-upload-length",
        "Inconsistent Upload Length Values", "Upload-Length, Upload-Offset and "
        "the length of the body do not fit together, or not with what was told "
        "before", NULL);
}


/*
 * The length of all of it, by Upload-Length, or where this request is its last
 * by its Content-Length; -1: not known.
 */

static ngx_int_t
ngx_http_render_draft_length(ngx_http_request_t *r, ngx_http_render_tus_t *t)
{
    off_t    n;
    int64_t  by_body;

    t->length = ngx_http_render_tus_read(r, "Upload-Length", "Upload-Length "
                                         "must be a number of bytes");
    if (t->length == -2) {
        return NGX_DECLINED;
    }

    n = r->headers_in.content_length_n;

    if (!t->complete || n < 0) {
        return NGX_OK;
    }

    if (t->at > NGX_MAX_OFF_T_VALUE - n) {
        ngx_http_render_draft_lengths(r);
        return NGX_DECLINED;
    }

    by_body = ngx_max(t->at, 0) + n;

    if (t->length >= 0 && t->length != by_body) {
        ngx_http_render_draft_lengths(r);
        return NGX_DECLINED;
    }

    t->length = by_body;

    return NGX_OK;
}


/* A name of Content-Disposition, RFC 6266, as tus has it in its metadata. */

static void
ngx_http_render_draft_name(ngx_http_request_t *r, ngx_http_render_tus_t *t)
{
    u_char        *semicolon;
    ngx_str_t     *value, name, text;
    rn_multipart  *m;

    value = ngx_http_render_find_header(r, "Content-Disposition");
    m = value != NULL && t->upload->metadata[0] == '\0'
        ? ngx_pcalloc(r->pool, sizeof(rn_multipart)) : NULL;

    if (m == NULL) {
        return;
    }

    semicolon = ngx_strlchr(value->data, value->data + value->len, ';');

    if (semicolon == NULL) {
        return;
    }

    /* its parameters are read where those of forms are */

    m->headers_len = ngx_snprintf((u_char *) m->headers, sizeof(m->headers),
                                  "Content-Disposition: form-data; name=f%*s"
                                  CRLF,
                                  value->data + value->len - semicolon,
                                  semicolon) - (u_char *) m->headers;

    if (m->headers_len == sizeof(m->headers) || !rn_multipart_head(m)
        || m->filename[0] == '\0')
    {
        return;
    }

    name.data = (u_char *) m->filename;
    name.len = ngx_strlen(m->filename);
    text.data = ngx_pnalloc(r->pool, ngx_base64_encoded_length(name.len));

    if (text.data != NULL) {
        ngx_encode_base64(&text, &name);
        *ngx_snprintf((u_char *) t->upload->metadata,
                      sizeof(t->upload->metadata) - 1, "filename %V", &text)
            = '\0';
    }
}


ngx_int_t
ngx_http_render_draft_create(ngx_http_request_t *r, ngx_http_render_tus_t *t)
{
    if (ngx_http_render_draft_complete(r, t) != NGX_OK
        || ngx_http_render_draft_length(r, t) != NGX_OK)
    {
        return NGX_DECLINED;
    }

    ngx_http_render_draft_name(r, t);

    return NGX_OK;
}


ngx_int_t
ngx_http_render_draft_patch(ngx_http_request_t *r, ngx_http_render_tus_t *t)
{
    if (t->draft >= NGX_HTTP_RENDER_DRAFT_TYPED
        && !ngx_http_render_is_type(r, "application/partial-upload"))
    {
        ngx_http_render_problem(r, 415, "Unsupported media type", "the type of "
                                "the bytes of an upload must be "
                                "application/partial-upload", NULL);
        return NGX_DECLINED;
    }

    t->at = ngx_http_render_tus_read(r, "Upload-Offset", "Upload-Offset must "
                                     "be a number of bytes");
    if (t->at == -2) {
        return NGX_DECLINED;
    }

    if (t->at < 0) {
        ngx_http_render_tus_bad(r, "there must be an Upload-Offset");
        return NGX_DECLINED;
    }

    if (ngx_http_render_draft_complete(r, t) != NGX_OK) {
        return NGX_DECLINED;
    }

    return ngx_http_render_draft_length(r, t);
}


ngx_int_t
ngx_http_render_draft_fits(ngx_http_request_t *r, ngx_http_render_tus_t *t)
{
    off_t       n;
    rn_upload  *u = t->upload;

    n = ngx_max(r->headers_in.content_length_n, 0);

    if (u->state == RN_UPLOAD_DONE) {
        if (n > 0 || r->headers_in.chunked) {
            ngx_http_render_draft_lengths(r);
        } else {
            ngx_http_render_draft_problem(r, 400, "completed-upload",
                "Upload Is Completed", "this upload is complete", NULL);
        }
        return NGX_DECLINED;
    }

    if (t->at != u->offset) {
        ngx_http_render_draft_problem(r, 409, "mismatching-upload-offset",
            "Mismatching Upload Offset", "Upload-Offset is not where this "
            "upload stands", json_pack("{s:I, s:I}",
                                       "expected-offset",
                                       (json_int_t) u->offset,
                                       "provided-offset", (json_int_t) t->at));
        return NGX_DECLINED;
    }

    if (t->length >= 0) {
        if ((u->length >= 0 && t->length != u->length) || t->length < u->offset
            || n > t->length - u->offset)
        {
            ngx_http_render_draft_lengths(r);
            return NGX_DECLINED;
        }

    } else if (u->length >= 0 && n > u->length - u->offset) {
        ngx_http_render_draft_lengths(r);
        return NGX_DECLINED;
    }

    return NGX_OK;
}


/* The body has come to its end: whether the upload has, too. */

ngx_int_t
ngx_http_render_draft_ended(ngx_http_request_t *r, ngx_http_render_tus_t *t)
{
    rn_upload  *u = t->upload;

    if (!t->complete) {
        return NGX_OK;
    }

    if (u->offset == 0) {
        ngx_http_render_problem(r, 400, "Empty upload", "a file is empty",
                                NULL);
        return NGX_DECLINED;
    }

    if (u->length >= 0 && u->length != u->offset) {
        ngx_http_render_draft_lengths(r);
        return NGX_DECLINED;
    }

    u->length = u->offset;

    return NGX_DONE;
}


static u_char *
ngx_http_render_draft_limit(u_char *p, u_char *last, ngx_http_render_tus_t *t)
{
    off_t       max;
    ngx_int_t   version;
    const char *age;

    version = t != NULL ? t->draft : NGX_HTTP_RENDER_DRAFT_MAX;
    max = ngx_http_render_process->conf->upload_max;
    age = version < NGX_HTTP_RENDER_DRAFT_AGE ? "expires" : "max-age";

    p = max > 0 ? ngx_slprintf(p, last, "max-size=%O, ", max) : p;

    return ngx_slprintf(p, last, "%s=%T", age, t != NULL
                        ? ngx_max((time_t) t->upload->expires - ngx_time(), 0)
                        : ngx_http_render_process->conf->upload_expire);
}


void
ngx_http_render_draft_header(ngx_http_request_t *r, ngx_http_render_tus_t *t)
{
    u_char     text[2 * NGX_OFF_T_LEN + 32];
    ngx_str_t  value;

    value = ngx_http_render_dup(r->pool, (char *) text,
        ngx_http_render_draft_limit(text, text + sizeof(text), t) - text);
    (void) ngx_http_render_header(r, "Upload-Limit", &value);

    if (t == NULL) {
        return;
    }

    value = ngx_http_render_dup(r->pool, (char *) text,
        ngx_sprintf(text, "%L", t->upload->offset) - text);
    (void) ngx_http_render_header(r, "Upload-Offset", &value);

    if (t->upload->state == RN_UPLOAD_DONE) {
        ngx_str_set(&value, "?1");
    } else {
        ngx_str_set(&value, "?0");
    }

    (void) ngx_http_render_header(r, "Upload-Complete", &value);
}


ngx_uint_t
ngx_http_render_draft_created(ngx_http_render_tus_t *t)
{
    return t->created || t->draft < NGX_HTTP_RENDER_DRAFT_AGE;
}


/*
 * 104: where to go on with it, should this request be cut off.  HTTP/1.1 alone
 * has a way here to say something before the answer; nginx itself has so for
 * 100 only, and is so short that it is sent at once or not at all.
 */

ngx_int_t
ngx_http_render_draft_interim(ngx_http_request_t *r, ngx_http_render_tus_t *t,
    ngx_str_t *location)
{
    u_char             *p, *last, text[1024];
    ssize_t             n;
    ngx_connection_t   *c = r->connection;

    if (r != r->main || r->http_version != NGX_HTTP_VERSION_11
        || r->header_sent || c->buffered)
    {
        return NGX_OK;
    }

    last = text + sizeof(text);
    p = ngx_slprintf(text, last, "HTTP/1.1 104 Upload Resumption Supported"
                     CRLF "Upload-Draft-Interop-Version: %i" CRLF
                     "Location: %V" CRLF "Upload-Limit: ", t->draft, location);
    p = ngx_http_render_draft_limit(p, last, t);
    p = ngx_slprintf(p, last, CRLF CRLF);

    if (p == last) {                        /* a prefix of that length */
        return NGX_OK;
    }

    n = c->send(c, text, p - text);

    if (n != NGX_AGAIN && n != p - text) {  /* half a line was sent */
        c->error = 1;
        ngx_http_finalize_request(r, NGX_ERROR);
        return NGX_DECLINED;
    }

    return NGX_OK;
}
