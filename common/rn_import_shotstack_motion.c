/*
 * How a clip of a Shotstack edit moves: tweens, effects, transitions, and what
 * they come to together.
 *
 * How long transitions take and how far effects go is not part of the API's
 * reference; here they are as its own editor shows them.
 */

#include "rn_import_shotstack.h"

#include <math.h>
#include <stdio.h>
#include <string.h>


/* ---------------------------------------------------------------- tweens */


/*
 * A number, or a list of ways from one value to another; a list becomes a curve
 * of the motion, and the number stays what it was.
 */

bool
rn_ss_tweens(shot *s, json_t *object, const char *name, double lo, double hi,
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

void
rn_ss_constant(rn_im_motion *m, int axis, double v)
{
    (void) rn_im_curve_add(rn_im_curve_new(m, axis), 0, v, NULL, false);
}


bool
rn_ss_moves(const rn_im_motion *m)
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


void
rn_ss_transition(shot *s, json_t *transition, bool in)
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
        set_string(s->out, "transition", "out");    /* until it is finished */
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


void
rn_ss_effect(shot *s)
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

    rn_ss_constant(&s->zoom, 0, 1 + 2 * far);     /* so that no edge is seen */
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


void
rn_ss_finish_motion(shot *s)
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

    } else if (rn_ss_moves(&s->opacity) && s->still_opacity == 1
               && is_fade(s, show))
    {
        set_new(s->out, "transition", json_incref(show));

    } else if (rn_ss_moves(&s->opacity)) {
        rn_ss_constant(&s->opacity, 0, s->still_opacity);
        set_new(keys, "opacity", rn_im_keys(s->im, &s->opacity, true, 1, len,
                                            an_opacity));
    } else if (s->still_opacity < 1) {
        set_new(s->out, "opacity", json_real(s->still_opacity));
    }

    json_decref(show);

    if (rn_ss_moves(&s->offset)) {
        rn_ss_constant(&s->offset, 0, s->dx);
        rn_ss_constant(&s->offset, 1, s->dy);
        set_new(keys, "offset", rn_im_keys(s->im, &s->offset, false, 2, len,
                                           a_point));
    } else if (s->dx != 0 || s->dy != 0) {
        set_new(s->out, "offset", a_point((double[]) { s->dx, s->dy }));
    }

    if (s->zoom.n > 0 && rn_ss_moves(&s->zoom)) {
        set_new(keys, "scale", rn_im_keys(s->im, &s->zoom, true, 1, len,
                                          a_scale));
    } else if (s->zoom.n > 0) {
        set_new(s->out, "scale", a_scale(&s->zoom.curves[0].keys[0].v));
    }

    if (rn_ss_moves(&s->turn)) {
        set_new(keys, "rotate", rn_im_keys(s->im, &s->turn, false, 1, len,
                                           one_number));
    }

    if (rn_ss_moves(&s->volume)) {
        set_new(keys, "volume", rn_im_keys(s->im, &s->volume, true, 1, len,
                                           an_opacity));
    }

    if (json_object_size(keys) > 0) {
        set_new(s->out, "keyframes", json_incref(keys));
    }

    json_decref(keys);
}
