/* The files of a task: what the mover is asked of them, and answers. */

#include "rw_run_parts.h"
#include "rn_log.h"
#include "rw_proto.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


#define FILES_MAX  1000000              /* of one task */
#define ASKED_MAX  64


/*
 * Asks the mover about the next files of a run.  Only so much is asked at one
 * time that neither side can block the other with a full socket.
 */

void
rw_run_ask(rw_worker *w, rw_run *r)
{
    int         fd;
    size_t      i;
    json_t     *msg;
    rw_file    *f;
    json_int_t  id;

    while (r->next_file < r->n_files && w->asked < ASKED_MAX) {
        i = r->next_file++;
        f = &r->files[i];
        fd = -1;

        /* the answer finds its run and file by this number */

        id = json_integer_value(json_object_get(r->order, "id")) * FILES_MAX
             + (json_int_t) i;

        if (r->state == RW_STORING) {
            fd = f->fd;
            msg = json_pack("{s:I, s:s, s:s, s:s}", "id", id, "op", "commit",
                            "temp", f->temp, "key", f->key);
        } else if (i < r->n_inputs) {
            msg = json_pack("{s:I, s:s, s:s}", "id", id, "op", "open", "key",
                            f->key);
        } else {
            msg = json_pack("{s:I, s:s}", "id", id, "op", "create");
        }

        if (!rw_send(w->mover, msg, &fd, fd >= 0)) {
            rn_log(RN_LOG_ERROR, "mover: %s", strerror(errno));
            exit(1);                        /* it is gone: begin anew */
        }

        w->asked++;
    }
}


static void
ask_all(rw_worker *w)
{
    rw_run  *r;

    for (r = w->runs; r != NULL; r = r->next) {
        if (r->state == RW_FETCHING || r->state == RW_STORING) {
            rw_run_ask(w, r);
        }
    }
}


void
rw_run_discard(rw_worker *w, rw_run *r)
{
    size_t  i;

    for (i = 0; i < r->n_files; i++) {
        if (r->files[i].temp[0] != '\0') {
            (void) rw_send(w->mover, json_pack("{s:s, s:s}", "op", "discard",
                           "temp", r->files[i].temp), NULL, 0);
            r->files[i].temp[0] = '\0';
        }
        rw_run_close(&r->files[i].fd);
    }
}


/*
 * Films and pictures lie under a prefix of the claim's own.  When SQL will not
 * name them, for they came too late or not all of them came, nothing ever will;
 * segments are shared, and stay.
 */

void
rw_run_delete(rw_worker *w, rw_run *r)
{
    size_t  i;

    if (strcmp(r->kind, "assemble") != 0 && strcmp(r->kind, "preview") != 0
        && strcmp(r->kind, "package") != 0 && !r->fetches)
    {
        return;
    }

    for (i = r->n_inputs; i < r->n_files; i++) {
        if (r->files[i].stored) {
            (void) rw_send(w->mover, json_pack("{s:s, s:s}", "op", "delete",
                           "key", r->files[i].key), NULL, 0);
            r->files[i].stored = false;
        }
    }
}


/* Whether its inputs are pieces, which can be made again. */

static bool
joins(const rw_run *r)
{
    return strcmp(r->kind, "assemble") == 0 || strcmp(r->kind, "package") == 0;
}


/* Inputs that storage does not hold: what those ask to be made again. */

static json_t *
missing_pieces(rw_run *r)
{
    size_t   i;
    json_t  *list;

    list = json_array();

    for (i = 0; i < r->n_inputs; i++) {
        if (r->files[i].error == ENOENT) {
            (void) json_array_append_new(list, json_string(r->files[i].name));
        }
    }

    return json_pack("{s:o}", "damaged", list);
}


/* All answers for this step are in. */

void
rw_run_arrived(rw_worker *w, rw_run *r)
{
    int     error;
    size_t  i;

    error = 0;
    for (i = 0; i < r->n_files && error == 0; i++) {
        error = r->files[i].error;
    }

    if (r->stopped) {
        rw_run_discard(w, r);
        rw_run_delete(w, r);
        r->state = RW_ENDED;
        return;
    }

    if (error != 0) {
        i--;

        if (r->state == RW_FETCHING && i < r->n_inputs) {
            rw_run_fail(r, joins(r) || error != ENOENT ? RN_E_IO : RN_E_INPUT,
                        joins(r) ? missing_pieces(r) : NULL,
                        "an input cannot be read from storage: %s",
                        r->why[0] != '\0' ? r->why : strerror(error));
        } else {
            rw_run_fail(r, RN_E_IO, NULL, "storage cannot be written to: %s",
                        r->why[0] != '\0' ? r->why : strerror(error));
        }

    } else if (r->state == RW_FETCHING) {
        if (rw_run_start(w, r)) {
            return;
        }
        rw_run_fail(r, RN_E_INTERNAL, NULL, "the task cannot be started: %s",
                    strerror(errno));
    }

    if (r->error != NULL) {
        rw_run_discard(w, r);
        rw_run_delete(w, r);
    }

    r->state = RW_FINISHING;
}


void
rw_run_moved(rw_worker *w, json_t *msg, int fd)
{
    size_t       i;
    rw_run      *r;
    json_int_t   id;

    id = json_integer_value(json_object_get(msg, "id"));
    i = (size_t) (id % FILES_MAX);
    w->asked--;

    for (r = w->runs; r != NULL; r = r->next) {
        if (json_integer_value(json_object_get(r->order, "id"))
            == id / FILES_MAX)
        {
            break;
        }
    }

    if (r == NULL || i >= r->n_files) {
        rw_run_close(&fd);
        return;
    }

    r->files[i].error = (int) json_integer_value(json_object_get(msg, "errno"));

    if (r->files[i].error != 0 && r->why[0] == '\0') {
        (void) snprintf(r->why, sizeof(r->why), "%s", rw_str(msg, "text"));
    }

    if (r->state == RW_FETCHING) {
        r->files[i].fd = fd;
        (void) snprintf(r->files[i].temp, sizeof(r->files[i].temp), "%s",
                        rw_str(msg, "temp"));
    } else {
        rw_run_close(&fd);
        if (r->files[i].error == 0) {
            r->files[i].temp[0] = '\0';     /* it has its own name now */
            r->files[i].stored = true;
            rw_run_close(&r->files[i].fd);
        }
    }

    if (--r->pending == 0) {
        rw_run_arrived(w, r);
    }

    ask_all(w);
}


void
rw_run_store(rw_worker *w, rw_run *r)
{
    r->state = RW_STORING;
    r->next_file = r->n_inputs;
    r->pending = r->n_files - r->n_inputs;

    if (r->pending == 0) {
        rw_run_arrived(w, r);
    } else {
        rw_run_ask(w, r);
    }
}
