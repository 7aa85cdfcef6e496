/*
 * Pictures of one clip: frame k of a film or the one frame of an image, turned
 * upright, scaled to what the clip asks, in bt.709 limited range.
 */

#ifndef RN_PICTURE_H
#define RN_PICTURE_H

#include "rn_av.h"
#include "rn_doc.h"
#include "rn_segment.h"

#include <jansson.h>


typedef struct rn_picture  rn_picture;

typedef struct {
    rn_fit       fit;
    int          w, h;                  /* the clip's box, px, even */
    rn_rational  fps;                   /* of the canvas */
    int64_t      crop[4];               /* x, y, w, h: millionths; w 0: none */
    json_t      *effects;               /* see rn_effects.h; NULL: none */
    const rn_env  *env;                 /* has the files of effects */
    double       px_scale;              /* px of the canvas a px of it */
    int          back_w, back_h;        /* of a blurred copy; 0: none */
} rn_picture_spec;


/* Opens the file on the descriptor (which stays the caller's). */
rn_status rn_picture_open(rn_picture **out, int fd,
    const rn_picture_spec *spec, rn_fault *fault);

/*
 * A picture that was drawn, as large as the spec says: what comes now are its
 * effects and its blurred copy.  The frame is consumed, also on failure.
 */
rn_status rn_picture_of(rn_picture **out, AVFrame *drawn,
    const rn_picture_spec *spec, rn_fault *fault);

/*
 * The picture that is shown at a time of the source, in thousandths of a tick
 * of the canvas, which must not decrease.
 * *frame is borrowed until the next call: yuv420p, or yuva420p with straight
 * alpha, never smaller than what the box shows of it.
 */
rn_status rn_picture_get(rn_picture *p, int64_t time, const AVFrame **frame,
    rn_fault *fault);

/*
 * The blurred copy of the picture that was got last, covering back_w x back_h;
 * NULL where none was asked for.  Borrowed like the picture.
 */
const AVFrame *rn_picture_back(const rn_picture *p);

/* Counts up with each picture that differs from the one got before. */
uint64_t rn_picture_serial(const rn_picture *p);

void rn_picture_close(rn_picture **p);


#endif /* RN_PICTURE_H */
