/* One try of a request; see rn_s3_send.h. */

#include "rn_s3_send.h"
#include "rn_version.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>


#define ANSWER_MAX   (4 * 1024 * 1024)  /* bytes kept: lists, errors */
#define CONNECT_S    10
#define SLOW_BYTES   1024L              /* a second, for as long as it may stall:
                                           given up */
#define BUFFER       (512L * 1024)
#define RETRY_AFTER  20                 /* s of it that are kept */

#define EMPTY_SHA256                                                         \
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


/* The value of a header of that name; a line has no end but its length. */

static bool
named(const char *line, size_t n, const char *name, char *out, size_t size)
{
    size_t  k;

    k = strlen(name);

    if (n < k || strncasecmp(line, name, k) != 0) {
        return false;
    }

    while (k < n && (line[k] == ' ' || line[k] == '\t')) {
        k++;
    }

    while (n > k && strchr(" \t\r\n", line[n - 1]) != NULL) {
        n--;
    }

    if (n - k >= size) {
        return false;
    }

    memcpy(out, line + k, n - k);
    out[n - k] = '\0';

    return true;
}


/* "bytes 0-8388607/31457280"; all of it, or nothing is known. */

static void
take_range(rn_s3_request *r, const char *v)
{
    int        end;
    long long  first, last, size;

    end = 0;
    r->size = r->first = r->last = -1;

    if (sscanf(v, "bytes %lld-%lld/%lld%n", &first, &last, &size, &end) == 3
        && v[end] == '\0' && first >= 0 && first <= last && last < size)
    {
        r->first = first;
        r->last = last;
        r->size = size;
    }
}


static size_t
take_header(char *line, size_t size, size_t n, void *data)
{
    char            v[512];
    long            seconds;
    rn_s3_send     *s = data;
    rn_s3_request  *r = s->request;

    (void) size;                        /* is 1 */

    if (n > 5 && strncmp(line, "HTTP/", 5) == 0) {
        r->etag[0] = r->mark[0] = '\0';     /* of a 100 before it */
        r->size = r->first = r->last = -1;
        s->ranged = false;
        s->retry_after = 0;

    } else if (named(line, n, "ETag:", r->etag, sizeof(r->etag))) {
        /* void */

    } else if (named(line, n, "Content-Length:", v, sizeof(v))) {
        if (!s->ranged) {
            r->size = strtoll(v, NULL, 10);
        }

    } else if (named(line, n, "Content-Range:", v, sizeof(v))) {
        take_range(r, v);
        s->ranged = true;

    } else if (named(line, n, RN_S3_MARK ":", r->mark, sizeof(r->mark))) {
        /* void */

    } else if (named(line, n, "Date:", v, sizeof(v))) {
        s->server = (int64_t) curl_getdate(v, NULL);

    } else if (named(line, n, "Retry-After:", v, sizeof(v))) {
        seconds = strtol(v, NULL, 10);
        s->retry_after = 1000 * (seconds < 0 ? 0 : seconds > RETRY_AFTER
                                                   ? RETRY_AFTER : seconds);

    } else {
        if (named(line, n, "x-amz-bucket-region:", s->region,
                  sizeof(s->region))
            && strspn(s->region, "abcdefghijklmnopqrstuvwxyz0123456789-")
               != strlen(s->region))
        {
            s->region[0] = '\0';
        }
    }

    return n;
}


/* Room for n bytes more, and the NUL behind them. */

static bool
grow(rn_s3_send *s, size_t n)
{
    char  *p;

    if (n > ANSWER_MAX - s->answer_len) {
        s->large = true;
        return false;
    }

    p = realloc(s->answer, s->answer_len + n + 1);
    if (p == NULL) {
        return false;
    }

    s->answer = p;

    return true;
}


