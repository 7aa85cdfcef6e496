/*
 * A media file on a descriptor, opened as one opens a stranger's: only known
 * containers and codecs, no nested files, no network, bounded in every count.
 */

#ifndef RN_INPUT_H
#define RN_INPUT_H

#include "rn_av.h"


#define RN_MAX_PIXELS  (8192 * 8192)


typedef struct {
    AVFormatContext  *fmt;
    AVIOContext      *io;
    AVStream         *video;            /* the best of each kind, or NULL */
    AVStream         *audio;
    bool              image;            /* a picture file, not a film */
    int64_t           zero;             /* the file's time 0, AV_TIME_BASE */
    int64_t           size;             /* bytes */
    bool              blind;            /* at any frame, see rn_input_seek */
    int64_t           hurry;            /* see rn_input_hurry; AV_NOPTS_VALUE
                                           but on the way to a place */
    int64_t           hurried;          /* the latest packet that was perhaps
                                           passed over */
} rn_input;


/* Opens; the descriptor stays the caller's.  On failure nothing is held. */
rn_status rn_input_open(rn_input *in, int fd, rn_fault *fault);

/*
 * The same for who takes packets as they are, and knows of another time what
 * only looking into the streams tells: it is not looked, which is most of what
 * opening costs.  No stream is chosen, `zero` is 0.
 */
rn_status rn_input_open_packets(rn_input *in, int fd, rn_fault *fault);

void rn_input_close(rn_input *in);

/*
 * A decoder for a stream, with so many threads: 1, since tasks run in parallel,
 * not decoders, but where somebody waits for one picture.  What is decoded is
 * the same.  The caller frees it with avcodec_free_context.
 */
rn_status rn_input_decoder(const AVStream *st, int threads,
    AVCodecContext **out, rn_fault *fault);

/*
 * The next decoded frame of `st`.  RN_OK with *eof set when there are no more.
 * Damaged packets are passed over; a file that is nothing but damage fails.
 */
rn_status rn_input_frame(rn_input *in, AVStream *st, AVCodecContext *dec,
    AVPacket *pkt, AVFrame *frame, bool *eof, rn_fault *fault);

/* Seconds of a frame on the file's own clock, from its time 0. */
double rn_input_time(const rn_input *in, const AVStream *st,
    const AVFrame *frame);

/*
 * Seeks so that decoding `st` yields frames at or before `seconds`.  Streams
 * without an index are sought in by guessing, which leads to any frame; what
 * comes before the next key frame is left out, but of H.264, whose decoder
 * waits for itself, and whose streams may be refreshed without key frames.
 */
rn_status rn_input_seek(rn_input *in, AVStream *st, AVCodecContext *dec,
    double seconds, rn_fault *fault);

/*
 * From a seek to `seconds`: of the video's packets before, those that no other
 * picture refers to are not decoded.  A frame of a time before rn_input.hurried
 * is then perhaps not the last one before another; INFINITY ends it.
 */
void rn_input_hurry(rn_input *in, double seconds);


#endif /* RN_INPUT_H */
