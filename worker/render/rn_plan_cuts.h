/*
 * Where a film is cut into segments, and which of them stand still.
 */

#ifndef RN_PLAN_CUTS_H
#define RN_PLAN_CUTS_H

#include "rn_av.h"
#include "rn_timeline.h"


typedef struct {
    int64_t  *at;                       /* ticks, ascending: 0 ... frames */
    size_t    n;
    int64_t  *still;                    /* pairs: from, to; ascending */
    size_t    n_still;
} rn_cuts;


/* Finds the cuts; *cuts is freed with rn_plan_cuts_free, also on failure. */
rn_status rn_plan_cuts(const rn_doc *doc, const rn_timeline *tl,
    rn_cuts *cuts, rn_fault *fault);

void rn_plan_cuts_free(rn_cuts *cuts);

/* Whether every picture from tick a to b is the same. */
bool rn_plan_is_still(const rn_cuts *cuts, int64_t a, int64_t b);


#endif /* RN_PLAN_CUTS_H */
