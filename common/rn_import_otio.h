/* What the files of the importer of OpenTimelineIO share; for them alone. */

#ifndef RN_IMPORT_OTIO_H
#define RN_IMPORT_OTIO_H

#include "rn_import_parts.h"

#include <string.h>


#define OURS       "nginx_render"
#define DEPTH_MAX  16                   /* of what is nested */
#define SAME       1e-6                 /* s, by which times are the same */

typedef struct {
    rn_importer  *im;
    json_t       *root;                 /* our own metadata of all, or NULL */
    json_t       *markers;              /* ours, owned */
    double        rate;                 /* the first that was found */
    bool          sounds;               /* there are tracks of sound */
    size_t        items;
    size_t        base;                 /* index of a lone child */
} otio;

/* A child of a track; a transition belongs to the items beside it. */

typedef struct {
    json_t       *item;
    size_t        index;
    const char   *schema;
    double        start, length;        /* s, in its track */
    bool          known;                /* the length */
    double        media;                /* s: where its range starts in it */
    double        avail;                /* s of media; 0: not known, or any */
    bool          still;                /* there is no end of it */
    double        speed;
    json_t       *asset, *kept, *rest;  /* of a clip; the 1st and last owned */
    double        head, tail;           /* s: shown before and behind */
    double        fade_in, fade_out;    /* s: from and to a gap */
    json_t       *before;               /* the transition from the one before */
    size_t        before_index;
    double        asked;                /* s, that it would last */
    bool          joined;               /* and it is one of ours */
} slot;

/* A track of ours in the making. */

typedef struct {
    otio         *o;
    json_t       *clips;                /* of our track, borrowed */
    const char   *kind;
    double        end;                  /* s, of the last clip */
    bool          known;
} lane;


static inline bool
is_item(const slot *s, const char *schema)
{
    return s->schema != NULL && strcmp(s->schema, schema) == 0;
}


/*
 * rn_import_otio.c, _track.c: the tracks of a stack or a track, a new
 * reference.  from, to: of its own time; at: where in the film that begins.
 */
json_t *rn_otio_stack(otio *o, json_t *stack, double from, double to,
    double at, int depth);
json_t *rn_otio_track(otio *o, json_t *track, double from, double to,
    double at, int depth);

/* rn_import_otio_item.c: "Clip" of "Clip.2", by the newest names; or NULL */
const char *rn_otio_schema(otio *o, json_t *object, char name[40]);

/* Seconds of a RationalTime and a TimeRange; false: not there. */
bool rn_otio_time(otio *o, json_t *object, const char *name, double *seconds);
bool rn_otio_range(otio *o, json_t *object, const char *name, double *start,
    double *length);

/*
 * Our own part of an object's metadata, borrowed, or NULL; the rest goes to
 * `rest` under a name.  rn_otio_keep puts that into metadata of ours.
 */
json_t *rn_otio_metadata(otio *o, json_t *object, json_t *rest, const char *as);
void rn_otio_keep(json_t *object, json_t *rest);

/* `from` of the object's own time is at `offset` in the film. */
void rn_otio_markers(otio *o, json_t *object, double from, double offset,
    double speed);

/* The speed that effects say; what else there is, is named. */
double rn_otio_effects(otio *o, json_t *object, bool timed);

/* rn_import_otio_media.c */
json_t *rn_otio_reference(otio *o, json_t *clip, const char **where,
    char key[80]);
void rn_otio_available(otio *o, json_t *clip, double *start, double *length);

/* Whether an asset of this type has a time of its own: an in-point. */
bool rn_otio_runs(const char *type);

/* What a clip shows; false: nothing that can be shown, as was told. */
bool rn_otio_clip(otio *o, slot *s, const char *kind);

/* rn_import_otio_place.c: as shown, with what transitions take of it */
void rn_otio_place_clip(otio *o, lane *l, slot *s, double start, double length,
    double media);
void rn_otio_place_transition(otio *o, lane *l, const slot *s, double length);

/*
 * What the items beside a transition show for it; and, once all are read, how
 * much of each there can be.
 */
void rn_otio_transition(otio *o, slot *slots, size_t n, size_t after,
    double from, double to);
void rn_otio_fit_transitions(otio *o, slot *slots, size_t n);


#endif /* RN_IMPORT_OTIO_H */
