/*
 * Joins segments and sound pieces to a film by copying packets, with integer
 * arithmetic only; refuses pieces whose parameter sets or counts differ from
 * what the plan says.
 */

#ifndef RN_ASSEMBLE_H
#define RN_ASSEMBLE_H

#include "rn_segment.h"


/*
 * spec: {"canvas", "samples", "title", "segments": [{"key", "frames"}],
 * "sound": [{"key", "frames"}]}; files are asked for by key.  *bytes is the
 * film's size.  A damaged piece fails with RN_E_IO and its key in damaged[].
 */
rn_status rn_assemble(json_t *spec, const rn_env *env, int out_fd,
    int64_t *bytes, char damaged[65], rn_fault *fault);


#endif /* RN_ASSEMBLE_H */
