/* The mover process; see rw_mover.h. */

#include "rw_mover.h"
#include "rn_log.h"
#include "rn_store.h"
#include "rw_fetch.h"
#include "rw_servant.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>


#define SWEEP_AGE    10.0               /* s without a write */


static void
answer(int sock, json_int_t id, int err, const char *temp, int fd)
{
    json_t  *msg;

    msg = json_pack("{s:I, s:i, s:s*}", "id", id, "errno", err, "temp", temp);

    if (!rw_send(sock, msg, &fd, fd >= 0)) {
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

    if (!rw_send(sock, json_pack("{s:s, s:o}", "op", "cleaned", "keys", gone),
                 NULL, 0))
    {
        rn_log(RN_LOG_ERROR, "mover: answer: %s", strerror(errno));
    }
}


static void
fetch(rw_servant *s, const char *task, const int *fds, size_t n)
{
    rw_servant_child(s, task, n == RW_FETCH_FDS && rw_servant_room(s)
                              ? rw_fetch_start(fds) : -1);
}


static void
serve(rw_servant *s, json_t *msg, const int *fds, size_t n_fds)
{
    int          got, rc, fd, sock = s->sock;
    size_t       n;
    char         temp[RN_STORE_TEMP];
    rn_store    *store = s->data;
    json_int_t   id;
    const char  *op;

    fd = n_fds > 0 ? fds[0] : -1;
    op = rw_str(msg, "op");
    id = json_integer_value(json_object_get(msg, "id"));

    if (strcmp(op, "open") == 0) {
        got = rn_store_get(store, rw_str(msg, "key"));
        answer(sock, id, got < 0 ? errno : 0, NULL, got);
        if (got >= 0) {
            (void) close(got);
        }

    } else if (strcmp(op, "create") == 0) {
        got = rn_store_create(store, temp);
        answer(sock, id, got < 0 ? errno : 0, got < 0 ? NULL : temp, got);
        if (got >= 0) {
            (void) close(got);
        }

    } else if (strcmp(op, "commit") == 0) {
        rc = fd >= 0 ? rn_store_commit(store, fd, rw_str(msg, "temp"),
                                       rw_str(msg, "key")) : -1;
        answer(sock, id, fd < 0 ? EBADF : rc != 0 ? errno : 0, NULL, -1);

    } else if (strcmp(op, "fetch") == 0) {
        fetch(s, rw_str(msg, "task"), fds, n_fds);

    } else if (strcmp(op, "discard") == 0) {
        rn_store_discard(store, rw_str(msg, "temp"));

    } else if (strcmp(op, "delete") == 0) {
        if (rn_store_delete(store, rw_str(msg, "key")) != 0) {
            rn_log(RN_LOG_WARN, "mover: delete %s: %s", rw_str(msg, "key"),
                   strerror(errno));
        }

    } else if (strcmp(op, "clean") == 0) {
        clean(store, sock, json_object_get(msg, "keys"));

    } else if (strcmp(op, "sweep") == 0) {
        n = rn_store_sweep(store, SWEEP_AGE);
        if (n != 0) {
            rn_log(RN_LOG_INFO, "mover: %zu temporary files of the dead "
                   "removed", n);
        }

    } else {
        answer(sock, id, ENOSYS, NULL, -1);
    }

    for (n = 0; n < n_fds; n++) {
        (void) close(fds[n]);
    }
}


static void
run(const char *storage, int sock)
{
    char         err[256];
    rn_store     store;
    rw_servant  *s;

    s = calloc(1, sizeof(rw_servant));

    if (s == NULL || rn_store_open(&store, storage, err, sizeof(err)) != 0) {
        rn_log(RN_LOG_ERROR, "mover: %s", s == NULL ? "out of memory" : err);
        _exit(1);
    }

    s->sock = sock;
    s->serve = serve;
    s->data = &store;
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
