/* The headers of tus, read; see rn_tus.h. */

#include "rn_tus.h"

#include <openssl/evp.h>
#include <string.h>
#include <strings.h>


int64_t
rn_tus_number(const char *value, size_t len)
{
    size_t   i;
    int64_t  n;

    n = 0;

    for (i = 0; i < len; i++) {
        if (value[i] < '0' || value[i] > '9'
            || n > (INT64_MAX - (value[i] - '0')) / 10)
        {
            return -1;
        }
        n = n * 10 + (value[i] - '0');
    }

    return len > 0 ? n : -1;
}


/*
 * RFC 4648, section 4, with its padding; out has room for 3/4 of it and 3 more.
 * Its length, or -1: it is none.
 */

static int
decode(const char *value, size_t len, unsigned char *out)
{
    int     n;
    size_t  plain, pad;

    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                   "abcdefghijklmnopqrstuvwxyz0123456789+/";

    for (plain = 0; plain < len; plain++) {
        if (value[plain] == '\0' || strchr(alphabet, value[plain]) == NULL) {
            break;
        }
    }

    pad = len - plain;

    if (len % 4 != 0 || pad > 2 || (pad > 0 && value[plain] != '=')
        || (pad > 1 && value[plain + 1] != '='))
    {
        return -1;
    }

    n = EVP_DecodeBlock(out, (const unsigned char *) value, (int) len);

    return n < 0 ? -1 : n - (int) pad;
}


/* A pair of Upload-Metadata, both parts spans of it. */

typedef struct {
    const char  *key, *value;
    size_t       key_len, value_len;
} pair;


static bool
next_pair(const char **p, const char *end, pair *m)
{
    const char  *at, *stop, *blank;

    at = *p;

    if (at == NULL) {                   /* the last one has been told */
        return false;
    }

    stop = memchr(at, ',', (size_t) (end - at));
    *p = stop != NULL ? stop + 1 : NULL;
    stop = stop != NULL ? stop : end;

    /* blanks after a comma are what makes two headers one (RFC 9110, 5.2) */

    while (at < stop && *at == ' ') {
        at++;
    }

    blank = memchr(at, ' ', (size_t) (stop - at));
    m->key = at;
    m->key_len = (size_t) ((blank != NULL ? blank : stop) - at);
    m->value = blank != NULL ? blank + 1 : stop;
    m->value_len = (size_t) (stop - m->value);

    while (m->value_len > 0 && m->value[m->value_len - 1] == ' ') {
        m->value_len--;
    }

    return true;
}


static bool
key_ok(const pair *m)
{
    size_t  i;

    for (i = 0; i < m->key_len; i++) {
        if (m->key[i] <= 0x20 || m->key[i] >= 0x7f) {
            return false;
        }
    }

    return m->key_len > 0;
}


const char *
rn_tus_metadata_wrong(const char *value, size_t len)
{
    pair            m, other;
    const char     *p, *q, *end;
    unsigned char   decoded[RN_TUS_META_MAX];

    if (len > RN_TUS_META_MAX) {
        return "Upload-Metadata may hold at most 4096 bytes";
    }

    p = value;
    end = value + len;

    while (next_pair(&p, end, &m)) {
        if (!key_ok(&m)) {
            return "a key of Upload-Metadata must be printable ASCII, and not "
                   "empty";
        }

        if (decode(m.value, m.value_len, decoded) < 0) {
            return "a value of Upload-Metadata must be base64";
        }

        for (q = p; next_pair(&q, end, &other); /* void */ ) {
            if (other.key_len == m.key_len
                && memcmp(other.key, m.key, m.key_len) == 0)
            {
                return "a key of Upload-Metadata stands there twice";
            }
        }
    }

    return NULL;
}


int
rn_tus_metadata_get(const char *value, size_t len, const char *key,
    char *out, size_t size)
{
    int             n;
    pair            m;
    const char     *p;
    unsigned char   decoded[RN_TUS_META_MAX];

    if (len > RN_TUS_META_MAX) {
        return -1;
    }

    for (p = value; next_pair(&p, value + len, &m); /* void */ ) {
        if (m.key_len == strlen(key) && memcmp(m.key, key, m.key_len) == 0) {
            n = decode(m.value, m.value_len, decoded);

            if (n > 0) {
                n = (size_t) n < size ? n : (int) size;
                memcpy(out, decoded, (size_t) n);
            }

            return n;
        }
    }

    return -1;
}


const char *
rn_tus_checksum_read(const char *value, size_t len, rn_tus_checksum *sum)
{
    int             n;
    size_t          i, name;
    const char     *blank;
    unsigned char   decoded[64];

    static const struct {
        const char        *name;
        rn_tus_algorithm   algorithm;
        size_t             len;
    } known[] = {
        { "sha1", RN_TUS_SHA1, 20 },
        { "sha256", RN_TUS_SHA256, 32 }
    };

    blank = memchr(value, ' ', len);

    if (blank == NULL) {
        return "Upload-Checksum must be an algorithm, a space and base64";
    }

    name = (size_t) (blank - value);
    len -= name + 1;

    for (i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (strlen(known[i].name) == name
            && strncasecmp(known[i].name, value, name) == 0)
        {
            break;
        }
    }

    if (i == sizeof(known) / sizeof(known[0])) {
        return "the algorithm of Upload-Checksum must be sha1 or sha256";
    }

    n = len <= 48 ? decode(blank + 1, len, decoded) : -1;

    if (n < 0 || (size_t) n != known[i].len) {
        return "the checksum of Upload-Checksum must be the base64 of a digest "
               "of its algorithm";
    }

    sum->algorithm = known[i].algorithm;
    sum->len = known[i].len;
    memcpy(sum->digest, decoded, sum->len);

    return NULL;
}


int
rn_tus_concat_next(const char **p, size_t *len, char id[RN_UUID_LEN + 1])
{
    size_t       n;
    const char  *at, *end, *stop;

    at = *p;
    end = at + *len;

    while (at < end && *at == ' ') {
        at++;
    }

    if (at == end) {
        *p = end;
        *len = 0;
        return 0;
    }

    stop = memchr(at, ' ', (size_t) (end - at));
    stop = stop != NULL ? stop : end;
    *p = stop;
    *len = (size_t) (end - stop);
    n = (size_t) (stop - at);

    /* of an absolute URL, its path alone can be ours */

    if (n <= RN_UUID_LEN || stop[-RN_UUID_LEN - 1] != '/'
        || !rn_is_uuid(stop - RN_UUID_LEN, RN_UUID_LEN))
    {
        return -1;
    }

    memcpy(id, stop - RN_UUID_LEN, RN_UUID_LEN);
    id[RN_UUID_LEN] = '\0';

    return 1;
}
