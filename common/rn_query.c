/* Queries. */

#include "rn_query.h"
#include "rn_id.h"

#include <string.h>


bool
rn_query_next(const char **query, size_t *len, rn_query_field *field)
{
    size_t       n;
    const char  *p, *amp, *eq;

    while (*len > 0) {
        p = *query;
        amp = memchr(p, '&', *len);
        n = amp != NULL ? (size_t) (amp - p) : *len;

        *query += n;
        *len -= n;
        if (amp != NULL) {
            (*query)++;
            (*len)--;
        }

        eq = memchr(p, '=', n);

        if (eq != NULL && eq > p) {
            field->name = p;
            field->name_len = (size_t) (eq - p);
            field->value = eq + 1;
            field->value_len = n - field->name_len - 1;
            return true;
        }
    }

    return false;
}


size_t
rn_query_decode(const char *value, size_t len, char *out)
{
    int     high, low;
    char   *p;
    size_t  i;

    p = out;

    for (i = 0; i < len; i++) {
        if (value[i] == '%' && len - i > 2) {
            high = rn_hex_value(value[i + 1]);
            low = rn_hex_value(value[i + 2]);

            if (high >= 0 && low >= 0) {
                *p++ = (char) (high << 4 | low);
                i += 2;
                continue;
            }
        }

        *p++ = value[i];
    }

    return (size_t) (p - out);
}
