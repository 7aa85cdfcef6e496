/* Events, and their ids. */

#include "rn_event.h"

#include <string.h>


#define DIGITS  18                      /* fit in 64 bits, whatever they are */
#define MOST    100000000               /* of a number in an event */


typedef struct {
    const char  *p, *end;
} reader;


static bool
is_digit(char c)
{
    return c >= '0' && c <= '9';
}


static bool
read_digits(reader *r, uint64_t *n)
{
    const char  *first = r->p;

    *n = 0;

    while (r->p < r->end && is_digit(*r->p)) {
        if (r->p - first == DIGITS) {
            return false;
        }
        *n = *n * 10 + (uint64_t) (*r->p++ - '0');
    }

    return r->p > first;
}


bool
rn_event_id_read(const char *text, size_t len, rn_event_id *id)
{
    reader  r;

    id->ms = id->seq = 0;

    if (len == 0) {
        return false;
    }

    r.p = text;
    r.end = text + len;

    if (read_digits(&r, &id->ms)) {
        if (r.p == r.end) {
            return true;
        }

        if (*r.p++ == '-' && read_digits(&r, &id->seq) && r.p == r.end) {
            return true;
        }
    }

    id->ms = id->seq = 0;

    return false;
}


rn_event_resume_e
rn_event_resume(const char *text, size_t len, rn_event_id *id)
{
    if (len >= 4 && memcmp(text, "end-", 4) == 0) {
        id->ms = id->seq = 0;
        return RN_EVENT_RESUME_END;
    }

    return rn_event_id_read(text, len, id) ? RN_EVENT_RESUME_AFTER
                                           : RN_EVENT_RESUME_NONE;
}


int
rn_event_id_compare(const rn_event_id *a, const rn_event_id *b)
{
    if (a->ms != b->ms) {
        return a->ms < b->ms ? -1 : 1;
    }

    return a->seq < b->seq ? -1 : a->seq > b->seq;
}


static void
skip_blanks(reader *r)
{
    while (r->p < r->end && (*r->p == ' ' || *r->p == '\t' || *r->p == '\n'
                             || *r->p == '\r'))
    {
        r->p++;
    }
}


static bool
take(reader *r, char c)
{
    skip_blanks(r);

    if (r->p == r->end || *r->p != c) {
        return false;
    }

    r->p++;

    return true;
}


/* From its opening quote to behind the closing one. */

static bool
skip_string(reader *r)
{
    for (r->p++; r->p < r->end; r->p++) {
        if (*r->p == '"') {
            r->p++;
            return true;
        }
        if (*r->p == '\\' && ++r->p == r->end) {
            break;
        }
    }

    return false;
}


/*
 * To behind a value.  Of what is inside it only strings are told apart, since
 * brackets in them are none, and how deep it is: an event that came through
 * Redis is JSON, and when it is not, this still ends at its end.
 */

static bool
skip_value(reader *r)
{
    size_t       depth;
    const char  *first = r->p;

    for (depth = 0; r->p < r->end; /* void */ ) {

        switch (*r->p) {

        case '"':
            if (!skip_string(r)) {
                return false;
            }
            break;

        case '{':
        case '[':
            depth++;
            r->p++;
            continue;

        case '}':
        case ']':
            if (depth == 0) {
                return r->p > first;
            }
            depth--;
            r->p++;
            break;

        case ',':
            if (depth == 0) {
                return r->p > first;
            }
            r->p++;
            continue;

        case ' ':
        case '\t':
        case '\n':
        case '\r':
            if (depth == 0) {
                return r->p > first;
            }

            /* fall through */

        default:
            r->p++;
            continue;
        }

        /* a string, an object or an array has an end of its own */

        if (depth == 0) {
            return true;
        }
    }

    return false;
}


bool
rn_event_member(const char *doc, size_t len, const char *name,
    const char **value, size_t *value_len)
{
    bool         found;
    reader       r;
    size_t       n;
    const char  *first;

    if (len == 0) {
        return false;
    }

    n = strlen(name);
    r.p = doc;
    r.end = doc + len;

    if (!take(&r, '{')) {
        return false;
    }

    do {
        skip_blanks(&r);
        first = r.p;

        if (r.p == r.end || *r.p != '"' || !skip_string(&r)) {
            return false;
        }

        found = (size_t) (r.p - first) == n + 2
                && memcmp(first + 1, name, n) == 0;

        if (!take(&r, ':')) {
            return false;
        }

        skip_blanks(&r);
        first = r.p;

        if (!skip_value(&r)) {
            return false;
        }

        if (found) {
            *value = first;
            *value_len = (size_t) (r.p - first);
            return true;
        }

    } while (take(&r, ','));

    return false;
}


bool
rn_event_string(const char *doc, size_t len, const char *name,
    const char **value, size_t *value_len)
{
    size_t       n;
    const char  *p;

    if (!rn_event_member(doc, len, name, &p, &n) || *p != '"'
        || memchr(p, '\\', n) != NULL || memchr(p + 1, '"', n - 1) != p + n - 1)
    {
        return false;
    }

    *value = p + 1;
    *value_len = n - 2;

    return true;
}


bool
rn_event_is(const char *doc, size_t len, const char *name, const char *text)
{
    size_t       n;
    const char  *p;

    return rn_event_string(doc, len, name, &p, &n) && n == strlen(text)
           && memcmp(p, text, n) == 0;
}


long
rn_event_tenths(const char *doc, size_t len, const char *name)
{
    long         v;
    size_t       i, n;
    const char  *p;

    if (!rn_event_member(doc, len, name, &p, &n) || !is_digit(*p)) {
        return -1;
    }

    v = 0;

    for (i = 0; i < n && is_digit(p[i]); i++) {
        v = v * 10 + (p[i] - '0');
        if (v > MOST) {
            return -1;
        }
    }

    v *= 10;

    if (i < n) {
        if (p[i] != '.' || ++i == n) {
            return -1;
        }

        v += is_digit(p[i]) ? p[i] - '0' : 0;

        for ( /* void */ ; i < n; i++) {
            if (!is_digit(p[i])) {      /* an exponent, or no number */
                return -1;
            }
        }
    }

    return v <= MOST * 10L ? v : -1;
}
