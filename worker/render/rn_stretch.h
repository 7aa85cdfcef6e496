/*
 * Sound at another speed with its pitch kept, by position: as long as asked to
 * the sample, and the same wherever a piece of it begins.
 */

#ifndef RN_STRETCH_H
#define RN_STRETCH_H

#include "rn_sound.h"


typedef struct rn_stretch  rn_stretch;


/*
 * For the file on the descriptor, which stays the caller's and must outlive it;
 * it is opened when it is first heard.  in: the sample of the source at which
 * the result begins; speed: 0.25 to 4.
 */
rn_status rn_stretch_open(rn_stretch **out, int fd, int64_t in, double speed,
    rn_fault *fault);

/*
 * Like rn_sound_add, with `at` counted in the result, from 0.  Pieces of a film
 * agree at their seams, wherever each begins.
 */
rn_status rn_stretch_add(rn_stretch *s, int64_t at, int n, const float *gain,
    float *mix, rn_fault *fault);

void rn_stretch_close(rn_stretch **s);


#endif /* RN_STRETCH_H */
