/* The parameter sets of H.264 in MP4; see rn_sets.h. */

#include "rn_sets.h"

#include <string.h>
#include <libavutil/intreadwrite.h>
#include <libavutil/mem.h>


#define SET_MAX   512                   /* bytes */
#define HIGH      100                   /* the profile */


/* A number of 0 to 255 in Exp-Golomb code (ITU-T H.264, 9.1), or -1. */

static int
first_number(const uint8_t *p, size_t len)
{
    int       zeros;
    uint32_t  bits;

    if (len < 4) {
        uint8_t  few[4] = { 0, 0, 0, 0 };

        memcpy(few, p, len);
        bits = AV_RB32(few);
    } else {
        bits = AV_RB32(p);
    }

    for (zeros = 0; zeros < 8 && (bits >> (31 - zeros)) == 0; zeros++) {
        /* void */
    }

    return zeros == 8 ? -1
           : (int) ((bits << zeros) >> (31 - zeros)) - 1;
}


/*
 * One of each, and lengths of four bytes.  What else there may be is rare, and
 * not copied.
 */

bool
rn_sets_read(const AVCodecParameters *par, rn_sets *s)
{
    size_t          n;
    const uint8_t  *p = par->extradata;

    n = p != NULL && par->extradata_size > 0 ? (size_t) par->extradata_size : 0;

    if (n < 8 || p[0] != 1 || (p[4] & 3) != 3 || (p[5] & 31) != 1) {
        return false;
    }

    s->len[0] = AV_RB16(p + 6);
    s->data[0] = p + 8;

    if (s->len[0] < 5 || n < 8 + s->len[0] + 3 || p[8 + s->len[0]] != 1) {
        return false;
    }

    p += 8 + s->len[0] + 1;
    s->len[1] = AV_RB16(p);
    s->data[1] = p + 2;

    if (s->len[1] < 2 || n < 8 + s->len[0] + 3 + s->len[1]
        || s->len[0] > SET_MAX || s->len[1] > SET_MAX)
    {
        return false;
    }

    /* behind its head, and behind profile, constraints and level */

    s->id[0] = first_number(s->data[0] + 4, s->len[0] - 4);
    s->id[1] = first_number(s->data[1] + 1, s->len[1] - 1);

    return s->id[0] >= 0 && s->id[0] < 32 && s->id[1] >= 0;
}


static uint8_t *
put_set(uint8_t *p, const rn_sets *s, int which)
{
    AV_WB16(p, s->len[which]);
    memcpy(p + 2, s->data[which], s->len[which]);

    return p + 2 + s->len[which];
}


rn_status
rn_sets_join(AVCodecParameters *par, const AVCodecParameters *other,
    rn_fault *fault)
{
    size_t    size;
    rn_sets   a, b;
    uint8_t  *out, *p;

    if (!rn_sets_read(par, &a) || !rn_sets_read(other, &b)
        || a.id[0] == b.id[0] || a.id[1] == b.id[1])
    {
        return rn_fail(fault, RN_E_UNSUPPORTED, "two sets of parameters that "
                       "cannot be in one track");
    }

    size = 15 + a.len[0] + a.len[1] + b.len[0] + b.len[1] + 4;

    out = av_mallocz(size + AV_INPUT_BUFFER_PADDING_SIZE);
    if (out == NULL) {
        return rn_fail(fault, RN_E_NOMEM, "out of memory");
    }

    /* a profile and a level that both obey */

    p = out;
    *p++ = 1;
    *p++ = a.data[0][1] == b.data[0][1] ? a.data[0][1] : HIGH;
    *p++ = a.data[0][1] == b.data[0][1] ? a.data[0][2] & b.data[0][2] : 0;
    *p++ = a.data[0][3] > b.data[0][3] ? a.data[0][3] : b.data[0][3];
    *p++ = 0xff;                            /* lengths of four bytes */

    *p++ = 0xe0 | 2;
    p = put_set(put_set(p, &a, 0), &b, 0);
    *p++ = 2;
    p = put_set(put_set(p, &a, 1), &b, 1);

    if (out[1] == HIGH) {
        *p++ = 0xfc | 1;                    /* 4:2:0 */
        *p++ = 0xf8;                        /* of eight bits */
        *p++ = 0xf8;
        *p++ = 0;
    }

    av_freep(&par->extradata);
    par->extradata = out;
    par->extradata_size = (int) (p - out);
    par->level = out[3];
    par->profile = out[1];

    return RN_OK;
}
