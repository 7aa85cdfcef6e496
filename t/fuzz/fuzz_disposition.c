/*
 * Names for downloads: whatever the bytes, the value is printable ASCII with
 * no quote inside quotes and no path, and fits where it is written.
 */

#include "fuzz.h"
#include "rn_disposition.h"


int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    char    *name, *out;
    size_t   i, n, quotes;

    name = exact_copy(bytes, len);
    out = malloc(RN_DISPOSITION_SIZE);
    MUST(out != NULL);

    n = rn_disposition(len & 1, name, len, out);

    MUST(n < RN_DISPOSITION_SIZE && strlen(out) == n);

    quotes = 0;
    for (i = 0; i < n; i++) {
        MUST(out[i] >= 0x20 && out[i] < 0x7f);
        MUST(out[i] != '/' && out[i] != '\\');
        quotes += out[i] == '"';
    }

    MUST(quotes == 0 || quotes == 2);
    MUST(strcasestr(out, "%0a") == NULL && strcasestr(out, "%0d") == NULL);
    MUST(strcasestr(out, "%22") == NULL && strcasestr(out, "%2f") == NULL);

    free(out);
    free(name);

    return 0;
}
