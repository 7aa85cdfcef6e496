/*
 * The planner of outputs: which tracks each of them needs.  Tracks that are the
 * same are planned, rendered and stored once.
 */

#ifndef RN_PLAN_OUTPUT_H
#define RN_PLAN_OUTPUT_H

#include "rn_codec.h"
#include "rn_plan_sound.h"
#include "rn_sidecar.h"
#include "rn_timeline.h"

#include <jansson.h>


/*
 * A track of pictures.  Its i-th picture is that of the film at tick
 * from + i * p / q, rounded down, as long as that lies before `to`.
 */

typedef struct {
    char         name[48];              /* of the output it was made for, with
                                           ".1" ... for its renditions */
    rn_codec     codec;
    int          w, h;
    rn_rational  fps;
    rn_quality   quality;
    bool         alpha;
    int64_t      from, to;              /* ticks of the film */
    int64_t      p, q;                  /* the canvas's rate through its own */
    bool         as_canvas;             /* size, rate and codec of segments */
    bool         cut;                   /* as all segments are: no copies */

    /* set when it is planned */

    bool         mixed;                 /* copied in part */
    const char  *why;                   /* nothing is copied: what is in the
                                           way */
} rn_picture_stream;

/* The tracks of an output; picture and sound -1: none. */

typedef struct {
    int     picture, sound;
    int     renditions[RN_RENDITIONS_MAX];      /* of hls: pictures, too */
    size_t  n;
    int64_t from, to;                   /* ticks of the film */
} rn_output_tracks;

typedef struct {
    rn_picture_stream  *pictures;
    size_t              n_pictures;
    rn_sound_stream    *sounds;
    size_t              n_sounds;
    rn_output_tracks   *of;             /* of each output */
} rn_outputs;


/*
 * Finds the tracks; problems tell of outputs that cannot be.  *out is freed
 * with rn_outputs_free, also after a fault.
 */
rn_status rn_plan_outputs(const rn_doc *doc, const rn_timeline *tl,
    const rn_limits *limits, rn_problems *problems, rn_outputs *out,
    rn_fault *fault);

void rn_outputs_free(rn_outputs *outs);

/* The tick of a moment of the film: seconds or frames, else 0. */
int64_t rn_moment(const rn_time *t, rn_rational fps);

/* How many pictures of the track lie before tick t of the film. */
int64_t rn_pictures_before(const rn_picture_stream *s, int64_t t);

/* The captions of an output, of a language or of all. */
void rn_sidecar_of(const rn_doc *doc, const rn_output_tracks *of,
    const char *language, rn_sidecar *s);

/*
 * What the plan says of output i, for rn_assemble (rn_plan_output_spec.c).  New
 * reference; NULL: no memory.
 */
json_t *rn_plan_output(const rn_doc *doc, const rn_timeline *tl,
    const rn_outputs *outs, size_t i);


#endif /* RN_PLAN_OUTPUT_H */
