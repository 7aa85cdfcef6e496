/* The stage "render_segment": segments of the picture, each to its own file. */

#include "stage_pieces.h"


rn_status
stage_render_segment(json_t *spec, const rn_env *env, json_t **result,
    json_t **detail, rn_fault *fault)
{
    return stage_pieces(spec, env, rn_segments_render, true, result, detail,
                        fault);
}