static size_t
take_body(char *bytes, size_t size, size_t n, void *data)
{
    long            code;
    rn_s3_send     *s = data;
    rn_s3_request  *r = s->request;

    (void) size;

    (void) curl_easy_getinfo(s->easy, CURLINFO_RESPONSE_CODE, &code);

    if (r->take != NULL && code / 100 == 2) {
        r->status = (int) code;
        if (!r->take(r, s->taken, bytes, n)) {
            s->refused = true;
            return 0;
        }
        s->taken += (int64_t) n;
        return n;
    }

    if (!grow(s, n)) {
        return 0;
    }

    memcpy(s->answer + s->answer_len, bytes, n);
    s->answer_len += n;
    s->answer[s->answer_len] = '\0';

    return n;
}


static bool
add_header(rn_s3_send *s, const char *name, const char *value)
{
    char                line[RN_S3_ETAG + sizeof(s->client->set.keys.token)];
    struct curl_slist  *more;

    /* libcurl's own is left out by "Name:" */

    if (snprintf(line, sizeof(line), "%s:%s%s", name, value[0] ? " " : "",
                 value) >= (int) sizeof(line))
    {
        return false;
    }

    more = curl_slist_append(s->headers, line);
    if (more == NULL) {
        return false;
    }

    s->headers = more;

    return true;
}


static bool
has_header(const rn_s3_request *r, const char *name)
{
    size_t  i;

    for (i = 0; i < r->n_headers; i++) {
        if (strcasecmp(r->headers[i].name, name) == 0) {
            return true;
        }
    }

    return false;
}


static bool
add_headers(rn_s3_send *s, const rn_sigv4_request *q,
    const rn_sigv4_signed *sig)
{
    size_t  i;

    for (i = 0; i < q->n_headers; i++) {
        if (!add_header(s, q->headers[i].name, q->headers[i].value)) {
            return false;
        }
    }

    return add_header(s, "Authorization", sig->authorization)
           && add_header(s, "X-Amz-Date", sig->date)
           && add_header(s, "X-Amz-Content-Sha256", q->sha256)
           && (s->client->sign.token == NULL
               || add_header(s, "X-Amz-Security-Token", s->client->sign.token))
           && (has_header(s->request, "Content-Type")
               || add_header(s, "Content-Type", ""))
           && add_header(s, "Expect", "")
           && add_header(s, "Accept", "");
}


#define SET(option, value)                                                   \
    (rc = rc != CURLE_OK ? rc : curl_easy_setopt(s->easy, option, value))


static bool
prepare(rn_s3_send *s, const char *url)
{
    CURLcode         rc;
    rn_s3_client    *c = s->client;
    rn_s3_request   *r = s->request;

    rc = CURLE_OK;

    SET(CURLOPT_URL, url);
    SET(CURLOPT_PRIVATE, s);
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_PATH_AS_IS, 1L);
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_HTTP_VERSION, (long) CURL_HTTP_VERSION_1_1);
    SET(CURLOPT_HTTPHEADER, s->headers);
    SET(CURLOPT_USERAGENT, "nginx-render/" RN_VERSION);
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_NETRC, (long) CURL_NETRC_IGNORED);
    SET(CURLOPT_TCP_KEEPALIVE, 1L);
    SET(CURLOPT_SSLVERSION, (long) CURL_SSLVERSION_TLSv1_2);
    SET(CURLOPT_CONNECTTIMEOUT, c->set.stall < CONNECT_S ? c->set.stall
                                                         : (long) CONNECT_S);
    SET(CURLOPT_LOW_SPEED_LIMIT, SLOW_BYTES);
    SET(CURLOPT_LOW_SPEED_TIME, c->set.stall);
    SET(CURLOPT_BUFFERSIZE, BUFFER);
    SET(CURLOPT_UPLOAD_BUFFERSIZE, BUFFER);
    SET(CURLOPT_HEADERFUNCTION, take_header);
    SET(CURLOPT_HEADERDATA, s);
    SET(CURLOPT_WRITEFUNCTION, take_body);
    SET(CURLOPT_WRITEDATA, s);

    if (c->set.ca != NULL) {
        SET(CURLOPT_CAINFO, c->set.ca);
    }

    if (strcmp(r->method, "HEAD") == 0) {
        SET(CURLOPT_NOBODY, 1L);

    } else if (strcmp(r->method, "GET") != 0) {
        if (strcmp(r->method, "DELETE") != 0) {
            SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t) r->len);
            SET(CURLOPT_POSTFIELDS, r->len > 0 ? r->body : "");
        }
        SET(CURLOPT_CUSTOMREQUEST, r->method);
    }

    return rc == CURLE_OK;
}


