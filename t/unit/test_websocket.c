/*
 * Frames of WebSocket: byte strings and what they are to a server, each fed
 * whole, byte by byte and in every two pieces; the heads we send, the codes a
 * Close may carry, and UTF-8 that comes in pieces.  Masks are zero where the
 * payload is to be read; nothing here opens a socket (t/autobahn.t does).
 */

#include "helpers.h"
#include "rn_utf8.h"
#include "rn_websocket.h"


#define MASK    "\0\0\0\0"
#define SAID    1024                    /* of what an input was, as text */
#define LONG    2000                    /* past it not every split is tried */

#define B(s)    s, sizeof(s) - 1


typedef struct {
    const char  *name;
    const char  *bytes;
    size_t       len;
    size_t       fill;                  /* times 'x' behind them */
    const char  *tail;                  /* and then this */
    size_t       tail_len;
    uint32_t     max;                   /* of a message */
    const char  *said;
} row;


static const row  rows[] = {

    /* messages */

    { "nothing", B(""), 0, B(""), 64, "" },
    { "a text", B("\x81\x82" MASK "hi"), 0, B(""), 64, "message " },
    { "a text under a mask", B("\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"),
      0, B(""), 64, "message " },
    { "an empty text", B("\x81\x80" MASK), 0, B(""), 64, "message " },
    { "an empty one, under a mask", B("\x81\x80\x01\x02\x03\x04"), 0, B(""), 64,
      "message " },
    { "bytes", B("\x82\x83" MASK "\xff\x80\0"), 0, B(""), 64, "message " },
    { "two messages", B("\x81\x81" MASK "a\x82\x81" MASK "b"), 0, B(""), 64,
      "message message " },
    { "half a head", B("\x81"), 0, B(""), 64, "" },
    { "a head without its mask", B("\x81\x82\0\0\0"), 0, B(""), 64, "" },
    { "a payload cut off", B("\x81\x82" MASK "h"), 0, B(""), 64, "" },
    { "125 bytes", B("\x81\xfd" MASK), 125, B(""), 4096, "message " },
    { "126 bytes", B("\x81\xfe\0\x7e" MASK), 126, B(""), 4096, "message " },
    { "4096 bytes", B("\x82\xfe\x10\0" MASK), 4096, B(""), 4096, "message " },
    { "65535 bytes", B("\x82\xfe\xff\xff" MASK), 65535, B(""), 65535,
      "message " },
    { "65536 bytes", B("\x81\xff\0\0\0\0\0\1\0\0" MASK), 65536,
      B("\x89\x80" MASK), 65536, "message ping() " },

    /* lengths that are none, and too long */

    { "126 in sixteen bits is the least", B("\x81\xfe\0\x7d" MASK), 125, B(""),
      4096, "bad(1002) " },
    { "zero in sixteen bits", B("\x81\xfe\0\0" MASK), 0, B(""), 4096,
      "bad(1002) " },
    { "65535 in sixty-four bits", B("\x81\xff\0\0\0\0\0\0\xff\xff" MASK), 0,
      B(""), 100000, "bad(1002) " },
    { "zero in sixty-four bits", B("\x81\xff\0\0\0\0\0\0\0\0" MASK), 0, B(""),
      4096, "bad(1002) " },
    { "the sign bit", B("\x81\xff\x80\0\0\0\0\0\0\1" MASK), 0, B(""), 4096,
      "bad(1002) " },
    { "all bits", B("\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff" MASK), 0, B(""),
      4096, "bad(1002) " },
    { "2^63 - 1", B("\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff" MASK), 0, B(""),
      UINT32_MAX, "bad(1009) " },
    { "2^32", B("\x82\xff\0\0\0\1\0\0\0\0" MASK), 0, B(""), UINT32_MAX,
      "bad(1009) " },
    { "one too many, at the head", B("\x82\xfe\x10\1" MASK), 0, B(""), 4096,
      "bad(1009) " },
    { "as many as may be, in two", B("\2\x8a" MASK "0123456789\x80\x86" MASK
      "abcdef"), 0, B(""), 16, "message " },
    { "one more, in two", B("\2\x8a" MASK "0123456789\x80\x87" MASK), 0, B(""),
      16, "bad(1009) " },
    { "one more, in three", B("\2\x8a" MASK "0123456789\0\x83" MASK "abc"
      "\x80\x84" MASK "defg"), 0, B(""), 16, "bad(1009) " },
    { "lengths that wrap around", B("\2\x81" MASK "0\x80\xff\x7f\xff\xff\xff"
      "\xff\xff\xff\xff" MASK), 0, B(""), UINT32_MAX, "bad(1009) " },
    { "the next has all again", B("\x82\x90" MASK "0123456789abcdef\x82\x90"
      MASK "0123456789abcdef"), 0, B(""), 16, "message message " },
    { "pings do not count", B("\2\x90" MASK "0123456789abcdef\x89\x84" MASK
      "ping\x80\x80" MASK), 0, B(""), 16, "ping(ping) message " },
    { "no messages wanted", B("\x81\x80" MASK "\x81\x81" MASK), 0, B(""), 0,
      "message bad(1009) " },

    /* masks, reserved bits, reserved opcodes */

    { "no mask", B("\x81\2hi"), 0, B(""), 64, "bad(1002) " },
    { "no mask, no payload", B("\x89\0"), 0, B(""), 64, "bad(1002) " },
    { "RSV3", B("\x91\x80" MASK), 0, B(""), 64, "bad(1002) " },
    { "RSV2", B("\xa1\x80" MASK), 0, B(""), 64, "bad(1002) " },
    { "RSV1", B("\xc1\x80" MASK), 0, B(""), 64, "bad(1002) " },
    { "all of RSV", B("\xf1\x80" MASK), 0, B(""), 64, "bad(1002) " },
    { "RSV1 of a ping", B("\xc9\x80" MASK), 0, B(""), 64, "bad(1002) " },
    { "RSV1 of a continuation", B("\1\x80" MASK "\xc0\x80" MASK), 0, B(""), 64,
      "bad(1002) " },
    { "opcode 3", B("\x83\x80" MASK), 0, B(""), 64, "bad(1002) " },
    { "opcode 4", B("\x84\x80" MASK), 0, B(""), 64, "bad(1002) " },
    { "opcode 5", B("\x85\x80" MASK), 0, B(""), 64, "bad(1002) " },
    { "opcode 6", B("\x86\x80" MASK), 0, B(""), 64, "bad(1002) " },
    { "opcode 7", B("\x87\x80" MASK), 0, B(""), 64, "bad(1002) " },
    { "opcode 11", B("\x8b\x80" MASK), 0, B(""), 64, "bad(1002) " },
    { "opcode 12", B("\x8c\x80" MASK), 0, B(""), 64, "bad(1002) " },
    { "opcode 13", B("\x8d\x80" MASK), 0, B(""), 64, "bad(1002) " },
    { "opcode 14", B("\x8e\x80" MASK), 0, B(""), 64, "bad(1002) " },
    { "opcode 15", B("\x8f\x80" MASK), 0, B(""), 64, "bad(1002) " },
    { "a good one before", B("\x81\x82" MASK "hi\x83\x80" MASK), 0, B(""), 64,
      "message bad(1002) " },
    { "nothing behind a bad one", B("\x83\x80" MASK "\x81\x80" MASK "\x89\x80"
      MASK), 0, B(""), 64, "bad(1002) " },

    /* fragments */

    { "a text in two", B("\1\x82" MASK "ab\x80\x81" MASK "c"), 0, B(""), 64,
      "message " },
    { "in three empty ones", B("\1\x80" MASK "\0\x80" MASK "\x80\x80" MASK), 0,
      B(""), 64, "message " },
    { "never ended", B("\1\x80" MASK "\0\x80" MASK "\0\x80" MASK), 0, B(""), 64,
      "" },
    { "a ping between", B("\2\x81" MASK "a\x89\x82" MASK "hi\x80\x81" MASK "b"),
      0, B(""), 64, "ping(hi) message " },
    { "a Close between", B("\2\x81" MASK "a\x88\x82" MASK "\x03\xe8"), 0, B(""),
      64, "close(1000:) " },
    { "continues nothing", B("\x80\x81" MASK "a"), 0, B(""), 64, "bad(1002) " },
    { "continues nothing, not the last", B("\0\x81" MASK "a"), 0, B(""), 64,
      "bad(1002) " },
    { "continues what has ended", B("\1\x81" MASK "a\x80\x81" MASK "b\x80\x80"
      MASK), 0, B(""), 64, "message bad(1002) " },
    { "a text in a text", B("\1\x81" MASK "a\x81\x81" MASK "b"), 0, B(""), 64,
      "bad(1002) " },
    { "bytes in a text, in pieces", B("\1\x81" MASK "a\2\x81" MASK "b"), 0,
      B(""), 64, "bad(1002) " },

    /* control frames */

    { "a ping", B("\x89\x80" MASK), 0, B(""), 64, "ping() " },
    { "a ping under a mask", B("\x89\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"),
      0, B(""), 64, "ping(Hello) " },
    { "each mask begins anew", B("\x89\x83\1\2\3\4\x60\x60\x60\x89\x83\5"
      "\6\7\x08\x64\x64\x64"), 0, B(""), 64, "ping(abc) ping(abc) " },
    { "behind bytes, too", B("\x82\x81\1\1\1\1z\x89\x82\1\2\3\4\x60\x60"), 0,
      B(""), 64, "message ping(ab) " },
    { "pings", B("\x89\x81" MASK "a\x89\x82" MASK "bc\x89\x80" MASK), 0, B(""),
      64, "ping(a) ping(bc) ping() " },
    { "a ping of 125", B("\x89\xfd" MASK), 125, B(""), 64, "ping(125) " },
    { "a ping of 126", B("\x89\xfe\0\x7e" MASK), 126, B(""), 4096,
      "bad(1002) " },
    { "a ping with sixty-four bits", B("\x89\xff"), 0, B(""), 4096,
      "bad(1002) " },
    { "a ping in pieces", B("\x09\x80" MASK), 0, B(""), 64, "bad(1002) " },
    { "a pong", B("\x8a\x82" MASK "hi"), 0, B(""), 64, "pong(hi) " },
    { "a pong in pieces", B("\x0a\x80" MASK), 0, B(""), 64, "bad(1002) " },
    { "a Close in pieces", B("\x08\x80" MASK), 0, B(""), 64, "bad(1002) " },
    { "a Close of 126", B("\x88\xfe\0\x7e" MASK), 0, B(""), 64, "bad(1002) " },

    /* Close */

    { "a Close", B("\x88\x82" MASK "\x03\xe8"), 0, B(""), 64, "close(1000:) " },
    { "with a reason", B("\x88\x85" MASK "\x0f\xa0" "bye"), 0, B(""), 64,
      "close(4000:bye) " },
    { "without a code", B("\x88\x80" MASK), 0, B(""), 64, "close(1005:) " },
    { "of one byte", B("\x88\x81" MASK "\x03"), 0, B(""), 64, "bad(1002) " },
    { "with 123 bytes of reason", B("\x88\xfd" MASK "\x03\xe8"), 123, B(""), 64,
      "close(1000:123) " },
    { "under a mask", B("\x88\x82\x01\x02\x03\x04\x02\xea"), 0, B(""), 64,
      "close(1000:) " },
    { "code 999", B("\x88\x82" MASK "\x03\xe7"), 0, B(""), 64, "bad(1002) " },
    { "code 1005", B("\x88\x82" MASK "\x03\xed"), 0, B(""), 64, "bad(1002) " },
    { "code 0", B("\x88\x82" MASK "\0\0"), 0, B(""), 64, "bad(1002) " },
    { "code 65535", B("\x88\x82" MASK "\xff\xff"), 0, B(""), 64, "bad(1002) " },
    { "a reason that is no text", B("\x88\x83" MASK "\x03\xe8\xff"), 0, B(""),
      64, "bad(1007) " },
    { "a reason cut off", B("\x88\x84" MASK "\x03\xe8\xe2\x82"), 0, B(""), 64,
      "bad(1007) " },
    { "a reason of three letters", B("\x88\x85" MASK "\x03\xe8\xe2\x82\xac"), 0,
      B(""), 64, "close(1000:\xe2\x82\xac) " },
    { "nothing behind it", B("\x88\x80" MASK "\x89\x80" MASK "\xff\xff"), 0,
      B(""), 64, "close(1005:) " },

    /* texts */

    { "a text that is none", B("\x81\x81" MASK "\xff"), 0, B(""), 64,
      "bad(1007) " },
    { "a letter cut off", B("\x81\x82" MASK "\xe2\x82"), 0, B(""), 64,
      "bad(1007) " },
    { "a letter over two frames", B("\1\x81" MASK "\xe2\x80\x82" MASK
      "\x82\xac"), 0, B(""), 64, "message " },
    { "with a ping in it", B("\1\x82" MASK "\xe2\x82\x89\x81" MASK "\xff"
      "\x80\x81" MASK "\xac"), 0, B(""), 64, "ping(\xff) message " },
    { "told before the frame ends", B("\x81\x8a" MASK "a\xed\xa0"), 0, B(""),
      64, "bad(1007) " },
    { "and before the message does", B("\1\x82" MASK "\xf4\x90"), 0, B(""), 64,
      "bad(1007) " },
    { "a letter cut off by the last", B("\1\x81" MASK "\xc3\x80\x80" MASK), 0,
      B(""), 64, "bad(1007) " },
    { "the next begins anew", B("\x81\x81" MASK "a\x81\x81" MASK "\x80"), 0,
      B(""), 64, "message bad(1007) " },
    { "bytes may be anything", B("\2\x81" MASK "\xff\x80\x81" MASK "\xfe"), 0,
      B(""), 64, "message " },
    { "text behind bytes", B("\x82\x81" MASK "\xc3\x81\x81" MASK "a"), 0, B(""),
      64, "message message " },
    { "a mask over pieces", B("\1\x83\1\2\3\4\x60\x60\x60\x80\x83\5\6\7\x08"
      "\x64\x64\x64"), 0, B(""), 64, "message " },
};


