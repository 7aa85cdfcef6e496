/*
 * What a host keeps of objects: that it is got again, that those unused for
 * longest go, that processes share it, and what strange things in its directory
 * do to it.
 */

#include "helpers.h"
#include "rn_cache.h"

#include <dirent.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <sys/wait.h>


#define MANY    100000000               /* bytes, more than any test keeps */
#define KIB     1024
#define NOBODY  65534
#define NOT_HERE  77                   /* a child may not become nobody */


static rn_cache  cache;
static char      noise[64 * KIB];


/* Every test begins with a directory that is new. */

static int
renew(void **state)
{
    (void) state;

    return sh("chmod -R u+rwX . && rm -rf ./* && mkdir cache outside") ? 0 : -1;
}


static void
open_cache(rn_cache *c, int64_t budget)
{
    char  err[256];

    assert_int_equal(rn_cache_open(c, in_folder("cache"), budget, err,
                                   sizeof(err)), 0);
}


/* So many bytes that begin with the key, under a temporary name; its fd. */

static int
begin(rn_cache *c, const char *key, size_t n, char temp[RN_STORE_TEMP])
{
    int  fd;

    fd = rn_cache_create(c, temp);
    assert_true(fd >= 0);
    assert_true(n >= strlen(key) && n <= sizeof(noise));
    assert_int_equal(write(fd, key, strlen(key)), (ssize_t) strlen(key));
    assert_int_equal(write(fd, noise, n - strlen(key)),
                     (ssize_t) (n - strlen(key)));

    return fd;
}


static void
keep(rn_cache *c, const char *key, size_t n)
{
    int   fd;
    char  temp[RN_STORE_TEMP];

    fd = begin(c, key, n, temp);
    assert_int_equal(rn_cache_keep(c, fd, temp, key), 0);
    (void) close(fd);
    (void) usleep(5000);                /* the clock of files has steps */
}


/* Whether it is kept, and with the bytes that were said; this is a use. */

static bool
has(rn_cache *c, const char *key)
{
    int       fd;
    bool      ok;
    size_t    n;
    uint8_t  *p;

    errno = 0;
    fd = rn_cache_get(c, key);

    if (fd < 0) {
        assert_int_equal(errno, ENOENT);
        return false;
    }

    p = read_fd(fd, &n);
    ok = n >= strlen(key) && memcmp(p, key, strlen(key)) == 0;
    free(p);
    (void) close(fd);
    assert_true(ok);
    (void) usleep(5000);

    return true;
}


/* Whether it is there, without a use. */

static bool
lies(const char *key)
{
    char  name[150];

    (void) snprintf(name, sizeof(name), "cache/%s", key);

    return access(in_folder(name), F_OK) == 0;
}


/* When it was used last, told as so many seconds ago. */

static void
used(const char *key, int ago)
{
    assert_true(sh("touch -d '%d seconds ago' cache/%s", ago, key));
}


