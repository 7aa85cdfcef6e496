/*
 * Readers of fields, by table.  What a field of a composition is called and
 * where it goes stands in rn_doc.c; here is only how a value of each shape is
 * read and refused.
 */

#include "rn_fields.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


#define FIELDS_MAX   96
#define SECONDS_MAX  1e6


size_t
rn_enter(rn_reader *r, const char *name)
{
    return rn_pointer_enter(&r->at, name);
}


size_t
rn_enter_index(rn_reader *r, size_t i)
{
    return rn_pointer_enter_index(&r->at, i);
}


void
rn_leave(rn_reader *r, size_t len)
{
    rn_pointer_leave(&r->at, len);
}


void
rn_report(rn_reader *r, const char *fmt, ...)
{
    char     detail[400];
    va_list  ap;

    va_start(ap, fmt);
    (void) vsnprintf(detail, sizeof(detail), fmt, ap);
    va_end(ap);

    rn_problem_add(r->problems, r->at.text, "%s", detail);
}


bool
rn_read_object(rn_reader *r, json_t *value, const rn_field *fields, void *base)
{
    size_t           len, n;
    json_t          *v;
    const char      *name, *near, *known[FIELDS_MAX + 1];
    const rn_field  *f;

    if (!json_is_object(value)) {
        rn_report(r, "must be an object");
        return false;
    }

    for (n = 0; fields[n].name != NULL && n < FIELDS_MAX; n++) {
        known[n] = fields[n].name;
    }
    known[n] = NULL;

    json_object_foreach(value, name, v) {
        for (f = fields; f->name != NULL; f++) {
            if (strcmp(f->name, name) == 0) {
                break;
            }
        }

        len = rn_enter(r, name);

        if (f->name == NULL) {
            near = rn_nearest(name, known);
            if (near != NULL) {
                rn_report(r, "unknown field \"%.48s\"; did you mean \"%s\"?",
                          name, near);
            } else {
                rn_report(r, "unknown field \"%.48s\"", name);
            }

        } else if (f->read == NULL) {
            rn_report(r, "\"%s\" is not rendered by this version", name);

        } else {
            f->read(r, v, (char *) base + f->offset);
        }

        rn_leave(r, len);
    }

    return true;
}


int
rn_read_word(rn_reader *r, json_t *value, const rn_word *words)
{
    char            list[320];
    int             n;
    const char     *s, *near, *known[FIELDS_MAX + 1];
    const rn_word  *w;

    s = json_string_value(value);
    if (s != NULL) {
        for (w = words; w->name != NULL; w++) {
            if (strcmp(w->name, s) == 0) {
                if (w->value < 0) {
                    rn_report(r, "\"%s\" is not rendered by this version", s);
                    return -1;
                }
                return w->value;
            }
        }
    }

    n = 0;
    list[0] = '\0';
    for (w = words; w->name != NULL && w - words < FIELDS_MAX; w++) {
        known[w - words] = w->name;
        if (w->value >= 0 && n < (int) sizeof(list) - 40) {
            n += snprintf(list + n, sizeof(list) - n, "%s\"%s\"",
                          n ? ", " : "", w->name);
        }
    }
    known[w - words] = NULL;

    near = s != NULL ? rn_nearest(s, known) : NULL;
    if (near != NULL) {
        rn_report(r, "unknown value \"%.48s\"; did you mean \"%s\"?", s, near);
    } else {
        rn_report(r, "must be one of %s", list);
    }

    return -1;
}


bool
rn_read_between(rn_reader *r, json_t *value, double lo, double hi, double *out)
{
    double  d;

    d = json_number_value(value);

    if (!json_is_number(value) || !isfinite(d) || d < lo || d > hi) {
        rn_report(r, "must be a number from %g to %g", lo, hi);
        return false;
    }

    *out = d;
    return true;
}


void
rn_read_text(rn_reader *r, json_t *value, void *out)
{
    if (!json_is_string(value)) {
        rn_report(r, "must be a string");
        return;
    }

    if (strlen(json_string_value(value)) != json_string_length(value)) {
        rn_report(r, "must not hold a NUL character");
        return;
    }

    if (json_string_length(value) > r->limits->max_text) {
        rn_report(r, "must not be longer than %zu bytes", r->limits->max_text);
        return;
    }

    *(const char **) out = json_string_value(value);
}


void
rn_read_bool(rn_reader *r, json_t *value, void *out)
{
    if (!json_is_boolean(value)) {
        rn_report(r, "must be true or false");
        return;
    }

    *(bool *) out = json_is_true(value);
}


void
rn_read_color(rn_reader *r, json_t *value, void *out)
{
    char         full[9], *end;
    size_t       n, i;
    const char  *s;

    s = json_string_value(value);
    n = s != NULL ? strlen(s) : 0;

    if ((n == 4 || n == 7 || n == 9) && s[0] == '#') {
        if (n == 4) {
            for (i = 0; i < 6; i++) {
                full[i] = s[1 + i / 2];
            }
        } else {
            memcpy(full, s + 1, n - 1);
        }
        if (n != 9) {
            memcpy(full + 6, "ff", 2);
        }
        full[8] = '\0';

        if (strspn(full, "0123456789abcdefABCDEF") == 8) {
            *(uint32_t *) out = (uint32_t) strtoul(full, &end, 16);
            return;
        }
    }

    rn_report(r, "must be a colour: \"#rgb\", \"#rrggbb\" or \"#rrggbbaa\"");
}


