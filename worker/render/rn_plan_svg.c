/* SVGs; see rn_plan_svg.h. */

#include "rn_plan_svg.h"
#include "rn_fonts.h"
#include "rn_vector.h"

#include <stdlib.h>
#include <string.h>


static rn_status
read_inside(rn_planner *p, const rn_clip *c, rn_facts *f)
{
    char      pointer[120];
    rn_fault  ours;

    memset(&ours, 0, sizeof(ours));

    if (rn_vector_size(c->asset.svg, strlen(c->asset.svg), &f->width,
                       &f->height, &f->letters, &ours) == RN_OK)
    {
        (void) strcpy(f->kind, "svg");
        f->known = f->has_video = f->alpha = true;
        return RN_OK;
    }

    if (ours.status != RN_E_INPUT && ours.status != RN_E_LIMIT) {
        return rn_fail(p->fault, ours.status, "%s", ours.text);
    }

    (void) snprintf(pointer, sizeof(pointer), "%s/asset/svg", c->pointer);
    rn_problem_add(p->problems, pointer, "%s", ours.text);

    return RN_OK;
}


rn_status
rn_plan_svgs(rn_planner *p, rn_timeline *tl)
{
    char       fonts[65];
    size_t     i, k;
    rn_place  *c;

    fonts[0] = '\0';
    p->drawn = calloc(tl->n + 1, sizeof(rn_facts));

    if (p->drawn == NULL) {
        return rn_fail(p->fault, RN_E_NOMEM, "out of memory");
    }

    for (i = 0; i < tl->n; i++) {
        c = &tl->places[i];

        if (c->clip->asset.type != RN_ASSET_SVG) {
            continue;
        }

        if (c->clip->asset.svg != NULL) {

            /* of many that are the same one is read */

            for (k = 0; k < i; k++) {
                if (p->drawn[k].known && strcmp(c->clip->asset.svg,
                                     tl->places[k].clip->asset.svg) == 0)
                {
                    break;
                }
            }

            if (k < i) {
                p->drawn[i] = p->drawn[k];
            } else if (read_inside(p, c->clip, &p->drawn[i]) != RN_OK) {
                return p->fault->status;
            }

            c->facts = &p->drawn[i];
        }

        if (c->facts->letters) {
            if (fonts[0] == '\0'
                && rn_fonts_installed(fonts, p->fault) != RN_OK)
            {
                return p->fault->status;
            }

            (void) strcpy(p->letters[i].hex, fonts);
        }
    }

    return RN_OK;
}
