/*
 * Sizes and rates: what of the canvas the outputs decide, and what of each
 * output the canvas does.
 */

#include "rn_doc_parts.h"

#include <math.h>
#include <stdlib.h>


#define GIF_FPS       10
#define GIF_WIDTH     480
#define SPRITE_WIDTH  160
#define SIDE_MIN      16
#define SHAPE_OFF     0.02              /* by which shapes may differ */


/*
 * What the time line leaves open of the canvas, the outputs decide: the first
 * that names both sides (or the one that is missing), the first that names a
 * rate.  Where there are films others are not asked: their size and rate are
 * seldom meant for all.
 */

static void
set_canvas(rn_doc *doc)
{
    bool              film;
    size_t            i;
    const rn_output  *o;

    film = false;

    for (i = 0; i < doc->n_outputs; i++) {
        film = film || rn_format_is_film(doc->outputs[i].format);
    }

    for (i = 0; i < doc->n_outputs; i++) {
        o = &doc->outputs[i];

        if (film && !rn_format_is_film(o->format)) {
            continue;
        }

        if ((doc->width != 0 || o->width != 0)
            && (doc->height != 0 || o->height != 0))
        {
            doc->width = doc->width != 0 ? doc->width : o->width;
            doc->height = doc->height != 0 ? doc->height : o->height;
        }

        if (doc->fps.num == 0 && o->fps.num != 0) {
            doc->fps = o->fps;
        }
    }

    if (doc->width == 0) {
        doc->width = 1280;
    }

    if (doc->height == 0) {
        doc->height = 720;
    }

    if (doc->fps.num == 0) {
        doc->fps = (rn_rational) { 30, 1 };
    }
}


static int
even(double side)
{
    int  n;

    n = (int) lround(side / 2) * 2;

    return n < 2 ? 2 : n;
}


/* What one side leaves open follows from the canvas's shape. */

static void
complete_size(rn_reader *r, const rn_doc *doc, int *w, int *h, bool film)
{
    bool    named;
    double  shape;

    shape = (double) doc->width / doc->height;
    named = *w != 0 || *h != 0;

    if (!named) {
        *w = doc->width;
        *h = doc->height;

    } else if (*h == 0) {
        *h = even(*w / shape);

    } else if (*w == 0) {
        *w = even(*h * shape);

    } else if (fabs(log((double) *w / *h / shape)) > SHAPE_OFF
               && abs(even(*w / shape) - *h) > 2
               && abs(even(*h * shape) - *w) > 2)
    {
        rn_report(r, "%d x %d is of another shape than the canvas of %d x %d; "
                  "name one side, and the other follows", *w, *h,
                  doc->width, doc->height);
    }

    if (film && (*w < SIDE_MIN || *h < SIDE_MIN)) {
        rn_report(r, "would be %d x %d px; a film has at least %d each way",
                  *w, *h, SIDE_MIN);
    }

    /* what is as the canvas is, is told there */

    if (named && (*w != doc->width || *h != doc->height)
        && ((int64_t) *w * *h > r->limits->max_pixels
            || *w > r->limits->max_side || *h > r->limits->max_side))
    {
        rn_report(r, "%d x %d px are more than the %lld that are rendered here",
                  *w, *h, (long long) r->limits->max_pixels);
    }
}


/*
 * The sizes of a stream that names none: the canvas's, and what is smaller by a
 * quarter or more of those that phones and lines are made for.
 */

static void
set_ladder(const rn_doc *doc, rn_output *o)
{
    size_t  i;

    static const int  heights[] = { 720, 360 };

    for (i = 0; i < RN_RENDITIONS_MAX; i++) {
        o->renditions[i].quality = RN_QUALITY_UNSET;
    }

    o->renditions[0].width = o->width;
    o->renditions[0].height = o->height;
    o->n_renditions = 1;

    if (o->width != doc->width) {
        return;                             /* one size was asked for */
    }

    for (i = 0; i < sizeof(heights) / sizeof(heights[0]); i++) {
        if (heights[i] * 4 <= doc->height * 3
            && even((double) heights[i] * doc->width / doc->height)
               >= SIDE_MIN)
        {
            o->renditions[o->n_renditions++].height = heights[i];
        }
    }
}


static void
complete_renditions(rn_reader *r, const rn_doc *doc, rn_output *o, bool named)
{
    size_t         i, len, at;
    rn_rendition  *v;

    if (o->n_renditions == 0) {
        set_ladder(doc, o);
    }

    len = named ? rn_enter(r, "renditions") : r->at.len;

    for (i = 0; i < o->n_renditions; i++) {
        v = &o->renditions[i];

        at = named ? rn_enter_index(r, i) : r->at.len;
        complete_size(r, doc, &v->width, &v->height, true);
        rn_leave(r, at);

        if (v->quality == RN_QUALITY_UNSET) {
            v->quality = o->quality;
        }
    }

    rn_leave(r, len);
}


static void
complete(rn_reader *r, rn_doc *doc, rn_output *o)
{
    int          w;
    rn_rational  ten = { GIF_FPS, 1 };

    if (o->fps.num == 0) {
        o->fps = o->format == RN_FORMAT_GIF
                 && doc->fps.num > ten.num * doc->fps.den ? ten : doc->fps;
    }

    if (!rn_format_has_pictures(o->format)) {
        return;
    }

    w = o->format == RN_FORMAT_GIF ? GIF_WIDTH
        : o->format == RN_FORMAT_SPRITE ? SPRITE_WIDTH : doc->width;

    if (o->width == 0 && o->height == 0 && w < doc->width) {
        o->width = w;
    }

    complete_size(r, doc, &o->width, &o->height, rn_format_is_film(o->format));

    if (o->format == RN_FORMAT_HLS) {
        complete_renditions(r, doc, o, o->n_renditions > 0);
    }
}


void
rn_complete_outputs(rn_reader *r, rn_doc *doc)
{
    size_t  i, at;

    set_canvas(doc);

    for (i = 0; i < doc->n_outputs; i++) {
        at = rn_enter_index(r, i);
        complete(r, doc, &doc->outputs[i]);
        rn_leave(r, at);
    }
}
