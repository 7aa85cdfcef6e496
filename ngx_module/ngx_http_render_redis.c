/*
 * Redis: one connection for commands and one for subscriptions a worker
 * process, by hiredis' asynchronous interface on nginx's events.  Nothing may
 * depend on it: what it does not take is rung or read again elsewhere.
 *
 * After redisAsyncHandleRead/Write the context may be gone; only our own node
 * is looked at.  hiredis 0.14 has no time-outs: those are ours.
 */

#include "ngx_http_render.h"
#include "rn_progress.h"

#include <hiredis/async.h>


#define NGX_HTTP_RENDER_REDIS_MIN_BACK  100     /* ms */
#define NGX_HTTP_RENDER_REDIS_MAX_BACK  5000
#define NGX_HTTP_RENDER_REDIS_BEAT      5000    /* a heartbeat both ways */
#define NGX_HTTP_RENDER_REDIS_PENDING   10000   /* commands in flight */
#define NGX_HTTP_RENDER_REDIS_DEADLINE  500     /* for commands with answers */
#define NGX_HTTP_RENDER_REDIS_READS     256     /* of 16 KiB, in one event */


typedef struct {
    ngx_http_render_redis_t  *redis;
    redisAsyncContext        *ac;       /* NULL: away */
    ngx_connection_t         *c;
    ngx_event_t               timer;    /* connecting, a pause, or the beat */
    ngx_uint_t                pause;
    ngx_uint_t                pubsub;
    ngx_uint_t                up, told, beats;
} ngx_http_render_link_t;

typedef struct {
    ngx_http_render_reply_pt  callback;
    void                     *data;
    ngx_event_t               deadline;
} ngx_http_render_wait_t;

struct ngx_http_render_redis_s {
    ngx_http_render_main_conf_t  *conf;
    ngx_http_render_link_t        cmd, sub;
    ngx_uint_t                    pending;
    char                          beat[80];     /* this process's channel */
    char                          sha[41];
    ngx_uint_t                    quitting;
};


static void ngx_http_render_link_timer(ngx_event_t *ev);
static void ngx_http_render_link_connect(ngx_http_render_link_t *link);
static void ngx_http_render_link_down(ngx_http_render_link_t *link,
    const char *why);
static void ngx_http_render_message(redisAsyncContext *ac, void *reply,
    void *data);


ngx_http_render_redis_t *
ngx_http_render_redis_create(ngx_http_render_main_conf_t *conf)
{
    ngx_uint_t                i;
    ngx_http_render_link_t   *link;
    ngx_http_render_redis_t  *redis;

    redis = ngx_pcalloc(ngx_cycle->pool, sizeof(ngx_http_render_redis_t));
    if (redis == NULL) {
        return NULL;
    }

    redis->conf = conf;
    (void) snprintf(redis->beat, sizeof(redis->beat), "render:beat:%d:%lx",
                    (int) ngx_pid, (long) ngx_random());

    for (i = 0; i < 2; i++) {
        link = i ? &redis->sub : &redis->cmd;
        link->redis = redis;
        link->pubsub = i;
        link->timer.handler = ngx_http_render_link_timer;
        link->timer.data = link;
        link->timer.log = ngx_cycle->log;
        link->timer.cancelable = 1;
        ngx_add_timer(&link->timer, 1);     /* from an event, not from here */
    }

    return redis;
}


ngx_uint_t
ngx_http_render_redis_up(void)
{
    ngx_http_render_redis_t  *redis = ngx_http_render_process->redis;

    return redis->cmd.up && redis->sub.up;
}


/* hiredis' wishes as events of nginx, level-triggered */


/*
 * Events are read as far as they are there before any is handed on: only who
 * sees all of a burst can leave out what it has overtaken itself.
 */

static void
ngx_http_render_link_read(ngx_http_render_link_t *link, ngx_connection_t *c)
{
    int         n;
    ngx_uint_t  reads;

    reads = link->pubsub ? NGX_HTTP_RENDER_REDIS_READS : 1;

    do {
        redisAsyncHandleRead(link->ac);

        if (--reads == 0 || link->ac == NULL || link->c != c
            || ioctl(c->fd, FIONREAD, &n) == -1)
        {
            return;
        }

    } while (n > 0);
}


static void
ngx_http_render_link_event(ngx_event_t *ev)
{
    ngx_connection_t        *c = ev->data;
    ngx_http_render_link_t  *link = c->data;

    if (c->close && c->error) {             /* worker_shutdown_timeout */
        ngx_http_render_link_down(link, "nginx is closing");
        return;
    }

    if (c->close) {                         /* quitting: needed to the end */
        c->close = 0;
        return;
    }

    if (ev->write) {
        redisAsyncHandleWrite(link->ac);
    } else {
        ngx_http_render_link_read(link, c);
    }
}


