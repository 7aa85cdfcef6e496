/* What a host keeps of objects; see rn_cache.h. */

#include "rn_cache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>


#define PATH      600
#define DEPTH     16
#define BLOCK     4096                  /* bytes that the least file counts */
#define BOOT_ID   "/proc/sys/kernel/random/boot_id"
#define LOW(n)    ((n) / 10 * 9)        /* so much is left by a cleaning */
#define STEP(n)   ((n) / 16)            /* so much comes before the next look */

typedef struct {
    char             *path;
    int64_t           bytes;
    struct timespec   used;
} held;

typedef struct {
    held    *files;
    size_t   n, room;
    int64_t  bytes;
} holding;


static int64_t
bytes_of(const struct stat *st)
{
    int64_t  n;

    n = (int64_t) st->st_blocks * 512;

    return n > BLOCK ? n : BLOCK;
}


static void
add(holding *h, const char *path, const struct stat *st)
{
    held    *more;
    size_t   room;

    h->bytes += bytes_of(st);

    if (h->n == h->room) {
        room = h->room > 0 ? 2 * h->room : 1024;
        more = realloc(h->files, room * sizeof(held));
        if (more == NULL) {
            return;                     /* it is counted, and stays */
        }
        h->files = more;
        h->room = room;
    }

    h->files[h->n].path = strdup(path);

    if (h->files[h->n].path != NULL) {
        h->files[h->n].bytes = bytes_of(st);
        h->files[h->n].used = st->st_mtim;
        h->n++;
    }
}


/* All files below a directory, but temporary ones, which are swept. */

static void
look(int root, const char *path, int depth, holding *h)
{
    int             fd;
    DIR            *dir;
    char            below[PATH];
    struct stat     st;
    struct dirent  *e;

    fd = openat(root, path[0] != '\0' ? path : ".",
                O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    dir = fd >= 0 ? fdopendir(fd) : NULL;

    if (dir == NULL) {
        if (fd >= 0) {
            (void) close(fd);
        }
        return;
    }

    while ((e = readdir(dir)) != NULL) {
        if (e->d_name[0] == '.'
            || snprintf(below, sizeof(below), "%s%s%s", path,
                        path[0] != '\0' ? "/" : "", e->d_name)
               >= (int) sizeof(below)
            || fstatat(fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        {
            continue;
        }

        if (S_ISREG(st.st_mode)) {
            add(h, below, &st);

        } else if (S_ISDIR(st.st_mode) && depth < DEPTH
                   && strcmp(below, "temp") != 0)
        {
            look(root, below, depth + 1, h);
        }
    }

    (void) closedir(dir);
}


static int
by_use(const void *a, const void *b)
{
    const held  *x = a, *y = b;

    if (x->used.tv_sec != y->used.tv_sec) {
        return x->used.tv_sec < y->used.tv_sec ? -1 : 1;
    }

    return (x->used.tv_nsec > y->used.tv_nsec)
           - (x->used.tv_nsec < y->used.tv_nsec);
}


/* A file goes, and the folders above that it leaves empty. */

static bool
drop(int root, char *path)
{
    char  *slash;

    if (unlinkat(root, path, 0) != 0 && errno != ENOENT) {
        return false;
    }

    while ((slash = strrchr(path, '/')) != NULL) {
        *slash = '\0';

        if (unlinkat(root, path, AT_REMOVEDIR) != 0) {
            break;
        }
    }

    return true;
}


/* Those unused for longest go, until no more than so many bytes are left. */

static void
shrink(rn_cache *c, int64_t most, int64_t left)
{
    size_t   i;
    holding  h;

    memset(&h, 0, sizeof(h));
    look(c->store.root, "", 0, &h);

    if (h.bytes > most) {
        qsort(h.files, h.n, sizeof(held), by_use);

        for (i = 0; i < h.n && h.bytes > left; i++) {
            if (drop(c->store.root, h.files[i].path)) {
                h.bytes -= h.files[i].bytes;
            }
        }
    }

    c->held = h.bytes;
    c->added = 0;

    for (i = 0; i < h.n; i++) {
        free(h.files[i].path);
    }

    free(h.files);
}


/* What tells this start of the machine from others; -1: it cannot be read. */

static ssize_t
read_boot(char now[64])
{
    int      boot;
    ssize_t  n;

    boot = open(BOOT_ID, O_RDONLY | O_CLOEXEC);
    n = boot >= 0 ? read(boot, now, 64) : -1;

    if (boot >= 0) {
        (void) close(boot);
    }

    return n;
}


/* Empties it if it is of another start; only then that is written down. */

static void
begin(rn_cache *c, int fd)
{
    char     now[64], then[64];
    ssize_t  n;

    n = read_boot(now);

    if (n > 0 && pread(fd, then, sizeof(then), 0) == n
        && memcmp(now, then, (size_t) n) == 0)
    {
        shrink(c, c->budget, LOW(c->budget));
        return;
    }

    shrink(c, 0, 0);

    if (n > 0 && ftruncate(fd, 0) == 0) {
        (void) !pwrite(fd, now, (size_t) n, 0);
    }
}


int
rn_cache_open(rn_cache *c, const char *path, int64_t budget, char *err,
    size_t err_len)
{
    int  fd;

    memset(c, 0, sizeof(*c));
    c->budget = budget;

    if (rn_store_open(&c->store, path, err, err_len) != 0) {
        return -1;
    }

    /* one at a time looks, and empties it where it has to be */

    fd = openat(c->store.root, ".boot", O_RDWR | O_CREAT | O_CLOEXEC, 0640);

    if (fd < 0 || flock(fd, LOCK_EX) != 0) {
        (void) snprintf(err, err_len, "%s/.boot: %s", path, strerror(errno));
        if (fd >= 0) {
            (void) close(fd);
        }
        rn_cache_close(c);
        return -1;
    }

    begin(c, fd);
    (void) close(fd);

    return 0;
}


void
rn_cache_close(rn_cache *c)
{
    rn_store_close(&c->store);
}


int
rn_cache_get(rn_cache *c, const char *key)
{
    int  fd;

    fd = rn_store_get(&c->store, key);

    if (fd >= 0) {
        (void) futimens(fd, NULL);      /* it was used */
    }

    return fd;
}


int
rn_cache_create(rn_cache *c, char temp[RN_STORE_TEMP])
{
    return rn_store_create(&c->store, temp);
}


int
rn_cache_keep(rn_cache *c, int fd, const char *temp, const char *key)
{
    struct stat  st;

    if (fstat(fd, &st) != 0 || rn_store_rename(&c->store, temp, key) != 0) {
        return -1;
    }

    c->added += bytes_of(&st);

    /* where it cannot be made small enough, not at each file again */

    if (c->added > STEP(c->budget)
        || (c->held <= c->budget && c->held + c->added > c->budget))
    {
        shrink(c, c->budget, LOW(c->budget));
    }

    return 0;
}


void
rn_cache_make_room(rn_cache *c)
{
    shrink(c, 0, c->held / 2);
}


void
rn_cache_forget(rn_cache *c, const char *key)
{
    (void) rn_store_delete(&c->store, key);
}
