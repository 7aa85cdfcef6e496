/*
 * H.264 by one frozen profile: every segment of a canvas and a quality has the
 * same parameter sets, so that segments join by copying packets.  What is set
 * here is part of RN_ENGINE; a change of it raises that number.
 */

#ifndef RN_ENCODE_H
#define RN_ENCODE_H

#include "rn_av.h"
#include "rn_doc.h"
#include "rn_mux.h"


#define RN_ENGINE       1       /* raised when pixels or packets change */
#define RN_DTS_DELAY    2       /* ticks by which decoding precedes showing */


typedef struct {
    AVCodecContext  *enc;
    AVPacket        *pkt;
    rn_mux           mux;
    int64_t          sent, written;
} rn_encoder;


/*
 * Begins a segment file on the descriptor.  sps is the number of its parameter
 * sets: 0, but beside copies of what has others.
 */
rn_status rn_encoder_open(rn_encoder *e, int fd, int w, int h,
    rn_rational fps, int crf, int sps, rn_fault *fault);

/* Encodes the next frame (yuv420p, of the canvas's size); it is not kept. */
rn_status rn_encoder_send(rn_encoder *e, AVFrame *frame, rn_fault *fault);

/*
 * Repeats the only frame that was sent so far, so that there are `frames` in
 * all, by pictures that cost next to nothing (see rn_skip.h).
 */
rn_status rn_encoder_repeat(rn_encoder *e, int64_t frames, rn_fault *fault);

/*
 * Ends the segment; fails if not exactly `frames` came out.  Frees all, also
 * after a fault.  e->mux.bytes is the size of the file.
 */
rn_status rn_encoder_close(rn_encoder *e, int64_t frames, rn_fault *fault);


#endif /* RN_ENCODE_H */
