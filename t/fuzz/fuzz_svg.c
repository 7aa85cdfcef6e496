/*
 * SVGs: what passes holds nothing of what is refused, looked for without any
 * knowledge of XML in all that is no comment, CDATA or text.
 */

#include "fuzz.h"
#include "rn_svg.h"

#include <strings.h>


/* The end of what begins with `head` at p, or NULL. */

static const char *
behind(const char *p, const char *head, const char *tail)
{
    const char  *end;

    if (strncmp(p, head, strlen(head)) != 0) {
        return NULL;
    }

    end = strstr(p + strlen(head), tail);

    return end != NULL ? end + strlen(tail) : p + strlen(p);
}


/* What is between "<" and ">", quotes left out, where nothing is quoted. */

static void
check_marks(const char *p)
{
    int          quote, depth, typed;
    size_t       elements;
    const char  *end;

    elements = 0;
    depth = 0;

    while (*p != '\0') {
        end = behind(p, "<!--", "-->");
        end = end != NULL ? end : behind(p, "<![CDATA[", "]]>");
        end = end != NULL ? end : behind(p, "<?", "?>");

        if (end != NULL) {
            p = end;
            continue;
        }

        if (*p != '<') {
            p++;
            continue;
        }

        MUST(strncasecmp(p, "<script", 7) != 0
             || strchr(" \t\r\n/>", p[7]) == NULL);
        MUST(strncmp(p, "<!ENTITY", 8) != 0);
        MUST(strncmp(p, "<!ELEMENT", 9) != 0);

        elements += p[1] != '/' && p[1] != '!';
        depth += p[1] == '/' ? -1 : p[1] == '!' ? 0 : 1;

        typed = p[1] == '!';

        for (quote = 0; *p != '\0' && (quote != 0 || *p != '>'); p++) {
            if (quote != 0) {
                quote = *p == quote ? 0 : quote;
            } else if (*p == '"' || *p == '\'') {
                quote = *p;
            } else {
                MUST(!typed || *p != '[');
                MUST(typed || strncasecmp(p, " onload=", 8) != 0);
            }
        }

        MUST(*p == '>');
        depth -= !typed && p[-1] == '/';        /* a type may end in one */
        MUST(depth >= 0 && depth <= RN_SVG_DEPTH);
        p++;
    }

    MUST(depth == 0 && elements > 0 && elements <= RN_SVG_ELEMENTS);
}


int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    bool   letters;
    char   err[200];
    char  *text, *copy;

    text = exact_copy(bytes, len);
    (void) rn_svg_seems(text, len);

    if (!rn_svg_check(text, len, &letters, err, sizeof(err))) {
        MUST(strlen(err) > 5 && strlen(err) < sizeof(err));
        free(text);
        return 0;
    }

    MUST(rn_svg_seems(text, len));
    copy = malloc(len + 1);
    MUST(copy != NULL);
    memcpy(copy, text, len);
    copy[len] = '\0';

    MUST(strlen(copy) == len);
    check_marks(copy);

    /* without its end it is none */

    while (len > 0 && copy[len - 1] != '>') {
        len--;
    }

    if (strstr(copy, "<!--") == NULL && strstr(copy, "<?") == NULL) {
        MUST(!rn_svg_check(copy, len - 1, &letters, err, sizeof(err)));
    }

    free(copy);
    free(text);

    return 0;
}
