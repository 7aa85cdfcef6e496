/*
 * The mover's work where storage is in S3: objects come into the host's cache
 * and leave from it, many at one time.  See rw_mover_parts.h.
 */

#include "rn_cache.h"
#include "rn_log.h"
#include "rn_s3_get.h"
#include "rn_s3_put.h"
#include "rn_s3_sweep.h"
#include "rw_mover_parts.h"
#include "rw_s3_setting.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/queue.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>


#define KEY_MAX     512
#define SWEEP_AGE   10.0                /* s without a write, of files here */
#define LOOK_MS     60000               /* whether keys expire */
#define FAULT_MS    100

typedef struct moving  moving;

/* Deletions that are told of together. */

typedef struct {
    json_t  *gone;
    size_t   left;
} cleaning;

struct moving {
    rw_s3               *s;
    TAILQ_ENTRY(moving)  link;
    char                 key[KEY_MAX];
    char                 temp[RN_STORE_TEMP];
    int                  fd;            /* of the temporary file, or -1 */
    int                  error;         /* of this host's disk */
    json_t              *ids;           /* who waits for it */
    cleaning            *cleaning;
    bool                 opens;
    bool                 roomy;         /* room was made for it, once */
    bool                 gone;          /* it is deleted: not to be kept */

    union {
        rn_s3_get        get;
        rn_s3_put        put;
        rn_s3_request    request;
    } u;
};

struct rw_s3 {
    int                   sock;
    rn_s3_client         *client;
    rw_s3_setting         set;
    rn_cache              cache;
    TAILQ_HEAD(, moving)  all;
    rn_s3_sweep           sweep;
    bool                  sweeps;
};


bool
rw_s3_is(const char *url)
{
    return strncmp(url, "s3://", 5) == 0;
}


rw_s3 *
rw_s3_new(const char *url, int sock, char *err, size_t err_len)
{
    char             why[300];
    rw_s3           *s;
    rn_s3_settings   c;

    s = calloc(1, sizeof(*s));

    if (s == NULL || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        (void) snprintf(err, err_len, "out of memory");
        free(s);
        return NULL;
    }

    s->sock = sock;
    TAILQ_INIT(&s->all);

    if (!rw_s3_setting_read(&s->set, &c, url, err, err_len)) {
        free(s);
        return NULL;
    }

    if (rn_cache_open(&s->cache, s->set.cache, s->set.cache_bytes, why,
                      sizeof(why)) != 0)
    {
        (void) snprintf(err, err_len, "RENDER_CACHE: %s", why);
        free(s);
        return NULL;
    }

    s->client = rn_s3_client_new(&c);
    OPENSSL_cleanse(&c, sizeof(c));

    if (s->client == NULL) {
        (void) snprintf(err, err_len, "out of memory");
        rn_cache_close(&s->cache);
        free(s);
        return NULL;
    }

    s->set.client = s->client;

    return s;
}


void
rw_s3_wait(rw_s3 *s, struct pollfd *fds, size_t n)
{
    int                 running;
    long                ms;
    size_t              i;
    CURLM              *multi;
    struct curl_waitfd  extra[4];

    multi = rn_s3_client_multi(s->client);

    for (i = 0; i < n; i++) {
        extra[i].fd = fds[i].fd;
        extra[i].events = CURL_WAIT_POLLIN;
        extra[i].revents = 0;
        fds[i].revents = 0;
    }

    (void) curl_multi_perform(multi, &running);
    ms = rn_s3_client_run(s->client);

    if (curl_multi_poll(multi, extra, (unsigned) n, ms < 0 || ms > LOOK_MS
                        ? LOOK_MS : (int) ms, NULL) != CURLM_OK)
    {
        (void) poll(fds, (nfds_t) n, FAULT_MS);     /* and not all the time */
        return;
    }

    for (i = 0; i < n; i++) {
        fds[i].revents = extra[i].revents != 0 ? POLLIN : 0;
    }
}


