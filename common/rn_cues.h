/*
 * Captions on the time line: cues of files and words become lines of the film,
 * and those that are burned in, places of its time line like any text.
 */

#ifndef RN_CUES_H
#define RN_CUES_H

#include "rn_timeline.h"


/*
 * Adds the lines of all captions to the time line, and puts, for each one that
 * is burned in, texts in the place of its clip.  What styles itself (ASS) stays
 * a place of its own.  Problems tell of what cannot be shown; then
 * RN_E_INVALID.
 */
rn_status rn_cues_place(const rn_doc *doc, rn_timeline *tl,
    rn_problems *problems);


#endif /* RN_CUES_H */
