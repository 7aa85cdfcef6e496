/*
 * Where objects lie in S3, or in what speaks like it, who may have them, and
 * what its answers say: the bucket's URL, its hosts and paths, access keys in
 * all the places where they are kept, errors.  Pure functions over text: no
 * network, no clock, no files; who reads and sends is the caller.
 */

#ifndef RN_S3_H
#define RN_S3_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>


#define RN_S3_PATH  1400                /* room for the path of an object */

typedef struct {
    char  bucket[64];
    char  prefix[256];                  /* "" or with a slash at its end */
    char  region[64];
    char  host[320];                    /* as in Host:, an odd port with it */
    bool  tls;
    bool  in_path;                      /* the bucket is the path's first step,
                                           and not the host's */
} rn_s3;

typedef struct {
    char     access[256], secret[256];
    char     token[4096];               /* of a session, or "" */
    int64_t  expires;                   /* s since the epoch; 0: they do not */
} rn_s3_keys;

/* The value of a variable, or NULL; it stays the caller's. */
typedef const char *(*rn_s3_env)(void *data, const char *name);


/*
 * Reads s3://bucket/prefix?endpoint=URL&region=NAME&style=path|host.  What is
 * not said is taken from AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL, AWS_REGION and
 * AWS_DEFAULT_REGION, else it is Amazon's us-east-1.  The bucket is in the
 * path where there is an endpoint, or a dot in its name, which certificates do
 * not have.  False, with a reason in err.
 */
bool rn_s3_read(rn_s3 *s, const char *url, rn_s3_env env, void *data, char *err,
    size_t err_len);

/* The path of an object, not encoded; false: it does not fit. */
bool rn_s3_path(const rn_s3 *s, const char *key, char path[RN_S3_PATH]);


/*
 * Keys out of AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN.
 * False: they are not there, or, where err is not "", wrong.
 */
bool rn_s3_keys_env(rn_s3_keys *k, rn_s3_env env, void *data, char *err,
    size_t err_len);

/*
 * Keys of a profile ("default") out of a shared credentials file,
 * ~/.aws/credentials.  False: it has none.
 */
bool rn_s3_keys_file(rn_s3_keys *k, const char *text, size_t len,
    const char *profile);

/*
 * Keys out of what the services of containers and instances answer: JSON with
 * AccessKeyId, SecretAccessKey, Token and Expiration.  False: they are none.
 */
bool rn_s3_keys_json(rn_s3_keys *k, const char *text, size_t len);


/* s since the epoch of "2026-11-23T07:00:00Z" (RFC 3339); -1: it is none. */
int64_t rn_s3_time(const char *text);


/* What is to be done after an answer. */

typedef enum {
    RN_S3_DONE,                         /* it was done */
    RN_S3_NONE,                         /* there is no such object */
    RN_S3_AGAIN,                        /* the same once more, after a while */
    RN_S3_SLOWER,                       /* and fewer at a time */
    RN_S3_KEYS,                         /* with new keys: these have expired */
    RN_S3_CLOCK,                        /* never: this machine's clock is off */
    RN_S3_NEVER                         /* nor the same another time */
} rn_s3_verdict;

typedef struct {
    char  code[64];                     /* of S3, or "" */
    char  message[256];                 /* the same, fit for a person */
} rn_s3_error;

/*
 * Judges a whole answer by its status and, where it has one, its body: a copy,
 * or the end of a multipart upload, may fail after 200 was sent.  A body that
 * was cut off is RN_S3_AGAIN.
 */
rn_s3_verdict rn_s3_judge(int status, const char *body, size_t len,
    rn_s3_error *e);

/* Called with each element at its end: "ListBucketResult/Contents/Key". */
typedef void (*rn_s3_element)(void *data, const char *path, const char *text);

/*
 * Reads an answer, whose texts may have 4096 bytes each; false: it is no whole
 * XML, or has what no answer of S3 has (a DTD, eight levels, namespaces of
 * others); what was read was told.
 */
bool rn_s3_parse(const char *xml, size_t len, rn_s3_element element,
    void *data);


#endif /* RN_S3_H */
