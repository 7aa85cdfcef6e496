/* Access tokens, over OpenSSL's HMAC and jansson. */

#include "rn_jwt.h"

#include <jansson.h>
#include <math.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>


#define MAC_LEN   32
#define MAC_TEXT  43                    /* the same as base64url */

#define INVALID   "the token is not valid"


static const char  alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";


size_t
rn_base64url(const void *bytes, size_t n, char *out)
{
    size_t                i;
    char                 *p;
    uint32_t              v;
    const unsigned char  *b = bytes;

    p = out;

    for (i = 0; i < n; i += 3) {
        v = (uint32_t) b[i] << 16;
        if (i + 1 < n) {
            v |= (uint32_t) b[i + 1] << 8;
        }
        if (i + 2 < n) {
            v |= b[i + 2];
        }

        *p++ = alphabet[v >> 18];
        *p++ = alphabet[v >> 12 & 63];
        if (i + 1 < n) {
            *p++ = alphabet[v >> 6 & 63];
        }
        if (i + 2 < n) {
            *p++ = alphabet[v & 63];
        }
    }

    *p = '\0';

    return (size_t) (p - out);
}


static int
six_bits(char c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }

    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }

    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }

    return c == '-' ? 62 : c == '_' ? 63 : -1;
}


long
rn_base64url_decode(const char *text, size_t n, void *out)
{
    int             six;
    size_t          i;
    uint32_t        held;
    unsigned int    bits;
    unsigned char  *p = out;

    if (n % 4 == 1) {
        return -1;
    }

    held = 0;
    bits = 0;

    for (i = 0; i < n; i++) {
        six = six_bits(text[i]);
        if (six < 0) {
            return -1;
        }

        held = held << 6 | (uint32_t) six;
        bits += 6;

        if (bits >= 8) {
            bits -= 8;
            *p++ = (unsigned char) (held >> bits);
            held &= (1u << bits) - 1;
        }
    }

    /* two texts for one token would be two tokens to whoever compares them */

    return held == 0 ? (long) (p - (unsigned char *) out) : -1;
}


static bool
mac(const void *key, size_t key_len, const char *text, size_t len,
    char out[MAC_TEXT + 1])
{
    unsigned int   n;
    unsigned char  md[EVP_MAX_MD_SIZE];

    n = 0;

    /* an empty key is anybody's */

    if (key_len == 0
        || HMAC(EVP_sha256(), key, (int) key_len, (const unsigned char *) text,
                len, md, &n) == NULL
        || n != MAC_LEN)
    {
        return false;
    }

    (void) rn_base64url(md, n, out);

    return true;
}


char *
rn_jwt_issue(const void *key, size_t key_len, int64_t now, int64_t ttl,
    const char *account, const char *role, const char *use, int64_t until)
{
    char    *claims, *token, id[RN_UUID_LEN + 1];
    size_t   n;
    json_t  *j;

    static const char  header[] = "{\"alg\":\"HS256\",\"typ\":\"JWT\"}";

    if (!rn_uuid(id)) {
        return NULL;
    }

    j = json_pack("{s:s, s:s, s:s, s:s, s:I, s:I, s:s*}",
                  "iss", RN_JWT_ISSUER, "sub", account, "role", role,
                  "jti", id, "iat", (json_int_t) now,
                  "exp", (json_int_t) (now + ttl), "use", use);

    if (until > 0) {
        (void) json_object_set_new(j, "until", json_integer(until));
    }

    claims = json_dumps(j, JSON_COMPACT);
    json_decref(j);

    if (claims == NULL) {
        return NULL;
    }

    token = malloc(sizeof(header) * 2 + strlen(claims) * 2 + MAC_TEXT + 8);

    if (token != NULL) {
        n = rn_base64url(header, sizeof(header) - 1, token);
        token[n++] = '.';
        n += rn_base64url(claims, strlen(claims), token + n);

        if (mac(key, key_len, token, n, token + n + 1)) {
            token[n] = '.';
        } else {
            free(token);
            token = NULL;
        }
    }

    free(claims);

    return token;
}


/* One of the two JSON parts; NULL when it is no object. */

static json_t *
read_part(const char *text, size_t len)
{
    char     bytes[RN_JWT_MAX];
    long     n;
    json_t  *j;

    n = rn_base64url_decode(text, len, bytes);
    if (n < 0) {
        return NULL;
    }

    j = json_loadb(bytes, (size_t) n, JSON_REJECT_DUPLICATES, NULL);

    if (!json_is_object(j)) {
        json_decref(j);
        return NULL;
    }

    return j;
}


/*
 * Nothing that changes what the rest means: RFC 7515, section 4.1.11, and b64
 * of RFC 7797, which "crit" must name, and compressed claims are no JSON.
 */

