/*
 * Who listens to what in this worker process: one subscription a channel,
 * handed on to any number of listeners.  A listener that is new, or whose link
 * to Redis was lost, first catches up from the stream of events (_replay.c), so
 * that it misses none and sees none twice; jobs that fall silent, and all while
 * Redis is away, are read again from SQL (_look.c).
 *
 * Events are handed on once all has been read that Redis had to say.  Where it
 * is more than a turn of the event loop can send, progress that newer progress
 * of the same job follows is left out: under any load who listens holds a state
 * that is a turn old, not a backlog.
 */

#include "ngx_http_render_relay.h"
#include "rn_event.h"


static void ngx_http_render_relay_turn(ngx_event_t *ev);


ngx_http_render_relay_t *
ngx_http_render_relay_create(void)
{
    ngx_http_render_relay_t  *relay;

    relay = ngx_pcalloc(ngx_cycle->pool, sizeof(ngx_http_render_relay_t));
    if (relay == NULL) {
        return NULL;
    }

    ngx_rbtree_init(&relay->tree, &relay->sentinel,
                    ngx_str_rbtree_insert_value);
    ngx_queue_init(&relay->nodes);
    ngx_queue_init(&relay->dirty);
    ngx_queue_init(&relay->looks);
    relay->turn.handler = ngx_http_render_relay_turn;
    relay->turn.data = relay;
    relay->turn.log = ngx_cycle->log;
    relay->tick.handler = ngx_http_render_relay_tick;
    relay->tick.data = relay;
    relay->tick.log = ngx_cycle->log;
    relay->tick.cancelable = 1;
    ngx_add_timer(&relay->tick, NGX_HTTP_RENDER_RELAY_TICK);

    return relay;
}


ngx_http_render_node_t *
ngx_http_render_relay_find(ngx_str_t *channel)
{
    return (ngx_http_render_node_t *)
           ngx_str_rbtree_lookup(&ngx_http_render_process->relay->tree, channel,
                                 ngx_crc32_short(channel->data, channel->len));
}


ngx_str_t
ngx_http_render_relay_id(ngx_http_render_node_t *n)
{
    ngx_str_t  id;

    id.len = RN_UUID_LEN;
    id.data = n->sn.str.data + n->sn.str.len - RN_UUID_LEN;

    return id;
}


ngx_int_t
ngx_http_render_relay_join(ngx_str_t *channel, ngx_http_render_listener_t *l)
{
    ngx_http_render_node_t   *n;
    ngx_http_render_relay_t  *relay = ngx_http_render_process->relay;

    if (channel->len > NGX_HTTP_RENDER_CHANNEL
        || channel->len < RN_UUID_LEN)
    {
        return NGX_ERROR;
    }

    n = ngx_http_render_relay_find(channel);

    if (n == NULL) {
        n = calloc(1, sizeof(ngx_http_render_node_t));
        if (n == NULL) {
            return NGX_ERROR;
        }

        ngx_memcpy(n->name, channel->data, channel->len);
        n->sn.str.data = n->name;
        n->sn.str.len = channel->len;
        n->sn.node.key = ngx_crc32_short(n->name, channel->len);
        n->account = n->name[0] == 'a';
        ngx_queue_init(&n->listeners);
        ngx_queue_init(&n->events);
        ngx_queue_insert_tail(&relay->nodes, &n->queue);
        ngx_rbtree_insert(&relay->tree, &n->sn.node);
        n->heard = ngx_current_msec;
    }

    ngx_queue_insert_tail(&n->listeners, &l->queue);
    n->nlisteners++;
    l->node = n;
    l->state = ngx_http_render_waiting;

    /* asked again for one that is there, its answer makes it catch up */

    ngx_http_render_redis_subscribe(&n->sn.str);

    return NGX_OK;
}


void
ngx_http_render_relay_leave(ngx_http_render_listener_t *l)
{
    ngx_http_render_node_t  *n = l->node;

    if (l->gone != NULL) {
        *l->gone = 1;
    }

    if (l->fetch != NULL) {
        ngx_http_render_redis_cancel(l->fetch);
        l->fetch = NULL;
    }

    ngx_http_render_event_drop(l->snapshot);
    l->snapshot = NULL;

    if (n == NULL) {
        return;
    }

    if (n->next == &l->queue) {
        n->next = ngx_queue_next(&l->queue);
    }

    ngx_queue_remove(&l->queue);
    n->nlisteners--;
    l->node = NULL;

    if (ngx_queue_empty(&n->listeners)) {
        n->left = ngx_current_msec;         /* the tick takes it down */
    }
}


