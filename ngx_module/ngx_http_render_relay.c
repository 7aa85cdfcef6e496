/*
 * Who listens to which job in this worker process: one subscription a job,
 * handed on to any number of listeners.  After each (re)subscription the newest
 * state is read once, so that nothing published in between is lost; jobs that
 * fall silent, and all jobs while Redis is away, are read again from SQL.
 */

#include "ngx_http_render.h"
#include "rn_id.h"

#include <hiredis/hiredis.h>


#define NGX_HTTP_RENDER_RELAY_TICK    2000      /* ms */
#define NGX_HTTP_RENDER_RELAY_SILENT  15000
#define NGX_HTTP_RENDER_RELAY_LINGER  5000      /* before UNSUBSCRIBE: clients
                                                   come back */


typedef struct {
    ngx_str_node_t     sn;              /* by job id */
    ngx_queue_t        queue;           /* of all nodes */
    ngx_queue_t        listeners;
    ngx_msec_t         heard;           /* the last event, or the last look */
    ngx_msec_t         left;            /* when the last listener left */
    char               state[64];       /* as SQL last told it */
    ngx_int_t          run, percent;    /* the furthest told, percent x 10 */
    u_char             id[RN_UUID_LEN];
} ngx_http_render_node_t;

struct ngx_http_render_relay_s {
    ngx_rbtree_t       tree;
    ngx_rbtree_node_t  sentinel;
    ngx_queue_t        nodes;
    ngx_event_t        tick;
    ngx_http_render_query_t  *query;    /* looking again */
};


static void ngx_http_render_relay_tick(ngx_event_t *ev);


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


static ngx_http_render_node_t *
ngx_http_render_relay_find(ngx_str_t *id)
{
    return (ngx_http_render_node_t *)
           ngx_str_rbtree_lookup(&ngx_http_render_process->relay->tree, id,
                                 ngx_crc32_short(id->data, id->len));
}


static void
ngx_http_render_channel(ngx_http_render_node_t *n, u_char *buf, ngx_str_t *s)
{
    s->data = buf;
    s->len = ngx_sprintf(buf, "job:%V", &n->sn.str) - buf;
}


ngx_int_t
ngx_http_render_relay_join(ngx_str_t *job, ngx_http_render_listener_t *l)
{
    u_char                    buf[64];
    ngx_str_t                 channel;
    ngx_http_render_node_t   *n;
    ngx_http_render_relay_t  *relay = ngx_http_render_process->relay;

    if (job->len != RN_UUID_LEN) {
        return NGX_ERROR;
    }

    n = ngx_http_render_relay_find(job);

    if (n == NULL) {
        n = calloc(1, sizeof(ngx_http_render_node_t));
        if (n == NULL) {
            return NGX_ERROR;
        }

        ngx_memcpy(n->id, job->data, job->len);
        n->sn.str.data = n->id;
        n->sn.str.len = job->len;
        n->sn.node.key = ngx_crc32_short(n->id, job->len);
        ngx_queue_init(&n->listeners);
        ngx_queue_insert_tail(&relay->nodes, &n->queue);
        ngx_rbtree_insert(&relay->tree, &n->sn.node);
        n->heard = ngx_current_msec;
    }

    ngx_queue_insert_tail(&n->listeners, &l->queue);
    l->node = n;

    /* asked again for one that is there, its answer makes us look anew */

    ngx_http_render_channel(n, buf, &channel);
    ngx_http_render_redis_subscribe(&channel);

    return NGX_OK;
}


void
ngx_http_render_relay_leave(ngx_http_render_listener_t *l)
{
    ngx_http_render_node_t  *n = l->node;

    if (n == NULL) {
        return;
    }

    ngx_queue_remove(&l->queue);
    l->node = NULL;

    if (ngx_queue_empty(&n->listeners)) {
        n->left = ngx_current_msec;         /* the tick takes it down */
    }
}


/* "1732147200000-0" at the place of "id"; zeros when there is none. */

