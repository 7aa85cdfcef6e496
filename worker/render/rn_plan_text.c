/* Texts in plans; see rn_plan_text.h. */

#include "rn_plan_text.h"
#include "rn_font.h"
#include "rn_id.h"
#include "rn_text.h"

#include <math.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


#define CAPTION_SAFE   0.05             /* of the canvas, EBU R 95 */
#define CAPTION_SIZE   16               /* so many fit the shorter side */
#define CAPTION_EDGE   12               /* so many outlines make its size */
#define SHRINK_STEPS   12
#define STYLED_CUES    100              /* whose letters are looked up, */
#define STYLED_FONTS   32               /* in so many families */


typedef struct {
    const rn_doc     *doc;
    const rn_facts   *facts;
    const rn_env     *env;
    char              own[RN_FONTS_MAX][RN_FONT_PATH];
    rn_font_digests  *digests;
} fonts;


static int
px(const rn_length *l, int side)
{
    return (int) lround(l->percent ? l->value * side / 100 : l->value);
}


void
rn_plan_safe(const rn_doc *doc, const rn_asset *a, int *x, int *y)
{
    *x = *y = 0;

    if (doc->safe_area.set) {
        *x = px(&doc->safe_area, doc->width);
        *y = px(&doc->safe_area, doc->height);
    } else if (a->markup || a->type == RN_ASSET_CAPTION) {
        *x = (int) lround(doc->width * CAPTION_SAFE);
        *y = (int) lround(doc->height * CAPTION_SAFE);
    }
}


/* How a text is set, at a size. */

static void
spec_of(const rn_doc *doc, const rn_clip *c, double size, rn_text_spec *t)
{
    int              x, y;
    const rn_asset  *a = &c->asset;

    memset(t, 0, sizeof(*t));
    t->text = a->text;
    t->markup = a->markup;
    t->family = a->family;
    t->size = size;
    t->bold = a->bold;
    t->italic = a->italic;
    t->align = a->align;
    t->color = a->color;
    t->background = a->background;
    t->stroke = a->stroke;
    t->stroke_width = a->stroke_width >= 0 ? a->stroke_width
                                           : size / CAPTION_EDGE;
    t->width = c->width.set ? px(&c->width, doc->width) : 0;

    if (!c->width.set && a->min_size > 0) {
        rn_plan_safe(doc, a, &x, &y);
        t->width = doc->width - 2 * x;
    }

    t->height = a->min_size > 0 && c->height.set ? px(&c->height, doc->height)
                                                 : 0;
    t->max_width = doc->width;
    t->max_height = doc->height;
}


static double
size_of(const rn_doc *doc, const rn_asset *a)
{
    int  side;

    side = doc->width < doc->height ? doc->width : doc->height;

    return a->size > 0 ? a->size : fmax((double) side / CAPTION_SIZE, 4);
}


/* The largest size at which a text fits its box, not below the least. */

static double
shrunk(const rn_doc *doc, const rn_clip *c, double size)
{
    int           i, x, y, w, h, tw, th;
    double        lo, hi, mid;
    rn_text_spec  t;

    rn_plan_safe(doc, &c->asset, &x, &y);
    w = c->width.set ? px(&c->width, doc->width) : doc->width - 2 * x;
    h = c->height.set ? px(&c->height, doc->height) : doc->height - 2 * y;

    lo = c->asset.min_size;
    hi = size = size < lo ? lo : size;

    for (i = 0; i <= SHRINK_STEPS; i++) {
        mid = i == 0 ? size : (lo + hi) / 2;
        spec_of(doc, c, mid, &t);
        rn_text_extents(&t, &tw, &th);

        if (tw > w || th > h) {
            hi = mid;
        } else if (i == 0) {
            return size;
        } else {
            lo = mid;
        }
    }

    return floor(lo * 8) / 8 < c->asset.min_size ? c->asset.min_size
                                                 : floor(lo * 8) / 8;
}


/* The fonts of the document are known to this process from now on. */

