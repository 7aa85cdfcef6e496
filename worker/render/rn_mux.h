/*
 * Media files on a descriptor: one writer for segments, sound pieces and films,
 * and the reader that takes the packets of a piece back out.
 */

#ifndef RN_MUX_H
#define RN_MUX_H

#include "rn_av.h"

#include <jansson.h>


typedef struct {
    AVFormatContext  *fmt;
    AVIOContext      *io;
    int               fd;
    int64_t           bytes;            /* set by rn_mux_close */
    bool              header;
} rn_mux;


/* Begins a file of libavformat's format ("mp4"). */
rn_status rn_mux_open(rn_mux *m, int fd, const char *format, rn_fault *fault);

/*
 * Puts its index in front, for what is watched from afar: into so many bytes
 * that are left for it, which must be enough, or, where `room` is 0, by moving
 * all that is behind it when the file is closed.
 */
void rn_mux_index_first(rn_mux *m, int64_t room);

/*
 * Adds chapters before the first packet: [[first sample at 48 kHz, one behind
 * the last, title], ...]; NULL: none.
 */
void rn_mux_chapters(rn_mux *m, json_t *list, rn_fault *fault);

/* Adds a stream before the first packet; its index, or -1. */
int rn_mux_stream(rn_mux *m, const AVCodecParameters *par, AVRational tb,
    rn_fault *fault);

/* Writes a packet whose times are in `tb`; consumes its reference. */
rn_status rn_mux_write(rn_mux *m, AVPacket *pkt, int stream, AVRational tb,
    rn_fault *fault);

/* Ends the file and frees all; with a fault set it only frees. */
rn_status rn_mux_close(rn_mux *m, rn_fault *fault);


/* The packets of one piece, in decoding order. */

typedef struct {
    AVFormatContext  *fmt;
    AVIOContext      *io;
    AVStream         *st;
} rn_demux;

rn_status rn_demux_open(rn_demux *d, int fd, rn_fault *fault);

/* RN_OK with pkt->data == NULL at the end. */
rn_status rn_demux_read(rn_demux *d, AVPacket *pkt, rn_fault *fault);

void rn_demux_close(rn_demux *d);


#endif /* RN_MUX_H */
