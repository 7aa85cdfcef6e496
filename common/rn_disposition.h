/*
 * The value of a Content-Disposition (RFC 6266) out of a name that a user
 * gave.  Which file it is for, and whether it may be shown inline, is decided
 * elsewhere.
 */

#ifndef RN_DISPOSITION_H
#define RN_DISPOSITION_H

#include <stdbool.h>
#include <stddef.h>


#define RN_DISPOSITION_NAME  255        /* bytes of a name that are kept */

/* attachment, ; filename=", "; filename*=UTF-8'', the name twice, a NUL */
#define RN_DISPOSITION_SIZE  (10 + 12 + 20 + 4 * RN_DISPOSITION_NAME + 1)


/*
 * Writes the value and a NUL into out, and returns its length.
 *
 * Of the name (len bytes, meant to be UTF-8; NULL: none) is kept what follows
 * the last "/" or "\".  Control characters, quotes, characters that change the
 * direction of what follows, and bytes that are not UTF-8 become "_".  A name
 * that is too long loses letters in front of its extension.  What is not plain
 * ASCII is sent twice: with "_" for each such character, and by RFC 8187.
 */
size_t rn_disposition(bool attachment, const char *name, size_t len,
    char out[RN_DISPOSITION_SIZE]);


#endif /* RN_DISPOSITION_H */