/* What control holds: its length where that is of many 'x'. */

static void
say_control(const rn_websocket *ws, unsigned int from, char *said)
{
    unsigned int  n;

    n = ws->control_len > from ? ws->control_len - from : 0;

    if (n > 100) {
        sprintf(said, "%u", n);
        return;
    }

    memcpy(said, ws->control + from, n);
    said[n] = '\0';
}


/* One piece, in memory of just its size. */

static void
feed(rn_websocket *ws, const unsigned char *bytes, size_t len, char *said)
{
    unsigned char        *copy;
    const unsigned char  *p, *end;
    rn_websocket_event    event;

    copy = malloc(len + (len == 0));
    assert_non_null(copy);
    memcpy(copy, bytes, len);
    p = copy;
    end = copy + len;

    for ( ;; ) {
        event = rn_websocket_next(ws, &p, end);
        assert_true(p <= end);

        if (event == RN_WEBSOCKET_MORE) {
            break;
        }

        said += strlen(said);

        switch (event) {

        case RN_WEBSOCKET_GOT_MESSAGE:
            strcpy(said, "message");
            break;

        case RN_WEBSOCKET_GOT_PING:
        case RN_WEBSOCKET_GOT_PONG:
            strcpy(said, event == RN_WEBSOCKET_GOT_PING ? "ping(" : "pong(");
            say_control(ws, 0, said + 5);
            strcat(said, ")");
            break;

        case RN_WEBSOCKET_GOT_CLOSE:
            sprintf(said, "close(%u:", ws->code);
            say_control(ws, 2, said + strlen(said));
            strcat(said, ")");
            break;

        default:
            assert_int_equal(event, RN_WEBSOCKET_BAD);
            sprintf(said, "bad(%u)", ws->code);
        }

        strcat(said, " ");
    }

    assert_ptr_equal(p, end);
    free(copy);
}


