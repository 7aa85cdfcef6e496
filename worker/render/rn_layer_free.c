/*
 * Layers that move, turn, grow, or have round corners: where their picture
 * comes to lie at a tick.  The px are rn_warp.c's.
 */

#include "rn_layer_parts.h"
#include "rn_blend.h"
#include "rn_warp.h"

#include <math.h>
#include <string.h>


#define SHARP  0.25                     /* of an octave: so much smaller a
                                           picture is not mixed with its half */


/*
 * Draws by rn_warp.h.  A source much larger than it is drawn is halved first,
 * and between two halves both are mixed, so that a slow zoom does not jump.
 */

static rn_status
warp(rn_layer *l, AVFrame *dst, const AVFrame *src, const rn_warp *at,
    rn_fault *fault)
{
    int             i, level, opacity;
    double          ratio, mix;
    rn_warp         w;
    uint64_t        serial;
    const AVFrame  *f, *next;

    ratio = fmax(at->sw / fmax(at->w, 0.01), at->sh / fmax(at->h, 0.01));
    level = ratio > 1 ? (int) floor(log2(ratio)) : 0;
    mix = ratio > 1 ? log2(ratio) - level - SHARP : 0;
    mix = mix > 0 ? mix / (1 - SHARP) : 0;

    if (level >= HALVES) {
        level = HALVES - 1;
        mix = 0;
    }

    serial = l->picture != NULL ? rn_picture_serial(l->picture) : 0;

    if (l->halved != serial) {
        rn_layer_forget_halves(l);
        l->halved = serial;
    }

    f = src;
    next = src;

    for (i = 0; i <= level && i < HALVES && (i < level || mix > 0.01); i++) {
        if (l->halves[i] == NULL) {
            l->halves[i] = rn_halve(next);
        }
        if (l->halves[i] == NULL) {
            return rn_fail(fault, RN_E_NOMEM, "out of memory");
        }
        f = i < level ? l->halves[i] : f;
        next = l->halves[i];
    }

    w = *at;
    w.sx /= 1 << level;
    w.sy /= 1 << level;
    w.sw /= 1 << level;
    w.sh /= 1 << level;
    opacity = at->opacity;

    if (next != f) {
        /* two layers of which together `opacity` is seen, by parts of mix */
        i = (int) lround(opacity * mix);
        w.opacity = i == RN_OPAQUE ? 0
                    : (int) ((int64_t) (opacity - i) * RN_OPAQUE
                             / (RN_OPAQUE - i));
    }

    if (!rn_warp_draw(dst, f, &w)) {
        return rn_fail(fault, RN_E_NOMEM, "out of memory");
    }

    if (next != f) {
        w.sx /= 2;
        w.sy /= 2;
        w.sw /= 2;
        w.sh /= 2;
        w.opacity = (int) lround(opacity * mix);

        if (!rn_warp_draw(dst, next, &w)) {
            return rn_fail(fault, RN_E_NOMEM, "out of memory");
        }
    }

    return RN_OK;
}


/*
 * A part (x, y, w, h of 1) of the blurred copy behind the picture; of `to` the
 * source is not looked at.
 */

static rn_status
draw_back(rn_layer *l, AVFrame *dst, const rn_warp *to,
    const double part[4], rn_fault *fault)
{
    rn_warp         at;
    const AVFrame  *back;

    back = l->picture != NULL ? rn_picture_back(l->picture) : NULL;
    if (back == NULL) {
        return RN_OK;
    }

    at = *to;
    at.sx = part[0] * back->width;
    at.sy = part[1] * back->height;
    at.sw = part[2] * back->width;
    at.sh = part[3] * back->height;

    if (!rn_warp_draw(dst, back, &at)) {
        return rn_fail(fault, RN_E_NOMEM, "out of memory");
    }

    return RN_OK;
}


/* One strip of the blurred copy: px from the box's corner. */

static rn_status
draw_strip(rn_layer *l, int x, int y, int dx, int dy, int w, int h,
    int opacity, AVFrame *dst, rn_fault *fault)
{
    rn_warp  to;
    double   part[4];

    if (w <= 0 || h <= 0) {
        return RN_OK;
    }

    memset(&to, 0, sizeof(to));
    to.cx = x + dx + w / 2.0;
    to.cy = y + dy + h / 2.0;
    to.w = w;
    to.h = h;
    to.opacity = opacity;

    part[0] = (double) dx / l->w;
    part[1] = (double) dy / l->h;
    part[2] = (double) w / l->w;
    part[3] = (double) h / l->h;

    return draw_back(l, dst, &to, part, fault);
}


/*
 * The blurred copy in the box at (x, y), where f, which is laid in its middle
 * afterwards, will not hide it.
 */

rn_status
rn_layer_draw_around(rn_layer *l, const AVFrame *f, int x, int y, int opacity,
    AVFrame *dst, rn_fault *fault)
{
    int  dx, dy;

    if (rn_picture_back(l->picture) == NULL) {
        return RN_OK;
    }

    if (opacity != RN_OPAQUE || f->format != AV_PIX_FMT_YUV420P) {
        return draw_strip(l, x, y, 0, 0, l->w, l->h, opacity, dst, fault);
    }

    dx = f->width < l->w ? ((l->w - f->width) / 2) & ~1 : 0;
    dy = f->height < l->h ? ((l->h - f->height) / 2) & ~1 : 0;

    if (dx > 0 && dy > 0) {                 /* rounding left both open */
        return draw_strip(l, x, y, 0, 0, l->w, l->h, opacity, dst, fault);
    }

    if (dx > 0) {
        (void) draw_strip(l, x, y, 0, 0, dx, l->h, opacity, dst, fault);
        return draw_strip(l, x, y, dx + f->width, 0, l->w - dx - f->width,
                          l->h, opacity, dst, fault);
    }

    (void) draw_strip(l, x, y, 0, 0, l->w, dy, opacity, dst, fault);

    return draw_strip(l, x, y, 0, dy + f->height, l->w,
                      l->h - dy - f->height, opacity, dst, fault);
}


