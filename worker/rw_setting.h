/* Settings of the worker, from its environment or files that it names. */

#ifndef RW_SETTING_H
#define RW_SETTING_H

#include <stdbool.h>


/* NAME, or the contents of the file that NAME_FILE names; NULL: neither. */
const char *rw_setting(const char *name);

/* NAME as a number; *out stays where it is not set.  false: it is none. */
bool rw_setting_number(const char *name, long lo, long hi, long *out);


#endif /* RW_SETTING_H */
