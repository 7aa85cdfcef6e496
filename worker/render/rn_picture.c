/*
 * Pictures of one clip.  Decoding is sequential; the frame for a tick is the
 * last one that begins at or before it, with a tolerance of 0.4 ticks for
 * containers whose clocks are coarse, and only frames that are shown are
 * turned and scaled.
 */

#include "rn_picture.h"
#include "rn_input.h"
#include "rn_probe.h"
#include "rn_scale.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <libavfilter/avfilter.h>
#include <libavfilter/buffersink.h>
#include <libavfilter/buffersrc.h>
#include <libavutil/opt.h>
#include <libavutil/pixdesc.h>


#define TOLERANCE  0.4          /* ticks */
#define SHORT_MAX  1.5          /* seconds a film may end early, held still */


struct rn_picture {
    rn_input          in;
    rn_picture_spec   spec;
    AVCodecContext   *dec;
    AVPacket         *pkt;
    AVFrame          *cur, *next;       /* decoded; next may be empty */
    AVFrame          *shown;            /* cur, scaled */
    double            next_time, cur_end;     /* seconds */
    bool              started, eof, fresh;
    AVFilterGraph    *graph;
    AVFilterContext  *source, *sink;
    AVFrame          *like;             /* properties the graph was made for */
    int               out_w, out_h;
};


