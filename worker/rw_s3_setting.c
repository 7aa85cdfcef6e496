/* How S3 is used, from the environment; see rw_s3_setting.h. */

#include "rw_s3_setting.h"
#include "rn_log.h"
#include "rn_s3_find.h"
#include "rw_setting.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>


#define MIB  (1024 * 1024)


static const char *
setting(void *data, const char *name)
{
    const char  *v;

    (void) data;
    v = rw_setting(name);

    return v != NULL && v[0] != '\0' ? v : NULL;
}


/* Keys have expired: asks a service of this host, or reads a file. */

static void
renew(void *data)
{
    char            err[300];
    rn_s3_keys      k;
    rw_s3_setting  *s = data;

    if (rn_s3_find(&k, setting, NULL, err, sizeof(err))) {
        rn_s3_client_keys(s->client, &k);
    } else {
        rn_log(RN_LOG_ERROR, "mover: there are no new keys for S3: %s", err);
        rn_s3_client_keys(s->client, NULL);
    }

    OPENSSL_cleanse(&k, sizeof(k));
}


bool
rw_s3_setting_read(rw_s3_setting *s, rn_s3_settings *c, const char *url,
    char *err, size_t err_len)
{
    long  mib, parallel, parts, ranges, stall, tries, abandoned;

    memset(s, 0, sizeof(*s));
    memset(c, 0, sizeof(*c));

    mib = 10240;
    parallel = 32;
    parts = 4;
    ranges = 4;
    stall = 30;
    tries = 8;
    abandoned = 86400;

    if (!rw_setting_number("RENDER_CACHE_MB", 1, 100000000, &mib)
        || !rw_setting_number("RENDER_S3_PARALLEL", 1, 256, &parallel)
        || !rw_setting_number("RENDER_S3_PARTS", 1, 8, &parts)
        || !rw_setting_number("RENDER_S3_RANGES", 1, 8, &ranges)
        || !rw_setting_number("RENDER_S3_TIMEOUT", 1, 3600, &stall)
        || !rw_setting_number("RENDER_S3_TRIES", 1, 20, &tries)
        || !rw_setting_number("RENDER_S3_ABANDONED", 1, 31536000, &abandoned))
    {
        (void) snprintf(err, err_len, "a setting of S3 is wrong");
        return false;
    }

    if (!rn_s3_read(&c->bucket, url, setting, NULL, err, err_len)
        || !rn_s3_find(&c->keys, setting, NULL, err, err_len))
    {
        return false;
    }

    s->cache = setting(NULL, "RENDER_CACHE");

    if (s->cache == NULL || s->cache[0] != '/') {
        (void) snprintf(err, err_len, "RENDER_CACHE must be the absolute path "
                        "of a directory of this host, where storage is in S3");
        return false;
    }

    s->cache_bytes = (int64_t) mib * MIB;
    s->parts = (unsigned) parts;
    s->ranges = (unsigned) ranges;
    s->abandoned = abandoned;

    c->ca = setting(NULL, "AWS_CA_BUNDLE");
    c->stall = stall;
    c->tries = (unsigned) tries;
    c->parallel = (unsigned) parallel;
    c->renew = renew;
    c->renew_data = s;

    return true;
}
