/*
 * What the mover and the zygote are: children of the supervisor that do what
 * its messages say, have children of their own for its tasks, and live as long
 * as it.
 */

#ifndef RW_SERVANT_H
#define RW_SERVANT_H

#include "rw_proto.h"

#include <poll.h>
#include <sys/types.h>


#define RW_CHILDREN_MAX  1024           /* more than slots there can be */


typedef struct {
    pid_t  pid;
    char   task[40];
} rw_child;

typedef struct rw_servant  rw_servant;

struct rw_servant {
    int        sock;
    rw_child   children[RW_CHILDREN_MAX];
    void      *data;

    /* does what msg says; fds are its own from now on, msg is not */
    void     (*serve)(rw_servant *s, json_t *msg, const int *fds, size_t n);

    /* waits as poll() does, without an end; NULL: that does */
    void     (*wait)(rw_servant *s, struct pollfd *fds, size_t n);
};


/*
 * Forks it: its pid, or -1 with errno, in the supervisor; 0 in itself.  Each
 * has its end of the connection in *sock.
 */
pid_t rw_servant_fork(int *sock);

/* Serves until the supervisor is gone; then its children are killed. */
void rw_servant_run(rw_servant *s);

/* Whether it may have one child more. */
bool rw_servant_room(const rw_servant *s);

/*
 * Tells of a task's child, now and when it ends; with it goes a pidfd, by which
 * the supervisor can kill it and never a stranger.  pid -1: it could not be
 * started, which is told as its end.
 */
void rw_servant_child(rw_servant *s, const char *task, pid_t pid);


#endif /* RW_SERVANT_H */
