/*
 * Captions of a Shotstack edit: `caption`, of a file, and `rich-caption`, of a
 * file or of words with their times.  There they stand in a box that lies where
 * the clip does, at its lower edge unless something else is said; here they
 * have a place of their own.
 */

#include "rn_import_shotstack.h"

#include <math.h>
#include <string.h>


#define SIZE        32.0                /* px, as the editor has it */
#define RICH_SIZE   24.0
#define WRAP        0.9                 /* of the box */
#define SAFE_AREA   0.05                /* which our places by words keep */


static bool
left_out(shot *s, const char *why)
{
    rn_im_note_at(s->im, "src", "%s; the clip is left out", why);
    rn_im_done(s->im, s->clip);

    return false;
}


static bool
read_file(shot *s)
{
    json_t      *src;
    rn_importer *im = s->im;
    const char  *name, *full;

    static const char *const media[] = {
        ".mp4", ".mov", ".webm", ".mkv", ".mp3", ".wav", ".m4a", ".flac",
        ".aac", ".ogg", NULL
    };

    static const char *const others[] = { ".ttml", ".dfxp", ".xml", NULL };

    name = rn_im_text(im, s->asset, "src");

    if (name == NULL || name[0] == '\0') {
        rn_im_wrong(im, "needs a \"src\"");
        return false;
    }

    full = rn_im_fill(im, name);

    if (strncmp(full, "alias://", 8) == 0 || rn_im_ends(full, media)) {
        return left_out(s, "nothing here writes down what is spoken");
    }

    if (rn_im_ends(full, others)) {
        return left_out(s, "captions are SRT, WebVTT or ASS");
    }

    src = rn_im_src(im, "src", name);
    if (src == NULL) {
        rn_im_wrong(im, "needs a \"src\"");
        return false;
    }

    set_new(s->made, "src", src);

    return true;
}


/* Words as the editor has them, in ms; here in seconds, and none at once. */

static bool
read_words(shot *s)
{
    double       start, end, last;
    size_t       i, len, at;
    json_t      *list, *word, *made;
    rn_importer *im = s->im;
    const char  *text;

    list = rn_im_array(im, s->asset, "words");
    made = json_array();
    len = rn_im_enter(im, "words");
    last = 0;

    json_array_foreach(list, i, word) {
        at = rn_im_enter_index(im, i);
        text = json_is_object(word) ? rn_im_text(im, word, "text") : NULL;

        if (text == NULL || !rn_im_number(im, word, "start", 0, 8.64e7, &start)
            || !rn_im_number(im, word, "end", 0, 8.64e7, &end))
        {
            rn_im_wrong(im, "needs \"text\", \"start\" and \"end\"");
            rn_im_leave(im, at);
            break;
        }

        (void) rn_im_get(im, word, "confidence");   /* of who wrote it down */
        start = fmax(start / 1000, last);
        end /= 1000;

        if (end <= start) {
            rn_im_note(im, "ends before the one before it, and is left out");
        } else {
            (void) json_array_append_new(made, json_pack("{s:s, s:o, s:o}",
                                         "text", text,
                                         "start", rn_im_seconds(start),
                                         "end", rn_im_seconds(end)));
            last = end;
        }
        rn_im_leave(im, at);
    }

    rn_im_leave(im, len);

    if (json_array_size(made) == 0 && im->problems->total == 0) {
        json_decref(made);
        rn_im_note_at(im, "words", "nothing is said; the clip is left out");
        rn_im_done(im, s->clip);
        return false;
    }

    set_new(s->made, "words", made);

    return true;
}


/* How the word that is heard looks: of a file it is not known which that is. */