static void
scaled_size(const rn_picture *p, int w, int h, int *out_w, int *out_h)
{
    double  sx, sy, s;

    sx = (double) p->spec.w / w;
    sy = (double) p->spec.h / h;

    switch (p->spec.fit) {
    case RN_FIT_FILL:
        *out_w = p->spec.w;
        *out_h = p->spec.h;
        return;
    case RN_FIT_COVER:
        s = sx > sy ? sx : sy;
        break;
    case RN_FIT_CONTAIN:
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

    if (p->spec.fit == RN_FIT_COVER) {      /* never short of the box */
        if (*out_w < p->spec.w) {
            *out_w = p->spec.w;
        }
        if (*out_h < p->spec.h) {
            *out_h = p->spec.h;
        }
    }
}


static AVFilterContext *
add_filter(AVFilterGraph *g, AVFilterContext *after, const char *name,
    const char *const *opts, rn_fault *fault)
{
    int               rc;
    AVFilterContext  *f;

    f = avfilter_graph_alloc_filter(g, avfilter_get_by_name(name), NULL);
    if (f == NULL) {
        rn_fail(fault, RN_E_NOMEM, "out of memory");
        return NULL;
    }

    for ( /* void */ ; opts != NULL && *opts != NULL; opts += 2) {
        rc = av_opt_set(f, opts[0], opts[1], AV_OPT_SEARCH_CHILDREN);
        if (rc < 0) {
            rn_fail_av(fault, rc, "filter %s, option %s", name, opts[0]);
            return NULL;
        }
    }

    rc = avfilter_init_str(f, NULL);
    if (rc >= 0 && after != NULL) {
        rc = avfilter_link(after, 0, f, 0);
    }

    if (rc < 0) {
        rn_fail_av(fault, rc, "filter %s", name);
        return NULL;
    }

    return f;
}


static AVFilterContext *
add_source(rn_picture *p, const AVFrame *f, rn_fault *fault)
{
    char              args[160];
    int               rc;
    AVFilterContext  *src;

    (void) snprintf(args, sizeof(args),
                    "video_size=%dx%d:pix_fmt=%d:time_base=1/1000000:"
                    "pixel_aspect=1/1", f->width, f->height, f->format);

    rc = avfilter_graph_create_filter(&src, avfilter_get_by_name("buffer"),
                                      NULL, args, NULL, p->graph);
    if (rc < 0) {
        rn_fail_av(fault, rc, "the pictures cannot be filtered");
        return NULL;
    }

    return src;
}


static rn_status
build_graph(rn_picture *p, const AVFrame *f, rn_fault *fault)
{
    int                        w, h, rc;
    char                       sw[16], sh[16];
    rn_turn                    turn;
    AVFilterContext           *last;
    const AVPixFmtDescriptor  *desc;

    static const char *const turns[4][3] = {
        { NULL, NULL, NULL }, { "dir", "clock", NULL }, { NULL, NULL, NULL },
        { "dir", "cclock", NULL },
    };

    avfilter_graph_free(&p->graph);

    p->graph = avfilter_graph_alloc();
    if (p->graph == NULL) {
        return rn_fail(fault, RN_E_NOMEM, "out of memory");
    }
    p->graph->nb_threads = 1;

    rn_display_size(p->in.video, f, &w, &h);
    scaled_size(p, w, h, &p->out_w, &p->out_h);
    turn = rn_turn_of(p->in.video, f);
    desc = av_pix_fmt_desc_get(f->format);

    last = p->source = add_source(p, f, fault);

    if (last != NULL && turn.mirrored) {
        last = add_filter(p->graph, last, "hflip", NULL, fault);
    }

    if (last != NULL && (turn.quarters & 1)) {
        last = add_filter(p->graph, last, "transpose", turns[turn.quarters],
                          fault);
    } else if (last != NULL && turn.quarters == 2) {
        last = add_filter(p->graph, last, "hflip", NULL, fault);
        if (last != NULL) {
            last = add_filter(p->graph, last, "vflip", NULL, fault);
        }
    }

    if (last != NULL) {
        (void) snprintf(sw, sizeof(sw), "%d", p->out_w);
        (void) snprintf(sh, sizeof(sh), "%d", p->out_h);

        last = add_filter(p->graph, last, "scale", (const char *const []) {
                          "w", sw, "h", sh, "flags", "bicubic",
                          "in_color_matrix", rn_matrix_of(f),
                          "out_color_matrix", "bt709",
                          "in_range", rn_full_range(f) ? "full" : "limited",
                          "out_range", "limited", NULL }, fault);
    }

    if (last != NULL) {
        last = add_filter(p->graph, last, "format", (const char *const []) {
                          "pix_fmts", desc != NULL
                              && (desc->flags & (AV_PIX_FMT_FLAG_ALPHA
                                                 | AV_PIX_FMT_FLAG_PAL))
                              ? "yuva420p" : "yuv420p", NULL }, fault);
    }

    if (last != NULL) {
        last = p->sink = add_filter(p->graph, last, "buffersink", NULL, fault);
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
graph_fits(const rn_picture *p, const AVFrame *f)
{
    return p->graph != NULL && p->like->width == f->width
           && p->like->height == f->height && p->like->format == f->format
           && p->like->colorspace == f->colorspace
           && p->like->color_range == f->color_range;
}


/* A picture that is already as asked passes untouched. */

static bool
is_ready(const rn_picture *p, const AVFrame *f)
{
    int      w, h, ow, oh;
    rn_turn  turn;

    if (f->format != AV_PIX_FMT_YUV420P || rn_full_range(f)
        || strcmp(rn_matrix_of(f), "bt709") != 0)
    {
        return false;
    }

    turn = rn_turn_of(p->in.video, f);
    rn_display_size(p->in.video, f, &w, &h);
    scaled_size(p, w, h, &ow, &oh);

    return turn.quarters == 0 && !turn.mirrored
           && ow == f->width && oh == f->height;
}


static rn_status
show(rn_picture *p, rn_fault *fault)
{
    int  rc;

    av_frame_unref(p->shown);

    if (is_ready(p, p->cur)) {
        rc = av_frame_ref(p->shown, p->cur);
        return rc < 0 ? rn_fail_av(fault, rc, "out of memory") : RN_OK;
    }

    if (!graph_fits(p, p->cur)
        && build_graph(p, p->cur, fault) != RN_OK)
    {
        return fault->status;
    }

    p->cur->pts = 0;
    p->cur->sample_aspect_ratio = (AVRational) { 1, 1 };

    rc = av_buffersrc_add_frame_flags(p->source, p->cur,
                                      AV_BUFFERSRC_FLAG_KEEP_REF
                                      | AV_BUFFERSRC_FLAG_PUSH);
    if (rc >= 0) {
        rc = av_buffersink_get_frame(p->sink, p->shown);
    }

    return rc < 0 ? rn_fail_av(fault, rc, "a picture cannot be scaled") : RN_OK;
}


static rn_status
decode_next(rn_picture *p, rn_fault *fault)
{
    bool       eof;
    double     t;
    rn_status  rc;

    av_frame_unref(p->next);

    rc = rn_input_frame(&p->in, p->in.video, p->dec, p->pkt, p->next, &eof,
                        fault);
    if (rc != RN_OK) {
        return rc;
    }

    if (eof) {
        p->eof = true;
        return RN_OK;
    }

    t = rn_input_time(&p->in, p->in.video, p->next);
    if (isnan(t) || t < p->next_time) {
        t = p->next_time;                   /* a clock that runs backwards */
    }
    p->next_time = t;

    return RN_OK;
}


static rn_status
start(rn_picture *p, double t, double slack, rn_fault *fault)
{
    rn_status  rc;

    p->started = true;
    p->next_time = -1e9;

    if (t > 0 && !p->in.image) {
        rc = rn_input_seek(&p->in, p->in.video, p->dec, t, fault);
        if (rc != RN_OK) {
            return rc;
        }
    }

    rc = decode_next(p, fault);
    if (rc != RN_OK) {
        return rc;
    }

    /* an index that led behind the place: from the beginning, then */

    if (t > 0 && !p->in.image && (p->eof || p->next_time > t + slack)) {
        p->eof = false;
        p->next_time = -1e9;

        if (av_seek_frame(p->in.fmt, -1, p->in.zero, AVSEEK_FLAG_BACKWARD) < 0
            && av_seek_frame(p->in.fmt, -1, 0, AVSEEK_FLAG_BYTE) < 0)
        {
            return rn_fail(fault, RN_E_INPUT, "the file cannot be sought in");
        }

        avcodec_flush_buffers(p->dec);
        rc = decode_next(p, fault);
    }

    return rc;
}


rn_status
rn_picture_get(rn_picture *p, int64_t tick, const AVFrame **frame,
    rn_fault *fault)
{
    double    t, slack;
    AVFrame  *f;

    t = (double) tick * (double) p->spec.fps.den / (double) p->spec.fps.num;
    slack = TOLERANCE * (double) p->spec.fps.den / (double) p->spec.fps.num;

    if (!p->started && start(p, t, slack, fault) != RN_OK) {
        return fault->status;
    }

    /* the last frame that begins by now; the first one if none does */

    while (!p->eof
           && (p->cur->buf[0] == NULL
               || (!p->in.image && p->next_time <= t + slack)))
    {
        f = p->cur;
        p->cur = p->next;
        p->next = f;
        p->cur_end = p->next_time + (double) rn_frame_duration(p->cur)
                                    * av_q2d(p->in.video->time_base);
        p->fresh = true;

        if (p->in.image) {
            break;
        }

        if (decode_next(p, fault) != RN_OK) {
            return fault->status;
        }
    }

    if (p->cur->buf[0] == NULL) {
        return rn_fail(fault, RN_E_INPUT, "there is no picture at %.3f s", t);
    }

    if (p->eof && !p->in.image && t - p->cur_end > SHORT_MAX) {
        return rn_fail(fault, RN_E_INPUT, "the pictures end at %.3f s, but "
                       "%.3f s is asked for", p->cur_end, t);
    }

    if (p->fresh) {
        if (show(p, fault) != RN_OK) {
            return fault->status;
        }
        p->fresh = false;
    }

    *frame = p->shown;
    return RN_OK;
}


rn_status
rn_picture_open(rn_picture **out, int fd, const rn_picture_spec *spec,
    rn_fault *fault)
{
    rn_picture  *p;

    *out = NULL;

    p = calloc(1, sizeof(rn_picture));
    if (p == NULL) {
        return rn_fail(fault, RN_E_NOMEM, "out of memory");
    }

    p->spec = *spec;

    if (rn_input_open(&p->in, fd, fault) != RN_OK) {
        free(p);
        return fault->status;
    }

    p->pkt = av_packet_alloc();
    p->cur = av_frame_alloc();
    p->next = av_frame_alloc();
    p->shown = av_frame_alloc();
    p->like = av_frame_alloc();

    if (p->pkt == NULL || p->cur == NULL || p->next == NULL
        || p->shown == NULL || p->like == NULL)
    {
        rn_fail(fault, RN_E_NOMEM, "out of memory");
        goto fail;
    }

    if (p->in.video == NULL) {
        rn_fail(fault, RN_E_INPUT, "the file holds no picture");
        goto fail;
    }

    if (p->in.audio != NULL) {
        p->in.audio->discard = AVDISCARD_ALL;
    }

    if (rn_input_decoder(&p->in, p->in.video, &p->dec, fault) != RN_OK) {
        goto fail;
    }

    *out = p;
    return RN_OK;

fail:

    rn_picture_close(&p);
    return fault->status;
}


void
rn_picture_close(rn_picture **pp)
{
    rn_picture  *p = *pp;

    if (p == NULL) {
        return;
    }

    avfilter_graph_free(&p->graph);
    avcodec_free_context(&p->dec);
    av_packet_free(&p->pkt);
    av_frame_free(&p->cur);
    av_frame_free(&p->next);
    av_frame_free(&p->shown);
    av_frame_free(&p->like);
    rn_input_close(&p->in);
    free(p);
    *pp = NULL;
}
