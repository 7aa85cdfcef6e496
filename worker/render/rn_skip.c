/*
 * Skipped pictures; see rn_skip.h.  All numbers of clauses are of ITU-T H.264
 * (08/2021).  Every macroblock is P_Skip: predicted from the picture before,
 * without motion, and no filter touches it.
 */

#include "rn_skip.h"

#include <string.h>


#define NAL_SLICE  1
#define NAL_SPS    7
#define NAL_PPS    8
#define QP         26                   /* of which the model below begins */


/* Bits of a parameter set, whose emulation prevention has been taken out. */

typedef struct {
    uint8_t  data[256];
    int      size, pos;                 /* bytes, bits */
} reader;

/* Bits of a slice; emulation prevention is put in as bytes are finished. */

typedef struct {
    uint8_t  *data;
    int       size, room;
    int       zeros;                    /* bytes of 0 before */
    int       byte, bits;               /* of the byte being written */
    bool      overflow, bare;           /* bare: nothing is put in */
    unsigned  low, range;               /* of the arithmetic coder, 9.3.4.1 */
    int       outstanding;
    bool      first;
    int       state;                    /* of the one model that is used */
} writer;


static int
get(reader *r, int n)
{
    int  v;

    for (v = 0; n > 0; n--, r->pos++) {
        v = v << 1;
        if (r->pos / 8 < r->size) {
            v |= r->data[r->pos / 8] >> (7 - r->pos % 8) & 1;
        }
    }

    return v;
}


/* ue(v), 9.1 */

static int
get_ue(reader *r)
{
    int  n;

    for (n = 0; n < 24 && get(r, 1) == 0; n++) { /* void */ }

    return (1 << n) - 1 + get(r, n);
}


static int
get_se(reader *r)
{
    int  v;

    v = get_ue(r);

    return v & 1 ? (v + 1) / 2 : -(v / 2);
}


/* The first NAL unit of a type; false: there is none. */

static bool
find_nal(const uint8_t *p, int size, int type, reader *r)
{
    int  i, zeros;

    memset(r, 0, sizeof(*r));

    for (i = 0; i + 3 < size; i++) {
        if (p[i] == 0 && p[i + 1] == 0 && p[i + 2] == 1
            && (p[i + 3] & 31) == type)
        {
            break;
        }
    }

    if (i + 3 >= size) {
        return false;
    }

    zeros = 0;

    for (i += 4; i < size && r->size < (int) sizeof(r->data); i++) {
        if (zeros >= 2 && p[i] <= 1) {
            break;                          /* the next one's start code */
        }

        if (zeros >= 2 && p[i] == 3) {
            zeros = 0;
            continue;
        }

        zeros = p[i] == 0 ? zeros + 1 : 0;
        r->data[r->size++] = p[i];
    }

    return true;
}


static bool
read_sps(rn_skips *s, reader *r)
{
    int  profile;

    profile = get(r, 8);
    (void) get(r, 16);                      /* constraints, level */
    (void) get_ue(r);

    if (profile == 100 || profile == 110) {
        if (get_ue(r) != 1) {               /* 4:2:0 */
            return false;
        }
        (void) get_ue(r);                   /* bit depths */
        (void) get_ue(r);
        if (get(r, 2) != 0) {               /* transform bypass, matrices */
            return false;
        }

    } else if (profile != 77 && profile != 66) {
        return false;
    }

    s->frame_num_bits = get_ue(r) + 4;

    if (get_ue(r) != 0) {                   /* order of pictures by its bits */
        return false;
    }

    s->poc_bits = get_ue(r) + 4;
    (void) get_ue(r);                       /* count of references */
    (void) get(r, 1);
    s->width = get_ue(r) + 1;
    s->height = get_ue(r) + 1;

    return get(r, 1) == 1                   /* no fields */
           && s->frame_num_bits <= 16 && s->poc_bits <= 16
           && s->width <= 1024 && s->height <= 1024;
}


static bool
read_pps(rn_skips *s, reader *r)
{
    s->pps_id = get_ue(r);
    (void) get_ue(r);

    if (get(r, 1) != 1) {                   /* CABAC */
        return false;
    }

    s->field_order = get(r, 1);

    if (get_ue(r) != 0) {                   /* slice groups */
        return false;
    }

    (void) get_ue(r);                       /* counts of references */
    (void) get_ue(r);
    s->weighted = get(r, 1);
    (void) get(r, 2);
    s->init_qp = 26 + get_se(r);
    (void) get_se(r);
    (void) get_se(r);
    s->deblocking = get(r, 1);
    (void) get(r, 1);
    s->redundant = get(r, 1);

    return r->pos <= 8 * r->size;
}


