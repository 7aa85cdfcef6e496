/* UTF-8, read strictly: RFC 3629, section 4. */

#include "rn_utf8.h"

#include <stdint.h>
#include <string.h>


size_t
rn_utf8_char(const char *s, size_t n, unsigned int *code)
{
    size_t                i, len;
    unsigned int          c, least;
    const unsigned char  *b = (const unsigned char *) s;

    c = b[0];

    if (c < 0x80) {
        *code = c;
        return 1;
    }

    if (c >= 0xc2 && c <= 0xdf) {
        len = 2;
        c &= 0x1f;
        least = 0x80;
    } else if (c >= 0xe0 && c <= 0xef) {
        len = 3;
        c &= 0x0f;
        least = 0x800;
    } else if (c >= 0xf0 && c <= 0xf4) {
        len = 4;
        c &= 0x07;
        least = 0x10000;
    } else {
        return 0;
    }

    if (n < len) {
        return 0;
    }

    for (i = 1; i < len; i++) {
        if ((b[i] & 0xc0) != 0x80) {
            return 0;
        }
        c = (c << 6) | (b[i] & 0x3f);
    }

    if (c < least || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff)) {
        return 0;
    }

    *code = c;
    return len;
}


bool
rn_utf8_valid(const char *s, size_t n)
{
    size_t        len;
    uint64_t      w;
    unsigned int  code;

    for ( /* void */ ; n > 0; s += len, n -= len) {
        if (n >= sizeof(w)) {               /* ASCII, eight at a time */
            (void) memcpy(&w, s, sizeof(w));
            if ((w & 0x8080808080808080) == 0) {
                len = sizeof(w);
                continue;
            }
        }

        len = rn_utf8_char(s, n, &code);
        if (len == 0) {
            return false;
        }
    }

    return true;
}


/* Unicode, table 3-7: only the second byte has narrower bounds at times. */

bool
rn_utf8_feed(rn_utf8_stream *u, unsigned char byte)
{
    if (u->left > 0) {
        if (byte < u->low || byte > u->high) {
            return false;
        }

        u->left--;
        u->low = 0x80;
        u->high = 0xbf;
        return true;
    }

    if (byte < 0x80) {
        return true;
    }

    u->low = byte == 0xe0 ? 0xa0 : byte == 0xf0 ? 0x90 : 0x80;
    u->high = byte == 0xed ? 0x9f : byte == 0xf4 ? 0x8f : 0xbf;
    u->left = byte >= 0xf0 ? 3 : byte >= 0xe0 ? 2 : 1;

    return byte >= 0xc2 && byte <= 0xf4;
}