static moving *
begin(rw_s3 *s, const char *key)
{
    moving  *m;

    m = calloc(1, sizeof(*m));

    if (m == NULL || strlen(key) >= sizeof(m->key)) {
        free(m);
        return NULL;
    }

    m->s = s;
    m->fd = -1;
    (void) strcpy(m->key, key);
    TAILQ_INSERT_TAIL(&s->all, m, link);

    return m;
}


static void
end(moving *m)
{
    TAILQ_REMOVE(&m->s->all, m, link);

    if (m->fd >= 0) {
        (void) close(m->fd);
    }

    json_decref(m->ids);
    free(m);
}


/* ---- from S3 ---- */

static bool
keep(rn_s3_get *g, int64_t at, const void *data, size_t n)
{
    size_t   done;
    moving  *m = g->data;
    ssize_t  put;

    for (done = 0; done < n; done += (size_t) put) {
        put = pwrite(m->fd, (const char *) data + done, n - done,
                     at + (int64_t) done);

        if (put < 0 && errno == EINTR) {
            put = 0;

        } else if (put < 0 && errno == ENOSPC && !m->roomy) {
            m->roomy = true;
            rn_cache_make_room(&m->s->cache);
            put = 0;

        } else if (put <= 0) {
            m->error = put < 0 ? errno : ENOSPC;
            return false;
        }
    }

    return true;
}


/* Whoever asked gets a descriptor of its own, which may only read. */

static void
hand_out(moving *m)
{
    int      fd;
    char     path[64];
    rw_s3   *s = m->s;
    size_t   i;
    json_t  *id;

    json_array_foreach(m->ids, i, id) {
        (void) snprintf(path, sizeof(path), "/proc/self/fd/%d", m->fd);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        rw_mover_answer(s->sock, json_integer_value(id), fd < 0 ? errno : 0,
                        NULL, NULL, fd);
        if (fd >= 0) {
            (void) close(fd);
        }
    }
}


static void
refuse(moving *m, int err, const char *text)
{
    size_t   i;
    json_t  *id;

    json_array_foreach(m->ids, i, id) {
        rw_mover_answer(m->s->sock, json_integer_value(id), err, text, NULL,
                        -1);
    }
}


static void
got(rn_s3_get *g)
{
    moving      *m = g->data;
    rw_s3       *s = m->s;
    struct stat  st;

    /* it may have begun with another, larger one */

    if (g->verdict == RN_S3_DONE
        && (fstat(m->fd, &st) != 0 || st.st_size < g->size
            || ftruncate(m->fd, g->size) != 0))
    {
        g->verdict = RN_S3_NEVER;
        (void) snprintf(g->text, sizeof(g->text), "it has another size here");
    }

    if (g->verdict == RN_S3_DONE) {
        if (m->gone) {
            rn_store_discard(&s->cache.store, m->temp);

        } else if (rn_cache_keep(&s->cache, m->fd, m->temp, m->key) != 0) {
            rn_log(RN_LOG_WARN, "mover: %s cannot be kept: %s", m->key,
                   strerror(errno));
            rn_store_discard(&s->cache.store, m->temp);
        }
        hand_out(m);
        end(m);
        return;
    }

    rn_store_discard(&s->cache.store, m->temp);

    if (g->verdict == RN_S3_NONE) {
        refuse(m, ENOENT, NULL);

    } else if (m->error != 0) {
        rn_log(RN_LOG_ERROR, "mover: %s: the cache cannot be written: %s",
               m->key, strerror(m->error));
        refuse(m, m->error, NULL);

    } else {
        rn_log(RN_LOG_WARN, "mover: %s: %s", m->key, g->text);
        refuse(m, EIO, g->text);
    }

    end(m);
}


