/* What of an SVG is refused before anything reads it; see rn_svg.h. */

#include "rn_svg.h"
#include "rn_svg_read.h"
#include "rn_utf8.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>


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
            return rn_svg_refuse(s, "holds a style with an escape, \"\\\"");
        }

        if (sheet && n - i >= 7 && strncasecmp(p + i, "@import", 7) == 0) {
            return rn_svg_refuse(s, "imports a style sheet; nothing from "
                                 "elsewhere is read");
        }

        if (n - i < 4 || strncasecmp(p + i, "url(", 4) != 0) {
            continue;
        }

        k = i + 4;
        while (k < n && (rn_svg_is_space(p[k]) || p[k] == '"'
                         || p[k] == '\''))
        {
            k++;
        }

        if (k == n || p[k] != '#') {
            return rn_svg_refuse(s, "points to \"%.*s\"; nothing from "
                                 "elsewhere is drawn, only what the file "
                                 "itself holds (#id)",
                                 rn_svg_shown(p + k, n - k), p + k);
        }
    }

    return true;
}


static bool
check_reference(scanner *s, piece element, const char *p, size_t n)
{
    if (rn_svg_is(element, "a")) {          /* a link, which nobody follows */
        return true;
    }

    while (n > 0 && rn_svg_is_space(*p)) {
        p++;
        n--;
    }

    if (n == 0 || *p == '#') {
        return true;
    }

    if (n >= 5 && strncasecmp(p, "data:", 5) == 0) {
        return rn_svg_refuse(s, "holds a picture within (\"data:\"), which is "
                             "not drawn; lay it beside as a clip of its own");
    }

    return rn_svg_refuse(s, "points to \"%.*s\"; nothing from elsewhere is "
                         "drawn, only what the file itself holds (#id)",
                         rn_svg_shown(p, n), p);
}


static bool
read_attribute(scanner *s, piece element)
{
    char    quote, *out;
    bool    style;
    size_t  n;
    piece   name, value;

    name = rn_svg_read_name(s);
    rn_svg_skip_space(s);

    if (name.n == 0 || s->p == s->end || *s->p != '=') {
        return rn_svg_refuse(s, "is no well-formed XML: an attribute of <%.*s>",
                             rn_svg_shown(element.p, element.n), element.p);
    }

    s->p++;
    rn_svg_skip_space(s);
    quote = s->p < s->end ? *s->p : '\0';

    if (quote != '"' && quote != '\'') {
        return rn_svg_refuse(s, "is no well-formed XML: a value without "
                             "quotes");
    }

    value.p = ++s->p;
    s->p = memchr(s->p, quote, (size_t) (s->end - s->p));
    if (s->p == NULL) {
        s->p = s->end;
        return rn_svg_refuse(s, "is no well-formed XML: a value without an "
                             "end");
    }
    value.n = (size_t) (s->p++ - value.p);

    if (memchr(value.p, '<', value.n) != NULL) {
        return rn_svg_refuse(s, "is no well-formed XML: \"<\" in a value");
    }

    if (name.n > 2 && strncasecmp(name.p, "on", 2) == 0) {
        return rn_svg_refuse(s, "holds a script, in \"%.*s\"",
                             rn_svg_shown(name.p, name.n), name.p);
    }

    out = beside_sheet(s);

    if (!rn_svg_decode(s, value, out, &n)) {
        return false;
    }

    if ((rn_svg_is(name, "href") || rn_svg_is(name, "src"))
        && !check_reference(s, element, out, n))
    {
        return false;
    }

    style = rn_svg_is(name, "style");

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

    if (rn_svg_is_nocase(name, "script") || rn_svg_is_nocase(name, "handler")
        || rn_svg_is_nocase(name, "listener"))
    {
        return rn_svg_refuse(s, "holds a script, <%.*s>",
                             rn_svg_shown(name.p, name.n), name.p);
    }

    for (i = 0; i < sizeof(strange) / sizeof(strange[0]); i++) {
        if (rn_svg_is_nocase(name, strange[i])) {
            return rn_svg_refuse(s, "holds <%.*s>, which is not drawn",
                                 rn_svg_shown(name.p, name.n), name.p);
        }
    }

    return true;
}


/* Behind "<": its name, its attributes, and whether it has an inside. */

static bool
read_element(scanner *s)
{
    piece  name;

    name = rn_svg_read_name(s);

    if (name.n == 0) {
        return rn_svg_refuse(s, "is no well-formed XML: \"<\" without a name");
    }

    if (s->depth == 0 && (s->rooted || !rn_svg_is(name, "svg"))) {
        return rn_svg_refuse(s, s->rooted ? "goes on behind its end"
                             : "is no SVG: it begins with another element");
    }

    s->rooted = true;

    if (++s->elements > RN_SVG_ELEMENTS) {
        return rn_svg_refuse(s, "holds more than %d elements", RN_SVG_ELEMENTS);
    }

    if (!check_element(s, name)) {
        return false;
    }

    s->letters = s->letters || rn_svg_is(name, "text");

    for ( ;; ) {
        rn_svg_skip_space(s);

        if (rn_svg_begins(s, "/>")) {
            s->p += 2;
            return true;
        }

        if (rn_svg_begins(s, ">")) {
            s->p++;
            break;
        }

        if (s->p == s->end) {
            return rn_svg_refuse(s, "is cut off in <%.*s>",
                                 rn_svg_shown(name.p, name.n), name.p);
        }

        if (!read_attribute(s, name)) {
            return false;
        }
    }

    if (++s->depth > RN_SVG_DEPTH) {
        return rn_svg_refuse(s, "holds elements in one another %d deep; at "
                             "most %d are read", RN_SVG_DEPTH + 1,
                             RN_SVG_DEPTH);
    }

    if (s->style == 0 && rn_svg_is_nocase(name, "style")) {
        s->style = s->depth;
        s->styled = 0;
    }

    return true;
}


