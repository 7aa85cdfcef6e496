/*
 * A clip of a Shotstack edit: what is shown, where, and how it moves.
 *
 * How long its transitions take and how far its effects go is not part of the
 * API's reference; here they are as its own editor shows them.
 */

#include "rn_import_parts.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


#define FADE  1.0                       /* s, of sound */

typedef enum { VIDEO, IMAGE, AUDIO, TEXT, SHAPE, COLOR } kind;

typedef struct {
    rn_importer   *im;
    json_t        *clip, *asset;        /* theirs */
    json_t        *out, *made;          /* ours: clip, asset */
    kind           kind;
    rn_im_time    *time;
    const char    *position;
    double         scale;
    rn_im_motion   opacity, zoom, offset, turn, volume;
    double         dx, dy;              /* of the canvas, y downwards */
    double         still_opacity;
    json_t        *effects;
} shot;


static void
set_new(json_t *object, const char *name, json_t *value)
{
    (void) json_object_set_new(object, name, value);
}


static void
set_string(json_t *object, const char *name, const char *s)
{
    set_new(object, name, json_string(s));
}


/* ---------------------------------------------------------------- tweens */


/*
 * A number, or a list of ways from one value to another; a list becomes a curve
 * of the motion, and the number stays what it was.
 */

static bool
read_tweens(shot *s, json_t *object, const char *name, double lo, double hi,
    double sign, rn_im_motion *m, int axis, double *number)
{
    size_t         i, len, at;
    double         from, to, start, length;
    json_t        *list, *tween;
    rn_importer   *im = s->im;
    rn_im_curve   *c;
    const char    *way, *easing;
    const double  *ease;

    list = rn_im_get(im, object, name);

    if (!json_is_array(list)) {
        return rn_im_number(im, object, name, lo, hi, number)
               && (*number *= sign, true);
    }

    len = rn_im_enter(im, name);
    c = rn_im_curve_new(m, axis);

    json_array_foreach(list, i, tween) {
        at = rn_im_enter_index(im, i);

        if (!json_is_object(tween)) {
            rn_im_wrong(im, "must be an object");
            rn_im_leave(im, at);
            continue;
        }

        start = 0;
        length = 0;
        from = to = lo > 0 ? lo : 0;

        (void) rn_im_number(im, tween, "start", 0, 1e5, &start);
        (void) rn_im_number(im, tween, "length", 0, 1e5, &length);

        if (!rn_im_number(im, tween, "from", lo, hi, &from)
            || !rn_im_number(im, tween, "to", lo, hi, &to))
        {
            rn_im_wrong(im, "needs \"from\" and \"to\", numbers");
        }

        way = rn_im_string(im, tween, "interpolation");
        easing = rn_im_string(im, tween, "easing");
        ease = NULL;

        if ((way != NULL && strcmp(way, "bezier") == 0)
            || (way == NULL && easing != NULL))
        {
            ease = rn_im_ease(easing != NULL ? easing : "ease");
            if (ease == NULL) {
                rn_im_note_at(im, "easing", "\"%.40s\" is not known; the way "
                              "is straight", easing);
            }
        }

        /* to where it begins there is a jump, if it is not where it was */

        (void) rn_im_curve_add(c, start, from * sign, NULL, true);
        (void) rn_im_curve_add(c, start + length, to * sign, ease,
                               way != NULL && strcmp(way, "constant") == 0);
        rn_im_leave(im, at);
    }

    rn_im_leave(im, len);

    return c != NULL && c->n > 0;
}


static json_t *
one_number(const double *v)
{
    return json_real(round(v[0] * 1e6) / 1e6);
}


static json_t *
an_opacity(const double *v)
{
    return json_real(round(fmin(fmax(v[0], 0), 1) * 1e6) / 1e6);
}


static json_t *
a_scale(const double *v)
{
    return json_real(round(fmin(fmax(v[0], 0), 20) * 1e6) / 1e6);
}


static json_t *
a_point(const double *v)
{
    return json_pack("{s:o, s:o}", "x", rn_im_percent(100 * v[0]), "y",
                     rn_im_percent(100 * v[1]));
}


/* A constant that the curves of a motion are added to, or multiplied with. */

static void
constant(rn_im_motion *m, int axis, double v)
{
    (void) rn_im_curve_add(rn_im_curve_new(m, axis), 0, v, NULL, false);
}


static bool
moves(const rn_im_motion *m)
{
    size_t  i;

    for (i = 0; i < m->n; i++) {
        if (m->curves[i].n > 1) {
            return true;
        }
    }

    return false;
}


/* From one value to another within the first or the last seconds. */

static void
ramp(shot *s, rn_im_motion *m, int axis, bool in, double length, double from,
    double to, const char *ease)
{
    double        start;
    rn_im_curve  *c;

    if (s->time->length_known && length < s->time->length) {
        length = fmin(length, s->time->length / 2);
    } else if (s->time->length_known) {
        length = s->time->length;
    }

    start = in ? 0 : fmax(s->time->length - length, 0);
    c = rn_im_curve_new(m, axis);
    (void) rn_im_curve_add(c, start, from, NULL, false);
    (void) rn_im_curve_add(c, start + length, to,
                           ease != NULL ? rn_im_ease(ease) : NULL, false);
}


/* ---------------------------------------------------------------- motion */


/* Takes "Slow" or "Fast" off the end of a name: -1, 1; else 0. */

