/*
 * The bytes of an upload as they come: those of a raw body go to the file,
 * those of a form through the parser to files and fields.  Nothing is waited
 * for here: what has to be written or asked first is the answer.
 */

#include "ngx_http_render_upload.h"


static ngx_int_t
ngx_http_render_upload_refuse(ngx_http_request_t *r, ngx_uint_t status,
    const char *title, const char *why)
{
    ngx_http_render_ctx_t     *ctx;
    ngx_http_render_upload_t  *u;

    ctx = ngx_http_get_module_ctx(r, ngx_http_render_module);
    u = ctx->state;
    ngx_http_render_pump_over(u);
    ngx_http_render_problem(r, status, title, why, NULL);

    return NGX_DECLINED;
}


static ngx_int_t
ngx_http_render_upload_part(ngx_http_request_t *r, ngx_http_render_upload_t *u)
{
    rn_multipart  *m = &u->parser;

    (void) ngx_cpystrn((u_char *) u->field, (u_char *) m->name,
                       sizeof(u->field));

    if (!m->has_filename) {
        if (json_object_size(u->fields) >= NGX_HTTP_RENDER_UPLOAD_FIELDS) {
            return ngx_http_render_upload_refuse(r, 413, "Too many fields",
                "a form may hold at most 64 fields");
        }
        u->in_field = 1;
        u->value_len = 0;
        return NGX_OK;
    }

    if (m->filename[0] == '\0') {           /* no file was chosen */
        return NGX_OK;
    }

    if (json_array_size(u->files) >= NGX_HTTP_RENDER_UPLOAD_FILES) {
        return ngx_http_render_upload_refuse(r, 413, "Too many files",
            "a form may hold at most 32 files");
    }

    u->in_file = 1;
    (void) ngx_cpystrn((u_char *) u->filename, (u_char *) m->filename,
                       sizeof(u->filename));

    return u->asset ? NGX_OK : NGX_DONE;
}


static ngx_int_t
ngx_http_render_upload_data(ngx_http_request_t *r, ngx_http_render_upload_t *u)
{
    size_t  n;

    if (u->in_field) {
        if (u->value_len + u->span_len > sizeof(u->value)) {
            return ngx_http_render_upload_refuse(r, 413, "Field too large",
                "a field of a form may hold at most 8192 bytes");
        }
        ngx_memcpy(u->value + u->value_len, u->span, u->span_len);
        u->value_len += u->span_len;
        u->span_len = 0;

    } else if (!u->in_file) {               /* data of no file */
        u->span_len = 0;

    } else {
        n = ngx_min(u->span_len, u->way->buffer - u->n);
        ngx_memcpy(u->fill + u->n, u->span, n);
        u->n += n;
        u->taken += n;
        u->span += n;
        u->span_len -= n;

        if (u->stored + u->taken > u->left) {
            return ngx_http_render_upload_refuse(r, 413,
                u->too_many != NULL ? "Too long" : "Over quota",
                u->too_many != NULL ? u->too_many
                : "the account may not store this many bytes");
        }
    }

    return u->span_len != 0 ? NGX_AGAIN : NGX_OK;
}


static ngx_int_t
ngx_http_render_upload_part_end(ngx_http_request_t *r,
    ngx_http_render_upload_t *u)
{
    json_t  *value;

    if (u->in_field) {
        u->in_field = 0;
        value = json_stringn((char *) u->value, u->value_len);

        if (value == NULL
            || json_object_set_new(u->fields, u->field, value) != 0)
        {
            return ngx_http_render_upload_refuse(r, 400, "Bad form",
                "a field of the form is not UTF-8");
        }
        return NGX_OK;
    }

    if (u->in_file) {
        u->last = 1;
        return NGX_AGAIN;
    }

    return NGX_OK;
}


/*
 * Takes the bytes of one buffer; answers as ngx_http_render_upload_take() does.
 */

