/* Plain shapes, drawn once by Cairo. */

#ifndef RN_SHAPE_H
#define RN_SHAPE_H

#include "rn_av.h"
#include "rn_doc.h"


typedef struct {
    rn_shape_kind  kind;
    uint32_t       fill, stroke;        /* RGBA */
    double         stroke_width;        /* px, inside of the box */
    int            points;              /* of a star */
    int            w, h;                /* px, even */
} rn_shape_spec;


/* Draws; *frame is a new yuva420p frame with straight alpha. */
rn_status rn_shape_draw(const rn_shape_spec *spec, AVFrame **frame,
    rn_fault *fault);


#endif /* RN_SHAPE_H */
