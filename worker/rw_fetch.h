/*
 * The guarded fetch of what a composition names by its URL: a task of the kind
 * "fetch", done by a process of its own.
 *
 * A process for each, and not a loop of the mover's: looking a name up may
 * block, TLS and HTTP are code that reads what strangers send, and an end is
 * made of it by SIGKILL.  The mover forks it, as the one that may use the
 * network, and it executes this very program anew, so that nothing of the
 * mover is left in its memory: it has four descriptors (specification, result,
 * status, the file to write), the settings of fetching, no folder of storage
 * and no password.  To the supervisor it is like a render child.
 */

#ifndef RW_FETCH_H
#define RW_FETCH_H

#include "rw_http.h"

#include <stdbool.h>
#include <sys/types.h>


#define RW_FETCH_ARGUMENT  "--fetch"
#define RW_FETCH_FDS       4


typedef struct {
    bool            on;
    rw_http_guard   guard;
    long            mb, seconds;        /* at the most */
    long            slots;              /* at one time */
} rw_fetch_settings;


/* From the environment; false: one is wrong, and was logged. */
bool rw_fetch_configure(rw_fetch_settings *s);

/*
 * Forks and executes; fds: specification, result, status, file, which stay the
 * caller's.  Its pid, or -1.
 */
pid_t rw_fetch_start(const int fds[RW_FETCH_FDS]);

/* What the process does, its descriptors from 3 on; its exit status. */
int rw_fetch_main(void);


#endif /* RW_FETCH_H */
