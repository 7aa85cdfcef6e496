/*
 * The picture of an SVG: drawn once, at the size at which it is shown, and no
 * more of it than that.
 */

#include "rn_layer_parts.h"
#include "rn_bytes.h"
#include "rn_fitter.h"
#include "rn_svg.h"
#include "rn_vector.h"

#include <math.h>
#include <string.h>


static double
whole(const rn_layer *l, size_t side)
{
    return (double) json_integer_value(json_array_get(
                        json_object_get(l->spec, "whole"), side));
}


/*
 * Of what is larger than its box (cover, none) only the middle is drawn, where
 * the layer would cut it to.
 */

static void
cut(double *at, double *len, int *out, int box)
{
    int  off;

    if (*out > box) {
        off = ((*out - box) / 2) & ~1;
        *at += *len * off / *out;
        *len = *len * box / *out;
        *out = box;
    }
}


rn_status
rn_layer_open_svg(rn_layer *l, int fd, const rn_picture_spec *spec,
    rn_fault *fault)
{
    json_t           *inside;
    AVFrame          *frame;
    rn_bytes          file = { NULL, 0 };
    const char       *text;
    size_t            len;
    rn_vector_part    part = { 0, 0, 1, 1, 0, 0 };
    rn_picture_spec   drawn = *spec;

    if (spec->crop[2] > 0 && spec->crop[3] > 0) {
        part.x = (double) spec->crop[0] / 1e6;
        part.y = (double) spec->crop[1] / 1e6;
        part.w = (double) spec->crop[2] / 1e6;
        part.h = (double) spec->crop[3] / 1e6;
    }

    rn_fitted_size(spec, (int) fmax(1, round(part.w * whole(l, 0))),
                   (int) fmax(1, round(part.h * whole(l, 1))), &part.out_w,
                   &part.out_h);

    cut(&part.x, &part.w, &part.out_w, spec->w);
    cut(&part.y, &part.h, &part.out_h, spec->h);

    drawn.fit = RN_FIT_FILL;
    drawn.w = part.out_w;
    drawn.h = part.out_h;
    memset(drawn.crop, 0, sizeof(drawn.crop));

    inside = json_object_get(l->spec, "svg");

    if (inside == NULL) {
        if (rn_bytes_read(fd, RN_SVG_MAX, &file, fault) != RN_OK) {
            return fault->status;
        }
        text = file.p;
        len = file.n;
    } else {
        text = json_string_value(inside);
        len = json_string_length(inside);
    }

    if (rn_vector_draw(text, len, &part, RN_VECTOR_DRAW_SECONDS, &frame, fault)
        == RN_OK)
    {
        (void) rn_picture_of(&l->picture, frame, &drawn, fault);
    }

    rn_bytes_free(&file);

    return fault->status;
}
