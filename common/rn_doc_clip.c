/*
 * Clips and transitions of a composition: where and when an asset is shown, and
 * which fields go with which type of it.
 */

#include "rn_doc_parts.h"

#include <math.h>
#include <stdio.h>
#include <string.h>


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
        { "contain-blur", RN_FIT_CONTAIN_BLUR }, { NULL, 0 }
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
     * The names of FFmpeg's xfade; those that the one at hand does not know
     * are refused by the planner.
     */
    static const rn_word words[] = {
        { "fade", 0 }, { "fadefast", 0 }, { "fadeslow", 0 },
        { "fadeblack", 0 }, { "fadewhite", 0 }, { "fadegrays", 0 },
        { "cut", 0 }, { "wipeleft", 0 }, { "wiperight", 0 }, { "wipeup", 0 },
        { "wipedown", 0 }, { "wipetl", 0 }, { "wipetr", 0 }, { "wipebl", 0 },
        { "wipebr", 0 }, { "slideleft", 0 }, { "slideright", 0 },
        { "slideup", 0 }, { "slidedown", 0 }, { "smoothleft", 0 },
        { "smoothright", 0 }, { "smoothup", 0 }, { "smoothdown", 0 },
        { "circlecrop", 0 }, { "rectcrop", 0 }, { "circleopen", 0 },
        { "circleclose", 0 }, { "vertopen", 0 }, { "vertclose", 0 },
        { "horzopen", 0 }, { "horzclose", 0 }, { "diagtl", 0 },
        { "diagtr", 0 }, { "diagbl", 0 }, { "diagbr", 0 }, { "hlslice", 0 },
        { "hrslice", 0 }, { "vuslice", 0 }, { "vdslice", 0 }, { "hlwind", 0 },
        { "hrwind", 0 }, { "vuwind", 0 }, { "vdwind", 0 }, { "coverleft", 0 },
        { "coverright", 0 }, { "coverup", 0 }, { "coverdown", 0 },
        { "revealleft", 0 }, { "revealright", 0 }, { "revealup", 0 },
        { "revealdown", 0 }, { "dissolve", 0 }, { "pixelize", 0 },
        { "radial", 0 }, { "distance", 0 }, { "hblur", 0 }, { "squeezeh", 0 },
        { "squeezev", 0 }, { "zoomin", 0 }, { NULL, 0 }
    };

    word = rn_read_word(r, value, words);
    if (word >= 0) {
        *(const char **) out = json_string_value(value);
    }
}


void
rn_read_transition(rn_reader *r, json_t *value, rn_clip *c)
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


/* Fields, also by their keyframes, that only some types of assets have. */

static void
refuse_meaningless(rn_reader *r, json_t *value, rn_asset_type type)
{
    size_t  i, len;

    enum {
        VIDEO = 1 << RN_ASSET_VIDEO, IMAGE = 1 << RN_ASSET_IMAGE,
        AUDIO = 1 << RN_ASSET_AUDIO, COLOR = 1 << RN_ASSET_COLOR,
        TEXT = 1 << RN_ASSET_TEXT, SHAPE = 1 << RN_ASSET_SHAPE,
        CAPTION = 1 << RN_ASSET_CAPTION, SVG = 1 << RN_ASSET_SVG,
        WAVEFORM = 1 << RN_ASSET_WAVEFORM,
        MOVES = VIDEO | IMAGE | COLOR | TEXT | SHAPE | SVG | WAVEFORM,
        SEEN = MOVES | CAPTION, HEARD = VIDEO | AUDIO, TIMED = HEARD | WAVEFORM,
        PICTURE = VIDEO | IMAGE | SVG,
    };

    static const struct {
        const char  *name;
        unsigned     types;
    } only[] = {
        { "in_point",   TIMED | CAPTION },
        { "out_point",  TIMED | CAPTION },
        { "speed",      TIMED },
        { "volume",     HEARD },
        { "fade_in",    HEARD },
        { "fade_out",   HEARD },
        { "fit",        PICTURE },
        { "crop",       PICTURE },
        { "effects",    PICTURE },
        { "radius",     PICTURE | COLOR },
        { "height",     MOVES },
        { "width",      SEEN },
        { "position",   SEEN },
        { "offset",     SEEN },
        { "opacity",    SEEN },
        { "rotate",     SEEN },
        { "scale",      SEEN },
        { "transition", MOVES },
        { "keyframes",  MOVES | AUDIO },
    };

    for (i = 0; i < sizeof(only) / sizeof(only[0]); i++) {
        if (!(only[i].types & 1u << type)
            && json_object_get(value, only[i].name) != NULL)
        {
            len = rn_enter(r, only[i].name);
            rn_report(r, "has no meaning for a clip of type \"%s\"",
                      rn_asset_type_name(type));
            rn_leave(r, len);
        }
    }
}


