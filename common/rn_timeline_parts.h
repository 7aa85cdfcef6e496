/* What the files that resolve times share; for rn_timeline*.c alone. */

#ifndef RN_TIMELINE_PARTS_H
#define RN_TIMELINE_PARTS_H

#include "rn_timeline.h"


typedef struct {
    const rn_doc     *doc;
    const rn_facts   *facts;
    const rn_limits  *limits;
    rn_problems      *problems;
    rn_timeline      *tl;
    double            end;      /* s: of the last clip that is not "end" */
} rn_tl_resolver;


/* rn_timeline.c: of what is no word; and a problem at a member of a clip */
double rn_tl_seconds(const rn_time *t, rn_rational fps);
void rn_tl_problem(rn_tl_resolver *rs, const rn_clip *c, const char *member,
    const char *text);

/* rn_timeline_source.c: whether the source, or those of effects, can be used */
bool rn_tl_usable(rn_tl_resolver *rs, const rn_clip *c, const rn_facts *f);
bool rn_tl_usable_effects(rn_tl_resolver *rs, const rn_clip *c);

/*
 * The length of a clip in seconds; -1 for one that lasts until the end, with
 * *avail set to what its source holds (0: without limit), -2 after a problem.
 */
double rn_tl_length(rn_tl_resolver *rs, const rn_clip *c, const rn_facts *f,
    double *avail);


#endif /* RN_TIMELINE_PARTS_H */
