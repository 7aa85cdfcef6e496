/*
 * A film's pictures to another size or format, for outputs that are not as the
 * canvas is; keeps what it needs from one picture to the next.
 */

#ifndef RN_RESCALE_H
#define RN_RESCALE_H

#include "rn_av.h"


typedef struct rn_rescale  rn_rescale;


/*
 * To w x h px of a format; of YUV in that matrix and range (see rn_colour), of
 * RGB matrix is NULL.  Freed with rn_rescale_close.
 */
rn_status rn_rescale_open(rn_rescale **out, int w, int h,
    enum AVPixelFormat format, const char *matrix, bool full, rn_fault *fault);

/*
 * Scales src, in bt.709 and limited range, to dst, which is blank and gets
 * pixels of its own.
 */
rn_status rn_rescale_do(rn_rescale *r, const AVFrame *src, AVFrame *dst,
    rn_fault *fault);

/* Sets *r to NULL; NULL is fine. */
void rn_rescale_close(rn_rescale **r);


#endif /* RN_RESCALE_H */
