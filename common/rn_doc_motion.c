/*
 * What of a clip moves: its keyframes, and the shapes of values that they share
 * with the fields they stand for.  When a key's time comes: rn_timeline.c.
 */

#include "rn_doc_parts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>


static const struct {
    const char  *name;
    int          values;
} moves[RN_MOVES] = {
    [RN_MOVE_OPACITY]  = { "opacity",  1 },
    [RN_MOVE_VOLUME]   = { "volume",   1 },
    [RN_MOVE_ROTATE]   = { "rotate",   1 },
    [RN_MOVE_SCALE]    = { "scale",    1 },
    [RN_MOVE_WIDTH]    = { "width",    1 },
    [RN_MOVE_HEIGHT]   = { "height",   1 },
    [RN_MOVE_POSITION] = { "position", 2 },
    [RN_MOVE_OFFSET]   = { "offset",   2 },
    [RN_MOVE_CROP]     = { "crop",     4 },
};


const char *
rn_move_name(rn_move move)
{
    return moves[move].name;
}


int
rn_move_values(rn_move move)
{
    return moves[move].values;
}


/* The part of a source that is used; what is left out is all of it. */

void
rn_read_crop(rn_reader *r, json_t *value, void *out)
{
    int         i;
    size_t      len;
    rn_length  *crop = out;

    static const rn_field fields[] = {
        { "x",      rn_read_length, 0 },
        { "y",      rn_read_length, sizeof(rn_length) },
        { "width",  rn_read_length, 2 * sizeof(rn_length) },
        { "height", rn_read_length, 3 * sizeof(rn_length) },
        { NULL, NULL, 0 }
    };

    crop[0].set = crop[1].set = crop[2].set = crop[3].set = true;
    crop[2].percent = crop[3].percent = true;
    crop[2].value = crop[3].value = 100;

    if (!rn_read_object(r, value, fields, crop)) {
        return;
    }

    for (i = 0; i < 4; i++) {
        if (crop[i].value < 0 || (i >= 2 && crop[i].value == 0)) {
            len = rn_enter(r, fields[i].name);
            rn_report(r, i >= 2 ? "must be more than 0"
                                : "must not be less than 0");
            rn_leave(r, len);
        }
    }
}


static void
read_point(rn_reader *r, json_t *value, rn_length *v)
{
    static const rn_field fields[] = {
        { "x", rn_read_length, 0 },
        { "y", rn_read_length, sizeof(rn_length) },
        { NULL, NULL, 0 }
    };

    if (json_is_string(value)) {
        rn_report(r, "must be {\"x\", \"y\"} where it moves");
        return;
    }

    (void) rn_read_object(r, value, fields, v);
}


static void
read_value(rn_reader *r, json_t *value, rn_move move, rn_length *v)
{
    switch (move) {

    case RN_MOVE_OPACITY:
        rn_read_unit(r, value, &v->value);
        break;

    case RN_MOVE_VOLUME:
        rn_read_volume(r, value, &v->value);
        break;

    case RN_MOVE_ROTATE:
        (void) rn_read_between(r, value, -36000, 36000, &v->value);
        break;

    case RN_MOVE_SCALE:
        (void) rn_read_between(r, value, 0, 20, &v->value);
        break;

    case RN_MOVE_WIDTH:
    case RN_MOVE_HEIGHT:
        rn_read_length(r, value, v);
        if (v->set && v->value <= 0) {
            rn_report(r, "must be more than 0");
        }
        break;

    case RN_MOVE_CROP:
        rn_read_crop(r, value, v);
        break;

    default:
        read_point(r, value, v);
    }
}


/*
 * How the way to a key is gone: the words of CSS, or the four numbers of its
 * cubic-bezier(), https://www.w3.org/TR/css-easing-1/.
 */

