/* What the files of a task's way share; for rw_run*.c alone. */

#ifndef RW_RUN_PARTS_H
#define RW_RUN_PARTS_H

#include "rn_status.h"
#include "rw_run.h"


/* rw_run.c: why there is no answer; of the first reason that is given */
json_t *rw_run_error(rn_status st, const char *text, json_t *detail);
void rw_run_fail(rw_run *r, rn_status st, json_t *detail, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

void rw_run_close(int *fd);

/* Its inputs are there: a child, or the mover, begins; false: see errno. */
bool rw_run_start(rw_worker *w, rw_run *r);

/* rw_run_files.c: asks the mover about the next files, as many as may be. */
void rw_run_ask(rw_worker *w, rw_run *r);

/* All answers for this step are in. */
void rw_run_arrived(rw_worker *w, rw_run *r);

/* Outputs get their own names; or are thrown away, before and after that. */
void rw_run_store(rw_worker *w, rw_run *r);
void rw_run_discard(rw_worker *w, rw_run *r);
void rw_run_delete(rw_worker *w, rw_run *r);


#endif /* RW_RUN_PARTS_H */
