/*
 * Renders segments: the picture of each tick (rn_scene.c) goes to the encoders
 * that want it.  What is taken from its source as it is: rn_copy.c.
 */

#include "rn_segment.h"
#include "rn_copy.h"
#include "rn_encode.h"
#include "rn_hardware.h"
#include "rn_id.h"
#include "rn_matte.h"
#include "rn_scene.h"

#include <stdlib.h>
#include <string.h>


bool
rn_spec_key(json_t *spec, char hex[65])
{
    char  *text;

    text = json_dumps(spec, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
    if (text == NULL) {
        return false;
    }

    rn_sha256_hex(text, strlen(text), hex);
    free(text);

    return true;
}


/*
 * One coding of the pictures.  Its i-th is that at tick (phase + i * p) / q of
 * the segment, rounded down: p / q is the canvas's rate through its own.
 */

typedef struct {
    rn_encoder  e;
    bool        open;
    int64_t     phase, p, q;
    int64_t     count, next;
} coder;

/* The same pictures as they are, and with alpha: both are only made if asked */

typedef struct {
    coder     *coders;
    size_t     n;
    bool       alpha, opaque;           /* somebody wants such */
    rn_scene  *scene;
    rn_matte  *matte;
} group;


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


/*
 * The encoder that a specification names, where it is not the codec's own.
 * What another one makes would lie under a key that says something else, in a
 * track beside what it does not go with.
 */

static rn_status
find_encoder(json_t *spec, rn_coding *k, rn_fault *fault)
{
    json_t      *h;
    const char  *driver;

    h = json_object_get(spec, "encoder");
    if (h == NULL) {
        return RN_OK;
    }

    k->encoder = json_string_value(json_object_get(h, "name"));
    driver = json_string_value(json_object_get(h, "driver"));

    if (rn_hardware_is(k->encoder, driver)) {
        return RN_OK;
    }

    return rn_fail(fault, RN_E_UNSUPPORTED, "%s is not here%s",
                   k->encoder != NULL ? k->encoder : "its encoder",
                   rn_hardware_allowed() != NULL ? ", or is of another driver"
                   : "");
}


static rn_status
open_coder(coder *c, json_t *spec, int fd, rn_fault *fault)
{
    json_t     *o;
    rn_coding   k;

    o = json_object_get(spec, "coding");
    memset(&k, 0, sizeof(k));

    if (o == NULL) {
        k.codec = RN_CODEC_H264;
        k.w = (int) element(spec, "canvas", 0);
        k.h = (int) element(spec, "canvas", 1);
        k.fps.num = element(spec, "canvas", 2);
        k.fps.den = element(spec, "canvas", 3);
        k.crf = (int) number(spec, "crf");
        k.sps = (int) number(spec, "sps");
        c->p = c->q = 1;
        c->count = number(spec, "frames");

    } else {
        k.codec = rn_codec_named(json_string_value(json_object_get(o,
                                                   "codec")), RN_CODECS);
        k.w = (int) element(o, "size", 0);
        k.h = (int) element(o, "size", 1);
        k.fps.num = element(o, "size", 2);
        k.fps.den = element(o, "size", 3);
        k.crf = (int) number(o, "crf");
        k.alpha = json_is_true(json_object_get(o, "alpha"));
        c->phase = element(o, "pace", 0);
        c->p = element(o, "pace", 1);
        c->q = element(o, "pace", 2);
        c->count = element(o, "pace", 3);
    }

    if (k.w < 2 || k.h < 2 || k.fps.num < 1 || k.fps.den < 1 || c->phase < 0
        || c->p < 1 || c->q < 1 || c->count < 1)
    {
        return rn_fail(fault, RN_E_INTERNAL, "a segment of another engine");
    }

    if (find_encoder(spec, &k, fault) != RN_OK) {
        return fault->status;
    }

    c->open = rn_encoder_open(&c->e, fd, &k, fault) == RN_OK;

    return fault->status;
}


static rn_status
picture_of(group *g, bool alpha, int64_t k, const AVFrame **picture,
    rn_fault *fault)
{
    return alpha ? rn_matte_picture(g->matte, k, picture, fault)
                 : rn_scene_picture(g->scene, k, picture, fault);
}


/* Nothing moves: one picture, and the rest repeats it. */

static rn_status
still(group *g, const rn_env *env, rn_fault *fault)
{
    coder          *c;
    const AVFrame  *picture;

    for (c = g->coders; c < g->coders + g->n; c++) {
        if (picture_of(g, c->e.coding.alpha, 0, &picture, fault) != RN_OK
            || rn_encoder_send(&c->e, picture, fault) != RN_OK
            || rn_encoder_repeat(&c->e, c->count, fault) != RN_OK)
        {
            return fault->status;
        }

        if (env->progress != NULL) {
            env->progress(env->opaque, c->count);
        }
    }

    return RN_OK;
}


static rn_status
code_tick(group *g, int64_t k, const rn_env *env, rn_fault *fault)
{
    bool            sent;
    coder          *c;
    const AVFrame  *pictures[2] = { NULL, NULL };

    for (c = g->coders; c < g->coders + g->n; c++) {
        bool  alpha = c->e.coding.alpha;

        for (sent = false;
             c->next < c->count && (c->phase + c->next * c->p) / c->q <= k;
             c->next++, sent = true)
        {
            if (pictures[alpha] == NULL
                && picture_of(g, alpha, k, &pictures[alpha], fault) != RN_OK)
            {
                return fault->status;
            }

            if ((sent ? rn_encoder_again(&c->e, fault)
                      : rn_encoder_send(&c->e, pictures[alpha], fault))
                != RN_OK)
            {
                return fault->status;
            }

            if (env->progress != NULL) {
                env->progress(env->opaque, 1);
            }
        }
    }

    return RN_OK;
}


static rn_status
render(group *g, json_t *spec, const rn_env *env, rn_fault *fault)
{
    int64_t  k, frames;

    if (g->opaque && rn_scene_open(&g->scene, spec, env, fault) != RN_OK) {
        return fault->status;
    }

    if (g->alpha && rn_matte_open(&g->matte, spec, env, fault) != RN_OK) {
        return fault->status;
    }

    if (json_is_true(json_object_get(spec, "still"))) {
        return still(g, env, fault);
    }

    frames = number(spec, "frames");

    for (k = 0; k < frames; k++) {
        if (code_tick(g, k, env, fault) != RN_OK) {
            break;
        }
    }

    return fault->status;
}


bool
rn_segment_same(json_t *a, json_t *b)
{
    size_t  i;

    static const char *const members[] = {
        "engine", "canvas", "frames", "background", "layers", "still",
    };

    for (i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        json_t  *x = json_object_get(a, members[i]);
        json_t  *y = json_object_get(b, members[i]);

        if (x != y && !json_equal(x, y)) {
            return false;
        }
    }

    return json_object_get(a, "copy") == NULL
           && json_object_get(b, "copy") == NULL;
}


rn_status
rn_segments_render(rn_piece *pieces, size_t n, const rn_env *env,
    rn_fault *fault)
{
    size_t  i;
    group   g;

    memset(&g, 0, sizeof(g));

    if (n == 1 && json_object_get(pieces->spec, "copy") != NULL) {
        return rn_copy_piece(pieces->spec, env, pieces->fd, &pieces->bytes,
                             fault);
    }

    g.coders = calloc(n, sizeof(coder));
    if (g.coders == NULL) {
        return rn_fail(fault, RN_E_NOMEM, "out of memory");
    }

    for (i = 0; i < n; i++) {
        g.n++;

        if (open_coder(&g.coders[i], pieces[i].spec, pieces[i].fd, fault)
            != RN_OK)
        {
            break;
        }

        if (g.coders[i].e.coding.alpha) {
            g.alpha = true;
        } else {
            g.opaque = true;
        }
    }

    if (fault->status == RN_OK) {
        (void) render(&g, pieces->spec, env, fault);
    }

    for (i = 0; i < g.n; i++) {
        if (g.coders[i].open) {
            (void) rn_encoder_close(&g.coders[i].e, g.coders[i].count, fault);
            pieces[i].bytes = g.coders[i].e.mux.bytes;
        }
    }

    free(g.coders);
    rn_scene_close(&g.scene);
    rn_matte_close(&g.matte);

    return fault->status;
}


rn_status
rn_segment_render(json_t *spec, const rn_env *env, int out_fd, int64_t *bytes,
    rn_fault *fault)
{
    rn_piece  piece = { spec, out_fd, 0 };

    (void) rn_segments_render(&piece, 1, env, fault);
    *bytes = piece.bytes;

    return fault->status;
}
