/*
 * The one script by which progress and events reach Redis: nginx and workers
 * hand it what PostgreSQL said (see render.event in sql/), and it keeps the
 * newest state, the list for those who come back, and tells whoever listens.
 */

#ifndef RN_PROGRESS_H
#define RN_PROGRESS_H


/*
 * EVAL script 2 progress:<job> events:<job> <update>
 *
 * update: JSON {job_id, account, kind, subject, run, type, status, stage, step,
 * weight_done, weight_total, preview_url, blurhash, error, at} and, from a
 * worker, {task, fence, part}: the weight that the task has done so far, absent
 * when it has ended; and floor, the percent it was last answered: what Redis
 * forgot in a flush.  step, preview_url and blurhash stay for the run once they
 * were told.
 * Answers the job's per mille, or -1 for what is older than what is known.
 */
extern const char  rn_progress_script[];


#endif /* RN_PROGRESS_H */
