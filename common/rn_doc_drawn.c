/* What only drawings have: an SVG in the document itself, and a waveform. */

#include "rn_doc_parts.h"
#include "rn_svg.h"

#include <string.h>


#define BARS_MIN    4
#define BARS_MAX    512
#define WINDOW_MIN  0.05                /* s */
#define WINDOW_MAX  60


void
rn_read_svg(rn_reader *r, json_t *value, void *out)
{
    char    err[200];
    size_t  n;

    n = json_string_length(value);

    if (!json_is_string(value)) {
        rn_report(r, "must be a string");

    } else if (n > RN_SVG_INLINE_MAX) {
        rn_report(r, "must not be longer than %d bytes; upload it, and name it "
                     "as a \"src\"", RN_SVG_INLINE_MAX);

    } else if (!rn_svg_check(json_string_value(value), n, NULL, err,
                             sizeof(err)))
    {
        rn_report(r, "%s", err);

    } else {
        *(const char **) out = json_string_value(value);
    }
}


void
rn_read_wave_style(rn_reader *r, json_t *value, void *out)
{
    int  w;

    static const rn_word words[] = {
        { "bars", RN_WAVE_BARS }, { "line", RN_WAVE_LINE }, { NULL, 0 }
    };

    w = rn_read_word(r, value, words);
    if (w >= 0) {
        *(rn_wave_style *) out = (rn_wave_style) w;
    }
}


void
rn_read_bars(rn_reader *r, json_t *value, void *out)
{
    json_int_t  n;

    n = json_integer_value(value);

    if (!json_is_integer(value) || n < BARS_MIN || n > BARS_MAX) {
        rn_report(r, "must be a whole number from %d to %d", BARS_MIN,
                  BARS_MAX);
        return;
    }

    *(int *) out = (int) n;
}


void
rn_read_window(rn_reader *r, json_t *value, void *out)
{
    (void) rn_read_between(r, value, WINDOW_MIN, WINDOW_MAX, out);
}


/* Its source, of which an SVG has one or the other; a line has no bars. */

void
rn_check_drawn(rn_reader *r, json_t *value, rn_asset *a)
{
    bool    src, svg;
    size_t  len;

    src = json_object_get(value, "src") != NULL;
    svg = a->type == RN_ASSET_SVG && json_object_get(value, "svg") != NULL;

    if (src && svg) {
        rn_report(r, "an svg has a \"src\" or an \"svg\", not both");

    } else if (!src && !svg) {
        rn_report(r, a->type == RN_ASSET_SVG
                  ? "an svg needs a \"src\", or the drawing itself as \"svg\""
                  : "a waveform needs a \"src\", whose sound it shows");

    } else if (a->src != NULL) {
        a->ref = rn_add_ref(r, a->src, a->type);
    }

    if (a->type == RN_ASSET_WAVEFORM && a->wave == RN_WAVE_LINE
        && json_object_get(value, "bars") != NULL)
    {
        len = rn_enter(r, "bars");
        rn_report(r, "a line has no bars");
        rn_leave(r, len);
    }
}
