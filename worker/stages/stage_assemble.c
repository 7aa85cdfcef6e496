/*
 * The stage "assemble": joins pieces to an output, written to the files lent by
 * their names in the plan.  result: {"bytes": of the first, "files": [sizes]}.
 * The key of a damaged piece is the detail, or sources: one that does not hold
 * what was to be copied of it, or those whose pictures do not go with others:
 * {"uncopied": [their names]}.
 */

#include "stage.h"
#include "rn_assemble.h"

#include <string.h>


/* The source of the piece of that key. */

static json_t *
source_of(json_t *spec, const char *member, const char *key)
{
    size_t       i;
    json_t      *p;
    const char  *k;

    json_array_foreach(json_object_get(spec, member), i, p) {
        k = json_string_value(json_object_get(p, "key"));
        if (k != NULL && strcmp(k, key) == 0 && rn_copied_from(p) != NULL) {
            return json_string(rn_copied_from(p));
        }
    }

    return NULL;
}


static json_t *
not_copied(json_t *spec, const char *key)
{
    json_t  *name;

    name = source_of(spec, "segments", key);

    return json_pack("{s:[o]}", "uncopied",
                     name != NULL ? name : source_of(spec, "sound", key));
}


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
    char     damaged[65];
    json_t  *files;

    files = json_array();
    if (files == NULL) {
        return rn_fail(fault, RN_E_NOMEM, "out of memory");
    }

    if (rn_assemble(spec, env, files, damaged, fault) != RN_OK) {
        json_decref(files);

        if (damaged[0] != '\0' && fault->status == RN_E_INPUT) {
            *detail = not_copied(spec, damaged);
        } else if (damaged[0] != '\0') {
            *detail = json_pack("{s:[s]}", "damaged", damaged);
        } else if (json_is_true(json_object_get(spec, "mixed"))
                   && (fault->status == RN_E_INPUT
                       || fault->status == RN_E_UNSUPPORTED))
        {
            *detail = json_pack("{s:o}", "uncopied", copied(spec));
        }
        return fault->status;
    }

    *result = json_pack("{s:O, s:o}", "bytes", json_array_get(files, 0),
                        "files", files);

    return RN_OK;
}
