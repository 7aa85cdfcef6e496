/*
 * Access tokens: those that we make are ours again, those that others could
 * make with everything but the key, or with it but not as we do, are not.
 */

#include "helpers.h"
#include "rn_jwt.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>


#define KEY      "0123456789abcdef0123456789abcdef"
#define NOW      1700000000
#define HEADER   "{\"alg\":\"HS256\",\"typ\":\"JWT\"}"
#define OURS     "\"iss\":\"nginx-render\",\"sub\":\"" UUID_A "\"," \
                 "\"role\":\"user\""
#define CLAIMS   "{" OURS ",\"exp\":1700000600}"

#define INVALID  "the token is not valid"
#define EXPIRED  "the token has expired"
#define EARLY    "the token is not valid yet"
#define USE      "the token is not one for this"
#define FOREIGN  "the token is not one of this server"


static size_t
sign(const char *header, const char *claims, const char *key, char *out)
{
    size_t         n;
    unsigned int   len;
    unsigned char  md[EVP_MAX_MD_SIZE];

    n = rn_base64url(header, strlen(header), out);
    out[n++] = '.';
    n += rn_base64url(claims, strlen(claims), out + n);
    len = 0;
    assert_non_null(HMAC(EVP_sha256(), key, (int) strlen(key),
                         (unsigned char *) out, n, md, &len));
    out[n++] = '.';

    return n + rn_base64url(md, len, out + n);
}


static const char *
verify(const char *token, size_t len, const char *use, rn_jwt *jwt)
{
    char        *copy;
    const char  *why;

    copy = malloc(len ? len : 1);
    assert_non_null(copy);
    memcpy(copy, token, len);
    why = rn_jwt_verify(KEY, strlen(KEY), NOW, use, copy, len, jwt);
    free(copy);

    return why;
}


static void
test_issue(void **state)
{
    char    *token, *again;
    rn_jwt   jwt;
    size_t   i, len;

    (void) state;

    token = rn_jwt_issue(KEY, strlen(KEY), NOW, 600, UUID_A, "admin", NULL,
                         0);
    assert_non_null(token);
    len = strlen(token);

    assert_null(verify(token, len, NULL, &jwt));
    assert_string_equal(jwt.account, UUID_A);
    assert_string_equal(jwt.role, "admin");
    assert_int_equal(jwt.expires, NOW + 600 + RN_JWT_LEEWAY / 2);
    assert_int_equal(jwt.until, jwt.expires);
    assert_string_equal(verify(token, len, "ticket", &jwt), USE);
    assert_string_equal(jwt.account, "");

    assert_null(rn_jwt_verify(KEY, strlen(KEY), NOW + 629, NULL, token, len,
                              &jwt));
    assert_string_equal(rn_jwt_verify(KEY, strlen(KEY), NOW + 630, NULL, token,
                                      len, &jwt), EXPIRED);
    assert_string_equal(rn_jwt_verify(KEY "x", strlen(KEY) + 1, NOW, NULL,
                                      token, len, &jwt), INVALID);
    assert_string_equal(rn_jwt_verify("", 0, NOW, NULL, token, len, &jwt),
                        INVALID);

    for (i = 0; i < len; i++) {
        token[i] ^= 1;
        assert_string_equal(verify(token, len, NULL, &jwt), INVALID);
        token[i] ^= 1;
        assert_string_equal(verify(token, i, NULL, &jwt), INVALID);
    }

    again = rn_jwt_issue(KEY, strlen(KEY), NOW, 600, UUID_A, "admin", NULL,
                         0);
    assert_non_null(again);
    assert_string_not_equal(token, again);          /* each has an id */

    free(again);
    free(token);

    assert_null(rn_jwt_issue("", 0, NOW, 600, UUID_A, "admin", NULL,
                         0));
}


static void
test_ticket(void **state)
{
    char    *token;
    rn_jwt   jwt;
    size_t   len;

    (void) state;

    token = rn_jwt_issue(KEY, strlen(KEY), NOW - 10, 30, UUID_A, "user",
                         "ticket", NOW + 500);
    assert_non_null(token);
    len = strlen(token);

    assert_null(verify(token, len, "ticket", &jwt));
    assert_int_equal(jwt.expires, NOW + 20);
    assert_int_equal(jwt.until, NOW + 500);
    assert_string_equal(verify(token, len, NULL, &jwt), USE);
    assert_string_equal(verify(token, len, "tickets", &jwt), USE);
    assert_string_equal(rn_jwt_verify(KEY, strlen(KEY), NOW + 20, "ticket",
                                      token, len, &jwt), EXPIRED);
    free(token);
}


