/* Access keys of a role; see rn_s3_role.h. */

#include "rn_s3_role.h"

#include <curl/curl.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>


#define ANSWER        16384
#define CONNECT_MS    1000L             /* it is this host, or not there */
#define ANSWER_MS     2000L
#define INSTANCE      "http://169.254.169.254"
#define CONTAINER     "http://169.254.170.2"
#define ROLE          "/latest/meta-data/iam/security-credentials/"

typedef struct {
    char    bytes[ANSWER];
    size_t  n;
} answer;


static size_t
take(char *bytes, size_t size, size_t n, void *data)
{
    answer  *a = data;

    (void) size;

    if (n >= sizeof(a->bytes) - a->n) {
        return 0;
    }

    memcpy(a->bytes + a->n, bytes, n);
    a->n += n;
    a->bytes[a->n] = '\0';

    return n;
}


/* One request, with a header of its own or NULL; true: it was answered 200. */

static bool
ask(const char *method, const char *url, const char *header, answer *a)
{
    bool                ok;
    CURL               *curl;
    long                code;
    struct curl_slist  *headers;

    a->n = 0;
    a->bytes[0] = '\0';
    headers = header != NULL ? curl_slist_append(NULL, header) : NULL;
    curl = curl_easy_init();

    ok = curl != NULL && (header == NULL || headers != NULL)
         && curl_easy_setopt(curl, CURLOPT_URL, url) == CURLE_OK
         && curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https")
            == CURLE_OK
         && curl_easy_setopt(curl, CURLOPT_PROXY, "") == CURLE_OK
         && curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) == CURLE_OK
         && curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers) == CURLE_OK
         && curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method) == CURLE_OK
         && curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS)
            == CURLE_OK
         && curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, ANSWER_MS) == CURLE_OK
         && curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take) == CURLE_OK
         && curl_easy_setopt(curl, CURLOPT_WRITEDATA, a) == CURLE_OK
         && curl_easy_perform(curl) == CURLE_OK;

    code = 0;

    if (ok) {
        (void) curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &code);
    }

    curl_easy_cleanup(curl);
    curl_slist_free_all(headers);

    return ok && code == 200;
}


/* A secret goes over https, or to what this machine is itself. */

static bool
may_have_secrets(const char *url)
{
    size_t  i, n;

    static const char *const hosts[] = {
        "localhost", "127.0.0.1", "[::1]", "169.254.170.2", "169.254.170.23",
        "[fd00:ec2::23]"
    };

    n = strcspn(url, ":") + 3;

    if (strlen(url) < n || strcspn(url + n, "@\\") < strcspn(url + n, "/?#")) {
        return false;                   /* the host may be another than it seems */
    }

    if (strncasecmp(url, "https://", 8) == 0) {
        return true;
    }

    if (strncasecmp(url, "http://", 7) != 0) {
        return false;
    }

    for (i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
        n = strlen(hosts[i]);

        if (strncasecmp(url + 7, hosts[i], n) == 0
            && strchr(":/", url[7 + n]) != NULL)
        {
            return true;
        }
    }

    return false;
}


static bool
of_container(rn_s3_keys *k, const char *relative, const char *full,
    rn_s3_env env, void *data, char *err, size_t err_len)
{
    bool         ok;
    answer       a;
    char         url[2048], header[4200];
    const char  *token;

    if (relative != NULL) {
        (void) snprintf(url, sizeof(url), CONTAINER "%s%s",
                        relative[0] == '/' ? "" : "/", relative);
    } else {
        (void) snprintf(url, sizeof(url), "%s", full);
    }

    if (!may_have_secrets(url)) {
        (void) snprintf(err, err_len, "AWS_CONTAINER_CREDENTIALS_FULL_URI must "
                        "be https, or a host of this machine");
        return false;
    }

    token = env(data, "AWS_CONTAINER_AUTHORIZATION_TOKEN");
    header[0] = '\0';

    if (token != NULL
        && (strpbrk(token, "\r\n") != NULL
            || snprintf(header, sizeof(header), "Authorization: %s", token)
               >= (int) sizeof(header)))
    {
        (void) snprintf(err, err_len, "AWS_CONTAINER_AUTHORIZATION_TOKEN is no "
                        "token");
        return false;
    }

    ok = ask("GET", url, header[0] != '\0' ? header : NULL, &a)
         && rn_s3_keys_json(k, a.bytes, a.n);

    if (!ok) {
        (void) snprintf(err, err_len, "the container's role has no keys: %s "
                        "does not answer with them", url);
    }

    OPENSSL_cleanse(&a, sizeof(a));
    OPENSSL_cleanse(header, sizeof(header));

    return ok;
}


static bool
of_instance(rn_s3_keys *k, const char *endpoint)
{
    bool    ok;
    answer  a;
    char    url[2048], header[1100];
    size_t  n;

    n = strlen(endpoint);
    n -= n > 0 && endpoint[n - 1] == '/';

    (void) snprintf(url, sizeof(url), "%.*s/latest/api/token", (int) n,
                    endpoint);

    ok = ask("PUT", url, "X-aws-ec2-metadata-token-ttl-seconds: 300", &a)
         && a.n > 0 && strpbrk(a.bytes, "\r\n") == NULL
         && snprintf(header, sizeof(header), "X-aws-ec2-metadata-token: %s",
                     a.bytes) < (int) sizeof(header);

    if (ok) {
        (void) snprintf(url, sizeof(url), "%.*s" ROLE, (int) n, endpoint);
        ok = ask("GET", url, header, &a);
        a.bytes[strcspn(a.bytes, "\r\n")] = '\0';   /* the first of them */
    }

    if (ok) {
        (void) snprintf(url, sizeof(url), "%.*s" ROLE "%.1000s", (int) n,
                        endpoint, a.bytes);
        ok = a.bytes[0] != '\0' && ask("GET", url, header, &a)
             && rn_s3_keys_json(k, a.bytes, a.n);
    }

    OPENSSL_cleanse(&a, sizeof(a));
    OPENSSL_cleanse(header, sizeof(header));

    return ok;
}


bool
rn_s3_role_keys(rn_s3_keys *k, rn_s3_env env, void *data, char *err,
    size_t err_len)
{
    const char  *relative, *full, *off, *endpoint;

    memset(k, 0, sizeof(*k));

    relative = env(data, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
    full = env(data, "AWS_CONTAINER_CREDENTIALS_FULL_URI");

    if (relative != NULL || full != NULL) {
        return of_container(k, relative, full, env, data, err, err_len);
    }

    off = env(data, "AWS_EC2_METADATA_DISABLED");
    endpoint = env(data, "AWS_EC2_METADATA_SERVICE_ENDPOINT");

    if ((off == NULL || strcasecmp(off, "true") != 0)
        && of_instance(k, endpoint != NULL ? endpoint : INSTANCE))
    {
        return true;
    }

    (void) snprintf(err, err_len, "there are no access keys for S3: neither "
                    "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (or their "
                    "_FILE), nor a credentials file, nor a role of this "
                    "container or instance");

    return false;
}
