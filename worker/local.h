/*
 * Running stages in children on this machine, with files by path: what the
 * command uses where the daemon has supervisor, mover and zygote.
 */

#ifndef LOCAL_H
#define LOCAL_H

#include "stage.h"

#include <sys/types.h>


typedef struct local_task  local_task;

struct local_task {
    const char   *kind;
    json_t       *spec;                 /* owned */
    stage_file   *files;                /* descriptors are owned */
    size_t        n_files;
    pid_t         pid;
    int           spec_fd, result_fd, status_fd;
    double        units;                /* told so far */
    json_t       *answer;               /* {"status", "text", ...}, owned */
};


/* Lends the file at `path` to the task under `name`; false with a message. */
bool local_lend(local_task *t, const char *name, const char *path,
    int open_flags);

/*
 * Makes ready what children of this command need, as the first one does else;
 * *confined: they are in a sandbox.  False with a message.
 */
bool local_prepare(bool *confined);

/* Starts the task in a child; false with a message. */
bool local_start(local_task *t);

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

/* Reads a whole file; NULL with a message.  The caller frees it. */
char *local_read(const char *path, size_t *len);


#endif /* LOCAL_H */
