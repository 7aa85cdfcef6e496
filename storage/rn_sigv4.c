/* AWS Signature Version 4 of requests to S3; see rn_sigv4.h. */

#include "rn_sigv4.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>


#define ALGORITHM  "AWS4-HMAC-SHA256"
#define CANONICAL  32768                /* bytes of a request to be signed */


/* Text that grows up to a limit; what does not fit is told at the end. */

typedef struct {
    char    *data;
    size_t   n, size;
    bool     full;
} text;


static void
put(text *t, const char *s, size_t n)
{
    if (t->full || n >= t->size - t->n) {
        t->full = true;
        return;
    }

    memcpy(t->data + t->n, s, n);
    t->n += n;
    t->data[t->n] = '\0';
}


/* Of names and values; of paths, whose slashes stay. */

static void
put_encoded(text *t, const char *s, bool path)
{
    char  hex[4];

    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                "abcdefghijklmnopqrstuvwxyz0123456789-._~";

    for ( /* void */ ; *s != '\0'; s++) {
        if (strchr(plain, *s) != NULL || (path && *s == '/')) {
            put(t, s, 1);

        } else {
            (void) snprintf(hex, sizeof(hex), "%%%02X", (unsigned char) *s);
            put(t, hex, 3);
        }
    }
}


static text
text_of(char *data, size_t size)
{
    text  t;

    t.data = data;
    t.n = 0;
    t.size = size;
    t.full = size == 0;

    if (size > 0) {
        data[0] = '\0';
    }

    return t;
}


/* A name or value that was encoded: by bytes, as it is signed. */

static int
by_bytes(const void *a, const void *b)
{
    int                   rc;
    const rn_sigv4_pair  *x = a, *y = b;

    rc = strcmp(x->name, y->name);

    return rc != 0 ? rc : strcmp(x->value, y->value);
}


/* Where the next text goes that is kept whole in a larger one. */

static const char *
put_kept(text *t, const char *s)
{
    const char  *at;

    at = t->data + t->n;
    put_encoded(t, s, false);

    if (!t->full && t->n + 1 < t->size) {
        t->n++;                         /* its NUL */
        t->data[t->n] = '\0';
    } else {
        t->full = true;
    }

    return at;
}


/* The query, encoded and in order; those of `ours` are its parts, too. */

static void
put_query(text *out, const rn_sigv4_request *req, const rn_sigv4_pair *ours,
    size_t n_ours)
{
    char           buf[RN_SIGV4_QUERY];
    text           kept;
    size_t         i, n;
    rn_sigv4_pair  pairs[RN_SIGV4_PAIRS];

    n = req->n_query + n_ours;

    if (n > RN_SIGV4_PAIRS) {
        out->full = true;
        return;
    }

    kept = text_of(buf, sizeof(buf));

    for (i = 0; i < n; i++) {
        const rn_sigv4_pair  *p = i < req->n_query ? &req->query[i]
                                                   : &ours[i - req->n_query];

        pairs[i].name = put_kept(&kept, p->name);
        pairs[i].value = put_kept(&kept, p->value);
    }

    if (kept.full) {
        out->full = true;
        return;
    }

    qsort(pairs, n, sizeof(pairs[0]), by_bytes);

    for (i = 0; i < n; i++) {
        put(out, "&", i > 0);
        put(out, pairs[i].name, strlen(pairs[i].name));
        put(out, "=", 1);
        put(out, pairs[i].value, strlen(pairs[i].value));
    }
}


/* Blanks around are left out, and those within are one (of any number). */

static void
put_value(text *out, const char *s)
{
    bool  blank, some;

    blank = false;
    some = false;

    for ( /* void */ ; *s != '\0'; s++) {
        if (*s == ' ' || *s == '\t') {
            blank = some;
            continue;
        }

        put(out, " ", blank);
        put(out, s, 1);
        blank = false;
        some = true;
    }
}


static void
put_name(text *out, const char *s)
{
    char  c;

    for ( /* void */ ; *s != '\0'; s++) {
        c = *s >= 'A' && *s <= 'Z' ? (char) (*s | 0x20) : *s;
        put(out, &c, 1);
    }
}


