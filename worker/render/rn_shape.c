/* Shapes; see rn_shape.h. */

#include "rn_shape.h"
#include "rn_blend.h"

#include <cairo.h>
#include <math.h>


static void
set_color(cairo_t *cr, uint32_t rgba)
{
    cairo_set_source_rgba(cr, (rgba >> 24) / 255.0, (rgba >> 16 & 255) / 255.0,
                          (rgba >> 8 & 255) / 255.0, (rgba & 255) / 255.0);
}


static void
star(cairo_t *cr, int points, double x, double y, double w, double h)
{
    int     i;
    double  a, r;

    for (i = 0; i < 2 * points; i++) {
        a = M_PI * i / points - M_PI_2;
        r = i % 2 == 0 ? 0.5 : 0.2;
        cairo_line_to(cr, x + w * (0.5 + r * cos(a)),
                      y + h * (0.5 + r * sin(a)));
    }

    cairo_close_path(cr);
}


/* The outline of a shape in the box. */

static void
outline(cairo_t *cr, const rn_shape_spec *s, double x, double y, double w,
    double h)
{
    switch (s->kind) {

    case RN_SHAPE_ELLIPSE:
        cairo_save(cr);
        cairo_translate(cr, x + w / 2, y + h / 2);
        cairo_scale(cr, w / 2, h / 2);
        cairo_arc(cr, 0, 0, 1, 0, 2 * M_PI);
        cairo_close_path(cr);
        cairo_restore(cr);
        break;

    case RN_SHAPE_TRIANGLE:
        cairo_move_to(cr, x + w / 2, y);
        cairo_line_to(cr, x + w, y + h);
        cairo_line_to(cr, x, y + h);
        cairo_close_path(cr);
        break;

    case RN_SHAPE_STAR:
        star(cr, s->points, x, y, w, h);
        break;

    default:
        cairo_rectangle(cr, x, y, w, h);
    }
}


static void
paint(cairo_t *cr, const rn_shape_spec *s)
{
    double  in;

    if (s->kind == RN_SHAPE_LINE) {
        set_color(cr, s->stroke_width > 0 ? s->stroke : s->fill);
        cairo_set_line_width(cr, s->stroke_width > 0 ? s->stroke_width : 4);
        cairo_set_line_cap(cr, CAIRO_LINE_CAP_ROUND);
        in = (s->stroke_width > 0 ? s->stroke_width : 4) / 2;
        cairo_move_to(cr, in, s->h > 2 * in ? in : s->h / 2.0);
        cairo_line_to(cr, s->w - in, s->h > 2 * in ? s->h - in : s->h / 2.0);
        cairo_stroke(cr);
        return;
    }

    /* the stroke lies inside, so that the box holds all of it */

    in = s->stroke_width / 2;

    if (2 * in >= s->w || 2 * in >= s->h) {
        in = 0;
    }

    outline(cr, s, in, in, s->w - 2 * in, s->h - 2 * in);
    set_color(cr, s->fill);

    if (s->stroke_width <= 0) {
        cairo_fill(cr);
        return;
    }

    cairo_fill_preserve(cr);
    set_color(cr, s->stroke);
    cairo_set_line_width(cr, s->stroke_width);
    cairo_stroke(cr);
}


rn_status
rn_shape_draw(const rn_shape_spec *s, AVFrame **out, rn_fault *fault)
{
    cairo_t          *cr;
    AVFrame          *f;
    cairo_surface_t  *surface;

    surface = cairo_image_surface_create(CAIRO_FORMAT_ARGB32, s->w, s->h);
    cr = cairo_create(surface);

    f = av_frame_alloc();
    if (f != NULL) {
        f->format = AV_PIX_FMT_YUVA420P;
        f->width = s->w;
        f->height = s->h;
    }

    if (f == NULL || av_frame_get_buffer(f, 0) < 0
        || cairo_status(cr) != CAIRO_STATUS_SUCCESS)
    {
        av_frame_free(&f);
        rn_fail(fault, RN_E_NOMEM, "no memory for a shape of %d x %d px",
                s->w, s->h);
        goto done;
    }

    paint(cr, s);
    cairo_surface_flush(surface);
    rn_from_argb(f, cairo_image_surface_get_data(surface),
                 cairo_image_surface_get_stride(surface));
    *out = f;

done:

    cairo_destroy(cr);
    cairo_surface_destroy(surface);

    return fault->status;
}
