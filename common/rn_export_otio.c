/*
 * A composition as a time line of OpenTimelineIO.  All times are ticks of the
 * canvas, which is the rate; the cut of a transition is put in its middle.
 * What OpenTimelineIO has no word for stands in metadata, under the name below;
 * a clip there says also where it was, so that rn_import_otio.c knows whether
 * somebody has moved it since.
 */

#include "rn_import.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


#define OURS  "nginx_render"

typedef struct {
    const rn_doc       *doc;
    const rn_timeline  *tl;
    json_t             *notes;
    double              rate;
    bool                heard;          /* a film with sound of its own */
} export;


static json_t *
time_of(const export *e, double ticks)
{
    return json_pack("{s:s, s:f, s:f}", "OTIO_SCHEMA", "RationalTime.1",
                     "rate", e->rate, "value", ticks);
}


static json_t *
range_of(const export *e, double start, double length)
{
    return json_pack("{s:s, s:o, s:o}", "OTIO_SCHEMA", "TimeRange.1",
                     "start_time", time_of(e, start),
                     "duration", time_of(e, length));
}


static json_t *
ours(json_t *kept)
{
    return json_pack("{s:o}", OURS, kept);
}


/* What all items have. */

static json_t *
item(const char *schema, const char *name, json_t *range, json_t *metadata)
{
    return json_pack("{s:s, s:s, s:o, s:o, s:[], s:[], s:b}",
                     "OTIO_SCHEMA", schema, "name", name, "source_range", range,
                     "metadata", metadata, "effects", "markers", "enabled", 1);
}


static void
note(export *e, const char *pointer, const char *detail)
{
    (void) json_array_append_new(e->notes, json_pack("{s:s, s:s}", "pointer",
                                                     pointer, "detail",
                                                     detail));
}


/* The source of a clip, as it is written in the document. */

static json_t *
written(const export *e, const rn_place *p)
{
    size_t           i;
    json_t          *track;
    const rn_track  *t = &e->doc->tracks[p->track];

    i = (size_t) (p->clip - t->clips);
    track = json_array_get(json_object_get(json_object_get(e->doc->root,
                                           "timeline"), "tracks"), p->track);

    return json_array_get(json_object_get(track, "clips"), i);
}


static json_t *
reference(const export *e, const rn_place *p, json_t *clip)
{
    char             kind[40];
    json_t          *range;
    const rn_asset  *a = &p->clip->asset;

    if (a->src == NULL) {
        (void) snprintf(kind, sizeof(kind), "%s.%s", OURS,
                        rn_asset_type_name(a->type));

        return json_pack("{s:s, s:s, s:s, s:O, s:n, s:{}, s:n}",
                         "OTIO_SCHEMA", "GeneratorReference.1", "name", "",
                         "generator_kind", kind, "parameters",
                         json_object_get(clip, "asset"), "available_range",
                         "metadata", "available_image_bounds");
    }

    range = p->facts != NULL && p->facts->known && p->facts->duration > 0
            ? range_of(e, 0, round(p->facts->duration * e->rate)) : json_null();

    return json_pack("{s:s, s:s, s:s, s:o, s:{}, s:n}",
                     "OTIO_SCHEMA", "ExternalReference.1", "name", "",
                     "target_url", a->src, "available_range", range, "metadata",
                     "available_image_bounds");
}


/* Whether there is a time of its own in it. */

static bool
runs(rn_asset_type type)
{
    return type == RN_ASSET_VIDEO || type == RN_ASSET_AUDIO
           || type == RN_ASSET_WAVEFORM || type == RN_ASSET_CAPTION;
}


/* A clip between two cuts; the place goes on behind them for transitions. */

