/*
 * Landlock: no file can be opened, but fonts be read.
 *
 * The rules are made once, by the process that forks children, of what
 * fontconfig has found by then; a child only enters them.  A child reads
 *
 *   - the files in the folders of fonts, which are opened by who draws with
 *     them, and fonts that such a folder has a link to, outside of all of them;
 *   - the lists of these folders, fontconfig's configuration and its caches,
 *     since libass reads them anew for each film with captions; Pango is
 *     content with what fontconfig has read before;
 *   - fonts that its task is lent, which FreeType opens by the names of their
 *     descriptors: that gives it nothing that it has not.
 *
 * Nothing else: dictionaries and the like were read before (see preload() in
 * sandbox.c), libraries are linked and loaded, and what a task reads and writes
 * it has as descriptors.
 */

#include "sandbox.h"
#include "rn_font.h"

#include <errno.h>
#include <fcntl.h>
#include <fontconfig/fontconfig.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>


/*
 * The kernel's numbers, since its header may be older than the kernel is: that
 * of Debian 12 knows the second version of this.
 */

#define CREATE_VERSION   1u
#define RULE_BENEATH     1

#define FS_EXECUTE       (1ULL << 0)
#define FS_WRITE_FILE    (1ULL << 1)
#define FS_READ_FILE     (1ULL << 2)
#define FS_READ_DIR      (1ULL << 3)
#define FS_FIRST         ((1ULL << 13) - 1)     /* all of the first version */
#define FS_REFER         (1ULL << 13)           /* 2: links, renames */
#define FS_TRUNCATE      (1ULL << 14)           /* 3 */
#define FS_IOCTL_DEV     (1ULL << 15)           /* 5 */
#define NET_BIND_TCP     (1ULL << 0)            /* 4 */
#define NET_CONNECT_TCP  (1ULL << 1)            /* 4 */
#define SCOPE_ABSTRACT   (1ULL << 0)            /* 6: sockets without a path */
#define SCOPE_SIGNAL     (1ULL << 1)            /* 6: signals to others */

struct ruleset {
    uint64_t  fs, net, scoped;
};

struct beneath {
    uint64_t  allowed;
    int32_t   parent;
} __attribute__((packed));


/* What every child may read: paths, opened to be nothing but that. */

#define PLACES_MAX  4096

typedef struct {
    int       fd;
    uint64_t  what;
} place;

static int     rules = -1;
static place  *places;
static size_t  n_places;


int
sandbox_paths_abi(void)
{
    return (int) syscall(SYS_landlock_create_ruleset, NULL, 0, CREATE_VERSION);
}


/* Everything that this kernel can forbid. */

static struct ruleset
all_of(int abi)
{
    struct ruleset  r = { FS_FIRST, 0, 0 };

    if (abi >= 2) {
        r.fs |= FS_REFER;
    }

    if (abi >= 3) {
        r.fs |= FS_TRUNCATE;
    }

    if (abi >= 4) {
        r.net = NET_BIND_TCP | NET_CONNECT_TCP;
    }

    if (abi >= 5) {
        r.fs |= FS_IOCTL_DEV;
    }

    if (abi >= 6) {
        r.scoped = SCOPE_ABSTRACT | SCOPE_SIGNAL;
    }

    return r;
}


/* What is not there needs no rule. */

static bool
may_read(const char *path, uint64_t what)
{
    int           fd;
    place        *more;
    struct stat   st;

    fd = open(path, O_PATH | O_CLOEXEC);
    if (fd < 0) {
        return true;
    }

    more = n_places < PLACES_MAX
           ? realloc(places, (n_places + 1) * sizeof(place)) : NULL;

    if (more == NULL || fstat(fd, &st) != 0) {
        (void) close(fd);
        errno = ENOMEM;
        return false;
    }

    places = more;
    places[n_places].fd = fd;
    places[n_places].what = S_ISDIR(st.st_mode) ? what : what & FS_READ_FILE;
    n_places++;

    return true;
}


static bool
add_rule(int set, int fd, uint64_t what)
{
    struct beneath  b = { what, fd };

    return syscall(SYS_landlock_add_rule, set, RULE_BENEATH, &b, 0) == 0;
}


/* A set of rules of all places; -1 with errno. */

static int
make_rules(void)
{
    int             set;
    size_t          i;
    struct ruleset  r;

    r = all_of(sandbox_paths_abi());

    /* an older kernel takes the longer structure while its end is zero */

    set = (int) syscall(SYS_landlock_create_ruleset, &r, sizeof(r), 0);

    for (i = 0; set >= 0 && i < n_places; i++) {
        if (!add_rule(set, places[i].fd, places[i].what)) {
            (void) close(set);
            set = -1;
        }
    }

    return set;
}


