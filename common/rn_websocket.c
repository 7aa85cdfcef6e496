/* Frames of WebSocket; see rn_websocket.h.  Sections are those of RFC 6455. */

#include "rn_websocket.h"

#include <string.h>


void
rn_websocket_init(rn_websocket *ws, uint32_t max)
{
    memset(ws, 0, sizeof(rn_websocket));
    ws->max = max;
}


bool
rn_websocket_code_ok(unsigned int code)
{
    return (code >= 1000 && code <= 1014 && code != 1004 && code != 1005
            && code != 1006)
           || (code >= 3000 && code <= 4999);
}


size_t
rn_websocket_head(unsigned char head[RN_WEBSOCKET_HEAD], unsigned char opcode,
    uint64_t len)
{
    size_t  i, n;

    head[0] = 0x80 | opcode;

    if (len < 126) {
        head[1] = len;
        return 2;
    }

    n = len < 65536 ? 2 : 8;
    head[1] = n == 2 ? 126 : 127;

    for (i = 0; i < n; i++) {
        head[2 + i] = len >> 8 * (n - 1 - i);
    }

    return 2 + n;
}


static rn_websocket_event
rn_websocket_bad(rn_websocket *ws, unsigned int code)
{
    ws->ended = true;
    ws->code = code;

    return RN_WEBSOCKET_BAD;
}


/* How many bytes the head has, as far as it is there; section 5.2. */

static unsigned int
rn_websocket_head_size(const rn_websocket *ws)
{
    unsigned int  len;

    if (ws->head_len < 2) {
        return 2;
    }

    len = ws->head[1] & 0x7f;

    return 2 + (len == 126 ? 2 : len == 127 ? 8 : 0) + 4;
}


/* What the first two bytes say already; 0, or the code to fail with. */

static unsigned int
rn_websocket_check(const rn_websocket *ws)
{
    unsigned int  opcode;

    opcode = ws->head[0] & 0x0f;

    if ((ws->head[0] & 0x70) != 0       /* no extension was agreed on */
        || (ws->head[1] & 0x80) == 0)   /* section 5.1: clients mask */
    {
        return 1002;
    }

    switch (opcode) {

    case RN_WEBSOCKET_CONTINUATION:
        return ws->message == 0 ? 1002 : 0;

    case RN_WEBSOCKET_TEXT:
    case RN_WEBSOCKET_BINARY:
        return ws->message != 0 ? 1002 : 0;

    case RN_WEBSOCKET_CLOSE:
    case RN_WEBSOCKET_PING:
    case RN_WEBSOCKET_PONG:
        return (ws->head[0] & 0x80) == 0
               || (ws->head[1] & 0x7f) > RN_WEBSOCKET_CONTROL ? 1002 : 0;

    default:
        return 1002;
    }
}


/* The head is whole; 0, or the code to fail with. */

static unsigned int
rn_websocket_begin(rn_websocket *ws)
{
    unsigned int  i, n;

    ws->fin = (ws->head[0] & 0x80) != 0;
    ws->opcode = ws->head[0] & 0x0f;
    ws->left = ws->head[1] & 0x7f;

    if (ws->left >= 126) {
        n = ws->left == 126 ? 2 : 8;

        for (ws->left = 0, i = 0; i < n; i++) {
            ws->left = ws->left << 8 | ws->head[2 + i];
        }

        /* the shortest form, and no sign bit */

        if (ws->left < (n == 2 ? 126u : 65536u) || ws->left >> 63 != 0) {
            return 1002;
        }
    }

    memcpy(ws->mask, ws->head + ws->head_len - 4, 4);
    ws->head_len = 0;
    ws->turn = 0;
    ws->in_payload = true;

    if (ws->opcode >= RN_WEBSOCKET_CLOSE) {
        ws->control_len = 0;
        return 0;
    }

    if (ws->opcode != RN_WEBSOCKET_CONTINUATION) {
        ws->message = ws->opcode;
        ws->taken = 0;
        memset(&ws->utf8, 0, sizeof(rn_utf8_stream));
    }

    if (ws->left > ws->max - ws->taken) {
        return 1009;
    }

    ws->taken += ws->left;

    return 0;
}