static void
read_easing(rn_reader *r, json_t *value, rn_keyframe *k)
{
    int     word, i;
    double  d;

    static const rn_word words[] = {
        { "linear", 0 }, { "ease", 1 }, { "ease-in", 2 }, { "ease-out", 3 },
        { "ease-in-out", 4 }, { "step", 5 }, { NULL, 0 }
    };

    static const int curves[][4] = {
        { 0, 0, 1000, 1000 }, { 250, 100, 250, 1000 }, { 420, 0, 1000, 1000 },
        { 0, 0, 580, 1000 }, { 420, 0, 580, 1000 },
    };

    if (json_is_array(value)) {
        for (i = 0; i < 4; i++) {
            json_t  *e = json_array_get(value, (size_t) i);

            d = json_number_value(e);

            if (json_array_size(value) != 4 || !json_is_number(e)
                || !isfinite(d) || fabs(d) > 10
                || (i % 2 == 0 && (d < 0 || d > 1)))
            {
                rn_report(r, "must be the numbers x1, y1, x2, y2 of a cubic "
                             "Bezier curve, both x from 0 to 1");
                return;
            }
            k->ease[i] = (int) lround(d * 1000);
        }
        k->curved = true;
        return;
    }

    word = rn_read_word(r, value, words);

    if (word == 5) {
        k->step = true;

    } else if (word > 0) {
        memcpy(k->ease, curves[word], sizeof(k->ease));
        k->curved = true;
    }
}


typedef struct {
    json_t   *time, *value, *easing;
} key_members;


static void
keep(rn_reader *r, json_t *value, void *out)
{
    (void) r;
    *(json_t **) out = value;
}


static void
read_key(rn_reader *r, json_t *item, rn_move move, rn_keyframe *k)
{
    size_t       len;
    key_members  m;

    static const rn_field fields[] = {
        { "time",   keep, AT(key_members, time) },
        { "value",  keep, AT(key_members, value) },
        { "easing", keep, AT(key_members, easing) },
        { NULL, NULL, 0 }
    };

    memset(&m, 0, sizeof(m));

    if (!rn_read_object(r, item, fields, &m)) {
        return;
    }

    if (m.time == NULL || m.value == NULL) {
        rn_report(r, "a keyframe needs a \"time\" and a \"value\"");
        return;
    }

    len = rn_enter(r, "time");
    rn_read_time(r, m.time, &k->time);
    if (json_is_string(m.time)
        && strcmp(json_string_value(m.time), "auto") == 0)
    {
        rn_report(r, "must be seconds such as 1.5, frames such as \"90f\", or "
                     "\"end\"");
    }
    rn_leave(r, len);

    len = rn_enter(r, "value");
    read_value(r, m.value, move, k->v);
    rn_leave(r, len);

    if (m.easing != NULL) {
        len = rn_enter(r, "easing");
        read_easing(r, m.easing, k);
        rn_leave(r, len);
    }
}


static void
read_list(rn_reader *r, json_t *value, rn_move move, rn_keyframes *list)
{
    size_t   i, n, len;
    json_t  *item;

    n = json_array_size(value);

    if (!json_is_array(value) || n == 0) {
        rn_report(r, "must be an array of at least one keyframe");
        return;
    }

    if (n > RN_KEYFRAMES_MAX) {
        rn_report(r, "may hold at most %d keyframes", RN_KEYFRAMES_MAX);
        return;
    }

    list->keys = calloc(n, sizeof(rn_keyframe));
    if (list->keys == NULL) {
        rn_report(r, "out of memory");
        return;
    }
    list->n = n;

    json_array_foreach(value, i, item) {
        len = rn_enter_index(r, i);
        read_key(r, item, move, &list->keys[i]);
        rn_leave(r, len);
    }
}


void
rn_read_keyframes(rn_reader *r, json_t *value, void *out)
{
    int       i;
    size_t    len;
    json_t   *found[RN_MOVES] = { NULL };
    rn_clip  *c = out;
    rn_field  fields[RN_MOVES + 1];

    memset(fields, 0, sizeof(fields));

    for (i = 0; i < RN_MOVES; i++) {
        fields[i].name = moves[i].name;
        fields[i].read = keep;
        fields[i].offset = (size_t) i * sizeof(json_t *);
    }

    if (!rn_read_object(r, value, fields, found)) {
        return;
    }

    for (i = 0; i < RN_MOVES; i++) {
        if (found[i] != NULL) {
            len = rn_enter(r, moves[i].name);
            read_list(r, found[i], (rn_move) i, &c->moves[i]);
            rn_leave(r, len);
        }
    }
}
