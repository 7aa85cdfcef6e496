/*
 * The planner of pictures: what each segment shows, and how it is coded in each
 * track.  Where the film is cut: rn_plan_cuts.c.
 */

#include "rn_plan_segment.h"
#include "rn_encode.h"
#include "rn_plan_layer.h"
#include "rn_segment.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>


#define AREA_MAX     160000000          /* px of all pictures of a segment */
#define SEAM_CRF     17                 /* of what is coded beside copies */
#define STILL_FINER  6                  /* CRF: all of a still is seen of it */


/* By quality: CRF, or mjpeg's own scale. */

static const int  crf_of[RN_CODECS][3] = {
    [RN_CODEC_H264] = { 28, 23, 18 },
    [RN_CODEC_VP9] = { 40, 33, 26 },
    [RN_CODEC_MJPEG] = { 8, 4, 2 },
};

/* The segments of a film that is cut so. */

typedef struct {
    rn_planner               *p;
    const rn_cuts            *cuts;
    rn_copies                *copies;   /* NULL: nothing is copied */
    size_t                   *next;     /* place of each track, see layers_of */
} segments;

/* One of them. */

typedef struct {
    int64_t                   a, b;     /* ticks */
    int                       number;
    json_t                   *layers, *copy;
    bool                      copied;
    bool                      video;    /* is shown */
    const char               *mode, *why;
} scene;


static json_t *
layer_of(rn_planner *p, const rn_place *c, int64_t zero, int64_t from,
    int64_t to)
{
    return rn_plan_layer(p->doc, p->facts, c, &p->letters[c - p->tl->places],
                         zero, from, to, p->problems);
}


static const rn_place *
partner_of(const rn_planner *p, const rn_place *c)
{
    return c > p->tl->places && c[-1].track == c->track ? c - 1 : NULL;
}


static bool
append(rn_planner *p, json_t *list, json_t *item)
{
    if (item == NULL || json_array_append_new(list, item) != 0) {
        if (p->problems->total == 0) {
            rn_fail(p->fault, RN_E_NOMEM, "out of memory");
        }
        return false;
    }

    return true;
}


static bool
add_layers(rn_planner *p, json_t *list, const rn_place *c, int64_t a, int64_t b)
{
    int64_t          from, to;
    json_t          *la, *lb;
    const rn_place  *prev;

    /* alone on its track, between its transitions */

    from = c->start + c->lead > a ? c->start + c->lead : a;
    to = c->end - c->tail < b ? c->end - c->tail : b;

    if (c->lead > 0) {
        int64_t  mix_from, mix_to;

        mix_from = c->start > a ? c->start : a;
        mix_to = c->start + c->lead < b ? c->start + c->lead : b;
        prev = partner_of(p, c);

        if (mix_from < mix_to && prev != NULL) {
            la = layer_of(p, prev, a, mix_from, mix_to);
            lb = layer_of(p, c, a, mix_from, mix_to);

            if (la == NULL || lb == NULL) {
                json_decref(la);
                json_decref(lb);
                return append(p, list, NULL);
            }

            if (!append(p, list,
                        json_pack("{s:s, s:s, s:I, s:I, s:I, s:[i, I, i, i],"
                                  " s:o, s:o}",
                                  "type", "mix", "transition", c->transition,
                                  "from", (json_int_t) (mix_from - a),
                                  "len", (json_int_t) (mix_to - mix_from),
                                  "at", (json_int_t) (mix_from - c->start),
                                  "show", 0, (json_int_t) c->lead, 0, 0,
                                  "a", la, "b", lb)))
            {
                return false;
            }
        }
    }

    return from >= to || append(p, list, layer_of(p, c, a, from, to));
}


/*
 * Whether hardware codes a track.  Beside copies it does not: its parameter
 * sets have the number that those of most sources have, and only x264's can be
 * given another.
 */

static bool
by_hardware(const rn_planner *p, const rn_picture_stream *v)
{
    return p->limits->encoder != NULL && v->codec == RN_CODEC_H264
           && !v->mixed;
}


/*
 * CPU seconds, roughly: what x264 veryfast and one decoder a moving layer
 * take for 720p on a core of 2020.  Only proportions matter.
 */

