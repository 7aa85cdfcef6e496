/* Stills, sequences and sheets of pictures; see rn_pack.h. */

#include "rn_pack.h"
#include "rn_pack_parts.h"
#include "rn_still.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>


#define COLUMNS  10                     /* of a sheet */


/* Where a file is written to, and how much of it is. */

typedef struct {
    int      fd;
    int64_t  bytes;
} sink;


static bool
put(sink *s, const void *data, size_t len)
{
    size_t       done;
    ssize_t      n;
    const char  *p = data;

    for (done = 0; done < len; done += (size_t) n) {
        n = pwrite(s->fd, p + done, len - done, (off_t) s->bytes);

        if (n < 0 && errno == EINTR) {
            n = 0;
        } else if (n < 0) {
            return false;
        }

        s->bytes += n;
    }

    return true;
}


static rn_status
cannot_write(rn_fault *fault)
{
    return rn_fail_av(fault, AVERROR(errno), "the output cannot be written");
}


rn_status
rn_pack_decoder(AVCodecContext **dec, rn_fault *fault)
{
    int             rc;
    const AVCodec  *codec;

    codec = avcodec_find_decoder(AV_CODEC_ID_PNG);
    *dec = codec != NULL ? avcodec_alloc_context3(codec) : NULL;

    if (*dec == NULL) {
        return rn_fail(fault, RN_E_INTERNAL, "this FFmpeg has no PNG decoder");
    }

    /* PNG has sums of its own: what is damaged is not drawn */

    (*dec)->thread_count = 1;
    (*dec)->err_recognition = AV_EF_CRCCHECK | AV_EF_EXPLODE;

    rc = avcodec_open2(*dec, codec, NULL);

    return rc < 0 ? rn_fail_av(fault, rc, "the PNG decoder does not start")
                  : RN_OK;
}


/* Filters and sheets are made for pictures of one kind. */

static bool
is_of(json_t *spec, const AVFrame *f)
{
    json_t  *canvas;

    canvas = json_object_get(spec, "canvas");

    return f->width == json_integer_value(json_array_get(canvas, 0))
           && f->height == json_integer_value(json_array_get(canvas, 1))
           && f->format == (json_is_true(json_object_get(spec, "alpha"))
                            ? AV_PIX_FMT_RGBA : AV_PIX_FMT_RGB24);
}


rn_status
rn_pack_picture(json_t *spec, rn_reel *reel, AVCodecContext *dec,
    AVFrame *frame, const rn_env *env, bool *ended, rn_fault *fault)
{
    int  rc;

    av_frame_unref(frame);

    if (rn_reel_next(reel, env, fault) != RN_OK) {
        return fault->status;
    }

    *ended = reel->ended;
    if (*ended) {
        return RN_OK;
    }

    rc = avcodec_send_packet(dec, reel->pkt);
    if (rc >= 0) {
        rc = avcodec_receive_frame(dec, frame);
    }

    if (rc == AVERROR(ENOMEM)) {
        return rn_fail_av(fault, rc, "a stored picture cannot be decoded");
    }

    if (rc < 0) {
        rn_fail_av(fault, rc, "a stored picture cannot be decoded");
        return rn_reel_damaged(reel, fault, "");
    }

    if (!is_of(spec, frame)) {
        return rn_reel_damaged(reel, fault, "a picture is of another kind");
    }

    frame->pts = reel->pkt->pts;

    if (env->progress != NULL) {
        env->progress(env->opaque, 1);
    }

    return RN_OK;
}


static rn_status
write_still(rn_reel *reel, const rn_env *env, int fd, int64_t *bytes,
    rn_fault *fault)
{
    sink  s = { fd, 0 };

    if (rn_reel_next(reel, env, fault) != RN_OK) {
        return fault->status;
    }

    if (reel->ended) {
        return rn_fail(fault, RN_E_INTERNAL, "a still without a picture");
    }

    if (!put(&s, reel->pkt->data, (size_t) reel->pkt->size)) {
        return cannot_write(fault);
    }

    *bytes = s.bytes;

    return RN_OK;
}


static la_ssize_t
put_archive(struct archive *a, void *opaque, const void *data, size_t len)
{
    if (!put(opaque, data, len)) {
        archive_set_error(a, errno, "%s", strerror(errno));
        return -1;
    }

    return (la_ssize_t) len;
}


/* Nothing of this machine or hour: the same pictures make the same file. */

