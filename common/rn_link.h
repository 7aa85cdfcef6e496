/*
 * Signed links to results: /d/<expiry>.<hmac>/<prefix>/<file>.  The HMAC
 * covers expiry and prefix, so that relative names inside a playlist work.
 * Pure functions over bytes; where a file lies is not known here.
 */

#ifndef RN_LINK_H
#define RN_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>


#define RN_LINK_KEY_MIN  16
#define RN_LINK_MAC_LEN  32             /* hex digits: 128 bits */


typedef struct {
    const char  *prefix;                /* "outputs/<job>/<run>-<fence>" */
    size_t       prefix_len;
    const char  *file;                  /* "final.mp4", or deeper */
    size_t       file_len;
    int64_t      expiry;                /* s since the epoch */
} rn_link;


/* Writes "<expiry>.<hmac>" into out; expiry in seconds since the epoch. */
void rn_link_sign(const void *key, size_t key_len, int64_t expiry,
    const char *prefix, size_t prefix_len, char out[64]);

/*
 * Splits and checks what follows "/d/".  The prefix is always three steps:
 * outputs/<job>/<run>.  False when the signature is wrong, the link is past
 * `now`, or a step is empty, "." or "..".
 */
bool rn_link_verify(const void *key, size_t key_len, int64_t now,
    const char *path, size_t len, rn_link *link);


#endif /* RN_LINK_H */
