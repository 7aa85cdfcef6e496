/* Effects of a clip's picture as filters of libavfilter. */

#ifndef RN_EFFECTS_H
#define RN_EFFECTS_H

#include "rn_filter.h"
#include "rn_lut.h"
#include "rn_segment.h"
#include "rn_timeline.h"

#include <jansson.h>


/*
 * Where the filters stop for what is none: pictures come out of the sink,
 * their colours are changed, and they go into the source.
 */

typedef struct {
    AVFilterContext  *sink, *source;
    rn_lut           *lut;
} rn_effects_stop;

typedef struct {
    const rn_env     *env;              /* has the files of effects */
    int               w, h;             /* of the pictures */
    rn_effects_stop   stops[RN_EFFECTS_MAX];
    size_t            n;
} rn_effects_stops;


/*
 * What a specification says of effects: [[name, values ...], ...], values as
 * integers.  px_scale is how many px of the canvas one px of the picture is.
 * facts: of all sources.  NULL: no memory.
 */
json_t *rn_effects_spec(const rn_effect *effects, size_t n,
    const rn_facts *facts);

/*
 * Adds the filters of a specification's list behind `after`; returns the last
 * of them, or NULL with the fault set.  list may be NULL.  *alpha: whether the
 * pictures are transparent in part, before and after.  What stops it is added
 * to `stops`, also on failure.
 */
AVFilterContext *rn_effects_add(AVFilterGraph *g, AVFilterContext *after,
    json_t *list, double px_scale, bool *alpha, rn_effects_stops *stops,
    rn_fault *fault);

/* Frees the stops' tables; the filters are the graph's. */
void rn_effects_forget(rn_effects_stops *stops);


#endif /* RN_EFFECTS_H */
