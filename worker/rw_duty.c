/* What a worker does with SQL by the clock; see rw_duty.h. */

#include "rw_duty.h"
#include "rn_encode.h"
#include "rn_log.h"
#include "rn_version.h"
#include "rw_proto.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>


#define SWEEP_EVERY   10.0              /* s */
#define LEASE         5.0               /* s, as render.lease() in SQL */
#define CLAIM_EVERY   5.0               /* s: without any bell */
#define CLASSES       "{json2video,publish}"
#define WAITING       "{image2json}"    /* who waits for others: fetches */


static json_t *
running(rw_worker *w)
{
    json_t  *list;
    rw_run  *r;

    list = json_array();

    for (r = w->runs; r != NULL; r = r->next) {
        if (!r->stopped) {
            (void) json_array_append_new(list, json_pack("{s:s, s:I}", "task",
                                         r->task, "fence", r->fence));
        }
    }

    return list;
}


void
rw_duty_alive(rw_supervisor *s)
{
    char         host[64], *info, *list;
    size_t       i;
    json_t      *j, *stop, *x;
    rw_run      *r;
    rw_worker   *w = &s->w;
    const char  *args[3];

    (void) gethostname(host, sizeof(host));
    host[sizeof(host) - 1] = '\0';

    j = json_pack("{s:s, s:i, s:[s, s, s], s:i, s:s, s:b}", "host", host,
                  "engine", RN_ENGINE, "classes", "image2json", "json2video",
                  "publish", "slots", w->slots, "version", RN_VERSION,
                  "draining", s->draining || s->quiet);
    info = json_dumps(j, JSON_COMPACT);
    json_decref(j);

    j = running(w);
    list = json_dumps(j, JSON_COMPACT);
    json_decref(j);

    args[0] = w->id;
    args[1] = info;
    args[2] = list;

    stop = rw_db_call(&w->db, "SELECT render_work.alive($1::uuid, $2::jsonb, "
                      "$3::jsonb)", 3, args);
    free(info);
    free(list);

    json_array_foreach(stop, i, x) {
        for (r = w->runs; r != NULL; r = r->next) {
            if (!r->stopped && strcmp(r->task, json_string_value(x) ?: "") == 0)
            {
                rn_log(RN_LOG_INFO, "task %s: cancelled, or no longer ours",
                       r->task);
                rw_run_stop(w, r);
            }
        }
    }

    json_decref(stop);
}


/* Slots for what uses the processor. */

int
rw_duty_free(rw_worker *w)
{
    return w->slots - (int) (w->n_runs - w->n_fetches);
}


static void
claim_some(rw_worker *w, const char *classes, int slots)
{
    char         n[16], engine[16];
    size_t       i;
    json_t      *list, *order;
    const char  *args[4];

    if (slots <= 0) {
        return;
    }

    (void) snprintf(n, sizeof(n), "%d", slots);
    (void) snprintf(engine, sizeof(engine), "%d", RN_ENGINE);
    args[0] = w->id;
    args[1] = engine;
    args[2] = classes;
    args[3] = n;

    list = rw_db_call(&w->db, "SELECT render_work.claim($1::uuid, $2::int, "
                      "$3::text[], $4::int)", 4, args);

    json_array_foreach(list, i, order) {
        rw_bell_effects(&w->bell, json_object_get(order, "effects"), NULL, 0);
        (void) rw_run_begin(w, json_incref(order));
    }

    json_decref(list);
}


void
rw_duty_claim(rw_supervisor *s)
{
    rw_worker  *w = &s->w;

    s->claim = false;
    s->claim_at = rw_now() + CLAIM_EVERY;

    if (s->draining || s->quiet) {
        return;
    }

    claim_some(w, CLASSES, rw_duty_free(w));
    claim_some(w, WAITING, w->fetch_slots - (int) w->n_fetches);
}


void
rw_duty_house(rw_supervisor *s)
{
    bool         before;
    json_t      *j, *keys;
    rw_worker   *w = &s->w;
    const char  *args[1];

    before = s->janitor;
    args[0] = w->id;
    j = rw_db_call(&w->db, "SELECT to_jsonb(render_work.elect($1::uuid))", 1,
                   args);
    s->janitor = json_is_true(j);
    json_decref(j);

    if (!s->janitor) {
        return;
    }

    if (!before) {
        rn_log(RN_LOG_INFO, "this worker is the janitor now");
    }

    /* after an outage everyone gets a lease's time to say that he lives */

    args[0] = rw_now() - w->db.since > LEASE + 1 ? "true" : "false";

    j = rw_db_call(&w->db, "SELECT render_work.janitor($1::boolean)", 1, args);
    if (j == NULL) {
        return;
    }

    rw_bell_effects(&w->bell, json_object_get(j, "effects"), NULL, 0);

    keys = json_object_get(j, "delete");
    if (json_array_size(keys) != 0) {
        (void) rw_send(w->mover, json_pack("{s:s, s:O}", "op", "clean", "keys",
                                           keys), NULL, 0);
    }

    if (rw_now() >= s->sweep_at) {
        s->sweep_at = rw_now() + SWEEP_EVERY;
        (void) rw_send(w->mover, json_pack("{s:s}", "op", "sweep"), NULL, 0);
    }

    /* bells for a worker that Redis does not reach: itself */

    if (w->bell.cmd == NULL && json_array_size(json_object_get(
            json_object_get(j, "effects"), "bells")) > 0)
    {
        s->claim = true;
    }

    json_decref(j);
}


void
rw_duty_leave(rw_supervisor *s)
{
    rw_run      *r;
    json_t      *j;
    rw_worker   *w = &s->w;
    const char  *args[1];

    for (r = w->runs; r != NULL; r = r->next) {
        rn_log(RN_LOG_INFO, "task %s: handed back", r->task);
        rw_run_stop(w, r);
    }

    args[0] = w->id;
    j = rw_db_call(&w->db, "SELECT render_work.leave($1::uuid)", 1, args);
    rw_bell_effects(&w->bell, j, NULL, 0);
    json_decref(j);
}
