/*
 * An object on its way from S3, by ranges of it at the same time.  That all of
 * them are of one object, its ETag tells.
 */

#ifndef RN_S3_GET_H
#define RN_S3_GET_H

#include "rn_s3_client.h"


#define RN_S3_RANGE   (8 * 1024 * 1024)
#define RN_S3_RANGES  8                 /* at one time, at the most */

typedef struct rn_s3_get  rn_s3_get;

typedef struct {
    rn_s3_get      *get;
    int64_t         from, len;          /* len -1: the first, of any length */
    int64_t         came;
    bool            odd;                /* it was answered with something else */
    char            text[64];           /* the header */
    rn_s3_request   request;
} rn_s3_range;

struct rn_s3_get {

    /* asked */

    rn_s3_client   *client;
    const char     *key;
    unsigned        parallel;

    /* Keeps bytes, in any order, and some of them twice; false: it cannot. */
    bool          (*keep)(rn_s3_get *g, int64_t at, const void *data, size_t n);
    void          (*done)(rn_s3_get *g);
    void           *data;

    /* answered: RN_S3_DONE, RN_S3_NONE: there is none, or why not */

    rn_s3_verdict   verdict;
    char            text[512];
    int64_t         size;

    /* its own */

    bool            over;
    unsigned        begun;
    int64_t         next;               /* byte that nobody gets yet */
    char            etag[RN_S3_ETAG];
    rn_s3_range     ranges[RN_S3_RANGES];
};


/* Begins; what is asked is set, all else 0. */
void rn_s3_get_start(rn_s3_get *g);

/* Forgets it; nothing is called any more. */
void rn_s3_get_cancel(rn_s3_get *g);


#endif /* RN_S3_GET_H */
