/* Draws texts; see rn_text.h. */

#include "rn_text.h"
#include "rn_blend.h"
#include "rn_id.h"

#include <cairo.h>
#include <fcntl.h>
#include <fontconfig/fontconfig.h>
#include <math.h>
#include <openssl/evp.h>
#include <pango/pangocairo.h>
#include <pango/pangofc-font.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>


#define PADDING  0.25                   /* of the size, around the letters */
#define PX_MAX   (4 * 3840LL * 4 * 2160)    /* of a text that is enlarged */


static PangoLayout *
layout_of(cairo_t *cr, const rn_text_spec *spec)
{
    PangoLayout           *layout;
    cairo_font_options_t  *opts;
    PangoFontDescription  *font;

    layout = pango_cairo_create_layout(cr);

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

    pango_layout_set_text(layout, spec->text, -1);
    pango_layout_set_alignment(layout,
                               spec->align == RN_ALIGN_START ? PANGO_ALIGN_LEFT
                               : spec->align == RN_ALIGN_END ? PANGO_ALIGN_RIGHT
                               : PANGO_ALIGN_CENTER);

    if (spec->width > 0) {
        pango_layout_set_width(layout, spec->width * PANGO_SCALE);
        pango_layout_set_wrap(layout, PANGO_WRAP_WORD_CHAR);
    }

    return layout;
}


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

    pad = (int) lround(spec->size * PADDING);
    *w = (logical->width + 2 * pad + 1) & ~1;
    *h = (logical->height + 2 * pad + 1) & ~1;

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
rn_text_check(const rn_text_spec *spec, rn_fault *fault)
{
    int              w, h;
    cairo_t         *measure;
    PangoLayout     *layout;
    PangoRectangle   logical;

    measure = measuring();
    layout = layout_of(measure, spec);
    (void) measure_layout(spec, layout, &logical, &w, &h, fault);
    g_object_unref(layout);
    cairo_destroy(measure);

    return fault->status;
}


rn_status
rn_text_draw(const rn_text_spec *spec, AVFrame **out, rn_fault *fault)
{
    int               w, h, pad;
    cairo_t          *cr, *measure;
    AVFrame          *frame;
    PangoLayout      *layout;
    PangoRectangle    logical;
    cairo_surface_t  *surface;

    *out = NULL;
    frame = NULL;
    surface = NULL;
    cr = NULL;

    measure = measuring();
    layout = layout_of(measure, spec);
    pad = (int) lround(spec->size * PADDING);

    if (measure_layout(spec, layout, &logical, &w, &h, fault) != RN_OK) {
        goto done;
    }

    surface = cairo_image_surface_create(CAIRO_FORMAT_ARGB32, w, h);
    cr = cairo_create(surface);

    if (spec->background & 255) {
        set_color(cr, spec->background);
        cairo_paint(cr);
    }

    set_color(cr, spec->color);
    cairo_move_to(cr, pad - logical.x, pad - logical.y);
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
    cairo_destroy(measure);

    return fault->status;
}


static bool
hash_file(EVP_MD_CTX *md, const char *path)
{
    int      fd;
    char     buf[16384];
    ssize_t  n;

    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }

    while ((n = read(fd, buf, sizeof(buf))) > 0) {
        (void) EVP_DigestUpdate(md, buf, (size_t) n);
    }

    (void) close(fd);

    return n == 0;
}


static int
by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *) a, *(char *const *) b);
}


/* The files of the fonts of every run, sorted, each once. */

static size_t
font_files(PangoLayout *layout, char **files, size_t max)
{
    size_t            n, i, k;
    FcChar8          *path;
    PangoFont        *font;
    FcPattern        *pattern;
    PangoLayoutIter  *it;
    PangoLayoutRun   *run;

    n = 0;
    it = pango_layout_get_iter(layout);

    do {
        run = pango_layout_iter_get_run_readonly(it);
        if (run == NULL || n == max) {
            continue;
        }

        font = run->item->analysis.font;
        if (!PANGO_IS_FC_FONT(font)) {
            continue;
        }

        pattern = pango_fc_font_get_pattern(PANGO_FC_FONT(font));
        if (pattern != NULL
            && FcPatternGetString(pattern, FC_FILE, 0, &path)
               == FcResultMatch)
        {
            files[n] = strdup((char *) path);
            n += files[n] != NULL;
        }
    } while (pango_layout_iter_next_run(it));

    pango_layout_iter_free(it);
    qsort(files, n, sizeof(char *), by_name);

    for (i = 0, k = 0; i < n; i++) {
        if (k > 0 && strcmp(files[k - 1], files[i]) == 0) {
            free(files[i]);
        } else {
            files[k++] = files[i];
        }
    }

    return k;
}


rn_status
rn_text_fonts(const rn_text_spec *spec, char hex[65], rn_fault *fault)
{
    char           *files[64];
    size_t          i, n;
    cairo_t        *measure;
    EVP_MD_CTX     *md;
    PangoLayout    *layout;
    unsigned char   digest[EVP_MAX_MD_SIZE];

    md = EVP_MD_CTX_new();
    if (md == NULL) {
        return rn_fail(fault, RN_E_NOMEM, "out of memory");
    }

    (void) EVP_DigestInit_ex(md, EVP_sha256(), NULL);

    measure = measuring();
    layout = layout_of(measure, spec);
    n = font_files(layout, files, sizeof(files) / sizeof(files[0]));

    for (i = 0; i < n; i++) {
        if (!hash_file(md, files[i])) {
            rn_fail(fault, RN_E_INTERNAL, "a font cannot be read: %s",
                    files[i]);
        }
        free(files[i]);
    }

    if (n == 0) {
        rn_fail(fault, RN_E_INTERNAL, "no font is installed that could show "
                "this text");
    }

    (void) EVP_DigestFinal_ex(md, digest, NULL);
    rn_hex(digest, 32, hex);

    EVP_MD_CTX_free(md);
    g_object_unref(layout);
    cairo_destroy(measure);

    return fault->status;
}
