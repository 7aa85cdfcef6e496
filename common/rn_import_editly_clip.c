/*
 * A clip of an editly specification: its layers, how long it is, and the
 * transition to the next one.
 */

#include "rn_import_editly.h"

#include <math.h>
#include <string.h>
#include <strings.h>


static const char *
our_transition(spec *e, const char *name)
{
    size_t       i;
    rn_importer *im = e->im;

    /* https://gl-transitions.com: the same, or (!) what is like it */

    static const struct {
        const char  *theirs, *ours;
    } names[] = {
        { "fade", "fade" }, { "fadegrayscale", "fadegrays" },
        { "fadecolor", "!fadeblack" }, { "directional-left", "slideleft" },
        { "directional-right", "slideright" },
        { "directional-up", "slideup" }, { "directional-down", "slidedown" },
        { "directional", "!slideup" }, { "wipeleft", "wipeleft" },
        { "wiperight", "wiperight" }, { "wipeup", "wipeup" },
        { "wipedown", "wipedown" }, { "directionalwipe", "!smoothleft" },
        { "circlecrop", "circlecrop" }, { "circleopen", "circleopen" },
        { "circle", "!circleopen" }, { "rectanglecrop", "rectcrop" },
        { "rectangle", "!rectcrop" }, { "radial", "radial" },
        { "angular", "!radial" }, { "pixelize", "pixelize" },
        { "squeeze", "!squeezev" }, { "simplezoom", "!zoomin" },
        { "crosszoom", "!zoomin" }, { "dreamyzoom", "!zoomin" },
        { "linearblur", "!hblur" }, { "windowslice", "!hlslice" },
        { "randomsquares", "!dissolve" }, { "colourdistance", "distance" },
        { "windowblinds", "!vuslice" }, { "doorway", "!vertopen" },
        { "slides", "!slideleft" }, { "randomnoisex", "!dissolve" },
    };

    if (strcmp(name, "random") == 0) {
        e->random = true;
        return "fade";
    }

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcasecmp(name, names[i].theirs) == 0) {
            if (names[i].ours[0] == '!') {
                rn_im_note(im, "\"%s\" becomes \"%s\", which is like it", name,
                           names[i].ours + 1);
                return names[i].ours + 1;
            }
            return names[i].ours;
        }
    }

    rn_im_note(im, "\"%.40s\" is not a transition that there is here; it "
               "becomes a fade", name);

    return "fade";
}


static void
read_change(spec *e, part *p, json_t *change, bool own)
{
    size_t       len;
    json_t      *rest;
    rn_importer *im = e->im;
    const char  *name;

    p->change = 0.5;
    p->transition = "fade";
    rest = own ? e->transition : NULL;

    if (change == NULL) {
        e->random = true;
        return;
    }

    len = im->at.len;
    if (own) {
        (void) rn_im_enter(im, "transition");
    }

    if (!rn_im_number(im, change, "duration", 0, 1000, &p->change)) {
        (void) rn_im_number(im, rest, "duration", 0, 1000, &p->change);
    }

    name = rn_im_string(im, change, "name");
    if (name == NULL) {
        name = rn_im_string(im, rest, "name");
    }

    if (p->change > 0) {
        p->transition = our_transition(e, name != NULL ? name : "random");
    }

    if (own) {
        rn_im_lost(im, change, "audioOutCurve", "sounds change over at equal "
                   "power");
        rn_im_lost(im, change, "audioInCurve", "sounds change over at equal "
                   "power");
        rn_im_lost(im, change, "easing", "transitions go on evenly");
        rn_im_lost(im, change, "params", "transitions have no parameters");
    }

    rn_im_leave(im, len);
}


static void
push(rn_importer *im, part *p, json_t *layer, const char *type)
{
    p->layers[p->n] = layer;
    p->types[p->n] = type;
    p->pointers[p->n++] = json_string(im->at.text);
}


/* A layer, or what a shorthand stands for. */

static void
add_layer(spec *e, part *p, json_t *layer)
{
    size_t       len;
    json_t      *background;
    rn_importer *im = e->im;
    const char  *type, *of;

    type = json_is_object(layer) ? rn_im_string(im, layer, "type") : NULL;

    if (type == NULL) {
        rn_im_wrong(im, "must be an object with a \"type\"");
        return;
    }

    if (p->n + 2 > LAYERS_MAX) {
        rn_im_wrong(im, "is one layer too many: %d at most", LAYERS_MAX - 1);
        return;
    }

    if (strcmp(type, "canvas") == 0 || strcmp(type, "fabric") == 0) {
        rn_im_note(im, "\"%s\": functions are not run; the layer is left out",
                   type);
        rn_im_done(im, layer);
        return;
    }

    if (strcmp(type, "title-background") == 0) {
        background = rn_im_object(im, layer, "background");
        len = rn_im_enter(im, "background");
        of = rn_im_string(im, background, "type");

        if (of == NULL || (strcmp(of, "fill-color") != 0
                           && strstr(of, "gradient") == NULL))
        {
            of = "fill-color";
            background = json_object();     /* of a colour by chance */
            (void) json_array_append_new(im->kept, background);
        }

        push(im, p, background, of);
        rn_im_leave(im, len);
        type = "title";
    }

    push(im, p, layer, type);
}


static void
measure(spec *e, part *p)
{
    double             from, to;
    size_t             i;
    json_t            *layer;
    rn_importer       *im = e->im;
    const char        *path;
    rn_import_facts    f;

    if (rn_im_number(im, p->clip, "duration", 0.001, 1e5, &p->length)) {
        p->known = true;
        return;
    }

    for (i = 0; i < p->n; i++) {
        layer = p->layers[i];

        if (strcmp(p->types[i], "video") != 0) {
            continue;
        }

        from = json_number_value(json_object_get(layer, "cutFrom"));
        to = json_number_value(json_object_get(layer, "cutTo"));
        path = json_string_value(json_object_get(layer, "path"));

        if (rn_im_look_at(im, path, &f) && f.duration > 0) {
            to = to > 0 ? fmin(to, f.duration) : f.duration;
        }

        if (to > from) {
            p->length = to - from;
            p->known = true;
            return;
        }

        rn_im_note(im, "its length cannot be told without the source; what is "
                   "placed by the clock is placed as if it were %g s",
                   e->duration);
        p->length = e->duration;
        return;
    }

    p->length = e->duration;
    p->known = true;
}


void
rn_ed_part(spec *e, part *p)
{
    size_t       i, len, at;
    json_t      *layers, *layer, *change;
    rn_importer *im = e->im;

    layers = rn_im_get(im, p->clip, "layers");
    len = rn_im_enter(im, "layers");

    if (json_is_object(layers)) {
        add_layer(e, p, layers);

    } else if (json_is_array(layers)) {
        json_array_foreach(layers, i, layer) {
            at = rn_im_enter_index(im, i);
            add_layer(e, p, layer);
            rn_im_leave(im, at);
        }

    } else {
        rn_im_wrong(im, "must be an array of layers");
    }

    rn_im_leave(im, len);

    change = json_object_get(p->clip, "transition");
    (void) rn_im_get(im, p->clip, "transition");

    if (json_is_null(change)
        || (change == NULL && json_is_null(e->transition)))
    {
        p->change = 0;
    } else if (change != NULL && !json_is_object(change)) {
        rn_im_wrong_at(im, "transition", "must be an object or null");
    } else {
        read_change(e, p, change != NULL ? change : e->transition,
                    change != NULL);
    }

    measure(e, p);
}
