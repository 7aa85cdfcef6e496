/*
 * The two connections to Redis of a worker process, one for commands and one
 * for subscriptions, by hiredis' asynchronous interface on nginx's events.  One
 * counts as up when the server does what it is there for: a replica, or one
 * that is full or still loading, is as good as away.
 *
 * After redisAsyncHandleRead/Write the context may be gone; only our own node
 * is looked at.  hiredis 0.14 has no time-outs: those are ours.
 */

#include "ngx_http_render_redis.h"
#include "rn_progress.h"


#define NGX_HTTP_RENDER_REDIS_READS     256     /* of 16 KiB, in one event */
#define NGX_HTTP_RENDER_REDIS_CONNECT   2000    /* ms */
#define NGX_HTTP_RENDER_REDIS_MIN_BACK  100
#define NGX_HTTP_RENDER_REDIS_MAX_BACK  3000
#define NGX_HTTP_RENDER_REDIS_HOPE      200     /* a pause not worth a line */
#define NGX_HTTP_RENDER_REDIS_LIVED     1000    /* no cause for a pause */
#define NGX_HTTP_RENDER_REDIS_BEAT      5000    /* a heartbeat both ways */
#define NGX_HTTP_RENDER_REDIS_ANSWER    2000    /* to it */
#define NGX_HTTP_RENDER_REDIS_LINGER    2000    /* to write, at the end */


static void ngx_http_render_link_timer(ngx_event_t *ev);
static void ngx_http_render_link_lingered(ngx_event_t *ev);
static void ngx_http_render_redis_pulse(ngx_event_t *ev);


/* The second one connects when the first is up. */

void
ngx_http_render_links_create(ngx_http_render_redis_t *redis)
{
    redis->cmd.redis = redis->sub.redis = redis;
    redis->sub.pubsub = 1;

    ngx_http_render_set_event(&redis->cmd.timer, ngx_http_render_link_timer,
                              &redis->cmd);
    ngx_http_render_set_event(&redis->sub.timer, ngx_http_render_link_timer,
                              &redis->sub);
    ngx_http_render_set_event(&redis->pulse, ngx_http_render_redis_pulse,
                              redis);
    ngx_http_render_set_event(&redis->cmd.linger,
                              ngx_http_render_link_lingered, &redis->cmd);
    redis->cmd.timer.cancelable = redis->sub.timer.cancelable = 1;
    redis->pulse.cancelable = 1;

    ngx_add_timer(&redis->cmd.timer, 1);        /* from an event, not here */

    /* the configuration may have been read long ago */

    ngx_http_render_hosts_renew(redis->hosts);
}


/*
 * Called by each callback that may be the last: hiredis 0.14 ends the process
 * at an answer that nobody waits for, which a server out of step would give.
 */

