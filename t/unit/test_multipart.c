/*
 * Multipart forms: what the parser says of each body of a corpus, which is fed
 * whole, cut in two at every byte, and in pieces of one, two and three bytes:
 * events and data must be the same each time.
 */

#include "helpers.h"
#include "rn_multipart.h"
#include "multipart_corpus.h"


typedef struct {
    char         text[8192];
    size_t       n;
    size_t       spans;
} transcript;


static size_t  splits;                  /* compared with the whole */


static void
append(transcript *t, const void *bytes, size_t n)
{
    assert_true(t->n + n <= sizeof(t->text));
    memcpy(t->text + t->n, bytes, n);
    t->n += n;
}


static void
append_text(transcript *t, const char *s)
{
    append(t, s, strlen(s));
}


/* Feeds one piece, in memory of just its size; whether it may go on. */

static bool
feed(rn_multipart *m, const char *bytes, size_t len, transcript *t)
{
    size_t                n;
    unsigned char        *piece;
    rn_multipart_event    event;
    const unsigned char  *p, *end, *data, *before;

    piece = malloc(len ? len : 1);
    assert_non_null(piece);
    memcpy(piece, bytes, len);
    p = piece;
    end = piece + len;

    for ( ;; ) {
        before = p;
        event = rn_multipart_next(m, &p, end, &data, &n);
        assert_true(p >= before && p <= end);

        switch (event) {

        case RN_MULTIPART_MORE:
            assert_ptr_equal(p, end);
            free(piece);
            return true;

        case RN_MULTIPART_PART:
            append_text(t, m->name);
            if (m->has_filename) {
                append_text(t, "<");
                append_text(t, m->filename);
                append_text(t, ">");
            } else {
                assert_string_equal(m->filename, "");
            }
            if (m->type[0] != '\0') {
                append_text(t, "(");
                append_text(t, m->type);
                append_text(t, ")");
            }
            append_text(t, "=[");
            break;

        case RN_MULTIPART_DATA:
            assert_true(n > 0);
            assert_true((data >= piece && data + n <= end)
                        || (data >= m->delimiter
                            && data + n <= m->delimiter + m->delimiter_len));
            append(t, data, n);
            t->spans++;
            break;

        case RN_MULTIPART_PART_END:
            append_text(t, "]");
            break;

        case RN_MULTIPART_END:
            append_text(t, ".");
            break;

        default:
            assert_int_equal(event, RN_MULTIPART_ERROR);
            assert_non_null(m->error);
            append_text(t, "!");
            append_text(t, m->error);
            event = rn_multipart_next(m, &p, end, &data, &n);
            assert_int_equal(event, RN_MULTIPART_ERROR);
            free(piece);
            return false;
        }
    }
}


/* The transcript of a body in pieces of `first`, and then `step` bytes. */

static void
read_body(const char *type, const char *body, size_t len, size_t first,
    size_t step, transcript *t)
{
    bool           more;
    size_t         at, n;
    const char    *why;
    rn_multipart   m;

    why = NULL;
    assert_true(rn_multipart_init(&m, type, strlen(type), &why));

    t->n = 0;
    t->spans = 0;

    more = feed(&m, body, first, t);
    for (at = first; more && at < len; at += n) {
        n = len - at < step ? len - at : step;
        more = feed(&m, body + at, n, t);
    }

    if (!rn_multipart_finish(&m, &why)) {
        assert_non_null(why);
        if (more) {
            append_text(t, "?");
            append_text(t, why);
        } else {
            assert_ptr_equal(why, m.error);
        }
    } else {
        assert_true(more);
    }
}


static void
check_same(const transcript *t, const void *want, size_t len, const char *what,
    size_t first, size_t step)
{
    if (t->n != len || memcmp(t->text, want, len) != 0) {
        fail_msg("%s, in pieces of %zu and %zu:\n  %.*s\nshould be\n  %.*s",
                 what, first, step, (int) t->n, t->text, (int) len,
                 (const char *) want);
    }
}


static void
check_splits(const example *e, const void *want, size_t len)
{
    size_t             i;
    static transcript  t;

    read_body(e->type, e->body, e->len, e->len, 1, &t);
    check_same(&t, want, len, e->what, e->len, 1);

    for (i = 0; i <= e->len; i++) {
        read_body(e->type, e->body, e->len, i, e->len, &t);
        check_same(&t, want, len, e->what, i, e->len);
        splits++;
    }

    for (i = 1; i <= 3; i++) {
        read_body(e->type, e->body, e->len, 0, i, &t);
        check_same(&t, want, len, e->what, 0, i);
        splits++;
    }
}


