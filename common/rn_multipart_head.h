/* What the parser of multipart bodies asks of the one of headers. */

#ifndef RN_MULTIPART_HEAD_H
#define RN_MULTIPART_HEAD_H

#include "rn_multipart.h"


/*
 * The boundary out of a Content-Type, as bytes of `out`; *len is set.  False:
 * *why is a sentence.
 */
bool rn_multipart_boundary(const char *value, size_t value_len,
    unsigned char out[RN_MULTIPART_BOUNDARY], size_t *len, const char **why);

/*
 * Reads m->headers (whole lines, each with its CRLF; overwritten meanwhile)
 * into name, filename and type.  False: m->error says why.
 */
bool rn_multipart_head(rn_multipart *m);

/* Whether n bytes name a character set whose texts are UTF-8. */
bool rn_multipart_is_utf8(const char *name, size_t n);


#endif /* RN_MULTIPART_HEAD_H */
