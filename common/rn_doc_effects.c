/*
 * Effects of a clip's picture: their names, parameters and bounds.  How they
 * are made: worker/render/rn_effects.c.
 */

#include "rn_doc_parts.h"

#include <string.h>


#define PARAMETERS  5

/* A parameter is a number between bounds; v[i] of rn_effect in this order. */

typedef struct {
    const char  *name;
    double       lo, hi, dflt;
} parameter;

typedef struct {
    const char  *name;
    bool         colored;               /* has a "color" */
    bool         turned;                /* has an "axis" */
    parameter    p[PARAMETERS];
} effect;

static const effect effects[] = {
    [RN_EFFECT_BLUR]       = { "blur", false, false,
                               { { "radius", 0.1, 500, 8 } } },
    [RN_EFFECT_GRAYSCALE]  = { "grayscale", false, false, { { 0 } } },
    [RN_EFFECT_SEPIA]      = { "sepia", false, false, { { 0 } } },
    [RN_EFFECT_INVERT]     = { "invert", false, false, { { 0 } } },
    [RN_EFFECT_COLOR]      = { "color", false, false,
                               { { "brightness", -1, 1, 0 },
                                 { "contrast", 0, 4, 1 },
                                 { "saturation", 0, 3, 1 },
                                 { "gamma", 0.1, 10, 1 },
                                 { "hue", -360, 360, 0 } } },
    [RN_EFFECT_SHARPEN]    = { "sharpen", false, false,
                               { { "amount", 0, 5, 1 } } },
    [RN_EFFECT_VIGNETTE]   = { "vignette", false, false,
                               { { "amount", 0, 1, 0.5 } } },
    [RN_EFFECT_MIRROR]     = { "mirror", false, true, { { 0 } } },
    [RN_EFFECT_CHROMA_KEY] = { "chroma-key", true, false,
                               { { "similarity", 0.01, 1, 0.15 },
                                 { "blend", 0, 1, 0.1 } } },
    [RN_EFFECT_NOISE]      = { "noise", false, false,
                               { { "amount", 0, 1, 0.2 } } },

    /* by itself, not a parameter of "color": it has a source, and what comes
       before and after it matters */

    [RN_EFFECT_LUT]        = { "lut", false, false,
                               { { "intensity", 0, 1, 1 } } },
};

#define EFFECTS  (sizeof(effects) / sizeof(effects[0]))


static void
read_axis(rn_reader *r, json_t *value, void *out)
{
    int  word;

    static const rn_word words[] = {
        { "horizontal", 0 }, { "vertical", 1 }, { NULL, 0 }
    };

    word = rn_read_word(r, value, words);
    if (word >= 0) {
        *(double *) out = word;
    }
}


static void
keep(rn_reader *r, json_t *value, void *out)
{
    (void) r;
    *(json_t **) out = value;
}


/* The members by the table above; bounds are checked one by one. */

static void
read_parameters(rn_reader *r, json_t *value, const effect *e, rn_effect *out)
{
    size_t    i, n, len;
    json_t   *found[PARAMETERS] = { NULL };
    json_t   *axis, *color, *src;
    rn_field  fields[PARAMETERS + 5];

    n = 0;
    axis = color = src = NULL;
    out->ref = -1;
    memset(fields, 0, sizeof(fields));

    for (i = 0; i < PARAMETERS && e->p[i].name != NULL; i++) {
        fields[n].name = e->p[i].name;
        fields[n].read = keep;
        fields[n++].offset = i * sizeof(json_t *);
        out->v[i] = e->p[i].dflt;
    }

    fields[n].name = "type";
    fields[n++].read = rn_read_ignored;

    if (e->turned) {
        fields[n].name = "axis";
        fields[n++].read = rn_read_ignored;
        axis = json_object_get(value, "axis");
    }

    if (e->colored) {
        fields[n].name = "color";
        fields[n++].read = rn_read_ignored;
        color = json_object_get(value, "color");
    }

    if (e == &effects[RN_EFFECT_LUT]) {
        fields[n].name = "src";
        fields[n++].read = rn_read_ignored;
        src = json_object_get(value, "src");

        if (src == NULL) {
            rn_report(r, "a lut needs a \"src\", a .cube file");
        }
    }

    (void) rn_read_object(r, value, fields, found);

    for (i = 0; i < PARAMETERS; i++) {
        if (found[i] != NULL) {
            len = rn_enter(r, e->p[i].name);
            (void) rn_read_between(r, found[i], e->p[i].lo, e->p[i].hi,
                                   &out->v[i]);
            rn_leave(r, len);
        }
    }

    if (axis != NULL) {
        len = rn_enter(r, "axis");
        read_axis(r, axis, &out->v[0]);
        rn_leave(r, len);
    }

    if (src != NULL) {
        const char  *name = NULL;

        len = rn_enter(r, "src");
        rn_read_src(r, src, &name);
        rn_leave(r, len);
        out->ref = name != NULL ? rn_add_ref(r, name, RN_ASSET_LUT) : -1;
    }

    out->color = 0x00ff00ff;

    if (color != NULL) {
        len = rn_enter(r, "color");
        rn_read_color(r, color, &out->color);
        rn_leave(r, len);
    }
}


static void
read_effect(rn_reader *r, json_t *value, rn_effect *out)
{
    int      word;
    size_t   i, len;
    json_t  *type;
    rn_word  words[EFFECTS + 1];

    if (!json_is_object(value)) {
        rn_report(r, "must be an object");
        return;
    }

    type = json_object_get(value, "type");
    if (type == NULL) {
        rn_report(r, "an effect needs a \"type\"");
        return;
    }

    for (i = 0; i < EFFECTS; i++) {
        words[i].name = effects[i].name;
        words[i].value = (int) i;
    }
    words[i].name = NULL;
    words[i].value = 0;

    len = rn_enter(r, "type");
    word = rn_read_word(r, type, words);
    rn_leave(r, len);

    if (word >= 0) {
        out->type = (rn_effect_type) word;
        read_parameters(r, value, &effects[word], out);
    }
}


void
rn_read_effects(rn_reader *r, json_t *value, void *out)
{
    size_t    i, len;
    json_t   *item;
    rn_clip  *c = out;

    if (!json_is_array(value)) {
        rn_report(r, "must be an array of effects");
        return;
    }

    if (json_array_size(value) > RN_EFFECTS_MAX) {
        rn_report(r, "may hold at most %d effects", RN_EFFECTS_MAX);
        return;
    }

    json_array_foreach(value, i, item) {
        len = rn_enter_index(r, i);
        read_effect(r, item, &c->effects[i]);
        rn_leave(r, len);
    }

    c->n_effects = json_array_size(value);
}
