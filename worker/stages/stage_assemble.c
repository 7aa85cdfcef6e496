/*
 * The stage "assemble": joins pieces to the film, written to the file lent as
 * "final.mp4".  The key of a damaged piece is the detail, or the sources whose
 * pictures do not go with others: {"uncopied": [their names]}.
 */

#include "stage.h"
#include "rn_assemble.h"


static json_t *
copied(json_t *spec)
{
    size_t       i;
    json_t      *list, *p;
    const char  *name;

    list = json_array();

    json_array_foreach(json_object_get(spec, "segments"), i, p) {
        name = rn_copied_from(p);
        if (name != NULL) {
            (void) json_array_append_new(list, json_string(name));
        }
    }

    return list;
}


rn_status
stage_assemble(json_t *spec, const rn_env *env, json_t **result,
    json_t **detail, rn_fault *fault)
{
    int      fd;
    char     damaged[65];
    int64_t  bytes;

    fd = env->file(env->opaque, "final.mp4");
    if (fd < 0) {
        return rn_fail(fault, RN_E_INTERNAL, "no file for the film");
    }

    bytes = 0;

    if (rn_assemble(spec, env, fd, &bytes, damaged, fault) != RN_OK) {
        if (damaged[0] != '\0') {
            *detail = json_pack("{s:[s]}", "damaged", damaged);
        } else if (json_is_true(json_object_get(spec, "mixed"))
                   && (fault->status == RN_E_INPUT
                       || fault->status == RN_E_UNSUPPORTED))
        {
            *detail = json_pack("{s:o}", "uncopied", copied(spec));
        }
        return fault->status;
    }

    *result = json_pack("{s:I}", "bytes", (json_int_t) bytes);

    return RN_OK;
}
