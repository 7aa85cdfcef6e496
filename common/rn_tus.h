/*
 * Values of the headers of tus 1.0, the protocol of resumable uploads
 * (https://tus.io/protocols/resumable-upload), as bytes: what they say, and
 * whether they say it rightly.  Nothing is looked up or kept here.
 */

#ifndef RN_TUS_H
#define RN_TUS_H

#include "rn_id.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>


#define RN_TUS_VERSION     "1.0.0"
#define RN_TUS_CHECKSUMS   "sha1,sha256"
#define RN_TUS_DIGEST_MAX  32           /* bytes */
#define RN_TUS_META_MAX    4096         /* bytes of Upload-Metadata */
#define RN_TUS_PARTS       512          /* of a final upload */


/* A length or an offset: digits, up to 2^63 - 1.  -1: it is none. */
int64_t rn_tus_number(const char *value, size_t len);


/*
 * Upload-Metadata: "filename d29ybGQ=,is_confidential": keys, each once, and
 * what base64 they have.  NULL, or what is wrong with it, as a sentence.
 */
const char *rn_tus_metadata_wrong(const char *value, size_t len);

/*
 * The value of a key, decoded, of metadata that is not wrong; what does not fit
 * is cut.  -1: there is no such key, else its length.
 */
int rn_tus_metadata_get(const char *value, size_t len, const char *key,
    char *out, size_t size);


typedef enum {
    RN_TUS_SHA1,
    RN_TUS_SHA256
} rn_tus_algorithm;

typedef struct {
    rn_tus_algorithm  algorithm;
    unsigned char     digest[RN_TUS_DIGEST_MAX];
    size_t            len;
} rn_tus_checksum;

/*
 * Upload-Checksum: "sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=".  NULL, or what is wrong
 * with it.
 */
const char *rn_tus_checksum_read(const char *value, size_t len,
    rn_tus_checksum *sum);


/*
 * Upload-Concat of a final upload: what follows "final;" are URLs of uploads of
 * ours, of which the last step is the id, a UUID.  Takes the next one; *p and
 * *len become what is left.  1: one was taken; 0: there is none; -1: it is not
 * one of ours.
 */
int rn_tus_concat_next(const char **p, size_t *len, char id[RN_UUID_LEN + 1]);


#endif /* RN_TUS_H */
