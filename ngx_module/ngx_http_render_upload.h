/*
 * What the files of uploads share: whole ones, raw or in a form (_upload.c),
 * those that come in pieces (_tus.c), the way of their bytes from the socket to
 * threads (_pump.c, _take.c), and the file that these write (_file.c).
 *
 * There are two buffers: the event loop fills one while thread tasks have the
 * file and the other, which one of them hashes and one writes.  Where both are
 * full, nothing more is read from the client, so a slow disk slows the client
 * and nobody else.
 */

#ifndef NGX_HTTP_RENDER_UPLOAD_H
#define NGX_HTTP_RENDER_UPLOAD_H

#include "ngx_http_render_s3.h"
#include "rn_id.h"
#include "rn_multipart.h"
#include "rn_spool.h"

#include <openssl/evp.h>


#define NGX_HTTP_RENDER_UPLOAD_BUFFER  (1024 * 1024)
#define NGX_HTTP_RENDER_PIECE_BUFFER   (64 * 1024)      /* there may be many */
#define NGX_HTTP_RENDER_PIECE_FLUSH    (32 * 1024)
#define NGX_HTTP_RENDER_UPLOAD_BEGIN   (4 * 1024 * 1024)
/* bytes of a file that does not say how long it is, in as many parts of S3 as
   there may be */
#define NGX_HTTP_RENDER_UPLOAD_UNTOLD  ((off_t) RN_S3_PART * RN_S3_PARTS)
#define NGX_HTTP_RENDER_UPLOAD_HEAD    4096     /* what libmagic sees */
#define NGX_HTTP_RENDER_UPLOAD_FILES   32       /* of one form */
#define NGX_HTTP_RENDER_UPLOAD_FIELDS  64
#define NGX_HTTP_RENDER_UPLOAD_VALUE   8192     /* bytes of a field */
#define NGX_HTTP_RENDER_UPLOAD_PIECE   65536    /* of a body in a file */


/*
 * A file on its way to storage; the threads' while `busy`: md and sha256 are
 * the one's, what else changes the other's.
 */

typedef struct {
    rn_store             store;         /* the process's: not closed here */
    char                 asset[RN_UUID_LEN + 1];
    char                 key[160];
    char                 temp[RN_STORE_TEMP];
    int                  fd;
    EVP_MD_CTX          *md;
    ngx_http_render_sending_t  *sending;        /* on its way to S3, or NULL */
    rn_upload           *piece;         /* what is written to instead, or NULL;
                                           then md is of this piece alone */
    unsigned             summed:1;      /* and is asked for */
    off_t                bytes;
    off_t                begun;         /* bytes that the disk was told of */
    u_char              *data;          /* a buffer to be written; malloc'd */
    size_t               n;             /* bytes in it */
    ngx_uint_t           last;          /* these bytes are its last; read by
                                           both, so no bit beside another */
    ngx_uint_t           committed;
    int                  error;         /* errno of the thread */
    const char          *doing;
    char                 type[96];
    char                 sha256[RN_SHA256_HEX + 1];
} ngx_http_render_file_t;


typedef struct ngx_http_render_upload_s  ngx_http_render_upload_t;

/* What becomes of the bytes; next, whole and stored may end the request. */

typedef struct {
    size_t                   buffer;        /* bytes of each of the two */
    /* a further file of the form begins; it goes on with _pump() */
    void                   (*next)(ngx_http_request_t *r,
                                   ngx_http_render_upload_t *u);
    /* the body of a form is complete */
    void                   (*whole)(ngx_http_request_t *r,
                                    ngx_http_render_upload_t *u);
    /* the last bytes of a file are written */
    void                   (*stored)(ngx_http_request_t *r,
                                     ngx_http_render_upload_t *u);
    /* no more comes: it is freed, and the request may be gone, or, of a piece,
       before that, what came may go on its way */
    void                   (*leave)(ngx_http_render_upload_t *u);
} ngx_http_render_way_t;

