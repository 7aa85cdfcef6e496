/*
 * A decoded picture made to fit its clip: upright, cropped, scaled, with its
 * effects, in bt.709 limited range.
 */

#ifndef RN_FITTER_H
#define RN_FITTER_H

#include "rn_picture.h"


typedef struct rn_fitter  rn_fitter;


/* For pictures of the stream, which must outlive it; NULL: no memory. */
rn_fitter *rn_fitter_create(const AVStream *st, const rn_picture_spec *spec);

/*
 * Fits `in`, whose time and aspect are changed, to `out`, whose picture
 * before is dropped.  A picture that already is as asked is not copied.
 */
rn_status rn_fitter_fit(rn_fitter *p, AVFrame *in, AVFrame *out,
    rn_fault *fault);

/* The blurred copy of the last one (see rn_picture_back), or NULL. */
const AVFrame *rn_fitter_back(const rn_fitter *p);

void rn_fitter_free(rn_fitter **p);

/* To which size a picture of w x h px is scaled for its clip. */
void rn_fitted_size(const rn_picture_spec *spec, int w, int h, int *out_w,
    int *out_h);

/* Whether a picture is of high dynamic range: PQ or HLG (ITU-R BT.2100). */
bool rn_is_hdr(const AVFrame *f);


#endif /* RN_FITTER_H */
