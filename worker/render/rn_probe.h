/*
 * What a file is: media, by its kind, duration and streams, an SVG (video.text:
 * whether there is any in it), or a .cube (kind "document", lut {dimensions,
 * size}).  One frame of each stream is decoded, and an SVG drawn, so that what
 * cannot be rendered is known before anything is.
 */

#ifndef RN_PROBE_H
#define RN_PROBE_H

#include "rn_av.h"

#include <jansson.h>


/*
 * Probes the file on the descriptor.  RN_OK: *out is a new object
 * {kind, format, duration, video {...}, audio {...}, blurhash, copy {...},
 * copy_sound {...}, warnings [...]}.  blurhash, of the first picture, is
 * missing where there is none or it is not asked for, and the two where nothing
 * can be copied (rn_copy.h).
 */
rn_status rn_probe(int fd, bool blurhash, json_t **out, rn_fault *fault);


/* How a picture is turned and mirrored before it is shown. */

typedef struct {
    int     quarters;                   /* clockwise quarter turns, 0-3 */
    bool    mirrored;                   /* left to right, before turning */
} rn_turn;

/* The turn of a decoded frame: its own matrix, else the stream's. */
rn_turn rn_turn_of(const AVStream *st, const AVFrame *frame);

/* The size at which a decoded frame is displayed: turned, square pixels. */
void rn_display_size(const AVStream *st, const AVFrame *frame, int *w, int *h);


#endif /* RN_PROBE_H */
