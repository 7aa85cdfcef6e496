/* The planner of pictures; a part of rn_plan.h. */

#ifndef RN_PLAN_SEGMENT_H
#define RN_PLAN_SEGMENT_H

#include "rn_plan_copy.h"
#include "rn_plan_cuts.h"
#include "rn_plan_output.h"
#include "rn_plan_text.h"


/* What the planners share. */

typedef struct {
    const rn_doc       *doc;
    const rn_timeline  *tl;
    rn_problems        *problems;
    rn_fault           *fault;
    const rn_facts     *facts;
    rn_letters         *letters;        /* of each place */
    rn_facts           *drawn;          /* of SVGs in the document itself */
    const rn_limits    *limits;

    /* set when pieces are planned */

    bool                h264;           /* there is something to code as that */
    bool                hardware;       /* by limits->encoder */
} rn_planner;


/*
 * Adds the pieces of n tracks that are cut so to the list, segment by segment.
 * copies: NULL where nothing may be copied.  False: a problem, or a fault.
 */
bool rn_plan_segments(rn_planner *p, const rn_cuts *cuts, rn_copies *copies,
    const rn_picture_stream *const *streams, size_t n, json_t *list);

/*
 * One picture of the film: {"number": of its segment, "tick": in it, "spec"}.
 * New reference; NULL: a problem, or a fault.
 */
json_t *rn_plan_picture(rn_planner *p, const rn_cuts *cuts, int64_t tick);


#endif /* RN_PLAN_SEGMENT_H */