static void
ngx_http_render_event_id(ngx_str_t *doc, uint64_t *ms, uint64_t *seq)
{
    u_char  *p, *end;

    *ms = *seq = 0;
    end = doc->data + doc->len;
    p = doc->data;

    if (doc->len < 8 || ngx_strncmp(p, "{\"id\":\"", 7) != 0) {
        return;
    }

    for (p += 7; p < end && *p >= '0' && *p <= '9'; p++) {
        *ms = *ms * 10 + (*p - '0');
    }

    if (p < end && *p == '-') {
        for (p++; p < end && *p >= '0' && *p <= '9'; p++) {
            *seq = *seq * 10 + (*p - '0');
        }
    }
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


static void
ngx_http_render_relay_deliver(ngx_http_render_node_t *n, ngx_str_t *doc)
{
    uint64_t                     ms, seq;
    ngx_uint_t                   last;
    ngx_queue_t                 *x, *next;
    ngx_http_render_listener_t  *l;

    n->heard = ngx_current_msec;

    if (ngx_http_render_runs_back(n, doc)) {
        return;
    }

    ngx_http_render_event_id(doc, &ms, &seq);

    last = ngx_http_render_has(doc, "\"status\":\"completed\"")
           || ngx_http_render_has(doc, "\"status\":\"failed\"")
           || ngx_http_render_has(doc, "\"status\":\"cancelled\"");

    for (x = ngx_queue_head(&n->listeners);
         x != ngx_queue_sentinel(&n->listeners);
         x = next)
    {
        next = ngx_queue_next(x);           /* a listener may leave */
        l = ngx_queue_data(x, ngx_http_render_listener_t, queue);

        if (ms != 0) {
            if (ms < l->last_ms || (ms == l->last_ms && seq <= l->last_seq)) {
                continue;                   /* it has seen this one */
            }
            l->last_ms = ms;
            l->last_seq = seq;
        }

        l->deliver(l, doc, last);
    }
}


void
ngx_http_render_relay_event(ngx_str_t *channel, ngx_str_t *doc)
{
    ngx_str_t                id;
    ngx_http_render_node_t  *n;

    if (channel->len < 5) {
        return;
    }

    id.data = channel->data + 4;            /* "job:" */
    id.len = channel->len - 4;

    n = ngx_http_render_relay_find(&id);
    if (n != NULL) {
        ngx_http_render_relay_deliver(n, doc);
    }
}


/* The newest state, which may have come before we listened. */

static void
ngx_http_render_relay_state(void *data, void *reply)
{
    char                    *id = data;
    ngx_str_t                job, doc;
    redisReply              *r = reply;
    ngx_http_render_node_t  *n;

    job.data = (u_char *) id;
    job.len = RN_UUID_LEN;
    n = ngx_http_render_relay_find(&job);

    if (n != NULL && r != NULL && r->type == REDIS_REPLY_STRING) {
        doc.data = (u_char *) r->str;
        doc.len = r->len;
        ngx_http_render_relay_deliver(n, &doc);
    }

    free(id);
}


void
ngx_http_render_relay_subscribed(ngx_str_t *channel)
{
    char        *id, key[64];
    const char  *argv[3];

    if (channel->len != 4 + RN_UUID_LEN
        || ngx_strncmp(channel->data, "job:", 4) != 0)
    {
        return;
    }

    id = strndup((char *) channel->data + 4, RN_UUID_LEN);
    if (id == NULL) {
        return;
    }

    (void) snprintf(key, sizeof(key), "progress:%s", id);
    argv[0] = "HGET";
    argv[1] = key;
    argv[2] = "doc";

    if (ngx_http_render_redis_command(ngx_http_render_relay_state, id, 3, argv)
        == NULL)
    {
        free(id);
    }
}


void
ngx_http_render_relay_resubscribe(void)
{
    u_char                    buf[64];
    ngx_str_t                 channel;
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
        ngx_http_render_channel(n, buf, &channel);
        ngx_http_render_redis_subscribe(&channel);
    }
}


