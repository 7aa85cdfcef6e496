/*
 * A library to be loaded before others (LD_PRELOAD) into render and
 * render-worker: a device that codes H.264, as far as FFmpeg tells of it.  Who
 * asks for h264_nvenc is given libx264, and told of a GPU before.
 *
 *   RENDER_DEVICE=works       it is there
 *   RENDER_DEVICE=crash       its driver crashes
 *   RENDER_DEVICE=hang        its driver never returns
 *   RENDER_DEVICE=once:FILE   it is there until FILE is, which it makes: so it
 *                             is gone when it is needed after it was tried
 *   RENDER_DEVICE=falls:FILE  the same, but then its driver crashes
 *   RENDER_DEVICE_NAME=NAME   what it is called
 */

#define _GNU_SOURCE

#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <libavcodec/avcodec.h>


/* Children have no environment. */

static char  how[4096], name[64] = "T-1000";


__attribute__((constructor)) static void
begin(void)
{
    const char  *s;

    s = getenv("RENDER_DEVICE");
    strncpy(how, s != NULL ? s : "", sizeof(how) - 1);

    s = getenv("RENDER_DEVICE_NAME");
    if (s != NULL) {
        strncpy(name, s, sizeof(name) - 1);
    }
}


static int
is_there(void)
{
    int  fd;

    if (strncmp(how, "once:", 5) != 0 && strncmp(how, "falls:", 6) != 0) {
        return how[0] != '\0';
    }

    fd = open(strchr(how, ':') + 1, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
              0666);
    if (fd >= 0) {
        (void) close(fd);
        return 1;
    }

    if (how[0] == 'f') {
        abort();
    }

    return 0;
}


const AVCodec *
avcodec_find_encoder_by_name(const char *encoder)
{
    static const AVCodec *(*next)(const char *);

    if (next == NULL) {
        next = (const AVCodec *(*)(const char *)) dlsym(RTLD_NEXT,
                                              "avcodec_find_encoder_by_name");
    }

    if (strcmp(encoder, "h264_nvenc") != 0 || !is_there()) {
        return next(encoder);
    }

    if (strcmp(how, "crash") == 0) {
        abort();
    }

    while (strcmp(how, "hang") == 0) {
        (void) pause();
    }

    av_log(NULL, AV_LOG_VERBOSE, "[ GPU #0 - < %s > has Compute SM 7.5 ]\n",
           name);

    return next("libx264");
}