static double
cost_of(const rn_planner *p, const rn_picture_stream *v, size_t layers,
    int64_t frames, const char *mode)
{
    double         area, code;
    const rn_doc  *doc = p->doc;

    area = (double) doc->width * doc->height / (1280.0 * 720);
    code = (double) v->w * v->h / (1280.0 * 720)
           * rn_codec_of(v->codec)->cost;

    if (strcmp(mode, "copy") == 0) {
        return area * (0.02 + 0.0001 * (double) frames);
    }

    if (strcmp(mode, "still") == 0) {
        return v->codec == RN_CODEC_H264 && !by_hardware(p, v)
               ? 0.04 * code + area * 0.0001 * (double) frames
               : 0.04 * area + code * 0.003 * (double) frames;
    }

    return (double) frames * (0.006 * code
                              + area * 0.003 * (double) layers);
}


/*
 * The layers of a segment, in painter's order.  Segments come in order, too, so
 * that what has ended is not looked at again.
 */

static json_t *
layers_of(segments *s, int64_t a, int64_t b)
{
    size_t           i, t;
    json_t          *layers;
    rn_planner      *p = s->p;
    const rn_place  *c;

    layers = json_array();

    for (t = 0; layers != NULL && t < p->doc->n_tracks; t++) {
        if (p->doc->tracks[t].kind != RN_TRACK_VIDEO) {
            continue;
        }

        while (s->next[t] < p->tl->n && p->tl->places[s->next[t]].track == t
               && p->tl->places[s->next[t]].end <= a)
        {
            s->next[t]++;
        }

        for (i = s->next[t]; i < p->tl->n; i++) {
            c = &p->tl->places[i];

            if (c->track != t || c->start >= b) {
                break;
            }

            if (c->end > a && !add_layers(p, layers, c, a, b)) {
                json_decref(layers);
                return NULL;
            }
        }
    }

    return layers;
}


/* What the pictures of layers take, in px: the larger of box and picture. */

static int64_t
area_of(json_t *layer)
{
    size_t   i;
    json_t  *pair;
    int64_t  area, most;

    static const char *const names[] = { "box", "size" };

    if (json_object_get(layer, "a") != NULL) {
        return area_of(json_object_get(layer, "a"))
               + area_of(json_object_get(layer, "b"));
    }

    most = 0;

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        pair = json_object_get(layer, names[i]);
        area = json_integer_value(json_array_get(pair, 0))
               * json_integer_value(json_array_get(pair, 1));
        most = area > most ? area : most;
    }

    return most;
}


/* A small canvas does not bound what is laid on it: this does. */

static bool
check_area(rn_planner *p, json_t *layers, int64_t a, int64_t b)
{
    size_t   i;
    double   fps;
    json_t  *l;
    int64_t  area;

    area = 0;

    json_array_foreach(layers, i, l) {
        area += area_of(l);
    }

    if (area <= AREA_MAX) {
        return true;
    }

    fps = (double) p->doc->fps.num / (double) p->doc->fps.den;
    rn_problem_add(p->problems, "/timeline/tracks", "from %.3f s to %.3f s "
                   "pictures of %lld million px lie over one another; at most "
                   "%d are drawn", (double) a / fps, (double) b / fps,
                   (long long) (area / 1000000), AREA_MAX / 1000000);

    return false;
}


/* Why a segment is not a still, in words for a person. */

static const char *
reason_of(scene *c)
{
    size_t       i;
    json_t      *l;
    const char  *type;

    json_array_foreach(c->layers, i, l) {
        type = json_string_value(json_object_get(l, "type"));

        if (strcmp(type, "mix") == 0) {
            c->video = false;
            return "a transition";
        }

        c->video = c->video || strcmp(type, "video") == 0;
    }

    return c->video ? "a video is shown, and not copied"
                    : "something appears, goes or moves";
}


/* The same for a track, which may be in the way of a copy itself. */

static void
tell_reason(const rn_picture_stream *v, const scene *c, char *out, size_t size)
{
    if (!c->video || strcmp(c->mode, "render") != 0) {
        (void) snprintf(out, size, "%s", c->why);
    } else if (v->mixed) {
        (void) snprintf(out, size, "%s here", c->why);
    } else {
        (void) snprintf(out, size, "%s: %s", c->why, v->why);
    }
}


/* How it is coded: a still is looked at for long, and so is a seam. */

