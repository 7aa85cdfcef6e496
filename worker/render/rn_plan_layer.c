/* What a clip is in a segment; see rn_plan_layer.h. */

#include "rn_plan_layer.h"
#include "rn_blend.h"
#include "rn_effects.h"
#include "rn_sound.h"
#include "rn_wave.h"

#include <math.h>
#include <stdio.h>
#include <string.h>


#define BOX_MAX    8192
#define UP_MAX     4.0                  /* what is drawn is drawn so much larger
                                           at most, to be sharp when it grows */
#define AREA_MAX   33e6                 /* px of it, then */

typedef struct {
    const rn_doc    *doc;
    const rn_place  *c;
    rn_problems     *problems;
    int64_t          zero, from, to;
    double           crop[4];                   /* of the source, 0 to 1 */
    double           source_w, source_h;        /* what of it is used, px */
    int              w, h;                      /* the box */
} planner;


static int
px(const rn_length *l, int canvas)
{
    return (int) lround(l->percent ? l->value * canvas / 100 : l->value);
}


static int
even(double v)
{
    int  n;

    n = (int) lround(fmin(v, 1e6) / 2) * 2;

    return n < 2 ? 2 : n;
}


static double
part(const rn_length *l, int side)
{
    return l->percent ? l->value * side / 100 : l->value;
}


static void
outside(const planner *p, const char *member)
{
    char  pointer[160];

    (void) snprintf(pointer, sizeof(pointer), "%s%s", p->c->clip->pointer,
                    member);
    rn_problem_add(p->problems, pointer, "lies outside of the source, which "
                   "is %d x %d px", p->c->facts->width, p->c->facts->height);
}


/* What of the source is used; of a crop that moves at least something. */

static bool
find_crop(planner *p)
{
    size_t               i;
    double               unused[4];
    const rn_clip       *clip = p->c->clip;
    const rn_facts      *f = p->c->facts;
    const rn_keyframes  *keys = &clip->moves[RN_MOVE_CROP];

    p->crop[0] = p->crop[1] = 0;
    p->crop[2] = p->crop[3] = 1;
    p->source_w = p->source_h = 0;

    if (f == NULL || f->width <= 0 || f->height <= 0
        || clip->asset.type == RN_ASSET_WAVEFORM)
    {
        return true;
    }

    if (clip->crop[0].set && !rn_plan_crop(clip->crop, f, p->crop)) {
        outside(p, "/crop");
        return false;
    }

    for (i = 0; i < keys->n; i++) {
        if (!rn_plan_crop(keys->keys[i].v, f, unused)) {
            outside(p, "/keyframes/crop");
            return false;
        }
    }

    p->source_w = p->crop[2] * f->width;
    p->source_h = p->crop[3] * f->height;

    return true;
}


/*
 * The clip's box: as asked; one side alone keeps the shape of the source; none
 * is the whole canvas.
 */

static bool
find_box(planner *p)
{
    double          aspect;
    const rn_doc   *doc = p->doc;
    const rn_clip  *clip = p->c->clip;

    aspect = p->source_h > 0 ? p->source_w / p->source_h : 0;
    p->w = doc->width;
    p->h = doc->height;

    if (clip->width.set) {
        p->w = even(px(&clip->width, doc->width));
    }

    if (clip->height.set) {
        p->h = even(px(&clip->height, doc->height));
    }

    if (aspect > 0 && clip->width.set && !clip->height.set) {
        p->h = even(p->w / aspect);
    }

    if (aspect > 0 && clip->height.set && !clip->width.set) {
        p->w = even(p->h * aspect);
    }

    if (p->w > BOX_MAX || p->h > BOX_MAX) {
        rn_problem_add(p->problems, clip->pointer, "would be %d x %d px; at "
                       "most %d are drawn", p->w, p->h, BOX_MAX);
        return false;
    }

    return true;
}


static json_t *
place_of(const planner *p)
{
    int             dx, dy, x, y;
    const rn_clip  *c = p->c->clip;

    dx = px(&c->dx, p->doc->width);
    dy = px(&c->dy, p->doc->height);

    if (c->asset.type == RN_ASSET_TEXT && !c->placed) {
        rn_plan_safe(p->doc, &c->asset, &x, &y);
        dx += ((int) RN_ALIGN_CENTER - (int) c->h) * x;
        dy += ((int) RN_ALIGN_CENTER - (int) c->v) * y;
    }

    if (c->placed) {
        return json_pack("[i, i, i, i, i]", 1, px(&c->x, p->doc->width),
                         px(&c->y, p->doc->height), dx, dy);
    }

    return json_pack("[i, i, i, i, i]", 0, (int) c->h, (int) c->v, dx, dy);
}


