/*
 * Pictures that are taken as they are: what of a film can be, which is found
 * out when it is probed, and the taking.  A stretch that begins with an IDR
 * picture and ends before one needs nothing outside of itself (H.264, 7.4.1.2.4
 * and 8.2.1): no seam to mend, nothing to decode.
 */

#ifndef RN_COPY_H
#define RN_COPY_H

#include "rn_input.h"
#include "rn_segment.h"


/*
 * What can be copied of the film's pictures, of which `first` is the first:
 *
 *   {"fps": "30/1", "frames", "params": digest of its parameter sets,
 *    "ids": [their numbers], "bt709": whether its colours are those of films,
 *    "gaps": [[frames from one IDR picture to the next, how many times], ...]}
 *
 * New; NULL where nothing can be: another container or codec than H.264 in MP4,
 * clocks that are uneven, parameter sets that change, pictures that are turned,
 * interlaced, or reordered more deeply than ours.  Moves the reading place of
 * the file.
 */
json_t *rn_copy_facts(rn_input *in, const AVFrame *first);

/*
 * Copies the stretch that spec.copy names, {"input", "from", "params"}, of
 * spec.frames pictures, to a segment file as rn_segment_render writes it.
 * RN_E_INPUT: the file does not hold what its probe has told.
 */
rn_status rn_copy_segment(json_t *spec, const rn_env *env, int out_fd,
    int64_t *bytes, rn_fault *fault);


#endif /* RN_COPY_H */
