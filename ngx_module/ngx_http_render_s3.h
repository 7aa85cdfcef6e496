/*
 * Storage in S3: the client of a worker process on nginx's events (_s3.c), what
 * the configuration says of it (_s3_conf.c), and objects on their way there
 * (_s3_send.c).  Where storage is a directory, none of this is used.
 */

#ifndef NGX_HTTP_RENDER_S3_H
#define NGX_HTTP_RENDER_S3_H

#include "ngx_http_render.h"
#include "rn_s3_put.h"


/* What was found in the environment when the configuration was read. */

struct ngx_http_render_s3_conf_s {
    ngx_array_t              env;       /* of ngx_keyval_t; end with NUL */
    rn_s3                    bucket;
    rn_s3_keys               keys;      /* of that time */
    const char              *ca;
    ngx_str_t                origin;    /* https://host */
};

typedef struct ngx_http_render_sending_s  ngx_http_render_sending_t;

/* It is in S3; or why not. */
typedef void (*ngx_http_render_sent_pt)(ngx_http_request_t *r, void *data,
    const char *why);


/* ngx_http_render_s3_conf.c: reads s3://...; an error of the configuration. */
char *ngx_http_render_s3_conf(ngx_conf_t *cf, ngx_http_render_main_conf_t *mcf,
    ngx_str_t *url);

/* $render_storage_origin */
ngx_int_t ngx_http_render_s3_add_variables(ngx_conf_t *cf);

/* A variable that was kept, or NULL: an rn_s3_env of the configuration. */
const char *ngx_http_render_s3_env(void *data, const char *name);


/* ngx_http_render_s3.c */

/* NULL: no memory. */
ngx_http_render_s3_t *ngx_http_render_s3_create(
    ngx_http_render_s3_conf_t *conf);
void ngx_http_render_s3_destroy(ngx_http_render_s3_t *s3);

rn_s3_client *ngx_http_render_s3_client(ngx_http_render_s3_t *s3);

/* Something was begun: it gets on its way when this event has ended. */
void ngx_http_render_s3_kick(ngx_http_render_s3_t *s3);

/*
 * A URL by which anybody may read the object for so many seconds, by the method
 * of the request; of what type and called what, it is told then (NULL: as it was
 * stored).  Empty: no memory.
 */
ngx_str_t ngx_http_render_s3_link(ngx_http_request_t *r, ngx_str_t *key,
    time_t seconds, const char *type, const char *disposition);


/* ngx_http_render_result.c: by what a file is called. */
const char *ngx_http_render_result_type(ngx_str_t *file);

/*
 * Whether nginx sends it itself, though it lies in S3: cues and playlists name
 * what lies beside them.
 */
ngx_uint_t ngx_http_render_result_is_own(ngx_str_t *file);

/* Of a file that is asked for by ?download=NAME; empty: it is not. */
ngx_str_t ngx_http_render_result_disposition(ngx_http_request_t *r);


/* ngx_http_render_s3_text.c */

/*
 * Answers with a small text of storage, whose type is set: one that names
 * others beside itself, which a redirect would have looked for elsewhere.  The
 * disposition, in the request's pool, may be NULL.
 */
void ngx_http_render_s3_text(ngx_http_request_t *r, ngx_str_t *key,
    ngx_str_t *disposition);


/* ngx_http_render_s3_send.c */

/*
 * Begins to send a file, of at the most so many bytes; its descriptor stays the
 * caller's.  `sent` is called once, from the event loop, and what this gave is
 * gone then; before, it has to be dropped where the request goes.  NULL: no
 * memory.
 */
ngx_http_render_sending_t *ngx_http_render_s3_send(ngx_http_request_t *r,
    int fd, const char *key, const char *type, int64_t expected,
    ngx_http_render_sent_pt sent, void *data);

/* So many bytes are in the file; whole: and no more come. */
void ngx_http_render_s3_more(ngx_http_render_sending_t *s, int64_t size,
    ngx_uint_t whole);

/* It is not wanted any more, and the caller's no longer. */
void ngx_http_render_s3_drop(ngx_http_render_sending_t *s);


#endif /* NGX_HTTP_RENDER_S3_H */