static int
crf_for(const segments *s, const rn_picture_stream *v, const scene *c)
{
    int          crf;
    const char  *type;

    crf = crf_of[v->codec][v->quality];

    if (v->codec != RN_CODEC_H264) {
        return crf;
    }

    if (by_hardware(s->p, v)) {             /* but one: see rn_hardware.c */
        return crf;
    }

    if (strcmp(c->mode, "still") == 0) {
        return crf - STILL_FINER;
    }

    type = json_string_value(json_object_get(json_array_get(c->layers, 0),
                                             "type"));

    return s->copies != NULL && s->copies->mixed
           && json_array_size(c->layers) == 1 && crf > SEAM_CRF
           && type != NULL && strcmp(type, "video") == 0 ? SEAM_CRF : crf;
}


/* What is seen: the same in every track. */

static json_t *
scene_spec(const rn_doc *doc, const scene *c)
{
    json_t  *spec;

    spec = json_pack("{s:i, s:s, s:i, s:[i, i, I, I], s:I, s:I, s:O}",
                     "v", 1, "kind", "video", "engine", RN_ENGINE,
                     "canvas", doc->width, doc->height,
                     (json_int_t) doc->fps.num, (json_int_t) doc->fps.den,
                     "frames", (json_int_t) (c->b - c->a),
                     "background", (json_int_t) doc->background,
                     "layers", c->layers);

    if (spec != NULL && strcmp(c->mode, "still") == 0
        && json_object_set_new(spec, "still", json_true()) != 0)
    {
        json_decref(spec);
        return NULL;
    }

    return spec;
}


/* libx264 is not named: what it codes has the keys that it always had. */

static bool
add_encoder(rn_planner *p, const rn_picture_stream *v, json_t *spec)
{
    p->h264 = true;

    if (!by_hardware(p, v)) {
        return true;
    }

    p->hardware = true;

    return json_object_set_new(spec, "encoder", json_pack("{s:s, s:s}",
                                   "name", p->limits->encoder, "driver",
                                   p->limits->driver)) == 0;
}


/*
 * How a track codes it.  What the canvas's own tracks have is told in members
 * of the specification, what others have in "coding".
 */

static json_t *
spec_of(const segments *s, const rn_picture_stream *v, const scene *c,
    int64_t first, int64_t count)
{
    bool           ok;
    json_t        *spec, *o;
    const rn_doc  *doc = s->p->doc;

    spec = scene_spec(doc, c);
    if (spec == NULL) {
        return NULL;
    }

    if (v->as_canvas && v->from <= c->a && v->to >= c->b) {
        ok = json_object_set_new(spec, "crf",
                                 json_integer(crf_for(s, v, c))) == 0;

        if (ok && c->copied) {
            ok = json_object_set(spec, "copy", c->copy) == 0;
        } else if (ok && s->copies != NULL && s->copies->mixed) {
            ok = json_object_set_new(spec, "sps",
                                     json_integer(s->copies->sps)) == 0;
        }

    } else {
        o = json_pack("{s:s, s:[i, i, I, I], s:i, s:[I, I, I, I]}",
                      "codec", rn_codec_of(v->codec)->name,
                      "size", v->w, v->h, (json_int_t) v->fps.num,
                      (json_int_t) v->fps.den, "crf", crf_for(s, v, c),
                      "pace", (json_int_t) (first * v->p
                                            + (v->from - c->a) * v->q),
                      (json_int_t) v->p, (json_int_t) v->q,
                      (json_int_t) count);

        ok = o != NULL
             && (!v->alpha || json_object_set_new(o, "alpha", json_true()) == 0)
             && json_object_set(spec, "coding", o) == 0;
        json_decref(o);
    }

    if (ok && v->codec == RN_CODEC_H264
        && json_object_get(spec, "copy") == NULL)
    {
        ok = add_encoder(s->p, v, spec);
    }

    if (!ok) {
        json_decref(spec);
        return NULL;
    }

    return spec;
}


/* The piece of one track; none where it has no picture in this segment. */

