/*
 * Who listens to what in this worker process: one subscription a channel,
 * handed on to any number of listeners.  A listener that is new, or whose link
 * to Redis was lost, first catches up from the stream of events (_replay.c), so
 * that it misses none and sees none twice; jobs that fall silent, and all while
 * Redis is away, are read again from SQL (_look.c).
 */

#include "ngx_http_render_relay.h"


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
        ngx_queue_insert_tail(&relay->nodes, &n->queue);
        ngx_rbtree_insert(&relay->tree, &n->sn.node);
        n->heard = ngx_current_msec;
    }

    ngx_queue_insert_tail(&n->listeners, &l->queue);
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

    if (l->query != NULL) {
        l->query->data = NULL;
        l->query = NULL;
    }

    free(l->snapshot.data);
    ngx_str_null(&l->snapshot);

    if (n == NULL) {
        return;
    }

    ngx_queue_remove(&l->queue);
    l->node = NULL;

    if (ngx_queue_empty(&n->listeners)) {
        n->left = ngx_current_msec;         /* the tick takes it down */
    }
}


ngx_uint_t
ngx_http_render_event_id(ngx_str_t *doc, uint64_t *ms, uint64_t *seq)
{
    u_char  *p, *end;

    *ms = *seq = 0;
    end = doc->data + doc->len;
    p = doc->data;

    if (doc->len < 8 || ngx_strncmp(p, "{\"id\":\"", 7) != 0) {
        return 0;
    }

    for (p += 7; p < end && *p >= '0' && *p <= '9'; p++) {
        *ms = *ms * 10 + (*p - '0');
    }

    if (p < end && *p == '-') {
        for (p++; p < end && *p >= '0' && *p <= '9'; p++) {
            *seq = *seq * 10 + (*p - '0');
        }
    }

    return *ms != 0;
}


ngx_str_t
ngx_http_render_event_member(ngx_str_t *doc, const char *name)
{
    char        text[40];
    u_char     *p, *end;
    ngx_str_t   value = ngx_null_string;

    (void) snprintf(text, sizeof(text), "\"%s\":\"", name);
    p = ngx_strnstr(doc->data, text, doc->len);

    if (p != NULL) {
        p += ngx_strlen(text);
        end = ngx_strlchr(p, doc->data + doc->len, '"');

        if (end != NULL) {
            value.data = p;
            value.len = end - p;
        }
    }

    return value;
}


static ngx_uint_t
ngx_http_render_has(ngx_str_t *doc, const char *text)
{
    return ngx_strnstr(doc->data, (char *) text, doc->len) != NULL;
}


/* The number behind `name` in the event, times ten; -1: there is none. */

static ngx_int_t
ngx_http_render_number(ngx_str_t *doc, const char *name)
{
    u_char     *p, *end;
    ngx_int_t   v;

    end = doc->data + doc->len;
    p = ngx_strnstr(doc->data, (char *) name, doc->len);

    if (p == NULL) {
        return -1;
    }

    v = 0;

    for (p += ngx_strlen(name); p < end && *p >= '0' && *p <= '9'; p++) {
        v = v * 10 + (*p - '0');
        if (v > 100000000) {
            return -1;
        }
    }

    v *= 10;

    if (p + 1 < end && *p == '.' && p[1] >= '0' && p[1] <= '9') {
        v += p[1] - '0';
    }

    return v;
}


/*
 * After a flush Redis knows less for a moment; percent must not run backwards
 * for who has seen more of this run.
 */

static ngx_uint_t
ngx_http_render_runs_back(ngx_http_render_node_t *n, ngx_str_t *doc)
{
    ngx_int_t  run, percent;

    run = ngx_http_render_number(doc, "\"run\":");
    percent = ngx_http_render_number(doc, "\"percent\":");

    if (run == n->run && percent < n->percent
        && ngx_http_render_has(doc, "\"type\":\"progress\""))
    {
        return 1;
    }

    if (run != n->run || percent > n->percent) {
        n->run = run;
        n->percent = percent;
    }

    return 0;
}


/* Whether nothing follows this event: those of older runs end nothing. */

