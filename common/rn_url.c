/* URLs of strangers; see rn_url.h. */

#include "rn_url.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


static const char *
read_port(const char *p, const char *end, rn_url *u)
{
    if (p == end) {
        return NULL;
    }

    if (*p != ':' || end - p < 2 || end - p > 6) {
        return "has a port that is none";
    }

    u->port = 0;

    for (p++; p < end; p++) {
        if (*p < '0' || *p > '9') {
            return "has a port that is none";
        }
        u->port = u->port * 10 + *p - '0';
    }

    return u->port >= 1 && u->port <= 65535 ? NULL : "has a port that is none";
}


static const char *
read_ipv6(const char *p, const char *end, rn_url *u)
{
    size_t                n;
    const char           *close;
    struct sockaddr_in6  *in6;

    close = memchr(p, ']', (size_t) (end - p));
    if (close == NULL) {
        return "has a host that is none";
    }

    n = (size_t) (close - p - 1);
    in6 = (struct sockaddr_in6 *) &u->at;

    if (n >= sizeof(u->host)) {
        return "has a host that is none";
    }

    memcpy(u->host, p + 1, n);
    u->host[n] = '\0';

    if (inet_pton(AF_INET6, u->host, &in6->sin6_addr) != 1) {
        return "has a host that is none";   /* also one with a zone */
    }

    in6->sin6_family = AF_INET6;
    u->literal = true;

    return read_port(close + 1, end, u);
}


/*
 * Some readers take 0x7f.1, 017700000001 or 2130706433 for an address.  A host
 * whose last label could be a number is one in four decimal parts, or refused.
 */

static bool
could_be_number(const char *host)
{
    const char  *last;

    last = strrchr(host, '.');
    last = last != NULL ? last + 1 : host;

    if (last[0] == '0' && (last[1] == 'x' || last[1] == 'X')) {
        return true;
    }

    return last[0] != '\0' && strspn(last, "0123456789") == strlen(last);
}


static const char *
read_name(const char *p, const char *end, rn_url *u)
{
    size_t               n;
    struct sockaddr_in  *in;

    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";

    n = strspn(p, plain);
    if (n > (size_t) (end - p)) {
        n = (size_t) (end - p);
    }

    if (n == 0 || n >= 254 || p[0] == '.' || (p + n < end && p[n] != ':')) {
        return "has a host that is none";
    }

    memcpy(u->host, p, n);
    u->host[n] = '\0';

    if (u->host[n - 1] == '.') {            /* the root, of which we know */
        u->host[n - 1] = '\0';
    }

    if (strstr(u->host, "..") != NULL || u->host[0] == '\0'
        || u->host[strlen(u->host) - 1] == '.')
    {
        return "has a host that is none";
    }

    in = (struct sockaddr_in *) &u->at;

    if (inet_pton(AF_INET, u->host, &in->sin_addr) == 1) {
        in->sin_family = AF_INET;
        u->literal = true;
    } else if (could_be_number(u->host)) {
        return "has a host that could be a number; an address is written "
               "a.b.c.d";
    }

    return read_port(p + n, end, u);
}


const char *
rn_url_read(const char *text, rn_url *u)
{
    const char     *p, *end, *why;
    struct in_port { sa_family_t family; in_port_t port; } *at;

    memset(u, 0, sizeof(*u));

    if (strlen(text) > RN_URL_MAX) {
        return "is longer than 2000 characters";
    }

    for (p = text; *p != '\0'; p++) {
        if (*p <= ' ' || *p > '~' || strchr("\"<>\\^`{|}", *p) != NULL) {
            return "holds characters that a URL writes as %XX";
        }
    }

    if (strncmp(text, "https://", 8) == 0) {
        u->https = true;
        u->port = 443;
        p = text + 8;
    } else if (strncmp(text, "http://", 7) == 0) {
        u->port = 80;
        p = text + 7;
    } else {
        return "is neither https:// nor http://";
    }

    end = p + strcspn(p, "/?#");

    if (memchr(p, '@', (size_t) (end - p)) != NULL) {
        return "holds a user or a password";
    }

    why = *p == '[' ? read_ipv6(p, end, u) : read_name(p, end, u);

    at = (struct in_port *) &u->at;         /* where both families have it */
    at->port = htons((in_port_t) u->port);

    return why;
}


void
rn_url_told(const char *text, char told[RN_URL_TOLD])
{
    size_t  n;

    n = strcspn(text, "?#");

    (void) snprintf(told, RN_URL_TOLD, "%.*s%s", n > 200 ? 200 : (int) n, text,
                    n > 200 ? "..." : "");
}
