/* The stage "audio": pieces of the sound, each to its own file. */

#include "stage_pieces.h"
#include "rn_mix.h"

rn_status
stage_audio(json_t *spec, const rn_env *env, json_t **result,
    json_t **detail, rn_fault *fault)
{
    return stage_pieces(spec, env, rn_mix_render, result, detail, fault);
}
