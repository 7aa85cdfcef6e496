/*
 * The relay's looks at SQL: jobs that have been silent, everything while Redis
 * is away, and all jobs of an account when somebody begins to listen to it.
 */

#include "ngx_http_render_relay.h"


/* Takes params; NULL: no memory, and nothing was sent. */

static ngx_http_render_query_t *
ngx_http_render_relay_ask(json_t *params, ngx_http_render_query_pt callback,
    void *data)
{
    ngx_http_render_query_t  *q;

    q = ngx_http_render_query(ngx_http_render_sql_jobs_snapshot, callback,
                              data);

    if (q != NULL) {
        q->args[1] = params != NULL ? json_dumps(params, JSON_COMPACT) : NULL;
        q->args[3] = strdup("{}");
        ngx_http_render_pg_send(q);
    }

    json_decref(params);

    return q;
}


/* What SQL said of an account, in short: to tell whether it is the same. */

static uint32_t
ngx_http_render_relay_hash(json_t *list)
{
    char      line[128];
    size_t    i;
    json_t   *x;
    uint32_t  told;

    ngx_crc32_init(told);

    json_array_foreach(list, i, x) {
        (void) snprintf(line, sizeof(line), "%.40s %d %.20s %.1f;",
            json_string_value(json_object_get(x, "job_id")) ?: "",
            (int) json_integer_value(json_object_get(x, "run")),
            json_string_value(json_object_get(x, "status")) ?: "",
            json_number_value(json_object_get(x, "percent")));
        ngx_crc32_update(&told, (u_char *) line, ngx_strlen(line));
    }

    ngx_crc32_final(told);

    return told;
}


/* It was asked for, and says something new; or not. */

static void
ngx_http_render_relay_is_new(ngx_http_render_listener_t *l, void *data)
{
    uint32_t  *told = data;

    if (l->asked && l->told == *told) {
        l->asked = l->wants = 0;
        l->since = ((ngx_http_render_node_t *) l->node)->asked;
    }
}


/* Who has just come is not told of what had ended before. */

static void
ngx_http_render_relay_hand_asked(ngx_http_render_listener_t *l, void *data)
{
    ngx_http_render_event_t *e = data;

    if (l->asked && (l->since != 0 || !e->final)) {
        ngx_http_render_relay_hand(l, e);
    }
}


static void
ngx_http_render_relay_was_told(ngx_http_render_listener_t *l, void *data)
{
    uint32_t  *told = data;

    if (l->asked) {
        l->told = *told;
        l->asked = l->wants = 0;
        l->since = ((ngx_http_render_node_t *) l->node)->asked;
    }
}


static void
ngx_http_render_relay_not_told(ngx_http_render_listener_t *l, void *data)
{
    l->asked = 0;
}


/* It could not be had: the tick asks again. */

static void
ngx_http_render_relay_unlooked(ngx_http_render_node_t *n)
{
    ngx_http_render_relay_each(n, ngx_http_render_relay_not_told, NULL);
    n->heard = ngx_current_msec - NGX_HTTP_RENDER_RELAY_SILENT;
}


/*
 * The live jobs of an account, and those that have ended since the last look,
 * for all its listeners who wanted one.  While Redis is away it is asked again
 * and again: what it said before is not repeated.
 */

static void
ngx_http_render_relay_looked_account(void *data, ngx_http_render_answer_t *a)
{
    size_t                    i;
    json_t                   *list, *x;
    uint32_t                  told;
    ngx_http_render_node_t   *n = data;
    ngx_http_render_event_t  *e;

    n->query = NULL;

    if (a->failed || a->status != NGX_HTTP_OK) {
        ngx_http_render_relay_unlooked(n);
        return;
    }

    list = json_loadb((char *) a->body.data, a->body.len, 0, NULL);
    told = ngx_http_render_relay_hash(list);
    ngx_http_render_relay_each(n, ngx_http_render_relay_is_new, &told);

    json_array_foreach(list, i, x) {
        e = ngx_http_render_relay_snapshot(x);

        if (e != NULL) {
            ngx_http_render_relay_each(n, ngx_http_render_relay_hand_asked, e);
            ngx_http_render_event_drop(e);
        }
    }

    json_decref(list);
    ngx_http_render_relay_each(n, ngx_http_render_relay_was_told, &told);
    ngx_http_render_relay_look_node(n);     /* for who has come meanwhile */
}


typedef struct {
    ngx_uint_t  n;
    uint64_t    since;
} ngx_http_render_wanted_t;


static void
ngx_http_render_relay_wanted(ngx_http_render_listener_t *l, void *data)
{
    ngx_http_render_wanted_t *w = data;

    if (!l->wants) {
        return;
    }

    l->asked = 1;
    w->n++;

    if (l->since != 0 && (w->since == 0 || l->since < w->since)) {
        w->since = l->since;
    }
}


