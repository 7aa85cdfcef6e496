/* The planner of SVGs; a part of rn_plan.h. */

#ifndef RN_PLAN_SVG_H
#define RN_PLAN_SVG_H

#include "rn_plan_segment.h"


/*
 * Facts of the SVGs that stand in the document itself, which places then point
 * to, and the fonts of those with text.  p->drawn is the caller's to free.
 */
rn_status rn_plan_svgs(rn_planner *p, rn_timeline *tl);


#endif /* RN_PLAN_SVG_H */
