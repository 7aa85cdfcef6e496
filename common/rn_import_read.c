/*
 * What the importers read with: members, each of which is remembered, and notes
 * of what is lost, in the end of all that nobody has read.
 */

#include "rn_import_parts.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


#define DEPTH_MAX  200              /* of what is looked at for unread fields */
#define NOTES_MAX  10000


size_t
rn_im_enter(rn_importer *im, const char *name)
{
    return rn_pointer_enter(&im->at, name);
}


size_t
rn_im_enter_index(rn_importer *im, size_t i)
{
    return rn_pointer_enter_index(&im->at, i);
}


void
rn_im_leave(rn_importer *im, size_t len)
{
    rn_pointer_leave(&im->at, len);
}


/* Text of strangers may be cut in the middle of a character. */

static json_t *
text_of(char *s)
{
    char    *p;
    json_t  *j;

    j = json_string(s);

    if (j == NULL) {
        for (p = s; *p; p++) {
            if ((unsigned char) *p >= 0x80) {
                *p = '?';
            }
        }
        j = json_string(s);
    }

    return j;
}


static void
add_note(rn_importer *im, const char *fmt, va_list ap)
{
    char    detail[400], pointer[sizeof(im->at.text)];
    char    both[sizeof(detail) + sizeof(pointer) + 8];
    size_t  n;

    if (im->quiet) {
        return;
    }

    n = json_array_size(im->notes);

    if (n >= NOTES_MAX) {
        if (n == NOTES_MAX) {
            (void) json_array_append_new(im->notes, json_pack("{s:s, s:s}",
                                         "pointer", "", "detail", "and there "
                                         "is more than is told here"));
        }
        return;
    }

    (void) vsnprintf(detail, sizeof(detail), fmt, ap);
    memcpy(pointer, im->at.text, sizeof(pointer));

    /* what is read twice is told once */

    (void) snprintf(both, sizeof(both), "note %s %s", pointer, detail);
    if (json_object_get(im->read, both) != NULL) {
        return;
    }
    (void) json_object_set_new(im->read, both, json_true());

    (void) json_array_append_new(im->notes,
                                 json_pack("{s:o, s:o}",
                                           "pointer", text_of(pointer),
                                           "detail", text_of(detail)));
}


void
rn_im_note(rn_importer *im, const char *fmt, ...)
{
    va_list  ap;

    va_start(ap, fmt);
    add_note(im, fmt, ap);
    va_end(ap);
}


void
rn_im_note_at(rn_importer *im, const char *name, const char *fmt, ...)
{
    size_t   len;
    va_list  ap;

    len = rn_im_enter(im, name);
    va_start(ap, fmt);
    add_note(im, fmt, ap);
    va_end(ap);
    rn_im_leave(im, len);
}


void
rn_im_wrong(rn_importer *im, const char *fmt, ...)
{
    char     detail[400];
    va_list  ap;

    va_start(ap, fmt);
    (void) vsnprintf(detail, sizeof(detail), fmt, ap);
    va_end(ap);

    rn_problem_add(im->problems, im->at.text, "%s", detail);
}


void
rn_im_wrong_at(rn_importer *im, const char *name, const char *fmt, ...)
{
    char     detail[400];
    size_t   len;
    va_list  ap;

    va_start(ap, fmt);
    (void) vsnprintf(detail, sizeof(detail), fmt, ap);
    va_end(ap);

    len = rn_im_enter(im, name);
    rn_problem_add(im->problems, im->at.text, "%s", detail);
    rn_im_leave(im, len);
}


/* Printed into memory of its own; NULL: there is none. */

static char *
format(const char *fmt, ...)
{
    int       n;
    char     *text;
    va_list   ap;

    va_start(ap, fmt);
    n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);

    text = n >= 0 ? malloc((size_t) n + 1) : NULL;

    if (text != NULL) {
        va_start(ap, fmt);
        (void) vsnprintf(text, (size_t) n + 1, fmt, ap);
        va_end(ap);
    }

    return text;
}


/* The set of what was read: members by the object's place in memory. */

static void
remember(rn_importer *im, const json_t *object, const char *name)
{
    char  *key;

    key = format("%p/%s", (const void *) object, name);

    if (key != NULL) {
        (void) json_object_set_new(im->read, key, json_true());
        free(key);
    }
}


