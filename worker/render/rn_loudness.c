/* The gain and the limiter; see rn_loudness.h. */

#include "rn_loudness.h"
#include "rn_sound.h"

#include <math.h>
#include <stdlib.h>
#include <ebur128.h>


#define BLOCK  240                      /* samples whose peak is kept: 5 ms */
#define REACH  10                       /* blocks in which the limiter closes,
                                           and opens again */
#define LATE   2                        /* blocks: one for the straight lines
                                           between them, one in which the meter
                                           tells of a peak in the last one */


struct rn_loudness {
    ebur128_state  *meter;
    float          *peaks;              /* of blocks; then their gains */
    int64_t         n;                  /* blocks there are */
    int64_t         samples, heard;
    float           gain;               /* of all */
    bool            limited;
};


static rn_status
no_memory(rn_fault *fault)
{
    return rn_fail(fault, RN_E_NOMEM, "out of memory");
}


rn_status
rn_loudness_open(rn_loudness **out, int64_t samples, rn_fault *fault)
{
    rn_loudness  *l;

    *out = l = calloc(1, sizeof(rn_loudness));
    if (l == NULL) {
        return no_memory(fault);
    }

    l->gain = 1;
    l->samples = samples;
    l->n = (samples + BLOCK - 1) / BLOCK;
    l->peaks = calloc((size_t) l->n + 1, sizeof(float));

    /* two channels of one voice are heard as such, so that mono is measured
       as it sounds: from both speakers */

    l->meter = ebur128_init(RN_CHANNELS, RN_RATE,
                            EBUR128_MODE_I | EBUR128_MODE_TRUE_PEAK);

    return l->peaks != NULL && l->meter != NULL ? RN_OK : no_memory(fault);
}


rn_status
rn_loudness_add(rn_loudness *l, const float *mix, int n, rn_fault *fault)
{
    int       k;
    float    *of;
    double    peak;
    unsigned  channel;

    while (n > 0 && l->heard < l->samples) {
        k = BLOCK - (int) (l->heard % BLOCK);
        k = k < n ? k : n;

        if (ebur128_add_frames_float(l->meter, mix, (size_t) k)
            != EBUR128_SUCCESS)
        {
            return no_memory(fault);
        }

        of = &l->peaks[l->heard / BLOCK];

        for (channel = 0; channel < RN_CHANNELS; channel++) {
            (void) ebur128_prev_true_peak(l->meter, channel, &peak);
            *of = fmaxf(*of, (float) peak);
        }

        mix += k * RN_CHANNELS;
        l->heard += k;
        n -= k;
    }

    return RN_OK;
}


/*
 * From peaks to gains: each is the mean of the lowest ones around, so that it
 * falls before a peak, has fallen when the peak comes, and rises behind it, in
 * straight lines.
 */

static rn_status
limit(rn_loudness *l, float ceiling, rn_fault *fault)
{
    float    *low, need;
    double    sum;
    int64_t   i, k, from, to;

    low = malloc((size_t) (l->n + 1) * sizeof(float));
    if (low == NULL) {
        return no_memory(fault);
    }

    for (i = 0; i < l->n; i++) {
        low[i] = 1;
    }

    for (i = 0; i < l->n; i++) {
        if (l->peaks[i] * l->gain <= ceiling) {
            continue;
        }

        need = ceiling / (l->peaks[i] * l->gain);
        from = i - REACH - LATE > 0 ? i - REACH - LATE : 0;
        to = i + REACH + LATE < l->n - 1 ? i + REACH + LATE : l->n - 1;

        for (k = from; k <= to; k++) {
            low[k] = fminf(low[k], need);
        }
    }

    for (i = 0; i < l->n; i++) {
        sum = 0;

        for (k = i - REACH; k <= i + REACH; k++) {
            sum += low[k < 0 ? 0 : k < l->n ? k : l->n - 1];
        }

        l->peaks[i] = (float) (sum / (2 * REACH + 1));
    }

    free(low);

    return RN_OK;
}


rn_status
rn_loudness_set(rn_loudness *l, double target, double peak, rn_fault *fault)
{
    float    ceiling, highest;
    double   loudness;
    int64_t  i;

    if (ebur128_loudness_global(l->meter, &loudness) != EBUR128_SUCCESS) {
        return rn_fail(fault, RN_E_INTERNAL, "the loudness is not known");
    }

    if (isfinite(loudness)) {
        l->gain = (float) pow(10, (target - loudness) / 20);
    }

    highest = 0;
    for (i = 0; i < l->n; i++) {
        highest = fmaxf(highest, l->peaks[i]);
    }

    ceiling = (float) pow(10, peak / 20);
    l->limited = highest * l->gain > ceiling;

    return l->limited ? limit(l, ceiling, fault) : RN_OK;
}


void
rn_loudness_apply(const rn_loudness *l, int64_t at, int n, float *mix)
{
    int      i;
    float    gain, part;
    int64_t  block, a, b, place;

    for (i = 0; i < n; i++) {
        gain = l->gain;

        if (l->limited) {
            place = at + i + BLOCK / 2;
            block = place / BLOCK;              /* between its middle and that
                                                   of the one before */
            part = (float) (place % BLOCK) / BLOCK;
            a = block - 1 < 0 ? 0 : block - 1 < l->n ? block - 1 : l->n - 1;
            b = block < l->n ? block : l->n - 1;
            gain *= l->peaks[a] + (l->peaks[b] - l->peaks[a]) * part;
        }

        mix[RN_CHANNELS * i] *= gain;
        mix[RN_CHANNELS * i + 1] *= gain;
    }
}


void
rn_loudness_free(rn_loudness **l)
{
    if (*l == NULL) {
        return;
    }

    if ((*l)->meter != NULL) {
        ebur128_destroy(&(*l)->meter);
    }

    free((*l)->peaks);
    free(*l);
    *l = NULL;
}
