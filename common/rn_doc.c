/*
 * The composition document: which fields there are, what they mean, and the
 * rules that need no asset.  How a value of a shape is read: rn_fields.c.
 * Defaults stand here, once, and in docs/composition.md, which a test holds
 * against this file.
 */

#include "rn_fields.h"
#include "rn_id.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


#define AT(type, member)  offsetof(type, member)


const rn_limits  rn_limits_default = {
    .max_side = 7680,
    .max_pixels = 3840 * 2160,
    .max_duration = 4 * 3600,
    .max_clips = 5000,
    .max_tracks = 64,
    .max_text = 10000,
};

static const char *const type_names[] = {
    "none", "video", "image", "audio", "color", "text",
};


const char *
rn_asset_type_name(rn_asset_type type)
{
    return type_names[type];
}


/* Assets */


static void
read_src(rn_reader *r, json_t *value, void *out)
{
    const char  *s;

    s = NULL;
    rn_read_text(r, value, &s);
    if (s == NULL) {
        return;
    }

    if (strncmp(s, "asset:", 6) == 0) {
        if (!rn_is_uuid(s + 6, strlen(s + 6))) {
            rn_report(r, "\"asset:\" must be followed by the id of an upload, "
                         "a UUID in lower case");
            return;
        }

    } else if (strncmp(s, "https://", 8) == 0 || strncmp(s, "http://", 7) == 0
               || strncmp(s, "s3://", 5) == 0)
    {
        rn_report(r, "sources on other hosts are not fetched by this version; "
                     "upload the file and name it \"asset:<id>\"");
        return;

    } else if (!r->allow_paths) {
        rn_report(r, "must be \"asset:<id>\", the id of an upload");
        return;

    } else if (s[0] == '\0' || s[0] == '/' || strstr(s, "..") != NULL
               || strchr(s, ':') != NULL)
    {
        rn_report(r, "must be \"asset:<id>\" or a relative path");
        return;
    }

    *(const char **) out = s;
}


static void
read_type(rn_reader *r, json_t *value, void *out)
{
    int  word;

    static const rn_word words[] = {
        { "video", RN_ASSET_VIDEO }, { "image", RN_ASSET_IMAGE },
        { "audio", RN_ASSET_AUDIO }, { "color", RN_ASSET_COLOR },
        { "text", RN_ASSET_TEXT },
        { "svg", -1 }, { "shape", -1 }, { "speech", -1 }, { "caption", -1 },
        { "blackboard", -1 }, { "avatar", -1 }, { "waveform", -1 },
        { NULL, 0 }
    };

    word = rn_read_word(r, value, words);
    if (word >= 0) {
        *(rn_asset_type *) out = (rn_asset_type) word;
    }
}


static void
read_font_size(rn_reader *r, json_t *value, void *out)
{
    (void) rn_read_between(r, value, 4, 1000, out);
}


static void
read_weight(rn_reader *r, json_t *value, void *out)
{
    int  word;

    static const rn_word words[] = {
        { "normal", 0 }, { "bold", 1 }, { NULL, 0 }
    };

    word = rn_read_word(r, value, words);
    if (word >= 0) {
        *(bool *) out = word;
    }
}


static void
read_style(rn_reader *r, json_t *value, void *out)
{
    int  word;

    static const rn_word words[] = {
        { "normal", 0 }, { "italic", 1 }, { NULL, 0 }
    };

    word = rn_read_word(r, value, words);
    if (word >= 0) {
        *(bool *) out = word;
    }
}


static void
read_font(rn_reader *r, json_t *value, void *out)
{
    static const rn_field fields[] = {
        { "family", rn_read_text,   AT(rn_asset, family) },
        { "size",   read_font_size, AT(rn_asset, size) },
        { "color",  rn_read_color,  AT(rn_asset, color) },
        { "weight", read_weight,    AT(rn_asset, bold) },
        { "style",  read_style,     AT(rn_asset, italic) },
        { NULL, NULL, 0 }
    };

    (void) rn_read_object(r, value, fields, out);
}


