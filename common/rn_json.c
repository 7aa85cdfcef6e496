/*
 * Strings of JSON (RFC 8259, section 7): quotation marks, backslashes and
 * control characters are escaped, all else stands as it is.
 */

#include "rn_json.h"
#include "rn_utf8.h"

#include <stdint.h>
#include <string.h>


/* What follows the backslash; 'u': \u00xx; 0: it stands for itself. */

static const char  escapes[256] = {
    'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'b', 't', 'n', 'u', 'f', 'r', 'u',
    'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u',
    'u', 'u', ['"'] = '"', ['\\'] = '\\'
};


/*
 * Eight bytes at a time, since nearly all text is of this kind: ASCII of which
 * nothing is escaped.  Of bytes below 0x80, x - 0x01 borrows only where x is 0,
 * and x - 0x20 where x is a control character.
 */

static inline bool
stands(const char *s)
{
    uint64_t  w, quote, slash;

    (void) memcpy(&w, s, sizeof(w));

    quote = w ^ 0x2222222222222222;
    slash = w ^ 0x5c5c5c5c5c5c5c5c;

    return ((w | (w - 0x2020202020202020) | (quote - 0x0101010101010101)
             | (slash - 0x0101010101010101)) & 0x8080808080808080) == 0;
}


size_t
rn_json_length(const char *s, size_t n)
{
    char           e;
    size_t         i, len;
    unsigned char  wide;

    len = n;
    wide = 0;

    for (i = 0; i < n; i++) {
        while (n - i > 8 && stands(s + i)) {
            i += 8;
        }

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
        while (n - i > 8 && stands(s + i)) {
            i += 8;
        }

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

    if (n > from) {                         /* of nothing, s may be NULL */
        memcpy(out, s + from, n - from);
    }

    return out + (n - from);
}
