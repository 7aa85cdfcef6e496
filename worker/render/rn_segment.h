/*
 * Renders segments from their specifications, which are the very documents that
 * are hashed into their keys: what is not in one cannot decide a pixel.
 */

#ifndef RN_SEGMENT_H
#define RN_SEGMENT_H

#include "rn_env.h"

#include <jansson.h>


/* A specification, where it is rendered to, and then its size. */

typedef struct {
    json_t   *spec;
    int       fd;
    int64_t   bytes;
} rn_piece;


/* Whether two specifications show the same pictures, however coded. */
bool rn_segment_same(json_t *a, json_t *b);

/*
 * Renders pieces of the same pictures, each of which is drawn once.  The
 * descriptors stay the caller's.
 */
rn_status rn_segments_render(rn_piece *pieces, size_t n, const rn_env *env,
    rn_fault *fault);

/*
 * Renders `spec` (see rn_plan.h) to a file on out_fd; *bytes is its size.
 * The descriptors stay the caller's.
 */
rn_status rn_segment_render(json_t *spec, const rn_env *env, int out_fd,
    int64_t *bytes, rn_fault *fault);

/* A specification's key: SHA-256 of its canonical JSON. False: no memory. */
bool rn_spec_key(json_t *spec, char hex[65]);


#endif /* RN_SEGMENT_H */
