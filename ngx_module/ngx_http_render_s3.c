/*
 * The client of S3 of a worker process: libcurl's sockets and timer as events
 * of nginx.  Level-triggered, for libcurl may leave bytes unread.
 */

#include "ngx_http_render_s3.h"
#include "rn_s3_find.h"


#define NGX_HTTP_RENDER_S3_STALL     30         /* s */
#define NGX_HTTP_RENDER_S3_TRIES     8
#define NGX_HTTP_RENDER_S3_PARALLEL  32
#define NGX_HTTP_RENDER_S3_LOOK      60000      /* ms */


struct ngx_http_render_s3_s {
    rn_s3_client               *client;
    ngx_http_render_s3_conf_t  *conf;
    ngx_event_t                 kick;           /* posted */
    ngx_event_t                 curl;           /* libcurl's timer */
    ngx_event_t                 due;            /* a request is to be sent */
};


/* New keys are found in a thread: who has them may take seconds to say so. */

typedef struct {
    ngx_http_render_s3_conf_t  *conf;
    ngx_uint_t                  found;
    rn_s3_keys                  keys;
    char                        err[300];
} ngx_http_render_s3_renewal_t;


static void
ngx_http_render_s3_run(ngx_http_render_s3_t *s3)
{
    long  ms;

    ms = rn_s3_client_run(s3->client);

    if (s3->due.timer_set) {
        ngx_del_timer(&s3->due);
    }

    /* keys expire, also where nothing but links is made */

    if (ms < 0 || ms > NGX_HTTP_RENDER_S3_LOOK) {
        ms = NGX_HTTP_RENDER_S3_LOOK;
    }

    ngx_add_timer(&s3->due, (ngx_msec_t) ngx_max(ms, 1));
}


static void
ngx_http_render_s3_kicked(ngx_event_t *ev)
{
    ngx_http_render_s3_run(ev->data);
}


static void
ngx_http_render_s3_timeout(ngx_event_t *ev)
{
    int                    running;
    ngx_http_render_s3_t  *s3 = ev->data;

    (void) curl_multi_socket_action(rn_s3_client_multi(s3->client),
                                    CURL_SOCKET_TIMEOUT, 0, &running);
    ngx_http_render_s3_run(s3);
}


static void
ngx_http_render_s3_event(ngx_event_t *ev)
{
    int                    running;
    ngx_connection_t      *c = ev->data;
    ngx_http_render_s3_t  *s3 = c->data;

    if (c->close) {                         /* quitting: needed to the end */
        c->close = 0;
        return;
    }

    (void) curl_multi_socket_action(rn_s3_client_multi(s3->client), c->fd,
                                    ev->write ? CURL_CSELECT_OUT
                                              : CURL_CSELECT_IN, &running);
    ngx_http_render_s3_run(s3);
}


static void
ngx_http_render_s3_want(ngx_event_t *ev, ngx_int_t event, ngx_uint_t on)
{
    if (on && !ev->active) {
        (void) ngx_add_event(ev, event, NGX_LEVEL_EVENT);
    } else if (!on && ev->active) {
        (void) ngx_del_event(ev, event, 0);
    }
}


/* What libcurl waits for of a socket. */

static int
ngx_http_render_s3_socket(CURL *easy, curl_socket_t fd, int what, void *data,
    void *of_socket)
{
    ngx_connection_t      *c = of_socket;
    ngx_http_render_s3_t  *s3 = data;

    if (what == CURL_POLL_REMOVE) {
        if (c != NULL) {
            ngx_http_render_release(c, 0);
            (void) curl_multi_assign(rn_s3_client_multi(s3->client), fd, NULL);
        }
        return 0;
    }

    if (c == NULL) {
        c = ngx_http_render_adopt(fd, s3, ngx_http_render_s3_event);
        if (c == NULL) {
            ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                          "render: there is no connection left for S3; it is "
                          "tried again");
            return 0;                       /* its time runs out, it alone */
        }
        (void) curl_multi_assign(rn_s3_client_multi(s3->client), fd, c);
    }

    ngx_http_render_s3_want(c->read, NGX_READ_EVENT,
                            (what & CURL_POLL_IN) != 0);
    ngx_http_render_s3_want(c->write, NGX_WRITE_EVENT,
                            (what & CURL_POLL_OUT) != 0);

    return 0;
}


/* libcurl must not be called from here. */

static int
ngx_http_render_s3_timer(CURLM *multi, long ms, void *data)
{
    ngx_http_render_s3_t  *s3 = data;

    if (s3->curl.timer_set) {
        ngx_del_timer(&s3->curl);
    }

    if (ms >= 0) {
        ngx_add_timer(&s3->curl, (ngx_msec_t) ngx_max(ms, 1));
    }

    return 0;
}


