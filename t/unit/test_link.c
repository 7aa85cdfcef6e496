/*
 * Signed links: what is signed verifies and splits as it should; any change
 * of it, any other key, a later time and any way out of the prefix do not.
 */

#include "helpers.h"
#include "rn_link.h"


#define KEY     "0123456789abcdef0123456789abcdef"
#define PREFIX  "outputs/" UUID_A "/1-7"
#define NOW     1700000000
#define EXPIRY  (NOW + 600)


static size_t
make(char *out, size_t size, const char *prefix, const char *file)
{
    char  sign[64];

    rn_link_sign(KEY, strlen(KEY), EXPIRY, prefix, strlen(prefix), sign);

    return (size_t) snprintf(out, size, "%s/%s%s", sign, prefix, file);
}


static bool
verify(const char *path, size_t len)
{
    bool      ok;
    char     *copy;
    rn_link   link;

    copy = malloc(len ? len : 1);       /* a read behind it is seen by ASan */
    assert_non_null(copy);
    memcpy(copy, path, len);

    ok = rn_link_verify(KEY, strlen(KEY), NOW, copy, len, &link);
    if (ok) {
        assert_true(link.prefix >= copy && link.file > link.prefix);
        assert_ptr_equal(link.file + link.file_len, copy + len);
        assert_true(link.file_len > 0);
    }

    free(copy);

    return ok;
}


static void
test_good(void **state)
{
    char     path[256];
    size_t   n;
    rn_link  link;

    (void) state;

    n = make(path, sizeof(path), PREFIX, "/final.mp4");

    assert_true(rn_link_verify(KEY, strlen(KEY), NOW, path, n, &link));
    assert_int_equal(link.prefix_len, strlen(PREFIX));
    assert_memory_equal(link.prefix, PREFIX, link.prefix_len);
    assert_int_equal(link.file_len, strlen("final.mp4"));
    assert_memory_equal(link.file, "final.mp4", link.file_len);

    n = make(path, sizeof(path), PREFIX, "/hls/v0/1.m4s");

    assert_true(rn_link_verify(KEY, strlen(KEY), NOW, path, n, &link));
    assert_memory_equal(link.prefix, PREFIX, link.prefix_len);
    assert_int_equal(link.file_len, strlen("hls/v0/1.m4s"));
    assert_memory_equal(link.file, "hls/v0/1.m4s", link.file_len);
}


/* The HMAC as another implementation computes it. */

static void
test_vector(void **state)
{
    char     sign[64], want[80];
    FILE    *f;
    size_t   n;

    (void) state;

    rn_link_sign(KEY, strlen(KEY), EXPIRY, PREFIX, strlen(PREFIX), sign);

    f = popen("printf '1700000600\\n" PREFIX "' | "
              "openssl dgst -sha256 -hmac " KEY " -r", "r");
    assert_non_null(f);
    n = fread(want, 1, 64, f);
    if (pclose(f) != 0) {
        skip();
    }

    assert_int_equal(n, 64);
    want[RN_LINK_MAC_LEN] = '\0';
    assert_memory_equal(sign, "1700000600.", 11);
    assert_string_equal(sign + 11, want);
}


static void
test_every_byte(void **state)
{
    int      c;
    char     path[256], kept;
    size_t   i, n, covered;

    (void) state;

    n = make(path, sizeof(path), PREFIX, "/final.mp4");
    covered = n - strlen("final.mp4");      /* the file's name is free */
    assert_true(verify(path, n));

    for (i = 0; i < covered; i++) {
        kept = path[i];
        for (c = 0; c < 256; c++) {
            if ((char) c != kept) {
                path[i] = (char) c;
                assert_false(verify(path, n));
            }
        }
        path[i] = kept;
    }

    assert_true(verify(path, n));
}


static void
test_missing_and_added_bytes(void **state)
{
    char     path[256], other[260];
    size_t   i, n, covered;

    (void) state;

    n = make(path, sizeof(path), PREFIX, "/final.mp4");
    covered = n - strlen("final.mp4");

    for (i = 0; i < covered; i++) {
        memcpy(other, path, i);
        memcpy(other + i, path + i + 1, n - i - 1);
        assert_false(verify(other, n - 1));

        memcpy(other, path, i);
        other[i] = 'a';
        memcpy(other + i + 1, path + i, n - i);
        assert_false(verify(other, n + 1));

        other[i] = '0';                     /* not a nought in front either */
        if (path[i] != '0' && (i == 0 || path[i - 1] != '0')) {
            assert_false(verify(other, n + 1));
        }
    }
}


static void
test_truncated(void **state)
{
    char     path[256];
    size_t   i, n;

    (void) state;

    n = make(path, sizeof(path), PREFIX, "/f");

    for (i = 0; i < n; i++) {
        assert_false(verify(path, i));
    }

    assert_true(verify(path, n));
}


static void
test_expiry(void **state)
{
    char     path[256];
    size_t   n;
    rn_link  l;

    (void) state;

    n = make(path, sizeof(path), PREFIX, "/final.mp4");

    assert_true(rn_link_verify(KEY, strlen(KEY), 0, path, n, &l));
    assert_true(rn_link_verify(KEY, strlen(KEY), EXPIRY - 1, path, n, &l));
    assert_false(rn_link_verify(KEY, strlen(KEY), EXPIRY, path, n, &l));
    assert_false(rn_link_verify(KEY, strlen(KEY), EXPIRY + 1, path, n, &l));
    assert_false(rn_link_verify(KEY, strlen(KEY), INT64_MAX, path, n, &l));
}