bool
rn_s3_send_begin(rn_s3_send *s)
{
    char              path[RN_S3_PATH], hex[RN_SHA256_HEX + 1];
    char              target[RN_SIGV4_QUERY + 3 * RN_S3_PATH];
    char              url[sizeof(target) + 400];
    rn_s3_client     *c = s->client;
    rn_s3_request    *r = s->request;
    rn_sigv4_signed   sig;
    rn_sigv4_request  q;

    s->taken = 0;
    s->refused = s->large = s->ranged = false;
    s->answer_len = 0;
    s->server = 0;
    s->retry_after = 0;
    s->region[0] = '\0';
    r->etag[0] = r->mark[0] = '\0';
    r->size = r->first = r->last = -1;

    if (!rn_s3_path(&c->set.bucket, r->key, path)) {
        return false;
    }

    /* the bucket itself, and not an object with an empty name */

    if (r->key[0] == '\0') {
        (void) snprintf(path, sizeof(path), "/%s", c->set.bucket.in_path
                                                   ? c->set.bucket.bucket : "");
    }

    memset(&q, 0, sizeof(q));
    q.method = r->method;
    q.host = c->set.bucket.host;
    q.path = path;
    q.query = r->query;
    q.n_query = r->n_query;
    q.headers = r->headers;
    q.n_headers = r->n_headers;
    q.sha256 = r->sha256 != NULL ? r->sha256 : EMPTY_SHA256;

    if (r->sha256 == NULL && r->len > 0) {
        rn_sha256_hex(r->body, r->len, hex);
        q.sha256 = hex;
    }

    if (!rn_sigv4_sign(&c->sign, &q, (int64_t) time(NULL), &sig)
        || !rn_sigv4_target(&q, target, sizeof(target))
        || snprintf(url, sizeof(url), "%s://%s%s",
                    c->set.bucket.tls ? "https" : "http", c->set.bucket.host,
                    target) >= (int) sizeof(url))
    {
        return false;
    }

    s->easy = curl_easy_init();

    return s->easy != NULL && add_headers(s, &q, &sig) && prepare(s, url);
}


void
rn_s3_send_end(rn_s3_send *s)
{
    curl_easy_cleanup(s->easy);
    curl_slist_free_all(s->headers);
    s->easy = NULL;
    s->headers = NULL;
}


