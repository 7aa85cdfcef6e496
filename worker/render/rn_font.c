/* Fonts of compositions; see rn_font.h. */

#include "rn_font.h"

#include <ft2build.h>
#include FT_FREETYPE_H
#include <fontconfig/fontconfig.h>
#include <fontconfig/fcfreetype.h>
#include <pango/pangocairo.h>
#include <pango/pangofc-fontmap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>


#define FONT_MAX  (64 * 1024 * 1024)    /* bytes: those of CJK are large */


static const struct {
    const char  *head, *format;
} heads[] = {
    { "\0\1\0\0", "TrueType" }, { "true", "TrueType" }, { "OTTO", "OpenType" },
    { "ttcf", "collection" }, { "wOFF", "WOFF" }, { "wOF2", "WOFF2" },
};


static const char *
format_of(int fd)
{
    char    head[4];
    size_t  i;

    if (pread(fd, head, 4, 0) != 4) {
        return NULL;
    }

    for (i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
        if (memcmp(heads[i].head, head, 4) == 0) {
            return heads[i].format;
        }
    }

    return NULL;
}


bool
rn_font_known(int fd)
{
    return format_of(fd) != NULL;
}


static json_t *
string_of(FcPattern *p, const char *what)
{
    FcChar8  *s;

    if (FcPatternGetString(p, what, 0, &s) != FcResultMatch) {
        return NULL;
    }

    return json_string((const char *) s);
}


/* The facts of the face; none where fontconfig could not use it either. */

static json_t *
facts_of(FT_Face face, const char *format)
{
    json_t     *o, *family;
    FcPattern  *p;

    p = FcFreeTypeQueryFace(face, (const FcChar8 *) "", 0, NULL);
    if (p == NULL) {
        return NULL;
    }

    o = NULL;
    family = string_of(p, FC_FAMILY);

    if (family != NULL) {
        o = json_pack("{s:s, s:s, s:i, s:O, s:o*, s:[]}", "kind", "font",
                      "format", format, "duration", 0, "family", family,
                      "style", string_of(p, FC_STYLE), "warnings");
    }

    json_decref(family);
    FcPatternDestroy(p);

    return o;
}


rn_status
rn_font_probe(int fd, json_t **out, rn_fault *fault)
{
    void         *data;
    FT_Face       face;
    FT_Library    lib;
    const char   *format;
    struct stat   st;

    *out = NULL;

    format = format_of(fd);

    if (format == NULL || fstat(fd, &st) != 0) {
        return rn_fail(fault, RN_E_INPUT, "not a font of a kind that is read "
                       "here");
    }

    if (st.st_size > FONT_MAX) {
        return rn_fail(fault, RN_E_LIMIT, "fonts of more than %d MB are not "
                       "read here", FONT_MAX / 1024 / 1024);
    }

    data = mmap(NULL, (size_t) st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (data == MAP_FAILED) {
        return rn_fail(fault, RN_E_IO, "the font cannot be read");
    }

    if (FT_Init_FreeType(&lib) != 0) {
        (void) munmap(data, (size_t) st.st_size);
        return rn_fail(fault, RN_E_NOMEM, "out of memory");
    }

    if (FT_New_Memory_Face(lib, data, (FT_Long) st.st_size, 0, &face) != 0) {
        rn_fail(fault, RN_E_INPUT, "the font is damaged, or of a kind that is "
                "not read here");
    } else {
        *out = facts_of(face, format);
        (void) FT_Done_Face(face);

        if (*out == NULL) {
            rn_fail(fault, RN_E_INPUT, "the font has no name");
        }
    }

    (void) FT_Done_FreeType(lib);
    (void) munmap(data, (size_t) st.st_size);

    return fault->status;
}


rn_status
rn_font_add(const rn_env *env, const char *name, char *path, rn_fault *fault)
{
    int    fd, i;
    bool   known;
    char   file[RN_FONT_PATH];
    FcChar8   *f;
    FcFontSet *set;

    fd = env->file(env->opaque, name);
    if (fd < 0) {
        return rn_fail(fault, RN_E_INTERNAL, "a font was not handed over");
    }

    (void) snprintf(file, sizeof(file), "/proc/self/fd/%d", fd);

    if (path != NULL) {
        (void) snprintf(path, RN_FONT_PATH, "%s", file);
    }

    set = FcConfigGetFonts(FcConfigGetCurrent(), FcSetApplication);
    known = false;

    for (i = 0; set != NULL && i < set->nfont; i++) {
        known = known || (FcPatternGetString(set->fonts[i], FC_FILE, 0, &f)
                          == FcResultMatch
                          && strcmp((const char *) f, file) == 0);
    }

    if (known) {
        return RN_OK;
    }

    if (!FcConfigAppFontAddFile(NULL, (const FcChar8 *) file)) {
        return rn_fail(fault, RN_E_INPUT, "a font of the composition cannot be "
                       "used");
    }

    pango_fc_font_map_config_changed(PANGO_FC_FONT_MAP(
                                         pango_cairo_font_map_get_default()));

    return RN_OK;
}
