/* What the files of rn_copy share; for rn_copy*.c alone. */

#ifndef RN_COPY_PARTS_H
#define RN_COPY_PARTS_H

#include "rn_copy.h"


#define RN_COPY_FRAMES     (24 * 3600 * 120)
#define RN_COPY_TOLERANCE  0.4          /* ticks, as rn_picture.c has it */

/* H.264, table 7-1 */

#define NAL_SLICE    1
#define NAL_IDR      5
#define NAL_SPS      7
#define NAL_PPS      8


/*
 * A digest of the parameter sets, and of what the container says in their
 * stead.
 */
void rn_copy_params(const AVCodecParameters *par, char hex[65]);

/* The stream's next packet; false: the file has ended. */
bool rn_copy_next(rn_copy *c, AVPacket *pkt);

/* Of a file that is open: what spec copies, and its next packet. */
rn_status rn_copy_pictures_open(rn_copy *c, json_t *spec, rn_fault *fault);
rn_status rn_copy_pictures_read(rn_copy *c, AVPacket *pkt, rn_fault *fault);
rn_status rn_copy_sound_open(rn_copy *c, json_t *spec, rn_fault *fault);
rn_status rn_copy_sound_read(rn_copy *c, AVPacket *pkt, rn_fault *fault);


#endif /* RN_COPY_PARTS_H */
