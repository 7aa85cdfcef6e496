/*
 * Storage in a directory: which keys it takes, that an object appears whole
 * or not at all, and what errno says.
 */

#include "helpers.h"
#include "rn_store.h"

#include <dirent.h>


static rn_store  store;


static int
open_store(void **state)
{
    char  url[128], err[256];

    if (make_folder(state) != 0) {
        return -1;
    }

    (void) snprintf(url, sizeof(url), "file://%s", folder);

    return rn_store_open(&store, url, err, sizeof(err));
}


static int
close_store(void **state)
{
    rn_store_close(&store);
    assert_int_equal(store.root, -1);
    rn_store_close(&store);                 /* twice is fine */

    return remove_folder(state);
}


/* Files below a directory of the store. */

static int
count(const char *name)
{
    int             n;
    DIR            *d;
    struct dirent  *e;

    d = opendir(in_folder(name));
    if (d == NULL) {
        return -1;
    }

    for (n = 0; (e = readdir(d)) != NULL; /* void */ ) {
        n += e->d_name[0] != '.';
    }

    (void) closedir(d);

    return n;
}


static void
put(const char *key, const char *text)
{
    int   fd;
    char  temp[RN_STORE_TEMP];

    fd = rn_store_create(&store, temp);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t) strlen(text));
    assert_int_equal(rn_store_commit(&store, fd, temp, key), 0);
    (void) close(fd);
}


static void
assert_holds(const char *key, const char *text)
{
    int       fd;
    size_t    n;
    uint8_t  *have;

    fd = rn_store_get(&store, key);
    assert_true(fd >= 0);
    have = read_fd(fd, &n);
    (void) close(fd);
    assert_string_equal((char *) have, text);
    free(have);
}


static void
test_urls(void **state)
{
    char      err[256], url[128];
    rn_store  s;

    (void) state;

    assert_string_equal(rn_store_path("file:///a/b", err, sizeof(err)), "/a/b");
    assert_string_equal(rn_store_path("/a/b", err, sizeof(err)), "/a/b");
    assert_null(rn_store_path("a/b", err, sizeof(err)));
    assert_null(rn_store_path("", err, sizeof(err)));
    assert_null(rn_store_path("file://host/a", err, sizeof(err)));
    assert_null(rn_store_path("https://host/a", err, sizeof(err)));

    err[0] = '\0';
    assert_null(rn_store_path("s3://bucket", err, sizeof(err)));
    assert_non_null(strstr(err, "S3"));

    (void) snprintf(url, sizeof(url), "file://%s/nowhere", folder);
    err[0] = '\0';
    assert_int_equal(rn_store_open(&s, url, err, sizeof(err)), -1);
    assert_non_null(strstr(err, "No such file"));
    assert_int_equal(s.root, -1);

    write_file("plain", "x", 1);
    (void) snprintf(url, sizeof(url), "file://%s/plain", folder);
    assert_int_equal(rn_store_open(&s, url, err, sizeof(err)), -1);

    /* opened a second time beside the first */

    (void) snprintf(url, sizeof(url), "%s", folder);
    assert_int_equal(rn_store_open(&s, url, err, sizeof(err)), 0);
    rn_store_close(&s);
}


static void
test_keys(void **state)
{
    int     c;
    char    key[600];
    size_t  i;

    static const char *const good[] = {
        "a", "segments/ab/cdef.mp4", "outputs/" UUID_A "/1-7/final.mp4",
        "A_b-c.D", "a/b/c/d/e/f/g", "a..b", "a.", "x/y..z",
    };

    static const char *const bad[] = {
        "", "/", "/a", "a/", "a//b", ".", "..", "../a", "a/..", "a/../b",
        "./a", "a/./b", "a/.", ".hidden", "a/.hidden", ".../a", "a b", "a\\b",
        "a:b", "a%2fb", "a\nb", "\xc3\xa9", "~", "*", "a?b", "a/\tb",
    };

    (void) state;

    for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        if (!rn_store_key_ok(good[i])) {
            fail_msg("refused: %s", good[i]);
        }
    }

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (rn_store_key_ok(bad[i])) {
            fail_msg("taken: %s", bad[i]);
        }
    }

    for (c = 1; c < 256; c++) {
        key[0] = 'a';
        key[1] = (char) c;
        key[2] = 'b';
        key[3] = '\0';
        assert_int_equal(rn_store_key_ok(key),
                         (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
                         || (c >= '0' && c <= '9') || c == '-' || c == '_'
                         || c == '.' || c == '/');
    }

    memset(key, 'a', sizeof(key));          /* long ones */
    key[511] = '\0';
    assert_true(rn_store_key_ok(key));
    key[511] = 'a';
    key[512] = '\0';
    assert_false(rn_store_key_ok(key));

    memcpy(key, "../\0", 4);            /* what stands before a NUL counts */
    assert_false(rn_store_key_ok(key));
}


/* Each call refuses a bad key by itself, and nothing is touched. */

static void
test_bad_keys_everywhere(void **state)
{
    int     fd;
    char    temp[RN_STORE_TEMP];
    size_t  i;

    static const char *const bad[] = {
        "", "/etc/passwd", "../x", "a/../../x", ".x", "a//b",
    };

    (void) state;

    fd = rn_store_create(&store, temp);
    assert_true(fd >= 0);

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        errno = 0;
        assert_int_equal(rn_store_get(&store, bad[i]), -1);
        assert_int_equal(errno, EINVAL);

        errno = 0;
        assert_int_equal(rn_store_commit(&store, fd, temp, bad[i]), -1);
        assert_int_equal(errno, EINVAL);

        errno = 0;
        assert_int_equal(rn_store_delete(&store, bad[i]), -1);
        assert_int_equal(errno, EINVAL);
    }

    (void) close(fd);
    assert_int_equal(access(in_folder(temp), F_OK), 0);
    rn_store_discard(&store, temp);
    assert_int_equal(count("temp"), 0);
}


