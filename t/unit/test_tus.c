/* The headers of tus: what they say, and what is wrong with them. */

#include "helpers.h"
#include "rn_tus.h"


/* Bytes at the end of memory of their own, so that ASan sees a read behind. */

static char *
lone(const char *s, size_t *len)
{
    char  *copy;

    *len = strlen(s);
    copy = malloc(*len ? *len : 1);
    assert_non_null(copy);
    memcpy(copy, s, *len);

    return copy;
}


static int64_t
number(const char *s)
{
    char     *copy;
    size_t    len;
    int64_t   n;

    copy = lone(s, &len);
    n = rn_tus_number(copy, len);
    free(copy);

    return n;
}


static void
test_numbers(void **state)
{
    size_t  i;

    static const char *const  none[] = {
        "", "-1", "+1", " 1", "1 ", "1.0", "1e3", "0x10",
        "9223372036854775808", "18446744073709551616",
        "99999999999999999999999"
    };

    (void) state;

    assert_int_equal(number("0"), 0);
    assert_int_equal(number("00012"), 12);
    assert_int_equal(number("9223372036854775807"), INT64_MAX);
    assert_int_equal(number("9223372036854775799"), INT64_MAX - 8);

    for (i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
        assert_int_equal(number(none[i]), -1);
    }
}


static const char *
wrong(const char *s)
{
    char        *copy;
    size_t       len;
    const char  *why;

    copy = lone(s, &len);
    why = rn_tus_metadata_wrong(copy, len);
    free(copy);

    return why;
}


static void
has(const char *metadata, const char *key, const char *want)
{
    int      n;
    char    *copy, out[64];
    size_t   len;

    copy = lone(metadata, &len);
    n = rn_tus_metadata_get(copy, len, key, out, sizeof(out));
    free(copy);

    if (want == NULL) {
        assert_int_equal(n, -1);
        return;
    }

    assert_int_equal(n, strlen(want));
    assert_memory_equal(out, want, (size_t) n);
}


static void
test_metadata(void **state)
{
    char    big[RN_TUS_META_MAX + 2], out[4];
    size_t  i;

    static const char  good[] =
        "filename d29ybGRfZG9taW5hdGlvbl9wbGFuLnBkZg==,is_confidential, "
        "empty ,type dmlkZW8vbXA0";

    static const char *const  bad[] = {
        "", ",", "a YQ==,", ",a YQ==", " ", "a YQ==, ,b", "a YQ", "a YQ=",
        "a YQ===", "a Y===", "a ====", "a =", "a Y=Q=", "a YQ==\n", "a Y Q=",
        "a YQ==,a YQ==", "a,a", "a YQ==,b,a", "\xc3\xa9 YQ==", "a\tb YQ==",
        "a _-==", "a  YQ=="
    };

    (void) state;

    assert_null(wrong(good));
    has(good, "filename", "world_domination_plan.pdf");
    has(good, "is_confidential", "");
    has(good, "empty", "");
    has(good, "type", "video/mp4");
    has(good, "file", NULL);
    has(good, "filename ", NULL);
    has(good, "", NULL);

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (wrong(bad[i]) == NULL) {
            fail_msg("\"%s\" is taken", bad[i]);
        }
    }

    /* what does not fit is cut */

    i = strlen(good);
    assert_int_equal(rn_tus_metadata_get(good, i, "filename", out, 4), 4);
    assert_memory_equal(out, "worl", 4);

    memset(big, 'A', sizeof(big));
    memcpy(big, "abc ", 4);
    assert_null(rn_tus_metadata_wrong(big, RN_TUS_META_MAX));
    assert_non_null(rn_tus_metadata_wrong(big, RN_TUS_META_MAX + 1));
    assert_int_equal(rn_tus_metadata_get(big, RN_TUS_META_MAX + 1, "abc", out,
                                         4), -1);
}


static const char *
read_sum(const char *s, rn_tus_checksum *sum)
{
    char        *copy;
    size_t       len;
    const char  *why;

    copy = lone(s, &len);
    why = rn_tus_checksum_read(copy, len, sum);
    free(copy);

    return why;
}


static void
test_checksum(void **state)
{
    char             hex[2 * RN_TUS_DIGEST_MAX + 1];
    size_t           i;
    rn_tus_checksum  sum;

    static const char *const  bad[] = {
        "", "sha1", "sha1 ", " Kq5sNclPz7QV2+lfQIuc6R7oRu0=",
        "md5 1B2M2Y8AsgTpgAmY7PhCfg==", "sha1 1B2M2Y8AsgTpgAmY7PhCfg==",
        "sha256 Kq5sNclPz7QV2+lfQIuc6R7oRu0=",
        "sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0",
        "sha1  Kq5sNclPz7QV2+lfQIuc6R7oRu0=",
        "sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0= ",
        "sha1 Kq5sNclPz7QV2-lfQIuc6R7oRu0=",
        "sha256 47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=47DEQpj8HBSa"
    };

    (void) state;

    assert_null(read_sum("sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=", &sum));
    assert_int_equal(sum.algorithm, RN_TUS_SHA1);
    rn_hex(sum.digest, sum.len, hex);
    assert_string_equal(hex, "2aae6c35c94fcfb415dbe95f408b9ce91ee846ed");

    assert_null(read_sum("SHA256 47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
                         &sum));
    assert_int_equal(sum.algorithm, RN_TUS_SHA256);
    rn_hex(sum.digest, sum.len, hex);
    assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb924"
                             "27ae41e4649b934ca495991b7852b855");

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (read_sum(bad[i], &sum) == NULL) {
            fail_msg("\"%s\" is taken", bad[i]);
        }
    }
}


#define UUID  "0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4"


static void
test_concat(void **state)
{
    char         id[RN_UUID_LEN + 1], *copy;
    size_t       i, len, left;
    const char  *p;

    static const char *const  bad[] = {
        UUID "a", "/files/", "/files/" UUID, "/files/" UUID "g",
        "/files/" UUID "a/", "/files/" UUID "a?x", "/files/x" UUID "a",
        "/files/" UUID "A", "\t/files/" UUID "a\t"
    };

    (void) state;

    copy = lone("/files/" UUID "a  https://h.example/v1/files/" UUID "b ",
                &len);
    p = copy;
    left = len;
    assert_int_equal(rn_tus_concat_next(&p, &left, id), 1);
    assert_string_equal(id, UUID "a");
    assert_int_equal(rn_tus_concat_next(&p, &left, id), 1);
    assert_string_equal(id, UUID "b");
    assert_int_equal(rn_tus_concat_next(&p, &left, id), 0);
    assert_ptr_equal(p, copy + len);
    assert_int_equal(rn_tus_concat_next(&p, &left, id), 0);
    free(copy);

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        copy = lone(bad[i], &left);
        p = copy;

        if (rn_tus_concat_next(&p, &left, id) != -1) {
            fail_msg("\"%s\" is taken", bad[i]);
        }
        free(copy);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_metadata),
        cmocka_unit_test(test_checksum),
        cmocka_unit_test(test_concat)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
