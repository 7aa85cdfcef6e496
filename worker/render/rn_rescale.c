/* Pictures to another size or format by swscale; see rn_rescale.h. */

#include "rn_rescale.h"
#include "rn_recolour.h"
#include "rn_scale.h"

#include <stdlib.h>
#include <libswscale/swscale.h>


/* Exact and the same on every CPU: what comes of it is kept under a key. */
#define FLAGS  (SWS_ACCURATE_RND | SWS_FULL_CHR_H_INT | SWS_BITEXACT)


struct rn_rescale {
    int                  w, h;
    enum AVPixelFormat   format;
    const char          *matrix;
    bool                 full;
    int                  src_w, src_h, src_format;
    struct SwsContext   *sws;
};


rn_status
rn_rescale_open(rn_rescale **out, int w, int h, enum AVPixelFormat format,
    const char *matrix, bool full, rn_fault *fault)
{
    rn_rescale  *r;

    r = *out = calloc(1, sizeof(rn_rescale));
    if (r == NULL) {
        return rn_fail(fault, RN_E_NOMEM, "out of memory");
    }

    r->w = w;
    r->h = h;
    r->format = format;
    r->matrix = matrix;
    r->full = full;

    return RN_OK;
}


static rn_status
set_up(rn_rescale *r, const AVFrame *src, rn_fault *fault)
{
    int          how;
    const char  *to;

    sws_freeContext(r->sws);

    /* what rings makes holes beside the edges of what is half seen through */

    how = src->format == AV_PIX_FMT_YUVA420P ? SWS_BILINEAR : SWS_BICUBIC;

    r->sws = sws_getContext(src->width, src->height, src->format, r->w, r->h,
                            r->format, FLAGS | how, NULL, NULL, NULL);
    if (r->sws == NULL) {
        return rn_fail(fault, RN_E_INTERNAL, "pictures of %dx%d cannot be "
                       "scaled to %dx%d", src->width, src->height, r->w, r->h);
    }

    to = r->matrix != NULL ? r->matrix : "bt709";

    (void) sws_setColorspaceDetails(r->sws, rn_coefficients("bt709"), 0,
                                    rn_coefficients(to), r->full, 0, 1 << 16,
                                    1 << 16);

    r->src_w = src->width;
    r->src_h = src->height;
    r->src_format = src->format;

    return RN_OK;
}


rn_status
rn_rescale_do(rn_rescale *r, const AVFrame *src, AVFrame *dst,
    rn_fault *fault)
{
    int        rc;
    rn_colour  from = { "bt709", false }, to = { r->matrix, r->full };

    dst->width = r->w;
    dst->height = r->h;
    dst->format = r->format;
    dst->sample_aspect_ratio = (AVRational) { 1, 1 };

    rc = av_frame_get_buffer(dst, 0);

    if (rc < 0) {
        return rn_fail_av(fault, rc, "a picture cannot be scaled");
    }

    if (rn_recolour(src, from, dst, to)) {
        return RN_OK;
    }

    if ((r->sws == NULL || r->src_w != src->width || r->src_h != src->height
         || r->src_format != src->format)
        && set_up(r, src, fault) != RN_OK)
    {
        return fault->status;
    }

    rc = sws_scale(r->sws, (const uint8_t *const *) src->data, src->linesize,
                   0, src->height, dst->data, dst->linesize);

    return rc < 0 ? rn_fail_av(fault, rc, "a picture cannot be scaled") : RN_OK;
}


void
rn_rescale_close(rn_rescale **r)
{
    if (*r != NULL) {
        sws_freeContext((*r)->sws);
        free(*r);
        *r = NULL;
    }
}