static json_t *
shape_of(const rn_asset *a)
{
    return json_pack("{s:i, s:I, s:I, s:I, s:i}", "kind", (int) a->shape,
                     "fill", (json_int_t) a->color,
                     "stroke", (json_int_t) a->stroke,
                     "width", (json_int_t) llround(a->stroke_width * 1000),
                     "points", a->points);
}


/* Whether the clip is more than a box that stands upright on its px. */

static bool
is_free(const rn_clip *c)
{
    int  m;

    for (m = 0; m < RN_MOVES; m++) {
        if (m != RN_MOVE_OPACITY && m != RN_MOVE_VOLUME && c->moves[m].n > 0) {
            return true;
        }
    }

    return c->rotate != 0 || c->scale != 1
           || (c->radius.set && c->radius.value > 0);
}


/* The largest value of what moves. */

static double
largest_of(const rn_keyframes *k, int canvas, double dflt)
{
    size_t  i;
    double  v, best;

    best = k->n > 0 ? part(&k->keys[0].v[0], canvas) : dflt;

    for (i = 1; i < k->n; i++) {
        v = part(&k->keys[i].v[0], canvas);
        if (v > best) {
            best = v;
        }
    }

    return best;
}


/* The least that is used of the source, px. */

static void
smallest_crop(const planner *p, double *w, double *h)
{
    size_t               i;
    double               crop[4];
    const rn_facts      *f = p->c->facts;
    const rn_keyframes  *k = &p->c->clip->moves[RN_MOVE_CROP];

    *w = k->n > 0 ? f->width : p->source_w;
    *h = k->n > 0 ? f->height : p->source_h;

    for (i = 0; i < k->n; i++) {
        (void) rn_plan_crop(k->keys[i].v, f, crop);
        *w = fmin(*w, crop[2] * f->width);
        *h = fmin(*h, crop[3] * f->height);
    }
}


/* A plain number of a key is no px: of scale, say. */

static double
largest(const rn_keyframes *k, double dflt)
{
    return largest_of(k, 0, dflt);
}


/*
 * The size to which a picture is scaled before it is placed: as large as it is
 * ever shown, and never larger than it is, or by little for a picture that is
 * scaled but once.  The rest is done while placing.
 */

static json_t *
size_of(const planner *p)
{
    double           w, h, cw, ch, sx, sy, s, scale, most;
    const rn_clip   *c = p->c->clip;

    scale = largest(&c->moves[RN_MOVE_SCALE], c->scale);
    w = largest_of(&c->moves[RN_MOVE_WIDTH], p->doc->width, p->w);
    h = largest_of(&c->moves[RN_MOVE_HEIGHT], p->doc->height, p->h);
    smallest_crop(p, &cw, &ch);

    sx = cw > 0 ? w * scale / cw : 1;
    sy = ch > 0 ? h * scale / ch : 1;
    most = c->asset.type == RN_ASSET_IMAGE ? UP_MAX : 1;

    if (c->asset.type == RN_ASSET_SVG) {    /* sharp at any size */
        most = 1e6;
    }

    if (c->moves[RN_MOVE_CROP].n == 0 && most < 2) {
        most = 2;
    }

    if (c->fit == RN_FIT_NONE && c->asset.type == RN_ASSET_SVG) {
        s = scale;
    } else if (c->fit == RN_FIT_NONE) {
        s = scale > 1 && most > 1 ? 1 : scale;
    } else if (c->fit == RN_FIT_CONTAIN || c->fit == RN_FIT_CONTAIN_BLUR) {
        s = sx < sy ? sx : sy;
    } else {
        s = sx > sy ? sx : sy;
    }

    s = s > most ? most : s;

    while (s > 0.01 && (p->source_w * s > BOX_MAX || p->source_h * s > BOX_MAX
                        || p->source_w * s * p->source_h * s > AREA_MAX))
    {
        s *= 0.9;
    }

    return json_pack("[i, i]", even(p->source_w * s), even(p->source_h * s));
}


/* How much larger than asked something drawn is drawn, in thousandths. */

static int
up_of(const planner *p)
{
    double          scale, most;
    const rn_clip  *c = p->c->clip;

    /* of a text, whose size is not known yet, by what it is drawn on */

    most = c->asset.type == RN_ASSET_SHAPE
           || c->asset.type == RN_ASSET_WAVEFORM
           ? (double) p->w * p->h : (double) p->doc->width * p->doc->height;
    most = fmin(sqrt(AREA_MAX / most), UP_MAX);

    scale = largest(&c->moves[RN_MOVE_SCALE], c->scale);
    scale = scale > most ? most : scale;
    scale = scale < 1 ? 1 : scale;

    return (int) lround(scale * 1000);
}