static void
test_kept(void **state)
{
    int          fd;
    char         temp[RN_STORE_TEMP], byte;
    struct stat  st;

    (void) state;

    open_cache(&cache, MANY);
    assert_false(has(&cache, "a/b/one"));

    fd = begin(&cache, "a/b/one", 5000, temp);
    assert_false(has(&cache, "a/b/one"));       /* not before it is whole */
    assert_int_equal(rn_cache_keep(&cache, fd, temp, "a/b/one"), 0);
    (void) close(fd);
    assert_true(has(&cache, "a/b/one"));
    assert_int_equal(stat(in_folder("cache/a/b/one"), &st), 0);
    assert_int_equal(st.st_size, 5000);
    assert_int_equal(st.st_mode & 07, 0);       /* nobody else's */
    assert_false(lies(temp));

    /* who gets it may only read */

    fd = rn_cache_get(&cache, "a/b/one");
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "x", 1), -1);
    assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);

    /* the same key once more, while it is read */

    keep(&cache, "a/b/one", 7);
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_size, 5000);
    assert_int_equal(pread(fd, &byte, 1, 4999), 1);
    (void) close(fd);
    assert_int_equal(stat(in_folder("cache/a/b/one"), &st), 0);
    assert_int_equal(st.st_size, 7);

    /* an object may have no bytes */

    fd = rn_cache_create(&cache, temp);
    assert_true(fd >= 0);
    assert_int_equal(rn_cache_keep(&cache, fd, temp, "a/empty"), 0);
    (void) close(fd);
    fd = rn_cache_get(&cache, "a/empty");
    assert_true(fd >= 0);
    assert_int_equal(read(fd, &byte, 1), 0);
    (void) close(fd);

    rn_cache_forget(&cache, "a/b/one");
    assert_false(has(&cache, "a/b/one"));
    rn_cache_forget(&cache, "a/b/one");         /* it is gone already, */
    rn_cache_forget(&cache, "no/such");         /* or never was */
    rn_cache_close(&cache);

    /* it outlives its process */

    open_cache(&cache, MANY);
    keep(&cache, "later", 100);
    rn_cache_close(&cache);
    open_cache(&cache, MANY);
    assert_true(has(&cache, "later"));
    rn_cache_close(&cache);
}


static void
test_no_key(void **state)
{
    int     fd;
    char    temp[RN_STORE_TEMP];
    size_t  i;

    static const char *const none[] = {
        "", "/x", "../x", "a/../../x", "a//b", ".boot", "a/.b", "a/", "a b"
    };

    (void) state;

    open_cache(&cache, MANY);
    write_file("x", "kept", 4);
    fd = begin(&cache, "k", 10, temp);

    for (i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
        errno = 0;
        assert_int_equal(rn_cache_get(&cache, none[i]), -1);
        assert_int_equal(errno, EINVAL);

        errno = 0;
        assert_int_equal(rn_cache_keep(&cache, fd, temp, none[i]), -1);
        assert_int_equal(errno, EINVAL);

        rn_cache_forget(&cache, none[i]);
    }

    /* it stays what it was, and can still be kept */

    assert_true(lies(temp));
    assert_true(lies(".boot"));
    assert_int_equal(access(in_folder("x"), F_OK), 0);
    assert_int_equal(rn_cache_keep(&cache, fd, temp, "k"), 0);
    (void) close(fd);
    assert_true(has(&cache, "k"));
    rn_cache_close(&cache);
}


/* 64 KiB each, of which there is room for ten: nine are left. */

static void
test_order(void **state)
{
    int   i;
    char  key[32];

    (void) state;

    open_cache(&cache, 10 * 64 * KIB);

    for (i = 0; i < 10; i++) {
        (void) snprintf(key, sizeof(key), "d%d/k%d", i % 3, i);
        keep(&cache, key, 64 * KIB);
        used(key, 100 - i);
    }

    for (i = 0; i < 10; i++) {
        (void) snprintf(key, sizeof(key), "d%d/k%d", i % 3, i);
        assert_true(lies(key));         /* as much as there may be */
    }

    assert_true(has(&cache, "d0/k0"));
    assert_true(has(&cache, "d2/k2"));
    keep(&cache, "new", 64 * KIB);

    assert_true(lies("d0/k0"));         /* they were used */
    assert_true(lies("d2/k2"));
    assert_true(lies("new"));
    assert_false(lies("d1/k1"));
    assert_false(lies("d0/k3"));
    assert_true(lies("d1/k4"));         /* and no more than has to be */

    rn_cache_close(&cache);
}


static int64_t
bytes_kept(void)
{
    FILE       *p;
    long long   n;

    assert_true(sh("find cache -type f ! -path 'cache/temp/*' ! -name '.*' "
                   "-printf '%%b\\n' | awk '{ n += 512 * $1 } END { printf "
                   "\"%%d\", n }' > ../sum.$PPID && mv ../sum.$PPID sum"));
    p = fopen(in_folder("sum"), "r");
    assert_non_null(p);
    assert_int_equal(fscanf(p, "%lld", &n), 1);
    (void) fclose(p);

    return n;
}