static json_t *
clip_of(export *e, const rn_place *p, int64_t from, int64_t to)
{
    double       media;
    json_t      *clip, *made, *metadata, *kept;
    const char  *title;

    clip = written(e, p);
    title = json_string_value(json_object_get(clip, "title"));
    media = (double) p->in + (double) (from - p->start) * p->clip->speed;

    kept = json_pack("{s:O, s:[f, f, f, f]}", "clip", clip, "was",
                     (double) p->start / e->rate,
                     (double) (p->end - p->start) / e->rate,
                     (double) p->in / e->rate, p->clip->speed);

    metadata = ours(kept);
    made = item("Clip.2", title != NULL ? title
                : p->clip->asset.src != NULL ? p->clip->asset.src
                : rn_asset_type_name(p->clip->asset.type),
                range_of(e, runs(p->clip->asset.type)
                            ? media : (double) (from - p->start),
                         (double) (to - from)), metadata);

    (void) json_object_set_new(made, "active_media_reference_key",
                               json_string("DEFAULT_MEDIA"));
    (void) json_object_set_new(made, "media_references",
                               json_pack("{s:o}", "DEFAULT_MEDIA",
                                         reference(e, p, clip)));

    if (p->clip->speed != 1) {
        (void) json_array_append_new(json_object_get(made, "effects"),
                                     json_pack("{s:s, s:s, s:s, s:f, s:{}}",
                                               "OTIO_SCHEMA",
                                               "LinearTimeWarp.1", "name", "",
                                               "effect_name", "LinearTimeWarp",
                                               "time_scalar", p->clip->speed,
                                               "metadata"));
    }

    if (p->clip->asset.type == RN_ASSET_VIDEO && p->facts != NULL
        && p->facts->has_audio && p->clip->volume > 0)
    {
        e->heard = true;
    }

    return made;
}


static json_t *
transition_of(const export *e, const rn_place *p, int64_t in, int64_t out)
{
    json_t  *written_item, *kept;

    written_item = NULL;

    if (p->clip > e->doc->tracks[p->track].clips) {
        rn_place  before = *p;

        before.clip = p->clip - 1;
        written_item = written(e, &before);
    }

    kept = json_pack("{s:O, s:f}", "item", written_item, "was",
                     (double) (in + out) / e->rate);

    return json_pack("{s:s, s:s, s:s, s:o, s:o, s:o}",
                     "OTIO_SCHEMA", "Transition.1", "name", "",
                     "transition_type", strcmp(p->transition, "fade") == 0
                     ? "SMPTE_Dissolve" : "Custom_Transition",
                     "in_offset", time_of(e, (double) in),
                     "out_offset", time_of(e, (double) out),
                     "metadata", ours(kept));
}


/* Members of an object, without those of the list. */

static json_t *
without(json_t *object, const char *const *names)
{
    json_t  *copy;

    copy = json_deep_copy(object);

    for ( /* void */ ; copy != NULL && *names != NULL; names++) {
        (void) json_object_del(copy, *names);
    }

    return copy;
}


static int
by_start(const void *va, const void *vb)
{
    const rn_place  *a = va, *b = vb;

    return a->start < b->start ? -1 : a->start > b->start;
}


/*
 * What the document has on a track, by start: captions as wholes, not the texts
 * that they have become.  To be freed; NULL: no memory.
 */

static rn_place *
places_of(const export *e, size_t t, size_t *n)
{
    size_t           i;
    rn_place        *list;
    const rn_place  *p;

    *n = 0;
    list = calloc(e->tl->n + e->tl->n_captions + 1, sizeof(rn_place));

    for (i = 0; list != NULL && i < e->tl->n + e->tl->n_captions; i++) {
        p = i < e->tl->n ? &e->tl->places[i]
                         : &e->tl->captions[i - e->tl->n];

        if (p->track == t && (i >= e->tl->n
                              || (!p->clip->asset.markup
                                  && p->clip->asset.type != RN_ASSET_CAPTION)))
        {
            list[(*n)++] = *p;
        }
    }

    if (list != NULL) {
        qsort(list, *n, sizeof(rn_place), by_start);
    }

    return list;
}


static json_t *
track_of(export *e, size_t t)
{
    size_t           i, n;
    int64_t          at, from, to, in;
    json_t          *list, *track, *children, *made;
    rn_place        *places;
    const char      *name;
    const rn_place  *p, *next;

    static const char *const not[] = { "clips", NULL };

    track = json_array_get(json_object_get(json_object_get(e->doc->root,
                                           "timeline"), "tracks"), t);
    name = json_string_value(json_object_get(track, "title"));
    if (name == NULL) {
        name = json_string_value(json_object_get(track, "id"));
    }

    list = without(track, not);
    made = item("Track.1", name != NULL ? name : "", json_null(),
                ours(json_pack("{s:o}", "track", list)));
    children = json_array();
    at = 0;

    places = places_of(e, t, &n);
    if (places == NULL) {
        json_decref(made);
        json_decref(children);
        return NULL;
    }

    for (i = 0; i < n; i++) {
        p = &places[i];
        next = i + 1 < n ? p + 1 : NULL;

        /* the cut lies in the middle of what is shared */

        in = p->lead / 2;
        from = p->start + in;
        to = p->end;

        if (p->tail > 0 && next != NULL && next->lead > 0) {
            to = next->start + next->lead / 2;
        }

        if (from > at) {
            (void) json_array_append_new(children,
                                         item("Gap.1", "",
                                              range_of(e, 0, (double)
                                                       (from - at)),
                                              json_object()));
        }

        if (p->lead > 0) {
            (void) json_array_append_new(children,
                                         transition_of(e, p, in,
                                                       p->lead - in));
        }

        (void) json_array_append_new(children, clip_of(e, p, from, to));
        at = to;
    }

    free(places);

    (void) json_object_set_new(made, "children", children);
    (void) json_object_set_new(made, "kind",
                               json_string(e->doc->tracks[t].kind
                                           == RN_TRACK_AUDIO ? "Audio"
                                                             : "Video"));

    return made;
}