static bool
header_ok(const char *text, size_t len)
{
    bool         ok;
    json_t      *j, *typ;
    const char  *alg;

    j = read_part(text, len);
    alg = json_string_value(json_object_get(j, "alg"));
    typ = json_object_get(j, "typ");

    ok = alg != NULL && strcmp(alg, "HS256") == 0
         && json_object_get(j, "crit") == NULL
         && (typ == NULL
             || (json_is_string(typ)
                 && strcasecmp(json_string_value(typ), "JWT") == 0));

    json_decref(j);

    return ok;
}


/* A NumericDate, which may have a fraction; false: it is something else. */

static bool
date(json_t *claims, const char *name, double absent, double *out)
{
    json_t  *j;

    j = json_object_get(claims, name);
    *out = j != NULL ? json_number_value(j) : absent;

    return j == NULL || json_is_number(j);
}


/* RFC 7519, section 4.1.3: one name, or a list of them. */

static bool
is_for_us(json_t *audience)
{
    size_t       i;
    const char  *name;

    if (audience == NULL) {
        return true;
    }

    if (json_is_array(audience)) {
        for (i = 0; i < json_array_size(audience); i++) {
            name = json_string_value(json_array_get(audience, i));
            if (name != NULL && strcmp(name, RN_JWT_ISSUER) == 0) {
                return true;
            }
        }
        return false;
    }

    name = json_string_value(audience);

    return name != NULL && strcmp(name, RN_JWT_ISSUER) == 0;
}


static const char *
read_claims(json_t *j, int64_t now, const char *use, rn_jwt *jwt)
{
    double       exp, nbf, iat, until, leeway;
    json_t      *its;
    const char  *sub, *iss, *role;

    if (!date(j, "exp", 0, &exp) || !date(j, "nbf", (double) now, &nbf)
        || !date(j, "iat", (double) now, &iat)
        || !date(j, "until", 0, &until))
    {
        return INVALID;
    }

    leeway = use == NULL ? RN_JWT_LEEWAY / 2 : 0;

    if (exp <= 0 || exp + leeway <= (double) now) {
        return "the token has expired";
    }

    /* a ticket is no token, and a token no ticket */

    its = json_object_get(j, "use");

    if (use == NULL ? its != NULL
                    : !json_is_string(its)
                      || strcmp(json_string_value(its), use) != 0)
    {
        return "the token is not one for this";
    }

    if (nbf > (double) now + RN_JWT_LEEWAY
        || iat > (double) now + RN_JWT_LEEWAY)
    {
        return "the token is not valid yet";
    }

    iss = json_string_value(json_object_get(j, "iss"));
    sub = json_string_value(json_object_get(j, "sub"));
    role = json_string_value(json_object_get(j, "role"));

    if (iss == NULL || strcmp(iss, RN_JWT_ISSUER) != 0
        || !is_for_us(json_object_get(j, "aud"))
        || sub == NULL || !rn_is_uuid(sub, strlen(sub))
        || role == NULL || strlen(role) > RN_JWT_ROLE)
    {
        return "the token is not one of this server";
    }

    strcpy(jwt->account, sub);
    strcpy(jwt->role, role);

    /* the first whole second that is refused */

    exp = ceil(exp + leeway);
    jwt->expires = exp < 9e15 ? (int64_t) exp : (int64_t) 9e15;
    jwt->until = jwt->expires;

    if (use != NULL && until > exp) {
        jwt->until = until < 9e15 ? (int64_t) until : (int64_t) 9e15;
    }

    return NULL;
}


const char *
rn_jwt_verify(const void *key, size_t key_len, int64_t now, const char *use,
    const char *token, size_t len, rn_jwt *jwt)
{
    char         want[MAC_TEXT + 1];
    json_t      *claims;
    const char  *first, *second, *end, *why;

    memset(jwt, 0, sizeof(rn_jwt));

    if (len == 0 || len > RN_JWT_MAX) {
        return INVALID;
    }

    end = token + len;
    first = memchr(token, '.', len);
    second = first != NULL ? memchr(first + 1, '.', (size_t) (end - first - 1))
                           : NULL;

    if (second == NULL || end - second - 1 != MAC_TEXT
        || !mac(key, key_len, token, (size_t) (second - token), want)
        || CRYPTO_memcmp(second + 1, want, MAC_TEXT) != 0
        || !header_ok(token, (size_t) (first - token)))
    {
        return INVALID;
    }

    claims = read_part(first + 1, (size_t) (second - first - 1));
    if (claims == NULL) {
        return INVALID;
    }

    why = read_claims(claims, now, use, jwt);
    json_decref(claims);

    return why;
}
