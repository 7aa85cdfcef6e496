/*
 * URL-encoded forms.  The whole body is decoded at each call, also the fields
 * that are not asked for, so that a broken body is refused whatever is read.
 */

#include "rn_form.h"
#include "rn_id.h"
#include "rn_utf8.h"

#include <string.h>


typedef struct {
    const char  *p, *end;
    const char  *error;
} reader;


/* The next byte, decoded; -1 at a separator, the end or an error. */

static int
next_byte(reader *r, char separator)
{
    int  c, high, low;

    if (r->p == r->end || *r->p == '&' || *r->p == separator) {
        return -1;
    }

    c = (unsigned char) *r->p++;

    if (c == '+') {
        return ' ';
    }

    if (c == '%') {
        high = r->end - r->p >= 2 ? rn_hex_value(r->p[0]) : -1;
        low = high >= 0 ? rn_hex_value(r->p[1]) : -1;
        if (low < 0) {
            r->error = "a \"%\" in the form is not followed by two "
                       "hexadecimal digits";
            return -1;
        }
        r->p += 2;
        c = high << 4 | low;

    } else if ((c > 0 && c < ' ') || c == 0x7f) {
        r->error = "the form holds a control character that is not escaped";
        return -1;
    }

    if (c == 0) {
        r->error = "the form holds a NUL";
        return -1;
    }

    return c;
}


/* Whether the next name is the one asked for; the name is taken. */

static bool
take_name(reader *r, const char *name)
{
    int     c;
    bool    same;
    size_t  n;

    same = true;
    n = 0;

    while ((c = next_byte(r, '=')) >= 0) {
        if (same && c == (unsigned char) name[n]) {
            n++;                        /* c is never the NUL at its end */
        } else {
            same = false;
        }
    }

    return same && name[n] == '\0';
}


bool
rn_form_get(const char *body, size_t len, const char *name, char *out,
    size_t size, const char **why)
{
    int      c;
    bool     wanted, found;
    size_t   n;
    reader   r;

    r.p = body;
    r.end = body + len;
    r.error = NULL;
    found = false;
    n = 0;

    memset(out, 0, size);

    while (r.p < r.end) {
        if (*r.p == '&') {              /* nothing between two of them */
            r.p++;
            continue;
        }

        wanted = take_name(&r, name);

        if (wanted && found && r.error == NULL) {
            r.error = "the form has a field twice";
        }
        found = found || wanted;

        if (r.error == NULL && r.p < r.end && *r.p == '=') {
            r.p++;
            while ((c = next_byte(&r, '&')) >= 0) {
                if (!wanted) {
                    continue;
                }
                if (n + 1 >= size) {
                    r.error = "a field of the form is too long";
                    break;
                }
                out[n++] = (char) c;
            }
        }

        if (r.error != NULL) {
            goto fail;
        }
    }

    if (found && !rn_utf8_valid(out, n)) {
        r.error = "a field of the form is not UTF-8";
        goto fail;
    }

    if (found) {
        return true;
    }

fail:

    memset(out, 0, size);               /* no half of a password either */
    *why = r.error;

    return false;
}
