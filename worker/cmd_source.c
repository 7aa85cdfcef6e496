/*
 * What is known of a source on this machine: its digest, and what its probe
 * tells.  Both are kept in the cache, so that a long file is read once.
 */

#include "cmd.h"
#include "rn_encode.h"
#include "rn_id.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <openssl/evp.h>


#define SETTLED  2                      /* s: a file that was changed later may
                                           change again within one tick of its
                                           clock */


static bool
read_digest(int fd, char hex[65])
{
    char            buf[65536];
    ssize_t         n;
    EVP_MD_CTX     *md;
    unsigned char   digest[EVP_MAX_MD_SIZE];

    md = EVP_MD_CTX_new();
    n = md != NULL ? 0 : -1;

    if (md != NULL) {
        (void) EVP_DigestInit_ex(md, EVP_sha256(), NULL);

        while ((n = read(fd, buf, sizeof(buf))) > 0) {
            (void) EVP_DigestUpdate(md, buf, (size_t) n);
        }

        (void) EVP_DigestFinal_ex(md, digest, NULL);
        rn_hex(digest, 32, hex);
        EVP_MD_CTX_free(md);
    }

    return n == 0;
}


/*
 * Under which name the digest of a file is kept: by what any write changes
 * (its ctime can be set by nobody).
 */

static void
kept_name(const char *cache, const struct stat *sb, char *name, size_t len)
{
    int   n;
    char  hex[65], text[200];

    n = snprintf(text, sizeof(text), "%ju %ju %jd %jd.%09ld %jd.%09ld",
                 (uintmax_t) sb->st_dev, (uintmax_t) sb->st_ino,
                 (intmax_t) sb->st_size, (intmax_t) sb->st_mtim.tv_sec,
                 sb->st_mtim.tv_nsec, (intmax_t) sb->st_ctim.tv_sec,
                 sb->st_ctim.tv_nsec);
    rn_sha256_hex(text, (size_t) n, hex);

    (void) snprintf(name, len, "%s/%s.digest", cache, hex);
}


static bool
read_kept(const char *name, char hex[65])
{
    int      fd;
    ssize_t  n;

    fd = open(name, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }

    n = read(fd, hex, 65);
    (void) close(fd);
    hex[64] = '\0';

    return n == 64 && strspn(hex, "0123456789abcdef") == 64;
}


/* What is not kept is computed again. */

static void
keep(const char *name, const char *hex)
{
    int   fd;
    bool  ok;
    char  fresh[4500];

    (void) snprintf(fresh, sizeof(fresh), "%s.%ld", name, (long) getpid());

    fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0) {
        return;
    }

    ok = write(fd, hex, 64) == 64;
    ok = close(fd) == 0 && ok;

    if (!ok || rename(fresh, name) != 0) {
        (void) unlink(fresh);
    }
}


static bool
digest_of(const char *cache, const char *path, char hex[65])
{
    int          fd;
    bool         ok, settled;
    char         name[4400];
    struct stat  sb, after;

    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }

    settled = cache != NULL && fstat(fd, &sb) == 0 && S_ISREG(sb.st_mode)
              && time(NULL) - sb.st_ctim.tv_sec > SETTLED;

    if (settled) {
        kept_name(cache, &sb, name, sizeof(name));

        if (read_kept(name, hex)) {
            (void) close(fd);
            return true;
        }
    }

    ok = read_digest(fd, hex);

    /* if it was written to meanwhile, it is none that it has */

    if (ok && settled && fstat(fd, &after) == 0
        && after.st_ctim.tv_sec == sb.st_ctim.tv_sec
        && after.st_ctim.tv_nsec == sb.st_ctim.tv_nsec)
    {
        keep(name, hex);
    }

    (void) close(fd);

    return ok;
}


static void
facts_name(const char *cache, const char *hex, char *name, size_t len)
{
    (void) snprintf(name, len, "%s/%s.%d.facts", cache, hex, RN_ENGINE);
}


/* Facts from the cache: they follow from the bytes and the engine alone. */

static json_t *
kept_facts(const char *cache, const char *hex)
{
    char     name[4400];
    json_t  *facts;

    if (cache == NULL) {
        return NULL;
    }

    facts_name(cache, hex, name, sizeof(name));

    facts = json_load_file(name, JSON_REJECT_DUPLICATES, NULL);
    if (json_is_string(json_object_get(facts, "kind"))) {
        return facts;
    }

    json_decref(facts);

    return NULL;
}


static void
keep_facts(const char *cache, const cmd_source *s)
{
    char  kept[4400], fresh[4500];

    facts_name(cache, s->hex, kept, sizeof(kept));
    (void) snprintf(fresh, sizeof(fresh), "%s.%ld", kept, (long) getpid());

    if (json_dump_file(s->facts, fresh, JSON_COMPACT) != 0
        || rename(fresh, kept) != 0)
    {
        (void) unlink(fresh);               /* then it is probed again */
    }
}


static bool
start_probe(local_task *t, const char *path)
{
    memset(t, 0, sizeof(*t));
    t->kind = "probe";
    t->spec = json_pack("{s:s}", "input", "input");

    return local_lend(t, "input", path, O_RDONLY) && local_start(t);
}


/* Waits for one of the children; false when there was none. */

static bool
wait_for_one(const char *cache, cmd_source *list, size_t n)
{
    int          status;
    pid_t        pid;
    cmd_source  *s;

    do {
        pid = waitpid(-1, &status, 0);
    } while (pid < 0 && errno == EINTR);

    for (s = list; pid > 0 && s < list + n; s++) {
        if (s->task.pid != pid) {
            continue;
        }

        if (local_finish(&s->task, status, s->err, sizeof(s->err)) == RN_OK) {
            s->facts = json_incref(json_object_get(s->task.answer, "result"));
            if (cache != NULL) {
                keep_facts(cache, s);
            }
        }

        local_free(&s->task);
        break;
    }

    return pid > 0;
}


void
cmd_sources(const char *cache, cmd_source *list, size_t n)
{
    long         slots, running;
    cmd_source  *s;

    slots = sysconf(_SC_NPROCESSORS_ONLN);
    running = 0;

    for (s = list; s < list + n; s++) {
        /* no wait between digest and probe: both should be of the same bytes */

        if (running >= slots && wait_for_one(cache, list, n)) {
            running--;
        }

        if (!digest_of(cache, s->path, s->hex)) {
            (void) snprintf(s->err, sizeof(s->err), "%s", strerror(errno));
            continue;
        }

        s->facts = kept_facts(cache, s->hex);
        if (s->facts != NULL) {
            continue;
        }

        if (start_probe(&s->task, s->path)) {
            running++;
        } else {
            local_free(&s->task);
            (void) snprintf(s->err, sizeof(s->err), "cannot be probed");
        }
    }

    while (running > 0 && wait_for_one(cache, list, n)) {
        running--;
    }
}
