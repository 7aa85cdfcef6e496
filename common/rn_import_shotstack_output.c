/* The output of a Shotstack edit: the canvas, and what films are written as. */

#include "rn_import_shotstack.h"

#include <math.h>
#include <stdio.h>
#include <string.h>


#define FPS  25.0


static void
read_canvas(rn_importer *im, json_t *output)
{
    size_t       i, len;
    double       a, b, w, h, side, fps;
    json_t      *size;
    const char  *name, *shape;

    static const struct {
        const char  *name;
        double       width, height, fps;
    } sizes[] = {
        { "preview", 512, 288, 15 }, { "mobile", 640, 360, FPS },
        { "sd", 1024, 576, FPS }, { "hd", 1280, 720, FPS },
        { "1080", 1920, 1080, FPS }, { "4k", 3840, 2160, FPS },
    };

    w = 1280;
    h = 720;
    fps = FPS;

    name = rn_im_string(im, output, "resolution");

    for (i = 0; name != NULL && i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        if (strcmp(name, sizes[i].name) == 0) {
            w = sizes[i].width;
            h = sizes[i].height;
            fps = sizes[i].fps;
            break;
        }
    }

    if (name != NULL && i == sizeof(sizes) / sizeof(sizes[0])) {
        rn_im_note_at(im, "resolution", "\"%.40s\" is not known; the film is "
                      "1280 x 720", name);
    }

    shape = rn_im_string(im, output, "aspectRatio");

    if (shape != NULL) {
        if (sscanf(shape, "%4lf:%4lf", &a, &b) == 2 && a >= 1 && b >= 1
            && a < 100 && b < 100)
        {
            side = h;                       /* the shorter one stays */
            h = a >= b ? side : round(side * b / a / 2) * 2;
            w = a >= b ? round(side * a / b / 2) * 2 : side;
        } else {
            rn_im_note_at(im, "aspectRatio", "\"%.40s\" is not known", shape);
        }
    }

    size = rn_im_object(im, output, "size");

    if (size != NULL) {
        len = rn_im_enter(im, "size");
        (void) rn_im_number(im, size, "width", 16, 7680, &w);
        (void) rn_im_number(im, size, "height", 16, 7680, &h);
        rn_im_leave(im, len);
    }

    (void) rn_im_number(im, output, "fps", 1, 120, &fps);

    rn_im_canvas(im, w, h);
    im->fps = fps;
}


static bool
read_format(rn_importer *im, json_t *output, json_t *out)
{
    size_t       i;
    const char  *format;

    static const char *const same[] = {
        "mp4", "gif", "mp3", "jpg", "png", "webm", "mov", "wav"
    };

    format = rn_im_string(im, output, "format");
    if (format == NULL) {
        format = "mp4";
    }

    for (i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
        if (strcmp(format, same[i]) == 0) {
            set_string(out, "format", format);
            return strcmp(format, "mp3") != 0 && strcmp(format, "wav") != 0;
        }
    }

    if (strcmp(format, "bmp") == 0) {
        rn_im_note_at(im, "format", "a png is written in place of a bmp");
        set_string(out, "format", "png");
    } else {
        rn_im_note_at(im, "format", "\"%.40s\" is not written here; an mp4 is",
                      format);
        set_string(out, "format", "mp4");
    }

    return true;
}


static void
read_quality(rn_importer *im, json_t *output, json_t *out)
{
    const char  *q;

    q = rn_im_string(im, output, "quality");

    if (q == NULL) {
        return;
    }

    if (strcmp(q, "low") == 0 || strcmp(q, "medium") == 0
        || strcmp(q, "high") == 0)
    {
        set_string(out, "quality", q);

    } else if (strcmp(q, "verylow") == 0 || strcmp(q, "veryhigh") == 0) {
        rn_im_note_at(im, "quality", "\"%s\" becomes \"%s\"", q, q + 4);
        set_string(out, "quality", q + 4);

    } else {
        rn_im_note_at(im, "quality", "\"%.40s\" is not known", q);
    }
}


