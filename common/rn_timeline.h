/*
 * Times, resolved: a document and the facts of its assets give every clip its
 * place in integer ticks of the canvas.  Each start and end is rounded once,
 * from absolute time, so that nothing drifts; sound is cut on the same grid.
 */

#ifndef RN_TIMELINE_H
#define RN_TIMELINE_H

#include "rn_doc.h"


/* What is known of an asset; the shape that a probe writes as JSON. */

typedef struct {
    bool             known;             /* false: not probed, see error */
    char             error[256];        /* why it cannot be used, or "" */
    char             sha256[65];
    char             kind[12];          /* "video", "image", "audio", "svg",
                                           "document" */
    bool             has_video, has_audio, alpha;
    double           duration;          /* seconds; 0 for an image */
    int              width, height;     /* as displayed: turned, square px */
    int              channels;          /* of the sound; 0: none, or unknown */
    bool             letters;           /* an SVG with text: needs fonts */
    bool             lut;               /* a document: a table of colours */
    json_t          *copy;              /* see rn_copy_facts; the probe's own,
                                           or NULL */
    json_t          *copy_sound;        /* see rn_copy_sound_facts; the same */
    json_t          *cues, *ass;        /* see rn_caption_probe; the same */
    json_t          *warnings;          /* sentences; the same */
    int             rotation;           /* degrees, of what is stored */
} rn_facts;

typedef struct {
    const rn_clip   *clip;
    const rn_facts  *facts;             /* NULL: needs none */
    const rn_facts  *all;               /* of all sources, for its effects */
    size_t           track;
    int64_t          start, end;        /* ticks of the canvas */
    int64_t          in;                /* ticks into the source */
    int64_t          lead, tail;        /* shared with the clip before, after */
    const char      *transition;        /* its type, where lead is not 0 */
    int64_t          fade_in, fade_out; /* of the sound */
    int64_t          show_in, show_out; /* of the picture */
} rn_place;

/* What is said, as a file of captions beside the film has it. */

typedef struct {
    const rn_clip   *clip;              /* the caption */
    int64_t          from, to;          /* ms of the film */
    char            *text;              /* markup, as rn_caption_probe has it */
    int              place;
} rn_line;

typedef struct {
    rn_place        *places;            /* by track, then by start */
    size_t           n;
    rn_place        *captions;          /* where they lie as wholes; only
                                           those of ASS are places, too */
    size_t           n_captions;
    rn_line         *lines;             /* of all captions, by time */
    size_t           n_lines;
    rn_clip         *cues;              /* texts that captions became */
    char           **cue_texts;
    size_t           n_cues;
    int64_t          frames;            /* length of the film */
    int64_t          poster;            /* the tick that the poster shows */
} rn_timeline;


/*
 * Reads a probe's JSON; false (and facts->error) when it does not hold what a
 * probe writes.  sha256 may be NULL.
 */
bool rn_facts_read(json_t *probe, const char *sha256, rn_facts *facts);

/*
 * Resolves all times.  facts[i] belongs to doc->refs[i].  Problems are added
 * for what cannot be; then RN_E_INVALID.  The result borrows doc and facts and
 * is freed with rn_timeline_free.
 */
rn_status rn_timeline_resolve(const rn_doc *doc, const rn_facts *facts,
    const rn_limits *limits, rn_problems *problems, rn_timeline *out);

void rn_timeline_free(rn_timeline *tl);

/*
 * The tick of the canvas at which a keyframe of the clip is; its times count
 * from the clip's start.
 */
int64_t rn_keyframe_tick(const rn_place *c, const rn_keyframe *k,
    rn_rational fps);

/* Ticks of an absolute time, rounded to the nearest. */
int64_t rn_ticks(double seconds, rn_rational fps);

/* The sample at which tick k begins: round(k * rate / fps), exactly. */
int64_t rn_sample_at(int64_t tick, rn_rational fps, int rate);


#endif /* RN_TIMELINE_H */