static ngx_uint_t
ngx_http_render_is_last(ngx_http_render_listener_t *l, ngx_str_t *doc)
{
    return !l->account
           && (ngx_http_render_has(doc, "\"status\":\"completed\"")
               || ngx_http_render_has(doc, "\"status\":\"failed\"")
               || ngx_http_render_has(doc, "\"status\":\"cancelled\""))
           && ngx_http_render_number(doc, "\"run\":") >= l->run * 10;
}


void
ngx_http_render_relay_hand(ngx_http_render_listener_t *l, ngx_str_t *doc)
{
    uint64_t  ms, seq;

    if (!l->account && ngx_http_render_event_id(doc, &ms, &seq)) {
        if (ms < l->last_ms || (ms == l->last_ms && seq <= l->last_seq)) {
            return;                         /* it has seen this one */
        }
        l->last_ms = ms;
        l->last_seq = seq;
        l->resume = 1;
    }

    l->delivered = 1;
    l->deliver(l, doc, ngx_http_render_is_last(l, doc));
}


void
ngx_http_render_relay_tell(ngx_http_render_node_t *n, ngx_str_t *doc)
{
    ngx_queue_t                 *x, *next;
    ngx_http_render_listener_t  *l;

    for (x = ngx_queue_head(&n->listeners);
         x != ngx_queue_sentinel(&n->listeners);
         x = next)
    {
        next = ngx_queue_next(x);           /* a listener may leave */
        l = ngx_queue_data(x, ngx_http_render_listener_t, queue);

        if (l->state == ngx_http_render_live
            || l->state == ngx_http_render_waiting)
        {
            ngx_http_render_relay_hand(l, doc);
        }
    }
}


void
ngx_http_render_relay_event(ngx_str_t *channel, ngx_str_t *doc)
{
    ngx_queue_t                 *x, *next;
    ngx_http_render_node_t      *n;
    ngx_http_render_listener_t  *l;

    n = ngx_http_render_relay_find(channel);
    if (n == NULL) {
        return;
    }

    n->heard = ngx_current_msec;

    if (!n->account && ngx_http_render_runs_back(n, doc)) {
        return;
    }

    for (x = ngx_queue_head(&n->listeners);
         x != ngx_queue_sentinel(&n->listeners);
         x = next)
    {
        next = ngx_queue_next(x);           /* a listener may leave */
        l = ngx_queue_data(x, ngx_http_render_listener_t, queue);

        if (l->state == ngx_http_render_live || n->account) {
            ngx_http_render_relay_hand(l, doc);
        } else {
            l->missed = 1;                  /* fetched in its turn */
        }
    }
}


void
ngx_http_render_relay_subscribed(ngx_str_t *channel)
{
    ngx_queue_t                 *x, *next;
    ngx_http_render_node_t      *n;
    ngx_http_render_listener_t  *l;

    n = ngx_http_render_relay_find(channel);
    if (n == NULL) {
        return;
    }

    for (x = ngx_queue_head(&n->listeners);
         x != ngx_queue_sentinel(&n->listeners);
         x = next)
    {
        next = ngx_queue_next(x);
        l = ngx_queue_data(x, ngx_http_render_listener_t, queue);

        if (l->state != ngx_http_render_waiting) {
            continue;
        }

        if (n->account) {
            l->state = ngx_http_render_live;
            ngx_http_render_relay_look_account(l);
        } else {
            ngx_http_render_relay_fetch(l);
        }
    }
}


/* The link was lost and is back: everybody may have missed something. */

void
ngx_http_render_relay_resubscribe(void)
{
    ngx_queue_t                 *x, *y;
    ngx_http_render_node_t      *n;
    ngx_http_render_relay_t     *relay = ngx_http_render_process->relay;
    ngx_http_render_listener_t  *l;

    if (relay == NULL) {
        return;
    }

    for (x = ngx_queue_head(&relay->nodes);
         x != ngx_queue_sentinel(&relay->nodes);
         x = ngx_queue_next(x))
    {
        n = ngx_queue_data(x, ngx_http_render_node_t, queue);

        for (y = ngx_queue_head(&n->listeners);
             y != ngx_queue_sentinel(&n->listeners);
             y = ngx_queue_next(y))
        {
            l = ngx_queue_data(y, ngx_http_render_listener_t, queue);

            if (l->fetch != NULL) {
                ngx_http_render_redis_cancel(l->fetch);
                l->fetch = NULL;
            }
            l->state = ngx_http_render_waiting;
        }

        ngx_http_render_redis_subscribe(&n->sn.str);
    }
}


