/*
 * Layers; see rn_layer.h.  What is drawn to a fraction of a px is drawn by
 * rn_layer_free.c.
 */

#include "rn_layer_parts.h"
#include "rn_blend.h"
#include "rn_font.h"
#include "rn_shape.h"
#include "rn_text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>


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
read_type(rn_layer *l, const char *name)
{
    size_t  i;

    static const struct {
        const char  *name;
        layer_type   type;
    } types[] = {
        { "video", LAYER_PICTURE }, { "image", LAYER_IMAGE },
        { "text", LAYER_TEXT }, { "shape", LAYER_SHAPE },
        { "color", LAYER_COLOR }, { "caption", LAYER_CAPTION },
        { "svg", LAYER_IMAGE }, { "waveform", LAYER_WAVE },
        { "mix", LAYER_MIX },
    };

    for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (name != NULL && strcmp(types[i].name, name) == 0) {
            l->type = types[i].type;
            return true;
        }
    }

    return false;
}


static bool
read_motion(rn_layer *l, json_t *o)
{
    int      m;
    json_t  *list;

    for (m = 0; m < RN_MOVES; m++) {
        list = json_object_get(o, rn_move_name((rn_move) m));

        if (list != NULL && !rn_motion_read(&l->moves[m], list,
                                            rn_move_values((rn_move) m)))
        {
            return false;
        }
    }

    return true;
}


static bool
read_mix(rn_layer *l, json_t *o, rn_fault *fault)
{
    l->mix = json_string_value(json_object_get(o, "transition"));

    if (l->mix == NULL || l->show[1] < 1) {
        return false;
    }

    l->a = rn_layer_read(json_object_get(o, "a"), l->stage, fault);
    l->b = l->a != NULL ? rn_layer_read(json_object_get(o, "b"), l->stage,
                                        fault) : NULL;

    return l->b != NULL && l->a->type != LAYER_MIX && l->b->type != LAYER_MIX;
}


rn_layer *
rn_layer_read(json_t *o, const rn_stage *stage, rn_fault *fault)
{
    size_t       i;
    rn_layer    *l;
    const char  *type;

    l = calloc(1, sizeof(rn_layer));
    if (l == NULL) {
        rn_fail(fault, RN_E_NOMEM, "out of memory");
        return NULL;
    }

    type = json_string_value(json_object_get(o, "type"));

    l->stage = stage;
    l->spec = o;
    l->from = number(o, "from");
    l->len = number(o, "len");
    l->at = number(o, "at");
    l->speed = number(o, "speed");
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
    l->free = json_is_true(json_object_get(o, "free"));
    l->rotate = (double) number(o, "rotate") / 1000;
    l->scale = l->free ? (double) number(o, "scale") / 1e6 : 1;
    l->radius = (double) element(o, "radius", 0) / 1000;
    l->radius_percent = element(o, "radius", 1) != 0;
    l->up = json_object_get(o, "up") != NULL ? (double) number(o, "up") / 1000
                                             : 1;

    l->natural = (int) element(o, "natural", 0);

    for (i = 0; i < 4; i++) {
        l->show[i] = element(o, "show", i);
    }

    if (!read_type(l, type)
        || !read_motion(l, json_object_get(o, "motion"))
        || (l->type == LAYER_MIX && !read_mix(l, o, fault)))
    {
        rn_fail(fault, RN_E_INTERNAL, "a layer of type \"%s\"",
                type != NULL ? type : "");
        rn_layer_free(&l);
    }

    return l;
}


void
rn_layer_forget_halves(rn_layer *l)
{
    int  i;

    for (i = 0; i < HALVES; i++) {
        av_frame_free(&l->halves[i]);
    }
}


void
rn_layer_close(rn_layer *l)
{
    rn_picture_close(&l->picture);
    rn_ass_close(&l->ass);
    rn_wave_close(&l->wave);
    av_frame_free(&l->drawn);
    rn_layer_forget_halves(l);

    if (l->type == LAYER_MIX) {
        rn_layer_close(l->a);
        rn_layer_close(l->b);
        rn_transition_close(&l->transition);
    }
}