/* Distinct sources are few; the list is searched as it stands. */

static int
add_ref(rn_reader *r, rn_asset *asset)
{
    size_t   i;
    rn_ref  *refs;
    rn_doc  *doc = r->doc;

    for (i = 0; i < doc->n_refs; i++) {
        if (doc->refs[i].type == asset->type
            && strcmp(doc->refs[i].src, asset->src) == 0)
        {
            return (int) i;
        }
    }

    if (doc->n_refs % 32 == 0) {
        refs = realloc(doc->refs, (doc->n_refs + 32) * sizeof(rn_ref));
        if (refs == NULL) {
            rn_report(r, "out of memory");
            return -1;
        }
        doc->refs = refs;
    }

    doc->refs[i].src = asset->src;
    doc->refs[i].type = asset->type;
    (void) snprintf(doc->refs[i].pointer, sizeof(doc->refs[i].pointer),
                    "%.80s/src", r->path);
    doc->n_refs++;

    return (int) i;
}


static void
read_asset(rn_reader *r, json_t *value, void *out)
{
    size_t        len;
    rn_asset     *a = out;
    rn_asset_type type;

    static const rn_field fields[] = {
        { "type",       read_type,      AT(rn_asset, type) },
        { "src",        read_src,       AT(rn_asset, src) },
        { "color",      rn_read_color,  AT(rn_asset, color) },
        { "text",       rn_read_text,   AT(rn_asset, text) },
        { "font",       read_font,      0 },
        { "background", rn_read_color,  AT(rn_asset, background) },
        { "align",      rn_read_align,  AT(rn_asset, align) },
        { NULL, NULL, 0 }
    };

    static const char *const only_text[] = { "text", "font", "background",
                                             "align", NULL };
    const char *const *name;

    a->color = 0xffffffff;
    a->family = "Noto Sans";
    a->size = 48;
    a->align = RN_ALIGN_CENTER;
    a->ref = -1;

    if (!rn_read_object(r, value, fields, a)) {
        return;
    }

    type = a->type;
    if (json_object_get(value, "type") == NULL) {
        rn_report(r, "needs a \"type\"");
        return;
    }

    if (type == RN_ASSET_NONE) {
        return;                             /* reported where it stands */
    }

    if (type == RN_ASSET_VIDEO || type == RN_ASSET_IMAGE
        || type == RN_ASSET_AUDIO)
    {
        if (json_object_get(value, "src") == NULL) {
            rn_report(r, "a %s needs a \"src\"", type_names[type]);
        } else if (a->src != NULL) {
            a->ref = add_ref(r, a);
        }

    } else if (json_object_get(value, "src") != NULL) {
        len = rn_enter(r, "src");
        rn_report(r, "a %s has no source", type_names[type]);
        rn_leave(r, len);
    }

    if (type == RN_ASSET_TEXT
        && (a->text == NULL || strspn(a->text, " \t\r\n") == strlen(a->text))
        && (a->text != NULL || json_object_get(value, "text") == NULL))
    {
        rn_report(r, "a text needs a \"text\" with something to see");
    }

    if (type == RN_ASSET_COLOR && json_object_get(value, "color") == NULL) {
        rn_report(r, "a color needs a \"color\"");
    }

    if (type != RN_ASSET_TEXT) {
        for (name = only_text; *name != NULL; name++) {
            if (json_object_get(value, *name) != NULL) {
                len = rn_enter(r, *name);
                rn_report(r, "only a text has \"%s\"", *name);
                rn_leave(r, len);
            }
        }
    }

    if (type != RN_ASSET_COLOR && type != RN_ASSET_TEXT
        && json_object_get(value, "color") != NULL)
    {
        len = rn_enter(r, "color");
        rn_report(r, "%s has no colour", type_names[type]);
        rn_leave(r, len);
    }
}


