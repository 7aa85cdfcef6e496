/* A picture of the film as a JPEG file. */

#ifndef RN_STILL_H
#define RN_STILL_H

#include "rn_av.h"


/*
 * Scales the picture (yuv420p in bt.709, limited range, as rn_scene_picture
 * gives it) to w x h px and writes it, as JFIF means it (bt.601, full range),
 * to the beginning of the descriptor, which stays the caller's.
 */
rn_status rn_still_write(const AVFrame *picture, int w, int h, int fd,
    int64_t *bytes, rn_fault *fault);


#endif /* RN_STILL_H */
