/*
 * The codecs that are written, by the names that specifications have for them:
 * whose encoder, and how its packets are kept and joined.
 */

#ifndef RN_CODEC_H
#define RN_CODEC_H

#include "rn_av.h"


typedef enum {
    RN_CODEC_H264, RN_CODEC_VP9, RN_CODEC_PRORES, RN_CODEC_PNG,
    RN_CODEC_MJPEG, RN_CODEC_AAC, RN_CODEC_OPUS, RN_CODEC_MP3, RN_CODEC_PCM,
    RN_CODECS
} rn_codec;

typedef struct {
    const char       *name;
    const char       *encoder;          /* libavcodec's */
    enum AVCodecID    id;
    const char       *muxer;            /* of a stored piece */
    double            cost;             /* of a second, H.264 and AAC: 1 */

    /* of sound; in samples of 48 kHz, or packets */

    int               frame;            /* a packet */
    int               padding;          /* that decoders are to drop */
    int               preroll;          /* packets coded and dropped */
    int               ahead;            /* packets that the coder looks on */
    int               piece;            /* packets a piece; 0: all in one */
} rn_codec_facts;


/* Of a codec; a static table. */
const rn_codec_facts *rn_codec_of(rn_codec codec);

/* By a specification's name (NULL: `none`); RN_CODECS: there is none such. */
rn_codec rn_codec_named(const char *name, rn_codec none);

/* By libav's; RN_CODECS: it is none of ours. */
rn_codec rn_codec_by_id(enum AVCodecID id);


#endif /* RN_CODEC_H */
