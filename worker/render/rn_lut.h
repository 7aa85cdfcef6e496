/*
 * Tables of colours (rn_cube.h) on pictures.  libavfilter has filters for them,
 * which read files by their paths; there are none here.  Between the colours of
 * a cube four of its corners are mixed, the tetrahedron in which a colour lies,
 * as lut3d does it unless told otherwise.
 */

#ifndef RN_LUT_H
#define RN_LUT_H

#include "rn_av.h"


typedef struct rn_lut  rn_lut;


/*
 * Reads the .cube on the descriptor, which stays the caller's.  intensity: 0,
 * nothing changes, to 1.  NULL with the fault set.
 */
rn_lut *rn_lut_open(int fd, double intensity, rn_fault *fault);

/* Changes the colours of a frame that is gbrp or gbrap, and writable. */
void rn_lut_apply(const rn_lut *lut, AVFrame *frame);

void rn_lut_free(rn_lut **lut);


#endif /* RN_LUT_H */
