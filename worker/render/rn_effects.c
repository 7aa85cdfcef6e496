/*
 * Effects; see rn_effects.h.  Each row of the table writes the options of one
 * or more filters; values come as integers, thousandths of what the document
 * says.  Which parameters there are, and between which bounds, is told by
 * common/rn_doc_effects.c.
 */

#include "rn_effects.h"

#include <math.h>
#include <stdio.h>
#include <string.h>


#define VALUES  5

typedef struct {
    AVFilterGraph    *graph;
    AVFilterContext  *last;
    double            v[VALUES];
    uint32_t          color;
    double            px_scale;
    bool              alpha;
    const char       *input;            /* of a LUT */
    rn_effects_stops *stops;
    rn_fault         *fault;
} maker;


/* One filter with up to six options, their values formatted as numbers. */

static void
add(maker *m, const char *name, const char *const *opts, const double *values)
{
    int          i;
    char         text[6][32];
    const char  *list[13] = { NULL };

    for (i = 0; i < 6 && opts[i] != NULL; i++) {
        (void) snprintf(text[i], sizeof(text[i]), "%.6f", values[i]);
        list[2 * i] = opts[i];
        list[2 * i + 1] = text[i];
    }

    if (m->last != NULL) {
        m->last = rn_filter_add(m->graph, m->last, name, list, m->fault);
    }
}


static void
add_words(maker *m, const char *name, const char *const *opts)
{
    if (m->last != NULL) {
        m->last = rn_filter_add(m->graph, m->last, name, opts, m->fault);
    }
}


/* The radius is that of CSS: the deviation of the Gaussian. */

static void
make_blur(maker *m)
{
    double  sigma = fmin(m->v[0] / m->px_scale, 1024);  /* gblur's most */

    if (m->last != NULL) {
        m->last = rn_filter_blur(m->graph, m->last, m->stops->w, m->stops->h,
                                 sigma, m->fault);
    }
}


static void
make_grayscale(maker *m)
{
    double  none = 0;

    add(m, "hue", (const char *const []) { "s", NULL }, &none);
}


/*
 * To RGB and back.  Without these flags swscale rounds down on its fast ways,
 * which since FFmpeg 7 are more: each way there and back took two levels.
 */

#define EXACT  "bicubic+accurate_rnd+full_chroma_int+bitexact"


static void
to_rgb(maker *m)
{
    static const char *const from[] = {
        "flags", EXACT, "in_color_matrix", "bt709", "in_range", "limited",
        NULL
    };
    const char *const rgb[] = { "pix_fmts", m->alpha ? "gbrap" : "gbrp", NULL };

    add_words(m, "scale", from);
    add_words(m, "format", rgb);
}


static void
from_rgb(maker *m)
{
    static const char *const to[] = {
        "flags", EXACT, "out_color_matrix", "bt709", "out_range", "limited",
        NULL
    };
    const char *const yuv[] = { "pix_fmts", m->alpha ? "yuva420p" : "yuv420p",
                                NULL };

    add_words(m, "scale", to);
    add_words(m, "format", yuv);
}


/* To RGB for the matrix of CSS Filter Effects 1, and back. */

static void
make_sepia(maker *m)
{
    static const char *const opts[] = {
        "rr", "0.393", "rg", "0.769", "rb", "0.189",
        "gr", "0.349", "gg", "0.686", "gb", "0.168",
        "br", "0.272", "bg", "0.534", "bb", "0.131", NULL
    };

    to_rgb(m);
    add_words(m, "colorchannelmixer", opts);
    from_rgb(m);
}


/* Not negate, to which black is 0 and white 255. */

static void
make_invert(maker *m)
{
    add_words(m, "lutyuv", (const char *const []) {
              "y", "negval", "u", "negval", "v", "negval", NULL });
}


static void
make_color(maker *m)
{
    double  hue = m->v[4];

    if (m->v[0] != 0 || m->v[1] != 1 || m->v[2] != 1 || m->v[3] != 1) {
        add(m, "eq", (const char *const []) { "brightness", "contrast",
            "saturation", "gamma", NULL }, m->v);
    }

    if (hue != 0) {
        add(m, "hue", (const char *const []) { "h", NULL }, &hue);
    }
}


