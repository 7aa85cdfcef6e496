/*
 * WebSocket frames: whole, byte by byte and cut at random give the same events.
 * A second reader, which is given the whole stream and may look ahead, says
 * what they must be.
 */

#include "fuzz.h"
#include "rn_utf8.h"
#include "rn_websocket.h"

#define MAX     600
#define EVENTS  8192


typedef struct {
    unsigned char  event;
    unsigned       code, len;           /* of Close and failure; of control */
    unsigned char  control[RN_WEBSOCKET_CONTROL];
} event;

typedef struct {
    size_t  n;
    event   list[EVENTS];
} events;


static events  whole, pieces, slow;


static void
add(events *to, unsigned kind, unsigned code, const unsigned char *control,
    size_t len)
{
    event  *e;

    MUST(to->n < EVENTS && len <= RN_WEBSOCKET_CONTROL);
    e = &to->list[to->n++];
    memset(e, 0, sizeof(event));
    e->event = (unsigned char) kind;
    e->code = code;
    e->len = (unsigned) len;
    if (len > 0) {
        memcpy(e->control, control, len);
    }
}


/* Fed in steps of 1 to `most` bytes, or whole, in memory of just that size. */

static void
feed(events *to, const uint8_t *bytes, size_t len, size_t most, uint32_t seed)
{
    size_t               n;
    rn_websocket         ws;
    unsigned char       *copy, one;
    rn_websocket_event   e;
    const unsigned char *p, *piece;

    to->n = 0;
    rn_websocket_init(&ws, MAX);

    for ( /* void */ ; len > 0; bytes += n, len -= n) {
        seed = seed * 1664525 + 1013904223;
        n = most > 1 ? 1 + (seed >> 8) % most : 1;
        if (n > len || most == 0) {
            n = len;
        }

        copy = n > 1 ? exact_copy(bytes, n) : NULL;
        one = bytes[0];
        p = piece = copy != NULL ? copy : &one;

        for ( ;; ) {
            e = rn_websocket_next(&ws, &p, piece + n);
            MUST(p >= piece && p <= piece + n);
            if (e == RN_WEBSOCKET_MORE) {
                break;
            }

            add(to, e, e == RN_WEBSOCKET_GOT_CLOSE || e == RN_WEBSOCKET_BAD
                       ? ws.code : 0, ws.control,
                e == RN_WEBSOCKET_GOT_PING || e == RN_WEBSOCKET_GOT_PONG
                ? ws.control_len : 0);
        }

        MUST(p == piece + n);
        MUST(ws.taken <= MAX || ws.ended);
        free(copy);
    }
}


/* The first byte that no UTF-8 could have there, or n. */

static size_t
utf8_breaks_at(const unsigned char *s, size_t n, size_t *rest)
{
    size_t         i, k, len;
    unsigned       code;
    char           c[4];
    static const unsigned char  ends[] = { 0x80, 0x90, 0xa0, 0xbf, 0x8f, 0x9f };

    *rest = 0;

    for (i = 0; i < n; i += len) {
        len = rn_utf8_char((const char *) s + i, n - i, &code);
        if (len != 0) {
            continue;
        }

        /* the longest beginning that some tail would make a character */

        for (k = n - i < 3 ? n - i : 3; k > 0; k--) {
            size_t  a, b, t;

            memcpy(c, s + i, k);
            for (t = 0; t < 216; t++) {
                a = t;
                for (b = k; b < 4; b++, a /= 6) {
                    c[b] = (char) ends[a % 6];
                }
                for (b = k + 1; b <= 4; b++) {
                    if (rn_utf8_char(c, b, &code) == b) {
                        if (i + k == n) {
                            *rest = k;
                            return n;
                        }
                        return i + k;
                    }
                }
            }
        }

        return i;
    }

    return n;
}


