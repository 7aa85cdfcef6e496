/* Writing and reading media files; see rn_mux.h. */

#include "rn_mux.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <libavutil/opt.h>


/*
 * faststart reads back what it wrote through io_open; it is given the same
 * descriptor, and nothing else can be opened.
 */

static int
reopen(AVFormatContext *s, AVIOContext **pb, const char *url, int flags,
    AVDictionary **options)
{
    rn_mux  *m = s->opaque;

    (void) url;
    (void) options;

    if (flags != AVIO_FLAG_READ) {
        return AVERROR(EACCES);
    }

    *pb = rn_io_open(m->fd, false);

    return *pb != NULL ? 0 : AVERROR(ENOMEM);
}


#if LIBAVFORMAT_VERSION_MAJOR < 61

static void
close_again(AVFormatContext *s, AVIOContext *pb)
{
    (void) s;
    rn_io_free(&pb);
}

#endif


static int
close_again2(AVFormatContext *s, AVIOContext *pb)
{
    (void) s;
    rn_io_free(&pb);

    return 0;
}


rn_status
rn_mux_open(rn_mux *m, int fd, const char *format, rn_fault *fault)
{
    int  rc;

    memset(m, 0, sizeof(*m));
    m->fd = fd;

    rc = avformat_alloc_output_context2(&m->fmt, NULL, format, NULL);
    m->io = rn_io_open(fd, true);

    if (rc < 0 || m->io == NULL) {
        rn_fail(fault, RN_E_NOMEM, "out of memory");
        (void) rn_mux_close(m, fault);
        return fault->status;
    }

    m->fmt->pb = m->io;
    m->fmt->flags |= AVFMT_FLAG_CUSTOM_IO | AVFMT_FLAG_BITEXACT;
    m->fmt->flush_packets = 0;          /* nobody reads it before its end */
    m->fmt->io_open = reopen;
#if LIBAVFORMAT_VERSION_MAJOR < 61
    m->fmt->io_close = close_again;
#endif
    m->fmt->io_close2 = close_again2;
    m->fmt->opaque = m;

    return RN_OK;
}


void
rn_mux_index_first(rn_mux *m, int64_t room)
{
    /* each muxer knows one of them, or needs none */

    if (room > 0) {
        (void) av_opt_set_int(m->fmt->priv_data, "moov_size", room, 0);
    } else {
        (void) av_opt_set(m->fmt->priv_data, "movflags", "+faststart", 0);
    }

    (void) av_opt_set(m->fmt->priv_data, "cues_to_front", "1", 0);
}


int
rn_mux_stream(rn_mux *m, const AVCodecParameters *par, AVRational tb,
    rn_fault *fault)
{
    AVStream  *st;

    st = avformat_new_stream(m->fmt, NULL);

    if (st == NULL || avcodec_parameters_copy(st->codecpar, par) < 0) {
        rn_fail(fault, RN_E_NOMEM, "out of memory");
        return -1;
    }

    /* a muxer's own, but ProRes tells its profiles apart by nothing else */

    if (par->codec_id != AV_CODEC_ID_PRORES) {
        st->codecpar->codec_tag = 0;
    }

    st->time_base = tb;

    if (par->codec_type == AVMEDIA_TYPE_VIDEO) {
        st->avg_frame_rate = av_inv_q(tb);
    }

    return st->index;
}


void
rn_mux_chapters(rn_mux *m, json_t *list, rn_fault *fault)
{
    size_t      i, n;
    json_t     *c;
    AVChapter  *chapter;

    n = json_array_size(list);
    if (n == 0 || fault->status != RN_OK) {
        return;
    }

    /* the context frees them, as far as they are counted */

    m->fmt->chapters = av_calloc(n, sizeof(AVChapter *));

    for (i = 0; m->fmt->chapters != NULL && i < n; i++) {
        c = json_array_get(list, i);
        chapter = av_mallocz(sizeof(AVChapter));
        if (chapter == NULL) {
            break;
        }

        m->fmt->chapters[m->fmt->nb_chapters++] = chapter;
        chapter->id = (int64_t) i;
        chapter->time_base = (AVRational) { 1, 48000 };
        chapter->start = json_integer_value(json_array_get(c, 0));
        chapter->end = json_integer_value(json_array_get(c, 1));
        (void) av_dict_set(&chapter->metadata, "title",
                           json_string_value(json_array_get(c, 2)), 0);
    }

    if (m->fmt->nb_chapters != n) {
        rn_fail(fault, RN_E_NOMEM, "out of memory");
    }
}