static rn_status
add_to_archive(struct archive *a, struct archive_entry *e, int64_t number,
    const AVPacket *pkt, rn_fault *fault)
{
    char  name[32];

    (void) snprintf(name, sizeof(name), "%06lld.png", (long long) number);

    archive_entry_clear(e);
    archive_entry_set_pathname(e, name);
    archive_entry_set_filetype(e, AE_IFREG);
    archive_entry_set_perm(e, 0644);
    archive_entry_set_mtime(e, 315532800, 0);   /* 1980: zip knows no earlier */
    archive_entry_set_size(e, pkt->size);

    if (archive_write_header(a, e) != ARCHIVE_OK
        || archive_write_data(a, pkt->data, (size_t) pkt->size) != pkt->size)
    {
        return rn_fail(fault, RN_E_IO, "the archive cannot be written: %s",
                       archive_error_string(a));
    }

    return RN_OK;
}


static rn_status
write_sequence(rn_reel *reel, const rn_env *env, int fd, int64_t *bytes,
    rn_fault *fault)
{
    sink                   s = { fd, 0 };
    struct archive        *a;
    struct archive_entry  *e;

    a = archive_write_new();
    e = archive_entry_new();

    if (a == NULL || e == NULL) {
        rn_fail(fault, RN_E_NOMEM, "out of memory");
        goto done;
    }

    /* pictures are small already */

    if (archive_write_set_format_zip(a) != ARCHIVE_OK
        || archive_write_zip_set_compression_store(a) != ARCHIVE_OK
        || archive_write_set_bytes_in_last_block(a, 1) != ARCHIVE_OK
        || archive_write_open(a, &s, NULL, put_archive, NULL) != ARCHIVE_OK)
    {
        rn_fail(fault, RN_E_INTERNAL, "the archive cannot be begun: %s",
                archive_error_string(a));
        goto done;
    }

    while (rn_reel_next(reel, env, fault) == RN_OK && !reel->ended) {
        if (add_to_archive(a, e, reel->pkt->pts, reel->pkt, fault) != RN_OK) {
            goto done;
        }

        if (env->progress != NULL) {
            env->progress(env->opaque, 1);
        }
    }

    if (fault->status == RN_OK && archive_write_close(a) != ARCHIVE_OK) {
        rn_fail(fault, RN_E_IO, "the archive cannot be written: %s",
                archive_error_string(a));
    }

    *bytes = s.bytes;

done:

    archive_entry_free(e);
    archive_write_free(a);

    return fault->status;
}


static AVFrame *
new_sheet(int w, int h, int64_t n, rn_fault *fault)
{
    AVFrame  *f;
    int64_t   columns;

    columns = n < COLUMNS ? n : COLUMNS;
    f = av_frame_alloc();

    if (f != NULL) {
        f->format = AV_PIX_FMT_RGB24;
        f->width = (int) columns * w;
        f->height = (int) ((n + columns - 1) / columns) * h;
    }

    if (f == NULL || av_frame_get_buffer(f, 0) < 0) {
        av_frame_free(&f);
        rn_fail(fault, RN_E_NOMEM, "out of memory");
        return NULL;
    }

    memset(f->data[0], 0, (size_t) f->linesize[0] * (size_t) f->height);

    return f;
}


static rn_status
fill_sheet(json_t *spec, rn_reel *reel, AVFrame *sheet, int w, int h,
    const rn_env *env, rn_fault *fault)
{
    int              y;
    bool             ended;
    AVFrame         *f;
    uint8_t         *at;
    int64_t          columns;
    AVCodecContext  *dec;

    f = av_frame_alloc();
    columns = sheet->width / w;

    if (f == NULL) {
        return rn_fail(fault, RN_E_NOMEM, "out of memory");
    }

    if (rn_pack_decoder(&dec, fault) != RN_OK) {
        goto done;
    }

    while (rn_pack_picture(spec, reel, dec, f, env, &ended, fault) == RN_OK
           && !ended)
    {
        if ((f->pts / columns + 1) * h > sheet->height) {
            rn_fail(fault, RN_E_INTERNAL, "more pictures than a sheet has "
                    "places for");
            break;
        }

        at = sheet->data[0] + f->pts / columns * h * sheet->linesize[0]
             + f->pts % columns * w * 3;

        for (y = 0; y < h; y++) {
            memcpy(at + (ptrdiff_t) y * sheet->linesize[0],
                   f->data[0] + (ptrdiff_t) y * f->linesize[0],
                   (size_t) w * 3);
        }
    }

done:

    avcodec_free_context(&dec);
    av_frame_free(&f);

    return fault->status;
}


