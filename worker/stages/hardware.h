/*
 * Which encoder codes H.264 here: libx264, or the one of hardware that an
 * operator has asked for, if it works.  That is tried once, when a worker or a
 * command begins, by coding a real film of a few pictures: in a process of its
 * own, which may crash or hang as drivers do.
 *
 * Hardware needs a task without a sandbox (sandbox.h).  A driver is a library
 * that is loaded, opens devices for writing, maps them, and asks them things by
 * ioctl() that no filter could tell from others: a sandbox with holes for all
 * of that would be none, and one cut to a driver that nobody has here to try
 * it with would be a guess.
 */

#ifndef HARDWARE_H
#define HARDWARE_H

#include "rn_hardware.h"

#include <jansson.h>


#define HARDWARE_WORDS  "libx264, h264_nvenc, h264_vaapi or auto"

typedef struct {
    rn_hardware  found;                 /* name "": libx264 */
    char         why[700];              /* it is libx264 all the same; or "" */
} hardware_choice;


/* Whether an operator may say that; NULL and "" are libx264. */
bool hardware_known(const char *word);

/*
 * Tries what the word says, "auto" one after the other, and allows what works
 * to this process and its children.  confined: these are in a sandbox.
 */
void hardware_choose(const char *word, bool confined, hardware_choice *out);

/*
 * What a task that plans is told of it (stage_plan.c); new reference, NULL:
 * libx264, as nobody has asked for another.
 */
json_t *hardware_json(const hardware_choice *c);


#endif /* HARDWARE_H */
