/*
 * A segment's layers, laid over one another in painter's order.  Static layers
 * are drawn once; a lone layer that fills the canvas is not copied at all.
 */

#include "rn_scene.h"
#include "rn_blend.h"
#include "rn_encode.h"
#include "rn_picture.h"
#include "rn_text.h"
#include "rn_transition.h"

#include <stdlib.h>
#include <string.h>


typedef enum { LAYER_PICTURE, LAYER_IMAGE, LAYER_TEXT, LAYER_COLOR, LAYER_MIX }
    layer_type;

typedef struct layer  layer;

struct layer {
    layer_type    type;
    int64_t       from, len;            /* ticks of the segment */
    int64_t       at;                   /* source tick at `from` */
    int           w, h;                 /* the box */
    int           place, x, y, dx, dy;  /* place 0: align x, y; 1: px */
    int           opacity;
    int64_t       show[4];              /* in: from, len; out: from, len */
    rn_fit        fit;
    uint32_t      color;
    const char   *input;
    json_t       *text;
    layer        *a, *b;                /* of a mix */
    rn_transition_pt  mix;
    rn_picture   *picture;
    AVFrame      *drawn;                /* of a text */
};

struct rn_scene {
    int           w, h;
    rn_rational   fps;
    int64_t       frames;
    uint32_t      background;
    layer        *layers;
    size_t        n;
    const rn_env *env;
    AVFrame      *canvas, *side;        /* side: the other half of a mix */
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


static bool
read_layer(layer *l, json_t *o, rn_fault *fault)
{
    size_t       i;
    const char  *type;

    memset(l, 0, sizeof(*l));

    type = json_string_value(json_object_get(o, "type"));

    if (type == NULL) {
        type = "";
    }

    l->type = strcmp(type, "video") == 0 ? LAYER_PICTURE
              : strcmp(type, "image") == 0 ? LAYER_IMAGE
              : strcmp(type, "text") == 0 ? LAYER_TEXT
              : strcmp(type, "color") == 0 ? LAYER_COLOR : LAYER_MIX;

    l->from = number(o, "from");
    l->len = number(o, "len");
    l->at = number(o, "at");
    l->w = (int) element(o, "box", 0);
    l->h = (int) element(o, "box", 1);
    l->place = (int) element(o, "place", 0);
    l->x = (int) element(o, "place", 1);
    l->y = (int) element(o, "place", 2);
    l->dx = (int) element(o, "place", 3);
    l->dy = (int) element(o, "place", 4);
    l->opacity = (int) number(o, "opacity");
    l->fit = (rn_fit) number(o, "fit");
    l->color = (uint32_t) number(o, "color");
    l->input = json_string_value(json_object_get(o, "input"));
    l->text = json_object_get(o, "text");

    for (i = 0; i < 4; i++) {
        l->show[i] = element(o, "show", i);
    }

    if (l->type == LAYER_MIX) {
        l->a = calloc(1, sizeof(layer));
        l->b = calloc(1, sizeof(layer));

        if (l->a == NULL || l->b == NULL) {
            rn_fail(fault, RN_E_NOMEM, "out of memory");
            return false;
        }

        l->mix = rn_transition(json_string_value(json_object_get(o,
                                                             "transition")));

        if (strcmp(type, "mix") != 0 || l->mix == NULL
            || !json_is_object(json_object_get(o, "a"))
            || !json_is_object(json_object_get(o, "b"))
            || !read_layer(l->a, json_object_get(o, "a"), fault)
            || !read_layer(l->b, json_object_get(o, "b"), fault)
            || l->a->type == LAYER_MIX || l->b->type == LAYER_MIX)
        {
            rn_fail(fault, RN_E_INTERNAL, "a layer of type \"%s\"", type);
            return false;
        }
    }

    return true;
}


static void
free_layer(layer *l)
{
    if (l == NULL) {
        return;
    }

    rn_picture_close(&l->picture);
    av_frame_free(&l->drawn);
    free_layer(l->a);
    free_layer(l->b);
    free(l->a);
    free(l->b);
}


static rn_status
open_picture(rn_scene *s, layer *l, rn_fault *fault)
{
    int              fd;
    rn_picture_spec  spec;

    fd = l->input != NULL ? s->env->file(s->env->opaque, l->input) : -1;
    if (fd < 0) {
        return rn_fail(fault, RN_E_INTERNAL, "an input was not handed over");
    }

    spec.fit = l->fit;
    spec.w = l->w;
    spec.h = l->h;
    spec.fps = s->fps;

    return rn_picture_open(&l->picture, fd, &spec, fault);
}


static rn_status
draw_text(rn_scene *s, layer *l, rn_fault *fault)
{
    rn_text_spec  t;

    t.text = json_string_value(json_object_get(l->text, "text"));
    t.family = json_string_value(json_object_get(l->text, "family"));
    t.size = (double) number(l->text, "size") / 1000;
    t.bold = number(l->text, "bold") != 0;
    t.italic = number(l->text, "italic") != 0;
    t.align = (rn_align) number(l->text, "align");
    t.color = (uint32_t) number(l->text, "color");
    t.background = (uint32_t) number(l->text, "background");
    t.width = (int) number(l->text, "width");
    t.max_width = s->w;
    t.max_height = s->h;

    if (t.text == NULL || t.family == NULL) {
        return rn_fail(fault, RN_E_INTERNAL, "a text layer without a text");
    }

    return rn_text_draw(&t, &l->drawn, fault);
}


/* Opacity of a layer at a tick: its own, and the fades of its picture. */

static int
opacity_at(const layer *l, int64_t k)
{
    int64_t  p;

    p = l->opacity;

    if (l->show[1] > 0 && k < l->show[0] + l->show[1]) {
        p = p * (2 * (k - l->show[0]) + 1) / (2 * l->show[1]);
    }

    if (l->show[3] > 0 && k >= l->show[2]) {
        p = p * (2 * (l->show[2] + l->show[3] - k) - 1) / (2 * l->show[3]);
    }

    return (int) (p < 0 ? 0 : p > RN_OPAQUE ? RN_OPAQUE : p);
}


static void
place_box(const rn_scene *s, const layer *l, int w, int h, int *x, int *y)
{
    if (l->place == 1) {
        *x = l->x;
        *y = l->y;
    } else {
        *x = l->x * (s->w - w) / 2;         /* 0 start, 1 centre, 2 end */
        *y = l->y * (s->h - h) / 2;
    }

    *x = (*x + l->dx) & ~1;
    *y = (*y + l->dy) & ~1;
}


/* The picture of a layer at tick k; *frame is borrowed, NULL for a colour. */

static rn_status
layer_frame(rn_scene *s, layer *l, int64_t k, const AVFrame **frame,
    rn_fault *fault)
{
    *frame = NULL;

    switch (l->type) {

    case LAYER_PICTURE:
    case LAYER_IMAGE:
        if (l->picture == NULL && open_picture(s, l, fault) != RN_OK) {
            return fault->status;
        }
        return rn_picture_get(l->picture,
                              l->type == LAYER_IMAGE ? 0 : l->at + k - l->from,
                              frame, fault);

    case LAYER_TEXT:
        if (l->drawn == NULL && draw_text(s, l, fault) != RN_OK) {
            return fault->status;
        }
        *frame = l->drawn;
        return RN_OK;

    default:
        return RN_OK;
    }
}


static rn_status
draw(rn_scene *s, layer *l, int64_t k, AVFrame *dst, rn_fault *fault)
{
    int             x, y, w, h, sx, sy;
    const AVFrame  *f;

    if (layer_frame(s, l, k, &f, fault) != RN_OK) {
        return fault->status;
    }

    if (l->type == LAYER_TEXT) {
        place_box(s, l, f->width, f->height, &x, &y);
        rn_blend(dst, f, 0, 0, f->width, f->height, x, y, opacity_at(l, k));
        return RN_OK;
    }

    place_box(s, l, l->w, l->h, &x, &y);

    if (f == NULL) {
        rn_blend_color(dst, l->color, l->w, l->h, x, y, opacity_at(l, k));
        return RN_OK;
    }

    /* centred in the box; what is larger is cut to it */

    w = f->width < l->w ? f->width : l->w;
    h = f->height < l->h ? f->height : l->h;
    sx = ((f->width - w) / 2) & ~1;
    sy = ((f->height - h) / 2) & ~1;

    rn_blend(dst, f, sx, sy, w, h, x + (l->w - w) / 2, y + (l->h - h) / 2,
             opacity_at(l, k));

    return RN_OK;
}


/*
 * A transition mixes two whole pictures: what lies below with the one clip on
 * it, and with the other.
 */

static rn_status
draw_mix(rn_scene *s, layer *l, int64_t k, rn_fault *fault)
{
    int64_t  i, n;

    rn_copy(s->side, s->canvas);

    if (draw(s, l->a, k, s->canvas, fault) != RN_OK
        || draw(s, l->b, k, s->side, fault) != RN_OK)
    {
        return fault->status;
    }

    i = l->at + k - l->from;
    n = l->show[1];

    l->mix(s->canvas, s->side, (int) ((2 * i + 1) * RN_OPAQUE / (2 * n)));

    return RN_OK;
}


static bool
active(const layer *l, int64_t k)
{
    return k >= l->from && k < l->from + l->len;
}


/* The layer's own frame where it alone makes the picture, else NULL. */

static rn_status
lone_frame(rn_scene *s, int64_t k, const AVFrame **frame, rn_fault *fault)
{
    size_t  i;
    layer  *l, *only;

    *frame = NULL;
    only = NULL;

    for (i = 0; i < s->n; i++) {
        l = &s->layers[i];

        if (active(l, k)) {
            if (only != NULL) {
                return RN_OK;
            }
            only = l;
        }
    }

    if (only == NULL
        || (only->type != LAYER_PICTURE && only->type != LAYER_IMAGE)
        || only->w != s->w || only->h != s->h || only->place != 0
        || only->dx != 0 || only->dy != 0
        || opacity_at(only, k) != RN_OPAQUE)
    {
        return RN_OK;
    }

    if (layer_frame(s, only, k, frame, fault) != RN_OK) {
        return fault->status;
    }

    if ((*frame)->format != AV_PIX_FMT_YUV420P || (*frame)->width != s->w
        || (*frame)->height != s->h)
    {
        *frame = NULL;
    }

    return RN_OK;
}


static rn_status
compose(rn_scene *s, int64_t k, rn_fault *fault)
{
    size_t  i;
    layer  *l;

    /* the encoder may still hold the last picture */

    if (av_frame_make_writable(s->canvas) < 0) {
        return rn_fail(fault, RN_E_NOMEM, "out of memory");
    }

    rn_fill(s->canvas, s->background);

    for (i = 0; i < s->n; i++) {
        l = &s->layers[i];

        if (!active(l, k)) {
            continue;
        }

        if ((l->type == LAYER_MIX ? draw_mix(s, l, k, fault)
                                  : draw(s, l, k, s->canvas, fault)) != RN_OK)
        {
            return fault->status;
        }
    }

    return RN_OK;
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

    s->env = env;
    s->w = (int) element(spec, "canvas", 0);
    s->h = (int) element(spec, "canvas", 1);
    s->fps.num = element(spec, "canvas", 2);
    s->fps.den = element(spec, "canvas", 3);
    s->frames = number(spec, "frames");
    s->background = (uint32_t) number(spec, "background");

    if (number(spec, "engine") != RN_ENGINE || s->w < 2 || s->h < 2
        || s->fps.num < 1 || s->fps.den < 1 || s->frames < 1)
    {
        rn_fail(fault, RN_E_INTERNAL, "a segment of another engine");
        goto fail;
    }

    list = json_object_get(spec, "layers");
    s->layers = calloc(json_array_size(list) + 1, sizeof(layer));
    s->canvas = new_canvas(s->w, s->h);
    s->side = new_canvas(s->w, s->h);

    if (s->layers == NULL || s->canvas == NULL || s->side == NULL) {
        rn_fail(fault, RN_E_NOMEM, "out of memory");
        goto fail;
    }

    for (i = 0; i < json_array_size(list); i++) {
        s->n++;
        if (!read_layer(&s->layers[i], json_array_get(list, i), fault)) {
            goto fail;
        }
    }

    *out = s;
    return RN_OK;

fail:

    rn_scene_close(&s);
    return fault->status;
}


rn_status
rn_scene_picture(rn_scene *s, int64_t k, const AVFrame **picture,
    rn_fault *fault)
{
    size_t  i;

    *picture = NULL;

    if (k < 0 || k >= s->frames) {
        return rn_fail(fault, RN_E_INTERNAL, "a picture outside its segment");
    }

    for (i = 0; i < s->n; i++) {            /* files of layers gone by */
        if (k >= s->layers[i].from + s->layers[i].len) {
            rn_picture_close(&s->layers[i].picture);
        }
    }

    if (lone_frame(s, k, picture, fault) != RN_OK) {
        return fault->status;
    }

    if (*picture == NULL && compose(s, k, fault) == RN_OK) {
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
        free_layer(&s->layers[i]);
    }

    free(s->layers);
    av_frame_free(&s->canvas);
    av_frame_free(&s->side);
    free(s);
    *sp = NULL;
}
