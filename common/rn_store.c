/* Objects in a directory; see rn_store.h. */

#include "rn_store.h"
#include "rn_id.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>


#define KEY_MAX   512
#define TRIES     3
#define UNLOCKED  86400                 /* s, where there are no locks */


const char *
rn_store_path(const char *url, char *err, size_t err_len)
{
    if (strncmp(url, "file://", 7) == 0) {
        url += 7;
    } else if (strncmp(url, "s3://", 5) == 0) {
        (void) snprintf(err, err_len, "storage in S3 is not part of this "
                        "version; use file:///path");
        return NULL;
    }

    if (url[0] != '/') {
        (void) snprintf(err, err_len, "storage must be file:///absolute/path");
        return NULL;
    }

    return url;
}


int
rn_store_open(rn_store *s, const char *url, char *err, size_t err_len)
{
    const char  *path;

    s->root = -1;

    path = rn_store_path(url, err, err_len);
    if (path == NULL) {
        return -1;
    }

    s->root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (s->root < 0) {
        (void) snprintf(err, err_len, "storage directory %s: %s", path,
                        strerror(errno));
        return -1;
    }

    if (mkdirat(s->root, "temp", 0770) != 0 && errno != EEXIST) {
        (void) snprintf(err, err_len, "storage directory %s cannot be written "
                        "to: %s", path, strerror(errno));
        rn_store_close(s);
        return -1;
    }

    return 0;
}


void
rn_store_close(rn_store *s)
{
    if (s->root >= 0) {
        (void) close(s->root);
        s->root = -1;
    }
}


bool
rn_store_key_ok(const char *key)
{
    size_t       n;
    const char  *p, *slash;

    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";

    n = strlen(key);
    if (n == 0 || n >= KEY_MAX) {
        return false;
    }

    for (p = key; /* void */ ; p = slash + 1) {
        n = strspn(p, plain);

        if (n == 0 || p[0] == '.') {        /* no empty, dot or hidden step */
            return false;
        }

        slash = p + n;
        if (*slash == '\0') {
            return true;
        }

        if (*slash != '/') {
            return false;
        }
    }
}


int
rn_store_get(rn_store *s, const char *key)
{
    int          fd;
    struct stat  st;

    if (!rn_store_key_ok(key)) {
        errno = EINVAL;
        return -1;
    }

    fd = openat(s->root, key, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

    if (fd >= 0 && (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))) {
        (void) close(fd);               /* a directory is no object */
        errno = ENOENT;
        return -1;
    }

    return fd;
}


int
rn_store_create(rn_store *s, char temp[RN_STORE_TEMP])
{
    int   fd;
    char  id[RN_UUID_LEN + 1];

    if (!rn_uuid(id)) {
        errno = EIO;
        return -1;
    }

    (void) snprintf(temp, RN_STORE_TEMP, "temp/%s", id);

    fd = openat(s->root, temp, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0640);

    /* whoever holds the descriptor, or a copy of it, is spared the sweep */

    if (fd >= 0) {
        (void) flock(fd, LOCK_SH | LOCK_NB);
    }

    return fd;
}


/* Makes the directories above a key. */

static int
make_parents(rn_store *s, const char *key)
{
    char   path[KEY_MAX];
    char  *p;

    (void) snprintf(path, sizeof(path), "%s", key);

    for (p = strchr(path, '/'); p != NULL; p = strchr(p + 1, '/')) {
        *p = '\0';
        if (mkdirat(s->root, path, 0770) != 0 && errno != EEXIST) {
            return -1;
        }
        *p = '/';
    }

    return 0;
}


/* The name is durable only when its directory is. */

static int
sync_parent(rn_store *s, const char *key)
{
    int    fd, rc;
    char   path[KEY_MAX];
    char  *p;

    (void) snprintf(path, sizeof(path), "%s", key);

    p = strrchr(path, '/');
    if (p != NULL) {
        *p = '\0';
    }

    fd = openat(s->root, p != NULL ? path : ".",
                O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return -1;
    }

    rc = fsync(fd);
    (void) close(fd);

    return rc;
}


int
rn_store_rename(rn_store *s, const char *temp, const char *key)
{
    int  i;

    if (!rn_store_key_ok(key)) {
        errno = EINVAL;
        return -1;
    }

    /* somebody may remove a folder just now, as nothing is in it */

    for (i = 0; renameat(s->root, temp, s->root, key) != 0; i++) {
        if (errno != ENOENT || i == TRIES
            || (make_parents(s, key) != 0 && errno != ENOENT))
        {
            return -1;
        }
    }

    return 0;
}


int
rn_store_commit(rn_store *s, int fd, const char *temp, const char *key)
{
    if (!rn_store_key_ok(key)) {
        errno = EINVAL;
        return -1;
    }

    return fsync(fd) != 0 || rn_store_rename(s, temp, key) != 0
           ? -1 : sync_parent(s, key);
}


void
rn_store_discard(rn_store *s, const char *temp)
{
    (void) unlinkat(s->root, temp, 0);
}


/* Nobody has it open: its lock is to be had, or, without locks, it is old. */

static bool
is_left(int dir, const char *name, double age)
{
    int          fd;
    bool         left;
    double       lain;
    struct stat  st;

    fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0) {
        return false;
    }

    left = false;

    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
        lain = difftime(time(NULL), st.st_mtime);

        if (lain > age) {
            left = flock(fd, LOCK_EX | LOCK_NB) == 0
                   || (errno != EWOULDBLOCK && lain > UNLOCKED);
        }
    }

    (void) close(fd);

    return left;
}


size_t
rn_store_sweep(rn_store *s, double age)
{
    int             fd;
    DIR            *dir;
    size_t          n;
    struct dirent  *e;

    fd = openat(s->root, "temp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    dir = fd >= 0 ? fdopendir(fd) : NULL;

    if (dir == NULL) {
        if (fd >= 0) {
            (void) close(fd);
        }
        return 0;
    }

    n = 0;

    while ((e = readdir(dir)) != NULL) {
        if (e->d_name[0] != '.' && is_left(dirfd(dir), e->d_name, age)
            && unlinkat(dirfd(dir), e->d_name, 0) == 0)
        {
            n++;
        }
    }

    (void) closedir(dir);

    return n;
}


int
rn_store_delete(rn_store *s, const char *key)
{
    if (!rn_store_key_ok(key)) {
        errno = EINVAL;
        return -1;
    }

    if (unlinkat(s->root, key, 0) != 0 && errno != ENOENT) {
        return -1;
    }

    return 0;
}
