/*
 * BlurHash: a picture in some twenty-eight characters, for what is shown while
 * the picture itself is on its way.  The format is that of blurha.sh.
 */

#ifndef RN_BLURHASH_H
#define RN_BLURHASH_H

#include "rn_probe.h"
#include "rn_scale.h"


#define RN_BLURHASH_MAX   9             /* components a side */

/* Characters of a hash, with the NUL. */
#define RN_BLURHASH_SIZE(x, y)  (2 * (x) * (y) + 5)


typedef struct {
    char    hash[RN_BLURHASH_SIZE(4, 3)];
    double  spread;                     /* 0-255; see rn_blurhash_flat */
} rn_blurhash;


/*
 * Encodes w x h px of packed RGB, sRGB, `stride` bytes a row; `across` and
 * `down` are numbers of components, 1 to 9.  hash has room for
 * RN_BLURHASH_SIZE(across, down).
 */
void rn_blurhash_encode(const uint8_t *rgb, size_t stride, int w, int h,
    int across, int down, char *hash);

/*
 * The hash of a frame, turned upright: 4 x 3 components, 3 x 4 where it is
 * higher than wide.  Alpha lies on black.
 */
rn_status rn_blurhash_of(const AVFrame *frame, rn_colour colour, rn_turn turn,
    rn_blurhash *out, rn_fault *fault);

/*
 * Whether the picture is (almost) of one colour: the standard deviation of
 * none of its channels reaches 3 of 255.
 */
bool rn_blurhash_flat(const rn_blurhash *b);


#endif /* RN_BLURHASH_H */
