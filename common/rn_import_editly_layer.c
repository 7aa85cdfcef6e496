/*
 * A layer of an editly specification: what it shows and where.  What it does
 * not say itself, defaults may.  Texts and colours: _drawn.c; sound:
 * _sound.c.
 */

#include "rn_import_editly.h"

#include <math.h>
#include <string.h>


#define MARGIN  5.0                     /* per cent, of a position by a word */


/* The object that has the member: the layer, or one of defaults. */

json_t *
rn_ed_owner(view *v, const char *name)
{
    json_t  *of_type;

    of_type = json_object_get(v->e->layer_type, v->type);

    return json_object_get(v->layer, name) != NULL ? v->layer
           : json_object_get(of_type, name) != NULL ? of_type
           : json_object_get(v->e->layer, name) != NULL ? v->e->layer
           : v->layer;
}


bool
rn_ed_number(view *v, const char *name, double lo, double hi, double *out)
{
    return rn_im_number(v->e->im, rn_ed_owner(v, name), name, lo, hi, out);
}


const char *
rn_ed_string(view *v, const char *name)
{
    return rn_im_string(v->e->im, rn_ed_owner(v, name), name);
}


void
rn_ed_lost(view *v, const char *name, const char *why)
{
    rn_im_lost(v->e->im, v->layer, name, "%s", why);
    (void) rn_im_get(v->e->im, rn_ed_owner(v, name), name);
}


/* A place by a word or numbers, whatever size the thing has. */

static void
read_position(view *v, json_t *object, const char *word)
{
    int          across, down;
    double       x, y;
    size_t       len;
    rn_importer *im = v->e->im;
    const char  *s;

    static const char *const names[] = {
        "top-left", "top", "top-right", "left", "center", "right",
        "bottom-left", "bottom", "bottom-right"
    };

    across = down = 1;
    x = y = 0;

    if (word != NULL) {
        across = strstr(word, "left") ? 0 : strstr(word, "right") ? 2 : 1;
        down = strncmp(word, "top", 3) == 0 ? 0
               : strncmp(word, "bottom", 6) == 0 ? 2 : 1;
        x = (1 - across) * MARGIN;
        y = (1 - down) * MARGIN;

        if (across == 1 && down == 1 && strcmp(word, "center") != 0) {
            rn_im_note_at(im, "position", "\"%.40s\" is not known", word);
        }

    } else if (object != NULL) {
        len = rn_im_enter(im, "position");

        if (rn_im_number(im, object, "x", -10, 10, &x)) {
            s = rn_im_string(im, object, "originX");
            across = s == NULL || strcmp(s, "left") == 0 ? 0
                     : strcmp(s, "right") == 0 ? 2 : 1;
            x = 100 * (x - across / 2.0);
        }

        if (rn_im_number(im, object, "y", -10, 10, &y)) {
            s = rn_im_string(im, object, "originY");
            down = s == NULL || strcmp(s, "top") == 0 ? 0
                   : strcmp(s, "bottom") == 0 ? 2 : 1;
            y = 100 * (y - down / 2.0);
        }
        rn_im_leave(im, len);
    }

    if (across != 1 || down != 1) {
        set_string(v->out, "position", names[3 * down + across]);
    }

    if (x != 0 || y != 0) {
        set_new(v->out, "offset", json_pack("{s:o, s:o}", "x",
                                            rn_im_percent(x), "y",
                                            rn_im_percent(y)));
    }
}


void
rn_ed_position(view *v)
{
    json_t  *p;

    p = rn_im_get(v->e->im, rn_ed_owner(v, "position"), "position");

    if (p != NULL && !json_is_string(p) && !json_is_object(p)) {
        rn_im_wrong_at(v->e->im, "position", "must be a word or an object");
        return;
    }

    read_position(v, p, json_string_value(p));
}


/* Ken Burns: from a scale to another, or across. */