static int
speed_of(const char *name, char *bare, size_t room)
{
    size_t  n;

    n = strlen(name);
    (void) snprintf(bare, room, "%s", name);

    if (n > 4 && n < room && (strcmp(name + n - 4, "Slow") == 0
                              || strcmp(name + n - 4, "Fast") == 0))
    {
        bare[n - 4] = '\0';
        return name[n - 4] == 'S' ? -1 : 1;
    }

    return 0;
}


static void
read_transition(shot *s, json_t *transition, bool in)
{
    int          speed;
    char         name[40];
    bool         across, back;
    double       length, far;
    rn_importer *im = s->im;
    const char  *word, *side;

    side = in ? "in" : "out";
    word = rn_im_string(im, transition, side);

    if (word == NULL || strcmp(word, "none") == 0) {
        return;
    }

    speed = speed_of(word, name, sizeof(name));
    length = speed < 0 ? 2 : speed > 0 ? 0.5 : 1;

    if (!s->time->length_known && !in) {
        set_string(s->out, "transition", "out");    /* see finish_motion() */
        if (strcmp(name, "fade") != 0) {
            rn_im_note_at(im, side, "\"%.40s\" becomes a fade, as the length "
                          "of the clip is not known here", word);
        }
        return;
    }

    if (strncmp(name, "slide", 5) == 0 || strncmp(name, "carousel", 8) == 0) {
        across = strstr(name, "Left") != NULL || strstr(name, "Right") != NULL;
        back = strstr(name, "Left") != NULL || strstr(name, "Up") != NULL;

        length = speed < 0 ? 2 : speed > 0 ? 0.25 : 0.5;
        far = name[0] == 's' ? 0.025 : across ? 1 : in ? 1.05 : 1.1;
        far = (in ? back : !back) ? far : -far;

        ramp(s, &s->offset, across ? 0 : 1, in, length, in ? far : 0,
             in ? 0 : far, in ? NULL : "ease");

        if (name[0] == 's') {
            ramp(s, &s->opacity, 0, in, length, !in, in, "ease");
        }

    } else if (strcmp(name, "zoom") == 0) {
        ramp(s, &s->zoom, 0, in, 0.4, in ? 10 : 1, in ? 1 : 10,
             in ? "easeIn" : "easeOut");
        ramp(s, &s->opacity, 0, in, 0.4, !in, in, in ? "easeIn" : "easeOut");

    } else {
        if (strcmp(name, "fade") != 0) {
            rn_im_note_at(im, side, "\"%.40s\" becomes a fade: a clip of its "
                          "own cannot come or go in this way", word);
        }
        ramp(s, &s->opacity, 0, in, length, !in, in, "easeInOut");
    }
}


static void
read_effect(shot *s)
{
    int          speed;
    char         name[40];
    double       far, from;
    bool         across, back;
    rn_importer *im = s->im;
    const char  *word;

    word = rn_im_string(im, s->clip, "effect");

    if (word == NULL || strcmp(word, "none") == 0) {
        return;
    }

    speed = speed_of(word, name, sizeof(name));

    if (strcmp(name, "zoomIn") == 0 || strcmp(name, "zoomOut") == 0) {
        far = speed < 0 ? 1.1 : speed > 0 ? 1.7 : 1.3;

        if (!s->time->length_known) {
            set_new(s->out, "keyframes",
                    json_pack("{s:[{s:i, s:f}, {s:s, s:f}]}", "scale",
                              "time", 0, "value", name[4] == 'I' ? 1 : far,
                              "time", "end", "value",
                              name[4] == 'I' ? far : 1));
            return;
        }

        ramp(s, &s->zoom, 0, true, s->time->length, name[4] == 'I' ? 1 : far,
             name[4] == 'I' ? far : 1, NULL);
        return;
    }

    across = strcmp(name, "slideLeft") == 0 || strcmp(name, "slideRight") == 0;

    if (!across && strcmp(name, "slideUp") != 0
        && strcmp(name, "slideDown") != 0)
    {
        rn_im_note_at(im, "effect", "\"%.40s\" is not known", word);
        return;
    }

    if (!s->time->length_known) {
        rn_im_note_at(im, "effect", "is left out, as the length of the clip is "
                      "not known here");
        return;
    }

    far = speed < 0 ? 0.03 : speed > 0 ? 0.2 : 0.12;
    back = strcmp(name, "slideLeft") == 0 || strcmp(name, "slideUp") == 0;
    from = back ? far : -far;

    constant(&s->zoom, 0, 1 + 2 * far);     /* so that no edge is seen */
    ramp(s, &s->offset, across ? 0 : 1, true, s->time->length, from, -from,
         NULL);
}


/* Whether the picture fades in and out, and nothing else is done to it. */

static bool
is_fade(const shot *s, json_t *show)
{
    size_t              i;
    double              length;
    const char         *name;
    const double       *in_out;
    const rn_im_curve  *c;

    length = -1;
    in_out = rn_im_ease("easeInOut");

    for (i = 0; i < s->opacity.n; i++) {
        c = &s->opacity.curves[i];
        name = c->n == 2 && c->keys[0].v < c->keys[1].v ? "in" : "out";

        if (c->n != 2 || c->keys[0].v + c->keys[1].v != 1
            || c->keys[0].v * c->keys[1].v != 0
            || (c->keys[1].curved && c->keys[1].ease[0] != in_out[0])
            || c->keys[1].step || json_object_get(show, name) != NULL
            || (length >= 0 && fabs(c->keys[1].t - c->keys[0].t - length)
                               > 1e-9)
            || (strcmp(name, "in") == 0 ? c->keys[0].t != 0
                : fabs(c->keys[1].t - s->time->length) > 1e-9)
            || 2 * (c->keys[1].t - c->keys[0].t) > s->time->length)
        {
            return false;
        }

        length = c->keys[1].t - c->keys[0].t;
        set_string(show, name, "fade");
    }

    set_new(show, "duration", rn_im_seconds(length));

    return true;
}