rn_status
rn_mux_write(rn_mux *m, AVPacket *pkt, int stream, AVRational tb,
    rn_fault *fault)
{
    int  rc;

    if (!m->header) {
        rc = avformat_write_header(m->fmt, NULL);
        if (rc < 0) {
            av_packet_unref(pkt);
            return rn_fail_av(fault, rc, "the file cannot be begun");
        }
        m->header = true;
    }

    pkt->stream_index = stream;
    pkt->pos = -1;
    av_packet_rescale_ts(pkt, tb, m->fmt->streams[stream]->time_base);

    rc = av_interleaved_write_frame(m->fmt, pkt);

    return rc < 0 ? rn_fail_av(fault, rc, "the file cannot be written") : RN_OK;
}


rn_status
rn_mux_close(rn_mux *m, rn_fault *fault)
{
    int  rc;

    if (fault->status == RN_OK && m->header) {
        rc = av_write_trailer(m->fmt);

        if (rc >= 0) {
            avio_flush(m->io);
            rc = m->io->error;
        }

        if (rc < 0) {
            rn_fail_av(fault, rc, "the file cannot be finished");
        }

        m->bytes = avio_size(m->io);

    } else if (fault->status == RN_OK) {
        rn_fail(fault, RN_E_INTERNAL, "a file without packets");
    }

    if (m->fmt != NULL) {
        m->fmt->pb = NULL;
        avformat_free_context(m->fmt);
        m->fmt = NULL;
    }

    rn_io_free(&m->io);

    return fault->status;
}


rn_status
rn_demux_open(rn_demux *d, int fd, rn_fault *fault)
{
    int            rc;
    AVDictionary  *opts;

    memset(d, 0, sizeof(*d));
    opts = NULL;

    d->io = rn_io_open(fd, false);
    d->fmt = avformat_alloc_context();

    if (d->io == NULL || d->fmt == NULL) {
        rn_fail(fault, RN_E_NOMEM, "out of memory");
        rn_demux_close(d);
        return fault->status;
    }

    d->fmt->pb = d->io;
    d->fmt->flags |= AVFMT_FLAG_CUSTOM_IO;
    d->fmt->format_whitelist = av_strdup("mov,matroska");
    d->fmt->protocol_whitelist = av_strdup("none");

    /* our own file: packets as they are, whatever its edit list says */
    (void) av_dict_set(&opts, "ignore_editlist", "1", 0);

    rc = avformat_open_input(&d->fmt, NULL, rn_io_format(d->io), &opts);
    av_dict_free(&opts);

    if (rc < 0) {
        rn_fail_av(fault, rc, "a stored piece cannot be read");
    } else if (d->fmt->nb_streams != 1) {
        rn_fail(fault, RN_E_INTERNAL, "a stored piece holds %u streams",
                d->fmt->nb_streams);
    } else {
        d->st = d->fmt->streams[0];
        return RN_OK;
    }

    rn_demux_close(d);
    return fault->status;
}


rn_status
rn_demux_read(rn_demux *d, AVPacket *pkt, rn_fault *fault)
{
    int  rc;

    av_packet_unref(pkt);

    rc = av_read_frame(d->fmt, pkt);
    if (rc == AVERROR_EOF) {
        return RN_OK;
    }

    return rc < 0 ? rn_fail_av(fault, rc, "a stored piece cannot be read")
                  : RN_OK;
}


void
rn_demux_close(rn_demux *d)
{
    avformat_close_input(&d->fmt);
    rn_io_free(&d->io);
}
