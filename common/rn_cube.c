/* Reads .cube files; see rn_cube.h.  Numbers are read without a locale. */

#include "rn_cube.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


#define WORDS     8                     /* of a line that are looked at */
#define LINE_MAX  250                   /* bytes, but of a comment */
#define VALUE     1e6                   /* at most, and not below minus that */
#define SHOWN     40

typedef struct {
    const char  *p;
    size_t       n;
} word;

typedef struct {
    const char  *p, *end;
    int          line;
    word         words[WORDS];
    int          n;                     /* of them */
    bool         lower, upper;          /* a bound was named */
    bool         titled;
    size_t       rows, want;
    rn_cube     *cube;
    char        *err;
    size_t       err_size;
} reader;


static bool
refuse(reader *r, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));


static bool
refuse(reader *r, const char *fmt, ...)
{
    int      n;
    va_list  args;

    n = snprintf(r->err, r->err_size, "line %d: ", r->line);
    if (n < 0 || (size_t) n >= r->err_size) {
        return false;
    }

    va_start(args, fmt);
    (void) vsnprintf(r->err + n, r->err_size - (size_t) n, fmt, args);
    va_end(args);

    return false;
}


static bool
is(const word *w, const char *name)
{
    return w->n == strlen(name) && memcmp(w->p, name, w->n) == 0;
}


/* What may be quoted of a stranger's line: printable, and not too long. */

static const char *
quoted(const word *w, char out[SHOWN + 1])
{
    size_t  i;

    for (i = 0; i < w->n && i < SHOWN; i++) {
        out[i] = w->p[i] >= ' ' && w->p[i] <= '~' ? w->p[i] : '?';
    }
    out[i] = '\0';

    return out;
}


static bool
is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}


/* The next line's words; false at the end.  "#" begins a comment. */

static bool
next_line(reader *r)
{
    const char  *p, *stop;

    if (r->p == r->end) {
        return false;
    }

    stop = memchr(r->p, '\n', (size_t) (r->end - r->p));
    stop = stop != NULL ? stop : r->end;
    r->line++;
    r->n = 0;

    for (p = r->p; p < stop && r->n < WORDS; ) {
        if (is_blank(*p)) {
            p++;
            continue;
        }

        if (*p == '#' && r->n == 0) {
            break;
        }

        r->words[r->n].p = p;
        while (p < stop && !is_blank(*p)) {
            p++;
        }
        r->words[r->n].n = (size_t) (p - r->words[r->n].p);
        r->n++;
    }

    r->p = stop < r->end ? stop + 1 : stop;

    return true;
}


/* 1, -1.5, .5e-3; neither "nan" nor "inf", which strtod would take. */

static bool
number(const word *w, double *out)
{
    int          exp, shift, sign, digits;
    double       v;
    const char  *p = w->p, *end = w->p + w->n;

    sign = 1;
    if (p < end && (*p == '-' || *p == '+')) {
        sign = *p++ == '-' ? -1 : 1;
    }

    v = 0;
    digits = shift = 0;

    for ( /* void */ ; p < end && *p >= '0' && *p <= '9'; p++, digits++) {
        v = v * 10 + (*p - '0');
    }

    if (p < end && *p == '.') {
        for (p++; p < end && *p >= '0' && *p <= '9'; p++, digits++) {
            if (shift < 18) {               /* further ones change nothing */
                v = v * 10 + (*p - '0');
                shift++;
            }
        }
    }

    if (digits == 0 || digits > 60) {
        return false;
    }

    exp = 0;

    if (p < end && (*p == 'e' || *p == 'E')) {
        int  n = 0, minus = 0;

        p++;
        if (p < end && (*p == '-' || *p == '+')) {
            minus = *p++ == '-';
        }

        for ( /* void */ ; p < end && *p >= '0' && *p <= '9' && n < 4; p++) {
            exp = exp * 10 + (*p - '0');
            n++;
        }

        if (n == 0) {
            return false;
        }
        exp = minus ? -exp : exp;
    }

    exp -= shift;
    *out = sign * (exp < 0 ? v / pow(10, -exp) : v * pow(10, exp));

    return p == end && isfinite(*out);
}


static bool
read_numbers(reader *r, int from, int n, double *out)
{
    int   i;
    char  q[SHOWN + 1];

    if (r->n != from + n) {
        return refuse(r, "%s%d number%s must stand here, not %d",
                      from > 0 ? "behind the word " : "", n, n > 1 ? "s" : "",
                      r->n - from);
    }

    for (i = 0; i < n; i++) {
        if (!number(&r->words[from + i], &out[i])) {
            return refuse(r, "\"%s\" is no number",
                          quoted(&r->words[from + i], q));
        }

        if (out[i] > VALUE || out[i] < -VALUE) {
            return refuse(r, "\"%s\" is too large",
                          quoted(&r->words[from + i], q));
        }
    }

    return true;
}


static bool
read_size(reader *r, bool cube)
{
    int       most;
    double    n;
    rn_cube  *c = r->cube;

    if (c->size > 0) {
        return refuse(r, cube == c->cube ? "the size stands twice"
                      : "a curve and a cube in one file are not read");
    }

    if (!read_numbers(r, 1, 1, &n)) {
        return false;
    }

    most = cube ? RN_CUBE_SIDE : RN_CUBE_CURVE;

    if (n != floor(n) || n < 2 || n > most) {
        return refuse(r, "a size must be a whole number from 2 to %d", most);
    }

    c->cube = cube;
    c->size = (int) n;
    r->want = cube ? (size_t) (n * n * n) : (size_t) n;
    c->rgb = malloc(r->want * 3 * sizeof(float));

    return c->rgb != NULL || refuse(r, "no memory for a table of this size");
}