static void
ngx_http_render_relay_drop(ngx_http_render_relay_t *relay,
    ngx_http_render_node_t *n)
{
    u_char     buf[64];
    ngx_str_t  channel;

    ngx_http_render_channel(n, buf, &channel);
    ngx_http_render_redis_unsubscribe(&channel);
    ngx_rbtree_delete(&relay->tree, &n->sn.node);
    ngx_queue_remove(&n->queue);
    free(n);
}


/* One snapshot of SQL: handed on where it says something new. */

static void
ngx_http_render_relay_look(json_t *snapshot)
{
    char                     state[64], *text;
    ngx_str_t                id, doc;
    ngx_http_render_node_t  *n;

    id.data = (u_char *) json_string_value(json_object_get(snapshot,
                                                           "job_id"));
    if (id.data == NULL) {
        return;
    }

    id.len = ngx_strlen(id.data);
    n = ngx_http_render_relay_find(&id);
    if (n == NULL) {
        return;
    }

    n->heard = ngx_current_msec;
    (void) snprintf(state, sizeof(state), "%d %.20s %.1f",
        (int) json_integer_value(json_object_get(snapshot, "run")),
        json_string_value(json_object_get(snapshot, "status")) ?: "",
        json_number_value(json_object_get(snapshot, "percent")));

    if (ngx_strcmp(state, n->state) == 0) {
        return;
    }

    (void) ngx_cpystrn((u_char *) n->state, (u_char *) state, sizeof(state));

    text = json_dumps(snapshot, JSON_COMPACT | JSON_REAL_PRECISION(6));
    if (text != NULL) {
        doc.data = (u_char *) text;
        doc.len = ngx_strlen(text);
        ngx_http_render_relay_deliver(n, &doc);
        free(text);
    }
}


static void
ngx_http_render_relay_looked(void *data, ngx_http_render_answer_t *a)
{
    size_t                    i;
    json_t                   *list, *x;
    ngx_http_render_relay_t  *relay = data;

    relay->query = NULL;

    if (a->failed || a->status != NGX_HTTP_OK) {
        return;
    }

    list = json_loadb((char *) a->body.data, a->body.len, 0, NULL);
    json_array_foreach(list, i, x) {
        ngx_http_render_relay_look(x);
    }
    json_decref(list);
}


static void
ngx_http_render_relay_tick(ngx_event_t *ev)
{
    json_t                   *ids, *params;
    ngx_msec_t                silent;
    ngx_queue_t              *x, *next;
    ngx_http_render_node_t   *n;
    ngx_http_render_relay_t  *relay = ev->data;

    if (ngx_exiting) {
        return;
    }

    ngx_add_timer(ev, NGX_HTTP_RENDER_RELAY_TICK);

    silent = ngx_http_render_redis_up() ? NGX_HTTP_RENDER_RELAY_SILENT
                                        : NGX_HTTP_RENDER_RELAY_TICK - 100;
    ids = json_array();

    for (x = ngx_queue_head(&relay->nodes);
         x != ngx_queue_sentinel(&relay->nodes);
         x = next)
    {
        next = ngx_queue_next(x);
        n = ngx_queue_data(x, ngx_http_render_node_t, queue);

        if (ngx_queue_empty(&n->listeners)) {
            if (ngx_current_msec - n->left > NGX_HTTP_RENDER_RELAY_LINGER) {
                ngx_http_render_relay_drop(relay, n);
            }
            continue;
        }

        if (ngx_current_msec - n->heard >= silent
            && json_array_size(ids) < 1000)
        {
            (void) json_array_append_new(ids, json_stringn((char *) n->id,
                                                           RN_UUID_LEN));
        }
    }

    if (json_array_size(ids) == 0 || relay->query != NULL) {
        json_decref(ids);
        return;
    }

    relay->query = ngx_http_render_query(ngx_http_render_sql_jobs_snapshot,
                                         ngx_http_render_relay_looked, relay);
    params = json_pack("{s:o}", "ids", ids);

    if (relay->query != NULL && params != NULL) {
        relay->query->args[1] = json_dumps(params, JSON_COMPACT);
        relay->query->args[3] = strdup("{}");
        ngx_http_render_pg_send(relay->query);
    }

    json_decref(params);
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
