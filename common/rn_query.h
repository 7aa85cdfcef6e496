/*
 * The query of a request's target, field by field.  It is RFC 3986's: "+" is a
 * plus; a form in a body, where it is a space, is rn_form.h's.
 */

#ifndef RN_QUERY_H
#define RN_QUERY_H

#include <stdbool.h>
#include <stddef.h>


/* Both are spans of the query, the value with its escapes. */

typedef struct {
    const char  *name, *value;
    size_t       name_len, value_len;
} rn_query_field;


/*
 * The next field that has a name and a "="; others are passed over.  *query
 * and *len become what is left behind it.  False: there is none.
 */
bool rn_query_next(const char **query, size_t *len, rn_query_field *field);

/*
 * The value with its %XX resolved, in `out`, which has room for len bytes and
 * may be `value` itself; returns its length.  A "%" without two hex digits
 * behind it stands for itself (the URL Standard, section 1.3).
 */
size_t rn_query_decode(const char *value, size_t len, char *out);


#endif /* RN_QUERY_H */