void
ngx_http_render_relay_look_node(ngx_http_render_node_t *n)
{
    ngx_str_t                 id;
    ngx_http_render_wanted_t  w;

    if (n->query != NULL) {
        return;
    }

    w.n = 0;
    w.since = 0;
    ngx_http_render_relay_each(n, ngx_http_render_relay_wanted, &w);

    if (w.n == 0) {
        return;
    }

    id = ngx_http_render_relay_id(n);
    n->asked = (uint64_t) ngx_time() * 1000 - 10000;
    n->query = ngx_http_render_relay_ask(
                   json_pack("{s:s%, s:I}", "account", id.data, id.len,
                             "since", (json_int_t) w.since),
                   ngx_http_render_relay_looked_account, n);

    if (n->query == NULL) {
        ngx_http_render_relay_unlooked(n);
    }
}


void
ngx_http_render_relay_look_account(ngx_http_render_listener_t *l)
{
    ngx_http_render_node_t   *n = l->node;
    ngx_http_render_relay_t  *relay = ngx_http_render_process->relay;

    l->wants = 1;

    /* at the end of this turn: many may come in it, and we may be in a round
       of these listeners */

    if (!n->to_look) {
        n->to_look = 1;
        ngx_queue_insert_tail(&relay->looks, &n->look);
        ngx_post_event(&relay->turn, &ngx_posted_events);
    }
}


static void
ngx_http_render_relay_want(ngx_http_render_listener_t *l, void *data)
{
    l->wants = 1;
}


/* One snapshot of SQL: handed on where it says something new. */

static void
ngx_http_render_relay_look(json_t *snapshot)
{
    char                      state[64];
    u_char                    channel[NGX_HTTP_RENDER_CHANNEL];
    ngx_str_t                 name;
    const char               *id;
    ngx_http_render_node_t   *n;
    ngx_http_render_event_t  *e;

    id = json_string_value(json_object_get(snapshot, "job_id"));
    if (id == NULL || ngx_strlen(id) != RN_UUID_LEN) {
        return;
    }

    name.data = channel;
    name.len = ngx_sprintf(channel, "job:%s", id) - channel;
    n = ngx_http_render_relay_find(&name);
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

    e = ngx_http_render_relay_snapshot(snapshot);

    if (e != NULL) {
        ngx_http_render_relay_tell(n, e);
        ngx_http_render_event_drop(e);
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


/* Where no event comes to bring it about. */

static void
ngx_http_render_relay_behind(ngx_http_render_listener_t *l, void *data)
{
    if (l->state == ngx_http_render_behind) {
        ngx_http_render_relay_fetch(l);
    }
}


void
ngx_http_render_relay_tick(ngx_event_t *ev)
{
    json_t                   *ids;
    ngx_str_t                 id;
    ngx_msec_t                silent;
    ngx_uint_t                budget, behind;
    ngx_queue_t              *x, *next;
    ngx_http_render_node_t   *n;
    ngx_http_render_relay_t  *relay = ev->data;

    if (ngx_exiting) {
        return;
    }

    ngx_add_timer(ev, NGX_HTTP_RENDER_RELAY_TICK);

    silent = ngx_http_render_redis_up() ? NGX_HTTP_RENDER_RELAY_SILENT
                                        : NGX_HTTP_RENDER_RELAY_TICK - 100;
    budget = NGX_HTTP_RENDER_RELAY_LOOKS;
    ids = json_array();

    behind = relay->behind && ngx_http_render_redis_up();
    if (behind) {
        relay->behind = 0;
    }

    for (x = ngx_queue_head(&relay->nodes);
         x != ngx_queue_sentinel(&relay->nodes);
         x = next)
    {
        next = ngx_queue_next(x);
        n = ngx_queue_data(x, ngx_http_render_node_t, queue);

        if (ngx_queue_empty(&n->listeners)) {
            if (ngx_current_msec - n->left > NGX_HTTP_RENDER_RELAY_LINGER) {
                ngx_http_render_redis_unsubscribe(&n->sn.str);
                ngx_http_render_relay_drop(relay, n);
            }
            continue;
        }

        if (behind) {
            ngx_http_render_relay_each(n, ngx_http_render_relay_behind, NULL);
        }

        if (ngx_current_msec - n->heard < silent) {
            continue;
        }

        if (n->account) {
            if (budget > 0) {
                budget--;
                n->heard = ngx_current_msec;
                ngx_http_render_relay_each(n, ngx_http_render_relay_want, NULL);
                ngx_http_render_relay_look_node(n);
            }

        } else if (relay->query == NULL && json_array_size(ids) < 1000) {
            id = ngx_http_render_relay_id(n);
            (void) json_array_append_new(ids, json_stringn((char *) id.data,
                                                           id.len));

            /* to the end, so that with more than these all have their turn */

            n->heard = ngx_current_msec;
            ngx_queue_remove(&n->queue);
            ngx_queue_insert_tail(&relay->nodes, &n->queue);
        }
    }

    if (json_array_size(ids) == 0 || relay->query != NULL) {
        json_decref(ids);
        return;
    }

    relay->query = ngx_http_render_relay_ask(json_pack("{s:o}", "ids", ids),
                                             ngx_http_render_relay_looked,
                                             relay);
}
