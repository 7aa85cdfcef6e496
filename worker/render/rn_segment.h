/*
 * Renders one segment from its specification, which is the very document that
 * is hashed into the segment's key: what is not in it cannot decide a pixel.
 */

#ifndef RN_SEGMENT_H
#define RN_SEGMENT_H

#include "rn_av.h"

#include <jansson.h>


/* What a task is lent: files by digest, and an ear for its progress. */

typedef struct {
    int    (*file)(void *opaque, const char *sha256);   /* fd, or -1 */
    void   (*progress)(void *opaque, int64_t units);    /* may be NULL */
    void    *opaque;
} rn_env;


/*
 * Renders `spec` (see rn_plan.h) to an MP4 on out_fd; *bytes is its size.
 * The descriptors stay the caller's.
 */
rn_status rn_segment_render(json_t *spec, const rn_env *env, int out_fd,
    int64_t *bytes, rn_fault *fault);

/* A specification's key: SHA-256 of its canonical JSON. False: no memory. */
bool rn_spec_key(json_t *spec, char hex[65]);


#endif /* RN_SEGMENT_H */