static void
stamp(int64_t ms, char *out, size_t size)
{
    (void) snprintf(out, size, "%02lld:%02lld:%02lld.%03lld",
                    (long long) (ms / 3600000), (long long) (ms / 60000 % 60),
                    (long long) (ms / 1000 % 60), (long long) (ms % 1000));
}


/* A cue for each picture, as players of WebVTT thumbnails know them. */

static rn_status
write_cues(json_t *spec, const char *sheet, int w, int h, int64_t n,
    AVRational tb, int fd, int64_t *bytes, rn_fault *fault)
{
    char     line[200], from[32], to[32];
    sink     s = { fd, 0 };
    int64_t  i, end, at, next;

    end = (int64_t) (json_real_value(json_object_get(spec, "duration")) * 1000
                     + 0.5);

    if (!put(&s, "WEBVTT\n", 7)) {
        return cannot_write(fault);
    }

    for (i = 0; i < n; i++) {
        at = av_rescale(i, 1000 * (int64_t) tb.num, tb.den);
        next = av_rescale(i + 1, 1000 * (int64_t) tb.num, tb.den);
        stamp(at, from, sizeof(from));
        stamp(i + 1 < n || next < end ? next : end, to, sizeof(to));

        (void) snprintf(line, sizeof(line),
                        "\n%s --> %s\n%s#xywh=%lld,%lld,%d,%d\n", from, to,
                        sheet, (long long) (i % COLUMNS * w),
                        (long long) (i / COLUMNS * h), w, h);

        if (!put(&s, line, strlen(line))) {
            return cannot_write(fault);
        }
    }

    *bytes = s.bytes;

    return RN_OK;
}


/* files: the cues, and the sheet that they speak of. */

static rn_status
write_sprite(json_t *spec, rn_reel *reel, const rn_env *env, int cues,
    json_t *files, rn_fault *fault)
{
    int          w, h, fd;
    json_t      *canvas;
    AVFrame     *sheet;
    int64_t      n, bytes[2];
    const char  *name;

    canvas = json_object_get(spec, "canvas");
    w = (int) json_integer_value(json_array_get(canvas, 0));
    h = (int) json_integer_value(json_array_get(canvas, 1));
    n = json_integer_value(json_object_get(spec, "frames"));

    name = json_string_value(json_object_get(json_array_get(
               json_object_get(spec, "files"), 1), "name"));
    fd = name != NULL ? env->file(env->opaque, name) : -1;

    if (fd < 0 || w < 2 || h < 2 || n < 1) {
        return rn_fail(fault, RN_E_INTERNAL, "a sheet without a file");
    }

    sheet = new_sheet(w, h, n, fault);

    if (sheet != NULL
        && fill_sheet(spec, reel, sheet, w, h, env, fault) == RN_OK
        && rn_still_write(sheet, sheet->width, sheet->height, fd, &bytes[1],
                          fault) == RN_OK
        && write_cues(spec, name, w, h, n, reel->tb, cues, &bytes[0], fault)
           == RN_OK)
    {
        (void) json_array_append_new(files, json_integer(bytes[0]));
        (void) json_array_append_new(files, json_integer(bytes[1]));
    }

    av_frame_free(&sheet);

    return fault->status;
}


rn_status
rn_pack(json_t *spec, rn_reel *reel, const rn_env *env, json_t *files,
    rn_fault *fault)
{
    int          fd;
    int64_t      bytes;
    const char  *format, *name;

    format = json_string_value(json_object_get(spec, "format"));
    name = json_string_value(json_object_get(json_array_get(
               json_object_get(spec, "files"), 0), "name"));
    fd = name != NULL ? env->file(env->opaque, name) : -1;

    if (format == NULL || fd < 0) {
        return rn_fail(fault, RN_E_INTERNAL, "an output without a file");
    }

    bytes = 0;

    if (strcmp(format, "png") == 0 || strcmp(format, "jpg") == 0) {
        (void) write_still(reel, env, fd, &bytes, fault);
    } else if (strcmp(format, "png-sequence") == 0) {
        (void) write_sequence(reel, env, fd, &bytes, fault);
    } else if (strcmp(format, "gif") == 0) {
        (void) rn_gif_write(spec, reel, env, fd, &bytes, fault);
    } else if (strcmp(format, "sprite") == 0) {
        return write_sprite(spec, reel, env, fd, files, fault);
    } else {
        rn_fail(fault, RN_E_INTERNAL, "an output of an unknown format");
    }

    if (fault->status == RN_OK) {
        (void) json_array_append_new(files, json_integer(bytes));
    }

    return fault->status;
}
