/*
 * Transitions by name: how two whole pictures become one.  "fade" is drawn
 * here; all others are libavfilter's xfade, whose names they have.
 */

#ifndef RN_TRANSITION_H
#define RN_TRANSITION_H

#include "rn_av.h"


typedef struct rn_transition  rn_transition;


/* Whether this FFmpeg draws a transition of that name. */
bool rn_transition_known(const char *name);

/*
 * A transition of n pictures of w x h, yuv420p.  RN_E_UNSUPPORTED: this FFmpeg
 * does not know the name.
 */
rn_status rn_transition_open(rn_transition **out, const char *name, int w,
    int h, int64_t n, rn_fault *fault);

/*
 * Picture i of n, 0 <= i < n, not less than in the call before.  dst holds the
 * picture that goes and receives the result; src is the one that comes, and
 * may be overwritten.
 */
rn_status rn_transition_draw(rn_transition *t, AVFrame *dst, AVFrame *src,
    int64_t i, rn_fault *fault);

/* Sets *t to NULL; NULL is fine. */
void rn_transition_close(rn_transition **t);


#endif /* RN_TRANSITION_H */