static void
check(const row *r, size_t cut, size_t step, const unsigned char *bytes,
    size_t len)
{
    char          said[SAID] = "";
    size_t        i, n;
    rn_websocket  ws;

    rn_websocket_init(&ws, r->max);

    if (step == 0) {
        feed(&ws, bytes, cut, said);
        feed(&ws, bytes + cut, len - cut, said);
    } else {
        for (i = 0; i < len; i += n) {
            n = len - i < step ? len - i : step;
            feed(&ws, bytes + i, n, said);
        }
    }

    if (strcmp(said, r->said) != 0) {
        fail_msg("%s, cut at %zu, by %zu: \"%s\", not \"%s\"", r->name, cut,
                 step, said, r->said);
    }
}


static void
test_frames(void **state)
{
    size_t          i, cut, len;
    const row      *r;
    unsigned char  *bytes;

    (void) state;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        r = &rows[i];
        len = r->len + r->fill + r->tail_len;
        bytes = malloc(len + 1);
        assert_non_null(bytes);
        memcpy(bytes, r->bytes, r->len);
        memset(bytes + r->len, 'x', r->fill);
        memcpy(bytes + r->len + r->fill, r->tail, r->tail_len);

        check(r, len, 0, bytes, len);
        check(r, 0, 1, bytes, len);
        check(r, 0, 3, bytes, len);

        for (cut = 0; cut <= len; cut++) {
            if (len < LONG || cut < 40 || len - cut < 40 || cut % 997 == 0) {
                check(r, cut, 0, bytes, len);
            }
        }

        free(bytes);
    }
}