static void
ngx_http_render_link_want(ngx_event_t *ev, ngx_int_t event, ngx_uint_t on)
{
    if (on && !ev->active) {
        (void) ngx_add_event(ev, event, NGX_LEVEL_EVENT);
    } else if (!on && ev->active) {
        (void) ngx_del_event(ev, event, 0);
    }
}


static void
ngx_http_render_add_read(void *data)
{
    ngx_http_render_link_t  *link = data;

    if (link->c != NULL) {
        ngx_http_render_link_want(link->c->read, NGX_READ_EVENT, 1);
    }
}


static void
ngx_http_render_del_read(void *data)
{
    ngx_http_render_link_t  *link = data;

    if (link->c != NULL) {
        ngx_http_render_link_want(link->c->read, NGX_READ_EVENT, 0);
    }
}


static void
ngx_http_render_add_write(void *data)
{
    ngx_http_render_link_t  *link = data;

    if (link->c != NULL) {
        ngx_http_render_link_want(link->c->write, NGX_WRITE_EVENT, 1);
    }
}


static void
ngx_http_render_del_write(void *data)
{
    ngx_http_render_link_t  *link = data;

    if (link->c != NULL) {
        ngx_http_render_link_want(link->c->write, NGX_WRITE_EVENT, 0);
    }
}


/* hiredis is about to close the descriptor. */

static void
ngx_http_render_link_cleanup(void *data)
{
    ngx_http_render_link_t  *link = data;

    if (link->c != NULL) {
        ngx_http_render_release(link->c, 0);
        link->c = NULL;
    }
}


static void
ngx_http_render_redis_told(ngx_http_render_link_t *link, ngx_uint_t told)
{
    link->told = told;
    ngx_http_render_circuit(redis, link->redis->cmd.told
                                   || link->redis->sub.told);
}


static void
ngx_http_render_link_pause(ngx_http_render_link_t *link, const char *why)
{
    if (!link->told && !link->redis->quitting && !ngx_exiting
        && !ngx_terminate)
    {
        ngx_http_render_redis_told(link, 1);
        if (!link->pubsub) {
            ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                          "render: Redis is away: %s", why);
        }
    }

    link->up = 0;

    if (link->redis->quitting || ngx_exiting || ngx_terminate) {
        return;
    }

    link->pause = link->pause == 0 ? NGX_HTTP_RENDER_REDIS_MIN_BACK
                  : ngx_min(link->pause * 2, NGX_HTTP_RENDER_REDIS_MAX_BACK);
    ngx_add_timer(&link->timer,
                  link->pause / 2 + ngx_random() % (link->pause / 2));
}


static void
ngx_http_render_link_down(ngx_http_render_link_t *link, const char *why)
{
    redisAsyncContext  *ac;

    ac = link->ac;
    link->ac = NULL;

    ngx_http_render_link_pause(link, why);

    if (ac != NULL) {
        redisAsyncFree(ac);                 /* answers all waiters with NULL */
    }
}


static void
ngx_http_render_disconnected(const redisAsyncContext *ac, int status)
{
    ngx_http_render_link_t  *link = ac->ev.data;

    if (link == NULL || link->ac != ac) {
        return;                             /* we are taking it down */
    }

    link->ac = NULL;                        /* hiredis frees it */
    ngx_http_render_link_pause(link, ac->errstr);
}


/* It answers: only now the link is up, and its pauses begin anew. */

static void
ngx_http_render_link_up(ngx_http_render_link_t *link)
{
    link->up = 1;
    link->pause = 0;

    if (link->told) {
        ngx_http_render_redis_told(link, 0);
        if (!link->pubsub) {
            ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                          "render: Redis is back");
        }
    }
}


/* It answers, but will not serve: told once, and tried again by the beat. */

static void
ngx_http_render_refused(ngx_http_render_link_t *link, const char *why)
{
    if (!link->told && why != NULL) {
        ngx_http_render_redis_told(link, 1);
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "render: Redis refuses: %s", why);
    }
}


static void
ngx_http_render_script_loaded(redisAsyncContext *ac, void *reply, void *data)
{
    redisReply               *r = reply;
    ngx_http_render_redis_t  *redis = data;

    if (r == NULL) {
        return;
    }

    if (r->type != REDIS_REPLY_STRING) {    /* no right to, or read-only: the
                                               beat will not renew it */
        ngx_http_render_refused(&redis->cmd, r->str);
        return;
    }

    (void) ngx_cpystrn((u_char *) redis->sha, (u_char *) r->str,
                       sizeof(redis->sha));
    ngx_http_render_link_up(&redis->cmd);
    ngx_add_timer(&redis->cmd.timer, NGX_HTTP_RENDER_REDIS_BEAT);
}


