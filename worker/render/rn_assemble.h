/*
 * Joins segments and sound pieces to an output by copying packets, with integer
 * arithmetic only; refuses pieces whose parameter sets or counts differ from
 * what the plan says.  Outputs that are no films are made of theirs: rn_pack.h.
 */

#ifndef RN_ASSEMBLE_H
#define RN_ASSEMBLE_H

#include "rn_segment.h"


/*
 * spec: an output of the plan (see rn_plan_output.c) with {"title", "segments":
 * [{"key", "frames", "copy"}], "sound": [{"key", "frames"}]}; files are asked
 * for by key, and by their names those that are written, the sizes of which are
 * added to the list.  A damaged piece fails with RN_E_IO and its key in
 * damaged[].  A piece that is copied need not be there, if its "spec" and its
 * source are; where it cannot be copied: RN_E_INPUT, and its key.
 *
 * A film that is mixed holds pieces that were copied, from the sources that
 * "copy" names, and others.  Where these cannot be in one track, or are no
 * longer what they were: RN_E_INPUT or RN_E_UNSUPPORTED.
 */
rn_status rn_assemble(json_t *spec, const rn_env *env, json_t *files,
    char damaged[65], rn_fault *fault);

/* The source that a piece was copied from, or NULL. */
const char *rn_copied_from(json_t *piece);


#endif /* RN_ASSEMBLE_H */