/* Clips and transitions */


static void
read_size(rn_reader *r, json_t *value, void *out)
{
    rn_length  l;

    memset(&l, 0, sizeof(l));
    rn_read_length(r, value, &l);

    if (l.set && l.value <= 0) {
        rn_report(r, "must be more than 0");
    } else if (l.set) {
        *(rn_length *) out = l;
    }
}


static void
read_fit(rn_reader *r, json_t *value, void *out)
{
    int  word;

    static const rn_word words[] = {
        { "cover", RN_FIT_COVER }, { "contain", RN_FIT_CONTAIN },
        { "fill", RN_FIT_FILL }, { "none", RN_FIT_NONE },
        { "contain-blur", -1 }, { NULL, 0 }
    };

    word = rn_read_word(r, value, words);
    if (word >= 0) {
        *(rn_fit *) out = (rn_fit) word;
    }
}


static void
read_position(rn_reader *r, json_t *value, void *out)
{
    int       word;
    rn_clip  *c = out;

    static const rn_field fields[] = {
        { "x", rn_read_length, AT(rn_clip, x) },
        { "y", rn_read_length, AT(rn_clip, y) },
        { NULL, NULL, 0 }
    };

    static const rn_word words[] = {        /* value: 3 * vertical + across */
        { "top-left", 0 }, { "top", 1 }, { "top-right", 2 },
        { "left", 3 }, { "center", 4 }, { "right", 5 },
        { "bottom-left", 6 }, { "bottom", 7 }, { "bottom-right", 8 },
        { NULL, 0 }
    };

    if (json_is_object(value)) {
        c->placed = true;
        (void) rn_read_object(r, value, fields, c);
        return;
    }

    word = rn_read_word(r, value, words);
    if (word >= 0) {
        c->h = (rn_align) (word % 3);
        c->v = (rn_align) (word / 3);
    }
}


static void
read_offset(rn_reader *r, json_t *value, void *out)
{
    static const rn_field fields[] = {
        { "x", rn_read_length, AT(rn_clip, dx) },
        { "y", rn_read_length, AT(rn_clip, dy) },
        { NULL, NULL, 0 }
    };

    (void) rn_read_object(r, value, fields, out);
}


static void
read_fade_name(rn_reader *r, json_t *value, void *out)
{
    static const rn_word words[] = { { "fade", 1 }, { NULL, 0 } };

    if (rn_read_word(r, value, words) == 1) {
        *(bool *) out = true;
    }
}


static void
read_show(rn_reader *r, json_t *value, void *out)
{
    static const rn_field fields[] = {
        { "in",       read_fade_name, AT(rn_clip, show_in) },
        { "out",      read_fade_name, AT(rn_clip, show_out) },
        { "duration", rn_read_time,   AT(rn_clip, show_duration) },
        { NULL, NULL, 0 }
    };

    (void) rn_read_object(r, value, fields, out);
}


static void
read_item_type(rn_reader *r, json_t *value, void *out)
{
    static const rn_word words[] = {
        { "clip", 0 }, { "transition", 1 }, { NULL, 0 }
    };

    (void) out;
    (void) rn_read_word(r, value, words);
}