static void
finish_motion(shot *s)
{
    bool     out;
    double   len;
    json_t  *keys, *show;

    /* "out" where the length of the clip, and so the place of a key, is open */

    keys = json_object_get(s->out, "keyframes");
    keys = keys != NULL ? json_incref(keys) : json_object();
    len = s->time->length_known ? s->time->length : 0;

    out = json_is_string(json_object_get(s->out, "transition"));
    (void) json_object_del(s->out, "transition");
    show = json_object();

    if (out && (s->opacity.n == 0
                || (s->opacity.n == 1 && s->opacity.curves[0].n == 2
                    && s->opacity.curves[0].keys[0].t == 0)))
    {
        set_new(s->out, "transition", json_pack("{s:s, s:i}", "out", "fade",
                                                "duration", 1));
        if (s->opacity.n == 1) {
            set_string(json_object_get(s->out, "transition"), "in", "fade");
        }

    } else if (moves(&s->opacity) && s->still_opacity == 1 && is_fade(s, show))
    {
        set_new(s->out, "transition", json_incref(show));

    } else if (moves(&s->opacity)) {
        constant(&s->opacity, 0, s->still_opacity);
        set_new(keys, "opacity", rn_im_keys(s->im, &s->opacity, true, 1, len,
                                            an_opacity));
    } else if (s->still_opacity < 1) {
        set_new(s->out, "opacity", json_real(s->still_opacity));
    }

    json_decref(show);

    if (moves(&s->offset)) {
        constant(&s->offset, 0, s->dx);
        constant(&s->offset, 1, s->dy);
        set_new(keys, "offset", rn_im_keys(s->im, &s->offset, false, 2, len,
                                           a_point));
    } else if (s->dx != 0 || s->dy != 0) {
        set_new(s->out, "offset", a_point((double[]) { s->dx, s->dy }));
    }

    if (s->zoom.n > 0 && moves(&s->zoom)) {
        set_new(keys, "scale", rn_im_keys(s->im, &s->zoom, true, 1, len,
                                          a_scale));
    } else if (s->zoom.n > 0) {
        set_new(s->out, "scale", a_scale(&s->zoom.curves[0].keys[0].v));
    }

    if (moves(&s->turn)) {
        set_new(keys, "rotate", rn_im_keys(s->im, &s->turn, false, 1, len,
                                           one_number));
    }

    if (moves(&s->volume)) {
        set_new(keys, "volume", rn_im_keys(s->im, &s->volume, true, 1, len,
                                           an_opacity));
    }

    if (json_object_size(keys) > 0) {
        set_new(s->out, "keyframes", json_incref(keys));
    }

    json_decref(keys);
}


/* ---------------------------------------------------------------- place */


static void
read_position(shot *s, json_t *object)
{
    size_t       i;
    const char  *word;

    static const struct {
        const char  *theirs, *ours;
    } words[] = {
        { "center", "center" }, { "top", "top" }, { "topRight", "top-right" },
        { "right", "right" }, { "bottomRight", "bottom-right" },
        { "bottom", "bottom" }, { "bottomLeft", "bottom-left" },
        { "left", "left" }, { "topLeft", "top-left" },
        { "top-right", "top-right" }, { "bottom-right", "bottom-right" },
        { "bottom-left", "bottom-left" }, { "top-left", "top-left" },
    };

    word = rn_im_string(s->im, object, "position");

    if (word == NULL) {
        return;
    }

    for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcmp(word, words[i].theirs) == 0) {
            s->position = words[i].ours;
            return;
        }
    }

    rn_im_note_at(s->im, "position", "\"%.40s\" is not known", word);
}


static void
read_offset(shot *s, json_t *object)
{
    size_t   len;
    json_t  *offset;

    offset = rn_im_object(s->im, object, "offset");
    if (offset == NULL) {
        return;
    }

    len = rn_im_enter(s->im, "offset");
    (void) read_tweens(s, offset, "x", -10, 10, 1, &s->offset, 0, &s->dx);
    (void) read_tweens(s, offset, "y", -10, 10, -1, &s->offset, 1, &s->dy);
    rn_im_leave(s->im, len);
}


static void
read_transform(shot *s)
{
    bool         flip;
    double       angle;
    size_t       len, at;
    json_t      *transform, *part;
    rn_importer *im = s->im;

    transform = rn_im_object(im, s->clip, "transform");
    if (transform == NULL) {
        return;
    }

    len = rn_im_enter(im, "transform");
    part = rn_im_object(im, transform, "rotate");

    if (part != NULL) {
        at = rn_im_enter(im, "rotate");
        angle = 0;
        if (read_tweens(s, part, "angle", -36000, 36000, 1, &s->turn, 0, &angle)
            && !moves(&s->turn))
        {
            set_new(s->out, "rotate", json_real(angle));
        }
        rn_im_leave(im, at);
    }

    rn_im_lost(im, transform, "skew", "a picture cannot be slanted");
    part = rn_im_object(im, transform, "flip");

    if (part != NULL) {
        at = rn_im_enter(im, "flip");

        flip = false;
        if (rn_im_bool(im, part, "horizontal", &flip) && flip) {
            (void) json_array_append_new(s->effects, json_pack("{s:s}", "type",
                                         "mirror"));
        }

        flip = false;
        if (rn_im_bool(im, part, "vertical", &flip) && flip) {
            (void) json_array_append_new(s->effects,
                                         json_pack("{s:s, s:s}", "type",
                                         "mirror", "axis", "vertical"));
        }
        rn_im_leave(im, at);
    }

    rn_im_leave(im, len);
}