void
rw_s3_open(rw_s3 *s, json_int_t id, const char *key)
{
    int      fd;
    moving  *m;

    if (!rn_store_key_ok(key)) {
        rw_mover_answer(s->sock, id, EINVAL, NULL, NULL, -1);
        return;
    }

    TAILQ_FOREACH(m, &s->all, link) {
        if (m->opens && strcmp(m->key, key) == 0) {
            (void) json_array_append_new(m->ids, json_integer(id));
            return;
        }
    }

    fd = rn_cache_get(&s->cache, key);

    if (fd >= 0) {
        rw_mover_answer(s->sock, id, 0, NULL, NULL, fd);
        (void) close(fd);
        return;
    }

    m = begin(s, key);

    if (m == NULL) {
        rw_mover_answer(s->sock, id, ENOMEM, NULL, NULL, -1);
        return;
    }

    m->opens = true;
    m->ids = json_pack("[I]", id);
    m->fd = rn_cache_create(&s->cache, m->temp);

    if (m->fd < 0) {
        refuse(m, errno, NULL);
        end(m);
        return;
    }

    m->u.get.client = s->client;
    m->u.get.key = m->key;
    m->u.get.parallel = s->set.ranges;
    m->u.get.keep = keep;
    m->u.get.done = got;
    m->u.get.data = m;
    rn_s3_get_start(&m->u.get);
}


/* ---- to S3 ---- */

void
rw_s3_create(rw_s3 *s, json_int_t id)
{
    int   fd;
    char  temp[RN_STORE_TEMP];

    fd = rn_cache_create(&s->cache, temp);
    rw_mover_answer(s->sock, id, fd < 0 ? errno : 0, NULL,
                    fd < 0 ? NULL : temp, fd);

    if (fd >= 0) {
        (void) close(fd);
    }
}


/* The file is its maker's no more: nobody writes, and it has these bytes. */

static void
want(rn_s3_part *part)
{
    void    *at;
    moving  *m = part->put->data;

    if (part->len == 0) {
        rn_s3_put_give(part, NULL);
        return;
    }

    at = mmap(NULL, part->len, PROT_READ, MAP_SHARED, m->fd, part->from);

    if (at == MAP_FAILED) {
        rn_s3_put_give(part, strerror(errno));
        return;
    }

    (void) madvise(at, part->len, MADV_SEQUENTIAL);
    part->bytes = at;
    rn_sha256_hex(at, part->len, part->sha256);
    rn_s3_put_give(part, NULL);
}


static void
left(rn_s3_part *part)
{
    if (part->bytes != NULL) {
        (void) munmap((void *) part->bytes, part->len);
        part->bytes = NULL;
    }
}


static void
put(rn_s3_put *p)
{
    moving  *m = p->data;
    rw_s3   *s = m->s;

    if (p->verdict != RN_S3_DONE) {
        rn_log(RN_LOG_WARN, "mover: %s: %s", m->key, p->text);
        refuse(m, EIO, p->text);
        end(m);
        return;
    }

    /* whoever comes next on this host need not fetch it */

    if (rn_cache_keep(&s->cache, m->fd, m->temp, m->key) != 0) {
        rn_log(RN_LOG_WARN, "mover: %s cannot be kept: %s", m->key,
               strerror(errno));
        rn_store_discard(&s->cache.store, m->temp);
    }

    refuse(m, 0, NULL);
    end(m);
}


void
rw_s3_commit(rw_s3 *s, json_int_t id, int fd, const char *temp,
    const char *key)
{
    int          err;
    moving      *m;
    struct stat  st;

    err = fd < 0 || !rn_store_key_ok(key) || strlen(temp) >= RN_STORE_TEMP
          ? EINVAL : fstat(fd, &st) != 0 ? errno : 0;

    if (err != 0) {
        rw_mover_answer(s->sock, id, err, NULL, NULL, -1);
        return;
    }

    m = begin(s, key);

    if (m == NULL) {
        rw_mover_answer(s->sock, id, ENOMEM, NULL, NULL, -1);
        return;
    }

    m->ids = json_pack("[I]", id);
    m->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    (void) strcpy(m->temp, temp);

    if (m->fd < 0) {
        refuse(m, errno, NULL);
        end(m);
        return;
    }

    m->u.put.client = s->client;
    m->u.put.key = m->key;
    m->u.put.expected = st.st_size;
    m->u.put.parallel = s->set.parts;
    m->u.put.want = want;
    m->u.put.left = left;
    m->u.put.done = put;
    m->u.put.data = m;
    rn_s3_put_start(&m->u.put);
    rn_s3_put_more(&m->u.put, st.st_size, true);
}