static void
put_byte(writer *w, int byte)
{
    if (w->zeros >= 2 && byte <= 3 && !w->bare) {       /* 7.4.1.1 */
        w->zeros = 0;
        put_byte(w, 3);
    }

    if (w->size == w->room) {
        w->overflow = true;
        return;
    }

    w->data[w->size++] = (uint8_t) byte;
    w->zeros = byte == 0 ? w->zeros + 1 : 0;
}


static void
put_bit(writer *w, int bit)
{
    w->byte = w->byte << 1 | bit;

    if (++w->bits == 8) {
        put_byte(w, w->byte);
        w->byte = w->bits = 0;
    }
}


static void
put(writer *w, int n, int v)
{
    while (n-- > 0) {
        put_bit(w, v >> n & 1);
    }
}


static void
put_ue(writer *w, int v)
{
    int  n;

    for (n = 0; (v + 1) >> (n + 1) != 0; n++) { /* void */ }

    put(w, n, 0);
    put(w, n + 1, v + 1);
}


static void
put_se(writer *w, int v)
{
    put_ue(w, v > 0 ? 2 * v - 1 : -2 * v);
}


/* 9.3.4.2: PutBit, with the bits that were held back */

static void
coder_bit(writer *w, int bit)
{
    if (w->first) {
        w->first = false;
    } else {
        put_bit(w, bit);
    }

    for ( /* void */ ; w->outstanding > 0; w->outstanding--) {
        put_bit(w, !bit);
    }
}


static void
renorm(writer *w)
{
    while (w->range < 256) {
        if (w->low < 256) {
            coder_bit(w, 0);
        } else if (w->low >= 512) {
            w->low -= 512;
            coder_bit(w, 1);
        } else {
            w->low -= 256;
            w->outstanding++;
        }

        w->range <<= 1;
        w->low <<= 1;
    }
}


/*
 * mb_skip_flag is 1 for every macroblock, and so are its neighbours': one
 * model, of ctxIdx 11, whose more probable symbol is 1 from the beginning; so
 * this coder knows no other.  rangeTabLPS is Table 9-44.
 */

static void
code_skip(writer *w)
{
    static const uint8_t  lps[64][4] = {
        { 128, 176, 208, 240 }, { 128, 167, 197, 227 }, { 128, 158, 187, 216 },
        { 123, 150, 178, 205 }, { 116, 142, 169, 195 }, { 111, 135, 160, 185 },
        { 105, 128, 152, 175 }, { 100, 122, 144, 166 }, { 95, 116, 137, 158 },
        { 90, 110, 130, 150 }, { 85, 104, 123, 142 }, { 81, 99, 117, 135 },
        { 77, 94, 111, 128 }, { 73, 89, 105, 122 }, { 69, 85, 100, 116 },
        { 66, 80, 95, 110 }, { 62, 76, 90, 104 }, { 59, 72, 86, 99 },
        { 56, 69, 81, 94 }, { 53, 65, 77, 89 }, { 51, 62, 73, 85 },
        { 48, 59, 69, 80 }, { 46, 56, 66, 76 }, { 43, 53, 63, 72 },
        { 41, 50, 59, 69 }, { 39, 48, 56, 65 }, { 37, 45, 54, 62 },
        { 35, 43, 51, 59 }, { 33, 41, 48, 56 }, { 32, 39, 46, 53 },
        { 30, 37, 43, 50 }, { 29, 35, 41, 48 }, { 27, 33, 39, 45 },
        { 26, 31, 37, 43 }, { 24, 30, 35, 41 }, { 23, 28, 33, 39 },
        { 22, 27, 32, 37 }, { 21, 26, 30, 35 }, { 20, 24, 29, 33 },
        { 19, 23, 27, 31 }, { 18, 22, 26, 30 }, { 17, 21, 25, 28 },
        { 16, 20, 23, 27 }, { 15, 19, 22, 25 }, { 14, 18, 21, 24 },
        { 14, 17, 20, 23 }, { 13, 16, 19, 22 }, { 12, 15, 18, 21 },
        { 12, 14, 17, 20 }, { 11, 14, 16, 19 }, { 11, 13, 15, 18 },
        { 10, 12, 15, 17 }, { 10, 12, 14, 16 }, { 9, 11, 13, 15 },
        { 9, 11, 12, 14 }, { 8, 10, 12, 14 }, { 8, 9, 11, 13 },
        { 7, 9, 11, 12 }, { 7, 9, 10, 12 }, { 7, 8, 10, 11 },
        { 6, 8, 9, 11 }, { 6, 7, 9, 10 }, { 6, 7, 8, 9 }, { 2, 2, 2, 2 },
    };

    w->range -= lps[w->state][w->range >> 6 & 3];
    w->state = w->state < 62 ? w->state + 1 : 62;
    renorm(w);
}


