/* Addresses that a stranger's request may not reach; see rn_guard.h. */

#include "rn_guard.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


/*
 * https://www.iana.org/assignments/iana-ipv4-special-registry, all of it: also
 * what the registry calls globally reachable holds no files.  The first that
 * matches is told.
 */

static const struct {
    uint32_t     at;
    int          bits;
    const char  *why;
} v4[] = {
    { 0x00000000,  8, "this network (RFC 791)" },
    { 0x0a000000,  8, "private use (RFC 1918)" },
    { 0x64400000, 10, "shared address space (RFC 6598)" },
    { 0x7f000000,  8, "loopback (RFC 1122)" },
    { 0xa9fe0000, 16, "link-local (RFC 3927)" },
    { 0xac100000, 12, "private use (RFC 1918)" },
    { 0xc0000000, 24, "IETF protocol assignments (RFC 6890)" },
    { 0xc0000200, 24, "documentation (RFC 5737)" },
    { 0xc01fc400, 24, "AS112 (RFC 7535)" },
    { 0xc034c100, 24, "AMT (RFC 7450)" },
    { 0xc0586300, 24, "6to4 relays (RFC 7526)" },
    { 0xc0a80000, 16, "private use (RFC 1918)" },
    { 0xc0af3000, 24, "AS112 (RFC 7534)" },
    { 0xc6120000, 15, "benchmarking (RFC 2544)" },
    { 0xc6336400, 24, "documentation (RFC 5737)" },
    { 0xcb007100, 24, "documentation (RFC 5737)" },
    { 0xe0000000,  4, "multicast (RFC 5771)" },
    { 0xffffffff, 32, "broadcast (RFC 919)" },
    { 0xf0000000,  4, "reserved (RFC 1112)" },
};

/*
 * https://www.iana.org/assignments/iana-ipv6-special-registry, of which all
 * within 2001::/23 is one row here; inner: where in the address an IPv4 address
 * lies that is to be judged in its place.
 */

static const struct {
    uint8_t      at[16];
    int          bits;
    int          inner;                 /* offset, 0: there is none */
    const char  *why;
} v6[] = {
    { { 0 }, 128, 0, "unspecified (RFC 4291)" },
    { { [15] = 1 }, 128, 0, "loopback (RFC 4291)" },
    { { [10] = 0xff, 0xff }, 96, 12, "IPv4-mapped (RFC 4291)" },
    { { 0 }, 96, 0, "IPv4-compatible (RFC 4291)" },
    { { 0, 0x64, 0xff, 0x9b }, 96, 12, "IPv4 translated (RFC 6052)" },
    { { 0, 0x64, 0xff, 0x9b, 0, 1 }, 48, 0, "local translation (RFC 8215)" },
    { { 1 }, 64, 0, "discard only (RFC 6666)" },
    { { 1, 0, 0, 0, 0, 0, 0, 1 }, 64, 0, "dummy prefix (RFC 9780)" },
    { { 0x20, 0x01, 0, 0 }, 32, 0, "Teredo (RFC 4380)" },
    { { 0x20, 0x01, 0, 0x10 }, 28, 0, "ORCHID (RFC 4843)" },
    { { 0x20, 0x01, 0, 0x20 }, 28, 0, "ORCHIDv2 (RFC 7343)" },
    { { 0x20, 0x01 }, 23, 0, "IETF protocol assignments (RFC 2928)" },
    { { 0x20, 0x01, 0x0d, 0xb8 }, 32, 0, "documentation (RFC 3849)" },
    { { 0x20, 0x02 }, 16, 2, "6to4 (RFC 3056)" },
    { { 0x26, 0x20, 0, 0x4f, 0x80 }, 48, 0, "AS112 (RFC 7534)" },
    { { 0x3f, 0xff }, 20, 0, "documentation (RFC 9637)" },
    { { 0x5f }, 16, 0, "segment routing (RFC 9602)" },
    { { 0xfc }, 7, 0, "unique local (RFC 4193)" },
    { { 0xfe, 0x80 }, 10, 0, "link-local (RFC 4291)" },
    { { 0xfe, 0xc0 }, 10, 0, "site-local (RFC 3879)" },
    { { 0xff }, 8, 0, "multicast (RFC 4291)" },
};


static bool
same_bits(const uint8_t *a, const uint8_t *b, int bits)
{
    int  rest;

    if (memcmp(a, b, (size_t) bits / 8) != 0) {
        return false;
    }

    rest = bits % 8;

    return rest == 0
           || ((a[bits / 8] ^ b[bits / 8]) >> (8 - rest)) == 0;
}


