/*
 * The parameter sets of H.264 as MP4 keeps them: ISO/IEC 14496-15, 5.3.3.1.
 */

#ifndef RN_SETS_H
#define RN_SETS_H

#include "rn_av.h"


/* A sequence's and a picture's, as NAL units; borrowed. */

typedef struct {
    const uint8_t  *data[2];
    size_t          len[2];
    int             id[2];              /* their numbers */
} rn_sets;


/*
 * Reads them from a stream's extradata.  False: there is not one of each, or
 * they are of no kind that is copied.
 */
bool rn_sets_read(const AVCodecParameters *par, rn_sets *s);

/*
 * Adds the sets of the other stream to par's, so that one track may hold
 * pictures of both.  RN_E_UNSUPPORTED: one number would stand for two.
 */
rn_status rn_sets_join(AVCodecParameters *par, const AVCodecParameters *other,
    rn_fault *fault);


#endif /* RN_SETS_H */
