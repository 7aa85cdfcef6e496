/* Settings from the environment; see rw_setting.h. */

#include "rw_setting.h"
#include "rn_log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>


const char *
rw_setting(const char *name)
{
    int          fd;
    char         var[64], *text;
    ssize_t      n;
    const char  *path;

    (void) snprintf(var, sizeof(var), "%s_FILE", name);
    path = getenv(var);

    if (path == NULL) {
        return getenv(name);
    }

    text = calloc(1, 4096);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    n = fd >= 0 && text != NULL ? read(fd, text, 4095) : -1;

    if (fd >= 0) {
        (void) close(fd);
    }

    if (n < 0) {
        rn_log(RN_LOG_ERROR, "%s: %s: %s", var, path, strerror(errno));
        free(text);
        return NULL;
    }

    while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == '\r')) {
        text[--n] = '\0';
    }

    return text;
}


bool
rw_setting_number(const char *name, long lo, long hi, long *out)
{
    char        *end;
    long         n;
    const char  *s;

    s = getenv(name);
    if (s == NULL || s[0] == '\0') {
        return true;
    }

    n = strtol(s, &end, 10);
    if (*end != '\0' || n < lo || n > hi) {
        rn_log(RN_LOG_ERROR, "%s must be a number from %ld to %ld, not \"%s\"",
               name, lo, hi, s);
        return false;
    }

    *out = n;
    return true;
}
