/*
 * Storage: objects by key in a directory.  An object appears whole or not at
 * all: it is written to a temporary file beside, made durable, and renamed.
 * Blocking; nginx calls it in its thread pool, the worker in its mover.
 */

#ifndef RN_STORE_H
#define RN_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>


#define RN_STORE_TEMP  64               /* room for a temporary name */


typedef struct {
    int    root;                        /* descriptor of the directory */
} rn_store;


/*
 * Opens file:///path (or a plain absolute path).  0, or -1 with a reason in
 * err.  The directory must exist.
 */
int rn_store_open(rn_store *s, const char *url, char *err, size_t err_len);

void rn_store_close(rn_store *s);

/* The directory of a file:// URL, or NULL with a reason in err. */
const char *rn_store_path(const char *url, char *err, size_t err_len);

/* Whether a key is one that this project makes: relative, clean, plain. */
bool rn_store_key_ok(const char *key);

/* A descriptor to read the object, or -1 with errno. */
int rn_store_get(rn_store *s, const char *key);

/* A temporary file, empty, read and write; its name goes to temp. -1: errno */
int rn_store_create(rn_store *s, char temp[RN_STORE_TEMP]);

/* Makes fd durable and gives it its key, replacing what was there. -1: errno */
int rn_store_commit(rn_store *s, int fd, const char *temp, const char *key);

/* Gives a temporary file its key, and makes nothing durable.  -1: errno */
int rn_store_rename(rn_store *s, const char *temp, const char *key);

/* Removes a temporary file. */
void rn_store_discard(rn_store *s, const char *temp);

/*
 * Removes temporary files that their makers died over: not written to for age
 * seconds, and held by nobody.  How many they were.
 */
size_t rn_store_sweep(rn_store *s, double age);

/* Removes an object; one that is not there is fine.  -1: errno */
int rn_store_delete(rn_store *s, const char *key);


#endif /* RN_STORE_H */
