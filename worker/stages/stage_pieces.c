/* Renders a run of pieces; see stage_pieces.h. */

#include "stage_pieces.h"

#include <string.h>


static rn_status
one(json_t *piece, const rn_env *env, stage_piece_pt render, json_t *done,
    rn_fault *fault)
{
    int          fd;
    char         hex[65];
    int64_t      bytes;
    json_t      *spec;
    const char  *key;

    key = json_string_value(json_object_get(piece, "key"));
    spec = json_object_get(piece, "spec");

    /* a piece under a key that is not its own would poison the cache */

    if (key == NULL || spec == NULL || !rn_spec_key(spec, hex)
        || strcmp(hex, key) != 0)
    {
        return rn_fail(fault, RN_E_INTERNAL, "a piece whose key is not that "
                       "of its specification");
    }

    fd = env->file(env->opaque, key);
    if (fd < 0) {
        return rn_fail(fault, RN_E_INTERNAL, "no file for a piece");
    }

    bytes = 0;
    if (render(spec, env, fd, &bytes, fault) != RN_OK) {
        return fault->status;
    }

    if (json_array_append_new(done, json_pack("{s:s, s:I, s:O}", "key", key,
                                              "bytes", (json_int_t) bytes,
                                              "frames",
                                              json_object_get(piece, "frames")))
        != 0)
    {
        return rn_fail(fault, RN_E_NOMEM, "out of memory");
    }

    return RN_OK;
}


rn_status
stage_pieces(json_t *spec, const rn_env *env, stage_piece_pt render,
    json_t **result, json_t **detail, rn_fault *fault)
{
    size_t   i;
    json_t  *pieces, *piece, *done, *copy;

    pieces = json_object_get(spec, "pieces");
    done = json_array();

    if (done == NULL || json_array_size(pieces) == 0) {
        json_decref(done);
        return rn_fail(fault, RN_E_INTERNAL, "a task without pieces");
    }

    json_array_foreach(pieces, i, piece) {
        if (one(piece, env, render, done, fault) != RN_OK) {
            copy = json_object_get(json_object_get(piece, "spec"), "copy");
            if (copy != NULL && fault->status == RN_E_INPUT) {
                *detail = json_pack("{s:[O]}", "uncopied",
                                    json_object_get(copy, "input"));
            }
            json_decref(done);
            return fault->status;
        }
    }

    *result = json_pack("{s:o}", "pieces", done);

    return RN_OK;
}
