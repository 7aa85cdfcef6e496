/*
 * Signatures of requests to S3: AWS Signature Version 4 with the rules of S3
 * (the path is encoded once and not normalised), in headers and presigned in a
 * URL.  Pure functions over what is given: no clock, no network, no files.
 *
 * Source: Amazon S3 API Reference, "Authenticating Requests (AWS Signature
 * Version 4)".
 */

#ifndef RN_SIGV4_H
#define RN_SIGV4_H

#include "rn_id.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>


#define RN_SIGV4_PAIRS    24            /* of a query, or headers, with ours */
#define RN_SIGV4_QUERY    12288         /* bytes of a query, encoded */
#define RN_SIGV4_EXPIRES  604800        /* s, the most that S3 takes */

/* In place of the payload's SHA-256: it is not signed. */
#define RN_SIGV4_UNSIGNED  "UNSIGNED-PAYLOAD"


/*
 * Who signs.  The key is derived anew only when the day changes, so that one
 * of these is one thread's; {0} but for the five strings, which stay the
 * caller's.
 */

typedef struct {
    const char     *access_key, *secret_key;
    const char     *token;              /* of a session, or NULL */
    const char     *region;
    const char     *service;            /* "s3" */

    char            day[9];             /* of the key */
    unsigned char   key[32];
} rn_sigv4;

typedef struct {
    const char  *name, *value;          /* as they are, not encoded */
} rn_sigv4_pair;

typedef struct {
    const char           *method;       /* "GET" */
    const char           *host;         /* as in Host: with an odd port */
    const char           *path;         /* "/bucket/a key", not encoded */
    const rn_sigv4_pair  *query;
    size_t                n_query;
    const rn_sigv4_pair  *headers;      /* to be signed beside ours */
    size_t                n_headers;
    const char           *sha256;       /* hex of the payload's, or
                                           RN_SIGV4_UNSIGNED */
} rn_sigv4_request;

/* What is to be sent with it, beside the headers that were given. */

typedef struct {
    char  authorization[1024];          /* Authorization */
    char  date[17];                     /* X-Amz-Date */
} rn_sigv4_signed;


/*
 * Signs a request, at a time in seconds since the epoch.  Sent are also
 * X-Amz-Content-Sha256 with what the request has, and, with a session,
 * X-Amz-Security-Token.  False: it has too many or too long parts.
 */
bool rn_sigv4_sign(rn_sigv4 *s, const rn_sigv4_request *req, int64_t now,
    rn_sigv4_signed *out);

/*
 * Writes the path and the query that is a request of this kind, for `expires`
 * seconds (1 to RN_SIGV4_EXPIRES) from now; whoever uses it sends the headers
 * that were given, too.  req->sha256 is not looked at.  False: it does not fit.
 */
bool rn_sigv4_presign(rn_sigv4 *s, const rn_sigv4_request *req, int64_t now,
    int64_t expires, char *target, size_t len);

/* The path and the query of a request, encoded as they are signed. */
bool rn_sigv4_target(const rn_sigv4_request *req, char *target, size_t len);


#endif /* RN_SIGV4_H */
