/*
 * The sound of one file as 48 kHz stereo floats, by sample position: placed by
 * its time stamps, gaps are silence, overlaps are cut.
 */

#ifndef RN_SOUND_H
#define RN_SOUND_H

#include "rn_av.h"


#define RN_RATE      48000
#define RN_CHANNELS  2


typedef struct rn_sound  rn_sound;


/* Opens the file on the descriptor (which stays the caller's). */
rn_status rn_sound_open(rn_sound **out, int fd, rn_fault *fault);

/*
 * Adds n samples from source position `at` (samples at 48 kHz), each times the
 * gain of its place, to `mix` (interleaved).  `at` must not decrease.
 */
rn_status rn_sound_add(rn_sound *s, int64_t at, int n, const float *gain,
    float *mix, rn_fault *fault);

void rn_sound_close(rn_sound **s);


#endif /* RN_SOUND_H */
