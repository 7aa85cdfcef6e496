/*
 * Motions that several things make together - a clip's own, an effect, how it
 * comes and goes - as the one list of keyframes that a composition has.
 */

#include "rn_import_parts.h"
#include "rn_motion.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>


#define AXES_MAX   2
#define STEP       0.1              /* s between keys, where curves mix */
#define TOGETHER   1e-6             /* s, by which times are the same */
#define KEYS_MAX   400


rn_im_curve *
rn_im_curve_new(rn_im_motion *m, int axis)
{
    rn_im_curve  *curves;

    curves = realloc(m->curves, (m->n + 1) * sizeof(rn_im_curve));
    if (curves == NULL) {
        return NULL;
    }

    m->curves = curves;
    memset(&curves[m->n], 0, sizeof(rn_im_curve));
    curves[m->n].axis = axis;

    return &curves[m->n++];
}


bool
rn_im_curve_add(rn_im_curve *c, double t, double v, const double *ease,
    bool step)
{
    rn_im_key  *keys, *k;

    if (c == NULL || c->n >= KEYS_MAX) {
        return false;
    }

    keys = realloc(c->keys, (c->n + 1) * sizeof(rn_im_key));
    if (keys == NULL) {
        return false;
    }

    c->keys = keys;
    k = &keys[c->n];
    memset(k, 0, sizeof(*k));
    k->t = c->n > 0 ? fmax(t, keys[c->n - 1].t) : fmax(t, 0);
    k->v = v;
    k->step = step;

    if (ease != NULL) {
        k->curved = true;
        memcpy(k->ease, ease, sizeof(k->ease));
    }

    c->n++;

    return true;
}


void
rn_im_motion_free(rn_im_motion *m)
{
    size_t  i;

    for (i = 0; i < m->n; i++) {
        free(m->curves[i].keys);
    }

    free(m->curves);
    memset(m, 0, sizeof(*m));
}


/* The key that a time leads to: the first behind it, or at it where `from`. */

static size_t
key_behind(const rn_im_curve *c, double t, bool before)
{
    size_t  i;

    for (i = 0; i < c->n; i++) {
        if (before ? c->keys[i].t > t - TOGETHER : c->keys[i].t > t + TOGETHER)
        {
            break;
        }
    }

    return i;
}


/* Its value at a time; `before`: just before it, where it jumps. */

static double
value_at(const rn_im_curve *c, double t, bool before)
{
    double            x;
    size_t            i;
    const rn_im_key  *a, *b;

    i = key_behind(c, t, before);

    if (i == 0) {
        return c->keys[0].v;
    }
    if (i == c->n) {
        return c->keys[c->n - 1].v;
    }

    a = &c->keys[i - 1];
    b = &c->keys[i];

    if (b->step) {
        return b->t <= t + TOGETHER && !before ? b->v : a->v;
    }

    if (b->t - a->t < TOGETHER) {
        return before ? a->v : b->v;
    }

    x = fmin(fmax((t - a->t) / (b->t - a->t), 0), 1);

    return a->v + (b->v - a->v) * (b->curved ? rn_bezier(b->ease, x) : x);
}


static void
all_at(const rn_im_motion *m, bool multiply, int axes, double t, bool before,
    double *v)
{
    int     k;
    size_t  i;
    double  one;

    for (k = 0; k < axes; k++) {
        v[k] = multiply ? 1 : 0;
    }

    for (i = 0; i < m->n; i++) {
        if (m->curves[i].n > 0 && m->curves[i].axis < axes) {
            one = value_at(&m->curves[i], t, before);
            k = m->curves[i].axis;
            v[k] = multiply ? v[k] * one : v[k] + one;
        }
    }
}


/*
 * The way from one time to the next, with no key between them: that of the one
 * curve that moves there, if it has its keys at both; else many small ones.
 */

static const rn_im_key *
way(const rn_im_motion *m, double from, double to, bool *small)
{
    size_t              i, k, moving;
    const rn_im_key    *found, *a, *b;
    const rn_im_curve  *c;

    found = NULL;
    moving = 0;
    *small = false;

    for (i = 0; i < m->n; i++) {
        c = &m->curves[i];
        k = key_behind(c, from, false);

        if (k == 0 || k == c->n || c->keys[k].v == c->keys[k - 1].v
            || c->keys[k].step)
        {
            continue;
        }

        a = &c->keys[k - 1];
        b = &c->keys[k];
        moving++;
        found = b;

        if (b->curved && (fabs(a->t - from) > TOGETHER
                          || fabs(b->t - to) > TOGETHER))
        {
            *small = true;
        }
    }

    *small = *small || moving > 1;

    return found;
}


static int
by_time(const void *a, const void *b)
{
    double  x = *(const double *) a, y = *(const double *) b;

    return x < y ? -1 : x > y;
}


typedef struct {
    const rn_importer   *im;
    json_t              *list;
    double               last;          /* the frame of the last key */
    double               held[AXES_MAX];
    rn_im_value_pt       value;
    int                  axes;
} keys;


