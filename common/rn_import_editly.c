/*
 * An editly specification: clips one after another, each a pile of layers. The
 * lowest layers become a track with the transitions between them, the others
 * tracks above, where they fade while the lowest changes over.
 *
 * Facts are those of https://github.com/mifi/editly, its README above all.
 */

#include "rn_import_parts.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


#define CLIPS_MAX   5000
#define LAYERS_MAX  30                  /* of a clip */
#define DURATION    4.0
#define MARGIN      5.0                 /* per cent, of a position by a word */

typedef struct {
    json_t       *clip;
    double        start, length;        /* s */
    bool          known;                /* the length */
    double        change;               /* s, of the transition at its end */
    const char   *transition;           /* ours */
    json_t       *layers[LAYERS_MAX];
    const char   *types[LAYERS_MAX];    /* of a shorthand, what it stands for */
    json_t       *pointers[LAYERS_MAX]; /* where each stands, owned */
    size_t        n;
} part;

typedef struct {
    rn_importer  *im;
    json_t       *layer, *layer_type;   /* defaults */
    double        duration;
    json_t       *transition;
    bool          random;               /* a transition was left to chance */
    part         *parts;
    size_t        n;
    json_t       *above[LAYERS_MAX][2]; /* tracks over the lowest, owned */
    json_t       *sounds;               /* clips of sound, owned */
    bool          heard;                /* what clips sound like */
    double        clips_volume, output_volume, weights;
} spec;

typedef struct {
    spec         *e;
    json_t       *layer;
    const char   *type;
    json_t       *out, *made;           /* clip, asset; ours */
    json_t       *keys;
    double        clip_length;          /* s; 0: that of the source */
} view;


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


/* The object that has the member: the layer, or one of defaults. */

static json_t *
owner(view *v, const char *name)
{
    json_t  *of_type;

    of_type = json_object_get(v->e->layer_type, v->type);

    return json_object_get(v->layer, name) != NULL ? v->layer
           : json_object_get(of_type, name) != NULL ? of_type
           : json_object_get(v->e->layer, name) != NULL ? v->e->layer
           : v->layer;
}


static bool
number(view *v, const char *name, double lo, double hi, double *out)
{
    return rn_im_number(v->e->im, owner(v, name), name, lo, hi, out);
}


static const char *
string(view *v, const char *name)
{
    return rn_im_string(v->e->im, owner(v, name), name);
}


static void
lost(view *v, const char *name, const char *why)
{
    rn_im_lost(v->e->im, v->layer, name, "%s", why);
    (void) rn_im_get(v->e->im, owner(v, name), name);
}


/* ---------------------------------------------------------------- sound */


/* "0.5", 0.5 or "10dB" */

static double
weight(rn_importer *im, json_t *object, const char *name, double dflt)
{
    int      n;
    char     unit[3];
    double   d;
    json_t  *v;

    v = rn_im_get(im, object, name);

    if (v == NULL) {
        return dflt;
    }

    n = 0;
    unit[0] = '\0';

    if (json_is_number(v)) {
        d = json_number_value(v);
    } else if (!json_is_string(v)
               || sscanf(json_string_value(v), "%15lf%2[dBb]%n", &d, unit, &n)
                  < 1
               || (n == 0 && strspn(json_string_value(v), "0123456789.")
                             != strlen(json_string_value(v))))
    {
        rn_im_wrong_at(im, name, "must be a number, or decibels such as "
                       "\"10dB\"");
        return dflt;
    }

    if (unit[0] != '\0') {
        d = pow(10, fmin(fmax(d, -200), 200) / 20);
    }

    return isfinite(d) && d > 0 ? fmin(d, 1e6) : 0;
}


static json_t *
volume_of(rn_importer *im, double v)
{
    if (v > 1) {
        if (v > 3.98) {
            rn_im_note(im, "sound is made louder by 12 dB, not by %.1f",
                       20 * log10(v));
            v = 3.98;
        }
        return json_sprintf("%.4gdB", 20 * log10(v));
    }

    return json_real(round(v * 1e6) / 1e6);
}


/* All that sounds is weighted against each other, as amix does. */