static void
test_odd_expiry(void **state)
{
    char     path[256], sign[64];
    size_t   i, n;
    rn_link  l;

    static const int64_t bad[] = {
        -1, INT64_MIN, INT64_MAX, 9999999999999LL, 0
    };

    (void) state;

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        rn_link_sign(KEY, strlen(KEY), bad[i], PREFIX, strlen(PREFIX), sign);
        n = (size_t) snprintf(path, sizeof(path), "%s/" PREFIX "/f", sign);
        assert_false(rn_link_verify(KEY, strlen(KEY), 0, path, n, &l));
    }
}


static void
test_other_key(void **state)
{
    char     path[256], key[] = KEY;
    size_t   i, n;
    rn_link  l;

    (void) state;

    n = make(path, sizeof(path), PREFIX, "/final.mp4");

    for (i = 0; i < strlen(KEY); i++) {
        key[i] ^= 1;
        assert_false(rn_link_verify(key, strlen(KEY), NOW, path, n, &l));
        key[i] ^= 1;
    }

    assert_false(rn_link_verify(KEY, strlen(KEY) - 1, NOW, path, n, &l));
    assert_true(rn_link_verify(key, strlen(KEY), NOW, path, n, &l));
}


static void
test_ways_out(void **state)
{
    char    path[512];
    size_t  i, n;

    static const char *const files[] = {
        "/..", "/../x", "/a/../../../x", "/a/..", "/.", "/./x", "/", "//x",
        "/x/", "/x//y", "/%2e%2e/x", "/a%2fb", "/..\\x", "/a\\b", "/a\nb",
        "/a\x01" "b", "/\t",
    };

    static const char *const prefixes[] = {
        "outputs/../x", "../a/b", "outputs//x", "/a/b", "./a/b", "a/./b",
        "a/b/..", "a/b/.", "a/b/", "a", "a/b", "",
    };

    (void) state;

    for (i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        n = make(path, sizeof(path), PREFIX, files[i]);
        assert_false(verify(path, n));
    }

    for (i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
        n = make(path, sizeof(path), prefixes[i], "/f");
        assert_false(verify(path, n));
    }

    n = make(path, sizeof(path), PREFIX, "/a?b");
    path[n - 2] = '\0';                     /* a NUL inside */
    assert_false(verify(path, n));

    n = make(path, sizeof(path), PREFIX, "/..x");       /* a name like any */
    assert_true(verify(path, n));
}


/* Three steps of prefix, always: what a link to one run shows is that run. */

static void
test_prefix_not_longer(void **state)
{
    char    path[512];
    size_t  n;

    (void) state;

    n = make(path, sizeof(path), PREFIX "/hls", "/final.mp4");
    assert_false(verify(path, n));
}


/* A signature over nothing opens nothing. */

static void
test_no_prefix(void **state)
{
    char    path[512], sign[64];
    size_t  i, n;

    static const char *const files[] = { "", "/", "/a", "/a/b", "/a/b/c",
                                         "/a/b/c/" };

    (void) state;

    rn_link_sign(KEY, strlen(KEY), EXPIRY, "", 0, sign);

    for (i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        n = (size_t) snprintf(path, sizeof(path), "%s%s", sign, files[i]);
        assert_false(verify(path, n));
    }
}


static void
test_long(void **state)
{
    char    prefix[1024], path[2048];
    size_t  n;

    (void) state;

    memset(prefix, 'a', sizeof(prefix));
    memcpy(prefix, "outputs/j/", 10);

    prefix[400] = '\0';
    n = make(path, sizeof(path), prefix, "/f");
    assert_true(verify(path, n));

    prefix[400] = 'a';
    for (n = 401; n < 1000; n += 37) {      /* cut in the HMAC: not accepted */
        prefix[n] = '\0';
        assert_false(verify(path, make(path, sizeof(path), prefix, "/f")));
        prefix[n] = 'a';
    }
}


static void
test_noise(void **state)
{
    int           i;
    char          path[96];
    size_t        k, n;
    unsigned int  seed = 1;

    static const char letters[] = "0123456789abcdef./\0%";

    (void) state;

    for (i = 0; i < 200000; i++) {
        n = (size_t) rand_r(&seed) % sizeof(path);
        for (k = 0; k < n; k++) {
            path[k] = letters[(size_t) rand_r(&seed) % (sizeof(letters) - 1)];
        }
        assert_false(verify(path, n));
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_vector),
        cmocka_unit_test(test_every_byte),
        cmocka_unit_test(test_missing_and_added_bytes),
        cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_expiry),
        cmocka_unit_test(test_odd_expiry),
        cmocka_unit_test(test_other_key),
        cmocka_unit_test(test_ways_out),
        cmocka_unit_test(test_prefix_not_longer),
        cmocka_unit_test(test_no_prefix),
        cmocka_unit_test(test_long),
        cmocka_unit_test(test_noise),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
