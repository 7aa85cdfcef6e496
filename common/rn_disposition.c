/*
 * Names for downloads.  What goes out is built from a list of what may be in
 * it: nothing that a user wrote can end a value, a header or a folder.
 */

#include "rn_disposition.h"
#include "rn_utf8.h"

#include <string.h>


#define EXTENSION_MAX  16


/*
 * Controls, ends of lines, and what turns the direction of writing, so that an
 * extension is seen elsewhere.  Joiners stay: scripts need them.
 */

static bool
is_control(unsigned int c)
{
    return c < 0x20 || (c >= 0x7f && c <= 0x9f)
           || c == 0x061c || c == 0x200e || c == 0x200f
           || (c >= 0x2028 && c <= 0x202e)
           || (c >= 0x2066 && c <= 0x2069);
}


/* RFC 8187, section 3.2.1: attr-char. */

static bool
is_attr_char(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
           || (c >= '0' && c <= '9')
           || (c != '\0' && strchr("!#$&+-.^_`|~", c) != NULL);
}


/* The name as it may be shown; never longer than what is given. */

static size_t
clean(const char *s, size_t n, char *out)
{
    size_t        len;
    char         *to;
    unsigned int  c;

    to = out;

    for ( /* void */ ; n > 0; s += len, n -= len) {
        len = rn_utf8_char(s, n, &c);

        if (len == 0) {
            len = 1;
            *to++ = '_';
        } else if (is_control(c) || c == '"') {
            *to++ = '_';
        } else {
            memcpy(to, s, len);
            to += len;
        }
    }

    return (size_t) (to - out);
}


/* Whether s[0] goes on with a character that began before it. */

static bool
is_inside(const char *s)
{
    return ((unsigned char) *s & 0xc0) == 0x80;
}


/*
 * At most RN_DISPOSITION_NAME bytes of a name, copied: its beginning and its
 * extension.  A cut is made between characters.
 */

static size_t
shorten(const char *s, size_t n, char out[RN_DISPOSITION_NAME])
{
    size_t  keep, tail, i;

    if (n <= RN_DISPOSITION_NAME) {
        memcpy(out, s, n);
        return n;
    }

    tail = 0;
    for (i = 1; i <= EXTENSION_MAX; i++) {
        if (s[n - i] == '.') {
            tail = i;
            break;
        }
    }

    keep = RN_DISPOSITION_NAME - tail;
    for (i = 0; i < 3 && is_inside(s + keep); i++) {
        keep--;
    }

    memcpy(out, s, keep);
    memcpy(out + keep, s + n - tail, tail);

    return keep + tail;
}


/* Everything that is not plain, as "_"; whether there was any. */

static bool
fallback(const char *s, size_t n, char **out)
{
    bool          changed;
    char         *to;
    size_t        len;
    unsigned int  c;

    to = *out;
    changed = false;

    for ( /* void */ ; n > 0; s += len, n -= len) {
        len = rn_utf8_char(s, n, &c);

        if (c < 0x80 && c != '%') {     /* some decode %XX: RFC 6266, app. D */
            *to++ = (char) c;
        } else {
            *to++ = '_';
            changed = true;
        }
    }

    *out = to;

    return changed;
}


size_t
rn_disposition(bool attachment, const char *name, size_t len,
    char out[RN_DISPOSITION_SIZE])
{
    char         *to, cut[RN_DISPOSITION_NAME], safe[RN_DISPOSITION_NAME];
    size_t        i, n;
    const char   *s;

    static const char digits[] = "0123456789ABCDEF";

    to = stpcpy(out, attachment ? "attachment" : "inline");

    s = name;
    for (i = 0; name != NULL && i < len; i++) {
        if (name[i] == '/' || name[i] == '\\') {
            s = name + i + 1;
        }
    }

    if (name == NULL) {
        return (size_t) (to - out);
    }

    n = shorten(s, len - (size_t) (s - name), cut);
    n = clean(cut, n, safe);

    if (n == 0 || (n == 1 && safe[0] == '.')
        || (n == 2 && safe[0] == '.' && safe[1] == '.'))
    {
        return (size_t) (to - out);
    }

    to = stpcpy(to, "; filename=\"");
    if (!fallback(safe, n, &to)) {
        to = stpcpy(to, "\"");
        return (size_t) (to - out);
    }
    to = stpcpy(to, "\"; filename*=UTF-8''");

    for (i = 0; i < n; i++) {
        if (is_attr_char((unsigned char) safe[i])) {
            *to++ = safe[i];
        } else {
            *to++ = '%';
            *to++ = digits[(unsigned char) safe[i] >> 4];
            *to++ = digits[safe[i] & 15];
        }
    }

    *to = '\0';

    return (size_t) (to - out);
}
