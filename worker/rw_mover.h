/*
 * The mover: a process of its own that holds the keys of the storage and
 * decodes nothing.  It also starts those who fetch (rw_fetch.h), and tells of
 * them as the zygote does of its children.  Requests and answers are rw_proto
 * messages:
 *
 *   {"id", "op": "open", "key"}             -> {"id", "errno": 0} + fd
 *   {"id", "op": "create"}                  -> {"id", "errno", "temp"} + fd
 *   {"id", "op": "commit", "temp", "key"} + fd  -> {"id", "errno"}
 *                                    an errno may have a "text" that says more
 *   {"op": "discard", "temp"}                   no answer
 *   {"op": "delete", "key"}                     no answer
 *   {"op": "clean", "keys"}                 -> {"op": "cleaned", "keys"}: gone
 *   {"op": "sweep"}                             no answer
 *   {"op": "fetch", "task"} + fds       -> {"op": "started", "task"} + pidfd
 *                          and then  -> {"op": "exited", "task", "code",
 *                                        "signal"}
 */

#ifndef RW_MOVER_H
#define RW_MOVER_H

#include <sys/types.h>


/*
 * Forks the mover; its end of the connection goes to *sock.  Ends when the
 * connection does.  Returns its pid or -1.
 */
pid_t rw_mover_start(const char *storage, int *sock);


#endif /* RW_MOVER_H */