static void
read_filter(shot *s)
{
    size_t       i;
    json_t      *e;
    const char  *word;

    static const struct {
        const char  *name;
        const char  *effect;
    } filters[] = {
        { "blur",      "{\"type\":\"blur\",\"radius\":8}" },
        { "boost",     "{\"type\":\"color\",\"contrast\":1.2,"
                       "\"saturation\":1.3}" },
        { "contrast",  "{\"type\":\"color\",\"contrast\":1.3}" },
        { "darken",    "{\"type\":\"color\",\"brightness\":-0.15}" },
        { "greyscale", "{\"type\":\"grayscale\"}" },
        { "lighten",   "{\"type\":\"color\",\"brightness\":0.15}" },
        { "muted",     "{\"type\":\"color\",\"contrast\":0.85,"
                       "\"saturation\":0.6}" },
        { "negative",  "{\"type\":\"invert\"}" },
        { "invert",    "{\"type\":\"invert\"}" },
    };

    word = rn_im_string(s->im, s->clip, "filter");

    if (word == NULL || strcmp(word, "none") == 0) {
        return;
    }

    for (i = 0; i < sizeof(filters) / sizeof(filters[0]); i++) {
        if (strcmp(word, filters[i].name) == 0) {
            e = json_loads(filters[i].effect, 0, NULL);
            (void) json_array_append_new(s->effects, e);
            return;
        }
    }

    rn_im_note_at(s->im, "filter", "\"%.40s\" is not known", word);
}


/* The sides that are cut off leave the rest where it is. */

static void
read_crop(shot *s, double *box)
{
    int          i;
    double       side[4] = { 0 }, left, top;
    size_t       len;
    json_t      *crop;
    rn_importer *im = s->im;

    static const char *const names[] = { "left", "right", "top", "bottom" };

    crop = rn_im_object(im, s->asset, "crop");
    if (crop == NULL) {
        return;
    }

    len = rn_im_enter(im, "crop");
    for (i = 0; i < 4; i++) {
        (void) rn_im_number(im, crop, names[i], 0, 1, &side[i]);
    }
    rn_im_leave(im, len);

    if (side[0] + side[1] > 0.99 || side[2] + side[3] > 0.99) {
        rn_im_note_at(im, "crop", "would leave nothing of the picture, and is "
                      "left out");
        return;
    }

    set_new(s->out, "crop",
            json_pack("{s:o, s:o, s:o, s:o}", "x", rn_im_percent(100 * side[0]),
                      "y", rn_im_percent(100 * side[2]), "width",
                      rn_im_percent(100 * (1 - side[0] - side[1])), "height",
                      rn_im_percent(100 * (1 - side[2] - side[3]))));

    left = strstr(s->position, "left") ? side[0]
           : strstr(s->position, "right") ? -side[1] : (side[0] - side[1]) / 2;
    top = strstr(s->position, "top") ? side[2]
          : strstr(s->position, "bottom") ? -side[3] : (side[2] - side[3]) / 2;

    s->dx += left * box[0] / im->width;
    s->dy += top * box[1] / im->height;
    box[0] *= 1 - side[0] - side[1];
    box[1] *= 1 - side[2] - side[3];
}


/*
 * The box of a picture.  Where the size of the source decides it and is not
 * known, the picture is as large as it has to be, but in the middle of a box.
 */

static void
read_box(shot *s, json_t *src)
{
    bool              known, sized;
    double            box[2], k;
    rn_importer      *im = s->im;
    const char       *fit, *ours;
    rn_import_facts   f;

    box[0] = im->width;
    box[1] = im->height;

    sized = rn_im_number(im, s->clip, "width", 1, 8000, &box[0]);
    sized = rn_im_number(im, s->clip, "height", 1, 8000, &box[1]) || sized;

    fit = rn_im_string(im, s->clip, "fit");
    ours = fit == NULL || strcmp(fit, "crop") == 0 ? "cover"
           : strcmp(fit, "cover") == 0 ? "fill"
           : strcmp(fit, "contain") == 0 ? "contain"
           : strcmp(fit, "none") == 0 ? "none" : NULL;

    if (ours == NULL) {
        rn_im_note_at(im, "fit", "\"%.40s\" is not known", fit);
        ours = "cover";
    }

    known = rn_im_look(im, src, &f) && f.width > 0 && f.height > 0;

    if (ours[0] == 'n' || (strcmp(ours, "contain") == 0
                           && strcmp(s->position, "center") != 0))
    {
        if (known && !(ours[0] == 'n' && sized)) {
            k = ours[0] == 'n' ? 1 : fmin(box[0] / f.width, box[1] / f.height);
            box[0] = f.width * k;
            box[1] = f.height * k;
            ours = "fill";
            sized = true;

        } else if (strcmp(s->position, "center") != 0) {
            rn_im_note_at(im, "position", "is that of the box that the picture "
                          "lies in; the size of the source is not known here");
        }
    }

    if (ours[0] == 'n' && s->scale != 1 && !sized) {
        constant(&s->zoom, 0, s->scale);    /* of the picture, in the middle */
        s->scale = 1;
    }

    set_string(s->out, "fit", ours);
    read_crop(s, box);

    if (sized || s->scale != 1 || box[0] != im->width || box[1] != im->height) {
        box[0] = fmin(fmax(box[0] * s->scale, 2), 8000);
        box[1] = fmin(fmax(box[1] * s->scale, 2), 8000);
        set_new(s->out, "width", json_integer(lround(box[0])));
        set_new(s->out, "height", json_integer(lround(box[1])));
    }
}


