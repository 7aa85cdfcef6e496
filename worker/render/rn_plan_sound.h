/* The planner of sound; a part of rn_plan.h. */

#ifndef RN_PLAN_SOUND_H
#define RN_PLAN_SOUND_H

#include "rn_av.h"
#include "rn_codec.h"
#include "rn_timeline.h"


/* A sound track of an output, which others may have, too. */

typedef struct {
    const char  *name;                  /* of the output */
    rn_codec     codec;
    rn_quality   quality;
    int64_t      from, samples;         /* of the film, at 48 kHz */
    int          loudness;              /* LUFS / 100; 0: as it is mixed */
    int          true_peak;             /* dBTP / 100 */
    bool         copies;                /* what can be copied is */

    /* found when it is planned */

    bool         silent;
    int          rate;                  /* of what is copied; 0: it is mixed */
    int64_t      lead, length;          /* samples of it that are not heard in
                                           front, and that are then */
} rn_sound_stream;


/*
 * The pieces of the sound, empty where it is silent; NULL on failure.  Sets
 * what of the stream is found then.
 */
json_t *rn_plan_sound(const rn_doc *doc, const rn_timeline *tl,
    rn_sound_stream *stream, rn_fault *fault);


#endif /* RN_PLAN_SOUND_H */
