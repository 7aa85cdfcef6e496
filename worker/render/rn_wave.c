/* Waveforms; see rn_wave.h. */

#include "rn_wave.h"
#include "rn_blend.h"
#include "rn_sound.h"

#include <cairo.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>


#define BLOCK    4096                   /* samples decoded at once */
#define SLOTS    2048                   /* more than are ever shown */
#define FULL     0.6                    /* of a bar's place that it fills */
#define LEAST    2.0                    /* px: a line where nothing sounds */
#define COLUMN   2                      /* px of a line's slot */


typedef struct {
    float  low, high;                   /* of the samples, both sides */
} slot;

struct rn_wave {
    rn_wave_spec      spec;
    rn_sound         *sound;
    int64_t           length;           /* samples across */
    int               across;           /* slots */
    int64_t           next;             /* slot that is not read yet */
    bool              begun;
    slot              slots[SLOTS];     /* by their number modulo SLOTS */
    float             ones[BLOCK];
    float             pcm[BLOCK * RN_CHANNELS];
    cairo_surface_t  *mask;             /* how much of each px is drawn on */
    uint8_t           tones[4][256];    /* Y, U, V, A by that */
    AVFrame          *frame;
};


int64_t
rn_wave_at(int64_t time, rn_rational fps)
{
    return (int64_t) (((__int128) time * RN_RATE * fps.den * 2
                       + 1000 * fps.num) / (2000 * fps.num));
}


/* The sample at which a slot begins, also before the source does. */

static int64_t
begin_of(const rn_wave *w, int64_t slot)
{
    int64_t  n = slot * w->length;

    return n >= 0 ? n / w->across : -((-n + w->across - 1) / w->across);
}


static int64_t
slot_at(const rn_wave *w, int64_t sample)
{
    int64_t  k;

    k = sample * w->across / w->length;

    while (begin_of(w, k) > sample) {
        k--;
    }

    while (begin_of(w, k + 1) <= sample) {
        k++;
    }

    return k;
}


static rn_status
read_slot(rn_wave *w, int64_t k, rn_fault *fault)
{
    int      i, n;
    bool     any;
    slot    *s = &w->slots[k & (SLOTS - 1)];
    int64_t  a, b;

    s->low = s->high = 0;
    any = false;

    a = begin_of(w, k);
    b = begin_of(w, k + 1);
    a = a > w->spec.from ? a : w->spec.from;
    b = b < w->spec.to ? b : w->spec.to;

    for ( /* void */ ; a < b; a += n) {
        n = b - a < BLOCK ? (int) (b - a) : BLOCK;
        memset(w->pcm, 0, (size_t) n * RN_CHANNELS * sizeof(float));

        if (rn_sound_add(w->sound, a, n, w->ones, w->pcm, fault) != RN_OK) {
            return fault->status;
        }

        if (!any) {
            s->low = s->high = w->pcm[0];
            any = true;
        }

        for (i = 0; i < n * RN_CHANNELS; i++) {
            s->low = w->pcm[i] < s->low ? w->pcm[i] : s->low;
            s->high = w->pcm[i] > s->high ? w->pcm[i] : s->high;
        }
    }

    return RN_OK;
}


/*
 * A picture is of two colours and what lies between them at edges: 256 tones,
 * made once, in the one way there is from RGB.
 */

