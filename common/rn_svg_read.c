/* The text of an SVG, step by step; see rn_svg_read.h. */

#include "rn_svg.h"
#include "rn_svg_read.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>


#define SHOWN  60                       /* bytes of a name or address told */


bool
rn_svg_refuse(scanner *s, const char *fmt, ...)
{
    va_list  args;

    va_start(args, fmt);
    (void) vsnprintf(s->err, s->err_size, fmt, args);
    va_end(args);

    return false;
}


/* As much of a piece as is shown to a person, without half characters. */

int
rn_svg_shown(const char *p, size_t n)
{
    if (n <= SHOWN) {
        return (int) n;
    }

    for (n = SHOWN; n > 0 && ((unsigned char) p[n] & 0xc0) == 0x80; n--) {
        /* void */
    }

    return (int) n;
}


bool
rn_svg_is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}


bool
rn_svg_is(piece a, const char *word)
{
    return a.n == strlen(word) && memcmp(a.p, word, a.n) == 0;
}


bool
rn_svg_is_nocase(piece a, const char *word)
{
    return a.n == strlen(word) && strncasecmp(a.p, word, a.n) == 0;
}


bool
rn_svg_begins(const scanner *s, const char *word)
{
    size_t  n = strlen(word);

    return (size_t) (s->end - s->p) >= n && memcmp(s->p, word, n) == 0;
}


void
rn_svg_skip_space(scanner *s)
{
    while (s->p < s->end && rn_svg_is_space(*s->p)) {
        s->p++;
    }
}


bool
rn_svg_skip_behind(scanner *s, const char *word, piece *passed)
{
    passed->p = s->p;

    for ( ;; ) {
        s->p = memchr(s->p, word[0], (size_t) (s->end - s->p));

        if (s->p == NULL) {
            s->p = s->end;
            return false;
        }

        if (rn_svg_begins(s, word)) {
            break;
        }

        s->p++;
    }

    passed->n = (size_t) (s->p - passed->p);
    s->p += strlen(word);

    return true;
}


piece
rn_svg_read_name(scanner *s)
{
    piece  name;

    name.p = s->p;

    while (s->p < s->end && !rn_svg_is_space(*s->p) && strchr("=/><\"'&", *s->p)
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


bool
rn_svg_decode(scanner *s, piece text, char *out, size_t *len)
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
            return rn_svg_refuse(s, "is no well-formed XML: \"&\" begins an "
                                 "entity");
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
            if (rn_svg_is(name, names[k].name)) {
                break;
            }
        }

        if (k == sizeof(names) / sizeof(names[0])) {
            return rn_svg_refuse(s, "names the entity \"%.*s\"; entities are "
                                 "not read", rn_svg_shown(name.p, name.n),
                                 name.p);
        }

        out[(*len)++] = names[k].c;
    }

    return true;
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

    if (rn_svg_begins(&s, "\xef\xbb\xbf")) {
        s.p += 3;
    }

    for ( ;; ) {
        rn_svg_skip_space(&s);

        if (rn_svg_begins(&s, "<!--")) {
            s.p += 4;
            if (!rn_svg_skip_behind(&s, "-->", &name)) {
                return false;
            }

        } else if (rn_svg_begins(&s, "<?")) {
            s.p += 2;
            if (!rn_svg_skip_behind(&s, "?>", &name)) {
                return false;
            }

        } else if (rn_svg_begins(&s, "<!DOCTYPE")) {
            s.p += 9;

            /* one with entities is refused for these, as what it says it is */

            rn_svg_skip_space(&s);
            name = rn_svg_read_name(&s);
            return rn_svg_is(name, "svg");

        } else if (rn_svg_begins(&s, "<")) {
            s.p++;
            name = rn_svg_read_name(&s);
            return rn_svg_is(name, "svg");

        } else {
            return false;
        }
    }
}