static void
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


static void
ngx_http_render_ignore(redisAsyncContext *ac, void *reply, void *data)
{
    redisReply  *r = reply;

    ngx_http_render_redis_count(r);

    if (r != NULL && r->type == REDIS_REPLY_ERROR) {
        ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0, "render: Redis: %s",
                      r->str);
    }
}


static void
ngx_http_render_connected(const redisAsyncContext *ac, int status)
{
    redisAsyncContext        *a;
    ngx_http_render_link_t   *link = ac->ev.data;
    ngx_http_render_redis_t  *redis;

    if (status != REDIS_OK) {
        link->ac = NULL;                    /* hiredis frees it */
        ngx_http_render_link_pause(link, ac->errstr);
        return;
    }

    redis = link->redis;
    a = link->ac;
    link->beats = 0;

    /* until it has answered, the time to connect runs on */

    if (redis->conf->redis_password.len != 0) {
        (void) redisAsyncCommand(a, ngx_http_render_ignore, NULL, "AUTH %b",
                                 redis->conf->redis_password.data,
                                 redis->conf->redis_password.len);
    }

    if (link->pubsub) {
        (void) redisAsyncCommand(a, ngx_http_render_message, link,
                                 "SUBSCRIBE %s", redis->beat);
        return;
    }

    if (redis->conf->redis_db != 0) {
        (void) redisAsyncCommand(a, ngx_http_render_ignore, NULL, "SELECT %d",
                                 (int) redis->conf->redis_db);
    }

    (void) redisAsyncCommand(a, ngx_http_render_script_loaded, redis,
                             "SCRIPT LOAD %s", rn_progress_script);
}


static void
ngx_http_render_link_connect(ngx_http_render_link_t *link)
{
    char                          host[NGX_SOCKADDR_STRLEN + 1];
    redisAsyncContext            *ac;
    ngx_http_render_main_conf_t  *conf = link->redis->conf;

    (void) ngx_cpystrn((u_char *) host, conf->redis_host.data,
                       conf->redis_host.len + 1);

    ac = redisAsyncConnect(host, conf->redis_port);

    if (ac == NULL || ac->err) {            /* no callback will come */
        ngx_http_render_link_pause(link, ac ? ac->errstr : "no memory");
        if (ac != NULL) {
            redisAsyncFree(ac);
        }
        return;
    }

    link->c = ngx_http_render_adopt(ac->c.fd, link,
                                    ngx_http_render_link_event);
    if (link->c == NULL) {
        ngx_http_render_link_pause(link, "no connection slot");
        redisAsyncFree(ac);
        return;
    }

    link->c->idle = 1;
    link->ac = ac;
    ac->ev.data = link;
    ac->ev.addRead = ngx_http_render_add_read;
    ac->ev.delRead = ngx_http_render_del_read;
    ac->ev.addWrite = ngx_http_render_add_write;
    ac->ev.delWrite = ngx_http_render_del_write;
    ac->ev.cleanup = ngx_http_render_link_cleanup;

    (void) redisAsyncSetConnectCallback(ac, ngx_http_render_connected);
    (void) redisAsyncSetDisconnectCallback(ac, ngx_http_render_disconnected);

    ngx_add_timer(&link->timer, 2000);
}


/*
 * A subscribed connection has no PING in hiredis 0.14: the command connection
 * publishes to a channel of this process, and either link that hears nothing
 * for two periods is made anew.
 */

static void
ngx_http_render_link_timer(ngx_event_t *ev)
{
    ngx_http_render_link_t   *link = ev->data;
    ngx_http_render_redis_t  *redis = link->redis;

    if (ngx_exiting || redis->quitting) {
        return;
    }

    if (link->ac == NULL) {
        ngx_http_render_link_connect(link);
        return;
    }

    if (!link->up) {
        ngx_http_render_link_down(link, "connecting timed out");
        return;
    }

    if (++link->beats > 2) {
        ngx_http_render_link_down(link, "no sign of life");
        return;
    }

    ngx_add_timer(&link->timer, NGX_HTTP_RENDER_REDIS_BEAT);

    if (!link->pubsub) {
        (void) redisAsyncCommand(link->ac, ngx_http_render_message, link,
                                 "PUBLISH %s .", redis->beat);
    }
}


/* Everything that comes on the subscription, and the beat's answer. */