static bool
is_below(const char *path, const char *dir)
{
    size_t  n;

    n = strlen(dir);

    while (n > 0 && dir[n - 1] == '/') {
        n--;
    }

    return strncmp(path, dir, n) == 0 && path[n] == '/';
}


static bool
is_below_any(const char *path, char **dirs, size_t n)
{
    size_t  i;

    for (i = 0; i < n; i++) {
        if (is_below(path, dirs[i])) {
            return true;
        }
    }

    return false;
}


/* Folders as they are really called, those within others left out. */

static char **
font_dirs(size_t *n)
{
    char        **dirs, **more, *real;
    FcStrList    *list;
    FcChar8      *dir;

    *n = 0;
    dirs = NULL;
    list = FcConfigGetFontDirs(NULL);

    while (list != NULL && (dir = FcStrListNext(list)) != NULL) {
        real = realpath((char *) dir, NULL);

        if (real == NULL || is_below_any(real, dirs, *n)) {
            free(real);
            continue;
        }

        more = realloc(dirs, (*n + 1) * sizeof(char *));
        if (more == NULL) {
            free(real);
            break;
        }

        dirs = more;
        dirs[(*n)++] = real;
    }

    if (list != NULL) {
        FcStrListDone(list);
    }

    return dirs;
}


static bool
may_read_links(const FcFontSet *set, char **dirs, size_t n)
{
    int           i;
    bool          ok;
    char         *real;
    FcChar8      *file;
    struct stat   st;

    ok = true;

    for (i = 0; ok && set != NULL && i < set->nfont; i++) {
        if (FcPatternGetString(set->fonts[i], FC_FILE, 0, &file)
            != FcResultMatch
            || lstat((char *) file, &st) != 0 || !S_ISLNK(st.st_mode))
        {
            continue;
        }

        real = realpath((char *) file, NULL);

        if (real != NULL && !is_below_any(real, dirs, n)) {
            ok = may_read(real, FS_READ_FILE);
        }

        free(real);
    }

    return ok;
}


static bool
may_read_fonts(void)
{
    bool     ok;
    char   **dirs;
    size_t   i, n;

    dirs = font_dirs(&n);
    ok = true;

    for (i = 0; ok && i < n; i++) {
        ok = may_read(dirs[i], FS_READ_FILE | FS_READ_DIR);
    }

    ok = ok && may_read_links(FcConfigGetFonts(NULL, FcSetSystem), dirs, n)
         && may_read_links(FcConfigGetFonts(NULL, FcSetApplication), dirs, n);

    for (i = 0; i < n; i++) {
        free(dirs[i]);
    }
    free(dirs);

    return ok;
}


/* Folders are listed, files and what links lead to are read. */

static bool
may_read_all(FcStrList *list)
{
    bool      ok;
    FcChar8  *path;

    ok = true;

    while (ok && list != NULL && (path = FcStrListNext(list)) != NULL) {
        ok = may_read((char *) path, FS_READ_FILE | FS_READ_DIR);
    }

    if (list != NULL) {
        FcStrListDone(list);
    }

    return ok;
}


static void
forget_places(void)
{
    while (n_places > 0) {
        (void) close(places[--n_places].fd);
    }

    if (rules >= 0) {
        (void) close(rules);
    }
}


bool
sandbox_paths_prepare(char *err, size_t len)
{
    forget_places();

    if (!may_read_fonts() || !may_read_all(FcConfigGetConfigFiles(NULL))
        || !may_read_all(FcConfigGetCacheDirs(NULL))
        || (rules = make_rules()) < 0)
    {
        (void) snprintf(err, len, "Landlock: %s", strerror(errno));
        return false;
    }

    return true;
}


/*
 * The rules of one child.  Those that all share cannot be added to, so a child
 * that is lent fonts makes its own.
 */

static int
rules_for(const stage_task *task)
{
    int     set, fd;
    size_t  i;

    set = rules;

    for (i = 0; i < task->n_files; i++) {
        fd = task->files[i].fd;

        if (fd < 0 || !rn_font_known(fd)) {
            continue;
        }

        if (set == rules) {
            set = make_rules();
            if (set < 0) {
                return -1;
            }
        }

        /* one that lies in no folder may be opened anyway */

        if (!add_rule(set, fd, FS_READ_FILE) && errno != EBADFD) {
            return -1;
        }
    }

    return set;
}


bool
sandbox_paths_enter(const stage_task *task, char *err, size_t len)
{
    int  set;

    set = rules_for(task);

    if (set < 0 || syscall(SYS_landlock_restrict_self, set, 0) != 0) {
        (void) snprintf(err, len, "Landlock: %s", strerror(errno));
        return false;
    }

    return true;
}
