/* What the files of rn_spool share; see rn_spool.h. */

#ifndef RN_SPOOL_PARTS_H
#define RN_SPOOL_PARTS_H

#include "rn_spool.h"


/* The name of an upload's file: "" is its bytes', ".info" the small one's. */
void rn_spool_name(char name[RN_SPOOL_NAME], const char *id,
    const char *suffix);

/*
 * What the small file says; fd is -1, and what stands is not set.  *off: the
 * machine was switched off since it was written.  0 or an errno.
 */
int rn_spool_read_info(rn_spool *s, const char *id, rn_upload *u, bool *off);

/* Nobody is asked to let go of it. */
void rn_spool_unask(rn_spool *s, const char *id);

/* Leaves only so many bytes.  0 or an errno. */
int rn_upload_cut(rn_upload *u, int64_t offset);


#endif /* RN_SPOOL_PARTS_H */
