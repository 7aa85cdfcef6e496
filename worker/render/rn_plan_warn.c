/* Warnings of plans; see rn_plan_warn.h. */

#include "rn_plan_warn.h"
#include "rn_plan_layer.h"

#include <stdio.h>
#include <string.h>


#define ENLARGED  1.3                   /* from here on it is seen */


static void
warn_of_sources(const rn_doc *doc, const rn_facts *facts,
    rn_problems *warnings)
{
    size_t        i, k;
    json_t       *text;
    const rn_ref *ref;

    for (i = 0; i < doc->n_refs; i++) {
        ref = &doc->refs[i];

        json_array_foreach(facts[i].warnings, k, text) {
            rn_problem_add(warnings, ref->pointer, "%s",
                           json_string_value(text) != NULL
                           ? json_string_value(text) : "");
        }

        if (facts[i].rotation != 0 && ref->type == RN_ASSET_VIDEO) {
            rn_problem_add(warnings, ref->pointer, "its pictures are stored "
                           "turned by %d degrees, and shown upright",
                           facts[i].rotation);
        }
    }
}


static void
warn_of_size(const rn_doc *doc, const rn_place *c, rn_problems *warnings)
{
    double  times;

    if (c->clip->asset.type != RN_ASSET_VIDEO
        && c->clip->asset.type != RN_ASSET_IMAGE)
    {
        return;
    }

    times = rn_plan_enlarged(doc, c);

    if (times >= ENLARGED) {
        rn_problem_add(warnings, c->clip->pointer, "is shown %.1f times as "
                       "large as it is (%d x %d px), and not sharp", times,
                       c->facts->width, c->facts->height);
    }
}


void
rn_plan_warn(const rn_doc *doc, const rn_facts *facts, const rn_timeline *tl,
    const rn_letters *letters, rn_problems *warnings)
{
    char             pointer[120];
    size_t           i;
    const rn_place  *c;

    warn_of_sources(doc, facts, warnings);

    for (i = 0; i < tl->n; i++) {
        c = &tl->places[i];

        warn_of_size(doc, c, warnings);

        if (letters[i].missing > 0) {
            (void) snprintf(pointer, sizeof(pointer), "%s/asset%s",
                            c->clip->pointer,
                            c->clip->asset.markup ? "" : "/text");
            rn_problem_add(warnings, pointer, "no font has %d of its "
                           "characters", letters[i].missing);
        }
    }
}
