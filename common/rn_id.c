/* Ids and digests, over OpenSSL and getrandom(2). */

#include "rn_id.h"

#include <openssl/sha.h>
#include <string.h>
#include <sys/random.h>


void
rn_hex(const void *bytes, size_t n, char *out)
{
    size_t                i;
    const unsigned char  *b = bytes;

    static const char digits[] = "0123456789abcdef";

    for (i = 0; i < n; i++) {
        *out++ = digits[b[i] >> 4];
        *out++ = digits[b[i] & 15];
    }

    *out = '\0';
}


int
rn_hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }

    c |= 0x20;

    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}


bool
rn_uuid(char out[RN_UUID_LEN + 1])
{
    unsigned char  b[RN_UUID_BYTES];

    if (getrandom(b, sizeof(b), 0) != (ssize_t) sizeof(b)) {
        return false;
    }

    rn_uuid_of(b, out);

    return true;
}


void
rn_uuid_of(const unsigned char bytes[RN_UUID_BYTES],
    char out[RN_UUID_LEN + 1])
{
    char           hex[33];
    unsigned char  b[RN_UUID_BYTES];

    memcpy(b, bytes, sizeof(b));
    b[6] = (unsigned char) ((b[6] & 0x0f) | 0x40);
    b[8] = (unsigned char) ((b[8] & 0x3f) | 0x80);

    rn_hex(b, sizeof(b), hex);

    memcpy(out, hex, 8);
    out[8] = '-';
    memcpy(out + 9, hex + 8, 4);
    out[13] = '-';
    memcpy(out + 14, hex + 12, 4);
    out[18] = '-';
    memcpy(out + 19, hex + 16, 4);
    out[23] = '-';
    memcpy(out + 24, hex + 20, 12);
    out[36] = '\0';
}


static bool
is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}


bool
rn_is_uuid(const char *s, size_t len)
{
    size_t  i;

    if (len != RN_UUID_LEN) {
        return false;
    }

    for (i = 0; i < len; i++) {
        if (i == 8 || i == 13 || i == 18 || i == 23) {
            if (s[i] != '-') {
                return false;
            }
        } else if (!is_hex(s[i])) {
            return false;
        }
    }

    return true;
}


void
rn_sha256_hex(const void *bytes, size_t n, char out[RN_SHA256_HEX + 1])
{
    unsigned char  digest[SHA256_DIGEST_LENGTH];

    (void) SHA256(bytes, n, digest);
    rn_hex(digest, sizeof(digest), out);
}


bool
rn_is_sha256(const char *s)
{
    size_t  i;

    for (i = 0; i < RN_SHA256_HEX; i++) {
        if (!is_hex(s[i])) {
            return false;
        }
    }

    return s[i] == '\0';
}