static void
test_budget(void **state)
{
    int      i;
    char     key[32];
    int64_t  most;

    (void) state;

    most = 0;
    open_cache(&cache, 640 * KIB);

    for (i = 0; i < 200; i++) {
        (void) snprintf(key, sizeof(key), "b/%d", i);
        keep(&cache, key, 1 + (size_t) (i * 7919 % (48 * KIB)) + strlen(key));
        most = i % 10 == 9 && bytes_kept() > most ? bytes_kept() : most;
        assert_true(lies(key));         /* the last one is never the first */
    }

    assert_in_range(most, 400 * KIB, 640 * KIB);
    rn_cache_close(&cache);

    /* where it is less than before, what is too much goes at once */

    open_cache(&cache, 64 * KIB);
    assert_in_range(bytes_kept(), 0, 64 * KIB);
    assert_true(lies("b/199"));
    rn_cache_close(&cache);

    /* what is larger than all there may be is of no use to others */

    assert_true(sh("rm -rf cache/b"));
    open_cache(&cache, 32 * KIB);
    keep(&cache, "b/large", 64 * KIB);
    keep(&cache, "b/small", 100);
    assert_in_range(bytes_kept(), 0, 32 * KIB);
    assert_true(lies("b/small"));
    rn_cache_close(&cache);
}


/* What goes stays with whoever has it open, also who has just put it there. */

static void
test_open_stays(void **state)
{
    int       old, large;
    char      temp[RN_STORE_TEMP];
    size_t    n;
    uint8_t  *p;

    (void) state;

    open_cache(&cache, 128 * KIB);
    keep(&cache, "old", 64 * KIB);
    old = rn_cache_get(&cache, "old");
    assert_true(old >= 0);
    used("old", 50);

    keep(&cache, "other", 64 * KIB);
    large = begin(&cache, "large", 64 * KIB, temp);
    assert_int_equal(rn_cache_keep(&cache, large, temp, "large"), 0);

    assert_false(lies("old"));
    assert_false(has(&cache, "old"));
    p = read_fd(old, &n);
    assert_int_equal(n, 64 * KIB);
    assert_memory_equal(p, "old", 3);
    free(p);
    p = read_fd(large, &n);
    assert_int_equal(n, 64 * KIB);
    assert_memory_equal(p, "large", 5);
    free(p);

    (void) close(old);
    (void) close(large);
    rn_cache_close(&cache);
}


/* A file that is being made counts for nothing, and is not for the taking. */

static void
test_temporary(void **state)
{
    int   a, b;
    char  one[RN_STORE_TEMP], two[RN_STORE_TEMP];

    (void) state;

    open_cache(&cache, 128 * KIB);
    a = begin(&cache, "a", 64 * KIB, one);
    b = begin(&cache, "b", 64 * KIB, two);
    assert_string_not_equal(one, two);
    used(one, 1000);
    keep(&cache, "c", 64 * KIB);
    keep(&cache, "d", 32 * KIB);
    assert_true(lies("c"));
    assert_true(lies(one));
    keep(&cache, "e", 64 * KIB);        /* now some have to go */
    assert_true(lies(one));
    assert_true(lies(two));
    assert_int_equal(rn_cache_keep(&cache, a, one, "a"), 0);
    (void) close(a);
    (void) close(b);

    /* what another process takes away is an error, and no more */

    assert_true(sh("rm cache/%s", two));
    b = open(in_folder("outside"), O_RDONLY | O_DIRECTORY);
    assert_int_equal(rn_cache_keep(&cache, b, two, "b"), -1);
    assert_int_equal(errno, ENOENT);
    assert_int_equal(rn_cache_keep(&cache, -1, two, "b"), -1);
    assert_int_equal(errno, EBADF);
    (void) close(b);
    assert_false(has(&cache, "b"));
    rn_cache_close(&cache);
}