/*
 * Rates of film and television are n/1001; a document may write them as
 * people do (29.97) or exactly ("30000/1001").
 */

void
rn_read_fps(rn_reader *r, json_t *value, void *out)
{
    int           n;
    long          num, den;
    double        d;
    rn_rational  *fps = out;

    static const struct { double d; long num; } ntsc[] = {
        { 23.976, 24000 }, { 23.98, 24000 }, { 29.97, 30000 },
        { 47.952, 48000 }, { 59.94, 60000 }, { 119.88, 120000 },
    };

    num = 0;
    den = 1;

    if (json_is_string(value)) {
        n = 0;
        if (sscanf(json_string_value(value), "%6ld/%4ld%n", &num, &den, &n) != 2
            || json_string_value(value)[n] != '\0')
        {
            num = 0;
        }

    } else if (json_is_number(value)) {
        d = json_number_value(value);

        for (n = 0; n < (int) (sizeof(ntsc) / sizeof(ntsc[0])); n++) {
            if (fabs(d - ntsc[n].d) < 0.001) {
                num = ntsc[n].num;
                den = 1001;
            }
        }

        if (num == 0 && d >= 1 && d <= 120) {
            den = d == floor(d) ? 1 : 100;
            num = lround(d * den);
            if (fabs((double) num / den - d) > 1e-9) {
                num = 0;
            }
        }
    }

    if (num < 1 || den < 1 || num < den || num > 120 * den) {
        rn_report(r, "must be a frame rate from 1 to 120: a number such as 30 "
                     "or 29.97, or a fraction such as \"30000/1001\"");
        return;
    }

    fps->num = num;
    fps->den = den;

    for (n = 2; n <= den; n++) {
        while (fps->num % n == 0 && fps->den % n == 0) {
            fps->num /= n;
            fps->den /= n;
        }
    }
}


void
rn_read_time(rn_reader *r, json_t *value, void *out)
{
    int          n;
    long         frames;
    double       d;
    rn_time     *t = out;
    const char  *s;

    if (json_is_number(value)) {
        d = json_number_value(value);
        if (isfinite(d) && d >= 0 && d <= SECONDS_MAX) {
            t->kind = RN_TIME_SECONDS;
            t->seconds = d;
            return;
        }

    } else if (json_is_string(value)) {
        s = json_string_value(value);

        if (strcmp(s, "auto") == 0) {
            t->kind = RN_TIME_AUTO;
            return;
        }

        if (strcmp(s, "end") == 0) {
            t->kind = RN_TIME_END;
            return;
        }

        n = 0;
        if (s[0] >= '0' && s[0] <= '9' && sscanf(s, "%9ldf%n", &frames, &n) == 1
            && n > 0 && s[n] == '\0')
        {
            t->kind = RN_TIME_FRAMES;
            t->frames = frames;
            return;
        }
    }

    rn_report(r, "must be seconds such as 1.5, or frames such as \"90f\"");
}


void
rn_read_length(rn_reader *r, json_t *value, void *out)
{
    int         n;
    double      d;
    rn_length  *l = out;

    if (json_is_number(value)) {
        if (rn_read_between(r, value, -100000, 100000, &d)) {
            l->set = true;
            l->percent = false;
            l->value = d;
        }
        return;
    }

    n = 0;
    if (json_is_string(value)
        && sscanf(json_string_value(value), "%15lf%%%n", &d, &n) == 1
        && n > 0 && json_string_value(value)[n] == '\0' && isfinite(d)
        && fabs(d) <= 10000)
    {
        l->set = true;
        l->percent = true;
        l->value = d;
        return;
    }

    rn_report(r, "must be px such as 120, or per cent such as \"50%%\"");
}


void
rn_read_volume(rn_reader *r, json_t *value, void *out)
{
    int     n;
    double  d, *volume = out;

    if (json_is_number(value)) {
        (void) rn_read_between(r, value, 0, 1, volume);
        return;
    }

    n = 0;
    if (json_is_string(value)
        && sscanf(json_string_value(value), "%15lfdB%n", &d, &n) == 1
        && n > 0 && json_string_value(value)[n] == '\0' && isfinite(d)
        && d >= -90 && d <= 12)
    {
        *volume = pow(10, d / 20);
        return;
    }

    rn_report(r, "must be a number from 0 to 1, or decibels such as \"-6dB\" "
                 "(at most 12)");
}


void
rn_read_unit(rn_reader *r, json_t *value, void *out)
{
    (void) rn_read_between(r, value, 0, 1, out);
}


void
rn_read_align(rn_reader *r, json_t *value, void *out)
{
    int  word;

    static const rn_word words[] = {
        { "left", RN_ALIGN_START }, { "center", RN_ALIGN_CENTER },
        { "right", RN_ALIGN_END }, { NULL, 0 }
    };

    word = rn_read_word(r, value, words);
    if (word >= 0) {
        *(rn_align *) out = (rn_align) word;
    }
}


/* Fields that carry no meaning for us: ids and the caller's own data. */

void
rn_read_ignored(rn_reader *r, json_t *value, void *out)
{
    (void) r;
    (void) value;
    (void) out;
}
