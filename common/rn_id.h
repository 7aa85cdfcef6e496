/* Ids, digests and how they are written; nothing that knows what they name. */

#ifndef RN_ID_H
#define RN_ID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>


#define RN_UUID_LEN    36
#define RN_UUID_BYTES  16
#define RN_SHA256_HEX  64


/* A random UUID (RFC 9562, version 4) in lower case; false: no entropy. */
bool rn_uuid(char out[RN_UUID_LEN + 1]);

/* The same, of random bytes that the caller has, each used once. */
void rn_uuid_of(const unsigned char bytes[RN_UUID_BYTES],
    char out[RN_UUID_LEN + 1]);

/* Whether exactly `len` bytes are a UUID in lower case. */
bool rn_is_uuid(const char *s, size_t len);

/* Lower-case hex of n bytes; out holds 2n + 1. */
void rn_hex(const void *bytes, size_t n, char *out);

/* What a hex digit of either case stands for; -1: it is none. */
int rn_hex_value(char c);

/* SHA-256 of n bytes, as hex. */
void rn_sha256_hex(const void *bytes, size_t n, char out[RN_SHA256_HEX + 1]);

/* Whether s is 64 lower-case hex digits and nothing else. */
bool rn_is_sha256(const char *s);


#endif /* RN_ID_H */