/* All bytes under all turns of a mask, by what a ping brings back. */

static void
test_mask(void **state)
{
    size_t         i, n;
    char           said[SAID];
    rn_websocket   ws;
    unsigned char  frame[6 + 125] = { 0x89, 0, 0x9a, 0x01, 0xff, 0x7e };

    (void) state;

    for (n = 0; n <= 125; n++) {
        rn_websocket_init(&ws, 64);
        frame[1] = (unsigned char) (0x80 | n);

        for (i = 0; i < n; i++) {
            frame[6 + i] = (unsigned char) (i * 7 + n) ^ frame[2 + i % 4];
        }

        said[0] = '\0';
        feed(&ws, frame, 6 + n / 2, said);
        feed(&ws, frame + 6 + n / 2, n - n / 2, said);
        assert_true(said[0] == 'p');
        assert_int_equal(ws.control_len, n);

        for (i = 0; i < n; i++) {
            assert_int_equal(ws.control[i], (unsigned char) (i * 7 + n));
        }
    }
}


/* Section 5.2, for a server: no mask, the shortest form. */

static void
check_head(uint64_t len, size_t want)
{
    size_t         i, n;
    uint64_t       value;
    unsigned char  head[RN_WEBSOCKET_HEAD];

    n = rn_websocket_head(head, RN_WEBSOCKET_TEXT, len);
    assert_int_equal(n, want);
    assert_int_equal(head[0], 0x81);

    if (n == 2) {
        assert_int_equal(head[1], len);
        return;
    }

    assert_int_equal(head[1], n == 4 ? 126 : 127);

    for (value = 0, i = 2; i < n; i++) {
        value = value << 8 | head[i];
    }

    assert_true(value == len);
}


