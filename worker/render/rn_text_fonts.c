/* Which font files a text is shown with, and their digests; see rn_text.h. */

#include "rn_text_parts.h"
#include "rn_id.h"

#include <fcntl.h>
#include <fontconfig/fontconfig.h>
#include <openssl/evp.h>
#include <pango/pangofc-font.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>


#define FILES_MAX  64                   /* of one text */
#define KNOWN_MAX  512


typedef struct {
    char            *path;
    char             hex[65];
} file;

struct rn_font_digests {
    file             known[KNOWN_MAX];
    size_t           n;
    const file      *used[FILES_MAX];
    size_t           n_used;
};


rn_font_digests *
rn_font_digests_new(void)
{
    return calloc(1, sizeof(rn_font_digests));
}


void
rn_font_digests_free(rn_font_digests *d)
{
    size_t  i;

    for (i = 0; d != NULL && i < d->n; i++) {
        free(d->known[i].path);
    }

    free(d);
}


const char *
rn_font_used(const rn_font_digests *d, size_t i)
{
    return i < d->n_used ? d->used[i]->path : NULL;
}


static bool
hash_file(const char *path, char hex[65])
{
    int             fd;
    char            buf[65536];
    ssize_t         n;
    EVP_MD_CTX     *md;
    unsigned char   digest[EVP_MAX_MD_SIZE];

    fd = open(path, O_RDONLY | O_CLOEXEC);
    md = EVP_MD_CTX_new();
    n = fd >= 0 && md != NULL ? 0 : -1;

    if (n == 0) {
        (void) EVP_DigestInit_ex(md, EVP_sha256(), NULL);

        while ((n = read(fd, buf, sizeof(buf))) > 0) {
            (void) EVP_DigestUpdate(md, buf, (size_t) n);
        }

        (void) EVP_DigestFinal_ex(md, digest, NULL);
        rn_hex(digest, 32, hex);
    }

    if (fd >= 0) {
        (void) close(fd);
    }

    EVP_MD_CTX_free(md);

    return n == 0;
}


/* The file, hashed once for all texts. */

static const file *
known(rn_font_digests *d, const char *path, rn_fault *fault)
{
    file    *f;
    size_t   i;

    for (i = 0; i < d->n; i++) {
        if (strcmp(d->known[i].path, path) == 0) {
            return &d->known[i];
        }
    }

    if (d->n == KNOWN_MAX) {
        rn_fail(fault, RN_E_LIMIT, "the texts take more than %d fonts",
                KNOWN_MAX);
        return NULL;
    }

    f = &d->known[d->n];
    f->path = strdup(path);

    if (f->path == NULL) {
        rn_fail(fault, RN_E_NOMEM, "out of memory");
        return NULL;
    }

    d->n++;

    if (!hash_file(path, f->hex)) {
        rn_fail(fault, RN_E_INTERNAL, "a font cannot be read: %s", path);
        return NULL;
    }

    return f;
}


static const char *
path_of(PangoLayoutRun *run)
{
    FcChar8    *path;
    PangoFont  *font;
    FcPattern  *pattern;

    font = run != NULL ? run->item->analysis.font : NULL;
    pattern = PANGO_IS_FC_FONT(font)
              ? pango_fc_font_get_pattern(PANGO_FC_FONT(font)) : NULL;

    return pattern != NULL && FcPatternGetString(pattern, FC_FILE, 0, &path)
                              == FcResultMatch ? (const char *) path : NULL;
}


/* The files of the fonts of every run, each once. */

static rn_status
find_files(rn_font_digests *d, PangoLayout *layout, rn_fault *fault)
{
    size_t            i;
    const char       *path;
    const file       *f;
    PangoLayoutIter  *it;

    d->n_used = 0;
    it = pango_layout_get_iter(layout);

    do {
        path = path_of(pango_layout_iter_get_run_readonly(it));
        f = path != NULL ? known(d, path, fault) : NULL;

        if (fault->status != RN_OK) {
            break;
        }

        for (i = 0; f != NULL && i < d->n_used && d->used[i] != f; i++) {
            /* void */
        }

        if (f != NULL && i == d->n_used && i < FILES_MAX) {
            d->used[d->n_used++] = f;
        }
    } while (pango_layout_iter_next_run(it));

    pango_layout_iter_free(it);

    return fault->status;
}


static int
by_path(const void *a, const void *b)
{
    return strcmp((*(const file *const *) a)->path,
                  (*(const file *const *) b)->path);
}


rn_status
rn_text_fonts_of(PangoLayout *layout, rn_font_digests *d, char hex[65],
    rn_fault *fault)
{
    size_t          i;
    EVP_MD_CTX     *md;
    unsigned char   digest[EVP_MAX_MD_SIZE];

    if (find_files(d, layout, fault) != RN_OK) {
        return fault->status;
    }

    if (d->n_used == 0) {
        return rn_fail(fault, RN_E_INTERNAL, "no font is installed that could "
                       "show this text");
    }

    qsort(d->used, d->n_used, sizeof(d->used[0]), by_path);

    if (d->n_used == 1) {
        memcpy(hex, d->used[0]->hex, 65);
        return RN_OK;
    }

    md = EVP_MD_CTX_new();
    if (md == NULL) {
        return rn_fail(fault, RN_E_NOMEM, "out of memory");
    }

    (void) EVP_DigestInit_ex(md, EVP_sha256(), NULL);

    for (i = 0; i < d->n_used; i++) {
        (void) EVP_DigestUpdate(md, d->used[i]->hex, 64);
    }

    (void) EVP_DigestFinal_ex(md, digest, NULL);
    rn_hex(digest, 32, hex);
    EVP_MD_CTX_free(md);

    return RN_OK;
}


rn_status
rn_text_fonts(const rn_text_spec *spec, rn_font_digests *d, char hex[65],
    rn_fault *fault)
{
    PangoLayout  *layout;

    layout = rn_text_layout(spec);
    (void) rn_text_fonts_of(layout, d, hex, fault);
    g_object_unref(layout);

    return fault->status;
}
