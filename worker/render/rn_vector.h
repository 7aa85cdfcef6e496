/*
 * Drawings in SVG, drawn by librsvg at the size at which they are needed.
 *
 * What a stranger draws may take any time and memory, and librsvg cannot be
 * stopped: it works in a thread of its own, and when it takes too much of
 * either we go on without it, with RN_E_LIMIT.  That thread then runs until the
 * process ends, which for a stage is at once.
 */

#ifndef RN_VECTOR_H
#define RN_VECTOR_H

#include "rn_av.h"


#define RN_VECTOR_SIDE  8192            /* px; what is larger is taken as so */


/* CPU seconds it may take to draw: in a probe, and in a film. */

#define RN_VECTOR_PROBE_SECONDS  5.0
#define RN_VECTOR_DRAW_SECONDS   20.0


/* What is drawn of it, from 0 to 1, and at which size (even). */

typedef struct {
    double  x, y, w, h;
    int     out_w, out_h;
} rn_vector_part;


/*
 * Checks it (rn_svg.h) and tells its natural size, as CSS has it: of width and
 * height, one of which may follow from the view box, else of the view box, else
 * 300 x 150.  *letters, which may be NULL: whether there is text in it.
 */
rn_status rn_vector_size(const char *text, size_t len, int *w, int *h,
    bool *letters, rn_fault *fault);

/*
 * Draws; *frame is new: yuv420p where no px lets anything through, else
 * yuva420p with straight alpha; bt.709, limited range.
 */
rn_status rn_vector_draw(const char *text, size_t len,
    const rn_vector_part *part, double seconds, AVFrame **frame,
    rn_fault *fault);


#endif /* RN_VECTOR_H */
