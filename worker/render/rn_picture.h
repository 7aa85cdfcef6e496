/*
 * Pictures of one clip: frame k of a film or the one frame of an image, turned
 * upright, scaled to what the clip asks, in bt.709 limited range.
 */

#ifndef RN_PICTURE_H
#define RN_PICTURE_H

#include "rn_av.h"
#include "rn_doc.h"


typedef struct rn_picture  rn_picture;

typedef struct {
    rn_fit       fit;
    int          w, h;                  /* the clip's box, px, even */
    rn_rational  fps;                   /* of the canvas */
} rn_picture_spec;


/* Opens the file on the descriptor (which stays the caller's). */
rn_status rn_picture_open(rn_picture **out, int fd,
    const rn_picture_spec *spec, rn_fault *fault);

/*
 * The picture that is shown at tick k of the source; k must not decrease.
 * *frame is borrowed until the next call: yuv420p, or yuva420p with straight
 * alpha, never smaller than what the box shows of it.
 */
rn_status rn_picture_get(rn_picture *p, int64_t tick, const AVFrame **frame,
    rn_fault *fault);

void rn_picture_close(rn_picture **p);


#endif /* RN_PICTURE_H */
