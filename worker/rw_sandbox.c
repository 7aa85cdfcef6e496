/* The setting RENDER_SANDBOX, and the self-test; see rw_sandbox.h. */

#include "rw_sandbox.h"
#include "rn_log.h"
#include "rw_setting.h"
#include "sandbox.h"

#include <stdio.h>
#include <string.h>


bool
rw_sandbox_setting(unsigned *layers)
{
    char         why[256];
    const char  *s;

    s = rw_setting("RENDER_SANDBOX");
    if (s == NULL || s[0] == '\0') {
        s = "on";
    }

    if (!sandbox_parse(s, layers)) {
        rn_log(RN_LOG_ERROR, "RENDER_SANDBOX must be on, landlock, seccomp or "
               "off, not \"%s\"", s);
        return false;
    }

    if ((sandbox_kernel(*layers, why, sizeof(why)) & *layers) != *layers) {
        rn_log(RN_LOG_ERROR, "%s: not starting, since files of strangers would "
               "be read without it; RENDER_SANDBOX says what to go without",
               why);
        return false;
    }

    if (*layers != SANDBOX_ALL) {
        rn_log(RN_LOG_WARN, "RENDER_SANDBOX=%s: files of strangers are read "
               "%s", s, *layers == 0 ? "WITHOUT A SANDBOX: who takes over a "
               "decoder can do what this user can"
               : *layers == SANDBOX_SECCOMP ? "without Landlock: who takes "
               "over a decoder can read what this user can"
               : "without seccomp: who takes over a decoder reaches the "
               "network and the kernel");
    }

    return true;
}


int
rw_sandbox_test(unsigned layers)
{
    char         why[256];
    const char  *dir;

    dir = rw_setting("RENDER_STORAGE");
    if (dir != NULL && strncmp(dir, "file://", 7) == 0) {
        dir += 7;
    }

    if (!sandbox_prepare(layers, why, sizeof(why))
        || !sandbox_test(stdout, dir != NULL && dir[0] == '/' ? dir : NULL, why,
                         sizeof(why)))
    {
        rn_log(RN_LOG_ERROR, "the sandbox does not hold: %s", why);
        return 1;
    }

    return 0;
}
