/* The way of one task through the worker; see rw_run.h. */

#include "rw_run.h"
#include "rn_log.h"
#include "rn_status.h"
#include "rw_proto.h"
#include "sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>


#define TELL_GAP    0.25                /* s: four times a second at the most */
#define RESULT_MAX  (64 * 1024 * 1024)
#define FILES_MAX   1000000             /* of one task */
#define ASKED_MAX   64
#define REFUSED_MAX 3
#define REFUSED_GAP 1.0                 /* s */


static json_t *
make_error(rn_status st, const char *text, json_t *detail)
{
    return json_pack("{s:s, s:s, s:b, s:o*}", "status", rn_status_name(st),
                     "text", text, "retry", rn_status_retryable(st),
                     "detail", detail);
}


static void
fail(rw_run *r, rn_status st, json_t *detail, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

static void
fail(rw_run *r, rn_status st, json_t *detail, const char *fmt, ...)
{
    char     text[400];
    va_list  ap;

    va_start(ap, fmt);
    (void) vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);

    if (r->error == NULL) {
        r->error = make_error(st, text, detail);
    } else {
        json_decref(detail);
    }
}


/*
 * Asks the mover about the next files of a run.  Only so much is asked at one
 * time that neither side can block the other with a full socket.
 */

static void
ask(rw_worker *w, rw_run *r)
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
            ask(w, r);
        }
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


static void
close_file(int *fd)
{
    if (*fd >= 0) {
        (void) close(*fd);
        *fd = -1;
    }
}


static void
discard_outputs(rw_worker *w, rw_run *r)
{
    size_t  i;

    for (i = 0; i < r->n_files; i++) {
        if (r->files[i].temp[0] != '\0') {
            (void) rw_send(w->mover, json_pack("{s:s, s:s}", "op", "discard",
                           "temp", r->files[i].temp), NULL, 0);
            r->files[i].temp[0] = '\0';
        }
        close_file(&r->files[i].fd);
    }
}


/*
 * Films and pictures lie under a prefix of the claim's own.  When SQL will not
 * name them, for they came too late or not all of them came, nothing ever will;
 * segments are shared, and stay.
 */

static void
delete_stored(rw_worker *w, rw_run *r)
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


static bool
begin_child(rw_worker *w, rw_run *r)
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
        close_file(&r->files[i].fd);
    }

    return true;
}


/* All answers for this step are in. */

static void
moved_all(rw_worker *w, rw_run *r)
{
    int     error;
    size_t  i;

    error = 0;
    for (i = 0; i < r->n_files && error == 0; i++) {
        error = r->files[i].error;
    }

    if (r->stopped) {
        discard_outputs(w, r);
        delete_stored(w, r);
        r->state = RW_ENDED;
        return;
    }

    if (error != 0) {
        i--;

        if (r->state == RW_FETCHING && i < r->n_inputs) {
            fail(r, joins(r) || error != ENOENT ? RN_E_IO : RN_E_INPUT,
                 joins(r) ? missing_pieces(r) : NULL,
                 "an input cannot be read from storage: %s", strerror(error));
        } else {
            fail(r, RN_E_IO, NULL, "storage cannot be written to: %s",
                 strerror(error));
        }

    } else if (r->state == RW_FETCHING) {
        if (begin_child(w, r)) {
            return;
        }
        fail(r, RN_E_INTERNAL, NULL, "the task cannot be started: %s",
             strerror(errno));
    }

    if (r->error != NULL) {
        discard_outputs(w, r);
        delete_stored(w, r);
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
        close_file(&fd);
        return;
    }

    r->files[i].error = (int) json_integer_value(json_object_get(msg, "errno"));

    if (r->state == RW_FETCHING) {
        r->files[i].fd = fd;
        (void) snprintf(r->files[i].temp, sizeof(r->files[i].temp), "%s",
                        rw_str(msg, "temp"));
    } else {
        close_file(&fd);
        if (r->files[i].error == 0) {
            r->files[i].temp[0] = '\0';     /* it has its own name now */
            r->files[i].stored = true;
            close_file(&r->files[i].fd);
        }
    }

    if (--r->pending == 0) {
        moved_all(w, r);
    }

    ask_all(w);
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
        moved_all(w, r);
    } else {
        ask(w, r);
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
        fail(r, RN_E_INPUT, NULL, "the %s task was ended by its sandbox: it "
             "asked for the system call \"%s\"", r->kind, call);
        return;
    }

    if (sig != 0) {
        fail(r, RN_E_INTERNAL, NULL, "the %s task was ended by signal %d (%s)",
             r->kind, sig, strsignal(sig));
        return;
    }

    j = NULL;

    if (fstat(r->result, &sb) != 0) {
        sb.st_size = 0;
    }

    if (sb.st_size > RESULT_MAX) {
        fail(r, RN_E_LIMIT, NULL, "the %s task has more to tell than %d MB: "
             "the film, or what it shows, is too long", r->kind,
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
        fail(r, RN_E_INTERNAL, NULL, "the %s task ended without an answer "
             "(exit code %d)", r->kind,
             (int) json_integer_value(json_object_get(exited, "code")));
    } else if (st != RN_OK) {
        fail(r, st, json_incref(json_object_get(j, "detail")), "%s",
             rw_str(j, "text"));
    } else {
        r->answer = json_incref(json_object_get(j, "result"));
    }

    json_decref(j);
}


static void
store(rw_worker *w, rw_run *r)
{
    r->state = RW_STORING;
    r->next_file = r->n_inputs;
    r->pending = r->n_files - r->n_inputs;

    if (r->pending == 0) {
        moved_all(w, r);
    } else {
        ask(w, r);
    }
}


void
rw_run_child(rw_worker *w, json_t *msg, int fd)
{
    rw_run  *r;

    r = find(w, rw_str(msg, "task"));

    if (r == NULL) {
        close_file(&fd);
        return;
    }

    if (strcmp(rw_str(msg, "op"), "started") == 0) {
        r->pidfd = fd;
        if (r->stopped && fd >= 0) {
            (void) syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0);
        }
        return;
    }

    close_file(&fd);
    close_file(&r->pidfd);

    if (r->stopped) {
        discard_outputs(w, r);
        r->state = RW_ENDED;
        return;
    }

    read_answer(r, msg);

    /* what was fetched before may still be right: then nothing came */

    if (r->error != NULL
        || json_is_false(json_object_get(r->answer, "stored")))
    {
        discard_outputs(w, r);
        r->state = RW_FINISHING;
    } else {
        store(w, r);
    }
}


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
        close_file(&r->status);             /* the child has closed it */
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
            fail(r, RN_E_INTERNAL, NULL, "the %s task made no progress for "
                 "%.0f s", r->kind, w->stall);
            r->heard_at = now;
            (void) syscall(SYS_pidfd_send_signal, r->pidfd, SIGKILL, NULL, 0);
        }
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
            r->error = make_error(RN_E_INTERNAL, "the answer of the task was "
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
            delete_stored(w, r);
        }

    } else {
        rn_log(RN_LOG_WARN, "task %s: %s of job %s is no longer ours", r->task,
               r->kind, r->job);
        delete_stored(w, r);
    }

    json_decref(reply);

    return true;
}


static void
run_free(rw_run *r)
{
    size_t  i;

    for (i = 0; i < r->n_files; i++) {
        close_file(&r->files[i].fd);
    }

    close_file(&r->spec);
    close_file(&r->result);
    close_file(&r->status);
    close_file(&r->pidfd);
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