static void
read_slowly(events *to, const uint8_t *b, size_t len)
{
    size_t          at, n, i, have, from, rest, text_len, broken;
    unsigned        opcode, message, code;
    uint64_t        size, taken;
    unsigned char   text[MAX + 1], control[RN_WEBSOCKET_CONTROL];

    to->n = 0;
    message = 0;
    taken = 0;
    text_len = 0;
    at = 0;

    while (len - at >= 2) {
        opcode = b[at] & 15;
        size = b[at + 1] & 127;

        if ((b[at] & 0x70) || !(b[at + 1] & 0x80)
            || (opcode > 2 && opcode < 8) || opcode > 10
            || (opcode >= 8 && (!(b[at] & 0x80) || size > 125))
            || (opcode == 0 && !message)
            || ((opcode == 1 || opcode == 2) && message))
        {
            add(to, RN_WEBSOCKET_BAD, 1002, NULL, 0);
            return;
        }

        n = size == 126 ? 2 : size == 127 ? 8 : 0;
        if (len - at < 2 + n + 4) {
            return;
        }

        for (size = n ? 0 : size, i = 0; i < n; i++) {
            size = size * 256 + b[at + 2 + i];
        }

        if ((n == 2 && size <= 125) || (n == 8 && size <= 0xffff)
            || size > INT64_MAX)
        {
            add(to, RN_WEBSOCKET_BAD, 1002, NULL, 0);
            return;
        }

        if (opcode == 1 || opcode == 2) {
            message = opcode;
            taken = 0;
            text_len = 0;
        }

        if (opcode < 8 && taken + size > MAX) {
            add(to, RN_WEBSOCKET_BAD, 1009, NULL, 0);
            return;
        }

        from = at + 2 + n + 4;
        have = len - from < size ? len - from : (size_t) size;

        if (opcode >= 8) {
            if (have < size) {
                return;
            }

            for (i = 0; i < size; i++) {
                control[i] = b[from + i] ^ b[from - 4 + i % 4];
            }

            if (opcode != 8) {
                add(to, opcode == 9 ? RN_WEBSOCKET_GOT_PING
                                    : RN_WEBSOCKET_GOT_PONG, 0, control, size);
                at = from + size;
                continue;
            }

            code = size >= 2 ? control[0] * 256u + control[1] : 1005;

            if (size == 1 || (size >= 2 && !rn_websocket_code_ok(code))) {
                add(to, RN_WEBSOCKET_BAD, 1002, NULL, 0);
            } else if (size > 2 && !rn_utf8_valid((char *) control + 2,
                                                  size - 2))
            {
                add(to, RN_WEBSOCKET_BAD, 1007, NULL, 0);
            } else {
                add(to, RN_WEBSOCKET_GOT_CLOSE, code, NULL, 0);
            }
            return;
        }

        taken += size;

        if (message == 1) {
            for (i = 0; i < have; i++) {
                text[text_len++] = b[from + i] ^ b[from - 4 + i % 4];
            }
            broken = utf8_breaks_at(text, text_len, &rest);
            if (broken < text_len
                || (rest > 0 && have == size && (b[at] & 0x80)))
            {
                add(to, RN_WEBSOCKET_BAD, 1007, NULL, 0);
                return;
            }
        }

        if (have < size) {
            return;
        }

        if (b[at] & 0x80) {
            add(to, RN_WEBSOCKET_GOT_MESSAGE, 0, NULL, 0);
            message = 0;
        }

        at = from + size;
    }
}


static int
same(const events *a, const events *b)
{
    return a->n == b->n && memcmp(a->list, b->list, a->n * sizeof(event)) == 0;
}


int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    uint32_t       seed;
    size_t         n;
    unsigned char  head[RN_WEBSOCKET_HEAD];

    seed = (uint32_t) len;
    for (n = 0; n < len; n++) {
        seed = seed * 31 + bytes[n];
    }

    feed(&whole, bytes, len, 0, 0);
    feed(&pieces, bytes, len, 1, 0);
    MUST(same(&whole, &pieces));
    feed(&pieces, bytes, len, 1 + seed % 97, seed);
    MUST(same(&whole, &pieces));
    read_slowly(&slow, bytes, len);
    MUST(same(&whole, &slow));

    /* what we write: its length, as RFC 6455, section 5.2 has it */

    n = rn_websocket_head(head, RN_WEBSOCKET_TEXT, seed);
    MUST(head[0] == 0x81);
    MUST(n == (seed < 126 ? 2 : seed < 65536 ? 4 : 10));
    MUST(n != 2 || head[1] == seed);
    MUST(n != 4 || (head[1] == 126 && head[2] * 256u + head[3] == seed));
    MUST(n != 10 || (head[1] == 127 && memcmp(head + 2, "\0\0\0\0", 4) == 0
                     && head[9] == (seed & 0xff)));

    return 0;
}
