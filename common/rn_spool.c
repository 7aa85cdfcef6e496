/* The folder of uploads, and who may write to which; see rn_spool.h. */

#include "rn_spool_parts.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>


#define OLD  86400                      /* s, of what belongs to nothing */


/* The first line of a file of the system, or "". */

static void
line_of(const char *path, char *out, size_t size)
{
    FILE  *f;

    out[0] = '\0';
    f = fopen(path, "re");

    if (f != NULL) {
        if (fgets(out, (int) size, f) == NULL) {
            out[0] = '\0';
        }
        (void) fclose(f);
    }

    out[strcspn(out, "\n")] = '\0';
}


int
rn_spool_open(rn_spool *s, const char *path, char *err, size_t err_len)
{
    char  machine[40], boot[40];

    if (mkdir(path, 0770) != 0 && errno != EEXIST) {
        (void) snprintf(err, err_len, "folder of uploads %s: %s", path,
                        strerror(errno));
        s->dir = -1;
        return -1;
    }

    s->dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (s->dir < 0) {
        (void) snprintf(err, err_len, "folder of uploads %s: %s", path,
                        strerror(errno));
        return -1;
    }

    /* what another machine wrote, this one cannot judge */

    line_of("/etc/machine-id", machine, sizeof(machine));
    line_of("/proc/sys/kernel/random/boot_id", boot, sizeof(boot));
    (void) snprintf(s->boot, sizeof(s->boot), "%s%s%s", machine,
                    machine[0] != '\0' ? "/" : "", boot);

    if (machine[0] == '\0' || boot[0] == '\0') {
        s->boot[0] = '\0';
    }

    return 0;
}


void
rn_spool_close(rn_spool *s)
{
    if (s->dir >= 0) {
        (void) close(s->dir);
        s->dir = -1;
    }
}


static int
lock(int fd)
{
    return flock(fd, LOCK_EX | LOCK_NB) == 0 ? 0 : errno;
}


int
rn_spool_create(rn_spool *s, rn_upload *u)
{
    int  rc;

    u->state = RN_UPLOAD_OPEN;
    u->unsure = -1;
    u->offset = u->begun = u->synced = u->hashed = 0;
    u->there = true;
    u->type[0] = u->sha256[0] = '\0';
    (void) SHA256_Init(&u->hash);

    u->fd = openat(s->dir, u->id, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0640);

    if (u->fd < 0) {
        return errno;
    }

    rc = lock(u->fd);
    rc = rc != 0 ? rc : rn_upload_keep(s, u);

    if (rc != 0) {
        rn_upload_release(u);
        (void) unlinkat(s->dir, u->id, 0);
    }

    return rc;
}


/* What stands of a file of so many bytes. */

static int64_t
standing(const rn_upload *u, int64_t size, bool off)
{
    if (u->unsure >= 0 && u->unsure < size) {
        size = u->unsure;
    }

    if (off && u->synced < size) {
        size = u->synced;
    }

    return size;
}


int
rn_spool_look(rn_spool *s, const char *id, rn_upload *u)
{
    int          rc;
    bool         off;
    struct stat  st;

    if (!rn_is_uuid(id, strlen(id))) {
        return ENOENT;
    }

    rc = rn_spool_read_info(s, id, u, &off);

    if (rc != 0) {
        return rc;
    }

    u->there = fstatat(s->dir, id, &st, AT_SYMLINK_NOFOLLOW) == 0;

    if (u->state != RN_UPLOAD_OPEN) {
        u->offset = u->length;
        return 0;
    }

    if (!u->there) {

        /* it may have been stored in between: once more */

        rc = rn_spool_read_info(s, id, u, &off);
        u->offset = u->length;

        return rc != 0 || u->state != RN_UPLOAD_OPEN ? rc : ENOENT;
    }

    u->offset = standing(u, st.st_size, off);

    return 0;
}


static int
take(rn_spool *s, const char *id, rn_upload *u)
{
    int          fd, rc;
    bool         off;
    int64_t      stands;
    struct stat  st;

    fd = openat(s->dir, id, O_RDWR | O_CLOEXEC | O_NOFOLLOW);

    if (fd < 0) {
        return errno == ENOENT ? rn_spool_look(s, id, u) : errno;
    }

    rc = lock(fd);
    rc = rc != 0 ? rc : rn_spool_read_info(s, id, u, &off);

    if (rc != 0) {
        (void) close(fd);
        return rc;
    }

    if (u->state != RN_UPLOAD_OPEN) {
        u->there = fstatat(s->dir, id, &st, AT_SYMLINK_NOFOLLOW) == 0;
        u->offset = u->length;

        if (u->state == RN_UPLOAD_SEALED && u->there) {
            u->fd = fd;
        } else {
            (void) close(fd);
        }
        return 0;
    }

    u->fd = fd;
    u->there = true;

    if (fstat(fd, &st) != 0) {
        rc = errno;
        rn_upload_release(u);
        return rc;
    }

    u->offset = st.st_size;
    stands = standing(u, st.st_size, off);

    if (stands != u->offset || u->unsure >= 0 || off) {
        u->unsure = -1;
        rc = rn_upload_cut(u, stands);
        rc = rc != 0 ? rc : rn_upload_keep(s, u);

        if (rc != 0) {
            rn_upload_release(u);
            return rc;
        }
    }

    if (u->hashed > u->offset) {        /* somebody has shortened the file */
        u->hashed = 0;
        (void) SHA256_Init(&u->hash);
    }

    u->begun = u->offset;

    return 0;
}


