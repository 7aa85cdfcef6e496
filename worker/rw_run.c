/*
 * The way of one task through the worker; see rw_run.h.  Its files:
 * rw_run_files.c; what is told of it: rw_run_tell.c.
 */

#include "rw_run_parts.h"
#include "rn_log.h"
#include "rw_proto.h"
#include "sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>


#define RESULT_MAX  (64 * 1024 * 1024)


json_t *
rw_run_error(rn_status st, const char *text, json_t *detail)
{
    json_t  *error;

    error = json_pack("{s:s, s:s, s:b, s:o*}", "status", rn_status_name(st),
                      "text", text, "retry", rn_status_retryable(st),
                      "detail", detail);

    /* a text that was cut within a character is none; a failure is one still */

    return error != NULL ? error
           : json_pack("{s:s, s:s, s:b}", "status", rn_status_name(st), "text",
                       "it failed, and why cannot be told in UTF-8", "retry",
                       rn_status_retryable(st));
}


void
rw_run_fail(rw_run *r, rn_status st, json_t *detail, const char *fmt, ...)
{
    char     text[400];
    va_list  ap;

    va_start(ap, fmt);
    (void) vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);

    if (r->error == NULL) {
        r->error = rw_run_error(st, text, detail);
    } else {
        json_decref(detail);
    }
}


static rw_run *
find(rw_worker *w, const char *tag)
{
    rw_run  *r;

    for (r = w->runs; r != NULL; r = r->next) {
        if (strcmp(r->tag, tag) == 0 && r->state == RW_RUNNING) {
            return r;
        }
    }

    return NULL;
}


void
rw_run_close(int *fd)
{
    if (*fd >= 0) {
        (void) close(*fd);
        *fd = -1;
    }
}


bool
rw_run_start(rw_worker *w, rw_run *r)
{
    int      fds[RW_FDS_MAX], status[2];
    char    *text;
    size_t   i, k, n;
    json_t  *names;

    text = json_dumps(json_object_get(r->order, "spec"), JSON_COMPACT);
    r->spec = memfd_create("spec", MFD_CLOEXEC);
    r->result = memfd_create("result", MFD_CLOEXEC);

    if (text == NULL || r->spec < 0 || r->result < 0
        || pwrite(r->spec, text, strlen(text), 0) != (ssize_t) strlen(text)
        || pipe2(status, O_CLOEXEC | O_NONBLOCK) != 0)
    {
        free(text);
        return false;
    }

    free(text);
    r->status = status[0];

    fds[0] = r->spec;
    fds[1] = r->result;
    fds[2] = status[1];

    if (r->fetches) {                       /* the file is to be written */
        fds[3] = r->files[0].fd;

        if (!rw_send(w->mover, json_pack("{s:s, s:s}", "op", "fetch", "task",
                     r->tag), fds, 4))
        {
            (void) close(status[1]);
            return false;
        }

        (void) close(status[1]);
        r->state = RW_RUNNING;
        r->heard_at = rw_now();

        return true;
    }

    if (!rw_send(w->zygote, json_pack("{s:s, s:s, s:s, s:I}", "op", "begin",
                 "task", r->tag, "kind", r->kind, "files",
                 (json_int_t) r->n_files), fds, 3))
    {
        (void) close(status[1]);
        return false;
    }

    (void) close(status[1]);

    for (i = 0; i < r->n_files; i += n) {
        n = r->n_files - i < RW_FDS_MAX ? r->n_files - i : RW_FDS_MAX;
        names = json_array();

        for (k = 0; k < n; k++) {
            fds[k] = r->files[i + k].fd;
            (void) json_array_append_new(names,
                                         json_string(r->files[i + k].name));
        }

        if (!rw_send(w->zygote, json_pack("{s:s, s:s, s:o}", "op", "files",
                     "task", r->tag, "names", names), fds, n))
        {
            return false;
        }
    }

    r->state = RW_RUNNING;
    r->heard_at = rw_now();

    for (i = 0; i < r->n_inputs; i++) {     /* the child has its own */
        rw_run_close(&r->files[i].fd);
    }

    return true;
}


static void
name_file(rw_file *f, const char *name, json_t *key)
{
    f->fd = -1;
    (void) snprintf(f->name, sizeof(f->name), "%s", name);
    (void) snprintf(f->key, sizeof(f->key), "%s", json_string_value(key) ?: "");
}


/*
 * How its operator wants films to be planned.  A job of which an encoder has
 * failed says itself that it is libx264's.
 */

static void
add_settings(const rw_worker *w, json_t *spec)
{
    json_t  *encoder;

    if (w->smart_cut) {
        (void) json_object_set_new(spec, "smart_cut", json_true());
    }

    encoder = hardware_json(&w->encoder);

    if (encoder != NULL && json_object_get(spec, "encoder") == NULL) {
        (void) json_object_set(spec, "encoder", encoder);
    }

    json_decref(encoder);
}