static bool
add(json_t *o, const char *name, json_t *value)
{
    return json_object_set_new(o, name, value) == 0;
}


/* What moves, by name; what is over or yet to come is still. */

static bool
add_motion(const planner *p, json_t *layer)
{
    int      m;
    bool     ok;
    json_t  *all, *keys;

    ok = true;
    all = json_object();

    for (m = 0; m < RN_MOVES; m++) {
        if (m == RN_MOVE_VOLUME || p->c->clip->moves[m].n == 0) {
            continue;
        }

        keys = rn_plan_motion(p->doc, p->c, (rn_move) m, p->zero, p->from,
                              p->to - 1, false);
        ok = ok && add(all, rn_move_name((rn_move) m), keys);
    }

    if (json_object_size(all) > 0) {
        return add(layer, "motion", all) && ok;
    }

    json_decref(all);

    return ok;
}


/* The members that only clips have which use what they say. */

static bool
add_free(const planner *p, json_t *l)
{
    bool            ok;
    const rn_clip  *c = p->c->clip;
    rn_asset_type   type = c->asset.type;

    ok = add(l, "free", json_true())
         && add(l, "rotate", json_integer(llround(c->rotate * 1000)))
         && add(l, "scale", json_integer(llround(c->scale * 1e6)))
         && add(l, "radius", json_pack("[I, i]",
                    (json_int_t) llround(c->radius.value * 1000),
                    (int) c->radius.percent));

    if (type == RN_ASSET_VIDEO || type == RN_ASSET_IMAGE
        || type == RN_ASSET_SVG)
    {
        return ok && add(l, "size", size_of(p))
               && add(l, "natural", json_pack("[i, i]",
                   (int) fmax(1, round(p->source_w)),
                   (int) fmax(1, round(p->source_h))));
    }

    if (type == RN_ASSET_TEXT || type == RN_ASSET_SHAPE
        || type == RN_ASSET_WAVEFORM)
    {
        return ok && add(l, "up", json_integer(up_of(p)));
    }

    return ok;
}


static bool
add_picture(const planner *p, json_t *l)
{
    bool             ok;
    const rn_clip   *c = p->c->clip;

    ok = (c->asset.svg != NULL
          ? add(l, "svg", json_string(c->asset.svg))
          : add(l, "input", json_string(p->c->facts->sha256)))
         && add(l, "fit", json_integer(c->fit))
         && add(l, "box", json_pack("[i, i]", p->w, p->h));

    if (c->crop[0].set) {
        ok = ok && add(l, "crop", json_pack("[I, I, I, I]",
                   (json_int_t) llround(p->crop[0] * 1e6),
                   (json_int_t) llround(p->crop[1] * 1e6),
                   (json_int_t) llround(p->crop[2] * 1e6),
                   (json_int_t) llround(p->crop[3] * 1e6)));
    }

    if (c->asset.type == RN_ASSET_SVG) {
        ok = ok && add(l, "whole", json_pack("[i, i]", p->c->facts->width,
                                             p->c->facts->height));
    }

    if (c->n_effects > 0) {
        ok = ok && add(l, "effects", rn_effects_spec(c->effects,
                                              c->n_effects, p->c->all));
    }

    return ok;
}


/* Where in the source the layer begins; at another speed in thousandths. */

static bool
add_source_time(const planner *p, json_t *l)
{
    int64_t          gone, speed;
    const rn_place  *c = p->c;

    gone = p->from - c->start;
    speed = llround(c->clip->speed * 1000);

    if (speed == 1000) {
        return add(l, "at", json_integer(c->in + gone));
    }

    return add(l, "at", json_integer(c->in * 1000 + gone * speed))
           && add(l, "speed", json_integer(speed));
}


/*
 * Of what the clip plays of its source only as much is told as comes into sight
 * in these ticks: the rest decides nothing.
 */

static json_t *
wave_of(const planner *p)
{
    int64_t          speed, in, out, first, last, window;
    const rn_asset  *a = &p->c->clip->asset;
    const rn_place  *c = p->c;

    speed = llround(c->clip->speed * 1000);
    in = rn_wave_at(c->in * 1000, p->doc->fps);
    out = rn_wave_at(c->in * 1000 + (c->end - c->start) * speed, p->doc->fps);
    window = llround(a->window * 1000);

    first = rn_wave_at(c->in * 1000 + (p->from - c->start) * speed,
                       p->doc->fps) - window * RN_RATE / 1000;
    last = rn_wave_at(c->in * 1000 + (p->to - c->start) * speed, p->doc->fps)
           + window * RN_RATE / 1000;

    return json_pack("{s:[i, i, I], s:[I, I], s:[I, I]}",
                     "style", (int) a->wave,
                     a->wave == RN_WAVE_BARS ? a->bars : 0,
                     (json_int_t) window, "colors", (json_int_t) a->color,
                     (json_int_t) a->background, "heard",
                     (json_int_t) (in > first ? in : first),
                     (json_int_t) (out < last ? out : last));
}


