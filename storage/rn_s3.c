/* The URL of a bucket, its host and its paths; see rn_s3.h. */

#include "rn_s3.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>


static bool
fail(char *err, size_t err_len, const char *why)
{
    (void) snprintf(err, err_len, "%s", why);

    return false;
}


static bool
is_lower(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}


/* Amazon S3 User Guide, "Bucket naming rules"; what is a label of hosts. */

static bool
is_bucket(const char *name)
{
    size_t  i, n;

    n = strlen(name);

    for (i = 0; i < n; i++) {
        if (!is_lower(name[i])
            && (i == 0 || i == n - 1 || (name[i] != '-' && name[i] != '.')))
        {
            return false;
        }
    }

    return n >= 3 && n <= 63 && strstr(name, "..") == NULL;
}


static bool
is_region(const char *name)
{
    size_t  i;

    for (i = 0; name[i] != '\0'; i++) {
        if (!is_lower(name[i]) && name[i] != '-') {
            return false;
        }
    }

    return i > 0;
}


/* n bytes to out, as a string; false: they do not fit. */

static bool
copy(char *out, size_t size, const char *s, size_t n)
{
    if (n >= size) {
        return false;
    }

    memcpy(out, s, n);
    out[n] = '\0';

    return true;
}


/* http://host:port or https://host, and nothing behind. */

static bool
read_endpoint(rn_s3 *s, const char *url, size_t len)
{
    size_t       i, scheme;
    const char  *host;

    s->tls = len > 8 && strncasecmp(url, "https://", 8) == 0;
    scheme = s->tls ? 8 : 7;

    if (!s->tls && (len <= 7 || strncasecmp(url, "http://", 7) != 0)) {
        return false;
    }

    host = url + scheme;
    len -= scheme;

    if (len > 0 && host[len - 1] == '/') {
        len--;
    }

    for (i = 0; i < len; i++) {
        if (!is_lower((char) (host[i] | 0x20)) && strchr("-.:[]", host[i])
            == NULL)
        {
            return false;
        }
    }

    if (len == 0 || !copy(s->host, sizeof(s->host), host, len)) {
        return false;
    }

    /* the usual port is not in Host:, and so not in what is signed */

    i = strlen(s->host);

    if (s->tls && i > 4 && strcmp(s->host + i - 4, ":443") == 0) {
        s->host[i - 4] = '\0';
    } else if (!s->tls && i > 3 && strcmp(s->host + i - 3, ":80") == 0) {
        s->host[i - 3] = '\0';
    }

    return true;
}


typedef struct {
    const char  *value;
    size_t       len;
} span;

/* What is behind the "?": endpoint, region and style, each once at the most. */

static bool
read_options(const char *p, span *endpoint, span *region, span *style)
{
    size_t  i, n, name;
    span   *into;

    const struct {
        const char  *name;
        span        *into;
    } options[] = {
        { "endpoint", endpoint }, { "region", region }, { "style", style }
    };

    while (*p != '\0') {
        n = strcspn(p, "&");
        name = strcspn(p, "=&");
        into = NULL;

        for (i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
            if (strlen(options[i].name) == name
                && strncmp(p, options[i].name, name) == 0)
            {
                into = options[i].into;
            }
        }

        if (into == NULL || into->value != NULL || name == n) {
            return false;
        }

        into->value = p + name + 1;
        into->len = n - name - 1;
        p += n + (p[n] == '&');
    }

    return true;
}


static span
first_of(rn_s3_env env, void *data, span said, const char *name,
    const char *other)
{
    span  v = said;

    if (v.value == NULL) {
        v.value = env(data, name);
        v.len = v.value != NULL ? strlen(v.value) : 0;
    }

    if (v.len == 0) {
        v.value = env(data, other);
        v.len = v.value != NULL ? strlen(v.value) : 0;
    }

    return v;
}


