/*
 * URLs of strangers.  What is taken libcurl reads alike, which is who connects:
 * scheme, host and port are the same to both, and there is no user.  A host
 * that libcurl takes for an address is one to us, too, and the same.
 */

#include "fuzz.h"
#include "rn_guard.h"
#include "rn_url.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <netinet/in.h>
#include <strings.h>


static char *
part(CURLU *u, CURLUPart what)
{
    char  *text;

    text = NULL;
    (void) curl_url_get(u, what, &text, CURLU_DEFAULT_PORT);

    return text;
}


static void
same_host(const rn_url *ours, const char *host)
{
    size_t           n;
    struct in_addr   in;
    struct in6_addr  in6;
    char             plain[300];

    n = strlen(host);
    MUST(n < sizeof(plain));

    if (host[0] == '[') {
        memcpy(plain, host + 1, n - 2);
        plain[n - 2] = '\0';
        MUST(ours->literal);
        MUST(inet_pton(AF_INET6, plain, &in6) == 1);
        MUST(memcmp(&((struct sockaddr_in6 *) &ours->at)->sin6_addr, &in6,
                    sizeof(in6)) == 0);
        return;
    }

    (void) strcpy(plain, host);
    if (plain[n - 1] == '.') {
        plain[n - 1] = '\0';
    }

    MUST(strcasecmp(plain, ours->host) == 0);

    if (inet_pton(AF_INET, plain, &in) == 1) {
        MUST(ours->literal);
        MUST(memcmp(&((struct sockaddr_in *) &ours->at)->sin_addr, &in,
                    sizeof(in)) == 0);
    } else {
        MUST(!ours->literal);
    }
}


static void
check_url(const char *text)
{
    char    *s, told[RN_URL_TOLD];
    CURLU   *u;
    rn_url   ours;

    rn_url_told(text, told);
    MUST(strpbrk(told, "?#") == NULL);

    if (rn_url_read(text, &ours) != NULL) {
        return;
    }

    MUST(strlen(text) <= RN_URL_MAX);

    u = curl_url();
    MUST(u != NULL);
    MUST(curl_url_set(u, CURLUPART_URL, text, 0) == CURLUE_OK);

    s = part(u, CURLUPART_SCHEME);
    MUST(s != NULL && strcmp(s, ours.https ? "https" : "http") == 0);
    curl_free(s);

    s = part(u, CURLUPART_USER);
    MUST(s == NULL);
    s = part(u, CURLUPART_PASSWORD);
    MUST(s == NULL);
    s = part(u, CURLUPART_ZONEID);
    MUST(s == NULL);

    s = part(u, CURLUPART_PORT);
    MUST(s != NULL && atoi(s) == ours.port);
    curl_free(s);

    s = part(u, CURLUPART_HOST);
    MUST(s != NULL && s[0] != '\0');
    same_host(&ours, s);
    curl_free(s);

    curl_url_cleanup(u);
}


/* What of a list was taken holds its own first addresses, and is allowed. */

static void
check_list(const char *text)
{
    char                  err[200];
    size_t                i;
    rn_guard_list         list;
    struct sockaddr_in6   in6;

    if (!rn_guard_list_read(&list, text, err, sizeof(err))) {
        MUST(err[0] != '\0');
        return;
    }

    MUST(list.n <= RN_GUARD_NETS);

    for (i = 0; i < list.n; i++) {
        MUST(list.nets[i].bits >= 0 && list.nets[i].bits <= 128);
        memset(&in6, 0, sizeof(in6));
        in6.sin6_family = AF_INET6;
        memcpy(&in6.sin6_addr, list.nets[i].at, 16);
        MUST(rn_guard_list_has(&list, (struct sockaddr *) &in6));
        MUST(rn_guard_allows(&list, NULL, (struct sockaddr *) &in6));
        MUST(!rn_guard_allows(&list, &list, (struct sockaddr *) &in6));
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    char  *text;

    text = malloc(len + 9);
    MUST(text != NULL);
    memcpy(text, "https://", 8);
    memcpy(text + 8, bytes, len);
    text[8 + len] = '\0';

    check_url(text);                        /* with a scheme, and as it is */
    check_url(text + 8);
    check_list(text + 8);
    free(text);

    return 0;
}
