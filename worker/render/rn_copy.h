/*
 * Packets that are taken as they are: what of a file can be, which is found out
 * when it is probed, and the taking.
 *
 * A stretch of pictures that begins with an IDR picture and ends before one
 * needs nothing outside of itself (H.264, 7.4.1.2.4 and 8.2.1): no seam to
 * mend, nothing to decode.  A packet of AAC-LC is 1024 samples, and needs none
 * but the one before it (ISO/IEC 14496-3, 4.6.11: windows overlap by a half).
 */

#ifndef RN_COPY_H
#define RN_COPY_H

#include "rn_env.h"
#include "rn_input.h"
#include "rn_sets.h"

#include <jansson.h>


/*
 * What can be copied of the film's pictures, of which `first` is the first:
 *
 *   {"fps": "30/1", "frames", "params": digest of its parameter sets,
 *    "ids": [their numbers], "bt709": whether its colours are those of films,
 *    "gaps": [[frames from one IDR picture to the next, how many times], ...],
 *    "told": what opens the file without looking into its streams:
 *    {"stream", "zero": the file's time 0 in microseconds, "colours": [range,
 *    space, primaries, transfer, place of chroma], "aspect": [of a pixel]}}
 *
 * New; NULL where nothing can be: another container or codec than H.264 in MP4,
 * clocks that are uneven, parameter sets that change, pictures that are turned,
 * interlaced, or reordered more deeply than ours.  Moves the reading place of
 * the file.
 */
json_t *rn_copy_facts(rn_input *in, const AVFrame *first);

/*
 * What can be copied of the sound:
 *
 *   {"rate", "channels", "from": where the first packet begins, in samples of
 *    that rate from the file's time 0, "end": where the sound does, "told":
 *    {"stream", "zero"}}
 *
 * New; NULL where nothing can be: another container or codec than AAC-LC in
 * MP4, more than two channels, a rate that players may not take, packets that
 * do not follow each other without a gap.
 */
json_t *rn_copy_sound_facts(rn_input *in);

/* A stretch of one stream of a source, in decoding order. */

typedef struct {
    rn_input      in;
    const char   *name;                 /* of its file */
    bool          sound;
    AVStream     *st;                   /* of in */
    AVRational    tb;                   /* of the packets' times: a frame, or a
                                           sample of the source's rate */
    int64_t       from;                 /* the first: a place in the index, or a
                                           time of the stream */
    int64_t       count, i;             /* packets, and of them read */
    rn_sets       sets;                 /* of pictures, */
    bool         *seen;                 /* and which of them */
} rn_copy;


/*
 * Opens, in a struct of zeros or one that is open, what a specification with
 * "copy" names: of pictures {"input", "from", "params"} and spec.frames, of
 * sound {"input", "rate", "from"} and spec.packets; where there is no "told" of
 * the facts with these, for they are of an older probe, the streams are looked
 * into.  A file that is open already is not opened anew; its name is borrowed.
 * RN_E_INPUT, here and below: the file does not hold what its probe has told;
 * then it is closed.
 */
rn_status rn_copy_open(rn_copy *c, json_t *spec, const rn_env *env,
    rn_fault *fault);

/*
 * The next packet, with times from 0 in c->tb; RN_OK with pkt->data == NULL
 * behind the last.
 */
rn_status rn_copy_read(rn_copy *c, AVPacket *pkt, rn_fault *fault);

/*
 * How many bytes a specification's packets have, by the index of the file that
 * is open, if that is its source; else 0.  Of sound it is that which is open.
 */
int64_t rn_copy_bytes(const rn_copy *c, json_t *spec);

/* Closes what is open, if anything is. */
void rn_copy_close(rn_copy *c);

/* Copies all of it to a piece, as rn_segment_render and rn_mix_render write. */
rn_status rn_copy_piece(json_t *spec, const rn_env *env, int out_fd,
    int64_t *bytes, rn_fault *fault);

/* The source that a specification copies from, or NULL. */
const char *rn_copied_from_spec(json_t *spec);


#endif /* RN_COPY_H */