/* Behind "</". */

static bool
read_end(scanner *s)
{
    piece  name;

    name = rn_svg_read_name(s);
    rn_svg_skip_space(s);

    if (name.n == 0 || !rn_svg_begins(s, ">") || s->depth == 0) {
        return rn_svg_refuse(s, "is no well-formed XML: an end of nothing");
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

    if (s->depth == 0) {
        for (n = 0; !raw && n < text.n && rn_svg_is_space(text.p[n]); n++) {
            /* void */
        }

        if (raw || n < text.n) {
            return rn_svg_refuse(s, "is no well-formed XML: text outside of "
                                 "it");
        }
    }

    out = beside_sheet(s);

    if (raw) {
        memcpy(out, text.p, text.n);
        n = text.n;
    } else if (!rn_svg_decode(s, text, out, &n)) {
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

    if (!rn_svg_skip_behind(s, "?>", &all)) {
        return rn_svg_refuse(s, "is cut off");
    }

    if (all.n >= 14 && strncasecmp(all.p, "xml-stylesheet", 14) == 0) {
        return rn_svg_refuse(s, "names a style sheet; nothing from elsewhere "
                             "is read");
    }

    if (all.n < 4 || memcmp(all.p, "xml", 3) != 0
        || !rn_svg_is_space(all.p[3]))
    {
        return true;
    }

    n = all.n < sizeof(text) - 1 ? all.n : sizeof(text) - 1;
    memcpy(text, all.p, n);
    text[n] = '\0';

    if (!first || n < all.n) {
        return rn_svg_refuse(s, "is no well-formed XML: <?xml where it cannot "
                             "be");
    }

    at = strstr(text, "encoding");
    if (at != NULL) {
        at += 8 + strspn(at + 8, " \t\r\n=\"'");

        if (strncasecmp(at, "utf-8", 5) != 0
            && strncasecmp(at, "us-ascii", 8) != 0)
        {
            return rn_svg_refuse(s, "is not in UTF-8");
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
        return rn_svg_refuse(s, "is no well-formed XML: <!DOCTYPE where it "
                             "cannot be");
    }

    s->typed = true;
    rn_svg_skip_space(s);

    if (!rn_svg_is(rn_svg_read_name(s), "svg")) {
        return rn_svg_refuse(s, "is no SVG: its DOCTYPE is another");
    }

    for (quote = '\0'; s->p < s->end; s->p++) {
        if (quote != '\0') {
            quote = *s->p == quote ? '\0' : quote;

        } else if (*s->p == '"' || *s->p == '\'') {
            quote = *s->p;

        } else if (*s->p == '<') {
            break;

        } else if (*s->p == '[') {
            return rn_svg_refuse(s, "declares entities in its DOCTYPE; "
                                 "entities are not read");

        } else if (*s->p == '>') {
            s->p++;
            return true;
        }
    }

    return rn_svg_refuse(s, "is cut off");
}


static bool
read_markup(scanner *s)
{
    piece  inside;

    if (rn_svg_begins(s, "<!--")) {
        s->p += 4;
        return rn_svg_skip_behind(s, "-->", &inside)
               || rn_svg_refuse(s, "is cut off");
    }

    if (rn_svg_begins(s, "<![CDATA[")) {
        s->p += 9;
        if (!rn_svg_skip_behind(s, "]]>", &inside)) {
            return rn_svg_refuse(s, "is cut off");
        }
        return take_text(s, inside, true);
    }

    if (rn_svg_begins(s, "<!DOCTYPE")) {
        s->p += 9;
        return read_doctype(s);
    }

    if (rn_svg_begins(s, "<!")) {
        return rn_svg_refuse(s, "is no well-formed XML: \"<!\"");
    }

    if (rn_svg_begins(s, "<?")) {
        s->p += 2;
        return read_instruction(s);
    }

    if (rn_svg_begins(s, "</")) {
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
        return rn_svg_refuse(s, "is cut off");
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
        return rn_svg_refuse(&s, "is of more than %d bytes", RN_SVG_MAX);
    }

    if (!rn_utf8_valid(text, len) || memchr(text, '\0', len) != NULL) {
        return rn_svg_refuse(&s, "is not in UTF-8");
    }

    s.p = text;
    s.end = text + len;
    s.scratch = malloc(len + 1);

    if (s.scratch == NULL) {
        return rn_svg_refuse(&s, "is too large for the memory there is");
    }

    if (rn_svg_begins(&s, "\xef\xbb\xbf")) {
        s.p += 3;
    }

    rn_svg_skip_space(&s);

    ok = rn_svg_begins(&s, "<") ? scan(&s) : rn_svg_refuse(&s, "is no SVG");
    free(s.scratch);

    if (letters != NULL) {
        *letters = s.letters;
    }

    return ok;
}