/* ---------------------------------------------------------------- assets */


static void
read_sound(shot *s, const char *effect_name)
{
    double       volume;
    rn_importer *im = s->im;
    const char  *effect;

    volume = 1;

    if (read_tweens(s, s->asset, "volume", 0, 1, 1, &s->volume, 0, &volume)
        && !moves(&s->volume) && volume < 1)
    {
        set_new(s->out, "volume", json_real(volume));
    }

    effect = rn_im_string(im, s->asset, effect_name);

    if (effect == NULL || strcmp(effect, "none") == 0) {
        return;
    }

    if (strcmp(effect, "fadeIn") != 0 && strcmp(effect, "fadeOut") != 0
        && strcmp(effect, "fadeInFadeOut") != 0)
    {
        rn_im_note_at(im, effect_name, "\"%.40s\" is not known", effect);
        return;
    }

    volume = s->time->length_known ? fmin(FADE, s->time->length / 2) : FADE;

    if (strncmp(effect, "fadeIn", 6) == 0) {
        set_new(s->out, "fade_in", rn_im_seconds(volume));
    }

    if (strcmp(effect, "fadeIn") != 0) {
        set_new(s->out, "fade_out", rn_im_seconds(volume));
    }
}


/* A film or sound: which part of it, at which speed. */

static void
read_part(shot *s, json_t *src)
{
    double            trim, speed, left;
    rn_importer      *im = s->im;
    rn_import_facts   f;

    trim = 0;
    speed = 1;

    if (rn_im_number(im, s->asset, "trim", 0, 1e5, &trim) && trim > 0) {
        set_new(s->out, "in_point", rn_im_seconds(trim));
    }

    if (rn_im_number(im, s->asset, "speed", 0.25, 4, &speed) && speed != 1) {
        set_new(s->out, "speed", json_real(speed));
    }

    if (s->time->natural || !s->time->length_known || s->time->to_end
        || !rn_im_look(im, src, &f) || f.duration <= trim)
    {
        return;
    }

    left = (f.duration - trim) / speed;

    if (s->time->length > left + 0.25) {
        rn_im_note_at(im, "length", "is longer than the source, and becomes "
                      "%.3f s", left);
        s->time->length = left;
    }
}


static void
read_chroma(shot *s)
{
    char         color[10];
    double       v;
    size_t       len;
    json_t      *chroma, *e;
    rn_importer *im = s->im;

    chroma = rn_im_object(im, s->asset, "chromaKey");
    if (chroma == NULL) {
        return;
    }

    len = rn_im_enter(im, "chromaKey");
    e = json_pack("{s:s}", "type", "chroma-key");

    if (rn_im_color(im, chroma, "color", false, color)) {
        color[7] = '\0';
        set_string(e, "color", color);
    }

    /* distances in RGB there, of which 441 is the largest */

    v = 150;
    (void) rn_im_number(im, chroma, "threshold", 0, 250, &v);
    set_new(e, "similarity", json_real(fmax(round(v / 4.41) / 100, 0.01)));

    v = 0;
    if (rn_im_number(im, chroma, "halo", 0, 250, &v)) {
        set_new(e, "blend", json_real(round(v / 4.41) / 100));
    }

    (void) json_array_append_new(s->effects, e);
    rn_im_leave(im, len);
}


static bool
read_media(shot *s, const char *type)
{
    size_t       len;
    json_t      *src;
    rn_importer *im = s->im;
    const char  *name;

    len = rn_im_enter(im, "asset");

    name = rn_im_text(im, s->asset, "src");

    if (name == NULL && json_object_get(s->asset, "prompt") != NULL) {
        rn_im_note(im, "is made by a model, which nothing here does; the clip "
                   "is left out");
        rn_im_done(im, s->clip);
        rn_im_leave(im, len);
        return false;
    }

    src = name != NULL ? rn_im_src(im, "src", name) : NULL;

    if (src == NULL) {
        rn_im_wrong(im, "needs a \"src\"");
        rn_im_leave(im, len);
        return false;
    }

    set_string(s->made, "type", type);
    set_new(s->made, "src", src);

    rn_im_lost(im, s->asset, "transcode", "has no counterpart: every source is "
               "made fit where it is read");

    if (s->kind != IMAGE) {
        read_sound(s, s->kind == AUDIO ? "effect" : "volumeEffect");
        if (s->kind == AUDIO && json_object_get(s->asset, "volumeEffect")) {
            read_sound(s, "volumeEffect");
        }
    }

    rn_im_leave(im, len);

    if (s->kind != IMAGE) {
        len = im->len;
        read_part(s, src);
        rn_im_leave(im, len);
    }

    if (s->kind != AUDIO) {
        read_box(s, src);
        read_chroma(s);
    }

    return true;
}


static void
read_font(shot *s, json_t *font, double size)
{
    char         color[10];
    double       opacity, weight;
    json_t      *out, *w;
    rn_importer *im = s->im;
    const char  *family, *name;

    out = json_object();
    memcpy(color, "#ffffffff", 10);

    family = rn_im_string(im, font, "family");
    if (family != NULL) {
        set_string(out, "family", family);
    }

    (void) rn_im_number(im, font, "size", 4, 1000, &size);
    set_new(out, "size", json_real(round(size * 100) / 100));

    (void) rn_im_color(im, font, "color", false, color);
    if (rn_im_number(im, font, "opacity", 0, 1, &opacity)) {
        rn_im_alpha(color, opacity);
    }
    set_string(out, "color", color);

    w = rn_im_get(im, font, "weight");
    name = json_string_value(w);
    weight = name != NULL ? strcmp(name, "bold") == 0 ? 700
                            : strtod(name, NULL) : json_number_value(w);
    if (weight >= 600) {
        set_string(out, "weight", "bold");
    }

    name = rn_im_string(im, font, "style");
    if (name != NULL && strcmp(name, "italic") == 0) {
        set_string(out, "style", "italic");
    }

    rn_im_lost(im, font, "lineHeight", "lines stand as far apart as the font "
               "has them");
    rn_im_lost(im, font, "stroke", "letters have no outline");

    set_new(s->made, "font", out);
}


