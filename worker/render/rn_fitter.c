/*
 * The filters of one clip's pictures; see rn_fitter.h.  The graph is built for
 * the first picture, and again when the pictures change.
 */

#include "rn_fitter.h"
#include "rn_effects.h"
#include "rn_filter.h"
#include "rn_probe.h"
#include "rn_scale.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <libavfilter/buffersink.h>
#include <libavfilter/buffersrc.h>
#include <libavutil/pixdesc.h>


struct rn_fitter {
    rn_picture_spec   spec;
    const AVStream   *st;
    AVFilterGraph    *graph;
    AVFilterContext  *source, *sink, *back_sink;
    AVFrame          *like;             /* properties the graph was made for */
    AVFrame          *back;             /* the blurred copy */
    int               out_w, out_h;
    rn_effects_stops  stops;
};


/* What is shown of a decoded frame, upright, with square px. */

static void
shown_size(const rn_fitter *p, const AVFrame *f, int *w, int *h)
{
    rn_display_size(p->st, f, w, h);

    if (p->spec.crop[2] > 0) {
        *w = (int) fmax(1, round((double) p->spec.crop[2] * *w / 1e6));
        *h = (int) fmax(1, round((double) p->spec.crop[3] * *h / 1e6));
    }
}


void
rn_fitted_size(const rn_picture_spec *spec, int w, int h, int *out_w,
    int *out_h)
{
    double  sx, sy, s;

    sx = (double) spec->w / w;
    sy = (double) spec->h / h;

    switch (spec->fit) {
    case RN_FIT_FILL:
        *out_w = spec->w;
        *out_h = spec->h;
        return;
    case RN_FIT_COVER:
        s = sx > sy ? sx : sy;
        break;
    case RN_FIT_CONTAIN:
    case RN_FIT_CONTAIN_BLUR:
        s = sx < sy ? sx : sy;
        break;
    default:
        s = 1;
    }

    *out_w = (int) lround(w * s / 2) * 2;
    *out_h = (int) lround(h * s / 2) * 2;

    if (*out_w < 2) {
        *out_w = 2;
    }

    if (*out_h < 2) {
        *out_h = 2;
    }

    if (spec->fit == RN_FIT_COVER) {      /* never short of the box */
        if (*out_w < spec->w) {
            *out_w = spec->w;
        }
        if (*out_h < spec->h) {
            *out_h = spec->h;
        }
    }
}


/* Upright, as it is displayed. */

static AVFilterContext *
add_turn(AVFilterGraph *g, AVFilterContext *last, rn_turn turn,
    rn_fault *fault)
{
    static const char *const turns[4][3] = {
        { NULL, NULL, NULL }, { "dir", "clock", NULL }, { NULL, NULL, NULL },
        { "dir", "cclock", NULL },
    };

    if (last != NULL && turn.mirrored) {
        last = rn_filter_add(g, last, "hflip", NULL, fault);
    }

    if (last != NULL && (turn.quarters & 1)) {
        last = rn_filter_add(g, last, "transpose", turns[turn.quarters],
                             fault);

    } else if (last != NULL && turn.quarters == 2) {
        last = rn_filter_add(g, last, "hflip", NULL, fault);
        if (last != NULL) {
            last = rn_filter_add(g, last, "vflip", NULL, fault);
        }
    }

    return last;
}


static AVFilterContext *
add_crop(const rn_fitter *p, AVFilterContext *last, const AVFrame *f,
    int turned, rn_fault *fault)
{
    int   w, h, v[4];
    char  text[4][16];

    w = turned ? f->height : f->width;
    h = turned ? f->width : f->height;

    v[0] = (int) llround((double) p->spec.crop[0] * w / 1e6);
    v[1] = (int) llround((double) p->spec.crop[1] * h / 1e6);
    v[2] = (int) llround((double) p->spec.crop[2] * w / 1e6);
    v[3] = (int) llround((double) p->spec.crop[3] * h / 1e6);

    v[0] = v[0] < w ? v[0] : w - 1;
    v[1] = v[1] < h ? v[1] : h - 1;
    v[2] = v[2] < 1 ? 1 : v[2] > w - v[0] ? w - v[0] : v[2];
    v[3] = v[3] < 1 ? 1 : v[3] > h - v[1] ? h - v[1] : v[3];

    for (w = 0; w < 4; w++) {
        (void) snprintf(text[w], sizeof(text[w]), "%d", v[w]);
    }

    return rn_filter_add(p->graph, last, "crop", (const char *const []) {
                         "x", text[0], "y", text[1], "w", text[2],
                         "h", text[3], "exact", "1", NULL }, fault);
}


