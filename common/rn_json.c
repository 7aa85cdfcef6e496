/*
 * Strings of JSON (RFC 8259, section 7): quotation marks, backslashes and
 * control characters are escaped, all else stands as it is.
 */

#include "rn_json.h"
#include "rn_utf8.h"

#include <string.h>


/* What follows the backslash; 'u': \u00xx; 0: it stands for itself. */

static const char  escapes[256] = {
    'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'b', 't', 'n', 'u', 'f', 'r', 'u',
    'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u',
    'u', 'u', ['"'] = '"', ['\\'] = '\\'
};


size_t
rn_json_length(const char *s, size_t n)
{
    char           e;
    size_t         i, len;
    unsigned char  wide;

    len = n;
    wide = 0;

    for (i = 0; i < n; i++) {
        wide |= (unsigned char) s[i];
        e = escapes[(unsigned char) s[i]];
        if (e != 0) {
            len += e == 'u' ? 5 : 1;
        }
    }

    return wide < 0x80 || rn_utf8_valid(s, n) ? len : RN_JSON_BAD;
}


char *
rn_json_escape(char *out, const char *s, size_t n)
{
    char    e;
    size_t  i, from;

    static const char  digits[] = "0123456789abcdef";

    if (n == 0) {                       /* there may be no s */
        return out;
    }

    for (i = from = 0; i < n; i++) {
        e = escapes[(unsigned char) s[i]];
        if (e == 0) {
            continue;
        }

        memcpy(out, s + from, i - from);
        out += i - from;
        from = i + 1;

        *out++ = '\\';
        *out++ = e;

        if (e == 'u') {
            *out++ = '0';
            *out++ = '0';
            *out++ = digits[(unsigned char) s[i] >> 4];
            *out++ = digits[s[i] & 15];
        }
    }

    memcpy(out, s + from, n - from);

    return out + (n - from);
}