static void
test_good(void **state)
{
    size_t  i;

    (void) state;

    for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        check_splits(&good[i], good[i].want, good[i].want_len);
    }
}


static void
test_refused(void **state)
{
    size_t  i;

    (void) state;

    for (i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        check_splits(&refused[i], refused[i].want, refused[i].want_len);
    }
}


static void
test_content_types(void **state)
{
    char          *copy;
    size_t         i, n;
    const char    *why;
    rn_multipart   m;

    (void) state;

    for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        n = strlen(types[i].value);
        copy = malloc(n ? n : 1);
        assert_non_null(copy);
        memcpy(copy, types[i].value, n);
        why = NULL;

        if (types[i].why == NULL) {
            assert_true(rn_multipart_init(&m, copy, n, &why));
            assert_int_equal(m.delimiter_len, 4 + strlen("bound"));
        } else {
            assert_false(rn_multipart_init(&m, copy, n, &why));
            assert_string_equal(why, types[i].why);
        }

        free(copy);
    }

    why = NULL;                         /* a NUL, and a value without an end */
    assert_false(rn_multipart_init(&m, "multipart/form-data; boundary=a\0b",
                                   33, &why));
    assert_string_equal(why, "a value of a header needs quotes");
    assert_false(rn_multipart_init(&m, "multipart/form-data; boundary=\"a\0b\"",
                                   35, &why));
    assert_string_equal(why, "the boundary in the Content-Type holds a "
                             "character that is not allowed there");

    copy = malloc(5000);
    assert_non_null(copy);
    memset(copy, ' ', 5000);
    assert_false(rn_multipart_init(&m, copy, 5000, &why));
    assert_string_equal(why, "the Content-Type is too long");
    free(copy);
}


/* Exactly as many bytes of headers as are allowed, and one more. */

static void
test_header_limit(void **state)
{
    size_t   i, n, fill;
    char     body[6000];
    example  e;

    static const char want[] = "a=[x].";
    static const char error[] =
        "!the headers of a part are longer than 4096 bytes";

    (void) state;

    e.what = "long headers";
    e.type = CT;
    e.body = body;

    for (i = 0; i < 2; i++) {
        n = (size_t) sprintf(body, FIELD "X: ");
        fill = RN_MULTIPART_HEADERS - (n - strlen("--bound\r\n")) - 4 + i;
        memset(body + n, 'x', fill);
        n += fill;
        n += (size_t) sprintf(body + n, "\r\n\r\nx" LAST);
        e.len = n;

        if (i == 0) {
            check_splits(&e, want, strlen(want));
        } else {
            check_splits(&e, error, strlen(error));
        }
    }

    n = (size_t) sprintf(body, FIELD);  /* a line that never ends */
    memset(body + n, 'x', sizeof(body) - n);
    e.len = sizeof(body);
    check_splits(&e, error, strlen(error));
}


/* A megabyte of data with a CR in every 16 bytes is one span, not 65536. */

static void
test_spans(void **state)
{
    char                 *body;
    size_t                i, n, head, spans, got;
    const char           *why;
    rn_multipart          m;
    rn_multipart_event    event;
    const unsigned char  *p, *end, *data;

    (void) state;

    head = strlen(FIELD "\r\n");
    n = head + (1 << 20) + strlen(LAST);
    body = malloc(n + 1);
    assert_non_null(body);

    memcpy(body, FIELD "\r\n", head);
    for (i = 0; i < 1 << 20; i++) {
        body[head + i] = "\r\n--bounDab\r\r\n--"[i % 16];
    }
    memcpy(body + head + (1 << 20), LAST, strlen(LAST));

    assert_true(rn_multipart_init(&m, CT, strlen(CT), &why));
    p = (unsigned char *) body;
    end = p + n;
    spans = got = 0;

    while ((event = rn_multipart_next(&m, &p, end, &data, &n))
           != RN_MULTIPART_MORE)
    {
        assert_int_not_equal(event, RN_MULTIPART_ERROR);
        if (event == RN_MULTIPART_DATA) {
            assert_memory_equal(data, body + head + got, n);
            spans++;
            got += n;
        }
    }

    assert_true(rn_multipart_finish(&m, &why));
    assert_int_equal(got, 1 << 20);
    assert_int_equal(spans, 1);

    free(body);
}


static void
test_count(void **state)
{
    (void) state;

    print_message("%zu bodies; %zu ways to cut them compared\n",
                  sizeof(good) / sizeof(good[0])
                  + sizeof(refused) / sizeof(refused[0]) + 3, splits);
    assert_true(splits > 10000);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_content_types),
        cmocka_unit_test(test_header_limit),
        cmocka_unit_test(test_spans),
        cmocka_unit_test(test_count),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
