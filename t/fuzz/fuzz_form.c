/*
 * URL-encoded forms: a value is text within its bounds, and the same when every
 * byte of it is escaped; a refused one leaves nothing behind.
 */

#include "fuzz.h"
#include "rn_form.h"
#include "rn_utf8.h"


static void
check_field(const char *body, size_t len, const char *name)
{
    char         out[64], again[64], form[256];
    size_t       i, n, at;
    const char  *why;

    static const char  unset[] = "";

    why = unset;

    if (!rn_form_get(body, len, name, out, sizeof(out), &why)) {
        MUST(why != unset);
        for (i = 0; i < sizeof(out); i++) {
            MUST(out[i] == 0);
        }
        return;
    }

    MUST(memchr(out, 0, sizeof(out)) != NULL);
    n = strlen(out);
    MUST(rn_utf8_valid(out, n));

    at = (size_t) snprintf(form, sizeof(form), "x&%s=", name);
    for (i = 0; i < n; i++) {
        at += (size_t) snprintf(form + at, sizeof(form) - at, "%%%02x",
                                (unsigned char) out[i]);
    }

    MUST(rn_form_get(form, at, name, again, sizeof(again), &why));
    MUST(strcmp(out, again) == 0);
}


int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    char  *body;

    body = exact_copy(bytes, len);

    check_field(body, len, "username");
    check_field(body, len, "password");
    check_field(body, len, "a");

    free(body);

    return 0;
}
