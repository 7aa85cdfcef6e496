/*
 * What a listener has missed, from the job's stream of events in Redis: a page
 * at a time, so that a slow client bounds what is held for it.  Events that
 * come meanwhile are not kept but fetched in their turn; a listener is live
 * once a page was not full and nothing came beside it.
 */

#include "ngx_http_render_relay.h"

#include <hiredis/hiredis.h>


#define NGX_HTTP_RENDER_REPLAY_PAGE  16


/* A stream's entry, with the id that the event has live. */

static ngx_int_t
ngx_http_render_replay_one(ngx_http_render_listener_t *l, redisReply *entry)
{
    redisReply               *id, *fields;
    ngx_http_render_event_t  *e;

    if (entry->type != REDIS_REPLY_ARRAY || entry->elements != 2
        || entry->element[0]->type != REDIS_REPLY_STRING
        || entry->element[1]->type != REDIS_REPLY_ARRAY
        || entry->element[1]->elements < 2
        || entry->element[1]->element[1]->type != REDIS_REPLY_STRING
        || entry->element[1]->element[1]->len < 2)
    {
        return NGX_DECLINED;
    }

    id = entry->element[0];
    fields = entry->element[1];
    e = ngx_http_render_event_create((u_char *) id->str, id->len,
                                     (u_char *) fields->element[1]->str,
                                     fields->element[1]->len);
    if (e == NULL) {
        return NGX_ERROR;
    }

    ngx_http_render_relay_hand(l, e);
    ngx_http_render_event_drop(e);

    return NGX_OK;
}


/* Nothing more is to be had: the state itself, where nothing was told. */

static void
ngx_http_render_replay_done(ngx_http_render_listener_t *l, ngx_uint_t failed)
{
    ngx_http_render_event_t  *e;

    /* handing on what comes now would leave out what was not fetched */

    l->state = failed ? ngx_http_render_behind : ngx_http_render_live;
    ngx_http_render_process->relay->behind |= failed;

    e = l->snapshot;
    l->snapshot = NULL;

    if (e != NULL && (failed || (l->ended && !l->delivered))) {
        ngx_http_render_relay_hand(l, e);       /* l may be gone */
    }

    ngx_http_render_event_drop(e);
}


static void
ngx_http_render_replayed(void *data, void *reply)
{
    size_t                       i;
    uint64_t                     ms, seq;
    ngx_uint_t                   gone, full;
    redisReply                  *r = reply;
    ngx_http_render_listener_t  *l = data;

    l->fetch = NULL;

    if (r == NULL || r->type != REDIS_REPLY_ARRAY) {
        ngx_http_render_replay_done(l, 1);
        return;
    }

    gone = 0;
    l->gone = &gone;
    full = r->elements == NGX_HTTP_RENDER_REPLAY_PAGE;
    ms = l->last_ms;
    seq = l->last_seq;

    for (i = 0; i < r->elements && !gone; i++) {
        if (ngx_http_render_replay_one(l, r->element[i]) == NGX_ERROR) {
            full = 0;
            break;
        }
    }

    if (gone) {
        return;
    }

    l->gone = NULL;

    if (ms == l->last_ms && seq == l->last_seq) {
        full = 0;                           /* the same page would come again */
    }

    if (!full && !l->missed) {
        ngx_http_render_replay_done(l, 0);

    } else if (l->full(l)) {
        l->state = ngx_http_render_paused;

    } else {
        ngx_http_render_relay_fetch(l);
    }
}


void
ngx_http_render_relay_fetch(ngx_http_render_listener_t *l)
{
    int                      argc;
    char                     key[64], from[64], count[16];
    ngx_str_t                id;
    const char              *argv[6];
    ngx_http_render_node_t  *n = l->node;

    id = ngx_http_render_relay_id(n);
    (void) snprintf(key, sizeof(key), "events:%.*s", (int) id.len, id.data);
    (void) snprintf(from, sizeof(from), "(%llu-%llu",
                    (unsigned long long) l->last_ms,
                    (unsigned long long) l->last_seq);

    /* who has seen none begins with the newest, after the state */

    (void) snprintf(count, sizeof(count), "%d",
                    l->resume ? NGX_HTTP_RENDER_REPLAY_PAGE : 1);
    argc = 6;
    argv[0] = l->resume ? "XRANGE" : "XREVRANGE";
    argv[1] = key;
    argv[2] = l->resume ? from : "+";
    argv[3] = l->resume ? "+" : "-";
    argv[4] = "COUNT";
    argv[5] = count;

    l->state = ngx_http_render_fetching;
    l->missed = 0;
    l->fetch = ngx_http_render_redis_command(ngx_http_render_replayed, l, argc,
                                             argv);
    if (l->fetch == NULL) {
        ngx_http_render_replay_done(l, 1);
    }
}
