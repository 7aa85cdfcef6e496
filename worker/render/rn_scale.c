/* One picture to another format, size and colour space; see rn_scale.h. */

#include "rn_scale.h"
#include "rn_recolour.h"

#include <string.h>
#include <libswscale/swscale.h>


/*
 * Untagged pictures: SD is bt.601, the rest bt.709, as players assume; swscale
 * itself would take bt.601 for all.
 */

const char *
rn_matrix_of(const AVFrame *f)
{
    switch (f->colorspace) {
    case AVCOL_SPC_BT709:
        return "bt709";
    case AVCOL_SPC_BT470BG:
    case AVCOL_SPC_SMPTE170M:
        return "bt601";
    case AVCOL_SPC_SMPTE240M:
        return "smpte240m";
    case AVCOL_SPC_BT2020_NCL:
    case AVCOL_SPC_BT2020_CL:
        return "bt2020";
    default:
        return f->height <= 576 ? "bt601" : "bt709";
    }
}


bool
rn_full_range(const AVFrame *f)
{
    return f->color_range == AVCOL_RANGE_JPEG
           || f->format == AV_PIX_FMT_YUVJ420P
           || f->format == AV_PIX_FMT_YUVJ422P
           || f->format == AV_PIX_FMT_YUVJ444P
           || f->format == AV_PIX_FMT_YUVJ440P;
}


const int *
rn_coefficients(const char *matrix)
{
    int  cs;

    cs = strcmp(matrix, "bt709") == 0 ? SWS_CS_ITU709
         : strcmp(matrix, "smpte240m") == 0 ? SWS_CS_SMPTE240M
         : strcmp(matrix, "bt2020") == 0 ? SWS_CS_BT2020 : SWS_CS_ITU601;

    return sws_getCoefficients(cs);
}


rn_status
rn_scale(const AVFrame *src, rn_colour from, AVFrame *dst, rn_colour to,
    rn_fault *fault)
{
    int                 rc;
    struct SwsContext  *sws;

    rc = av_frame_get_buffer(dst, 0);
    if (rc < 0) {
        return rn_fail_av(fault, rc, "a picture of %dx%d", dst->width,
                          dst->height);
    }

    if (rn_recolour(src, from, dst, to)) {
        return RN_OK;
    }

    sws = sws_getContext(src->width, src->height, src->format, dst->width,
                         dst->height, dst->format,
                         SWS_BICUBIC | SWS_ACCURATE_RND, NULL, NULL, NULL);
    if (sws == NULL) {
        return rn_fail(fault, RN_E_INPUT, "a picture of %dx%d cannot be scaled "
                       "to %dx%d", src->width, src->height, dst->width,
                       dst->height);
    }

    /* what it cannot set, of RGB, needs no setting */

    (void) sws_setColorspaceDetails(sws, rn_coefficients(from.matrix),
                                    from.full, rn_coefficients(to.matrix),
                                    to.full, 0, 1 << 16, 1 << 16);

    rc = sws_scale(sws, (const uint8_t *const *) src->data, src->linesize, 0,
                   src->height, dst->data, dst->linesize);
    sws_freeContext(sws);

    return rc < 0 ? rn_fail_av(fault, rc, "a picture cannot be scaled") : RN_OK;
}