void
ngx_http_render_link_in_step(redisAsyncContext *ac)
{
    ngx_http_render_link_t  *link = ac->ev.data;

    if (link != NULL && link->ac == ac && !link->pubsub
        && ac->replies.head == NULL && ac->c.reader->pos < ac->c.reader->len)
    {
        ngx_http_render_link_down(link, "it says more than it was asked");
    }
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
        if (link->pubsub && ngx_http_render_relay_full()) {
            link->heard = ngx_current_msec;     /* it has more to say */
            return;
        }

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
        link->writing = 1;
        redisAsyncHandleWrite(link->ac);
        link->writing = 0;
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
ngx_http_render_link_lingered(ngx_event_t *ev)
{
    /* nothing keeps the process any more */
}


/* Bells and events that are not written yet keep a quitting process. */

static void
ngx_http_render_link_linger(ngx_http_render_link_t *link, ngx_uint_t on)
{
    if (link->pubsub) {
        return;
    }

    if (on && !link->linger.timer_set) {
        ngx_add_timer(&link->linger, NGX_HTTP_RENDER_REDIS_LINGER);

    } else if (!on && link->linger.timer_set) {
        ngx_del_timer(&link->linger);
    }
}


/*
 * What is to be written is written at the end of this turn, with all that other
 * requests of the turn have added; the socket is asked whether it can take it
 * only where it did not, or is not connected.
 */

static void
ngx_http_render_add_write(void *data)
{
    ngx_http_render_link_t  *link = data;

    if (link->c == NULL || link->ac == NULL || link->c->write->active) {
        return;
    }

    if (!(link->ac->c.flags & REDIS_CONNECTED)) {
        ngx_http_render_link_want(link->c->write, NGX_WRITE_EVENT, 1);
        return;
    }

    if (link->writing || ngx_exiting) {
        ngx_http_render_link_linger(link, 1);
    }

    if (link->writing) {
        ngx_http_render_link_want(link->c->write, NGX_WRITE_EVENT, 1);
        return;
    }

    if (!link->c->write->posted) {
        ngx_post_event(link->c->write, &ngx_posted_events);
    }
}


static void
ngx_http_render_del_write(void *data)
{
    ngx_http_render_link_t  *link = data;

    if (link->c == NULL) {
        return;
    }

    ngx_http_render_link_want(link->c->write, NGX_WRITE_EVENT, 0);
    ngx_http_render_link_linger(link, 0);

    if (link->c->write->posted) {
        ngx_delete_posted_event(link->c->write);
    }
}


/* hiredis is about to close the descriptor. */

static void
ngx_http_render_link_cleanup(void *data)
{
    ngx_http_render_link_t  *link = data;

    if (link->c != NULL) {
        ngx_http_render_link_linger(link, 0);
        ngx_http_render_release(link->c, 0);
        link->c = NULL;
    }
}


static ngx_uint_t
ngx_http_render_link_going(ngx_http_render_link_t *link)
{
    return link->redis->quitting || ngx_exiting || ngx_terminate;
}


static void
ngx_http_render_redis_away(ngx_http_render_link_t *link, const char *why)
{
    ngx_http_render_redis_t  *redis = link->redis;

    if (redis->told || ngx_http_render_link_going(link)) {
        return;
    }

    redis->told = 1;
    ngx_http_render_circuit(redis, 1);
    ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0, "render: Redis is away: %s",
                  why);
}


/* A timer that is set already is left alone by nginx for small differences. */

static void
ngx_http_render_link_in(ngx_http_render_link_t *link, ngx_msec_t ms)
{
    if (link->timer.timer_set) {
        ngx_del_timer(&link->timer);
    }

    ngx_add_timer(&link->timer, ms);
}


/*
 * It has no context any more.  One that has served is made again before its end
 * is told: at once, or after a pause if it did not last.
 */

static void
ngx_http_render_link_pause(ngx_http_render_link_t *link, const char *why)
{
    ngx_uint_t                served, lived;
    ngx_http_render_redis_t  *redis = link->redis;

    served = link->served && !link->doomed;
    lived = link->served
            && ngx_current_msec - link->since
               > (served ? NGX_HTTP_RENDER_REDIS_LIVED
                         : NGX_HTTP_RENDER_REDIS_BEAT);
    link->up = 0;
    link->served = 0;
    link->doomed = 0;

    if (!link->pubsub && redis->pulse.timer_set) {
        ngx_del_timer(&redis->pulse);
    }

    if (ngx_http_render_link_going(link)) {
        return;
    }

    ngx_http_render_hosts_renew(redis->hosts);

    if (link->pubsub && !redis->cmd.up) {
        link->pause = 0;                    /* it follows the other one */
        return;
    }

    if (lived && served) {
        link->pause = 0;
        ngx_http_render_link_in(link, 1);
        return;
    }

    link->pause = lived || link->pause == 0 ? NGX_HTTP_RENDER_REDIS_MIN_BACK
                  : ngx_min(link->pause * 2, NGX_HTTP_RENDER_REDIS_MAX_BACK);

    if (!served || link->pause > NGX_HTTP_RENDER_REDIS_HOPE) {
        ngx_http_render_redis_away(link, why);
    }

    if (!link->pubsub) {
        redis->hosts->turn++;
    }

    ngx_http_render_link_in(link, link->pause / 2
                                  + ngx_random() % (link->pause / 2));
}


void
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


void
ngx_http_render_link_refused(ngx_http_render_link_t *link, const char *why)
{
    if (link->doomed || link->ac == NULL || ngx_http_render_link_going(link)) {
        return;
    }

    (void) ngx_cpystrn((u_char *) link->why, (u_char *) why,
                       sizeof(link->why));
    link->up = 0;
    link->doomed = 1;
    ngx_http_render_link_in(link, 1);
}


