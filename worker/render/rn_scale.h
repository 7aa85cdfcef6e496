/*
 * One picture to another format, size and colour space, for stills and
 * thumbnails; the pictures of a film go through rn_picture.h.
 */

#ifndef RN_SCALE_H
#define RN_SCALE_H

#include "rn_av.h"


typedef struct {
    const char  *matrix;                /* "bt709", "bt601", ... */
    bool         full;                  /* range; of RGB without meaning */
} rn_colour;


/*
 * Scales src to dst, of which format, width and height are set and whose
 * buffers are made here.  Tags of the frames are not looked at.
 */
rn_status rn_scale(const AVFrame *src, rn_colour from, AVFrame *dst,
    rn_colour to, rn_fault *fault);

/* The matrix a decoded frame is meant in, by its tags and size. */
const char *rn_matrix_of(const AVFrame *f);

/* swscale's coefficients of a matrix. */
const int *rn_coefficients(const char *matrix);

/* Whether it is meant in full range. */
bool rn_full_range(const AVFrame *f);


#endif /* RN_SCALE_H */