static void
test_heads(void **state)
{
    unsigned int   i;
    uint64_t       len;
    unsigned char  head[RN_WEBSOCKET_HEAD];

    (void) state;

    for (len = 0; len < 200000; len++) {
        check_head(len, len < 126 ? 2 : len < 65536 ? 4 : 10);
    }

    for (i = 18; i < 63; i++) {
        check_head((uint64_t) 1 << i, 10);
        check_head(((uint64_t) 1 << i) - 1, 10);
    }

    check_head(INT64_MAX, 10);

    for (i = 0; i < 16; i++) {
        (void) rn_websocket_head(head, (unsigned char) i, 0);
        assert_int_equal(head[0], 0x80 | i);
    }
}


/* Section 7.4, and the registry: 1004 to 1006 and 1015 are never sent. */

static void
test_codes(void **state)
{
    bool          want;
    unsigned int  code;

    (void) state;

    for (code = 0; code < 65536; code++) {
        switch (code) {

        case 1000: case 1001: case 1002: case 1003: case 1007: case 1008:
        case 1009: case 1010: case 1011: case 1012: case 1013: case 1014:
            want = true;
            break;

        default:
            want = code / 1000 == 3 || code / 1000 == 4;
        }

        if (rn_websocket_code_ok(code) != want) {
            fail_msg("code %u", code);
        }
    }
}


/* UTF-8 in pieces: the same as whole, and refused as soon as can be */