static void
put(keys *k, double t, const double *v, const rn_im_key *how, bool step)
{
    json_t  *key;
    double   frame;

    frame = round(t * k->im->fps);

    if (json_array_size(k->list) > 0 && frame <= k->last) {
        return;                             /* keys are a frame apart */
    }

    key = json_pack("{s:o, s:o}", "time", rn_im_seconds(t), "value",
                    k->value(v));

    if (step) {
        (void) json_object_set_new(key, "easing", json_string("step"));

    } else if (how != NULL && how->curved) {
        (void) json_object_set_new(key, "easing",
                                   json_pack("[f, f, f, f]", how->ease[0],
                                             how->ease[1], how->ease[2],
                                             how->ease[3]));
    }

    if (key != NULL && json_array_append_new(k->list, key) == 0) {
        k->last = frame;
        memcpy(k->held, v, sizeof(double) * (size_t) k->axes);
    }
}


json_t *
rn_im_keys(const rn_importer *im, const rn_im_motion *m, bool multiply,
    int axes, double len, rn_im_value_pt value)
{
    bool              small, jump;
    keys              k;
    double            v[AXES_MAX], left[AXES_MAX], *times, t, step;
    size_t            i, j, n, parts;
    const rn_im_key  *how;

    n = 2;
    for (i = 0; i < m->n; i++) {
        n += m->curves[i].n;
    }

    times = calloc(n, sizeof(double));
    k = (keys) { im, json_array(), -1, { 0 }, value, axes };

    if (times == NULL || k.list == NULL) {
        goto done;
    }

    n = 1;                                  /* and 0, which calloc() wrote */
    for (i = 0; i < m->n; i++) {
        for (j = 0; j < m->curves[i].n; j++) {
            t = m->curves[i].keys[j].t;
            times[n++] = len <= 0 || t < len ? t : len;
        }
    }

    qsort(times, n, sizeof(double), by_time);

    step = STEP;
    if (times[n - 1] / step > 200) {
        step = times[n - 1] / 200;
    }

    how = NULL;

    for (i = 0; i < n; i++) {
        if (i > 0 && times[i] - times[i - 1] < TOGETHER) {
            continue;
        }

        t = times[i];
        all_at(m, multiply, axes, t, true, left);
        all_at(m, multiply, axes, t, false, v);
        jump = i > 0 && memcmp(left, v, sizeof(double) * (size_t) axes) != 0;

        if (jump && json_array_size(k.list) > 0) {
            put(&k, t - 1 / im->fps, left, how, false);
        }
        put(&k, t, v, how, jump);

        how = NULL;

        for (j = i + 1; j < n && times[j] - t < TOGETHER; j++) { /* void */ }

        if (j < n) {
            how = way(m, t, times[j], &small);

            if (small) {
                parts = (size_t) ceil((times[j] - t) / step);
                how = NULL;

                for (size_t p = 1; p < parts; p++) {
                    double  at = t + (times[j] - t) * p / parts;

                    all_at(m, multiply, axes, at, false, v);
                    put(&k, at, v, NULL, false);
                }
            }
        }
    }

done:

    free(times);

    return k.list;
}


/* The curves of https://easings.net and of CSS. */

const double *
rn_im_ease(const char *name)
{
    size_t  i;

    static const struct {
        const char  *name;
        double       ease[4];
    } known[] = {
        { "ease",           { .25, .1, .25, 1 } },
        { "easeIn",         { .42, 0, 1, 1 } },
        { "easeOut",        { 0, 0, .58, 1 } },
        { "easeInOut",      { .42, 0, .58, 1 } },
        { "easeInSine",     { .12, 0, .39, 0 } },
        { "easeOutSine",    { .61, 1, .88, 1 } },
        { "easeInOutSine",  { .37, 0, .63, 1 } },
        { "easeInQuad",     { .11, 0, .5, 0 } },
        { "easeOutQuad",    { .5, 1, .89, 1 } },
        { "easeInOutQuad",  { .45, 0, .55, 1 } },
        { "easeInCubic",    { .32, 0, .67, 0 } },
        { "easeOutCubic",   { .33, 1, .68, 1 } },
        { "easeInOutCubic", { .65, 0, .35, 1 } },
        { "easeInQuart",    { .5, 0, .75, 0 } },
        { "easeOutQuart",   { .25, 1, .5, 1 } },
        { "easeInOutQuart", { .76, 0, .24, 1 } },
        { "easeInQuint",    { .64, 0, .78, 0 } },
        { "easeOutQuint",   { .22, 1, .36, 1 } },
        { "easeInOutQuint", { .83, 0, .17, 1 } },
        { "easeInExpo",     { .7, 0, .84, 0 } },
        { "easeOutExpo",    { .16, 1, .3, 1 } },
        { "easeInOutExpo",  { .87, 0, .13, 1 } },
        { "easeInCirc",     { .55, 0, 1, .45 } },
        { "easeOutCirc",    { 0, .55, .45, 1 } },
        { "easeInOutCirc",  { .85, 0, .15, 1 } },
        { "easeInBack",     { .36, 0, .66, -.56 } },
        { "easeOutBack",    { .34, 1.56, .64, 1 } },
        { "easeInOutBack",  { .68, -.6, .32, 1.6 } },
    };

    for (i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (strcmp(known[i].name, name) == 0) {
            return known[i].ease;
        }
    }

    return NULL;
}
