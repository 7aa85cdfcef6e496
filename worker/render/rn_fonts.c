/* The fonts of the machine; see rn_fonts.h. */

#include "rn_fonts.h"
#include "rn_id.h"

#include <fontconfig/fontconfig.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


static int
by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *) a, *(char *const *) b);
}


/* A font without the folder it lies in; NULL: no memory. */

static char *
line_of(FcPattern *font)
{
    int          version, index;
    char        *line;
    FcChar8     *path, *name, *style;
    const char  *base;

    path = name = style = NULL;
    version = index = 0;

    (void) FcPatternGetString(font, FC_FILE, 0, &path);
    (void) FcPatternGetString(font, FC_FAMILY, 0, &name);
    (void) FcPatternGetString(font, FC_STYLE, 0, &style);
    (void) FcPatternGetInteger(font, FC_FONTVERSION, 0, &version);
    (void) FcPatternGetInteger(font, FC_INDEX, 0, &index);

    base = path != NULL ? strrchr((char *) path, '/') : NULL;

    if (asprintf(&line, "%s|%s|%s|%d|%d\n", base != NULL ? base + 1 : "",
                 name != NULL ? (char *) name : "",
                 style != NULL ? (char *) style : "", version, index) < 0)
    {
        return NULL;
    }

    return line;
}


rn_status
rn_fonts_installed(char hex[65], rn_fault *fault)
{
    int             i, n;
    char          **lines;
    FcFontSet      *fonts;
    EVP_MD_CTX     *md;
    unsigned char   digest[EVP_MAX_MD_SIZE];

    fonts = FcInit() ? FcConfigGetFonts(NULL, FcSetSystem) : NULL;
    n = fonts != NULL ? fonts->nfont : 0;

    lines = calloc((size_t) n + 1, sizeof(char *));
    md = EVP_MD_CTX_new();

    if (lines == NULL || md == NULL) {
        free(lines);
        EVP_MD_CTX_free(md);
        return rn_fail(fault, RN_E_NOMEM, "out of memory");
    }

    for (i = 0; i < n; i++) {
        lines[i] = line_of(fonts->fonts[i]);
        if (lines[i] == NULL) {
            rn_fail(fault, RN_E_NOMEM, "out of memory");
            break;
        }
    }

    n = i;
    qsort(lines, (size_t) n, sizeof(char *), by_name);
    (void) EVP_DigestInit_ex(md, EVP_sha256(), NULL);

    for (i = 0; i < n; i++) {
        (void) EVP_DigestUpdate(md, lines[i], strlen(lines[i]));
        free(lines[i]);
    }

    (void) EVP_DigestFinal_ex(md, digest, NULL);
    rn_hex(digest, 32, hex);

    EVP_MD_CTX_free(md);
    free(lines);

    return fault->status;
}
