/*
 * SVGs and .cube files, known by how they begin.  An SVG is drawn once, small:
 * what cannot be drawn is known before anything is rendered.
 */

#include "rn_probe_small.h"
#include "rn_blurhash.h"
#include "rn_bytes.h"
#include "rn_cube.h"
#include "rn_svg.h"
#include "rn_vector.h"

#include <math.h>
#include <string.h>


#define HEAD   4096                     /* bytes by which a file is known */
#define SMALL  320                      /* px of the drawing */


static void
tell(json_t **out, json_t *facts, rn_fault *fault)
{
    *out = facts;

    if (facts == NULL) {
        rn_fail(fault, RN_E_NOMEM, "out of memory");
    }
}


static int
even(double v)
{
    int  n;

    n = (int) lround(v / 2) * 2;

    return n < 2 ? 2 : n;
}


static void
probe_svg(int fd, json_t **out, rn_fault *fault)
{
    int             w, h;
    bool            letters;
    double          scale;
    AVFrame        *f;
    rn_turn         upright = { 0, false };
    rn_fault        ours;
    rn_bytes        file;
    rn_colour       colour = { "bt709", false };
    rn_blurhash     hash;
    rn_vector_part  part = { 0, 0, 1, 1, 0, 0 };

    if (rn_bytes_read(fd, RN_SVG_MAX, &file, fault) != RN_OK) {
        return;
    }

    if (rn_vector_size(file.p, file.n, &w, &h, &letters, fault) == RN_OK) {
        scale = fmin(1, (double) SMALL / (w > h ? w : h));
        part.out_w = even(w * scale);
        part.out_h = even(h * scale);

        if (rn_vector_draw(file.p, file.n, &part, RN_VECTOR_PROBE_SECONDS, &f,
                           fault) == RN_OK)
        {
            memset(&ours, 0, sizeof(ours));
            memset(&hash, 0, sizeof(hash));

            tell(out, json_pack("{s:s, s:s, s:f, s:{s:s, s:i, s:i, s:s, s:i,"
                    " s:s, s:b, s:b}, s:s*, s:[]}", "kind", "svg", "format",
                    "svg", "duration", 0.0, "video", "codec", "svg", "width",
                    w, "height", h, "fps", "0/1", "rotation", 0, "pix_fmt",
                    "bgra", "alpha", 1, "text", letters, "blurhash",
                    rn_blurhash_of(f, colour, upright, &hash, &ours) == RN_OK
                    ? hash.hash : NULL, "warnings"), fault);
            av_frame_free(&f);
        }
    }

    rn_bytes_free(&file);
}


static void
probe_cube(int fd, json_t **out, rn_fault *fault)
{
    char      err[200];
    rn_cube   cube;
    rn_bytes  file;

    if (rn_bytes_read(fd, RN_CUBE_MAX, &file, fault) != RN_OK) {
        return;
    }

    if (rn_cube_read(file.p, file.n, &cube, err, sizeof(err))) {
        tell(out, json_pack("{s:s, s:s, s:f, s:{s:i, s:i}, s:[]}", "kind",
                            "document", "format", "cube", "duration", 0.0,
                            "lut", "dimensions", cube.cube ? 3 : 1, "size",
                            cube.size, "warnings"), fault);
        rn_cube_free(&cube);
    } else {
        rn_fail(fault, RN_E_INPUT, "the table of colours cannot be read: %s",
                err);
    }

    rn_bytes_free(&file);
}


bool
rn_probe_small(int fd, json_t **out, rn_fault *fault)
{
    char    head[HEAD];
    size_t  n;

    if (!rn_bytes_head(fd, head, sizeof(head), &n)) {
        return false;                   /* the other way says what is wrong */
    }

    if (rn_svg_seems(head, n)) {
        probe_svg(fd, out, fault);
        return true;
    }

    if (rn_cube_seems(head, n)) {
        probe_cube(fd, out, fault);
        return true;
    }

    return false;
}
