/*
 * Interlaced pictures made whole: a picture for each two fields, at its own
 * time.  What is not interlaced passes, one picture later.
 */

#ifndef RN_DEINT_H
#define RN_DEINT_H

#include "rn_av.h"


typedef struct rn_deint  rn_deint;


/* Begins for pictures like this one.  Freed with rn_deint_close. */
rn_status rn_deint_open(rn_deint **out, const AVStream *st, const AVFrame *like,
    rn_fault *fault);

/* Gives a picture, whose reference is taken; NULL: there are no more. */
rn_status rn_deint_send(rn_deint *d, AVFrame *frame, rn_fault *fault);

/*
 * Takes the next one into frame, which is blank; *got false: it needs another
 * before, or all are out.
 */
rn_status rn_deint_take(rn_deint *d, AVFrame *frame, bool *got,
    rn_fault *fault);

/* Whether pictures like this one can be given to it. */
bool rn_deint_fits(const rn_deint *d, const AVFrame *frame);

/* Sets *d to NULL; NULL is fine. */
void rn_deint_close(rn_deint **d);


#endif /* RN_DEINT_H */
