/*
 * Values of compositions, for the importers: sources, colours, sides, rates and
 * times.
 */

#include "rn_import_parts.h"
#include "rn_id.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>


#define SIDE_MIN   16
#define SIDE_MAX   7680.0
#define PIXELS_MAX (3840.0 * 2160)


/* What is left of a path that may not be named: its last part. */

static json_t *
last_part(rn_importer *im, const char *name, const char *src)
{
    char        *part, *p;
    json_t      *j;
    const char  *slash;

    slash = strrchr(src, '/');
    part = strdup(slash != NULL && slash[1] != '\0' ? slash + 1 : src);

    for (p = part; p != NULL && *p != '\0'; p++) {
        if (*p == ':' || *p == '/' || (p[0] == '.' && p[1] == '.')) {
            *p = '_';
        }
    }

    if (part == NULL || part[0] == '\0') {
        free(part);
        rn_im_wrong_at(im, name, "must name a file");
        return NULL;
    }

    rn_im_note_at(im, name, "\"%.100s\" cannot be named in a composition; put "
                  "the file beside it as \"%.100s\"", src, part);

    j = json_string(part);
    free(part);

    return j;
}


static int
hex_of(char c)
{
    return c >= '0' && c <= '9' ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}


/* The path of a file: URL; what is no URL of UTF-8 stays as it is. */

static char *
path_of_url(const char *url)
{
    int    hi, lo;
    char  *path, *out;

    path = out = malloc(strlen(url) + 1);
    if (path == NULL) {
        return NULL;
    }

    url += strncmp(url, "file://", 7) == 0 ? 7 : 5;

    if (strncmp(url, "localhost/", 10) == 0) {
        url += 9;
    }

    while (*url != '\0') {
        if (url[0] == '%' && (hi = hex_of(url[1])) >= 0
            && (lo = hex_of(url[2])) >= 0 && hi + lo > 0)
        {
            *out++ = (char) (hi << 4 | lo);
            url += 3;
        } else {
            *out++ = *url++;
        }
    }

    *out = '\0';

    return path;
}


json_t *
rn_im_src(rn_importer *im, const char *name, const char *src)
{
    char        *path;
    size_t       n;
    json_t      *j;
    const char  *s, *base;

    s = rn_im_fill(im, src);

    if (strncmp(s, "https://", 8) == 0) {
        return json_string(src);
    }

    if (strncmp(s, "http://", 7) == 0) {
        rn_im_note_at(im, name, "is asked for as https");
        return json_sprintf("https://%s", s + 7);
    }

    if (strncmp(s, "asset:", 6) == 0 && rn_is_uuid(s + 6, strlen(s + 6))) {
        return json_string(s);
    }

    path = strncmp(s, "file:", 5) == 0 ? path_of_url(s) : strdup(s);
    if (path == NULL) {
        return NULL;
    }

    s = path;
    base = im->o->base;
    n = base != NULL ? strlen(base) : 0;

    if (n > 0 && strncmp(s, base, n) == 0 && s[n] == '/') {
        s += n + 1;
    }

    while (strncmp(s, "./", 2) == 0) {
        s += 2;
    }

    if (s[0] == '\0' || s[0] == '/' || strstr(s, "..") != NULL
        || strchr(s, ':') != NULL || (j = json_string(s)) == NULL)
    {
        j = last_part(im, name, s);
    }

    free(path);

    return j;
}


bool
rn_im_look(rn_importer *im, json_t *src, rn_import_facts *facts)
{
    const char  *s;

    memset(facts, 0, sizeof(*facts));
    s = json_string_value(src);

    return s != NULL && im->o->look != NULL
           && im->o->look(im->o->opaque, rn_im_fill(im, s), facts);
}


bool
rn_im_look_at(rn_importer *im, const char *name, rn_import_facts *facts)
{
    bool     found;
    json_t  *src;

    memset(facts, 0, sizeof(*facts));

    if (name == NULL || name[0] == '\0' || im->o->look == NULL) {
        return false;
    }

    im->quiet = true;                       /* who uses it will tell */
    src = rn_im_src(im, "", name);
    im->quiet = false;

    found = rn_im_look(im, src, facts);
    json_decref(src);

    return found;
}


bool
rn_im_ends(const char *s, const char *const *ends)
{
    size_t  n, k;

    n = strcspn(s, "?#");

    for ( /* void */ ; *ends != NULL; ends++) {
        k = strlen(*ends);
        if (n > k && strncasecmp(s + n - k, *ends, k) == 0) {
            return true;
        }
    }

    return false;
}


