/*
 * The relay's looks at SQL: jobs that have been silent, everything while Redis
 * is away, and all jobs of an account when somebody begins to listen to it.
 */

#include "ngx_http_render_relay.h"


static void
ngx_http_render_relay_drop(ngx_http_render_relay_t *relay,
    ngx_http_render_node_t *n)
{
    ngx_http_render_redis_unsubscribe(&n->sn.str);
    ngx_rbtree_delete(&relay->tree, &n->sn.node);
    ngx_queue_remove(&n->queue);
    free(n);
}


/*
 * The live jobs of an account, and those that have ended since the last look.
 * While Redis is away it is asked again and again: what it said before is not
 * repeated.
 */

static void
ngx_http_render_relay_looked_account(void *data, ngx_http_render_answer_t *a)
{
    char                         line[128], *text;
    size_t                       i;
    json_t                      *list, *x;
    uint32_t                     told;
    ngx_str_t                    doc;
    ngx_uint_t                   gone;
    ngx_http_render_listener_t  *l = data;

    l->query = NULL;

    if (a->failed || a->status != NGX_HTTP_OK) {
        return;
    }

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
        text = json_dumps(x, JSON_COMPACT | JSON_REAL_PRECISION(6));
        if (text == NULL) {
            continue;
        }

        doc.data = (u_char *) text;
        doc.len = ngx_strlen(text);
        ngx_http_render_relay_hand(l, &doc);
        free(text);

        if (gone) {
            json_decref(list);
            return;
        }
    }

    l->gone = NULL;
    json_decref(list);
}


void
ngx_http_render_relay_look_account(ngx_http_render_listener_t *l)
{
    json_t     *params;
    ngx_str_t   id;

    if (l->query != NULL) {
        return;
    }

    id = ngx_http_render_relay_id(l->node);
    params = json_pack("{s:s%, s:I}", "account", id.data, id.len, "since",
                       (json_int_t) l->since);
    l->query = ngx_http_render_query(ngx_http_render_sql_jobs_snapshot,
                                     ngx_http_render_relay_looked_account, l);

    if (l->query != NULL) {
        l->since = (uint64_t) ngx_time() * 1000 - 10000;
        l->query->args[1] = json_dumps(params, JSON_COMPACT);
        l->query->args[3] = strdup("{}");
        ngx_http_render_pg_send(l->query);
    }

    json_decref(params);
}


static void
ngx_http_render_relay_look_accounts(ngx_http_render_node_t *n)
{
    ngx_queue_t  *x;

    n->heard = ngx_current_msec;

    for (x = ngx_queue_head(&n->listeners);
         x != ngx_queue_sentinel(&n->listeners);
         x = ngx_queue_next(x))
    {
        ngx_http_render_relay_look_account(
            ngx_queue_data(x, ngx_http_render_listener_t, queue));
    }
}


/* One snapshot of SQL: handed on where it says something new. */

static void
ngx_http_render_relay_look(json_t *snapshot)
{
    char                     state[64], *text;
    u_char                   channel[NGX_HTTP_RENDER_CHANNEL];
    ngx_str_t                name, doc;
    const char              *id;
    ngx_http_render_node_t  *n;

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

    text = json_dumps(snapshot, JSON_COMPACT | JSON_REAL_PRECISION(6));
    if (text != NULL) {
        doc.data = (u_char *) text;
        doc.len = ngx_strlen(text);
        ngx_http_render_relay_tell(n, &doc);
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


void
ngx_http_render_relay_tick(ngx_event_t *ev)
{
    json_t                   *ids, *params;
    ngx_str_t                 id;
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

        if (ngx_current_msec - n->heard < silent) {
            continue;
        }

        if (n->account) {
            ngx_http_render_relay_look_accounts(n);

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


