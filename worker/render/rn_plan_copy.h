/*
 * The planner of copies: whether a film's pictures can be taken from its
 * sources as they are, and where it is cut then.  A film has one set of
 * parameters, so it is all of it or nothing: a single segment that had to be
 * encoded would bring another.
 */

#ifndef RN_PLAN_COPY_H
#define RN_PLAN_COPY_H

#include "rn_plan_cuts.h"


/*
 * Whether all of the film can be copied; then *cuts is where, in place of what
 * it was.  Else *why says what stands in the way, in a word for a person.
 * A lack of memory is in the fault.
 */
bool rn_plan_copies(const rn_doc *doc, const rn_timeline *tl, rn_cuts *cuts,
    const char **why, rn_fault *fault);

/*
 * What is copied in a film that is, for its segment from tick a: see
 * rn_copy_segment.  Segments are asked for in order, and *next, at first 0,
 * remembers the place.  New reference; NULL: no memory.
 */
json_t *rn_plan_copy(const rn_doc *doc, const rn_timeline *tl, size_t *next,
    int64_t a);


#endif /* RN_PLAN_COPY_H */