static void
test_shared(void **state)
{
    int       i, fd, status;
    char      key[32];
    pid_t     pids[4];
    rn_cache  other;

    (void) state;

    open_cache(&cache, 320 * KIB);
    open_cache(&other, 320 * KIB);
    keep(&cache, "s/one", 1000);
    assert_true(has(&other, "s/one"));
    keep(&other, "s/two", 1000);
    assert_true(has(&cache, "s/two"));

    /* a use by one counts for both */

    keep(&cache, "s/three", 64 * KIB);
    keep(&cache, "s/four", 64 * KIB);
    keep(&other, "s/five", 64 * KIB);
    keep(&other, "s/six", 64 * KIB);
    for (i = 0; i < 4; i++) {
        used((const char *[]) { "s/three", "s/four", "s/five", "s/six" }[i],
             50 - i);
    }
    assert_true(has(&other, "s/three"));
    fd = rn_cache_get(&other, "s/four");
    used("s/four", 50);
    keep(&cache, "s/seven", 64 * KIB);
    assert_true(lies("s/three"));
    assert_false(has(&cache, "s/four"));
    assert_false(has(&other, "s/four"));
    assert_int_equal(pread(fd, key, 6, 0), 6);
    assert_memory_equal(key, "s/four", 6);
    (void) close(fd);

    rn_cache_forget(&other, "s/three");
    assert_false(has(&cache, "s/three"));
    rn_cache_close(&other);
    rn_cache_close(&cache);

    /* four processes keep the same keys at the same time, and use them */

    for (i = 0; i < 4; i++) {
        pids[i] = fork();
        assert_true(pids[i] >= 0);

        if (pids[i] == 0) {
            open_cache(&other, 320 * KIB);
            for (int k = 0; k < 100; k++) {
                (void) snprintf(key, sizeof(key), "p/%d", (k + 25 * i) % 37);
                if (!has(&other, key)) {
                    keep(&other, key, 20 * KIB);
                }
            }
            _exit(0);
        }
    }

    for (i = 0; i < 4; i++) {
        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        assert_int_equal(status, 0);
    }

    /* each looks when it has added a sixteenth itself */

    assert_in_range(bytes_kept(), 100 * KIB, (320 + 4 * (20 + 24)) * KIB);
    open_cache(&cache, 320 * KIB);
    assert_in_range(bytes_kept(), 100 * KIB, 320 * KIB);
    rn_cache_close(&cache);
    assert_true(sh("test -z \"$(ls cache/temp)\""));
}


/* Nothing in it was made durable: after a failure of power it may be torn. */

static void
test_boot(void **state)
{
    int   fd;
    char  temp[RN_STORE_TEMP];

    static const char *const said[] = {
        "printf 'another-boot\\n'", "tr 0-9 1-90 < boot", "printf ''",
        "head -c 40 /dev/zero", "{ cat boot; echo more; }",
        "head -c 20 boot", "head -c 5000 /dev/zero"
    };

    (void) state;

    open_cache(&cache, MANY);
    assert_true(sh("cat /proc/sys/kernel/random/boot_id > boot && test -s boot "
                   "&& cmp -s boot cache/.boot"));

    for (size_t i = 0; i < sizeof(said) / sizeof(said[0]); i++) {
        keep(&cache, "o/p/one", 100);
        keep(&cache, "two", 100);
        fd = begin(&cache, "three", 100, temp);
        rn_cache_close(&cache);

        open_cache(&cache, MANY);       /* of this one it stays */
        assert_true(has(&cache, "two"));
        rn_cache_close(&cache);

        assert_true(sh("%s > new && cat new > cache/.boot", said[i]));
        open_cache(&cache, MANY);

        if (i == 4) {                   /* what is behind it says nothing */
            (void) close(fd);
            continue;
        }

        assert_false(has(&cache, "two"));
        assert_false(has(&cache, "o/p/one"));
        assert_true(sh("test -z \"$(find cache -type f ! -path "
                       "'cache/temp/*' ! -name .boot)\""));

        /* what is being made is somebody's who runs now */

        assert_int_equal(rn_cache_keep(&cache, fd, temp, "three"), 0);
        (void) close(fd);
        assert_true(has(&cache, "three"));
        rn_cache_close(&cache);

        open_cache(&cache, MANY);       /* that was once */
        assert_true(has(&cache, "three"));
        assert_true(sh("head -c 37 cache/.boot | cmp -s - boot"));
    }

    rn_cache_close(&cache);
}


