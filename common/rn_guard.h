/*
 * Where a request that a stranger asks for may go: the internet, and nothing of
 * ours.  Judged is the very address that is connected to, not a name, nor what
 * a name was a moment ago.
 *
 * Special are the ranges of IANA's registries of special-purpose addresses of
 * IPv4 and IPv6 (RFC 6890 and its updates), multicast, and whatever of IPv6 is
 * not yet given out as global unicast.  An address that stands for one of IPv4
 * is judged as that.
 */

#ifndef RN_GUARD_H
#define RN_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>


#define RN_GUARD_NETS  64               /* in a list of an operator */


typedef struct {
    uint8_t      at[16];                /* IPv4: as ::ffff:a.b.c.d */
    int          bits;                  /* of those 128 */
} rn_guard_net;

typedef struct {
    rn_guard_net  nets[RN_GUARD_NETS];
    size_t        n;
} rn_guard_list;


/* Why the address is none of the public internet's, or NULL: it is. */
const char *rn_guard_special(const struct sockaddr *sa);

/*
 * "10.1.0.0/16, fd00::/8, 192.0.2.7": addresses and ranges, with blanks or
 * commas between.  false, with a reason in err: one of them is none.
 */
bool rn_guard_list_read(rn_guard_list *list, const char *text, char *err,
    size_t err_len);

/* Whether the address is in one of the list's ranges. */
bool rn_guard_list_has(const rn_guard_list *list, const struct sockaddr *sa);

/*
 * Whether it may be connected to: it is not in deny, and public, or in allow.
 * Both may be NULL.
 */
bool rn_guard_allows(const rn_guard_list *allow, const rn_guard_list *deny,
    const struct sockaddr *sa);


#endif /* RN_GUARD_H */
