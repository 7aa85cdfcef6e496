/*
 * Frames of WebSocket (RFC 6455) as a server reads and writes them: bytes in,
 * events out, in whatever pieces they come.  What messages say is checked and
 * counted, and not kept; control frames are.  No sockets, no handshake.
 */

#ifndef RN_WEBSOCKET_H
#define RN_WEBSOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rn_utf8.h"


#define RN_WEBSOCKET_CONTROL  125       /* section 5.5 */
#define RN_WEBSOCKET_HEAD     10        /* of a frame that we send, at most */

/* Opcodes, section 11.8. */

#define RN_WEBSOCKET_CONTINUATION  0x0
#define RN_WEBSOCKET_TEXT          0x1
#define RN_WEBSOCKET_BINARY        0x2
#define RN_WEBSOCKET_CLOSE         0x8
#define RN_WEBSOCKET_PING          0x9
#define RN_WEBSOCKET_PONG          0xa


typedef enum {
    RN_WEBSOCKET_MORE = 0,              /* all was taken */
    RN_WEBSOCKET_GOT_MESSAGE,           /* text or binary, to its end */
    RN_WEBSOCKET_GOT_PING,              /* control[0 .. control_len) */
    RN_WEBSOCKET_GOT_PONG,
    RN_WEBSOCKET_GOT_CLOSE,             /* and code; nothing follows */
    RN_WEBSOCKET_BAD                    /* fail it with code; likewise */
} rn_websocket_event;

typedef struct {
    uint32_t        max;                /* bytes of a message */
    uint32_t        taken;              /* of this one, frames before */
    uint64_t        left;               /* of this frame */
    uint16_t        code;               /* of Close, 1005: it had none */
    unsigned char   message;            /* its opcode; 0: between two */
    unsigned char   opcode;             /* of this frame */
    bool            fin, in_payload, ended;
    unsigned char   turn;               /* of the mask */
    unsigned char   head_len, control_len;
    rn_utf8_stream  utf8;
    unsigned char   mask[4];
    unsigned char   head[14];
    unsigned char   control[RN_WEBSOCKET_CONTROL];
} rn_websocket;


/* max: bytes of a message beyond which it ends with 1009. */
void rn_websocket_init(rn_websocket *ws, uint32_t max);

/*
 * Reads on from *p, which is moved to behind what was taken.  Called again
 * until it answers MORE; after CLOSE and BAD it takes all and answers MORE.
 */
rn_websocket_event rn_websocket_next(rn_websocket *ws,
    const unsigned char **p, const unsigned char *end);

/* The head of an unmasked, unfragmented frame; its length. */
size_t rn_websocket_head(unsigned char head[RN_WEBSOCKET_HEAD],
    unsigned char opcode, uint64_t len);

/* Whether a Close may carry it: section 7.4, and the registry of IANA. */
bool rn_websocket_code_ok(unsigned int code);


#endif /* RN_WEBSOCKET_H */
