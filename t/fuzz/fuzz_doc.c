/*
 * The composition document: it is either refused with problems that can be
 * written down, or accepted within the limits, and then its times can be
 * resolved, or are refused, for assets of any length.
 */

#include "fuzz.h"
#include "rn_doc.h"
#include "rn_timeline.h"

#include <math.h>


static void
check_problems(rn_problems *ps)
{
    char    *text;
    json_t  *list;

    list = rn_problems_json(ps);
    MUST(list != NULL && json_array_size(list) > 0);
    text = json_dumps(list, 0);
    MUST(text != NULL);

    free(text);
    json_decref(list);
}


static void
check_doc(const rn_doc *d)
{
    size_t         i, k;
    const rn_clip  *c;

    MUST(d->width >= 16 && d->width <= rn_limits_default.max_side);
    MUST(d->height >= 16 && d->height <= rn_limits_default.max_side);
    MUST((int64_t) d->width * d->height <= rn_limits_default.max_pixels);
    MUST(d->fps.num > 0 && d->fps.den > 0);
    MUST(d->n_tracks > 0 && d->n_tracks <= rn_limits_default.max_tracks);
    MUST(d->n_clips <= rn_limits_default.max_clips);
    MUST(d->n_outputs > 0 && d->n_outputs <= rn_limits_default.max_outputs);
    MUST(d->film < d->n_outputs);

    for (i = 0; i < d->n_outputs; i++) {
        const rn_output  *o = &d->outputs[i];

        MUST(o->name != NULL && strpbrk(o->name, "/.") == NULL);
        MUST(o->fps.num > 0 && o->fps.den > 0);
        MUST(!rn_format_has_pictures(o->format)
             || (o->width >= 2 && o->height >= 2 && o->width % 2 == 0
                 && o->height % 2 == 0));
    }

    for (i = 0; i < d->n_tracks; i++) {
        for (k = 0; k < d->tracks[i].n; k++) {
            c = &d->tracks[i].clips[k];
            MUST(c->asset.ref < 0 || (size_t) c->asset.ref < d->n_refs);
            MUST(c->transition || isfinite(c->opacity));
            MUST(c->transition || isfinite(c->volume));
        }
    }
}


static void
check_times(const rn_doc *d, uint32_t seed)
{
    size_t        i;
    rn_facts     *facts;
    rn_problems   ps;
    rn_timeline   tl;

    static const double lengths[] = {
        0.001, 0.5, 1, 2.5, 60, 3599.97, 86400, 1e9
    };

    facts = calloc(d->n_refs + 1, sizeof(rn_facts));
    MUST(facts != NULL);

    for (i = 0; i < d->n_refs; i++) {
        facts[i].known = true;
        (void) snprintf(facts[i].kind, sizeof(facts[i].kind), "%s",
                        rn_asset_type_name(d->refs[i].type));
        facts[i].has_video = d->refs[i].type != RN_ASSET_AUDIO;
        facts[i].has_audio = d->refs[i].type != RN_ASSET_IMAGE;
        facts[i].duration = d->refs[i].type == RN_ASSET_IMAGE
                            ? 0 : lengths[(seed >> 3 * (i % 8)) % 8];
        facts[i].width = 640;
        facts[i].height = 360;
    }

    memset(&ps, 0, sizeof(ps));
    memset(&tl, 0, sizeof(tl));

    if (rn_timeline_resolve(d, facts, &rn_limits_default, &ps, &tl) == RN_OK) {
        MUST(ps.total == 0);
        for (i = 0; i < tl.n; i++) {
            MUST(tl.places[i].start >= 0);
            MUST(tl.places[i].end > tl.places[i].start);
            MUST(tl.places[i].end <= tl.frames);
            MUST(tl.places[i].in >= 0);
        }
        rn_timeline_free(&tl);
    } else {
        check_problems(&ps);
    }

    rn_problems_free(&ps);
    free(facts);
}


int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    int           paths;
    char         *text;
    rn_doc       *doc;
    size_t        i;
    uint32_t      seed;
    rn_status     status;
    rn_problems   ps;

    seed = 2166136261u;
    for (i = 0; i < len; i++) {
        seed = (seed ^ bytes[i]) * 16777619;
    }

    text = exact_copy(bytes, len);

    for (paths = 0; paths < 2; paths++) {
        memset(&ps, 0, sizeof(ps));
        status = rn_doc_parse(text, len, &rn_limits_default, paths, &ps, &doc);

        if (status == RN_OK) {
            MUST(doc != NULL && ps.total == 0);
            check_doc(doc);
            check_times(doc, seed);
        } else {
            MUST(doc == NULL && ps.total > 0);
            check_problems(&ps);
        }

        rn_doc_free(doc);
        rn_problems_free(&ps);
    }

    free(text);

    return 0;
}
