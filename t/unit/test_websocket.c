/*
 * WebSocket frames: what a client may send is told event by event, what it may
 * not with its code, and either whether it comes at once or byte by byte.
 */

#include "helpers.h"
#include "rn_websocket.h"


#define MAX  1000

/* Of a frame: its first byte, its payload, and what the length is said in. */

typedef struct {
    unsigned char  bytes[70000];
    size_t         len;
} stream;

static stream  s;


static void
put(const void *bytes, size_t n)
{
    memcpy(s.bytes + s.len, bytes, n);
    s.len += n;
}


static void
put_frame_as(unsigned char first, const char *payload, size_t n, int form)
{
    size_t                i;
    unsigned char         head[14];
    const unsigned char   mask[4] = { 0x81, 0x00, 0x7f, 0xfe };

    head[0] = first;
    head[1] = (unsigned char) (0x80 | (form == 0 ? n : form == 2 ? 126 : 127));
    for (i = 0; (int) i < form; i++) {
        head[2 + i] = (unsigned char) ((uint64_t) n >> 8 * (form - 1 - i));
    }

    put(head, 2 + (size_t) form);
    put(mask, 4);
    for (i = 0; i < n; i++) {
        s.bytes[s.len++] = (unsigned char) payload[i] ^ mask[i & 3];
    }
}


static void
put_frame(unsigned char first, const char *payload)
{
    size_t  n = strlen(payload);

    put_frame_as(first, payload, n, n < 126 ? 0 : 2);
}


/* Events as letters, one's payload or code behind it. */

static const char *
events(size_t step)
{
    size_t                 at, n;
    rn_websocket           ws;
    unsigned char         *piece;
    rn_websocket_event     e;
    const unsigned char   *p;

    static char  text[4096];

    rn_websocket_init(&ws, MAX);
    text[0] = '\0';

    for (at = 0; at < s.len; at += n) {
        n = s.len - at < step ? s.len - at : step;
        piece = malloc(n);
        assert_non_null(piece);
        memcpy(piece, s.bytes + at, n);
        p = piece;

        while ((e = rn_websocket_next(&ws, &p, piece + n))
               != RN_WEBSOCKET_MORE)
        {
            switch (e) {

            case RN_WEBSOCKET_GOT_MESSAGE:
                (void) strcat(text, "M");
                break;

            case RN_WEBSOCKET_GOT_PING:
            case RN_WEBSOCKET_GOT_PONG:
                (void) sprintf(text + strlen(text), "%s(%.*s)",
                               e == RN_WEBSOCKET_GOT_PING ? "ping" : "pong",
                               (int) ws.control_len, ws.control);
                break;

            case RN_WEBSOCKET_GOT_CLOSE:
                (void) sprintf(text + strlen(text), "close%d", ws.code);
                break;

            default:
                (void) sprintf(text + strlen(text), "bad%d", ws.code);
                break;
            }
        }

        assert_ptr_equal(p, piece + n);
        free(piece);
    }

    return text;
}


static void
gives(const char *want)
{
    size_t  step;

    for (step = 1; step <= s.len; step = step < 16 ? step + 1 : s.len + 1) {
        assert_string_equal(events(step), want);
    }

    assert_string_equal(events(s.len ? s.len : 1), want);
    s.len = 0;
}


static void
test_messages(void **state)
{
    (void) state;

    put_frame(0x81, "");
    put_frame(0x81, "hello");
    put_frame(0x82, "\xff\xfe");
    gives("MMM");

    put_frame(0x01, "J\xc3");
    put_frame(0x89, "there?");
    put_frame(0x00, "");
    put_frame(0x8a, "");
    put_frame(0x80, "\xb6rg");
    put_frame(0x89, "");
    gives("ping(there?)pong()Mping()");

    put_frame(0x02, "\xc3");
    put_frame(0x80, "\x28");
    gives("M");

    put_frame(0x88, "");
    put_frame(0x81, "nobody listens");
    gives("close1005");

    put_frame(0x88, "\x03\xe8");
    gives("close1000");

    put_frame(0x88, "\x0f\xa0J\xc3\xb6rg");
    gives("close4000");
}