static int
by_name(const void *a, const void *b)
{
    const rn_sigv4_pair  *x = a, *y = b;

    return strcasecmp(x->name, y->name);
}


/* The headers that are signed, in order. */

typedef struct {
    rn_sigv4_pair  pairs[RN_SIGV4_PAIRS];
    size_t         n;
} headers;


static bool
headers_of(headers *h, const rn_sigv4_request *req, const rn_sigv4_pair *ours,
    size_t n_ours)
{
    h->n = req->n_headers + n_ours;

    if (h->n > RN_SIGV4_PAIRS) {
        return false;
    }

    if (req->n_headers > 0) {
        memcpy(h->pairs, req->headers, req->n_headers * sizeof(rn_sigv4_pair));
    }

    memcpy(h->pairs + req->n_headers, ours, n_ours * sizeof(rn_sigv4_pair));
    qsort(h->pairs, h->n, sizeof(h->pairs[0]), by_name);

    return true;
}


static void
put_names(text *out, const headers *h)
{
    size_t  i;

    for (i = 0; i < h->n; i++) {
        put(out, ";", i > 0);
        put_name(out, h->pairs[i].name);
    }
}


static bool
hmac(const void *key, size_t key_len, const char *msg, size_t n,
    unsigned char out[32])
{
    unsigned int  len = 32;

    return HMAC(EVP_sha256(), key, (int) key_len, (const unsigned char *) msg,
                n, out, &len) != NULL;
}


/* The key of a day. */

static bool
derive(rn_sigv4 *s, const char *day)
{
    bool           ok;
    char           first[256];
    text           t;
    unsigned char  key[32];

    if (strcmp(s->day, day) == 0) {
        return true;
    }

    s->day[0] = '\0';
    t = text_of(first, sizeof(first));
    put(&t, "AWS4", 4);
    put(&t, s->secret_key, strlen(s->secret_key));

    ok = !t.full && hmac(first, t.n, day, strlen(day), key)
         && hmac(key, 32, s->region, strlen(s->region), key)
         && hmac(key, 32, s->service, strlen(s->service), key)
         && hmac(key, 32, "aws4_request", 12, s->key);

    OPENSSL_cleanse(first, sizeof(first));
    OPENSSL_cleanse(key, sizeof(key));

    if (ok) {
        memcpy(s->day, day, sizeof(s->day));
    }

    return ok;
}


/* "20130524T000000Z", which begins with the day. */

static bool
date_of(int64_t now, char date[17])
{
    time_t     t = (time_t) now;
    struct tm  tm;

    return gmtime_r(&t, &tm) != NULL
           && strftime(date, 17, "%Y%m%dT%H%M%SZ", &tm) == 16;
}


/* What the key is good for. */

static void
put_scope(text *out, const rn_sigv4 *s, const char *date)
{
    put(out, date, 8);
    put(out, "/", 1);
    put(out, s->region, strlen(s->region));
    put(out, "/", 1);
    put(out, s->service, strlen(s->service));
    put(out, "/aws4_request", 13);
}


/* Signs what a request is in its canonical form. */

static bool
sign(rn_sigv4 *s, const text *canonical, const char *date, char out[65])
{
    char           buf[512], day[9], hex[RN_SHA256_HEX + 1];
    text           t;
    unsigned char  mac[32];

    (void) snprintf(day, sizeof(day), "%.8s", date);

    if (canonical->full || !derive(s, day)) {
        return false;
    }

    rn_sha256_hex(canonical->data, canonical->n, hex);

    t = text_of(buf, sizeof(buf));
    put(&t, ALGORITHM "\n", sizeof(ALGORITHM));
    put(&t, date, 16);
    put(&t, "\n", 1);
    put_scope(&t, s, date);
    put(&t, "\n", 1);
    put(&t, hex, RN_SHA256_HEX);

    if (t.full || !hmac(s->key, 32, t.data, t.n, mac)) {
        return false;
    }

    rn_hex(mac, sizeof(mac), out);

    return true;
}


