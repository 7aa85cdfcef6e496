/* What of an SVG is refused before anything reads it; see rn_svg.h. */

#include "rn_svg.h"
#include "rn_utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>


#define SHOWN  60                       /* bytes of a name or address told */

/* A piece of the text. */

typedef struct {
    const char  *p;
    size_t       n;
} piece;

typedef struct {
    const char  *p, *end;
    size_t       elements, depth;
    bool         letters, rooted, typed;
    size_t       style;                 /* depth of the <style> we are in */
    char        *scratch;               /* decoded values and style sheets */
    size_t       styled;                /* bytes of the sheet in it */
    char        *err;
    size_t       err_size;
} scanner;


static bool
refuse(scanner *s, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));


static bool
refuse(scanner *s, const char *fmt, ...)
{
    va_list  args;

    va_start(args, fmt);
    (void) vsnprintf(s->err, s->err_size, fmt, args);
    va_end(args);

    return false;
}


/* As much of a piece as is shown to a person, without half characters. */

static int
shown(const char *p, size_t n)
{
    if (n <= SHOWN) {
        return (int) n;
    }

    for (n = SHOWN; n > 0 && ((unsigned char) p[n] & 0xc0) == 0x80; n--) {
        /* void */
    }

    return (int) n;
}


static bool
is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}


static bool
is(piece a, const char *word)
{
    return a.n == strlen(word) && memcmp(a.p, word, a.n) == 0;
}


static bool
is_nocase(piece a, const char *word)
{
    return a.n == strlen(word) && strncasecmp(a.p, word, a.n) == 0;
}


static bool
begins(const scanner *s, const char *word)
{
    size_t  n = strlen(word);

    return (size_t) (s->end - s->p) >= n && memcmp(s->p, word, n) == 0;
}


static void
skip_space(scanner *s)
{
    while (s->p < s->end && is_space(*s->p)) {
        s->p++;
    }
}


/* Goes behind the next `word`; false where there is none. */

static bool
skip_behind(scanner *s, const char *word, piece *passed)
{
    passed->p = s->p;

    for ( ;; ) {
        s->p = memchr(s->p, word[0], (size_t) (s->end - s->p));

        if (s->p == NULL) {
            s->p = s->end;
            return false;
        }

        if (begins(s, word)) {
            break;
        }

        s->p++;
    }

    passed->n = (size_t) (s->p - passed->p);
    s->p += strlen(word);

    return true;
}


/* A name up to a space or a sign that ends it; of it, what is behind ":". */

static piece
read_name(scanner *s)
{
    piece  name;

    name.p = s->p;

    while (s->p < s->end && !is_space(*s->p) && strchr("=/><\"'&", *s->p)
           == NULL)
    {
        if (*s->p == ':') {
            name.p = s->p + 1;
        }
        s->p++;
    }

    name.n = (size_t) (s->p - name.p);

    return name;
}


/*
 * Decodes character data, where references to characters stand for them and
 * the five names of XML are the only ones there are.  Returns its length.
 */

static bool
decode(scanner *s, piece text, char *out, size_t *len)
{
    size_t         i, k;
    piece          name;
    unsigned long  code;

    static const struct {
        const char  *name;
        char         c;
    } names[] = { { "amp", '&' }, { "lt", '<' }, { "gt", '>' },
                  { "quot", '"' }, { "apos", '\'' } };

    *len = 0;

    for (i = 0; i < text.n; i++) {
        if (text.p[i] != '&') {
            out[(*len)++] = text.p[i];
            continue;
        }

        name.p = text.p + i + 1;
        for (k = i + 1; k < text.n && k < i + 12 && text.p[k] != ';'; k++) {
            /* void */
        }
        name.n = k - i - 1;

        if (k == text.n || text.p[k] != ';' || name.n == 0) {
            return refuse(s, "is no well-formed XML: \"&\" begins an entity");
        }

        i = k;

        if (name.p[0] == '#') {
            code = name.n > 1 && (name.p[1] == 'x' || name.p[1] == 'X')
                   ? strtoul(name.p + 2, NULL, 16)
                   : strtoul(name.p + 1, NULL, 10);

            /* what is no ASCII begins nothing that is refused */

            out[(*len)++] = code > 0 && code < 128 ? (char) code : '?';
            continue;
        }

        for (k = 0; k < sizeof(names) / sizeof(names[0]); k++) {
            if (is(name, names[k].name)) {
                break;
            }
        }

        if (k == sizeof(names) / sizeof(names[0])) {
            return refuse(s, "names the entity \"%.*s\"; entities are not read",
                          shown(name.p, name.n), name.p);
        }

        out[(*len)++] = names[k].c;
    }

    return true;
}


