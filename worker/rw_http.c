/* Guarded requests, by libcurl; see rw_http.h. */

#include "rw_http.h"
#include "rn_url.h"
#include "rn_version.h"

#include <curl/curl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>


#define REDIRECTS     5
#define CONNECT_MS    10000L
#define SLOW_BYTES    1024L             /* a second, */
#define SLOW_SECONDS  20L               /* for so long: given up */
#define HEADERS_MAX   65536             /* bytes of one answer */
#define LOCATION_MAX  4096


typedef struct {
    const rw_http_guard    *guard;
    const rw_http_request  *req;
    rw_http_answer         *ans;
    CURL                   *curl;
    double                  until;
    bool                    refused, tried;     /* addresses, of this hop */
    bool                    coded, taken;       /* false: it did not want it */
    bool                    large;
    size_t                  headers;
    int64_t                 bytes;
    char                    etag[RW_HTTP_ETAG];
    char                    location[LOCATION_MAX];
} transfer;


static double
now(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return (double) ts.tv_sec + (double) ts.tv_nsec / 1e9;
}


static void
fail(transfer *t, rn_status st, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static void
fail(transfer *t, rn_status st, const char *fmt, ...)
{
    char     told[RN_URL_TOLD], why[300];
    va_list  ap;

    va_start(ap, fmt);
    (void) vsnprintf(why, sizeof(why), fmt, ap);
    va_end(ap);

    rn_url_told(t->req->url, told);
    t->ans->status = st;
    (void) snprintf(t->ans->text, sizeof(t->ans->text),
                    "%s cannot be fetched: %s", told, why);
}


/*
 * One text for each address that is not to be reached, and for a name that has
 * none: a stranger is not told which names and addresses there are inside.
 */

static void
fail_address(transfer *t)
{
    fail(t, RN_E_INPUT, "its host has no address on the public internet");
}


/* Called for each address of the host; decides before a packet is sent. */

static curl_socket_t
open_socket(void *data, curlsocktype purpose, struct curl_sockaddr *a)
{
    transfer  *t = data;

    if (purpose != CURLSOCKTYPE_IPCXN
        || !rn_guard_allows(&t->guard->allow, &t->guard->deny, &a->addr))
    {
        t->refused = true;
        return CURL_SOCKET_BAD;
    }

    t->tried = true;

    return socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
}


/* What a tag may hold (RFC 9110), and we would send back. */

static void
take_etag(transfer *t, const char *v, size_t n)
{
    size_t       i;
    const char  *p;

    t->etag[0] = '\0';

    p = n > 2 && strncmp(v, "W/", 2) == 0 ? v + 2 : v;
    i = n - (size_t) (p - v);

    if (n >= sizeof(t->etag) || i < 2 || p[0] != '"' || p[i - 1] != '"') {
        return;
    }

    while (--i > 1) {
        if (p[i - 1] <= ' ' || p[i - 1] > '~' || p[i - 1] == '"') {
            return;
        }
    }

    memcpy(t->etag, v, n);
    t->etag[n] = '\0';
}


/* The value of a header of that name; a line has no end but its length. */

static bool
named(const char *line, size_t n, const char *name, const char **v, size_t *len)
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

    *v = line + k;
    *len = n - k;

    return true;
}


static size_t
take_header(char *line, size_t size, size_t n, void *data)
{
    size_t       len;
    const char  *v;
    transfer    *t = data;

    (void) size;                            /* is 1 */

    t->headers += n;
    if (t->headers > HEADERS_MAX) {
        return 0;
    }

    if (n > 5 && strncmp(line, "HTTP/", 5) == 0) {
        t->etag[0] = t->location[0] = '\0'; /* a 100 went before */
        t->coded = false;
    } else if (named(line, n, "ETag:", &v, &len)) {
        take_etag(t, v, len);
    } else if (named(line, n, "Location:", &v, &len)) {
        (void) snprintf(t->location, sizeof(t->location), "%.*s",
                        len < sizeof(t->location) ? (int) len : 0, v);
    } else if (named(line, n, "Content-Encoding:", &v, &len)) {
        t->coded = len != 8 || strncasecmp(v, "identity", 8) != 0;
    } else if (named(line, n, "Transfer-Encoding:", &v, &len)) {
        t->coded |= len != 7 || strncasecmp(v, "chunked", 7) != 0;
    }

    return n;
}


