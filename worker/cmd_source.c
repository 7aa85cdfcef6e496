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
#include <unistd.h>
#include <openssl/evp.h>


#define SETTLED  2                      /* s: a file that was changed later may
                                           change again within one tick of its
                                           clock */
#define GROUP    16


/* Sources that one child looks at, since starting one takes as long. */

typedef struct {
    cmd_source  *sources[GROUP];
    size_t       n;
} group;

typedef struct {
    const char  *cache;
    cmd_source  *list;
    size_t       n, next;
    size_t       many;                  /* in a group */
} probing;


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
 * What any write to a file changes (its ctime can be set by nobody), as a
 * digest.
 */

static void
identity(const struct stat *sb, char hex[65])
{
    int   n;
    char  text[200];

    n = snprintf(text, sizeof(text), "%ju %ju %jd %jd.%09ld %jd.%09ld",
                 (uintmax_t) sb->st_dev, (uintmax_t) sb->st_ino,
                 (intmax_t) sb->st_size, (intmax_t) sb->st_mtim.tv_sec,
                 sb->st_mtim.tv_nsec, (intmax_t) sb->st_ctim.tv_sec,
                 sb->st_ctim.tv_nsec);
    rn_sha256_hex(text, (size_t) n, hex);
}


/* Under which name the digest of a file is kept. */

static void
kept_name(const char *cache, const struct stat *sb, char *name, size_t len)
{
    char  hex[65];

    identity(sb, hex);
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
digest_of(const char *cache, bool passing, const char *path, struct stat *sb,
    char hex[65])
{
    int          fd;
    bool         ok, regular, settled;
    char         name[4400];
    struct stat  after;

    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }

    regular = fstat(fd, sb) == 0 && S_ISREG(sb->st_mode);

    if (regular && passing) {
        identity(sb, hex);
        (void) close(fd);
        return true;
    }

    settled = regular && cache != NULL
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


/* The next of those that are not known. */

static group *
next_group(probing *p)
{
    group       *g;
    cmd_source  *s;

    g = calloc(1, sizeof(group));

    while (g != NULL && g->n < p->many && p->next < p->n) {
        s = &p->list[p->next++];
        if (s->facts == NULL && s->err[0] == '\0') {
            g->sources[g->n++] = s;
        }
    }

    return g;
}


/* Who is alone says why; of more than one each is tried by itself. */

static void
blame(group *g, const char *why)
{
    if (g->n == 1) {
        (void) snprintf(g->sources[0]->err, sizeof(g->sources[0]->err), "%s",
                        why);
    }
}


/*
 * Lends the next group's sources to a child, which names them by their place.
 */

static bool
probe_group(void *data, local_task *t)
{
    char      name[24];
    size_t    i;
    group    *g;
    json_t   *names;
    probing  *p = data;

    g = next_group(p);

    if (g == NULL || g->n == 0) {
        free(g);
        return false;
    }

    names = json_array();
    t->kind = "probe";
    t->spec = json_pack("{s:o}", "inputs", names);
    t->of = g;

    for (i = 0; i < g->n; i++) {
        (void) snprintf(name, sizeof(name), "%zu", i);
        (void) json_array_append_new(names, json_string(name));

        if (!local_lend(t, name, g->sources[i]->path, O_RDONLY)) {
            free(g);
            return false;
        }
    }

    return true;
}


/* What a child found out, or why it did not. */

static void
end_group(void *data, local_task *t, rn_status rc, const char *err)
{
    size_t       i;
    json_t      *found, *all;
    group       *g = t->of;
    probing     *p = data;
    cmd_source  *s;
    struct stat  now;

    all = json_object_get(t->answer, "result");

    if (rc != RN_OK) {
        blame(g, err);
    }

    for (i = 0; rc == RN_OK && i < g->n; i++) {
        s = g->sources[i];
        found = json_array_get(all, i);

        if (json_object_get(found, "facts") == NULL) {
            (void) snprintf(s->err, sizeof(s->err), "%s", json_string_value(
                            json_object_get(found, "error")) ?: "");

        } else if (stat(s->path, &now) != 0 || !same_file(&now, &s->seen)) {
            (void) snprintf(s->err, sizeof(s->err), "it was changed while it "
                            "was read");

        } else {
            s->facts = json_incref(json_object_get(found, "facts"));

            if (p->cache != NULL) {
                keep_facts(p->cache, s);
            }
        }
    }

    free(g);
}


/* Probes those that are not known, so many in a child. */

static void
probe_all(probing *p, size_t many, size_t places)
{
    local_work  work;

    p->next = 0;
    p->many = many;

    memset(&work, 0, sizeof(work));
    work.places = places;
    work.next = probe_group;
    work.ended = end_group;
    work.data = p;

    (void) local_work_off(&work);
}


void
cmd_sources(const char *cache, bool passing, cmd_source *list, size_t n)
{
    long         places;
    size_t       many;
    probing      p;
    cmd_source  *s;

    for (s = list; s < list + n; s++) {
        if (!digest_of(cache, passing, s->path, &s->seen, s->hex)) {
            (void) snprintf(s->err, sizeof(s->err), "%s", strerror(errno));
        } else {
            s->facts = kept_facts(cache, s->hex);
        }
    }

    places = sysconf(_SC_NPROCESSORS_ONLN);
    places = places > 0 ? places : 1;
    many = (n + (size_t) places - 1) / (size_t) places;

    memset(&p, 0, sizeof(p));
    p.cache = cache;
    p.list = list;
    p.n = n;

    probe_all(&p, many > GROUP ? GROUP : many, (size_t) places);
    probe_all(&p, 1, (size_t) places);

    for (s = list; s < list + n; s++) {
        if (s->facts == NULL && s->err[0] == '\0') {
            (void) snprintf(s->err, sizeof(s->err), "cannot be probed");
        }
    }
}
