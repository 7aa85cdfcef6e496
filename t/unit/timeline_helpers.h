/* What the tests of the timeline share. */

#ifndef TIMELINE_HELPERS_H
#define TIMELINE_HELPERS_H

#include "helpers.h"


#define COLOR(members)                                                        \
    "{\"asset\":{\"type\":\"color\",\"color\":\"#fff\"}" members "}"
#define VIDEO(members)                                                        \
    "{\"asset\":{\"type\":\"video\",\"src\":\"asset:" UUID_A "\"}" members "}"
#define AUDIO(members)                                                        \
    "{\"asset\":{\"type\":\"audio\",\"src\":\"asset:" UUID_A "\"}" members "}"
#define IMAGE(members)                                                        \
    "{\"asset\":{\"type\":\"image\",\"src\":\"asset:" UUID_B "\"}" members "}"
#define FADE(t)                                                               \
    "{\"type\":\"transition\",\"transition_type\":\"fade\",\"duration\":" t "}"
#define CUT  "{\"type\":\"transition\",\"transition_type\":\"cut\"}"

#define DOC(fps, tracks)                                                      \
    "{\"timeline\":{\"fps\":" fps ",\"tracks\":[" tracks "]}}"
#define TRACK(clips)   "{\"clips\":[" clips "]}"
#define SOUND(clips)   "{\"kind\":\"audio\",\"clips\":[" clips "]}"
#define ONE(clips)     DOC("30", TRACK(clips))

#define CLIP_AT(n)  "/timeline/tracks/0/clips/" n


/* Facts: a film of 10 s with sound under UUID_A, an image under UUID_B. */

HELPER void
make_facts(const rn_doc *doc, rn_facts *facts)
{
    size_t  i;

    for (i = 0; i < doc->n_refs; i++) {
        memset(&facts[i], 0, sizeof(rn_facts));
        facts[i].known = true;

        if (strcmp(doc->refs[i].src, "asset:" UUID_A) == 0) {
            (void) strcpy(facts[i].kind, "video");
            facts[i].has_video = facts[i].has_audio = true;
            facts[i].duration = 10;
        } else {
            (void) strcpy(facts[i].kind, "image");
            facts[i].has_video = true;
        }
        facts[i].width = 640;
        facts[i].height = 360;
    }
}


typedef struct {
    rn_doc       *doc;
    rn_facts      facts[8];
    rn_timeline   tl;
} resolved;


HELPER rn_status
resolve(resolved *r, const char *text, rn_problems *ps)
{
    r->doc = parse_good(text, false);
    make_facts(r->doc, r->facts);
    memset(ps, 0, sizeof(*ps));

    return rn_timeline_resolve(r->doc, r->facts, &rn_limits_default, ps,
                               &r->tl);
}


HELPER void
good(resolved *r, const char *text)
{
    rn_problems  ps;

    if (resolve(r, text, &ps) != RN_OK) {
        print_problems(&ps);
        fail_msg("refused: %s", text);
    }

    assert_int_equal(ps.total, 0);
    rn_problems_free(&ps);
}


HELPER void
done(resolved *r)
{
    rn_timeline_free(&r->tl);
    rn_timeline_free(&r->tl);               /* twice is fine */
    rn_doc_free(r->doc);
}


HELPER void
bad(const char *text, const char *pointer, const char *words)
{
    resolved     r;
    rn_problems  ps;

    assert_int_equal(resolve(&r, text, &ps), RN_E_INVALID);
    assert_null(r.tl.places);

    if (ps.total != 1 || strcmp(ps.items[0].pointer, pointer) != 0
        || strstr(ps.items[0].detail, words) == NULL)
    {
        print_problems(&ps);
        fail_msg("wanted %s: ...%s... of %s", pointer, words, text);
    }

    rn_problems_free(&ps);
    rn_doc_free(r.doc);
}


HELPER void
check(const resolved *r, size_t i, int64_t start, int64_t end)
{
    assert_true(i < r->tl.n);

    if (r->tl.places[i].start != start || r->tl.places[i].end != end) {
        fail_msg("clip %zu is at %lld-%lld, not %lld-%lld", i,
                 (long long) r->tl.places[i].start,
                 (long long) r->tl.places[i].end, (long long) start,
                 (long long) end);
    }
}


#endif /* TIMELINE_HELPERS_H */
