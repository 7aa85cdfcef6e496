/*
 * Transparency from two pictures; see rn_matte.h.  With colour c and alpha a,
 * what lies over black is a c, over white a c + (1 - a): their difference has
 * nothing of c.  All that draws is linear in what lies below, so it holds for
 * every layer, mix and fade without any of them knowing of it.
 */

#include "rn_matte.h"
#include "rn_scene.h"

#include <stdlib.h>


#define BLACK  0x000000ffu
#define WHITE  0xffffffffu
#define RANGE  219                      /* of luma, from 16 on */


struct rn_matte {
    rn_scene  *black, *white;
    AVFrame   *frame;
};


static uint8_t
clamp(int v)
{
    return (uint8_t) (v < 0 ? 0 : v > 255 ? 255 : v);
}


rn_status
rn_matte_open(rn_matte **out, json_t *spec, const rn_env *env,
    rn_fault *fault)
{
    rn_matte  *m;

    m = *out = calloc(1, sizeof(rn_matte));
    if (m == NULL) {
        return rn_fail(fault, RN_E_NOMEM, "out of memory");
    }

    if (rn_scene_open(&m->black, spec, env, fault) != RN_OK
        || rn_scene_open(&m->white, spec, env, fault) != RN_OK)
    {
        return fault->status;
    }

    rn_scene_base(m->black, BLACK);
    rn_scene_base(m->white, WHITE);

    m->frame = av_frame_alloc();

    return m->frame != NULL ? RN_OK
                            : rn_fail(fault, RN_E_NOMEM, "out of memory");
}


static void
set_luma(AVFrame *d, const AVFrame *b, const AVFrame *w)
{
    int             x, y, a;
    uint8_t        *dy, *da;
    const uint8_t  *by, *wy;

    for (y = 0; y < d->height; y++) {
        dy = d->data[0] + (ptrdiff_t) y * d->linesize[0];
        da = d->data[3] + (ptrdiff_t) y * d->linesize[3];
        by = b->data[0] + (ptrdiff_t) y * b->linesize[0];
        wy = w->data[0] + (ptrdiff_t) y * w->linesize[0];

        for (x = 0; x < d->width; x++) {
            a = clamp(255 - ((wy[x] - by[x]) * 255 + RANGE / 2) / RANGE);
            da[x] = (uint8_t) a;
            dy[x] = a == 0 ? 16 : clamp(16 + (by[x] - 16) * 255 / a);
        }
    }
}


static void
set_chroma(AVFrame *d, const AVFrame *b, const AVFrame *w, int plane)
{
    int             x, y, a, c;
    uint8_t        *dp;
    const uint8_t  *bp, *wp, *a1, *a2;

    for (y = 0; y < d->height / 2; y++) {
        dp = d->data[plane] + (ptrdiff_t) y * d->linesize[plane];
        bp = b->data[plane] + (ptrdiff_t) y * b->linesize[plane];
        wp = w->data[plane] + (ptrdiff_t) y * w->linesize[plane];
        a1 = d->data[3] + (ptrdiff_t) 2 * y * d->linesize[3];
        a2 = a1 + d->linesize[3];

        for (x = 0; x < d->width / 2; x++) {
            a = a1[2 * x] + a1[2 * x + 1] + a2[2 * x] + a2[2 * x + 1];
            c = bp[x] + wp[x] - 256;        /* twice: grey adds nothing */
            dp[x] = a == 0 ? 128 : clamp(128 + c * 255 * 2 / a);
        }
    }
}


rn_status
rn_matte_picture(rn_matte *m, int64_t k, const AVFrame **picture,
    rn_fault *fault)
{
    AVFrame        *d = m->frame;
    const AVFrame  *b, *w;

    if (rn_scene_picture(m->black, k, &b, fault) != RN_OK
        || rn_scene_picture(m->white, k, &w, fault) != RN_OK)
    {
        return fault->status;
    }

    av_frame_unref(d);                      /* an encoder may hold the last */
    d->format = AV_PIX_FMT_YUVA420P;
    d->width = b->width;
    d->height = b->height;

    if (av_frame_get_buffer(d, 0) < 0) {
        return rn_fail(fault, RN_E_NOMEM, "out of memory");
    }

    set_luma(d, b, w);
    set_chroma(d, b, w, 1);
    set_chroma(d, b, w, 2);

    *picture = d;

    return RN_OK;
}


void
rn_matte_close(rn_matte **mp)
{
    rn_matte  *m = *mp;

    if (m != NULL) {
        rn_scene_close(&m->black);
        rn_scene_close(&m->white);
        av_frame_free(&m->frame);
        free(m);
        *mp = NULL;
    }
}