static void
read_text_background(shot *s)
{
    char         color[10];
    double       opacity;
    size_t       len;
    json_t      *b;
    rn_importer *im = s->im;

    b = rn_im_object(im, s->asset, "background");
    if (b == NULL) {
        return;
    }

    len = rn_im_enter(im, "background");

    if (rn_im_color(im, b, "color", false, color)) {
        if (rn_im_number(im, b, "opacity", 0, 1, &opacity)) {
            rn_im_alpha(color, opacity);
        }
        set_string(s->made, "background", color);
    }

    rn_im_lost(im, b, "padding", "a text's background ends with it");
    rn_im_lost(im, b, "borderRadius", "a text's background has square corners");
    rn_im_lost(im, b, "wrap", "has no counterpart");
    rn_im_leave(im, len);
}


/* A text's box is as large as the text, here; there, as the canvas. */

static void
read_alignment(shot *s, const char *name, bool wide)
{
    size_t       len;
    json_t      *a;
    rn_importer *im = s->im;
    const char  *across, *down, *down_word;

    a = rn_im_object(im, s->asset, name);
    if (a == NULL) {
        return;
    }

    len = rn_im_enter(im, name);
    across = rn_im_string(im, a, "horizontal");
    down = rn_im_string(im, a, "vertical");
    rn_im_leave(im, len);

    if (across != NULL && (strcmp(across, "left") == 0
                           || strcmp(across, "right") == 0))
    {
        set_string(s->made, "align", across);
    } else {
        across = "";
    }

    down_word = down != NULL && (strcmp(down, "top") == 0
                                 || strcmp(down, "bottom") == 0) ? down : "";

    if (strcmp(s->position, "center") == 0 && !wide
        && (across[0] != '\0' || down_word[0] != '\0'))
    {
        static const char *const words[] = {
            "top-left", "top-right", "bottom-left", "bottom-right", "top",
            "bottom", "left", "right"
        };
        size_t  i;

        for (i = 0; i < 8; i++) {
            if (strncmp(words[i], down_word, strlen(down_word)) == 0
                && strlen(words[i]) == strlen(down_word) + strlen(across)
                                       + (across[0] && down_word[0] ? 1 : 0)
                && strstr(words[i], across) != NULL)
            {
                s->position = words[i];
            }
        }

    } else if (down_word[0] != '\0') {
        rn_im_note_at(im, name, "a text has no height of its own to be aligned "
                      "in");
    }
}


static bool
read_text(shot *s, const char *type)
{
    bool         wide, rich;
    char         color[10];
    double       width, size;
    size_t       i, len;
    json_t      *font;
    rn_importer *im = s->im;
    const char  *text, *word;

    static const struct {
        const char  *name;
        double       part;              /* of the canvas's height */
    } sizes[] = {
        { "xx-small", 0.03 }, { "x-small", 0.045 }, { "small", 0.06 },
        { "medium", 0.08 }, { "large", 0.11 }, { "x-large", 0.15 },
        { "xx-large", 0.2 },
    };

    len = rn_im_enter(im, "asset");
    text = rn_im_text(im, s->asset, "text");

    if (text == NULL || strspn(text, " \t\r\n") == strlen(text)) {
        if (text == NULL) {
            rn_im_wrong(im, "needs a \"text\"");
        } else {
            rn_im_note_at(im, "text", "there is nothing to see; the clip is "
                          "left out");
            rn_im_done(im, s->clip);
        }
        rn_im_leave(im, len);
        return false;
    }

    set_string(s->made, "type", "text");
    set_string(s->made, "text", text);

    if (strcmp(type, "title") == 0) {
        word = rn_im_string(im, s->asset, "style");
        if (word != NULL && strcmp(word, "minimal") != 0) {
            rn_im_note_at(im, "style", "\"%.40s\" is a style of Shotstack's; "
                          "the text is in the default font", word);
        }

        word = rn_im_string(im, s->asset, "size");
        size = 0.08;
        for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
            if (word != NULL && strcmp(word, sizes[i].name) == 0) {
                size = sizes[i].part;
            }
        }

        memcpy(color, "#ffffffff", 10);
        (void) rn_im_color(im, s->asset, "color", true, color);
        set_new(s->made, "font", json_pack("{s:o, s:s}", "size",
                                           rn_im_seconds(round(im->height
                                                               * size)),
                                           "color", color));

        if (rn_im_color(im, s->asset, "background", true, color)) {
            set_string(s->made, "background", color);
        }

        read_position(s, s->asset);
        read_offset(s, s->asset);
        rn_im_leave(im, len);

        rn_im_lost(im, s->clip, "fit", "has no meaning for a text");
        return true;
    }

    rich = strcmp(type, "rich-text") == 0;
    font = rn_im_object(im, s->asset, "font");
    i = rn_im_enter(im, "font");
    read_font(s, font, 24);

    if (rich && rn_im_color(im, font, "background", false, color)) {
        set_string(s->made, "background", color);
    }
    rn_im_leave(im, i);

    wide = rn_im_number(im, s->asset, "width", 1, 8000, &width);
    read_text_background(s);
    read_alignment(s, rich && json_object_get(s->asset, "align") == NULL
                      ? "alignment" : rich ? "align" : "alignment",
                   wide || json_object_get(s->clip, "width") != NULL);

    rn_im_lost(im, s->asset, "height", "a text is as high as its lines");
    rn_im_lost(im, s->asset, "stroke", "letters have no outline");
    rn_im_lost(im, s->asset, "shadow", "letters throw no shadow");
    rn_im_lost(im, s->asset, "border", "a text has no border");
    rn_im_lost(im, s->asset, "padding", "a text's background ends with it");
    rn_im_lost(im, s->asset, "style", "letters stand as the font has them");
    rn_im_lost(im, s->asset, "animation", "a text comes as a whole");
    rn_im_lost(im, s->asset, "ellipsis", "a text is not cut short");
    rn_im_leave(im, len);

    wide = rn_im_number(im, s->clip, "width", 1, 8000, &width) || wide;
    if (wide) {
        set_new(s->out, "width", json_integer(lround(width)));
    }

    rn_im_lost(im, s->clip, "height", "a text is as high as its lines");
    rn_im_lost(im, s->clip, "fit", "has no meaning for a text");

    return true;
}