static void
read_transition_type(rn_reader *r, json_t *value, void *out)
{
    int  word;

    /*
     * The xfade names; a negative value is known and not drawn yet.  How the
     * others are drawn stands in worker/render/rn_transition.c.
     */
    static const rn_word words[] = {
        { "fade", 0 }, { "cut", 0 }, { "wipeleft", -1 }, { "wiperight", -1 },
        { "wipeup", -1 }, { "wipedown", -1 }, { "slideleft", -1 },
        { "slideright", -1 }, { "slideup", -1 }, { "slidedown", -1 },
        { "circlecrop", -1 }, { "rectcrop", -1 }, { "distance", -1 },
        { "fadeblack", -1 }, { "fadewhite", -1 }, { "radial", -1 },
        { "smoothleft", -1 }, { "smoothright", -1 }, { "smoothup", -1 },
        { "smoothdown", -1 }, { "circleopen", -1 }, { "circleclose", -1 },
        { "vertopen", -1 }, { "vertclose", -1 }, { "horzopen", -1 },
        { "horzclose", -1 }, { "dissolve", -1 }, { "pixelize", -1 },
        { "diagtl", -1 }, { "diagtr", -1 }, { "diagbl", -1 },
        { "diagbr", -1 }, { "hlslice", -1 }, { "hrslice", -1 },
        { "vuslice", -1 }, { "vdslice", -1 }, { "hblur", -1 },
        { "fadegrays", -1 }, { "squeezev", -1 }, { "squeezeh", -1 },
        { "zoomin", -1 }, { NULL, 0 }
    };

    word = rn_read_word(r, value, words);
    if (word >= 0) {
        *(const char **) out = json_string_value(value);
    }
}


static void
read_transition(rn_reader *r, json_t *value, rn_clip *c)
{
    size_t  len;

    static const rn_field fields[] = {
        { "type",            read_item_type,       0 },
        { "transition_type", read_transition_type,
                             AT(rn_clip, transition_type) },
        { "duration",        rn_read_time,         AT(rn_clip, duration) },
        { "id",              rn_read_ignored,      0 },
        { NULL, NULL, 0 }
    };

    c->transition = true;
    c->duration.kind = RN_TIME_SECONDS;
    c->duration.seconds = 0.5;

    (void) rn_read_object(r, value, fields, c);

    if (json_object_get(value, "transition_type") == NULL) {
        rn_report(r, "a transition needs a \"transition_type\"");
    }

    if (c->duration.kind == RN_TIME_AUTO || c->duration.kind == RN_TIME_END) {
        len = rn_enter(r, "duration");
        rn_report(r, "must be seconds such as 0.5, or frames such as \"15f\"");
        rn_leave(r, len);
    }
}


static void
refuse_word(rn_reader *r, const rn_time *t, const char *name, bool end)
{
    size_t  len;

    if (t->kind == RN_TIME_END || (end && t->kind == RN_TIME_AUTO)) {
        len = rn_enter(r, name);
        rn_report(r, "must be seconds such as 1.5, or frames such as \"90f\"");
        rn_leave(r, len);
    }
}


