/*
 * Queries against a slow reader of them, and a field against itself: whatever
 * its value is, escaped byte by byte it is the same again.
 */

#include "fuzz.h"
#include "rn_query.h"


static int
hex(int c)
{
    const char  *p, digits[] = "0123456789abcdefABCDEF";

    p = c != 0 ? strchr(digits, c) : NULL;

    return p == NULL ? -1 : p - digits < 16 ? (int) (p - digits)
                                            : (int) (p - digits) - 6;
}


/* The same by its definition: percent-decode of the URL Standard. */

static size_t
slow_decode(const char *s, size_t len, char *out)
{
    size_t  i, n;

    for (i = n = 0; i < len; i++) {
        if (s[i] == '%' && i + 2 < len && hex(s[i + 1]) >= 0
            && hex(s[i + 2]) >= 0)
        {
            out[n++] = (char) (hex(s[i + 1]) * 16 + hex(s[i + 2]));
            i += 2;
        } else {
            out[n++] = s[i];
        }
    }

    return n;
}


/* The next field from `from` on, byte by byte; its end, or 0. */

static size_t
slow_next(const char *s, size_t len, size_t from, size_t *eq)
{
    size_t  i;

    for ( ;; ) {
        while (from < len && s[from] == '&') {
            from++;
        }
        if (from == len) {
            return 0;
        }

        *eq = len;
        for (i = from; i < len && s[i] != '&'; i++) {
            if (s[i] == '=' && *eq == len) {
                *eq = i;
            }
        }

        if (*eq < i && *eq > from) {
            return i;
        }
        from = i;
    }
}


static void
escaped_again(const char *value, size_t len)
{
    char            *text, *out;
    size_t           i, n;
    const char      *p;
    rn_query_field   f;

    text = malloc(2 + 3 * len + 1);
    out = malloc(len + 1);
    MUST(text != NULL && out != NULL);

    strcpy(text, "a=");
    for (i = 0; i < len; i++) {
        (void) sprintf(text + 2 + 3 * i, "%%%02X", (unsigned char) value[i]);
    }

    p = text;
    n = 2 + 3 * len;
    MUST(rn_query_next(&p, &n, &f) && n == 0);
    MUST(f.value_len == 3 * len);
    MUST(rn_query_decode(f.value, f.value_len, text) == len);
    MUST(memcmp(text, value, len) == 0);

    free(out);
    free(text);
}


int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    char            *query, *one, *other;
    size_t           n, m, left, at, eq, end;
    const char      *p;
    rn_query_field   f;

    query = exact_copy(bytes, len);
    p = query;
    left = len;
    at = 0;

    while (rn_query_next(&p, &left, &f)) {
        MUST(p + left == query + len);

        end = slow_next(query, len, at, &eq);
        MUST(end != 0);
        MUST(f.name + f.name_len == query + eq && f.name_len > 0);
        MUST(f.name == query || f.name[-1] == '&');
        MUST(f.value == query + eq + 1 && f.value + f.value_len == query + end);
        at = end;

        one = exact_copy(f.value, f.value_len);
        other = exact_copy(f.value, f.value_len);
        n = rn_query_decode(f.value, f.value_len, one);
        m = slow_decode(f.value, f.value_len, other);
        MUST(n == m && memcmp(one, other, n) == 0);

        memcpy(other, f.value, f.value_len);
        MUST(rn_query_decode(other, f.value_len, other) == n);
        MUST(memcmp(one, other, n) == 0);
        escaped_again(one, n);

        free(other);
        free(one);
    }

    MUST(left == 0 && slow_next(query, len, at, &eq) == 0);
    free(query);

    return 0;
}
