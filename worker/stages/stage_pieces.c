/* Renders a run of pieces; see stage_pieces.h. */

#include "stage_pieces.h"

#include <stdlib.h>
#include <string.h>


/* A piece under a key that is not its own would poison the cache. */

static rn_status
read_piece(json_t *piece, const rn_env *env, rn_piece *out, rn_fault *fault)
{
    char         hex[65];
    const char  *key;

    key = json_string_value(json_object_get(piece, "key"));
    out->spec = json_object_get(piece, "spec");
    out->bytes = 0;

    if (key == NULL || out->spec == NULL || !rn_spec_key(out->spec, hex)
        || strcmp(hex, key) != 0)
    {
        return rn_fail(fault, RN_E_INTERNAL, "a piece whose key is not that "
                       "of its specification");
    }

    out->fd = env->file(env->opaque, key);

    return out->fd >= 0 ? RN_OK : rn_fail(fault, RN_E_INTERNAL,
                                          "no file for a piece");
}


/* The neighbours from i on that show the same: they are drawn once. */

static size_t
run_from(const rn_piece *pieces, size_t i, size_t n, bool group)
{
    size_t  k;

    for (k = i + 1; group && k < n; k++) {
        if (!rn_segment_same(pieces[i].spec, pieces[k].spec)) {
            break;
        }
    }

    return group ? k - i : 1;
}


/* Whether it has failed since its source is none to copy from. */

static bool
is_uncopied(const rn_piece *p, const rn_fault *fault)
{
    return json_object_get(p->spec, "copy") != NULL
           && fault->status == RN_E_INPUT;
}


static bool
holds(json_t *list, json_t *v)
{
    size_t   i;
    json_t  *e;

    json_array_foreach(list, i, e) {
        if (json_equal(e, v)) {
            return true;
        }
    }

    return false;
}


/*
 * The sources that could not be copied: that of the first piece, which has
 * failed, and what is found out of others behind it, so that a film of many is
 * planned anew once.
 */

static json_t *
uncopied(rn_piece *pieces, size_t n, const rn_env *env, stage_piece_pt render)
{
    size_t    i;
    json_t   *list, *input;
    rn_fault  fault;

    list = json_array();

    for (i = 0; i < n; i++) {
        input = json_object_get(json_object_get(pieces[i].spec, "copy"),
                                "input");
        memset(&fault, 0, sizeof(fault));

        if (input == NULL || holds(list, input)) {
            continue;
        }

        if (i == 0 || (render(&pieces[i], 1, env, &fault) != RN_OK
                       && is_uncopied(&pieces[i], &fault)))
        {
            (void) json_array_append(list, input);
        }
    }

    return json_pack("{s:o}", "uncopied", list);
}


rn_status
stage_pieces(json_t *spec, const rn_env *env, stage_piece_pt render,
    bool group, json_t **result, json_t **detail, rn_fault *fault)
{
    size_t     i, n, run;
    json_t    *list, *piece, *done;
    rn_piece  *pieces;

    list = json_object_get(spec, "pieces");
    n = json_array_size(list);

    done = json_array();
    pieces = calloc(n + 1, sizeof(rn_piece));

    if (done == NULL || pieces == NULL) {
        rn_fail(fault, RN_E_NOMEM, "out of memory");
        goto fail;
    }

    if (n == 0) {
        rn_fail(fault, RN_E_INTERNAL, "a task without pieces");
        goto fail;
    }

    json_array_foreach(list, i, piece) {
        if (read_piece(piece, env, &pieces[i], fault) != RN_OK) {
            goto fail;
        }
    }

    for (i = 0; i < n; i += run) {
        run = run_from(pieces, i, n, group);

        if (render(&pieces[i], run, env, fault) != RN_OK) {
            if (is_uncopied(&pieces[i], fault)) {
                *detail = uncopied(&pieces[i], n - i, env, render);
            }
            goto fail;
        }
    }

    json_array_foreach(list, i, piece) {
        if (json_array_append_new(done, json_pack("{s:O, s:I, s:O}",
                "key", json_object_get(piece, "key"),
                "bytes", (json_int_t) pieces[i].bytes,
                "frames", json_object_get(piece, "frames"))) != 0)
        {
            rn_fail(fault, RN_E_NOMEM, "out of memory");
            goto fail;
        }
    }

    *result = json_pack("{s:o}", "pieces", done);
    free(pieces);

    return RN_OK;

fail:

    json_decref(done);
    free(pieces);

    return fault->status;
}