static AVFilterContext *
add_scale(const rn_fitter *p, AVFilterContext *last, rn_colour from,
    int w, int h, const char *flags, rn_fault *fault)
{
    char  sw[16], sh[16];

    (void) snprintf(sw, sizeof(sw), "%d", w);
    (void) snprintf(sh, sizeof(sh), "%d", h);

    return rn_filter_add(p->graph, last, "scale", (const char *const []) {
                         "w", sw, "h", sh, "flags", flags,
                         "in_color_matrix", from.matrix,
                         "out_color_matrix", "bt709",
                         "in_range", from.full ? "full" : "limited",
                         "out_range", "limited", NULL }, fault);
}


bool
rn_is_hdr(const AVFrame *f)
{
    return f->color_trc == AVCOL_TRC_SMPTE2084
           || f->color_trc == AVCOL_TRC_ARIB_STD_B67;
}


/*
 * High dynamic range to that of bt.709: scaled first, for what follows is slow,
 * then in linear light to its primaries, and bent by Hable's curve.  The way
 * back is exact: with AVX-512 zimg 3.0.4 approximates colours that bt.709 does
 * not have by others.
 */

static AVFilterContext *
add_tonemap(const rn_fitter *p, AVFilterContext *last, const AVFrame *f,
    rn_fault *fault)
{
    size_t       i;
    char         w[16], h[16];
    const char  *trc, *matrix, *range;

    trc = f->color_trc == AVCOL_TRC_SMPTE2084 ? "smpte2084" : "arib-std-b67";
    matrix = strcmp(rn_matrix_of(f), "bt709") == 0 ? "bt709" : "bt2020nc";
    range = rn_full_range(f) ? "full" : "limited";

    (void) snprintf(w, sizeof(w), "%d", p->out_w);
    (void) snprintf(h, sizeof(h), "%d", p->out_h);

    {
        const char *const  scale[] = { "w", w, "h", h, "flags", "bicubic",
                                       NULL };
        const char *const  deep[] = { "pix_fmts", "yuv444p10le", NULL };
        const char *const  linear[] = {
            "matrixin", matrix, "primariesin", "bt2020", "transferin", trc,
            "rangein", range, "transfer", "linear", "npl", "100", NULL };
        const char *const  light[] = { "pix_fmts", "gbrpf32le", NULL };
        const char *const  primaries[] = { "primaries", "bt709", NULL };
        const char *const  curve[] = { "tonemap", "hable", "desat", "0",
                                       NULL };
        const char *const  back[] = { "transfer", "bt709", "matrix", "bt709",
                                      "range", "limited", "agamma", "0",
                                      NULL };
        const char *const  shallow[] = { "pix_fmts", "yuv444p", NULL };

        const struct {
            const char         *name;
            const char *const  *opts;
        } steps[] = {
            { "scale", scale }, { "format", deep }, { "zscale", linear },
            { "format", light }, { "zscale", primaries },
            { "tonemap", curve }, { "zscale", back }, { "format", shallow },
        };

        for (i = 0; last != NULL && i < sizeof(steps) / sizeof(steps[0]); i++) {
            last = rn_filter_add(p->graph, last, steps[i].name, steps[i].opts,
                                 fault);
        }
    }

    return last;
}


/*
 * What stands blurred behind a picture that does not fill its box: small, for
 * nobody sees the difference, and the box is filled while it is placed.  It is
 * made of the picture as it was scaled, which has the fewest px.
 */