/*
 * Which part of the frame is seen, and how large, for the box at this tick;
 * CSS' object-fit.
 */

static void
fit_part(const rn_layer *l, const AVFrame *f, int64_t k, double bw, double bh,
    rn_warp *at)
{
    double  s, w, h, natural;

    at->sx = rn_layer_moved(l, RN_MOVE_CROP, 0, k, 1e6, 0) * f->width;
    at->sy = rn_layer_moved(l, RN_MOVE_CROP, 1, k, 1e6, 0) * f->height;
    at->sw = rn_layer_moved(l, RN_MOVE_CROP, 2, k, 1e6, 1) * f->width;
    at->sh = rn_layer_moved(l, RN_MOVE_CROP, 3, k, 1e6, 1) * f->height;
    at->w = bw;
    at->h = bh;

    switch (l->fit) {

    case RN_FIT_COVER:
        s = fmax(bw / at->sw, bh / at->sh);
        w = bw / s;
        h = bh / s;
        at->sx += (at->sw - w) / 2;
        at->sy += (at->sh - h) / 2;
        at->sw = w;
        at->sh = h;
        break;

    case RN_FIT_CONTAIN:
    case RN_FIT_CONTAIN_BLUR:
        s = fmin(bw / at->sw, bh / at->sh);
        at->w = at->sw * s;
        at->h = at->sh * s;
        break;

    case RN_FIT_NONE:
        natural = rn_layer_moved(l, RN_MOVE_SCALE, 0, k, 1e6, l->scale);
        s = natural * (double) l->natural / f->width;
        w = fmin(bw / s, at->sw);
        h = fmin(bh / s, at->sh);
        at->sx += (at->sw - w) / 2;
        at->sy += (at->sh - h) / 2;
        at->sw = w;
        at->sh = h;
        at->w = w * s;
        at->h = h * s;
        break;

    default:                                /* fill */
        break;
    }
}


/* Placed to a fraction of a px: what moves, turns, has round corners. */

rn_status
rn_layer_draw_free(rn_layer *l, const AVFrame *f, int64_t k, AVFrame *dst,
    rn_fault *fault)
{
    double   bw, bh, x, y, scale, radius;
    rn_warp  at;

    static const double whole[4] = { 0, 0, 1, 1 };

    scale = rn_layer_moved(l, RN_MOVE_SCALE, 0, k, 1e6, l->scale);

    if (l->type == LAYER_TEXT) {
        bw = f->width / l->up;
        bh = f->height / l->up;
    } else {
        bw = rn_layer_moved(l, RN_MOVE_WIDTH, 0, k, 1000, l->w);
        bh = rn_layer_moved(l, RN_MOVE_HEIGHT, 0, k, 1000, l->h);
    }

    if (l->place == 1 || l->moves[RN_MOVE_POSITION].n > 0) {
        x = rn_layer_moved(l, RN_MOVE_POSITION, 0, k, 1000, l->x);
        y = rn_layer_moved(l, RN_MOVE_POSITION, 1, k, 1000, l->y);
    } else {
        x = l->x * (l->stage->w - bw) / 2;
        y = l->y * (l->stage->h - bh) / 2;
    }

    x += rn_layer_moved(l, RN_MOVE_OFFSET, 0, k, 1000, l->dx);
    y += rn_layer_moved(l, RN_MOVE_OFFSET, 1, k, 1000, l->dy);

    at.cx = x + bw / 2;
    at.cy = y + bh / 2;
    at.angle = rn_layer_moved(l, RN_MOVE_ROTATE, 0, k, 1000, l->rotate)
               * M_PI / 180;
    at.opacity = rn_layer_opacity(l, k);

    bw *= scale;
    bh *= scale;
    radius = l->radius_percent ? l->radius / 100 * fmin(bw, bh)
                               : l->radius * scale;

    if (bw < 0.01 || bh < 0.01) {
        return RN_OK;
    }

    if (l->type == LAYER_COLOR) {
        at.opacity = (int) ((int64_t) at.opacity * (l->color & 255) / 255);
    }

    at.w = bw;
    at.h = bh;
    at.radius = radius;

    if (draw_back(l, dst, &at, whole, fault) != RN_OK) {
        return fault->status;
    }

    if (l->type == LAYER_PICTURE || l->type == LAYER_IMAGE) {
        fit_part(l, f, k, bw, bh, &at);

    } else {
        at.sx = at.sy = 0;
        at.sw = f->width;
        at.sh = f->height;
        at.w = bw;
        at.h = bh;
    }

    at.radius = l->fit == RN_FIT_CONTAIN_BLUR ? 0 : radius;

    if (l->type == LAYER_COLOR) {           /* nothing to be halved */
        return rn_warp_draw(dst, f, &at)
               ? RN_OK : rn_fail(fault, RN_E_NOMEM, "out of memory");
    }

    return warp(l, dst, f, &at, fault);
}