static const struct {
    const char  *header, *claims;
    const char  *why;
} tokens[] = {
    { HEADER, CLAIMS, NULL },
    { "{\"alg\":\"HS256\"}", CLAIMS, NULL },
    { "{\"typ\":\"jwt\",\"kid\":\"1\",\"alg\":\"HS256\"}", CLAIMS, NULL },
    { " { \"alg\" : \"HS256\" } ", CLAIMS, NULL },
    { HEADER, "{" OURS ",\"exp\":1699999971}", NULL },
    { HEADER, "{" OURS ",\"exp\":1699999970.5}", NULL },
    { HEADER, "{" OURS ",\"exp\":1e300}", NULL },
    { HEADER, "{" OURS ",\"exp\":1700000600,\"nbf\":1700000060,"
              "\"iat\":1700000060.0}", NULL },
    { HEADER, "{" OURS ",\"exp\":1700000600,\"aud\":\"nginx-render\"}", NULL },
    { HEADER, "{" OURS ",\"exp\":1700000600,"
              "\"aud\":[1,\"x\",\"nginx-render\"]}", NULL },

    { "{\"alg\":\"none\"}", CLAIMS, INVALID },
    { "{\"alg\":\"HS512\"}", CLAIMS, INVALID },
    { "{\"alg\":\"hs256\"}", CLAIMS, INVALID },
    { "{\"alg\":\"RS256\"}", CLAIMS, INVALID },
    { "{\"alg\":256}", CLAIMS, INVALID },
    { "{\"alg\":\"HS256\",\"alg\":\"HS256\"}", CLAIMS, INVALID },
    { "{\"alg\":\"HS256\",\"typ\":\"JWE\"}", CLAIMS, INVALID },
    { "{\"alg\":\"HS256\",\"typ\":1}", CLAIMS, INVALID },
    { "{\"alg\":\"HS256\",\"crit\":[\"exp\"]}", CLAIMS, INVALID },
    { "{\"alg\":\"HS256\",\"crit\":null}", CLAIMS, INVALID },
    { "{\"alg\":\"HS256\\u0000\"}", CLAIMS, INVALID },
    { "{\"alg\":\"HS256\"} x", CLAIMS, INVALID },
    { "[\"HS256\"]", CLAIMS, INVALID },
    { "{}", CLAIMS, INVALID },
    { "", CLAIMS, INVALID },
    { HEADER, "", INVALID },
    { HEADER, "[]", INVALID },
    { HEADER, "null", INVALID },
    { HEADER, "{" OURS ",\"exp\":1700000600,\"exp\":1}", INVALID },
    { HEADER, "{" OURS ",\"exp\":\"1700000600\"}", INVALID },
    { HEADER, "{" OURS ",\"exp\":true}", INVALID },
    { HEADER, "{" OURS ",\"exp\":1700000600,\"nbf\":\"0\"}", INVALID },
    { HEADER, "{" OURS ",\"exp\":1700000600,\"iat\":null}", INVALID },

    { HEADER, "{" OURS ",\"exp\":1699999970}", EXPIRED },
    { HEADER, "{" OURS ",\"exp\":0}", EXPIRED },
    { HEADER, "{" OURS ",\"exp\":-1}", EXPIRED },
    { HEADER, "{" OURS "}", EXPIRED },
    { HEADER, "{" OURS ",\"exp\":1700000600,\"nbf\":1700000061}", EARLY },
    { HEADER, "{" OURS ",\"exp\":1700000600,\"iat\":1700000061}", EARLY },
    { HEADER, "{" OURS ",\"exp\":1700000600,\"use\":\"ticket\"}", USE },
    { HEADER, "{" OURS ",\"exp\":1700000600,\"use\":1}", USE },
    { HEADER, "{" OURS ",\"exp\":1700000600,\"aud\":\"x\"}", FOREIGN },
    { HEADER, "{" OURS ",\"exp\":1700000600,\"aud\":[]}", FOREIGN },
    { HEADER, "{" OURS ",\"exp\":1700000600,\"aud\":null}", FOREIGN },
    { HEADER, "{" OURS ",\"exp\":1700000600,\"aud\":[[\"nginx-render\"]]}",
      FOREIGN },
    { HEADER, "{\"iss\":\"nginx-render\",\"role\":\"user\","
              "\"exp\":1700000600}", FOREIGN },
    { HEADER, "{\"iss\":\"Nginx-Render\",\"sub\":\"" UUID_A "\","
              "\"role\":\"user\",\"exp\":1700000600}", FOREIGN },
    { HEADER, "{\"iss\":\"nginx-render\",\"sub\":\"" UUID_A "x\","
              "\"role\":\"user\",\"exp\":1700000600}", FOREIGN },
    { HEADER, "{\"iss\":\"nginx-render\",\"sub\":\"" UUID_A "\","
              "\"exp\":1700000600}", FOREIGN },
    { HEADER, "{\"iss\":\"nginx-render\",\"sub\":\"" UUID_A "\","
              "\"role\":\"123456789012345678901234567890123\","
              "\"exp\":1700000600}", FOREIGN },
};


