/*
 * The clips that sound in a piece: each from its file, with its gain, its ramps
 * and its moving volume, added up as PCM on the piece's grid of samples.
 */

#ifndef RN_MIX_CLIPS_H
#define RN_MIX_CLIPS_H

#include "rn_segment.h"


#define RN_MIX_MAX  1152                /* samples mixed at once: the longest
                                           packet of any codec */

typedef struct rn_clips  rn_clips;


/*
 * Reads the clips of a sound specification (see rn_plan.h), which is borrowed,
 * as env is.  *out is closed with rn_clips_close, also after a fault.
 */
rn_status rn_clips_open(rn_clips **out, json_t *list, const rn_env *env,
    rn_fault *fault);

/*
 * Writes n samples from place `at` of the piece to mix (48 kHz, interleaved
 * stereo).  `at` must not decrease; a file is open from when it is first heard
 * to when it is no more.
 */
rn_status rn_clips_mix(rn_clips *c, int64_t at, int n, float *mix,
    rn_fault *fault);

/* Begins anew. */
void rn_clips_rewind(rn_clips *c);

void rn_clips_close(rn_clips **c);


#endif /* RN_MIX_CLIPS_H */