static bool
read_range(reader *r)
{
    int     i;
    double  v[2];

    if (!read_numbers(r, 1, 2, v)) {
        return false;
    }

    for (i = 0; i < 3; i++) {
        r->cube->min[i] = v[0];
        r->cube->max[i] = v[1];
    }

    r->lower = r->upper = true;

    return true;
}


static bool
read_keyword(reader *r)
{
    char         q[SHOWN + 1];
    const word  *w = &r->words[0];

    if (r->rows > 0) {
        return refuse(r, "\"%s\" among the rows of numbers", quoted(w, q));
    }

    if (is(w, "TITLE")) {
        if (r->titled) {
            return refuse(r, "the title stands twice");
        }
        r->titled = true;
        return true;
    }

    if (is(w, "LUT_1D_SIZE") || is(w, "LUT_3D_SIZE")) {
        return read_size(r, w->p[4] == '3');
    }

    if ((is(w, "DOMAIN_MIN") && r->lower) || (is(w, "DOMAIN_MAX") && r->upper)
        || ((is(w, "LUT_1D_INPUT_RANGE") || is(w, "LUT_3D_INPUT_RANGE"))
            && (r->lower || r->upper)))
    {
        return refuse(r, "the bounds stand twice");
    }

    if (is(w, "DOMAIN_MIN")) {
        r->lower = true;
        return read_numbers(r, 1, 3, r->cube->min);
    }

    if (is(w, "DOMAIN_MAX")) {
        r->upper = true;
        return read_numbers(r, 1, 3, r->cube->max);
    }

    if (is(w, "LUT_1D_INPUT_RANGE") || is(w, "LUT_3D_INPUT_RANGE")) {
        return read_range(r);
    }

    return refuse(r, "\"%s\" is no word of a .cube file", quoted(w, q));
}


static bool
read_row(reader *r)
{
    int     i;
    double  v[3];

    if (r->cube->size == 0) {
        return refuse(r, "numbers before LUT_1D_SIZE or LUT_3D_SIZE");
    }

    if (r->rows == r->want) {
        return refuse(r, "more rows than the %zu of this size", r->want);
    }

    if (!read_numbers(r, 0, 3, v)) {
        return false;
    }

    for (i = 0; i < 3; i++) {
        r->cube->rgb[3 * r->rows + (size_t) i] = (float) v[i];
    }

    r->rows++;

    return true;
}


static bool
read_file(reader *r)
{
    int         i;
    char        c;
    const char *from;

    while (from = r->p, next_line(r)) {
        if (r->n == 0) {
            continue;
        }

        if (r->p - from > LINE_MAX) {
            return refuse(r, "is longer than %d bytes", LINE_MAX);
        }

        c = r->words[0].p[0];

        if (c == '+' || c == '-' || c == '.' || (c >= '0' && c <= '9')
            ? !read_row(r) : !read_keyword(r))
        {
            return false;
        }
    }

    if (r->cube->size == 0) {
        return refuse(r, "the file ends without LUT_1D_SIZE or LUT_3D_SIZE");
    }

    if (r->rows < r->want) {
        return refuse(r, "the file ends after %zu of %zu rows", r->rows,
                      r->want);
    }

    for (i = 0; i < 3; i++) {
        if (r->cube->max[i] - r->cube->min[i] < 1e-6) {
            return refuse(r, "the bounds of what goes in are no range");
        }
    }

    return true;
}


bool
rn_cube_read(const char *text, size_t len, rn_cube *cube, char *err,
    size_t err_size)
{
    int     i;
    reader  r;

    memset(&r, 0, sizeof(r));
    memset(cube, 0, sizeof(*cube));
    r.p = text;
    r.end = text + len;
    r.cube = cube;
    r.err = err;
    r.err_size = err_size;

    for (i = 0; i < 3; i++) {
        cube->max[i] = 1;
    }

    if (len > RN_CUBE_MAX) {
        (void) snprintf(err, err_size, "the file is of more than %d bytes",
                        RN_CUBE_MAX);
        return false;
    }

    if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
        r.p += 3;
    }

    if (read_file(&r)) {
        return true;
    }

    rn_cube_free(cube);

    return false;
}


void
rn_cube_free(rn_cube *cube)
{
    free(cube->rgb);
    cube->rgb = NULL;
}


bool
rn_cube_seems(const char *text, size_t len)
{
    size_t   i;
    reader   r;

    static const char *const first[] = {
        "LUT_1D_SIZE", "LUT_3D_SIZE", "DOMAIN_MIN", "DOMAIN_MAX",
        "LUT_1D_INPUT_RANGE", "LUT_3D_INPUT_RANGE",
    };

    if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
        text += 3;
        len -= 3;
    }

    memset(&r, 0, sizeof(r));
    r.p = text;
    r.end = text + len;

    while (next_line(&r)) {
        if (r.n == 0 || (is(&r.words[0], "TITLE") && !r.titled)) {
            r.titled = r.titled || r.n > 0;
            continue;
        }

        for (i = 0; i < sizeof(first) / sizeof(first[0]); i++) {
            if (is(&r.words[0], first[i])) {
                return true;
            }
        }

        return false;
    }

    return false;
}
