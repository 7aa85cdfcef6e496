/* Whether bytes are text; nothing that changes or converts it. */

#ifndef RN_UTF8_H
#define RN_UTF8_H

#include <stdbool.h>
#include <stddef.h>


/*
 * Bytes of the character at s (RFC 3629: shortest form, no surrogates, up to
 * U+10FFFF), of which n > 0 are there; 0 when it is none.  *code is set to it.
 */
size_t rn_utf8_char(const char *s, size_t n, unsigned int *code);

/* Whether n bytes are characters throughout; a NUL is one. */
bool rn_utf8_valid(const char *s, size_t n);

/* Text that comes in pieces; all zero to begin with. */
typedef struct {
    unsigned char  left;                /* bytes that the character lacks */
    unsigned char  low, high;           /* what the next of them may be */
} rn_utf8_stream;

/* Takes a byte; false: not UTF-8, whatever follows. */
bool rn_utf8_feed(rn_utf8_stream *u, unsigned char byte);


#endif /* RN_UTF8_H */
