/* The seams of a film that is copied in part; see rn_seam.h. */

#include "rn_seam.h"
#include "rn_input.h"

#include <math.h>
#include <string.h>
#include <libavutil/pixdesc.h>


#define BEFORE  300                     /* pictures looked at, at the most */
#define BEHIND  16

/* A file, decoded from a picture on. */

typedef struct {
    rn_input         in;
    AVCodecContext  *dec;
    AVPacket        *pkt;
    AVFrame         *frame;
    AVRational       tick;
} reader;


static rn_status
differs(rn_fault *fault)
{
    return rn_fail(fault, RN_E_INPUT, "the pictures cannot be copied: a "
                   "decoder does not take them beside others");
}


static void
close_reader(reader *r)
{
    av_frame_free(&r->frame);
    av_packet_free(&r->pkt);
    avcodec_free_context(&r->dec);
    rn_input_close(&r->in);
}


/* What is damaged must not be mended here. */

static rn_status
open_reader(reader *r, int fd, AVRational tick, int64_t from, rn_fault *fault)
{
    memset(r, 0, sizeof(*r));
    r->tick = tick;
    r->pkt = av_packet_alloc();
    r->frame = av_frame_alloc();

    if (r->pkt == NULL || r->frame == NULL) {
        rn_fail(fault, RN_E_NOMEM, "out of memory");
    } else if (rn_input_open(&r->in, fd, fault) == RN_OK
               && r->in.video == NULL)
    {
        (void) differs(fault);
    }

    if (fault->status != RN_OK
        || rn_input_decoder(r->in.video, 1, &r->dec, fault) != RN_OK)
    {
        return fault->status;
    }

    r->dec->err_recognition = AV_EF_EXPLODE;

    if (r->in.audio != NULL) {
        r->in.audio->discard = AVDISCARD_ALL;
    }

    return from == 0 ? RN_OK
           : rn_input_seek(&r->in, r->in.video, r->dec,
                           ((double) from + 0.4) * av_q2d(tick), fault);
}


static bool
same(const AVFrame *a, const AVFrame *b)
{
    int                        i, y, w, h;
    const AVPixFmtDescriptor  *d;

    d = av_pix_fmt_desc_get(a->format);

    if (d == NULL || a->format != b->format || a->width != b->width
        || a->height != b->height)
    {
        return false;
    }

    for (i = 0; i < 3 && a->data[i] != NULL && b->data[i] != NULL; i++) {
        w = i == 0 ? a->width : AV_CEIL_RSHIFT(a->width, d->log2_chroma_w);
        h = i == 0 ? a->height : AV_CEIL_RSHIFT(a->height, d->log2_chroma_h);

        for (y = 0; y < h; y++) {
            if (memcmp(a->data[i] + (ptrdiff_t) y * a->linesize[i],
                       b->data[i] + (ptrdiff_t) y * b->linesize[i],
                       (size_t) w * (size_t) d->comp[i].step) != 0)
            {
                return false;
            }
        }
    }

    return true;
}


/* The next picture's place; -1 at the end. */

static rn_status
next(reader *r, int64_t *at, rn_fault *fault)
{
    bool    eof;
    double  t;

    av_frame_unref(r->frame);

    if (rn_input_frame(&r->in, r->in.video, r->dec, r->pkt, r->frame, &eof,
                       fault) != RN_OK)
    {
        return fault->status;
    }

    if (eof) {
        *at = -1;
        return RN_OK;
    }

    t = rn_input_time(&r->in, r->in.video, r->frame);
    if (!isfinite(t) || r->frame->decode_error_flags != 0) {
        return differs(fault);
    }

    *at = llround(t / av_q2d(r->tick));

    return RN_OK;
}


/*
 * Whether the film, whose reader stands at the picture `at` of it or before,
 * goes on as the piece does from its picture `from` to `to`.
 */

static rn_status
follow(reader *film, int64_t at, reader *piece, int64_t from, int64_t to,
    rn_fault *fault)
{
    int64_t  k, i, j;

    for (k = from; k < to; k++) {
        do {
            if (next(film, &i, fault) != RN_OK) {
                return fault->status;
            }
        } while (i >= 0 && i < at + k);

        do {
            if (next(piece, &j, fault) != RN_OK) {
                return fault->status;
            }
        } while (j >= 0 && j < k);

        if (i != at + k || j != k || !same(film->frame, piece->frame)) {
            return differs(fault);
        }
    }

    return RN_OK;
}


rn_status
rn_seam_check(int film_fd, AVRational tick, int64_t at, int fd_a,
    int64_t frames_a, int fd_b, int64_t frames_b, rn_fault *fault)
{
    bool     opened;
    reader   film, a, b;
    int64_t  before, behind, first;

    before = frames_a < BEFORE ? frames_a : BEFORE;
    behind = frames_b < BEHIND ? frames_b : BEHIND;

    memset(&film, 0, sizeof(film));
    memset(&a, 0, sizeof(a));
    memset(&b, 0, sizeof(b));

    opened = open_reader(&film, film_fd, tick, at - 1, fault) == RN_OK
             && open_reader(&a, fd_a, tick, frames_a - 1, fault) == RN_OK
             && open_reader(&b, fd_b, tick, 0, fault) == RN_OK;

    /* where the last group of pictures of the piece begins */

    first = 0;

    if (opened && next(&a, &first, fault) == RN_OK) {
        first = first > frames_a - before ? first : frames_a - before;
        close_reader(&a);

        if (open_reader(&a, fd_a, tick, first, fault) == RN_OK) {
            (void) (follow(&film, at - frames_a, &a, first, frames_a, fault)
                    == RN_OK
                    && follow(&film, at, &b, 0, behind, fault) == RN_OK);
        }
    }

    if (fault->status == RN_E_UNSUPPORTED) {
        fault->status = RN_E_INPUT;
    }

    close_reader(&film);
    close_reader(&a);
    close_reader(&b);

    return fault->status;
}
