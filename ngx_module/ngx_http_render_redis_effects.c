/*
 * Bells and events of answers, best effort.  What comes while there is no link
 * (the first moments of a process, a restart of Redis) is held for as long as
 * somebody may profit from it: after two seconds watchers have looked into
 * PostgreSQL, and workers too.
 */

#include "ngx_http_render_redis.h"
#include "rn_progress.h"


#define NGX_HTTP_RENDER_WARN       10           /* s between two lines */
#define NGX_HTTP_RENDER_HELD       256
#define NGX_HTTP_RENDER_HELD_SIZE  (1024 * 1024)
#define NGX_HTTP_RENDER_HELD_MS    2000


typedef struct {
    ngx_queue_t               queue;
    ngx_msec_t                came;
    ngx_time_t                at;
    size_t                    len;
    char                      text[];
} ngx_http_render_held_t;


/*
 * Errors that are no fault of the command: the server serves nobody now, or
 * nobody who writes.
 */

static ngx_uint_t
ngx_http_render_refuses(redisReply *r)
{
    ngx_uint_t  i;

    static const char *const  states[] = {
        "READONLY", "OOM", "LOADING", "MISCONF", "NOREPLICAS", "MASTERDOWN",
        "NOAUTH", "CLUSTERDOWN", NULL
    };

    for (i = 0; states[i] != NULL; i++) {
        if (ngx_strncmp(r->str, states[i], ngx_strlen(states[i])) == 0) {
            return 1;
        }
    }

    return 0;
}


void
ngx_http_render_redis_ignore(redisAsyncContext *ac, void *reply, void *data)
{
    redisReply               *r = reply;
    ngx_http_render_redis_t  *redis = ngx_http_render_process->redis;

    ngx_http_render_redis_count(r);

    if (r == NULL) {
        return;
    }

    redis->cmd.heard = ngx_current_msec;

    ngx_http_render_link_in_step(ac);

    if (r->type != REDIS_REPLY_ERROR || ac != redis->cmd.ac) {
        return;
    }

    if (ngx_http_render_refuses(r)) {
        ngx_http_render_link_refused(&redis->cmd, r->str);
        return;
    }

    /* as a right that is missing, it comes with each: the counter has them */

    if (ngx_time() - redis->warned >= NGX_HTTP_RENDER_WARN) {
        redis->warned = ngx_time();
        ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0, "render: Redis: %s",
                      r->str);
    }
}


static void
ngx_http_render_reloaded(redisAsyncContext *ac, void *reply, void *data)
{
    redisReply  *r = reply;

    if (r != NULL && r->type == REDIS_REPLY_ERROR
        && ac == ngx_http_render_process->redis->cmd.ac)
    {
        ngx_http_render_link_refused(&ngx_http_render_process->redis->cmd,
                                     r->str);
    }
}


/* A flush of scripts: this event is lost, the next one is not. */

static void
ngx_http_render_told(redisAsyncContext *ac, void *reply, void *data)
{
    redisReply  *r = reply;

    if (r != NULL && r->type == REDIS_REPLY_ERROR
        && ngx_strncmp(r->str, "NOSCRIPT", 8) == 0)
    {
        ngx_http_render_redis_count(r);
        (void) redisAsyncCommand(ac, ngx_http_render_reloaded, NULL,
                                 "SCRIPT LOAD %s", rn_progress_script);
        return;
    }

    ngx_http_render_redis_ignore(ac, reply, NULL);
}


