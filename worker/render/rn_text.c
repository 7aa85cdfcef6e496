/* Draws texts; see rn_text.h. */

#include "rn_text_parts.h"
#include "rn_blend.h"

#include <cairo.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>


#define PADDING  0.25                   /* of the size, around the letters */
#define PX_MAX   (4 * 3840LL * 4 * 2160)    /* of a text that is enlarged */


/* A surface of 1 px serves to measure. */

static cairo_t *
measuring(void)
{
    cairo_t          *cr;
    cairo_surface_t  *surface;

    surface = cairo_image_surface_create(CAIRO_FORMAT_ARGB32, 1, 1);
    cr = cairo_create(surface);
    cairo_surface_destroy(surface);

    return cr;
}


/* px around the letters: for what reaches beyond their line, and an outline. */

static int
padding(const rn_text_spec *spec)
{
    return (int) lround(spec->size * PADDING + spec->stroke_width);
}


PangoLayout *
rn_text_layout(const rn_text_spec *spec)
{
    int                    w;
    cairo_t               *cr;
    PangoLayout           *layout;
    cairo_font_options_t  *opts;
    PangoFontDescription  *font;

    cr = measuring();
    layout = pango_cairo_create_layout(cr);
    cairo_destroy(cr);                      /* the layout needs it no more */

    /* the screen's hinting and subpixel order are no business of a film's */

    opts = cairo_font_options_create();
    cairo_font_options_set_antialias(opts, CAIRO_ANTIALIAS_GRAY);
    cairo_font_options_set_hint_style(opts, CAIRO_HINT_STYLE_NONE);
    cairo_font_options_set_hint_metrics(opts, CAIRO_HINT_METRICS_OFF);
    pango_cairo_context_set_font_options(pango_layout_get_context(layout),
                                         opts);
    cairo_font_options_destroy(opts);

    font = pango_font_description_new();
    pango_font_description_set_family(font, spec->family);
    pango_font_description_set_absolute_size(font, spec->size * PANGO_SCALE);
    pango_font_description_set_weight(font, spec->bold ? PANGO_WEIGHT_BOLD
                                                       : PANGO_WEIGHT_NORMAL);
    pango_font_description_set_style(font, spec->italic ? PANGO_STYLE_ITALIC
                                                        : PANGO_STYLE_NORMAL);
    pango_layout_set_font_description(layout, font);
    pango_font_description_free(font);

    if (spec->markup) {
        pango_layout_set_markup(layout, spec->text, -1);
    } else {
        pango_layout_set_text(layout, spec->text, -1);
    }

    pango_layout_set_alignment(layout,
                               spec->align == RN_ALIGN_START ? PANGO_ALIGN_LEFT
                               : spec->align == RN_ALIGN_END ? PANGO_ALIGN_RIGHT
                               : PANGO_ALIGN_CENTER);

    if (spec->width > 0) {
        w = spec->height > 0 ? spec->width - 2 * padding(spec) : spec->width;
        pango_layout_set_width(layout, (w > 1 ? w : 1) * PANGO_SCALE);
        pango_layout_set_wrap(layout, PANGO_WRAP_WORD_CHAR);
    }

    return layout;
}


static void
set_color(cairo_t *cr, uint32_t rgba)
{
    cairo_set_source_rgba(cr, (rgba >> 24) / 255.0, (rgba >> 16 & 255) / 255.0,
                          (rgba >> 8 & 255) / 255.0, (rgba & 255) / 255.0);
}


/* The size of a text with its padding, even; a fault where that is too much. */

static rn_status
measure_layout(const rn_text_spec *spec, PangoLayout *layout,
    PangoRectangle *logical, int *w, int *h, rn_fault *fault)
{
    int             pad;
    PangoRectangle  ink;

    pango_layout_get_pixel_extents(layout, &ink, logical);

    pad = padding(spec);
    *w = (logical->width + 2 * pad + 1) & ~1;
    *h = (logical->height + 2 * pad + 1) & ~1;

    if (spec->height > 0) {
        *w = (spec->width + 1) & ~1;
        *h = (spec->height + 1) & ~1;
    }

    if (*w > 4 * spec->max_width || *h > 4 * spec->max_height || *w < 2
        || *h < 2 || (int64_t) *w * *h > PX_MAX)
    {
        return rn_fail(fault, RN_E_INVALID, "the text would be %d x %d px, far "
                       "more than the canvas; give it a width to wrap at, or a "
                       "smaller font", *w, *h);
    }

    return RN_OK;
}