static void
read_clip(rn_reader *r, json_t *value, rn_clip *c, rn_track_kind kind)
{
    size_t              i, len;
    rn_asset_type       type;

    static const rn_field fields[] = {
        { "type",       read_item_type,  0 },
        { "id",         rn_read_ignored, 0 },
        { "title",      rn_read_ignored, 0 },
        { "metadata",   rn_read_ignored, 0 },
        { "asset",      read_asset,      AT(rn_clip, asset) },
        { "start",      rn_read_time,    AT(rn_clip, start) },
        { "duration",   rn_read_time,    AT(rn_clip, duration) },
        { "in_point",   rn_read_time,    AT(rn_clip, in_point) },
        { "out_point",  rn_read_time,    AT(rn_clip, out_point) },
        { "fit",        read_fit,        AT(rn_clip, fit) },
        { "position",   read_position,   0 },
        { "offset",     read_offset,     0 },
        { "width",      read_size,       AT(rn_clip, width) },
        { "height",     read_size,       AT(rn_clip, height) },
        { "opacity",    rn_read_unit,    AT(rn_clip, opacity) },
        { "volume",     rn_read_volume,  AT(rn_clip, volume) },
        { "fade_in",    rn_read_time,    AT(rn_clip, fade_in) },
        { "fade_out",   rn_read_time,    AT(rn_clip, fade_out) },
        { "transition", read_show,       0 },
        { "speed", NULL, 0 }, { "rotate", NULL, 0 }, { "crop", NULL, 0 },
        { "radius", NULL, 0 }, { "keyframes", NULL, 0 },
        { "effects", NULL, 0 },
        { NULL, NULL, 0 }
    };

    static const struct {
        const char *name;
        unsigned    types;              /* bits of rn_asset_type */
    } only[] = {
        { "in_point",   1 << RN_ASSET_VIDEO | 1 << RN_ASSET_AUDIO },
        { "out_point",  1 << RN_ASSET_VIDEO | 1 << RN_ASSET_AUDIO },
        { "volume",     1 << RN_ASSET_VIDEO | 1 << RN_ASSET_AUDIO },
        { "fade_in",    1 << RN_ASSET_VIDEO | 1 << RN_ASSET_AUDIO },
        { "fade_out",   1 << RN_ASSET_VIDEO | 1 << RN_ASSET_AUDIO },
        { "fit",        1 << RN_ASSET_VIDEO | 1 << RN_ASSET_IMAGE },
        { "position",   ~(1u << RN_ASSET_AUDIO) },
        { "offset",     ~(1u << RN_ASSET_AUDIO) },
        { "width",      ~(1u << RN_ASSET_AUDIO) },
        { "height",     ~(1u << RN_ASSET_AUDIO | 1u << RN_ASSET_TEXT) },
        { "opacity",    ~(1u << RN_ASSET_AUDIO) },
        { "transition", ~(1u << RN_ASSET_AUDIO) },
    };

    c->h = c->v = RN_ALIGN_CENTER;
    c->fit = RN_FIT_COVER;
    c->opacity = 1;
    c->volume = 1;
    c->fade_in.kind = c->fade_out.kind = RN_TIME_SECONDS;
    c->in_point.kind = RN_TIME_SECONDS;
    c->show_duration.kind = RN_TIME_SECONDS;
    c->show_duration.seconds = 0.5;

    (void) rn_read_object(r, value, fields, c);

    if (json_object_get(value, "asset") == NULL) {
        rn_report(r, "a clip needs an \"asset\"");
        return;
    }

    refuse_word(r, &c->start, "start", false);
    refuse_word(r, &c->in_point, "in_point", true);
    refuse_word(r, &c->out_point, "out_point", false);
    refuse_word(r, &c->fade_in, "fade_in", true);
    refuse_word(r, &c->fade_out, "fade_out", true);

    len = rn_enter(r, "transition");
    refuse_word(r, &c->show_duration, "duration", true);
    rn_leave(r, len);

    type = c->asset.type;
    if (type == RN_ASSET_NONE) {
        return;
    }

    if (kind == RN_TRACK_AUDIO && type != RN_ASSET_AUDIO) {
        len = rn_enter(r, "asset");
        rn_report(r, "an audio track holds audio clips only, not a %s",
                  type_names[type]);
        rn_leave(r, len);
    }

    if (kind == RN_TRACK_VIDEO && type == RN_ASSET_AUDIO) {
        len = rn_enter(r, "asset");
        rn_report(r, "a video track holds pictures; put the audio clip on a "
                     "track of kind \"audio\"");
        rn_leave(r, len);
    }

    for (i = 0; i < sizeof(only) / sizeof(only[0]); i++) {
        if (!(only[i].types & 1u << type)
            && json_object_get(value, only[i].name) != NULL)
        {
            len = rn_enter(r, only[i].name);
            rn_report(r, "has no meaning for a clip of type \"%s\"",
                      type_names[type]);
            rn_leave(r, len);
        }
    }
}


/* Tracks, time line, outputs */


