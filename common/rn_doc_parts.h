/* The parts of the composition parser; for rn_doc*.c alone. */

#ifndef RN_DOC_PARTS_H
#define RN_DOC_PARTS_H

#include "rn_fields.h"


/* The place of a member in the structure that a table of fields fills. */
#define AT(type, member)  offsetof(type, member)


/* rn_doc_asset.c; out is an rn_asset */
void rn_read_asset(rn_reader *r, json_t *value, void *out);

/* rn_doc_asset.c: a source, its index in the document's refs; -1: no memory */
void rn_read_src(rn_reader *r, json_t *value, void *out);
int rn_add_ref(rn_reader *r, const char *src, rn_asset_type type);

/* rn_doc_text.c; out is an rn_asset, and an rn_doc of the last */
void rn_read_font(rn_reader *r, json_t *value, void *out);
void rn_read_words(rn_reader *r, json_t *value, void *out);
void rn_read_max_words(rn_reader *r, json_t *value, void *out);
void rn_read_language(rn_reader *r, json_t *value, void *out);
void rn_check_caption(rn_reader *r, json_t *value, rn_asset *a);
void rn_read_fonts(rn_reader *r, json_t *value, void *out);

/*
 * rn_doc_drawn.c: members of an rn_asset, and what only a whole SVG or waveform
 * must hold.
 */
void rn_read_svg(rn_reader *r, json_t *value, void *out);
void rn_read_wave_style(rn_reader *r, json_t *value, void *out);
void rn_read_bars(rn_reader *r, json_t *value, void *out);
void rn_read_window(rn_reader *r, json_t *value, void *out);
void rn_check_drawn(rn_reader *r, json_t *value, rn_asset *a);

/* rn_doc_track.c; out is an rn_doc */
void rn_read_tracks(rn_reader *r, json_t *value, void *out);

/*
 * rn_doc_output.c; after the time line was read, with what of the canvas it
 * names.  value may be NULL; out is the rn_doc.
 */
void rn_read_outputs(rn_reader *r, json_t *value, rn_doc *doc);

/* rn_doc_canvas.c: sizes and rates that were left open, by each other */
void rn_complete_outputs(rn_reader *r, rn_doc *doc);

/* A side of the canvas or of an output; out is an int */
void rn_read_side(rn_reader *r, json_t *value, void *out);

/* A moment of the film: not "auto", not "end"; out is an rn_time */
void rn_read_moment(rn_reader *r, json_t *value, void *out);

/* rn_doc_marker.c; out is an rn_doc */
void rn_read_markers(rn_reader *r, json_t *value, void *out);

/* rn_doc_clip.c */
void rn_read_transition(rn_reader *r, json_t *value, rn_clip *c);
void rn_read_clip(rn_reader *r, json_t *value, rn_clip *c,
    rn_track_kind kind);

/* rn_doc_merge.c: resolves merge fields; false with problems reported. */
bool rn_doc_merge(rn_reader *r);

/* rn_doc_motion.c; out is an rn_length[4], an rn_clip */
void rn_read_crop(rn_reader *r, json_t *value, void *out);
void rn_read_keyframes(rn_reader *r, json_t *value, void *out);

/* rn_doc_effects.c; out is an rn_clip */
void rn_read_effects(rn_reader *r, json_t *value, void *out);


#endif /* RN_DOC_PARTS_H */