static AVFilterContext *
add_back(rn_fitter *p, AVFilterContext *split, rn_fault *fault)
{
    int               rc, side, out_w, out_h;
    char              text[2][24];
    double            scale;
    AVFilterContext  *last;

    static const char *const opaque[] = { "pix_fmts", "yuv420p", NULL };
    static const rn_colour   fitted = { "bt709", false };

    scale = fmax((double) p->spec.back_w / p->out_w,
                 (double) p->spec.back_h / p->out_h);
    out_w = (int) ceil(p->out_w * scale / 2) * 2;
    out_h = (int) ceil(p->out_h * scale / 2) * 2;

    last = add_scale(p, NULL, fitted, out_w, out_h, "area", fault);
    rc = last != NULL ? avfilter_link(split, 1, last, 0) : 0;

    if (rc < 0) {
        rn_fail_av(fault, rc, "the blurred copy of a picture");
        last = NULL;
    }

    (void) snprintf(text[0], sizeof(text[0]), "%d", p->spec.back_w);
    (void) snprintf(text[1], sizeof(text[1]), "%d", p->spec.back_h);

    if (last != NULL) {
        last = rn_filter_add(p->graph, last, "crop", (const char *const []) {
                             "w", text[0], "h", text[1], NULL }, fault);
    }

    if (last != NULL) {
        last = rn_filter_add(p->graph, last, "format", opaque, fault);
    }

    side = p->spec.back_w < p->spec.back_h ? p->spec.back_w : p->spec.back_h;

    if (last != NULL) {
        last = rn_filter_blur(p->graph, last, p->spec.back_w, p->spec.back_h,
                              side > 40 ? side / 40.0 : 1.0, fault);
    }

    return last == NULL ? NULL
           : rn_filter_add(p->graph, last, "buffersink", NULL, fault);
}


static rn_status
build_graph(rn_fitter *p, const AVFrame *f, rn_fault *fault)
{
    int                        w, h, rc;
    bool                       alpha;
    rn_turn                    turn;
    rn_colour                  from;
    AVFilterContext           *last, *split;
    const AVPixFmtDescriptor  *desc;

    avfilter_graph_free(&p->graph);
    rn_effects_forget(&p->stops);

    p->graph = rn_filter_graph(fault);
    if (p->graph == NULL) {
        return fault->status;
    }

    shown_size(p, f, &w, &h);
    rn_fitted_size(&p->spec, w, h, &p->out_w, &p->out_h);
    turn = rn_turn_of(p->st, f);
    desc = av_pix_fmt_desc_get(f->format);
    alpha = desc != NULL && (desc->flags & (AV_PIX_FMT_FLAG_ALPHA
                                            | AV_PIX_FMT_FLAG_PAL));
    split = NULL;
    from.matrix = rn_matrix_of(f);
    from.full = rn_full_range(f);

    last = p->source = rn_filter_source(p->graph, f->width, f->height,
                                        f->format, (AVRational) { 1, 1000000 },
                                        (AVRational) { 1, 1 }, fault);
    last = add_turn(p->graph, last, turn, fault);

    if (last != NULL && p->spec.crop[2] > 0) {
        last = add_crop(p, last, f, turn.quarters & 1, fault);
    }

    if (last != NULL && rn_is_hdr(f)) {
        last = add_tonemap(p, last, f, fault);
        from.matrix = "bt709";
        from.full = false;
    }

    if (last != NULL) {
        last = add_scale(p, last, from, p->out_w, p->out_h, "bicubic", fault);
    }

    if (last != NULL) {
        last = rn_filter_add(p->graph, last, "format", (const char *const []) {
                             "pix_fmts", alpha ? "yuva420p" : "yuv420p",
                             NULL }, fault);
    }

    if (last != NULL && p->spec.back_w > 0) {
        last = split = rn_filter_add(p->graph, last, "split", NULL, fault);
    }

    if (last != NULL && json_array_size(p->spec.effects) > 0) {
        p->stops.env = p->spec.env;
        p->stops.w = p->out_w;
        p->stops.h = p->out_h;
        last = rn_effects_add(p->graph, last, p->spec.effects,
                              p->spec.px_scale, &alpha, &p->stops, fault);
        if (last != NULL) {
            last = rn_filter_add(p->graph, last, "format",
                                 (const char *const []) { "pix_fmts",
                                 alpha ? "yuva420p" : "yuv420p", NULL },
                                 fault);
        }
    }

    if (last != NULL) {
        last = p->sink = rn_filter_add(p->graph, last, "buffersink", NULL,
                                       fault);
    }

    p->back_sink = NULL;

    if (last != NULL && split != NULL) {
        last = p->back_sink = add_back(p, split, fault);
    }

    if (last == NULL) {
        return fault->status;
    }

    rc = avfilter_graph_config(p->graph, NULL);
    if (rc < 0) {
        return rn_fail_av(fault, rc, "the pictures cannot be scaled to %dx%d",
                          p->out_w, p->out_h);
    }

    av_frame_unref(p->like);
    (void) av_frame_copy_props(p->like, f);
    p->like->width = f->width;
    p->like->height = f->height;
    p->like->format = f->format;

    return RN_OK;
}


