/*
 * Encoders of hardware; see rn_hardware.h.
 *
 * All pieces of a track must have the same parameter sets, and what of its
 * settings an encoder writes into them is its driver's affair.  So they are all
 * coded by the same settings, stills as well, and there are no B-frames: the
 * order in which some drivers have them is not the one that is joined here, and
 * others have none.
 */

#include "rn_hardware.h"
#include "rn_encode.h"
#include "rn_sets.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <libavutil/hwcontext.h>
#include <libavutil/opt.h>


#define FRAMES   20                     /* on the device, as FFmpeg's example */
#define SIDE_X   640                    /* encoders refuse what is very small */
#define SIDE_Y   360
#define TRIED    3                      /* pictures */
#define QUALITY  23


const char *const  rn_hardware_names[] = { "h264_nvenc", "h264_vaapi", NULL };

static rn_hardware  allowed;


void
rn_hardware_allow(const rn_hardware *h)
{
    memset(&allowed, 0, sizeof(allowed));

    if (h != NULL) {
        allowed = *h;
    }
}


const rn_hardware *
rn_hardware_allowed(void)
{
    return allowed.name[0] != '\0' ? &allowed : NULL;
}


bool
rn_hardware_is(const char *name, const char *driver)
{
    return name != NULL && driver != NULL && allowed.name[0] != '\0'
           && strcmp(name, allowed.name) == 0
           && strcmp(driver, allowed.driver) == 0;
}


/* Constant quality; preset and tuning are those of FFmpeg's defaults. */

static void
set_nvenc(AVCodecContext *enc, int quality)
{
    (void) av_opt_set(enc->priv_data, "rc", "vbr", 0);
    (void) av_opt_set_double(enc->priv_data, "cq", quality, 0);
}


/* It takes frames of its device alone, and a device has to be found first. */

static rn_status
set_vaapi(AVCodecContext *enc, int quality, rn_fault *fault)
{
    int                 rc;
    AVBufferRef        *device, *frames;
    AVHWFramesContext  *f;

    (void) av_opt_set(enc->priv_data, "rc_mode", "CQP", 0);
    (void) av_opt_set_int(enc->priv_data, "qp", quality, 0);

    device = frames = NULL;

    rc = av_hwdevice_ctx_create(&device, AV_HWDEVICE_TYPE_VAAPI, NULL, NULL, 0);
    if (rc < 0) {
        return rn_fail_av(fault, rc, "no device");
    }

    frames = av_hwframe_ctx_alloc(device);
    av_buffer_unref(&device);

    if (frames == NULL) {
        return rn_fail(fault, RN_E_NOMEM, "out of memory");
    }

    f = (AVHWFramesContext *) frames->data;
    f->format = AV_PIX_FMT_VAAPI;
    f->sw_format = AV_PIX_FMT_NV12;
    f->width = enc->width;
    f->height = enc->height;
    f->initial_pool_size = FRAMES;

    rc = av_hwframe_ctx_init(frames);
    if (rc < 0) {
        av_buffer_unref(&frames);
        return rn_fail_av(fault, rc, "no frames of %dx%d on the device",
                          enc->width, enc->height);
    }

    enc->hw_frames_ctx = frames;
    enc->pix_fmt = AV_PIX_FMT_VAAPI;

    return RN_OK;
}


rn_status
rn_hardware_set(AVCodecContext *enc, const char *name, int quality,
    rn_fault *fault)
{
    enc->flags |= AV_CODEC_FLAG_CLOSED_GOP;
    enc->bit_rate = 0;                      /* quality alone decides */
    enc->max_b_frames = 0;

    (void) av_opt_set(enc->priv_data, "profile", "high", 0);

    if (strcmp(name, "h264_vaapi") == 0) {
        return set_vaapi(enc, quality, fault);
    }

    set_nvenc(enc, quality);

    return RN_OK;
}


rn_status
rn_hardware_upload(AVCodecContext *enc, AVFrame *frame, rn_fault *fault)
{
    int       rc;
    AVFrame  *there;

    there = av_frame_alloc();
    if (there == NULL) {
        return rn_fail(fault, RN_E_NOMEM, "out of memory");
    }

    rc = av_hwframe_get_buffer(enc->hw_frames_ctx, there, 0);

    if (rc >= 0) {
        rc = av_hwframe_transfer_data(there, frame, 0);
    }

    if (rc >= 0) {
        rc = av_frame_copy_props(there, frame);
    }

    if (rc < 0) {
        av_frame_free(&there);
        return rn_fail_av(fault, rc, "a picture cannot be taken to the device");
    }

    av_frame_unref(frame);
    av_frame_move_ref(frame, there);
    av_frame_free(&there);

    return RN_OK;
}


/* What is told while an encoder is tried. */

static char  first_error[200];
static char  first_doubt[200];
static char  device_told[160];


static void
listen(void *who, int level, const char *fmt, va_list ap)
{
    char    line[200];
    size_t  n;

    (void) who;

    if (level > AV_LOG_VERBOSE) {
        return;
    }

    (void) vsnprintf(line, sizeof(line), fmt, ap);

    for (n = strlen(line); n > 0 && strchr("\n\r .", line[n - 1]) != NULL;
         n--)
    {
        line[n - 1] = '\0';
    }

    /* the first is the cause, and others follow from it; that VAAPI has no
       device is no error to it */

    if (level <= AV_LOG_ERROR && first_error[0] == '\0') {
        (void) snprintf(first_error, sizeof(first_error), "%s", line);
    } else if (strncmp(line, "Cannot ", 7) == 0 && first_doubt[0] == '\0') {
        (void) snprintf(first_doubt, sizeof(first_doubt), "%s", line);
    }

    /* "[ GPU #0 - < name > has Compute SM 7.5 ]", "VAAPI driver: name" */

    if (strncmp(line, "[ GPU #", 7) == 0
        || strncmp(line, "VAAPI driver: ", 14) == 0)
    {
        (void) snprintf(device_told, sizeof(device_told), "%.150s", line);
    }
}


