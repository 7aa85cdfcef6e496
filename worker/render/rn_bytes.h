/* A small file in memory, from its descriptor. */

#ifndef RN_BYTES_H
#define RN_BYTES_H

#include "rn_av.h"


typedef struct {
    char    *p;                         /* with a NUL behind; NULL: none */
    size_t   n;
} rn_bytes;


/*
 * Reads the file, at most `max` bytes of it: a larger one is RN_E_LIMIT.  The
 * descriptor stays the caller's.  Freed by rn_bytes_free.
 */
rn_status rn_bytes_read(int fd, size_t max, rn_bytes *out, rn_fault *fault);

/* Reads what there is of the first `max` bytes; false: it cannot be read. */
bool rn_bytes_head(int fd, char *out, size_t max, size_t *n);

void rn_bytes_free(rn_bytes *b);


#endif /* RN_BYTES_H */