/* Room for what is only looked at, behind what is known of a style sheet. */

static char *
beside_sheet(const scanner *s)
{
    return s->scratch + (s->style > 0 ? s->styled : 0);
}


/* Where a style or a value points: to "#id" in the same file, or nowhere. */

static bool
check_style(scanner *s, const char *p, size_t n, bool sheet)
{
    size_t  i, k;

    for (i = 0; i < n; i++) {

        if (sheet && p[i] == '\\') {
            return refuse(s, "holds a style with an escape, \"\\\"");
        }

        if (sheet && n - i >= 7 && strncasecmp(p + i, "@import", 7) == 0) {
            return refuse(s, "imports a style sheet; nothing from elsewhere "
                          "is read");
        }

        if (n - i < 4 || strncasecmp(p + i, "url(", 4) != 0) {
            continue;
        }

        k = i + 4;
        while (k < n && (is_space(p[k]) || p[k] == '"' || p[k] == '\'')) {
            k++;
        }

        if (k == n || p[k] != '#') {
            return refuse(s, "points to \"%.*s\"; nothing from elsewhere is "
                          "drawn, only what the file itself holds (#id)",
                          shown(p + k, n - k), p + k);
        }
    }

    return true;
}


static bool
check_reference(scanner *s, piece element, const char *p, size_t n)
{
    if (is(element, "a")) {                 /* a link, which nobody follows */
        return true;
    }

    while (n > 0 && is_space(*p)) {
        p++;
        n--;
    }

    if (n == 0 || *p == '#') {
        return true;
    }

    if (n >= 5 && strncasecmp(p, "data:", 5) == 0) {
        return refuse(s, "holds a picture within (\"data:\"), which is not "
                      "drawn; lay it beside as a clip of its own");
    }

    return refuse(s, "points to \"%.*s\"; nothing from elsewhere is drawn, "
                  "only what the file itself holds (#id)", shown(p, n), p);
}


static bool
read_attribute(scanner *s, piece element)
{
    char    quote, *out;
    bool    style;
    size_t  n;
    piece   name, value;

    name = read_name(s);
    skip_space(s);

    if (name.n == 0 || s->p == s->end || *s->p != '=') {
        return refuse(s, "is no well-formed XML: an attribute of <%.*s>",
                      shown(element.p, element.n), element.p);
    }

    s->p++;
    skip_space(s);
    quote = s->p < s->end ? *s->p : '\0';

    if (quote != '"' && quote != '\'') {
        return refuse(s, "is no well-formed XML: a value without quotes");
    }

    value.p = ++s->p;
    s->p = memchr(s->p, quote, (size_t) (s->end - s->p));
    if (s->p == NULL) {
        s->p = s->end;
        return refuse(s, "is no well-formed XML: a value without an end");
    }
    value.n = (size_t) (s->p++ - value.p);

    if (memchr(value.p, '<', value.n) != NULL) {
        return refuse(s, "is no well-formed XML: \"<\" in a value");
    }

    if (name.n > 2 && strncasecmp(name.p, "on", 2) == 0) {
        return refuse(s, "holds a script, in \"%.*s\"", shown(name.p, name.n),
                      name.p);
    }

    out = beside_sheet(s);

    if (!decode(s, value, out, &n)) {
        return false;
    }

    if ((is(name, "href") || is(name, "src"))
        && !check_reference(s, element, out, n))
    {
        return false;
    }

    style = is(name, "style");

    return check_style(s, out, n, style);
}


/* Elements that run, or hold what is no drawing. */

static bool
check_element(scanner *s, piece name)
{
    size_t  i;

    static const char *const strange[] = {
        "foreignObject", "iframe", "object", "embed", "video", "audio",
        "canvas", "include",
    };

    if (is_nocase(name, "script") || is_nocase(name, "handler")
        || is_nocase(name, "listener"))
    {
        return refuse(s, "holds a script, <%.*s>", shown(name.p, name.n),
                      name.p);
    }

    for (i = 0; i < sizeof(strange) / sizeof(strange[0]); i++) {
        if (is_nocase(name, strange[i])) {
            return refuse(s, "holds <%.*s>, which is not drawn",
                          shown(name.p, name.n), name.p);
        }
    }

    return true;
}