static rn_status
add_fonts(fonts *f, rn_problems *problems, rn_fault *fault)
{
    size_t           i;
    const rn_facts  *facts;

    for (i = 0; i < f->doc->n_fonts; i++) {
        facts = &f->facts[f->doc->fonts[i]];

        if (!facts->known || strcmp(facts->kind, "font") != 0) {
            rn_problem_add(problems, f->doc->refs[f->doc->fonts[i]].pointer,
                           "%s%s%s", facts->known ? "is a " : "",
                           facts->known ? facts->kind : facts->error,
                           facts->known ? ", not a font" : "");
            continue;
        }

        if (rn_font_add(f->env, facts->sha256, f->own[i], fault) != RN_OK) {
            return fault->status;
        }
    }

    return problems->total != 0 ? RN_E_INVALID : RN_OK;
}


static bool
is_own(void *opaque, const char *path, unsigned *own)
{
    size_t  i;
    fonts  *f = opaque;

    for (i = 0; i < f->doc->n_fonts; i++) {
        if (strcmp(f->own[i], path) == 0) {
            *own |= 1u << i;
            return true;
        }
    }

    return false;
}


static rn_status
find_letters(fonts *f, const rn_clip *c, rn_letters *l, rn_problems *problems,
    rn_fault *fault)
{
    char          pointer[120];
    size_t        i;
    rn_fault      ours;
    const char   *path;
    rn_text_spec  t;

    l->size = size_of(f->doc, &c->asset);

    if (c->asset.min_size > 0) {
        l->size = shrunk(f->doc, c, l->size);
    }

    spec_of(f->doc, c, l->size, &t);

    memset(&ours, 0, sizeof(ours));
    (void) rn_text_check(&t, f->digests, l->hex, &l->missing, &ours);

    if (ours.status == RN_E_INVALID) {
        (void) snprintf(pointer, sizeof(pointer), "%s/asset%s", c->pointer,
                        c->asset.markup ? "" : "/text");
        rn_problem_add(problems, pointer, "%s", ours.text);
        return RN_OK;
    }

    if (ours.status != RN_OK) {
        *fault = ours;
        return fault->status;
    }

    for (i = 0; (path = rn_font_used(f->digests, i)) != NULL; i++) {
        (void) is_own(f, path, &l->own);
    }

    return RN_OK;
}


/*
 * Of captions with styles of their own: what their families stand for.  libass
 * finds its fonts by itself, in the same way; a document's own are all at hand.
 */

static rn_status
find_styled(fonts *f, const rn_place *c, rn_letters *l, rn_fault *fault)
{
    char            family[STYLED_FONTS][100], hex[65];
    size_t          i, k, n, seen;
    json_t         *cue;
    EVP_MD_CTX     *md;
    const char     *s, *text;
    rn_text_spec    t;
    unsigned char   digest[EVP_MAX_MD_SIZE];

    md = EVP_MD_CTX_new();
    if (md == NULL) {
        return rn_fail(fault, RN_E_NOMEM, "out of memory");
    }

    (void) EVP_DigestInit_ex(md, EVP_sha256(), NULL);
    s = json_string_value(json_object_get(c->facts->ass, "header"));

    for (s = s != NULL ? strstr(s, "\nStyle:") : NULL, seen = 0;
         s != NULL && seen < STYLED_FONTS; s = strstr(s, "\nStyle:"))
    {
        s += strcspn(s, ",");
        n = *s == ',' ? strcspn(s + 1, ",\n") : 0;

        if (n == 0 || n >= sizeof(family[0])) {
            continue;
        }

        (void) snprintf(family[seen], sizeof(family[0]), "%.*s", (int) n,
                        s + 1);

        for (k = 0; strcmp(family[k], family[seen]) != 0; k++) { /* void */ }

        if (k < seen) {
            continue;                   /* as most styles have */
        }

        seen++;

        json_array_foreach(c->facts->cues, i, cue) {
            text = json_string_value(json_array_get(cue, 2));

            if (i >= STYLED_CUES || text == NULL) {
                break;
            }

            memset(&t, 0, sizeof(t));
            t.text = text;
            t.markup = true;
            t.family = family[k];
            t.size = 40;

            if (rn_text_fonts(&t, f->digests, hex, fault) != RN_OK) {
                EVP_MD_CTX_free(md);
                return fault->status;
            }

            (void) EVP_DigestUpdate(md, hex, 64);
        }
    }

    (void) EVP_DigestFinal_ex(md, digest, NULL);
    rn_hex(digest, 32, l->hex);
    EVP_MD_CTX_free(md);

    l->own = (1u << f->doc->n_fonts) - 1;

    return RN_OK;
}


