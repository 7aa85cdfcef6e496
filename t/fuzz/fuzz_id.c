/*
 * Ids and digests: what is taken as one has exactly its shape, which is looked
 * at here by other means, and hex of the bytes is what is taken as a digest.
 */

#include "fuzz.h"
#include "rn_id.h"


static int
is_lower_hex(const char *s, size_t n)
{
    return strspn(s, "0123456789abcdef") >= n;
}


int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    int    shape;
    char  *copy, *text, digest[RN_SHA256_HEX + 1];

    copy = exact_copy(bytes, len);
    text = malloc(2 * len + 1);
    MUST(text != NULL);
    memcpy(text, copy, len);
    text[len] = '\0';

    shape = len == 36 && text[8] == '-' && text[13] == '-' && text[18] == '-'
            && text[23] == '-' && is_lower_hex(text, 8)
            && is_lower_hex(text + 9, 4) && is_lower_hex(text + 14, 4)
            && is_lower_hex(text + 19, 4) && is_lower_hex(text + 24, 12);
    MUST(rn_is_uuid(copy, len) == shape);

    MUST(rn_is_sha256(text)
         == (strlen(text) == 64 && is_lower_hex(text, 64)));

    rn_sha256_hex(copy, len, digest);
    MUST(rn_is_sha256(digest));

    rn_hex(copy, len, text);
    MUST(strlen(text) == 2 * len && is_lower_hex(text, 2 * len));

    free(text);
    free(copy);

    return 0;
}
