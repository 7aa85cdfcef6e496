/*
 * Signatures of requests to S3: the examples that AWS publishes, a thousand
 * requests that botocore signs alike, and what is refused.
 */

#include "helpers.h"
#include "rn_sigv4.h"

#include <libgen.h>
#include <time.h>


/* Amazon S3 API Reference, "Signature Calculations", its examples. */

#define ACCESS  "AKIAIOSFODNN7EXAMPLE"
#define SECRET  "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
#define HOST    "examplebucket.s3.amazonaws.com"
#define NOW     1369353600              /* 2013-05-24T00:00:00Z */
#define EMPTY   "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

#define CASES   1000


static rn_sigv4
example(void)
{
    rn_sigv4  s;

    memset(&s, 0, sizeof(s));
    s.access_key = ACCESS;
    s.secret_key = SECRET;
    s.region = "us-east-1";
    s.service = "s3";

    return s;
}


static void
signs(rn_sigv4 *s, const char *method, const char *path,
    const rn_sigv4_pair *query, size_t n_query, const rn_sigv4_pair *headers,
    size_t n_headers, const char *sha256, const char *names, const char *want)
{
    char              all[512];
    rn_sigv4_signed   out;
    rn_sigv4_request  req = { method, HOST, path, query, n_query, headers,
                              n_headers, sha256 };

    assert_true(rn_sigv4_sign(s, &req, NOW, &out));
    assert_string_equal(out.date, "20130524T000000Z");

    (void) snprintf(all, sizeof(all), "AWS4-HMAC-SHA256 Credential=" ACCESS
                    "/20130524/us-east-1/s3/aws4_request, SignedHeaders=%s, "
                    "Signature=%s", names, want);
    assert_string_equal(out.authorization, all);
}


static void
test_published(void **state)
{
    rn_sigv4  s = example();

    const rn_sigv4_pair  range = { "range", "bytes=0-9" };
    const rn_sigv4_pair  lifecycle = { "lifecycle", "" };

    const rn_sigv4_pair  put[] = {
        { "date", "Fri, 24 May 2013 00:00:00 GMT" },
        { "x-amz-storage-class", "REDUCED_REDUNDANCY" }
    };

    const rn_sigv4_pair  list[] = {
        { "prefix", "J" },
        { "max-keys", "2" }
    };

    (void) state;

    signs(&s, "GET", "/test.txt", NULL, 0, &range, 1, EMPTY,
          "host;range;x-amz-content-sha256;x-amz-date",
          "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");

    signs(&s, "PUT", "/test$file.text", NULL, 0, put, 2,
          "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
          "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
          "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");

    signs(&s, "GET", "/", &lifecycle, 1, NULL, 0, EMPTY,
          "host;x-amz-content-sha256;x-amz-date",
          "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");

    signs(&s, "GET", "/", list, 2, NULL, 0, EMPTY,
          "host;x-amz-content-sha256;x-amz-date",
          "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
}


static void
test_published_url(void **state)
{
    char              target[1024];
    rn_sigv4          s = example();
    rn_sigv4_request  req = { "GET", HOST, "/test.txt", NULL, 0, NULL, 0,
                              NULL };

    (void) state;

    assert_true(rn_sigv4_presign(&s, &req, NOW, 86400, target,
                                 sizeof(target)));
    assert_string_equal(target, "/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256"
        "&X-Amz-Credential=" ACCESS "%2F20130524%2Fus-east-1%2Fs3"
        "%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400"
        "&X-Amz-SignedHeaders=host&X-Amz-Signature="
        "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404");
}


/* The key is another one on another day, and this one's again afterwards. */

static void
test_days(void **state)
{
    rn_sigv4          s = example(), fresh;
    rn_sigv4_signed   a, b;
    rn_sigv4_request  req = { "GET", HOST, "/x", NULL, 0, NULL, 0, EMPTY };

    static const int64_t  times[] = { NOW - 1, NOW, NOW + 86399, NOW + 86400,
                                      NOW, 0, 253402300799 };

    (void) state;

    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        fresh = example();
        assert_true(rn_sigv4_sign(&s, &req, times[i], &a));
        assert_true(rn_sigv4_sign(&fresh, &req, times[i], &b));
        assert_string_equal(a.authorization, b.authorization);
    }

    assert_string_equal(b.date, "99991231T235959Z");
    assert_false(rn_sigv4_sign(&s, &req, 253402300800, &a));
}