void
rn_layer_free(rn_layer **lp)
{
    int        m;
    rn_layer  *l = *lp;

    if (l == NULL) {
        return;
    }

    rn_layer_free(&l->a);
    rn_layer_free(&l->b);
    rn_transition_close(&l->transition);
    rn_picture_close(&l->picture);
    rn_ass_close(&l->ass);
    rn_wave_close(&l->wave);
    av_frame_free(&l->drawn);
    rn_layer_forget_halves(l);

    for (m = 0; m < RN_MOVES; m++) {
        rn_motion_free(&l->moves[m]);
    }

    free(l);
    *lp = NULL;
}


bool
rn_layer_active(const rn_layer *l, int64_t k)
{
    return k >= l->from && k < l->from + l->len;
}


bool
rn_layer_over(const rn_layer *l, int64_t k)
{
    return k >= l->from + l->len;
}


static rn_status
open_picture(rn_layer *l, rn_fault *fault)
{
    int              fd, i;
    const char      *input;
    const rn_env    *env = l->stage->env;
    rn_picture_spec  spec;

    input = json_string_value(json_object_get(l->spec, "input"));
    fd = input != NULL ? env->file(env->opaque, input) : -1;

    if (fd < 0 && json_object_get(l->spec, "svg") == NULL) {
        return rn_fail(fault, RN_E_INTERNAL, "an input was not handed over");
    }

    memset(&spec, 0, sizeof(spec));
    spec.fit = l->fit;
    spec.w = l->w;
    spec.h = l->h;
    spec.fps = l->stage->fps;
    spec.effects = json_object_get(l->spec, "effects");
    spec.env = env;
    spec.px_scale = 1;

    for (i = 0; i < 4; i++) {
        spec.crop[i] = element(l->spec, "crop", (size_t) i);
    }

    if (l->free) {
        spec.fit = RN_FIT_FILL;
        spec.w = (int) element(l->spec, "size", 0);
        spec.h = (int) element(l->spec, "size", 1);

        if (spec.w < 2 || spec.h < 2) {
            return rn_fail(fault, RN_E_INTERNAL, "a picture without a size");
        }

        spec.px_scale = fmax(1.0 * l->w / spec.w, 1.0 * l->h / spec.h);
    }

    if (l->fit == RN_FIT_CONTAIN_BLUR) {
        spec.back_w = l->w < 8 ? 2 : (l->w / 8 + 1) & ~1;
        spec.back_h = l->h < 8 ? 2 : (l->h / 8 + 1) & ~1;
    }

    return json_object_get(l->spec, "whole") != NULL
           ? rn_layer_open_svg(l, fd, &spec, fault)
           : rn_picture_open(&l->picture, fd, &spec, fault);
}


static rn_status
draw_text(rn_layer *l, rn_fault *fault)
{
    size_t         i;
    json_t        *o, *own;
    const char    *name;
    rn_text_spec   t;

    o = json_object_get(l->spec, "text");

    memset(&t, 0, sizeof(t));
    t.text = json_string_value(json_object_get(o, "text"));
    t.markup = json_is_true(json_object_get(o, "markup"));
    t.family = json_string_value(json_object_get(o, "family"));
    t.size = (double) number(o, "size") / 1000 * l->up;
    t.bold = number(o, "bold") != 0;
    t.italic = number(o, "italic") != 0;
    t.align = (rn_align) number(o, "align");
    t.color = (uint32_t) number(o, "color");
    t.background = (uint32_t) number(o, "background");
    t.stroke = (uint32_t) element(o, "stroke", 0);
    t.stroke_width = (double) element(o, "stroke", 1) / 1000 * l->up;
    t.width = (int) lround((double) number(o, "width") * l->up);
    t.height = (int) lround((double) number(o, "height") * l->up);
    t.max_width = (int) lround(l->stage->w * l->up);
    t.max_height = (int) lround(l->stage->h * l->up);

    if (t.text == NULL || t.family == NULL) {
        return rn_fail(fault, RN_E_INTERNAL, "a text layer without a text");
    }

    json_array_foreach(json_object_get(o, "own"), i, own) {
        name = json_string_value(json_object_get(own, "input"));

        if (rn_font_add(l->stage->env, name != NULL ? name : "", NULL, fault)
            != RN_OK)
        {
            return fault->status;
        }
    }

    return rn_text_draw(&t, &l->drawn, fault);
}