static const char *
special_v4(const uint8_t *at)
{
    size_t    i;
    uint32_t  n;

    n = (uint32_t) at[0] << 24 | (uint32_t) at[1] << 16
        | (uint32_t) at[2] << 8 | at[3];

    for (i = 0; i < sizeof(v4) / sizeof(v4[0]); i++) {
        if ((n ^ v4[i].at) >> (32 - v4[i].bits) == 0) {
            return v4[i].why;
        }
    }

    return NULL;
}


static const char *
special_v6(const uint8_t *at)
{
    size_t  i;

    for (i = 0; i < sizeof(v6) / sizeof(v6[0]); i++) {
        if (same_bits(at, v6[i].at, v6[i].bits)) {
            return v6[i].inner != 0 ? special_v4(at + v6[i].inner)
                                    : v6[i].why;
        }
    }

    /* https://www.iana.org/assignments/ipv6-address-space: 2000::/3 is all
       that is given out */

    return (at[0] & 0xe0) == 0x20 ? NULL : "reserved (RFC 4291)";
}


/* The address as 16 bytes, one of IPv4 as it is mapped; false: neither. */

static bool
bytes_of(const struct sockaddr *sa, uint8_t at[16])
{
    struct sockaddr_in   in;
    struct sockaddr_in6  in6;

    if (sa->sa_family == AF_INET) {
        memcpy(&in, sa, sizeof(in));
        memset(at, 0, 10);
        at[10] = at[11] = 0xff;
        memcpy(at + 12, &in.sin_addr, 4);
        return true;
    }

    if (sa->sa_family == AF_INET6) {
        memcpy(&in6, sa, sizeof(in6));
        memcpy(at, &in6.sin6_addr, 16);
        return true;
    }

    return false;
}


const char *
rn_guard_special(const struct sockaddr *sa)
{
    uint8_t  at[16];

    return bytes_of(sa, at) ? special_v6(at) : "no address of the internet";
}


static bool
read_net(rn_guard_net *net, const char *text)
{
    int                  most;
    long                 bits;
    char                 at[INET6_ADDRSTRLEN], *end;
    size_t               n;
    const char          *slash;
    struct sockaddr_in   in;
    struct sockaddr_in6  in6;

    memset(&in, 0, sizeof(in));
    memset(&in6, 0, sizeof(in6));

    slash = strchr(text, '/');
    n = slash != NULL ? (size_t) (slash - text) : strlen(text);
    if (n >= sizeof(at)) {
        return false;
    }

    memcpy(at, text, n);
    at[n] = '\0';

    if (inet_pton(AF_INET, at, &in.sin_addr) == 1) {
        in.sin_family = AF_INET;
        most = 32;
        (void) bytes_of((struct sockaddr *) &in, net->at);
    } else if (inet_pton(AF_INET6, at, &in6.sin6_addr) == 1) {
        in6.sin6_family = AF_INET6;
        most = 128;
        (void) bytes_of((struct sockaddr *) &in6, net->at);
    } else {
        return false;
    }

    bits = most;

    if (slash != NULL) {
        if (slash[1] < '0' || slash[1] > '9') {
            return false;
        }
        bits = strtol(slash + 1, &end, 10);
        if (*end != '\0' || bits > most) {
            return false;
        }
    }

    net->bits = (int) bits + 128 - most;

    return true;
}


bool
rn_guard_list_read(rn_guard_list *list, const char *text, char *err,
    size_t err_len)
{
    char    word[64];
    size_t  n;

    static const char between[] = " \t\r\n,";

    list->n = 0;

    for (text += strspn(text, between); *text != '\0';
         text += n, text += strspn(text, between))
    {
        n = strcspn(text, between);

        if (n < sizeof(word)) {
            memcpy(word, text, n);
            word[n] = '\0';
        }

        if (list->n == RN_GUARD_NETS) {
            (void) snprintf(err, err_len, "more than %d ranges",
                            RN_GUARD_NETS);
            return false;
        }

        if (n >= sizeof(word) || !read_net(&list->nets[list->n], word)) {
            (void) snprintf(err, err_len, "\"%.*s\" is neither an address nor "
                            "a range such as 10.1.0.0/16 or fd00::/8",
                            (int) (n < 64 ? n : 64), text);
            return false;
        }

        list->n++;
    }

    return true;
}


bool
rn_guard_list_has(const rn_guard_list *list, const struct sockaddr *sa)
{
    size_t   i;
    uint8_t  at[16];

    if (list == NULL || !bytes_of(sa, at)) {
        return false;
    }

    for (i = 0; i < list->n; i++) {
        if (same_bits(at, list->nets[i].at, list->nets[i].bits)) {
            return true;
        }
    }

    return false;
}


bool
rn_guard_allows(const rn_guard_list *allow, const rn_guard_list *deny,
    const struct sockaddr *sa)
{
    if (rn_guard_list_has(deny, sa)) {
        return false;
    }

    return rn_guard_special(sa) == NULL || rn_guard_list_has(allow, sa);
}
