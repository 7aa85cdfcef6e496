/*
 * The planner: a document and the facts of its assets become segments and
 * sound pieces, each with a specification that says all that decides its
 * content, and the key that is the hash of it.  Deterministic; touches no
 * media (only the files of the fonts that texts resolve to).
 *
 * A plan:
 *
 *   {"engine", "canvas": [w, h, fps num, fps den], "frames", "samples",
 *    "duration", "output", "title",
 *    "poster": {"number", "tick"}, "blurhash",
 *    "warnings": [{"pointer", "detail"}]: see rn_plan_warn.h,
 *    "mixed": copied in part, so with two sets of parameters,
 *    "encoder": of H.264 where it is one of hardware (rn_hardware.h); or
 *    "no_encoder": why it is not, if somebody wanted it,
 *    "segments": [{"number", "key", "frames", "cost", "spec"}],
 *    "sound":    [{"number", "key", "frames", "cost", "spec"}]}
 *
 * cost is an estimate of CPU seconds; frames of a sound piece are packets.
 * The poster is the picture at a tick of a segment.
 */

#ifndef RN_PLAN_H
#define RN_PLAN_H

#include "rn_env.h"
#include "rn_timeline.h"


/*
 * Plans the document; facts[i] belongs to doc->refs[i], and env lends its own
 * fonts by their digests.  On RN_E_INVALID
 * `problems` says why; other failures are in `fault`.  *plan: new reference.
 */
rn_status rn_plan(const rn_doc *doc, const rn_facts *facts,
    const rn_limits *limits, const rn_env *env, rn_problems *problems,
    json_t **plan, rn_fault *fault);


#endif /* RN_PLAN_H */
