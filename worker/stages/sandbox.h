/*
 * The sandbox of the children that read strangers' files.  A child has what its
 * task lends it, memory, threads and the fonts; no other file, no network, no
 * other process, whatever a decoder is made to do.
 *
 *   sandbox.c        the child's limits, descriptors and signals; the order
 *   sandbox_paths.c  Landlock: which files can be opened
 *   sandbox_calls.c  seccomp: which system calls can be made
 *   sandbox_test.c   tries to break out
 */

#ifndef SANDBOX_H
#define SANDBOX_H

#include "stage.h"

#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>


#define SANDBOX_LANDLOCK  1u
#define SANDBOX_SECCOMP   2u
#define SANDBOX_ALL       (SANDBOX_LANDLOCK | SANDBOX_SECCOMP)


/*
 * What the operator says, RENDER_SANDBOX: "on", "off", or the one layer that
 * there is, "landlock" or "seccomp".  False for anything else.
 */
bool sandbox_parse(const char *word, unsigned *layers);

/*
 * The layers that this kernel lets us have.  Of those of `wanted` that are
 * missing a sentence is left in why, empty when there are none.
 */
unsigned sandbox_kernel(unsigned wanted, char *why, size_t len);

/*
 * Makes ready what children will enter, and loads what they could not open any
 * more: once, in the process that forks them, while it has one thread.  False
 * with a reason.
 */
bool sandbox_prepare(unsigned layers, char *err, size_t len);

/* Whether that was done. */
bool sandbox_ready(void);

/*
 * Called in a child that has just been forked by `parent`: from here on it is
 * confined, and has no descriptors but those of the task and standard error.
 * False with a reason: then it must end.
 */
bool sandbox_enter(const stage_task *task, pid_t parent, char *err,
    size_t len);

/*
 * The system call for which the sandbox ended a child by SIGSYS, from the
 * task's result; "unknown" where that does not say it.
 */
void sandbox_broken(int result, char *name, size_t len);

/*
 * Forks children, each of which tries what none may, or must be able to.  With
 * `out` each is told there in a line, and all of them are wanted, also those
 * that only a layer that is switched off would refuse; without it those that
 * the layers in use refuse.  `dir` is a folder that none may read, or NULL.
 * False: something was possible that must not be, or the reverse; err names it.
 */
bool sandbox_test(FILE *out, const char *dir, char *err, size_t len);


/* between the files of the sandbox */

bool sandbox_paths_prepare(char *err, size_t len);
bool sandbox_paths_enter(const stage_task *task, char *err, size_t len);
int  sandbox_paths_abi(void);           /* -1 with errno */

bool sandbox_calls_prepare(char *err, size_t len);
bool sandbox_calls_enter(int result, char *err, size_t len);
bool sandbox_calls_there(void);         /* false with errno */

unsigned sandbox_layers(void);          /* those prepared */


#endif /* SANDBOX_H */
