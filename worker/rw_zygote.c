/* The zygote process; see rw_zygote.h. */

#include "rw_zygote.h"
#include "rn_log.h"
#include "rw_servant.h"
#include "sandbox.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>


typedef struct {
    char         task[40], kind[32];    /* being told */
    size_t       expected;
    stage_task   order;
    stage_file  *files;
} zygote;


static void
close_order(zygote *z)
{
    size_t  i;

    if (z->task[0] == '\0') {
        return;
    }

    (void) close(z->order.spec);
    (void) close(z->order.result);
    (void) close(z->order.status);

    for (i = 0; i < z->order.n_files; i++) {
        (void) close(z->files[i].fd);
    }

    free(z->files);
    z->files = NULL;
    z->order.n_files = 0;
    z->task[0] = '\0';
}


static void
start(rw_servant *s, zygote *z)
{
    z->order.kind = z->kind;
    z->order.files = z->files;

    rw_servant_child(s, z->task, rw_servant_room(s) ? stage_fork(&z->order)
                                                    : -1);
    close_order(z);
}


static void
serve(rw_servant *s, json_t *msg, const int *fds, size_t n)
{
    size_t       i, k;
    zygote      *z = s->data;
    const char  *op;

    op = rw_str(msg, "op");

    if (strcmp(op, "begin") == 0 && n == 3) {
        close_order(z);

        (void) snprintf(z->task, sizeof(z->task), "%s", rw_str(msg, "task"));
        (void) snprintf(z->kind, sizeof(z->kind), "%s", rw_str(msg, "kind"));
        z->expected = (size_t) json_integer_value(json_object_get(msg,
                                                                  "files"));
        z->order.spec = fds[0];
        z->order.result = fds[1];
        z->order.status = fds[2];
        z->files = calloc(z->expected + 1, sizeof(stage_file));

        if (z->files == NULL) {
            z->expected = 0;
        }

    } else if (strcmp(op, "files") == 0
               && strcmp(rw_str(msg, "task"), z->task) == 0)
    {
        for (i = 0; i < n && z->order.n_files < z->expected; i++) {
            k = z->order.n_files++;
            z->files[k].fd = fds[i];
            (void) snprintf(z->files[k].name, sizeof(z->files[k].name), "%s",
                            json_string_value(json_array_get(
                                json_object_get(msg, "names"), i)) ?: "");
        }

        for ( /* void */ ; i < n; i++) {    /* more than were told of */
            (void) close(fds[i]);
        }

    } else {
        for (i = 0; i < n; i++) {
            (void) close(fds[i]);
        }
        return;
    }

    if (z->order.n_files == z->expected) {
        start(s, z);
    }
}


/* Tells whether children will be confined; where they would not, it ends. */

static void
make_ready(int sock, unsigned layers)
{
    char  why[256];

    if (sandbox_prepare(layers, why, sizeof(why))
        && sandbox_test(NULL, NULL, why, sizeof(why)))
    {
        (void) rw_send(sock, json_pack("{s:s}", "op", "ready"), NULL, 0);
        return;
    }

    (void) rw_send(sock, json_pack("{s:s, s:s}", "op", "unsafe", "text", why),
                   NULL, 0);
    _exit(1);
}


static void
run(int sock)
{
    zygote      *z;
    rw_servant  *s;

    z = calloc(1, sizeof(zygote));
    s = calloc(1, sizeof(rw_servant));

    if (z == NULL || s == NULL) {
        _exit(1);
    }

    s->sock = sock;
    s->serve = serve;
    s->data = z;
    rw_servant_run(s);

    _exit(0);
}


/* clearenv() forgets where the strings are; they would still lie there. */

static void
forget_environment(void)
{
    char  **e;

    for (e = environ; e != NULL && *e != NULL; e++) {
        explicit_bzero(*e, strlen(*e));
    }

    (void) clearenv();
}


static bool
is_ready(int sock)
{
    int      fds[RW_FDS_MAX];
    bool     ok;
    size_t   n;
    json_t  *msg;

    msg = rw_recv(sock, fds, &n);
    ok = strcmp(rw_str(msg, "op"), "ready") == 0;

    if (!ok) {
        rn_log(RN_LOG_ERROR, "the sandbox does not hold: %s", msg != NULL
               ? rw_str(msg, "text") : "the zygote has ended");
    }

    json_decref(msg);
    errno = EPERM;

    return ok;
}


pid_t
rw_zygote_start(int *sock, unsigned layers)
{
    int    own;
    pid_t  pid;

    pid = rw_servant_fork(&own);

    if (pid == 0) {
        forget_environment();
        make_ready(own, layers);
        run(own);
    }

    if (pid > 0 && !is_ready(own)) {
        (void) close(own);
        pid = -1;
    }

    if (pid > 0) {
        *sock = own;
    }

    return pid;
}