/*
 * Whoever empties it may be killed in the middle: the next one has to go on,
 * or it serves what is torn.
 */

static void
test_boot_killed(void **state)
{
    int    status;
    char   err[256], id[64], now[64];
    pid_t  pid;
    bool   left;

    (void) state;

    assert_true(sh("cat /proc/sys/kernel/random/boot_id > boot"));
    assert_true(sh("mkdir cache/f && cd cache/f && "
                   "seq 30000 | xargs touch && echo other > ../.boot"));
    memset(id, 0, sizeof(id));
    status = open(in_folder("boot"), O_RDONLY);
    assert_true(read(status, id, sizeof(id) - 1) > 0);
    (void) close(status);

    pid = fork();
    assert_true(pid >= 0);

    if (pid == 0) {
        (void) rn_cache_open(&cache, in_folder("cache"), MANY, err,
                             sizeof(err));
        _exit(0);
    }

    /* as soon as it says that all is of this boot, or some files are gone */

    for ( ;; ) {
        memset(now, 0, sizeof(now));
        status = open(in_folder("cache/.boot"), O_RDONLY);
        (void) !read(status, now, sizeof(now) - 1);
        (void) close(status);

        if (strcmp(now, id) == 0 || waitpid(pid, &status, WNOHANG) != 0) {
            break;
        }
    }

    (void) kill(pid, SIGKILL);
    (void) waitpid(pid, &status, 0);

    open_cache(&cache, MANY);
    left = !sh("test -z \"$(ls -A cache/f)\"");
    rn_cache_close(&cache);
    assert_true(!left);
}


/* Strange things, which somebody or a failure has put there. */

static void
strange(void)
{
    assert_true(sh("mkdir -p cache/dir/is/a/folder cache/.hidden && "
                   "head -c 60000 /dev/zero > outside/secret && "
                   "head -c 60000 /dev/zero > cache/.dot && "
                   "head -c 60000 /dev/zero > cache/.hidden/file && "
                   "head -c 60000 /dev/zero > cache/dir/.dot && "
                   "head -c 60000 /dev/zero > 'cache/a name of no key' && "
                   "ln -s ../outside/secret cache/link && "
                   "ln -s ../outside cache/way && "
                   "ln -s . cache/round && "
                   "ln -s nowhere cache/dangling && "
                   "mkfifo cache/pipe"));
}


