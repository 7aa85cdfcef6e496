/*
 * The supervisor's side of Redis: one connection waits for bells, the other
 * rings, and tells progress.  Nothing here may fail a task: what Redis does not
 * take is lost, and rung or told again.
 */

#ifndef RW_BELL_H
#define RW_BELL_H

#include <hiredis/hiredis.h>
#include <jansson.h>
#include <stdbool.h>


#define RW_BELL_JOBS  64                /* whose percent is remembered */


typedef struct {
    char        job[40];
    json_int_t  run;
    double      percent;
} rw_seen;

typedef struct {
    char           host[256];
    int            port, db;
    char           password[256];
    char           consumer[40];        /* the worker's id */
    redisContext  *wait;                /* XREADGROUP is under way on it */
    redisContext  *cmd;
    bool           reading;
    double         next_try, pause;
    bool           told;
    char           sha[41];             /* of the progress script */
    rw_seen        seen[RW_BELL_JOBS];
    size_t         next_seen;
} rw_bell;


/* Reads redis://[:password@]host[:port][/db]; false: not of this form. */
bool rw_bell_init(rw_bell *b, const char *url, const char *consumer);

/* Connects if need be and its time has come; whether both are there. */
bool rw_bell_ready(rw_bell *b, double now);

/* Begins to wait for a bell; rw_bell_fd is readable when one rings. */
void rw_bell_listen(rw_bell *b);

/* The descriptor to poll, or -1. */
int rw_bell_fd(const rw_bell *b);

/* Takes what came; true when a bell rang (or might have). */
bool rw_bell_take(rw_bell *b);

/* Rings the bells and tells the events of an effects object. */
void rw_bell_effects(rw_bell *b, json_t *effects, const char *task,
    json_int_t fence);

/* Tells one update (see rn_progress.h); borrowed. */
void rw_bell_tell(rw_bell *b, json_t *update);

void rw_bell_close(rw_bell *b);


#endif /* RW_BELL_H */
