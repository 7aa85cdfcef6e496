/*
 * What a host keeps of objects that lie elsewhere: files in a directory by
 * their keys, which name the same bytes for ever; bounded, those unused for
 * longest going first.  Any number of processes share it: a file appears by a
 * rename, and stays with whoever has it open.  Blocking.
 *
 * Nothing in it is made durable, so that it begins empty when the machine has
 * been started anew.
 */

#ifndef RN_CACHE_H
#define RN_CACHE_H

#include "rn_store.h"


typedef struct {
    rn_store  store;
    int64_t   budget;                   /* bytes */
    int64_t   added;                    /* since it was measured */
    int64_t   held;                     /* then */
} rn_cache;


/* 0, or -1 with a reason in err.  The directory must exist. */
int rn_cache_open(rn_cache *c, const char *path, int64_t budget, char *err,
    size_t err_len);

void rn_cache_close(rn_cache *c);

/* A descriptor to read what is kept of a key, or -1 with errno. */
int rn_cache_get(rn_cache *c, const char *key);

/* As rn_store_create(). */
int rn_cache_create(rn_cache *c, char temp[RN_STORE_TEMP]);

/*
 * A temporary file becomes what is kept of a key; then others may go.  -1 with
 * errno: it stays a temporary file.
 */
int rn_cache_keep(rn_cache *c, int fd, const char *temp, const char *key);

/* The disk is full: half of what is kept goes. */
void rn_cache_make_room(rn_cache *c);

/* Forgets a key, kept or not. */
void rn_cache_forget(rn_cache *c, const char *key);


#endif /* RN_CACHE_H */