struct ngx_http_render_upload_s {
    ngx_http_request_t      *r;
    const ngx_http_render_way_t  *way;
    ngx_http_render_file_t  *file;
    ngx_int_t                statement;     /* the call at the end */
    off_t                    left;          /* bytes that it may have */
    const char              *too_many;      /* said of more; NULL: the quota's
                                               sentence */
    off_t                    stored;        /* bytes of the files before */
    off_t                    taken;         /* bytes of this one */
    u_char                  *fill;          /* the buffer that is filled */
    size_t                   n;             /* in it */
    json_t                  *files;         /* those that are stored */
    json_t                  *fields;
    json_t                  *asked;         /* assets that are not made yet */
    void                    *data;          /* of whoever asked */
    const u_char            *span;          /* data not yet in the buffer */
    size_t                   span_len;
    ngx_buf_t               *piece;         /* of a body that is in a file */
    size_t                   value_len;
    unsigned                 form:1;
    unsigned                 busy:2;        /* tasks that have the file */
    unsigned                 full:1;        /* both buffers wait for it */
    unsigned                 last:1;        /* the file ends with what there
                                               is: nothing more until it is
                                               stored */
    unsigned                 asking:1;      /* SQL is asked for an asset */
    unsigned                 asset:1;       /* there is one for the next file */
    unsigned                 in_file:1;
    unsigned                 in_field:1;
    unsigned                 ended:1;       /* the body is complete */
    unsigned                 making:1;      /* the call at the end is sent */
    unsigned                 over:1;        /* it was refused, and answered */
    unsigned                 dropped:1;     /* the request is gone */
    char                     filename[256];
    char                     field[128];
    u_char                   value[NGX_HTTP_RENDER_UPLOAD_VALUE];
    rn_multipart             parser;
};


/* ngx_http_render_pump.c */

/*
 * Becomes the context's state, and goes with the request.  NULL: no memory,
 * and nothing was answered.
 */
ngx_http_render_upload_t *ngx_http_render_pump_create(ngx_http_request_t *r,
    const ngx_http_render_way_t *way);

/* Begins to read the body; ends the caller's part of the request. */
void ngx_http_render_pump_start(ngx_http_request_t *r);

/* Goes on with what there is of it. */
void ngx_http_render_pump(ngx_http_request_t *r, ngx_http_render_upload_t *u);

/* Nothing more is taken: what came of a piece is left to who goes on. */
void ngx_http_render_pump_over(ngx_http_render_upload_t *u);

/* Of what comes in pieces: gives what there is to threads, if they are free. */
void ngx_http_render_pump_flush(ngx_http_request_t *r,
    ngx_http_render_upload_t *u);

/* Answers for a file that a thread could not write. */
void ngx_http_render_pump_failed(ngx_http_request_t *r, int error,
    const char *doing);


/* ngx_http_render_take.c */

/*
 * Takes what nginx has read.  NGX_OK: all of it; NGX_AGAIN: the file's buffer
 * has to be written first; NGX_DONE: the next file needs an asset;
 * NGX_DECLINED: refused, and answered.
 */
ngx_int_t ngx_http_render_upload_take(ngx_http_request_t *r,
    ngx_http_render_upload_t *u);


/* ngx_http_render_file.c */

/* malloc'd, without an asset yet; NULL: no memory. */
ngx_http_render_file_t *ngx_http_render_file_create(void);

/* Ready for the next file of a form. */
ngx_int_t ngx_http_render_file_reset(ngx_http_render_file_t *f,
    const char *asset, const char *key);

/*
 * In a thread: writes what is in the buffer, and after the last bytes makes the
 * file durable under its name.
 */
void ngx_http_render_file_write(ngx_http_render_file_t *f);

/* In a thread, which may be another: hashes what is in the buffer. */
void ngx_http_render_file_hash(ngx_http_render_file_t *f);

/*
 * What lies in S3 need not lie here: closed and removed, in a thread where one
 * is free.  The file itself stays for the next of a form.
 */
void ngx_http_render_file_leave(ngx_http_render_file_t *f);

/* Removes what was not committed, and frees; in a thread where one is free. */
void ngx_http_render_file_drop(ngx_http_render_file_t *f);

/* In a thread: a type by a file's first bytes, never by what it is called. */
void ngx_http_render_file_type(const u_char *head, size_t n, char *type,
    size_t size);

/* The kind of an asset by its type; the worker's probe has the last word. */
const char *ngx_http_render_file_kind(const char *type);


#endif /* NGX_HTTP_RENDER_UPLOAD_H */
