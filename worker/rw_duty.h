/*
 * What a worker does with SQL by the clock: it says that it lives and hears
 * what to stop, claims work, keeps house where it is the janitor, and leaves.
 */

#ifndef RW_DUTY_H
#define RW_DUTY_H

#include "rw_run.h"


typedef struct {
    rw_worker  w;
    bool       draining, quiet, now;    /* now: a second SIGTERM */
    bool       claim;                   /* look for work in this round */
    bool       janitor;
    double     drain_until, alive_at, janitor_at, claim_at, sweep_at;
    pid_t      mover_pid, zygote_pid;
} rw_supervisor;


void rw_duty_alive(rw_supervisor *s);

/* Slots that are free for what uses the processor. */
int rw_duty_free(rw_worker *w);

/* Takes what there is, unless the worker is ending. */
void rw_duty_claim(rw_supervisor *s);

/* As the janitor, if nobody else is. */
void rw_duty_house(rw_supervisor *s);

/* Stops all of it, and hands it back. */
void rw_duty_leave(rw_supervisor *s);


#endif /* RW_DUTY_H */