static rn_status
draw_shape(rn_layer *l, rn_fault *fault)
{
    json_t         *o;
    rn_shape_spec   s;

    o = json_object_get(l->spec, "shape");

    s.kind = (rn_shape_kind) number(o, "kind");
    s.fill = (uint32_t) number(o, "fill");
    s.stroke = (uint32_t) number(o, "stroke");
    s.stroke_width = (double) number(o, "width") / 1000 * l->up;
    s.points = (int) number(o, "points");
    s.w = (int) lround(l->w * l->up / 2) * 2;
    s.h = (int) lround(l->h * l->up / 2) * 2;

    return rn_shape_draw(&s, &l->drawn, fault);
}


/* A colour that is warped: a few px of it, drawn out. */

static rn_status
draw_color(rn_layer *l, rn_fault *fault)
{
    AVFrame  *f;

    f = l->drawn = av_frame_alloc();

    if (f != NULL) {
        f->format = AV_PIX_FMT_YUV420P;
        f->width = f->height = 16;
    }

    if (f == NULL || av_frame_get_buffer(f, 0) < 0) {
        return rn_fail(fault, RN_E_NOMEM, "out of memory");
    }

    rn_fill(f, l->color);

    return RN_OK;
}


/* The picture of a layer at tick k; *frame is borrowed, NULL for a colour. */

static rn_status
layer_frame(rn_layer *l, int64_t k, const AVFrame **frame, rn_fault *fault)
{
    int64_t  gone = k - l->from;

    *frame = NULL;

    switch (l->type) {

    case LAYER_PICTURE:
    case LAYER_IMAGE:
        if (l->picture == NULL && open_picture(l, fault) != RN_OK) {
            return fault->status;
        }

        return rn_picture_get(l->picture, l->type == LAYER_IMAGE ? 0
                              : l->speed != 0 ? l->at + gone * l->speed
                              : (l->at + gone) * 1000, frame, fault);

    case LAYER_TEXT:
        if (l->drawn == NULL && draw_text(l, fault) != RN_OK) {
            return fault->status;
        }
        break;

    case LAYER_SHAPE:
        if (l->drawn == NULL && draw_shape(l, fault) != RN_OK) {
            return fault->status;
        }
        break;

    case LAYER_WAVE:
        return rn_layer_wave(l, k, frame, fault);

    default:
        if (l->free && l->drawn == NULL && draw_color(l, fault) != RN_OK) {
            return fault->status;
        }
    }

    *frame = l->drawn;

    return RN_OK;
}


/* A number of the layer at tick k: what moves it, or `still`. */

double
rn_layer_moved(const rn_layer *l, rn_move move, int value, int64_t k,
    double unit, double still)
{
    double  v[RN_MOTION_VALUES];

    if (l->moves[move].n == 0) {
        return still;
    }

    rn_motion_at(&l->moves[move], (double) k, v);

    return v[value] / unit;
}


/* Opacity of a layer at a tick: its own, and the fades of its picture. */

int
rn_layer_opacity(const rn_layer *l, int64_t k)
{
    int64_t  p;

    p = llround(rn_layer_moved(l, RN_MOVE_OPACITY, 0, k, 1, l->opacity));

    if (l->show[1] > 0 && k < l->show[0] + l->show[1]) {
        p = p * (2 * (k - l->show[0]) + 1) / (2 * l->show[1]);
    }

    if (l->show[3] > 0 && k >= l->show[2]) {
        p = p * (2 * (l->show[2] + l->show[3] - k) - 1) / (2 * l->show[3]);
    }

    return (int) (p < 0 ? 0 : p > RN_OPAQUE ? RN_OPAQUE : p);
}


static void
place_box(const rn_layer *l, int w, int h, int *x, int *y)
{
    if (l->place == 1) {
        *x = l->x;
        *y = l->y;
    } else {
        *x = l->x * (l->stage->w - w) / 2;  /* 0 start, 1 centre, 2 end */
        *y = l->y * (l->stage->h - h) / 2;
    }

    *x = (*x + l->dx) & ~1;
    *y = (*y + l->dy) & ~1;
}


/* A caption that has a style of its own. */

