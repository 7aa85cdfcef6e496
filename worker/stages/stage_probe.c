/*
 * The stage "probe": {"input": name, "kind": as the upload was taken for} ->
 * what rn_probe finds out; or {"inputs": [names]} -> [{"facts"} or {"error"}],
 * of many in one child, without what only an upload needs.
 */

#include "stage.h"
#include "rn_caption.h"
#include "rn_probe.h"
#include "rn_probe_small.h"

#include <string.h>


static rn_status
probe(const char *name, const char *kind, bool blurhash, const rn_env *env,
    json_t **facts, rn_fault *fault)
{
    int  fd;

    fd = name != NULL ? env->file(env->opaque, name) : -1;

    if (fd < 0) {
        return rn_fail(fault, RN_E_INTERNAL, "the input was not handed over");
    }

    /* of text that is no captions there is nothing else to be found out */

    if (rn_probe_small(fd, facts, fault)) {
        return fault->status;
    }

    if (kind != NULL && strcmp(kind, "document") == 0 && !rn_caption_known(fd))
    {
        *facts = json_pack("{s:s, s:s, s:i, s:[]}", "kind", kind, "format",
                           "text", "duration", 0, "warnings");
        return *facts != NULL ? RN_OK
                              : rn_fail(fault, RN_E_NOMEM, "out of memory");
    }

    return rn_probe(fd, blurhash, facts, fault);
}


static rn_status
probe_each(json_t *names, const rn_env *env, json_t **result, rn_fault *fault)
{
    size_t     i;
    json_t    *name, *facts;
    rn_fault   own;

    *result = json_array();

    json_array_foreach(names, i, name) {
        facts = NULL;
        memset(&own, 0, sizeof(own));

        if (json_array_append_new(*result,
                probe(json_string_value(name), NULL, false, env, &facts, &own)
                == RN_OK ? json_pack("{s:o}", "facts", facts)
                         : json_pack("{s:o}", "error", stage_words(&own)))
            != 0)
        {
            return rn_fail(fault, RN_E_NOMEM, "out of memory");
        }
    }

    return RN_OK;
}


rn_status
stage_probe(json_t *spec, const rn_env *env, json_t **result, json_t **detail,
    rn_fault *fault)
{
    json_t  *inputs;

    (void) detail;

    inputs = json_object_get(spec, "inputs");
    if (inputs != NULL) {
        return probe_each(inputs, env, result, fault);
    }

    return probe(json_string_value(json_object_get(spec, "input")),
                 json_string_value(json_object_get(spec, "kind")), true, env,
                 result, fault);
}
