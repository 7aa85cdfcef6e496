/*
 * What the files about Redis share: _redis.c has commands and subscriptions,
 * _redis_link.c the two connections, _redis_effects.c bells and events.
 */

#ifndef NGX_HTTP_RENDER_REDIS_H
#define NGX_HTTP_RENDER_REDIS_H

#include "ngx_http_render.h"
#include "ngx_http_render_hosts.h"

#include <hiredis/async.h>


#define NGX_HTTP_RENDER_REDIS_PENDING   10000   /* commands in flight */

typedef struct {
    ngx_http_render_redis_t  *redis;
    redisAsyncContext        *ac;       /* NULL: away */
    ngx_connection_t         *c;
    ngx_event_t               timer;    /* connecting, or a pause */
    ngx_event_t               linger;   /* a quitting process has to write */
    ngx_msec_t                pause;
    ngx_msec_t                heard;    /* the last sign of life */
    ngx_msec_t                since;    /* since when it is up */
    char                      addr[NGX_HTTP_RENDER_ADDR_LEN];
    char                      why[160]; /* what it refused, or "" */
    unsigned                  pubsub:1;
    unsigned                  up:1;     /* it serves */
    unsigned                  served:1; /* it did, since it was made */
    unsigned                  doomed:1; /* to be taken down by its timer */
    unsigned                  named:1;  /* names are waited for */
    unsigned                  writing:1;    /* hiredis is */
} ngx_http_render_link_t;

struct ngx_http_render_redis_s {
    ngx_http_render_main_conf_t  *conf;
    ngx_http_render_hosts_t      *hosts;
    ngx_http_render_link_t        cmd, sub;
    ngx_event_t                   pulse;
    time_t                        warned;       /* of a command refused */
    ngx_msec_t                    asked;        /* by the pulse */
    ngx_uint_t                    listening;    /* for its answers */
    ngx_uint_t                    pending;
    ngx_msec_t                    unheard;      /* since when somebody waits */
    char                          beat[80];     /* this process's channel */
    char                          sha[41];
    ngx_queue_t                   held;         /* effects without a link */
    ngx_uint_t                    nheld;
    size_t                        held_size;
    ngx_event_t                   expire;
    unsigned                      told:1;       /* the outage is logged */
    unsigned                      quitting:1;
};


/* ngx_http_render_redis_link.c */

void ngx_http_render_links_create(ngx_http_render_redis_t *redis);
void ngx_http_render_link_in_step(redisAsyncContext *ac);
void ngx_http_render_link_down(ngx_http_render_link_t *link,
    const char *why);
/*
 * The server does not do what it is there for: the link is taken down, though
 * not from within a callback of hiredis, and made again after a pause.
 */
void ngx_http_render_link_refused(ngx_http_render_link_t *link,
    const char *why);
/* The names have been looked up. */
void ngx_http_render_links_moved(void *redis, ngx_uint_t moved);
/* The subscription link has its first channel: that of the beat. */
void ngx_http_render_link_up(ngx_http_render_link_t *link);


/* ngx_http_render_redis.c */

/* Everything that comes on the subscription. */
void ngx_http_render_redis_message(redisAsyncContext *ac, void *reply,
    void *data);
void ngx_http_render_redis_count(redisReply *r);


/* ngx_http_render_redis_effects.c */

/* The answer of a command that nobody waits for. */
void ngx_http_render_redis_ignore(redisAsyncContext *ac, void *reply,
    void *data);
/* The link is up: what was held goes out. */
void ngx_http_render_effects_flush(ngx_http_render_redis_t *redis);
void ngx_http_render_effects_create(ngx_http_render_redis_t *redis);
void ngx_http_render_effects_destroy(ngx_http_render_redis_t *redis);


#endif /* NGX_HTTP_RENDER_REDIS_H */
