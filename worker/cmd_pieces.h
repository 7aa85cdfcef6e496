/*
 * What becomes of the pieces that a plan is made of, when they are rendered on
 * this machine.  render plan tells it, and render compose does it.
 */

#ifndef CMD_PIECES_H
#define CMD_PIECES_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>


typedef enum {
    CMD_PIECE_MADE,                     /* rendered or copied to the cache */
    CMD_PIECE_LEFT,                     /* films take it from its source */
    CMD_PIECE_HELD,                     /* the cache holds it */
    CMD_PIECE_AGAIN                     /* the film has had it before */
} cmd_piece_way;

typedef struct {
    const char  *cache;                 /* not owned; NULL: there is none */
    json_t      *stored;                /* keys of copies that need a file */
    json_t      *begun;                 /* by key: made or left */
} cmd_pieces;

/* Where a piece of a film is kept, or with a suffix made. */
void cmd_piece_path(const char *cache, const char *key, const char *suffix,
    char *path, size_t len);

/* Begins with a plan, of whose pieces none was asked for. */
void cmd_pieces_init(cmd_pieces *s, json_t *plan, const char *cache);

/*
 * Says what is to be done for the next piece of the plan, and takes it as done.
 * Each is to be asked about once, and those of a track in their order.
 */
cmd_piece_way cmd_piece_next(cmd_pieces *s, json_t *piece);

/* The piece that one of CMD_PIECE_AGAIN is like; it is the plan's. */
json_t *cmd_piece_first(const cmd_pieces *s, json_t *piece);

/*
 * Whether a piece needs no file: it is a copy, and all outputs that have its
 * like are films, which take it from its source.
 */
bool cmd_piece_from_source(const cmd_pieces *s, json_t *piece);

void cmd_pieces_free(cmd_pieces *s);


#endif /* CMD_PIECES_H */
