/* Files that are no media, and can be used all the same; see rn_probe.h. */

#ifndef RN_PROBE_SMALL_H
#define RN_PROBE_SMALL_H

#include "rn_av.h"

#include <jansson.h>


/*
 * Whether the file is an SVG or a .cube; then *out or the fault is set, as
 * rn_probe does it.
 */
bool rn_probe_small(int fd, json_t **out, rn_fault *fault);


#endif /* RN_PROBE_SMALL_H */