rn_status
rn_text_check(const rn_text_spec *spec, rn_font_digests *digests,
    char hex[65], int *missing, rn_fault *fault)
{
    int              w, h;
    PangoLayout     *layout;
    PangoRectangle   logical;

    layout = rn_text_layout(spec);

    if (measure_layout(spec, layout, &logical, &w, &h, fault) == RN_OK
        && rn_text_fonts_of(layout, digests, hex, fault) == RN_OK)
    {
        *missing = pango_layout_get_unknown_glyphs_count(layout);
    }

    g_object_unref(layout);

    return fault->status;
}


void
rn_text_extents(const rn_text_spec *spec, int *w, int *h)
{
    PangoLayout     *layout;
    PangoRectangle   ink, logical;

    layout = rn_text_layout(spec);
    pango_layout_get_pixel_extents(layout, &ink, &logical);
    *w = logical.width + (spec->height > 0 ? 2 * padding(spec) : 0);
    *h = logical.height + (spec->height > 0 ? 2 * padding(spec) : 0);
    g_object_unref(layout);
}


rn_status
rn_text_draw(const rn_text_spec *spec, AVFrame **out, rn_fault *fault)
{
    int               w, h, pad, x, y;
    cairo_t          *cr;
    AVFrame          *frame;
    PangoLayout      *layout;
    PangoRectangle    logical;
    cairo_surface_t  *surface;

    *out = NULL;
    frame = NULL;
    surface = NULL;
    cr = NULL;

    layout = rn_text_layout(spec);
    pad = padding(spec);

    if (measure_layout(spec, layout, &logical, &w, &h, fault) != RN_OK) {
        goto done;
    }

    surface = cairo_image_surface_create(CAIRO_FORMAT_ARGB32, w, h);
    cr = cairo_create(surface);

    if (spec->background & 255) {
        set_color(cr, spec->background);
        cairo_paint(cr);
    }

    /* in a box lines are aligned by its width, and in the middle of it */

    x = spec->height > 0 ? pad : pad - logical.x;
    y = spec->height > 0 ? (h - logical.height) / 2 - logical.y
                         : pad - logical.y;

    if (spec->stroke_width > 0) {           /* half of it lies under them */
        cairo_move_to(cr, x, y);
        pango_cairo_layout_path(cr, layout);
        cairo_set_line_width(cr, 2 * spec->stroke_width);
        cairo_set_line_join(cr, CAIRO_LINE_JOIN_ROUND);
        set_color(cr, spec->stroke);
        cairo_stroke(cr);
    }

    set_color(cr, spec->color);
    cairo_move_to(cr, x, y);
    pango_cairo_show_layout(cr, layout);
    cairo_surface_flush(surface);

    if (cairo_status(cr) != CAIRO_STATUS_SUCCESS) {
        rn_fail(fault, RN_E_NOMEM, "the text cannot be drawn: %s",
                cairo_status_to_string(cairo_status(cr)));
        goto done;
    }

    frame = av_frame_alloc();
    if (frame == NULL) {
        rn_fail(fault, RN_E_NOMEM, "out of memory");
        goto done;
    }

    frame->format = AV_PIX_FMT_YUVA420P;
    frame->width = w;
    frame->height = h;

    if (av_frame_get_buffer(frame, 0) < 0) {
        rn_fail(fault, RN_E_NOMEM, "out of memory");
        goto done;
    }

    rn_from_argb(frame, cairo_image_surface_get_data(surface),
                 cairo_image_surface_get_stride(surface));

    *out = frame;
    frame = NULL;

done:

    av_frame_free(&frame);
    if (cr != NULL) {
        cairo_destroy(cr);
    }
    if (surface != NULL) {
        cairo_surface_destroy(surface);
    }
    g_object_unref(layout);

    return fault->status;
}
