/*
 * The body of a form, cut into parts.  A delimiter is CRLF "--" boundary, and
 * CR is in it only as its first byte: where the comparison fails, the bytes
 * matched so far are data, and none of them can begin another delimiter.  Data
 * is therefore searched for CR, and handed on in spans.  Headers are read in
 * rn_multipart_head.c.
 */

#include "rn_multipart.h"
#include "rn_multipart_head.h"

#include <string.h>


enum {
    IN_PREAMBLE,                        /* before the first delimiter */
    BEHIND_DELIMITER,                   /* padding, CRLF or "--" follows */
    BEHIND_DASH,
    BEHIND_CR,
    IN_HEADERS,
    IN_DATA,
    AT_END,                             /* END is due */
    IN_EPILOGUE,
    FAILED
};


static rn_multipart_event
fail(rn_multipart *m, const char *error)
{
    m->state = FAILED;
    m->error = error;

    return RN_MULTIPART_ERROR;
}


/*
 * A delimiter's CRLF may be the one just before: at the very beginning of the
 * body, and behind the empty line of a part without data.
 */

static void
begin_content(rn_multipart *m, int state)
{
    m->state = state;
    m->matched = 2;
    m->implied = 2;
}


bool
rn_multipart_init(rn_multipart *m, const char *content_type, size_t len,
    const char **why)
{
    size_t  n;

    memset(m, 0, sizeof(*m));
    memcpy(m->delimiter, "\r\n--", 4);

    if (!rn_multipart_boundary(content_type, len, m->delimiter + 4, &n, why)) {
        (void) fail(m, *why);
        return false;
    }

    m->delimiter_len = 4 + n;
    begin_content(m, IN_PREAMBLE);

    return true;
}


/*
 * The first place in [p, end) where a delimiter is, or where one is begun that
 * the end of the input cuts; `end` when there is none.
 */

static const unsigned char *
find_delimiter(const rn_multipart *m, const unsigned char *p,
    const unsigned char *end)
{
    size_t  n;

    while (p < end) {
        p = memchr(p, '\r', (size_t) (end - p));
        if (p == NULL) {
            break;
        }

        n = (size_t) (end - p);
        if (n > m->delimiter_len) {
            n = m->delimiter_len;
        }

        if ((n == 1 || p[1] == '\n') && memcmp(p, m->delimiter, n) == 0) {
            return p;
        }
        p++;
    }

    return end;
}


/* Preamble and data: what is no delimiter is handed on as a span. */

static rn_multipart_event
content(rn_multipart *m, const unsigned char **p, const unsigned char *end,
    const unsigned char **data, size_t *n)
{
    size_t                left, have;
    const unsigned char  *at;

    if (m->matched > 0) {               /* a delimiter begun before *p */
        left = m->delimiter_len - m->matched;
        have = (size_t) (end - *p);
        if (have > left) {
            have = left;
        }

        if (memcmp(*p, m->delimiter + m->matched, have) == 0) {
            m->matched += have;
            *p += have;

            if (m->matched == m->delimiter_len) {
                m->matched = 0;
                m->state = BEHIND_DELIMITER;
            }

            return RN_MULTIPART_MORE;
        }

        *data = m->delimiter + m->implied;
        *n = m->matched - m->implied;
        m->matched = 0;

        return *n > 0 ? RN_MULTIPART_DATA : RN_MULTIPART_MORE;
    }

    at = find_delimiter(m, *p, end);

    if (at > *p) {
        *data = *p;
        *n = (size_t) (at - *p);
        *p = at;
        return RN_MULTIPART_DATA;
    }

    m->implied = 0;
    m->matched = 1;
    (*p)++;

    return RN_MULTIPART_MORE;
}


/* The rest of a delimiter's line. */

static rn_multipart_event
behind_delimiter(rn_multipart *m, unsigned char c)
{
    bool  in_part;

    switch (m->state) {

    case BEHIND_DELIMITER:
        if (c == ' ' || c == '\t') {    /* padding by a transport */
            return RN_MULTIPART_MORE;
        }
        if (c == '-') {
            m->state = BEHIND_DASH;
            return RN_MULTIPART_MORE;
        }
        if (c == '\r') {
            m->state = BEHIND_CR;
            return RN_MULTIPART_MORE;
        }
        if (c == '\n') {
            return fail(m, "the lines of the form end by LF alone; CRLF is "
                           "needed");
        }
        return fail(m, "a delimiter of the form is followed by something "
                       "other than CRLF or \"--\"");

    case BEHIND_DASH:
        if (c != '-') {
            return fail(m, "a delimiter of the form is followed by a single "
                           "\"-\"; the last one is followed by \"--\"");
        }

        in_part = m->in_part;
        m->in_part = false;
        m->state = AT_END;
        return in_part ? RN_MULTIPART_PART_END : RN_MULTIPART_MORE;

    default:                            /* BEHIND_CR */
        if (c != '\n') {
            return fail(m, "a delimiter of the form is followed by CR without "
                           "LF");
        }

        in_part = m->in_part;
        m->in_part = false;
        m->state = IN_HEADERS;
        m->headers_len = 0;
        m->line = 0;
        return in_part ? RN_MULTIPART_PART_END : RN_MULTIPART_MORE;
    }
}


