/*
 * Tables of colours in .cube files, as Adobe specified them (Cube LUT 1.0):
 * one curve for each of R, G and B, or a cube of colours.  Resolve's lines
 * LUT_1D_INPUT_RANGE and LUT_3D_INPUT_RANGE say the same as DOMAIN_MIN and
 * DOMAIN_MAX; a file with both a curve and a cube, which it writes, too, is
 * refused.
 */

#ifndef RN_CUBE_H
#define RN_CUBE_H

#include <stdbool.h>
#include <stddef.h>


#define RN_CUBE_MAX      (16 * 1024 * 1024)     /* bytes of a file */
#define RN_CUBE_SIDE     65                     /* of a cube */
#define RN_CUBE_CURVE    65536                  /* values of a curve */


typedef struct {
    bool         cube;                  /* else curves */
    int          size;                  /* of a side, or of a curve */
    double       min[3], max[3];        /* of what goes in: R, G, B */
    float       *rgb;                   /* three for each colour, as in the
                                           file: red counts up first */
} rn_cube;


/* Whether these bytes, at least the first of a file, begin as a .cube does. */
bool rn_cube_seems(const char *text, size_t len);

/*
 * Reads a file.  False: err says why, and in which line.  On success freed by
 * rn_cube_free.
 */
bool rn_cube_read(const char *text, size_t len, rn_cube *cube, char *err,
    size_t err_size);

void rn_cube_free(rn_cube *cube);


#endif /* RN_CUBE_H */
