/*
 * Sound of the film: mixed as PCM on one grid, coded in pieces that join
 * without a seam, because each encoder begins some packets early and those are
 * dropped.
 */

#ifndef RN_MIX_H
#define RN_MIX_H

#include "rn_segment.h"


/* Renders a sound specification (see rn_plan.h) to a file on out_fd. */
rn_status rn_mix_render(json_t *spec, const rn_env *env, int out_fd,
    int64_t *bytes, rn_fault *fault);


#endif /* RN_MIX_H */
