/* The bytes of an upload that comes in pieces; see rn_spool.h. */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE                     /* sync_file_range(), and as nginx's
                                           build does not set it */
#endif

#include "rn_spool_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>


#define BUFFER  (256 * 1024)            /* bytes that are read at once */
#define BEGIN   (4 * 1024 * 1024)       /* after so many the disk begins */
#define DURABLE (256 * 1024 * 1024)     /* and these are waited for */
#define COPY    (64 * 1024 * 1024)


/* The disk begins now, so that little is left for the end. */

static int
begin(rn_upload *u)
{
    if (u->offset - u->begun >= BEGIN) {
        (void) sync_file_range(u->fd, u->begun, u->offset - u->begun,
                               SYNC_FILE_RANGE_WRITE);
        u->begun = u->offset;
    }

    if (u->offset - u->synced < DURABLE) {
        return 0;
    }

    if (fdatasync(u->fd) != 0) {
        return errno;
    }

    u->synced = u->offset;

    return 0;
}


int
rn_upload_write(rn_upload *u, const void *data, size_t n)
{
    size_t   done;
    ssize_t  wrote;

    for (done = 0; done < n; done += (size_t) wrote) {
        wrote = pwrite(u->fd, (const char *) data + done, n - done, u->offset);

        if (wrote < 0) {
            if (errno == EINTR) {
                wrote = 0;
                continue;
            }
            return errno;
        }

        u->offset += wrote;
    }

    return begin(u);
}


void
rn_upload_hash(rn_upload *u, const void *data, size_t n)
{
    (void) SHA256_Update(&u->hash, data, n);
    u->hashed += (int64_t) n;
}


int
rn_upload_catch_up(rn_upload *u)
{
    int       rc;
    void     *buf;
    ssize_t   n;

    if (u->hashed == u->offset) {
        return 0;
    }

    buf = malloc(BUFFER);

    if (buf == NULL) {
        return ENOMEM;
    }

    rc = 0;

    while (u->hashed < u->offset) {
        size_t  left = (size_t) (u->offset - u->hashed);

        n = pread(u->fd, buf, left < BUFFER ? left : BUFFER, u->hashed);

        if (n <= 0) {
            if (n < 0 && errno == EINTR) {
                continue;
            }
            rc = n < 0 ? errno : EIO;   /* the file has become shorter */
            break;
        }

        rn_upload_hash(u, buf, (size_t) n);
    }

    free(buf);

    return rc;
}


int
rn_upload_cut(rn_upload *u, int64_t offset)
{
    while (ftruncate(u->fd, offset) != 0) {
        if (errno != EINTR) {
            return errno;
        }
    }

    u->offset = offset;
    u->begun = u->begun < offset ? u->begun : offset;
    u->synced = u->synced < offset ? u->synced : offset;

    if (u->hashed > offset) {
        (void) SHA256_Init(&u->hash);
        u->hashed = 0;
    }

    return 0;
}


int
rn_upload_doubt(rn_upload *u)
{
    int  rc;

    rc = rn_upload_catch_up(u);

    if (rc == 0) {
        u->sure = u->hash;
        u->unsure = u->offset;
    }

    return rc;
}


void
rn_upload_trust(rn_upload *u)
{
    u->unsure = -1;
}


int
rn_upload_undo(rn_upload *u)
{
    int  rc;

    rc = rn_upload_cut(u, u->unsure);

    if (rc == 0) {
        u->hash = u->sure;
        u->hashed = u->unsure;
        u->unsure = -1;
    }

    return rc;
}


int
rn_upload_seal(rn_upload *u)
{
    int            rc;
    SHA256_CTX     hash;
    unsigned char  digest[SHA256_DIGEST_LENGTH];

    if (u->offset != u->length) {
        return EINVAL;
    }

    rc = rn_upload_catch_up(u);

    if (rc != 0) {
        return rc;
    }

    if (fsync(u->fd) != 0) {
        return errno;
    }

    hash = u->hash;
    (void) SHA256_Final(digest, &hash);
    rn_hex(digest, sizeof(digest), u->sha256);
    u->synced = u->offset;
    u->state = RN_UPLOAD_SEALED;

    return 0;
}


/* By the kernel where it can, which may not even copy. */

static int
copy(rn_upload *to, rn_upload *from)
{
    int      rc;
    char    *buf;
    off_t    in, out;
    size_t   want;
    int64_t  left;
    ssize_t  n;

    in = 0;

    while (in < from->offset) {
        left = from->offset - in;
        out = to->offset;
        n = copy_file_range(from->fd, &in, to->fd, &out,
                            left < COPY ? (size_t) left : COPY, 0);
        if (n <= 0) {
            break;
        }

        to->offset += n;
        rc = begin(to);

        if (rc != 0) {
            return rc;
        }
    }

    if (in == from->offset) {
        return 0;
    }

    buf = malloc(BUFFER);
    rc = buf == NULL ? ENOMEM : 0;

    while (rc == 0 && in < from->offset) {
        left = from->offset - in;
        want = left < BUFFER ? (size_t) left : BUFFER;
        n = pread(from->fd, buf, want, in);

        if (n <= 0) {
            rc = n < 0 ? errno : EIO;
            rc = rc == EINTR ? 0 : rc;

        } else {
            rc = rn_upload_write(to, buf, (size_t) n);
            in += n;
        }
    }

    free(buf);

    return rc;
}


int
rn_upload_join(rn_spool *s, rn_upload *u, const char *id)
{
    int         rc;
    rn_upload  *part;

    part = malloc(sizeof(rn_upload));

    if (part == NULL) {
        return ENOMEM;
    }

    part->fd = -1;

    /* another's does not exist, and is not touched */

    rc = rn_spool_look(s, id, part);
    rc = rc == 0 && strcmp(part->account, u->account) != 0 ? ENOENT : rc;
    rc = rc == 0 ? rn_spool_take(s, id, part) : rc;

    if (rc == 0) {
        rc = !part->partial || part->fd < 0 || part->offset != part->length
             ? EINVAL : copy(u, part);
        rn_upload_release(part);
    }

    free(part);

    return rc;
}
