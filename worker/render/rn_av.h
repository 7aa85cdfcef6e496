/*
 * What every file of the engine shares: how a failure is told, the libav
 * objects on a descriptor, and the differences between FFmpeg 5.1 and later.
 * Nothing here opens a path or an address.
 */

#ifndef RN_AV_H
#define RN_AV_H

#include "rn_status.h"

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/avutil.h>
#include <stdbool.h>
#include <stdint.h>


/* Why something failed: the outcome, and a sentence for a person. */

typedef struct {
    rn_status    status;
    char         text[256];
} rn_fault;


/* Sets the fault unless one is set already (the first is the cause). */
rn_status rn_fail(rn_fault *fault, rn_status status, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* The same with libav's own words for `averr` behind the sentence. */
rn_status rn_fail_av(rn_fault *fault, int averr, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));


/*
 * A byte stream on a descriptor, by pread and pwrite, so that several may
 * share one descriptor.  The descriptor stays the caller's.  NULL: no memory.
 */
AVIOContext *rn_io_open(int fd, bool writable);

/* Frees the stream and sets *io to NULL; unwritten bytes are not flushed. */
void rn_io_free(AVIOContext **io);

/*
 * The format of a file that begins as only one of those that libav reads does,
 * or NULL: then libav is to find out, which asks all its hundreds.  The stream
 * is at its beginning before and after.
 */
const AVInputFormat *rn_io_format(AVIOContext *io);


/*
 * Has libav compute the tables that a process has of its commonest coders, so
 * that children which are forked from here need not: a millisecond and a half
 * each.  Fails in silence; they are computed when they are needed, then.
 */
void rn_av_warm(void);


#if LIBAVFORMAT_VERSION_MAJOR >= 61
typedef const uint8_t  rn_io_byte;          /* write callbacks, since 7.0 */
#else
typedef uint8_t  rn_io_byte;
#endif

#if LIBAVCODEC_VERSION_INT >= AV_VERSION_INT(60, 29, 100)
#define rn_frame_interlaced(f)  (((f)->flags & AV_FRAME_FLAG_INTERLACED) != 0)
#else
#define rn_frame_interlaced(f)  ((f)->interlaced_frame)
#endif

/*
 * Matroska writes how much decoders are to drop, and takes that off the times
 * when it is read.  Older writers of it leave adding it to the caller.
 */

#define RN_MATROSKA_UNDELAYED  (LIBAVFORMAT_VERSION_MAJOR < 60)

#if LIBAVUTIL_VERSION_MAJOR >= 58
#define rn_frame_duration(f)  ((f)->duration)
#else
#define rn_frame_duration(f)  ((f)->pkt_duration)
#endif

/* The display matrix of a stream (9 int32, see libavutil/display.h), or NULL */
const int32_t *rn_display_matrix(const AVStream *st);


#endif /* RN_AV_H */
