/* Requests to S3; see rn_s3_client.h.  How one is made is rn_s3_send.c's. */

#include "rn_s3_send.h"

#include <openssl/rand.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>


#define BACKOFF_MS   100                /* before the second try, at the most */
#define BACKOFF_MAX  20000
#define RENEW_MS     30000              /* asked for keys no more often */
#define RENEW_S      300                /* before they expire */


int64_t
rn_s3_now(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return (int64_t) ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}


rn_s3_client *
rn_s3_client_new(const rn_s3_settings *s)
{
    rn_s3_client  *c;

    c = calloc(1, sizeof(*c));
    if (c == NULL) {
        return NULL;
    }

    c->set = *s;
    c->set.tries = s->tries > 0 ? s->tries : 1;
    c->set.parallel = s->parallel > 0 ? s->parallel : 1;
    c->allowed = c->set.parallel;
    TAILQ_INIT(&c->waiting);
    TAILQ_INIT(&c->running);

    c->multi = curl_multi_init();
    if (c->multi == NULL) {
        free(c);
        return NULL;
    }

    (void) curl_multi_setopt(c->multi, CURLMOPT_PIPELINING,
                             (long) CURLPIPE_NOTHING);
    (void) curl_multi_setopt(c->multi, CURLMOPT_MAXCONNECTS,
                             (long) c->set.parallel);
    rn_s3_client_keys(c, &s->keys);

    return c;
}


const rn_s3 *
rn_s3_client_bucket(const rn_s3_client *c)
{
    return &c->set.bucket;
}


CURLM *
rn_s3_client_multi(rn_s3_client *c)
{
    return c->multi;
}


void
rn_s3_client_keys(rn_s3_client *c, const rn_s3_keys *keys)
{
    c->renewing = false;

    if (keys == NULL) {
        return;
    }

    c->n_keys++;
    c->set.keys = *keys;
    memset(&c->sign, 0, sizeof(c->sign));
    c->sign.access_key = c->set.keys.access;
    c->sign.secret_key = c->set.keys.secret;
    c->sign.token = c->set.keys.token[0] != '\0' ? c->set.keys.token : NULL;
    c->sign.region = c->set.bucket.region;
    c->sign.service = "s3";
}


bool
rn_s3_client_presign(rn_s3_client *c, const char *method, const char *key,
    int64_t now, int64_t seconds, const char *type, const char *disposition,
    char *out, size_t size)
{
    int               n;
    char              path[RN_S3_PATH];
    rn_sigv4_pair     query[2];
    rn_sigv4_request  q;

    memset(&q, 0, sizeof(q));

    if (type != NULL) {
        query[q.n_query].name = "response-content-type";
        query[q.n_query++].value = type;
    }

    if (disposition != NULL) {
        query[q.n_query].name = "response-content-disposition";
        query[q.n_query++].value = disposition;
    }

    n = snprintf(out, size, "%s://%s", c->set.bucket.tls ? "https" : "http",
                 c->set.bucket.host);

    q.method = method;
    q.host = c->set.bucket.host;
    q.path = path;
    q.query = query;

    return n > 0 && (size_t) n < size && rn_s3_path(&c->set.bucket, key, path)
           && rn_sigv4_presign(&c->sign, &q, now, seconds, out + n,
                               size - (size_t) n);
}


void
rn_s3_client_count(const rn_s3_client *c, uint64_t *made, uint64_t *again)
{
    *made = c->made;
    *again = c->again;
}


bool
rn_s3_request_busy(const rn_s3_request *r)
{
    return r->send != NULL;
}


/* Takes it out of the lists, and libcurl's handle with it. */

static void
leave(rn_s3_send *s)
{
    rn_s3_client  *c = s->client;

    if (s->easy != NULL) {
        TAILQ_REMOVE(&c->running, s, link);
        c->n_running--;
        (void) curl_multi_remove_handle(c->multi, s->easy);
        rn_s3_send_end(s);
    } else {
        TAILQ_REMOVE(&c->waiting, s, link);
    }
}


static void
destroy(rn_s3_send *s)
{
    s->request->send = NULL;
    free(s->answer);
    free(s);
}


void
rn_s3_request_cancel(rn_s3_request *r)
{
    if (r->send != NULL) {
        leave(r->send);
        destroy(r->send);
    }
}


void
rn_s3_client_free(rn_s3_client *c)
{
    rn_s3_send  *s;

    if (c == NULL) {
        return;
    }

    while ((s = TAILQ_FIRST(&c->running)) != NULL
           || (s = TAILQ_FIRST(&c->waiting)) != NULL)
    {
        rn_s3_request_cancel(s->request);
    }

    (void) curl_multi_cleanup(c->multi);
    OPENSSL_cleanse(c, sizeof(*c));
    free(c);
}


