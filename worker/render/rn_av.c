/* Faults and byte streams of the engine; see rn_av.h. */

#include "rn_av.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>


#define IO_BUFFER  (64 * 1024)


typedef struct {
    int      fd;
    int64_t  pos, size;
} descriptor;


static void
fail_text(rn_fault *fault, rn_status status, const char *fmt, va_list ap)
{
    fault->status = status;
    (void) vsnprintf(fault->text, sizeof(fault->text), fmt, ap);
}


rn_status
rn_fail(rn_fault *fault, rn_status status, const char *fmt, ...)
{
    va_list  ap;

    if (fault->status == RN_OK) {
        va_start(ap, fmt);
        fail_text(fault, status, fmt, ap);
        va_end(ap);
    }

    return fault->status;
}


/*
 * libav says ENOMEM for more streams than allowed and for exhausted hardware
 * sessions as well, so its codes are mapped here, not taken at their word.
 */

rn_status
rn_fail_av(rn_fault *fault, int averr, const char *fmt, ...)
{
    char       reason[AV_ERROR_MAX_STRING_SIZE];
    size_t     n;
    va_list    ap;
    rn_status  status;

    if (fault->status != RN_OK) {
        return fault->status;
    }

    switch (averr) {
    case AVERROR(EIO):
    case AVERROR(ENOSPC):
    case AVERROR(EFBIG):
    case AVERROR(EDQUOT):
        status = RN_E_IO;
        break;
    case AVERROR(ENOMEM):
        status = RN_E_NOMEM;
        break;
    case AVERROR_INVALIDDATA:
    case AVERROR_EOF:
    case AVERROR_DECODER_NOT_FOUND:
    case AVERROR_DEMUXER_NOT_FOUND:
    case AVERROR_PATCHWELCOME:
    case AVERROR(EINVAL):
        status = RN_E_INPUT;
        break;
    default:
        status = RN_E_INTERNAL;
    }

    va_start(ap, fmt);
    fail_text(fault, status, fmt, ap);
    va_end(ap);

    n = strlen(fault->text);
    (void) snprintf(fault->text + n, sizeof(fault->text) - n, ": %s",
                    av_make_error_string(reason, sizeof(reason), averr));

    return fault->status;
}


static int
io_read(void *opaque, uint8_t *buf, int size)
{
    ssize_t      n;
    descriptor  *d = opaque;

    do {
        n = pread(d->fd, buf, (size_t) size, d->pos);
    } while (n < 0 && errno == EINTR);

    if (n < 0) {
        return AVERROR(errno);
    }

    if (n == 0) {
        return AVERROR_EOF;
    }

    d->pos += n;
    return (int) n;
}


static int
io_write(void *opaque, rn_io_byte *buf, int size)
{
    int          done;
    ssize_t      n;
    descriptor  *d = opaque;

    for (done = 0; done < size; done += (int) n) {
        n = pwrite(d->fd, buf + done, (size_t) (size - done), d->pos);
        if (n < 0) {
            if (errno == EINTR) {
                n = 0;
                continue;
            }
            return AVERROR(errno);
        }
        d->pos += n;
    }

    if (d->pos > d->size) {
        d->size = d->pos;
    }

    return size;
}


static int64_t
io_seek(void *opaque, int64_t offset, int whence)
{
    descriptor  *d = opaque;

    switch (whence & ~AVSEEK_FORCE) {
    case AVSEEK_SIZE:
        return d->size;
    case SEEK_SET:
        break;
    case SEEK_CUR:
        offset += d->pos;
        break;
    case SEEK_END:
        offset += d->size;
        break;
    default:
        return AVERROR(EINVAL);
    }

    if (offset < 0) {
        return AVERROR(EINVAL);
    }

    d->pos = offset;
    return offset;
}


AVIOContext *
rn_io_open(int fd, bool writable)
{
    uint8_t      *buf;
    descriptor   *d;
    struct stat   st;
    AVIOContext  *io;

    d = av_mallocz(sizeof(descriptor));
    buf = av_malloc(IO_BUFFER);
    io = NULL;

    if (d != NULL && buf != NULL) {
        d->fd = fd;
        d->size = fstat(fd, &st) == 0 ? st.st_size : 0;

        io = avio_alloc_context(buf, IO_BUFFER, writable, d,
                                writable ? NULL : io_read,
                                writable ? io_write : NULL, io_seek);
    }

    if (io == NULL) {
        av_free(d);
        av_free(buf);
    }

    return io;
}


void
rn_io_free(AVIOContext **io)
{
    if (*io != NULL) {
        av_freep(&(*io)->opaque);
        av_freep(&(*io)->buffer);
        avio_context_free(io);
    }
}


/* An animated one says so before its picture. */

static bool
is_still(const uint8_t *head, size_t n)
{
    const uint8_t  *picture, *frames;

    picture = memmem(head, n, "IDAT", 4);
    frames = memmem(head, n, "acTL", 4);

    return picture != NULL && (frames == NULL || picture < frames);
}


const AVInputFormat *
rn_io_format(AVIOContext *io)
{
    int      n;
    uint8_t  head[4096];

    n = avio_read(io, head, sizeof(head));

    if (avio_seek(io, 0, SEEK_SET) != 0 || n < 12) {
        return NULL;
    }

    if (memcmp(head + 4, "ftyp", 4) == 0) {
        return av_find_input_format("mov");
    }

    if (memcmp(head, "RIFF", 4) == 0 && memcmp(head + 8, "WAVE", 4) == 0) {
        return av_find_input_format("wav");
    }

    if (memcmp(head, "\x1a\x45\xdf\xa3", 4) == 0) {
        return av_find_input_format("matroska");
    }

    if (memcmp(head, "\x89PNG\r\n\x1a\n", 8) == 0
        && is_still(head, (size_t) n))
    {
        return av_find_input_format("png_pipe");
    }

    return NULL;
}


const int32_t *
rn_display_matrix(const AVStream *st)
{
#if LIBAVCODEC_VERSION_INT >= AV_VERSION_INT(60, 29, 100)
    const AVPacketSideData  *sd;

    sd = av_packet_side_data_get(st->codecpar->coded_side_data,
                                 st->codecpar->nb_coded_side_data,
                                 AV_PKT_DATA_DISPLAYMATRIX);
    return sd != NULL && sd->size >= 36 ? (const int32_t *) sd->data : NULL;
#else
    size_t    size;
    uint8_t  *data;

    data = av_stream_get_side_data(st, AV_PKT_DATA_DISPLAYMATRIX, &size);
    return data != NULL && size >= 36 ? (const int32_t *) data : NULL;
#endif
}


static void
open_once(const AVCodec *codec)
{
    AVCodecContext  *c;

    c = codec != NULL ? avcodec_alloc_context3(codec) : NULL;
    if (c == NULL) {
        return;
    }

    c->thread_count = 1;

    if (av_codec_is_encoder(codec)) {
        c->sample_fmt = AV_SAMPLE_FMT_FLTP;
        c->sample_rate = 48000;
        c->bit_rate = 128000;
        av_channel_layout_default(&c->ch_layout, 2);
    }

    (void) avcodec_open2(c, codec, NULL);
    avcodec_free_context(&c);
}


void
rn_av_warm(void)
{
    int  level;

    level = av_log_get_level();
    av_log_set_level(AV_LOG_QUIET);         /* it tells of having coded none */

    open_once(avcodec_find_decoder(AV_CODEC_ID_H264));
    open_once(avcodec_find_decoder(AV_CODEC_ID_AAC));
    open_once(avcodec_find_encoder(AV_CODEC_ID_AAC));

    av_log_set_level(level);
}
