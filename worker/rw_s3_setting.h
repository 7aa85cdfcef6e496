/* How S3 is used, from the environment; see docs/operating.md. */

#ifndef RW_S3_SETTING_H
#define RW_S3_SETTING_H

#include "rn_s3_client.h"


typedef struct {
    const char    *cache;               /* a directory */
    int64_t        cache_bytes;
    unsigned       parts, ranges;       /* of one object at one time */
    int64_t        abandoned;           /* s: uploads that old are given up */
    rn_s3_client  *client;              /* that gets new keys */
} rw_s3_setting;


/*
 * Reads all that a client needs, which borrows `s`.  False, with a reason in
 * err.
 */
bool rw_s3_setting_read(rw_s3_setting *s, rn_s3_settings *c, const char *url,
    char *err, size_t err_len);


#endif /* RW_S3_SETTING_H */
