/* Access keys, wherever they are; see rn_s3_find.h. */

#include "rn_s3_find.h"
#include "rn_s3_role.h"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>


#define FILE_MAX  65536                 /* bytes of a credentials file */


const char *const  rn_s3_find_names[] = {
    "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
    "AWS_SHARED_CREDENTIALS_FILE", "AWS_PROFILE", "HOME",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "AWS_EC2_METADATA_DISABLED", "AWS_EC2_METADATA_SERVICE_ENDPOINT",
    "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_REGION",
    "AWS_DEFAULT_REGION", "AWS_CA_BUNDLE", NULL
};


/* ~/.aws/credentials, or where AWS_SHARED_CREDENTIALS_FILE says. */

static bool
of_file(rn_s3_keys *k, rn_s3_env env, void *data)
{
    int          fd;
    bool         found;
    char        *text, path[4096];
    ssize_t      n;
    const char  *file, *home;

    file = env(data, "AWS_SHARED_CREDENTIALS_FILE");
    home = env(data, "HOME");

    if (file == NULL && home == NULL) {
        return false;
    }

    (void) snprintf(path, sizeof(path), "%s%s", file != NULL ? file : home,
                    file != NULL ? "" : "/.aws/credentials");

    text = malloc(FILE_MAX);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    n = fd >= 0 && text != NULL ? read(fd, text, FILE_MAX) : -1;

    if (fd >= 0) {
        (void) close(fd);
    }

    found = n > 0 && rn_s3_keys_file(k, text, (size_t) n,
                                     env(data, "AWS_PROFILE") ?: "default");
    if (text != NULL) {
        OPENSSL_cleanse(text, FILE_MAX);
    }

    free(text);

    return found;
}


bool
rn_s3_find(rn_s3_keys *k, rn_s3_env env, void *data, char *err,
    size_t err_len)
{
    if (rn_s3_keys_env(k, env, data, err, err_len)) {
        return true;
    }

    if (err[0] != '\0') {
        return false;
    }

    if (of_file(k, env, data)) {
        return true;
    }

    /* whoever names a profile means that, and not what this machine may */

    if (env(data, "AWS_PROFILE") != NULL
        || env(data, "AWS_SHARED_CREDENTIALS_FILE") != NULL)
    {
        (void) snprintf(err, err_len, "the shared credentials file cannot be "
                        "read, or has no keys of the profile \"%.100s\"",
                        env(data, "AWS_PROFILE") ?: "default");
        return false;
    }

    return rn_s3_role_keys(k, env, data, err, err_len);
}
