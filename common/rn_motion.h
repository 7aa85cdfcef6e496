/*
 * Numbers that move: keys on a line of ticks, and the values between them.
 * The planner writes a motion as JSON, the engine reads and follows it.
 *
 *   [[at, v..., (nothing: linear | 0: step | x1, y1, x2, y2)], ...]
 *
 * at in ticks, values in units of the caller, all integers; the easing says how
 * the way to this key is gone.  Before the first key its value holds, and
 * behind the last the last one's.
 */

#ifndef RN_MOTION_H
#define RN_MOTION_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>


#define RN_MOTION_VALUES  4

typedef struct {
    int64_t         at;
    double          v[RN_MOTION_VALUES];
    bool            step, curved;
    double          ease[4];
} rn_motion_key;

typedef struct {
    rn_motion_key  *keys;
    size_t          n;
    int             values;
} rn_motion;


/* Reads a list of keys of `values` numbers; false: malformed, or no memory. */
bool rn_motion_read(rn_motion *m, json_t *list, int values);

void rn_motion_free(rn_motion *m);

/* The values at a place of the line, which may lie between ticks. */
void rn_motion_at(const rn_motion *m, double at, double *v);

/*
 * How far a curve has come (y) when x of the way's time is gone; both control
 * points' x lie between 0 and 1 (CSS Easing Functions Level 1, section 2.3).
 */
double rn_bezier(const double ease[4], double x);


#endif /* RN_MOTION_H */
