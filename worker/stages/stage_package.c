/*
 * The stage "package": pieces of one track of a stream, written to the file
 * lent as "stream.mp4"; see rn_hls_package.  The key of a damaged piece is the
 * detail.
 */

#include "stage.h"
#include "rn_hls.h"


rn_status
stage_package(json_t *spec, const rn_env *env, json_t **result,
    json_t **detail, rn_fault *fault)
{
    int   fd;
    char  damaged[65];

    fd = env->file(env->opaque, "stream.mp4");
    if (fd < 0) {
        return rn_fail(fault, RN_E_INTERNAL, "no file for a stream");
    }

    if (rn_hls_package(spec, env, fd, damaged, result, fault) != RN_OK
        && damaged[0] != '\0')
    {
        *detail = json_pack("{s:[s]}", "damaged", damaged);
    }

    return fault->status;
}
