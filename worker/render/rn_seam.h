/*
 * The seams of a film that is copied in part, looked at: what a decoder makes
 * of the film there must be, bit by bit, what it makes of each piece alone.
 */

#ifndef RN_SEAM_H
#define RN_SEAM_H

#include "rn_segment.h"


/*
 * Decodes the film on film_fd around the tick `at`, where the piece on fd_a
 * ends, of frames_a pictures, and that on fd_b begins: the last group of
 * pictures before it, and some pictures behind it.  RN_E_INPUT: they are not
 * those of the pieces.
 */
rn_status rn_seam_check(int film_fd, AVRational tick, int64_t at, int fd_a,
    int64_t frames_a, int fd_b, int64_t frames_b, rn_fault *fault);


#endif /* RN_SEAM_H */
