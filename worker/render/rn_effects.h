/* Effects of a clip's picture as filters of libavfilter. */

#ifndef RN_EFFECTS_H
#define RN_EFFECTS_H

#include "rn_filter.h"
#include "rn_doc.h"

#include <jansson.h>


/*
 * What a specification says of effects: [[name, values ...], ...], values as
 * integers.  px_scale is how many px of the canvas one px of the picture is.
 * NULL: no memory.
 */
json_t *rn_effects_spec(const rn_effect *effects, size_t n);

/*
 * Adds the filters of a specification's list behind `after`; returns the last
 * of them, or NULL with the fault set.  list may be NULL.  *alpha: whether the
 * pictures are transparent in part, before and after.
 */
AVFilterContext *rn_effects_add(AVFilterGraph *g, AVFilterContext *after,
    json_t *list, double px_scale, bool *alpha, rn_fault *fault);


#endif /* RN_EFFECTS_H */
