/* A text's layout; for rn_text*.c alone. */

#ifndef RN_TEXT_PARTS_H
#define RN_TEXT_PARTS_H

#include "rn_text.h"

#include <pango/pangocairo.h>


/* Lines and glyphs; to be unreferenced. */
PangoLayout *rn_text_layout(const rn_text_spec *spec);


#endif /* RN_TEXT_PARTS_H */
