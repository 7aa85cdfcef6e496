/*
 * Signed links to results: the file of the link by sendfile, with Range,
 * ETag and If-Range from nginx's own filters.  The link says who may read;
 * no database is asked, so films flow while it is away.
 */

#include "ngx_http_render.h"


static void
ngx_http_render_result_type(ngx_http_request_t *r, ngx_str_t *file)
{
    size_t  i;

    static const struct {
        const char *suffix, *type;
    } types[] = {
        { ".mp4", "video/mp4" }, { ".jpg", "image/jpeg" },
        { ".vtt", "text/vtt" }, { ".json", "application/json" },
        { ".m3u8", "application/vnd.apple.mpegurl" },
        { ".m4s", "video/iso.segment" }, { ".webm", "video/webm" },
        { ".gif", "image/gif" }, { ".png", "image/png" },
        { ".m4a", "audio/mp4" }, { ".mp3", "audio/mpeg" },
    };
    size_t  n;

    ngx_str_set(&r->headers_out.content_type, "application/octet-stream");

    for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        n = ngx_strlen(types[i].suffix);
        if (file->len > n
            && ngx_strncmp(file->data + file->len - n, types[i].suffix, n)
               == 0)
        {
            r->headers_out.content_type.data = (u_char *) types[i].type;
            r->headers_out.content_type.len = ngx_strlen(types[i].type);
        }
    }

    r->headers_out.content_type_len = r->headers_out.content_type.len;
}


static ngx_uint_t
ngx_http_render_result_verify(ngx_http_request_t *r, ngx_str_t *link,
    rn_link *parts)
{
    ngx_str_t                    *key;
    ngx_uint_t                    i;
    ngx_http_render_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_http_render_module);
    key = mcf->link_keys->elts;

    for (i = 0; i < mcf->link_keys->nelts; i++) {
        if (rn_link_verify(key[i].data, key[i].len, ngx_time(),
                           (char *) link->data, link->len, parts))
        {
            return 1;
        }
    }

    return 0;
}


static void
ngx_http_render_result_send(ngx_http_request_t *r, ngx_open_file_info_t *of,
    ngx_str_t *path)
{
    ngx_int_t    rc;
    ngx_buf_t   *b;
    ngx_chain_t  out;
    ngx_str_t    value;

    ngx_http_render_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_render_module);

    r->headers_out.status = NGX_HTTP_OK;
    r->headers_out.content_length_n = of->size;
    r->headers_out.last_modified_time = of->mtime;
    r->allow_ranges = 1;

    (void) ngx_http_render_header(r, "X-Request-Id", &ctx->id);
    ngx_str_set(&value, "private, max-age=3600");
    (void) ngx_http_render_header(r, "Cache-Control", &value);
    ngx_str_set(&value, "nosniff");
    (void) ngx_http_render_header(r, "X-Content-Type-Options", &value);

    if (ngx_http_set_etag(r) != NGX_OK) {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    b = ngx_calloc_buf(r->pool);
    if (b != NULL) {
        b->file = ngx_pcalloc(r->pool, sizeof(ngx_file_t));
    }

    if (b == NULL || b->file == NULL) {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        ngx_http_finalize_request(r, rc);
        return;
    }

    b->file_last = of->size;
    b->in_file = b->file_last ? 1 : 0;
    b->last_buf = (r == r->main) ? 1 : 0;
    b->last_in_chain = 1;
    b->file->fd = of->fd;
    b->file->name = *path;
    b->file->log = r->connection->log;
    b->file->directio = of->is_directio;

    out.buf = b;
    out.next = NULL;

    ngx_http_finalize_request(r, ngx_http_output_filter(r, &out));
}


void
ngx_http_render_result(ngx_http_request_t *r)
{
    u_char                       *p;
    rn_link                       parts;
    ngx_str_t                     link, path, file;
    ngx_open_file_info_t          of;
    ngx_http_core_loc_conf_t     *clcf;
    ngx_http_render_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_http_render_module);
    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);
    link = ngx_http_render_param(r, "link");

    if (!ngx_http_render_result_verify(r, &link, &parts)) {
        ngx_http_render_problem(r, 403, "Forbidden",
                                "the link has expired or is not valid", NULL);
        return;
    }

    path.len = mcf->storage_path.len + 1 + parts.prefix_len + 1
               + parts.file_len;
    path.data = ngx_pnalloc(r->pool, path.len + 1);
    if (path.data == NULL) {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    p = ngx_sprintf(path.data, "%V/%*s/%*s", &mcf->storage_path,
                    parts.prefix_len, parts.prefix, parts.file_len,
                    parts.file);
    *p = '\0';

    file.data = (u_char *) parts.file;
    file.len = parts.file_len;
    ngx_http_render_result_type(r, &file);

    ngx_memzero(&of, sizeof(ngx_open_file_info_t));
    of.read_ahead = clcf->read_ahead;
    of.directio = clcf->directio;
    of.valid = clcf->open_file_cache_valid;
    of.min_uses = clcf->open_file_cache_min_uses;
    of.errors = clcf->open_file_cache_errors;
    of.events = clcf->open_file_cache_events;

#if (NGX_HAVE_OPENAT)
    of.disable_symlinks = NGX_DISABLE_SYMLINKS_ON;
    of.disable_symlinks_from = mcf->storage_path.len;
#endif

    if (ngx_open_cached_file(clcf->open_file_cache, &path, &of, r->pool)
        != NGX_OK || !of.is_file)
    {
        if (of.err != 0 && of.err != NGX_ENOENT) {
            ngx_log_error(NGX_LOG_ERR, r->connection->log, of.err,
                          "%s \"%V\" failed", of.failed, &path);
        }
        ngx_http_render_problem(r, 404, "Not found",
                                "this result is not there any more", NULL);
        return;
    }

    ngx_http_render_result_send(r, &of, &path);
}