/* A fill or stroke: a colour with an opacity beside it. */

static bool
read_paint(rn_importer *im, json_t *asset, const char *name, char color[10],
    double *width)
{
    bool      found;
    double    opacity;
    size_t    len;
    json_t   *paint;

    paint = rn_im_object(im, asset, name);
    if (paint == NULL) {
        return false;
    }

    len = rn_im_enter(im, name);
    rn_im_lost(im, paint, "stops", "a shape has one colour");
    rn_im_lost(im, paint, "angle", "a shape has one colour");
    (void) rn_im_string(im, paint, "type");

    found = rn_im_color(im, paint, "color", false, color);
    if (found && rn_im_number(im, paint, "opacity", 0, 1, &opacity)) {
        rn_im_alpha(color, opacity);
    }

    *width = 1;
    (void) rn_im_number(im, paint, "width", 0, 500, width);
    rn_im_leave(im, len);

    return found;
}


static bool
read_shape(shot *s, bool svg)
{
    bool         filled, lined;
    char         fill[10], stroke[10];
    double       w, h, width, corner, points, unused;
    size_t       len, at;
    json_t      *form;
    rn_importer *im = s->im;
    const char  *name, *ours;

    len = rn_im_enter(im, "asset");

    form = svg ? rn_im_object(im, s->asset, "shape") : NULL;
    name = svg ? json_string_value(json_object_get(form, "type"))
               : rn_im_string(im, s->asset, "shape");

    ours = name == NULL ? NULL
           : strcmp(name, "rectangle") == 0 || strcmp(name, "line") == 0
             ? "rectangle"
           : strcmp(name, "circle") == 0 || strcmp(name, "ellipse") == 0
             ? "ellipse"
           : strcmp(name, "star") == 0 ? "star" : NULL;

    if (ours == NULL) {
        rn_im_note(im, "\"%.40s\" is not a shape that can be drawn here; the "
                   "clip is left out", name != NULL ? name : "svg");
        rn_im_done(im, s->clip);
        rn_im_leave(im, len);
        return false;
    }

    if (!svg) {
        form = rn_im_object(im, s->asset, name);
    }

    at = rn_im_enter(im, svg ? "shape" : name);
    (void) rn_im_string(im, form, "type");
    w = h = 100;
    corner = 0;
    points = 5;

    if (strcmp(name, "line") == 0) {
        (void) rn_im_number(im, form, "length", 1, 8000, &w);
        h = 4;
        (void) rn_im_number(im, form, "thickness", 1, 500, &h);

    } else if (strcmp(name, "ellipse") == 0) {
        (void) (rn_im_number(im, form, "radiusX", 1, 4000, &w) && (w *= 2));
        (void) (rn_im_number(im, form, "radiusY", 1, 4000, &h) && (h *= 2));

    } else if (strcmp(name, "rectangle") == 0) {
        (void) rn_im_number(im, form, "width", 1, 8000, &w);
        (void) rn_im_number(im, form, "height", 1, 8000, &h);
        (void) rn_im_number(im, form, "cornerRadius", 0, 4000, &corner);

    } else {
        if (rn_im_number(im, form, strcmp(name, "star") == 0 ? "outerRadius"
                         : "radius", 1, 4000, &w))
        {
            w *= 2;
        }
        h = w;
        (void) rn_im_number(im, form, "points", 3, 100, &points);
    }

    rn_im_leave(im, at);

    filled = read_paint(im, s->asset, "fill", fill, &unused);
    lined = read_paint(im, s->asset, "stroke", stroke, &width);

    if (strcmp(name, "line") == 0 && !filled && lined) {
        memcpy(fill, stroke, 10);
        filled = true;
        lined = false;
    }

    if (!filled) {
        memcpy(fill, "#00000000", 10);
    }

    if (corner > 0 && !lined) {
        s->kind = COLOR;
        set_string(s->made, "type", "color");
        set_string(s->made, "color", fill);
        set_new(s->out, "radius", json_integer(lround(corner)));

    } else {
        if (corner > 0) {
            rn_im_note(im, "the corners of an outline are square");
        }

        set_string(s->made, "type", "shape");
        set_string(s->made, "shape", ours);
        set_string(s->made, "fill", fill);

        if (strcmp(ours, "star") == 0) {
            set_new(s->made, "points", json_integer(lround(points)));
        }
        if (lined) {
            set_new(s->made, "stroke", json_pack("{s:s, s:f}", "color", stroke,
                                                 "width", width));
        }
    }

    rn_im_lost(im, s->asset, "width", "a shape's box is as large as the shape");
    rn_im_lost(im, s->asset, "height", "a shape's box is as large as the "
               "shape");
    rn_im_lost(im, s->asset, "shadow", "a shape throws no shadow");
    rn_im_leave(im, len);

    rn_im_lost(im, s->clip, "fit", "has no meaning for a shape");
    set_new(s->out, "width", json_integer(lround(fmax(w * s->scale, 2))));
    set_new(s->out, "height", json_integer(lround(fmax(h * s->scale, 2))));
    s->scale = 1;

    return true;
}