static void
ngx_http_render_message(redisAsyncContext *ac, void *reply, void *data)
{
    ngx_str_t                channel, doc;
    redisReply              *r = reply;
    ngx_http_render_link_t  *link = data;

    if (r == NULL) {
        return;
    }

    link->beats = 0;

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
            ngx_add_timer(&link->timer, NGX_HTTP_RENDER_REDIS_BEAT);
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
        (void) redisAsyncCommand(link->ac, ngx_http_render_message, link,
                                 "SUBSCRIBE %b", channel->data, channel->len);
    }
}


void
ngx_http_render_redis_unsubscribe(ngx_str_t *channel)
{
    ngx_http_render_link_t  *link = &ngx_http_render_process->redis->sub;

    if (link->up && link->ac != NULL) {
        (void) redisAsyncCommand(link->ac, ngx_http_render_message, link,
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
}


static void
ngx_http_render_wait_deadline(ngx_event_t *ev)
{
    ngx_http_render_wait_t    *w = ev->data;
    ngx_http_render_reply_pt   callback;

    callback = w->callback;
    w->callback = NULL;                     /* the answer may still come */
    ngx_http_render_count(redis_timeout);

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

    redis->pending++;
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


/* Bells and events */


/* A flush of scripts: this event is lost, the next one is not. */

static void
ngx_http_render_told(redisAsyncContext *ac, void *reply, void *data)
{
    redisReply               *r = reply;
    ngx_http_render_redis_t  *redis = data;

    ngx_http_render_ignore(ac, reply, NULL);

    if (r != NULL && r->type == REDIS_REPLY_ERROR
        && ngx_strncmp(r->str, "NOSCRIPT", 8) == 0)
    {
        (void) redisAsyncCommand(ac, ngx_http_render_script_loaded, redis,
                                 "SCRIPT LOAD %s", rn_progress_script);
    }
}


static void
ngx_http_render_tell(ngx_http_render_redis_t *redis, json_t *event)
{
    char       key[64], events[64], *text;
    u_char     at[64], *p;
    ngx_tm_t   tm;
    ngx_str_t  id;

    id.data = (u_char *) json_string_value(json_object_get(event, "job_id"));
    if (id.data == NULL) {
        return;
    }

    ngx_gmtime(ngx_time(), &tm);
    p = ngx_sprintf(at, "%4d-%02d-%02dT%02d:%02d:%02d.%03MZ", tm.ngx_tm_year,
                    tm.ngx_tm_mon, tm.ngx_tm_mday, tm.ngx_tm_hour,
                    tm.ngx_tm_min, tm.ngx_tm_sec, ngx_timeofday()->msec);
    *p = '\0';

    (void) json_object_set_new(event, "at", json_string((char *) at));
    (void) snprintf(key, sizeof(key), "progress:%.40s", id.data);
    (void) snprintf(events, sizeof(events), "events:%.40s", id.data);
    text = json_dumps(event, JSON_COMPACT);

    if (text != NULL && redis->sha[0] != '\0') {
        (void) redisAsyncCommand(redis->cmd.ac, ngx_http_render_told, redis,
                                 "EVALSHA %s 2 %s %s %s", redis->sha, key,
                                 events, text);
    }

    free(text);
}


void
ngx_http_render_effects(ngx_str_t *effects)
{
    size_t                    i;
    json_t                   *j, *x;
    const char               *queue, *job, *task;
    ngx_http_render_redis_t  *redis = ngx_http_render_process->redis;

    if (effects->len == 0 || !redis->cmd.up || redis->cmd.ac == NULL
        || redis->pending >= NGX_HTTP_RENDER_REDIS_PENDING)
    {
        ngx_http_render_count_by(redis_away, effects->len != 0);
        return;                             /* rung and read again elsewhere */
    }

    j = json_loadb((char *) effects->data, effects->len, 0, NULL);

    json_array_foreach(json_object_get(j, "events"), i, x) {
        ngx_http_render_tell(redis, x);
    }

    json_array_foreach(json_object_get(j, "bells"), i, x) {
        queue = json_string_value(json_object_get(x, "queue"));
        job = json_string_value(json_object_get(x, "job"));
        task = json_string_value(json_object_get(x, "task"));

        if (queue != NULL && job != NULL && task != NULL) {
            (void) redisAsyncCommand(redis->cmd.ac, ngx_http_render_ignore,
                                     NULL, "XADD queue.%s MAXLEN ~ 10000 * "
                                     "job_id %s task_id %s", queue, job, task);
        }
    }

    json_decref(j);
}


void
ngx_http_render_redis_destroy(ngx_http_render_redis_t *redis)
{
    if (redis == NULL) {
        return;
    }

    redis->quitting = 1;
    ngx_http_render_link_down(&redis->cmd, "exit");
    ngx_http_render_link_down(&redis->sub, "exit");
}
