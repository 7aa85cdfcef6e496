/* The planner of sound; a part of rn_plan.h. */

#ifndef RN_PLAN_SOUND_H
#define RN_PLAN_SOUND_H

#include "rn_av.h"
#include "rn_timeline.h"


/* The pieces of the sound, empty for a silent film; NULL on failure. */
json_t *rn_plan_sound(const rn_doc *doc, const rn_timeline *tl,
    int64_t samples, rn_fault *fault);


#endif /* RN_PLAN_SOUND_H */