static bool
read_asset(shot *s)
{
    size_t       i;
    const char  *type;
    rn_importer *im = s->im;

    static const struct {
        const char  *type, *why;
    } others[] = {
        { "html", "HTML is not rendered here" },
        { "html5", "HTML is not rendered here" },
        { "luma", "there are no mattes" },
        { "caption", "captions are not made of files here" },
        { "rich-caption", "captions are not made of files here" },
        { "text-to-speech", "nothing here speaks" },
        { "text-to-image", "is made by a model, which nothing here does" },
        { "image-to-video", "is made by a model, which nothing here does" },
    };

    s->asset = rn_im_object(im, s->clip, "asset");
    i = rn_im_enter(im, "asset");
    type = rn_im_string(im, s->asset, "type");
    rn_im_leave(im, i);

    if (type == NULL) {
        rn_im_wrong(im, "needs an \"asset\" with a \"type\"");
        return false;
    }

    if (strcmp(type, "video") == 0 || strcmp(type, "image") == 0
        || strcmp(type, "audio") == 0)
    {
        s->kind = type[0] == 'v' ? VIDEO : type[0] == 'i' ? IMAGE : AUDIO;
        return read_media(s, type);
    }

    if (strcmp(type, "title") == 0 || strcmp(type, "text") == 0
        || strcmp(type, "rich-text") == 0)
    {
        s->kind = TEXT;
        return read_text(s, type);
    }

    if (strcmp(type, "shape") == 0 || strcmp(type, "svg") == 0) {
        s->kind = SHAPE;
        return read_shape(s, type[1] == 'v');
    }

    for (i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        if (strcmp(type, others[i].type) == 0) {
            break;
        }
    }

    rn_im_note_at(im, "asset", "\"%.40s\": %s; the clip is left out", type,
                  i < sizeof(others) / sizeof(others[0]) ? others[i].why
                  : "is not known here");
    rn_im_done(im, s->clip);

    return false;
}


/* ---------------------------------------------------------------- clips */


/* What only what is seen has; names what a clip of sound says of it. */

static void
read_look(shot *s)
{
    size_t       len;
    json_t      *transition;
    rn_importer *im = s->im;

    (void) read_tweens(s, s->clip, "opacity", 0, 1, 1, &s->opacity, 0,
                       &s->still_opacity);

    read_offset(s, s->clip);
    read_transform(s);
    read_filter(s);
    read_effect(s);

    transition = rn_im_object(im, s->clip, "transition");

    if (transition != NULL) {
        len = rn_im_enter(im, "transition");
        read_transition(s, transition, true);
        read_transition(s, transition, false);
        rn_im_leave(im, len);
    }

    if (json_array_size(s->effects) > 0) {
        if (s->kind == VIDEO || s->kind == IMAGE) {
            set_new(s->out, "effects", json_incref(s->effects));
        } else {
            rn_im_note(im, "only pictures can be filtered and flipped");
        }
    }

    if (strcmp(s->position, "center") != 0) {
        set_string(s->out, "position", s->position);

        if (json_object_get(s->out, "rotate") != NULL || moves(&s->turn)) {
            rn_im_note_at(im, "transform", "the clip turns about its middle");
        }
    }

    if (s->scale != 1 && (s->kind == TEXT || s->kind == SHAPE)) {
        constant(&s->zoom, 0, s->scale);
    }

    finish_motion(s);
}


json_t *
rn_im_shotstack_clip(rn_importer *im, json_t *clip, rn_im_time *time,
    bool *audio)
{
    bool   ok;
    shot   s;

    memset(&s, 0, sizeof(s));
    s.im = im;
    s.clip = clip;
    s.time = time;
    s.position = "center";
    s.scale = 1;
    s.still_opacity = 1;
    s.made = json_object();
    s.out = json_pack("{s:o}", "asset", s.made);
    s.effects = json_array();

    read_position(&s, clip);
    (void) read_tweens(&s, clip, "scale", 0, 20, 1, &s.zoom, 0, &s.scale);

    ok = read_asset(&s) && im->problems->total == 0;
    *audio = s.kind == AUDIO;

    if (ok && !*audio) {
        read_look(&s);

    } else if (ok) {
        finish_motion(&s);
        rn_im_lost(im, clip, "transition", "has no meaning for a sound");
        rn_im_lost(im, clip, "effect", "has no meaning for a sound");
        rn_im_lost(im, clip, "filter", "has no meaning for a sound");
    }

    rn_im_motion_free(&s.opacity);
    rn_im_motion_free(&s.zoom);
    rn_im_motion_free(&s.offset);
    rn_im_motion_free(&s.turn);
    rn_im_motion_free(&s.volume);
    json_decref(s.effects);

    if (!ok) {
        json_decref(s.out);
        return NULL;
    }

    return s.out;
}
