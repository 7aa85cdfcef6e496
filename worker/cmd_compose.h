/* A film in the making on the command line; for cmd_compose*.c alone. */

#ifndef CMD_COMPOSE_H
#define CMD_COMPOSE_H

#include "cmd.h"
#include "cmd_pieces.h"


typedef struct {
    cmd_film     film;
    const char  *out;
    char         cache[4096];
    bool         keep;                  /* the cache is the caller's */
    int          jobs;
    cmd_pieces   pieces;                /* of this plan, */
    json_t      *made;                  /* keys begun by all before */
    json_t      *uncopied;              /* sources that could not be copied */
    char         failed[512];           /* why, if an encoder may be why */
    double       cost, done;            /* of what is rendered and copied */
    size_t       rendered, reused;
    bool         bar;
    int          percent;
} compose;


/* Where a piece is kept, or with a suffix made. */
void compose_piece_path(const compose *c, const char *key, const char *suffix,
    char *path, size_t len);

/* Shows how far it is, with so much of the cost done by tasks that run. */
void compose_progress(compose *c, double running);

/* Notes which sources have turned out, in the task, to be none to copy from. */
void compose_uncopied(compose *c, const local_task *t);

/* Notes why a task has failed, where another encoder might do it. */
void compose_failed(compose *c, rn_status rc, const char *err);

/*
 * Renders all pieces that are not there.  False with messages, and, where
 * something else may be tried, c->uncopied or c->failed set.
 */
bool compose_pieces(compose *c);

/* Whether the plan's outputs can be written; false with a message. */
bool compose_may_write(const compose *c);

/*
 * Joins the pieces to all outputs of the plan.  False with messages; sources
 * that could not be copied are then in c->uncopied.
 */
bool compose_outputs(compose *c);


#endif /* CMD_COMPOSE_H */