static void
test_refused(void **state)
{
    char      long_text[201];
    unsigned  i;

    static const struct {
        unsigned char  first;
        const char    *payload;
        const char    *want;
    } frames[] = {
        { 0xc1, "x", "bad1002" }, { 0xa1, "x", "bad1002" },
        { 0x91, "x", "bad1002" }, { 0x80, "x", "bad1002" },
        { 0x00, "x", "bad1002" }, { 0x83, "x", "bad1002" },
        { 0x8b, "x", "bad1002" }, { 0x8f, "", "bad1002" },
        { 0x09, "x", "bad1002" }, { 0x08, "", "bad1002" },
        { 0x81, "\xff", "bad1007" }, { 0x81, "\xc3", "bad1007" },
        { 0x81, "\xed\xa0\x80", "bad1007" }, { 0x81, "\xc0\x80", "bad1007" },
        { 0x81, "\xf4\x90\x80\x80", "bad1007" },
        { 0x88, "\x03", "bad1002" }, { 0x88, "\x03\xe7", "bad1002" },
        { 0x88, "\x03\xed", "bad1002" }, { 0x88, "\x13\x88", "bad1002" },
        { 0x88, "\x03\xe8\xff", "bad1007" },
        { 0x88, "\x03\xe8\xc3", "bad1007" },
    };

    (void) state;

    for (i = 0; i < sizeof(frames) / sizeof(frames[0]); i++) {
        put_frame(frames[i].first, frames[i].payload);
        put_frame(0x89, "x");
        gives(frames[i].want);
    }

    put_frame(0x01, "x");                           /* in a message already */
    put_frame(0x81, "y");
    gives("bad1002");

    put("\x81\x01x", 3);                            /* no mask */
    gives("bad1002");

    memset(long_text, 'x', 200);                    /* a long control frame */
    long_text[200] = '\0';
    put_frame(0x89, long_text);
    gives("bad1002");
}


static void
test_lengths(void **state)
{
    char  text[1002];

    (void) state;

    memset(text, 'x', sizeof(text));

    put_frame_as(0x81, text, 125, 0);
    put_frame_as(0x81, text, 126, 2);
    put_frame_as(0x81, text, MAX, 2);
    gives("MMM");

    put_frame_as(0x81, text, 125, 2);
    gives("bad1002");
    put_frame_as(0x81, text, 1000, 8);
    gives("bad1002");
    put_frame_as(0x81, text, MAX + 1, 2);
    gives("bad1009");

    put_frame_as(0x01, text, MAX, 2);               /* together too long */
    put_frame_as(0x80, text, 1, 0);
    gives("bad1009");

    put("\x82\xff\x00\x00\x00\x00\x00\x01\x00\x00xxxx", 14);
    gives("bad1009");
    put("\x82\xff\x80\x00\x00\x00\x00\x00\x00\x00xxxx", 14);
    gives("bad1002");
    put("\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xffxxxx", 14);
    gives("bad1009");
}


static void
test_head(void **state)
{
    size_t         n;
    unsigned char  head[RN_WEBSOCKET_HEAD];

    (void) state;

    assert_int_equal(rn_websocket_head(head, RN_WEBSOCKET_TEXT, 125), 2);
    assert_memory_equal(head, "\x81\x7d", 2);
    assert_int_equal(rn_websocket_head(head, RN_WEBSOCKET_TEXT, 126), 4);
    assert_memory_equal(head, "\x81\x7e\x00\x7e", 4);
    assert_int_equal(rn_websocket_head(head, RN_WEBSOCKET_BINARY, 65535), 4);
    assert_memory_equal(head, "\x82\x7e\xff\xff", 4);
    n = rn_websocket_head(head, RN_WEBSOCKET_TEXT, 65536);
    assert_int_equal(n, 10);
    assert_memory_equal(head, "\x81\x7f\0\0\0\0\0\x01\0\0", 10);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_messages),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_head),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