const char *
rn_im_picture(rn_importer *im, json_t *src)
{
    rn_import_facts  f;

    static const char *const drawings[] = { ".svg", NULL };

    if (rn_im_look(im, src, &f) && f.kind[0] != '\0') {
        return strcmp(f.kind, "svg") == 0 ? "svg" : "image";
    }

    return json_is_string(src)
           && rn_im_ends(rn_im_fill(im, json_string_value(src)), drawings)
           ? "svg" : "image";
}


bool
rn_im_font(rn_importer *im, json_t *object, const char *name, json_t *font)
{
    size_t            i;
    json_t           *src, *other;
    const char       *path;
    rn_import_facts   f;

    path = rn_im_string(im, object, name);
    src = path != NULL && path[0] != '\0' ? rn_im_src(im, name, path) : NULL;

    if (src == NULL) {
        rn_im_wrong_at(im, name, "must name a file");
        return false;
    }

    if (font != NULL && (!rn_im_look(im, src, &f) || f.family[0] == '\0')) {
        rn_im_note_at(im, name, "is not here, and so it is not known how the "
                      "font is called; the text is in another one");
        json_decref(src);
        return false;
    }

    json_array_foreach(im->fonts, i, other) {
        if (json_equal(json_object_get(other, "src"), src)) {
            break;
        }
    }

    if (i == RN_FONTS_MAX) {
        rn_im_note_at(im, name, "is one more than the %d fonts that a "
                      "composition may bring; it is left out", RN_FONTS_MAX);
        json_decref(src);
        return false;
    }

    if (font != NULL) {
        set_string(font, "family", f.family);
        if (strstr(f.style, "Bold") != NULL) {
            set_string(font, "weight", "bold");
        }
        if (strstr(f.style, "Italic") != NULL
            || strstr(f.style, "Oblique") != NULL)
        {
            set_string(font, "style", "italic");
        }
    }

    if (i < json_array_size(im->fonts)) {
        json_decref(src);
    } else {
        (void) json_array_append_new(im->fonts, json_pack("{s:o}", "src", src));
    }

    return true;
}


/* rgb(1, 2, 3) and rgba(1, 2, 3, 0.5) */

static bool
functional_color(const char *s, char out[10])
{
    int     n;
    double  v[4] = { 0, 0, 0, 1 };

    n = 0;

    if ((sscanf(s, "rgb(%lf ,%lf ,%lf )%n", &v[0], &v[1], &v[2], &n) == 3
         || sscanf(s, "rgba(%lf ,%lf ,%lf ,%lf )%n", &v[0], &v[1], &v[2], &v[3],
                   &n) == 4)
        && n > 0 && s[n] == '\0')
    {
        for (n = 0; n < 4; n++) {
            if (!(v[n] >= 0 && v[n] <= (n == 3 ? 1 : 255))) {
                return false;
            }
        }

        (void) snprintf(out, 10, "#%02x%02x%02x%02x", (unsigned) lround(v[0]),
                        (unsigned) lround(v[1]), (unsigned) lround(v[2]),
                        (unsigned) lround(v[3] * 255));
        return true;
    }

    return false;
}


static bool
parse_color(const char *s, bool argb, char out[10])
{
    size_t  i, n;

    static const struct {
        const char  *name, *color;
    } names[] = {                           /* CSS 2.1, section 4.3.6 */
        { "aqua", "#00ffffff" }, { "black", "#000000ff" },
        { "blue", "#0000ffff" }, { "fuchsia", "#ff00ffff" },
        { "gray", "#808080ff" }, { "grey", "#808080ff" },
        { "green", "#008000ff" }, { "lime", "#00ff00ff" },
        { "maroon", "#800000ff" }, { "navy", "#000080ff" },
        { "olive", "#808000ff" }, { "orange", "#ffa500ff" },
        { "purple", "#800080ff" }, { "red", "#ff0000ff" },
        { "silver", "#c0c0c0ff" }, { "teal", "#008080ff" },
        { "transparent", "#00000000" }, { "white", "#ffffffff" },
        { "yellow", "#ffff00ff" },
    };

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcasecmp(s, names[i].name) == 0) {
            memcpy(out, names[i].color, 10);
            return true;
        }
    }

    n = strlen(s);

    if (s[0] != '#' || strspn(s + 1, "0123456789abcdefABCDEF") != n - 1) {
        return functional_color(s, out);
    }

    memcpy(out, "#000000ff", 10);

    switch (n) {
    case 4:
        for (i = 0; i < 6; i++) {
            out[1 + i] = s[1 + i / 2];
        }
        break;
    case 7:
        memcpy(out + 1, s + 1, 6);
        break;
    case 9:
        memcpy(out + 1, s + (argb ? 3 : 1), 6);
        memcpy(out + 7, s + (argb ? 1 : 7), 2);
        break;
    default:
        return false;
    }

    for (i = 1; i < 9; i++) {
        out[i] = (char) tolower((unsigned char) out[i]);
    }

    return true;
}


