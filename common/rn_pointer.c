/* JSON pointers of a reader; see rn_pointer.h. */

#include "rn_pointer.h"

#include <stdio.h>


size_t
rn_pointer_enter(rn_pointer *p, const char *name)
{
    size_t  len;

    len = p->len;

    if (p->len < sizeof(p->text) - 3) {
        p->text[p->len++] = '/';
    }

    for ( /* void */ ; *name && p->len < sizeof(p->text) - 3; name++) {
        if (*name == '~' || *name == '/') {         /* section 3 */
            p->text[p->len++] = '~';
            p->text[p->len++] = *name == '~' ? '0' : '1';
        } else {
            p->text[p->len++] = *name;
        }
    }

    p->text[p->len] = '\0';

    return len;
}


size_t
rn_pointer_enter_index(rn_pointer *p, size_t i)
{
    char  digits[24];

    (void) snprintf(digits, sizeof(digits), "%zu", i);

    return rn_pointer_enter(p, digits);
}


void
rn_pointer_leave(rn_pointer *p, size_t len)
{
    p->len = len;
    p->text[len] = '\0';
}
