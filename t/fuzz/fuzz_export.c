/*
 * The way out and back: a composition whose times can be resolved becomes a
 * time line of OpenTimelineIO, and that a composition with the same times.
 */

#include "fuzz.h"
#include "rn_import.h"


static rn_facts *
facts_for(const rn_doc *doc)
{
    size_t     i;
    rn_facts  *facts;

    facts = calloc(doc->n_refs + 1, sizeof(rn_facts));
    MUST(facts != NULL);

    for (i = 0; i < doc->n_refs; i++) {
        facts[i].known = true;
        facts[i].has_video = facts[i].has_audio = true;
        facts[i].duration = doc->refs[i].type == RN_ASSET_IMAGE ? 0 : 20;
        (void) snprintf(facts[i].kind, sizeof(facts[i].kind), "%s",
                        rn_asset_type_name(doc->refs[i].type));
    }

    return facts;
}


static rn_doc *
resolve(const char *text, size_t len, rn_facts **facts, rn_timeline *tl)
{
    rn_doc       *doc;
    rn_problems   ps;

    memset(&ps, 0, sizeof(ps));
    memset(tl, 0, sizeof(*tl));
    *facts = NULL;

    if (rn_doc_parse(text, len, &rn_limits_default, true, &ps, &doc) == RN_OK) {
        *facts = facts_for(doc);

        if (rn_timeline_resolve(doc, *facts, &rn_limits_default, &ps, tl)
            != RN_OK)
        {
            rn_doc_free(doc);
            doc = NULL;
        }
    }

    rn_problems_free(&ps);

    return doc;
}


static bool
same(const rn_place *a, const rn_place *b)
{
    return a->track == b->track && a->start == b->start && a->end == b->end
           && a->in == b->in && a->lead == b->lead && a->tail == b->tail
           && a->fade_in == b->fade_in && a->show_in == b->show_in
           && a->clip->asset.type == b->clip->asset.type;
}


int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    char               *text;
    size_t              i;
    json_t             *out, *notes, *back;
    rn_doc             *doc, *again;
    rn_facts           *facts, *facts_again;
    rn_problems         ps;
    rn_timeline         tl, tl_again;
    rn_import_options   options;

    doc = resolve((const char *) bytes, len, &facts, &tl);

    if (doc == NULL) {
        free(facts);
        return 0;
    }

    memset(&ps, 0, sizeof(ps));
    memset(&options, 0, sizeof(options));

    MUST(rn_export_otio(doc, &tl, &ps, &out, &notes) == RN_OK);
    text = json_dumps(out, 0);
    MUST(text != NULL);
    json_decref(out);
    json_decref(notes);

    MUST(rn_import_guess(NULL) == RN_IMPORT_UNKNOWN);

    if (rn_import(text, strlen(text), &options, &ps, &back, &notes) != RN_OK) {
        fprintf(stderr, "%s\n", ps.n ? ps.items[0].detail : "");
        MUST(!"what was written can be read");
    }

    free(text);
    text = json_dumps(back, 0);
    MUST(text != NULL);
    json_decref(back);
    json_decref(notes);

    again = resolve(text, strlen(text), &facts_again, &tl_again);
    MUST(again != NULL);
    MUST(again->fps.num == doc->fps.num && again->fps.den == doc->fps.den);
    MUST(again->width == doc->width && again->height == doc->height);
    MUST(again->n_tracks == doc->n_tracks);
    MUST(tl.n == tl_again.n && tl.frames == tl_again.frames);

    for (i = 0; i < tl.n; i++) {
        MUST(same(&tl.places[i], &tl_again.places[i]));
    }

    free(text);
    free(facts);
    free(facts_again);
    rn_timeline_free(&tl);
    rn_timeline_free(&tl_again);
    rn_doc_free(doc);
    rn_doc_free(again);
    rn_problems_free(&ps);

    return 0;
}
