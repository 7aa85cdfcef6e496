/*
 * What the two files of uploads share: the request's side (_upload.c), and the
 * file that a thread writes (_file.c).
 *
 * At any time either the event loop or one thread task owns the buffer and the
 * file; while the thread has them, nothing more is read from the client, so a
 * slow disk slows the client and nobody else.
 */

#ifndef NGX_HTTP_RENDER_UPLOAD_H
#define NGX_HTTP_RENDER_UPLOAD_H

#include "ngx_http_render.h"
#include "rn_id.h"
#include "rn_multipart.h"

#include <openssl/evp.h>


#define NGX_HTTP_RENDER_UPLOAD_BUFFER  (256 * 1024)
#define NGX_HTTP_RENDER_UPLOAD_HEAD    4096     /* what libmagic sees */
#define NGX_HTTP_RENDER_UPLOAD_FILES   32       /* of one form */
#define NGX_HTTP_RENDER_UPLOAD_FIELDS  64
#define NGX_HTTP_RENDER_UPLOAD_VALUE   8192     /* bytes of a field */


/* A file on its way to storage; the thread's while `busy`. */

typedef struct {
    rn_store             store;         /* the process's: not closed here */
    char                 asset[RN_UUID_LEN + 1];
    char                 key[160];
    char                 temp[RN_STORE_TEMP];
    int                  fd;
    EVP_MD_CTX          *md;
    off_t                bytes;
    size_t               n;             /* in buf */
    unsigned             last:1;        /* these bytes are its last */
    unsigned             committed:1;
    int                  error;         /* errno of the thread */
    const char          *doing;
    char                 type[96];
    char                 sha256[RN_SHA256_HEX + 1];
    u_char               buf[NGX_HTTP_RENDER_UPLOAD_BUFFER];
} ngx_http_render_file_t;


/* malloc'd, without an asset yet; NULL: no memory. */
ngx_http_render_file_t *ngx_http_render_file_create(void);

/* Ready for the next file of a form. */
ngx_int_t ngx_http_render_file_reset(ngx_http_render_file_t *f,
    const char *asset, const char *key);

/*
 * In a thread: hashes and writes what is in the buffer, and after the last
 * bytes makes the file durable under its name.
 */
void ngx_http_render_file_write(ngx_http_render_file_t *f);

/* Removes what was not committed, and frees; in a thread where one is free. */
void ngx_http_render_file_drop(ngx_http_render_file_t *f);

/* The kind of an asset by its type; the worker's probe has the last word. */
const char *ngx_http_render_file_kind(const char *type);


#endif /* NGX_HTTP_RENDER_UPLOAD_H */