static bool
remembered(rn_importer *im, const json_t *object, const char *name)
{
    bool   found;
    char  *key;

    key = format("%p/%s", (const void *) object, name);
    found = key == NULL || json_object_get(im->read, key) != NULL;
    free(key);

    return found;
}


/* The value of "{{NAME}}", where that is the whole string; else NULL. */

static json_t *
whole_field(rn_importer *im, const char *s)
{
    char    name[65];
    size_t  n;

    n = strlen(s);

    if (im->merge == NULL || n < 5 || n > 64 || strncmp(s, "{{", 2) != 0
        || strcmp(s + n - 2, "}}") != 0)
    {
        return NULL;
    }

    (void) snprintf(name, sizeof(name), "%.*s", (int) n - 4, s + 2);

    return json_object_get(im->merge, name);
}


const char *
rn_im_fill(rn_importer *im, const char *s)
{
    char        *text, *p, *grown;
    json_t      *v;
    size_t       n;
    const char  *at, *name, *value, *stop;
    void        *iter;

    if (im->merge == NULL || strstr(s, "{{") == NULL || strlen(s) > 10000) {
        return s;
    }

    text = strdup(s);

    for (iter = json_object_iter(im->merge); iter != NULL && text != NULL;
         iter = json_object_iter_next(im->merge, iter))
    {
        name = json_object_iter_key(iter);
        value = json_string_value(json_object_iter_value(iter));
        n = strlen(name);

        for (at = text; value != NULL && (at = strstr(at, "{{")) != NULL; ) {
            stop = at + 2 + n;

            if (strncmp(at + 2, name, n) != 0 || strncmp(stop, "}}", 2) != 0
                || strlen(text) + strlen(value) > 20000)
            {
                at += 2;
                continue;
            }

            grown = format("%.*s%s%s", (int) (at - text), text, value,
                           stop + 2);
            if (grown == NULL) {
                break;
            }

            p = grown + (at - text) + strlen(value);
            free(text);
            text = grown;
            at = p;                         /* not looked into again */
        }
    }

    v = text != NULL ? json_string(text) : NULL;
    free(text);

    if (v == NULL || json_array_append_new(im->kept, v) != 0) {
        return s;
    }

    return json_string_value(v);
}


json_t *
rn_im_get(rn_importer *im, json_t *object, const char *name)
{
    json_t      *v, *filled;
    const char  *s, *full;

    v = json_object_get(object, name);
    if (v == NULL) {
        return NULL;
    }

    remember(im, object, name);

    s = json_string_value(v);

    if (s != NULL && im->merge != NULL) {
        filled = whole_field(im, s);
        if (filled != NULL) {
            return json_is_null(filled) ? NULL : filled;
        }

        full = rn_im_fill(im, s);
        if (full != s) {
            return json_array_get(im->kept, json_array_size(im->kept) - 1);
        }
    }

    return json_is_null(v) ? NULL : v;
}


static json_t *
typed(rn_importer *im, json_t *object, const char *name, json_type type,
    const char *what)
{
    json_t  *v;

    v = rn_im_get(im, object, name);

    if (v != NULL && json_typeof(v) != type) {
        rn_im_wrong_at(im, name, "must be %s", what);
        return NULL;
    }

    return v;
}


json_t *
rn_im_object(rn_importer *im, json_t *object, const char *name)
{
    return typed(im, object, name, JSON_OBJECT, "an object");
}


json_t *
rn_im_array(rn_importer *im, json_t *object, const char *name)
{
    return typed(im, object, name, JSON_ARRAY, "an array");
}


static const char *
plain(rn_importer *im, const char *name, json_t *v)
{
    if (v != NULL && strlen(json_string_value(v)) != json_string_length(v)) {
        rn_im_wrong_at(im, name, "must not hold a NUL character");
        return NULL;
    }

    return json_string_value(v);
}


const char *
rn_im_string(rn_importer *im, json_t *object, const char *name)
{
    return plain(im, name, typed(im, object, name, JSON_STRING, "a string"));
}


