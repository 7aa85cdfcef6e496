/*
 * Values of request headers, looked at as bytes: what has the shape that its
 * specification gives it.  Nothing is looked up here, and nobody admitted.
 */

#ifndef RN_HEADER_H
#define RN_HEADER_H

#include <stdbool.h>
#include <stddef.h>


typedef enum {
    RN_BEARER_OK,
    RN_BEARER_OTHER,                    /* another scheme, or nothing behind */
    RN_BEARER_BAD                       /* what cannot be a token */
} rn_bearer_e;


/*
 * Authorization of RFC 6750, section 2.1: the scheme in any case, spaces, one
 * token.  *token is a span of the header when the answer is RN_BEARER_OK.
 */
rn_bearer_e rn_bearer(const char *value, size_t len, const char **token,
    size_t *token_len);

/* X-Request-Id, as far as we take one: 1 to 128 of [0-9A-Za-z._:-]. */
bool rn_is_request_id(const char *value, size_t len);

/* Idempotency-Key: printable ASCII; its length is minded elsewhere. */
bool rn_is_printable(const char *value, size_t len);

/*
 * traceparent of W3C Trace Context, section 3.2: of version 00 exactly, of a
 * later one, up to 128 bytes, its beginning is what 00 has.
 */
bool rn_is_traceparent(const char *value, size_t len);

/*
 * Whether a Content-Type is of this media type, whatever its parameters; a
 * `type` that ends with "/" is all of its kind.
 */
bool rn_is_media_type(const char *value, size_t len, const char *type);


#endif /* RN_HEADER_H */
