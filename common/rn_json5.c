/*
 * JSON5 into JSON, token by token.  What is no JSON5 either is copied as it is,
 * so that the reader of JSON says what is wrong with it, and where.
 */

#include "rn_import.h"
#include "rn_utf8.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


typedef struct {
    const char  *s, *end;
    char        *out;
    size_t       len, room;
    size_t       comma;                 /* where the last token, one, is */
    char         last, before;          /* first bytes of the last tokens */
    unsigned     line;
    char        *err;
    size_t       err_len;
    bool         failed;
} json5;


static void
fail(json5 *j, const char *what)
{
    if (!j->failed) {
        (void) snprintf(j->err, j->err_len, "%s (line %u)", what, j->line);
        j->failed = true;
    }
}


static void
put(json5 *j, const char *s, size_t n)
{
    char    *p;
    size_t   room;

    if (j->len + n + 1 > j->room) {
        room = 2 * (j->len + n) + 256;
        p = realloc(j->out, room);
        if (p == NULL) {
            fail(j, "out of memory");
            return;
        }
        j->out = p;
        j->room = room;
    }

    if (n > 0) {
        memcpy(j->out + j->len, s, n);
    }
    j->len += n;
    j->out[j->len] = '\0';
}


static bool
ahead(const json5 *j, const char *s)
{
    size_t  n;

    n = strlen(s);

    return (size_t) (j->end - j->s) >= n && memcmp(j->s, s, n) == 0;
}


/* Spaces and comments; line ends are kept. */

static bool
skip_space(json5 *j)
{
    static const char *const wide[] = {
        "\xef\xbb\xbf", "\xc2\xa0", "\xe2\x80\xa8", "\xe2\x80\xa9"
    };

    size_t  i;

    if (strchr(" \t\r\n\v\f", *j->s) != NULL && *j->s != '\0') {
        j->line += *j->s == '\n';
        put(j, *j->s == '\n' ? "\n" : " ", 1);
        j->s++;
        return true;
    }

    for (i = 0; i < sizeof(wide) / sizeof(wide[0]); i++) {
        if (ahead(j, wide[i])) {
            j->s += strlen(wide[i]);
            return true;
        }
    }

    if (ahead(j, "//")) {
        while (j->s < j->end && *j->s != '\n') {
            j->s++;
        }
        return true;
    }

    if (ahead(j, "/*")) {
        for (j->s += 2; j->s < j->end && !ahead(j, "*/"); j->s++) {
            if (*j->s == '\n') {
                j->line++;
                put(j, "\n", 1);
            }
        }

        if (j->s >= j->end) {
            fail(j, "a comment does not end");
        } else {
            j->s += 2;
        }
        return true;
    }

    return false;
}


/* What follows a backslash. */

static void
escape(json5 *j)
{
    char  hex[8];

    if (j->s >= j->end) {
        return;
    }

    switch (*j->s) {

    case '\r':
        j->s += ahead(j, "\r\n");
        /* fall through */
    case '\n':
        j->line++;
        j->s++;
        return;                         /* the line goes on */

    case '\'':
        put(j, "'", 1);
        break;

    case 'v':
        put(j, "\\u000b", 6);
        break;

    case '0':
        put(j, "\\u0000", 6);
        break;

    case 'x':
        if (j->end - j->s < 3
            || strspn(j->s + 1, "0123456789abcdefABCDEF") < 2)
        {
            fail(j, "\\x is followed by two hexadecimal digits");
            return;
        }
        (void) snprintf(hex, sizeof(hex), "\\u00%.2s", j->s + 1);
        put(j, hex, 6);
        j->s += 2;
        break;

    case '"': case '\\': case '/': case 'b': case 'f': case 'n': case 'r':
    case 't': case 'u':
        put(j, "\\", 1);
        put(j, j->s, 1);
        break;

    default:
        put(j, j->s, 1);                /* it stands for itself */
    }

    j->s++;
}


static void
string(json5 *j)
{
    char  quote;

    quote = *j->s++;
    put(j, "\"", 1);

    while (j->s < j->end && *j->s != quote && *j->s != '\n' && !j->failed) {
        if (*j->s == '\\') {
            j->s++;
            escape(j);

        } else if (*j->s == '"') {
            put(j, "\\\"", 2);
            j->s++;

        } else if (*j->s == '\t') {
            put(j, "\\t", 2);
            j->s++;

        } else {
            put(j, j->s++, 1);
        }
    }

    if (j->s >= j->end || *j->s != quote) {
        fail(j, "a string does not end");
        return;
    }

    put(j, "\"", 1);
    j->s++;
}


