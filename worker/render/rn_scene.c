/*
 * A segment's layers, laid over one another in painter's order.  Static layers
 * are drawn once; what fills the canvas with nothing above it is not copied.
 */

#include "rn_scene.h"
#include "rn_blend.h"
#include "rn_encode.h"
#include "rn_layer.h"

#include <stdlib.h>


struct rn_scene {
    rn_stage      stage;
    int64_t       frames;
    uint32_t      base, background;
    bool          based;
    rn_layer    **layers;
    size_t        n;
    AVFrame      *canvas, *spare;       /* spare: the one before, which an
                                           encoder may still hold */
    AVFrame      *side;                 /* the other half of a mix */
};


static int64_t
number(json_t *o, const char *name)
{
    return json_integer_value(json_object_get(o, name));
}


static int64_t
element(json_t *o, const char *name, size_t i)
{
    return json_integer_value(json_array_get(json_object_get(o, name), i));
}


static AVFrame *
new_canvas(int w, int h)
{
    AVFrame  *f;

    f = av_frame_alloc();
    if (f == NULL) {
        return NULL;
    }

    f->format = AV_PIX_FMT_YUV420P;
    f->width = w;
    f->height = h;

    if (av_frame_get_buffer(f, 0) < 0) {
        av_frame_free(&f);
    }

    return f;
}


/* A canvas that nobody else looks at; what was drawn on it does not matter. */

static rn_status
clean_canvas(rn_scene *s, rn_fault *fault)
{
    AVFrame  *f;

    if (av_frame_is_writable(s->canvas)) {
        return RN_OK;
    }

    f = s->spare;
    s->spare = s->canvas;
    s->canvas = f;

    if (f == NULL || !av_frame_is_writable(f)) {
        av_frame_free(&s->canvas);
        s->canvas = new_canvas(s->stage.w, s->stage.h);
    }

    return s->canvas != NULL ? RN_OK
           : rn_fail(fault, RN_E_NOMEM, "out of memory");
}


static void
fill_canvas(rn_scene *s)
{
    if (s->based) {
        rn_fill(s->canvas, s->base);
        rn_blend_color(s->canvas, s->background, s->stage.w, s->stage.h, 0, 0,
                       RN_OPAQUE);
    } else {
        rn_fill(s->canvas, s->background);
    }
}


/*
 * The frame of the topmost layer that fills the canvas, or NULL; it hides what
 * is below, which is neither drawn nor decoded.  *above: the first that is
 * drawn, s->n if there is none.
 */

static rn_status
find_ground(rn_scene *s, int64_t k, const AVFrame **ground, size_t *above,
    rn_fault *fault)
{
    size_t  i;

    *ground = NULL;
    *above = s->n;

    for (i = s->n; i > 0 && *ground == NULL; i--) {
        if (!rn_layer_active(s->layers[i - 1], k)) {
            continue;
        }

        if (rn_layer_whole(s->layers[i - 1], k, ground, fault) != RN_OK) {
            return fault->status;
        }

        *above = *ground == NULL ? i - 1 : *above;
    }

    return RN_OK;
}


static rn_status
compose(rn_scene *s, int64_t k, const AVFrame *ground, size_t above,
    rn_fault *fault)
{
    size_t  i;

    if (clean_canvas(s, fault) != RN_OK) {
        return fault->status;
    }

    if (ground != NULL) {
        rn_copy(s->canvas, ground);
    } else {
        fill_canvas(s);
    }

    for (i = above; i < s->n; i++) {
        if (rn_layer_active(s->layers[i], k)
            && rn_layer_draw(s->layers[i], k, s->canvas, s->side, fault)
               != RN_OK)
        {
            return fault->status;
        }
    }

    return RN_OK;
}


rn_status
rn_scene_open(rn_scene **out, json_t *spec, const rn_env *env,
    rn_fault *fault)
{
    size_t     i;
    json_t    *list;
    rn_scene  *s;

    *out = NULL;

    s = calloc(1, sizeof(rn_scene));
    if (s == NULL) {
        return rn_fail(fault, RN_E_NOMEM, "out of memory");
    }

    s->stage.env = env;
    s->stage.w = (int) element(spec, "canvas", 0);
    s->stage.h = (int) element(spec, "canvas", 1);
    s->stage.fps.num = element(spec, "canvas", 2);
    s->stage.fps.den = element(spec, "canvas", 3);
    s->frames = number(spec, "frames");
    s->background = (uint32_t) number(spec, "background");

    if (number(spec, "engine") != RN_ENGINE || s->stage.w < 2 || s->stage.h < 2
        || s->stage.fps.num < 1 || s->stage.fps.den < 1 || s->frames < 1)
    {
        rn_fail(fault, RN_E_INTERNAL, "a segment of another engine");
        goto fail;
    }

    list = json_object_get(spec, "layers");
    s->layers = calloc(json_array_size(list) + 1, sizeof(rn_layer *));
    s->canvas = new_canvas(s->stage.w, s->stage.h);
    s->side = new_canvas(s->stage.w, s->stage.h);

    if (s->layers == NULL || s->canvas == NULL || s->side == NULL) {
        rn_fail(fault, RN_E_NOMEM, "out of memory");
        goto fail;
    }

    for (i = 0; i < json_array_size(list); i++) {
        s->layers[i] = rn_layer_read(json_array_get(list, i), &s->stage,
                                     fault);
        if (s->layers[i] == NULL) {
            goto fail;
        }
        s->n++;
    }

    *out = s;
    return RN_OK;

fail:

    rn_scene_close(&s);
    return fault->status;
}


void
rn_scene_base(rn_scene *s, uint32_t rgba)
{
    s->base = rgba;
    s->based = true;
}


rn_status
rn_scene_picture(rn_scene *s, int64_t k, const AVFrame **picture,
    rn_fault *fault)
{
    size_t          i, above;
    const AVFrame  *ground;

    *picture = NULL;

    if (k < 0 || k >= s->frames) {
        return rn_fail(fault, RN_E_INTERNAL, "a picture outside its segment");
    }

    for (i = 0; i < s->n; i++) {            /* files of layers gone by */
        if (rn_layer_over(s->layers[i], k)) {
            rn_layer_close(s->layers[i]);
        }
    }

    if (find_ground(s, k, &ground, &above, fault) != RN_OK) {
        return fault->status;
    }

    if (ground != NULL && above == s->n) {
        *picture = ground;              /* it is not copied at all */
    } else if (compose(s, k, ground, above, fault) == RN_OK) {
        *picture = s->canvas;
    }

    return fault->status;
}


void
rn_scene_close(rn_scene **sp)
{
    size_t     i;
    rn_scene  *s = *sp;

    if (s == NULL) {
        return;
    }

    for (i = 0; i < s->n; i++) {
        rn_layer_free(&s->layers[i]);
    }

    free(s->layers);
    av_frame_free(&s->canvas);
    av_frame_free(&s->spare);
    av_frame_free(&s->side);
    free(s);
    *sp = NULL;
}
