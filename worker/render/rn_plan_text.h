/*
 * The planner of texts: at what size a text is set, in which fonts, and where
 * the safe area is.
 */

#ifndef RN_PLAN_TEXT_H
#define RN_PLAN_TEXT_H

#include "rn_env.h"
#include "rn_timeline.h"

#include <jansson.h>


/* What is known of the letters of a place. */

typedef struct {
    char      hex[65];                  /* of the font files, see rn_text.h */
    double    size;                     /* px, after all shrinking */
    unsigned  own;                      /* bits: which of doc->fonts it uses */
    int       missing;                  /* characters that no font has */
} rn_letters;


/*
 * The letters of all places, to be freed: of a text all is set.  env lends the
 * document's own fonts by their digests; facts belong to doc->refs.  NULL: a
 * fault, or problems.
 */
rn_letters *rn_plan_letters(const rn_doc *doc, const rn_facts *facts,
    const rn_timeline *tl, const rn_env *env, rn_problems *problems,
    rn_fault *fault);

/* The specification of a text, see rn_layer.c. New reference, or NULL. */
json_t *rn_plan_text(const rn_doc *doc, const rn_facts *facts,
    const rn_clip *clip, const rn_letters *letters);

/* Adds "own", the document's fonts that these letters use; false: no memory. */
bool rn_plan_own_fonts(json_t *o, const rn_doc *doc, const rn_facts *facts,
    const rn_letters *letters);

/*
 * rn_plan_ass.c: what a caption with a style of its own shows from tick `from`
 * to `to`, see rn_ass.h.  New reference, or NULL.
 */
json_t *rn_plan_ass(const rn_doc *doc, const rn_facts *facts,
    const rn_place *c, const rn_letters *letters, int64_t from, int64_t to);

/* Tells of each of its events, in ticks; false where `add` has said so. */
bool rn_plan_ass_events(const rn_doc *doc, const rn_place *c,
    bool (*add)(void *opaque, int64_t from, int64_t to, bool moves),
    void *opaque);

/* px kept free at the sides, and above and below, of a text or a caption. */
void rn_plan_safe(const rn_doc *doc, const rn_asset *a, int *x, int *y);


#endif /* RN_PLAN_TEXT_H */
