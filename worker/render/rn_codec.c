/* The table of codecs; see rn_codec.h. */

#include "rn_codec.h"

#include <string.h>


/*
 * Matroska for what MP4 has no place for, or cuts anew (PCM).  Opus and MP3
 * carry state from packet to packet, so that they are coded in one piece.
 */

static const rn_codec_facts  codecs[RN_CODECS] = {
    [RN_CODEC_H264] = { "h264", "libx264", AV_CODEC_ID_H264, "mp4", 1,
                        0, 0, 0, 0, 0 },
    [RN_CODEC_VP9] = { "vp9", "libvpx-vp9", AV_CODEC_ID_VP9, "matroska", 6,
                       0, 0, 0, 0, 0 },
    [RN_CODEC_PRORES] = { "prores", "prores_ks", AV_CODEC_ID_PRORES,
                          "matroska", 3, 0, 0, 0, 0, 0 },
    [RN_CODEC_PNG] = { "png", "png", AV_CODEC_ID_PNG, "matroska", 2,
                       0, 0, 0, 0, 0 },
    [RN_CODEC_MJPEG] = { "mjpeg", "mjpeg", AV_CODEC_ID_MJPEG, "matroska", 0.5,
                         0, 0, 0, 0, 0 },
    [RN_CODEC_AAC] = { "aac", "aac", AV_CODEC_ID_AAC, "mp4", 1,
                       1024, 1024, 4, 3, 704 },
    [RN_CODEC_OPUS] = { "opus", "libopus", AV_CODEC_ID_OPUS, "matroska", 1,
                        960, 312, 0, 3, 0 },
    [RN_CODEC_MP3] = { "mp3", "libmp3lame", AV_CODEC_ID_MP3, "matroska", 1,
                       1152, 1105, 0, 3, 0 },
    [RN_CODEC_PCM] = { "pcm", "pcm_s16le", AV_CODEC_ID_PCM_S16LE, "matroska",
                       0.2, 1024, 0, 0, 0, 704 },
};


const rn_codec_facts *
rn_codec_of(rn_codec codec)
{
    return &codecs[codec];
}


rn_codec
rn_codec_named(const char *name, rn_codec none)
{
    int  i;

    if (name == NULL) {
        return none;
    }

    for (i = 0; i < RN_CODECS && strcmp(codecs[i].name, name) != 0; i++) {
        /* void */
    }

    return (rn_codec) i;
}


rn_codec
rn_codec_by_id(enum AVCodecID id)
{
    int  i;

    for (i = 0; i < RN_CODECS && codecs[i].id != id; i++) { /* void */ }

    return (rn_codec) i;
}
