/*
 * Messages between supervisor, mover and zygote: one JSON object a packet of a
 * SOCK_SEQPACKET pair, with descriptors beside it.
 */

#ifndef RW_PROTO_H
#define RW_PROTO_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>


#define RW_FDS_MAX  200                 /* descriptors a message (253 is the
                                           kernel's limit) */


/* A connected pair, close-on-exec; false with errno. */
bool rw_pair(int fds[2]);

/* Sends msg (its reference is taken); the descriptors stay the caller's. */
bool rw_send(int sock, json_t *msg, const int *fds, size_t n);

/*
 * Receives one message; *n is the number of descriptors put into fds, which
 * the caller now owns.  NULL at the end of the connection, or with errno.
 */
json_t *rw_recv(int sock, int fds[RW_FDS_MAX], size_t *n);

/* A member that must be a string; "" when it is not. */
const char *rw_str(json_t *o, const char *name);


#endif /* RW_PROTO_H */