static size_t
take_body(char *bytes, size_t size, size_t n, void *data)
{
    long       code;
    transfer  *t = data;

    (void) size;

    (void) curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &code);

    if (code != 200 || t->coded) {
        t->taken = false;
        return 0;                           /* of an error, or a redirect */
    }

    t->bytes += (int64_t) n;

    if (t->bytes > t->req->max_bytes) {
        t->large = true;
        return 0;
    }

    return t->req->take(t->req->opaque, bytes, n) ? n : 0;
}


static void
fail_large(transfer *t)
{
    fail(t, RN_E_LIMIT, "it is larger than %s", t->req->max_told);
}


static void
fail_code(transfer *t, long code)
{
    size_t  i;

    static const struct { long code; const char *name; } names[] = {
        { 400, " Bad Request" }, { 401, " Unauthorized" },
        { 403, " Forbidden" }, { 404, " Not Found" }, { 410, " Gone" },
        { 429, " Too Many Requests" }, { 500, " Internal Server Error" },
        { 502, " Bad Gateway" }, { 503, " Service Unavailable" },
        { 504, " Gateway Timeout" }, { 0, "" }
    };

    for (i = 0; names[i].code != 0 && names[i].code != code; i++) {
        /* void */
    }

    fail(t, code >= 500 || code == 408 || code == 425 || code == 429
            ? RN_E_IO : RN_E_INPUT, "its server answers %ld%s", code,
         names[i].name);
}


/* libcurl did not come to an answer's end. */

static void
fail_curl(transfer *t, CURLcode rc)
{
    if (t->large || rc == CURLE_FILESIZE_EXCEEDED) {
        fail_large(t);
        return;
    }

    if (t->refused && !t->tried) {
        fail_address(t);
        return;
    }

    switch (rc) {

    case CURLE_COULDNT_RESOLVE_HOST:
        fail_address(t);
        break;

    case CURLE_COULDNT_CONNECT:
        fail(t, RN_E_IO, "its host cannot be connected to");
        break;

    case CURLE_OPERATION_TIMEDOUT:
        fail(t, RN_E_IO, "its host is too slow");
        break;

    case CURLE_SSL_CONNECT_ERROR:
        fail(t, RN_E_IO, "no TLS connection to its host can be made");
        break;

    case CURLE_PEER_FAILED_VERIFICATION:
        fail(t, RN_E_INPUT, "the certificate of its host is not valid");
        break;

    case CURLE_SSL_CACERT_BADFILE:
        fail(t, RN_E_INTERNAL, "the certificates that are trusted cannot be "
             "read");
        break;

    case CURLE_GOT_NOTHING:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_PARTIAL_FILE:
        fail(t, RN_E_IO, "the connection to its host broke");
        break;

    case CURLE_OUT_OF_MEMORY:
        fail(t, RN_E_NOMEM, "out of memory");
        break;

    case CURLE_WRITE_ERROR:
        if (t->headers > HEADERS_MAX) {
            fail(t, RN_E_INPUT, "its server answers with too many headers");
        } else {
            fail(t, RN_E_IO, "storage cannot be written to");
        }
        break;

    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_HTTP2:
        fail(t, RN_E_INPUT, "its server does not speak HTTP/1.1");
        break;

    default:
        fail(t, RN_E_INPUT, "its server's answer cannot be understood (%s)",
             curl_easy_strerror(rc));
    }
}


/* All that can be known of a URL before a name is looked up. */