void
rn_s3_request_start(rn_s3_client *c, rn_s3_request *r)
{
    rn_s3_send  *s;

    r->verdict = RN_S3_NEVER;
    r->status = 0;
    r->text[0] = r->etag[0] = r->mark[0] = '\0';
    r->size = r->first = r->last = -1;
    r->answer = NULL;
    r->answer_len = 0;
    memset(&r->error, 0, sizeof(r->error));

    s = calloc(1, sizeof(*s));
    if (s == NULL) {
        abort();                        /* there is nobody to tell it to */
    }

    s->client = c;
    s->request = r;
    r->send = s;
    TAILQ_INSERT_TAIL(&c->waiting, s, link);
}


/* Any time up to twice as much as before: those who wait come back apart. */

static int64_t
pause_of(const rn_s3_send *s)
{
    int64_t   most;
    uint32_t  r;

    most = BACKOFF_MS;
    most = s->tried < 9 ? most << (s->tried - 1) : BACKOFF_MAX;

    if (most > BACKOFF_MAX) {
        most = BACKOFF_MAX;
    }

    r = 0;
    (void) RAND_bytes((unsigned char *) &r, sizeof(r));
    most = 1 + (int64_t) (r % (uint32_t) most);

    return most > s->retry_after ? most : s->retry_after;
}


static bool
may_renew(rn_s3_client *c)
{
    return c->set.renew != NULL
           && (c->renewed == 0 || rn_s3_now() - c->renewed > RENEW_MS);
}


static void
renew(rn_s3_client *c)
{
    c->renewed = rn_s3_now();
    c->renewing = true;
    c->set.renew(c->set.renew_data);
}


/* Whether it is to be sent again, and when. */

static bool
comes_again(rn_s3_send *s)
{
    rn_s3_client  *c = s->client;

    switch (s->request->verdict) {

    case RN_S3_SLOWER:
        c->allowed = c->allowed > 1 ? c->allowed / 2 : 1;
        break;

    case RN_S3_KEYS:
        if (s->keys == c->n_keys && !c->renewing) {
            if (!may_renew(c)) {
                return false;
            }
            renew(c);
        }
        s->due = 0;
        return s->tried < c->set.tries;

    case RN_S3_AGAIN:
        break;

    default:
        if (c->allowed < c->set.parallel) {
            c->allowed++;
        }
        return false;
    }

    s->due = rn_s3_now() + pause_of(s);

    return s->tried < c->set.tries;
}


/* One try has ended. */

static void
finish(rn_s3_send *s, CURLcode rc)
{
    rn_s3_client   *c = s->client;
    rn_s3_request  *r = s->request;
    char           *answer;

    rn_s3_send_judge(s, rc);
    leave(s);

    if (comes_again(s)) {
        c->again++;
        TAILQ_INSERT_TAIL(&c->waiting, s, link);
        return;
    }

    answer = s->answer;
    s->answer = NULL;
    destroy(s);

    r->done(r);
    free(answer);
}


/* The first that may be begun now. */

static rn_s3_send *
next_of(rn_s3_client *c)
{
    int64_t      now;
    rn_s3_send  *s;

    if (c->n_running >= c->allowed || c->renewing) {
        return NULL;
    }

    now = rn_s3_now();

    TAILQ_FOREACH(s, &c->waiting, link) {
        if (s->due <= now) {
            return s;
        }
    }

    return NULL;
}


static void
begin(rn_s3_send *s)
{
    rn_s3_client   *c = s->client;
    rn_s3_request  *r = s->request;

    s->tried++;
    s->keys = c->n_keys;
    c->made++;

    if (rn_s3_send_begin(s)
        && curl_multi_add_handle(c->multi, s->easy) == CURLM_OK)
    {
        TAILQ_REMOVE(&c->waiting, s, link);
        TAILQ_INSERT_TAIL(&c->running, s, link);
        c->n_running++;
        return;
    }

    rn_s3_send_end(s);
    TAILQ_REMOVE(&c->waiting, s, link);
    destroy(s);
    r->verdict = RN_S3_NEVER;
    (void) snprintf(r->text, sizeof(r->text), "the request to S3 could not be "
                    "made: out of memory, or its key is too long");
    r->done(r);
}


long
rn_s3_client_run(rn_s3_client *c)
{
    int          left;
    int64_t      at, now;
    CURLMsg     *m;
    rn_s3_send  *s;

    while ((m = curl_multi_info_read(c->multi, &left)) != NULL) {
        if (m->msg == CURLMSG_DONE) {
            s = NULL;
            (void) curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &s);
            finish(s, m->data.result);
        }
    }

    if (c->set.keys.expires != 0 && !c->renewing && may_renew(c)
        && c->set.keys.expires - (int64_t) time(NULL) < RENEW_S)
    {
        renew(c);
    }

    while ((s = next_of(c)) != NULL) {
        begin(s);
    }

    if (c->n_running >= c->allowed || c->renewing) {
        return -1;                      /* what ends will tell */
    }

    now = rn_s3_now();
    at = -1;

    TAILQ_FOREACH(s, &c->waiting, link) {
        if (at < 0 || s->due - now < at) {
            at = s->due > now ? s->due - now : 0;
        }
    }

    return (long) at;
}
