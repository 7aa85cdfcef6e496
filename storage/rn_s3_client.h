/*
 * Requests to S3, many at a time, by libcurl's multi interface: signed, judged,
 * and sent again where that helps.  It has no loop of its own and never waits:
 * whoever owns it watches the sockets (curl_multi_poll() in the mover,
 * curl_multi_socket_action() in nginx) and calls rn_s3_client_run() after them.
 * One thread's.
 *
 * What a request is about is not known here; see rn_s3_put.h, rn_s3_get.h.
 */

#ifndef RN_S3_CLIENT_H
#define RN_S3_CLIENT_H

#include "rn_s3.h"
#include "rn_sigv4.h"

#include <curl/curl.h>


#define RN_S3_QUERY    6                /* parts of a query */
#define RN_S3_HEADERS  6
#define RN_S3_ETAG     256
#define RN_S3_LINK     16384            /* room for a presigned URL */

/* A header that tells objects of one key apart. */
#define RN_S3_MARK     "x-amz-meta-render-upload"


typedef struct rn_s3_client   rn_s3_client;
typedef struct rn_s3_request  rn_s3_request;

typedef struct {
    rn_s3        bucket;
    rn_s3_keys   keys;
    const char  *ca;                    /* a file of certificates, or NULL: the
                                           system's */
    long         stall;                 /* s without a byte, and it is given up;
                                           also for a connection */
    unsigned     tries;                 /* of each request */
    unsigned     parallel;              /* requests at one time */

    /*
     * The keys have expired, or soon will: whoever can get others does, and
     * says them by rn_s3_client_keys(), soon or late, or that he could not by
     * NULL.  NULL: nobody can.
     */
    void       (*renew)(void *data);
    void        *renew_data;
} rn_s3_settings;


/*
 * One request: filled by its owner, who keeps it, and all that it points to,
 * until `done` was called or he has cancelled it.
 */

struct rn_s3_request {

    /* asked */

    const char       *method;
    const char       *key;              /* "": the bucket itself */
    rn_sigv4_pair     query[RN_S3_QUERY];
    size_t            n_query;
    rn_sigv4_pair     headers[RN_S3_HEADERS];
    size_t            n_headers;
    const void       *body;             /* to be sent, */
    size_t            len;
    const char       *sha256;           /* with its digest as hex; NULL: it is
                                           taken here */
    const char       *root;             /* element that an answer 2xx is; NULL:
                                           it is empty */

    /*
     * Takes the bytes of an object that come, in their order; false: it cannot.
     * When a request is made again it is called with `at` 0 again.  NULL: they
     * are kept in `answer`.
     */
    bool            (*take)(rn_s3_request *r, int64_t at, const void *data,
                            size_t n);
    void            (*done)(rn_s3_request *r);
    void             *data;             /* the owner's */

    /* answered */

    rn_s3_verdict     verdict;
    int               status;           /* of HTTP; 0: there was no answer */
    char              text[512];        /* why not, for a person */
    rn_s3_error       error;            /* the server's own words */
    char              etag[RN_S3_ETAG]; /* with its quotes, or "" */
    int64_t           size;             /* of the object; -1: was not told */
    int64_t           first, last;      /* bytes of it that came; -1: all */
    char              mark[64];         /* that it was stored with, or "" */
    const char       *answer;           /* what came, and has an end; it goes
                                           when `done` comes back */
    size_t            answer_len;

    /* the client's */

    struct rn_s3_send  *send;           /* NULL: it is at rest */
};


/*
 * NULL: out of memory.  The settings are copied, but for `ca`.  Call
 * curl_global_init() before.
 */
rn_s3_client *rn_s3_client_new(const rn_s3_settings *s);

/* Cancels what is under way; `done` is not called. */
void rn_s3_client_free(rn_s3_client *c);

/* What it was made for. */
const rn_s3 *rn_s3_client_bucket(const rn_s3_client *c);

/* For its owner's loop. */
CURLM *rn_s3_client_multi(rn_s3_client *c);

/*
 * Takes what has come to its end, and begins what is due.  Returns after how
 * many ms it is to be called again, though nothing may have happened until
 * then; -1: need not be.
 */
long rn_s3_client_run(rn_s3_client *c);

/*
 * Puts a request at the end of those that wait; rn_s3_client_run() begins it,
 * and is what calls `done`.  Not to be called by `take`, as the next is not.
 */
void rn_s3_request_start(rn_s3_client *c, rn_s3_request *r);

/* Forgets a request, wherever it stands; nothing is called any more. */
void rn_s3_request_cancel(rn_s3_request *r);

/* Whether it was begun and has not come to its end. */
bool rn_s3_request_busy(const rn_s3_request *r);

/*
 * Other keys, from now on, also for what waits to be sent again; NULL: there
 * are none, and those before are used as long as they do.
 */
void rn_s3_client_keys(rn_s3_client *c, const rn_s3_keys *keys);

/*
 * Writes the URL by which anybody may GET or HEAD an object, whichever is said,
 * for so many seconds from now (1 to RN_SIGV4_EXPIRES); it is told with this type and disposition, or,
 * NULL, as it was stored.  No request is made.  False: it does not fit.
 */
bool rn_s3_client_presign(rn_s3_client *c, const char *method, const char *key,
    int64_t now, int64_t seconds, const char *type, const char *disposition,
    char *out, size_t size);

/* Requests that were made, and of them those that were made again. */
void rn_s3_client_count(const rn_s3_client *c, uint64_t *made,
    uint64_t *again);


#endif /* RN_S3_CLIENT_H */
