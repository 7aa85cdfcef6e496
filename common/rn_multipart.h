/*
 * A pull parser of multipart/form-data (RFC 7578, RFC 2046 section 5.1): bytes
 * in, as they come; parts and spans of their data out.  It allocates nothing,
 * copies no data, and gives the same events however the body is cut.
 *
 * What it does not do: count parts, fields or bytes (the caller's limits),
 * convert character sets (a form in another than UTF-8 is refused), and use a
 * file's name for anything.
 *
 *     for ( ;; ) {
 *         switch (rn_multipart_next(&m, &p, end, &data, &n)) {
 *         case RN_MULTIPART_MORE: ...       read on, or rn_multipart_finish
 *
 * Call it until it answers MORE or ERROR, also with no byte left: two events
 * can be due to one byte.
 */

#ifndef RN_MULTIPART_H
#define RN_MULTIPART_H

#include <stdbool.h>
#include <stddef.h>


#define RN_MULTIPART_HEADERS   4096     /* bytes of one part's headers */
#define RN_MULTIPART_BOUNDARY  70       /* RFC 2046, section 5.1.1 */


typedef enum {
    RN_MULTIPART_MORE,                  /* all bytes are taken */
    RN_MULTIPART_PART,                  /* a part begins: name, filename, ... */
    RN_MULTIPART_DATA,                  /* a span of its data, never empty */
    RN_MULTIPART_PART_END,
    RN_MULTIPART_END,                   /* the closing delimiter, once */
    RN_MULTIPART_ERROR                  /* see error */
} rn_multipart_event;

typedef struct {

    /* of the part, from PART to PART_END; UTF-8 without NUL */

    char            name[128];
    char            filename[256];      /* without a path; data, never a path */
    bool            has_filename;       /* it may be "": no file was chosen */
    char            type[128];          /* lower case, no parameters; or "" */

    const char     *error;              /* of ERROR: a sentence for a person */

    /* the parser's own */

    int             state;
    bool            in_part;
    bool            is_charset;         /* the field _charset_ */
    char            charset[16];        /* its value */
    size_t          charset_len;
    size_t          matched;            /* bytes of the delimiter seen */
    size_t          implied;            /* of them, those not in the body */
    size_t          delimiter_len;
    unsigned char   delimiter[4 + RN_MULTIPART_BOUNDARY];
    size_t          headers_len;
    size_t          line;               /* where the present line begins */
    char            headers[RN_MULTIPART_HEADERS];
} rn_multipart;


/*
 * content_type: the value of the request's header.  False: *why is a sentence
 * for a person.
 */
bool rn_multipart_init(rn_multipart *m, const char *content_type, size_t len,
    const char **why);

/*
 * Takes bytes from *p up to end and returns at the first event, with *p behind
 * what was taken.  DATA sets *data and *n to a span that is valid until the
 * next call; it lies in the input or in *m (the beginning of a delimiter that
 * turned out to be data).  After END the rest is taken and ignored.  After
 * ERROR every call answers ERROR.
 */
rn_multipart_event rn_multipart_next(rn_multipart *m, const unsigned char **p,
    const unsigned char *end, const unsigned char **data, size_t *n);

/*
 * At the end of the body: whether the closing delimiter was seen.  False: *why
 * is a sentence for a person.
 */
bool rn_multipart_finish(rn_multipart *m, const char **why);


#endif /* RN_MULTIPART_H */