bool
rn_im_color(rn_importer *im, json_t *object, const char *name, bool argb,
    char out[10])
{
    const char  *s;

    s = rn_im_string(im, object, name);

    if (s == NULL) {
        return false;
    }

    if (!parse_color(s, argb, out)) {
        rn_im_note_at(im, name, "\"%.40s\" is not a colour that is known here",
                      s);
        return false;
    }

    return true;
}


void
rn_im_alpha(char color[10], double opacity)
{
    unsigned  a;

    a = (unsigned) strtoul(color + 7, NULL, 16);
    (void) snprintf(color + 7, 3, "%02x",
                    (unsigned) lround(a * fmin(fmax(opacity, 0), 1)) & 255);
}


json_t *
rn_im_track(rn_importer *im, const char *kind)
{
    json_t  *track;

    track = json_pack("{s:s, s:[]}", "kind", kind, "clips");

    return json_array_append_new(im->tracks, track) == 0 ? track : NULL;
}


void
rn_im_canvas(rn_importer *im, double w, double h)
{
    double  factor;

    factor = fmin(1, fmin(SIDE_MAX / w, SIDE_MAX / h));
    factor = fmin(factor, sqrt(PIXELS_MAX / (w * h)));

    im->width = 2 * (int) fmax(lround(w * factor / 2), SIDE_MIN / 2);
    im->height = 2 * (int) fmax(lround(h * factor / 2), SIDE_MIN / 2);

    while ((int64_t) im->width * im->height > (int64_t) PIXELS_MAX) {
        im->height -= 2;
    }

    if (im->width != w || im->height != h) {
        rn_im_note(im, "%.6g x %.6g px become %d x %d", w, h, im->width,
                   im->height);
    }
}


json_t *
rn_im_seconds(double s)
{
    s = round(s * 1e6) / 1e6;

    return s == floor(s) ? json_integer((json_int_t) s) : json_real(s);
}


json_t *
rn_im_percent(double value)
{
    return json_sprintf("%.6g%%", fabs(value) < 1e-9 ? 0 : value);
}


json_t *
rn_im_fps(double fps)
{
    size_t  i;

    static const double  ntsc[] = { 23.976, 29.97, 47.952, 59.94, 119.88 };

    for (i = 0; i < sizeof(ntsc) / sizeof(ntsc[0]); i++) {
        if (fabs(fps - ntsc[i]) < 0.005) {
            return json_real(ntsc[i]);
        }
    }

    fps = round(fmin(fmax(fps, 1), 120) * 100) / 100;

    return fps == floor(fps) ? json_integer((json_int_t) fps) : json_real(fps);
}


void
rn_im_fade(json_t *clip, double in, double out, double length)
{
    json_t  *keys, *list;

    if (in <= 0 && out <= 0) {
        return;
    }

    if (in <= 0 || out <= 0 || fabs(in - out) < 1e-9) {
        keys = json_pack("{s:o}", "duration", rn_im_seconds(fmax(in, out)));
        if (in > 0) {
            (void) json_object_set_new(keys, "in", json_string("fade"));
        }
        if (out > 0) {
            (void) json_object_set_new(keys, "out", json_string("fade"));
        }
        (void) json_object_set_new(clip, "transition", keys);
        return;
    }

    keys = json_object_get(clip, "keyframes");
    if (keys == NULL) {
        keys = json_object();
        (void) json_object_set_new(clip, "keyframes", keys);
    }

    list = json_pack("[{s:i, s:i}, {s:o, s:i}]", "time", 0, "value", 0,
                     "time", rn_im_seconds(in), "value", 1);
    if (length - out > in + 0.05) {
        (void) json_array_append_new(list, json_pack("{s:o, s:i}", "time",
                                     rn_im_seconds(length - out), "value", 1));
    }
    (void) json_array_append_new(list, json_pack("{s:s, s:i}", "time", "end",
                                                 "value", 0));
    (void) json_object_set_new(keys, "opacity", list);
}