static bool
add_asset(const planner *p, json_t *l, const rn_facts *facts,
    const rn_letters *letters)
{
    const rn_asset  *a = &p->c->clip->asset;

    switch (a->type) {

    case RN_ASSET_VIDEO:
        return add_source_time(p, l) && add_picture(p, l);

    case RN_ASSET_IMAGE:
        return add_picture(p, l);

    case RN_ASSET_CAPTION:
        return add(l, "ass", rn_plan_ass(p->doc, facts, p->c, letters, p->from,
                                         p->to));

    case RN_ASSET_SVG:
        return add_picture(p, l)
               && (!p->c->facts->letters
                   || add(l, "fonts", json_string(letters->hex)));

    case RN_ASSET_WAVEFORM:
        return add_source_time(p, l) && add(l, "wave", wave_of(p))
               && add(l, "input", json_string(p->c->facts->sha256))
               && add(l, "box", json_pack("[i, i]", p->w, p->h));

    case RN_ASSET_TEXT:
        return add(l, "text", rn_plan_text(p->doc, facts, p->c->clip,
                                           letters));

    case RN_ASSET_SHAPE:
        return add(l, "shape", shape_of(a))
               && add(l, "box", json_pack("[i, i]", p->w, p->h));

    default:
        return add(l, "color", json_integer(a->color))
               && add(l, "box", json_pack("[i, i]", p->w, p->h));
    }
}


json_t *
rn_plan_layer(const rn_doc *doc, const rn_facts *facts, const rn_place *c,
    const rn_letters *letters, int64_t zero, int64_t from, int64_t to,
    rn_problems *problems)
{
    json_t         *l;
    int64_t         show[4] = { 0, 0, 0, 0 };
    planner         p;
    const rn_clip  *clip = c->clip;

    p.doc = doc;
    p.c = c;
    p.problems = problems;
    p.zero = zero;
    p.from = from;
    p.to = to;

    if (!find_crop(&p) || !find_box(&p)) {
        return NULL;
    }

    if (c->show_in > 0 && from < c->start + c->show_in) {
        show[0] = c->start - zero;
        show[1] = c->show_in;
    }

    if (c->show_out > 0 && to > c->end - c->show_out) {
        show[2] = c->end - c->show_out - zero;
        show[3] = c->show_out;
    }

    l = json_pack("{s:s, s:I, s:I, s:o, s:I, s:[I, I, I, I]}",
                  "type", rn_asset_type_name(clip->asset.type),
                  "from", (json_int_t) (from - zero),
                  "len", (json_int_t) (to - from),
                  "place", place_of(&p),
                  "opacity", (json_int_t) llround(clip->opacity * RN_OPAQUE),
                  "show", (json_int_t) show[0], (json_int_t) show[1],
                  (json_int_t) show[2], (json_int_t) show[3]);

    if (l == NULL || !add_asset(&p, l, facts, letters) || !add_motion(&p, l)
        || (clip->asset.type != RN_ASSET_CAPTION && is_free(clip)
            && !add_free(&p, l)))
    {
        json_decref(l);
        return NULL;
    }

    return l;
}


double
rn_plan_enlarged(const rn_doc *doc, const rn_place *c)
{
    double          w, h, cw, ch, sx, sy, times;
    planner         p;
    rn_problems     ours;
    const rn_clip  *clip = c->clip;

    memset(&p, 0, sizeof(p));
    memset(&ours, 0, sizeof(ours));
    p.doc = doc;
    p.c = c;
    p.problems = &ours;
    times = 1;

    if (find_crop(&p) && find_box(&p)) {
        w = largest_of(&clip->moves[RN_MOVE_WIDTH], doc->width, p.w);
        h = largest_of(&clip->moves[RN_MOVE_HEIGHT], doc->height, p.h);
        smallest_crop(&p, &cw, &ch);
        sx = cw > 0 ? w / cw : 1;
        sy = ch > 0 ? h / ch : 1;

        times = clip->fit == RN_FIT_NONE ? 1
                : clip->fit == RN_FIT_CONTAIN
                  || clip->fit == RN_FIT_CONTAIN_BLUR ? fmin(sx, sy)
                : fmax(sx, sy);
        times *= largest(&clip->moves[RN_MOVE_SCALE], clip->scale);
    }

    rn_problems_free(&ours);

    return times > 1 ? times : 1;
}
