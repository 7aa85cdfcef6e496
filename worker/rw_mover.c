/* The mover process; see rw_mover.h. */

#include "rw_mover.h"
#include "rn_log.h"
#include "rn_store.h"
#include "rw_fetch.h"
#include "rw_mover_parts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>


#define SWEEP_AGE    10.0               /* s without a write */

typedef struct {
    int        sock;
    rn_store   store;
    rw_s3     *s3;                      /* NULL: storage is a directory */
} mover;


void
rw_mover_answer(int sock, json_int_t id, int err, const char *text,
    const char *temp, int fd)
{
    json_t  *msg;

    msg = json_pack("{s:I, s:i, s:s*, s:s*}", "id", id, "errno", err,
                    "text", text, "temp", temp);

    if (!rw_send(sock, msg, &fd, fd >= 0)) {
        rn_log(RN_LOG_ERROR, "mover: answer: %s", strerror(errno));
    }
}


void
rw_mover_cleaned(int sock, json_t *keys)
{
    if (!rw_send(sock, json_pack("{s:s, s:o}", "op", "cleaned", "keys", keys),
                 NULL, 0))
    {
        rn_log(RN_LOG_ERROR, "mover: answer: %s", strerror(errno));
    }
}


/* What is deleted for the janitor is told back: SQL asks until it is gone. */

static void
clean(rn_store *store, int sock, json_t *keys)
{
    size_t   i;
    json_t  *key, *gone;

    gone = json_array();

    json_array_foreach(keys, i, key) {
        if (rn_store_delete(store, json_string_value(key) ?: "") == 0) {
            (void) json_array_append(gone, key);
        } else {
            rn_log(RN_LOG_WARN, "mover: delete %s: %s",
                   json_string_value(key) ?: "", strerror(errno));
        }
    }

    rw_mover_cleaned(sock, gone);
}


static void
fetch(rw_servant *s, const char *task, const int *fds, size_t n)
{
    rw_servant_child(s, task, n == RW_FETCH_FDS && rw_servant_room(s)
                              ? rw_fetch_start(fds) : -1);
}


static void
open_file(mover *m, json_int_t id, const char *key)
{
    int  fd;

    fd = rn_store_get(&m->store, key);
    rw_mover_answer(m->sock, id, fd < 0 ? errno : 0, NULL, NULL, fd);

    if (fd >= 0) {
        (void) close(fd);
    }
}


static void
create_file(mover *m, json_int_t id)
{
    int   fd;
    char  temp[RN_STORE_TEMP];

    fd = rn_store_create(&m->store, temp);
    rw_mover_answer(m->sock, id, fd < 0 ? errno : 0, NULL,
                    fd < 0 ? NULL : temp, fd);

    if (fd >= 0) {
        (void) close(fd);
    }
}


static void
commit_file(mover *m, json_int_t id, int fd, const char *temp, const char *key)
{
    int  err;

    err = fd < 0 ? EBADF
          : rn_store_commit(&m->store, fd, temp, key) != 0 ? errno : 0;
    rw_mover_answer(m->sock, id, err, NULL, NULL, -1);
}


static void
delete_file(mover *m, const char *key)
{
    if (rn_store_delete(&m->store, key) != 0) {
        rn_log(RN_LOG_WARN, "mover: delete %s: %s", key, strerror(errno));
    }
}


static void
sweep_files(mover *m)
{
    size_t  n;

    n = rn_store_sweep(&m->store, SWEEP_AGE);

    if (n != 0) {
        rn_log(RN_LOG_INFO, "mover: %zu temporary files of the dead removed",
               n);
    }
}


/* Where storage is a directory. */