static double
share(const spec *e, double w)
{
    return (e->weights > 0 ? w / e->weights : 1) * e->output_volume;
}


static void
add_sound(spec *e, json_t *object, const char *name, double start, double w)
{
    double             from, to;
    json_t            *clip, *src;
    rn_importer       *im = e->im;
    const char        *path;
    rn_import_facts    f;

    path = rn_im_string(im, object, name);
    src = path != NULL ? rn_im_src(im, name, path) : NULL;

    if (src == NULL) {
        rn_im_wrong(im, "needs a \"%s\"", name);
        return;
    }

    clip = json_pack("{s:{s:s, s:o}, s:o, s:s, s:o}", "asset", "type",
                     "audio", "src", src, "start", rn_im_seconds(start),
                     "duration", "end", "volume",
                     volume_of(im, share(e, w)));

    from = 0;
    if (strcmp(name, "path") == 0) {
        if (rn_im_number(im, object, "cutFrom", 0, 1e5, &from) && from > 0) {
            set_new(clip, "in_point", rn_im_seconds(from));
        }

        if (rn_im_number(im, object, "cutTo", 0, 1e5, &to)) {
            if (to <= from) {
                rn_im_wrong_at(im, "cutTo", "must be behind cutFrom");
            } else if (!rn_im_look(im, src, &f) || f.duration <= 0
                       || to < f.duration)
            {
                set_new(clip, "out_point", rn_im_seconds(to));
            }
        }
    }

    (void) json_array_append_new(e->sounds, clip);
}


static void
read_sounds(spec *e, json_t *root)
{
    bool         loop;
    double       start;
    size_t       i, len, at;
    json_t      *list, *track;
    rn_importer *im = e->im;

    if (json_object_get(root, "audioFilePath") != NULL) {
        add_sound(e, root, "audioFilePath", 0,
                  weight(im, root, "backgroundAudioVolume", 1));
    }

    loop = false;
    if (rn_im_bool(im, root, "loopAudio", &loop) && loop) {
        rn_im_note_at(im, "loopAudio", "a sound is played once");
    }

    list = rn_im_array(im, root, "audioTracks");
    len = rn_im_enter(im, "audioTracks");

    json_array_foreach(list, i, track) {
        at = rn_im_enter_index(im, i);
        start = 0;

        if (!json_is_object(track)) {
            rn_im_wrong(im, "must be an object");
        } else {
            (void) rn_im_number(im, track, "start", 0, 1e5, &start);
            add_sound(e, track, "path", start, weight(im, track, "mixVolume",
                                                      1));
        }
        rn_im_leave(im, at);
    }

    rn_im_leave(im, len);
}


/* ---------------------------------------------------------------- layers */


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


static void
position_of(view *v)
{
    json_t  *p;

    p = rn_im_get(v->e->im, owner(v, "position"), "position");

    if (p != NULL && !json_is_string(p) && !json_is_object(p)) {
        rn_im_wrong_at(v->e->im, "position", "must be a word or an object");
        return;
    }

    read_position(v, p, json_string_value(p));
}


/* Ken Burns: from a scale to another, or across. */

