/*
 * Caption files: SubRip (SRT), WebVTT and Advanced SubStation Alpha (ASS), read
 * by libavformat and libavcodec.  What is kept of them is what a probe tells;
 * where and how cues are drawn is the planner's business.
 */

#ifndef RN_CAPTION_H
#define RN_CAPTION_H

#include "rn_av.h"

#include <jansson.h>


#define RN_CAPTION_MAX  (4 * 1024 * 1024)   /* bytes of a file */
#define RN_CUES_MAX     20000


/* Whether the file on the descriptor looks like captions; reads its head. */
bool rn_caption_known(int fd);

/*
 * Reads all of it.  RN_OK: *out is a new object
 *
 *   {"kind": "caption", "format": "srt", "webvtt" or "ass", "duration": s,
 *    "cues": [[from, to, text, place], ...],
 *    "ass": {"header": text, "events": [[from, to, chunk], ...]},
 *    "warnings": [...]}
 *
 * in ms, by time.  text is markup as Pango reads it, of b, i, u, s and
 * span foreground, with \n between lines; place, as on the keys of a telephone
 * upside down (1 to 9, 2 is below), is 0 where the file does not say.  "ass",
 * of an ASS file alone, is what libass wants: its header, and events as
 * Matroska holds them.
 */
rn_status rn_caption_probe(int fd, json_t **out, rn_fault *fault);

/* Text of an ASS event as markup, to be freed with av_free; *place as above. */
char *rn_caption_markup(const char *ass, int *place);


#endif /* RN_CAPTION_H */
