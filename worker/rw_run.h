/*
 * One claimed task on its way through mover and child: fetching its inputs,
 * running, storing what it made, and finishing in SQL.
 */

#ifndef RW_RUN_H
#define RW_RUN_H

#include "rw_bell.h"
#include "rw_db.h"
#include "rw_encoder.h"

#include <sys/types.h>


#define RW_STALL  120                   /* s without progress: it hangs */


typedef enum {
    RW_FETCHING,                        /* the mover opens and creates */
    RW_RUNNING,                         /* the child works */
    RW_STORING,                         /* the mover commits */
    RW_FINISHING,                       /* SQL has to be told */
    RW_ENDED
} rw_state;

typedef struct {
    char         name[80];
    char         key[300];              /* in storage */
    char         temp[64];              /* outputs: the temporary name */
    int          fd;
    int          error;
    bool         stored;                /* an output that has its own name */
} rw_file;

typedef struct rw_run  rw_run;

struct rw_run {
    rw_run      *next;
    rw_state     state;
    char         tag[24];               /* this run, to the zygote: a task may
                                           be claimed again while the child
                                           of its last run still dies */
    char         task[40], job[40], kind[32];
    json_int_t   fence;
    json_t      *order;                 /* as the claim gave it, owned */
    rw_file     *files;                 /* inputs, then outputs */
    size_t       n_files, n_inputs;
    size_t       next_file;             /* the next to ask the mover about */
    size_t       pending;               /* answers of the mover to come */
    char         why[400];              /* what it says of the first fault */
    int          spec, result, status, pidfd;
    bool         fetches;               /* by the mover, not the zygote */
    bool         stopped;               /* cancelled or lost: say nothing */
    int          refused;               /* times SQL would not have our end */
    double       units, total, told_at, heard_at, refused_at;
    json_t      *answer, *error;        /* what SQL will be told */
};

typedef struct {
    const char  *storage;
    char         id[40];
    int          slots;
    int          fetch_slots;           /* who waits takes no one's place */
    bool         smart_cut;             /* films may be copied in part */
    hardware_choice  encoder;           /* of H.264 */
    double       drain_timeout;
    double            stall;            /* s: see RW_STALL */
    rw_db        db;
    rw_bell      bell;
    int          mover, zygote;
    rw_run      *runs;
    size_t       n_runs;
    size_t       n_fetches;             /* of them, in slots of their own */
    json_int_t   next_id;               /* of runs, in the mover's messages */
    size_t       asked;                 /* of the mover, not yet answered */
} rw_worker;


/* Takes an order of the claim (its reference) and begins; false: no memory. */
bool rw_run_begin(rw_worker *w, json_t *order);

/* A message of the mover, with the descriptor it carries or -1. */
void rw_run_moved(rw_worker *w, json_t *msg, int fd);

/* A message of the zygote, with the pidfd it carries or -1. */
void rw_run_child(rw_worker *w, json_t *msg, int fd);

/* Progress waits on the task's pipe. */
void rw_run_progress(rw_worker *w, rw_run *r);

/* Ends it; what it made is thrown away, unless SQL has taken it already. */
void rw_run_stop(rw_worker *w, rw_run *r);

/* Tells SQL of those that are done; frees the ended.  Called each round. */
void rw_run_settle(rw_worker *w);

/* Kills children that hang. */
void rw_run_check(rw_worker *w, double now);


#endif /* RW_RUN_H */