static void
read_range(rn_importer *im, json_t *output, json_t *out, bool still)
{
    size_t   len;
    double   start, length;
    json_t  *range, *part;

    range = rn_im_object(im, output, "range");
    if (range == NULL) {
        return;
    }

    len = rn_im_enter(im, "range");
    part = json_object();
    start = 0;

    if (rn_im_number(im, range, "start", 0, 1e6, &start)) {
        (void) json_object_set_new(part, "start", rn_im_seconds(start));
    }

    if (rn_im_number(im, range, "length", 0.001, 1e6, &length)) {
        (void) json_object_set_new(part, "duration", rn_im_seconds(length));
    }

    rn_im_leave(im, len);

    if (still) {
        (void) json_object_set_new(out, "time", rn_im_seconds(start));
        json_decref(part);
    } else {
        (void) json_object_set_new(out, "range", part);
    }
}


/* A second picture of the film, beside its poster. */

static void
read_thumbnail(rn_importer *im, json_t *output, json_t *outputs)
{
    size_t   len;
    double   at, scale;
    json_t  *thumbnail, *out;

    thumbnail = rn_im_object(im, output, "thumbnail");
    if (thumbnail == NULL) {
        return;
    }

    len = rn_im_enter(im, "thumbnail");
    at = 0;
    scale = 1;
    (void) rn_im_number(im, thumbnail, "capture", 0, 1e6, &at);
    (void) rn_im_number(im, thumbnail, "scale", 0.02, 1, &scale);
    rn_im_leave(im, len);

    out = json_pack("{s:s, s:s, s:o}", "name", "thumbnail", "format", "jpg",
                    "time", rn_im_seconds(at));

    if (scale < 1) {
        (void) json_object_set_new(out, "width", json_integer(2 * (json_int_t)
                                   fmax(lround(im->width * scale / 2), 8)));
    }

    (void) json_array_append_new(outputs, out);
}


json_t *
rn_ss_output(rn_importer *im, json_t *root, json_t *document, bool *mute)
{
    bool         seen, repeat, still;
    size_t       len, at;
    double       capture, scale;
    json_t      *output, *out, *outputs, *poster;
    const char  *to, *format;

    output = rn_im_object(im, root, "output");
    out = json_object();
    outputs = json_pack("[o]", out);
    len = rn_im_enter(im, "output");

    read_canvas(im, output);
    seen = read_format(im, output, out);
    format = json_string_value(json_object_get(out, "format"));
    still = strcmp(format, "png") == 0 || strcmp(format, "jpg") == 0;

    read_quality(im, output, out);
    read_range(im, output, out, still);

    to = rn_im_string(im, output, "scaleTo");

    if (to != NULL && seen) {
        scale = strcmp(to, "preview") == 0 ? 288 : strcmp(to, "mobile") == 0
                ? 360 : strcmp(to, "sd") == 0 ? 576 : strcmp(to, "hd") == 0
                ? 720 : strcmp(to, "1080") == 0 ? 1080 : 0;

        if (scale == 0) {
            rn_im_note_at(im, "scaleTo", "\"%.40s\" is not known", to);
        } else {
            (void) json_object_set_new(out, im->width < im->height ? "width"
                                       : "height",
                                       json_integer((json_int_t) scale));
        }

    } else if (strcmp(format, "gif") == 0) {    /* which has its own default */
        (void) json_object_set_new(out, "width", json_integer(im->width));
    }

    if (strcmp(format, "gif") == 0) {
        (void) json_object_set_new(out, "fps", rn_im_fps(fmin(im->fps, 50)));
    }

    (void) rn_im_bool(im, output, "mute", mute);

    repeat = true;
    (void) rn_im_bool(im, output, "repeat", &repeat);
    if (!repeat) {
        rn_im_note_at(im, "repeat", "a gif plays again and again");
    }

    poster = rn_im_object(im, output, "poster");
    if (poster != NULL) {
        at = rn_im_enter(im, "poster");
        if (rn_im_number(im, poster, "capture", 0, 1e6, &capture)) {
            (void) json_object_set_new(document, "poster", json_pack("{s:o}",
                                       "time", rn_im_seconds(capture)));
        }
        rn_im_leave(im, at);
    }

    read_thumbnail(im, output, outputs);
    rn_im_lost(im, output, "destinations", "films are not sent on to others; "
               "they are fetched");

    rn_im_leave(im, len);

    return outputs;
}
