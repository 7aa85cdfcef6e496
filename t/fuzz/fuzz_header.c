/*
 * Header values against slower words for the same rules.  The first byte of an
 * input says which header the rest is one of.
 */

#include "fuzz.h"
#include "rn_header.h"

#include <ctype.h>

#define LETTERS  "abcdefghijklmnopqrstuvwxyz" \
                 "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


/* How many of the n bytes at s are from this set, from the first on. */

static size_t
span(const char *s, size_t n, const char *set)
{
    size_t  i;

    for (i = 0; i < n && s[i] != '\0' && strchr(set, s[i]) != NULL; i++) { }

    return i;
}


static int
same_letters(const char *s, size_t n, const char *text)
{
    size_t  i;

    for (i = 0; i < strlen(text); i++) {
        if (i == n || tolower((unsigned char) s[i]) != text[i]) {
            return 0;
        }
    }

    return 1;
}


static void
check_bearer(const char *s, size_t len)
{
    size_t        blanks, n, token_len;
    const char   *token;
    rn_bearer_e   is;

    token = NULL;
    token_len = 0;
    is = rn_bearer(s, len, &token, &token_len);

    if (!same_letters(s, len, "bearer ")) {
        MUST(is == RN_BEARER_OTHER);
        return;
    }

    blanks = span(s + 6, len - 6, " ");
    if (6 + blanks == len) {
        MUST(is == RN_BEARER_OTHER);
        return;
    }

    s += 6 + blanks;
    len -= 6 + blanks;
    n = span(s, len, LETTERS "-._~+/");

    if (n == 0 || n + span(s + n, len - n, "=") != len) {
        MUST(is == RN_BEARER_BAD);
        return;
    }

    MUST(is == RN_BEARER_OK && token == s && token_len == len);
}


static void
check_trace(const char *s, size_t len)
{
    int     ok;
    char    text[129];
    size_t  i, at, width;

    static const size_t  widths[] = { 2, 32, 16, 2 };

    ok = len >= 55 && len <= 128;

    for (i = at = 0; ok && i < 4; i++, at += width + 1) {
        width = widths[i];
        ok = span(s + at, width, "0123456789abcdef") == width
             && (i == 3 || s[at + width] == '-')
             && (i == 0 || i == 3 || span(s + at, width, "0") < width);
    }

    if (ok) {
        memcpy(text, s, len);
        text[len] = '\0';
        ok = strncmp(text, "ff", 2) != 0
             && (len == 55 || (strncmp(text, "00", 2) != 0 && s[55] == '-'));
        for (i = 0; i < len; i++) {
            ok = ok && isascii((unsigned char) s[i])
                 && isprint((unsigned char) s[i]);
        }
    }

    MUST(rn_is_traceparent(s, len) == ok);
}


static void
check_type(const char *s, size_t len, const char *type)
{
    int     ok;
    size_t  n;

    n = strlen(type);
    ok = same_letters(s, len, type)
         && (len == n || type[n - 1] == '/' || span(s + n, 1, "; \t") == 1);

    MUST(rn_is_media_type(s, len, type) == ok);
}


int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    int      ok;
    char    *s;
    size_t   i;

    if (len == 0) {
        return 0;
    }

    s = exact_copy(bytes + 1, len - 1);
    len--;

    switch (bytes[0] % 4) {

    case 0:
        check_bearer(s, len);
        break;

    case 1:
        check_trace(s, len);
        break;

    case 2:
        check_type(s, len, "multipart/form-data");
        check_type(s, len, "video/");
        break;

    default:
        MUST(rn_is_request_id(s, len)
             == (len >= 1 && len <= 128
                 && span(s, len, LETTERS "-_.:") == len));

        ok = 1;
        for (i = 0; i < len; i++) {
            ok = ok && isascii((unsigned char) s[i])
                 && isprint((unsigned char) s[i]);
        }
        MUST(rn_is_printable(s, len) == ok);
    }

    free(s);

    return 0;
}