static bool
check_url(transfer *t, const char *url, bool secure)
{
    size_t       i;
    rn_url       u;
    const char  *why, *first;

    first = url == t->req->url ? "the URL " : "it leads to a URL that ";
    why = rn_url_read(url, &u);

    if (why != NULL) {
        fail(t, RN_E_INPUT, "%s%s", first, why);
        return false;
    }

    if (secure && !u.https) {
        fail(t, RN_E_INPUT, "it leads from https:// to http://");
        return false;
    }

    if (!u.https && !t->guard->http) {
        fail(t, RN_E_UNSUPPORTED, "this server fetches by https:// alone");
        return false;
    }

    for (i = 0; u.port != 80 && u.port != 443; i++) {
        if (i == t->guard->n_ports) {
            fail(t, RN_E_UNSUPPORTED, "this server does not fetch from port "
                 "%d", u.port);
            return false;
        }
        if (u.port == t->guard->ports[i]) {
            break;
        }
    }

    if (u.literal && !rn_guard_allows(&t->guard->allow, &t->guard->deny,
                                      (struct sockaddr *) &u.at))
    {
        fail_address(t);
        return false;
    }

    return true;
}


#define SET(option, value)                                                   \
    (rc = rc != CURLE_OK ? rc : curl_easy_setopt(t->curl, option, value))


/* All of what is forbidden is said, whatever libcurl's own choice would be. */

static CURLcode
prepare(transfer *t, const char *url, struct curl_slist *headers)
{
    CURLcode  rc;

    rc = CURLE_OK;
    curl_easy_reset(t->curl);

    SET(CURLOPT_URL, url);
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_HTTP_VERSION, (long) CURL_HTTP_VERSION_1_1);
    SET(CURLOPT_HTTP09_ALLOWED, 0L);
    SET(CURLOPT_HTTPHEADER, headers);
    SET(CURLOPT_USERAGENT, "nginx-render/" RN_VERSION);
    SET(CURLOPT_ACCEPT_ENCODING, NULL);     /* nothing is decoded */
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_OPENSOCKETFUNCTION, open_socket);
    SET(CURLOPT_OPENSOCKETDATA, t);
    SET(CURLOPT_PROXY, "");
    SET(CURLOPT_NOPROXY, "*");
    SET(CURLOPT_NETRC, (long) CURL_NETRC_IGNORED);
    SET(CURLOPT_UNRESTRICTED_AUTH, 0L);
    SET(CURLOPT_SSL_VERIFYPEER, 1L);
    SET(CURLOPT_SSL_VERIFYHOST, 2L);
    SET(CURLOPT_SSLVERSION, (long) CURL_SSLVERSION_TLSv1_2);
    SET(CURLOPT_MAXFILESIZE_LARGE, (curl_off_t) t->req->max_bytes);
    SET(CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
    SET(CURLOPT_LOW_SPEED_LIMIT, SLOW_BYTES);
    SET(CURLOPT_LOW_SPEED_TIME, SLOW_SECONDS);
    SET(CURLOPT_TIMEOUT_MS, (long) ((t->until - now()) * 1000) + 1);
    SET(CURLOPT_HEADERFUNCTION, take_header);
    SET(CURLOPT_HEADERDATA, t);
    SET(CURLOPT_WRITEFUNCTION, take_body);
    SET(CURLOPT_WRITEDATA, t);

    if (t->guard->ca != NULL) {
        SET(CURLOPT_CAINFO, t->guard->ca);
    }

    return rc;
}


/* Where an answer leads: a URL, for a Location may be a part of one. */

