/*
 * Streams (HLS, RFC 8216) as fragmented MP4: the packets of stored pieces with
 * their times in the film, a fragment for each piece of pictures, and for each
 * five seconds of sound.  A stream begins RN_DTS_DELAY pictures after 0.
 */

#ifndef RN_HLS_H
#define RN_HLS_H

#include "rn_segment.h"


/*
 * Writes neighbouring pieces of one track behind a head that is the same for
 * all files of the track:
 *
 *   {"sound": bool, "canvas": [w, h, fps num, fps den], "samples": of all of
 *    the sound, "at": frames of the track before these, "pieces": [{"key",
 *    "frames"}]}
 *
 * *result, new: {"init": bytes of the head, "codec": as RFC 6381 names it,
 * "fragments": [{"bytes", "duration": s}]}.  A damaged piece fails with RN_E_IO
 * and its key in damaged[].
 */
rn_status rn_hls_package(json_t *spec, const rn_env *env, int out_fd,
    char damaged[65], json_t **result, rn_fault *fault);

/*
 * A whole stream: spec is an output of the plan, with "segments" of all its
 * tracks, each with the "output" it is of, and "sound"; writes spec.files, and
 * adds their sizes to the list.
 */
rn_status rn_hls_write(json_t *spec, const rn_env *env, json_t *files,
    char damaged[65], rn_fault *fault);


#endif /* RN_HLS_H */
