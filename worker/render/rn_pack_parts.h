/* What the kinds of rn_pack.h share; for rn_pack.c and rn_gif.c alone. */

#ifndef RN_PACK_PARTS_H
#define RN_PACK_PARTS_H

#include "rn_pack.h"


/* A decoder of the reel's pictures: PNG.  Freed with avcodec_free_context. */
rn_status rn_pack_decoder(AVCodecContext **dec, rn_fault *fault);

/*
 * The next picture; *ended: there are no more.  frame is unreferenced first.
 * One that cannot be decoded, or is of another size or kind than the output
 * `spec`, is of a damaged piece.
 */
rn_status rn_pack_picture(json_t *spec, rn_reel *reel, AVCodecContext *dec,
    AVFrame *frame, const rn_env *env, bool *ended, rn_fault *fault);

/* An animated GIF of the reel's pictures; *bytes is its size. */
rn_status rn_gif_write(json_t *spec, rn_reel *reel, const rn_env *env, int fd,
    int64_t *bytes, rn_fault *fault);


#endif /* RN_PACK_PARTS_H */