/* NVIDIA's tells its version in a file; others with the device's name. */

static void
describe(rn_hardware *h)
{
    int          fd;
    char         text[100];
    ssize_t      n;
    unsigned     v;

    n = 0;

    if (strcmp(h->name, "h264_nvenc") == 0) {
        fd = open("/proc/driver/nvidia/version", O_RDONLY | O_CLOEXEC);

        if (fd >= 0) {
            n = read(fd, text, sizeof(text) - 1);
            (void) close(fd);
        }
    }

    text[n > 0 ? n : 0] = '\0';
    text[strcspn(text, "\n")] = '\0';

    /* how options are understood is FFmpeg's */

    v = avcodec_version();

    (void) snprintf(h->driver, sizeof(h->driver), "%.140s%s%.70s; libavcodec "
                    "%u.%u", device_told, text[0] != '\0' ? "; " : "", text,
                    AV_VERSION_MAJOR(v), AV_VERSION_MINOR(v));

    for (n = 0; h->driver[n] != '\0'; n++) {        /* it goes into JSON */
        if (h->driver[n] < ' ' || h->driver[n] > '~') {
            h->driver[n] = '?';
        }
    }
}


/* Grey, and a square that moves. */

static void
draw(AVFrame *f, int k)
{
    int  y;

    for (y = 0; y < f->height; y++) {
        memset(f->data[0] + y * f->linesize[0], 100, (size_t) f->width);
    }

    for (y = 0; y < f->height / 2; y++) {
        memset(f->data[1] + y * f->linesize[1], 128, (size_t) f->width / 2);
        memset(f->data[2] + y * f->linesize[2], 128, (size_t) f->width / 2);
    }

    for (y = 50; y < 150; y++) {
        memset(f->data[0] + y * f->linesize[0] + 50 + 20 * k, 200, 100);
    }
}


static rn_status
encode(const char *name, int fd, rn_fault *fault)
{
    int         k;
    AVFrame    *f;
    rn_coding   c;
    rn_encoder  e;

    memset(&c, 0, sizeof(c));
    c.codec = RN_CODEC_H264;
    c.encoder = name;
    c.w = SIDE_X;
    c.h = SIDE_Y;
    c.fps.num = 25;
    c.fps.den = 1;
    c.crf = QUALITY;

    if (rn_encoder_open(&e, fd, &c, fault) != RN_OK) {
        return fault->status;
    }

    for (k = 0; k < TRIED && fault->status == RN_OK; k++) {
        f = av_frame_alloc();

        if (f == NULL) {
            rn_fail(fault, RN_E_NOMEM, "out of memory");
            break;
        }

        f->format = AV_PIX_FMT_YUV420P;
        f->width = SIDE_X;
        f->height = SIDE_Y;

        if (av_frame_get_buffer(f, 0) < 0) {
            rn_fail(fault, RN_E_NOMEM, "out of memory");
        } else {
            draw(f, k);
            (void) rn_encoder_send(&e, f, fault);
        }

        av_frame_free(&f);
    }

    return rn_encoder_close(&e, TRIED, fault);
}


/* What cannot be joined later would be of no use. */

static rn_status
read_again(int fd, rn_fault *fault)
{
    int        n;
    rn_sets    sets;
    AVPacket  *pkt;
    rn_demux   d;

    if (rn_demux_open(&d, fd, fault) != RN_OK) {
        return fault->status;
    }

    pkt = av_packet_alloc();

    if (pkt == NULL) {
        rn_fail(fault, RN_E_NOMEM, "out of memory");
    } else if (!rn_sets_read(d.st->codecpar, &sets)) {
        rn_fail(fault, RN_E_UNSUPPORTED, "it tells no sets of parameters that "
                "can be joined");
    }

    for (n = 0; fault->status == RN_OK; n++) {
        if (rn_demux_read(&d, pkt, fault) != RN_OK || pkt->data == NULL) {
            break;
        }

        if (n == 0 && !(pkt->flags & AV_PKT_FLAG_KEY)) {
            rn_fail(fault, RN_E_UNSUPPORTED, "it does not begin with a key "
                    "frame");
        }
    }

    if (fault->status == RN_OK && n != TRIED) {
        rn_fail(fault, RN_E_UNSUPPORTED, "%d pictures became %d", TRIED, n);
    }

    av_packet_free(&pkt);
    rn_demux_close(&d);

    return fault->status;
}


rn_status
rn_hardware_try(rn_hardware *h, const char *name, rn_fault *fault)
{
    int  fd;

    memset(h, 0, sizeof(*h));
    first_error[0] = first_doubt[0] = device_told[0] = '\0';

    fd = memfd_create("tried", MFD_CLOEXEC);
    if (fd < 0) {
        return rn_fail_av(fault, AVERROR(errno), "no memory for a film");
    }

    av_log_set_level(AV_LOG_VERBOSE);
    av_log_set_callback(listen);

    if (encode(name, fd, fault) == RN_OK && read_again(fd, fault) == RN_OK) {
        (void) snprintf(h->name, sizeof(h->name), "%s", name);
        describe(h);

    } else if (first_error[0] != '\0' || first_doubt[0] != '\0') {

        /* FFmpeg's own words say more than its error codes do */

        (void) snprintf(fault->text, sizeof(fault->text), "%s",
                        first_error[0] != '\0' ? first_error : first_doubt);
    }

    av_log_set_callback(av_log_default_callback);
    (void) close(fd);

    return fault->status;
}