static void
test_strange(void **state)
{
    int       fd, k;
    char      temp[RN_STORE_TEMP], key[32];
    rn_cache  other;

    (void) state;

    strange();
    open_cache(&cache, 256 * KIB);

    /* neither a folder nor a link nor a pipe is an object */

    for (k = 0; k < 5; k++) {
        errno = 0;
        fd = rn_cache_get(&cache, (const char *[]) { "dir", "link", "round",
                                                     "dangling", "pipe" }[k]);
        assert_int_equal(fd, -1);
        assert_true(errno == ENOENT || errno == ELOOP || errno == ENXIO);
    }

    /* a link goes where an object comes, and not what it leads to */

    keep(&cache, "link", 1000);
    assert_true(has(&cache, "link"));
    assert_true(sh("test ! -L cache/link && test $(stat -c %%s "
                   "outside/secret) = 60000"));

    fd = begin(&cache, "dir", 100, temp);
    assert_int_equal(rn_cache_keep(&cache, fd, temp, "dir"), -1);
    assert_true(lies(temp));
    assert_int_equal(rn_cache_keep(&cache, fd, temp, "link/below"), -1);
    rn_store_discard(&cache.store, temp);
    (void) close(fd);
    rn_cache_forget(&cache, "dir");
    assert_true(lies("dir/is/a/folder"));
    rn_cache_forget(&cache, "round");
    rn_cache_forget(&cache, "dangling");

    /* cleanings, one of them after a boot */

    assert_true(sh("ln -s ../../outside/secret cache/dir/link"));

    for (k = 0; k < 20; k++) {
        (void) snprintf(key, sizeof(key), "dir/is/a/folder/k%d", k);
        keep(&cache, key, 64 * KIB);
        assert_true(lies(key));
    }

    open_cache(&other, 100);
    assert_false(lies("dir/is/a/folder/k19"));
    rn_cache_close(&other);
    assert_true(sh("echo other > cache/.boot"));
    open_cache(&other, 256 * KIB);
    rn_cache_close(&other);

    assert_true(sh("test $(ls outside) = secret && "
                   "test $(stat -c %%s outside/secret) = 60000"));
    assert_true(lies(".dot"));
    assert_true(lies(".hidden/file"));
    assert_true(lies("dir/.dot"));
    assert_false(lies("a name of no key"));     /* it takes room */
    assert_true(sh("test -p cache/pipe && test -L cache/way && "
                   "test -L cache/dir/link"));
    rn_cache_close(&cache);
}


/* However deep it lies it is counted, and goes. */

static void
test_deep(void **state)
{
    int   i, n;
    char  key[64];
    bool  stays;

    (void) state;

    stays = false;

    for (i = 1; i <= 12; i++) {
        for (n = 0; n < i; n++) {
            key[2 * n] = 'a';
            key[2 * n + 1] = '/';
        }
        key[2 * n] = 'k';
        key[2 * n + 1] = '\0';

        open_cache(&cache, MANY);
        keep(&cache, key, 1000);
        rn_cache_close(&cache);
        open_cache(&cache, 1);

        assert_true(i > 8 || !lies(key));
        stays = stays || lies(key);
        rn_cache_close(&cache);
        assert_true(sh("rm -rf cache/a"));
    }

    assert_true(!stays);
}


/* A folder is no file, takes room, and is made again when it is needed. */

static void
test_folders_go(void **state)
{
    int     k;
    char    key[64];

    (void) state;

    open_cache(&cache, 64 * KIB);

    for (k = 0; k < 50; k++) {
        (void) snprintf(key, sizeof(key), "outputs/job%d/1-7/final", k);
        keep(&cache, key, 32 * KIB);
    }

    rn_cache_close(&cache);
    assert_true(sh("test $(ls cache/outputs | wc -l) -lt 10"));
}


/* ---- as somebody who may not do all ---- */

/* What a child of little right does: its status is what this answers. */

static void
as_nobody(int (*does)(void))
{
    int    status;
    pid_t  pid;

    if (geteuid() != 0) {
        assert_int_equal(does(), 0);
        return;
    }

    assert_true(sh("chmod 755 . && chown -R %d:%d cache", NOBODY, NOBODY));
    pid = fork();
    assert_true(pid >= 0);

    if (pid == 0) {
        if (setgroups(0, NULL) != 0 || setgid(NOBODY) != 0
            || setuid(NOBODY) != 0)
        {
            _exit(NOT_HERE);
        }
        _exit(does());
    }

    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}


static bool
fails_with(const char *path, const char *words, const char *more)
{
    char      err[256];
    rn_cache  c;

    err[0] = '\0';

    if (rn_cache_open(&c, path, MANY, err, sizeof(err)) == 0) {
        rn_cache_close(&c);
        print_error("%s: it is opened\n", path);
        return false;
    }

    if (strstr(err, words) == NULL || strstr(err, more) == NULL) {
        print_error("%s: %s\n", path, err);
        return false;
    }

    return c.store.root == -1;          /* nothing is left open */
}


