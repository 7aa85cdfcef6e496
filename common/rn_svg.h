/*
 * Whether an SVG of a stranger is one that is drawn here: by itself, without
 * entities, scripts or anything from elsewhere, and not too large.  It is the
 * first of three guards: librsvg gets no address to begin from, so that it
 * opens nothing, and what it takes of time and memory is bounded.
 *
 * Reads XML as strictly as is needed for that: what is refused here may well
 * be XML, what passes may be none, which librsvg then says.
 */

#ifndef RN_SVG_H
#define RN_SVG_H

#include <stdbool.h>
#include <stddef.h>


#define RN_SVG_MAX         (4 * 1024 * 1024)    /* bytes of a file */
#define RN_SVG_INLINE_MAX  65536                /* of one in a document */
#define RN_SVG_ELEMENTS    50000
#define RN_SVG_DEPTH       100


/* Whether these bytes, at least the first of a file, begin as an SVG does. */
bool rn_svg_seems(const char *text, size_t len);

/*
 * False: err says what is refused, in a sentence without a subject ("holds a
 * script ...").  *letters, which may be NULL: whether there is text in it,
 * so that it depends on fonts.
 */
bool rn_svg_check(const char *text, size_t len, bool *letters, char *err,
    size_t err_size);


#endif /* RN_SVG_H */
