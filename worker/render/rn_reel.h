/*
 * A reel: one track of an output, read from its pieces one after the other,
 * with its packets' times in the output.  Pieces are stored, or, if they are
 * copies, read from their source.  What does not hold what the plan says of it
 * is damaged.
 */

#ifndef RN_REEL_H
#define RN_REEL_H

#include "rn_codec.h"
#include "rn_copy.h"
#include "rn_mux.h"
#include "rn_segment.h"


typedef struct {
    json_t                *pieces;      /* [{"key", "frames", "spec"}] */
    size_t                 i;           /* the next of them */
    bool                   sound;
    rn_demux               demux;       /* of the present one, if stored, */
    rn_copy                copy;        /* or if not */
    bool                   open, copied;
    int64_t                done;        /* frames of the pieces before */
    int64_t                frames, read;    /* of the present one */
    int64_t                zero;        /* its first pts, in frames */
    int64_t                samples;     /* of all, for the sound */
    AVRational             tb;          /* of a frame, or of a sample */
    const rn_codec_facts  *codec;
    AVCodecParameters     *par;         /* of the output */
    AVCodecParameters     *sets[2];     /* of its pieces */
    AVPacket              *pkt;         /* the next packet, in tb */
    bool                   ended;
    int64_t                lead;        /* samples in front that are not heard;
                                           -1: those of the coder */
    bool                   undelayed;   /* times without the coder's delay */
    int                    index;       /* the caller's: of the stream */
    char                  *damaged;     /* [65] */
} rn_reel;


/*
 * Begins; sound: samples of it at 48 kHz, 0 for pictures.  Borrows pieces, and
 * damaged, where the key of a piece will be that fails: a stored one with
 * RN_E_IO, one whose source is no longer to be copied with RN_E_INPUT.
 */
rn_status rn_reel_init(rn_reel *t, json_t *pieces, AVRational tb,
    int64_t samples, char *damaged, rn_fault *fault);

/* Reads the next packet into t->pkt, or sets t->ended. */
rn_status rn_reel_next(rn_reel *t, const rn_env *env, rn_fault *fault);

/*
 * Fails, for what the present piece holds is not what it should hold.  Of a
 * fault that there is the words stay.
 */
rn_status rn_reel_damaged(rn_reel *t, rn_fault *fault, const char *how);

/* Opens piece i for its parameter sets alone, and begins anew. */
rn_status rn_reel_look(rn_reel *t, size_t i, const rn_env *env,
    rn_fault *fault);

void rn_reel_close(rn_reel *t);


#endif /* RN_REEL_H */
