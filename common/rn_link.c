/* Signing and checking of links to results. */

#include "rn_link.h"
#include "rn_id.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <string.h>


static void
mac(const void *key, size_t key_len, int64_t expiry, const char *prefix,
    size_t prefix_len, char out[RN_LINK_MAC_LEN + 1])
{
    char           msg[512];
    int            n;
    unsigned int   md_len;
    unsigned char  md[EVP_MAX_MD_SIZE];

    n = snprintf(msg, sizeof(msg), "%lld\n%.*s", (long long) expiry,
                 (int) prefix_len, prefix);
    if (n >= (int) sizeof(msg)) {
        n = (int) sizeof(msg) - 1;
    }

    md_len = 0;
    (void) HMAC(EVP_sha256(), key, (int) key_len, (unsigned char *) msg,
                (size_t) n, md, &md_len);

    rn_hex(md, RN_LINK_MAC_LEN / 2, out);
}


void
rn_link_sign(const void *key, size_t key_len, int64_t expiry,
    const char *prefix, size_t prefix_len, char out[64])
{
    char  hex[RN_LINK_MAC_LEN + 1];

    mac(key, key_len, expiry, prefix, prefix_len, hex);
    (void) snprintf(out, 64, "%lld.%s", (long long) expiry, hex);
}


static bool
clean_step(const char *s, size_t n)
{
    size_t  i;

    if (n == 0 || (n == 1 && s[0] == '.')
        || (n == 2 && s[0] == '.' && s[1] == '.'))
    {
        return false;
    }

    for (i = 0; i < n; i++) {
        if ((unsigned char) s[i] < 0x20 || s[i] == '\\' || s[i] == '%') {
            return false;
        }
    }

    return true;
}


bool
rn_link_verify(const void *key, size_t key_len, int64_t now,
    const char *path, size_t len, rn_link *link)
{
    char         hex[RN_LINK_MAC_LEN + 1];
    int64_t      expiry;
    const char  *p, *end, *step, *given;
    int          steps;

    p = path;
    end = path + len;
    expiry = 0;

    while (p < end && *p >= '0' && *p <= '9' && p - path < 12) {
        expiry = expiry * 10 + (*p++ - '0');
    }

    if (p == path || *path == '0' || end - p < RN_LINK_MAC_LEN + 2
        || *p++ != '.')
    {
        return false;
    }

    given = p;
    p += RN_LINK_MAC_LEN;
    if (*p++ != '/') {
        return false;
    }

    link->prefix = p;
    link->prefix_len = 0;
    steps = 0;

    for ( ;; ) {
        step = p;
        while (p < end && *p != '/') {
            p++;
        }

        if (!clean_step(step, (size_t) (p - step))) {
            return false;
        }

        steps++;
        if (p == end) {
            break;
        }

        if (steps == 3) {
            link->prefix_len = (size_t) (p - link->prefix);
            link->file = p + 1;
        }
        p++;
    }

    if (steps < 4 || link->prefix_len > 400) {
        return false;
    }

    link->file_len = (size_t) (end - link->file);
    link->expiry = expiry;

    mac(key, key_len, expiry, link->prefix, link->prefix_len, hex);

    return CRYPTO_memcmp(hex, given, RN_LINK_MAC_LEN) == 0 && now < expiry;
}
