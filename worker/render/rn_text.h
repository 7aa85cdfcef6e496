/*
 * A text drawn once, by Pango and Cairo: shaping, bidi, font fallback and
 * colour glyphs are theirs.
 */

#ifndef RN_TEXT_H
#define RN_TEXT_H

#include "rn_av.h"
#include "rn_doc.h"


typedef struct {
    const char  *text;
    bool         markup;                /* which it is, as Pango reads it */
    const char  *family;
    double       size;                  /* px */
    bool         bold, italic;
    rn_align     align;
    uint32_t     color, background;     /* RGBA */
    uint32_t     stroke;                /* RGBA, around the letters */
    double       stroke_width;          /* px, 0: none */
    int          width;                 /* px to wrap at, 0: no wrapping */
    int          height;                /* px of a box of this width, in whose
                                           middle lines stand; 0: none */
    int          max_width, max_height; /* px: of the canvas */
} rn_text_spec;


/* Draws; *frame is a new yuva420p frame with straight alpha, even sides. */
rn_status rn_text_draw(const rn_text_spec *spec, AVFrame **frame,
    rn_fault *fault);

/* Digests of font files, each read once; freed with rn_font_digests_free. */

typedef struct rn_font_digests  rn_font_digests;

rn_font_digests *rn_font_digests_new(void);
void rn_font_digests_free(rn_font_digests *d);

/*
 * SHA-256 over the font files that the text resolves to on this machine: what
 * a name of a font means differs between machines and must be part of a key.
 */
rn_status rn_text_fonts(const rn_text_spec *spec, rn_font_digests *digests,
    char hex[65], rn_fault *fault);

/* The i-th file that the last text asked for resolved to; NULL: no more. */
const char *rn_font_used(const rn_font_digests *d, size_t i);

/* px that the text takes as it would be drawn; its padding counts in a box. */
void rn_text_extents(const rn_text_spec *spec, int *w, int *h);

/*
 * Before it is drawn: rn_text_fonts, and in *missing how many of its characters
 * no font has.  RN_E_INVALID: it would be far larger than the canvas, and is
 * not drawn.
 */
rn_status rn_text_check(const rn_text_spec *spec, rn_font_digests *digests,
    char hex[65], int *missing, rn_fault *fault);


#endif /* RN_TEXT_H */
