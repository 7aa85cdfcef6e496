/*
 * URLs that a stranger gives us to ask for: http and https, in the plain form
 * that all readers of URLs understand alike (RFC 3986, less what is only ever
 * used to make two of them differ).
 */

#ifndef RN_URL_H
#define RN_URL_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>


#define RN_URL_MAX  2000
#define RN_URL_TOLD 240                 /* of rn_url_told */


typedef struct {
    bool                     https;
    char                     host[256]; /* without the brackets of IPv6 */
    int                      port;
    bool                     literal;   /* the host is an address: */
    struct sockaddr_storage  at;        /* with the port */
} rn_url;


/* Reads one; NULL, or what is wrong with it, to be said after its name. */
const char *rn_url_read(const char *text, rn_url *u);

/* The URL as it may be told: without query and fragment, and not too long. */
void rn_url_told(const char *text, char told[RN_URL_TOLD]);


#endif /* RN_URL_H */
