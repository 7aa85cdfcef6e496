/*
 * The JSON pointer (RFC 6901) of the place that a reader has come to, for what
 * it reports.  Of a place too deep the beginning is told.
 */

#ifndef RN_POINTER_H
#define RN_POINTER_H

#include <stddef.h>


typedef struct {
    char    text[512];
    size_t  len;
} rn_pointer;


/* Into a member or an element; the length before, for rn_pointer_leave. */
size_t rn_pointer_enter(rn_pointer *p, const char *name);
size_t rn_pointer_enter_index(rn_pointer *p, size_t i);

/* Back to where it had that length; 0: the whole document. */
void rn_pointer_leave(rn_pointer *p, size_t len);


#endif /* RN_POINTER_H */
