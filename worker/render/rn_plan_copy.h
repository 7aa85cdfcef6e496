/*
 * The planner of copies: what of a film's pictures can be taken from its
 * sources as they are, and where it is cut then.
 *
 * What is encoded has other parameters than what is copied.  Few players were
 * made for two sets of them in one track, so a film is copied as a whole or not
 * at all, unless limits->smart_cut allows both.
 */

#ifndef RN_PLAN_COPY_H
#define RN_PLAN_COPY_H

#include "rn_plan_cuts.h"
#include "rn_plan_output.h"

#include <jansson.h>


typedef struct {
    int64_t          from, to;          /* ticks of the film */
    const rn_place  *place;
} rn_copy_range;

typedef struct {
    rn_copy_range   *ranges;            /* in the order of the film */
    size_t           n, next;
    bool             mixed;             /* not all of it is copied */
    int              sps;               /* then, the number of the sets of what
                                           is encoded: none of the sources' */
    const char      *why;               /* nothing is: what is in the way */
} rn_copies;


/*
 * Finds them for a track, which may be of a part of the film only, and puts
 * their edges into *cuts.
 * *out is freed with rn_copies_free, also after a fault.
 */
rn_status rn_plan_copies(const rn_doc *doc, const rn_timeline *tl,
    const rn_picture_stream *v, const rn_limits *limits, rn_cuts *cuts,
    rn_copies *out, rn_fault *fault);

/*
 * What a segment copies that begins at tick a, for rn_copy_piece; NULL and
 * *copied false: nothing.  Segments are asked for in order.  New reference;
 * NULL else: no memory.
 */
json_t *rn_plan_copy(rn_copies *copies, int64_t a, bool *copied);

void rn_copies_free(rn_copies *copies);


#endif /* RN_PLAN_COPY_H */