static bool
fed(const unsigned char *s, size_t n)
{
    size_t          i;
    rn_utf8_stream  u;

    memset(&u, 0, sizeof(u));

    for (i = 0; i < n; i++) {
        if (!rn_utf8_feed(&u, s[i])) {
            return false;
        }
    }

    return u.left == 0;
}


static void
compare(const unsigned char *s, size_t n)
{
    if (fed(s, n) != rn_utf8_valid((const char *) s, n)) {
        fail_msg("%02x %02x %02x %02x (%zu)", s[0], s[1], s[2], s[3], n);
    }
}


static void
test_utf8_whole(void **state)
{
    uint32_t       i, random;
    unsigned char  s[4];

    (void) state;

    memset(s, 0, sizeof(s));

    for (i = 0; i < 1 << 24; i++) {
        s[0] = (unsigned char) (i >> 16);
        s[1] = (unsigned char) (i >> 8);
        s[2] = (unsigned char) i;
        compare(s, 3);

        if (s[2] == 0) {
            compare(s, 2);
        }

        if (s[2] == 0 && s[1] == 0) {
            compare(s, 1);
        }
    }

    for (i = 0, random = 1; i < 20000000; i++) {
        random = random * 1664525 + 1013904223;
        s[0] = 0xec + (random >> 28);           /* four bytes, mostly */
        s[1] = (unsigned char) (random >> 20);
        s[2] = 0x7c + (random >> 8) % 0x48;
        s[3] = 0x7c + (random >> 14) % 0x48;
        compare(s, 4);
    }
}


/* Marks every beginning of every character, as RFC 3629 writes them. */

static size_t
encode(uint32_t code, unsigned char s[4])
{
    size_t  i, n;

    if (code < 0x80) {
        s[0] = (unsigned char) code;
        return 1;
    }

    n = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;

    for (i = n; --i > 0; code >>= 6) {
        s[i] = 0x80 | (code & 0x3f);
    }

    s[0] = (unsigned char) (0xf00 >> n | code);     /* n ones, and a zero */

    return n;
}


static void
test_utf8_fast(void **state)
{
    size_t          n;
    uint32_t        code, prefix, next, byte;
    unsigned char  *is, s[4];
    rn_utf8_stream  u;

    (void) state;

    /* of a prefix of n bytes, at n << 24: 1 a beginning, 2 a character */

    is = calloc(4, 1 << 24);
    assert_non_null(is);

    for (code = 0; code <= 0x10ffff; code++) {
        if (code >= 0xd800 && code <= 0xdfff) {
            continue;
        }

        n = encode(code, s);

        is[1 << 24 | s[0]] = n == 1 ? 2 : 1;

        if (n > 1) {
            is[2 << 24 | s[0] << 8 | s[1]] = n == 2 ? 2 : 1;
        }

        if (n > 2) {
            is[3 << 24 | s[0] << 16 | s[1] << 8 | s[2]] = n == 3 ? 2 : 1;
        }
    }

    for (n = 0; n < 4; n++) {
        for (prefix = 0; prefix < (uint32_t) 1 << 8 * n; prefix++) {

            if (n > 0 && is[n << 24 | prefix] != 1) {
                continue;
            }

            for (byte = 0; byte < 256; byte++) {
                memset(&u, 0, sizeof(u));

                for (next = n; next-- > 0; ) {
                    assert_true(rn_utf8_feed(&u, prefix >> 8 * next));
                }

                next = prefix << 8 | byte;

                if (n == 3) {                   /* the last of four */
                    assert_int_equal(rn_utf8_feed(&u, byte),
                                     byte >= 0x80 && byte <= 0xbf);
                    continue;
                }

                assert_int_equal(rn_utf8_feed(&u, byte),
                                 is[(n + 1) << 24 | next] != 0);

                if (is[(n + 1) << 24 | next] == 2) {
                    assert_int_equal(u.left, 0);
                }
            }
        }
    }

    free(is);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_frames),
        cmocka_unit_test(test_mask),
        cmocka_unit_test(test_heads),
        cmocka_unit_test(test_codes),
        cmocka_unit_test(test_utf8_whole),
        cmocka_unit_test(test_utf8_fast),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