static void
read_active(shot *s, bool words)
{
    char         color[10];
    double       opacity;
    size_t       i, len, at;
    json_t      *active, *animation, *font;
    rn_importer *im = s->im;
    const char  *style;

    static const char *const others[] = {
        "size", "family", "weight", "background", "textDecoration"
    };

    static const char  only[] = "of the word that is heard only the colour "
                                "changes";

    animation = rn_im_object(im, s->asset, "animation");
    style = json_string_value(json_object_get(animation, "style"));

    if (style != NULL && strcmp(style, "none") != 0
        && (!words || (strcmp(style, "highlight") != 0
                       && strcmp(style, "karaoke") != 0)))
    {
        rn_im_note_at(im, "animation", "\"%.40s\": lines come as a whole%s",
                      style, words ? ", and only the colour of a word changes"
                             : "");
    }
    rn_im_done(im, animation);

    if (!words) {
        rn_im_lost(im, s->asset, "active", "of the lines of a file it is not "
                   "known which word is heard");
        return;
    }

    active = rn_im_object(im, s->asset, "active");
    len = rn_im_enter(im, "active");
    font = rn_im_object(im, active, "font");
    at = rn_im_enter(im, "font");

    if (rn_im_color(im, font, "color", false, color)
        && (style == NULL || strcmp(style, "none") != 0))
    {
        if (rn_im_number(im, font, "opacity", 0, 1, &opacity)) {
            rn_im_alpha(color, opacity);
        }
        set_string(s->made, "highlight", color);
    }

    for (i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        rn_im_lost(im, font, others[i], "%s", only);
    }

    rn_im_leave(im, at);
    rn_im_lost(im, active, "stroke", "%s", only);
    rn_im_lost(im, active, "shadow", "%s", only);
    rn_im_leave(im, len);
}


static void
read_style(shot *s, bool rich)
{
    bool         outlined, styled;
    size_t       len;
    double       size;
    json_t      *font, *style;
    char         color[10];
    rn_importer *im = s->im;

    font = rn_im_object(im, s->asset, "font");
    style = rn_im_object(im, s->asset, "style");
    size = rich ? RICH_SIZE : SIZE;

    len = rn_im_enter(im, "style");
    (void) rn_im_number(im, style, "size", 4, 1000, &size);
    rn_im_lost(im, style, "letterSpacing", "letters stand as the font has "
               "them");
    rn_im_lost(im, style, "lineHeight", "lines stand as far apart as the font "
               "has them");
    rn_im_lost(im, style, "textTransform", "letters stay as they are written");
    rn_im_lost(im, style, "textDecoration", "letters have no lines at them");
    rn_im_lost(im, style, "gradient", "letters have one colour");
    rn_im_leave(im, len);

    len = rn_im_enter(im, "font");
    rn_ss_font(s, font, size);
    outlined = rn_ss_outline(s, font);
    styled = rn_im_color(im, font, "background", false, color);
    if (styled) {
        set_string(s->made, "background", color);
    }
    rn_im_leave(im, len);

    outlined = rn_ss_outline(s, s->asset) || outlined;
    rn_ss_background(s);

    /* theirs have no outline unless one is said; what has neither that nor a
       background keeps ours, so that it can be read */

    if (!outlined && json_object_get(s->made, "background") != NULL) {
        set_new(s->made, "stroke", json_pack("{s:i}", "width", 0));
    }

    rn_im_lost(im, s->asset, "shadow", "letters throw no shadow");
    rn_im_lost(im, s->asset, "border", "a caption has no border");
    rn_im_lost(im, s->asset, "padding", "a caption's background ends with it");
}


/* -1, 0, 1: left or top, in the middle, right or bottom. */

static int
side_of(const char *word, const char *first, const char *last, int dflt)
{
    return word == NULL ? dflt : strcmp(word, first) == 0 ? -1
           : strcmp(word, last) == 0 ? 1 : 0;
}


/* How far from ours the place of that side of the box is, in the canvas. */

static double
shift(double box, double canvas, int side, int placed)
{
    double  from;

    from = (canvas - box) / 2 * (placed + 1);       /* its first edge */

    return (from + box / 2 * (side + 1) - canvas / 2 * (side + 1)) / canvas;
}


