/*
 * Running stages in children on this machine, with files by path: what the
 * command uses where the daemon has supervisor, mover and zygote.
 */

#ifndef LOCAL_H
#define LOCAL_H

#include "stage.h"

#include <sys/types.h>


typedef struct local_task  local_task;

typedef struct {
    char  *path;
    int    flags;                       /* of open(2) */
} local_file;

struct local_task {
    const char   *kind;
    json_t       *spec;                 /* owned */
    stage_file   *files;                /* once it runs, open */
    local_file   *paths;                /* of these, owned */
    size_t        n_files;
    pid_t         pid;
    int           spec_fd, result_fd, status_fd;
    double        units;                /* told so far */
    json_t       *answer;               /* {"status", "text", ...}, owned */
    void         *of;                   /* the caller's */
};


/* Whether something is lent to the task under that name. */
bool local_lent(const local_task *t, const char *name);

/*
 * Lends the file at `path` to the task under `name`, once however often it is
 * asked for; it is opened when the task starts.  False with a message.
 */
bool local_lend(local_task *t, const char *name, const char *path,
    int open_flags);

/*
 * Makes ready what children of this command need, as the first one does else;
 * *confined: they are in a sandbox.  False with a message.
 */
bool local_prepare(bool *confined);

/* Starts the task in a child; false with the reason in err. */
bool local_start(local_task *t, char *err, size_t err_len);

/* Descriptors that it takes while it runs. */
size_t local_descriptors(const local_task *t);

/* Takes the progress that was told since. */
void local_progress(local_task *t);

/*
 * After the child ended with `wstatus`: reads the answer, closes all, and
 * returns the outcome; a message for a person goes to err.
 */
rn_status local_finish(local_task *t, int wstatus, char *err, size_t err_len);

/* Starts, waits, finishes; the answer's result is borrowed in *result. */
rn_status local_run(local_task *t, json_t **result, char *err, size_t err_len);

void local_free(local_task *t);

/*
 * Tasks side by side, at most so many as there are places (one or more) and
 * descriptors for.  `next` makes an empty one ready, all but its start; false:
 * there is none any more, and what it has lent is freed.  `ended` gets each
 * with its outcome, also one that could not be started (RN_E_LIMIT); it is
 * freed afterwards.  `tick`, if not NULL, sees the places ten times a second,
 * of which those that run have a pid above 0.
 */

typedef struct {
    size_t        places;
    bool        (*next)(void *data, local_task *t);
    void        (*ended)(void *data, local_task *t, rn_status rc,
                         const char *err);
    void        (*tick)(void *data, local_task *tasks, size_t n);
    void         *data;
} local_work;

/* Returns when all have ended; false with a message if none could begin. */
bool local_work_off(const local_work *work);

/* Reads a whole file; NULL with a message.  The caller frees it. */
char *local_read(const char *path, size_t *len);


#endif /* LOCAL_H */