static void
make_sharpen(maker *m)
{
    add(m, "unsharp", (const char *const []) { "luma_amount", NULL }, m->v);
}


static void
make_vignette(maker *m)
{
    double  angle = m->v[0] * M_PI_2 * 0.8;

    add(m, "vignette", (const char *const []) { "angle", NULL }, &angle);
}


static void
make_mirror(maker *m)
{
    add_words(m, m->v[0] != 0 ? "vflip" : "hflip", NULL);
}


static void
make_chroma_key(maker *m)
{
    char  color[24], similarity[24], blend[24];

    static const char *const alpha[] = { "pix_fmts", "yuva420p", NULL };

    (void) snprintf(color, sizeof(color), "0x%06x", m->color >> 8);
    (void) snprintf(similarity, sizeof(similarity), "%.6f", m->v[0]);
    (void) snprintf(blend, sizeof(blend), "%.6f", m->v[1]);

    add_words(m, "format", alpha);
    add_words(m, "chromakey", (const char *const []) {
              "color", color, "similarity", similarity, "blend", blend, NULL });
}


/* The same grains at each run: its seed is fixed. */

static void
make_noise(maker *m)
{
    double  v[2] = { round(m->v[0] * 100), 1 };
    char    strength[16];

    (void) snprintf(strength, sizeof(strength), "%.0f", v[0]);
    add_words(m, "noise", (const char *const []) {
              "all_strength", strength, "all_flags", "t", "all_seed", "1",
              NULL });
}


/* Not lut3d, which opens a path; the filters stop here, and go on behind. */

static void
make_lut(maker *m)
{
    int               fd;
    const rn_env     *env = m->stops->env;
    rn_effects_stop  *s;

    to_rgb(m);

    if (m->last == NULL) {
        return;
    }

    fd = m->input != NULL ? env->file(env->opaque, m->input) : -1;

    if (fd < 0 || m->stops->n == RN_EFFECTS_MAX) {
        rn_fail(m->fault, RN_E_INTERNAL, "a table of colours was not handed "
                "over");
        m->last = NULL;
        return;
    }

    s = &m->stops->stops[m->stops->n];
    s->lut = rn_lut_open(fd, m->v[0], m->fault);

    if (s->lut == NULL) {
        m->last = NULL;
        return;
    }

    m->stops->n++;
    add_words(m, "buffersink", NULL);
    s->sink = m->last;

    if (m->last != NULL) {
        m->last = s->source = rn_filter_source(m->graph, m->stops->w,
                     m->stops->h, m->alpha ? AV_PIX_FMT_GBRAP : AV_PIX_FMT_GBRP,
                     (AVRational) { 1, 1000000 }, (AVRational) { 1, 1 },
                     m->fault);
    }

    from_rgb(m);
}


void
rn_effects_forget(rn_effects_stops *stops)
{
    size_t  i;

    for (i = 0; i < stops->n; i++) {
        rn_lut_free(&stops->stops[i].lut);
    }

    stops->n = 0;
}


/* Filters that know no alpha: it goes around them. */

static void
beside_alpha(maker *m, void (*make)(maker *m))
{
    int               rc;
    AVFilterContext  *split, *alpha;

    static const char *const opaque[] = { "pix_fmts", "yuv420p", NULL };

    split = rn_filter_add(m->graph, m->last, "split", NULL, m->fault);
    if (split == NULL) {
        m->last = NULL;
        return;
    }

    m->last = rn_filter_add(m->graph, split, "format", opaque, m->fault);
    make(m);

    alpha = rn_filter_add(m->graph, NULL, "alphaextract", NULL, m->fault);

    if (m->last == NULL || alpha == NULL) {
        m->last = NULL;
        return;
    }

    m->last = rn_filter_add(m->graph, m->last, "alphamerge", NULL, m->fault);
    if (m->last == NULL) {
        return;
    }

    rc = avfilter_link(split, 1, alpha, 0);
    if (rc >= 0) {
        rc = avfilter_link(alpha, 0, m->last, 1);
    }

    if (rc < 0) {
        rn_fail_av(m->fault, rc, "the effects of a transparent picture");
        m->last = NULL;
    }
}