static void
test_tokens(void **state)
{
    char         token[1024];
    size_t       i, len;
    rn_jwt       jwt;
    const char  *why;

    (void) state;

    for (i = 0; i < sizeof(tokens) / sizeof(tokens[0]); i++) {
        len = sign(tokens[i].header, tokens[i].claims, KEY, token);
        why = verify(token, len, NULL, &jwt);

        if (tokens[i].why == NULL ? why != NULL
                                  : why == NULL
                                    || strcmp(why, tokens[i].why) != 0)
        {
            fail_msg("%s %s: %s", tokens[i].header, tokens[i].claims,
                     why != NULL ? why : "is taken");
        }

        assert_string_equal(jwt.account, why == NULL ? UUID_A : "");
    }
}


static void
test_bounds(void **state)
{
    char     token[8192], claims[8192];
    rn_jwt   jwt;
    size_t   len, n;

    (void) state;

    for (n = 2900; n < 3100; n++) {
        (void) sprintf(claims,
                       "{" OURS ",\"exp\":1700000600,\"more\":\"%0*d\"}",
                       (int) n - 150, 0);
        len = sign(HEADER, claims, KEY, token);
        assert_int_equal(verify(token, len, NULL, &jwt) == NULL,
                         len <= RN_JWT_MAX);
    }

    assert_string_equal(verify("", 0, NULL, &jwt), INVALID);
    assert_string_equal(verify("..", 2, NULL, &jwt), INVALID);

    len = sign(HEADER, CLAIMS, KEY, token);
    token[len] = '=';
    assert_string_equal(verify(token, len + 1, NULL, &jwt), INVALID);
    token[len] = '.';
    assert_string_equal(verify(token, len + 1, NULL, &jwt), INVALID);
}


static void
test_base64url(void **state)
{
    int            i;
    char           text[8];
    size_t         n;
    unsigned char  out[8];

    (void) state;

    assert_int_equal(rn_base64url("", 0, text), 0);
    assert_string_equal(text, "");
    assert_int_equal(rn_base64url("\xfb\xff", 2, text), 3);
    assert_string_equal(text, "-_8");

    for (i = 0; i < 256; i++) {
        out[0] = (unsigned char) i;
        n = rn_base64url(out, 1, text);
        assert_int_equal(n, 2);
        assert_int_equal(rn_base64url_decode(text, n, out), 1);
        assert_int_equal(out[0], i);
    }

    assert_int_equal(rn_base64url_decode("-_8", 3, out), 2);
    assert_int_equal(rn_base64url_decode("", 0, out), 0);
    assert_int_equal(rn_base64url_decode("A", 1, out), -1);
    assert_int_equal(rn_base64url_decode("AAAAA", 5, out), -1);
    assert_int_equal(rn_base64url_decode("AB", 2, out), -1);
    assert_int_equal(rn_base64url_decode("AAB", 3, out), -1);
    assert_int_equal(rn_base64url_decode("+/8", 3, out), -1);
    assert_int_equal(rn_base64url_decode("AA==", 4, out), -1);
    assert_int_equal(rn_base64url_decode("A\nAA", 4, out), -1);
    assert_int_equal(rn_base64url_decode("A\0AA", 4, out), -1);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_issue),
        cmocka_unit_test(test_ticket),
        cmocka_unit_test(test_tokens),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_base64url),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
