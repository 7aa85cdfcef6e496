/* Transitions by name: how two whole pictures become one. */

#ifndef RN_TRANSITION_H
#define RN_TRANSITION_H

#include <libavutil/frame.h>


/*
 * dst holds the picture that goes and receives the result; src is the one that
 * comes.  p is how far the transition is, 0 to RN_OPAQUE (rn_blend.h).  Both
 * are yuv420p and of one size.
 */
typedef void (*rn_transition_pt)(AVFrame *dst, const AVFrame *src, int p);

/* The function of a transition_type, or NULL. */
rn_transition_pt rn_transition(const char *name);


#endif /* RN_TRANSITION_H */