static json_t *
markers_of(const export *e)
{
    size_t            i;
    double            at;
    json_t           *list, *marker;
    const rn_marker  *m;

    list = json_array();

    for (i = 0; i < e->doc->n_markers; i++) {
        m = &e->doc->markers[i];
        at = m->time.kind == RN_TIME_FRAMES ? (double) m->time.frames
             : (double) rn_ticks(m->time.seconds, e->doc->fps);

        marker = json_array_get(json_object_get(json_object_get(e->doc->root,
                                                "timeline"), "markers"), i);

        (void) json_array_append_new(list,
                    json_pack("{s:s, s:s, s:s, s:s, s:o, s:o}",
                              "OTIO_SCHEMA", "Marker.2", "name", m->name,
                              "color", "GREEN", "comment", "",
                              "marked_range", range_of(e, at, 0), "metadata",
                              ours(json_pack("{s:O, s:f}", "marker", marker,
                                             "time", at / e->rate))));
    }

    return list;
}


rn_status
rn_export_otio(const rn_doc *doc, const rn_timeline *timeline,
    rn_problems *problems, json_t **out, json_t **notes)
{
    bool     ok;
    size_t   t;
    export   e;
    json_t  *tracks, *stack, *kept;

    static const char *const not_root[] = { "timeline", "merge", NULL };
    static const char *const not_timeline[] = { "tracks", "markers", NULL };

    memset(&e, 0, sizeof(e));
    e.doc = doc;
    e.tl = timeline;
    e.rate = (double) doc->fps.num / (double) doc->fps.den;
    e.notes = json_array();

    if (json_object_size(json_object_get(doc->root, "merge")) > 0) {
        note(&e, "/merge", "its values have been filled in, and stay");
    }

    tracks = json_array();
    ok = true;

    for (t = 0; t < doc->n_tracks; t++) {
        ok = json_array_append_new(tracks, track_of(&e, t)) == 0 && ok;
    }

    stack = item("Stack.1", "tracks", json_null(), json_object());
    (void) json_object_set_new(stack, "children", tracks);
    (void) json_object_set_new(stack, "markers", markers_of(&e));

    kept = json_pack("{s:o, s:o}", "document", without(doc->root, not_root),
                     "timeline",
                     without(json_object_get(doc->root, "timeline"),
                             not_timeline));
    (void) json_object_set_new(json_object_get(kept, "timeline"), "width",
                               json_integer(doc->width));
    (void) json_object_set_new(json_object_get(kept, "timeline"), "height",
                               json_integer(doc->height));
    (void) json_object_set_new(json_object_get(kept, "timeline"), "fps",
                               json_sprintf("%lld/%lld",
                                            (long long) doc->fps.num,
                                            (long long) doc->fps.den));

    if (e.heard) {
        note(&e, "/timeline/tracks", "the sound of videos is not written as "
             "tracks of its own; other programs may leave it out");
    }

    *out = json_pack("{s:s, s:s, s:n, s:o, s:o}",
                     "OTIO_SCHEMA", "Timeline.1",
                     "name", doc->title != NULL ? doc->title : "",
                     "global_start_time", "metadata", ours(kept),
                     "tracks", stack);
    *notes = e.notes;

    if (!ok || *out == NULL || *notes == NULL) {
        rn_problem_add(problems, "", "out of memory");
        json_decref(*out);
        json_decref(*notes);
        *out = *notes = NULL;
        return RN_E_NOMEM;
    }

    return RN_OK;
}