bool
rw_run_begin(rw_worker *w, json_t *order)
{
    size_t       i;
    json_t      *v, *inputs, *outputs, *pieces;
    rw_run      *r;
    const char  *name;

    inputs = json_object_get(order, "inputs");
    outputs = json_object_get(order, "outputs");

    r = calloc(1, sizeof(rw_run));
    if (r != NULL) {
        r->n_inputs = json_object_size(inputs);
        r->n_files = r->n_inputs + json_object_size(outputs);
        r->files = calloc(r->n_files + 1, sizeof(rw_file));
    }

    if (r == NULL || r->files == NULL) {
        free(r);
        json_decref(order);
        return false;
    }

    r->order = order;
    r->spec = r->result = r->status = r->pidfd = -1;
    r->fence = json_integer_value(json_object_get(order, "fence"));
    (void) snprintf(r->task, sizeof(r->task), "%s", rw_str(order, "task"));
    (void) snprintf(r->job, sizeof(r->job), "%s", rw_str(order, "job"));
    (void) snprintf(r->kind, sizeof(r->kind), "%s", rw_str(order, "kind"));
    r->fetches = strcmp(r->kind, "fetch") == 0 && r->n_inputs == 0
                 && r->n_files == 1;
    (void) json_object_set_new(order, "id", json_integer(++w->next_id));
    (void) snprintf(r->tag, sizeof(r->tag), "%lld", (long long) w->next_id);

    if (strcmp(r->kind, "plan") == 0) {
        add_settings(w, json_object_get(order, "spec"));
    }

    pieces = json_object_get(json_object_get(order, "spec"), "pieces");
    if (pieces == NULL) {
        pieces = json_object_get(json_object_get(order, "spec"), "segments");
    }
    json_array_foreach(pieces, i, v) {
        r->total += (double) json_integer_value(json_object_get(v, "frames"));
    }

    r->next = w->runs;
    w->runs = r;
    w->n_runs++;
    w->n_fetches += r->fetches;

    rn_log(RN_LOG_INFO, "task %s: %s of job %s, attempt %d", r->task, r->kind,
           r->job, (int) json_integer_value(json_object_get(order, "attempt")));

    i = 0;
    json_object_foreach(inputs, name, v) {
        name_file(&r->files[i++], name, v);
    }
    json_object_foreach(outputs, name, v) {
        name_file(&r->files[i++], name, v);
    }

    r->pending = r->n_files;

    if (r->pending == 0) {
        rw_run_arrived(w, r);
    } else {
        rw_run_ask(w, r);
    }

    return true;
}


/* The child's answer; a fault of our own when it left none. */

static void
read_answer(rw_run *r, json_t *exited)
{
    int           sig;
    char         *text, call[32];
    json_t       *j;
    rn_status     st;
    struct stat   sb;

    sig = (int) json_integer_value(json_object_get(exited, "signal"));

    if (sig == SIGSYS) {

        /* an input that makes a decoder do this would do it again */

        sandbox_broken(r->result, call, sizeof(call));
        rw_run_fail(r, RN_E_INPUT, NULL, "the %s task was ended by its "
                    "sandbox: it asked for the system call \"%s\"", r->kind,
                    call);
        return;
    }

    if (sig != 0) {
        rw_run_fail(r, RN_E_INTERNAL, NULL, "the %s task was ended by "
                    "signal %d (%s)", r->kind, sig, strsignal(sig));
        return;
    }

    j = NULL;

    if (fstat(r->result, &sb) != 0) {
        sb.st_size = 0;
    }

    if (sb.st_size > RESULT_MAX) {
        rw_run_fail(r, RN_E_LIMIT, NULL, "the %s task has more to tell than "
                    "%d MB: the film, or what it shows, is too long", r->kind,
                    RESULT_MAX / 1024 / 1024);
        return;
    }

    if (sb.st_size > 0) {
        text = malloc((size_t) sb.st_size);
        if (text != NULL
            && pread(r->result, text, (size_t) sb.st_size, 0) == sb.st_size)
        {
            j = json_loadb(text, (size_t) sb.st_size, 0, NULL);
        }
        free(text);
    }

    st = rn_status_parse(rw_str(j, "status"));

    if (j == NULL) {
        rw_run_fail(r, RN_E_INTERNAL, NULL, "the %s task ended without an "
                    "answer (exit code %d)", r->kind,
                    (int) json_integer_value(json_object_get(exited, "code")));
    } else if (st != RN_OK) {
        rw_run_fail(r, st, json_incref(json_object_get(j, "detail")), "%s",
                    rw_str(j, "text"));
    } else {
        r->answer = json_incref(json_object_get(j, "result"));
    }

    json_decref(j);
}


void
rw_run_child(rw_worker *w, json_t *msg, int fd)
{
    rw_run  *r;

    r = find(w, rw_str(msg, "task"));

    if (r == NULL) {
        rw_run_close(&fd);
        return;
    }

    if (strcmp(rw_str(msg, "op"), "started") == 0) {
        r->pidfd = fd;
        if (r->stopped && fd >= 0) {
            (void) syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0);
        }
        return;
    }

    rw_run_close(&fd);
    rw_run_close(&r->pidfd);

    if (r->stopped) {
        rw_run_discard(w, r);
        r->state = RW_ENDED;
        return;
    }

    read_answer(r, msg);

    /* what was fetched before may still be right: then nothing came */

    if (r->error != NULL
        || json_is_false(json_object_get(r->answer, "stored")))
    {
        rw_run_discard(w, r);
        r->state = RW_FINISHING;
    } else {
        rw_run_store(w, r);
    }
}


void
rw_run_stop(rw_worker *w, rw_run *r)
{
    (void) w;

    if (r->stopped) {
        return;
    }

    r->stopped = true;

    /* what is stored already, SQL is still asked about: it may have taken it,
       and if not, it must be deleted */

    if (r->pidfd >= 0) {
        (void) syscall(SYS_pidfd_send_signal, r->pidfd, SIGKILL, NULL, 0);
    }
}


void
rw_run_check(rw_worker *w, double now)
{
    rw_run  *r;

    for (r = w->runs; r != NULL; r = r->next) {
        if (r->state == RW_RUNNING && !r->stopped
            && now - r->heard_at > w->stall && r->pidfd >= 0)
        {
            rw_run_fail(r, RN_E_INTERNAL, NULL, "the %s task made no progress "
                        "for %.0f s", r->kind, w->stall);
            r->heard_at = now;
            (void) syscall(SYS_pidfd_send_signal, r->pidfd, SIGKILL, NULL, 0);
        }
    }
}