static char *
location_of(transfer *t, const char *url)
{
    char   *to, *text;
    CURLU  *u;

    text = NULL;
    u = curl_url();

    if (u != NULL && curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK
        && curl_url_set(u, CURLUPART_URL, t->location,
                        CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK
        && curl_url_get(u, CURLUPART_URL, &to, 0) == CURLUE_OK)
    {
        text = strdup(to);
        curl_free(to);
    }

    curl_url_cleanup(u);

    return text;
}


/* One request.  true: *next is where it leads, to be freed; else it is over. */

static bool
hop(transfer *t, const char *url, char **next)
{
    long                code;
    char                etag[RW_HTTP_ETAG + 20];
    CURLcode            rc;
    struct curl_slist  *headers, *more;

    t->refused = t->tried = t->coded = t->large = false;
    t->taken = true;
    t->headers = 0;
    t->etag[0] = t->location[0] = '\0';

    if (now() >= t->until) {
        fail_curl(t, CURLE_OPERATION_TIMEDOUT);
        return false;
    }

    headers = curl_slist_append(NULL, "Accept-Encoding: identity");

    if (headers != NULL && t->req->etag != NULL) {
        (void) snprintf(etag, sizeof(etag), "If-None-Match: %s", t->req->etag);
        more = curl_slist_append(headers, etag);
        if (more == NULL) {
            curl_slist_free_all(headers);
        }
        headers = more;
    }

    rc = headers != NULL ? prepare(t, url, headers) : CURLE_OUT_OF_MEMORY;
    if (rc == CURLE_OK) {
        rc = curl_easy_perform(t->curl);
    }

    curl_slist_free_all(headers);

    code = 0;
    (void) curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &code);

    if (rc == CURLE_WRITE_ERROR && !t->taken) {
        rc = CURLE_OK;                      /* what it says is enough */
    }

    /* an error may be as large as it likes, and end as it likes */

    if (code >= 300 && t->headers <= HEADERS_MAX
        && (rc == CURLE_FILESIZE_EXCEEDED || rc == CURLE_PARTIAL_FILE))
    {
        rc = CURLE_OK;
    }

    if (rc != CURLE_OK) {
        fail_curl(t, rc);
        return false;
    }

    if (code == 200 && t->coded) {
        fail(t, RN_E_INPUT, "its server sends it compressed");
        return false;
    }

    if (code == 200 && t->bytes == 0) {
        fail(t, RN_E_INPUT, "it is empty");
        return false;
    }

    if (code == 200 || (code == 304 && t->req->etag != NULL)) {
        t->ans->status = RN_OK;
        t->ans->code = code;
        (void) strcpy(t->ans->etag, t->etag);
        return false;
    }

    if (t->location[0] == '\0' || (code != 301 && code != 302 && code != 303
                                   && code != 307 && code != 308))
    {
        fail_code(t, code);
        return false;
    }

    *next = location_of(t, url);
    if (*next == NULL) {
        fail(t, RN_E_INPUT, "it leads to what is no URL");
    }

    return *next != NULL;
}


void
rw_http_get(const rw_http_guard *guard, const rw_http_request *req,
    rw_http_answer *ans)
{
    int        n;
    bool       secure;
    char      *url, *next;
    transfer   t;

    memset(ans, 0, sizeof(*ans));
    memset(&t, 0, sizeof(t));
    t.guard = guard;
    t.req = req;
    t.ans = ans;
    t.until = now() + req->seconds;

    if (!check_url(&t, req->url, false)) {
        return;
    }

    t.curl = curl_easy_init();
    if (t.curl == NULL) {
        fail(&t, RN_E_NOMEM, "out of memory");
        return;
    }

    url = NULL;
    next = NULL;
    secure = strncmp(req->url, "https:", 6) == 0;

    for (n = 0; hop(&t, url != NULL ? url : req->url, &next); n++) {
        free(url);
        url = next;
        next = NULL;

        if (n == REDIRECTS) {
            fail(&t, RN_E_INPUT, "it leads on more than %d times", REDIRECTS);
            break;
        }

        if (!check_url(&t, url, secure)) {
            break;
        }

        secure = secure || strncmp(url, "https:", 6) == 0;
    }

    free(url);
    curl_easy_cleanup(t.curl);
}
