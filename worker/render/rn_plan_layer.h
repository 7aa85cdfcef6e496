/*
 * The planner of layers: what a clip is in a segment, with its box, its place
 * and what moves of it.
 */

#ifndef RN_PLAN_LAYER_H
#define RN_PLAN_LAYER_H

#include "rn_plan_text.h"

#include <jansson.h>


/*
 * The layer that a clip is from tick `from` to `to` of a segment that begins
 * at `zero`.  What does not touch these ticks, such as fades that are over,
 * leaves no trace in it.  NULL: a problem was reported, or no memory.
 */
json_t *rn_plan_layer(const rn_doc *doc, const rn_facts *facts,
    const rn_place *c, const rn_letters *letters, int64_t zero, int64_t from,
    int64_t to, rn_problems *problems);

/*
 * How many times as large as it is a picture is shown where it is largest; 1
 * where it is not enlarged, or cannot be placed.
 */
double rn_plan_enlarged(const rn_doc *doc, const rn_place *c);

/*
 * The keys of what moves (see rn_motion.h), from those that matter at tick
 * `from` to those that do at `to`.  Their places count from `zero`: ticks, or
 * samples of the sound, in which zero then is given, too.
 * NULL: the clip does not move so, or no memory.
 */
json_t *rn_plan_motion(const rn_doc *doc, const rn_place *c, rn_move move,
    int64_t zero, int64_t from, int64_t to, bool samples);

/*
 * The part of a source that a crop (see rn_clip) is: x, y, width and height
 * from 0 to 1.  What reaches beyond the source is left out; false: all of it.
 */
bool rn_plan_crop(const rn_length *v, const rn_facts *f, double *out);


#endif /* RN_PLAN_LAYER_H */