static bool
graph_fits(const rn_fitter *p, const AVFrame *f)
{
    return p->graph != NULL && p->like->width == f->width
           && p->like->height == f->height && p->like->format == f->format
           && p->like->colorspace == f->colorspace
           && p->like->color_range == f->color_range
           && p->like->color_trc == f->color_trc;
}


/* What is done between filters, with the frame for a hand. */

static int
pass_stops(rn_fitter *p, AVFrame *f)
{
    int               rc;
    size_t            i;
    rn_effects_stop  *s;

    for (rc = 0, i = 0; rc >= 0 && i < p->stops.n; i++) {
        s = &p->stops.stops[i];

        rc = av_buffersink_get_frame(s->sink, f);
        if (rc >= 0) {
            rc = av_frame_make_writable(f);
        }

        if (rc >= 0) {
            rn_lut_apply(s->lut, f);
            rc = av_buffersrc_add_frame_flags(s->source, f,
                                              AV_BUFFERSRC_FLAG_PUSH);
        }

        av_frame_unref(f);
    }

    return rc;
}


/* A picture that is already as asked passes untouched. */

static bool
is_ready(const rn_fitter *p, const AVFrame *f)
{
    int      w, h, ow, oh;
    rn_turn  turn;

    if (p->spec.crop[2] > 0 || p->spec.back_w > 0
        || json_array_size(p->spec.effects) > 0)
    {
        return false;
    }

    if (f->format != AV_PIX_FMT_YUV420P || rn_full_range(f) || rn_is_hdr(f)
        || strcmp(rn_matrix_of(f), "bt709") != 0)
    {
        return false;
    }

    turn = rn_turn_of(p->st, f);
    shown_size(p, f, &w, &h);
    rn_fitted_size(&p->spec, w, h, &ow, &oh);

    return turn.quarters == 0 && !turn.mirrored
           && ow == f->width && oh == f->height;
}


rn_status
rn_fitter_fit(rn_fitter *p, AVFrame *in, AVFrame *out, rn_fault *fault)
{
    int                        rc;
    const AVPixFmtDescriptor  *desc;

    av_frame_unref(out);

    if (is_ready(p, in)) {
        rc = av_frame_ref(out, in);
        return rc < 0 ? rn_fail_av(fault, rc, "out of memory") : RN_OK;
    }

    if (!graph_fits(p, in) && build_graph(p, in, fault) != RN_OK) {
        return fault->status;
    }

    in->pts = 0;
    in->sample_aspect_ratio = (AVRational) { 1, 1 };

    rc = av_buffersrc_add_frame_flags(p->source, in,
                                      AV_BUFFERSRC_FLAG_KEEP_REF
                                      | AV_BUFFERSRC_FLAG_PUSH);
    if (rc >= 0) {
        rc = pass_stops(p, out);
    }

    if (rc >= 0) {
        rc = av_buffersink_get_frame(p->sink, out);
    }

    if (rc >= 0 && p->back_sink != NULL) {
        av_frame_unref(p->back);
        rc = av_buffersink_get_frame(p->back_sink, p->back);
    }

    desc = av_pix_fmt_desc_get(in->format);

    if (desc != NULL && desc->log2_chroma_w == 0) {     /* so does swscale */
        out->chroma_location = AVCHROMA_LOC_CENTER;
    }

    return rc < 0 ? rn_fail_av(fault, rc, "a picture cannot be scaled") : RN_OK;
}


const AVFrame *
rn_fitter_back(const rn_fitter *p)
{
    return p->back_sink != NULL ? p->back : NULL;
}


rn_fitter *
rn_fitter_create(const AVStream *st, const rn_picture_spec *spec)
{
    rn_fitter  *p;

    p = calloc(1, sizeof(rn_fitter));
    if (p == NULL) {
        return NULL;
    }

    p->spec = *spec;
    p->st = st;
    p->like = av_frame_alloc();
    p->back = av_frame_alloc();

    if (p->like == NULL || p->back == NULL) {
        rn_fitter_free(&p);
    }

    return p;
}


void
rn_fitter_free(rn_fitter **pp)
{
    rn_fitter  *p = *pp;

    if (p == NULL) {
        return;
    }

    avfilter_graph_free(&p->graph);
    rn_effects_forget(&p->stops);
    av_frame_free(&p->like);
    av_frame_free(&p->back);
    free(p);
    *pp = NULL;
}
