/* How loud a track is while another one sounds. */

#ifndef RN_PLAN_DUCK_H
#define RN_PLAN_DUCK_H

#include "rn_timeline.h"

#include <jansson.h>


/*
 * The gain of a track as a motion (see rn_motion.h) in millionths, at samples
 * of the film, as far as it matters from sample `from` to `to`.  NULL: it is
 * at its own volume there (or no memory).
 */
json_t *rn_plan_duck(const rn_doc *doc, const rn_timeline *tl, size_t track,
    int64_t from, int64_t to);


#endif /* RN_PLAN_DUCK_H */
