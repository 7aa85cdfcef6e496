/* The mover process; see rw_mover.h. */

#include "rw_mover.h"
#include "rn_log.h"
#include "rn_store.h"
#include "rw_proto.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>


#define SWEEP_AGE  10.0                 /* s without a write */


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
serve(rn_store *store, int sock, json_t *msg, int fd)
{
    int          got, rc;
    size_t       n;
    char         temp[RN_STORE_TEMP];
    json_int_t   id;
    const char  *op;

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
}


static void
run(const char *storage, int sock)
{
    int        fds[RW_FDS_MAX];
    char       err[256];
    size_t     i, n;
    json_t    *msg;
    rn_store   store;

    if (rn_store_open(&store, storage, err, sizeof(err)) != 0) {
        rn_log(RN_LOG_ERROR, "mover: %s", err);
        _exit(1);
    }

    while ((msg = rw_recv(sock, fds, &n)) != NULL) {
        serve(&store, sock, msg, n > 0 ? fds[0] : -1);

        for (i = 0; i < n; i++) {
            (void) close(fds[i]);
        }

        json_decref(msg);
    }

    _exit(0);
}


pid_t
rw_mover_start(const char *storage, int *sock)
{
    int    pair[2];
    pid_t  pid;

    if (!rw_pair(pair)) {
        return -1;
    }

    pid = fork();

    if (pid == 0) {
        (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void) signal(SIGTERM, SIG_IGN);    /* lives as long as its parent */
        (void) signal(SIGINT, SIG_IGN);
        (void) close(pair[0]);
        run(storage, pair[1]);
    }

    (void) close(pair[1]);

    if (pid < 0) {
        (void) close(pair[0]);
        return -1;
    }

    *sock = pair[0];

    return pid;
}
