/*
 * The text of an SVG, step by step: names, pieces between marks, and what
 * references to characters stand for.  For rn_svg*.c alone.
 */

#ifndef RN_SVG_READ_H
#define RN_SVG_READ_H

#include <stdbool.h>
#include <stddef.h>


/* A piece of the text. */

typedef struct {
    const char  *p;
    size_t       n;
} piece;

typedef struct {
    const char  *p, *end;
    size_t       elements, depth;
    bool         letters, rooted, typed;
    size_t       style;                 /* depth of the <style> we are in */
    char        *scratch;               /* decoded values and style sheets */
    size_t       styled;                /* bytes of the sheet in it */
    char        *err;
    size_t       err_size;
} scanner;


/* Says what is refused; always false. */
bool rn_svg_refuse(scanner *s, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* As many bytes of a piece as are shown to a person. */
int rn_svg_shown(const char *p, size_t n);

bool rn_svg_is_space(char c);
bool rn_svg_is(piece a, const char *word);
bool rn_svg_is_nocase(piece a, const char *word);

/* Whether what comes next is this. */
bool rn_svg_begins(const scanner *s, const char *word);

void rn_svg_skip_space(scanner *s);

/* Goes behind the next `word`; false where there is none. */
bool rn_svg_skip_behind(scanner *s, const char *word, piece *passed);

/* A name up to a space or a sign that ends it; of it, what is behind ":". */
piece rn_svg_read_name(scanner *s);

/*
 * Decodes character data, where references to characters stand for them and
 * the five names of XML are the only ones there are, to `out`, which is as
 * long as the text at the most.  False: refused.
 */
bool rn_svg_decode(scanner *s, piece text, char *out, size_t *len);


#endif /* RN_SVG_READ_H */
