/*
 * Loudness by EBU R 128: heard once from end to end, then one gain for all of
 * it, and where its true peaks would be too high a limiter that knows them
 * beforehand.
 */

#ifndef RN_LOUDNESS_H
#define RN_LOUDNESS_H

#include "rn_av.h"


typedef struct rn_loudness  rn_loudness;


/* Samples: of all that will be heard, at 48 kHz. */
rn_status rn_loudness_open(rn_loudness **out, int64_t samples,
    rn_fault *fault);

/* Hears the next n samples (interleaved stereo). */
rn_status rn_loudness_add(rn_loudness *l, const float *mix, int n,
    rn_fault *fault);

/*
 * All was heard: what brings it to `target` LUFS, with true peaks of `peak`
 * dBTP at the most.  What is silent, or shorter than the 0.4 s that BS.1770
 * needs, keeps its loudness.
 */
rn_status rn_loudness_set(rn_loudness *l, double target, double peak,
    rn_fault *fault);

/* Applies it to n samples of the mix from place `at`. */
void rn_loudness_apply(const rn_loudness *l, int64_t at, int n, float *mix);

void rn_loudness_free(rn_loudness **l);


#endif /* RN_LOUDNESS_H */