static void
ngx_http_render_disconnected(const redisAsyncContext *ac, int status)
{
    ngx_http_render_link_t  *link = ac->ev.data;

    if (link == NULL || link->ac != ac) {
        return;                             /* we are taking it down */
    }

    link->ac = NULL;                        /* hiredis frees it */
    ngx_http_render_link_pause(link, link->why[0] != '\0' ? link->why
                                                          : ac->errstr);
}


void
ngx_http_render_link_up(ngx_http_render_link_t *link)
{
    ngx_http_render_redis_t  *redis = link->redis;

    link->up = link->served = 1;
    link->since = link->heard = ngx_current_msec;

    if (link->timer.timer_set) {
        ngx_del_timer(&link->timer);
    }

    if (!link->pubsub) {
        redis->listening = 0;
        ngx_add_timer(&redis->pulse, NGX_HTTP_RENDER_REDIS_BEAT);

        if (redis->sub.ac == NULL) {
            ngx_http_render_link_in(&redis->sub, 1);
        } else if (ngx_strcmp(redis->sub.addr, link->addr) != 0) {
            ngx_http_render_link_refused(&redis->sub, "it has moved");
        }

        ngx_http_render_effects_flush(redis);
    }

    if (redis->told && redis->cmd.up && redis->sub.up) {
        redis->told = 0;
        ngx_http_render_circuit(redis, 0);
        ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                      "render: Redis is back");
    }
}


/* How a link begins: each answer may be a no, the last yes makes it up. */


static void
ngx_http_render_greeted(redisAsyncContext *ac, void *reply, void *data)
{
    redisReply              *r = reply;
    ngx_http_render_link_t  *link = data;

    /* AUTH may be refused because there is no password: what follows tells */

    if (r != NULL && r->type == REDIS_REPLY_ERROR && link->why[0] == '\0') {
        (void) ngx_cpystrn((u_char *) link->why, (u_char *) r->str,
                           sizeof(link->why));
    }
}


static void
ngx_http_render_script_loaded(redisAsyncContext *ac, void *reply, void *data)
{
    redisReply              *r = reply;
    ngx_http_render_link_t  *link = data;

    if (r == NULL) {
        return;
    }

    if (r->type != REDIS_REPLY_STRING) {
        ngx_http_render_link_refused(link, link->why[0] != '\0' ? link->why
                                           : r->type == REDIS_REPLY_ERROR
                                           ? r->str : "no script");
        return;
    }

    (void) ngx_cpystrn((u_char *) link->redis->sha, (u_char *) r->str,
                       sizeof(link->redis->sha));
}


/* Whether it takes writes: a key of this process that soon expires. */

static void
ngx_http_render_probed(redisAsyncContext *ac, void *reply, void *data)
{
    redisReply              *r = reply;
    ngx_http_render_link_t  *link = data;

    if (r != NULL) {
        ngx_http_render_link_in_step(ac);
    }

    if (r == NULL || link->doomed || link->ac != ac) {
        return;
    }

    link->heard = ngx_current_msec;

    /* who may not write this key may still ring */

    if (r->type == REDIS_REPLY_ERROR && ngx_strncmp(r->str, "NOPERM", 6) != 0) {
        ngx_http_render_link_refused(link, r->str);
        return;
    }

    if (!link->up) {
        link->why[0] = '\0';
        ngx_http_render_link_up(link);
    }
}


static void
ngx_http_render_probe(ngx_http_render_link_t *link)
{
    (void) redisAsyncCommand(link->ac, ngx_http_render_probed, link,
                             "SET %s . PX %d", link->redis->beat,
                             3 * NGX_HTTP_RENDER_REDIS_BEAT);
}