static void
test_no_directory(void **state)
{
    char  path[300];

    (void) state;

    (void) snprintf(path, sizeof(path), "%s/nowhere", folder);
    assert_true(fails_with(path, path, "No such file"));

    write_file("plain", "x", 1);
    (void) snprintf(path, sizeof(path), "%s/plain", folder);
    assert_true(fails_with(path, path, "Not a directory"));

    assert_true(fails_with("relative", "absolute", ""));

    /* what stands where its own file should be */

    (void) snprintf(path, sizeof(path), "%s/cache", folder);
    assert_true(sh("mkdir cache/.boot"));
    assert_true(fails_with(path, path, "Is a directory"));
}


static int
not_writable(void)
{
    return fails_with(in_folder("cache"), in_folder("cache"),
                      "Permission denied") ? 0 : 1;
}


static void
test_not_writable(void **state)
{
    (void) state;

    /* neither its own folder nor its own file can be made */

    assert_true(sh("chmod 555 cache"));
    as_nobody(not_writable);

    assert_true(sh("chmod 755 cache && mkdir cache/temp && chmod 555 cache"));
    as_nobody(not_writable);

    assert_true(sh("chmod 0 cache"));
    as_nobody(not_writable);
    assert_true(sh("chmod 755 cache"));
}


static int
unreadable(void)
{
    char      err[256], key[32];
    int       k;
    rn_cache  c;

    if (rn_cache_open(&c, in_folder("cache"), 256 * KIB, err, sizeof(err)) != 0)
    {
        return 1;
    }

    for (k = 0; k < 20; k++) {
        (void) snprintf(key, sizeof(key), "k/%d", k);
        keep(&c, key, 64 * KIB);
        if (!has(&c, key)) {
            return 2;
        }
    }

    if (rn_cache_get(&c, "closed/x") != -1 || errno != EACCES) {
        return 3;
    }

    rn_cache_forget(&c, "fixed/x");     /* it cannot */

    return lies("fixed/x") && !lies("k/0") ? 0 : 4;
}


static void
test_unreadable(void **state)
{
    (void) state;

    assert_true(sh("mkdir cache/closed cache/fixed && echo x > cache/closed/x "
                   "&& echo x > cache/fixed/x && chmod 0 cache/closed && "
                   "chmod 555 cache/fixed"));
    as_nobody(unreadable);
}


static void
test_no_leaks(void **state)
{
    int             n[2], k;
    DIR            *d;
    char            err[256];
    rn_cache        c;
    struct dirent  *e;

    (void) state;

    strange();

    for (k = 0; k < 2; k++) {
        d = opendir("/proc/self/fd");
        for (n[k] = 0; (e = readdir(d)) != NULL; n[k]++) { /* void */ }
        (void) closedir(d);

        for (int i = 0; i < 20; i++) {
            open_cache(&c, 100);
            keep(&c, "f/one", 5000);
            (void) has(&c, "f/one");
            rn_cache_close(&c);
            (void) rn_cache_open(&c, in_folder("none"), 1, err, sizeof(err));
        }
    }

    assert_int_equal(n[0], n[1]);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test_setup(test_kept, renew),
        cmocka_unit_test_setup(test_no_key, renew),
        cmocka_unit_test_setup(test_order, renew),
        cmocka_unit_test_setup(test_budget, renew),
        cmocka_unit_test_setup(test_open_stays, renew),
        cmocka_unit_test_setup(test_temporary, renew),
        cmocka_unit_test_setup(test_shared, renew),
        cmocka_unit_test_setup(test_boot, renew),
        cmocka_unit_test_setup(test_boot_killed, renew),
        cmocka_unit_test_setup(test_strange, renew),
        cmocka_unit_test_setup(test_deep, renew),
        cmocka_unit_test_setup(test_folders_go, renew),
        cmocka_unit_test_setup(test_no_directory, renew),
        cmocka_unit_test_setup(test_not_writable, renew),
        cmocka_unit_test_setup(test_unreadable, renew),
        cmocka_unit_test_setup(test_no_leaks, renew)
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
