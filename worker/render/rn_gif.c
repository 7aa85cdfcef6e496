/*
 * Animated GIF: one palette of 255 colours for all pictures, found in a first
 * pass over them, then dithered against.
 */

#include "rn_filter.h"
#include "rn_mux.h"
#include "rn_pack_parts.h"

#include <stdlib.h>
#include <string.h>
#include <libavfilter/buffersink.h>
#include <libavfilter/buffersrc.h>


typedef struct {
    json_t           *spec;
    const rn_env     *env;
    AVRational        tb;
    AVFrame          *palette, *in, *out;
    AVCodecContext   *dec, *enc;
    AVPacket         *pkt;
    rn_mux            mux;
} gif;


/* What both filters of palettes work in. */

static const char *const  rgb32[] = { "pix_fmts", "rgb32", NULL };


static AVFilterContext *
source(const gif *g, AVFilterGraph *graph, const AVFrame *like,
    rn_fault *fault)
{
    return rn_filter_source(graph, like->width, like->height, like->format,
                            g->tb, av_inv_q(g->tb), fault);
}


static rn_status
configure(AVFilterGraph *graph, rn_fault *fault)
{
    int  rc;

    rc = avfilter_graph_config(graph, NULL);

    return rc < 0 ? rn_fail_av(fault, rc, "the palette's filters do not start")
                  : RN_OK;
}


/* Pass one: all pictures into palettegen, one palette out of it. */

static rn_status
find_palette(gif *g, rn_reel *reel, rn_fault *fault)
{
    int               rc;
    bool              ended;
    AVFilterGraph    *graph;
    AVFilterContext  *src, *last;

    static const char *const opts[] = { "max_colors", "256", NULL };

    graph = rn_filter_graph(fault);
    src = last = NULL;

    if (graph == NULL) {
        return fault->status;
    }

    while (rn_pack_picture(g->spec, reel, g->dec, g->in, g->env, &ended, fault)
           == RN_OK
           && !ended)
    {
        if (src == NULL) {
            src = source(g, graph, g->in, fault);
            last = src == NULL ? NULL
                   : rn_filter_add(graph, src, "format", rgb32, fault);
            last = last == NULL ? NULL
                   : rn_filter_add(graph, last, "palettegen", opts, fault);
            last = last == NULL ? NULL
                   : rn_filter_add(graph, last, "buffersink", NULL, fault);

            if (last == NULL || configure(graph, fault) != RN_OK) {
                goto done;
            }
        }

        /* or all of them would be held until the end */

        rc = av_buffersrc_add_frame_flags(src, g->in,
                                          AV_BUFFERSRC_FLAG_PUSH);
        if (rc < 0) {
            rn_fail_av(fault, rc, "the palette cannot be found");
            goto done;
        }
    }

    if (fault->status == RN_OK && src != NULL) {
        rc = av_buffersrc_add_frame(src, NULL);
        if (rc >= 0) {
            rc = av_buffersink_get_frame(last, g->palette);
        }
        if (rc < 0) {
            rn_fail_av(fault, rc, "the palette cannot be found");
        }
    } else if (fault->status == RN_OK) {
        rn_fail(fault, RN_E_INTERNAL, "a gif without pictures");
    }

done:

    avfilter_graph_free(&graph);

    return fault->status;
}


static rn_status
open_encoder(gif *g, int fd, const AVFrame *f, rn_fault *fault)
{
    int                 rc;
    const AVCodec      *codec;
    AVCodecParameters  *par;

    codec = avcodec_find_encoder(AV_CODEC_ID_GIF);
    g->enc = codec != NULL ? avcodec_alloc_context3(codec) : NULL;

    if (g->enc == NULL) {
        return rn_fail(fault, RN_E_INTERNAL, "this FFmpeg has no GIF encoder");
    }

    g->enc->width = f->width;
    g->enc->height = f->height;
    g->enc->pix_fmt = AV_PIX_FMT_PAL8;
    g->enc->time_base = g->tb;
    g->enc->thread_count = 1;
    g->enc->flags |= AV_CODEC_FLAG_BITEXACT;

    rc = avcodec_open2(g->enc, codec, NULL);
    if (rc < 0) {
        return rn_fail_av(fault, rc, "the GIF encoder does not start");
    }

    if (rn_mux_open(&g->mux, fd, "gif", fault) != RN_OK) {
        return fault->status;
    }

    par = avcodec_parameters_alloc();

    if (par == NULL || avcodec_parameters_from_context(par, g->enc) < 0) {
        rn_fail(fault, RN_E_NOMEM, "out of memory");
    } else {
        (void) rn_mux_stream(&g->mux, par, g->tb, fault);
    }

    avcodec_parameters_free(&par);

    return fault->status;
}


/* What the encoder has ready; frame NULL: the end. */

