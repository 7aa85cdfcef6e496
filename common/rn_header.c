/* Values of request headers. */

#include "rn_header.h"

#include <string.h>
#include <strings.h>


#define TRACEPARENT  55                 /* 2-32-16-2 */


static bool
is_alnum(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z')
           || (c >= 'A' && c <= 'Z');
}


rn_bearer_e
rn_bearer(const char *value, size_t len, const char **token, size_t *token_len)
{
    size_t  i;

    if (len < 8 || strncasecmp(value, "Bearer ", 7) != 0) {
        return RN_BEARER_OTHER;
    }

    for (value += 7, len -= 7; len > 0 && *value == ' '; len--) {
        value++;
    }

    for (i = 0; i < len; i++) {
        if (!is_alnum(value[i]) && memchr("-._~+/", value[i], 6) == NULL) {
            break;
        }
    }

    if (i == 0) {
        return len == 0 ? RN_BEARER_OTHER : RN_BEARER_BAD;
    }

    while (i < len && value[i] == '=') {
        i++;
    }

    if (i < len) {
        return RN_BEARER_BAD;
    }

    *token = value;
    *token_len = len;

    return RN_BEARER_OK;
}


bool
rn_is_request_id(const char *value, size_t len)
{
    size_t  i;

    for (i = 0; i < len; i++) {
        if (!is_alnum(value[i]) && memchr("-_.:", value[i], 4) == NULL) {
            return false;
        }
    }

    return len > 0 && len <= 128;
}


bool
rn_is_printable(const char *value, size_t len)
{
    size_t  i;

    for (i = 0; i < len; i++) {
        if (value[i] < 0x20 || value[i] > 0x7e) {
            return false;
        }
    }

    return true;
}


/* n lower-case hex digits, which are not all zero where that says nothing. */

static bool
is_hex(const char *s, size_t n, bool may_be_zero)
{
    size_t  i;

    for (i = 0; i < n; i++) {
        if (!((s[i] >= '0' && s[i] <= '9') || (s[i] >= 'a' && s[i] <= 'f'))) {
            return false;
        }
        may_be_zero = may_be_zero || s[i] != '0';
    }

    return may_be_zero;
}


bool
rn_is_traceparent(const char *value, size_t len)
{
    if (len < TRACEPARENT || len > 128 || !rn_is_printable(value, len)
        || value[2] != '-' || value[35] != '-' || value[52] != '-'
        || !is_hex(value, 2, true) || !is_hex(value + 3, 32, false)
        || !is_hex(value + 36, 16, false) || !is_hex(value + 53, 2, true)
        || memcmp(value, "ff", 2) == 0)
    {
        return false;
    }

    return len == TRACEPARENT
           || (memcmp(value, "00", 2) != 0 && value[TRACEPARENT] == '-');
}


bool
rn_is_media_type(const char *value, size_t len, const char *type)
{
    size_t  n;

    n = strlen(type);

    if (n == 0 || len < n || strncasecmp(value, type, n) != 0) {
        return false;
    }

    return len == n || type[n - 1] == '/' || value[n] == ';' || value[n] == ' '
           || value[n] == '\t';
}
