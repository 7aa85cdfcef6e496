/*
 * What becomes of the pieces of a plan: made, left in their sources, found in
 * the cache, or shown again.  Makes none of them.
 */

#include "cmd_pieces.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>


void
cmd_piece_path(const char *cache, const char *key, const char *suffix,
    char *path, size_t len)
{
    (void) snprintf(path, len, "%s/%s.mp4%s", cache, key, suffix);
}


/* An output that is joined of packets alone, of one set of parameters. */

static bool
is_film(json_t *output)
{
    size_t       i;
    const char  *format;

    static const char *const films[] = { "mp4", "mov", "m4a" };

    format = json_string_value(json_object_get(output, "format"));

    for (i = 0; format != NULL && i < sizeof(films) / sizeof(films[0]); i++) {
        if (strcmp(format, films[i]) == 0) {
            return !json_is_true(json_object_get(output, "mixed"));
        }
    }

    return false;
}


static bool
has_track(json_t *output, json_t *name)
{
    size_t   i;
    json_t  *r;

    json_array_foreach(json_object_get(output, "renditions"), i, r) {
        if (json_equal(json_object_get(r, "video"), name)) {
            return true;
        }
    }

    return json_equal(json_object_get(output, "video"), name)
           || json_equal(json_object_get(output, "sound"), name);
}


static const char *
key_of(json_t *piece)
{
    return json_string_value(json_object_get(piece, "key"));
}


static bool
is_copy(json_t *piece)
{
    const char  *mode;

    mode = json_string_value(json_object_get(piece, "mode"));

    return mode != NULL && strcmp(mode, "copy") == 0;
}


static bool
needs_file(json_t *plan, json_t *piece)
{
    size_t   i;
    json_t  *output;

    json_array_foreach(json_object_get(plan, "outputs"), i, output) {
        if (has_track(output, json_object_get(piece, "output"))
            && !is_film(output))
        {
            return true;
        }
    }

    return false;
}


/* Copies are told by their keys: two tracks may hold the same ones. */

void
cmd_pieces_init(cmd_pieces *s, json_t *plan, const char *cache)
{
    size_t   i, k;
    json_t  *p, *lists[2];

    s->cache = cache;
    s->begun = json_object();
    s->stored = json_object();

    lists[0] = json_object_get(plan, "sound");
    lists[1] = json_object_get(plan, "segments");

    for (k = 0; k < 2; k++) {
        json_array_foreach(lists[k], i, p) {
            if (is_copy(p) && needs_file(plan, p)) {
                (void) json_object_set_new(s->stored, key_of(p), json_true());
            }
        }
    }
}


bool
cmd_piece_from_source(const cmd_pieces *s, json_t *piece)
{
    return is_copy(piece)
           && json_object_get(s->stored, key_of(piece)) == NULL;
}


static bool
is_held(const cmd_pieces *s, json_t *piece)
{
    char  path[8300];

    if (s->cache == NULL) {
        return false;
    }

    cmd_piece_path(s->cache, key_of(piece), "", path, sizeof(path));

    return access(path, R_OK) == 0;
}


cmd_piece_way
cmd_piece_next(cmd_pieces *s, json_t *piece)
{
    bool  from_source;

    /* first: what has been begun may be in the cache by now, or not yet */

    if (json_object_get(s->begun, key_of(piece)) != NULL) {
        return CMD_PIECE_AGAIN;
    }

    /* nor is it looked for, if another film has left it in the cache */

    from_source = cmd_piece_from_source(s, piece);

    if (!from_source && is_held(s, piece)) {
        return CMD_PIECE_HELD;
    }

    (void) json_object_set(s->begun, key_of(piece), piece);

    return from_source ? CMD_PIECE_LEFT : CMD_PIECE_MADE;
}


json_t *
cmd_piece_first(const cmd_pieces *s, json_t *piece)
{
    return json_object_get(s->begun, key_of(piece));
}


void
cmd_pieces_free(cmd_pieces *s)
{
    json_decref(s->begun);
    json_decref(s->stored);
    s->begun = s->stored = NULL;
}
