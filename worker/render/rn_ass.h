/*
 * Captions that bring their own style and place (Advanced SubStation Alpha),
 * drawn by libass on the whole canvas.
 *
 *   {"header": text, "events": [[from, to, chunk], ...], "fonts": digest,
 *    "own": [{"input": digest}, ...]}
 *
 * from and to are ms after the layer's first picture, the first may lie before
 * it.
 */

#ifndef RN_ASS_H
#define RN_ASS_H

#include "rn_env.h"

#include <jansson.h>


typedef struct rn_ass  rn_ass;


/* Opens for a canvas of w x h; the specification is borrowed. */
rn_status rn_ass_open(rn_ass **out, json_t *spec, int w, int h,
    const rn_env *env, rn_fault *fault);

/*
 * What is seen at `ms`: a yuva420p frame with straight alpha that lies at
 * (*x, *y), both even, borrowed until the next call; NULL: nothing.
 */
rn_status rn_ass_frame(rn_ass *a, int64_t ms, const AVFrame **frame, int *x,
    int *y, rn_fault *fault);

/* Sets *a to NULL; NULL is fine. */
void rn_ass_close(rn_ass **a);


#endif /* RN_ASS_H */