/* Section 5.5.1 */

static rn_websocket_event
rn_websocket_closed(rn_websocket *ws)
{
    unsigned int    i;
    rn_utf8_stream  utf8;

    if (ws->control_len == 0) {
        ws->ended = true;
        ws->code = 1005;
        return RN_WEBSOCKET_GOT_CLOSE;
    }

    if (ws->control_len == 1) {
        return rn_websocket_bad(ws, 1002);
    }

    ws->code = ws->control[0] << 8 | ws->control[1];

    if (!rn_websocket_code_ok(ws->code)) {
        return rn_websocket_bad(ws, 1002);
    }

    memset(&utf8, 0, sizeof(rn_utf8_stream));

    for (i = 2; i < ws->control_len; i++) {
        if (!rn_utf8_feed(&utf8, ws->control[i])) {
            return rn_websocket_bad(ws, 1007);
        }
    }

    if (utf8.left != 0) {
        return rn_websocket_bad(ws, 1007);
    }

    ws->ended = true;

    return RN_WEBSOCKET_GOT_CLOSE;
}


/* The payload is whole. */

static rn_websocket_event
rn_websocket_end(rn_websocket *ws)
{
    ws->in_payload = false;

    switch (ws->opcode) {

    case RN_WEBSOCKET_CLOSE:
        return rn_websocket_closed(ws);

    case RN_WEBSOCKET_PING:
        return RN_WEBSOCKET_GOT_PING;

    case RN_WEBSOCKET_PONG:
        return RN_WEBSOCKET_GOT_PONG;
    }

    if (!ws->fin) {
        return RN_WEBSOCKET_MORE;
    }

    if (ws->message == RN_WEBSOCKET_TEXT && ws->utf8.left != 0) {
        return rn_websocket_bad(ws, 1007);
    }

    ws->message = 0;

    return RN_WEBSOCKET_GOT_MESSAGE;
}


/* Section 5.3, and 8.1 as soon as it shows; false: not UTF-8. */

static bool
rn_websocket_payload(rn_websocket *ws, const unsigned char **p,
    const unsigned char *end)
{
    size_t         n;
    unsigned char  byte;

    n = (uint64_t) (end - *p) < ws->left ? (size_t) (end - *p)
                                         : (size_t) ws->left;
    ws->left -= n;

    if (ws->opcode < RN_WEBSOCKET_CLOSE && ws->message == RN_WEBSOCKET_BINARY) {
        *p += n;                            /* nobody reads it */
        return true;
    }

    while (n-- > 0) {
        byte = *(*p)++ ^ ws->mask[ws->turn];
        ws->turn = (ws->turn + 1) & 3;

        if (ws->opcode >= RN_WEBSOCKET_CLOSE) {
            ws->control[ws->control_len++] = byte;

        } else if (!rn_utf8_feed(&ws->utf8, byte)) {
            return false;
        }
    }

    return true;
}


rn_websocket_event
rn_websocket_next(rn_websocket *ws, const unsigned char **p,
    const unsigned char *end)
{
    unsigned int        code;
    rn_websocket_event  event;

    if (ws->ended) {
        *p = end;
        return RN_WEBSOCKET_MORE;
    }

    for ( ;; ) {

        if (ws->in_payload) {
            if (!rn_websocket_payload(ws, p, end)) {
                return rn_websocket_bad(ws, 1007);
            }

            if (ws->left > 0) {
                return RN_WEBSOCKET_MORE;
            }

            event = rn_websocket_end(ws);
            if (event != RN_WEBSOCKET_MORE) {
                return event;
            }
            continue;
        }

        while (ws->head_len < rn_websocket_head_size(ws)) {
            if (*p == end) {
                return RN_WEBSOCKET_MORE;
            }

            ws->head[ws->head_len++] = *(*p)++;

            if (ws->head_len == 2) {
                code = rn_websocket_check(ws);
                if (code != 0) {
                    return rn_websocket_bad(ws, code);
                }
            }
        }

        code = rn_websocket_begin(ws);
        if (code != 0) {
            return rn_websocket_bad(ws, code);
        }
    }
}