/* Collects a part's headers by lines, up to the empty one. */

static rn_multipart_event
headers(rn_multipart *m, const unsigned char **p, const unsigned char *end)
{
    size_t                n;
    const unsigned char  *lf;

    lf = memchr(*p, '\n', (size_t) (end - *p));
    n = (size_t) ((lf != NULL ? lf + 1 : end) - *p);

    if (n > sizeof(m->headers) - m->headers_len) {
        return fail(m, "the headers of a part are longer than 4096 bytes");
    }

    memcpy(m->headers + m->headers_len, *p, n);
    m->headers_len += n;
    *p += n;

    if (lf == NULL) {
        return RN_MULTIPART_MORE;
    }

    n = m->headers_len - m->line;

    if (n < 2 || m->headers[m->headers_len - 2] != '\r') {
        return fail(m, "a header of a part ends by LF alone; CRLF is needed");
    }

    if (n > 2) {
        m->line = m->headers_len;
        return RN_MULTIPART_MORE;
    }

    m->headers_len = m->line;           /* without the empty line */

    if (!rn_multipart_head(m)) {
        m->state = FAILED;
        return RN_MULTIPART_ERROR;
    }

    m->in_part = true;
    m->is_charset = !m->has_filename && strcmp(m->name, "_charset_") == 0;
    m->charset_len = 0;
    begin_content(m, IN_DATA);

    return RN_MULTIPART_PART;
}


/*
 * The field _charset_ (RFC 7578, section 4.6) is data like any other, but what
 * it says of the whole form is looked at: all texts are taken as UTF-8.
 */

static rn_multipart_event
charset(rn_multipart *m, rn_multipart_event event, const unsigned char *data,
    size_t n)
{
    if (event == RN_MULTIPART_DATA) {
        if (n > sizeof(m->charset) - m->charset_len) {
            n = sizeof(m->charset) - m->charset_len;    /* none is as long */
        }
        memcpy(m->charset + m->charset_len, data, n);
        m->charset_len += n;
        return event;
    }

    if (event == RN_MULTIPART_PART_END) {
        m->is_charset = false;
        if (!rn_multipart_is_utf8(m->charset, m->charset_len)) {
            return fail(m, "the form's field \"_charset_\" names another "
                           "character set than UTF-8");
        }
    }

    return event;
}


rn_multipart_event
rn_multipart_next(rn_multipart *m, const unsigned char **p,
    const unsigned char *end, const unsigned char **data, size_t *n)
{
    rn_multipart_event  event;

    *data = NULL;
    *n = 0;

    if (m->state == FAILED) {
        return RN_MULTIPART_ERROR;
    }

    while (*p < end && m->state != AT_END) {
        switch (m->state) {

        case IN_PREAMBLE:
            (void) content(m, p, end, data, n);
            event = RN_MULTIPART_MORE;
            break;

        case IN_DATA:
            event = content(m, p, end, data, n);
            break;

        case IN_HEADERS:
            event = headers(m, p, end);
            break;

        case IN_EPILOGUE:
            *p = end;
            event = RN_MULTIPART_MORE;
            break;

        default:
            event = behind_delimiter(m, *(*p)++);
        }

        if (m->is_charset) {
            event = charset(m, event, *data, *n);
        }

        if (event != RN_MULTIPART_MORE) {
            return event;
        }
    }

    if (m->state == AT_END) {
        m->state = IN_EPILOGUE;
        return RN_MULTIPART_END;
    }

    return RN_MULTIPART_MORE;
}


bool
rn_multipart_finish(rn_multipart *m, const char **why)
{
    switch (m->state) {

    case AT_END:
    case IN_EPILOGUE:
        return true;

    case FAILED:
        *why = m->error;
        return false;

    case IN_PREAMBLE:
        *why = "the body has no delimiter with the boundary that the "
               "Content-Type names";
        break;

    case IN_HEADERS:
        *why = "the form ends within the headers of a part";
        break;

    default:
        *why = "the form ends before its closing delimiter";
    }

    (void) fail(m, *why);

    return false;
}
