/* What a part of the engine sees of the world: files that it is lent. */

#ifndef RN_ENV_H
#define RN_ENV_H

#include "rn_av.h"


/* What a task is lent: files by digest, and an ear for its progress. */

typedef struct {
    int    (*file)(void *opaque, const char *sha256);   /* fd, or -1 */
    void   (*progress)(void *opaque, int64_t units);    /* may be NULL */
    void    *opaque;
    int      threads;                   /* of a film's decoder, where somebody
                                           waits for one picture; 0: one */
} rn_env;


#endif /* RN_ENV_H */