static bool
read_bucket(rn_s3 *s, const char *p, const char *end)
{
    size_t       n;
    const char  *slash;

    slash = memchr(p, '/', (size_t) (end - p));
    n = (size_t) ((slash != NULL ? slash : end) - p);

    if (!copy(s->bucket, sizeof(s->bucket), p, n) || !is_bucket(s->bucket)) {
        return false;
    }

    p = slash != NULL ? slash + 1 : end;
    n = (size_t) (end - p);

    while (n > 0 && p[n - 1] == '/') {
        n--;
    }

    if (n + 1 >= sizeof(s->prefix) || memchr(p, '\\', n) != NULL
        || (n > 0 && p[0] == '/'))
    {
        return false;
    }

    (void) snprintf(s->prefix, sizeof(s->prefix), "%.*s%s", (int) n, p,
                    n > 0 ? "/" : "");

    return strstr(s->prefix, "//") == NULL;
}


/* Whether the bucket is in the path, and with that the host. */

static bool
set_style(rn_s3 *s, bool own_endpoint, span style)
{
    char  host[sizeof(s->host)];

    s->in_path = own_endpoint || strchr(s->bucket, '.') != NULL;

    if (style.len == 4 && strncmp(style.value, "path", 4) == 0) {
        s->in_path = true;

    } else if (style.len == 4 && strncmp(style.value, "host", 4) == 0) {
        s->in_path = false;

    } else if (style.value != NULL) {
        return false;
    }

    if (s->in_path) {
        return true;
    }

    (void) copy(host, sizeof(host), s->host, strlen(s->host));

    return snprintf(s->host, sizeof(s->host), "%s.%s", s->bucket, host)
           < (int) sizeof(s->host);
}


bool
rn_s3_read(rn_s3 *s, const char *url, rn_s3_env env, void *data, char *err,
    size_t err_len)
{
    span         endpoint = { NULL, 0 }, region = { NULL, 0 };
    span         style = { NULL, 0 };
    const char  *end;

    memset(s, 0, sizeof(*s));

    if (strncmp(url, "s3://", 5) != 0) {
        return fail(err, err_len, "it must begin with s3://");
    }

    url += 5;
    end = url + strcspn(url, "?");

    if (!read_bucket(s, url, end)) {
        return fail(err, err_len, "it must name a bucket as S3 does, with 3 to "
                    "63 of a-z, 0-9, \"-\" and \".\", and may have a prefix of "
                    "255 bytes behind it");
    }

    if (*end == '?' && !read_options(end + 1, &endpoint, &region, &style)) {
        return fail(err, err_len, "behind the \"?\" there may be endpoint=, "
                    "region= and style=, each once");
    }

    endpoint = first_of(env, data, endpoint, "AWS_ENDPOINT_URL_S3",
                        "AWS_ENDPOINT_URL");
    region = first_of(env, data, region, "AWS_REGION", "AWS_DEFAULT_REGION");

    if (region.len == 0) {
        region.value = "us-east-1";
        region.len = strlen(region.value);
    }

    if (!copy(s->region, sizeof(s->region), region.value, region.len)
        || !is_region(s->region))
    {
        return fail(err, err_len, "its region must be of a-z, 0-9 and \"-\"");
    }

    if (endpoint.len != 0) {
        if (!read_endpoint(s, endpoint.value, endpoint.len)) {
            return fail(err, err_len, "its endpoint must be http:// or "
                        "https://, a host, and a port if need be");
        }

    } else {
        s->tls = true;
        (void) snprintf(s->host, sizeof(s->host), "s3.%s.amazonaws.com",
                        s->region);
    }

    if (!set_style(s, endpoint.len != 0, style)) {
        return fail(err, err_len, "its style must be path or host, and its "
                    "host may have 300 bytes");
    }

    return true;
}


bool
rn_s3_path(const rn_s3 *s, const char *key, char path[RN_S3_PATH])
{
    return snprintf(path, RN_S3_PATH, "/%s%s%s%s",
                    s->in_path ? s->bucket : "", s->in_path ? "/" : "",
                    s->prefix, key) < RN_S3_PATH;
}
