/*
 * Outputs that are no films: stills, sequences of pictures, animated GIF, and
 * sheets of small pictures with their places in WebVTT.
 */

#ifndef RN_PACK_H
#define RN_PACK_H

#include "rn_reel.h"


/*
 * Makes spec.files of the reel's pictures, which has not been read yet; spec
 * and files as rn_assemble has them.
 */
rn_status rn_pack(json_t *spec, rn_reel *reel, const rn_env *env,
    json_t *files, rn_fault *fault);


#endif /* RN_PACK_H */
