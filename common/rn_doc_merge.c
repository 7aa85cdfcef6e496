/*
 * Merge fields: {{NAME}} in any string of a document stands for a value of its
 * "merge".  Where it is the whole string the value keeps its type.  Done before
 * anything else is read, so that nothing else knows of it; values are not
 * looked into again.
 */

#include "rn_doc_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>


#define GROWTH_MAX  (4 * 1024 * 1024)   /* bytes that merging may add in all */
#define FIELD_MAX   64                  /* bytes of a name */

typedef struct {
    rn_reader  *r;
    json_t     *values;
    size_t      grown;
    bool        full;
} merger;

typedef struct {
    char    *text;
    size_t   len, room;
} buffer;


static bool
put(buffer *b, const char *s, size_t n)
{
    char    *p;
    size_t   room;

    if (b->len + n + 1 > b->room) {
        room = 2 * (b->len + n) + 64;
        p = realloc(b->text, room);
        if (p == NULL) {
            return false;
        }
        b->text = p;
        b->room = room;
    }

    memcpy(b->text + b->len, s, n);
    b->len += n;
    b->text[b->len] = '\0';

    return true;
}


static bool
is_name(const char *s, size_t n)
{
    return n > 0 && n <= FIELD_MAX
           && strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                        "0123456789_-.") >= n;
}


/* The next {{NAME}} of a string: where it begins, its name, its end. */

static const char *
next_field(const char *s, const char **name, size_t *len, const char **end)
{
    const char  *at, *stop;

    for (at = strstr(s, "{{"); at != NULL; at = strstr(at + 1, "{{")) {
        stop = strstr(at, "}}");
        if (stop == NULL) {
            return NULL;
        }

        if (is_name(at + 2, (size_t) (stop - at - 2))) {
            *name = at + 2;
            *len = (size_t) (stop - at - 2);
            *end = stop + 2;
            return at;
        }
    }

    return NULL;
}


static json_t *
value_of(merger *m, const char *name, size_t len)
{
    char     key[FIELD_MAX + 1];
    json_t  *v;

    memcpy(key, name, len);
    key[len] = '\0';

    v = json_object_get(m->values, key);
    if (v == NULL) {
        rn_report(m->r, "{{%s}} is not in \"merge\"", key);
    }

    return v;
}


static bool
put_value(buffer *b, json_t *v)
{
    bool   ok;
    char  *text;

    if (json_is_string(v)) {
        return put(b, json_string_value(v), json_string_length(v));
    }

    text = json_dumps(v, JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
    ok = text != NULL && put(b, text, strlen(text));
    free(text);

    return ok;
}


/* What stands in place of a string: a new reference, NULL for the same. */

static json_t *
merged(merger *m, json_t *string)
{
    size_t       len;
    json_t      *v, *result;
    buffer       b;
    const char  *s, *at, *name, *end;

    s = json_string_value(string);

    if (m->full || strlen(s) != json_string_length(string)
        || (at = next_field(s, &name, &len, &end)) == NULL)
    {
        return NULL;
    }

    if (at == s && *end == '\0') {
        return json_incref(value_of(m, name, len));
    }

    memset(&b, 0, sizeof(b));
    result = NULL;

    for ( /* void */ ; at != NULL; at = next_field(s, &name, &len, &end)) {
        v = value_of(m, name, len);

        if (v == NULL) {
            goto done;
        }

        if (!put(&b, s, (size_t) (at - s)) || !put_value(&b, v)) {
            rn_report(m->r, "out of memory");
            goto done;
        }

        if (b.len > m->r->limits->max_text) {
            rn_report(m->r, "would be longer than %zu bytes",
                      m->r->limits->max_text);
            goto done;
        }

        s = end;
    }

    if (put(&b, s, strlen(s))) {
        m->grown += b.len;
        result = json_stringn(b.text, b.len);
    }

    if (m->grown > GROWTH_MAX) {
        m->full = true;
        rn_report(m->r, "merging would make the document too large");
    }

done:

    free(b.text);

    return result;
}


static void
walk(merger *m, json_t *node)
{
    void        *tmp;
    size_t       i, len;
    json_t      *v, *other;
    const char  *name;

    json_array_foreach(node, i, v) {
        len = rn_enter_index(m->r, i);

        if (!json_is_string(v)) {
            walk(m, v);
        } else if ((other = merged(m, v)) != NULL) {
            (void) json_array_set_new(node, i, other);
        }

        rn_leave(m->r, len);
    }

    json_object_foreach_safe(node, tmp, name, v) {
        len = rn_enter(m->r, name);

        if (!json_is_string(v)) {
            walk(m, v);
        } else if ((other = merged(m, v)) != NULL) {
            (void) json_object_set_new(node, name, other);
        }

        rn_leave(m->r, len);
    }
}


static bool
check(rn_reader *r, json_t *values)
{
    bool         ok;
    size_t       len, outer;
    json_t      *v;
    const char  *name;

    ok = true;
    outer = rn_enter(r, "merge");

    if (!json_is_object(values)) {
        rn_report(r, "must be an object of values by their names");
        rn_leave(r, outer);
        return false;
    }

    json_object_foreach(values, name, v) {
        len = rn_enter(r, name);

        if (!is_name(name, strlen(name))) {
            rn_report(r, "a name is 1 to %d letters, digits, \"_\", \"-\" and "
                         "\".\"", FIELD_MAX);
            ok = false;

        } else if (!json_is_string(v) && !json_is_number(v)
                   && !json_is_boolean(v))
        {
            rn_report(r, "must be a string, a number, true or false");
            ok = false;
        }

        rn_leave(r, len);
    }

    rn_leave(r, outer);

    return ok;
}


bool
rn_doc_merge(rn_reader *r)
{
    size_t       len, before;
    merger       m;
    json_t      *v, *other;
    const char  *name;
    void        *tmp;

    memset(&m, 0, sizeof(m));
    m.r = r;
    m.values = json_object_get(r->doc->root, "merge");
    before = r->problems->total;

    if (m.values == NULL) {
        return true;
    }

    if (!check(r, m.values)) {
        return false;
    }

    if (json_object_size(m.values) == 0) {
        return true;
    }

    json_object_foreach_safe(r->doc->root, tmp, name, v) {
        if (strcmp(name, "merge") == 0) {
            continue;
        }

        len = rn_enter(r, name);

        if (!json_is_string(v)) {
            walk(&m, v);
        } else if ((other = merged(&m, v)) != NULL) {
            (void) json_object_set_new(r->doc->root, name, other);
        }

        rn_leave(r, len);
    }

    return r->problems->total == before;
}
