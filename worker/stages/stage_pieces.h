/* What the stages that render pieces have in common. */

#ifndef STAGE_PIECES_H
#define STAGE_PIECES_H

#include "stage.h"


typedef rn_status (*stage_piece_pt)(json_t *spec, const rn_env *env,
    int out_fd, int64_t *bytes, rn_fault *fault);

/*
 * Renders each of spec.pieces [{"key", "frames", "spec"}] to the file lent
 * under its key, after checking that the key is the specification's.
 * result: {"pieces": [{"key", "bytes", "frames"}]}.  A source that does not
 * hold what was to be copied of it is the detail: {"uncopied": [its name]}.
 */
rn_status stage_pieces(json_t *spec, const rn_env *env, stage_piece_pt render,
    json_t **result, json_t **detail, rn_fault *fault);


#endif /* STAGE_PIECES_H */
