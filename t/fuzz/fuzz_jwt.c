/*
 * Access tokens.  As it comes, no input is one.  Signed as it is, it is taken
 * exactly when jansson reads in it what rn_jwt.h says; and base64url of any
 * bytes is those bytes again, by one text only.
 */

#include "fuzz.h"
#include "rn_jwt.h"

#include <jansson.h>
#include <math.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#define KEY  "0123456789abcdef0123456789abcdef"
#define NOW  1700000000


static const char *
verify(const char *use, const char *token, size_t len, rn_jwt *jwt)
{
    return rn_jwt_verify(KEY, strlen(KEY), NOW, use, token, len, jwt);
}


static void
check_base64url(const char *bytes, size_t len)
{
    char   *text, *again;
    long    n;
    size_t  size;

    text = malloc(4 * len / 3 + 4);
    again = malloc(len + 1);
    MUST(text != NULL && again != NULL);

    size = rn_base64url(bytes, len, text);
    MUST(size == strlen(text) && size <= 4 * len / 3 + 3);
    n = rn_base64url_decode(text, size, again);
    MUST(n == (long) len && memcmp(again, bytes, len) == 0);
    free(again);
    free(text);

    again = malloc(3 * len / 4 + 1);
    MUST(again != NULL);
    n = rn_base64url_decode(bytes, len, again);

    if (n >= 0) {
        MUST((size_t) n <= 3 * len / 4);
        text = malloc(4 * (size_t) n / 3 + 4);
        MUST(text != NULL);
        MUST(rn_base64url(again, (size_t) n, text) == len);
        MUST(memcmp(text, bytes, len) == 0);
        free(text);
    }

    free(again);
}


static size_t
sign(char *text, size_t n)
{
    unsigned int   len;
    unsigned char  md[EVP_MAX_MD_SIZE];

    len = 0;
    MUST(HMAC(EVP_sha256(), KEY, strlen(KEY), (unsigned char *) text, n, md,
              &len) != NULL);
    text[n++] = '.';

    return n + rn_base64url(md, len, text + n);
}


static int
is(json_t *object, const char *name, const char *text)
{
    const char  *s;

    s = json_string_value(json_object_get(object, name));

    return s != NULL && strcmp(s, text) == 0;
}


/* Whether a date is missing or a number that is at most this. */

static int
not_after(json_t *object, const char *name, double latest)
{
    json_t  *j;

    j = json_object_get(object, name);

    return j == NULL || (json_is_number(j) && json_number_value(j) <= latest);
}


/* The rules once more, of header and claims as they are parsed. */

static int
holds(json_t *h, json_t *c, const char *use)
{
    int          aud;
    size_t       i;
    json_t      *typ, *exp, *a, *one;
    const char  *sub, *role;

    typ = json_object_get(h, "typ");
    exp = json_object_get(c, "exp");
    sub = json_string_value(json_object_get(c, "sub"));
    role = json_string_value(json_object_get(c, "role"));
    a = json_object_get(c, "aud");
    aud = a == NULL || is(c, "aud", RN_JWT_ISSUER);

    json_array_foreach(a, i, one) {
        aud = aud || (json_is_string(one)
                      && strcmp(json_string_value(one), RN_JWT_ISSUER) == 0);
    }

    return json_is_object(h) && json_is_object(c) && is(h, "alg", "HS256")
           && json_object_get(h, "crit") == NULL
           && (typ == NULL || (json_is_string(typ)
                               && json_string_length(typ) == 3
                               && strcasecmp(json_string_value(typ), "jwt")
                                  == 0))
           && json_is_number(exp) && json_number_value(exp) > 0
           && json_number_value(exp) + (use == NULL ? 30 : 0) > NOW
           && not_after(c, "nbf", NOW + 60) && not_after(c, "iat", NOW + 60)
           && not_after(c, "until", INFINITY)
           && is(c, "iss", RN_JWT_ISSUER) && aud
           && (use == NULL ? json_object_get(c, "use") == NULL
                           : is(c, "use", use))
           && sub != NULL && rn_is_uuid(sub, strlen(sub))
           && role != NULL && strlen(role) <= 32;
}


static void
check_signed(const char *header, size_t header_len, const char *claims,
    size_t claims_len, const char *use)
{
    int      ok;
    char    *token;
    size_t   n, at;
    rn_jwt   jwt;
    json_t  *h, *c;

    static const rn_jwt  none;

    token = malloc(2 * (header_len + claims_len) + 128);
    MUST(token != NULL);

    n = rn_base64url(header, header_len, token);
    token[n++] = '.';
    n += rn_base64url(claims, claims_len, token + n);
    n = sign(token, n);

    h = json_loadb(header, header_len, JSON_REJECT_DUPLICATES, NULL);
    c = json_loadb(claims, claims_len, JSON_REJECT_DUPLICATES, NULL);
    ok = verify(use, token, n, &jwt) == NULL;
    MUST(ok == (n <= RN_JWT_MAX && holds(h, c, use)));

    if (ok) {
        MUST(is(c, "sub", jwt.account) && is(c, "role", jwt.role));
        MUST(jwt.expires > NOW);
        at = header_len % n;
        token[at] ^= 4;
        MUST(verify(use, token, n, &jwt) != NULL);
        token[at] ^= 4;
        MUST(rn_jwt_verify(KEY, strlen(KEY) - 1, NOW, use, token, n, &jwt)
             != NULL);
    }

    if (!ok) {
        MUST(memcmp(&jwt, &none, sizeof(jwt)) == 0);
    }

    json_decref(c);
    json_decref(h);
    free(token);
}


int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    char        *copy, *end;
    size_t       n;
    rn_jwt       jwt;
    const char  *use;

    static const char  header[] = "{\"alg\":\"HS256\",\"typ\":\"JWT\"}";

    copy = exact_copy(bytes, len);
    MUST(verify(NULL, copy, len, &jwt) != NULL);
    MUST(verify("ticket", copy, len, &jwt) != NULL);
    check_base64url(copy, len);

    /* a line of header and one of claims, or claims alone */

    use = len > 0 && copy[len - 1] == 't' ? "ticket" : NULL;
    n = len > 0 && (copy[len - 1] == 't' || copy[len - 1] == 'n') ? len - 1
                                                                  : len;
    end = memchr(copy, '\n', n);

    if (end != NULL) {
        check_signed(copy, (size_t) (end - copy), end + 1,
                     n - (size_t) (end + 1 - copy), use);
    } else {
        check_signed(header, sizeof(header) - 1, copy, n, use);
    }

    free(copy);

    return 0;
}