/* Behind "<": its name, its attributes, and whether it has an inside. */

static bool
read_element(scanner *s)
{
    piece  name;

    name = read_name(s);

    if (name.n == 0) {
        return refuse(s, "is no well-formed XML: \"<\" without a name");
    }

    if (s->depth == 0 && (s->rooted || !is(name, "svg"))) {
        return refuse(s, s->rooted ? "goes on behind its end"
                                   : "is no SVG: it begins with another "
                                     "element");
    }

    s->rooted = true;

    if (++s->elements > RN_SVG_ELEMENTS) {
        return refuse(s, "holds more than %d elements", RN_SVG_ELEMENTS);
    }

    if (!check_element(s, name)) {
        return false;
    }

    s->letters = s->letters || is(name, "text");

    for ( ;; ) {
        skip_space(s);

        if (begins(s, "/>")) {
            s->p += 2;
            return true;
        }

        if (begins(s, ">")) {
            s->p++;
            break;
        }

        if (s->p == s->end) {
            return refuse(s, "is cut off in <%.*s>", shown(name.p, name.n),
                          name.p);
        }

        if (!read_attribute(s, name)) {
            return false;
        }
    }

    if (++s->depth > RN_SVG_DEPTH) {
        return refuse(s, "holds elements in one another %d deep; at most %d "
                      "are read", RN_SVG_DEPTH + 1, RN_SVG_DEPTH);
    }

    if (s->style == 0 && is_nocase(name, "style")) {
        s->style = s->depth;
        s->styled = 0;
    }

    return true;
}


/* Behind "</". */

static bool
read_end(scanner *s)
{
    (void) read_name(s);
    skip_space(s);

    if (!begins(s, ">") || s->depth == 0) {
        return refuse(s, "is no well-formed XML: an end of nothing");
    }

    s->p++;

    if (s->style == s->depth) {
        s->style = 0;

        if (!check_style(s, s->scratch, s->styled, true)) {
            return false;
        }
    }

    s->depth--;

    return true;
}


/* Text of a style sheet comes in pieces, and is looked at as a whole. */

static bool
take_text(scanner *s, piece text, bool raw)
{
    char    *out;
    size_t   n;

    out = beside_sheet(s);

    if (raw) {
        memcpy(out, text.p, text.n);
        n = text.n;
    } else if (!decode(s, text, out, &n)) {
        return false;
    }

    if (s->style > 0) {
        s->styled += n;
    }

    return true;
}


/* <?xml ... ?> may say which encoding it is, but not another than it is. */

static bool
read_instruction(scanner *s)
{
    bool    first;
    char    text[256];
    char   *at;
    piece   all;
    size_t  n;

    first = s->depth == 0 && !s->rooted && !s->typed;

    if (!skip_behind(s, "?>", &all)) {
        return refuse(s, "is cut off");
    }

    if (all.n >= 14 && strncasecmp(all.p, "xml-stylesheet", 14) == 0) {
        return refuse(s, "names a style sheet; nothing from elsewhere is "
                      "read");
    }

    if (all.n < 4 || memcmp(all.p, "xml", 3) != 0 || !is_space(all.p[3])) {
        return true;
    }

    n = all.n < sizeof(text) - 1 ? all.n : sizeof(text) - 1;
    memcpy(text, all.p, n);
    text[n] = '\0';

    if (!first || n < all.n) {
        return refuse(s, "is no well-formed XML: <?xml where it cannot be");
    }

    at = strstr(text, "encoding");
    if (at != NULL) {
        at += 8 + strspn(at + 8, " \t\r\n=\"'");

        if (strncasecmp(at, "utf-8", 5) != 0
            && strncasecmp(at, "us-ascii", 8) != 0)
        {
            return refuse(s, "is not in UTF-8");
        }
    }

    return true;
}


/* <!DOCTYPE svg PUBLIC ...>: names what nobody fetches, and no more. */

