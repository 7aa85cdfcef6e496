/*
 * The zygote: single-threaded, forked before the supervisor knows a secret,
 * with the libraries loaded; forks one confined child a task and tells how it
 * ended.
 *
 *   {"op": "begin", "task", "kind", "files": n} + spec, result, status fds
 *   {"op": "files", "task", "names": [...]}     + one fd a name, until n
 *                        -> {"op": "started", "task"} + pidfd
 *                        -> {"op": "exited", "task", "code", "signal"}
 *
 * Before all that it says {"op": "ready"}, or {"op": "unsafe", "text"} and
 * ends.
 */

#ifndef RW_ZYGOTE_H
#define RW_ZYGOTE_H

#include <sys/types.h>


/*
 * Forks the zygote, and waits until it has tried its sandbox of these layers
 * (sandbox.h); see rw_mover_start.
 */
pid_t rw_zygote_start(int *sock, unsigned layers);


#endif /* RW_ZYGOTE_H */
