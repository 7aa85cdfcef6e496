/* Ids and digests: shape, randomness, published vectors, what is refused. */

#include "helpers.h"


static void
test_uuid_shape(void **state)
{
    int   i;
    char  id[RN_UUID_LEN + 1];

    (void) state;

    for (i = 0; i < 1000; i++) {
        memset(id, 'x', sizeof(id));
        assert_true(rn_uuid(id));
        assert_int_equal(strlen(id), RN_UUID_LEN);
        assert_true(rn_is_uuid(id, strlen(id)));
        assert_int_equal(id[14], '4');
        assert_non_null(strchr("89ab", id[19]));
    }
}


static int
by_text(const void *a, const void *b)
{
    return strcmp(a, b);
}


static void
test_uuid_differs(void **state)
{
    size_t       i;
    static char  ids[10000][RN_UUID_LEN + 1];

    (void) state;

    for (i = 0; i < 10000; i++) {
        assert_true(rn_uuid(ids[i]));
    }

    qsort(ids, 10000, sizeof(ids[0]), by_text);

    for (i = 1; i < 10000; i++) {
        assert_string_not_equal(ids[i - 1], ids[i]);
    }
}


static void
test_is_uuid(void **state)
{
    size_t  i;
    int     c;
    char    id[] = UUID_A;

    static const char *const bad[] = {
        "", "1", "11111111-1111-4111-8111-11111111111",
        "11111111-1111-4111-8111-1111111111111",
        "11111111x1111-4111-8111-111111111111",
        "A1111111-1111-4111-8111-111111111111",
        "g1111111-1111-4111-8111-111111111111",
        "{1111111-1111-4111-8111-11111111111}",
        "111111111111141118111111111111111111",
        "------------------------------------",
    };

    (void) state;

    assert_true(rn_is_uuid(UUID_A, 36));
    assert_true(rn_is_uuid("00000000-0000-0000-0000-000000000000", 36));
    assert_true(rn_is_uuid("abcdefab-cdef-abcd-efab-cdefabcdef09", 36));

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_false(rn_is_uuid(bad[i], strlen(bad[i])));
    }

    /* the length counts, not a NUL */

    assert_false(rn_is_uuid(UUID_A, 35));
    assert_false(rn_is_uuid(UUID_A "\0", 37));

    for (i = 0; i < RN_UUID_LEN; i++) {
        for (c = 0; c < 256; c++) {
            id[i] = (char) c;
            if (i == 8 || i == 13 || i == 18 || i == 23) {
                assert_int_equal(rn_is_uuid(id, 36), c == '-');
            } else {
                assert_int_equal(rn_is_uuid(id, 36),
                                 (c >= '0' && c <= '9')
                                 || (c >= 'a' && c <= 'f'));
            }
        }
        id[i] = UUID_A[i];
    }
}


static void
test_hex(void **state)
{
    int            i;
    char           out[513], want[3];
    unsigned char  all[256];

    (void) state;

    for (i = 0; i < 256; i++) {
        all[i] = (unsigned char) i;
    }

    rn_hex(all, 256, out);
    assert_int_equal(strlen(out), 512);

    for (i = 0; i < 256; i++) {
        (void) snprintf(want, sizeof(want), "%02x", i);
        assert_memory_equal(out + 2 * i, want, 2);
    }

    rn_hex(all, 0, out);
    assert_string_equal(out, "");
}


static void
test_sha256(void **state)
{
    char    hex[RN_SHA256_HEX + 1];
    char   *million;

    (void) state;

    rn_sha256_hex("", 0, hex);
    assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb924"
                             "27ae41e4649b934ca495991b7852b855");

    rn_sha256_hex("abc", 3, hex);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223"
                             "b00361a396177a9cb410ff61f20015ad");

    million = malloc(1000000);
    assert_non_null(million);
    memset(million, 'a', 1000000);
    rn_sha256_hex(million, 1000000, hex);
    free(million);
    assert_string_equal(hex, "cdc76e5c9914fb9281a1c7e284d73e67"
                             "f1809a48a497200e046d39ccc7112cd0");
}


static void
test_is_sha256(void **state)
{
    size_t  i;
    char    hex[66];

    (void) state;

    rn_sha256_hex("x", 1, hex);
    assert_true(rn_is_sha256(hex));

    for (i = 0; i < RN_SHA256_HEX; i++) {       /* cut short anywhere */
        char  kept = hex[i];

        hex[i] = '\0';
        assert_false(rn_is_sha256(hex));
        hex[i] = 'F';
        assert_false(rn_is_sha256(hex));
        hex[i] = '/';
        assert_false(rn_is_sha256(hex));
        hex[i] = kept;
    }

    hex[64] = '0';
    hex[65] = '\0';
    assert_false(rn_is_sha256(hex));
    assert_false(rn_is_sha256(""));
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_uuid_shape),
        cmocka_unit_test(test_uuid_differs),
        cmocka_unit_test(test_is_uuid),
        cmocka_unit_test(test_hex),
        cmocka_unit_test(test_sha256),
        cmocka_unit_test(test_is_sha256),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
