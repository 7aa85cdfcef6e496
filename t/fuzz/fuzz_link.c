/*
 * Signed links.  As it comes, no input is one: nobody guesses the signature.
 * The same input, signed over its first three steps, is one exactly when all
 * its steps are clean, and stops being one when a signed byte changes.
 */

#include "fuzz.h"
#include "rn_link.h"

#define KEY     "0123456789abcdef0123456789abcdef"
#define EXPIRY  1700000600


static int
verify(const char *path, size_t len, int64_t now, rn_link *link)
{
    return rn_link_verify(KEY, strlen(KEY), now, path, len, link);
}


/* What rn_link.h says of a path, in other words than its code. */

static int
is_clean(const char *s, size_t len)
{
    size_t  i, from, n, steps;

    for (i = 0; i < len; i++) {
        if ((unsigned char) s[i] < 0x20 || s[i] == '\\' || s[i] == '%') {
            return 0;
        }
    }

    steps = 0;
    for (from = i = 0; i <= len; i++) {
        if (i < len && s[i] != '/') {
            continue;
        }
        n = i - from;
        if (n == 0 || (n <= 2 && memcmp(s + from, "..", n) == 0)) {
            return 0;
        }
        steps++;
        from = i + 1;
        if (steps == 3 && i > 400) {
            return 0;                   /* longer than what is signed */
        }
    }

    return steps >= 4;
}


int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    int       ok;
    char     *path, *copy, sign[64];
    size_t    i, steps, prefix, n, total;
    rn_link   link;

    copy = exact_copy(bytes, len);
    MUST(!verify(copy, len, 0, &link));
    free(copy);

    prefix = len;
    steps = 0;
    for (i = 0; i < len; i++) {
        if (bytes[i] == '/' && ++steps == 3) {
            prefix = i;
            break;
        }
    }

    rn_link_sign(KEY, strlen(KEY), EXPIRY, (const char *) bytes, prefix, sign);
    n = strlen(sign);
    total = n + 1 + len;
    path = malloc(total);
    MUST(path != NULL);
    memcpy(path, sign, n);
    path[n] = '/';
    if (len > 0) {
        memcpy(path + n + 1, bytes, len);
    }

    ok = verify(path, total, EXPIRY - 1, &link);
    MUST(ok == is_clean(path + n + 1, len));

    if (ok) {
        MUST(link.prefix == path + n + 1 && link.prefix_len == prefix);
        MUST(link.file == link.prefix + prefix + 1);
        MUST(link.file + link.file_len == path + total && link.file_len > 0);
        MUST(!verify(path, total, EXPIRY, &link));

        for (i = 0; i < n + 1 + prefix; i += 1 + i / 16) {
            path[i] ^= 1 << (len + i) % 8;
            MUST(!verify(path, total, EXPIRY - 1, &link));
            path[i] ^= 1 << (len + i) % 8;
        }
    }

    free(path);

    return 0;
}