int
rn_spool_take(rn_spool *s, const char *id, rn_upload *u)
{
    int  rc;

    if (!rn_is_uuid(id, strlen(id))) {
        return ENOENT;
    }

    rc = take(s, id, u);

    if (rc != EWOULDBLOCK) {            /* it was we who asked, or is moot */
        rn_spool_unask(s, id);
    }

    return rc;
}


void
rn_spool_unask(rn_spool *s, const char *id)
{
    char  ask[RN_SPOOL_NAME];

    rn_spool_name(ask, id, ".ask");
    (void) unlinkat(s->dir, ask, 0);
}


int
rn_spool_ask(rn_spool *s, const char *id)
{
    int   fd;
    char  ask[RN_SPOOL_NAME];

    if (!rn_is_uuid(id, strlen(id))) {
        return ENOENT;
    }

    rn_spool_name(ask, id, ".ask");
    fd = openat(s->dir, ask, O_WRONLY | O_CREAT | O_CLOEXEC, 0640);

    if (fd < 0) {
        return errno;
    }

    (void) close(fd);

    return 0;
}


bool
rn_spool_asked(rn_spool *s, const char *id)
{
    char  ask[RN_SPOOL_NAME];

    rn_spool_name(ask, id, ".ask");

    return faccessat(s->dir, ask, F_OK, 0) == 0;
}


void
rn_upload_release(rn_upload *u)
{
    if (u->fd >= 0) {
        (void) close(u->fd);
        u->fd = -1;
    }
}


int
rn_spool_remove(rn_spool *s, const char *id)
{
    int     rc;
    char    name[RN_SPOOL_NAME];
    size_t  i;

    /* what says that it is there goes last */

    static const char *const  suffixes[] = { "", ".ask", ".new", ".info" };

    if (!rn_is_uuid(id, strlen(id))) {
        return ENOENT;
    }

    rc = 0;

    for (i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
        rn_spool_name(name, id, suffixes[i]);

        if (unlinkat(s->dir, name, 0) != 0 && errno != ENOENT) {
            rc = errno;
        }
    }

    return rc;
}


/* Of a name in the folder, the id; false: it is none of ours. */

static bool
id_of(const char *name, char id[RN_UUID_LEN + 1], const char **suffix)
{
    if (strlen(name) < RN_UUID_LEN || !rn_is_uuid(name, RN_UUID_LEN)) {
        return false;
    }

    memcpy(id, name, RN_UUID_LEN);
    id[RN_UUID_LEN] = '\0';
    *suffix = name + RN_UUID_LEN;

    return true;
}


/* Whether a file lies there that nobody holds, and that is old. */

static bool
is_left(rn_spool *s, const char *name, int64_t now)
{
    struct stat  st;

    return fstatat(s->dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0
           && S_ISREG(st.st_mode) && now - (int64_t) st.st_mtime > OLD;
}


/*
 * True: it has expired, or nobody can tell what it is and it is old, and it is
 * gone; key is where it may lie in storage, or "".
 */

static bool
expire(rn_spool *s, const char *id, int64_t now, char key[RN_SPOOL_KEY])
{
    int         rc;
    char        info[RN_SPOOL_NAME];
    rn_upload  *u;

    u = malloc(sizeof(rn_upload));

    if (u == NULL) {
        return false;
    }

    memset(u, 0, sizeof(*u));
    u->fd = -1;

    rc = rn_spool_take(s, id, u);       /* nobody writes to it while we look */

    if (rc == EBADMSG) {
        rn_spool_name(info, id, ".info");
        rc = is_left(s, info, now) ? rn_spool_remove(s, id) : EAGAIN;

    } else {
        rc = rc == 0 && u->expires < now ? rn_spool_remove(s, id) : EAGAIN;
    }

    (void) snprintf(key, RN_SPOOL_KEY, "%s", u->key);
    rn_upload_release(u);
    free(u);

    return rc == 0;
}


void
rn_spool_sweep(rn_spool *s, int64_t now,
    void (*gone)(void *data, const char *id, const char *key), void *data)
{
    int             fd;
    DIR            *dir;
    char            id[RN_UUID_LEN + 1], info[RN_SPOOL_NAME];
    char            key[RN_SPOOL_KEY];
    const char     *suffix;
    struct dirent  *e;

    fd = openat(s->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    dir = fd >= 0 ? fdopendir(fd) : NULL;

    if (dir == NULL) {
        if (fd >= 0) {
            (void) close(fd);
        }
        return;
    }

    while ((e = readdir(dir)) != NULL) {
        if (!id_of(e->d_name, id, &suffix)) {
            continue;
        }

        if (strcmp(suffix, ".info") == 0) {
            if (expire(s, id, now, key)) {
                gone(data, id, key);
            }
            continue;
        }

        rn_spool_name(info, id, ".info");

        if (faccessat(s->dir, info, F_OK, 0) != 0 && errno == ENOENT
            && is_left(s, e->d_name, now))
        {
            (void) unlinkat(s->dir, e->d_name, 0);
        }
    }

    (void) closedir(dir);
}
