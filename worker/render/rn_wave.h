/*
 * Waveforms: what a sound looks like around a moment.  The sound is cut into
 * slots of equal length, counted from the source's time 0, of which each has
 * one height; a picture shows those around its moment, so that bars travel
 * and do not flicker.  Only the sound that is shown is decoded.
 */

#ifndef RN_WAVE_H
#define RN_WAVE_H

#include "rn_av.h"
#include "rn_doc.h"


typedef struct rn_wave  rn_wave;

typedef struct {
    rn_wave_style  style;
    int            bars;                /* across; of bars alone */
    int            window;              /* ms across */
    uint32_t       color, background;   /* RGBA */
    int64_t        from, to;            /* samples of the source (RN_RATE)
                                           outside of which all is silent */
    int            w, h;                /* px, even */
} rn_wave_spec;


/*
 * The sample of a source at a time of it, in thousandths of a tick: what the
 * planner and the renderer reckon alike.
 */
int64_t rn_wave_at(int64_t time, rn_rational fps);

/* Opens the file on the descriptor, which stays the caller's. */
rn_status rn_wave_open(rn_wave **out, int fd, const rn_wave_spec *spec,
    rn_fault *fault);

/*
 * The picture around a sample of the source, which must not decrease.  *frame
 * is borrowed until the next call: yuva420p with straight alpha, or yuv420p
 * where the background is opaque.
 */
rn_status rn_wave_get(rn_wave *w, int64_t at, const AVFrame **frame,
    rn_fault *fault);

void rn_wave_close(rn_wave **w);


#endif /* RN_WAVE_H */
