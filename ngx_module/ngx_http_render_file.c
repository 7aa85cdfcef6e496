/*
 * One uploaded file as threads see it: hashed while it is written, typed by
 * its own bytes, made durable, and named.  The object is whole or absent: bytes
 * go to a temporary file that is removed unless it was committed.
 */

#include "ngx_http_render_upload.h"
#include "rn_cube.h"
#include "rn_svg.h"

#include <fcntl.h>
#include <magic.h>


ngx_http_render_file_t *
ngx_http_render_file_create(void)
{
    ngx_http_render_file_t  *f;

    f = malloc(sizeof(ngx_http_render_file_t));
    if (f == NULL) {
        return NULL;
    }

    ngx_memzero(f, sizeof(ngx_http_render_file_t));
    f->fd = -1;
    f->store = ngx_http_render_process->store;
    f->md = EVP_MD_CTX_new();

    if (f->md == NULL) {
        free(f);
        return NULL;
    }

    return f;
}


ngx_int_t
ngx_http_render_file_reset(ngx_http_render_file_t *f, const char *asset,
    const char *key)
{
    (void) ngx_cpystrn((u_char *) f->asset, (u_char *) asset,
                       sizeof(f->asset));
    (void) ngx_cpystrn((u_char *) f->key, (u_char *) key, sizeof(f->key));

    f->temp[0] = f->type[0] = f->sha256[0] = '\0';
    f->fd = -1;
    f->bytes = f->begun = 0;
    f->n = 0;
    f->last = f->committed = 0;

    return EVP_DigestInit_ex(f->md, EVP_sha256(), NULL) == 1 ? NGX_OK
                                                              : NGX_ERROR;
}


void
ngx_http_render_file_type(const u_char *head, size_t n, char *type, size_t size)
{
    magic_t      m;
    const char  *found;

    (void) ngx_cpystrn((u_char *) type, (u_char *) "application/octet-stream",
                       size);

    m = magic_open(MAGIC_MIME_TYPE);
    if (m == NULL) {
        return;
    }

    if (magic_load(m, NULL) == 0) {
        found = magic_buffer(m, head, n);
        if (found != NULL) {
            (void) ngx_cpystrn((u_char *) type, (u_char *) found, size);
        }
    }

    magic_close(m);

    /* that an SVG begins with a comment, libmagic does not know, nor .cube */

    if (ngx_strncmp(type, "image/", 6) == 0
        || ngx_strncmp(type, "video/", 6) == 0
        || ngx_strncmp(type, "audio/", 6) == 0)
    {
        return;
    }

    if (rn_svg_seems((const char *) head, n)) {
        (void) ngx_cpystrn((u_char *) type, (u_char *) "image/svg+xml", size);

    } else if (rn_cube_seems((const char *) head, n)) {
        (void) ngx_cpystrn((u_char *) type, (u_char *) "application/x-cube",
                           size);
    }
}


void
ngx_http_render_file_write(ngx_http_render_file_t *f)
{
    size_t   done;
    ssize_t  n;

    f->doing = "writing";

    if (f->piece != NULL) {
        f->error = rn_upload_write(f->piece, f->data, f->n);
        ngx_http_render_count_by(upload_bytes, f->n);
        return;
    }

    if (f->fd < 0) {
        f->fd = rn_store_create(&f->store, f->temp);
        if (f->fd < 0) {
            f->error = errno;
            f->temp[0] = '\0';
            return;
        }
        ngx_http_render_file_type(f->data,
                                  ngx_min(f->n, NGX_HTTP_RENDER_UPLOAD_HEAD),
                                  f->type, sizeof(f->type));
    }

    for (done = 0; done < f->n; done += n) {
        n = pwrite(f->fd, f->data + done, f->n - done, f->bytes + done);
        if (n < 0) {
            if (errno == EINTR) {
                n = 0;
                continue;
            }
            f->error = errno;
            return;
        }
    }

#ifdef SYNC_FILE_RANGE_WRITE

    /* the disk begins now, so that little is left for the fsync at the end */

    if (!f->last && f->bytes + (off_t) f->n - f->begun
                    >= NGX_HTTP_RENDER_UPLOAD_BEGIN)
    {
        (void) sync_file_range(f->fd, f->begun, f->bytes + f->n - f->begun,
                               SYNC_FILE_RANGE_WRITE);
        f->begun = f->bytes + f->n;
    }
#endif

    f->bytes += f->n;
    ngx_http_render_count_by(upload_bytes, f->n);

    if (!f->last || f->bytes == 0) {        /* none: the event loop refuses */
        return;
    }

    if (ngx_http_render_process->s3 != NULL) {
        return;                             /* where the event loop sends it */
    }

    f->doing = "storing";

    if (rn_store_commit(&f->store, f->fd, f->temp, f->key) != 0) {
        f->error = errno;
        return;
    }

    f->committed = 1;
    (void) close(f->fd);
    f->fd = -1;
}


void
ngx_http_render_file_hash(ngx_http_render_file_t *f)
{
    unsigned char  digest[EVP_MAX_MD_SIZE];

    if (f->piece != NULL) {
        rn_upload_hash(f->piece, f->data, f->n);

        if (f->summed) {
            (void) EVP_DigestUpdate(f->md, f->data, f->n);
        }
        return;
    }

    (void) EVP_DigestUpdate(f->md, f->data, f->n);

    if (f->last) {
        (void) EVP_DigestFinal_ex(f->md, digest, NULL);
        rn_hex(digest, 32, f->sha256);
    }
}


/* Runs in a thread: unlinking a large file takes its time. */

static void
ngx_http_render_file_discard(void *data)
{
    ngx_http_render_file_t *f = data;

    if (f->fd >= 0) {
        (void) close(f->fd);
        f->fd = -1;
    }

    if (f->temp[0] != '\0' && !f->committed) {
        rn_store_discard(&f->store, f->temp);
    }
}


static void
ngx_http_render_file_free(ngx_http_request_t *r, void *data)
{
    ngx_http_render_file_t *f = data;

    EVP_MD_CTX_free(f->md);
    free(f->data);
    free(f);
}


void
ngx_http_render_file_leave(ngx_http_render_file_t *f)
{
    ngx_http_render_file_t  *left;

    left = ngx_http_render_file_create();

    if (left == NULL) {                     /* the sweep will find it */
        (void) close(f->fd);
    } else {
        left->fd = f->fd;
        ngx_memcpy(left->temp, f->temp, sizeof(left->temp));
        ngx_http_render_file_drop(left);
    }

    f->fd = -1;
    f->temp[0] = '\0';
}


void
ngx_http_render_file_drop(ngx_http_render_file_t *f)
{
    if ((f->fd < 0 && f->temp[0] == '\0')
        || ngx_http_render_thread(NULL,
                                  ngx_http_render_process->conf->files_pool,
                                  ngx_http_render_file_discard,
                                  ngx_http_render_file_free, f) != NGX_OK)
    {
        ngx_http_render_file_discard(f);
        ngx_http_render_file_free(NULL, f);
    }
}


const char *
ngx_http_render_file_kind(const char *type)
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
