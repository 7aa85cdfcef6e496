/*
 * Requests to hosts that strangers name: the one place where this product
 * connects to what somebody else has chosen.  Whoever needs another host goes
 * this way.
 *
 * What holds: only addresses that rn_guard.h allows are connected to, judged
 * by the address of the very connection, so that a name server which says one
 * thing and then another gains nothing; so are redirects, which are followed
 * here.  Bytes and time are bounded, nothing is decoded, no proxy, cookie,
 * password or address of another name is used.
 */

#ifndef RW_HTTP_H
#define RW_HTTP_H

#include "rn_guard.h"
#include "rn_status.h"

#include <stdbool.h>
#include <stdint.h>


#define RW_HTTP_ETAG   256
#define RW_HTTP_PORTS  16


/* What an operator lets be reached. */

typedef struct {
    bool            http;               /* also http://, not https:// alone */
    rn_guard_list   allow, deny;
    int             ports[RW_HTTP_PORTS];       /* beside 80 and 443 */
    size_t          n_ports;
    const char     *ca;                 /* a file of certificates, NULL: the
                                           system's */
} rw_http_guard;

typedef struct {
    const char     *url;
    const char     *etag;               /* of what is there, or NULL */
    int64_t         max_bytes;
    const char     *max_told;           /* "500 MB" */
    double          seconds;            /* for all of it */

    /* takes what comes, in pieces; false: it cannot */
    bool          (*take)(void *opaque, const void *data, size_t n);
    void           *opaque;
} rw_http_request;

typedef struct {
    rn_status       status;
    char            text[600];          /* why it failed, for a person */
    long            code;               /* 200, 304 */
    char            etag[RW_HTTP_ETAG]; /* "" where there is none to use */
} rw_http_answer;


/*
 * Gets a URL.  RN_OK: all of it was taken (200), or what is there is still
 * right (304).  RN_E_IO and RN_E_INTERNAL may pass, the others will not.
 */
void rw_http_get(const rw_http_guard *guard, const rw_http_request *req,
    rw_http_answer *ans);


#endif /* RW_HTTP_H */