static bool
read_doctype(scanner *s)
{
    char  quote;

    if (s->rooted || s->typed) {
        return refuse(s, "is no well-formed XML: <!DOCTYPE where it cannot "
                      "be");
    }

    s->typed = true;

    for (quote = '\0'; s->p < s->end; s->p++) {
        if (quote != '\0') {
            quote = *s->p == quote ? '\0' : quote;

        } else if (*s->p == '"' || *s->p == '\'') {
            quote = *s->p;

        } else if (*s->p == '[') {
            return refuse(s, "declares entities in its DOCTYPE; entities are "
                          "not read");

        } else if (*s->p == '>') {
            s->p++;
            return true;
        }
    }

    return refuse(s, "is cut off");
}


static bool
read_markup(scanner *s)
{
    piece  inside;

    if (begins(s, "<!--")) {
        s->p += 4;
        return skip_behind(s, "-->", &inside) || refuse(s, "is cut off");
    }

    if (begins(s, "<![CDATA[")) {
        s->p += 9;
        if (!skip_behind(s, "]]>", &inside)) {
            return refuse(s, "is cut off");
        }
        return take_text(s, inside, true);
    }

    if (begins(s, "<!DOCTYPE")) {
        s->p += 9;
        return read_doctype(s);
    }

    if (begins(s, "<!")) {
        return refuse(s, "is no well-formed XML: \"<!\"");
    }

    if (begins(s, "<?")) {
        s->p += 2;
        return read_instruction(s);
    }

    if (begins(s, "</")) {
        s->p += 2;
        return read_end(s);
    }

    s->p++;

    return read_element(s);
}


static bool
scan(scanner *s)
{
    piece  text;

    while (s->p < s->end) {
        text.p = s->p;
        s->p = memchr(s->p, '<', (size_t) (s->end - s->p));
        s->p = s->p != NULL ? s->p : s->end;
        text.n = (size_t) (s->p - text.p);

        if (text.n > 0 && !take_text(s, text, false)) {
            return false;
        }

        if (s->p < s->end && !read_markup(s)) {
            return false;
        }
    }

    if (!s->rooted || s->depth > 0) {
        return refuse(s, "is cut off");
    }

    return true;
}


bool
rn_svg_check(const char *text, size_t len, bool *letters, char *err,
    size_t err_size)
{
    bool     ok;
    scanner  s;

    memset(&s, 0, sizeof(s));
    s.err = err;
    s.err_size = err_size;
    err[0] = '\0';

    if (len > RN_SVG_MAX) {
        return refuse(&s, "is of more than %d bytes", RN_SVG_MAX);
    }

    if (!rn_utf8_valid(text, len) || memchr(text, '\0', len) != NULL) {
        return refuse(&s, "is not in UTF-8");
    }

    s.p = text;
    s.end = text + len;
    s.scratch = malloc(len + 1);

    if (s.scratch == NULL) {
        return refuse(&s, "is too large for the memory there is");
    }

    if (begins(&s, "\xef\xbb\xbf")) {
        s.p += 3;
    }

    skip_space(&s);

    ok = begins(&s, "<") ? scan(&s) : refuse(&s, "is no SVG");
    free(s.scratch);

    if (letters != NULL) {
        *letters = s.letters;
    }

    return ok;
}


bool
rn_svg_seems(const char *text, size_t len)
{
    char     err[8];
    piece    name;
    scanner  s;

    memset(&s, 0, sizeof(s));
    s.err = err;
    s.err_size = sizeof(err);
    s.p = text;
    s.end = text + len;

    if (begins(&s, "\xef\xbb\xbf")) {
        s.p += 3;
    }

    for ( ;; ) {
        skip_space(&s);

        if (begins(&s, "<!--")) {
            s.p += 4;
            if (!skip_behind(&s, "-->", &name)) {
                return false;
            }

        } else if (begins(&s, "<?")) {
            s.p += 2;
            if (!skip_behind(&s, "?>", &name)) {
                return false;
            }

        } else if (begins(&s, "<!DOCTYPE")) {
            s.p += 9;

            /* one with entities is refused for these, as what it says it is */

            skip_space(&s);
            name = read_name(&s);
            return is(name, "svg");

        } else if (begins(&s, "<")) {
            s.p++;
            name = read_name(&s);
            return is(name, "svg");

        } else {
            return false;
        }
    }
}
