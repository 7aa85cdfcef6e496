/*
 * Coding pictures, each codec by one frozen profile: every segment of a canvas
 * and a quality has the same parameter sets, so that segments join by copying
 * packets.  What is set here is part of RN_ENGINE; a change of it raises that
 * number.
 */

#ifndef RN_ENCODE_H
#define RN_ENCODE_H

#include "rn_av.h"
#include "rn_codec.h"
#include "rn_doc.h"
#include "rn_mux.h"


#define RN_ENGINE       6       /* raised when pixels or packets change */
#define RN_DTS_DELAY    2       /* ticks by which decoding precedes showing */


typedef struct {
    rn_codec         codec;
    const char      *encoder;           /* of H.264: one of hardware, see
                                           rn_hardware.h; NULL: the codec's */
    int              w, h;
    rn_rational      fps;
    int              crf;               /* of H.264 and VP9; else 2 to 31 */
    int              sps;               /* of H.264: number of its sets: 0, but
                                           beside copies of what has others */
    bool             alpha;             /* of PNG, ProRes and VP9 */
} rn_coding;

typedef struct rn_rescale  rn_rescale;

typedef struct {
    rn_coding        coding;
    AVCodecContext  *enc;
    AVPacket        *pkt;
    AVFrame         *frame;             /* as the codec takes it */
    int              format;            /* of it, before it goes to a device */
    rn_rescale      *rescale;           /* NULL: they are as it takes them */
    rn_mux           mux;
    int64_t          sent, written;
} rn_encoder;


/*
 * Begins a segment file on the descriptor.  Where an encoder of hardware fails,
 * here and in what follows, that is RN_E_UNSUPPORTED: libx264 has to do it.
 */
rn_status rn_encoder_open(rn_encoder *e, int fd, const rn_coding *coding,
    rn_fault *fault);

/*
 * Encodes the next picture, as rn_scene_picture gives it (with alpha where that
 * is coded, see rn_matte.h), of whatever size.
 */
rn_status rn_encoder_send(rn_encoder *e, const AVFrame *picture,
    rn_fault *fault);

/* Encodes the last one once more. */
rn_status rn_encoder_again(rn_encoder *e, rn_fault *fault);

/*
 * Repeats the only frame that was sent so far, so that there are `frames` in
 * all: of H.264 by pictures that cost next to nothing (see rn_skip.h).
 */
rn_status rn_encoder_repeat(rn_encoder *e, int64_t frames, rn_fault *fault);

/*
 * Ends the segment; fails if not exactly `frames` came out.  Frees all, also
 * after a fault.  e->mux.bytes is the size of the file.
 */
rn_status rn_encoder_close(rn_encoder *e, int64_t frames, rn_fault *fault);


#endif /* RN_ENCODE_H */