/* The lines of a text are broken once; its sides cannot move. */

static void
refuse_text_size(rn_reader *r, json_t *keyframes, rn_asset_type type)
{
    size_t  i, len;

    static const char *const sides[] = { "width", "height" };

    for (i = 0; type == RN_ASSET_TEXT && i < 2; i++) {
        if (json_object_get(keyframes, sides[i]) != NULL) {
            len = rn_enter(r, sides[i]);
            rn_report(r, "of a text does not move; \"scale\" does");
            rn_leave(r, len);
        }
    }
}


/* The height of a text is that of its lines, unless they shrink to fit. */

static void
check_text_height(rn_reader *r, const rn_clip *c)
{
    size_t  len;

    if (c->asset.type == RN_ASSET_TEXT && c->height.set
        && c->asset.min_size == 0)
    {
        len = rn_enter(r, "height");
        rn_report(r, "has no meaning for a text that does not shrink to fit: "
                  "see \"min_size\" of its font");
        rn_leave(r, len);
    }
}


/* In thousandths, as specifications have it: all reckon with the same. */

static void
read_speed(rn_reader *r, json_t *value, void *out)
{
    double  *speed = out;

    if (rn_read_between(r, value, 0.25, 4, speed)) {
        *speed = round(*speed * 1000) / 1000;
    }
}


static void
read_rotate(rn_reader *r, json_t *value, void *out)
{
    (void) rn_read_between(r, value, -36000, 36000, out);
}


static void
read_scale(rn_reader *r, json_t *value, void *out)
{
    (void) rn_read_between(r, value, 0, 20, out);
}


static void
read_radius(rn_reader *r, json_t *value, void *out)
{
    rn_length  *l = out;

    rn_read_length(r, value, l);

    if (l->set && l->value < 0) {
        rn_report(r, "must not be less than 0");
    }
}


/* Captions stand below, and last as long as the film if nothing is said. */

static void
set_caption(rn_clip *c, json_t *value)
{
    if (json_object_get(value, "position") == NULL) {
        c->v = RN_ALIGN_END;
    }

    if (json_object_get(value, "duration") == NULL) {
        c->duration.kind = RN_TIME_END;
    }

    if (!c->width.set) {
        c->width.set = c->width.percent = true;
        c->width.value = 80;
    }
}


void
rn_read_clip(rn_reader *r, json_t *value, rn_clip *c, rn_track_kind kind)
{
    size_t         len;
    json_t        *v;
    rn_asset_type  type;

    static const rn_field fields[] = {
        { "type",       read_item_type,  0 },
        { "id",         rn_read_ignored, 0 },
        { "title",      rn_read_ignored, 0 },
        { "metadata",   rn_read_ignored, 0 },
        { "asset",      rn_read_asset,   AT(rn_clip, asset) },
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
        { "speed",      read_speed,      AT(rn_clip, speed) },
        { "rotate",     read_rotate,     AT(rn_clip, rotate) },
        { "scale",      read_scale,      AT(rn_clip, scale) },
        { "crop",       rn_read_crop,    AT(rn_clip, crop) },
        { "radius",     read_radius,     AT(rn_clip, radius) },
        { "keyframes",  rn_read_keyframes, 0 },
        { "effects",    rn_read_effects, 0 },
        { NULL, NULL, 0 }
    };

    c->h = c->v = RN_ALIGN_CENTER;
    c->fit = RN_FIT_COVER;
    c->opacity = 1;
    c->volume = 1;
    c->speed = 1;
    c->scale = 1;
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
                  rn_asset_type_name(type));
        rn_leave(r, len);
    }

    if (kind == RN_TRACK_VIDEO && type == RN_ASSET_AUDIO) {
        len = rn_enter(r, "asset");
        rn_report(r, "a video track holds pictures; put the audio clip on a "
                     "track of kind \"audio\"");
        rn_leave(r, len);
    }

    refuse_meaningless(r, value, type);
    check_text_height(r, c);

    if (type == RN_ASSET_CAPTION) {
        set_caption(c, value);
    }

    v = json_object_get(value, "keyframes");
    if (v != NULL && type != RN_ASSET_CAPTION) {
        len = rn_enter(r, "keyframes");
        refuse_meaningless(r, v, type);
        refuse_text_size(r, v, type);
        rn_leave(r, len);
    }
}