static void
ngx_http_render_s3_find(void *data)
{
    ngx_http_render_s3_renewal_t  *n = data;

    n->found = rn_s3_find(&n->keys, ngx_http_render_s3_env, n->conf, n->err,
                          sizeof(n->err));
}


static void
ngx_http_render_s3_found(ngx_http_request_t *r, void *data)
{
    ngx_http_render_s3_t          *s3 = ngx_http_render_process->s3;
    ngx_http_render_s3_renewal_t  *n = data;

    if (!n->found) {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "render: there are no new keys for S3: %s", n->err);
    }

    if (s3 != NULL) {
        rn_s3_client_keys(s3->client, n->found ? &n->keys : NULL);
        ngx_http_render_s3_kick(s3);
    }

    ngx_explicit_memzero(&n->keys, sizeof(n->keys));
    free(n);
}


static void
ngx_http_render_s3_renew(void *data)
{
    ngx_http_render_s3_t          *s3 = data;
    ngx_http_render_s3_renewal_t  *n;

    n = calloc(1, sizeof(ngx_http_render_s3_renewal_t));

    if (n != NULL) {
        n->conf = s3->conf;

        if (ngx_http_render_thread(NULL,
                                   ngx_http_render_process->conf->files_pool,
                                   ngx_http_render_s3_find,
                                   ngx_http_render_s3_found, n) == NGX_OK)
        {
            return;
        }

        free(n);
    }

    rn_s3_client_keys(s3->client, NULL);
}


ngx_http_render_s3_t *
ngx_http_render_s3_create(ngx_http_render_s3_conf_t *conf)
{
    CURLM                 *multi;
    rn_s3_settings         s;
    ngx_http_render_s3_t  *s3;

    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        return NULL;
    }

    s3 = calloc(1, sizeof(ngx_http_render_s3_t));
    if (s3 == NULL) {
        return NULL;
    }

    ngx_memzero(&s, sizeof(rn_s3_settings));
    s.bucket = conf->bucket;
    s.keys = conf->keys;
    s.ca = conf->ca;
    s.stall = NGX_HTTP_RENDER_S3_STALL;
    s.tries = NGX_HTTP_RENDER_S3_TRIES;
    s.parallel = NGX_HTTP_RENDER_S3_PARALLEL;
    s.renew = ngx_http_render_s3_renew;
    s.renew_data = s3;

    s3->conf = conf;
    s3->client = rn_s3_client_new(&s);
    ngx_explicit_memzero(&s, sizeof(rn_s3_settings));

    if (s3->client == NULL) {
        free(s3);
        return NULL;
    }

    ngx_http_render_set_event(&s3->kick, ngx_http_render_s3_kicked, s3);
    ngx_http_render_set_event(&s3->curl, ngx_http_render_s3_timeout, s3);
    ngx_http_render_set_event(&s3->due, ngx_http_render_s3_kicked, s3);
    s3->curl.cancelable = s3->due.cancelable = 1;

    multi = rn_s3_client_multi(s3->client);
    (void) curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION,
                             ngx_http_render_s3_socket);
    (void) curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, s3);
    (void) curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION,
                             ngx_http_render_s3_timer);
    (void) curl_multi_setopt(multi, CURLMOPT_TIMERDATA, s3);
    ngx_add_timer(&s3->due, 1);

    return s3;
}


void
ngx_http_render_s3_destroy(ngx_http_render_s3_t *s3)
{
    if (s3 == NULL) {
        return;
    }

    rn_s3_client_free(s3->client);

    if (s3->kick.posted) {
        ngx_delete_posted_event(&s3->kick);
    }

    if (s3->curl.timer_set) {
        ngx_del_timer(&s3->curl);
    }

    if (s3->due.timer_set) {
        ngx_del_timer(&s3->due);
    }

    free(s3);
}


rn_s3_client *
ngx_http_render_s3_client(ngx_http_render_s3_t *s3)
{
    return s3->client;
}


void
ngx_http_render_s3_kick(ngx_http_render_s3_t *s3)
{
    if (!s3->kick.posted) {
        ngx_post_event(&s3->kick, &ngx_posted_events);
    }
}


ngx_str_t
ngx_http_render_s3_link(ngx_http_request_t *r, ngx_str_t *key, time_t seconds,
    const char *type, const char *disposition)
{
    char       target[RN_S3_LINK], name[1024];
    ngx_str_t  url = ngx_null_string;

    if (key->len >= sizeof(name)) {
        return url;
    }

    (void) ngx_cpystrn((u_char *) name, key->data, key->len + 1);

    if (rn_s3_client_presign(ngx_http_render_process->s3->client,
                             r->method == NGX_HTTP_HEAD ? "HEAD" : "GET", name,
                             ngx_time(), seconds, type, disposition, target,
                             sizeof(target)))
    {
        url = ngx_http_render_dup(r->pool, target, ngx_strlen(target));
    }

    return url;
}