void
rw_s3_discard(rw_s3 *s, const char *temp)
{
    rn_store_discard(&s->cache.store, temp);
}


/* ---- away ---- */

static void
cleaned(rw_s3 *s, cleaning *c)
{
    if (--c->left == 0) {
        rw_mover_cleaned(s->sock, c->gone);
        free(c);
    }
}


static void
deleted(rn_s3_request *r)
{
    moving  *m = r->data;

    if (r->verdict == RN_S3_DONE || r->verdict == RN_S3_NONE) {
        if (m->cleaning != NULL) {
            (void) json_array_append_new(m->cleaning->gone,
                                         json_string(m->key));
        }
    } else {
        rn_log(RN_LOG_WARN, "mover: delete %s: %s", m->key, r->text);
    }

    if (m->cleaning != NULL) {
        cleaned(m->s, m->cleaning);
    }

    end(m);
}


static void
delete(rw_s3 *s, const char *key, cleaning *c)
{
    moving  *m, *other;

    m = rn_store_key_ok(key) ? begin(s, key) : NULL;

    if (m == NULL) {
        rn_log(RN_LOG_WARN, "mover: delete %s: it is no key", key);
        if (c != NULL) {
            cleaned(s, c);
        }
        return;
    }

    rn_cache_forget(&s->cache, key);

    TAILQ_FOREACH(other, &s->all, link) {
        other->gone = other->gone || (other->opens
                                      && strcmp(other->key, key) == 0);
    }

    m->cleaning = c;
    m->u.request.method = "DELETE";
    m->u.request.key = m->key;
    m->u.request.done = deleted;
    m->u.request.data = m;
    rn_s3_request_start(s->client, &m->u.request);
}


void
rw_s3_delete(rw_s3 *s, const char *key)
{
    delete(s, key, NULL);
}


void
rw_s3_clean(rw_s3 *s, json_t *keys)
{
    size_t     i;
    json_t    *key;
    cleaning  *c;

    c = calloc(1, sizeof(*c));

    if (c == NULL) {
        rw_mover_cleaned(s->sock, json_array());
        return;
    }

    c->gone = json_array();
    c->left = json_array_size(keys) + 1;

    json_array_foreach(keys, i, key) {
        delete(s, json_string_value(key) ?: "", c);
    }

    cleaned(s, c);
}


/* ---- what was left ---- */

static void
swept(rn_s3_sweep *w)
{
    rw_s3  *s = w->data;

    s->sweeps = false;

    if (w->verdict != RN_S3_DONE) {
        rn_log(RN_LOG_WARN, "mover: unfinished uploads cannot be listed or "
               "given up: %s", w->text);
    }

    if (w->given_up > 0) {
        rn_log(RN_LOG_INFO, "mover: %zu unfinished uploads given up",
               w->given_up);
    }
}


void
rw_s3_sweep(rw_s3 *s)
{
    size_t  n;

    n = rn_store_sweep(&s->cache.store, SWEEP_AGE);

    if (n != 0) {
        rn_log(RN_LOG_INFO, "mover: %zu temporary files of the dead removed",
               n);
    }

    if (s->sweeps) {
        return;
    }

    memset(&s->sweep, 0, sizeof(s->sweep));
    s->sweeps = true;
    s->sweep.client = s->client;
    s->sweep.before = (int64_t) time(NULL) - s->set.abandoned;
    s->sweep.done = swept;
    s->sweep.data = s;
    rn_s3_sweep_start(&s->sweep);
}
