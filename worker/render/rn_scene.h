/*
 * What a segment shows: its specification, read, and its picture at each tick.
 * Knows neither encoders nor where a picture goes.
 */

#ifndef RN_SCENE_H
#define RN_SCENE_H

#include "rn_segment.h"


typedef struct rn_scene  rn_scene;


/*
 * Reads `spec` (see rn_plan.h), which must outlive the scene, as must env.
 * Inputs are opened when they are first shown.
 */
rn_status rn_scene_open(rn_scene **out, json_t *spec, const rn_env *env,
    rn_fault *fault);

/*
 * Lays all of it, the background by its alpha, on a colour.  Without this the
 * background is opaque.
 */
void rn_scene_base(rn_scene *s, uint32_t rgba);

/*
 * The picture at tick k of the segment, yuv420p in bt.709, limited range; k
 * must not decrease, and may leap.  *picture is borrowed until the next call;
 * a reference to it keeps its pixels.
 */
rn_status rn_scene_picture(rn_scene *s, int64_t k, const AVFrame **picture,
    rn_fault *fault);

/* Sets *s to NULL; NULL is fine. */
void rn_scene_close(rn_scene **s);


#endif /* RN_SCENE_H */
