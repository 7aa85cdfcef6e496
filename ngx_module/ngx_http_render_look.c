/*
 * The relay's looks at SQL: jobs that have been silent, everything while Redis
 * is away, and all jobs of an account when somebody begins to listen to it.
 */

#include "ngx_http_render_relay.h"


/*
 * The live jobs of an account, and those that have ended since the last look.
 * While Redis is away it is asked again and again: what it said before is not
 * repeated.
 */

static void
ngx_http_render_relay_looked_account(void *data, ngx_http_render_answer_t *a)
{
    char                         line[128];
    size_t                       i;
    json_t                      *list, *x;
    uint32_t                     told;
    ngx_uint_t                   gone;
    ngx_http_render_event_t     *e;
    ngx_http_render_listener_t  *l = data;

    l->query = NULL;

    if (a->failed || a->status != NGX_HTTP_OK) {
        return;
    }

    l->since = l->asked;
    list = json_loadb((char *) a->body.data, a->body.len, 0, NULL);
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

    if (told == l->told) {
        json_decref(list);
        return;
    }

    l->told = told;
    gone = 0;
    l->gone = &gone;

    json_array_foreach(list, i, x) {
        e = ngx_http_render_relay_snapshot(x);
        if (e == NULL) {
            continue;
        }

        ngx_http_render_relay_hand(l, e);
        ngx_http_render_event_drop(e);

        if (gone) {
            json_decref(list);
            return;
        }
    }

    l->gone = NULL;
    json_decref(list);
}


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


void
ngx_http_render_relay_look_account(ngx_http_render_listener_t *l)
{
    ngx_str_t  id;

    if (l->query != NULL) {
        return;
    }

    id = ngx_http_render_relay_id(l->node);
    l->asked = (uint64_t) ngx_time() * 1000 - 10000;
    l->query = ngx_http_render_relay_ask(
                   json_pack("{s:s%, s:I}", "account", id.data, id.len,
                             "since", (json_int_t) l->since),
                   ngx_http_render_relay_looked_account, l);
}


/*
 * Those of one account, as many as may be asked in this tick; who was asked
 * goes to the end, so that all have their turn.
 */

static void
ngx_http_render_relay_look_accounts(ngx_http_render_node_t *n,
    ngx_uint_t *budget)
{
    ngx_uint_t    i;
    ngx_queue_t  *x;

    for (i = 0; i < n->nlisteners && *budget > 0; i++, (*budget)--) {
        x = ngx_queue_head(&n->listeners);
        ngx_queue_remove(x);
        ngx_queue_insert_tail(&n->listeners, x);
        ngx_http_render_relay_look_account(
            ngx_queue_data(x, ngx_http_render_listener_t, queue));
    }

    if (i == n->nlisteners) {
        n->heard = ngx_current_msec;
    }
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
            ngx_http_render_relay_look_accounts(n, &budget);

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
