/*
 * Headers of a form and of its parts: parameters by tokens (RFC 9110, section
 * 5.6.6), the boundary (RFC 2046, section 5.1.1), and the three headers that a
 * part may have (RFC 7578, section 4.8: any other is ignored).
 *
 * Values are decoded in place, since none gets longer by that.
 */

#include "rn_multipart_head.h"
#include "rn_utf8.h"

#include <string.h>
#include <strings.h>


typedef struct {
    char        *p, *end;               /* what is not read yet */
    char        *name;
    size_t       name_len;
    char        *value;                 /* decoded */
    size_t       value_len;
    bool         quoted;
    const char  *error;                 /* NULL: the end, without an error */
} params;


static bool
is_token(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
           || (c >= '0' && c <= '9')
           || (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}


static bool
is_space(char c)
{
    return c == ' ' || c == '\t';
}


static bool
is_word(const char *s, size_t n, const char *word)
{
    return strlen(word) == n && strncasecmp(s, word, n) == 0;
}


bool
rn_multipart_is_utf8(const char *name, size_t n)
{
    return n == 0 || is_word(name, n, "utf-8") || is_word(name, n, "utf8")
           || is_word(name, n, "us-ascii") || is_word(name, n, "ascii");
}


static void
skip_space(params *ps)
{
    while (ps->p < ps->end && is_space(*ps->p)) {
        ps->p++;
    }
}


/*
 * A quoted string.  Senders escape quotes and backslashes or, as browsers do,
 * neither; some write a path of Windows as it is.  So a backslash escapes only
 * what needs it (RFC 2616, section 2.2, allows it before any character).
 */

static bool
quoted_value(params *ps)
{
    char  *to;

    ps->value = to = ++ps->p;
    ps->quoted = true;

    for ( /* void */ ; ps->p < ps->end && *ps->p != '"'; ps->p++) {
        if (*ps->p == '\\' && ps->end - ps->p > 1
            && (ps->p[1] == '"' || ps->p[1] == '\\'))
        {
            ps->p++;
        }
        *to++ = *ps->p;
    }

    if (ps->p == ps->end) {
        ps->error = "a quoted value of a header does not end";
        return false;
    }

    ps->p++;
    ps->value_len = (size_t) (to - ps->value);

    return true;
}


/*
 * A value without quotes ends at a space or a semicolon.  More is let through
 * than tokens, since boundaries with "=" or "/" are seen without quotes.
 */

static bool
plain_value(params *ps)
{
    ps->value = ps->p;
    ps->quoted = false;

    while (ps->p < ps->end && !is_space(*ps->p) && *ps->p != ';') {
        if (*ps->p <= ' ' || *ps->p >= 0x7f || *ps->p == '"'
            || *ps->p == '\\')
        {
            ps->error = "a value of a header needs quotes";
            return false;
        }
        ps->p++;
    }

    ps->value_len = (size_t) (ps->p - ps->value);

    if (ps->value_len == 0) {
        ps->error = "a parameter of a header has no value";
        return false;
    }

    return true;
}


/* The next parameter.  False: there is none, or error says why. */

static bool
next_param(params *ps)
{
    ps->error = NULL;

    do {                                /* empty ones are allowed */
        skip_space(ps);
        if (ps->p == ps->end) {
            return false;
        }
        if (*ps->p != ';') {
            ps->error = "the parameters of a header are not separated by "
                        "semicolons";
            return false;
        }
        ps->p++;
        skip_space(ps);
    } while (ps->p < ps->end && *ps->p == ';');

    if (ps->p == ps->end) {
        return false;
    }

    ps->name = ps->p;
    while (ps->p < ps->end && is_token(*ps->p)) {
        ps->p++;
    }
    ps->name_len = (size_t) (ps->p - ps->name);

    if (ps->name_len == 0 || ps->p == ps->end || *ps->p != '=') {
        ps->error = "a parameter of a header is not written name=value";
        return false;
    }

    if (++ps->p < ps->end && *ps->p == '"') {
        return quoted_value(ps);
    }

    return plain_value(ps);
}


/* The word in front of the parameters; its length. */

static size_t
first_word(params *ps)
{
    char  *begin;

    skip_space(ps);
    begin = ps->p;

    while (ps->p < ps->end && !is_space(*ps->p) && *ps->p != ';') {
        ps->p++;
    }

    ps->name = begin;

    return (size_t) (ps->p - begin);
}


static bool
is_boundary(const char *s, size_t n)
{
    size_t  i;

    for (i = 0; i < n; i++) {
        if (!((s[i] >= 'a' && s[i] <= 'z') || (s[i] >= 'A' && s[i] <= 'Z')
              || (s[i] >= '0' && s[i] <= '9')
              || (s[i] != '\0' && strchr("'()+_,-./:=? ", s[i]) != NULL)))
        {
            return false;
        }
    }

    return true;
}


bool
rn_multipart_boundary(const char *value, size_t value_len,
    unsigned char out[RN_MULTIPART_BOUNDARY], size_t *len, const char **why)
{
    char    copy[1024];
    bool    found;
    size_t  n;
    params  ps;

    if (value_len > sizeof(copy)) {
        *why = "the Content-Type is too long";
        return false;
    }

    memcpy(copy, value, value_len);
    memset(&ps, 0, sizeof(ps));
    ps.p = copy;
    ps.end = copy + value_len;

    n = first_word(&ps);
    if (!is_word(ps.name, n, "multipart/form-data")) {
        *why = "the Content-Type must be multipart/form-data";
        return false;
    }

    found = false;

    while (next_param(&ps)) {
        if (!is_word(ps.name, ps.name_len, "boundary")) {
            continue;
        }

        if (found) {
            *why = "the Content-Type names a boundary twice";
            return false;
        }

        if (ps.value_len == 0 || ps.value_len > RN_MULTIPART_BOUNDARY) {
            *why = "the boundary in the Content-Type must have 1 to 70 "
                   "characters";
            return false;
        }

        if (!is_boundary(ps.value, ps.value_len)
            || ps.value[ps.value_len - 1] == ' ')
        {
            *why = "the boundary in the Content-Type holds a character that "
                   "is not allowed there";
            return false;
        }

        memcpy(out, ps.value, ps.value_len);
        *len = ps.value_len;
        found = true;
    }

    if (ps.error != NULL) {
        *why = ps.error;
        return false;
    }

    if (!found) {
        *why = "the Content-Type names no boundary";
        return false;
    }

    return true;
}


/* What browsers escape in quoted names: a quote and line ends, nothing else. */

static void
decode_percent(params *ps)
{
    char    c, *from, *to, *end;

    if (!ps->quoted) {
        return;
    }

    from = to = ps->value;
    end = ps->value + ps->value_len;

    while (from < end) {
        c = *from;

        if (c == '%' && end - from >= 3) {
            if (from[1] == '2' && from[2] == '2') {
                c = '"';
                from += 2;
            } else if (from[1] == '0' && (from[2] | 0x20) == 'd') {
                c = '\r';
                from += 2;
            } else if (from[1] == '0' && (from[2] | 0x20) == 'a') {
                c = '\n';
                from += 2;
            }
        }

        from++;
        *to++ = c;
    }

    ps->value_len = (size_t) (to - ps->value);
}


static const char *
set_name(rn_multipart *m, params *ps)
{
    decode_percent(ps);

    if (ps->value_len == 0) {
        return "the name of a part is empty";
    }

    if (ps->value_len >= sizeof(m->name)) {
        return "the name of a part is longer than 127 bytes";
    }

    if (!rn_utf8_valid(ps->value, ps->value_len)) {
        return "the name of a part is not UTF-8";
    }

    memcpy(m->name, ps->value, ps->value_len);
    m->name[ps->value_len] = '\0';

    return NULL;
}


static const char *
set_filename(rn_multipart *m, params *ps)
{
    char    *s;
    size_t   i;

    decode_percent(ps);

    if (!rn_utf8_valid(ps->value, ps->value_len)) {
        return "the name of a file is not UTF-8";
    }

    s = ps->value;
    for (i = 0; i < ps->value_len; i++) {
        if (ps->value[i] == '/' || ps->value[i] == '\\') {
            s = ps->value + i + 1;
        }
    }

    i = ps->value_len - (size_t) (s - ps->value);
    if (i >= sizeof(m->filename)) {
        return "the name of a file is longer than 255 bytes";
    }

    memcpy(m->filename, s, i);
    m->filename[i] = '\0';
    m->has_filename = true;

    return NULL;
}


static const char *
read_disposition(rn_multipart *m, params *ps)
{
    bool         named;
    size_t       n;
    const char  *error;

    n = first_word(ps);
    if (!is_word(ps->name, n, "form-data")) {
        return "the Content-Disposition of a part must be form-data";
    }

    named = false;

    while (next_param(ps)) {
        error = NULL;

        if (is_word(ps->name, ps->name_len, "name")) {
            if (named) {
                return "a part has two names";
            }
            named = true;
            error = set_name(m, ps);

        } else if (is_word(ps->name, ps->name_len, "filename")) {
            if (m->has_filename) {
                return "a part has two names of a file";
            }
            error = set_filename(m, ps);
        }

        /* filename* has no place in a form: RFC 7578, section 4.2 */

        if (error != NULL) {
            return error;
        }
    }

    if (ps->error != NULL) {
        return ps->error;
    }

    return named ? NULL : "the Content-Disposition of a part has no name";
}


/* *foreign: a character set that is not UTF-8 is named. */

static const char *
read_type(rn_multipart *m, params *ps, bool *foreign)
{
    char        *s, *slash;
    size_t       i, n;

    n = first_word(ps);
    s = ps->name;

    if (n == 0 && ps->p == ps->end) {
        return NULL;                    /* as none at all */
    }

    if (n >= sizeof(m->type)) {
        return "the Content-Type of a part is longer than 127 bytes";
    }

    slash = memchr(s, '/', n);
    if (slash == NULL || slash == s || slash == s + n - 1) {
        return "the Content-Type of a part is not written type/subtype";
    }

    for (i = 0; i < n; i++) {
        if (!is_token(s[i]) && s + i != slash) {
            return "the Content-Type of a part is not written type/subtype";
        }
        m->type[i] = s[i] >= 'A' && s[i] <= 'Z' ? s[i] | 0x20 : s[i];
    }
    m->type[n] = '\0';

    if (strcmp(m->type, "multipart/mixed") == 0) {
        return "a part of the type multipart/mixed is not taken; send each "
               "file as a part of its own";
    }

    if (strncmp(m->type, "multipart/", 10) == 0) {
        return "a part may not be a multipart itself";
    }

    while (next_param(ps)) {
        if (is_word(ps->name, ps->name_len, "charset")) {
            *foreign = !rn_multipart_is_utf8(ps->value, ps->value_len);
        }
    }

    return ps->error;
}


static const char *
read_encoding(params *ps)
{
    size_t  n;

    n = first_word(ps);
    skip_space(ps);

    if (ps->p != ps->end
        || !(is_word(ps->name, n, "7bit") || is_word(ps->name, n, "8bit")
             || is_word(ps->name, n, "binary")))
    {
        return "the Content-Transfer-Encoding of a part must be 7bit, 8bit or "
               "binary";
    }

    return NULL;
}


/*
 * What no header may hold.  A line that begins with a space would be a part of
 * the one before, which no sender of forms writes and RFC 9112, section 5.2,
 * lets us refuse.
 */

static const char *
check_bytes(const char *s, size_t n)
{
    size_t         i;
    unsigned char  c;

    for (i = 0; i < n; i++) {
        c = (unsigned char) s[i];

        if (is_space((char) c) && (i == 0 || s[i - 1] == '\n')) {
            return "a header of a part is folded into two lines";
        }

        if (c == '\0') {
            return "a header of a part holds a NUL";
        }

        if (c == '\r' && i + 1 < n && s[i + 1] == '\n') {
            i++;
        } else if ((c < ' ' && c != '\t') || c == 0x7f) {
            return "a header of a part holds a control character";
        }
    }

    return NULL;
}


bool
rn_multipart_head(rn_multipart *m)
{
    bool         disposition, type, encoding, foreign;
    char        *p, *end, *line_end, *name;
    size_t       name_len;
    params       ps;

    m->name[0] = '\0';
    m->filename[0] = '\0';
    m->type[0] = '\0';
    m->has_filename = false;

    disposition = type = encoding = foreign = false;

    p = m->headers;
    end = p + m->headers_len;

    m->error = check_bytes(p, m->headers_len);

    for ( /* void */ ; m->error == NULL && p < end; p = line_end + 2) {
        line_end = memchr(p, '\r', (size_t) (end - p));

        name = p;
        while (is_token(*p)) {
            p++;
        }
        name_len = (size_t) (p - name);

        if (name_len == 0 || *p != ':') {
            m->error = "a header of a part is not written name: value";
            break;
        }

        memset(&ps, 0, sizeof(ps));
        ps.p = p + 1;
        ps.end = line_end;

        if (is_word(name, name_len, "content-disposition")) {
            m->error = disposition ? "a part has two Content-Dispositions"
                                   : read_disposition(m, &ps);
            disposition = true;

        } else if (is_word(name, name_len, "content-type")) {
            m->error = type ? "a part has two Content-Types"
                            : read_type(m, &ps, &foreign);
            type = true;

        } else if (is_word(name, name_len, "content-transfer-encoding")) {
            m->error = encoding ? "a part has two Content-Transfer-Encodings"
                                : read_encoding(&ps);
            encoding = true;
        }
    }

    if (m->error == NULL && !disposition) {
        m->error = "a part has no Content-Disposition";
    }

    if (m->error == NULL && foreign && !m->has_filename) {
        m->error = "a field is in another character set than UTF-8";
    }

    return m->error == NULL;
}