static const struct {
    const char  *name;
    int          values;
    bool         alpha;                 /* makes some */
    bool         opaque;                /* and would lose it */
    void       (*make)(maker *m);
} makers[] = {
    [RN_EFFECT_BLUR]       = { "blur", 1, false, false, make_blur },
    [RN_EFFECT_GRAYSCALE]  = { "grayscale", 0, false, false, make_grayscale },
    [RN_EFFECT_SEPIA]      = { "sepia", 0, false, false, make_sepia },
    [RN_EFFECT_INVERT]     = { "invert", 0, false, false, make_invert },
    [RN_EFFECT_COLOR]      = { "color", 5, false, true, make_color },
    [RN_EFFECT_SHARPEN]    = { "sharpen", 1, false, true, make_sharpen },
    [RN_EFFECT_VIGNETTE]   = { "vignette", 1, false, true, make_vignette },
    [RN_EFFECT_MIRROR]     = { "mirror", 1, false, false, make_mirror },
    [RN_EFFECT_CHROMA_KEY] = { "chroma-key", 2, true, false, make_chroma_key },
    [RN_EFFECT_NOISE]      = { "noise", 1, false, true, make_noise },
    [RN_EFFECT_LUT]        = { "lut", 1, false, false, make_lut },
};

#define MAKERS  ((int) (sizeof(makers) / sizeof(makers[0])))


json_t *
rn_effects_spec(const rn_effect *effects, size_t n, const rn_facts *facts)
{
    int      k;
    size_t   i;
    json_t  *list, *e;

    list = json_array();

    for (i = 0; list != NULL && i < n; i++) {
        e = json_pack("[s]", makers[effects[i].type].name);

        for (k = 0; e != NULL && k < makers[effects[i].type].values; k++) {
            (void) json_array_append_new(e, json_integer(
                                         llround(effects[i].v[k] * 1000)));
        }

        if (e != NULL && makers[effects[i].type].alpha) {
            (void) json_array_append_new(e, json_integer(effects[i].color));
        }

        /* by this name whoever hands files over finds it */

        if (e != NULL && effects[i].type == RN_EFFECT_LUT) {
            (void) json_array_append_new(e, json_pack("{s:s}", "input",
                                         facts[effects[i].ref].sha256));
        }

        if (e == NULL || json_array_append_new(list, e) != 0) {
            json_decref(list);
            return NULL;
        }
    }

    return list;
}


static int
find(json_t *e)
{
    int          i;
    const char  *name;

    name = json_string_value(json_array_get(e, 0));

    for (i = 0; name != NULL && i < MAKERS; i++) {
        if (strcmp(makers[i].name, name) == 0) {
            return i;
        }
    }

    return -1;
}


AVFilterContext *
rn_effects_add(AVFilterGraph *g, AVFilterContext *after, json_t *list,
    double px_scale, bool *alpha, rn_effects_stops *stops, rn_fault *fault)
{
    int      k, which;
    maker    m;
    size_t   i;
    json_t  *e;

    m.graph = g;
    m.last = after;
    m.px_scale = px_scale;
    m.alpha = *alpha;
    m.stops = stops;
    m.fault = fault;

    json_array_foreach(list, i, e) {
        which = find(e);

        if (which < 0) {
            rn_fail(fault, RN_E_INTERNAL, "an effect of another engine");
            return NULL;
        }

        for (k = 0; k < makers[which].values; k++) {
            m.v[k] = (double) json_integer_value(json_array_get(e,
                                                 (size_t) k + 1)) / 1000;
        }

        m.color = (uint32_t) json_integer_value(json_array_get(e,
                                                (size_t) k + 1));
        m.input = json_string_value(json_object_get(
                      json_array_get(e, (size_t) k + 1), "input"));

        if (m.alpha && makers[which].opaque) {
            beside_alpha(&m, makers[which].make);
        } else {
            makers[which].make(&m);
        }

        if (m.last == NULL) {
            return NULL;
        }

        m.alpha = m.alpha || makers[which].alpha;
    }

    *alpha = m.alpha;

    return m.last;
}
