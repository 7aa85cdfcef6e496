/* What is told of a task: its progress, by bells, and its end, to SQL. */

#include "rw_run_parts.h"
#include "rn_log.h"
#include "rw_proto.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>


#define TELL_GAP     0.25               /* s: four times a second at the most */
#define REFUSED_MAX  3
#define REFUSED_GAP  1.0                /* s */


static json_t *
update_of(rw_run *r)
{
    double    part;
    json_t   *o = r->order, *u;

    part = r->total > 0 ? r->units / r->total : 0;

    u = json_pack("{s:s, s:O?, s:O?, s:O?, s:O?, s:s, s:s, s:s, s:O?, s:O?,"
                  " s:s, s:I, s:f}",
                  "job_id", r->job, "account", json_object_get(o, "account"),
                  "kind", json_object_get(o, "job_kind"),
                  "subject", json_object_get(o, "subject"),
                  "run", json_object_get(o, "run"), "type", "progress",
                  "status", "processing", "stage", r->kind,
                  "weight_done", json_object_get(o, "weight_done"),
                  "weight_total", json_object_get(o, "weight_total"),
                  "task", r->task, "fence", r->fence, "part",
                  (part > 1 ? 1 : part)
                  * json_number_value(json_object_get(o, "weight")));

    return u;
}


void
rw_run_progress(rw_worker *w, rw_run *r)
{
    double    now;
    bool      heard;
    json_t   *u;
    int64_t   units;
    ssize_t   n;

    heard = false;

    while ((n = read(r->status, &units, sizeof(units)))
           == (ssize_t) sizeof(units))
    {
        r->units += (double) units;
        heard = true;
    }

    if (n == 0) {
        rw_run_close(&r->status);             /* the child has closed it */
    }

    now = rw_now();

    if (heard) {
        r->heard_at = now;
    }

    if (heard && now - r->told_at >= TELL_GAP && !r->stopped) {
        u = update_of(r);
        if (u != NULL) {
            rw_bell_tell(&w->bell, u);
            json_decref(u);
        }
        r->told_at = now;
    }
}


/*
 * What is done of a job grows with each finish; those that still run for it
 * tell it with their progress, so that it is right after a flush of Redis.
 */

static void
learn_weights(rw_worker *w, rw_run *r, json_t *effects)
{
    size_t   i;
    json_t  *e, *list;
    rw_run  *o;

    list = json_object_get(effects, "events");

    json_array_foreach(list, i, e) {
        for (o = w->runs; o != NULL; o = o->next) {
            if (o != r && strcmp(o->job, rw_str(e, "job_id")) == 0) {
                (void) json_object_set(o->order, "weight_done",
                                       json_object_get(e, "weight_done"));
                (void) json_object_set(o->order, "weight_total",
                                       json_object_get(e, "weight_total"));
            }
        }
    }
}


/* False: SQL is away; the run stays, and is told of later. */

static bool
tell_sql(rw_worker *w, rw_run *r)
{
    char        *answer, *error, fence[24];
    size_t       i;
    json_t      *reply, *key;
    const char  *args[5];

    answer = r->answer != NULL ? json_dumps(r->answer, JSON_COMPACT) : NULL;
    error = r->error != NULL ? json_dumps(r->error, JSON_COMPACT) : NULL;
    (void) snprintf(fence, sizeof(fence), "%lld", (long long) r->fence);

    args[0] = w->id;
    args[1] = r->task;
    args[2] = fence;
    args[3] = answer;
    args[4] = error;

    reply = rw_db_call(&w->db, "SELECT render_work.finish($1::uuid, $2::uuid, "
                       "$3::bigint, $4::jsonb, $5::jsonb)", 5, args);
    free(answer);
    free(error);

    if (reply == NULL) {
        if (w->db.conn == NULL) {
            return false;                   /* away: it waits for its return */
        }

        /* SQL is there and will not have it: then the answer is at fault, and
           a slot must not be lost for it */

        r->refused_at = rw_now();

        if (++r->refused == REFUSED_MAX) {
            json_decref(r->answer);
            json_decref(r->error);
            r->answer = NULL;
            r->error = rw_run_error(RN_E_INTERNAL, "the answer of the task was "
                                    "refused by the database", NULL);
        }

        return r->refused > 2 * REFUSED_MAX;
    }

    if (json_is_true(json_object_get(reply, "accepted"))) {
        learn_weights(w, r, json_object_get(reply, "effects"));
        rn_log(r->error != NULL ? RN_LOG_WARN : RN_LOG_INFO,
               "task %s: %s of job %s %s%s", r->task, r->kind, r->job,
               r->error != NULL ? "failed: " : "done",
               r->error != NULL ? rw_str(r->error, "text") : "");
        rw_bell_effects(&w->bell, json_object_get(reply, "effects"), r->task,
                        r->fence);

        json_array_foreach(json_object_get(reply, "delete"), i, key) {
            (void) rw_send(w->mover, json_pack("{s:s, s:O}", "op", "delete",
                                               "key", key), NULL, 0);
        }

        if (r->error != NULL) {
            rw_run_delete(w, r);
        }

    } else {
        rn_log(RN_LOG_WARN, "task %s: %s of job %s is no longer ours", r->task,
               r->kind, r->job);
        rw_run_delete(w, r);
    }

    json_decref(reply);

    return true;
}


static void
run_free(rw_run *r)
{
    size_t  i;

    for (i = 0; i < r->n_files; i++) {
        rw_run_close(&r->files[i].fd);
    }

    rw_run_close(&r->spec);
    rw_run_close(&r->result);
    rw_run_close(&r->status);
    rw_run_close(&r->pidfd);
    json_decref(r->order);
    json_decref(r->answer);
    json_decref(r->error);
    free(r->files);
    free(r);
}


void
rw_run_settle(rw_worker *w)
{
    rw_run  *r, **p;

    for (p = &w->runs; (r = *p) != NULL; /* void */ ) {
        if (r->state == RW_FINISHING && w->db.conn != NULL
            && rw_now() - r->refused_at >= REFUSED_GAP && tell_sql(w, r))
        {
            r->state = RW_ENDED;
        }

        if (r->state == RW_ENDED) {
            *p = r->next;
            w->n_runs--;
            w->n_fetches -= r->fetches;
            run_free(r);
        } else {
            p = &r->next;
        }
    }
}
