/*
 * H.264 pictures that repeat the one before them, written without an encoder:
 * each is a slice of nothing but skipped macroblocks.  They follow a picture
 * that x264 coded and obey its parameter sets, so that a still of any length
 * costs one picture.
 */

#ifndef RN_SKIP_H
#define RN_SKIP_H

#include "rn_av.h"


typedef struct {
    int     width, height;              /* in macroblocks */
    int     frame_num_bits, poc_bits;
    int     pps_id;
    int     init_qp;
    bool    field_order;                /* a delta for the bottom field */
    bool    weighted;
    bool    deblocking;                 /* its control is in the slice header */
    bool    redundant;
    uint8_t  body[2048];                /* the slice behind its header, which is
                                           the same for all: 0.04 bits for each
                                           macroblock */
    int     body_size;
} rn_skips;


/*
 * Reads the parameter sets (ITU-T H.264, 7.3.2.1 and 7.3.2.2) from extradata
 * in Annex B's form.  RN_E_UNSUPPORTED: they are of a kind that is not written
 * here: no CABAC, fields, another order of pictures, scaling lists.
 */
rn_status rn_skips_read(rn_skips *s, const uint8_t *extradata, int size,
    rn_fault *fault);

/*
 * The k-th picture after an IDR picture, k from 1 on, as a packet of Annex B's
 * form; times are not set.  pkt must be blank.
 */
rn_status rn_skips_write(const rn_skips *s, int64_t k, AVPacket *pkt,
    rn_fault *fault);


#endif /* RN_SKIP_H */
