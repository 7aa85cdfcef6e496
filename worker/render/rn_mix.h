/*
 * Sound of the film: mixed as PCM on one grid, coded to AAC in pieces that
 * join without a seam, because each encoder begins some packets early and
 * those are dropped.
 */

#ifndef RN_MIX_H
#define RN_MIX_H

#include "rn_segment.h"


#define RN_AAC_FRAME    1024            /* samples a packet */
#define RN_AAC_PREROLL  4               /* packets coded and dropped */
#define RN_AAC_AHEAD    3               /* packets that the coder looks on */
#define RN_AAC_PIECE    2816            /* packets a piece: 60.07 s */


/* Renders a sound specification (see rn_plan.h) to an MP4 on out_fd. */
rn_status rn_mix_render(json_t *spec, const rn_env *env, int out_fd,
    int64_t *bytes, rn_fault *fault);


#endif /* RN_MIX_H */