static rn_status
make_tones(rn_wave *w, rn_fault *fault)
{
    int        i, k;
    double     a, on, over[4], under[4];
    AVFrame   *f;
    uint32_t   px[2][512];

    f = av_frame_alloc();
    if (f != NULL) {
        f->format = AV_PIX_FMT_YUVA420P;
        f->width = 512;
        f->height = 2;
    }

    if (f == NULL || av_frame_get_buffer(f, 0) < 0) {
        av_frame_free(&f);
        return rn_fail(fault, RN_E_NOMEM, "out of memory");
    }

    for (k = 0; k < 4; k++) {               /* R, G, B, A; premultiplied */
        over[k] = w->spec.color >> (24 - 8 * k) & 255;
        under[k] = w->spec.background >> (24 - 8 * k) & 255;
    }

    for (k = 0; k < 3; k++) {
        over[k] *= over[3] / 255;
        under[k] *= under[3] / 255;
    }

    for (i = 0; i < 256; i++) {
        on = i / 255.0;
        a = 1 - on * over[3] / 255;
        px[0][2 * i] = 0;

        for (k = 0; k < 4; k++) {
            px[0][2 * i] |= (uint32_t) lround(over[k] * on + under[k] * a)
                            << (k == 3 ? 24 : 16 - 8 * k);
        }

        px[0][2 * i + 1] = px[1][2 * i] = px[1][2 * i + 1] = px[0][2 * i];
    }

    rn_from_argb(f, (uint8_t *) px, sizeof(px[0]));

    for (i = 0; i < 256; i++) {
        w->tones[0][i] = f->data[0][2 * i];
        w->tones[1][i] = f->data[1][i];
        w->tones[2][i] = f->data[2][i];
        w->tones[3][i] = f->data[3][2 * i];
    }

    av_frame_free(&f);

    return RN_OK;
}


static void
look_up(const uint8_t *tones, const uint8_t *from, uint8_t *to, int n)
{
    int  i;

    for (i = 0; i < n; i++) {
        to[i] = tones[from[i]];
    }
}


/* The mask in its tones; of chroma the mean of four. */

static void
paint(rn_wave *w)
{
    int             x, y, on, stride;
    AVFrame        *f = w->frame;
    uint8_t        *u, *v;
    const uint8_t  *row;

    row = cairo_image_surface_get_data(w->mask);
    stride = cairo_image_surface_get_stride(w->mask);

    for (y = 0; y < f->height; y++, row += stride) {
        look_up(w->tones[0], row, f->data[0] + (ptrdiff_t) y * f->linesize[0],
                f->width);

        if (f->format == AV_PIX_FMT_YUVA420P) {
            look_up(w->tones[3], row,
                    f->data[3] + (ptrdiff_t) y * f->linesize[3], f->width);
        }

        if (y & 1) {
            continue;
        }

        u = f->data[1] + (ptrdiff_t) (y / 2) * f->linesize[1];
        v = f->data[2] + (ptrdiff_t) (y / 2) * f->linesize[2];

        for (x = 0; x < f->width / 2; x++) {
            on = (row[2 * x] + row[2 * x + 1] + row[stride + 2 * x]
                  + row[stride + 2 * x + 1] + 2) / 4;
            u[x] = w->tones[1][on];
            v[x] = w->tones[2][on];
        }
    }
}


static double
clamp(float v)
{
    return v < -1 ? -1 : v > 1 ? 1 : v;
}


/*
 * Bars stand on both sides of the middle, as high as the loudest sample; a
 * line reaches from the lowest to the highest one, and to the one before.
 */

static void
draw(rn_wave *w, int64_t at, int64_t first, int64_t last)
{
    double        x, place, wide, top, bottom, mid, half, gap;
    int64_t       k;
    cairo_t      *cr;
    const slot   *s, *before;

    cr = cairo_create(w->mask);
    cairo_set_operator(cr, CAIRO_OPERATOR_CLEAR);
    cairo_paint(cr);
    cairo_set_operator(cr, CAIRO_OPERATOR_OVER);
    cairo_set_source_rgba(cr, 0, 0, 0, 1);

    place = (double) w->spec.w / w->across;
    wide = w->spec.style == RN_WAVE_BARS ? place * FULL : place;
    mid = w->spec.h / 2.0;
    half = mid - LEAST / 2;

    for (k = first; k <= last; k++) {
        s = &w->slots[k & (SLOTS - 1)];
        x = ((double) begin_of(w, k) - (double) at) / (double) w->length
            * w->spec.w + w->spec.w / 2.0;

        if (w->spec.style == RN_WAVE_BARS) {
            top = mid - half * fmax(clamp(s->high), -clamp(s->low));
            bottom = 2 * mid - top;
            gap = (place - wide) / 2;
        } else {
            before = k > first ? &w->slots[(k - 1) & (SLOTS - 1)] : s;
            top = mid - half * clamp(fmaxf(s->high, before->low));
            bottom = mid - half * clamp(fminf(s->low, before->high));
            gap = 0;
        }

        cairo_rectangle(cr, x + gap, top - LEAST / 2, wide,
                        bottom - top + LEAST);
    }

    cairo_fill(cr);
    cairo_destroy(cr);
    cairo_surface_flush(w->mask);
}