void
rn_ed_zoom(view *v, const char *dflt, double amount)
{
    double       a, b, far;
    json_t      *value;
    rn_importer *im = v->e->im;
    const char  *way;

    value = json_object_get(rn_ed_owner(v, "zoomDirection"), "zoomDirection");
    way = rn_ed_string(v, "zoomDirection");
    if (way == NULL && value == NULL) {
        way = dflt;
    }

    (void) rn_ed_number(v, "zoomAmount", 0, 10, &amount);

    if (way == NULL) {
        return;
    }

    if (strcmp(way, "in") == 0 || strcmp(way, "out") == 0) {
        a = way[0] == 'i' ? 1 : 1 + amount;
        b = way[0] == 'i' ? 1 + amount : 1;

        set_new(v->keys, "scale", json_pack("[{s:i, s:f}, {s:s, s:f}]",
                                            "time", 0, "value", a,
                                            "time", "end", "value", b));

    } else if (strcmp(way, "left") == 0 || strcmp(way, "right") == 0) {
        if (json_object_get(v->out, "offset") != NULL) {
            rn_im_note_at(im, "zoomDirection", "the way begins in the middle");
            (void) json_object_del(v->out, "offset");
        }

        far = (way[0] == 'r' ? 1 : -1) * amount * 500;      /* px there, too */
        set_new(v->out, "scale", json_real(fmin(1.3 + amount, 20)));
        set_new(v->keys, "offset",
                json_pack("[{s:i, s:{s:f}}, {s:s, s:{s:f}}]", "time", 0,
                          "value", "x", -far, "time", "end", "value", "x",
                          far));
    } else {
        rn_im_note_at(im, "zoomDirection", "\"%.40s\" is not known", way);
    }
}


static void
read_fit(view *v)
{
    const char  *mode;

    mode = rn_ed_string(v, "resizeMode");

    if (mode == NULL || strcmp(mode, "contain-blur") == 0) {
        set_string(v->out, "fit", "contain-blur");
    } else if (strcmp(mode, "contain") == 0 || strcmp(mode, "cover") == 0) {
        set_string(v->out, "fit", mode);
    } else if (strcmp(mode, "stretch") == 0) {
        set_string(v->out, "fit", "fill");
    } else {
        rn_im_note_at(v->e->im, "resizeMode", "\"%.40s\" is not known", mode);
        set_string(v->out, "fit", "contain-blur");
    }
}


json_t *
rn_ed_path(view *v, const char *type)
{
    json_t      *src;
    const char  *path;

    path = rn_ed_string(v, "path");
    src = path != NULL ? rn_im_src(v->e->im, "path", path) : NULL;

    if (src == NULL) {
        rn_im_wrong(v->e->im, "needs a \"path\"");
        return NULL;
    }

    set_string(v->made, "type", type);
    set_new(v->made, "src", src);

    return src;
}


/* A part of the source, as fast as fills the clip. */

void
rn_ed_cut(view *v, json_t *src, bool fills)
{
    double            from, to, speed;
    rn_importer      *im = v->e->im;
    rn_import_facts   f;

    from = 0;
    (void) rn_ed_number(v, "cutFrom", 0, 1e5, &from);

    if (!rn_im_look(im, src, &f)) {
        f.duration = 0;
    }

    if (rn_ed_number(v, "cutTo", 0, 1e5, &to)) {
        if (to <= from) {
            rn_im_wrong_at(im, "cutTo", "must be behind cutFrom");
            return;
        }
        if (f.duration > 0) {
            to = fmin(to, f.duration);
        }
    } else {
        to = fills ? f.duration : from + v->clip_length;
    }

    if (from > 0) {
        set_new(v->out, "in_point", rn_im_seconds(from));
    }

    if (v->clip_length <= 0) {
        return;
    }

    if (to <= from) {
        if (fills) {
            rn_im_note(im, "its speed cannot be told without the source; it "
                       "plays at its own");
        }
        return;
    }

    speed = (to - from) / v->clip_length;

    if (speed < 0.25 || speed > 4) {
        rn_im_note(im, "would play at %.4g times its speed, and plays at %g",
                   speed, speed < 1 ? 0.25 : 4.0);
        speed = speed < 1 ? 0.25 : 4;
    }

    speed = round(speed * 1000) / 1000;
    if (speed != 1) {
        set_new(v->out, "speed", json_real(speed));
    }
}


