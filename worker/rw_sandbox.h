/*
 * The sandbox of the worker's children as its operator has set it.  What it is
 * made of: worker/stages/sandbox.h.
 */

#ifndef RW_SANDBOX_H
#define RW_SANDBOX_H

#include <stdbool.h>


/*
 * The layers of the sandbox; false, with an error in the log, where the setting
 * is none or the kernel has less than is wanted.
 */
bool rw_sandbox_setting(unsigned *layers);

/* Tries to break out, telling of each try; the status of the process. */
int rw_sandbox_test(unsigned layers);


#endif /* RW_SANDBOX_H */