static void
say(rn_s3_send *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void
say(rn_s3_send *s, const char *fmt, ...)
{
    int             n;
    va_list         ap;
    rn_s3_request  *r = s->request;

    n = snprintf(r->text, sizeof(r->text), "S3 at %s: ",
                 s->client->set.bucket.host);

    va_start(ap, fmt);
    (void) vsnprintf(r->text + n, sizeof(r->text) - (size_t) n, fmt, ap);
    va_end(ap);
}


/* No answer, or not all of one. */

static void
judge_curl(rn_s3_send *s, CURLcode rc)
{
    rn_s3_request  *r = s->request;

    r->verdict = RN_S3_AGAIN;

    if (s->refused) {
        r->verdict = RN_S3_NEVER;
        say(s, "what came cannot be kept");
        return;
    }

    if (s->large) {
        r->verdict = RN_S3_NEVER;
        say(s, "its answer is larger than %d bytes", ANSWER_MAX);
        return;
    }

    switch (rc) {

    case CURLE_COULDNT_RESOLVE_HOST:
        say(s, "its name has no address");
        break;

    case CURLE_COULDNT_CONNECT:
        say(s, "it cannot be connected to");
        break;

    case CURLE_OPERATION_TIMEDOUT:
        say(s, "nothing came for %ld s", s->client->set.stall);
        break;

    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_URL_MALFORMAT:
        r->verdict = RN_S3_NEVER;
        say(s, "%s", curl_easy_strerror(rc));
        break;

    default:
        say(s, "the connection broke (%s)", curl_easy_strerror(rc));
    }
}


/* What a person would ask next is said at once. */

static void
judge_answer(rn_s3_send *s)
{
    int64_t         off;
    rn_s3_request  *r = s->request;

    if (r->verdict == RN_S3_CLOCK && s->server > 0) {
        off = (int64_t) time(NULL) - s->server;

        say(s, "this machine's clock is %lld s %s of the server's, which "
            "refuses what it signs (%s): set it right",
            (long long) (off < 0 ? -off : off), off < 0 ? "behind" : "ahead",
            r->error.code);
        return;
    }

    if (s->region[0] != '\0'
        && strcmp(s->region, s->client->set.bucket.region) != 0)
    {
        say(s, "it answers %d: the bucket \"%s\" is in the region \"%s\", not "
            "in \"%s\"", r->status, s->client->set.bucket.bucket, s->region,
            s->client->set.bucket.region);
        return;
    }

    say(s, "it answers %d%s%s%s%.255s", r->status,
        r->error.code[0] != '\0' ? " " : "", r->error.code,
        r->error.message[0] != '\0' ? ": " : "", r->error.message);
}


/* Whoever stands between may answer, too: only what S3 says is taken for it. */

typedef struct {
    const char  *root;
    bool         found;
} looking;


static void
find_root(void *data, const char *path, const char *text)
{
    looking  *l = data;

    (void) text;
    l->found = l->found || strcmp(path, l->root) == 0;
}


static bool
is_of_s3(const rn_s3_request *r)
{
    looking  l = { r->root, false };

    if (r->root != NULL) {
        return rn_s3_parse(r->answer, r->answer_len, find_root, &l) && l.found;
    }

    return r->answer_len == 0
           && (strcmp(r->method, "PUT") != 0 || r->etag[0] != '\0');
}


void
rn_s3_send_judge(rn_s3_send *s, CURLcode rc)
{
    long            code;
    rn_s3_request  *r = s->request;

    code = 0;
    (void) curl_easy_getinfo(s->easy, CURLINFO_RESPONSE_CODE, &code);

    r->status = (int) code;
    r->text[0] = '\0';
    r->answer = s->answer_len > 0 ? s->answer : "";
    r->answer_len = s->answer_len;

    /* who refuses may hang up before he has read or written all of it */

    if (rc != CURLE_OK && (code < 300 || s->large)) {
        judge_curl(s, rc);
        return;
    }

    if (r->take != NULL && code / 100 == 2) {
        r->verdict = RN_S3_DONE;
        return;
    }

    r->verdict = rn_s3_judge((int) code, r->answer, r->answer_len, &r->error);

    if (r->verdict == RN_S3_DONE && !is_of_s3(r)) {
        r->verdict = RN_S3_AGAIN;
        say(s, "it answers %d, but not as S3 does", r->status);
        return;
    }

    /* without a code it is not S3 that says so, unless it may say no more */

    if (r->error.code[0] == '\0'
        && ((r->verdict == RN_S3_NONE && strcmp(r->method, "HEAD") != 0)
            || (r->verdict == RN_S3_NEVER && rc != CURLE_OK)))
    {
        r->verdict = RN_S3_AGAIN;
    }

    if (r->verdict != RN_S3_DONE) {
        judge_answer(s);
    }
}
