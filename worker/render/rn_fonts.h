/* Which fonts this machine has; for what finds its fonts by itself. */

#ifndef RN_FONTS_H
#define RN_FONTS_H

#include "rn_av.h"


/*
 * A digest of all fonts that are installed, by their names and versions: the
 * same where the same packages are.  Of the fonts of a text that Pango lays
 * out, rn_text_fonts tells more.
 */
rn_status rn_fonts_installed(char hex[65], rn_fault *fault);


#endif /* RN_FONTS_H */
