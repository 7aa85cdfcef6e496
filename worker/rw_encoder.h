/*
 * The encoder of H.264 as the worker's operator has set it, RENDER_ENCODER.
 * How it is tried: worker/stages/hardware.h.
 */

#ifndef RW_ENCODER_H
#define RW_ENCODER_H

#include "hardware.h"


/*
 * Tries what is set, before there are secrets, and tells of it in the log;
 * false with an error there: it is no encoder.  confined: tasks are in a
 * sandbox.
 */
bool rw_encoder_setting(bool confined, hardware_choice *out);

/* A line of the self-test. */
void rw_encoder_test(const hardware_choice *c);


#endif /* RW_ENCODER_H */