static void
place(shot *s)
{
    int          across, down, at_x, at_y;
    double       w, h, margin[3] = { 0 };
    size_t       len;
    json_t      *a, *m;
    rn_importer *im = s->im;
    const char  *name;

    static const char *const words[] = {
        "top-left", "top", "top-right", "left", "center", "right",
        "bottom-left", "bottom", "bottom-right"
    };

    w = im->width;
    h = im->height;
    len = rn_im_enter(im, "asset");
    (void) rn_im_number(im, s->asset, "width", 1, 8000, &w);
    (void) rn_im_number(im, s->asset, "height", 1, 8000, &h);

    name = json_object_get(s->asset, "align") != NULL ? "align" : "alignment";
    a = rn_im_object(im, s->asset, name);
    (void) rn_im_enter(im, name);
    across = side_of(rn_im_string(im, a, "horizontal"), "left", "right", 0);
    down = side_of(rn_im_string(im, a, "vertical"), "top", "bottom", 1);
    rn_im_leave(im, len);

    (void) rn_im_enter(im, "asset");
    m = rn_im_object(im, s->asset, "margin");
    (void) rn_im_enter(im, "margin");

    if (rn_im_number(im, m, "top", 0, 1, &margin[0])) {
        down = -1;                          /* and so far from there */
        margin[0] -= SAFE_AREA;
    }
    (void) rn_im_number(im, m, "left", 0, 0.9, &margin[1]);
    (void) rn_im_number(im, m, "right", 0, 0.9, &margin[2]);
    rn_im_leave(im, len);

    (void) rn_im_number(im, s->clip, "width", 1, 8000, &w);
    (void) rn_im_number(im, s->clip, "height", 1, 8000, &h);
    rn_im_lost(im, s->clip, "fit", "has no meaning for a caption");

    w *= s->scale;
    h *= s->scale;
    s->scale = 1;                           /* as the font knows already */

    at_x = strstr(s->position, "left") != NULL ? -1
           : strstr(s->position, "right") != NULL;
    at_y = strncmp(s->position, "top", 3) == 0 ? -1
           : strncmp(s->position, "bottom", 6) == 0;

    s->dx += shift(w, im->width, across, at_x)
             + (margin[1] - margin[2]) / 2 * w / im->width;
    s->dy += shift(h, im->height, down, at_y) + margin[0] * h / im->height;
    w *= fmax(1 - margin[1] - margin[2], 0.1) * WRAP;

    set_new(s->out, "width", json_integer(lround(fmin(fmax(w, 2), 8000))));
    s->position = words[3 * (down + 1) + across + 1];

    if (across != 0) {
        set_string(s->made, "align", across < 0 ? "left" : "right");
    }
}


bool
rn_ss_caption(shot *s, bool rich)
{
    bool         ok, words;
    double       trim, speed;
    size_t       len;
    rn_importer *im = s->im;

    len = rn_im_enter(im, "asset");
    words = rich && json_object_get(s->asset, "src") == NULL
            && json_object_get(s->asset, "words") != NULL;

    set_string(s->made, "type", "caption");
    ok = words ? read_words(s) : read_file(s);

    if (!ok) {
        rn_im_leave(im, len);
        return false;
    }

    if (rn_im_number(im, s->asset, "trim", 0, 1e5, &trim) && trim > 0) {
        set_new(s->out, "in_point", rn_im_seconds(trim));
    }

    if (rn_im_number(im, s->asset, "speed", 0, 10, &speed) && speed != 1) {
        rn_im_note_at(im, "speed", "captions come at the times that they have");
    }

    if (rich) {
        read_active(s, words);
    }

    read_style(s, rich);
    rn_im_leave(im, len);
    place(s);

    return true;
}


void
rn_ss_caption_stands(shot *s)
{
    json_t  *transition;

    if (json_object_get(s->out, "keyframes") != NULL) {
        rn_im_note(s->im, "captions do not move; it stands");
        (void) json_object_del(s->out, "keyframes");
    }

    transition = json_object_get(s->out, "transition");

    if (transition != NULL) {
        if (json_object_get(s->clip, "transition") != NULL) {
            rn_im_note_at(s->im, "transition", "captions come and go at once");
        } else {
            rn_im_note(s->im, "captions come and go at once");
        }
        (void) json_object_del(s->out, "transition");
    }
}
