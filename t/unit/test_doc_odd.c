/*
 * The parser of compositions: limits, many faults at once, and documents that
 * are odd, deep, damaged or cut anywhere.
 */

#include "doc_helpers.h"


static char *
many(const char *head, const char *item, size_t n, const char *tail)
{
    char    *text, *p;
    size_t   i;

    text = malloc(strlen(head) + n * (strlen(item) + 1) + strlen(tail) + 1);
    assert_non_null(text);
    p = stpcpy(text, head);
    for (i = 0; i < n; i++) {
        if (i > 0) {
            *p++ = ',';
        }
        p = stpcpy(p, item);
    }
    (void) strcpy(p, tail);

    return text;
}


static void
test_limits(void **state)
{
    char       *text;
    rn_doc     *d;
    rn_limits   small;

    (void) state;

    text = many("{\"timeline\":{\"tracks\":[{\"clips\":[", CLIP "}", 5000,
                "]}]}}");
    d = good(text);
    assert_int_equal(d->n_clips, 5000);
    assert_string_equal(d->tracks[0].clips[4999].pointer,
                        "/timeline/tracks/0/clips/4999");
    rn_doc_free(d);
    free(text);

    text = many("{\"timeline\":{\"tracks\":[{\"clips\":[", CLIP "}", 5001,
                "]}]}}");
    bad(text, "/timeline/tracks/0/clips", "at most 5000 clips");
    free(text);

    text = many("{\"timeline\":{\"tracks\":[", "{\"clips\":[]}", 64, "]}}");
    d = good(text);
    assert_int_equal(d->n_tracks, 64);
    rn_doc_free(d);
    free(text);

    text = many("{\"timeline\":{\"tracks\":[", "{\"clips\":[]}", 65, "]}}");
    bad(text, "/timeline/tracks", "at most 64 tracks");
    free(text);

    small = rn_limits_default;
    small.max_clips = 2;                /* of all tracks together */
    text = many("{\"timeline\":{\"tracks\":[", "{\"clips\":[" CLIP "}]}", 3,
                "]}}");
    bad_in(&small, text, strlen(text), false, "/timeline/tracks/2/clips",
           "at most 2 clips");
    free(text);

    small = rn_limits_default;
    small.max_text = 3;
    bad_in(&small, IN_ROOT("\"title\":\"abcd\""),
           strlen(IN_ROOT("\"title\":\"abcd\"")), false, "/title",
           "longer than 3 bytes");

    small = rn_limits_default;
    small.max_side = 100;
    bad_in(&small, IN_TIMELINE("\"width\":102,\"height\":16"),
           strlen(IN_TIMELINE("\"width\":102,\"height\":16")), false,
           "/timeline/width", "from 16 to 100");
}


/* Errors beyond what is kept are counted, and the parser goes on. */

static void
test_many_errors(void **state)
{
    char         *text;
    json_t       *j;
    rn_doc       *doc;
    rn_problems   ps;

    (void) state;

    text = many("{\"timeline\":{\"tracks\":[{\"clips\":[", "{\"x\":1}", 3000,
                "]}]}}");

    assert_int_equal(parse(text, strlen(text), &ps, &doc), RN_E_INVALID);
    assert_int_equal(ps.n, RN_PROBLEMS_MAX);
    assert_int_equal(ps.total, 6000);
    j = rn_problems_json(&ps);
    assert_int_equal(json_array_size(j), RN_PROBLEMS_MAX + 1);
    json_decref(j);
    rn_problems_free(&ps);
    free(text);
}


