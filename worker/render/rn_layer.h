/*
 * One layer of a segment: read from the specification, its picture at each
 * tick, and how it is laid on the canvas.
 */

#ifndef RN_LAYER_H
#define RN_LAYER_H

#include "rn_doc.h"
#include "rn_segment.h"
#include "rn_transition.h"


typedef struct rn_layer  rn_layer;

/* What the layers of a segment share. */

typedef struct {
    int              w, h;              /* the canvas */
    rn_rational      fps;
    const rn_env    *env;
} rn_stage;


/*
 * Reads a layer, which borrows `o` and the stage.  NULL with the fault set.
 */
rn_layer *rn_layer_read(json_t *o, const rn_stage *stage, rn_fault *fault);

void rn_layer_free(rn_layer **l);

/* Whether it is seen at tick k, and whether it has been seen for the last. */
bool rn_layer_active(const rn_layer *l, int64_t k);
bool rn_layer_over(const rn_layer *l, int64_t k);

/* Closes its files, and drops its pictures. */
void rn_layer_close(rn_layer *l);

/*
 * Lays it on dst at tick k, which must not decrease.  side: a second canvas,
 * for transitions.
 */
rn_status rn_layer_draw(rn_layer *l, int64_t k, AVFrame *dst, AVFrame *side,
    rn_fault *fault);

/*
 * The layer's own frame, where laying it on a canvas would give just that;
 * else NULL.
 */
rn_status rn_layer_whole(rn_layer *l, int64_t k, const AVFrame **frame,
    rn_fault *fault);


#endif /* RN_LAYER_H */
