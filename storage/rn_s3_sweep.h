/*
 * Gives up multipart uploads that nobody will end: their parts cost, and no
 * listing of objects shows them.
 */

#ifndef RN_S3_SWEEP_H
#define RN_S3_SWEEP_H

#include "rn_s3_client.h"
#include "rn_s3_put.h"


#define RN_S3_SWEEP_KEY  1100

typedef struct {
    char  key[RN_S3_SWEEP_KEY], upload[RN_S3_UPLOAD];
} rn_s3_left;

typedef struct rn_s3_sweep  rn_s3_sweep;

struct rn_s3_sweep {
    rn_s3_client   *client;
    int64_t         before;             /* those begun before it, s since the
                                           epoch */
    void          (*done)(rn_s3_sweep *w);
    void           *data;

    /* answered */

    rn_s3_verdict   verdict;
    char            text[512];
    size_t          given_up, kept;     /* that could not be */

    /* its own */

    rn_s3_left     *left;               /* of one list */
    size_t          n_left, next;
    rn_s3_left      at, mark;           /* that is read; where the next begin */
    rn_s3_left      last;               /* and where these did */
    int64_t         initiated;
    bool            more;
    rn_s3_verdict   fault;              /* of the first that is kept */
    rn_s3_request   request;
};


/* Begins; what is asked is set, all else 0. */
void rn_s3_sweep_start(rn_s3_sweep *w);

/* Forgets it; nothing is called any more. */
void rn_s3_sweep_cancel(rn_s3_sweep *w);


#endif /* RN_S3_SWEEP_H */