static void
test_not_json(void **state)
{
    size_t  i;

    static const char *const texts[] = {
        "", " ", "\n", "{", "}", "[", "nul", "{\"a\"}", "{\"a\":}", "{,}",
        "{\"a\":1,}", "{'a':1}", "{\"a\":01}", "{\"a\":1e999}",
        "{\"a\":99999999999999999999}", "{\"a\":NaN}", "{\"a\":Infinity}",
        "{\"a\":\"\\ud800\"}", "{\"a\":\"\xff\"}", "{\"a\":\"\xc0\x80\"}",
        "{\"a\":\"\x01\"}", "{} {}", "{}x", "\xef\xbb\xbf{}", "// x\n{}",
        "{\"title\":\"a\\u0000b\"}", "{\"a\\u0000b\":1}",
    };

    (void) state;

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        bad(texts[i], "", "not JSON");
    }

    /* raw NUL bytes: outside, in a string, in a key, behind the end */

    bad_in(&rn_limits_default, "\0", 1, false, "", "not JSON");
    bad_in(&rn_limits_default, "{\"title\":\"a\0b\"}", 15, false, "",
           "not JSON");
    bad_in(&rn_limits_default, "{\"a\0b\":1}", 9, false, "", "not JSON");
    bad_in(&rn_limits_default, "{}\0", 3, false, "", "not JSON");

    /* other JSON than an object */

    bad("[]", "", "an object");
    bad("[{}]", "", "must be an object");
}


static void
test_duplicates(void **state)
{
    (void) state;

    bad("{\"version\":1,\"version\":1}", "", "duplicate");
    bad(IN_CLIP("\"start\":0,\"start\":1"), "", "duplicate");
    bad(IN_CLIP("\"start\":0,\"st\\u0061rt\":1"), "", "duplicate");
    bad(IN_ROOT("\"metadata\":{\"a\":1,\"a\":1}"), "", "duplicate");
}


static void
test_deep(void **state)
{
    char    *text;
    rn_doc  *d;
    size_t   i, n;

    static const char *const heads[] = {
        "{\"timeline\":{\"tracks\":[{\"clips\":[]}]},\"metadata\":", "",
    };

    (void) state;

    for (i = 0; i < 2; i++) {
        for (n = 10; n <= 1000000; n *= 10) {
            text = malloc(strlen(heads[i]) + 2 * n + 2);
            assert_non_null(text);
            (void) strcpy(text, heads[i]);
            memset(text + strlen(heads[i]), '[', n);
            memset(text + strlen(heads[i]) + n, ']', n);
            (void) strcpy(text + strlen(heads[i]) + 2 * n, i == 0 ? "}" : "");

            if (i == 0 && n <= 1000) {
                d = good(text);
                rn_doc_free(d);
            } else {
                bad(text, "", n > 1000 ? "depth" : "must be an object");
            }

            free(text);
        }
    }
}


/* Every place where a value may stand takes every kind of value in stride. */

static void
test_any_value_anywhere(void **state)
{
    char         *dump;
    size_t        i, k, n, taken;
    json_t       *root, *value, *stack[400];
    rn_doc       *doc;
    rn_status     rc;
    const char   *name;
    rn_problems   ps;

    static const char *const values[] = {
        "null", "true", "0", "-1", "1e300", "9223372036854775807", "\"\"",
        "\"x\"", "[]", "{}", "[[]]", "{\"type\":\"transition\"}",
        "\"100000000000000000000000000000000000000f\"",
    };

    (void) state;

    taken = 0;
    root = json_loads(full, 0, NULL);
    assert_non_null(root);

    n = 0;
    stack[n++] = root;

    for (i = 0; i < n; i++) {               /* all containers, breadth first */
        size_t    at;
        json_t   *child, *kept;
        void     *it;

        json_array_foreach(stack[i], at, child) {
            if (json_is_object(child) || json_is_array(child)) {
                assert_true(n < 400);
                stack[n++] = child;
            }
        }

        for (it = json_object_iter(stack[i]); it != NULL;
             it = json_object_iter_next(stack[i], it))
        {
            child = json_object_iter_value(it);
            if (json_is_object(child) || json_is_array(child)) {
                assert_true(n < 400);
                stack[n++] = child;
            }

            name = json_object_iter_key(it);
            kept = json_incref(child);

            for (k = 0; k < sizeof(values) / sizeof(values[0]); k++) {
                value = json_loads(values[k], JSON_DECODE_ANY, NULL);
                assert_non_null(value);
                json_object_iter_set_new(stack[i], it, value);

                dump = json_dumps(root, JSON_COMPACT);
                rc = parse(dump, strlen(dump), &ps, &doc);
                if (rc == RN_OK) {
                    assert_int_equal(ps.total, 0);
                    rn_doc_free(doc);
                    taken++;
                } else {
                    assert_int_equal(rc, RN_E_INVALID);
                    assert_null(doc);
                    if (ps.total == 0) {
                        fail_msg("no reason for %s: %s", name, values[k]);
                    }
                }
                rn_problems_free(&ps);
                free(dump);
            }

            json_object_iter_set_new(stack[i], it, kept);
        }
    }

    json_decref(root);
    assert_true(taken > 20);                /* ids and metadata */
}