static rn_status
encode(gif *g, const AVFrame *frame, rn_fault *fault)
{
    int  rc;

    rc = avcodec_send_frame(g->enc, frame);

    while (rc >= 0) {
        rc = avcodec_receive_packet(g->enc, g->pkt);
        if (rc == AVERROR(EAGAIN) || rc == AVERROR_EOF) {
            return RN_OK;
        }

        if (rc >= 0) {
            g->pkt->duration = 1;

            if (rn_mux_write(&g->mux, g->pkt, 0, g->tb, fault) != RN_OK) {
                return fault->status;
            }
        }
    }

    return rn_fail_av(fault, rc, "encoding failed");
}


static rn_status
take(gif *g, AVFilterContext *sink, int fd, rn_fault *fault)
{
    int  rc;

    for ( ;; ) {
        rc = av_buffersink_get_frame(sink, g->out);
        if (rc == AVERROR(EAGAIN) || rc == AVERROR_EOF) {
            return RN_OK;
        }

        if (rc < 0) {
            return rn_fail_av(fault, rc, "the palette cannot be used");
        }

        if (g->enc == NULL && open_encoder(g, fd, g->out, fault) != RN_OK) {
            return fault->status;
        }

        rc = encode(g, g->out, fault);
        av_frame_unref(g->out);

        if (rc != RN_OK) {
            return fault->status;
        }
    }
}


/* The graph of pass two, from *src to *sink. */

static rn_status
use_palette(gif *g, AVFilterGraph *graph, AVFilterContext **src,
    AVFilterContext **sink, rn_fault *fault)
{
    int               rc;
    AVFilterContext  *palette, *use, *rgb;

    static const char *const opts[] = {
        "dither", "sierra2_4a", "diff_mode", "rectangle", NULL
    };

    *src = source(g, graph, g->in, fault);
    palette = *src != NULL ? source(g, graph, g->palette, fault) : NULL;
    rgb = palette == NULL ? NULL
          : rn_filter_add(graph, *src, "format", rgb32, fault);
    use = rgb == NULL ? NULL
          : rn_filter_add(graph, rgb, "paletteuse", opts, fault);
    *sink = use == NULL ? NULL
            : rn_filter_add(graph, use, "buffersink", NULL, fault);

    if (*sink == NULL) {
        return fault->status;
    }

    rc = avfilter_link(palette, 0, use, 1);
    if (rc < 0) {
        return rn_fail_av(fault, rc, "the palette's filters do not fit");
    }

    if (configure(graph, fault) != RN_OK) {
        return fault->status;
    }

    g->palette->pts = 0;
    rc = av_buffersrc_add_frame(palette, g->palette);
    if (rc >= 0) {
        rc = av_buffersrc_add_frame(palette, NULL);
    }

    return rc < 0 ? rn_fail_av(fault, rc, "the palette cannot be used")
                  : RN_OK;
}


static rn_status
dither(gif *g, rn_reel *reel, int fd, rn_fault *fault)
{
    int               rc;
    bool              ended;
    AVFilterGraph    *graph;
    AVFilterContext  *src, *sink;

    graph = rn_filter_graph(fault);
    src = sink = NULL;

    if (graph == NULL) {
        return fault->status;
    }

    while (rn_pack_picture(g->spec, reel, g->dec, g->in, g->env, &ended, fault)
           == RN_OK)
    {
        if (src == NULL
            && (ended || use_palette(g, graph, &src, &sink, fault) != RN_OK))
        {
            break;
        }

        rc = av_buffersrc_add_frame(src, ended ? NULL : g->in);
        if (rc < 0) {
            rn_fail_av(fault, rc, "the palette cannot be used");
            break;
        }

        if (take(g, sink, fd, fault) != RN_OK || ended) {
            break;
        }
    }

    if (fault->status == RN_OK && g->enc != NULL) {
        (void) encode(g, NULL, fault);
    }

    avfilter_graph_free(&graph);

    return fault->status;
}


rn_status
rn_gif_write(json_t *spec, rn_reel *reel, const rn_env *env, int fd,
    int64_t *bytes, rn_fault *fault)
{
    gif      g;
    rn_reel  again;

    memset(&g, 0, sizeof(g));
    g.spec = spec;
    g.env = env;
    g.tb = reel->tb;
    g.palette = av_frame_alloc();
    g.in = av_frame_alloc();
    g.out = av_frame_alloc();
    g.pkt = av_packet_alloc();

    if (rn_reel_init(&again, reel->pieces, reel->tb, 0, reel->damaged, fault)
        != RN_OK)
    {
        goto done;
    }

    if (g.palette == NULL || g.in == NULL || g.out == NULL || g.pkt == NULL) {
        rn_fail(fault, RN_E_NOMEM, "out of memory");
        goto done;
    }

    if (rn_pack_decoder(&g.dec, fault) == RN_OK
        && find_palette(&g, reel, fault) == RN_OK)
    {
        (void) dither(&g, &again, fd, fault);
    }

done:

    if (g.mux.fmt != NULL) {
        (void) rn_mux_close(&g.mux, fault);
        *bytes = g.mux.bytes;
    }

    rn_reel_close(&again);
    avcodec_free_context(&g.dec);
    avcodec_free_context(&g.enc);
    av_packet_free(&g.pkt);
    av_frame_free(&g.palette);
    av_frame_free(&g.in);
    av_frame_free(&g.out);

    return fault->status;
}
