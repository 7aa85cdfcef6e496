/*
 * Captions as files beside a film: WebVTT and SubRip.  The text is that of the
 * time line's lines, with bold, italic and underline.
 */

#ifndef RN_SIDECAR_H
#define RN_SIDECAR_H

#include "rn_timeline.h"


/* Which lines of the film, and when they are shown. */

typedef struct {
    const char  *language;              /* of the caption; NULL: all */
    bool         unburned;              /* only what the picture lacks */
    int64_t      from, to;              /* ms of the film */
    int64_t      shift;                 /* ms that are added to each time */
} rn_sidecar;


/* How many lines it has. */
size_t rn_sidecar_lines(const rn_timeline *tl, const rn_sidecar *s);

/*
 * The file: WebVTT (https://www.w3.org/TR/webvtt1/), or SubRip, which has no
 * standard.  Freed with free(); NULL: no memory.
 */
char *rn_sidecar_vtt(const rn_timeline *tl, const rn_sidecar *s);
char *rn_sidecar_srt(const rn_timeline *tl, const rn_sidecar *s);


#endif /* RN_SIDECAR_H */