static void
test_refused(void **state)
{
    char              target[8192], *big;
    size_t            i, n;
    rn_sigv4          s = example();
    rn_sigv4_pair     many[RN_SIGV4_PAIRS + 1], large;
    rn_sigv4_signed   out;
    rn_sigv4_request  req = { "GET", HOST, "/x", many, 0, NULL, 0, EMPTY };

    (void) state;

    for (i = 0; i < RN_SIGV4_PAIRS + 1; i++) {
        many[i].name = "n";
        many[i].value = "v";
    }

    /* a presigned query has five of its own, a header three */

    req.n_query = RN_SIGV4_PAIRS - 5;
    assert_true(rn_sigv4_presign(&s, &req, NOW, 1, target, sizeof(target)));
    req.n_query++;
    assert_false(rn_sigv4_presign(&s, &req, NOW, 1, target, sizeof(target)));

    req.n_query = 0;
    req.headers = many;
    req.n_headers = RN_SIGV4_PAIRS - 3;
    assert_true(rn_sigv4_sign(&s, &req, NOW, &out));
    req.n_headers++;
    assert_false(rn_sigv4_sign(&s, &req, NOW, &out));
    req.n_headers = 0;

    assert_false(rn_sigv4_presign(&s, &req, NOW, 0, target, sizeof(target)));
    assert_false(rn_sigv4_presign(&s, &req, NOW, RN_SIGV4_EXPIRES + 1, target,
                                  sizeof(target)));
    assert_true(rn_sigv4_presign(&s, &req, NOW, RN_SIGV4_EXPIRES, target,
                                 sizeof(target)));

    /* whatever room there is: all of it, or nothing */

    n = strlen(target);
    big = malloc(n + 1);
    assert_non_null(big);

    for (i = 0; i <= n; i++) {
        assert_false(rn_sigv4_presign(&s, &req, NOW, RN_SIGV4_EXPIRES, big,
                                      i));
    }

    free(big);

    big = malloc(n + 1);
    assert_non_null(big);
    assert_true(rn_sigv4_presign(&s, &req, NOW, RN_SIGV4_EXPIRES, big, n + 1));
    assert_string_equal(big, target);
    free(big);

    big = calloc(1, 40001);
    assert_non_null(big);
    memset(big, 'a', 40000);
    req.path = big;
    assert_false(rn_sigv4_sign(&s, &req, NOW, &out));
    req.path = "/x";
    large.name = "q";
    large.value = big;
    req.query = &large;
    req.n_query = 1;
    assert_false(rn_sigv4_sign(&s, &req, NOW, &out));
    req.n_query = 0;
    req.headers = &large;
    req.n_headers = 1;
    assert_false(rn_sigv4_sign(&s, &req, NOW, &out));
    req.n_headers = 0;
    s.secret_key = big;
    s.day[0] = '\0';
    assert_false(rn_sigv4_sign(&s, &req, NOW, &out));
    free(big);
}


/* What random names, values and paths are made of. */

static const char *const  bits[] = {
    "a", "B", "z", "0", "9", "-", "_", ".", "~", " ", "  ", "+", "%", "%41",
    "&", "=", "?", "#", "$", ",", ";", ":", "@", "!", "*", "'", "(", ")", "[",
    "]", "\"", "<", "\\", "^", "`", "{", "|", "\x7f", "\xc3\xa9",
    "\xe6\x97\xa5", "\xf0\x9f\x98\x80", "..", "amz", "response-content"
};


static const char *
some(char *out, size_t max, const char *extra, bool name)
{
    size_t       i, n;
    const char  *bit;

    out[0] = '\0';
    n = (size_t) random() % max;

    for (i = 0; i < n; i++) {
        bit = random() % 5 == 0 ? extra
              : bits[(size_t) random() % (sizeof(bits) / sizeof(bits[0]))];

        if (!name || strspn(bit, "abcdefghijklmnopqrstuvwxyz-0123456789")
                     == strlen(bit))
        {
            strcat(out, bit);
        }
    }

    return out;
}


typedef struct {
    rn_sigv4_request  req;
    rn_sigv4_pair     query[6], headers[6];
    char              text[32][160];
    char              sha256[RN_SHA256_HEX + 1];
    char              body[64];
} random_request;


