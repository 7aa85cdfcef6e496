/*
 * H.264 by hardware, as FFmpeg reaches it: NVIDIA's NVENC, and VAAPI, by which
 * Linux reaches the encoders of Intel and AMD.  libavcodec has both encoders on
 * every machine; whether a device and its driver are there is found out by
 * coding a picture, and by nothing else.
 *
 * What such an encoder makes differs from driver to driver.  So a specification
 * that is coded by one names it and its driver (rn_plan_segment.c), and is
 * coded by that one or not at all: a track never holds what two encoders made.
 */

#ifndef RN_HARDWARE_H
#define RN_HARDWARE_H

#include "rn_av.h"


typedef struct {
    char         name[24];              /* libavcodec's; "": none */
    char         driver[256];           /* what can be known of it */
} rn_hardware;


/* The encoders, in the order in which they are tried; NULL behind the last. */
extern const char *const  rn_hardware_names[];

/*
 * The one that this process, and those that it forks from here on, may use;
 * NULL: none, as from the beginning.
 */
void rn_hardware_allow(const rn_hardware *h);

/* That one, or NULL. */
const rn_hardware *rn_hardware_allowed(void);

/* Whether it is that one, of that driver. */
bool rn_hardware_is(const char *name, const char *driver);

/*
 * Sets up a context of the encoder: how it codes, and the device and the frames
 * where it takes no others (hw_frames_ctx: it is sent what rn_hardware_upload
 * made, of NV12).
 */
rn_status rn_hardware_set(AVCodecContext *enc, const char *name, int quality,
    rn_fault *fault);

/* Takes a frame to the device; what it was of memory is freed. */
rn_status rn_hardware_upload(AVCodecContext *enc, AVFrame *frame,
    rn_fault *fault);

/*
 * Codes a film of a few pictures and reads it again; h->driver is what was told
 * of the device meanwhile.  Call it in a process that may crash or hang
 * (worker/stages/hardware.h), and whose log may be taken over.
 */
rn_status rn_hardware_try(rn_hardware *h, const char *name, rn_fault *fault);


#endif /* RN_HARDWARE_H */