static void
read_zoom(view *v, const char *dflt, double amount)
{
    double       a, b, far;
    json_t      *value;
    rn_importer *im = v->e->im;
    const char  *way;

    value = json_object_get(owner(v, "zoomDirection"), "zoomDirection");
    way = string(v, "zoomDirection");
    if (way == NULL && value == NULL) {
        way = dflt;
    }

    (void) number(v, "zoomAmount", 0, 10, &amount);

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

    mode = string(v, "resizeMode");

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


static json_t *
read_path(view *v, const char *type)
{
    json_t      *src;
    const char  *path;

    path = string(v, "path");
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

static void
read_cut(view *v, json_t *src, bool fills)
{
    double            from, to, speed;
    rn_importer      *im = v->e->im;
    rn_import_facts   f;

    from = 0;
    (void) number(v, "cutFrom", 0, 1e5, &from);

    if (!rn_im_look(im, src, &f)) {
        f.duration = 0;
    }

    if (number(v, "cutTo", 0, 1e5, &to)) {
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

    src = read_path(v, "video");
    if (src == NULL) {
        return;
    }

    read_fit(v);
    read_cut(v, src, true);

    w = h = 1;
    x = y = 0;
    sized = number(v, "width", 0.001, 10, &w);
    sized = number(v, "height", 0.001, 10, &h) || sized;
    sized = number(v, "left", -10, 10, &x) || sized;
    sized = number(v, "top", -10, 10, &y) || sized;
    ox = string(v, "originX");
    oy = string(v, "originY");

    if (sized) {
        set_new(v->out, "width", rn_im_percent(100 * w));
        set_new(v->out, "height", rn_im_percent(100 * h));

        place = json_pack("{s:f, s:f, s:s, s:s}", "x", x, "y", y,
                          "originX", ox != NULL ? ox : "left",
                          "originY", oy != NULL ? oy : "top");
        read_position(v, place, NULL);
        json_decref(place);
    }

    (void) rn_im_get(im, owner(v, "mixVolume"), "mixVolume");
    lost(v, "fabricImagePostProcessing", "functions are not run");

    if (loudness != 1) {
        set_new(v->out, "volume", volume_of(im, loudness));
    }
}


static void
read_image(view *v, bool overlay)
{
    double  side;

    if (read_path(v, "image") == NULL) {
        return;
    }

    lost(v, "duration", "has no counterpart");

    if (!overlay) {
        read_fit(v);
        read_zoom(v, "in", 0.1);
        return;
    }

    if (number(v, "width", 0.001, 10, &side)) {
        set_new(v->out, "width", rn_im_percent(100 * side));
        lost(v, "height", "follows from the width");
    } else if (number(v, "height", 0.001, 10, &side)) {
        set_new(v->out, "height", rn_im_percent(100 * side));
    } else {
        set_string(v->out, "width", "100%");
    }

    position_of(v);
    read_zoom(v, NULL, 0.1);
}


static void
read_text(view *v)
{
    char         color[10];
    bool         subtitle, news, slide;
    double       side, size, unused;
    json_t      *font;
    rn_importer *im = v->e->im;
    const char  *text, *family;

    subtitle = strcmp(v->type, "subtitle") == 0;
    news = strcmp(v->type, "news-title") == 0;
    slide = strcmp(v->type, "slide-in-text") == 0;

    text = string(v, "text");

    if (text == NULL || strspn(text, " \t\r\n") == strlen(text)) {
        rn_im_wrong(im, "needs a \"text\"");
        return;
    }

    side = fmin(im->width, im->height);
    size = subtitle || news ? side / 20 : slide ? side * 0.05 : side / 10;
    memcpy(color, "#ffffffff", 10);

    if (slide) {
        (void) (number(v, "fontSize", 0.001, 1, &size) && (size *= side));
        (void) rn_im_color(im, owner(v, "color"), "color", false, color);
    }
    (void) rn_im_color(im, owner(v, "textColor"), "textColor", false, color);

    font = json_pack("{s:o, s:s}", "size",
                     json_real(fmax(round(size * 100) / 100, 4)), "color",
                     color);

    family = string(v, "fontFamily");
    if (family != NULL) {
        set_string(font, "family", family);
    }

    set_string(v->made, "type", "text");
    set_string(v->made, "text", text);
    set_new(v->made, "font", font);

    lost(v, "fontPath", "fonts are those of the machine that renders");
    lost(v, "charSpacing", "letters stand as the font has them");

    if (subtitle || news) {
        memcpy(color, news ? "#d02a42ff" : "#0000004d", 10);
        (void) rn_im_color(im, owner(v, "backgroundColor"), "backgroundColor",
                           false, color);
        set_string(v->made, "background", color);
        set_string(v->made, "align", "left");
        set_string(v->out, "position", news ? "top-left" : "bottom");
        set_new(v->out, "offset", json_pack("{s:s}", "y", news ? "8%" : "-5%"));
        lost(v, "position", "is the one that this layer always has");
        (void) number(v, "delay", 0, 1e5, &unused);
        (void) number(v, "speed", 0, 1e5, &unused);
        rn_im_note(im, "the text does not move in; it is there");
    }

    if (subtitle) {
        set_new(v->out, "width", rn_im_percent(100 - 10 * side / im->width));
        return;
    }

    if (news) {
        return;
    }

    if (slide) {
        rn_im_note(im, "the text does not move in; it is there");
    } else {
        set_string(v->out, "width", "80%");
    }

    position_of(v);

    if (!slide) {
        read_zoom(v, "in", 0.2);
    }
}


/* A colour, or what stands for one here. */

static void
read_fill(view *v)
{
    char         color[10];
    json_t      *colors, *first;
    rn_importer *im = v->e->im;

    memcpy(color, "#1b3a4bff", 10);

    if (strcmp(v->type, "fill-color") == 0 || strcmp(v->type, "pause") == 0) {
        if (!rn_im_color(im, owner(v, "color"), "color", false, color)
            && json_object_get(owner(v, "color"), "color") == NULL)
        {
            rn_im_note(im, "has no colour, which editly chooses at random; "
                       "here it is #1b3a4b");
        }

    } else if (strstr(v->type, "gradient") != NULL) {
        colors = rn_im_array(im, owner(v, "colors"), "colors");
        first = json_pack("{s:O}", "colors", json_array_get(colors, 0)
                                             ?: json_null());
        if (json_is_string(json_object_get(first, "colors"))) {
            (void) rn_im_color(im, first, "colors", false, color);
        }
        json_decref(first);
        rn_im_note(im, "there are no gradients; one colour fills the canvas");

    } else {
        rn_im_note(im, "\"%.40s\" cannot be drawn; one colour fills the canvas",
                   v->type);
        rn_im_done(im, v->layer);
    }

    set_string(v->made, "type", "color");
    set_string(v->made, "color", color);
}


/* A layer that is seen, a new reference; NULL with a problem. */

static json_t *
read_layer(spec *e, json_t *layer, const char *type, double clip_length,
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
        read_text(&v);
    } else {
        read_fill(&v);
    }

    if (json_object_size(v.keys) > 0) {
        set_new(v.out, "keyframes", v.keys);
    } else {
        json_decref(v.keys);
    }

    return v.out;
}


/* ---------------------------------------------------------------- clips */


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

    len = im->len;
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


static bool
is_heard_only(const char *type)
{
    return strcmp(type, "audio") == 0 || strcmp(type, "detached-audio") == 0;
}


static bool
is_drawn(const char *type)
{
    size_t  i;

    static const char *const types[] = {
        "video", "image", "image-overlay", "title", "subtitle", "news-title",
        "slide-in-text", "fill-color", "pause", "linear-gradient",
        "radial-gradient"
    };

    for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (strcmp(type, types[i]) == 0) {
            return true;
        }
    }

    return false;
}


static void
push(rn_importer *im, part *p, json_t *layer, const char *type)
{
    p->layers[p->n] = layer;
    p->types[p->n] = type;
    p->pointers[p->n++] = json_string(im->path);
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
    json_t            *src, *layer;
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

        src = json_string(path != NULL && strncmp(path, "./", 2) == 0
                          ? path + 2 : path != NULL ? path : "");
        if (rn_im_look(im, src, &f) && f.duration > 0) {
            to = to > 0 ? fmin(to, f.duration) : f.duration;
        }
        json_decref(src);

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


static void
read_part(spec *e, part *p)
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


/* How loud what a clip's own sources say is, among the layers of that clip. */

static double
loudness_of(spec *e, const part *p, size_t i)
{
    double       sum, mine, w;
    size_t       k, n;
    json_t      *layer;
    const char  *type;

    sum = mine = 0;
    n = 0;

    for (k = 0; k < p->n; k++) {
        layer = p->layers[k];
        type = p->types[k];

        if ((strcmp(type, "video") != 0 && strcmp(type, "audio") != 0)
            || json_number_value(json_object_get(layer, "start")) > 0
            || json_is_number(json_object_get(layer, "stop")))
        {
            continue;
        }

        w = weight(e->im, layer, "mixVolume", 1);
        sum += w;
        mine = k == i ? w : mine;
        n++;
    }

    if (!e->heard || mine <= 0) {
        return 0;
    }

    return share(e, e->clips_volume) * (n > 1 ? mine / sum : 1);
}


static void
enter_layer(spec *e, const part *p, size_t i)
{
    const char  *pointer;

    pointer = json_string_value(p->pointers[i]);
    e->im->len = (size_t) snprintf(e->im->path, sizeof(e->im->path), "%s",
                                   pointer != NULL ? pointer : "");
}


static void
sound_layer(spec *e, const part *p, size_t i, double in)
{
    double       start, loudness;
    view         v;
    json_t      *src, *layer;
    rn_importer *im = e->im;

    layer = p->layers[i];
    start = 0;
    (void) rn_im_number(im, layer, "start", 0, 1e5, &start);

    if (strcmp(p->types[i], "detached-audio") == 0) {
        add_sound(e, layer, "path", p->start + start,
                  weight(im, layer, "mixVolume", 1));
        return;
    }

    loudness = loudness_of(e, p, i);

    if (loudness <= 0) {
        rn_im_note(im, "is not heard: of clips nothing is, without "
                   "keepSourceAudio");
        rn_im_done(im, layer);
        return;
    }

    memset(&v, 0, sizeof(v));
    v.e = e;
    v.layer = layer;
    v.type = "audio";
    v.made = json_object();
    v.out = json_pack("{s:o}", "asset", v.made);
    v.clip_length = p->length;

    src = read_path(&v, "audio");
    if (src != NULL) {
        read_cut(&v, src, false);
        set_new(v.out, "start", rn_im_seconds(p->start));
        set_new(v.out, "duration", rn_im_seconds(p->length));
        set_new(v.out, "volume", volume_of(im, loudness));
        if (in > 0) {
            set_new(v.out, "fade_in", rn_im_seconds(in));
        }
        if (p->change > 0) {
            set_new(v.out, "fade_out", rn_im_seconds(p->change));
        }
        (void) json_array_append(e->sounds, v.out);
    }

    json_decref(v.out);
}


/* The clips of a part; `base` takes the lowest layer. */

static void
place_part(spec *e, part *p, json_t *base, double in)
{
    bool         bounded, lowest, fades;
    double       start, stop;
    size_t       i, above;
    json_t      *clip, *layer, **track;
    rn_importer *im = e->im;

    above = 0;
    lowest = fades = false;

    for (i = 0; i < p->n; i++) {
        layer = p->layers[i];
        enter_layer(e, p, i);

        if (is_heard_only(p->types[i])) {
            sound_layer(e, p, i, in);
            continue;
        }

        start = json_number_value(json_object_get(layer, "start"));
        stop = json_is_number(json_object_get(layer, "stop"))
               ? json_number_value(json_object_get(layer, "stop")) : p->length;

        if (!(start >= 0 && start < stop) || stop > p->length + 1e-6) {
            rn_im_wrong(im, "\"start\" and \"stop\" must lie within the clip");
            continue;
        }

        if (lowest && !is_drawn(p->types[i])) {
            rn_im_note(im, "\"%.40s\" cannot be drawn; the layer is left out",
                       p->types[i]);
            rn_im_done(im, layer);
            continue;
        }

        bounded = start > 0 || stop < p->length - 1e-6;
        clip = read_layer(e, layer, p->types[i], p->known ? p->length : 0,
                          loudness_of(e, p, i));

        if (!lowest && !bounded) {
            lowest = true;
            if (p->known) {
                set_new(clip, "duration", rn_im_seconds(p->length));
            }
            (void) json_array_append_new(base, clip);
            continue;
        }

        if (!lowest) {                  /* something has to carry the time */
            lowest = true;
            (void) json_array_append_new(base,
                                         json_pack("{s:{s:s, s:s}, s:o}",
                                         "asset", "type", "color", "color",
                                         "#00000000", "duration",
                                         rn_im_seconds(p->length)));
        }

        set_new(clip, "start", rn_im_seconds(p->start + start));
        set_new(clip, "duration", rn_im_seconds(stop - start));
        fades = fades || stop >= p->length - 1e-6;
        rn_im_fade(clip, start > 0 ? 0 : in,
                   stop < p->length - 1e-6 ? 0 : p->change, stop - start);

        track = &e->above[above < LAYERS_MAX ? above : LAYERS_MAX - 1]
                         [(p - e->parts) % 2];
        above++;

        if (*track == NULL) {
            *track = json_pack("{s:s, s:[]}", "kind", "video", "clips");
        }
        (void) json_array_append_new(json_object_get(*track, "clips"), clip);
    }

    if (!lowest) {
        (void) json_array_append_new(base, json_pack("{s:{s:s, s:s}, s:o}",
                                     "asset", "type", "color", "color",
                                     "#000000ff", "duration",
                                     rn_im_seconds(p->length)));
    }

    if (fades && p->change > 0 && strcmp(p->transition, "fade") != 0) {
        enter_layer(e, p, 0);
        rn_im_note(im, "in the transition at the end of its clip, layers above "
                   "the lowest fade");
    }
}


static void
place_all(spec *e)
{
    double       at, in, start;
    size_t       i, k;
    part        *p;
    json_t      *base, *track, *clip;
    rn_importer *im = e->im;

    base = json_object_get(rn_im_track(im, "video"), "clips");
    at = in = 0;

    for (i = 0; i < e->n; i++) {            /* no more than half of each */
        p = &e->parts[i];

        if (i + 1 == e->n) {
            p->change = 0;
        } else {
            p->change = fmin(p->change, fmin(p->length, p[1].length) / 2);
            if (p->change > fmin(p->length, p[1].length) / 2 - 1 / im->fps) {
                p->change = floor(p->change * im->fps - 0.5) / im->fps;
            }
            if (p->change < 1 / im->fps) {
                p->change = 0;
            }
        }

        p->start = at;
        at += p->length - p->change;
    }

    for (i = 0; i < e->n; i++) {
        p = &e->parts[i];
        place_part(e, p, base, in);
        in = p->change;

        if (p->change > 0) {
            (void) json_array_append_new(base,
                                         json_pack("{s:s, s:s, s:o}",
                                         "type", "transition",
                                         "transition_type", p->transition,
                                         "duration", rn_im_seconds(in)));
        }
    }

    for (i = 0; i < LAYERS_MAX; i++) {
        for (k = 0; k < 2; k++) {
            if (e->above[i][k] != NULL) {
                (void) json_array_append(im->tracks, e->above[i][k]);
            }
        }
    }

    for (i = 0; i < json_array_size(e->sounds); i++) {
        clip = json_array_get(e->sounds, i);
        start = json_number_value(json_object_get(clip, "start"));

        if (start >= at - 1 / im->fps) {
            im->len = 0;
            im->path[0] = '\0';
            rn_im_note(im, "a sound begins at %.3f s, at or behind the end of "
                       "the film, and is left out", start);
            continue;
        }

        track = rn_im_track(im, "audio");
        (void) json_array_append(json_object_get(track, "clips"), clip);
    }
}


/* ---------------------------------------------------------------- the whole */


static void
read_defaults(spec *e, json_t *root)
{
    size_t       len;
    json_t      *d;
    rn_importer *im = e->im;

    e->duration = DURATION;
    d = rn_im_object(im, root, "defaults");
    if (d == NULL) {
        return;
    }

    len = rn_im_enter(im, "defaults");
    (void) rn_im_number(im, d, "duration", 0.001, 1e5, &e->duration);
    e->layer = rn_im_object(im, d, "layer");
    e->layer_type = rn_im_object(im, d, "layerType");

    if (json_object_get(e->layer, "fontPath") != NULL) {
        (void) rn_im_enter(im, "layer");
        rn_im_lost(im, e->layer, "fontPath", "fonts are those of the machine "
                   "that renders");
        rn_im_leave(im, len);
        (void) rn_im_enter(im, "defaults");
    }

    e->transition = json_object_get(d, "transition");
    (void) rn_im_get(im, d, "transition");

    if (e->transition != NULL && !json_is_null(e->transition)
        && !json_is_object(e->transition))
    {
        rn_im_wrong_at(im, "transition", "must be an object or null");
        e->transition = NULL;
    }

    (void) rn_im_enter(im, "transition");
    rn_im_lost(im, e->transition, "audioOutCurve", "sounds change over at "
               "equal power");
    rn_im_lost(im, e->transition, "audioInCurve", "sounds change over at "
               "equal power");
    rn_im_lost(im, e->transition, "easing", "transitions go on evenly");
    rn_im_lost(im, e->transition, "params", "transitions have no parameters");

    rn_im_leave(im, len);
}


/* What the first video is like, which decides what is left open. */

static bool
first_video(spec *e, rn_import_facts *f)
{
    size_t       i, k;
    json_t      *src, *layer;
    const char  *path;

    memset(f, 0, sizeof(*f));

    for (i = 0; i < e->n; i++) {
        for (k = 0; k < e->parts[i].n; k++) {
            layer = e->parts[i].layers[k];

            if (strcmp(e->parts[i].types[k], "video") == 0) {
                path = json_string_value(json_object_get(layer, "path"));
                src = json_string(path != NULL && strncmp(path, "./", 2) == 0
                                  ? path + 2 : path != NULL ? path : "");
                (void) rn_im_look(e->im, src, f);
                json_decref(src);
                return true;
            }
        }
    }

    return false;
}


static void
read_canvas(spec *e, json_t *root)
{
    bool             video;
    double           w, h;
    rn_importer     *im = e->im;
    rn_import_facts  f;

    video = first_video(e, &f);
    w = 640;
    (void) rn_im_number(im, root, "width", 16, 7680, &w);
    h = round(w * 9 / 16 / 2) * 2;

    if (!rn_im_number(im, root, "height", 16, 7680, &h)) {
        if (f.width > 0 && f.height > 0) {
            h = round(w * f.height / f.width / 2) * 2;
        } else if (video) {
            rn_im_note(im, "has no height, which is that of the first video's "
                       "shape; here it is %g", h);
        }
    }

    im->fps = 25;
    if (!rn_im_number(im, root, "fps", 1, 120, &im->fps) && video) {
        rn_im_note(im, "has no fps, which are those of the first video; here "
                   "they are 25");
    }

    rn_im_canvas(im, w, h);
}


static json_t *
read_outputs(spec *e, json_t *root)
{
    bool         fast;
    size_t       i;
    json_t      *out;
    rn_importer *im = e->im;
    const char  *path, *dot;

    static const char *const same[] = { "mp4", "gif", "mov", "webm" };
    static const char *const asides[] = {
        "enableFfmpegLog", "verbose", "logTimes", "keepTmp", "ffmpegPath",
        "ffprobePath", "allowRemoteRequests"
    };

    for (i = 0; i < sizeof(asides) / sizeof(asides[0]); i++) {
        (void) rn_im_get(im, root, asides[i]);      /* not of the film */
    }

    fast = false;
    if (rn_im_bool(im, root, "fast", &fast) && fast) {
        rn_im_note_at(im, "fast", "films are always rendered in full");
    }

    rn_im_lost(im, root, "customOutputArgs", "arguments of the ffmpeg command "
               "are not taken");

    out = json_pack("{s:s}", "format", "mp4");
    path = rn_im_string(im, root, "outPath");
    dot = path != NULL ? strrchr(path, '.') : NULL;

    for (i = 0; dot != NULL && i < sizeof(same) / sizeof(same[0]); i++) {
        if (strcasecmp(dot + 1, same[i]) == 0) {
            set_string(out, "format", same[i]);
            break;
        }
    }

    if (dot != NULL && i == sizeof(same) / sizeof(same[0])) {
        rn_im_note_at(im, "outPath", "an mp4 is written in place of \"%.20s\"",
                      dot + 1);
    }

    if (i == 1 && dot != NULL) {            /* gifs have defaults of their own */
        set_new(out, "width", json_integer(im->width));
        set_new(out, "fps", rn_im_fps(fmin(im->fps, 50)));
    }

    return json_pack("[o]", out);
}


/* The sum that shares are of; all weights are known before anything sounds. */

static void
weigh(spec *e, json_t *root)
{
    size_t       i, k, n;
    json_t      *norm, *list, *v;
    bool         enable;
    rn_importer *im = e->im;

    (void) rn_im_bool(im, root, "keepSourceAudio", &e->heard);
    e->clips_volume = weight(im, root, "clipsAudioVolume", 1);
    e->output_volume = weight(im, root, "outputVolume", 1);

    norm = rn_im_object(im, root, "audioNorm");
    enable = false;
    if (rn_im_bool(im, norm, "enable", &enable) && enable) {
        rn_im_note_at(im, "audioNorm", "loudness is not evened out");
    }
    rn_im_done(im, norm);

    n = 0;
    e->weights = e->clips_volume;

    if (json_object_get(root, "audioFilePath") != NULL) {
        e->weights += weight(im, root, "backgroundAudioVolume", 1);
        n++;
    }

    list = json_object_get(root, "audioTracks");
    json_array_foreach(list, i, v) {
        e->weights += weight(im, v, "mixVolume", 1);
        n++;
    }

    for (i = 0; i < e->n; i++) {
        for (k = 0; k < e->parts[i].n; k++) {
            v = e->parts[i].layers[k];
            if (strcmp(e->parts[i].types[k], "detached-audio") == 0) {
                e->weights += weight(im, v, "mixVolume", 1);
                n++;
            }
        }
    }

    if (n == 0) {
        e->clips_volume = 1;
        e->weights = 0;
    }
}


static void
read_parts(spec *e, json_t *clips)
{
    size_t       i, len, at;
    json_t      *clip;
    rn_importer *im = e->im;

    if (json_array_size(clips) == 0 || json_array_size(clips) > CLIPS_MAX) {
        rn_im_wrong_at(im, "clips", "must be an array of 1 to %d clips",
                       CLIPS_MAX);
        return;
    }

    e->parts = calloc(json_array_size(clips), sizeof(part));
    if (e->parts == NULL) {
        rn_im_wrong(im, "out of memory");
        return;
    }

    len = rn_im_enter(im, "clips");

    json_array_foreach(clips, i, clip) {
        at = rn_im_enter_index(im, i);
        e->parts[i].clip = clip;
        e->n = i + 1;

        if (!json_is_object(clip)) {
            rn_im_wrong(im, "must be an object");
        } else {
            read_part(e, &e->parts[i]);
        }
        rn_im_leave(im, at);
    }

    rn_im_leave(im, len);
}


static void
let_go(spec *e)
{
    size_t  i, k;

    for (i = 0; i < e->n; i++) {
        for (k = 0; k < LAYERS_MAX; k++) {
            json_decref(e->parts[i].pointers[k]);
        }
    }

    for (i = 0; i < LAYERS_MAX; i++) {
        json_decref(e->above[i][0]);
        json_decref(e->above[i][1]);
    }

    json_decref(e->sounds);
    free(e->parts);
}


json_t *
rn_import_editly(rn_importer *im, json_t *root)
{
    spec     e;
    json_t  *document, *outputs;

    memset(&e, 0, sizeof(e));
    e.im = im;
    e.sounds = json_array();
    document = NULL;

    read_defaults(&e, root);
    read_parts(&e, rn_im_array(im, root, "clips"));

    if (im->problems->total == 0) {
        read_canvas(&e, root);
        outputs = read_outputs(&e, root);
        weigh(&e, root);
        read_sounds(&e, root);
        place_all(&e);
        im->len = 0;
        im->path[0] = '\0';

        if (e.random && e.n > 1) {
            rn_im_note_at(im, "clips", "transitions without a name, which "
                          "editly chooses at random, are fades");
        }

        document = json_pack("{s:i, s:{s:i, s:i, s:o, s:O}, s:o}",
                             "version", 1, "timeline",
                             "width", im->width, "height", im->height,
                             "fps", rn_im_fps(im->fps),
                             "tracks", im->tracks, "outputs", outputs);
    }

    let_go(&e);

    return document;
}
