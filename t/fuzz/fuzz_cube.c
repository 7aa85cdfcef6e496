/*
 * .cube files: what is read has the size and the rows that it says, its numbers
 * are those that strtod reads, and written down again it is read as the same.
 */

#include "fuzz.h"
#include "rn_cube.h"

#include <math.h>


static void
check_again(const rn_cube *c, size_t n)
{
    char     err[200];
    char    *text, *p;
    size_t   i;
    rn_cube  again;

    text = malloc(300 + 60 * n);
    MUST(text != NULL);

    p = text + sprintf(text, "LUT_%dD_SIZE %d\nDOMAIN_MIN %.17g %.17g %.17g\n"
                       "DOMAIN_MAX %.17g %.17g %.17g\n", c->cube ? 3 : 1,
                       c->size, c->min[0], c->min[1], c->min[2], c->max[0],
                       c->max[1], c->max[2]);

    for (i = 0; i < n; i += 3) {
        p += sprintf(p, "%.9g %.9g %.9g\n", (double) c->rgb[i],
                     (double) c->rgb[i + 1], (double) c->rgb[i + 2]);
    }

    MUST(rn_cube_read(text, (size_t) (p - text), &again, err, sizeof(err)));
    MUST(again.cube == c->cube && again.size == c->size);
    MUST(memcmp(again.rgb, c->rgb, n * sizeof(float)) == 0);
    rn_cube_free(&again);

    /* without its last row it is none */

    *--p = '\0';
    p = strrchr(text, '\n') + 1;
    MUST(!rn_cube_read(text, (size_t) (p - text), &again, err, sizeof(err)));
    MUST(again.rgb == NULL && strncmp(err, "line ", 5) == 0);

    free(text);
}


int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    char     err[200];
    char    *text;
    size_t   i, n;
    rn_cube  c;

    text = exact_copy(bytes, len);
    (void) rn_cube_seems(text, len);

    if (!rn_cube_read(text, len, &c, err, sizeof(err))) {
        MUST(c.rgb == NULL && strlen(err) > 10);
        free(text);
        return 0;
    }

    MUST(c.size >= 2 && c.size <= (c.cube ? RN_CUBE_SIDE : RN_CUBE_CURVE));
    n = 3 * (size_t) c.size;
    n *= c.cube ? (size_t) c.size * (size_t) c.size : 1;

    for (i = 0; i < 3; i++) {
        MUST(isfinite(c.min[i]) && c.max[i] > c.min[i]);
    }

    for (i = 0; i < n; i++) {
        MUST(fabsf(c.rgb[i]) <= 1e6f);
    }

    if (n < 1000) {
        check_again(&c, n);
    }

    rn_cube_free(&c);
    free(text);

    return 0;
}
