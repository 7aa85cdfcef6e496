/* The stage "probe": {"input": name} -> what rn_probe finds out. */

#include "stage.h"
#include "rn_probe.h"


rn_status
stage_probe(json_t *spec, const rn_env *env, json_t **result, json_t **detail,
    rn_fault *fault)
{
    int          fd;
    const char  *name;

    (void) detail;

    name = json_string_value(json_object_get(spec, "input"));
    fd = name != NULL ? env->file(env->opaque, name) : -1;

    if (fd < 0) {
        return rn_fail(fault, RN_E_INTERNAL, "the input was not handed over");
    }

    return rn_probe(fd, result, fault);
}