static bool
serve_files(mover *m, json_t *msg, const char *op, int fd)
{
    json_int_t   id;
    const char  *key;

    id = json_integer_value(json_object_get(msg, "id"));
    key = rw_str(msg, "key");

    if (strcmp(op, "open") == 0) {
        open_file(m, id, key);
    } else if (strcmp(op, "create") == 0) {
        create_file(m, id);
    } else if (strcmp(op, "commit") == 0) {
        commit_file(m, id, fd, rw_str(msg, "temp"), key);
    } else if (strcmp(op, "discard") == 0) {
        rn_store_discard(&m->store, rw_str(msg, "temp"));
    } else if (strcmp(op, "delete") == 0) {
        delete_file(m, key);
    } else if (strcmp(op, "clean") == 0) {
        clean(&m->store, m->sock, json_object_get(msg, "keys"));
    } else if (strcmp(op, "sweep") == 0) {
        sweep_files(m);
    } else {
        return false;
    }

    return true;
}


/* Where it is in S3. */

static bool
serve_s3(mover *m, json_t *msg, const char *op, int fd)
{
    json_int_t   id;
    const char  *key;

    id = json_integer_value(json_object_get(msg, "id"));
    key = rw_str(msg, "key");

    if (strcmp(op, "open") == 0) {
        rw_s3_open(m->s3, id, key);
    } else if (strcmp(op, "create") == 0) {
        rw_s3_create(m->s3, id);
    } else if (strcmp(op, "commit") == 0) {
        rw_s3_commit(m->s3, id, fd, rw_str(msg, "temp"), key);
    } else if (strcmp(op, "discard") == 0) {
        rw_s3_discard(m->s3, rw_str(msg, "temp"));
    } else if (strcmp(op, "delete") == 0) {
        rw_s3_delete(m->s3, key);
    } else if (strcmp(op, "clean") == 0) {
        rw_s3_clean(m->s3, json_object_get(msg, "keys"));
    } else if (strcmp(op, "sweep") == 0) {
        rw_s3_sweep(m->s3);
    } else {
        return false;
    }

    return true;
}


static void
serve(rw_servant *s, json_t *msg, const int *fds, size_t n_fds)
{
    int          fd;
    mover       *m = s->data;
    size_t       n;
    const char  *op;

    fd = n_fds > 0 ? fds[0] : -1;
    op = rw_str(msg, "op");

    if (strcmp(op, "fetch") == 0) {
        fetch(s, rw_str(msg, "task"), fds, n_fds);

    } else if (!(m->s3 != NULL ? serve_s3(m, msg, op, fd)
                               : serve_files(m, msg, op, fd)))
    {
        rw_mover_answer(s->sock, json_integer_value(json_object_get(msg, "id")),
                        ENOSYS, NULL, NULL, -1);
    }

    for (n = 0; n < n_fds; n++) {
        (void) close(fds[n]);
    }
}


static void
wait_s3(rw_servant *s, struct pollfd *fds, size_t n)
{
    mover  *m = s->data;

    rw_s3_wait(m->s3, fds, n);
}


static void
run(const char *storage, int sock)
{
    bool         ready;
    char         err[512];
    mover        m;
    rw_servant  *s;

    memset(&m, 0, sizeof(m));
    m.sock = sock;
    s = calloc(1, sizeof(rw_servant));
    (void) snprintf(err, sizeof(err), "out of memory");
    ready = false;

    if (s != NULL && rw_s3_is(storage)) {
        m.s3 = rw_s3_new(storage, sock, err, sizeof(err));
        s->wait = wait_s3;
        ready = m.s3 != NULL;

    } else if (s != NULL) {
        ready = rn_store_open(&m.store, storage, err, sizeof(err)) == 0;
    }

    if (!ready) {
        rn_log(RN_LOG_ERROR, "mover: %s", err);
        _exit(1);
    }

    s->sock = sock;
    s->serve = serve;
    s->data = &m;
    rw_servant_run(s);

    _exit(0);
}


pid_t
rw_mover_start(const char *storage, int *sock)
{
    pid_t  pid;

    pid = rw_servant_fork(sock);

    if (pid == 0) {
        run(storage, *sock);
    }

    return pid;
}