static void
ngx_http_render_tell(ngx_http_render_redis_t *redis, json_t *event,
    ngx_time_t *when)
{
    char       key[64], events[64], *text;
    u_char     at[64], *p;
    ngx_tm_t   tm;
    ngx_str_t  id;

    id.data = (u_char *) json_string_value(json_object_get(event, "job_id"));
    if (id.data == NULL) {
        return;
    }

    ngx_gmtime(when->sec, &tm);
    p = ngx_sprintf(at, "%4d-%02d-%02dT%02d:%02d:%02d.%03MZ", tm.ngx_tm_year,
                    tm.ngx_tm_mon, tm.ngx_tm_mday, tm.ngx_tm_hour,
                    tm.ngx_tm_min, tm.ngx_tm_sec, when->msec);
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


static void
ngx_http_render_effects_send(ngx_http_render_redis_t *redis, const char *text,
    size_t len, ngx_time_t *when)
{
    size_t       i;
    json_t      *j, *x;
    const char  *queue, *job, *task;

    j = json_loadb(text, len, 0, NULL);

    json_array_foreach(json_object_get(j, "events"), i, x) {
        ngx_http_render_tell(redis, x, when);
    }

    json_array_foreach(json_object_get(j, "bells"), i, x) {
        queue = json_string_value(json_object_get(x, "queue"));
        job = json_string_value(json_object_get(x, "job"));
        task = json_string_value(json_object_get(x, "task"));

        if (queue != NULL && job != NULL && task != NULL) {
            (void) redisAsyncCommand(redis->cmd.ac,
                                     ngx_http_render_redis_ignore, NULL,
                                     "XADD queue.%s MAXLEN ~ 10000 * "
                                     "job_id %s task_id %s", queue, job, task);
        }
    }

    json_decref(j);
}


static void
ngx_http_render_effects_drop(ngx_http_render_redis_t *redis,
    ngx_http_render_held_t *h)
{
    ngx_queue_remove(&h->queue);
    redis->nheld--;
    redis->held_size -= h->len;
    free(h);
}


static void
ngx_http_render_effects_expire(ngx_event_t *ev)
{
    ngx_msec_t                passed;
    ngx_http_render_held_t   *h;
    ngx_http_render_redis_t  *redis = ev->data;

    while (!ngx_queue_empty(&redis->held)) {
        h = ngx_queue_data(ngx_queue_head(&redis->held),
                           ngx_http_render_held_t, queue);
        passed = ngx_current_msec - h->came;

        if (passed < NGX_HTTP_RENDER_HELD_MS) {
            ngx_add_timer(ev, NGX_HTTP_RENDER_HELD_MS - passed);
            return;
        }

        ngx_http_render_count(redis_away);
        ngx_http_render_effects_drop(redis, h);
    }
}


static void
ngx_http_render_effects_hold(ngx_http_render_redis_t *redis,
    ngx_str_t *effects)
{
    ngx_http_render_held_t  *h;

    h = NULL;

    if (redis->nheld < NGX_HTTP_RENDER_HELD
        && redis->held_size + effects->len <= NGX_HTTP_RENDER_HELD_SIZE)
    {
        h = malloc(sizeof(ngx_http_render_held_t) + effects->len);
    }

    if (h == NULL) {
        ngx_http_render_count(redis_away);
        return;                             /* rung and read again elsewhere */
    }

    h->came = ngx_current_msec;
    h->at = *ngx_timeofday();
    h->len = effects->len;
    ngx_memcpy(h->text, effects->data, effects->len);
    ngx_queue_insert_tail(&redis->held, &h->queue);
    redis->nheld++;
    redis->held_size += h->len;

    if (!redis->expire.timer_set) {
        ngx_add_timer(&redis->expire, NGX_HTTP_RENDER_HELD_MS);
    }
}


void
ngx_http_render_effects(ngx_str_t *effects)
{
    ngx_http_render_redis_t  *redis = ngx_http_render_process->redis;

    if (effects->len == 0) {
        return;
    }

    if (!redis->cmd.up || redis->cmd.ac == NULL) {
        ngx_http_render_effects_hold(redis, effects);
        return;
    }

    if (redis->pending >= NGX_HTTP_RENDER_REDIS_PENDING) {
        ngx_http_render_count(redis_away);
        return;
    }

    ngx_http_render_effects_send(redis, (char *) effects->data, effects->len,
                                 ngx_timeofday());
}


void
ngx_http_render_effects_flush(ngx_http_render_redis_t *redis)
{
    ngx_http_render_held_t  *h;

    while (!ngx_queue_empty(&redis->held)) {
        h = ngx_queue_data(ngx_queue_head(&redis->held),
                           ngx_http_render_held_t, queue);
        ngx_http_render_effects_send(redis, h->text, h->len, &h->at);
        ngx_http_render_effects_drop(redis, h);
    }

    if (redis->expire.timer_set) {
        ngx_del_timer(&redis->expire);
    }
}


void
ngx_http_render_effects_create(ngx_http_render_redis_t *redis)
{
    ngx_queue_init(&redis->held);
    redis->expire.handler = ngx_http_render_effects_expire;
    redis->expire.data = redis;
    redis->expire.log = ngx_cycle->log;
    redis->expire.cancelable = 1;
}


void
ngx_http_render_effects_destroy(ngx_http_render_redis_t *redis)
{
    while (!ngx_queue_empty(&redis->held)) {
        ngx_http_render_effects_drop(redis,
            ngx_queue_data(ngx_queue_head(&redis->held),
                           ngx_http_render_held_t, queue));
    }
}
