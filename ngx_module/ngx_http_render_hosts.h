/*
 * Where a backend is: its names as they were written, and what they resolve to.
 */

#ifndef NGX_HTTP_RENDER_HOSTS_H
#define NGX_HTTP_RENDER_HOSTS_H

#include "ngx_http_render.h"


#define NGX_HTTP_RENDER_ADDRS     8     /* of one name */
#define NGX_HTTP_RENDER_ADDR_LEN  64

typedef struct {
    ngx_uint_t                  n;
    char                        text[NGX_HTTP_RENDER_ADDRS]
                                    [NGX_HTTP_RENDER_ADDR_LEN];
} ngx_http_render_addrs_t;

typedef struct {
    const char                 *name;   /* or an address, or a socket's path */
    const char                 *port;   /* "": that of libpq */
    ngx_uint_t                  named;  /* it has to be looked up */
    ngx_http_render_addrs_t     addrs;  /* none: a path */
} ngx_http_render_host_t;

/* The event loop calls it; `moved`: the addresses are others than before. */
typedef void (*ngx_http_render_moved_pt)(void *data, ngx_uint_t moved);

typedef struct {                        /* of a backend, in one process */
    ngx_http_render_host_t     *host;
    ngx_uint_t                  n;
    ngx_uint_t                  turn;   /* which address comes first */
    ngx_thread_pool_t          *threads;
    ngx_uint_t                  busy;   /* a thread is asking */
    ngx_msec_t                  asked;  /* since when */
    ngx_http_render_moved_pt    done;
    void                       *data;
} ngx_http_render_hosts_t;


/*
 * At configuration time: resolves u, and adds it under that name.  The error is
 * logged; `of` is the directive.
 */
char *ngx_http_render_hosts_add(ngx_conf_t *cf, ngx_array_t *hosts,
    ngx_url_t *u, const char *name, const char *port, const char *of);

ngx_http_render_hosts_t *ngx_http_render_hosts_create(ngx_array_t *hosts,
    ngx_thread_pool_t *threads, ngx_http_render_moved_pt done, void *data);

/* Has the names looked up in a thread, unless that is being done. */
void ngx_http_render_hosts_renew(ngx_http_render_hosts_t *h);

/*
 * How many ms an attempt to connect should wait for that; 0: it should not, a
 * slow answer will be used by a later one.
 */
ngx_msec_t ngx_http_render_hosts_wait(ngx_http_render_hosts_t *h);

/* All addresses, one after another; from `turn` on, around to those before. */
ngx_uint_t ngx_http_render_hosts_count(ngx_http_render_hosts_t *h);
ngx_http_render_host_t *ngx_http_render_hosts_at(ngx_http_render_hosts_t *h,
    ngx_uint_t i, const char **addr);


#endif /* NGX_HTTP_RENDER_HOSTS_H */
