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
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <openssl/evp.h>


#define SETTLED  2                      /* s: a file that was changed later may
                                           change again within one tick of its
                                           clock */
#define GROUP    16


/* Sources that one child looks at, since starting one takes as long. */

typedef struct {
    cmd_source  *sources[GROUP];
    size_t       n;                     /* 0: there is none */
    local_task   task;
} group;

typedef struct {
    const char  *cache;
    group       *groups;
    long         slots, running;
} pool;


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


/* Whether nothing was written to a file between two looks at it. */

static bool
same_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino
           && a->st_size == b->st_size
           && a->st_ctim.tv_sec == b->st_ctim.tv_sec
           && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}


/* *sb is how it was before it was read. */

static bool
digest_of(const char *cache, const char *path, struct stat *sb, char hex[65])
{
    int          fd;
    bool         ok, settled;
    char         name[4400];
    struct stat  after;

    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }

    settled = fstat(fd, sb) == 0 && S_ISREG(sb->st_mode) && cache != NULL
              && time(NULL) - sb->st_ctim.tv_sec > SETTLED;

    if (settled) {
        kept_name(cache, sb, name, sizeof(name));

        if (read_kept(name, hex)) {
            (void) close(fd);
            return true;
        }
    }

    ok = read_digest(fd, hex);

    /* if it was written to meanwhile, it is none that it has */

    if (ok && settled && fstat(fd, &after) == 0 && same_file(&after, sb)) {
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


/*
 * Lends the group's sources to a child, and starts that; it names them by their
 * place.
 */

static bool
start_group(group *g)
{
    char     name[24];
    size_t   i;
    json_t  *names;

    names = json_array();
    g->task.kind = "probe";
    g->task.spec = json_pack("{s:o}", "inputs", names);

    for (i = 0; i < g->n; i++) {
        (void) snprintf(name, sizeof(name), "%zu", i);
        (void) json_array_append_new(names, json_string(name));

        if (!local_lend(&g->task, name, g->sources[i]->path, O_RDONLY)) {
            return false;
        }
    }

    return local_start(&g->task);
}


/* What a child found out, or why it did not. */

static void
finish_group(pool *p, group *g, int status)
{
    char        *err;
    size_t       i;
    json_t      *found, *all;
    rn_status    rc;
    cmd_source  *s;
    struct stat  now;

    err = g->sources[0]->err;
    rc = local_finish(&g->task, status, err, sizeof(g->sources[0]->err));
    all = json_object_get(g->task.answer, "result");

    for (i = 0; i < g->n; i++) {
        s = g->sources[i];
        found = json_array_get(all, i);

        if (rc == RN_OK && json_object_get(found, "facts") != NULL) {
            if (stat(s->path, &now) != 0 || !same_file(&now, &s->seen)) {
                (void) snprintf(s->err, sizeof(s->err), "it was changed while "
                                "it was read");
                continue;
            }

            s->facts = json_incref(json_object_get(found, "facts"));

            if (p->cache != NULL) {
                keep_facts(p->cache, s);
            }

        } else if (rc == RN_OK) {
            (void) snprintf(s->err, sizeof(s->err), "%s", json_string_value(
                            json_object_get(found, "error")) ?: "");
        } else if (g->n > 1) {
            s->err[0] = '\0';               /* one of them: each by itself */
        }
    }

    local_free(&g->task);
    g->n = 0;
}


/* Waits for one of the children. */

static void
wait_for_one(pool *p)
{
    int     status;
    long    i;
    pid_t   pid;

    status = 0;

    do {
        pid = waitpid(-1, &status, 0);
    } while (pid < 0 && errno == EINTR);

    for (i = 0; i < p->slots; i++) {
        if (p->groups[i].n > 0 && (p->groups[i].task.pid == pid || pid < 0)) {
            finish_group(p, &p->groups[i], status);
            p->running--;
            break;
        }
    }
}


static group *
free_group(pool *p)
{
    group  *g;

    while (p->running == p->slots) {        /* it may have other children */
        wait_for_one(p);
    }

    for (g = p->groups; g->n > 0; g++) { /* void */ }

    return g;
}


/* Probes those of the list that are not known, so many in a child. */

static void
probe_all(pool *p, cmd_source *list, size_t n, size_t many)
{
    size_t   i;
    group    next, *g;

    memset(&next, 0, sizeof(next));

    for (i = 0; i <= n; i++) {
        if (i < n && list[i].facts == NULL && list[i].err[0] == '\0') {
            next.sources[next.n++] = &list[i];
        }

        if (next.n < (i < n ? many : 1)) {
            continue;
        }

        g = free_group(p);
        *g = next;
        next.n = 0;

        if (start_group(g)) {
            p->running++;
            continue;
        }

        if (g->n == 1) {                    /* else each by itself */
            (void) snprintf(g->sources[0]->err, sizeof(list->err),
                            "cannot be probed");
        }

        local_free(&g->task);
        g->n = 0;
    }

    while (p->running > 0) {
        wait_for_one(p);
    }
}


void
cmd_sources(const char *cache, cmd_source *list, size_t n)
{
    pool         p;
    size_t       many;
    cmd_source  *s;

    p.cache = cache;
    p.running = 0;
    p.slots = sysconf(_SC_NPROCESSORS_ONLN);
    p.slots = p.slots > 0 ? p.slots : 1;
    p.groups = calloc((size_t) p.slots, sizeof(group));

    if (p.groups == NULL) {
        fprintf(stderr, "render: out of memory\n");
    }

    for (s = list; s < list + n; s++) {
        if (p.groups == NULL) {
            (void) snprintf(s->err, sizeof(s->err), "cannot be probed");
        } else if (!digest_of(cache, s->path, &s->seen, s->hex)) {
            (void) snprintf(s->err, sizeof(s->err), "%s", strerror(errno));
        } else {
            s->facts = kept_facts(cache, s->hex);
        }
    }

    many = n / (2 * (size_t) p.slots);
    many = many < 1 ? 1 : many > GROUP ? GROUP : many;

    probe_all(&p, list, n, many);
    probe_all(&p, list, n, 1);

    free(p.groups);
}
