/* The stage "audio": pieces of the sound, each to its own file. */

#include "stage_pieces.h"
#include "rn_mix.h"


static rn_status
render(rn_piece *pieces, size_t n, const rn_env *env, rn_fault *fault)
{
    (void) n;

    return rn_mix_render(pieces->spec, env, pieces->fd, &pieces->bytes, fault);
}


rn_status
stage_audio(json_t *spec, const rn_env *env, json_t **result,
    json_t **detail, rn_fault *fault)
{
    return stage_pieces(spec, env, render, false, result, detail, fault);
}
