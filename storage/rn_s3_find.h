/*
 * Access keys, wherever they are: the environment, a shared credentials file,
 * the role of a container or an instance, in the order in which AWS's own tools
 * look.  Reads a file, and may block for seconds (rn_s3_role.h).
 */

#ifndef RN_S3_FIND_H
#define RN_S3_FIND_H

#include "rn_s3.h"


/*
 * `env` is asked for the names in rn_s3_find_names, which a process that loses
 * its environment may keep.  False, with a reason in err.
 */
bool rn_s3_find(rn_s3_keys *k, rn_s3_env env, void *data, char *err,
    size_t err_len);

/* All that is asked for, by these and by rn_s3_read(); ends with NULL. */
extern const char *const rn_s3_find_names[];


#endif /* RN_S3_FIND_H */