static bool
in_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
           || (c >= '0' && c <= '9') || c == '_' || c == '$'
           || (unsigned char) c >= 0x80;
}


/* true, false and null stand as they are; all else is a member's name. */

static void
word(json5 *j)
{
    bool         name;
    size_t       n;
    const char  *s;

    for (s = j->s; s < j->end && in_word(*s); s++) { /* void */ }
    n = (size_t) (s - j->s);

    name = j->last == '{' || j->last == ',';
    while (s < j->end && strchr(" \t\r\n", *s) != NULL && *s != '\0') {
        s++;
    }
    name = name && s < j->end && (*s == ':' || *s == '/');

    if (name) {
        put(j, "\"", 1);
        put(j, j->s, n);
        put(j, "\"", 1);

    } else if ((n == 3 && memcmp(j->s, "NaN", 3) == 0)
               || (n == 8 && memcmp(j->s, "Infinity", 8) == 0))
    {
        fail(j, "NaN and Infinity are no numbers of a composition");

    } else {
        put(j, j->s, n);
    }

    j->s += n;
}


static void
number(json5 *j)
{
    char                 text[32], *stop;
    bool                 point;
    unsigned long long   n;

    if (*j->s == '+') {
        j->s++;
    } else if (*j->s == '-') {
        put(j, "-", 1);
        j->s++;
    }

    if (j->s < j->end && (*j->s == 'I' || *j->s == 'N')) {
        word(j);
        return;
    }

    if (ahead(j, "0x") || ahead(j, "0X")) {
        errno = 0;
        n = strtoull(j->s + 2, &stop, 16);      /* the text ends with a NUL */

        if (errno != 0 || stop == j->s + 2 || n > INT64_MAX) {
            fail(j, "a hexadecimal number has up to 15 digits");
            return;
        }
        put(j, text, (size_t) snprintf(text, sizeof(text), "%llu", n));
        j->s = stop;
        return;
    }

    point = false;

    if (j->s < j->end && *j->s == '.') {
        put(j, "0", 1);
    }

    while (j->s < j->end && *j->s != '\0'
           && strchr("0123456789.eE+-", *j->s) != NULL)
    {
        if (point && (*j->s < '0' || *j->s > '9')) {
            put(j, "0", 1);
        }
        point = *j->s == '.';
        put(j, j->s++, 1);
    }

    if (point) {
        put(j, "0", 1);
    }
}


/* A comma before the end of what it separates is none. */

static void
close(json5 *j)
{
    if (j->last == ',' && j->before != ',' && j->before != '{'
        && j->before != '[' && j->before != ':')
    {
        j->out[j->comma] = ' ';
    }
}


char *
rn_json5(const char *text, size_t len, size_t *out_len, char *err,
    size_t err_len)
{
    char   *copy, first;
    json5   j;

    copy = malloc(len + 1);             /* with a NUL behind it */
    if (copy == NULL) {
        (void) snprintf(err, err_len, "out of memory");
        return NULL;
    }

    memcpy(copy, text, len);
    copy[len] = '\0';

    memset(&j, 0, sizeof(j));
    j.s = copy;
    j.end = copy + len;
    j.line = 1;
    j.err = err;
    j.err_len = err_len;
    put(&j, "", 0);

    while (j.s < j.end && !j.failed) {
        if (skip_space(&j)) {
            continue;
        }

        first = *j.s;

        if (first == '"' || first == '\'') {
            string(&j);

        } else if (first == '.' || first == '+' || first == '-'
                   || (first >= '0' && first <= '9'))
        {
            number(&j);

        } else if (in_word(first)) {
            word(&j);

        } else {
            if (first == ',') {
                j.comma = j.len;
            } else if (first == '}' || first == ']') {
                close(&j);
            }
            put(&j, j.s++, 1);
        }

        j.before = j.last;
        j.last = first;
    }

    free(copy);

    if (j.failed) {
        free(j.out);
        return NULL;
    }

    *out_len = j.len;

    return j.out;
}