static void
put_canonical(text *out, const rn_sigv4_request *req,
    const rn_sigv4_pair *query, size_t n_query, const headers *h,
    const char *sha256)
{
    size_t  i;

    put(out, req->method, strlen(req->method));
    put(out, "\n", 1);
    put_encoded(out, req->path, true);
    put(out, "\n", 1);
    put_query(out, req, query, n_query);
    put(out, "\n", 1);

    for (i = 0; i < h->n; i++) {
        put_name(out, h->pairs[i].name);
        put(out, ":", 1);
        put_value(out, h->pairs[i].value);
        put(out, "\n", 1);
    }

    put(out, "\n", 1);
    put_names(out, h);
    put(out, "\n", 1);
    put(out, sha256, strlen(sha256));
}


bool
rn_sigv4_sign(rn_sigv4 *s, const rn_sigv4_request *req, int64_t now,
    rn_sigv4_signed *out)
{
    char     buf[CANONICAL], hex[RN_SHA256_HEX + 1];
    text     t;
    headers  h;

    const rn_sigv4_pair  ours[] = {
        { "host", req->host },
        { "x-amz-content-sha256", req->sha256 },
        { "x-amz-date", out->date },
        { "x-amz-security-token", s->token }
    };

    if (!date_of(now, out->date)
        || !headers_of(&h, req, ours, s->token != NULL ? 4 : 3))
    {
        return false;
    }

    t = text_of(buf, sizeof(buf));
    put_canonical(&t, req, NULL, 0, &h, req->sha256);

    if (!sign(s, &t, out->date, hex)) {
        return false;
    }

    t = text_of(out->authorization, sizeof(out->authorization));
    put(&t, ALGORITHM " Credential=", sizeof(ALGORITHM) + 11);
    put(&t, s->access_key, strlen(s->access_key));
    put(&t, "/", 1);
    put_scope(&t, s, out->date);
    put(&t, ", SignedHeaders=", 16);
    put_names(&t, &h);
    put(&t, ", Signature=", 12);
    put(&t, hex, RN_SHA256_HEX);

    return !t.full;
}


bool
rn_sigv4_presign(rn_sigv4 *s, const rn_sigv4_request *req, int64_t now,
    int64_t expires, char *target, size_t len)
{
    char     buf[CANONICAL], credential[256], names[512];
    char     date[17], seconds[24], hex[RN_SHA256_HEX + 1];
    text     t, c, n;
    headers  h;

    const rn_sigv4_pair  host = { "host", req->host };

    const rn_sigv4_pair  ours[] = {
        { "X-Amz-Algorithm", ALGORITHM },
        { "X-Amz-Credential", credential },
        { "X-Amz-Date", date },
        { "X-Amz-Expires", seconds },
        { "X-Amz-SignedHeaders", names },
        { "X-Amz-Security-Token", s->token }
    };

    if (expires < 1 || expires > RN_SIGV4_EXPIRES || !date_of(now, date)
        || !headers_of(&h, req, &host, 1))
    {
        return false;
    }

    (void) snprintf(seconds, sizeof(seconds), "%lld", (long long) expires);

    c = text_of(credential, sizeof(credential));
    put(&c, s->access_key, strlen(s->access_key));
    put(&c, "/", 1);
    put_scope(&c, s, date);

    n = text_of(names, sizeof(names));
    put_names(&n, &h);

    t = text_of(buf, sizeof(buf));
    put_canonical(&t, req, ours, s->token != NULL ? 6 : 5, &h,
                  RN_SIGV4_UNSIGNED);

    if (c.full || n.full || !sign(s, &t, date, hex)) {
        return false;
    }

    t = text_of(target, len);
    put_encoded(&t, req->path, true);
    put(&t, "?", 1);
    put_query(&t, req, ours, s->token != NULL ? 6 : 5);
    put(&t, "&X-Amz-Signature=", 17);
    put(&t, hex, RN_SHA256_HEX);

    return !t.full;
}


bool
rn_sigv4_target(const rn_sigv4_request *req, char *target, size_t len)
{
    text  t;

    t = text_of(target, len);
    put_encoded(&t, req->path, true);
    put(&t, "?", req->n_query > 0);
    put_query(&t, req, NULL, 0);

    return !t.full;
}