/* end_of_slice_flag, 9.3.4.5 */

static void
code_end(writer *w, bool end)
{
    w->range -= 2;

    if (!end) {
        renorm(w);
        return;
    }

    w->low += w->range;
    w->range = 2;
    renorm(w);
    coder_bit(w, (int) (w->low >> 9 & 1));
    put(w, 2, (int) (w->low >> 7 & 3) | 1);     /* with the RBSP's stop bit */
}


/* 7.3.3; a P slice of one reference, the picture before. */

static void
write_header(const rn_skips *s, writer *w, int64_t k)
{
    put_ue(w, 0);                           /* the first macroblock */
    put_ue(w, 5);                           /* P, as all of the picture */
    put_ue(w, s->pps_id);
    put(w, s->frame_num_bits, (int) (k & ((1 << s->frame_num_bits) - 1)));
    put(w, s->poc_bits, (int) (2 * k & ((1 << s->poc_bits) - 1)));

    if (s->field_order) {
        put_se(w, 0);
    }

    if (s->redundant) {
        put_ue(w, 0);
    }

    put(w, 1, 1);                           /* so many references: */
    put_ue(w, 0);                           /* one */
    put(w, 1, 0);                           /* in their own order */

    if (s->weighted) {
        put_ue(w, 0);                       /* denominators */
        put_ue(w, 0);
        put(w, 2, 0);                       /* no weights */
    }

    put(w, 1, 0);                           /* references slide */
    put_ue(w, 0);                           /* cabac_init_idc */
    put_se(w, QP - s->init_qp);

    if (s->deblocking) {
        put_ue(w, 1);                       /* off */
    }

    while (w->bits != 0) {
        put(w, 1, 1);                       /* cabac_alignment_one_bit */
    }
}


/* Slice data, 7.3.4: it begins and ends with a byte. */

static bool
code_body(rn_skips *s)
{
    int     i, n;
    writer  w;

    n = s->width * s->height;

    memset(&w, 0, sizeof(w));
    w.data = s->body;
    w.room = sizeof(s->body);
    w.bare = true;

    /* 9.3.1.1 with m 23, n 33 (Table 9-13, ctxIdx 11) at this QP: */

    w.state = ((23 * QP) >> 4) + 33 - 64;
    w.range = 510;
    w.first = true;

    for (i = 0; i < n; i++) {
        code_skip(&w);
        code_end(&w, i == n - 1);
    }

    while (w.bits != 0) {
        put(&w, 1, 0);
    }

    s->body_size = w.size;

    return !w.overflow;
}


rn_status
rn_skips_read(rn_skips *s, const uint8_t *extradata, int size, rn_fault *fault)
{
    reader  sps, pps;

    memset(s, 0, sizeof(*s));

    if (!find_nal(extradata, size, NAL_SPS, &sps) || !read_sps(s, &sps)
        || !find_nal(extradata, size, NAL_PPS, &pps) || !read_pps(s, &pps)
        || !code_body(s))
    {
        return rn_fail(fault, RN_E_UNSUPPORTED, "parameter sets for which "
                       "skipped pictures are not written");
    }

    return RN_OK;
}


rn_status
rn_skips_write(const rn_skips *s, int64_t k, AVPacket *pkt, rn_fault *fault)
{
    int      i, rc;
    writer   w;
    uint8_t  data[64 + 2 * sizeof(s->body)];

    memset(&w, 0, sizeof(w));
    w.data = data;
    w.room = sizeof(data);

    /* a start code, and a reference of the lowest rank */

    memcpy(w.data, "\0\0\0\1", 4);
    w.data[4] = 1 << 5 | NAL_SLICE;
    w.size = 5;

    write_header(s, &w, k);

    for (i = 0; i < s->body_size; i++) {
        put_byte(&w, s->body[i]);
    }

    rc = w.overflow ? AVERROR_BUG : av_new_packet(pkt, w.size);

    if (rc < 0) {
        return rn_fail_av(fault, rc, "a repeated picture");
    }

    memcpy(pkt->data, w.data, (size_t) w.size);

    return RN_OK;
}
