/*
 * Pictures of a segment with their transparency, for outputs that keep it:
 * drawn over black and over white, whose difference tells how much is seen
 * through.
 */

#ifndef RN_MATTE_H
#define RN_MATTE_H

#include "rn_segment.h"


typedef struct rn_matte  rn_matte;


/* As rn_scene_open. */
rn_status rn_matte_open(rn_matte **out, json_t *spec, const rn_env *env,
    rn_fault *fault);

/* As rn_scene_picture, but in yuva420p with straight alpha. */
rn_status rn_matte_picture(rn_matte *m, int64_t k, const AVFrame **picture,
    rn_fault *fault);

/* Sets *m to NULL; NULL is fine. */
void rn_matte_close(rn_matte **m);


#endif /* RN_MATTE_H */
