/* What the mover's files share; for rw_mover*.c alone. */

#ifndef RW_MOVER_PARTS_H
#define RW_MOVER_PARTS_H

#include "rw_servant.h"


/* Answers a request: errno (0: it was done), why not, a name, a descriptor. */
void rw_mover_answer(int sock, json_int_t id, int err, const char *text,
    const char *temp, int fd);

/* Tells that these keys are gone (its reference). */
void rw_mover_cleaned(int sock, json_t *keys);


/* Objects in S3, by way of a directory of this host. */

typedef struct rw_s3  rw_s3;

/* Whether storage is in S3. */
bool rw_s3_is(const char *url);

/* From the environment; NULL, with a reason in err. */
rw_s3 *rw_s3_new(const char *url, int sock, char *err, size_t err_len);

/* The messages of rw_mover.h; descriptors stay the caller's. */
void rw_s3_open(rw_s3 *s, json_int_t id, const char *key);
void rw_s3_create(rw_s3 *s, json_int_t id);
void rw_s3_commit(rw_s3 *s, json_int_t id, int fd, const char *temp,
    const char *key);
void rw_s3_discard(rw_s3 *s, const char *temp);
void rw_s3_delete(rw_s3 *s, const char *key);
void rw_s3_clean(rw_s3 *s, json_t *keys);
void rw_s3_sweep(rw_s3 *s);

/* Waits for a servant's descriptors, and meanwhile moves what is to be. */
void rw_s3_wait(rw_s3 *s, struct pollfd *fds, size_t n);


#endif /* RW_MOVER_PARTS_H */
