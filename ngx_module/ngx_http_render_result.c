/*
 * Files of storage by sendfile, with Range, ETag and If-Range from nginx's own
 * filters: those of signed links, where the link says who may read and no
 * database is asked, so that films flow while it is away; and an asset's bytes,
 * where SQL says it.  Also playlists, which are told by SQL.
 */

#include "ngx_http_render_s3.h"
#include "rn_disposition.h"


const char *
ngx_http_render_result_type(ngx_str_t *file)
{
    size_t  i, n;

    static const struct {
        const char *suffix, *type;
    } types[] = {
        { ".mp4", "video/mp4" }, { ".jpg", "image/jpeg" },
        { ".vtt", "text/vtt" }, { ".json", "application/json" },
        { ".m4s", "video/iso.segment" }, { ".webm", "video/webm" },
        { ".gif", "image/gif" }, { ".png", "image/png" },
        { ".m4a", "audio/mp4" }, { ".mp3", "audio/mpeg" },
        { ".wav", "audio/wav" }, { ".mov", "video/quicktime" },
        { ".zip", "application/zip" },
    };

    for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        n = ngx_strlen(types[i].suffix);
        if (file->len > n
            && ngx_strncmp(file->data + file->len - n, types[i].suffix, n)
               == 0)
        {
            return types[i].type;
        }
    }

    return "application/octet-stream";
}


static ngx_uint_t
ngx_http_render_ends(ngx_str_t *s, const char *with)
{
    size_t  n;

    n = ngx_strlen(with);

    return s->len > n && ngx_strncmp(s->data + s->len - n, with, n) == 0;
}


ngx_uint_t
ngx_http_render_result_is_own(ngx_str_t *file)
{
    return ngx_http_render_ends(file, ".m3u8")
           || ngx_http_render_ends(file, ".vtt");
}


ngx_str_t
ngx_http_render_result_disposition(ngx_http_request_t *r)
{
    char       value[RN_DISPOSITION_SIZE];
    ngx_str_t  name;

    name = ngx_http_render_param(r, "download");

    if (name.len == 0) {
        ngx_str_null(&name);
        return name;
    }

    name.len = rn_disposition(1, (char *) name.data, name.len, value);

    return ngx_http_render_dup(r->pool, value, name.len);
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
    ngx_str_t *path, ngx_str_t *disposition)
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

    if (disposition != NULL) {
        (void) ngx_http_render_header(r, "Content-Disposition", disposition);
    }

    /* what strangers have sent must not run as a page of ours */

    ngx_str_set(&value, "default-src 'none'; media-src 'self'; img-src 'self';"
                " style-src 'unsafe-inline'; sandbox");
    (void) ngx_http_render_header(r, "Content-Security-Policy", &value);

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


/*
 * An object is S3's to send; a link to it needs no call to anyone.  It does not
 * outlive the one by which it was asked for.
 */

static void
ngx_http_render_result_elsewhere(ngx_http_request_t *r, ngx_str_t *key,
    ngx_str_t *disposition, time_t until)
{
    ngx_str_t                     url, body = ngx_null_string;
    ngx_http_render_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_http_render_module);

    if (ngx_http_render_result_is_own(key)) {
        ngx_http_render_s3_text(r, key, disposition);
        return;
    }

    until = ngx_min(until, ngx_time() + mcf->link_ttl);

    url = ngx_http_render_s3_link(r, key, ngx_max(until - ngx_time(), 1),
                                  (char *) r->headers_out.content_type.data,
                                  disposition != NULL
                                  ? (char *) disposition->data : NULL);
    if (url.data == NULL) {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    (void) ngx_http_render_header(r, "Location", &url);
    ngx_http_render_send(r, NGX_HTTP_MOVED_TEMPORARILY, "application/json",
                         &body);
}


/*
 * The file of a storage key; the type is set, 404 when it is not there.  The
 * disposition may be NULL.
 */

static void
ngx_http_render_result_open(ngx_http_request_t *r, ngx_str_t *key,
    ngx_str_t *disposition, time_t until)
{
    u_char                       *p;
    ngx_str_t                     path;
    ngx_open_file_info_t          of;
    ngx_http_core_loc_conf_t     *clcf;
    ngx_http_render_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_http_render_module);
    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    if (mcf->s3 != NULL) {
        ngx_http_render_result_elsewhere(r, key, disposition, until);
        return;
    }

    path.len = mcf->storage_path.len + 1 + key->len;
    path.data = ngx_pnalloc(r->pool, path.len + 1);
    if (path.data == NULL) {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    p = ngx_sprintf(path.data, "%V/%V", &mcf->storage_path, key);
    *p = '\0';

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
                                "this file is not there any more", NULL);
        return;
    }

    ngx_http_render_result_send(r, &of, &path, disposition);
}