static rn_status
draw_styled(rn_layer *l, int64_t k, AVFrame *dst, rn_fault *fault)
{
    int             x, y;
    int64_t         ms;
    const AVFrame  *f;

    if (l->ass == NULL
        && rn_ass_open(&l->ass, json_object_get(l->spec, "ass"), l->stage->w,
                       l->stage->h, l->stage->env, fault) != RN_OK)
    {
        return fault->status;
    }

    ms = llround((double) (k - l->from) * 1000 * (double) l->stage->fps.den
                 / (double) l->stage->fps.num);

    if (rn_ass_frame(l->ass, ms, &f, &x, &y, fault) == RN_OK && f != NULL) {
        rn_blend(dst, f, 0, 0, f->width, f->height, x, y,
                 rn_layer_opacity(l, k));
    }

    return fault->status;
}


static rn_status
draw(rn_layer *l, int64_t k, AVFrame *dst, rn_fault *fault)
{
    int             x, y, w, h, sx, sy;
    const AVFrame  *f;

    if (l->type == LAYER_CAPTION) {
        return draw_styled(l, k, dst, fault);
    }

    if (layer_frame(l, k, &f, fault) != RN_OK) {
        return fault->status;
    }

    if (l->free) {
        return rn_layer_draw_free(l, f, k, dst, fault);
    }

    if (l->type == LAYER_TEXT || l->type == LAYER_SHAPE
        || l->type == LAYER_WAVE)
    {
        place_box(l, f->width, f->height, &x, &y);
        rn_blend(dst, f, 0, 0, f->width, f->height, x, y,
                 rn_layer_opacity(l, k));
        return RN_OK;
    }

    place_box(l, l->w, l->h, &x, &y);

    if (f == NULL) {
        rn_blend_color(dst, l->color, l->w, l->h, x, y,
                       rn_layer_opacity(l, k));
        return RN_OK;
    }

    if (rn_layer_draw_around(l, f, x, y, rn_layer_opacity(l, k), dst, fault)
        != RN_OK)
    {
        return fault->status;
    }

    /* centred in the box; what is larger is cut to it */

    w = f->width < l->w ? f->width : l->w;
    h = f->height < l->h ? f->height : l->h;
    sx = ((f->width - w) / 2) & ~1;
    sy = ((f->height - h) / 2) & ~1;

    rn_blend(dst, f, sx, sy, w, h, x + (l->w - w) / 2, y + (l->h - h) / 2,
             rn_layer_opacity(l, k));

    return RN_OK;
}


/*
 * A transition mixes two whole pictures: what lies below with the one clip on
 * it, and with the other.
 */

static rn_status
draw_mix(rn_layer *l, int64_t k, AVFrame *dst, AVFrame *side, rn_fault *fault)
{
    if (l->transition == NULL
        && rn_transition_open(&l->transition, l->mix, l->stage->w, l->stage->h,
                              l->show[1], fault) != RN_OK)
    {
        return fault->status;
    }

    rn_copy(side, dst);

    if (draw(l->a, k, dst, fault) != RN_OK
        || draw(l->b, k, side, fault) != RN_OK)
    {
        return fault->status;
    }

    return rn_transition_draw(l->transition, dst, side, l->at + k - l->from,
                              fault);
}


rn_status
rn_layer_draw(rn_layer *l, int64_t k, AVFrame *dst, AVFrame *side,
    rn_fault *fault)
{
    return l->type == LAYER_MIX ? draw_mix(l, k, dst, side, fault)
                                : draw(l, k, dst, fault);
}


rn_status
rn_layer_whole(rn_layer *l, int64_t k, const AVFrame **frame, rn_fault *fault)
{
    *frame = NULL;

    if ((l->type != LAYER_PICTURE && l->type != LAYER_IMAGE) || l->free
        || l->w != l->stage->w || l->h != l->stage->h || l->place != 0
        || l->dx != 0 || l->dy != 0 || rn_layer_opacity(l, k) != RN_OPAQUE)
    {
        return RN_OK;
    }

    if (layer_frame(l, k, frame, fault) != RN_OK) {
        return fault->status;
    }

    if ((*frame)->format != AV_PIX_FMT_YUV420P
        || (*frame)->width != l->stage->w || (*frame)->height != l->stage->h)
    {
        *frame = NULL;
    }

    return RN_OK;
}
