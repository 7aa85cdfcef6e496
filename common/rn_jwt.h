/*
 * Access tokens: JWTs (RFC 7519) of one issuer, one algorithm (HS256) and one
 * key, in the compact form of RFC 7515.  A general reader believes the header
 * about its algorithm; this one has nothing to believe, and reads no JSON that
 * the key's holder has not signed.
 */

#ifndef RN_JWT_H
#define RN_JWT_H

#include "rn_id.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>


#define RN_JWT_ISSUER  "nginx-render"
#define RN_JWT_MAX     4096             /* bytes of a token */
#define RN_JWT_ROLE    32               /* bytes of a role */
#define RN_JWT_LEEWAY  60               /* s, for clocks that differ */


typedef struct {
    char     account[RN_UUID_LEN + 1];
    char     role[RN_JWT_ROLE + 1];
    int64_t  expires;                   /* from here on it is refused */
    int64_t  until;                     /* and what it has opened ends: later,
                                           for one that is short-lived */
} rn_jwt;


/*
 * The token of an account: ttl seconds from now on, for this one use, or, when
 * `use` is NULL, for any that needs no ticket.  What a token of one use opens
 * may stay open `until` then; else until is 0.  To be freed; NULL: no memory or
 * no entropy.
 */
char *rn_jwt_issue(const void *key, size_t key_len, int64_t now, int64_t ttl,
    const char *account, const char *role, const char *use, int64_t until);

/*
 * Whether these bytes are a token of ours that holds now, for that use.  NULL:
 * *jwt is what it says; else a sentence for a person, and *jwt is all zero.
 */
const char *rn_jwt_verify(const void *key, size_t key_len, int64_t now,
    const char *use, const char *token, size_t len, rn_jwt *jwt);

/*
 * base64url without padding (RFC 7515, section 2); both return the length.
 * Encoding n bytes takes 4n/3 + 3 in out, with its NUL.  Decoding takes 3n/4,
 * and gives -1 for what encoding does not make: other characters, padding, a
 * length that cannot be, bits at the end that are not zero.
 */
size_t rn_base64url(const void *bytes, size_t n, char *out);
long rn_base64url_decode(const char *text, size_t n, void *out);


#endif /* RN_JWT_H */