static void
test_commit(void **state)
{
    int          fd;
    char         temp[RN_STORE_TEMP];
    struct stat  st;

    (void) state;

    fd = rn_store_create(&store, temp);
    assert_true(fd >= 0);
    assert_int_equal(strncmp(temp, "temp/", 5), 0);
    assert_int_equal(write(fd, "half", 4), 4);

    /* not there before it is committed */

    assert_int_equal(rn_store_get(&store, "k/l/m.bin"), -1);
    assert_int_equal(errno, ENOENT);
    assert_int_equal(count("temp"), 1);

    assert_int_equal(write(fd, "+half", 5), 5);
    assert_int_equal(rn_store_commit(&store, fd, temp, "k/l/m.bin"), 0);
    (void) close(fd);

    assert_holds("k/l/m.bin", "half+half");
    assert_int_equal(count("temp"), 0);

    assert_int_equal(stat(in_folder("k/l/m.bin"), &st), 0);
    assert_int_equal(st.st_mode & 07, 0);           /* nobody else's */
}


/* A reader of the old object goes on reading the old one. */

static void
test_replace(void **state)
{
    int       fd;
    size_t    n;
    uint8_t  *old;

    (void) state;

    put("r/x", "one");
    fd = rn_store_get(&store, "r/x");
    assert_true(fd >= 0);

    put("r/x", "two, and longer");
    assert_holds("r/x", "two, and longer");

    old = read_fd(fd, &n);
    assert_string_equal((char *) old, "one");
    free(old);
    (void) close(fd);

    assert_int_equal(count("r"), 1);
}


static void
test_discard(void **state)
{
    int   fd;
    char  temp[RN_STORE_TEMP];

    (void) state;

    fd = rn_store_create(&store, temp);
    assert_true(fd >= 0);
    (void) close(fd);
    assert_int_equal(count("temp"), 1);

    rn_store_discard(&store, temp);
    assert_int_equal(count("temp"), 0);
    rn_store_discard(&store, temp);                 /* twice is fine */
}


static void
test_temporary_names_differ(void **state)
{
    int   a, b;
    char  ta[RN_STORE_TEMP], tb[RN_STORE_TEMP];

    (void) state;

    a = rn_store_create(&store, ta);
    b = rn_store_create(&store, tb);
    assert_true(a >= 0 && b >= 0);
    assert_string_not_equal(ta, tb);
    (void) close(a);
    (void) close(b);
    rn_store_discard(&store, ta);
    rn_store_discard(&store, tb);
}


static void
test_delete(void **state)
{
    (void) state;

    put("d/x", "x");
    assert_int_equal(rn_store_delete(&store, "d/x"), 0);
    assert_int_equal(rn_store_get(&store, "d/x"), -1);
    assert_int_equal(errno, ENOENT);
    assert_int_equal(rn_store_delete(&store, "d/x"), 0);    /* not there */
    assert_int_equal(rn_store_delete(&store, "no/such/thing"), 0);
}


/* A failed commit leaves what was there, and the temporary file to discard. */

static void
test_commit_in_the_way(void **state)
{
    int   fd;
    char  temp[RN_STORE_TEMP];

    (void) state;

    put("w/file", "kept");

    fd = rn_store_create(&store, temp);
    assert_true(fd >= 0);
    assert_int_equal(rn_store_commit(&store, fd, temp, "w/file/below"), -1);
    assert_int_equal(rn_store_commit(&store, fd, temp, "w"), -1);
    (void) close(fd);

    assert_holds("w/file", "kept");
    assert_int_equal(count("temp"), 1);
    rn_store_discard(&store, temp);
}


static void
test_temporary_gone(void **state)
{
    int   fd;
    char  temp[RN_STORE_TEMP];

    (void) state;

    fd = rn_store_create(&store, temp);
    assert_true(fd >= 0);
    rn_store_discard(&store, temp);
    assert_int_equal(rn_store_commit(&store, fd, temp, "g/x"), -1);
    assert_int_equal(errno, ENOENT);
    (void) close(fd);
    assert_int_equal(rn_store_get(&store, "g/x"), -1);
}


/* A directory is no object, and a link leads nowhere. */

static void
test_only_files(void **state)
{
    (void) state;

    put("o/p/q", "x");
    assert_int_equal(rn_store_get(&store, "o/p"), -1);
    assert_int_equal(rn_store_delete(&store, "o/p"), -1);
    assert_holds("o/p/q", "x");

    assert_int_equal(symlink("/etc/passwd", in_folder("o/link")), 0);
    assert_int_equal(rn_store_get(&store, "o/link"), -1);
    assert_int_equal(errno, ELOOP);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_urls),
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_bad_keys_everywhere),
        cmocka_unit_test(test_commit),
        cmocka_unit_test(test_replace),
        cmocka_unit_test(test_discard),
        cmocka_unit_test(test_temporary_names_differ),
        cmocka_unit_test(test_delete),
        cmocka_unit_test(test_commit_in_the_way),
        cmocka_unit_test(test_temporary_gone),
        cmocka_unit_test(test_only_files),
    };

    return cmocka_run_group_tests(tests, open_store, close_store);
}