static bool
add_piece(segments *s, const rn_picture_stream *v, const scene *c,
    json_t *list)
{
    char     key[65], why[160];
    json_t  *spec;
    int64_t  first, count;

    first = rn_pictures_before(v, c->a);
    count = rn_pictures_before(v, c->b) - first;

    if (count == 0) {
        return true;
    }

    spec = spec_of(s, v, c, first, count);

    if (spec == NULL || !rn_spec_key(spec, key)) {
        json_decref(spec);
        return append(s->p, list, NULL);
    }

    tell_reason(v, c, why, sizeof(why));

    return append(s->p, list, json_pack("{s:s, s:i, s:s, s:I, s:f, s:s, s:s,"
                      " s:o}", "output", v->name, "number", c->number,
                      "key", key, "frames", (json_int_t) count,
                      "cost", cost_of(s->p, v, json_array_size(c->layers),
                                      count, c->mode),
                      "mode", c->mode, "why", why, "spec", spec));
}


static bool
read_scene(segments *s, scene *c, size_t i)
{
    c->a = s->cuts->at[i];
    c->b = s->cuts->at[i + 1];
    c->number = (int) i;
    c->copy = NULL;
    c->copied = c->video = false;

    c->layers = layers_of(s, c->a, c->b);
    if (c->layers == NULL) {
        return append(s->p, NULL, NULL);
    }

    if (!check_area(s->p, c->layers, c->a, c->b)) {
        return false;
    }

    if (s->copies != NULL) {
        c->copy = rn_plan_copy(s->copies, c->a, &c->copied);
    }

    if (c->copied) {
        c->mode = "copy";
        c->why = "nothing is changed of it";
    } else if (rn_plan_is_still(s->cuts, c->a, c->b)) {
        c->mode = "still";
        c->why = "nothing moves";
    } else {
        c->mode = "render";
        c->why = reason_of(c);
    }

    return c->copied && c->copy == NULL ? append(s->p, NULL, NULL) : true;
}


static void
free_scene(scene *c)
{
    json_decref(c->layers);
    json_decref(c->copy);
}


static bool
begin(segments *s, rn_planner *p, const rn_cuts *cuts, rn_copies *copies)
{
    size_t  i;

    memset(s, 0, sizeof(*s));
    s->p = p;
    s->cuts = cuts;
    s->copies = copies;

    s->next = calloc(p->doc->n_tracks + 1, sizeof(size_t));
    if (s->next == NULL) {
        return append(p, NULL, NULL);
    }

    for (i = p->tl->n; i > 0; i--) {
        s->next[p->tl->places[i - 1].track] = i - 1;
    }

    return true;
}


/* Whether any of the tracks has a picture there: some are of a part. */

static bool
is_shown(const rn_picture_stream *const *streams, size_t n, int64_t a,
    int64_t b)
{
    size_t  i;

    for (i = 0; i < n; i++) {
        if (rn_pictures_before(streams[i], a)
            < rn_pictures_before(streams[i], b))
        {
            return true;
        }
    }

    return false;
}


bool
rn_plan_segments(rn_planner *p, const rn_cuts *cuts, rn_copies *copies,
    const rn_picture_stream *const *streams, size_t n, json_t *list)
{
    bool      ok;
    size_t    i, k;
    scene     c;
    segments  s;

    ok = begin(&s, p, cuts, copies);

    for (i = 0; ok && i + 1 < cuts->n; i++) {
        /* a track with cuts of its own is planned where it has pictures */

        if (copies != NULL
            && !is_shown(streams, n, cuts->at[i], cuts->at[i + 1]))
        {
            continue;
        }

        ok = read_scene(&s, &c, i);

        for (k = 0; ok && k < n; k++) {
            ok = add_piece(&s, streams[k], &c, list);
        }

        free_scene(&c);
    }

    free(s.next);

    return ok;
}


json_t *
rn_plan_picture(rn_planner *p, const rn_cuts *cuts, int64_t tick)
{
    size_t    i;
    scene     c;
    json_t   *out;
    segments  s;

    if (!begin(&s, p, cuts, NULL)) {
        return NULL;
    }

    for (i = 0; cuts->at[i + 1] <= tick; i++) { /* void */ }

    out = NULL;

    if (read_scene(&s, &c, i)) {
        out = json_pack("{s:i, s:I, s:o}", "number", c.number, "tick",
                        (json_int_t) (tick - c.a), "spec",
                        scene_spec(p->doc, &c));
        if (out == NULL) {
            (void) append(p, NULL, NULL);
        }
    }

    free_scene(&c);
    free(s.next);

    return out;
}