/*
 * Playlists of streams are no files: they grow while the film is rendered, and
 * SQL knows how far.  What they name are files under the same signature.
 */

static void
ngx_http_render_playlist(ngx_http_request_t *r, ngx_http_render_answer_t *a)
{
    if (a->failed || a->status != NGX_HTTP_OK) {
        ngx_http_render_answer(r, a);
        return;
    }

    ngx_http_render_send(r, NGX_HTTP_OK,
                         ngx_http_render_ends(&r->uri, ".vtt")
                         ? "text/vtt" : "application/vnd.apple.mpegurl",
                         &a->body);
}


/* Also captions of a stream, which are told with its plan. */

static ngx_uint_t
ngx_http_render_is_playlist(rn_link *parts)
{
    ngx_str_t  file, prefix;

    file.data = (u_char *) parts->file;
    file.len = parts->file_len;
    prefix.data = (u_char *) parts->prefix;
    prefix.len = parts->prefix_len;

    return ngx_http_render_ends(&file, ".m3u8")
           || (ngx_http_render_ends(&file, ".vtt")
               && ngx_http_render_ends(&prefix, "-hls"));
}


void
ngx_http_render_result(ngx_http_request_t *r)
{
    u_char     *p;
    rn_link     parts;
    ngx_str_t   link, key, file, name;

    link = ngx_http_render_param(r, "link");

    if (!ngx_http_render_result_verify(r, &link, &parts)) {
        ngx_http_render_problem(r, 403, "Forbidden",
                                "the link has expired or is not valid", NULL);
        return;
    }

    if (ngx_http_render_is_playlist(&parts)) {
        ngx_http_render_call(r, ngx_http_render_sql_playlist_get,
                             ngx_http_render_playlist);
        return;
    }

    key.len = parts.prefix_len + 1 + parts.file_len;
    key.data = ngx_pnalloc(r->pool, key.len);
    if (key.data == NULL) {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    p = ngx_cpymem(key.data, parts.prefix, parts.prefix_len);
    *p++ = '/';
    ngx_memcpy(p, parts.file, parts.file_len);

    file.data = (u_char *) parts.file;
    file.len = parts.file_len;

    r->headers_out.content_type.data = (u_char *)
                                       ngx_http_render_result_type(&file);
    r->headers_out.content_type.len
        = ngx_strlen(r->headers_out.content_type.data);
    r->headers_out.content_type_len = r->headers_out.content_type.len;

    name = ngx_http_render_result_disposition(r);
    ngx_http_render_result_open(r, &key, name.len != 0 ? &name : NULL,
                                parts.expiry);
}


/* Types that a browser may show as they are; all else is for saving. */

static ngx_uint_t
ngx_http_render_inline(const char *type)
{
    return ngx_strncmp(type, "video/", 6) == 0
           || ngx_strncmp(type, "audio/", 6) == 0
           || (ngx_strncmp(type, "image/", 6) == 0
               && ngx_strcmp(type, "image/svg+xml") != 0);
}


static void
ngx_http_render_stream_found(ngx_http_request_t *r,
    ngx_http_render_answer_t *a)
{
    char         value[RN_DISPOSITION_SIZE];
    json_t      *j;
    ngx_str_t    key, header, want;
    ngx_uint_t   show;
    const char  *type, *name;

    if (a->failed || a->status != NGX_HTTP_OK) {
        ngx_http_render_answer(r, a);
        return;
    }

    j = json_loadb((char *) a->body.data, a->body.len, 0, NULL);
    type = json_string_value(json_object_get(j, "content_type"));
    name = json_string_value(json_object_get(j, "filename"));

    if (type == NULL) {
        type = "application/octet-stream";
    }

    want = ngx_http_render_param(r, "download");
    show = ngx_http_render_inline(type) && want.len == 0;

    header.data = (u_char *) value;
    header.len = rn_disposition(!show, name, name != NULL ? ngx_strlen(name)
                                             : 0, value);
    header = ngx_http_render_dup(r->pool, value, header.len);

    r->headers_out.content_type = ngx_http_render_dup(r->pool, type,
                                                      ngx_strlen(type));
    r->headers_out.content_type_len = r->headers_out.content_type.len;
    json_decref(j);

    key = ngx_http_render_dup(r->pool, (char *) a->redirect.data,
                              a->redirect.len);

    if (key.data == NULL || header.data == NULL
        || r->headers_out.content_type.data == NULL)
    {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    ngx_http_render_result_open(r, &key, &header, NGX_MAX_TIME_T_VALUE);
}


void
ngx_http_render_stream(ngx_http_request_t *r)
{
    ngx_http_render_call(r, ngx_http_render_sql_assets_stream,
                         ngx_http_render_stream_found);
}