static void
read_clips(rn_reader *r, json_t *value, void *out)
{
    size_t     i, len, n;
    json_t    *item, *type;
    rn_clip   *c;
    rn_track  *track = out;

    if (!json_is_array(value)) {
        rn_report(r, "must be an array of clips");
        return;
    }

    n = json_array_size(value);
    r->doc->n_clips += n;

    if (r->doc->n_clips > r->limits->max_clips) {
        rn_report(r, "a composition may hold at most %zu clips",
                  r->limits->max_clips);
        return;
    }

    track->clips = calloc(n ? n : 1, sizeof(rn_clip));
    if (track->clips == NULL) {
        rn_report(r, "out of memory");
        return;
    }
    track->n = n;

    json_array_foreach(value, i, item) {
        c = &track->clips[i];
        len = rn_enter_index(r, i);
        (void) snprintf(c->pointer, sizeof(c->pointer), "%.95s", r->path);

        type = json_object_get(item, "type");

        if (json_is_string(type)
            && strcmp(json_string_value(type), "transition") == 0)
        {
            read_transition(r, item, c);

            if (i == 0 || i == n - 1 || track->clips[i - 1].transition) {
                rn_report(r, "a transition stands between two clips");
            }

        } else if (!json_is_object(item)) {
            rn_report(r, "must be an object");

        } else {
            read_clip(r, item, c, track->kind);
        }

        rn_leave(r, len);
    }
}


static void
read_track(rn_reader *r, json_t *value, rn_track *track)
{
    int      kind;
    size_t   len;
    json_t  *v;

    static const rn_word kinds[] = {
        { "video", RN_TRACK_VIDEO }, { "audio", RN_TRACK_AUDIO }, { NULL, 0 }
    };

    static const rn_field fields[] = {
        { "id",      rn_read_ignored, 0 },
        { "title",   rn_read_ignored, 0 },
        { "kind",    rn_read_ignored, 0 },  /* read first, see below */
        { "volume",  rn_read_volume,  AT(rn_track, volume) },
        { "clips",   read_clips,      0 },
        { "ducking", NULL, 0 },
        { NULL, NULL, 0 }
    };

    track->volume = 1;

    v = json_object_get(value, "kind");     /* what the clips may be */
    if (v != NULL) {
        len = rn_enter(r, "kind");
        kind = rn_read_word(r, v, kinds);
        rn_leave(r, len);
        if (kind >= 0) {
            track->kind = (rn_track_kind) kind;
        }
    }

    if (rn_read_object(r, value, fields, track)
        && json_object_get(value, "clips") == NULL)
    {
        rn_report(r, "a track needs \"clips\"");
    }
}


static void
read_tracks(rn_reader *r, json_t *value, void *out)
{
    size_t   i, len, n;
    json_t  *item;
    rn_doc  *doc = out;

    n = json_array_size(value);

    if (!json_is_array(value) || n == 0) {
        rn_report(r, "must be an array of at least one track");
        return;
    }

    if (n > r->limits->max_tracks) {
        rn_report(r, "a composition may hold at most %zu tracks",
                  r->limits->max_tracks);
        return;
    }

    doc->tracks = calloc(n, sizeof(rn_track));
    if (doc->tracks == NULL) {
        rn_report(r, "out of memory");
        return;
    }
    doc->n_tracks = n;

    json_array_foreach(value, i, item) {
        len = rn_enter_index(r, i);
        read_track(r, item, &doc->tracks[i]);
        rn_leave(r, len);
    }
}


static void
read_side(rn_reader *r, json_t *value, void *out)
{
    json_int_t  n;

    n = json_integer_value(value);

    if (!json_is_integer(value) || n < 16 || n > r->limits->max_side || n % 2) {
        rn_report(r, "must be an even number of px from 16 to %d",
                  r->limits->max_side);
        return;
    }

    *(int *) out = (int) n;
}


static void
read_timeline(rn_reader *r, json_t *value, void *out)
{
    static const rn_field fields[] = {
        { "width",      read_side,     AT(rn_doc, width) },
        { "height",     read_side,     AT(rn_doc, height) },
        { "fps",        rn_read_fps,   AT(rn_doc, fps) },
        { "background", rn_read_color, AT(rn_doc, background) },
        { "tracks",     read_tracks,   0 },
        { "fonts", NULL, 0 }, { "markers", NULL, 0 },
        { NULL, NULL, 0 }
    };

    if (rn_read_object(r, value, fields, out)
        && json_object_get(value, "tracks") == NULL)
    {
        rn_report(r, "needs \"tracks\"");
    }
}