static void
make_request(random_request *q, bool presign)
{
    char    *t;
    size_t   i, next;

    static const char *const  methods[] = { "GET", "PUT", "POST", "DELETE" };
    static const char *const  hosts[] = { HOST, "127.0.0.1:9000", "[::1]:80" };

    next = 0;
    memset(q, 0, sizeof(*q));
    q->req.method = methods[random() % 4];
    q->req.host = hosts[random() % 3];

    t = q->text[next++];
    (void) some(t + 1, 30, "/", false);
    t[0] = '/';
    q->req.path = t;

    q->req.n_query = (size_t) random() % 6;
    q->req.n_headers = (size_t) random() % 6;
    q->req.query = q->query;
    q->req.headers = q->headers;

    for (i = 0; i < q->req.n_query; i++) {
        t = q->text[next++];
        (void) some(t, 12, "b", false);
        (void) snprintf(t + strlen(t), 24, "%zu", presign ? i : i / 2);
        q->query[i].name = t;
        q->query[i].value = some(q->text[next++], 20, "/", false);
    }

    for (i = 0; i < q->req.n_headers; i++) {
        t = q->text[next++];
        (void) snprintf(t, 8, random() % 2 ? "X-%zu-" : "x-%zu-", i);
        (void) some(t + strlen(t), 12, "Meta", true);
        q->headers[i].name = t;
        q->headers[i].value = some(q->text[next++], 20, " \t ", false);
    }

    if (!presign && random() % 2 == 0) {
        (void) snprintf(q->sha256, sizeof(q->sha256), RN_SIGV4_UNSIGNED);

    } else {
        (void) snprintf(q->body, sizeof(q->body), "body %ld", random());
        rn_sha256_hex(q->body, strlen(q->body), q->sha256);
    }

    q->req.sha256 = q->sha256;
}


static json_t *
pairs_of(const rn_sigv4_pair *pairs, size_t n)
{
    size_t   i;
    json_t  *a = json_array();

    for (i = 0; i < n; i++) {
        (void) json_array_append_new(a, json_pack("[s, s]", pairs[i].name,
                                                  pairs[i].value));
    }

    return a;
}


static void
test_botocore(void **state)
{
    int              i;
    bool             presign;
    char             here[] = __FILE__, target[4096], *real;
    json_t          *all, *o;
    int64_t          now, expires;
    rn_sigv4         s;
    unsigned         seed;
    rn_sigv4_signed  out;
    random_request   q;

    (void) state;

    seed = getenv("RENDER_SEED") != NULL
           ? (unsigned) strtoul(getenv("RENDER_SEED"), NULL, 10)
           : (unsigned) time(NULL);
    print_message("RENDER_SEED=%u\n", seed);
    srandom(seed);

    all = json_array();
    s = example();

    for (i = 0; i < CASES; i++) {
        presign = random() % 2 == 0;
        make_request(&q, presign);
        s.token = random() % 2 == 0 ? NULL : "FwoGZXIvYXdzEJr//////wE+a/b=";
        now = NOW + random();
        expires = 1 + random() % RN_SIGV4_EXPIRES;

        if (presign) {
            assert_true(rn_sigv4_presign(&s, &q.req, now, expires, target,
                                         sizeof(target)));
        } else {
            assert_true(rn_sigv4_sign(&s, &q.req, now, &out));
            assert_true(rn_sigv4_target(&q.req, target, sizeof(target)));
        }

        o = json_pack("{s:s, s:s, s:s, s:s?, s:s, s:s, s:s, s:s, s:o, s:o, s:s,"
                      " s:s, s:I, s:I, s:s, s:s?}",
                      "access", s.access_key, "secret", s.secret_key,
                      "region", s.region, "token", s.token,
                      "method", q.req.method, "host", q.req.host,
                      "path", q.req.path, "target", target,
                      "query", pairs_of(q.req.query, q.req.n_query),
                      "headers", pairs_of(q.req.headers, q.req.n_headers),
                      "body", q.body, "sha256", q.sha256,
                      "now", (json_int_t) now, "expires", (json_int_t) expires,
                      "kind", presign ? "presign" : "sign",
                      "authorization", presign ? NULL : out.authorization);
        assert_non_null(o);
        (void) json_array_append_new(all, o);
    }

    assert_int_equal(json_dump_file(all, in_folder("signed.json"), 0), 0);
    json_decref(all);

    real = realpath(dirname(here), NULL);
    assert_non_null(real);
    assert_true(sh("/usr/bin/python3 '%s/sigv4_botocore.py' signed.json %d",
                   real, CASES));
    free(real);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_published),
        cmocka_unit_test(test_published_url),
        cmocka_unit_test(test_days),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_botocore)
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
