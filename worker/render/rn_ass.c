/* Styled captions; see rn_ass.h. */

#include "rn_ass.h"
#include "rn_blend.h"

#include <ass/ass.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>


#define GLYPHS_MAX  4000                /* kept; the rest is drawn anew */
#define BITMAPS_MB  32


struct rn_ass {
    ASS_Library   *lib;
    ASS_Renderer  *renderer;
    ASS_Track     *track;
    uint8_t       *argb;                /* of the whole canvas */
    AVFrame       *frame;
    int            w, h, x, y;
    bool           seen;                /* frame is what was seen last */
};


/* What libass has to say is about a stranger's file. */

static void
ignore(int level, const char *fmt, va_list ap, void *data)
{
    (void) level;
    (void) fmt;
    (void) ap;
    (void) data;
}


/* Fonts of the composition, by value: libass has fonts of its own. */

static rn_status
add_fonts(rn_ass *a, json_t *spec, const rn_env *env, rn_fault *fault)
{
    int           fd;
    void         *data;
    size_t        i;
    json_t       *own;
    const char   *name;
    struct stat   st;

    json_array_foreach(json_object_get(spec, "own"), i, own) {
        name = json_string_value(json_object_get(own, "input"));
        fd = name != NULL ? env->file(env->opaque, name) : -1;

        if (fd < 0 || fstat(fd, &st) != 0 || st.st_size <= 0) {
            return rn_fail(fault, RN_E_INTERNAL, "a font was not handed over");
        }

        data = mmap(NULL, (size_t) st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (data == MAP_FAILED) {
            return rn_fail(fault, RN_E_IO, "a font cannot be read");
        }

        ass_add_font(a->lib, name, data, (int) st.st_size);
        (void) munmap(data, (size_t) st.st_size);
    }

    return RN_OK;
}


static void
add_events(rn_ass *a, json_t *events)
{
    char        *copy;
    size_t       i, len;
    json_t      *e, *text;
    json_int_t   from;

    json_array_foreach(events, i, e) {
        from = json_integer_value(json_array_get(e, 0));
        text = json_array_get(e, 2);
        len = json_string_length(text);

        /* it is written to while it is read */

        copy = len > 0 ? strdup(json_string_value(text)) : NULL;

        if (copy != NULL) {
            ass_process_chunk(a->track, copy, (int) strlen(copy), from,
                              json_integer_value(json_array_get(e, 1)) - from);
        }
        free(copy);
    }
}


rn_status
rn_ass_open(rn_ass **out, json_t *spec, int w, int h, const rn_env *env,
    rn_fault *fault)
{
    char    *header;
    rn_ass  *a;

    *out = NULL;

    a = calloc(1, sizeof(rn_ass));
    if (a == NULL) {
        return rn_fail(fault, RN_E_NOMEM, "out of memory");
    }

    a->w = w;
    a->h = h;
    a->lib = ass_library_init();
    a->argb = calloc((size_t) w * (size_t) h, 4);
    header = strdup(json_string_value(json_object_get(spec, "header")) ?: "");

    if (a->lib == NULL || a->argb == NULL || header == NULL) {
        rn_fail(fault, RN_E_NOMEM, "out of memory");
        goto fail;
    }

    ass_set_message_cb(a->lib, ignore, NULL);
    ass_set_extract_fonts(a->lib, 0);

    if (add_fonts(a, spec, env, fault) != RN_OK) {
        goto fail;
    }

    a->renderer = ass_renderer_init(a->lib);
    a->track = ass_new_track(a->lib);

    if (a->renderer == NULL || a->track == NULL) {
        rn_fail(fault, RN_E_NOMEM, "out of memory");
        goto fail;
    }

    ass_set_frame_size(a->renderer, w, h);
    ass_set_storage_size(a->renderer, w, h);
    ass_set_cache_limits(a->renderer, GLYPHS_MAX, BITMAPS_MB);
    ass_set_fonts(a->renderer, NULL, "Noto Sans", ASS_FONTPROVIDER_FONTCONFIG,
                  NULL, 1);

    ass_process_codec_private(a->track, header, (int) strlen(header));
    add_events(a, json_object_get(spec, "events"));
    free(header);

    *out = a;
    return RN_OK;

fail:

    free(header);
    rn_ass_close(&a);

    return fault->status;
}


/* The pictures of libass, one colour each, laid on what is premultiplied. */

static void
lay(rn_ass *a, const ASS_Image *img)
{
    int        x, y;
    uint32_t  *to, alpha, part, rest, rgb[3], p;

    rgb[0] = img->color >> 24;
    rgb[1] = img->color >> 16 & 255;
    rgb[2] = img->color >> 8 & 255;
    alpha = 255 - (img->color & 255);

    for (y = 0; y < img->h; y++) {
        to = (uint32_t *) (void *) a->argb
             + (size_t) (img->dst_y + y) * (size_t) a->w + img->dst_x;

        for (x = 0; x < img->w; x++) {
            part = (img->bitmap[y * img->stride + x] * alpha + 127) / 255;
            if (part == 0) {
                continue;
            }

            rest = 255 - part;
            p = to[x];

            to[x] = (part + ((p >> 24) * rest + 127) / 255) << 24
                | ((rgb[0] * part + (p >> 16 & 255) * rest + 127) / 255) << 16
                | ((rgb[1] * part + (p >> 8 & 255) * rest + 127) / 255) << 8
                | (rgb[2] * part + (p & 255) * rest + 127) / 255;
        }
    }
}


/* Where anything is, with even sides and corners. */

static bool
bounds(const rn_ass *a, const ASS_Image *img, int *x, int *y, int *w, int *h)
{
    int  x1, y1;

    *x = a->w;
    *y = a->h;
    x1 = y1 = 0;

    for ( /* void */ ; img != NULL; img = img->next) {
        if (img->w <= 0 || img->h <= 0) {
            continue;
        }
        *x = img->dst_x < *x ? img->dst_x : *x;
        *y = img->dst_y < *y ? img->dst_y : *y;
        x1 = img->dst_x + img->w > x1 ? img->dst_x + img->w : x1;
        y1 = img->dst_y + img->h > y1 ? img->dst_y + img->h : y1;
    }

    *x &= ~1;
    *y &= ~1;
    *w = (x1 - *x + 1) & ~1;
    *h = (y1 - *y + 1) & ~1;

    return *w > 0 && *h > 0 && *x >= 0 && *y >= 0 && *x + *w <= a->w
           && *y + *h <= a->h;
}


static rn_status
draw(rn_ass *a, const ASS_Image *first, rn_fault *fault)
{
    int               w, h, row;
    const ASS_Image  *img;

    av_frame_free(&a->frame);
    a->seen = true;

    if (!bounds(a, first, &a->x, &a->y, &w, &h)) {
        return RN_OK;
    }

    for (row = a->y; row < a->y + h; row++) {
        memset(a->argb + ((size_t) row * (size_t) a->w + (size_t) a->x) * 4, 0,
               (size_t) w * 4);
    }

    for (img = first; img != NULL; img = img->next) {
        if (img->w > 0 && img->h > 0) {
            lay(a, img);
        }
    }

    a->frame = av_frame_alloc();

    if (a->frame != NULL) {
        a->frame->format = AV_PIX_FMT_YUVA420P;
        a->frame->width = w;
        a->frame->height = h;
    }

    if (a->frame == NULL || av_frame_get_buffer(a->frame, 0) < 0) {
        return rn_fail(fault, RN_E_NOMEM, "out of memory");
    }

    rn_from_argb(a->frame, a->argb + ((size_t) a->y * (size_t) a->w
                                      + (size_t) a->x) * 4, a->w * 4);

    return RN_OK;
}


rn_status
rn_ass_frame(rn_ass *a, int64_t ms, const AVFrame **frame, int *x, int *y,
    rn_fault *fault)
{
    int         changed;
    ASS_Image  *img;

    *frame = NULL;
    img = ass_render_frame(a->renderer, a->track, ms, &changed);

    if ((changed != 0 || !a->seen) && draw(a, img, fault) != RN_OK) {
        return fault->status;
    }

    *frame = a->frame;
    *x = a->x;
    *y = a->y;

    return RN_OK;
}


void
rn_ass_close(rn_ass **ap)
{
    rn_ass  *a = *ap;

    if (a == NULL) {
        return;
    }

    if (a->track != NULL) {
        ass_free_track(a->track);
    }

    if (a->renderer != NULL) {
        ass_renderer_done(a->renderer);
    }

    if (a->lib != NULL) {
        ass_clear_fonts(a->lib);
        ass_library_done(a->lib);
    }

    free(a->argb);
    av_frame_free(&a->frame);
    free(a);
    *ap = NULL;
}