static void
test_truncated_everywhere(void **state)
{
    size_t        i;
    rn_doc       *doc;
    rn_problems   ps;

    (void) state;

    for (i = 0; i < strlen(full); i++) {
        assert_int_equal(parse(full, i, &ps, &doc), RN_E_INVALID);
        assert_null(doc);
        assert_int_equal(ps.total, 1);
        assert_string_equal(ps.items[0].pointer, "");
        rn_problems_free(&ps);
    }
}


static void
test_damaged_everywhere(void **state)
{
    char          text[sizeof(full)];
    size_t        i, k;
    rn_doc       *doc;
    json_t       *j;
    rn_status     rc;
    rn_problems   ps;

    static const char bytes[] = { 0, ' ', '"', '\\', '0', '-', 'x', '{', '}',
                                  ',', ':', (char) 0x80, (char) 0xff };

    (void) state;

    memcpy(text, full, sizeof(full));

    for (i = 0; i < strlen(full); i++) {
        for (k = 0; k < sizeof(bytes); k++) {
            text[i] = bytes[k];
            rc = parse(text, sizeof(full) - 1, &ps, &doc);
            if (rc == RN_OK) {
                assert_non_null(doc);
                assert_int_equal(ps.total, 0);
            } else {
                assert_int_equal(rc, RN_E_INVALID);
                assert_true(ps.total > 0);
                j = rn_problems_json(&ps);
                assert_non_null(j);
                json_decref(j);
            }
            rn_doc_free(doc);
            rn_problems_free(&ps);
        }
        text[i] = full[i];
    }
}


/* Names of any length neither overrun the pointer nor the message. */

static void
test_long_names(void **state)
{
    char         *text, *name;
    size_t        n;
    json_t       *j;
    rn_doc       *doc;
    rn_problems   ps;

    (void) state;

    name = malloc(20001);
    text = malloc(20001 + 1000);
    assert_non_null(name);
    assert_non_null(text);

    for (n = 1; n <= 20000; n += n < 700 ? 1 : 977) {
        memset(name, n % 3 == 0 ? '~' : n % 3 == 1 ? '/' : 'a', n);
        if (n > 2 && n % 2) {
            memcpy(name + n / 2, "\xc3\xa9", 2);
        }
        name[n] = '\0';
        (void) sprintf(text, IN_CLIP("\"%s\":1"), name);

        assert_int_equal(parse(text, strlen(text), &ps, &doc), RN_E_INVALID);
        assert_int_equal(ps.total, 1);
        assert_memory_equal(ps.items[0].pointer, CLIP_AT, strlen(CLIP_AT));
        assert_true(strlen(ps.items[0].pointer) < 512);
        j = rn_problems_json(&ps);
        assert_non_null(j);
        json_decref(j);
        rn_problems_free(&ps);
    }

    free(name);
    free(text);
}


static void
test_type_names(void **state)
{
    (void) state;

    assert_string_equal(rn_asset_type_name(RN_ASSET_VIDEO), "video");
    assert_string_equal(rn_asset_type_name(RN_ASSET_IMAGE), "image");
    assert_string_equal(rn_asset_type_name(RN_ASSET_AUDIO), "audio");
    assert_string_equal(rn_asset_type_name(RN_ASSET_COLOR), "color");
    assert_string_equal(rn_asset_type_name(RN_ASSET_TEXT), "text");
    assert_non_null(rn_asset_type_name(RN_ASSET_NONE));
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_many_errors),
        cmocka_unit_test(test_not_json),
        cmocka_unit_test(test_duplicates),
        cmocka_unit_test(test_deep),
        cmocka_unit_test(test_any_value_anywhere),
        cmocka_unit_test(test_truncated_everywhere),
        cmocka_unit_test(test_damaged_everywhere),
        cmocka_unit_test(test_long_names),
        cmocka_unit_test(test_type_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
