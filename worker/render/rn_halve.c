/* Pictures of half the size; see rn_warp.h. */

#include "rn_warp.h"
#include "rn_plane.h"


/* Four px to one; where there is alpha, by its weight. */

static void
halve_plane(const rn_plane *p, const rn_plane *a, int sub, uint8_t *out,
    int stride, int w, int h)
{
    int  x, y, i, k, sum, weight, total, n, px;

    for (y = 0; y < h; y++) {
        for (x = 0; x < w; x++) {
            sum = total = n = 0;

            for (i = 0; i < 4; i++) {
                k = rn_clamp(2 * y + i / 2, p->h - 1);
                px = p->p[(ptrdiff_t) k * p->stride
                          + rn_clamp(2 * x + i % 2, p->w - 1)];
                weight = a == NULL ? 1
                         : rn_plane_alpha(a, 2 * x + i % 2, 2 * y + i / 2, sub);
                sum += px * weight;
                total += weight;
                n += px;
            }

            out[(ptrdiff_t) y * stride + x] = (uint8_t)
                (total == 0 ? (n + 2) / 4 : (sum + total / 2) / total);
        }
    }
}


AVFrame *
rn_halve(const AVFrame *src)
{
    int       i;
    bool      has_alpha;
    rn_plane     p, a;
    AVFrame  *f;

    f = av_frame_alloc();
    if (f == NULL) {
        return NULL;
    }

    has_alpha = src->format == AV_PIX_FMT_YUVA420P;
    f->format = src->format;
    f->chroma_location = src->chroma_location;
    f->width = (src->width / 2 + 1) & ~1;
    f->height = (src->height / 2 + 1) & ~1;

    if (av_frame_get_buffer(f, 0) < 0) {
        av_frame_free(&f);
        return NULL;
    }

    a = rn_plane_of(src, has_alpha ? 3 : 0);

    for (i = 0; i < (has_alpha ? 4 : 3); i++) {
        p = rn_plane_of(src, i);
        halve_plane(&p, has_alpha && i < 3 ? &a : NULL, i == 1 || i == 2,
                    f->data[i], f->linesize[i],
                    i == 1 || i == 2 ? f->width / 2 : f->width,
                    i == 1 || i == 2 ? f->height / 2 : f->height);
    }

    return f;
}
