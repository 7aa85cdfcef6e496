/*
 * The stage "probe": {"input": name, "kind": as the upload was taken for} ->
 * what rn_probe finds out.
 */

#include "stage.h"
#include "rn_caption.h"
#include "rn_probe.h"
#include "rn_probe_small.h"

#include <string.h>


rn_status
stage_probe(json_t *spec, const rn_env *env, json_t **result, json_t **detail,
    rn_fault *fault)
{
    int          fd;
    const char  *name, *kind;

    (void) detail;

    name = json_string_value(json_object_get(spec, "input"));
    fd = name != NULL ? env->file(env->opaque, name) : -1;

    if (fd < 0) {
        return rn_fail(fault, RN_E_INTERNAL, "the input was not handed over");
    }

    /* of text that is no captions there is nothing else to be found out */

    kind = json_string_value(json_object_get(spec, "kind"));

    if (rn_probe_small(fd, result, fault)) {
        return fault->status;
    }

    if (kind != NULL && strcmp(kind, "document") == 0 && !rn_caption_known(fd))
    {
        *result = json_pack("{s:s, s:s, s:i, s:[]}", "kind", kind, "format",
                            "text", "duration", 0, "warnings");
        return *result != NULL ? RN_OK
                               : rn_fail(fault, RN_E_NOMEM, "out of memory");
    }

    return rn_probe(fd, result, fault);
}