rn_status
rn_wave_get(rn_wave *w, int64_t at, const AVFrame **frame, rn_fault *fault)
{
    int64_t  first, last;

    first = slot_at(w, at - w->length / 2) - 1;
    last = slot_at(w, at + w->length / 2) + 1;

    if (!w->begun || w->next < first) {
        w->next = first;
        w->begun = true;
    }

    for ( /* void */ ; w->next <= last; w->next++) {
        if (read_slot(w, w->next, fault) != RN_OK) {
            return fault->status;
        }
    }

    /* the encoder, or who warps it, may still hold the last one */

    if (av_frame_make_writable(w->frame) < 0) {
        return rn_fail(fault, RN_E_NOMEM, "out of memory");
    }

    draw(w, at, first, last);
    paint(w);
    *frame = w->frame;

    return RN_OK;
}


rn_status
rn_wave_open(rn_wave **out, int fd, const rn_wave_spec *spec, rn_fault *fault)
{
    int       i;
    rn_wave  *w;

    *out = NULL;
    w = calloc(1, sizeof(rn_wave));

    if (w == NULL) {
        return rn_fail(fault, RN_E_NOMEM, "out of memory");
    }

    w->spec = *spec;
    w->length = (int64_t) spec->window * RN_RATE / 1000;
    w->across = spec->style == RN_WAVE_BARS ? spec->bars : spec->w / COLUMN;

    /* neither more slots than samples, nor than are kept */

    w->across = w->across > w->length ? (int) w->length : w->across;
    w->across = w->across > SLOTS / 2 ? SLOTS / 2 : w->across;
    w->across = w->across < 1 ? 1 : w->across;

    for (i = 0; i < BLOCK; i++) {
        w->ones[i] = 1;
    }

    w->frame = av_frame_alloc();
    if (w->frame != NULL) {
        w->frame->format = (spec->background & 255) == 255
                           ? AV_PIX_FMT_YUV420P : AV_PIX_FMT_YUVA420P;
        w->frame->width = spec->w;
        w->frame->height = spec->h;
        w->frame->chroma_location = AVCHROMA_LOC_CENTER;
    }

    w->mask = cairo_image_surface_create(CAIRO_FORMAT_A8, spec->w, spec->h);

    if (w->length < 1 || spec->w < 2 || spec->h < 2) {
        rn_fail(fault, RN_E_INTERNAL, "a waveform without a size");

    } else if (w->frame == NULL || av_frame_get_buffer(w->frame, 0) < 0
               || cairo_surface_status(w->mask) != CAIRO_STATUS_SUCCESS)
    {
        rn_fail(fault, RN_E_NOMEM, "no memory for a waveform of %d x %d px",
                spec->w, spec->h);

    } else if (make_tones(w, fault) == RN_OK) {
        (void) rn_sound_open(&w->sound, fd, fault);
    }

    if (fault->status != RN_OK) {
        rn_wave_close(&w);
    }

    *out = w;

    return fault->status;
}


void
rn_wave_close(rn_wave **wp)
{
    rn_wave  *w = *wp;

    if (w == NULL) {
        return;
    }

    rn_sound_close(&w->sound);
    av_frame_free(&w->frame);
    cairo_surface_destroy(w->mask);
    free(w);
    *wp = NULL;
}
