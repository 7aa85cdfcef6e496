/*
 * Font files that a composition brings along: what they are, and making them
 * known to this process, for which they are then like any installed font.
 */

#ifndef RN_FONT_H
#define RN_FONT_H

#include "rn_env.h"

#include <jansson.h>


/* Whether the file on the descriptor begins like a font. */
bool rn_font_known(int fd);

/*
 * RN_OK: *out is a new object {kind: "font", format, duration: 0, family,
 * style, warnings}.
 */
rn_status rn_font_probe(int fd, json_t **out, rn_fault *fault);

/*
 * Adds the font that the environment lends as `name`; once is enough.  It is
 * read through its descriptor for as long as the process lives.  *path, of
 * RN_FONT_PATH bytes, is what fontconfig calls its file; it may be NULL.
 */
#define RN_FONT_PATH  40
rn_status rn_font_add(const rn_env *env, const char *name, char *path,
    rn_fault *fault);


#endif /* RN_FONT_H */