void
ngx_http_render_relay_drop(ngx_http_render_relay_t *relay,
    ngx_http_render_node_t *n)
{
    ngx_queue_t  *x;

    if (!ngx_queue_empty(&n->events)) {
        ngx_queue_remove(&n->dirty);
    }

    while (!ngx_queue_empty(&n->events)) {
        x = ngx_queue_head(&n->events);
        ngx_queue_remove(x);
        ngx_http_render_event_drop(ngx_queue_data(x, ngx_http_render_event_t,
                                                  queue));
        relay->pending--;
    }

    if (n->query != NULL) {
        n->query->data = NULL;
    }

    if (n->to_look) {
        ngx_queue_remove(&n->look);
    }

    ngx_rbtree_delete(&relay->tree, &n->sn.node);
    ngx_queue_remove(&n->queue);
    free(n);
}


void
ngx_http_render_relay_each(ngx_http_render_node_t *n,
    ngx_http_render_each_pt each, void *data)
{
    ngx_queue_t  *x;

    for (x = ngx_queue_head(&n->listeners);
         x != ngx_queue_sentinel(&n->listeners);
         x = n->next)
    {
        n->next = ngx_queue_next(x);        /* leaving moves it on */
        each(ngx_queue_data(x, ngx_http_render_listener_t, queue), data);
    }

    n->next = NULL;
}


/*
 * After a flush Redis knows less for a moment; percent must not run backwards
 * for who has seen more of this run.
 */

static ngx_uint_t
ngx_http_render_runs_back(ngx_http_render_node_t *n,
    ngx_http_render_event_t *e)
{
    if (e->progress && e->run == n->run && e->percent < n->percent) {
        return 1;
    }

    if (e->run != n->run || e->percent > n->percent) {
        n->run = e->run;
        n->percent = e->percent;
    }

    return 0;
}


/* Whether nothing follows this event: those of older runs end nothing. */

static ngx_uint_t
ngx_http_render_is_last(ngx_http_render_listener_t *l,
    ngx_http_render_event_t *e)
{
    return !l->account && e->final && e->run >= l->run;
}


void
ngx_http_render_relay_hand(ngx_http_render_listener_t *l,
    ngx_http_render_event_t *e)
{
    if (!l->account && e->ms != 0) {
        if (e->ms < l->last_ms
            || (e->ms == l->last_ms && e->seq <= l->last_seq))
        {
            return;                         /* it has seen this one */
        }
        l->last_ms = e->ms;
        l->last_seq = e->seq;
        l->resume = 1;
    }

    l->delivered = 1;
    l->deliver(l, e, ngx_http_render_is_last(l, e));
}


static void
ngx_http_render_relay_tell_one(ngx_http_render_listener_t *l, void *data)
{
    if (l->state == ngx_http_render_live
        || l->state == ngx_http_render_waiting
        || l->state == ngx_http_render_behind)
    {
        ngx_http_render_relay_hand(l, data);
    }
}


void
ngx_http_render_relay_tell(ngx_http_render_node_t *n,
    ngx_http_render_event_t *e)
{
    ngx_http_render_relay_each(n, ngx_http_render_relay_tell_one, e);
}


void
ngx_http_render_relay_event(ngx_str_t *channel, ngx_str_t *doc)
{
    ngx_http_render_node_t   *n;
    ngx_http_render_event_t  *e;
    ngx_http_render_relay_t  *relay = ngx_http_render_process->relay;

    n = ngx_http_render_relay_find(channel);
    if (n == NULL) {
        return;
    }

    n->heard = ngx_current_msec;

    if (n->nlisteners == 0) {
        return;
    }

    e = ngx_http_render_event_create(NULL, 0, doc->data, doc->len);
    if (e == NULL) {
        return;                             /* the next one tells as much */
    }

    if (!n->account && ngx_http_render_runs_back(n, e)) {
        ngx_http_render_event_drop(e);
        return;
    }

    if (ngx_queue_empty(&n->events)) {
        ngx_queue_insert_tail(&relay->dirty, &n->dirty);
    }

    ngx_queue_insert_tail(&n->events, &e->queue);
    relay->work += n->nlisteners;
    relay->pending++;

    if (!relay->turn.posted) {
        ngx_post_event(&relay->turn, &ngx_posted_events);
    }
}


static void
ngx_http_render_relay_spread(ngx_http_render_listener_t *l, void *data)
{
    if (l->state == ngx_http_render_live || l->account) {
        ngx_http_render_relay_hand(l, data);

    } else if (l->state == ngx_http_render_behind) {
        ngx_http_render_relay_fetch(l);     /* this one, and those before it */

    } else {
        l->missed = 1;                      /* fetched in its turn */
    }
}


