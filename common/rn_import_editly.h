/* What the files of the editly importer share; for them alone. */

#ifndef RN_IMPORT_EDITLY_H
#define RN_IMPORT_EDITLY_H

#include "rn_import_parts.h"


#define LAYERS_MAX  30                  /* of a clip */

typedef struct {
    json_t       *clip;
    double        start, length;        /* s */
    bool          known;                /* the length */
    double        change;               /* s, of the transition at its end */
    const char   *transition;           /* ours */
    json_t       *layers[LAYERS_MAX];
    const char   *types[LAYERS_MAX];    /* of a shorthand, what it stands for */
    json_t       *pointers[LAYERS_MAX]; /* where each stands, owned */
    size_t        n;
} part;

typedef struct {
    rn_importer  *im;
    json_t       *layer, *layer_type;   /* defaults */
    double        duration;
    json_t       *transition;
    bool          random;               /* a transition was left to chance */
    part         *parts;
    size_t        n;
    json_t       *above[LAYERS_MAX][2]; /* tracks over the lowest, owned */
    json_t       *sounds;               /* clips of sound, owned */
    bool          heard;                /* what clips sound like */
    double        clips_volume, output_volume, weights;
} spec;


/* A layer in the making. */

typedef struct {
    spec         *e;
    json_t       *layer;
    const char   *type;
    json_t       *out, *made;           /* clip, asset; ours */
    json_t       *keys;
    double        clip_length;          /* s; 0: that of the source */
} view;


/* rn_import_editly_clip.c: reads a clip, of which `clip` is set. */
void rn_ed_part(spec *e, part *p);

/* rn_import_editly_place.c: all of them become tracks. */
void rn_ed_place(spec *e);

/* rn_import_editly_sound.c: how loud, as a factor: 0.5 or "10dB" */
double rn_ed_weight(rn_importer *im, json_t *object, const char *name,
    double dflt);

/* The same as compositions have it, a new reference. */
json_t *rn_ed_volume(rn_importer *im, double v);

/* Sounds of the whole film go to e->sounds. */
void rn_ed_sounds(spec *e, json_t *root);

/* How loud layer i is; 0: it is not heard. */
double rn_ed_loudness(spec *e, const part *p, size_t i);

/* A layer that is only heard goes to e->sounds. */
void rn_ed_sound_layer(spec *e, const part *p, size_t i, double in);

/*
 * rn_import_editly_layer.c: a layer that is seen, without its times, a new
 * reference.  clip_length is that of the clip, which it has to fill; 0: as long
 * as the source is.
 */
json_t *rn_ed_layer(spec *e, json_t *layer, const char *type,
    double clip_length, double loudness);

/* The object that has the member: the layer, or one of defaults. */
json_t *rn_ed_owner(view *v, const char *name);

/* Its source, borrowed; NULL with a problem. */
json_t *rn_ed_path(view *v, const char *type);

/* A part of the source; fills: as fast as fills the clip. */
void rn_ed_cut(view *v, json_t *src, bool fills);

/* Members of the layer, or of defaults; and what is lost of it. */
bool rn_ed_number(view *v, const char *name, double lo, double hi, double *out);
const char *rn_ed_string(view *v, const char *name);
void rn_ed_lost(view *v, const char *name, const char *why);

/* Where it is, and how it moves there, if nothing else is said. */
void rn_ed_position(view *v);
void rn_ed_zoom(view *v, const char *dflt, double amount);

/* rn_import_editly_drawn.c: a colour or gradient, or what stands for one */
void rn_ed_text(view *v);
void rn_ed_fill(view *v);


#endif /* RN_IMPORT_EDITLY_H */
