/* What a plan warns of: nothing is wrong, but the film may not please. */

#ifndef RN_PLAN_WARN_H
#define RN_PLAN_WARN_H

#include "rn_plan_text.h"


/*
 * Adds what is told of sources (their probes' warnings, pictures that are
 * turned or come at no steady rate), pictures that are enlarged, and characters
 * that no font has.
 */
void rn_plan_warn(const rn_doc *doc, const rn_facts *facts,
    const rn_timeline *tl, const rn_letters *letters, rn_problems *warnings);


#endif /* RN_PLAN_WARN_H */