/* Whether e may be left out: the same job's progress goes on behind it. */

static ngx_uint_t
ngx_http_render_relay_spare(ngx_http_render_node_t *n,
    ngx_http_render_event_t *e)
{
    return e->progress && !n->account
           && &e->queue != ngx_queue_last(&n->events);
}


static void
ngx_http_render_relay_turn(ngx_event_t *ev)
{
    ngx_uint_t                crowded, done;
    ngx_queue_t              *x;
    ngx_http_render_node_t   *n;
    ngx_http_render_event_t  *e;
    ngx_http_render_relay_t  *relay = ev->data;

    crowded = relay->work > NGX_HTTP_RENDER_RELAY_TURN;
    done = 0;

    while (!ngx_queue_empty(&relay->dirty)
           && done < NGX_HTTP_RENDER_RELAY_TURN)
    {
        x = ngx_queue_head(&relay->dirty);
        n = ngx_queue_data(x, ngx_http_render_node_t, dirty);

        while (!ngx_queue_empty(&n->events)
               && done < NGX_HTTP_RENDER_RELAY_TURN)
        {
            x = ngx_queue_head(&n->events);
            e = ngx_queue_data(x, ngx_http_render_event_t, queue);
            relay->work -= ngx_min(relay->work, n->nlisteners);

            if (crowded && ngx_http_render_relay_spare(n, e)) {
                ngx_http_render_count_by(events_skipped, n->nlisteners);

            } else {
                done += n->nlisteners;
                ngx_http_render_relay_each(n, ngx_http_render_relay_spread, e);
            }

            ngx_queue_remove(&e->queue);
            ngx_http_render_event_drop(e);
            relay->pending--;
        }

        ngx_queue_remove(&n->dirty);

        if (!ngx_queue_empty(&n->events)) {     /* the others are first */
            ngx_queue_insert_tail(&relay->dirty, &n->dirty);
        }
    }

    while (!ngx_queue_empty(&relay->looks)) {
        x = ngx_queue_head(&relay->looks);
        ngx_queue_remove(x);
        n = ngx_queue_data(x, ngx_http_render_node_t, look);
        n->to_look = 0;
        ngx_http_render_relay_look_node(n);
    }

    if (ngx_queue_empty(&relay->dirty)) {
        relay->work = 0;                    /* listeners come and go */

    } else {
        ngx_post_event(ev, &ngx_posted_next_events);
    }
}


ngx_uint_t
ngx_http_render_relay_full(void)
{
    ngx_http_render_relay_t  *relay = ngx_http_render_process->relay;

    return relay != NULL && relay->pending > NGX_HTTP_RENDER_RELAY_PENDING;
}


static void
ngx_http_render_relay_subscribed_one(ngx_http_render_listener_t *l, void *data)
{
    if (l->state != ngx_http_render_waiting) {
        return;
    }

    if (l->account) {
        l->state = ngx_http_render_live;
        ngx_http_render_relay_look_account(l);
    } else {
        ngx_http_render_relay_fetch(l);
    }
}


void
ngx_http_render_relay_subscribed(ngx_str_t *channel)
{
    ngx_http_render_node_t  *n;

    n = ngx_http_render_relay_find(channel);

    if (n != NULL) {
        ngx_http_render_relay_each(n, ngx_http_render_relay_subscribed_one,
                                   NULL);
    }
}


static void
ngx_http_render_relay_again(ngx_http_render_listener_t *l, void *data)
{
    if (l->fetch != NULL) {
        ngx_http_render_redis_cancel(l->fetch);
        l->fetch = NULL;
    }

    l->state = ngx_http_render_waiting;
}


/* The link was lost and is back: everybody may have missed something. */

void
ngx_http_render_relay_resubscribe(void)
{
    ngx_queue_t              *x;
    ngx_http_render_node_t   *n;
    ngx_http_render_relay_t  *relay = ngx_http_render_process->relay;

    if (relay == NULL) {
        return;
    }

    for (x = ngx_queue_head(&relay->nodes);
         x != ngx_queue_sentinel(&relay->nodes);
         x = ngx_queue_next(x))
    {
        n = ngx_queue_data(x, ngx_http_render_node_t, queue);
        ngx_http_render_relay_each(n, ngx_http_render_relay_again, NULL);
        ngx_http_render_redis_subscribe(&n->sn.str);
    }
}


