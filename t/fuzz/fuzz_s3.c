/*
 * What a server of S3, or whoever stands in its place, answers; and what is in
 * files of access keys.  The first byte says which.  Whatever is told of an
 * answer has a bound; keys are of one line each, or there are none.
 */

#include "fuzz.h"
#include "rn_s3.h"

#include <string.h>


static void
is_bounded(void *data, const char *path, const char *text)
{
    size_t  *n = data;

    MUST(strlen(path) < 512 && strlen(text) <= 4096);
    MUST(++*n < 1 << 20);
}


static void
check_answer(int status, const char *text, size_t len)
{
    bool           whole;
    size_t         n;
    rn_s3_error    e;
    rn_s3_verdict  v;

    n = 0;
    whole = rn_s3_parse(text, len, is_bounded, &n);
    MUST(!whole || n > 0);

    v = rn_s3_judge(status, text, len, &e);
    MUST(v <= RN_S3_NEVER && strlen(e.code) < sizeof(e.code)
         && strlen(e.message) < sizeof(e.message));

    /* what is told to have failed has not been done, and the same again */

    MUST(v != RN_S3_DONE || (status / 100 == 2 && e.code[0] == '\0'));
    MUST(rn_s3_judge(status, text, len, &e) == v);
}


static bool
is_line(const char *s)
{
    for ( /* void */ ; *s != '\0'; s++) {
        if (*s <= ' ' || *s > '~') {
            return false;
        }
    }

    return true;
}


static void
check_keys(const rn_s3_keys *k)
{
    MUST(k->access[0] != '\0' && k->secret[0] != '\0');
    MUST(is_line(k->access) && is_line(k->secret) && is_line(k->token));
    MUST(k->expires >= 0);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    rn_s3_keys   k;
    const char  *text;

    static const int  statuses[] = { 200, 206, 301, 400, 403, 404, 500, 503 };

    if (size < 1) {
        return 0;
    }

    text = (const char *) data + 1;
    size--;

    switch (data[0] & 3) {
    case 0:
    case 1:
        check_answer(statuses[data[0] >> 2 & 7], text, size);
        break;

    case 2:
        if (rn_s3_keys_file(&k, text, size, "default")) {
            check_keys(&k);
        }
        break;

    default:
        if (rn_s3_keys_json(&k, text, size)) {
            check_keys(&k);
        }
    }

    return 0;
}
