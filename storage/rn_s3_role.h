/*
 * Access keys of a role: asked of the service that a container's or an
 * instance's host has for it.  Blocks for a few seconds at the most, so that
 * nginx asks in its thread pool.
 *
 * Source: AWS SDKs and Tools Reference Guide, "Container credential provider",
 * "IMDS credential provider" (version 2 alone, whose token no redirected
 * request can have).
 */

#ifndef RN_S3_ROLE_H
#define RN_S3_ROLE_H

#include "rn_s3.h"


/*
 * By AWS_CONTAINER_CREDENTIALS_RELATIVE_URI, or _FULL_URI (https, or a host of
 * this machine), with AWS_CONTAINER_AUTHORIZATION_TOKEN or its _FILE; else of
 * the instance, by AWS_EC2_METADATA_SERVICE_ENDPOINT if that is set, unless
 * AWS_EC2_METADATA_DISABLED is "true".  False, with a reason in err.
 */
bool rn_s3_role_keys(rn_s3_keys *k, rn_s3_env env, void *data, char *err,
    size_t err_len);


#endif /* RN_S3_ROLE_H */