static void
ngx_http_render_connected(const redisAsyncContext *ac, int status)
{
    redisAsyncContext            *a;
    ngx_http_render_link_t       *link = ac->ev.data;
    ngx_http_render_main_conf_t  *conf = link->redis->conf;

    if (status != REDIS_OK) {
        link->ac = NULL;                    /* hiredis frees it */
        ngx_http_render_link_pause(link, ac->errstr);
        return;
    }

    a = link->ac;

    /* until it has answered, the time to connect runs on */

    if (conf->redis_password.len != 0) {
        (void) redisAsyncCommand(a, ngx_http_render_greeted, link, "AUTH %b",
                                 conf->redis_password.data,
                                 conf->redis_password.len);
    }

    if (link->pubsub) {
        (void) redisAsyncCommand(a, ngx_http_render_redis_message, link,
                                 "SUBSCRIBE %s", link->redis->beat);
        return;
    }

    if (conf->redis_db != 0) {
        (void) redisAsyncCommand(a, ngx_http_render_greeted, link, "SELECT %d",
                                 (int) conf->redis_db);
    }

    (void) redisAsyncCommand(a, ngx_http_render_script_loaded, link,
                             "SCRIPT LOAD %s", rn_progress_script);
    ngx_http_render_probe(link);
}


static void
ngx_http_render_link_connect(ngx_http_render_link_t *link)
{
    const char               *addr;
    redisAsyncContext        *ac;
    ngx_http_render_redis_t  *redis = link->redis;

    addr = redis->cmd.addr;

    if (!link->pubsub) {
        (void) ngx_http_render_hosts_at(redis->hosts, 0, &addr);
    }

    if (addr != link->addr) {
        (void) ngx_cpystrn((u_char *) link->addr, (u_char *) addr,
                           sizeof(link->addr));
    }

    link->why[0] = '\0';
    ac = redisAsyncConnect(link->addr, redis->conf->redis_port);

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

    ngx_http_render_link_in(link, NGX_HTTP_RENDER_REDIS_CONNECT);
}


static void
ngx_http_render_link_timer(ngx_event_t *ev)
{
    ngx_msec_t                wait;
    ngx_http_render_link_t   *link = ev->data;
    ngx_http_render_redis_t  *redis = link->redis;

    if (ngx_http_render_link_going(link)) {
        return;
    }

    if (link->ac != NULL) {
        ngx_http_render_link_down(link, link->why[0] != '\0' ? link->why
                                        : "connecting timed out");
        return;
    }

    if (link->pubsub && !redis->cmd.up) {
        return;
    }

    wait = link->pubsub ? 0 : ngx_http_render_hosts_wait(redis->hosts);
    link->named = wait != 0;

    if (wait != 0) {
        ngx_http_render_link_in(link, wait);
        return;
    }

    ngx_http_render_link_connect(link);
}


void
ngx_http_render_links_moved(void *data, ngx_uint_t moved)
{
    ngx_http_render_redis_t  *redis = data;

    if (redis->cmd.named && redis->cmd.timer.timer_set) {
        redis->cmd.named = 0;
        ngx_http_render_link_in(&redis->cmd, 1);
    }
}


/*
 * A subscribed connection has no PING in hiredis 0.14: the command connection
 * publishes to a channel of this process, and whichever link hears nothing of
 * that is made anew.
 */

static void
ngx_http_render_redis_pulse(ngx_event_t *ev)
{
    ngx_http_render_redis_t  *redis = ev->data;

    if (ngx_exiting || redis->quitting || !redis->cmd.up) {
        return;
    }

    if (!redis->listening) {
        redis->listening = 1;
        redis->asked = ngx_current_msec;
        (void) redisAsyncCommand(redis->cmd.ac, NULL, NULL, "PUBLISH %s .",
                                 redis->beat);
        ngx_http_render_probe(&redis->cmd);
        ngx_add_timer(ev, NGX_HTTP_RENDER_REDIS_ANSWER);
        return;
    }

    redis->listening = 0;

    if ((ngx_msec_int_t) (redis->cmd.heard - redis->asked) < 0) {
        redis->cmd.doomed = 1;
        ngx_http_render_link_down(&redis->cmd, "no sign of life");
        return;
    }

    if (redis->sub.up
        && (ngx_msec_int_t) (redis->sub.heard - redis->asked) < 0)
    {
        redis->sub.doomed = 1;
        ngx_http_render_link_down(&redis->sub, "no sign of life");
    }

    ngx_add_timer(ev, NGX_HTTP_RENDER_REDIS_BEAT
                      - NGX_HTTP_RENDER_REDIS_ANSWER);
}