void
ngx_http_render_relay_resume(ngx_http_request_t *r,
    ngx_http_render_listener_t *l)
{
    u_char     *p, *end;
    uint64_t    part[2];
    ngx_str_t   id, *header;
    ngx_uint_t  i, digits;

    header = ngx_http_render_find_header(r, "Last-Event-ID");
    id = header != NULL ? *header
                        : ngx_http_render_param(r, "last_event_id");

    if (id.len >= 4 && ngx_strncmp(id.data, "end-", 4) == 0) {
        l->seen_end = 1;
        return;
    }

    p = id.data;
    end = p + id.len;
    part[0] = part[1] = 0;

    for (i = 0; i < 2 && p < end; i++) {
        for (digits = 0; p < end && *p >= '0' && *p <= '9'; p++) {
            part[i] = part[i] * 10 + (*p - '0');
            digits++;
        }

        if (digits == 0 || digits > 18) {
            return;
        }

        if (i == 0 && p < end && (*p++ != '-' || p == end)) {
            return;
        }
    }

    if (p == end && id.len != 0) {
        l->last_ms = part[0];
        l->last_seq = part[1];
        l->resume = 1;
    }
}


ngx_int_t
ngx_http_render_relay_begin(ngx_http_render_listener_t *l,
    ngx_http_render_answer_t *a)
{
    char         *text;
    u_char        channel[NGX_HTTP_RENDER_CHANNEL];
    json_t       *list, *state;
    ngx_str_t     doc, name;
    ngx_int_t     rc;
    const char   *id;

    list = json_loadb((char *) a->body.data, a->body.len, 0, NULL);
    state = json_array_get(list, 0);
    text = json_dumps(state, JSON_COMPACT | JSON_REAL_PRECISION(6));

    /* as SQL writes it: the one of the path may be in capitals */

    id = json_string_value(json_object_get(state, "job_id"));
    l->run = json_integer_value(json_object_get(state, "run"));

    if (text == NULL || id == NULL || ngx_strlen(id) != RN_UUID_LEN) {
        json_decref(list);
        free(text);
        return NGX_ERROR;
    }

    name.data = channel;
    name.len = ngx_sprintf(channel, "job:%s", id) - channel;
    json_decref(list);

    doc.data = (u_char *) text;
    doc.len = ngx_strlen(text);
    l->ended = ngx_http_render_is_last(l, &doc);

    if (l->ended && (!l->resume || !ngx_http_render_redis_up())) {
        ngx_http_render_relay_hand(l, &doc);
        free(text);
        return NGX_OK;
    }

    rc = ngx_http_render_relay_join(&name, l);

    if (rc != NGX_OK) {
        free(text);
        return rc;
    }

    if (l->resume && ngx_http_render_redis_up()) {
        l->snapshot = doc;                  /* should there be no more */
        return NGX_OK;
    }

    ngx_http_render_relay_hand(l, &doc);
    free(text);

    return NGX_OK;
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
ngx_http_render_relay_more(ngx_http_render_listener_t *l)
{
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
}


void
ngx_http_render_relay_destroy(ngx_http_render_relay_t *relay)
{
    ngx_queue_t             *x;
    ngx_http_render_node_t  *n;

    if (relay == NULL) {
        return;
    }

    if (relay->query != NULL) {
        relay->query->data = NULL;
    }

    while (!ngx_queue_empty(&relay->nodes)) {
        x = ngx_queue_head(&relay->nodes);
        ngx_queue_remove(x);
        n = ngx_queue_data(x, ngx_http_render_node_t, queue);
        ngx_rbtree_delete(&relay->tree, &n->sn.node);
        free(n);
    }
}
