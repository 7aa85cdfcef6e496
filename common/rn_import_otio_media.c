/* What a clip of OpenTimelineIO shows: the asset that its media becomes. */

#include "rn_import_otio.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>


json_t *
rn_otio_reference(otio *o, json_t *clip, const char **where, char key[80])
{
    json_t       *all, *ref, *other;
    rn_importer  *im = o->im;
    const char   *active, *name;

    *where = "media_reference";
    ref = rn_im_object(im, clip, "media_reference");
    all = rn_im_object(im, clip, "media_references");

    if (all == NULL) {
        return ref;
    }

    active = rn_im_string(im, clip, "active_media_reference_key");
    (void) snprintf(key, 80, "%s", active != NULL ? active : "DEFAULT_MEDIA");
    *where = "media_references";
    ref = rn_im_object(im, all, key);

    if (json_object_size(all) > 1) {
        rn_im_note_at(im, "media_references", "only the active one, "
                      "\"%.60s\", is used", key);
    }

    json_object_foreach(all, name, other) {
        if (other != ref) {
            (void) rn_im_get(im, all, name);
            rn_im_done(im, other);
        }
    }

    return ref;
}


/* Times of the media: where it begins, how long it is; 0: not known. */

void
rn_otio_available(otio *o, json_t *clip, double *start, double *length)
{
    char          key[80];
    size_t        len;
    json_t       *ref, *range;
    const char   *where;
    rn_importer  *im = o->im;

    *start = *length = 0;
    ref = rn_otio_reference(o, clip, &where, key);

    len = rn_im_enter(im, where);
    if (where[15] == 's') {
        (void) rn_im_enter(im, key);
    }

    range = json_object_get(ref, "available_range");
    if (range != NULL) {
        (void) rn_otio_range(o, ref, "available_range", start, length);
    }

    rn_im_leave(im, len);
}


static json_t *
generated(otio *o, json_t *ref)
{
    char          color[10];
    json_t       *p;
    const char   *kind;
    rn_importer  *im = o->im;

    kind = rn_im_string(im, ref, "generator_kind");
    p = rn_im_object(im, ref, "parameters");
    memcpy(color, "#000000ff", 10);

    if (kind != NULL && (strcasecmp(kind, "black") == 0
                         || strcasecmp(kind, "SolidColor") == 0
                         || strcasecmp(kind, "color") == 0))
    {
        (void) rn_im_color(im, p, "color", false, color);
        return json_pack("{s:s, s:s}", "type", "color", "color", color);
    }

    rn_im_note(im, "the generator \"%.60s\" is not known here; there is a gap",
               kind != NULL ? kind : "");
    rn_im_done(im, p);

    return NULL;
}


/* The asset that a clip shows, a new reference; NULL: none, with a note. */

static json_t *
asset_of(otio *o, json_t *clip, const char *track, json_t *rest, json_t *ours)
{
    char          key[80], schema[40];
    size_t        len;
    json_t       *ref, *src, *asset;
    const char   *where, *s, *url, *type;
    rn_importer  *im = o->im;

    static const char *const images[] = {
        ".png", ".jpg", ".jpeg", ".gif", ".bmp", ".tif", ".tiff", ".webp", NULL
    };

    static const char *const sounds[] = {
        ".wav", ".mp3", ".m4a", ".aac", ".flac", ".ogg", ".opus", ".aif",
        ".aiff", NULL
    };

    static const char *const drawings[] = { ".svg", NULL };
    static const char *const captions[] = {
        ".srt", ".vtt", ".ass", ".ssa", NULL
    };

    ref = rn_otio_reference(o, clip, &where, key);

    if (ref == NULL) {
        rn_im_note(im, "has no media; there is a gap");
        return NULL;
    }

    len = rn_im_enter(im, where);
    if (where[15] == 's') {
        (void) rn_im_enter(im, key);
    }

    asset = NULL;
    s = rn_otio_schema(o, ref, schema);
    (void) rn_im_get(im, ref, "name");
    (void) rn_otio_metadata(o, ref, rest, "media_metadata");
    rn_im_lost(im, ref, "available_image_bounds", "pictures are fitted to the "
               "canvas");

    if (s == NULL) {
        /* is wrong */

    } else if (strcmp(s, "ExternalReference") == 0) {
        url = rn_im_string(im, ref, "target_url");
        src = url != NULL && url[0] != '\0' ? rn_im_src(im, "target_url", url)
                                            : NULL;
        type = json_string_value(json_object_get(json_object_get(ours, "asset"),
                                                 "type"));

        if (type == NULL && src != NULL) {
            url = json_string_value(src);
            type = strcmp(track, "audio") == 0 ? "audio"
                   : rn_im_ends(url, images) ? "image"
                   : rn_im_ends(url, drawings) ? "svg"
                   : rn_im_ends(url, captions) ? "caption"
                   : rn_im_ends(url, sounds) ? "audio" : "video";
        }

        if (src == NULL) {
            rn_im_note(im, "has no target_url; there is a gap");

        } else if (strcmp(type, "audio") == 0 && strcmp(track, "video") == 0) {
            rn_im_note_at(im, "target_url", "is a sound on a track of "
                          "pictures; there is a gap");
            json_decref(src);

        } else {
            asset = json_object_get(ours, "asset");     /* all else it has */
            asset = json_is_object(asset) ? json_deep_copy(asset)
                                          : json_object();
            set_string(asset, "type", type);
            set_new(asset, "src", src);
        }

    } else if (strcmp(s, "GeneratorReference") == 0
               && json_is_object(json_object_get(ours, "asset")))
    {
        (void) rn_im_string(im, ref, "generator_kind");
        rn_im_done(im, rn_im_object(im, ref, "parameters"));
        asset = json_deep_copy(json_object_get(ours, "asset"));

    } else if (strcmp(s, "GeneratorReference") == 0
               && strcmp(track, "video") == 0)
    {
        asset = generated(o, ref);

    } else {
        rn_im_note(im, strcmp(s, "ImageSequenceReference") == 0
                   ? "pictures numbered one by one are not read; there is a gap"
                   : strcmp(s, "MissingReference") == 0
                   ? "the media is missing; there is a gap"
                   : "this kind of media is not known here; there is a gap");
        rn_im_done(im, ref);
    }

    rn_im_leave(im, len);

    return asset;
}


bool
rn_otio_runs(const char *type)
{
    return strcmp(type, "video") == 0 || strcmp(type, "audio") == 0
           || strcmp(type, "waveform") == 0 || strcmp(type, "caption") == 0;
}


/* What a clip shows; false: nothing that can be shown. */

bool
rn_otio_clip(otio *o, slot *s, const char *kind)
{
    double   first;
    json_t  *ours;
    const char  *type;

    s->rest = json_object();
    s->kept = rn_otio_metadata(o, s->item, s->rest, "metadata");
    s->speed = rn_otio_effects(o, s->item, true);

    ours = json_object_get(s->kept, "clip");
    s->asset = asset_of(o, s->item, kind, s->rest,
                        json_is_object(ours) ? ours : NULL);

    type = json_string_value(json_object_get(s->asset, "type"));

    if (type == NULL) {                     /* or what is kept is damaged */
        (void) rn_im_get(o->im, s->item, "name");
        json_decref(s->asset);
        s->asset = NULL;
        return false;
    }

    s->still = !rn_otio_runs(type);

    if (!s->still) {
        rn_otio_available(o, s->item, &first, &s->avail);
    }

    return true;
}
