/* What the stages that render pieces have in common. */

#ifndef STAGE_PIECES_H
#define STAGE_PIECES_H

#include "stage.h"


/* Renders n pieces of the same pictures; of the sound n is 1. */
typedef rn_status (*stage_piece_pt)(rn_piece *pieces, size_t n,
    const rn_env *env, rn_fault *fault);

/*
 * Renders each of spec.pieces [{"key", "frames", "spec"}] to the file lent
 * under its key, after checking that the key is the specification's.  group:
 * neighbours that show the same pictures are rendered at one time.
 * result: {"pieces": [{"key", "bytes", "frames"}]}.  Sources that do not hold
 * what was to be copied of them are the detail: {"uncopied": [their names]}.
 */
rn_status stage_pieces(json_t *spec, const rn_env *env, stage_piece_pt render,
    bool group, json_t **result, json_t **detail, rn_fault *fault);


#endif /* STAGE_PIECES_H */
