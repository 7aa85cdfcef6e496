/* A text's layout; for rn_text*.c alone. */

#ifndef RN_TEXT_PARTS_H
#define RN_TEXT_PARTS_H

#include "rn_text.h"

#include <pango/pangocairo.h>


/* Lines and glyphs; to be unreferenced. */
PangoLayout *rn_text_layout(const rn_text_spec *spec);

/* rn_text_fonts of a text that was laid out. */
rn_status rn_text_fonts_of(PangoLayout *layout, rn_font_digests *d,
    char hex[65], rn_fault *fault);


#endif /* RN_TEXT_PARTS_H */
