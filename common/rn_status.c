/* Wire names of the outcomes in rn_status.h; nothing else. */

#include "rn_status.h"

#include <string.h>


static const char *const names[RN_E_MAX] = {
    "ok", "internal", "nomem", "io", "input", "invalid", "limit",
    "unsupported", "cancelled",
};


const char *
rn_status_name(rn_status st)
{
    return (unsigned) st < RN_E_MAX ? names[st] : names[RN_E_INTERNAL];
}


rn_status
rn_status_parse(const char *name)
{
    int i;

    for (i = 0; i < RN_E_MAX; i++) {
        if (strcmp(names[i], name) == 0) {
            return (rn_status) i;
        }
    }

    return RN_E_INTERNAL;
}


int
rn_status_retryable(rn_status st)
{
    return st == RN_E_INTERNAL || st == RN_E_NOMEM || st == RN_E_IO;
}
