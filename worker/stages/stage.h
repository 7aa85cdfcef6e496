/*
 * The stages: what a child does for one task.  A stage sees its specification,
 * descriptors by name, and nothing else: no network, no SQL, no paths.
 */

#ifndef STAGE_H
#define STAGE_H

#include "rn_segment.h"


/* A descriptor that a task is lent: an input by digest, an output by name. */

typedef struct {
    char  name[80];
    int   fd;
} stage_file;

typedef struct {
    const char        *kind;            /* "probe", "plan", ... */
    int                spec;            /* JSON, read from its beginning */
    int                result;          /* JSON, written when done */
    int                status;          /* progress: int64_t units a record */
    const stage_file  *files;
    size_t             n_files;
} stage_task;

/*
 * A stage reads its specification and returns its result (a new reference).
 * After a failure the fault says why; *detail may hold more for the one who
 * asked (the problems of a document, the key of a damaged piece).
 */
typedef rn_status (*stage_pt)(json_t *spec, const rn_env *env, json_t **result,
    json_t **detail, rn_fault *fault);


/*
 * Runs the task in this process, and writes {"status", "text", "detail",
 * "result"} to task->result.  Returns 0, or 1 when even that failed.
 */
int stage_run(const stage_task *task);

/*
 * Forks a child that is confined (sandbox.h, which has been prepared) and runs
 * the task.  Returns its pid, or -1 with errno.
 */
int stage_fork(const stage_task *task);

/*
 * A fault's sentence as JSON, new: it may quote bytes that are cut in the
 * middle of a character.
 */
json_t *stage_words(const rn_fault *fault);

/* Whether there is a stage of this kind. */
bool stage_known(const char *kind);


rn_status stage_probe(json_t *spec, const rn_env *env, json_t **result,
    json_t **detail, rn_fault *fault);
rn_status stage_plan(json_t *spec, const rn_env *env, json_t **result,
    json_t **detail, rn_fault *fault);
rn_status stage_preview(json_t *spec, const rn_env *env, json_t **result,
    json_t **detail, rn_fault *fault);
rn_status stage_audio(json_t *spec, const rn_env *env, json_t **result,
    json_t **detail, rn_fault *fault);
rn_status stage_render_segment(json_t *spec, const rn_env *env,
    json_t **result, json_t **detail, rn_fault *fault);
rn_status stage_assemble(json_t *spec, const rn_env *env, json_t **result,
    json_t **detail, rn_fault *fault);
rn_status stage_package(json_t *spec, const rn_env *env, json_t **result,
    json_t **detail, rn_fault *fault);


#endif /* STAGE_H */