static void
read_video(view *v, double loudness)
{
    double       w, h, x, y;
    bool         sized;
    json_t      *src, *place;
    rn_importer *im = v->e->im;
    const char  *ox, *oy;

    src = rn_ed_path(v, "video");
    if (src == NULL) {
        return;
    }

    read_fit(v);
    rn_ed_cut(v, src, true);

    w = h = 1;
    x = y = 0;
    sized = rn_ed_number(v, "width", 0.001, 10, &w);
    sized = rn_ed_number(v, "height", 0.001, 10, &h) || sized;
    sized = rn_ed_number(v, "left", -10, 10, &x) || sized;
    sized = rn_ed_number(v, "top", -10, 10, &y) || sized;
    ox = rn_ed_string(v, "originX");
    oy = rn_ed_string(v, "originY");

    if (sized) {
        set_new(v->out, "width", rn_im_percent(100 * w));
        set_new(v->out, "height", rn_im_percent(100 * h));

        place = json_pack("{s:f, s:f, s:s, s:s}", "x", x, "y", y,
                          "originX", ox != NULL ? ox : "left",
                          "originY", oy != NULL ? oy : "top");
        read_position(v, place, NULL);
        json_decref(place);
    }

    (void) rn_im_get(im, rn_ed_owner(v, "mixVolume"), "mixVolume");
    rn_ed_lost(v, "fabricImagePostProcessing", "functions are not run");

    if (loudness != 1) {
        set_new(v->out, "volume", rn_ed_volume(im, loudness));
    }
}


static void
read_image(view *v, bool overlay)
{
    double   side;
    json_t  *src;

    src = rn_ed_path(v, "image");
    if (src == NULL) {
        return;
    }

    set_string(v->made, "type", rn_im_picture(v->e->im, src));

    rn_ed_lost(v, "duration", "has no counterpart");

    if (!overlay) {
        read_fit(v);
        rn_ed_zoom(v, "in", 0.1);
        return;
    }

    if (rn_ed_number(v, "width", 0.001, 10, &side)) {
        set_new(v->out, "width", rn_im_percent(100 * side));
        rn_ed_lost(v, "height", "follows from the width");
    } else if (rn_ed_number(v, "height", 0.001, 10, &side)) {
        set_new(v->out, "height", rn_im_percent(100 * side));
    } else {
        set_string(v->out, "width", "100%");
    }

    rn_ed_position(v);
    rn_ed_zoom(v, NULL, 0.1);
}


/* A layer that is seen, a new reference; NULL with a problem. */

json_t *
rn_ed_layer(spec *e, json_t *layer, const char *type, double clip_length,
    double loudness)
{
    view         v;
    double       unused;
    rn_importer *im = e->im;

    memset(&v, 0, sizeof(v));
    v.e = e;
    v.layer = layer;
    v.type = type;
    v.made = json_object();
    v.out = json_pack("{s:o}", "asset", v.made);
    v.keys = json_object();
    v.clip_length = clip_length;

    (void) rn_im_get(im, layer, "type");
    (void) rn_im_number(im, layer, "start", 0, 1e5, &unused);
    (void) rn_im_number(im, layer, "stop", 0, 1e5, &unused);

    if (strcmp(v.type, "video") == 0) {
        read_video(&v, loudness);
    } else if (strcmp(v.type, "image") == 0) {
        read_image(&v, false);
    } else if (strcmp(v.type, "image-overlay") == 0) {
        read_image(&v, true);
    } else if (strcmp(v.type, "title") == 0 || strcmp(v.type, "subtitle") == 0
               || strcmp(v.type, "news-title") == 0
               || strcmp(v.type, "slide-in-text") == 0)
    {
        rn_ed_text(&v);
    } else {
        rn_ed_fill(&v);
    }

    if (json_object_size(v.keys) > 0) {
        set_new(v.out, "keyframes", v.keys);
    } else {
        json_decref(v.keys);
    }

    return v.out;
}
