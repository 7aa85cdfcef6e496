/*
 * Uploads that come in pieces, over any number of requests: a file of bytes
 * for each in a folder, and a small one beside it that says what it is.
 *
 * What stands in the file is what was acknowledged: its size is the upload's
 * offset, whoever was killed while he wrote.  One at a time writes: he has the
 * file locked.  After a power failure a file may hold what was never written to
 * it, so that it is cut to what was made durable before.
 *
 * Blocking, but for what says otherwise; nginx calls it in its thread pool.
 */

#ifndef RN_SPOOL_H
#define RN_SPOOL_H

/* the one SHA-256 of OpenSSL whose state can be kept in a file */

#define OPENSSL_SUPPRESS_DEPRECATED

#include "rn_id.h"
#include "rn_tus.h"

#include <openssl/sha.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>


#define RN_SPOOL_NAME    48             /* room for a file's name */
#define RN_SPOOL_CONCAT  8192           /* bytes of Upload-Concat */
#define RN_SPOOL_KEY     160            /* room for a key of storage */


typedef struct {
    int   dir;
    char  boot[80];                     /* this machine, and since when it runs;
                                           "": not known */
} rn_spool;

typedef enum {
    RN_UPLOAD_OPEN,                     /* it takes bytes */
    RN_UPLOAD_SEALED,                   /* it is whole and durable */
    RN_UPLOAD_SENT,                     /* it lies in storage */
    RN_UPLOAD_DONE                      /* an asset was made of it */
} rn_upload_state;

typedef struct {

    /* what the small file says */

    char             id[RN_UUID_LEN + 1];
    char             account[RN_UUID_LEN + 1];
    rn_upload_state  state;
    int64_t          length;            /* of all of it; -1: not told yet */
    int64_t          limit;             /* of its length; -1: there is none */
    int64_t          expires;           /* s since the epoch */
    int64_t          until;             /* the same; it is never later */
    bool             partial;           /* it will be joined with others */
    char             concat[RN_SPOOL_CONCAT + 1];   /* as given, or "" */
    char             metadata[RN_TUS_META_MAX + 1];     /* as given */
    char             key[RN_SPOOL_KEY]; /* where in storage it goes */
    char             type[96];          /* by its content, or "" */
    char             sha256[RN_SHA256_HEX + 1];         /* when it is whole */
    int64_t          unsure;            /* bytes from here on are not checked
                                           yet; -1: none are like that */
    int64_t          synced;            /* bytes that a power failure leaves */

    /* the file */

    int              fd;                /* -1: it is not open */
    bool             there;             /* or gone, into storage */
    int64_t          offset;            /* bytes that stand */
    int64_t          begun;             /* bytes that the disk was told of */

    SHA256_CTX       hash;
    int64_t          hashed;            /* bytes that this knows */
    SHA256_CTX       sure;              /* the same of those before unsure */
} rn_upload;


/* Opens the folder.  0, or -1 with a reason in err. */
int rn_spool_open(rn_spool *s, const char *path, char *err, size_t err_len);

void rn_spool_close(rn_spool *s);


/*
 * Makes a new one of u, with id, account, length, limit, expires, partial,
 * concat, metadata and key set; the file is open and locked.  0 or an errno.
 */
int rn_spool_create(rn_spool *s, rn_upload *u);

/*
 * Reads what there is of an upload, without its lock: fd is -1.  0, ENOENT, or
 * another errno; EBADMSG: the small file is damaged.
 */
int rn_spool_look(rn_spool *s, const char *id, rn_upload *u);

/*
 * The same, to write to it while it is open, or to store it while its file is
 * there: it is locked, and what a killed writer left that does not stand is cut
 * away.  EWOULDBLOCK: somebody does.
 */
int rn_spool_take(rn_spool *s, const char *id, rn_upload *u);

/* Asks who writes to it to stop; rn_spool_asked tells him so. */
int rn_spool_ask(rn_spool *s, const char *id);
bool rn_spool_asked(rn_spool *s, const char *id);

/* Closes the file, and lets go of the lock. */
void rn_upload_release(rn_upload *u);

/* Writes the small file: what stands there is whole or as before.  0, errno. */
int rn_upload_keep(rn_spool *s, rn_upload *u);

/* Removes both files; what is not there is fine.  0 or an errno. */
int rn_spool_remove(rn_spool *s, const char *id);


/*
 * Writes n bytes behind those that stand.  0, or an errno: then what stands is
 * less, but all of it is right.  May run beside rn_upload_hash.
 */
int rn_upload_write(rn_upload *u, const void *data, size_t n);

/* Hashes n bytes that come behind those that were. */
void rn_upload_hash(rn_upload *u, const void *data, size_t n);

/* Hashes what stands in the file and was not, reading it.  0 or an errno. */
int rn_upload_catch_up(rn_upload *u);

/*
 * Bytes from here on do not stand, until they are trusted; undoing cuts them
 * away.  0 or an errno; to be kept before the first of them is written.
 */
int rn_upload_doubt(rn_upload *u);
void rn_upload_trust(rn_upload *u);
int rn_upload_undo(rn_upload *u);

/*
 * All bytes are there: makes them durable, and tells their sha256; to be kept
 * before they go to storage.  0 or an errno.
 */
int rn_upload_seal(rn_upload *u);

/*
 * Puts the bytes of another one, which is whole and partial, behind these.
 * 0 or an errno.
 */
int rn_upload_join(rn_spool *s, rn_upload *u, const char *id);

/*
 * Removes what has expired, telling of each, and files that belong to nothing
 * and are older than a day; nothing that somebody writes to.
 */
void rn_spool_sweep(rn_spool *s, int64_t now,
    void (*gone)(void *data, const char *id, const char *key), void *data);


#endif /* RN_SPOOL_H */
