/*
 * An object on its way to S3: in one request where it is small, else as a
 * multipart upload with several parts at one time.  It may begin before all
 * bytes are there.  An object appears whole or not at all; of one that fails
 * the parts are given up.
 *
 * Each part goes with its SHA-256, which the server checks.
 */

#ifndef RN_S3_PUT_H
#define RN_S3_PUT_H

#include "rn_s3_client.h"


#define RN_S3_PART      (8 * 1024 * 1024)       /* bytes, at the least */
#define RN_S3_PARTS     10000           /* at the most (Amazon S3) */
#define RN_S3_PARALLEL  8               /* parts of one object, at the most */
#define RN_S3_UPLOAD    1024            /* room for the name of an upload */

typedef struct rn_s3_put  rn_s3_put;

typedef struct {
    rn_s3_put      *put;
    int             number;             /* from 1; 0: it is all there is */
    int64_t         from;
    size_t          len;
    const void     *bytes;              /* its owner's, */
    char            sha256[RN_SHA256_HEX + 1];
    void           *data;               /* and this */

    char            text[12];           /* the number */
    bool            busy;
    bool            given;
    rn_s3_request   request;
} rn_s3_part;

struct rn_s3_put {

    /* asked */

    rn_s3_client   *client;
    const char     *key;
    const char     *type;               /* of its content; NULL: not told */
    int64_t         expected;           /* bytes, at the most; decides how large
                                           parts are */
    unsigned        parallel;

    /*
     * Bytes are needed: who has them sets part->bytes and calls
     * rn_s3_put_give(), now or later; they stay until `left`.
     */
    void          (*want)(rn_s3_part *part);
    void          (*left)(rn_s3_part *part);
    void          (*done)(rn_s3_put *p);
    void           *data;

    /* answered */

    rn_s3_verdict   verdict;            /* RN_S3_DONE, or why not */
    char            text[512];

    /* its own */

    int             state;
    int64_t         size;               /* bytes that are there */
    bool            whole, failed, again, asking, given_up;
    unsigned        begun;              /* how often */
    size_t          part_size;
    int             next, n_done;       /* parts */
    char          **etags;
    char            upload[RN_S3_UPLOAD];
    char            mark[RN_UUID_LEN + 1];
    char           *list;               /* of the parts */
    rn_s3_part      parts[RN_S3_PARALLEL];
    rn_s3_request   request;
};


/* How large the parts of an object of so many bytes are. */
size_t rn_s3_part_size(int64_t expected);

/* Begins; what is asked is set, all else 0. */
void rn_s3_put_start(rn_s3_put *p);

/*
 * So many bytes are there now; whole: and there will be no more.  Calls `want`,
 * and `done` where that fails at once.
 */
void rn_s3_put_more(rn_s3_put *p, int64_t size, bool whole);

/* A part's bytes are there; NULL: they cannot be read, and it has failed. */
void rn_s3_put_give(rn_s3_part *part, const char *why);

/* It is not wanted any more; `done` comes when its parts are given up. */
void rn_s3_put_abort(rn_s3_put *p);

/* Forgets it, whatever lies in S3; nothing is called any more but `left`. */
void rn_s3_put_cancel(rn_s3_put *p);


#endif /* RN_S3_PUT_H */
