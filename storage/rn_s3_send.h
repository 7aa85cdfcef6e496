/*
 * One try of one request, as rn_s3_client.c has it made: the handle of
 * libcurl, what comes back, and what that means.  Nobody else's.
 */

#ifndef RN_S3_SEND_H
#define RN_S3_SEND_H

#include "rn_s3_client.h"

#include <sys/queue.h>


typedef struct rn_s3_send  rn_s3_send;

struct rn_s3_send {
    rn_s3_client             *client;
    rn_s3_request            *request;
    TAILQ_ENTRY(rn_s3_send)   link;     /* of those that wait, or run */

    unsigned                  tried;
    int64_t                   due;      /* ms, of rn_s3_now() */
    unsigned                  keys;     /* which it was signed with */

    /* of this try */

    CURL                     *easy;     /* NULL: it waits */
    struct curl_slist        *headers;
    int64_t                   taken;    /* bytes of the object */
    bool                      refused;  /* by who takes them, */
    bool                      large;    /* or by us */
    bool                      ranged;   /* by Content-Range */
    char                     *answer;
    size_t                    answer_len;
    int64_t                   server;   /* its clock, s; 0: it told none */
    int64_t                   retry_after;      /* ms */
    char                      region[64];       /* where the bucket is */
};

struct rn_s3_client {
    rn_s3_settings            set;
    rn_sigv4                  sign;
    CURLM                    *multi;
    TAILQ_HEAD(, rn_s3_send)  waiting, running;
    unsigned                  n_running, allowed;
    unsigned                  n_keys;   /* that it has had */
    bool                      renewing;
    int64_t                   renewed;  /* ms, when it was asked for */
    uint64_t                  made, again;
};


/* Milliseconds of a clock that only runs forward. */
int64_t rn_s3_now(void);

/* Signs, and makes the handle.  False: it cannot; then, too, end it. */
bool rn_s3_send_begin(rn_s3_send *s);

/* Sets what the request's owner will read. */
void rn_s3_send_judge(rn_s3_send *s, CURLcode rc);

/* Lets go of the handle. */
void rn_s3_send_end(rn_s3_send *s);


#endif /* RN_S3_SEND_H */