bool
rn_im_bool(rn_importer *im, json_t *object, const char *name, bool *out)
{
    json_t  *v;

    v = rn_im_get(im, object, name);

    if (v == NULL) {
        return false;
    }

    if (!json_is_boolean(v)) {
        rn_im_wrong_at(im, name, "must be true or false");
        return false;
    }

    *out = json_is_true(v);
    return true;
}


bool
rn_im_number(rn_importer *im, json_t *object, const char *name, double lo,
    double hi, double *out)
{
    json_t  *v;
    double   d;

    v = rn_im_get(im, object, name);

    if (v == NULL) {
        return false;
    }

    d = json_number_value(v);

    if (!json_is_number(v) || !isfinite(d)) {
        rn_im_wrong_at(im, name, "must be a number");
        return false;
    }

    if (d < lo || d > hi) {
        rn_im_note_at(im, name, "is %.6g, and becomes %.6g: it may lie between "
                      "%.6g and %.6g", d, d < lo ? lo : hi, lo, hi);
        d = d < lo ? lo : hi;
    }

    *out = d;
    return true;
}


/*
 * Text in which a merge field may stay one: its value goes into the
 * composition's "merge".  Names that mean nothing stay as they are written.
 */

const char *
rn_im_text(rn_importer *im, json_t *object, const char *name)
{
    char         field[65];
    json_t      *v, *value;
    size_t       n;
    const char  *s, *at, *stop;

    v = json_object_get(object, name);

    if (!json_is_string(v) || im->merge == NULL) {
        return rn_im_string(im, object, name);
    }

    remember(im, object, name);
    s = plain(im, name, v);

    for (at = s != NULL ? strstr(s, "{{") : NULL; at != NULL;
         at = strstr(at + 1, "{{"))
    {
        stop = strstr(at, "}}");
        n = stop != NULL ? (size_t) (stop - at - 2) : 0;

        if (n == 0 || n > 64
            || strspn(at + 2, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuv"
                              "wxyz0123456789_-.") < n)
        {
            continue;
        }

        (void) snprintf(field, sizeof(field), "%.*s", (int) n, at + 2);
        value = json_object_get(im->merge, field);

        if (json_is_string(value) || json_is_number(value)
            || json_is_boolean(value))
        {
            (void) json_object_set(im->merged, field, value);
        } else {
            (void) json_object_set_new(im->merged, field,
                                       json_sprintf("{{%s}}", field));
        }
    }

    return s;
}


void
rn_im_done(rn_importer *im, json_t *value)
{
    if (json_is_object(value) || json_is_array(value)) {
        remember(im, value, "");
    }
}


void
rn_im_lost(rn_importer *im, json_t *object, const char *name,
    const char *fmt, ...)
{
    size_t    len;
    json_t   *v;
    va_list   ap;

    v = rn_im_get(im, object, name);
    if (v == NULL || (json_is_array(v) && json_array_size(v) == 0)
        || (json_is_object(v) && json_object_size(v) == 0))
    {
        return;
    }

    len = rn_im_enter(im, name);
    va_start(ap, fmt);
    add_note(im, fmt, ap);
    va_end(ap);
    rn_im_leave(im, len);

    rn_im_done(im, v);
}


static void
look_for_unread(rn_importer *im, json_t *value, int depth)
{
    size_t       i, len;
    json_t      *v;
    const char  *name;

    if (depth > DEPTH_MAX || remembered(im, value, "")) {
        return;
    }

    json_array_foreach(value, i, v) {
        if (json_is_object(v) || json_is_array(v)) {
            len = rn_im_enter_index(im, i);
            look_for_unread(im, v, depth + 1);
            rn_im_leave(im, len);
        }
    }

    json_object_foreach(value, name, v) {
        len = rn_im_enter(im, name);

        if (!remembered(im, value, name)) {
            if (!json_is_null(v)) {
                rn_im_note(im, "is not known here, and left out");
            }
        } else if (json_is_object(v) || json_is_array(v)) {
            look_for_unread(im, v, depth + 1);
        }

        rn_im_leave(im, len);
    }
}


void
rn_im_unread(rn_importer *im, json_t *root)
{
    rn_pointer_leave(&im->at, 0);
    look_for_unread(im, root, 0);
}