typedef struct {
    int          width, height;
    rn_rational  fps;
    const char  *name;
    rn_quality   quality;
} output;


static void
read_format(rn_reader *r, json_t *value, void *out)
{
    static const rn_word words[] = {
        { "mp4", 0 }, { "webm", -1 }, { "mov", -1 }, { "gif", -1 },
        { "mp3", -1 }, { "m4a", -1 }, { "wav", -1 }, { "hls", -1 },
        { "png", -1 }, { "jpg", -1 }, { "png-sequence", -1 }, { NULL, 0 }
    };

    (void) out;
    (void) rn_read_word(r, value, words);
}


static void
read_quality(rn_reader *r, json_t *value, void *out)
{
    int  word;

    static const rn_word words[] = {
        { "low", RN_QUALITY_LOW }, { "medium", RN_QUALITY_MEDIUM },
        { "high", RN_QUALITY_HIGH }, { NULL, 0 }
    };

    word = rn_read_word(r, value, words);
    if (word >= 0) {
        *(rn_quality *) out = (rn_quality) word;
    }
}


static void
read_output_name(rn_reader *r, json_t *value, void *out)
{
    size_t       n;
    const char  *s;

    s = json_string_value(value);
    n = s != NULL ? strlen(s) : 0;

    if (n == 0 || n > 40 || n != json_string_length(value)
        || strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-_") != n)
    {
        rn_report(r, "must be 1 to 40 of a-z, 0-9, \"-\" and \"_\"");
        return;
    }

    *(const char **) out = s;
}


/*
 * The canvas takes what the time line leaves open from the first output that
 * names it, so the outputs are read before the two are compared.
 */

static void
read_outputs(rn_reader *r, json_t *value, void *out)
{
    size_t        len, at;
    json_t       *item, *timeline;
    rn_doc       *doc = out;
    output        o;
    rn_rational   fps;

    static const rn_field fields[] = {
        { "name",    read_output_name, AT(output, name) },
        { "format",  read_format,      0 },
        { "quality", read_quality,     AT(output, quality) },
        { "width",   read_side,        AT(output, width) },
        { "height",  read_side,        AT(output, height) },
        { "fps",     rn_read_fps,      AT(output, fps) },
        { "audio", NULL, 0 }, { "range", NULL, 0 },
        { NULL, NULL, 0 }
    };

    if (!json_is_array(value) || json_array_size(value) == 0) {
        rn_report(r, "must be an array of at least one output");
        return;
    }

    if (json_array_size(value) > 1) {
        len = rn_enter_index(r, 1);
        rn_report(r, "more than one output is not rendered by this version");
        rn_leave(r, len);
    }

    item = json_array_get(value, 0);
    memset(&o, 0, sizeof(o));
    o.quality = RN_QUALITY_MEDIUM;
    o.name = "final";

    at = rn_enter_index(r, 0);
    (void) rn_read_object(r, item, fields, &o);

    doc->output = o.name;
    doc->quality = o.quality;

    timeline = json_object_get(doc->root, "timeline");

    if (o.width != 0) {
        if (json_object_get(timeline, "width") == NULL) {
            doc->width = o.width;
        } else if (doc->width != o.width) {
            len = rn_enter(r, "width");
            rn_report(r, "another size than the canvas is not rendered by "
                         "this version");
            rn_leave(r, len);
        }
    }

    if (o.height != 0) {
        if (json_object_get(timeline, "height") == NULL) {
            doc->height = o.height;
        } else if (doc->height != o.height) {
            len = rn_enter(r, "height");
            rn_report(r, "another size than the canvas is not rendered by "
                         "this version");
            rn_leave(r, len);
        }
    }

    if (o.fps.num != 0) {
        fps = doc->fps;
        if (json_object_get(timeline, "fps") == NULL) {
            doc->fps = o.fps;
        } else if (fps.num != o.fps.num || fps.den != o.fps.den) {
            len = rn_enter(r, "fps");
            rn_report(r, "another rate than the canvas is not rendered by "
                         "this version");
            rn_leave(r, len);
        }
    }

    rn_leave(r, at);
}


static void
read_version(rn_reader *r, json_t *value, void *out)
{
    (void) out;

    if (!json_is_integer(value) || json_integer_value(value) != 1) {
        rn_report(r, "must be 1");
    }
}


static void
read_merge(rn_reader *r, json_t *value, void *out)
{
    (void) out;

    if (!json_is_object(value) || json_object_size(value) != 0) {
        rn_report(r, "merge fields are not rendered by this version");
    }
}


static void
read_root(rn_reader *r)
{
    size_t   len;
    json_t  *root, *outputs;

    static const rn_field fields[] = {
        { "version",  read_version,    0 },
        { "title",    rn_read_text,    AT(rn_doc, title) },
        { "merge",    read_merge,      0 },
        { "timeline", read_timeline,   0 },
        { "outputs",  rn_read_ignored, 0 },     /* after the time line */
        { "metadata", rn_read_ignored, 0 },
        { "poster", NULL, 0 }, { "blurhash", NULL, 0 },
        { "webhook_url", NULL, 0 },
        { NULL, NULL, 0 }
    };

    root = r->doc->root;

    if (!rn_read_object(r, root, fields, r->doc)) {
        return;
    }

    if (json_object_get(root, "timeline") == NULL) {
        rn_report(r, "needs a \"timeline\"");
    }

    outputs = json_object_get(root, "outputs");
    if (outputs != NULL) {
        len = rn_enter(r, "outputs");
        read_outputs(r, outputs, r->doc);
        rn_leave(r, len);
    }

    if ((int64_t) r->doc->width * r->doc->height > r->limits->max_pixels) {
        len = rn_enter(r, "timeline");
        rn_report(r, "%d x %d px are more than the %lld that are rendered here",
                  r->doc->width, r->doc->height,
                  (long long) r->limits->max_pixels);
        rn_leave(r, len);
    }
}


rn_status
rn_doc_parse(const char *text, size_t len, const rn_limits *limits,
    bool allow_paths, rn_problems *problems, rn_doc **out)
{
    rn_doc       *doc;
    rn_reader     r;
    json_error_t  error;

    *out = NULL;

    doc = calloc(1, sizeof(rn_doc));
    if (doc == NULL) {
        rn_problem_add(problems, "", "out of memory");
        return RN_E_NOMEM;
    }

    doc->width = 1280;
    doc->height = 720;
    doc->fps.num = 30;
    doc->fps.den = 1;
    doc->background = 0x000000ff;
    doc->output = "final";
    doc->quality = RN_QUALITY_MEDIUM;

    doc->root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
    if (doc->root == NULL) {
        rn_problem_add(problems, "", "not JSON: %s (line %d, column %d)",
                       error.text, error.line, error.column);
        goto fail;
    }

    memset(&r, 0, sizeof(r));
    r.problems = problems;
    r.limits = limits;
    r.doc = doc;
    r.allow_paths = allow_paths;

    read_root(&r);

    if (problems->total != 0) {
        goto fail;
    }

    *out = doc;
    return RN_OK;

fail:

    rn_doc_free(doc);
    return RN_E_INVALID;
}


void
rn_doc_free(rn_doc *doc)
{
    size_t  i;

    if (doc == NULL) {
        return;
    }

    for (i = 0; i < doc->n_tracks; i++) {
        free(doc->tracks[i].clips);
    }

    free(doc->tracks);
    free(doc->refs);
    json_decref(doc->root);
    free(doc);
}