static ngx_int_t
ngx_http_render_upload_parse(ngx_http_request_t *r,
    ngx_http_render_upload_t *u, ngx_buf_t *b)
{
    ngx_int_t             rc;
    const unsigned char  *p;

    for ( ;; ) {

        if (u->span_len != 0) {             /* what did not fit before */
            rc = ngx_http_render_upload_data(r, u);
            if (rc != NGX_OK) {
                return rc;
            }
        }

        p = b->pos;

        switch (rn_multipart_next(&u->parser, &p, b->last, &u->span,
                                  &u->span_len))
        {
        case RN_MULTIPART_MORE:
            b->pos = b->last;
            u->span_len = 0;
            return NGX_OK;

        case RN_MULTIPART_PART:
            u->span_len = 0;
            rc = ngx_http_render_upload_part(r, u);
            break;

        case RN_MULTIPART_DATA:
            rc = NGX_OK;
            break;

        case RN_MULTIPART_PART_END:
            u->span_len = 0;
            rc = ngx_http_render_upload_part_end(r, u);
            break;

        case RN_MULTIPART_END:
            u->span_len = 0;
            rc = NGX_OK;
            break;

        default:
            return ngx_http_render_upload_refuse(r, 400, "Bad form",
                                                 u->parser.error);
        }

        if (rc == NGX_DECLINED) {           /* b may be gone with the request */
            return rc;
        }

        b->pos = (u_char *) p;

        if (rc != NGX_OK) {
            return rc;
        }
    }
}


static ngx_int_t
ngx_http_render_upload_raw(ngx_http_request_t *r, ngx_http_render_upload_t *u,
    ngx_buf_t *b)
{
    ngx_int_t  rc;

    u->span = b->pos;
    u->span_len = b->last - b->pos;

    if (u->span_len == 0) {                 /* the last of chunks holds none */
        return NGX_OK;
    }

    rc = ngx_http_render_upload_data(r, u);

    if (rc == NGX_DECLINED) {               /* b may be gone with the request */
        return rc;
    }

    b->pos = b->last - u->span_len;
    u->span_len = 0;

    return rc;
}


static ngx_int_t
ngx_http_render_upload_bytes(ngx_http_request_t *r,
    ngx_http_render_upload_t *u, ngx_buf_t *b)
{
    return u->form ? ngx_http_render_upload_parse(r, u, b)
                   : ngx_http_render_upload_raw(r, u, b);
}


/*
 * Somebody else had the body read (mirror_request_body), or all of it came with
 * the header and client_body_in_file_only is on: it lies in a file, of which a
 * piece at a time is taken.  It was written a moment ago, so that reading does
 * not wait for a disk.
 */

static ngx_int_t
ngx_http_render_upload_piece(ngx_http_request_t *r,
    ngx_http_render_upload_t *u, ngx_buf_t *b)
{
    size_t      size;
    ssize_t     n;
    ngx_int_t   rc;
    ngx_buf_t  *piece;

    if (u->piece == NULL) {
        u->piece = ngx_create_temp_buf(r->pool, NGX_HTTP_RENDER_UPLOAD_PIECE);

        if (u->piece == NULL) {
            ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
            return NGX_DECLINED;
        }
    }

    piece = u->piece;

    for ( ;; ) {

        /* a span may still point to what has been read before */

        if (piece->pos == piece->last && u->span_len == 0) {
            size = ngx_min(b->file_last - b->file_pos,
                           NGX_HTTP_RENDER_UPLOAD_PIECE);
            if (size == 0) {
                return NGX_OK;
            }

            n = ngx_read_file(b->file, piece->start, size, b->file_pos);

            if (n != (ssize_t) size) {
                ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                              "render: the file \"%V\" of a body cannot be "
                              "read", &b->file->name);
                return ngx_http_render_upload_refuse(r, 503,
                    "Service unavailable", "the file cannot be stored");
            }

            b->file_pos += n;
            piece->pos = piece->start;
            piece->last = piece->start + n;
        }

        rc = ngx_http_render_upload_bytes(r, u, piece);

        if (rc != NGX_OK) {
            return rc;
        }
    }
}


ngx_int_t
ngx_http_render_upload_take(ngx_http_request_t *r, ngx_http_render_upload_t *u)
{
    ngx_int_t     rc;
    ngx_buf_t    *b;
    ngx_chain_t  *cl, *next;

    for (cl = r->request_body->bufs; cl; cl = next) {
        b = cl->buf;
        next = cl->next;

        r->request_body->bufs = cl;
        rc = b->in_file ? ngx_http_render_upload_piece(r, u, b)
                        : ngx_http_render_upload_bytes(r, u, b);

        if (rc != NGX_OK) {
            return rc;
        }

        ngx_free_chain(r->pool, cl);        /* links are leaked otherwise */
    }

    r->request_body->bufs = NULL;

    return NGX_OK;
}