void
ngx_http_render_relay_resume(ngx_http_request_t *r,
    ngx_http_render_listener_t *l)
{
    ngx_str_t    id, *header;
    rn_event_id  last;

    header = ngx_http_render_find_header(r, "Last-Event-ID");
    id = header != NULL ? *header
                        : ngx_http_render_param(r, "last_event_id");

    switch (rn_event_resume((char *) id.data, id.len, &last)) {

    case RN_EVENT_RESUME_END:
        l->seen_end = 1;
        break;

    case RN_EVENT_RESUME_AFTER:
        l->last_ms = last.ms;
        l->last_seq = last.seq;
        l->resume = 1;
        break;

    default:
        break;
    }
}


/* The event of a state that SQL told, a member of its list. */

ngx_http_render_event_t *
ngx_http_render_relay_snapshot(json_t *state)
{
    char                     *text;
    ngx_http_render_event_t  *e;

    text = json_dumps(state, JSON_COMPACT | JSON_REAL_PRECISION(6));
    e = text != NULL ? ngx_http_render_event_create(NULL, 0, (u_char *) text,
                                                    ngx_strlen(text)) : NULL;
    free(text);

    return e;
}


ngx_int_t
ngx_http_render_relay_begin(ngx_http_render_listener_t *l,
    ngx_http_render_answer_t *a)
{
    u_char                    channel[NGX_HTTP_RENDER_CHANNEL];
    json_t                   *list, *state;
    ngx_int_t                 rc;
    ngx_str_t                 name;
    const char               *id;
    ngx_http_render_event_t  *e;

    list = json_loadb((char *) a->body.data, a->body.len, 0, NULL);
    state = json_array_get(list, 0);
    e = ngx_http_render_relay_snapshot(state);

    /* as SQL writes it: the one of the path may be in capitals */

    id = json_string_value(json_object_get(state, "job_id"));

    if (e == NULL || id == NULL || ngx_strlen(id) != RN_UUID_LEN) {
        json_decref(list);
        ngx_http_render_event_drop(e);
        return NGX_ERROR;
    }

    l->run = json_integer_value(json_object_get(state, "run"));
    name.data = channel;
    name.len = ngx_sprintf(channel, "job:%s", id) - channel;
    json_decref(list);

    l->ended = ngx_http_render_is_last(l, e);
    rc = NGX_OK;

    if (!l->ended || (l->resume && ngx_http_render_redis_up())) {
        rc = ngx_http_render_relay_join(&name, l);

        if (rc == NGX_OK && l->resume && ngx_http_render_redis_up()) {
            l->snapshot = e;                /* should there be no more */
            return NGX_OK;
        }
    }

    if (rc == NGX_OK) {
        ngx_http_render_relay_hand(l, e);
    }

    ngx_http_render_event_drop(e);

    return rc;
}


ngx_int_t
ngx_http_render_relay_begin_account(ngx_http_render_listener_t *l,
    ngx_str_t *account)
{
    u_char     channel[NGX_HTTP_RENDER_CHANNEL];
    ngx_int_t  rc;
    ngx_str_t  name;

    if (account->len != RN_UUID_LEN) {
        return NGX_ERROR;
    }

    l->account = 1;
    l->since = l->resume ? l->last_ms : 0;
    name.data = channel;
    name.len = ngx_sprintf(channel, "account:%V", account) - channel;

    rc = ngx_http_render_relay_join(&name, l);

    if (rc == NGX_OK && !ngx_http_render_redis_up()) {
        ngx_http_render_relay_look_account(l);
    }

    return rc;
}


void
ngx_http_render_relay_lost(ngx_http_render_listener_t *l)
{
    l->lost = l->account;

    if (l->since == 0) {
        l->since = (uint64_t) ngx_time() * 1000 - 10000;
    }
}


void
ngx_http_render_relay_more(ngx_http_render_listener_t *l)
{
    if (l->lost) {
        l->lost = 0;
        l->told = 0;
        ngx_http_render_relay_look_account(l);
    }

    if (l->state == ngx_http_render_paused) {
        ngx_http_render_relay_fetch(l);
    }
}


void
ngx_http_render_relay_quit(ngx_http_render_relay_t *relay)
{
    if (relay->tick.timer_set) {
        ngx_del_timer(&relay->tick);
    }

    ngx_http_render_relay_turn(&relay->turn);   /* before anything closes */
}


void
ngx_http_render_relay_destroy(ngx_http_render_relay_t *relay)
{
    ngx_queue_t  *x;

    if (relay == NULL) {
        return;
    }

    if (relay->query != NULL) {
        relay->query->data = NULL;
    }

    while (!ngx_queue_empty(&relay->nodes)) {
        x = ngx_queue_head(&relay->nodes);
        ngx_http_render_relay_drop(relay, ngx_queue_data(x,
                                              ngx_http_render_node_t, queue));
    }
}
