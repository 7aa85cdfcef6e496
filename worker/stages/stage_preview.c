/*
 * The stage "preview": two pictures of a film before there is a film.
 *
 *   {"first": {"spec", "tick"}, "poster": {"spec", "tick"}, "blurhash": bool}
 *
 * spec is that of the segment in which the picture lies, so that it shows what
 * the film will show.  Outputs: preview.jpg, small, of the first, and
 * poster.jpg, as large as the canvas.  The result is {"blurhash", "width",
 * "height", "preview_bytes", "poster_bytes"}: size of the preview, and the hash
 * of the first picture, or of the poster where the first is almost of one
 * colour (films begin black), null where none was asked for.
 */

#include "stage.h"
#include "rn_blurhash.h"
#include "rn_scene.h"
#include "rn_still.h"

#include <limits.h>
#include <math.h>
#include <libavutil/cpu.h>


#define PREVIEW_WIDTH  640              /* px at the most */
#define THREADS_MAX    4


/*
 * Writes one picture, at most max_w px wide, to the output called `name`; what
 * was written, and its hash, if one is wanted, are in the last arguments.
 */

static rn_status
still(json_t *which, const rn_env *env, const char *name, int max_w, int *w,
    int *h, int64_t *bytes, rn_blurhash *hash, rn_fault *fault)
{
    int             fd;
    json_t         *spec;
    rn_turn         upright = { 0, false };
    rn_scene       *s;
    rn_colour       colour = { "bt709", false };
    const AVFrame  *f;

    spec = json_object_get(which, "spec");
    fd = env->file(env->opaque, name);

    if (fd < 0 || !json_is_object(spec)) {
        return rn_fail(fault, RN_E_INTERNAL, "a still without a file or a "
                       "specification");
    }

    if (rn_scene_open(&s, spec, env, fault) != RN_OK) {
        return fault->status;
    }

    if (rn_scene_picture(s, json_integer_value(json_object_get(which, "tick")),
                         &f, fault) == RN_OK)
    {
        *w = f->width;
        *h = f->height;

        if (*w > max_w) {
            *w = max_w;
            *h = (int) lround((double) max_w * f->height / f->width / 2) * 2;
            *h = *h < 2 ? 2 : *h;
        }

        if (rn_still_write(f, *w, *h, fd, bytes, fault) == RN_OK
            && hash != NULL)
        {
            (void) rn_blurhash_of(f, colour, upright, hash, fault);
        }
    }

    rn_scene_close(&s);

    if (fault->status == RN_OK && env->progress != NULL) {
        env->progress(env->opaque, 1);
    }

    return fault->status;
}


rn_status
stage_preview(json_t *spec, const rn_env *env, json_t **result, json_t **detail,
    rn_fault *fault)
{
    int          w, h, pw, ph;
    bool         flat;
    int64_t      preview, poster;
    rn_env       own = *env;
    const char  *text;
    rn_blurhash  first, other;

    (void) detail;

    own.threads = av_cpu_count();       /* a person waits for it */
    own.threads = own.threads > THREADS_MAX ? THREADS_MAX : own.threads;

    if (still(json_object_get(spec, "first"), &own, "preview.jpg",
              PREVIEW_WIDTH, &w, &h, &preview, &first, fault) != RN_OK)
    {
        return fault->status;
    }

    flat = rn_blurhash_flat(&first);

    if (still(json_object_get(spec, "poster"), &own, "poster.jpg", INT_MAX,
              &pw, &ph, &poster, flat ? &other : NULL, fault) != RN_OK)
    {
        return fault->status;
    }

    text = flat ? other.hash : first.hash;

    *result = json_pack("{s:s?, s:i, s:i, s:I, s:I}", "blurhash",
                        json_is_true(json_object_get(spec, "blurhash"))
                        ? text : NULL, "width", w, "height", h,
                        "preview_bytes", (json_int_t) preview,
                        "poster_bytes", (json_int_t) poster);
    if (*result == NULL) {
        return rn_fail(fault, RN_E_NOMEM, "out of memory");
    }

    return RN_OK;
}
