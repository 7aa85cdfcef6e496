/*
 * Redis: commands that somebody waits for, and subscriptions.  Nothing may
 * depend on it: what it does not take is rung or read again elsewhere.
 */

#include "ngx_http_render_redis.h"


#define NGX_HTTP_RENDER_REDIS_DEADLINE  500     /* for commands with answers */
#define NGX_HTTP_RENDER_REDIS_SILENT    2000    /* then it hangs */


typedef struct {
    ngx_http_render_reply_pt  callback;
    void                     *data;
    ngx_event_t               deadline;
} ngx_http_render_wait_t;


ngx_http_render_redis_t *
ngx_http_render_redis_create(ngx_http_render_main_conf_t *conf)
{
    ngx_http_render_redis_t  *redis;

    redis = ngx_pcalloc(ngx_cycle->pool, sizeof(ngx_http_render_redis_t));
    if (redis == NULL) {
        return NULL;
    }

    redis->conf = conf;
    redis->hosts = ngx_http_render_hosts_create(conf->redis_hosts,
                                                conf->files_pool,
                                                ngx_http_render_links_moved,
                                                redis);
    if (redis->hosts == NULL) {
        return NULL;
    }

    (void) snprintf(redis->beat, sizeof(redis->beat), "render:beat:%d:%lx",
                    (int) ngx_pid, (long) ngx_random());

    ngx_http_render_effects_create(redis);
    ngx_http_render_links_create(redis);

    return redis;
}


ngx_uint_t
ngx_http_render_redis_up(void)
{
    ngx_http_render_redis_t  *redis = ngx_http_render_process->redis;

    return redis->cmd.up && redis->sub.up;
}


void
ngx_http_render_redis_count(redisReply *r)
{
    if (r == NULL) {
        ngx_http_render_count(redis_lost);
    } else if (r->type == REDIS_REPLY_ERROR) {
        ngx_http_render_count(redis_error);
    } else {
        ngx_http_render_count(redis_ok);
    }
}


/* Subscriptions */


void
ngx_http_render_redis_message(redisAsyncContext *ac, void *reply, void *data)
{
    ngx_str_t                channel, doc;
    redisReply              *r = reply;
    ngx_http_render_link_t  *link = data;

    if (r == NULL) {
        return;
    }

    link->heard = ngx_current_msec;

    if (r->type == REDIS_REPLY_ERROR && !link->up) {
        ngx_http_render_link_refused(link, r->str);
        return;                             /* no right to, or no password */
    }

    if (r->type != REDIS_REPLY_ARRAY || r->elements != 3
        || r->element[0]->type != REDIS_REPLY_STRING
        || r->element[1]->type != REDIS_REPLY_STRING)
    {
        return;
    }

    channel.data = (u_char *) r->element[1]->str;
    channel.len = r->element[1]->len;

    if (ngx_strcmp(r->element[0]->str, "subscribe") == 0) {
        if (!link->up) {                    /* its first: the beat's */
            ngx_http_render_link_up(link);
            ngx_http_render_relay_resubscribe();
        }
        ngx_http_render_relay_subscribed(&channel);

    } else if (ngx_strcmp(r->element[0]->str, "message") == 0
               && r->element[2]->type == REDIS_REPLY_STRING
               && ngx_strcmp(channel.data, link->redis->beat) != 0)
    {
        doc.data = (u_char *) r->element[2]->str;
        doc.len = r->element[2]->len;
        ngx_http_render_relay_event(&channel, &doc);
    }
}


void
ngx_http_render_redis_subscribe(ngx_str_t *channel)
{
    ngx_http_render_link_t  *link = &ngx_http_render_process->redis->sub;

    if (link->up && link->ac != NULL) {
        (void) redisAsyncCommand(link->ac, ngx_http_render_redis_message, link,
                                 "SUBSCRIBE %b", channel->data, channel->len);
    }
}


void
ngx_http_render_redis_unsubscribe(ngx_str_t *channel)
{
    ngx_http_render_link_t  *link = &ngx_http_render_process->redis->sub;

    if (link->up && link->ac != NULL) {
        (void) redisAsyncCommand(link->ac, ngx_http_render_redis_message, link,
                                 "UNSUBSCRIBE %b", channel->data,
                                 channel->len);
    }
}


/* Commands whose answers somebody waits for */


static void
ngx_http_render_waited(redisAsyncContext *ac, void *reply, void *data)
{
    ngx_http_render_wait_t   *w = data;
    ngx_http_render_redis_t  *redis = ngx_http_render_process->redis;

    redis->pending--;

    if (reply != NULL) {
        redis->cmd.heard = redis->unheard = ngx_current_msec;
    }

    if (w->deadline.timer_set) {            /* else it was counted then */
        ngx_del_timer(&w->deadline);
        ngx_http_render_redis_count(reply);
    }

    /* at the exit of the process nothing is owed, and listeners' nodes are
       gone */

    if (w->callback != NULL && !redis->quitting) {
        w->callback(w->data, reply);
    }

    free(w);

    if (reply != NULL) {
        ngx_http_render_link_in_step(ac);
    }
}


static void
ngx_http_render_wait_deadline(ngx_event_t *ev)
{
    ngx_http_render_wait_t    *w = ev->data;
    ngx_http_render_redis_t   *redis = ngx_http_render_process->redis;
    ngx_http_render_reply_pt   callback;

    callback = w->callback;
    w->callback = NULL;                     /* the answer may still come */
    ngx_http_render_count(redis_timeout);

    /* who asks next need not wait for what does not answer */

    if (ngx_current_msec - redis->unheard > NGX_HTTP_RENDER_REDIS_SILENT) {
        ngx_http_render_link_refused(&redis->cmd, "no answer in time");
    }

    if (callback != NULL) {
        callback(w->data, NULL);
    }
}


void *
ngx_http_render_redis_command(ngx_http_render_reply_pt callback, void *data,
    int argc, const char **argv)
{
    ngx_http_render_wait_t   *w;
    ngx_http_render_redis_t  *redis = ngx_http_render_process->redis;

    if (!redis->cmd.up || redis->cmd.ac == NULL
        || redis->pending >= NGX_HTTP_RENDER_REDIS_PENDING)
    {
        ngx_http_render_count(redis_away);
        return NULL;
    }

    w = calloc(1, sizeof(ngx_http_render_wait_t));
    if (w == NULL) {
        return NULL;
    }

    w->callback = callback;
    w->data = data;
    w->deadline.handler = ngx_http_render_wait_deadline;
    w->deadline.data = w;
    w->deadline.log = ngx_cycle->log;

    if (redisAsyncCommandArgv(redis->cmd.ac, ngx_http_render_waited, w, argc,
                              argv, NULL) != REDIS_OK)
    {
        free(w);
        return NULL;
    }

    if (redis->pending++ == 0) {
        redis->unheard = ngx_current_msec;
    }

    ngx_add_timer(&w->deadline, NGX_HTTP_RENDER_REDIS_DEADLINE);

    return w;
}


void
ngx_http_render_redis_cancel(void *handle)
{
    ngx_http_render_wait_t  *w = handle;

    if (w != NULL) {
        w->callback = NULL;
    }
}


void
ngx_http_render_redis_destroy(ngx_http_render_redis_t *redis)
{
    if (redis == NULL) {
        return;
    }

    redis->quitting = 1;
    ngx_http_render_effects_destroy(redis);
    ngx_http_render_link_down(&redis->cmd, "exit");
    ngx_http_render_link_down(&redis->sub, "exit");
}