rn_letters *
rn_plan_letters(const rn_doc *doc, const rn_facts *facts,
    const rn_timeline *tl, const rn_env *env, rn_problems *problems,
    rn_fault *fault)
{
    fonts        f;
    size_t       i;
    rn_letters  *list;

    memset(&f, 0, sizeof(f));
    f.doc = doc;
    f.facts = facts;
    f.env = env;
    f.digests = rn_font_digests_new();
    list = calloc(tl->n + 1, sizeof(rn_letters));

    if (list == NULL || f.digests == NULL) {
        rn_fail(fault, RN_E_NOMEM, "out of memory");
        goto done;
    }

    if (add_fonts(&f, problems, fault) != RN_OK) {
        goto done;
    }

    for (i = 0; i < tl->n && fault->status == RN_OK; i++) {
        if (tl->places[i].clip->asset.type == RN_ASSET_TEXT) {
            (void) find_letters(&f, tl->places[i].clip, &list[i], problems,
                                fault);
        } else if (tl->places[i].clip->asset.type == RN_ASSET_CAPTION) {
            (void) find_styled(&f, &tl->places[i], &list[i], fault);
        }
    }

done:

    rn_font_digests_free(f.digests);

    if (fault->status != RN_OK || problems->total != 0) {
        free(list);
        return NULL;
    }

    return list;
}


/* Members that only some texts have: what is stored of the rest stays good. */

static bool
add_rest(json_t *o, const rn_text_spec *t)
{
    bool  ok;

    ok = !t->markup || json_object_set_new(o, "markup", json_true()) == 0;

    if (ok && t->height > 0) {
        ok = json_object_set_new(o, "height", json_integer(t->height)) == 0;
    }

    if (ok && t->stroke_width > 0) {
        ok = json_object_set_new(o, "stroke", json_pack("[I, I]",
                 (json_int_t) t->stroke,
                 (json_int_t) llround(t->stroke_width * 1000))) == 0;
    }

    return ok;
}


bool
rn_plan_own_fonts(json_t *o, const rn_doc *doc, const rn_facts *facts,
    const rn_letters *letters)
{
    bool     ok;
    size_t   i;
    json_t  *own;

    if (letters->own == 0) {
        return true;
    }

    ok = true;
    own = json_array();

    for (i = 0; ok && i < doc->n_fonts; i++) {
        if (letters->own & 1u << i) {
            ok = json_array_append_new(own, json_pack("{s:s}", "input",
                     facts[doc->fonts[i]].sha256)) == 0;
        }
    }

    return json_object_set_new(o, "own", own) == 0 && ok;
}


json_t *
rn_plan_text(const rn_doc *doc, const rn_facts *facts, const rn_clip *clip,
    const rn_letters *letters)
{
    json_t        *o;
    rn_text_spec   t;

    spec_of(doc, clip, letters->size, &t);

    o = json_pack("{s:s, s:s, s:I, s:i, s:i, s:i, s:I, s:I, s:i, s:s}",
                  "text", t.text, "family", t.family,
                  "size", (json_int_t) llround(t.size * 1000),
                  "bold", t.bold, "italic", t.italic, "align", (int) t.align,
                  "color", (json_int_t) t.color,
                  "background", (json_int_t) t.background,
                  "width", t.width, "fonts", letters->hex);

    if (o != NULL && (!add_rest(o, &t)
                      || !rn_plan_own_fonts(o, doc, facts, letters)))
    {
        json_decref(o);
        return NULL;
    }

    return o;
}
